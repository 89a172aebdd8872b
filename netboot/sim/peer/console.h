/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A guest's console. Output is written into a file at its own offset, so that byte n of the file is byte n of the
 * console; a byte that comes twice must be the same. Input waits here until the node says that it has it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/console.h"

#define CONSOLE_RANGES_MAX 16u /* pieces that came ahead of others */
#define CONSOLE_INPUT_ROOM 65536u

struct console_range {
	uint64_t first;
	uint64_t end;
};

struct console {
	int fd; /* of the output's file; -1 */
	uint64_t start; /* the first byte that somebody wanted */
	uint64_t have; /* all before it has come, or is a hole */
	uint64_t head; /* what the guest has written */
	struct console_range ahead[CONSOLE_RANGES_MAX]; /* in order, apart from each other, behind `have` */
	size_t ahead_count;
	uint64_t stuck_ms; /* since when there is something ahead; 0: there is nothing */
	uint64_t holes; /* bytes */
	uint64_t repeated; /* bytes */
	uint64_t differing; /* bytes that came again, and otherwise */

	bool is_input_known; /* the node has said which byte is due */
	uint64_t input_due; /* offset of input[0] */
	size_t input_bytes;
	uint64_t input_sent_ms;
	uint8_t input[CONSOLE_INPUT_ROOM];
};

/* Begins anew at byte 0, with the output in `path` (NULL: nowhere). */
void console_open(struct console *console, const char *path);
void console_close(struct console *console);
/* Somebody wants the output from there on. */
void console_watch_from(struct console *console, uint64_t offset);
/* Takes output; `who` names it in events. */
void console_output(struct console *console, const struct console_chunk *chunk, const char *who);
/* When what is missing does not come, it is a hole. True: `have` has moved. */
bool console_expire(struct console *console, const char *who);
/* False: there is no room for all of it, and nothing was taken. */
bool console_input_add(struct console *console, const uint8_t *bytes, size_t count);
/* The node says which byte is due. */
void console_input_due(struct console *console, uint64_t due);

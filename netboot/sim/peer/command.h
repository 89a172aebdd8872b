/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Orders to the running program, one line each: from a Unix socket that only its owner can open, where each line is
 * answered by lines of text, the last of which is "ok" or "error: WHY". `help` lists them.
 */
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "sim/peer/catalog.h"
#include "sim/peer/http.h"
#include "sim/peer/link.h"
#include "sim/peer/node.h"

#define COMMAND_LINE_MAX 4096u
#define COMMAND_CONNECTIONS_MAX 8u

struct command {
	struct nodes *nodes;
	struct catalog *catalog;
	struct fault_rules *rules;
	struct link *link;
	struct http_server *http;
	bool must_end; /* "quit" was said */
};

/* Carries the line out and writes the answer, NUL terminated, into `answer`. The line is taken apart. */
void command_run(struct command *command, char *line, char *answer, size_t size);

/* Listens at that path. False with errno. */
bool command_open(const char *path);
size_t command_poll(struct pollfd *polls);
void command_serve(struct command *command, const struct pollfd *polls, size_t count);
/* The client: says the words as one line, prints the answer. The program's exit status. */
int command_say(const char *path, int count, char **words);

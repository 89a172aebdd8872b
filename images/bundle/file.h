/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Whole files in memory, for short-lived tools: what fails ends the program with the file, the reason, exit 1. */
#include <stddef.h>
#include <stdint.h>

struct file {
	uint8_t *bytes; /* from malloc; the program's end frees it */
	size_t size;
};

/* Ends the program: "PROGRAM: " and the text on stderr, exit status 1. */
_Noreturn void file_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct file file_read(const char *path);

/* The output of `program` (found in PATH, one argument) that is fed `size` bytes. */
struct file file_filter(const char *program, const char *argument, const uint8_t *bytes,
			size_t size);

/* Replaces path as a whole: a reader sees the old file or the new one. */
void file_write(const char *path, const uint8_t *bytes, size_t size);

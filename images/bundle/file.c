/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads, filters and writes whole files. The tools that use this run once and end, so memory is not
 * freed and an error is the end of the program.
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void file_fail(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static struct file read_all(FILE *stream, const char *name)
{
	struct file file = {NULL, 0};
	size_t room = 0;

	for (;;) {
		if (file.size == room) {
			room = room == 0 ? 1u << 16 : 2 * room;
			file.bytes = realloc(file.bytes, room);
			if (file.bytes == NULL) {
				file_fail("%s: no memory for more than %zu bytes", name, file.size);
			}
		}
		const size_t got = fread(file.bytes + file.size, 1, room - file.size, stream);
		if (got == 0) {
			break;
		}
		file.size += got;
	}
	if (ferror(stream)) {
		file_fail("%s: %s", name, strerror(errno));
	}
	return file;
}

struct file file_read(const char *path)
{
	FILE *stream = fopen(path, "re");

	if (stream == NULL) {
		file_fail("%s: %s", path, strerror(errno));
	}
	const struct file file = read_all(stream, path);
	fclose(stream);
	return file;
}

struct file file_filter(const char *program, const char *argument, const uint8_t *bytes,
			size_t size)
{
	FILE *input = tmpfile();
	int output[2];

	if (input == NULL || pipe2(output, O_CLOEXEC) != 0) {
		file_fail("%s: %s", program, strerror(errno));
	}
	if (fwrite(bytes, 1, size, input) != size || fflush(input) != 0 ||
	    lseek(fileno(input), 0, SEEK_SET) != 0) {
		file_fail("a temporary file: %s", strerror(errno));
	}
	const pid_t child = fork();
	if (child < 0) {
		file_fail("%s: %s", program, strerror(errno));
	}
	if (child == 0) {
		dup2(fileno(input), STDIN_FILENO);
		dup2(output[1], STDOUT_FILENO);
		execlp(program, program, argument, (char *)NULL);
		fprintf(stderr, "%s: %s; next step: install it\n", program, strerror(errno));
		_exit(127);
	}
	close(output[1]);
	fclose(input);
	FILE *stream = fdopen(output[0], "re");
	if (stream == NULL) {
		file_fail("%s: %s", program, strerror(errno));
	}
	const struct file file = read_all(stream, program);
	fclose(stream);
	int status = 0;
	if (waitpid(child, &status, 0) != child || status != 0) {
		file_fail("%s did not succeed", program);
	}
	return file;
}

void file_write(const char *path, const uint8_t *bytes, size_t size)
{
	char *temporary = NULL;

	if (asprintf(&temporary, "%s.new", path) < 0) {
		file_fail("%s: %s", path, strerror(errno));
	}
	FILE *stream = fopen(temporary, "we");
	if (stream == NULL || fwrite(bytes, 1, size, stream) != size || fclose(stream) != 0 ||
	    rename(temporary, path) != 0) {
		file_fail("%s: %s", temporary, strerror(errno));
	}
	free(temporary);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One write() a line, so that lines of several threads (and of dnsmasq, on the same pipe) do not mix. The text may hold
 * what a node said: it is cleaned after it was formatted, and cut.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

enum { LINE_BYTES = 1024 };

static _Atomic int most_level = LOG_INFO;
static _Thread_local const char *request_id;

void log_set_level(enum log_level most)
{
	atomic_store(&most_level, (int)most);
}

void log_set_request(const char *id)
{
	request_id = id;
}

static size_t clean(char *text, size_t count)
{
	size_t at = 0;
	while (at < count) {
		unsigned length = text_utf8(text + at, count - at);
		if (length == 0 || text_is_control(text + at, length)) {
			length = length == 0 ? 1 : length;
			memset(text + at, '?', length);
		}
		at += length;
	}
	return count;
}

void log_line(enum log_level level, const char *part, const char *format, ...)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	char line[LINE_BYTES];
	char time[CLOCK_TEXT_BYTES];
	va_list arguments;

	if ((int)level > atomic_load(&most_level)) {
		return;
	}
	const int kept = errno;
	const int head =
		snprintf(line, sizeof(line) / 2, "%s %s %s%s%s: ", clock_print(clock_wall_ms(), time), names[level],
			 part, request_id != NULL ? " request=" : "", request_id != NULL ? request_id : "");
	size_t length = head < 0 ? 0 : (size_t)head;
	if (length > sizeof(line) / 2 - 1) {
		length = sizeof(line) / 2 - 1;
	}
	va_start(arguments, format);
	const int count = vsnprintf(line + length, sizeof(line) - length, format, arguments);
	va_end(arguments);
	if (count > 0) {
		const size_t room = sizeof(line) - length - 1; /* the NUL's place becomes the line's end */
		length += (size_t)count > room ? room : (size_t)count;
	}
	length = clean(line, length);
	line[length++] = '\n';
	if (write(STDERR_FILENO, line, length) < 0) {
		/* There is nobody left to tell. */
		errno = kept;
		return;
	}
	errno = kept;
}

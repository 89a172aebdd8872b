/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formats a line and hands it to the core in pieces of a hypercall's registers.
 *
 * The core's console ring may be full: then the piece is offered again, since the ring empties by
 * interrupt. That is bounded, because a UART whose receiver holds flow control must not stop the
 * service for ever; what is lost is lost in whole pieces at the end of a line.
 */
#include "service/log.h"

#include <stdarg.h>

#include "abi/hvc.h"
#include "lib/fmt.h"
#include "service/hvcall.h"

enum {
	PIECE_BYTES = 48,
	PIECE_RETRY_MAX = 1 << 18,
	ALIVE_EVERY = 1 << 10,
};

static enum log_level shown_level; /* LOG_ERROR */

void log_set_level(enum log_level level)
{
	shown_level = level;
}

int log_is_shown(enum log_level level)
{
	return level <= shown_level;
}

static int send_piece(const char *bytes, size_t count)
{
	for (int i = 0; i < PIECE_RETRY_MAX; i++) {
		if (hvcall_log(bytes, count) != AETHER_EAGAIN) {
			return 1;
		}
		if (i % ALIVE_EVERY == ALIVE_EVERY - 1) {
			(void)hvcall_alive();
		}
	}
	return 0;
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[LOG_LINE_BYTES];
	va_list args;

	if (!log_is_shown(level)) {
		return;
	}
	size_t length = fmt_string(line, sizeof(line) - 1, "aether: ");
	va_start(args, format);
	length += fmt_vstring(line + length, sizeof(line) - 1 - length, format, args);
	va_end(args);
	for (size_t i = 0; i < length; i++) {
		if (line[i] < ' ' || line[i] > '~') {
			line[i] = '?';
		}
	}
	line[length++] = '\n';
	for (size_t at = 0; at < length; at += PIECE_BYTES) {
		const size_t rest = length - at;
		if (!send_piece(line + at, rest < PIECE_BYTES ? rest : PIECE_BYTES)) {
			return;
		}
	}
}

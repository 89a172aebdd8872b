/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Lines to standard error: "<time> <level> <part>[ request=<id>]: <text>". One write a line, at most 1 KiB; control
 * characters of the text, and what is not UTF-8, become '?', so that nothing a node says can forge a line.
 */
enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level most);
/* Of this thread, from now on; NULL: none. Kept by pointer. */
void log_set_request(const char *id);
void log_line(enum log_level level, const char *part, const char *format, ...) __attribute__((format(printf, 3, 4)));
#define log_error(part, ...) log_line(LOG_ERROR, part, __VA_ARGS__)
#define log_warn(part, ...) log_line(LOG_WARN, part, __VA_ARGS__)
#define log_info(part, ...) log_line(LOG_INFO, part, __VA_ARGS__)
#define log_debug(part, ...) log_line(LOG_DEBUG, part, __VA_ARGS__)

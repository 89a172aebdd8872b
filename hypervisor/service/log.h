/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The service's lines on the node's console. Each begins with "aether: " and is at most LOG_LINE_BYTES
 * long; characters that are not printable ASCII are shown as '?', since a line may quote a manifest.
 */
#include <stddef.h>

enum { LOG_LINE_BYTES = 512 };

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Lines above this level are not printed. LOG_ERROR until it is called. */
void log_set_level(enum log_level level);
int log_is_shown(enum log_level level);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

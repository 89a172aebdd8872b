/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Text from a format, as printf's but bounded and small: %s %c %d %i %u %x %X %p %% with the lengths
 * l, ll and z, the flags '0' and '-', a width and (for %s) a precision, each a number or '*'.
 * A conversion outside that set is copied as it stands, so that a mistake is seen and nothing is misread.
 */
#include <stdarg.h>
#include <stddef.h>

/*
 * Writes at most size - 1 characters and always a NUL (when size is not 0). Returns how many characters
 * stand in buf, which is less than the whole text when it was cut: `at += fmt_string(buf + at, size - at, ..)`
 * is therefore always in bounds.
 */
size_t fmt_string(char *buf, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
size_t fmt_vstring(char *buf, size_t size, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

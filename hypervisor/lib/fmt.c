/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The formatter behind every line that the core and the service print.
 *
 * Invariant: `at < size` whenever a character is stored, and the last byte is kept for the NUL; nothing
 * else writes to the buffer. The format is ours, the arguments may be anybody's: a %s argument that comes
 * from outside is given a precision by the caller.
 */
#include "lib/fmt.h"

#include <stdbool.h>
#include <stdint.h>

enum { NUMBER_MAX_DIGITS = 20 }; /* UINT64_MAX in decimal */

struct sink {
	char *buf;
	size_t size;
	size_t at;
};

/* A va_list may be an array type; inside a struct it can be handed on by address. */
struct arguments {
	va_list args;
};

struct conversion {
	unsigned int width;
	unsigned int precision;
	bool has_precision;
	bool is_zero_padded;
	bool is_left;
	unsigned int longs; /* 0, 1 (l, z) or 2 (ll) */
	char type;
};

static void sink_put(struct sink *s, char c)
{
	if (s->at + 1 < s->size) {
		s->buf[s->at++] = c;
	}
}

static void sink_pad(struct sink *s, unsigned int width, size_t used, char c)
{
	for (size_t i = used; i < width; i++) {
		sink_put(s, c);
	}
}

static void put_text(struct sink *s, const struct conversion *conv, const char *text)
{
	const char *shown = text != NULL ? text : "(null)";
	size_t length = 0;

	while ((!conv->has_precision || length < conv->precision) && shown[length] != '\0') {
		length++;
	}
	if (!conv->is_left) {
		sink_pad(s, conv->width, length, ' ');
	}
	for (size_t i = 0; i < length; i++) {
		sink_put(s, shown[i]);
	}
	if (conv->is_left) {
		sink_pad(s, conv->width, length, ' ');
	}
}

static void put_number(struct sink *s, const struct conversion *conv, uint64_t value,
		       const char *prefix)
{
	const bool is_hex = conv->type == 'x' || conv->type == 'X' || conv->type == 'p';
	const uint64_t base = is_hex ? 16 : 10;
	const char *digits = conv->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[NUMBER_MAX_DIGITS];
	size_t count = 0;
	size_t prefix_length = 0;

	do {
		text[count++] = digits[value % base];
		value /= base;
	} while (value != 0);
	while (prefix[prefix_length] != '\0') {
		prefix_length++;
	}
	const size_t used = count + prefix_length;
	if (!conv->is_left && !conv->is_zero_padded) {
		sink_pad(s, conv->width, used, ' ');
	}
	for (size_t i = 0; i < prefix_length; i++) {
		sink_put(s, prefix[i]);
	}
	if (!conv->is_left && conv->is_zero_padded) {
		sink_pad(s, conv->width, used, '0');
	}
	while (count != 0) {
		sink_put(s, text[--count]);
	}
	if (conv->is_left) {
		sink_pad(s, conv->width, used, ' ');
	}
}

/* Reads a decimal number, or '*' which takes an argument: that one is given in *star. */
static const char *parse_number(const char *p, unsigned int *value, bool *star)
{
	*star = *p == '*';
	if (*star) {
		return p + 1;
	}
	for (*value = 0; *p >= '0' && *p <= '9'; p++) {
		*value = *value * 10 + (unsigned int)(*p - '0');
	}
	return p;
}

static const char *parse_flags(const char *p, struct conversion *conv)
{
	for (;; p++) {
		if (*p == '0') {
			conv->is_zero_padded = true;
		} else if (*p == '-') {
			conv->is_left = true;
		} else {
			return p;
		}
	}
}

static const char *parse_length(const char *p, struct conversion *conv)
{
	if (*p == 'z') {
		conv->longs = 1;
		return p + 1;
	}
	for (; *p == 'l' && conv->longs < 2; p++) {
		conv->longs++;
	}
	return p;
}

/* Reads flags, width, precision, length and type behind the '%' at p; returns the type's place. */
static const char *parse_conversion(const char *p, struct conversion *conv, struct arguments *from)
{
	bool star;

	p = parse_flags(p + 1, conv);
	p = parse_number(p, &conv->width, &star);
	if (star) {
		const int width = va_arg(from->args, int);
		conv->width = width > 0 ? (unsigned int)width : 0;
	}
	if (*p == '.') {
		conv->has_precision = true;
		p = parse_number(p + 1, &conv->precision, &star);
		if (star) {
			const int precision = va_arg(from->args, int);
			conv->has_precision = precision >= 0;
			conv->precision = precision >= 0 ? (unsigned int)precision : 0;
		}
	}
	p = parse_length(p, conv);
	conv->type = *p;
	return p;
}

static int64_t take_signed(const struct conversion *conv, struct arguments *from)
{
	if (conv->longs == 2) {
		return va_arg(from->args, long long);
	}
	return conv->longs == 1 ? va_arg(from->args, long) : va_arg(from->args, int);
}

static uint64_t take_unsigned(const struct conversion *conv, struct arguments *from)
{
	if (conv->longs == 2) {
		return va_arg(from->args, unsigned long long);
	}
	return conv->longs == 1 ? va_arg(from->args, unsigned long)
				: va_arg(from->args, unsigned int);
}

/* Returns false for a conversion that does not exist. */
static bool put_conversion(struct sink *s, const struct conversion *conv, struct arguments *from)
{
	switch (conv->type) {
	case 's':
		put_text(s, conv, va_arg(from->args, const char *));
		return true;
	case 'c': {
		const char c[2] = {(char)va_arg(from->args, int), '\0'};
		put_text(s, conv, c);
		return true;
	}
	case 'd':
	case 'i': {
		const int64_t value = take_signed(conv, from);
		const uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
		put_number(s, conv, magnitude, value < 0 ? "-" : "");
		return true;
	}
	case 'u':
	case 'x':
	case 'X':
		put_number(s, conv, take_unsigned(conv, from), "");
		return true;
	case 'p':
		put_number(s, conv, (uintptr_t)va_arg(from->args, void *), "0x");
		return true;
	case '%':
		sink_put(s, '%');
		return true;
	default:
		return false;
	}
}

size_t fmt_vstring(char *buf, size_t size, const char *format, va_list args)
{
	struct sink s = {.buf = buf, .size = size, .at = 0};
	struct arguments from;

	va_copy(from.args, args);
	for (const char *p = format; *p != '\0'; p++) {
		if (*p != '%') {
			sink_put(&s, *p);
			continue;
		}
		struct conversion conv = {.width = 0};
		const char *end = parse_conversion(p, &conv, &from);
		if (put_conversion(&s, &conv, &from)) {
			p = end;
		} else {
			sink_put(&s, *p); /* what follows the '%' is copied as text */
		}
	}
	va_end(from.args);
	if (size != 0) {
		buf[s.at] = '\0';
	}
	return s.at;
}

size_t fmt_string(char *buf, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	const size_t length = fmt_vstring(buf, size, format, args);
	va_end(args);
	return length;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/peer/event.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t monotonic_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

uint64_t now_us(void)
{
	static uint64_t start;

	if (start == 0) {
		start = monotonic_us();
	}
	return monotonic_us() - start;
}

uint64_t now_ms(void)
{
	return now_us() / 1000u;
}

void event(const char *format, ...)
{
	const uint64_t ms = now_ms();
	va_list args;

	printf("%6llu.%03llu ", (unsigned long long)(ms / 1000u), (unsigned long long)(ms % 1000u));
	va_start(args, format);
	(void)vprintf(format, args);
	va_end(args);
	(void)putchar('\n');
	(void)fflush(stdout);
}

const char *hex_print(const uint8_t *bytes, size_t count, char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * count] = '\0';
	return text;
}

bool hex_parse(const char *text, uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < 2 * count; i++) {
		const char c = text[i];
		unsigned digit;

		if (c >= '0' && c <= '9') {
			digit = (unsigned)(c - '0');
		} else if (c >= 'a' && c <= 'f') {
			digit = (unsigned)(c - 'a') + 10u;
		} else {
			return false;
		}
		bytes[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : bytes[i / 2] | digit);
	}
	return true;
}

char *event_text(char *to, size_t size, const char *from, size_t from_bytes)
{
	size_t count = 0;

	for (; count + 1 < size && count < from_bytes && from[count] != '\0'; count++) {
		to[count] = from[count] >= ' ' && from[count] <= '~' ? from[count] : '?';
	}
	to[count] = '\0';
	return to;
}

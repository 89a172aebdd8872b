/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks, and a time in words. A time may be hostile (it came from a node): it is moved into the years 1970 to
 * 9999. */
#include "base/clock.h"

#include <time.h>

#define WALL_MS_MOST INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

static uint64_t read_us(clockid_t clock)
{
	struct timespec now;
	(void)clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

uint64_t clock_ms(void)
{
	return clock_us() / 1000;
}

int64_t clock_wall_ms(void)
{
	return (int64_t)(read_us(CLOCK_REALTIME) / 1000);
}

static char *put_digits(char *at, int value, int count)
{
	for (int i = count - 1; i >= 0; i--) {
		at[i] = (char)('0' + value % 10);
		value /= 10;
	}
	return at + count;
}

const char *clock_print(int64_t wall_ms, char text[CLOCK_TEXT_BYTES])
{
	const int64_t ms = wall_ms < 0 ? 0 : wall_ms > WALL_MS_MOST ? WALL_MS_MOST : wall_ms;
	const time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	(void)gmtime_r(&seconds, &tm);

	char *at = put_digits(text, tm.tm_year + 1900, 4);
	*at++ = '-';
	at = put_digits(at, tm.tm_mon + 1, 2);
	*at++ = '-';
	at = put_digits(at, tm.tm_mday, 2);
	*at++ = 'T';
	at = put_digits(at, tm.tm_hour, 2);
	*at++ = ':';
	at = put_digits(at, tm.tm_min, 2);
	*at++ = ':';
	at = put_digits(at, tm.tm_sec, 2);
	*at++ = '.';
	at = put_digits(at, (int)(ms % 1000), 3);
	*at++ = 'Z';
	*at = '\0';
	return text;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What happened, one line each on standard output: milliseconds since the start, the event's name, then words or
 * KEY=VALUE. Whoever calls sees to it that nothing from outside brings a control character (event_text()).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Monotonic, from the start of the program. */
uint64_t now_us(void);
uint64_t now_ms(void);

void event(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Hex of `count` bytes; `text` has 2 * count + 1 bytes. Returns text. */
const char *hex_print(const uint8_t *bytes, size_t count, char *text);
/* False if `text` does not begin with 2 * count lower-case hex digits. */
bool hex_parse(const char *text, uint8_t *bytes, size_t count);

/* Copies at most size - 1 characters, each that is not printable ASCII as '?'. Returns to. */
char *event_text(char *to, size_t size, const char *from, size_t from_bytes);

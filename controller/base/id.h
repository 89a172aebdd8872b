/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Identifiers that the controller makes: a letter, '-', and 10 characters of Crockford's base 32 in lower case, from
 * the system's random numbers (50 bits; the primary key refuses a second one). n- node, b- boot, o- operation, r- rule,
 * t- token, c- client.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ID_BYTES = 13 }; /* with the NUL */

void id_make(char kind, char id[ID_BYTES]);
bool id_is_valid(char kind, const char *id);
/* Lower case hex, NUL terminated: 2 * count + 1 bytes. Returns text. */
char *hex_print(const uint8_t *bytes, size_t count, char *text);
/* False: `text` is not exactly 2 * count hex digits. */
bool hex_parse(const char *text, uint8_t *bytes, size_t count);

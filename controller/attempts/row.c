/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node's attempts as columns. Reading is strict: what was not written here, a damaged row, is refused whole, so
 * that the invariants of attempts.c hold behind it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "attempts/attempts.h"
#include "base/id.h"

enum { DIGITS = 2 * ATTEMPTS_RELEASE_BYTES };

static const char *const words[] = {
#define X(symbol, word) word,
	ATTEMPTS_AT(X)
#undef X
};

void attempts_write(const struct attempts *attempts, struct attempts_row *row)
{
	*row = (struct attempts_row){
		.at = words[attempts->at],
		.counted = attempts->counted,
		.resets = attempts->resets,
		.is_told = attempts->is_told,
	};
	(void)snprintf(row->boot, sizeof(row->boot), "%016" PRIx64, attempts->boot);
	if (attempts->has_release) {
		(void)hex_print(attempts->release, ATTEMPTS_RELEASE_BYTES, row->release);
	}
	for (unsigned i = 0; i < attempts->failed_count; i++) {
		char *to = row->failed + i * (DIGITS + 1);

		(void)hex_print(attempts->failed[i], ATTEMPTS_RELEASE_BYTES, to);
		if (i + 1 < attempts->failed_count) {
			to[DIGITS] = ' ';
		}
	}
}

static bool read_at(const char *word, enum attempts_at *at)
{
	for (unsigned i = 0; word != NULL && i < ATTEMPTS_AT_COUNT; i++) {
		if (strcmp(word, words[i]) == 0) {
			*at = (enum attempts_at)i;
			return true;
		}
	}
	return false;
}

static bool read_failed(const char *text, struct attempts *attempts)
{
	const size_t length = strnlen(text, sizeof(((struct attempts_row *)NULL)->failed));
	char digits[DIGITS + 1];

	if (length == 0) {
		return true;
	}
	if ((length + 1) % (DIGITS + 1) != 0 || (length + 1) / (DIGITS + 1) > ATTEMPTS_FAILED) {
		return false;
	}
	for (size_t at = 0; at < length; at += DIGITS + 1) {
		uint8_t *release = attempts->failed[attempts->failed_count];

		memcpy(digits, text + at, DIGITS);
		digits[DIGITS] = '\0';
		if ((at + DIGITS < length && text[at + DIGITS] != ' ') ||
		    !hex_parse(digits, release, ATTEMPTS_RELEASE_BYTES) || attempts_has_failed(attempts, release)) {
			return false;
		}
		attempts->failed_count++;
	}
	return true;
}

static bool read_row(const struct attempts_row *row, struct attempts *attempts)
{
	uint8_t boot[8];

	if (!read_at(row->at, &attempts->at) || row->counted > ATTEMPTS_MOST || row->resets > ATTEMPTS_RESETS_USED_UP ||
	    !hex_parse(row->boot, boot, sizeof(boot)) || !read_failed(row->failed, attempts)) {
		return false;
	}
	attempts->counted = (uint8_t)row->counted;
	attempts->resets = (uint8_t)row->resets;
	attempts->is_told = row->is_told;
	for (size_t i = 0; i < sizeof(boot); i++) {
		attempts->boot = attempts->boot << 8 | boot[i];
	}
	attempts->has_release = row->release[0] != '\0';
	if (attempts->has_release && !hex_parse(row->release, attempts->release, ATTEMPTS_RELEASE_BYTES)) {
		return false;
	}
	/* Whoever loaded something or was counted had a release; all three, and it was told. */
	return (attempts->has_release || (attempts->at < ATTEMPTS_AT_LOADED && attempts->counted == 0)) &&
	       (attempts->counted < ATTEMPTS_MOST || attempts->is_told);
}

bool attempts_read(const struct attempts_row *row, struct attempts *attempts)
{
	*attempts = (struct attempts){.at = ATTEMPTS_AT_IDLE};
	if (!read_row(row, attempts)) {
		*attempts = (struct attempts){.at = ATTEMPTS_AT_IDLE};
		return false;
	}
	return true;
}

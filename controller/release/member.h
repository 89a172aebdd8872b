/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Reads a JSON document strictly, member by member. Each member knows where it stands, so that an error names it, says
 * what it is, and what would be right: "release: guests[1].vcpus is 9: give a whole number from 1 to 8".
 *
 * All of it is hostile: a document that came over the API. What a reader gives was checked for type, size and
 * characters; members that nobody named are an error.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"

enum { MEMBER_SHA256_BYTES = 65, MEMBER_DEPTH_MOST = 16 };

struct member {
	const struct member *in; /* NULL: the document itself */
	const char *key; /* of an object's member, or what the document is called; NULL: an array's element */
	unsigned index;
	json_t *value; /* borrowed from the document; NULL: it is not there */
	struct fail *fail;
};

enum member_set {
	MEMBER_NAME, /* letters, digits, '.', '_' and '-' */
	MEMBER_LINE, /* printable ASCII */
	MEMBER_BOARD, /* a device tree's `compatible`: a name that may have ',' and '+', too */
	MEMBER_PROSE, /* UTF-8 with line ends and tabs, without other control characters */
};

/* Reads text as one JSON object of at most `most` bytes, called `what`. True: document->value is the caller's to
 * json_decref(). */
bool member_document(struct member *document, const char *what, const char *text, size_t bytes, size_t most,
		     struct fail *fail);
struct member member_of(const struct member *object, const char *key);
struct member member_at(const struct member *array, unsigned index);

/* The member is there. */
bool member_is_there(const struct member *member);
/* Fills the member's fail with its place and the rest of the sentence; false, for `return member_refuse(...)`. */
bool member_refuse(const struct member *member, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Each of these fails when the member is missing or of another type. `keys` ends with NULL. */
bool member_object(const struct member *member, const char *const *keys);
bool member_array(const struct member *member, unsigned least, unsigned most, unsigned *count);
bool member_u64(const struct member *member, uint64_t least, uint64_t most, uint64_t *value);
bool member_u32(const struct member *member, uint32_t least, uint32_t most, uint32_t *value);
/* At least `least` bytes, at most size - 1. */
bool member_text(const struct member *member, enum member_set set, size_t least, char *text, size_t size);
/* 64 lower case hex digits. */
bool member_sha256(const struct member *member, char hex[MEMBER_SHA256_BYTES]);
/* One of the names in `choices`, which end with NULL. */
bool member_choice(const struct member *member, const char *const *choices, unsigned *choice);
/* Standard base64 (RFC 4648, with padding); the bytes are the caller's to free(). */
bool member_base64(const struct member *member, size_t most, uint8_t **bytes, size_t *size);

/* The canonical form: sorted keys, no spaces. Takes `json` (NULL: memory was short). The text is the caller's to
 * free(). */
char *member_print(json_t *json, struct fail *fail);
/* The document's id: the SHA-256 of its canonical form, which is freed. False: there is none (NULL). */
bool member_id(char *canonical, char hex[MEMBER_SHA256_BYTES]);
/* For json_pack()'s `s*`, which leaves a NULL out. */
const char *member_or_none(const char *text);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The node assignment: which release one node runs, and what is its own in it. Only what the release allows each guest
 * (its "per_node"). Immutable; its id is the SHA-256 of its canonical text.
 *
 *     {
 *       "node": "n-0123456789", "release": HEX,
 *       "guests": {"web": {"hostname": "web-1", "bootargs": "quiet", "files": HEX}}     // each may be left out
 *     }
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/fail.h"
#include "base/id.h"
#include "release/document.h"
#include "release/files.h"
#include "release/member.h"

enum { ASSIGNMENT_DOCUMENT_MAX_BYTES = 32 << 10, ASSIGNMENT_HOSTNAME_BYTES = 64 };

struct assignment_guest {
	char name[MANIFEST_NAME_BYTES];
	char hostname[ASSIGNMENT_HOSTNAME_BYTES]; /* "": none of its own */
	char bootargs[MANIFEST_BOOTARGS_BYTES]; /* "": none of its own */
	char files[MEMBER_SHA256_BYTES]; /* a file overlay's id; "": none */
};

struct assignment {
	char id[MEMBER_SHA256_BYTES];
	char node[ID_BYTES];
	char release[MEMBER_SHA256_BYTES];
	unsigned guest_count;
	struct assignment_guest guests[RELEASE_GUEST_MAX]; /* sorted by name */
};

/* False: *fail names the member and says what would be right; *assignment means nothing then. */
bool assignment_parse(struct assignment *assignment, const char *text, size_t bytes, struct fail *fail);
/* The canonical text, the caller's to free(); NULL: *fail. */
char *assignment_print(const struct assignment *assignment, struct fail *fail);

/* The assignment is to this release, and sets nothing that it does not allow. False: *fail says what. */
bool assignment_check(const struct assignment *assignment, const struct release_document *release, struct fail *fail);
/* The values for a guest; NULL: it has none. */
const struct assignment_guest *assignment_of(const struct assignment *assignment, const char *guest);

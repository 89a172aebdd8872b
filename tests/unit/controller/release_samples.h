/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Documents of releases for tests, and changes to them by path. */
#include <jansson.h>
#include <stdbool.h>

#include "base/fail.h"
#include "base/text.h"
#include "release/document.h"

/* Hashes that are only hashes: "1111..." and so on. */
#define SAMPLE_HASH(digit)                                                                                             \
	digit digit digit digit digit digit digit digit digit digit digit digit digit digit digit digit digit digit    \
		digit digit digit digit digit digit digit digit digit digit digit digit digit digit digit digit digit  \
			digit digit digit digit digit digit digit digit digit digit digit digit digit digit digit      \
				digit digit digit digit digit digit digit digit digit digit digit digit digit digit

extern const char sample_release[]; /* every member is there; two guests */
extern const char sample_assignment[]; /* to no release in particular */
extern const char sample_files[]; /* a file overlay with every kind of file */

/* Changes what stands at `path`, like "guests.1.name", to the JSON text `value`; NULL: takes it out. In an array the
 * index behind its end appends. */
void sample_set(json_t *document, const char *path, const char *value);
/* Parses `base`, changes it at `path`, and gives the text, the caller's to free(). path NULL: as it is. */
char *sample_with(const char *base, const char *path, const char *value);

/* Fails the test when the document is not taken. */
void sample_parse_release(struct release_document *release, const char *text);
/* The output of a device tree source through dtc, the caller's to free(). */
void *sample_dtbo(const char *source, size_t *bytes);
/* Of bytes, the caller's to free(). */
char *sample_base64(const void *bytes, size_t count);

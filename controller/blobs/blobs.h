/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Files named by their SHA-256: DIR/blobs/sha256/<64 hex digits>. One is there whole, durable, with the content of its
 * name, or not at all. Any thread may call; blobs never change, so a descriptor stays good.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"

enum { BLOB_HEX_BYTES = 65 }; /* with the NUL */

struct blobs;

/* Makes the folders that are missing below `dir` (which is there), removes what an earlier run left unfinished. */
struct blobs *blobs_open(const char *dir, struct fail *fail);
void blobs_close(struct blobs *blobs); /* NULL is allowed */

/* 64 lower case hex digits: nothing else ever becomes a file's name. */
bool blobs_name_is_valid(const char *hex);

/*
 * Puts `count` bytes of the file from `offset` (its position is not used), or of memory. `expected`: the name that they
 * must have, or NULL. On success the blob is durable and `hex` is its name. One that is there already is checked, and
 * written again when it was damaged. False: *fail; the blob is not there, or whole.
 */
bool blobs_put_fd(struct blobs *blobs, int fd, uint64_t offset, uint64_t count, const char *expected,
		  char hex[BLOB_HEX_BYTES], struct fail *fail);
bool blobs_put(struct blobs *blobs, const void *bytes, size_t count, const char *expected, char hex[BLOB_HEX_BYTES],
	       struct fail *fail);

/* A descriptor to read from (the caller's to close), and the size. -1: *fail (FAIL_NOT_FOUND: there is none). */
int blobs_read(struct blobs *blobs, const char *hex, uint64_t *bytes, struct fail *fail);
/* Reads all of it. False: it is missing, damaged or not readable. */
bool blobs_verify(struct blobs *blobs, const char *hex, struct fail *fail);
/* Calls `each` for every blob, in no order, until it returns false. */
bool blobs_list(struct blobs *blobs, bool (*each)(void *argument, const char *hex, uint64_t bytes), void *argument,
		struct fail *fail);

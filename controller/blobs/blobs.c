/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content-addressed files. A blob is written to DIR/blobs/tmp under a random name while it is hashed, synced, renamed
 * to its hash, and the folder synced: at each moment before the rename there is no such blob, afterwards there is all
 * of it.
 *
 *   tmp/x written -> fsync(tmp/x) -> rename(tmp/x, sha256/HEX) -> fsync(sha256)     [put]
 *
 * Invariants: (1) what is under sha256/ was whole and synced before it had its name. (2) Success is told after the
 * folder was synced. (3) A file under tmp/ belongs to a put that is going on, or to nobody. Names may be hostile (a
 * URL's path): only 64 hex digits become one. Content may be hostile, and is only counted and hashed.
 */
#include "blobs/blobs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"
#include "base/log.h"

enum { CHUNK_BYTES = 256 * 1024, DIR_BYTES = 1024, LEFTOVERS_MOST = 100000 };

struct blobs {
	char dir[DIR_BYTES]; /* DIR/blobs, for sentences */
	int blobs_fd, sha256_fd, tmp_fd;
};

/* Where the bytes come from: a file, or memory when `fd` is -1. */
struct source {
	int fd;
	uint64_t offset;
	const uint8_t *bytes;
	uint64_t count;
};

static bool failed(struct blobs *blobs, const char *what, const char *name, struct fail *fail)
{
	const int why = errno;
	if (why == ENOSPC || why == EDQUOT) {
		return fail_set(fail, FAIL_UNAVAILABLE, "The disk that holds %s is full: free some space and try again",
				blobs->dir);
	}
	return fail_set(fail, FAIL_UNAVAILABLE, "%s/%s: %s: %s; look at the disk, and at the folder's owner and mode",
			blobs->dir, name, what, strerror(why));
}

bool blobs_name_is_valid(const char *hex)
{
	return strnlen(hex, BLOB_HEX_BYTES) == BLOB_HEX_BYTES - 1 &&
	       strspn(hex, "0123456789abcdef") == BLOB_HEX_BYTES - 1;
}

/* The folder `name` of `at`, made when it is missing. -1: errno. */
static int open_folder(int at, const char *name)
{
	if (mkdirat(at, name, 0700) == 0) {
		if (fsync(at) != 0) {
			return -1;
		}
	} else if (errno != EEXIST) {
		return -1;
	}
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Nobody uses what is in tmp/ when it is opened: the state directory is one controller's (the database's lock). */
static bool remove_leftovers(struct blobs *blobs, struct fail *fail)
{
	unsigned removed = 0;
	const int fd = openat(blobs->tmp_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir == NULL) {
		(void)failed(blobs, "listing", "tmp", fail);
		if (fd >= 0) {
			(void)close(fd);
		}
		return false;
	}
	for (unsigned i = 0; i < LEFTOVERS_MOST; i++) {
		const struct dirent *entry = readdir(dir);
		if (entry == NULL) {
			break;
		}
		if (entry->d_name[0] != '.' && unlinkat(blobs->tmp_fd, entry->d_name, 0) == 0) {
			removed++;
		}
	}
	(void)closedir(dir);
	if (removed != 0) {
		log_info("blobs", "%s/tmp: %u unfinished files of an earlier run removed", blobs->dir, removed);
	}
	return true;
}

static bool open_folders(struct blobs *blobs, const char *dir, struct fail *fail)
{
	const int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at < 0) {
		return fail_set(fail, FAIL_UNAVAILABLE, "%s: %s; make the state directory, or name another", dir,
				strerror(errno));
	}
	blobs->blobs_fd = open_folder(at, "blobs");
	(void)close(at);
	if (blobs->blobs_fd >= 0) {
		blobs->sha256_fd = open_folder(blobs->blobs_fd, "sha256");
		blobs->tmp_fd = open_folder(blobs->blobs_fd, "tmp");
	}
	return (blobs->sha256_fd >= 0 && blobs->tmp_fd >= 0) || failed(blobs, "making the folders", "", fail);
}

struct blobs *blobs_open(const char *dir, struct fail *fail)
{
	struct blobs *blobs = calloc(1, sizeof(*blobs));
	if (blobs == NULL) {
		(void)fail_set(fail, FAIL_UNAVAILABLE, "Memory is short: the blobs cannot be opened");
		return NULL;
	}
	blobs->blobs_fd = blobs->sha256_fd = blobs->tmp_fd = -1;
	const int length = snprintf(blobs->dir, sizeof(blobs->dir), "%s/blobs", dir);
	if (length < 0 || (size_t)length >= sizeof(blobs->dir)) {
		(void)fail_set(fail, FAIL_INVALID, "The path of the state directory is too long: name another");
	} else if (open_folders(blobs, dir, fail) && remove_leftovers(blobs, fail)) {
		return blobs;
	}
	blobs_close(blobs);
	return NULL;
}

void blobs_close(struct blobs *blobs)
{
	if (blobs == NULL) {
		return;
	}
	const int fds[] = { blobs->blobs_fd, blobs->sha256_fd, blobs->tmp_fd };
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (fds[i] >= 0) {
			(void)close(fds[i]);
		}
	}
	free(blobs);
}

static ssize_t read_some(int fd, uint8_t *to, size_t count, uint64_t offset)
{
	ssize_t got;
	do {
		got = pread(fd, to, count, (off_t)offset);
	} while (got < 0 && errno == EINTR);
	return got;
}

static bool write_whole(int fd, const uint8_t *bytes, size_t count)
{
	while (count > 0) {
		const ssize_t put = write(fd, bytes, count);
		if (put < 0 && errno == EINTR) {
			continue;
		}
		if (put <= 0) {
			errno = put == 0 ? ENOSPC : errno;
			return false;
		}
		bytes += put;
		count -= (size_t)put;
	}
	return true;
}

/* Hashes the source, and writes it to `to` unless that is -1. */
static bool pass_through(struct blobs *blobs, const struct source *source, int to, const char *name,
			 char hex[BLOB_HEX_BYTES], struct fail *fail)
{
	crypto_hash_sha256_state state;
	uint8_t hash[crypto_hash_sha256_BYTES];
	uint8_t *chunk = source->fd < 0 ? NULL : malloc(CHUNK_BYTES);
	bool is_good = source->fd < 0 || chunk != NULL ||
		       fail_set(fail, FAIL_UNAVAILABLE, "Memory is short, no blob was read: try again");

	(void)crypto_hash_sha256_init(&state);
	for (uint64_t at = 0; at < source->count && is_good;) {
		const size_t want = source->count - at < CHUNK_BYTES ? (size_t)(source->count - at) : CHUNK_BYTES;
		const uint8_t *bytes = source->fd < 0 ? source->bytes + at : chunk;
		const ssize_t got =
			source->fd < 0 ? (ssize_t)want : read_some(source->fd, chunk, want, source->offset + at);
		if (got <= 0) {
			is_good = got < 0 ? failed(blobs, "reading", name, fail)
					  : fail_set(fail, FAIL_INVALID,
						     "The source of the blob ends at %llu of %llu bytes",
						     (unsigned long long)at, (unsigned long long)source->count);
			break;
		}
		(void)crypto_hash_sha256_update(&state, bytes, (unsigned long long)got);
		is_good = to < 0 || write_whole(to, bytes, (size_t)got) || failed(blobs, "writing", name, fail);
		at += (uint64_t)got;
	}
	(void)crypto_hash_sha256_final(&state, hash);
	hex_print(hash, sizeof(hash), hex);
	free(chunk);
	return is_good;
}

static bool check_expected(const char *expected, const char *hex, struct fail *fail)
{
	return expected == NULL || strcmp(expected, hex) == 0 ||
	       fail_set(fail, FAIL_INVALID,
			"The blob's SHA-256 is %.16s..., not %.16s...: it is damaged, fetch it again", hex, expected);
}

/* The steps behind the file's writing, in the order that makes it whole or not there. */
static bool settle(struct blobs *blobs, int fd, const char *name, const char *hex, struct fail *fail)
{
	if (fchmod(fd, 0400) != 0 || fsync(fd) != 0) {
		return failed(blobs, "syncing", "tmp", fail);
	}
	if (renameat(blobs->tmp_fd, name, blobs->sha256_fd, hex) != 0) {
		return failed(blobs, "naming", hex, fail);
	}
	/* When this fails the blob stays: another thread may have put the same one, and was told so. */
	return fsync(blobs->sha256_fd) == 0 || failed(blobs, "syncing", "sha256", fail);
}

static bool put(struct blobs *blobs, const struct source *source, const char *expected, char hex[BLOB_HEX_BYTES],
		struct fail *fail)
{
	char name[ID_BYTES];
	char found[BLOB_HEX_BYTES];

	if (expected != NULL && !blobs_name_is_valid(expected)) {
		return fail_set(fail, FAIL_INVALID, "A blob's name is 64 lower case hex digits");
	}
	if (expected != NULL && blobs_verify(blobs, expected, NULL)) {
		/* Whoever put it may have ended before its name was durable. */
		if (fsync(blobs->sha256_fd) != 0) {
			return failed(blobs, "syncing", "sha256", fail);
		}
		memcpy(hex, expected, BLOB_HEX_BYTES);
		return true;
	}
	id_make('w', name);
	const int fd = openat(blobs->tmp_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		return failed(blobs, "making a file", "tmp", fail);
	}
	const bool is_put = pass_through(blobs, source, fd, "tmp", found, fail) &&
			    check_expected(expected, found, fail) && settle(blobs, fd, name, found, fail);
	(void)close(fd); /* synced: nothing is left that could fail */
	if (is_put) {
		memcpy(hex, found, BLOB_HEX_BYTES);
	} else {
		(void)unlinkat(blobs->tmp_fd, name, 0);
	}
	return is_put;
}

bool blobs_put_fd(struct blobs *blobs, int fd, uint64_t offset, uint64_t count, const char *expected,
		  char hex[BLOB_HEX_BYTES], struct fail *fail)
{
	const struct source source = { .fd = fd, .offset = offset, .count = count };
	return put(blobs, &source, expected, hex, fail);
}

bool blobs_put(struct blobs *blobs, const void *bytes, size_t count, const char *expected, char hex[BLOB_HEX_BYTES],
	       struct fail *fail)
{
	const struct source source = { .fd = -1, .bytes = bytes, .count = count };
	return put(blobs, &source, expected, hex, fail);
}

int blobs_read(struct blobs *blobs, const char *hex, uint64_t *bytes, struct fail *fail)
{
	struct stat status;

	if (!blobs_name_is_valid(hex)) {
		(void)fail_set(fail, FAIL_NOT_FOUND,
			       "There is no blob of that name: a name is 64 lower case hex digits");
		return -1;
	}
	const int fd = openat(blobs->sha256_fd, hex, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		(void)fail_set(fail, FAIL_NOT_FOUND, "There is no blob %s", hex);
		return -1;
	}
	if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		(void)failed(blobs, "opening", hex, fail);
		if (fd >= 0) {
			(void)close(fd);
		}
		return -1;
	}
	*bytes = (uint64_t)status.st_size;
	return fd;
}

bool blobs_verify(struct blobs *blobs, const char *hex, struct fail *fail)
{
	struct source source = { .fd = -1 };
	char found[BLOB_HEX_BYTES];

	source.fd = blobs_read(blobs, hex, &source.count, fail);
	if (source.fd < 0) {
		return false;
	}
	const bool is_read = pass_through(blobs, &source, -1, hex, found, fail);
	(void)close(source.fd);
	return is_read &&
	       (strcmp(found, hex) == 0 ||
		fail_set(fail, FAIL_INTERNAL, "%s/sha256/%s is damaged: look at the disk; restart to import it anew",
			 blobs->dir, hex));
}

bool blobs_list(struct blobs *blobs, bool (*each)(void *argument, const char *hex, uint64_t bytes), void *argument,
		struct fail *fail)
{
	const int fd = openat(blobs->sha256_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir == NULL) {
		(void)failed(blobs, "listing", "sha256", fail);
		if (fd >= 0) {
			(void)close(fd);
		}
		return false;
	}
	bool goes_on = true;
	while (goes_on) {
		struct stat status;
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (entry == NULL) {
			break;
		}
		if (blobs_name_is_valid(entry->d_name) &&
		    fstatat(blobs->sha256_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(status.st_mode)) {
			goes_on = each(argument, entry->d_name, (uint64_t)status.st_size);
		}
	}
	const bool is_listed = errno == 0 || !goes_on || failed(blobs, "listing", "sha256", fail);
	(void)closedir(dir);
	return is_listed;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs: whole or not there, whatever fails and wherever the process ends; damage, hostile names, leftovers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "blobs/blobs.h"
#include "unit/controller/faulty_io.h"
#include "unit/controller/place.h"

#define HEX_OF_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define HEX_OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static char folder[64];
static char name_buffer[256];

static const char *file_of(const char *below)
{
	(void)snprintf(name_buffer, sizeof(name_buffer), "%s/blobs/%s", folder, below);
	return name_buffer;
}

static int make_folder(void **state)
{
	struct fail fail;

	io_fail_at(0, IO_FAIL, 0);
	place_template(folder, sizeof(folder), "blobs");
	if (mkdtemp(folder) == NULL) {
		return -1;
	}
	*state = blobs_open(folder, &fail);
	return *state == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
	char command[128];
	blobs_close(*state);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

struct seen {
	unsigned count;
	uint64_t bytes;
	struct blobs *blobs;
	unsigned damaged;
};

static bool see(void *argument, const char *hex, uint64_t bytes)
{
	struct seen *seen = argument;
	seen->count++;
	seen->bytes += bytes;
	seen->damaged += blobs_verify(seen->blobs, hex, NULL) ? 0 : 1;
	return true;
}

static struct seen list(struct blobs *blobs)
{
	struct seen seen = { .blobs = blobs };
	struct fail fail;
	assert_true(blobs_list(blobs, see, &seen, &fail));
	return seen;
}

static unsigned unfinished(void)
{
	unsigned count = 0;
	char command[160];
	(void)snprintf(command, sizeof(command), "ls '%s' | wc -l", file_of("tmp"));
	FILE *output = popen(command, "r");
	assert_non_null(output);
	assert_int_equal(fscanf(output, "%u", &count), 1);
	assert_int_equal(pclose(output), 0);
	return count;
}

/* A file of `count` bytes that are not all alike; its descriptor. */
static int make_file(size_t count)
{
	char name[128];
	(void)snprintf(name, sizeof(name), "%s/source", folder);
	const int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	uint8_t *bytes = malloc(count);
	assert_non_null(bytes);
	for (size_t i = 0; i < count; i++) {
		bytes[i] = (uint8_t)(i * 31 + i / 4096);
	}
	assert_int_equal(write(fd, bytes, count), count);
	free(bytes);
	return fd;
}

static void a_blob_is_put_in_the_right_order(void **state)
{
	struct fail fail;
	char hex[BLOB_HEX_BYTES];
	uint64_t bytes = 0;
	char content[8];

	io_fail_at(0, IO_FAIL, 0);
	assert_true(blobs_put(*state, "abc", 3, NULL, hex, &fail));
	assert_string_equal(hex, HEX_OF_ABC);
	/* open, write, mode, sync, rename, sync of the folder: any other order could leave half a blob after a power
	 * cut. */
	assert_string_equal(io_trace(), "owmsns");
	const int fd = blobs_read(*state, hex, &bytes, &fail);
	assert_true(fd >= 0);
	assert_int_equal(bytes, 3);
	assert_int_equal(read(fd, content, sizeof(content)), 3);
	assert_memory_equal(content, "abc", 3);
	assert_int_equal(close(fd), 0);
	struct stat status;
	assert_int_equal(stat(file_of("sha256/" HEX_OF_ABC), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0400);
	/* Again: it is read, and its name made durable. */
	io_fail_at(0, IO_FAIL, 0);
	assert_true(blobs_put(*state, "abc", 3, HEX_OF_ABC, hex, &fail));
	assert_string_equal(io_trace(), "rs");
	assert_true(blobs_put(*state, "", 0, HEX_OF_NOTHING, hex, &fail));
	assert_int_equal(list(*state).count, 2);
	assert_int_equal(list(*state).bytes, 3);
	assert_int_equal(unfinished(), 0);
}

static void a_file_is_put_from_its_middle(void **state)
{
	struct fail fail;
	char whole[BLOB_HEX_BYTES];
	char part[BLOB_HEX_BYTES];
	uint64_t bytes = 0;
	const int source = make_file(1000000);

	assert_true(blobs_put_fd(*state, source, 0, 1000000, NULL, whole, &fail));
	assert_true(blobs_put_fd(*state, source, 4096, 700000, NULL, part, &fail));
	assert_string_not_equal(whole, part);
	assert_true(blobs_verify(*state, whole, &fail));
	assert_true(blobs_verify(*state, part, &fail));
	const int fd = blobs_read(*state, part, &bytes, &fail);
	assert_int_equal(bytes, 700000);
	uint8_t got[2];
	uint8_t expected[2];
	assert_int_equal(pread(fd, got, 2, 699998), 2);
	assert_int_equal(pread(source, expected, 2, 4096 + 699998), 2);
	assert_memory_equal(got, expected, 2);
	assert_int_equal(close(fd), 0);
	/* A source that is shorter than it was said to be. */
	assert_false(blobs_put_fd(*state, source, 4096, 1000000, NULL, part, &fail));
	assert_non_null(strstr(fail.text, "ends at"));
	assert_int_equal(close(source), 0);
	assert_int_equal(list(*state).count, 2);
	assert_int_equal(unfinished(), 0);
}

static void another_content_is_refused(void **state)
{
	struct fail fail;
	char hex[BLOB_HEX_BYTES] = "untouched";

	assert_false(blobs_put(*state, "abd", 3, HEX_OF_ABC, hex, &fail));
	assert_int_equal(fail.kind, FAIL_INVALID);
	assert_string_equal(hex, "untouched");
	assert_int_equal(list(*state).count, 0);
	assert_int_equal(unfinished(), 0);
}

static void damage_is_seen_and_mended(void **state)
{
	struct fail fail;
	char hex[BLOB_HEX_BYTES];

	assert_true(blobs_put(*state, "abc", 3, NULL, hex, &fail));
	assert_int_equal(chmod(file_of("sha256/" HEX_OF_ABC), 0600), 0);
	const int fd = open(name_buffer, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "X", 1, 1), 1);
	assert_int_equal(close(fd), 0);
	assert_false(blobs_verify(*state, hex, &fail));
	assert_int_equal(fail.kind, FAIL_INTERNAL);
	assert_non_null(strstr(fail.text, "damaged"));
	assert_true(blobs_put(*state, "abc", 3, HEX_OF_ABC, hex, &fail));
	assert_true(blobs_verify(*state, hex, &fail));
}

static void hostile_names_open_nothing(void **state)
{
	static const char *const names[] = {
		"",
		".",
		"..",
		"../tmp",
		"/etc/passwd",
		(HEX_OF_ABC "0"),
		("../sha256/" HEX_OF_ABC),
		"BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f2001/ad",
	};
	struct fail fail;
	char hex[BLOB_HEX_BYTES];
	uint64_t bytes;

	assert_true(blobs_put(*state, "abc", 3, NULL, hex, &fail));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_false(blobs_name_is_valid(names[i]));
		assert_int_equal(blobs_read(*state, names[i], &bytes, &fail), -1);
		assert_int_equal(fail.kind, FAIL_NOT_FOUND);
		assert_false(blobs_put(*state, "abc", 3, names[i], hex, &fail));
		assert_int_equal(fail.kind, FAIL_INVALID);
	}
	assert_int_equal(blobs_read(*state, HEX_OF_NOTHING, &bytes, &fail), -1);
	assert_int_equal(fail.kind, FAIL_NOT_FOUND);
	/* A link, and a folder, of a blob's name. */
	assert_int_equal(symlink("/etc/passwd", file_of("sha256/" HEX_OF_NOTHING)), 0);
	assert_int_equal(blobs_read(*state, HEX_OF_NOTHING, &bytes, &fail), -1);
	assert_int_equal(list(*state).count, 1);
	assert_int_equal(unlink(name_buffer), 0);
	assert_int_equal(mkdir(name_buffer, 0700), 0);
	assert_int_equal(blobs_read(*state, HEX_OF_NOTHING, &bytes, &fail), -1);
	assert_int_equal(list(*state).count, 1);
}

static void leftovers_are_removed_at_start(void **state)
{
	struct fail fail;
	char hex[BLOB_HEX_BYTES];

	assert_true(blobs_put(*state, "abc", 3, NULL, hex, &fail));
	blobs_close(*state);
	for (int i = 0; i < 3; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "tmp/w-%d", i);
		assert_int_equal(close(open(file_of(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
	}
	assert_int_equal(unfinished(), 3);
	*state = blobs_open(folder, &fail);
	assert_non_null(*state);
	assert_int_equal(unfinished(), 0);
	assert_true(blobs_verify(*state, hex, &fail));
	assert_null(blobs_open("/nonexistent", &fail));
	assert_non_null(strstr(fail.text, "/nonexistent"));
}

/* Each call of a put fails in turn, until one is reached that nothing failed in. */
static void fail_each(struct blobs *blobs, enum io_fault fault, int error)
{
	struct fail fail = { .kind = FAIL_NONE };
	char hex[BLOB_HEX_BYTES];
	bool is_put = false;
	unsigned n = 1;
	const int source = make_file(600000);

	for (; !is_put; n++) {
		assert_true(n < 100);
		io_fail_at(n, fault, error);
		is_put = blobs_put_fd(blobs, source, 0, 600000, NULL, hex, &fail);
		io_fail_at(0, IO_FAIL, 0);
		assert_true(is_put || fail.kind == FAIL_UNAVAILABLE);
		assert_true(is_put || error != ENOSPC || strstr(fail.text, "is full") != NULL);
		const struct seen seen = list(blobs);
		assert_int_equal(seen.damaged, 0);
		assert_true(seen.count <= 1);
		assert_int_equal(unfinished(), 0);
	}
	assert_true(n > 10);
	assert_true(blobs_verify(blobs, hex, &fail));
	assert_int_equal(close(source), 0);
}

static void the_nth_call_fails(void **state)
{
	fail_each(*state, IO_FAIL, EIO);
}

static void the_disk_becomes_full(void **state)
{
	fail_each(*state, IO_FAIL, ENOSPC);
}

static void the_disk_becomes_full_in_a_write(void **state)
{
	fail_each(*state, IO_SHORT, ENOSPC);
}

static void the_process_dies_at_the_nth_call(void **state)
{
	struct fail fail;
	int status = -1;
	unsigned n = 1;
	const int source = make_file(600000);

	for (; status != 0; n++) {
		assert_true(n < 100);
		const pid_t pid = fork();
		if (pid == 0) {
			char hex[BLOB_HEX_BYTES];
			io_fail_at(n, IO_DIE, 0);
			_exit(blobs_put_fd(*state, source, 0, 600000, NULL, hex, &fail) ? 0 : 1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(status == 0 || WEXITSTATUS(status) == IO_DIED);
		blobs_close(*state);
		*state = blobs_open(folder, &fail);
		assert_non_null(*state);
		assert_int_equal(list(*state).damaged, 0);
		assert_int_equal(unfinished(), 0);
	}
	assert_true(n > 10);
	assert_int_equal(list(*state).count, 1);
	assert_int_equal(close(source), 0);
}

int main(void)
{
#define in_folder(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		in_folder(a_blob_is_put_in_the_right_order),
		in_folder(a_file_is_put_from_its_middle),
		in_folder(another_content_is_refused),
		in_folder(damage_is_seen_and_mended),
		in_folder(hostile_names_open_nothing),
		in_folder(leftovers_are_removed_at_start),
		in_folder(the_nth_call_fails),
		in_folder(the_disk_becomes_full),
		in_folder(the_disk_becomes_full_in_a_write),
		in_folder(the_process_dies_at_the_nth_call),
	};
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

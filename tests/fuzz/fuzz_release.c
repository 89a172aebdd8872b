/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The documents of releases: the first line says which ("release", "assignment", "files", "tree", or "dtbo" for a blob
 * as it is), the rest is it. One that is taken is written, read again and the same; a release is compared and made
 * into a node's manifest; files into an archive, which is then walked: no name in it leaves the guest's root.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "release/archive.h"
#include "release/diff.h"
#include "release/effective.h"

const char fuzz_corpus[] = "tests/fuzz/corpus/release";
const unsigned fuzz_mutations = 2000;

static void need(bool holds)
{
	if (!holds) {
		abort();
	}
}

/* A refusal has its sentence, and is never an error of ours. */
static bool taken(bool is_taken, const struct fail *fail)
{
	need(is_taken || (fail->text[0] != '\0' && fail->kind != FAIL_NONE && fail->kind != FAIL_INTERNAL));
	return is_taken;
}

static bool read_none(void *argument, const char *sha256, uint64_t offset, void *to, size_t count, struct fail *fail)
{
	(void)argument, (void)sha256, (void)offset, (void)to, (void)count;
	return fail_set(fail, FAIL_UNAVAILABLE, "there are no blobs here");
}

static void try_release(const char *text, size_t bytes)
{
	static struct release_document release;
	static struct release_document again;
	static struct effective effective;
	static struct diff diff;
	struct fail fail = {0};
	struct text shown = {0};

	if (!taken(release_parse(&release, text, bytes, &fail), &fail)) {
		return;
	}
	char *canonical = release_print(&release, &fail);
	need(canonical != NULL && release_parse(&again, canonical, strlen(canonical), &fail));
	need(memcmp(&release, &again, sizeof(release)) == 0);
	free(canonical);
	diff_make(&diff, &release, &again);
	need(diff.count == 0);
	again.guests[0].vcpus ^= 15;
	diff_make(&diff, &again, &release);
	need(diff.count == 1 && diff.guests == 1);
	const struct effective_input input = {.release = &release, .board = "", .read = read_none};
	if (taken(effective_make(&effective, &input, &fail), &fail)) {
		effective_print(&effective, &input, &shown);
		need(!shown.is_broken && shown.length != 0);
		effective_free(&effective);
	}
	text_free(&shown);
}

static void try_assignment(const char *text, size_t bytes)
{
	struct assignment assignment;
	struct assignment again;
	struct fail fail = {0};

	if (taken(assignment_parse(&assignment, text, bytes, &fail), &fail)) {
		char *canonical = assignment_print(&assignment, &fail);
		need(canonical != NULL && assignment_parse(&again, canonical, strlen(canonical), &fail));
		need(strcmp(again.id, assignment.id) == 0 && again.guest_count == assignment.guest_count);
		free(canonical);
	}
}

static uint32_t read_hex(const char *at)
{
	char digits[9] = "";

	memcpy(digits, at, 8);
	return (uint32_t)strtoul(digits, NULL, 16);
}

/* As a kernel does it: header, name, content, each padded to four bytes. */
static void walk(const struct text *archive, unsigned entries)
{
	size_t at = 0;
	unsigned count = 0;

	for (;;) {
		need(archive->length - at >= 110 && memcmp(archive->bytes + at, "070701", 6) == 0);
		need(read_hex(archive->bytes + at + 6) == count + 1); /* its inode */
		need(read_hex(archive->bytes + at + 6 + 5 * 8) == 0); /* its time */
		const uint32_t size = read_hex(archive->bytes + at + 6 + 6 * 8);
		const uint32_t name_bytes = read_hex(archive->bytes + at + 6 + 11 * 8);
		const char *name = archive->bytes + at + 110;
		need(name_bytes <= archive->length - at - 110 && name[name_bytes - 1] == '\0');
		at = (at + 110 + name_bytes + 3) / 4 * 4;
		if (strcmp(name, "TRAILER!!!") == 0) {
			break;
		}
		need(name[0] != '/' && strncmp(name, "../", 3) != 0 && strstr(name, "/../") == NULL &&
		     size <= archive->length - at);
		at = (at + size + 3) / 4 * 4;
		count++;
	}
	need(count == entries && at == archive->length);
}

static void try_files(const char *text, size_t bytes)
{
	struct file_overlay overlay;
	struct file_overlay again;
	struct effective_guest guest = {0};
	struct fail fail = {0};

	if (!taken(file_overlay_parse(&overlay, text, bytes, &fail), &fail)) {
		return;
	}
	char *canonical = file_overlay_print(&overlay, &fail);
	need(canonical != NULL && file_overlay_parse(&again, canonical, strlen(canonical), &fail));
	need(strcmp(again.id, overlay.id) == 0 && again.count == overlay.count);
	need(archive_add(&guest, &overlay, EFFECTIVE_ROLE, &fail) &&
	     archive_add(&guest, &again, EFFECTIVE_NODE, &fail));
	if (taken(archive_make(&guest, 0, &fail), &fail)) {
		walk(&guest.archive, guest.file_count);
	}
	free(guest.files);
	text_free(&guest.archive);
	free(canonical);
	file_overlay_free(&again);
	file_overlay_free(&overlay);
}

static void try_tree(const char *text, size_t bytes)
{
	struct tree_overlay overlay;
	struct tree_overlay again;
	struct fail fail = {0};

	if (taken(tree_overlay_parse(&overlay, text, bytes, &fail), &fail)) {
		char *canonical = tree_overlay_print(&overlay, &fail);
		need(canonical != NULL && tree_overlay_parse(&again, canonical, strlen(canonical), &fail));
		need(strcmp(again.id, overlay.id) == 0);
		free(canonical);
		tree_overlay_free(&again);
		tree_overlay_free(&overlay);
	}
}

static void try_dtbo(const char *dtbo, size_t bytes)
{
	struct fail fail = {0};

	(void)taken(tree_check_dtbo(dtbo, bytes, &fail), &fail);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const struct {
		const char *name;
		void (*try)(const char *text, size_t bytes);
	} kinds[] = {{"release\n", try_release},
		     {"assignment\n", try_assignment},
		     {"files\n", try_files},
		     {"tree\n", try_tree},
		     {"dtbo\n", try_dtbo}};

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const size_t length = strlen(kinds[i].name);
		if (size < length || memcmp(bytes, kinds[i].name, length) != 0) {
			continue;
		}
		/* Exact, and aligned as a blob is. */
		char *copy = malloc(size - length + (size == length));
		need(copy != NULL);
		memcpy(copy, bytes + length, size - length);
		kinds[i].try(copy, size - length);
		free(copy);
	}
	return 0;
}

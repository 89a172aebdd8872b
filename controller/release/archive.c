/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merges files and writes the archive.
 *
 * Invariants: (1) Each path is there once. (2) Sorted by path, so that a directory, whose path is the beginning of
 * those in it, comes before them, as the kernel wants it. (3) The archive depends on paths, modes and contents alone.
 *
 * A kernel that finds a directory there already sets its mode to the archive's: those that every guest has with
 * another mode than 0755 keep theirs.
 */
#include "release/archive.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "wire/newc.h"

static struct effective_file *find(const struct effective_guest *guest, const char *path, size_t length)
{
	for (unsigned i = 0; i < guest->file_count; i++) {
		struct effective_file *file = &guest->files[i];
		if (strncmp(file->path, path, length) == 0 && file->path[length] == '\0') {
			return file;
		}
	}
	return NULL;
}

/* `directory` is at the file's path, or below it. */
static bool refuse_both(const struct effective_file *file, const struct effective_file *directory, struct fail *fail)
{
	return fail_set(
		fail, FAIL_CONFLICT,
		"\"%.60s\" is a file of overlay \"%s\", and a directory of overlay \"%s\": take one of them out",
		file->path, file->overlay, directory->overlay);
}

static bool is_above(const char *path, const char *below)
{
	const size_t length = strlen(path);

	return strncmp(path, below, length) == 0 && below[length] == '/';
}

/* No file stands where another needs a directory, in either direction. */
static bool check_parents(const struct effective_guest *guest, const struct effective_file *file, struct fail *fail)
{
	for (unsigned i = 0; i < guest->file_count; i++) {
		const struct effective_file *other = &guest->files[i];
		if (!other->is_directory && is_above(other->path, file->path)) {
			return refuse_both(other, file, fail);
		}
		if (!file->is_directory && is_above(file->path, other->path)) {
			return refuse_both(file, other, fail);
		}
	}
	return true;
}

bool archive_add_file(struct effective_guest *guest, const struct effective_file *file, struct fail *fail)
{
	struct effective_file *same = find(guest, file->path, strlen(file->path));

	if (same != NULL) {
		if (same->is_directory != file->is_directory) {
			return refuse_both(same->is_directory ? file : same, same->is_directory ? same : file, fail);
		}
		*same = *file;
		return true;
	}
	if (!check_parents(guest, file, fail)) {
		return false;
	}
	if (guest->file_count == EFFECTIVE_FILES_MAX) {
		return fail_set(fail, FAIL_CONFLICT,
				"the overlays have more than %d files together: put some of them into the "
				"initramfs itself",
				EFFECTIVE_FILES_MAX);
	}
	if (guest->files == NULL) {
		guest->files = calloc(EFFECTIVE_FILES_MAX, sizeof(guest->files[0]));
	}
	if (guest->files == NULL) {
		return fail_set(fail, FAIL_UNAVAILABLE, "Memory is short: try again");
	}
	guest->files[guest->file_count++] = *file;
	return true;
}

bool archive_add(struct effective_guest *guest, const struct file_overlay *overlay, enum effective_layer layer,
		 struct fail *fail)
{
	for (unsigned i = 0; i < overlay->count; i++) {
		const struct file_entry *from = &overlay->files[i];
		struct effective_file file = {.is_directory = from->is_directory,
					      .mode = from->mode,
					      .bytes = from->bytes,
					      .size = from->size,
					      .layer = layer,
					      .overlay = overlay->name};
		memcpy(file.path, from->path, sizeof(file.path));
		if (!archive_add_file(guest, &file, fail)) {
			return false;
		}
	}
	return true;
}

static uint32_t mode_of_directory(const char *path)
{
	static const struct {
		const char *path;
		uint32_t mode;
	} others[] = {{"/root", 0700}, {"/tmp", 01777}, {"/var/tmp", 01777}};

	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strcmp(others[i].path, path) == 0) {
			return others[i].mode;
		}
	}
	return 0755;
}

/* The directories above each file. What is added stands behind those that were there, and has nothing new above it. */
static bool add_parents(struct effective_guest *guest, struct fail *fail)
{
	const unsigned count = guest->file_count;

	for (unsigned i = 0; i < count; i++) {
		char path[FILES_PATH_BYTES];
		memcpy(path, guest->files[i].path, sizeof(path));
		for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
			struct effective_file directory = {
				.is_directory = true, .layer = EFFECTIVE_RELEASE, .overlay = ""};
			*slash = '\0';
			memcpy(directory.path, path, strlen(path) + 1);
			directory.mode = mode_of_directory(path);
			if (find(guest, path, strlen(path)) == NULL && !archive_add_file(guest, &directory, fail)) {
				return false;
			}
			*slash = '/';
		}
	}
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct effective_file *left = a;
	const struct effective_file *right = b;

	return strcmp(left->path, right->path);
}

static void put(void *argument, const void *bytes, size_t count)
{
	text_put(argument, bytes, count);
}

bool archive_make(struct effective_guest *guest, uint64_t base_bytes, struct fail *fail)
{
	struct newc newc = {.put = put, .argument = &guest->archive};
	const size_t padding = (size_t)((NEWC_ALIGN - base_bytes % NEWC_ALIGN) % NEWC_ALIGN);

	if (!add_parents(guest, fail)) {
		return false;
	}
	if (guest->file_count != 0) {
		qsort(guest->files, guest->file_count, sizeof(guest->files[0]), compare);
	}
	guest->archive.most = EFFECTIVE_ARCHIVE_MAX_BYTES;
	text_put(&guest->archive, "\0\0\0", padding);
	for (unsigned i = 0; i < guest->file_count; i++) {
		const struct effective_file *file = &guest->files[i];
		newc_put(&newc, &(struct newc_entry){.name = file->path + 1,
						     .mode = (file->is_directory ? S_IFDIR : S_IFREG) | file->mode,
						     .bytes = file->bytes,
						     .size = (uint32_t)file->size});
	}
	newc_finish(&newc, NEWC_ALIGN);
	return !guest->archive.is_broken ||
	       fail_set(fail, FAIL_CONFLICT,
			"the overlays of a guest make an archive of more than %d MiB: put some of their "
			"files into the initramfs itself",
			EFFECTIVE_ARCHIVE_MAX_BYTES >> 20);
}

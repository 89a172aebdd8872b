/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and writes file overlays.
 *
 * Invariants: (1) Paths are sorted by their bytes, each is there once, and none has a file above it. (2) No path
 * leaves the guest's root, and none is an archive's trailer ('!' is not allowed in one). (3) Contents that are text
 * are written as text, all others as base64, so that the same files give the same id however they were given. Hostile
 * input: the text.
 */
#include "release/files.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { MODE_FILE = 0644, MODE_DIRECTORY = 0755, MODE_MOST = 01777, PATH_PART_MOST = 100 };

const char *file_path_problem(const char *path)
{
	static const char *const mounted[] = {"/dev", "/proc", "/run", "/sys"};
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+@:,=~";

	if (path[0] != '/' || path[1] == '\0') {
		return "is not absolute: begin it with '/' and name something";
	}
	for (const char *part = path + 1;; part++) {
		const size_t length = strspn(part, allowed);
		if (part[length] != '/' && part[length] != '\0') {
			return "has a character that is not allowed: use letters, digits and ._-+@:,=~";
		}
		if (length == 0) {
			return "has an empty part: leave out the '/' at its end, and every second one";
		}
		if (strncmp(part, "..", length) == 0) { /* "." too */
			return "has a part that is \".\" or \"..\": name the place itself";
		}
		if (length > PATH_PART_MOST) {
			return "has a part of more than 100 bytes: make it shorter";
		}
		part += length;
		if (*part == '\0') {
			break;
		}
	}
	for (unsigned i = 0; i < sizeof(mounted) / sizeof(mounted[0]); i++) {
		const size_t length = strlen(mounted[i]);
		if (strncmp(path, mounted[i], length) == 0 && (path[length] == '/' || path[length] == '\0')) {
			return "is hidden by what a guest mounts on /dev, /proc, /run and /sys: choose another place";
		}
	}
	return NULL;
}

/* --- reading --- */

static bool read_mode(const struct member *m, struct file_entry *file)
{
	char text[8];

	file->mode = file->is_directory ? MODE_DIRECTORY : MODE_FILE;
	if (!member_is_there(m)) {
		return true;
	}
	if (!member_text(m, MEMBER_LINE, 3, text, sizeof(text))) {
		return false;
	}
	if (strspn(text, "01234567") != strlen(text)) {
		return member_refuse(m, "is \"%s\": give permissions in octal digits, like \"0644\"", text);
	}
	file->mode = (uint32_t)strtoul(text, NULL, 8);
	if (file->mode > (file->is_directory ? MODE_MOST : 0777u)) {
		return member_refuse(m, "is \"%s\": files have 0777 at most, directories 1777", text);
	}
	return true;
}

static bool read_content(const struct member *m, struct file_entry *file)
{
	const struct member text = member_of(m, "text");
	const struct member base64 = member_of(m, "base64");

	if (member_is_there(&text) == member_is_there(&base64)) {
		return member_refuse(m, "needs \"text\", \"base64\" or \"directory\": give one of them");
	}
	if (member_is_there(&base64)) {
		return member_base64(&base64, FILES_CONTENT_MAX_BYTES, &file->bytes, &file->size);
	}
	if (!json_is_string(text.value)) {
		return member_refuse(&text, "is no string: give the file's content");
	}
	file->size = json_string_length(text.value);
	if (file->size > FILES_CONTENT_MAX_BYTES) {
		return member_refuse(&text, "has %zu bytes: %d are the most", file->size, FILES_CONTENT_MAX_BYTES);
	}
	file->bytes = malloc(file->size + 1);
	if (file->bytes == NULL) {
		return fail_set(m->fail, FAIL_UNAVAILABLE, "Memory is short: try again");
	}
	memcpy(file->bytes, json_string_value(text.value), file->size + 1);
	return true;
}

static bool read_file(const struct member *m, struct file_entry *file)
{
	static const char *const keys[] = {"path", "mode", "text", "base64", "directory", NULL};
	const struct member path = member_of(m, "path");
	const struct member mode = member_of(m, "mode");
	const struct member directory = member_of(m, "directory");

	if (!member_object(m, keys) || !member_text(&path, MEMBER_LINE, 1, file->path, sizeof(file->path))) {
		return false;
	}
	const char *problem = file_path_problem(file->path);
	if (problem != NULL) {
		return member_refuse(&path, "\"%.60s\" %s", file->path, problem);
	}
	file->is_directory = member_is_there(&directory);
	if (!file->is_directory) {
		return read_mode(&mode, file) && read_content(m, file);
	}
	if (!json_is_true(directory.value)) {
		return member_refuse(&directory, "is not true: leave it out for a file");
	}
	for (unsigned i = 2; i < 4; i++) { /* text, base64 */
		const struct member content = member_of(m, keys[i]);
		if (member_is_there(&content)) {
			return member_refuse(&content, "says nothing of a directory: leave it out");
		}
	}
	return read_mode(&mode, file);
}

static int compare_files(const void *a, const void *b)
{
	const struct file_entry *left = a;
	const struct file_entry *right = b;

	return strcmp(left->path, right->path);
}

static bool is_above(const char *path, const char *below)
{
	const size_t length = strlen(path);

	return strncmp(path, below, length) == 0 && below[length] == '/';
}

/* Sorted; no path twice, no file where others need a directory. */
static bool check_paths(const struct member *m, struct file_overlay *overlay)
{
	qsort(overlay->files, overlay->count, sizeof(overlay->files[0]), compare_files);
	for (unsigned i = 0; i < overlay->count; i++) {
		const struct file_entry *file = &overlay->files[i];
		if (i > 0 && strcmp(file->path, file[-1].path) == 0) {
			return member_refuse(m, "has \"%.60s\" twice: give each path once", file->path);
		}
		/* "/a-b" sorts between "/a" and "/a/b". */
		for (unsigned k = i + 1; k < overlay->count && !file->is_directory; k++) {
			if (is_above(file->path, overlay->files[k].path)) {
				return member_refuse(m,
						     "has \"%.60s\" as a file, and \"%.60s\" below it: leave one out",
						     file->path, overlay->files[k].path);
			}
		}
	}
	return true;
}

static bool read_files(const struct member *in, struct file_overlay *overlay)
{
	const struct member m = member_of(in, "files");
	size_t total = 0;
	unsigned count = 0;

	if (!member_is_there(&m)) {
		return true;
	}
	if (!member_array(&m, 0, FILES_MAX, &count)) {
		return false;
	}
	overlay->files = calloc(count + 1u, sizeof(overlay->files[0]));
	if (overlay->files == NULL) {
		return fail_set(in->fail, FAIL_UNAVAILABLE, "Memory is short: try again");
	}
	overlay->count = count; /* those not read yet are zero, and freed as such */
	for (unsigned i = 0; i < count; i++) {
		const struct member element = member_at(&m, i);
		if (!read_file(&element, &overlay->files[i])) {
			return false;
		}
		total += overlay->files[i].size;
		if (total > FILES_CONTENT_MAX_BYTES) {
			return member_refuse(&element,
					     "makes the files larger than %d bytes together: put them into the "
					     "initramfs itself",
					     FILES_CONTENT_MAX_BYTES);
		}
	}
	return check_paths(&m, overlay);
}

static bool read_overlay(const struct member *m, struct file_overlay *overlay)
{
	static const char *const keys[] = {"name", "bootargs", "files", "notes", NULL};
	const struct member name = member_of(m, "name");
	const struct member bootargs = member_of(m, "bootargs");
	const struct member notes = member_of(m, "notes");

	if (!member_object(m, keys) || !member_text(&name, MEMBER_NAME, 1, overlay->name, sizeof(overlay->name)) ||
	    (member_is_there(&bootargs) &&
	     !member_text(&bootargs, MEMBER_LINE, 0, overlay->bootargs, sizeof(overlay->bootargs))) ||
	    (member_is_there(&notes) &&
	     !member_text(&notes, MEMBER_PROSE, 0, overlay->notes, sizeof(overlay->notes))) ||
	    !read_files(m, overlay)) {
		return false;
	}
	return overlay->count != 0 || overlay->bootargs[0] != '\0' ||
	       member_refuse(m, "changes nothing: give files, bootargs or both");
}

bool file_overlay_parse(struct file_overlay *overlay, const char *text, size_t bytes, struct fail *fail)
{
	struct member document;

	memset(overlay, 0, sizeof(*overlay));
	if (!member_document(&document, "overlay", text, bytes, FILES_DOCUMENT_MAX_BYTES, fail)) {
		return false;
	}
	const bool is_good = read_overlay(&document, overlay);
	json_decref(document.value);
	if (!is_good || !member_id(file_overlay_print(overlay, fail), overlay->id)) {
		file_overlay_free(overlay);
		return false;
	}
	return true;
}

void file_overlay_free(struct file_overlay *overlay)
{
	for (unsigned i = 0; i < overlay->count; i++) {
		free(overlay->files[i].bytes);
	}
	free(overlay->files);
	overlay->files = NULL;
	overlay->count = 0;
}

/* --- writing --- */

static bool is_text(const struct file_entry *file)
{
	const char *bytes = (const char *)file->bytes;

	for (size_t i = 0; i < file->size;) {
		const unsigned step = text_utf8(bytes + i, file->size - i);
		if (step == 0 || bytes[i] == '\0') {
			return false;
		}
		i += step;
	}
	return true;
}

static json_t *print_content(const struct file_entry *file)
{
	if (is_text(file)) {
		return json_stringn((const char *)file->bytes, file->size);
	}
	const size_t room = sodium_base64_ENCODED_LEN(file->size, sodium_base64_VARIANT_ORIGINAL);
	char *text = malloc(room);
	json_t *json = NULL;
	if (text != NULL) {
		json = json_string(
			sodium_bin2base64(text, room, file->bytes, file->size, sodium_base64_VARIANT_ORIGINAL));
	}
	free(text);
	return json;
}

static json_t *print_file(const struct file_entry *file)
{
	char mode[8];

	(void)snprintf(mode, sizeof(mode), "%04o", file->mode & 07777u);
	if (file->is_directory) {
		return json_pack("{s:s, s:s, s:b}", "path", file->path, "mode", mode, "directory", 1);
	}
	return json_pack("{s:s, s:s, s:o}", "path", file->path, "mode", mode, is_text(file) ? "text" : "base64",
			 print_content(file));
}

char *file_overlay_print(const struct file_overlay *overlay, struct fail *fail)
{
	json_t *files = overlay->count != 0 ? json_array() : NULL;
	bool is_short = false;

	for (unsigned i = 0; i < overlay->count; i++) {
		is_short |= json_array_append_new(files, print_file(&overlay->files[i])) != 0;
	}
	json_t *json = json_pack("{s:s, s:s*, s:o*, s:s*}", "name", overlay->name, "bootargs",
				 overlay->bootargs[0] != '\0' ? overlay->bootargs : NULL, "files", files, "notes",
				 overlay->notes[0] != '\0' ? overlay->notes : NULL);
	if (is_short) {
		json_decref(json);
		json = NULL;
	}
	return member_print(json, fail);
}

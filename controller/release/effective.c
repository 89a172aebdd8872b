/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lays release, overlays and assignment over one another, and makes the node's manifest.
 *
 * Invariants: (1) The order is board, role, node, in one function (lay_guest). (2) The manifest is read back with the
 * node's own codec. (3) What was read of a blob has its hash: a damaged initramfs is an error, never served under a
 * new name.
 */
#include "release/effective.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "release/archive.h"

enum { CHUNK_BYTES = 64 << 10, HOSTNAME_MODE = 0644 };

static const char hostname_path[] = "/etc/hostname";

const struct file_overlay *effective_find_files(const struct effective_input *input, const char *sha256)
{
	for (size_t i = 0; i < input->file_count; i++) {
		if (strcmp(input->files[i]->id, sha256) == 0) {
			return input->files[i];
		}
	}
	return NULL;
}

const struct tree_overlay *effective_find_tree(const struct effective_input *input, const char *sha256)
{
	for (size_t i = 0; i < input->tree_count; i++) {
		if (strcmp(input->trees[i]->id, sha256) == 0) {
			return input->trees[i];
		}
	}
	return NULL;
}

static bool refuse_missing(const struct release_guest *guest, const char *what, const char *sha256, struct fail *fail)
{
	return fail_set(fail, FAIL_NOT_FOUND,
			"guest \"%s\" wants the %s overlay %.16s..., which is not there: add it first", guest->name,
			what, sha256);
}

/* --- one guest --- */

/* A guest that is being laid. */
struct laying {
	const struct effective_input *input;
	const struct release_guest *from;
	const struct assignment_guest *values; /* NULL: the node has none */
	struct manifest_guest *to;
	struct effective_guest *guest;
	struct fail *fail;
};

static bool add_bootargs(struct laying *l, const char *key, const char *value)
{
	char *bootargs = l->to->bootargs;
	const size_t have = strlen(bootargs);
	const size_t more = strlen(key) + strlen(value);
	const char *between = have != 0 ? " " : "";

	if (more == 0) {
		return true;
	}
	if (have + strlen(between) + more > MANIFEST_BOOTARGS_BYTES - 1) {
		return fail_set(
			l->fail, FAIL_CONFLICT,
			"guest \"%s\": its bootargs with those of overlays and node have more than %d bytes: shorten "
			"them",
			l->from->name, MANIFEST_BOOTARGS_BYTES - 1);
	}
	(void)snprintf(bootargs + have, MANIFEST_BOOTARGS_BYTES - have, "%s%s%s", between, key, value);
	return true;
}

static bool lay_board(struct laying *l)
{
	for (unsigned i = 0; i < l->from->device_tree.count; i++) {
		const char *sha256 = l->from->device_tree.sha256[i];
		const struct tree_overlay *tree = effective_find_tree(l->input, sha256);
		if (tree == NULL) {
			return refuse_missing(l->from, "device tree", sha256, l->fail);
		}
		if (tree_overlay_is_for(tree, l->input->board)) {
			l->guest->trees[l->guest->tree_count++] = tree;
		}
	}
	return true;
}

static bool lay_roles(struct laying *l)
{
	for (unsigned i = 0; i < l->from->roles.count; i++) {
		const char *sha256 = l->from->roles.sha256[i];
		const struct file_overlay *overlay = effective_find_files(l->input, sha256);
		if (overlay == NULL) {
			return refuse_missing(l->from, "file", sha256, l->fail);
		}
		if (!archive_add(l->guest, overlay, EFFECTIVE_ROLE, l->fail) ||
		    !add_bootargs(l, "", overlay->bootargs)) {
			return false;
		}
	}
	return true;
}

static bool lay_hostname(struct laying *l)
{
	const char *hostname = l->values->hostname;
	struct effective_file file = {.mode = HOSTNAME_MODE,
				      .bytes = (const uint8_t *)hostname,
				      .size = strlen(hostname),
				      .layer = EFFECTIVE_NODE,
				      .overlay = "hostname"};

	if (hostname[0] == '\0') {
		return true;
	}
	memcpy(file.path, hostname_path, sizeof(hostname_path));
	return (!l->from->has_initramfs || archive_add_file(l->guest, &file, l->fail)) &&
	       add_bootargs(l, "hostname=", hostname);
}

static bool lay_node(struct laying *l)
{
	if (l->values == NULL) {
		return true;
	}
	if (l->values->files[0] != '\0') {
		const struct file_overlay *overlay = effective_find_files(l->input, l->values->files);
		if (overlay == NULL) {
			return refuse_missing(l->from, "file", l->values->files, l->fail);
		}
		if (overlay->bootargs[0] != '\0' && !l->from->may_bootargs) {
			return fail_set(l->fail, FAIL_CONFLICT,
					"overlay \"%s\" has bootargs, which the release does not allow a node for "
					"guest \"%s\": take one without, or a release with it in per_node",
					overlay->name, l->from->name);
		}
		if (!archive_add(l->guest, overlay, EFFECTIVE_NODE, l->fail) ||
		    !add_bootargs(l, "", overlay->bootargs)) {
			return false;
		}
	}
	return add_bootargs(l, "", l->values->bootargs) && lay_hostname(l);
}

static bool set_blob(struct manifest_blob *to, const struct release_blob *from)
{
	to->offset = 0;
	to->size_bytes = from->bytes;
	memcpy(to->version, from->version, sizeof(to->version));
	return hex_parse(from->sha256, to->sha256, sizeof(to->sha256));
}

/* The hash of the initramfs with the archive behind it. */
static bool hash_initramfs(struct laying *l, uint8_t *chunk, uint8_t sha256[BUNDLE_SHA256_BYTES])
{
	const struct release_blob *base = &l->from->initramfs;
	crypto_hash_sha256_state state;
	crypto_hash_sha256_state base_state;
	uint8_t base_sha256[BUNDLE_SHA256_BYTES];
	char hex[MEMBER_SHA256_BYTES];

	(void)crypto_hash_sha256_init(&state);
	for (uint64_t at = 0; at < base->bytes;) {
		const size_t count = base->bytes - at < CHUNK_BYTES ? (size_t)(base->bytes - at) : CHUNK_BYTES;
		if (!l->input->read(l->input->argument, base->sha256, at, chunk, count, l->fail)) {
			return false;
		}
		(void)crypto_hash_sha256_update(&state, chunk, count);
		at += count;
	}
	base_state = state;
	(void)crypto_hash_sha256_final(&base_state, base_sha256);
	if (strcmp(hex_print(base_sha256, sizeof(base_sha256), hex), base->sha256) != 0) {
		return fail_set(
			l->fail, FAIL_CONFLICT,
			"the initramfs %.16s... of guest \"%s\" is damaged, or has not the %llu bytes that the release "
			"says: import it again",
			base->sha256, l->from->name, (unsigned long long)base->bytes);
	}
	(void)crypto_hash_sha256_update(&state, (const unsigned char *)l->guest->archive.bytes,
					l->guest->archive.length);
	(void)crypto_hash_sha256_final(&state, sha256);
	return true;
}

static bool lay_files(struct laying *l)
{
	struct manifest_blob *to = &l->to->initramfs;
	const uint64_t base_bytes = l->from->initramfs.bytes;

	if (l->guest->file_count == 0) {
		return true;
	}
	if (!archive_make(l->guest, base_bytes, l->fail)) {
		return false;
	}
	if (l->guest->archive.length > MANIFEST_BLOB_MAX_BYTES - base_bytes) {
		return fail_set(l->fail, FAIL_CONFLICT,
				"guest \"%s\": its initramfs with the overlays is larger than a node takes",
				l->from->name);
	}
	uint8_t *chunk = malloc(CHUNK_BYTES);
	const bool is_hashed = chunk != NULL ? hash_initramfs(l, chunk, to->sha256)
					     : fail_set(l->fail, FAIL_UNAVAILABLE, "Memory is short: try again");
	free(chunk);
	to->size_bytes = base_bytes + l->guest->archive.length;
	return is_hashed;
}

static bool lay_guest(struct laying *l)
{
	const struct release_guest *from = l->from;
	struct manifest_guest *to = l->to;

	memcpy(to->name, from->name, sizeof(to->name));
	to->vcpu_count = from->vcpus;
	to->memory_mib = from->memory_mib;
	to->reset = from->reset;
	to->has_initramfs = from->has_initramfs;
	if (!set_blob(&to->kernel, &from->kernel) ||
	    (from->has_initramfs && !set_blob(&to->initramfs, &from->initramfs))) {
		return fail_set(l->fail, FAIL_INTERNAL, "guest \"%s\" has a hash that is none", from->name);
	}
	return add_bootargs(l, "", from->bootargs) && lay_board(l) && lay_roles(l) && lay_node(l) && lay_files(l);
}

/* --- the node --- */

static bool make_fdt(struct effective *effective, struct fail *fail)
{
	struct manifest *again = malloc(sizeof(*again));
	struct wire_error error;
	uint8_t hash[crypto_hash_sha256_BYTES];
	char text[WIRE_ERROR_TEXT_BYTES];

	effective->fdt = malloc(BUNDLE_MANIFEST_MAX_BYTES);
	if (again == NULL || effective->fdt == NULL) {
		free(again);
		return fail_set(fail, FAIL_UNAVAILABLE, "Memory is short: try again");
	}
	const bool is_good = manifest_encode(&effective->manifest, effective->fdt, BUNDLE_MANIFEST_MAX_BYTES,
					     &effective->fdt_bytes, &error) &&
			     manifest_decode(effective->fdt, effective->fdt_bytes, again, &error);
	free(again);
	if (!is_good) {
		return fail_set(fail, FAIL_CONFLICT, "a node would refuse this: %s",
				wire_error_text(&error, text, sizeof(text)));
	}
	(void)crypto_hash_sha256(hash, effective->fdt, effective->fdt_bytes);
	(void)hex_print(hash, sizeof(hash), effective->fdt_sha256);
	return true;
}

static bool lay_node_manifest(struct effective *effective, const struct effective_input *input, struct fail *fail)
{
	const struct release_document *release = input->release;
	struct manifest *manifest = &effective->manifest;

	memcpy(manifest->name, release->name, sizeof(manifest->name));
	memcpy(manifest->version, release->version, sizeof(manifest->version));
	manifest->has_service = true;
	manifest->service.size_bytes = release->service.bytes;
	if (!hex_parse(release->service.sha256, manifest->service.sha256, sizeof(manifest->service.sha256))) {
		return fail_set(fail, FAIL_INTERNAL, "the release's service has a hash that is none");
	}
	manifest->guest_count = release->guest_count;
	for (unsigned i = 0; i < release->guest_count; i++) {
		struct laying l = {.input = input,
				   .from = &release->guests[i],
				   .to = &manifest->guests[i],
				   .guest = &effective->guests[i],
				   .fail = fail};
		l.values = input->assignment != NULL ? assignment_of(input->assignment, l.from->name) : NULL;
		if (!lay_guest(&l)) {
			return false;
		}
	}
	return make_fdt(effective, fail);
}

bool effective_make(struct effective *effective, const struct effective_input *input, struct fail *fail)
{
	memset(effective, 0, sizeof(*effective));
	if (input->assignment != NULL && !assignment_check(input->assignment, input->release, fail)) {
		return false;
	}
	if (!lay_node_manifest(effective, input, fail)) {
		effective_free(effective);
		return false;
	}
	return true;
}

void effective_free(struct effective *effective)
{
	for (unsigned i = 0; i < RELEASE_GUEST_MAX; i++) {
		free(effective->guests[i].files);
		text_free(&effective->guests[i].archive);
		effective->guests[i] = (struct effective_guest){0};
	}
	free(effective->fdt);
	effective->fdt = NULL;
	effective->fdt_bytes = 0;
}

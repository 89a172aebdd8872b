/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a manifest into a bounded struct.
 *
 * Hostile input: the whole blob, although the header's hash covers it (the hash is no signature).
 * tree_check() walks the structure once, so that the look-ups that follow stay inside the blob;
 * every value is then checked for length and range before it is stored, and the number of guests that
 * are looked at is bounded. Nothing here recurses or allocates.
 */
#include "wire/manifest.h"

#include <libfdt.h>
#include <string.h>

#include "wire/refuse.h"
#include "wire/tree.h"

/* What an error calls the node that is being read. */
struct reader {
	const void *fdt;
	int node;
	const char *scope;
	struct wire_error *error;
};

enum charset { CHARSET_NAME, CHARSET_PRINTABLE };

static bool is_allowed(char c, enum charset set)
{
	if (set == CHARSET_PRINTABLE) {
		return c >= ' ' && c <= '~';
	}
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

static bool read_bytes(const struct reader *r, const char *property, size_t bytes,
		       const void **value)
{
	int length = 0;
	const void *p = fdt_getprop(r->fdt, r->node, property, &length);

	if (p == NULL) {
		return wire_refuse(r->error, WIRE_MANIFEST_MISSING, 0, 0, r->scope, property);
	}
	if ((size_t)length != bytes) {
		return wire_refuse(r->error, WIRE_MANIFEST_PROPERTY, (uint64_t)length, bytes,
				   r->scope, property);
	}
	*value = p;
	return true;
}

static bool read_u32(const struct reader *r, const char *property, uint32_t *value)
{
	const void *p = NULL;

	if (!read_bytes(r, property, sizeof(fdt32_t), &p)) {
		return false;
	}
	*value = fdt32_ld(p);
	return true;
}

static bool read_string(const struct reader *r, const char *property, enum charset set, char *text,
			size_t size)
{
	int length = 0;
	const char *p = fdt_getprop(r->fdt, r->node, property, &length);

	if (p == NULL) {
		return wire_refuse(r->error, WIRE_MANIFEST_MISSING, 0, 0, r->scope, property);
	}
	if (length <= 0 || memchr(p, 0, (size_t)length) != p + length - 1) {
		return wire_refuse(r->error, WIRE_MANIFEST_STRING_END, 0, 0, r->scope, property);
	}
	if ((size_t)length > size) {
		return wire_refuse(r->error, WIRE_MANIFEST_STRING_LONG, (uint64_t)length - 1,
				   size - 1, r->scope, property);
	}
	for (int i = 0; i < length - 1; i++) {
		if (!is_allowed(p[i], set)) {
			return wire_refuse(r->error, WIRE_MANIFEST_STRING_CHARACTER, (uint8_t)p[i],
					   0, r->scope, property);
		}
	}
	memcpy(text, p, (size_t)length);
	return true;
}

static bool read_name(const struct reader *r, char name[MANIFEST_NAME_BYTES])
{
	if (!read_string(r, "name", CHARSET_NAME, name, MANIFEST_NAME_BYTES)) {
		return false;
	}
	if (name[0] == '\0') {
		return wire_refuse(r->error, WIRE_MANIFEST_STRING_EMPTY, 0, 0, r->scope, "name");
	}
	return true;
}

static bool read_optional_string(const struct reader *r, const char *property, char *text,
				 size_t size)
{
	text[0] = '\0';
	if (fdt_getprop(r->fdt, r->node, property, NULL) == NULL) {
		return true;
	}
	return read_string(r, property, CHARSET_PRINTABLE, text, size);
}

/* The sha256 and size of a node that names a blob; r->scope is its name. */
static bool read_hash_size(const struct reader *r, uint64_t max_bytes, uint8_t sha256[BUNDLE_SHA256_BYTES],
			   uint64_t *size_bytes)
{
	const void *p = NULL;

	if (!read_bytes(r, "sha256", BUNDLE_SHA256_BYTES, &p)) {
		return false;
	}
	memcpy(sha256, p, BUNDLE_SHA256_BYTES);
	if (!read_bytes(r, "size", sizeof(fdt64_t), &p)) {
		return false;
	}
	*size_bytes = fdt64_ld(p);
	if (*size_bytes == 0 || *size_bytes > max_bytes) {
		return wire_refuse(r->error, WIRE_MANIFEST_BLOB_SIZE, *size_bytes, max_bytes, r->scope, "size");
	}
	return true;
}

/* A blob's node is `kernel` or `initramfs` of a guest. */
static bool read_blob(const struct reader *r, struct manifest_blob *blob)
{
	blob->offset = 0;
	return read_hash_size(r, MANIFEST_BLOB_MAX_BYTES, blob->sha256, &blob->size_bytes) &&
	       read_optional_string(r, "version", blob->version, sizeof(blob->version));
}

static bool read_blobs(const struct reader *r, struct manifest_guest *guest)
{
	struct reader blob = *r;

	blob.node = fdt_subnode_offset(r->fdt, r->node, "kernel");
	if (blob.node < 0) {
		return wire_refuse(r->error, WIRE_MANIFEST_MISSING, 0, 0, r->scope, "kernel");
	}
	blob.scope = "kernel";
	if (!read_blob(&blob, &guest->kernel)) {
		return false;
	}
	blob.node = fdt_subnode_offset(r->fdt, r->node, "initramfs");
	guest->has_initramfs = blob.node >= 0;
	blob.scope = "initramfs";
	return !guest->has_initramfs || read_blob(&blob, &guest->initramfs);
}

static bool read_reset(const struct reader *r, enum manifest_reset *reset)
{
	char text[sizeof("retain")];

	*reset = MANIFEST_RETAIN;
	if (fdt_getprop(r->fdt, r->node, "reset", NULL) == NULL) {
		return true;
	}
	if (!read_string(r, "reset", CHARSET_NAME, text, sizeof(text))) {
		return false;
	}
	if (strcmp(text, "fetch") == 0) {
		*reset = MANIFEST_FETCH;
	} else if (strcmp(text, "retain") != 0) {
		return wire_refuse(r->error, WIRE_MANIFEST_RESET, 0, 0, r->scope, "reset");
	}
	return true;
}

static bool read_guest(const struct reader *r, uint32_t place, struct manifest_guest *guest)
{
	uint32_t reg = 0;

	if (!read_u32(r, "reg", &reg)) {
		return false;
	}
	if (reg != place) {
		return wire_refuse(r->error, WIRE_MANIFEST_GUEST_ORDER, reg, place, NULL, r->scope);
	}
	if (!read_name(r, guest->name) || !read_u32(r, "vcpus", &guest->vcpu_count) ||
	    !read_u32(r, "memory-mib", &guest->memory_mib)) {
		return false;
	}
	if (guest->vcpu_count == 0 || guest->vcpu_count > MANIFEST_VCPU_MAX) {
		return wire_refuse(r->error, WIRE_MANIFEST_VCPUS, guest->vcpu_count,
				   MANIFEST_VCPU_MAX, r->scope, "vcpus");
	}
	if (guest->memory_mib == 0 || guest->memory_mib % 2 != 0 ||
	    guest->memory_mib > MANIFEST_MEMORY_MIB_MAX) {
		return wire_refuse(r->error, WIRE_MANIFEST_MEMORY, guest->memory_mib,
				   MANIFEST_MEMORY_MIB_MAX, r->scope, "memory-mib");
	}
	return read_optional_string(r, "bootargs", guest->bootargs, sizeof(guest->bootargs)) &&
	       read_reset(r, &guest->reset) && read_blobs(r, guest);
}

static bool is_name_taken(const struct manifest *manifest, const char *name)
{
	for (uint32_t i = 0; i < manifest->guest_count; i++) {
		if (strcmp(manifest->guests[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

static bool read_guests(struct reader *r, struct manifest *manifest)
{
	const int guests = fdt_path_offset(r->fdt, "/guests");
	int node;

	manifest->guest_count = 0;
	if (guests < 0) {
		return wire_refuse(r->error, WIRE_MANIFEST_MISSING, 0, 0, NULL, "/guests");
	}
	fdt_for_each_subnode(node, r->fdt, guests)
	{
		if (manifest->guest_count == MANIFEST_GUEST_MAX) {
			return wire_refuse(r->error, WIRE_MANIFEST_GUESTS, 0, MANIFEST_GUEST_MAX,
					   NULL, NULL);
		}
		struct manifest_guest *guest = &manifest->guests[manifest->guest_count];
		r->node = node;
		r->scope = fdt_get_name(r->fdt, node, NULL);
		if (!read_guest(r, manifest->guest_count, guest)) {
			return false;
		}
		if (is_name_taken(manifest, guest->name)) {
			return wire_refuse(r->error, WIRE_MANIFEST_GUEST_TWICE, 0, 0, NULL,
					   guest->name);
		}
		manifest->guest_count++;
	}
	if (manifest->guest_count == 0) {
		return wire_refuse(r->error, WIRE_MANIFEST_NO_GUESTS, 0, 0, NULL, NULL);
	}
	return true;
}

static bool read_service(const struct reader *r, struct manifest *manifest)
{
	struct reader service = *r;

	service.node = fdt_subnode_offset(r->fdt, 0, "service");
	service.scope = "service";
	manifest->has_service = service.node >= 0;
	return !manifest->has_service ||
	       read_hash_size(&service, MANIFEST_SERVICE_MAX_BYTES, manifest->service.sha256,
			      &manifest->service.size_bytes);
}

bool manifest_decode(const void *fdt, size_t fdt_bytes, struct manifest *manifest,
		     struct wire_error *error)
{
	const int broken = tree_check(fdt, fdt_bytes);

	if (broken != 0) {
		return wire_refuse(error, WIRE_MANIFEST_FDT, (uint64_t)-broken, 0, NULL, NULL);
	}
	if (fdt_totalsize(fdt) != fdt_bytes) {
		return wire_refuse(error, WIRE_MANIFEST_SIZE, fdt_totalsize(fdt), fdt_bytes, NULL,
				   NULL);
	}
	if (fdt_node_check_compatible(fdt, 0, MANIFEST_COMPATIBLE) != 0) {
		return wire_refuse(error, WIRE_MANIFEST_COMPATIBLE, 0, 0, NULL, NULL);
	}
	struct reader r = {.fdt = fdt, .node = 0, .scope = "the bundle's", .error = error};
	return read_name(&r, manifest->name) &&
	       read_string(&r, "version", CHARSET_PRINTABLE, manifest->version,
			   sizeof(manifest->version)) &&
	       read_guests(&r, manifest) && read_service(&r, manifest);
}

bool manifest_locate_blobs(struct manifest *manifest, const struct bundle_header *header,
			   struct wire_error *error)
{
	struct bundle_walk walk;

	bundle_walk_start(&walk, header);
	for (uint32_t i = 0; i < manifest->guest_count; i++) {
		struct manifest_guest *guest = &manifest->guests[i];
		if (!bundle_walk_next(&walk, guest->kernel.size_bytes, "a kernel",
				      &guest->kernel.offset, error)) {
			return false;
		}
		if (guest->has_initramfs &&
		    !bundle_walk_next(&walk, guest->initramfs.size_bytes, "an initramfs",
				      &guest->initramfs.offset, error)) {
			return false;
		}
	}
	return bundle_walk_finish(&walk, error);
}

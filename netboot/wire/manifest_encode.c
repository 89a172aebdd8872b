/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a manifest. Used by tools, never on a node. Properties are written in one fixed order, so the
 * same manifest gives the same bytes.
 */
#include <libfdt.h>
#include <string.h>

#include "wire/manifest.h"
#include "wire/refuse.h"

/* Keeps the first error of a sequence of libfdt calls. */
static void note(int *status, int result)
{
	if (*status == 0) {
		*status = result;
	}
}

static void put_string(void *fdt, int *status, const char *property, const char *text)
{
	note(status, fdt_property(fdt, property, text, (int)strlen(text) + 1));
}

static void put_blob(void *fdt, int *status, const char *node, const struct manifest_blob *blob)
{
	note(status, fdt_begin_node(fdt, node));
	note(status, fdt_property(fdt, "sha256", blob->sha256, sizeof(blob->sha256)));
	note(status, fdt_property_u64(fdt, "size", blob->size_bytes));
	if (blob->version[0] != '\0') {
		put_string(fdt, status, "version", blob->version);
	}
	note(status, fdt_end_node(fdt));
}

static void put_guest(void *fdt, int *status, uint32_t place, const struct manifest_guest *guest)
{
	char node[] = "guest@0";

	node[sizeof(node) - 2] = (char)('0' + place);
	note(status, fdt_begin_node(fdt, node));
	note(status, fdt_property_u32(fdt, "reg", place));
	put_string(fdt, status, "name", guest->name);
	note(status, fdt_property_u32(fdt, "vcpus", guest->vcpu_count));
	note(status, fdt_property_u32(fdt, "memory-mib", guest->memory_mib));
	if (guest->bootargs[0] != '\0') {
		put_string(fdt, status, "bootargs", guest->bootargs);
	}
	put_string(fdt, status, "reset", guest->reset == MANIFEST_FETCH ? "fetch" : "retain");
	put_blob(fdt, status, "kernel", &guest->kernel);
	if (guest->has_initramfs) {
		put_blob(fdt, status, "initramfs", &guest->initramfs);
	}
	note(status, fdt_end_node(fdt));
}

static void put_service(void *fdt, int *status, const struct manifest_service *service)
{
	note(status, fdt_begin_node(fdt, "service"));
	note(status, fdt_property(fdt, "sha256", service->sha256, sizeof(service->sha256)));
	note(status, fdt_property_u64(fdt, "size", service->size_bytes));
	note(status, fdt_end_node(fdt));
}

bool manifest_encode(const struct manifest *manifest, void *fdt, size_t size, size_t *fdt_bytes,
		     struct wire_error *error)
{
	int status = fdt_create(fdt, (int)size);

	note(&status, fdt_finish_reservemap(fdt));
	note(&status, fdt_begin_node(fdt, ""));
	put_string(fdt, &status, "compatible", MANIFEST_COMPATIBLE);
	put_string(fdt, &status, "name", manifest->name);
	put_string(fdt, &status, "version", manifest->version);
	note(&status, fdt_begin_node(fdt, "guests"));
	note(&status, fdt_property_u32(fdt, "#address-cells", 1));
	note(&status, fdt_property_u32(fdt, "#size-cells", 0));
	for (uint32_t i = 0; i < manifest->guest_count && i < MANIFEST_GUEST_MAX; i++) {
		put_guest(fdt, &status, i, &manifest->guests[i]);
	}
	note(&status, fdt_end_node(fdt));
	if (manifest->has_service) {
		put_service(fdt, &status, &manifest->service);
	}
	note(&status, fdt_end_node(fdt));
	note(&status, fdt_finish(fdt));
	if (status != 0) {
		return wire_refuse(error, WIRE_MANIFEST_SPACE, 0, size, NULL, NULL);
	}
	*fdt_bytes = fdt_totalsize(fdt);
	return true;
}

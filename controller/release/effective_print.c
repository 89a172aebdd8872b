/* SPDX-License-Identifier: Apache-2.0 */
/* What a node will boot, as text: one guest after the other, each part with where it comes from. */
#include <string.h>

#include "base/id.h"
#include "release/effective.h"

static const char *const layer_names[] = {[EFFECTIVE_RELEASE] = "release",
					  [EFFECTIVE_BOARD] = "board",
					  [EFFECTIVE_ROLE] = "role",
					  [EFFECTIVE_NODE] = "node"};

static void print_blob(struct text *to, const char *what, const struct manifest_blob *blob)
{
	char hex[MEMBER_SHA256_BYTES];

	text_printf(to, "  %-12s %.16s..., %llu bytes%s%s\n", what, hex_print(blob->sha256, sizeof(blob->sha256), hex),
		    (unsigned long long)blob->size_bytes, blob->version[0] != '\0' ? ", " : "", blob->version);
}

static void print_source(struct text *to, const char *bootargs, const char *layer, const char *name)
{
	if (bootargs[0] != '\0') {
		text_printf(to, "    %-10s %s%s%s\n", layer, bootargs, name[0] != '\0' ? "    by " : "", name);
	}
}

/* In the order in which they were put behind one another. */
static void print_bootargs(struct text *to, const struct effective_input *input, const struct release_guest *guest,
			   const char *bootargs)
{
	const struct assignment_guest *values =
		input->assignment != NULL ? assignment_of(input->assignment, guest->name) : NULL;

	text_printf(to, "  %-12s %s\n", "bootargs", bootargs[0] != '\0' ? bootargs : "(none)");
	if (strcmp(bootargs, guest->bootargs) == 0) {
		return;
	}
	print_source(to, guest->bootargs, "release", "");
	for (unsigned i = 0; i < guest->roles.count; i++) {
		const struct file_overlay *overlay = effective_find_files(input, guest->roles.sha256[i]);
		if (overlay != NULL) {
			print_source(to, overlay->bootargs, layer_names[EFFECTIVE_ROLE], overlay->name);
		}
	}
	if (values == NULL) {
		return;
	}
	const struct file_overlay *overlay = effective_find_files(input, values->files);
	if (overlay != NULL) {
		print_source(to, overlay->bootargs, layer_names[EFFECTIVE_NODE], overlay->name);
	}
	print_source(to, values->bootargs, layer_names[EFFECTIVE_NODE], "");
	if (values->hostname[0] != '\0') {
		text_printf(to, "    %-10s hostname=%s\n", layer_names[EFFECTIVE_NODE], values->hostname);
	}
}

static void print_files(struct text *to, const struct effective_guest *guest)
{
	if (guest->file_count == 0) {
		return;
	}
	text_printf(to, "  %-12s over the initramfs, in an archive of %zu bytes behind it\n", "files",
		    guest->archive.length);
	for (unsigned i = 0; i < guest->file_count; i++) {
		const struct effective_file *file = &guest->files[i];
		text_printf(to, "    %04o %8zu %s%s", file->mode, file->size, file->path,
			    file->is_directory ? "/" : "");
		if (file->layer != EFFECTIVE_RELEASE) {
			text_printf(to, "    %s %s", layer_names[file->layer], file->overlay);
		}
		text_puts(to, "\n");
	}
}

static void print_ready(struct text *to, const struct release_ready *ready)
{
	switch (ready->by) {
	case RELEASE_READY_BY_LINE:
		text_printf(to, "  %-12s when it prints the line \"%s\"\n", "ready", ready->line);
		break;
	case RELEASE_READY_BY_CALL:
		text_printf(to, "  %-12s when it makes the call that says so\n", "ready");
		break;
	case RELEASE_READY_BY_SECONDS:
		text_printf(to, "  %-12s after %u s without reset, panic or power-off\n", "ready", ready->seconds);
		break;
	}
}

static void print_guest(struct text *to, const struct effective *effective, const struct effective_input *input,
			unsigned slot)
{
	const struct manifest_guest *guest = &effective->manifest.guests[slot];
	const struct effective_guest *laid = &effective->guests[slot];

	text_printf(to, "guest %u \"%s\"\n", slot, guest->name);
	text_printf(to, "  %-12s %u vCPU%s, %u MiB; for a reset its payload is %s\n", "machine", guest->vcpu_count,
		    guest->vcpu_count == 1 ? "" : "s", guest->memory_mib,
		    guest->reset == MANIFEST_FETCH ? "fetched again" : "retained");
	print_blob(to, "kernel", &guest->kernel);
	if (guest->has_initramfs) {
		print_blob(to, "initramfs", &guest->initramfs);
	}
	print_bootargs(to, input, &input->release->guests[slot], guest->bootargs);
	for (unsigned i = 0; i < laid->tree_count; i++) {
		text_printf(to, "  %-12s %s, %.16s..., %zu bytes    %s\n", i == 0 ? "device tree" : "",
			    laid->trees[i]->name, laid->trees[i]->id, laid->trees[i]->bytes,
			    layer_names[EFFECTIVE_BOARD]);
	}
	print_files(to, laid);
	print_ready(to, &input->release->guests[slot].ready);
}

void effective_print(const struct effective *effective, const struct effective_input *input, struct text *to)
{
	const struct release_document *release = input->release;

	if (input->assignment != NULL) {
		text_printf(to, "node      %s\n", input->assignment->node);
	}
	text_printf(to, "release   %s %s, %.16s...\n", release->name, release->version, release->id);
	text_printf(to, "board     %s\n", input->board[0] != '\0' ? input->board : "(not known)");
	text_printf(to, "core      %.16s..., %llu bytes\n", release->core.sha256,
		    (unsigned long long)release->core.bytes);
	text_printf(to, "service   %.16s..., %llu bytes\n", release->service.sha256,
		    (unsigned long long)release->service.bytes);
	text_printf(to, "manifest  %s, %zu bytes\n", effective->fdt_sha256, effective->fdt_bytes);
	text_puts(to, "Overlays are laid in this order, the later over the earlier: board, role, node.\n");
	for (unsigned i = 0; i < effective->manifest.guest_count; i++) {
		text_puts(to, "\n");
		print_guest(to, effective, input, i);
	}
}

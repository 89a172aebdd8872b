/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares two releases member by member.
 *
 * What restarts follows from what a node compares: the core's hash (the node), the service's (the service), what is a
 * guest's in the node's manifest (that guest). What only the controller reads (names, notes, readiness, what nodes may
 * set) restarts nothing.
 *
 * Invariant: every member of a release is compared, so the count is 0 only for the same release; the tests change
 * each.
 */
#include "release/diff.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_BYTES = 64, SHOWN_BEFORE = 16, SHORT_HASH = 12 };

/* Whose lines are being made. */
struct comparing {
	struct diff *diff;
	bool is_guest;
	unsigned slot;
	const char *name;
};

__attribute__((format(printf, 3, 4))) static void say(const struct comparing *c, enum diff_restart restart,
						      const char *format, ...)
{
	struct diff *diff = c->diff;
	va_list arguments;

	diff->restarts_node |= restart == DIFF_RESTARTS_NODE;
	diff->restarts_service |= restart == DIFF_RESTARTS_SERVICE;
	diff->guests |= restart == DIFF_RESTARTS_GUEST ? 1u << c->slot : 0;
	if (diff->count == DIFF_LINES_MAX) {
		return; /* cannot be: four guests with all their overlays replaced stay below */
	}
	struct diff_line *line = &diff->lines[diff->count++];
	size_t at = 0;
	*line = (struct diff_line){.restart = restart, .slot = c->slot, .is_guest = c->is_guest};
	if (c->is_guest) {
		at = (size_t)snprintf(line->text, sizeof(line->text), "Guest %u \"%s\" ", c->slot, c->name);
	}
	va_start(arguments, format);
	(void)vsnprintf(line->text + at, sizeof(line->text) - at, format, arguments);
	va_end(arguments);
}

/* A text that may be long, from a little before where it differs from the other. */
static const char *shown(const char *text, const char *other, char to[SHOWN_BYTES])
{
	size_t skip = 0;

	while (text[skip] != '\0' && text[skip] == other[skip]) {
		skip++;
	}
	skip = strlen(text) < SHOWN_BYTES || skip < SHOWN_BEFORE ? 0 : skip - SHOWN_BEFORE;
	if (snprintf(to, SHOWN_BYTES, "%s%s", skip != 0 ? "..." : "", text + skip) >= SHOWN_BYTES) {
		memcpy(to + SHOWN_BYTES - 4, "...", 4);
	}
	return text[0] != '\0' ? to : "(none)";
}

/* Its version and the beginning of its hash. */
static const char *blob_name(const struct release_blob *blob, char to[SHOWN_BYTES])
{
	(void)snprintf(to, SHOWN_BYTES, "%.40s%s%.*s", blob->version, blob->version[0] != '\0' ? " " : "", SHORT_HASH,
		       blob->sha256);
	return to;
}

static bool is_same_blob(const struct release_blob *a, const struct release_blob *b)
{
	return strcmp(a->sha256, b->sha256) == 0 && a->bytes == b->bytes;
}

static void compare_blob(const struct comparing *c, enum diff_restart restart, const char *what,
			 const struct release_blob *old, const struct release_blob *new)
{
	char before[SHOWN_BYTES];
	char after[SHOWN_BYTES];

	if (!is_same_blob(old, new)) {
		say(c, restart, "%s %s instead of %s.", what, blob_name(new, after), blob_name(old, before));
	} else if (strcmp(old->version, new->version) != 0) {
		say(c, DIFF_RESTARTS_NOTHING, "%s the same, called version %s instead of %s.", what,
		    shown(new->version, old->version, after), shown(old->version, new->version, before));
	}
}

static void compare_text(const struct comparing *c, enum diff_restart restart, const char *what, const char *old,
			 const char *new)
{
	char before[SHOWN_BYTES];
	char after[SHOWN_BYTES];

	if (strcmp(old, new) != 0) {
		say(c, restart, "%s %s instead of %s.", what, shown(new, old, after), shown(old, new, before));
	}
}

static bool has_overlay(const struct release_overlays *overlays, const char *sha256)
{
	for (unsigned i = 0; i < overlays->count; i++) {
		if (strcmp(overlays->sha256[i], sha256) == 0) {
			return true;
		}
	}
	return false;
}

static void compare_overlays(const struct comparing *c, const char *what, const struct release_overlays *old,
			     const struct release_overlays *new)
{
	unsigned changes = 0;

	for (unsigned i = 0; i < old->count; i++) {
		if (!has_overlay(new, old->sha256[i])) {
			say(c, DIFF_RESTARTS_GUEST, "loses the %s overlay %.*s.", what, SHORT_HASH, old->sha256[i]);
			changes++;
		}
	}
	for (unsigned i = 0; i < new->count; i++) {
		if (!has_overlay(old, new->sha256[i])) {
			say(c, DIFF_RESTARTS_GUEST, "gets the %s overlay %.*s.", what, SHORT_HASH, new->sha256[i]);
			changes++;
		}
	}
	/* The same ones: so many, too, as each is there once. */
	for (unsigned i = 0; changes == 0 && i < new->count; i++) {
		if (strcmp(old->sha256[i], new->sha256[i]) != 0) {
			say(c, DIFF_RESTARTS_GUEST, "has its %s overlays in another order.", what);
			return;
		}
	}
}

static void compare_initramfs(const struct comparing *c, const struct release_guest *old,
			      const struct release_guest *new)
{
	char name[SHOWN_BYTES];

	if (old->has_initramfs && new->has_initramfs) {
		compare_blob(c, DIFF_RESTARTS_GUEST, "has the initramfs", &old->initramfs, &new->initramfs);
	} else if (new->has_initramfs) {
		say(c, DIFF_RESTARTS_GUEST, "gets an initramfs, %s.", blob_name(&new->initramfs, name));
	} else if (old->has_initramfs) {
		say(c, DIFF_RESTARTS_GUEST, "loses its initramfs, %s.", blob_name(&old->initramfs, name));
	}
}

static const char *ready_name(const struct release_ready *ready, char to[SHOWN_BYTES])
{
	if (ready->by == RELEASE_READY_BY_LINE) {
		const char *more = strlen(ready->line) > 40 ? "..." : "";
		(void)snprintf(to, SHOWN_BYTES, "by the line \"%.40s%s\"", ready->line, more);
	} else if (ready->by == RELEASE_READY_BY_CALL) {
		(void)snprintf(to, SHOWN_BYTES, "by its call");
	} else {
		(void)snprintf(to, SHOWN_BYTES, "after %u s without trouble", ready->seconds);
	}
	return to;
}

static void compare_may(const struct comparing *c, const char *what, bool old, bool new)
{
	if (old != new) {
		say(c, DIFF_RESTARTS_NOTHING, "%s %s of its own on a node.", new ? "may have" : "may no longer have",
		    what);
	}
}

static void compare_guest(struct comparing *c, const struct release_guest *old, const struct release_guest *new)
{
	char before[SHOWN_BYTES];
	char after[SHOWN_BYTES];

	c->name = new->name;
	if (strcmp(old->name, new->name) != 0) {
		say(c, DIFF_RESTARTS_GUEST, "takes the place of guest \"%s\".", old->name);
	}
	compare_blob(c, DIFF_RESTARTS_GUEST, "has the kernel", &old->kernel, &new->kernel);
	compare_initramfs(c, old, new);
	if (old->vcpus != new->vcpus) {
		say(c, DIFF_RESTARTS_GUEST, "has %u vCPU%s instead of %u.", new->vcpus, new->vcpus == 1 ? "" : "s",
		    old->vcpus);
	}
	if (old->memory_mib != new->memory_mib) {
		say(c, DIFF_RESTARTS_GUEST, "has %u MiB of memory instead of %u.", new->memory_mib, old->memory_mib);
	}
	compare_text(c, DIFF_RESTARTS_GUEST, "has the bootargs", old->bootargs, new->bootargs);
	if (old->reset != new->reset) {
		say(c, DIFF_RESTARTS_GUEST, "has its payload %s for a reset.",
		    new->reset == MANIFEST_FETCH ? "fetched again, not retained," : "retained, not fetched again,");
	}
	compare_overlays(c, "role", &old->roles, &new->roles);
	compare_overlays(c, "device tree", &old->device_tree, &new->device_tree);
	compare_may(c, "bootargs", old->may_bootargs, new->may_bootargs);
	compare_may(c, "files", old->may_files, new->may_files);
	compare_may(c, "a hostname", old->may_hostname, new->may_hostname);
	if (old->ready.by != new->ready.by || old->ready.seconds != new->ready.seconds ||
	    strcmp(old->ready.line, new->ready.line) != 0) {
		say(c, DIFF_RESTARTS_NOTHING, "is ready %s instead of %s.", ready_name(&new->ready, after),
		    ready_name(&old->ready, before));
	}
}

static void compare_guests(struct diff *diff, const struct release_document *old, const struct release_document *new)
{
	for (unsigned slot = 0; slot < RELEASE_GUEST_MAX; slot++) {
		struct comparing c = {.diff = diff, .is_guest = true, .slot = slot};
		if (slot < old->guest_count && slot < new->guest_count) {
			compare_guest(&c, &old->guests[slot], &new->guests[slot]);
		} else if (slot < new->guest_count) {
			c.name = new->guests[slot].name;
			say(&c, DIFF_RESTARTS_GUEST, "is new.");
			diff->starting |= 1u << slot;
		} else if (slot < old->guest_count) {
			c.name = old->guests[slot].name;
			say(&c, DIFF_RESTARTS_GUEST, "is no longer there.");
			diff->ending |= 1u << slot;
		}
	}
}

void diff_make(struct diff *diff, const struct release_document *old, const struct release_document *new)
{
	const struct comparing c = {.diff = diff};

	*diff = (struct diff){0};
	compare_blob(&c, DIFF_RESTARTS_NODE, "The core is", &old->core, &new->core);
	compare_blob(&c, DIFF_RESTARTS_SERVICE, "The service is", &old->service, &new->service);
	compare_guests(diff, old, new);
	compare_text(&c, DIFF_RESTARTS_NOTHING, "The release's name is", old->name, new->name);
	compare_text(&c, DIFF_RESTARTS_NOTHING, "The release's version is", old->version, new->version);
	compare_text(&c, DIFF_RESTARTS_NOTHING, "The oldest controller that it wants is", old->min_controller,
		     new->min_controller);
	compare_text(&c, DIFF_RESTARTS_NOTHING, "The oldest core that it wants is", old->min_core, new->min_core);
	compare_text(&c, DIFF_RESTARTS_NOTHING, "The oldest service that it wants is", old->min_service,
		     new->min_service);
	if (strcmp(old->notes, new->notes) != 0) {
		say(&c, DIFF_RESTARTS_NOTHING, "The notes have changed.");
	}
}

static const char *guest_verb(const struct diff *diff, unsigned slot)
{
	return (diff->starting >> slot & 1) != 0 ? "starts" : (diff->ending >> slot & 1) != 0 ? "ends" : "restarts";
}

static void print_restart(const struct diff *diff, const struct diff_line *line, struct text *to)
{
	switch (line->restart) {
	case DIFF_RESTARTS_NOTHING:
		text_puts(to, " Nothing restarts.\n");
		break;
	case DIFF_RESTARTS_GUEST:
		text_printf(to, " Guest %u %s.\n", line->slot, guest_verb(diff, line->slot));
		break;
	case DIFF_RESTARTS_SERVICE:
		text_puts(to, " The service restarts, guests run on.\n");
		break;
	case DIFF_RESTARTS_NODE:
		text_puts(to, " The node restarts.\n");
		break;
	}
}

static void print_altogether(const struct diff *diff, struct text *to)
{
	const char *between = "";

	text_puts(to, "Altogether: ");
	if (diff->restarts_node) {
		text_puts(to, "the node restarts, and with it all its guests.\n");
		return;
	}
	if (diff->restarts_service) {
		text_puts(to, "the service restarts");
		between = ", ";
	}
	for (unsigned slot = 0; slot < RELEASE_GUEST_MAX; slot++) {
		if ((diff->guests >> slot & 1) != 0) {
			text_printf(to, "%sguest %u %s", between, slot, guest_verb(diff, slot));
			between = ", ";
		}
	}
	text_puts(to, between[0] == '\0' ? "nothing restarts.\n" : ".\n");
}

void diff_print(const struct diff *diff, struct text *to)
{
	if (diff->count == 0) {
		text_puts(to, "The two are the same release.\n");
		return;
	}
	for (unsigned i = 0; i < diff->count; i++) {
		text_puts(to, diff->lines[i].text);
		print_restart(diff, &diff->lines[i], to);
	}
	print_altogether(diff, to);
}

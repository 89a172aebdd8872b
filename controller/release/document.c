/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and writes the release manifest.
 *
 * Invariants: (1) What was parsed is within the limits of netboot/wire/manifest.h, so that a node takes it. (2) Its
 * canonical text parses to the same, and has the same id. Hostile input: the text.
 */
#include "release/document.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/datagram.h"

static_assert((int)RELEASE_GUEST_MAX == (int)WIRE_GUEST_MAX, "a guest's place is its slot on the wire");

static const char *const reset_names[] = {[MANIFEST_RETAIN] = "retain", [MANIFEST_FETCH] = "fetch", NULL};
static const char *const ready_names[] = {[RELEASE_READY_BY_LINE] = "line",
					  [RELEASE_READY_BY_CALL] = "call",
					  [RELEASE_READY_BY_SECONDS] = "seconds",
					  NULL};
static const char *const may_names[] = {"bootargs", "files", "hostname", NULL};

/* --- versions --- */

enum { VERSION_NUMBERS = 4 };

static bool split_version(const char *version, unsigned long numbers[VERSION_NUMBERS])
{
	unsigned count = 0;

	memset(numbers, 0, VERSION_NUMBERS * sizeof(numbers[0]));
	for (const char *at = version; count < VERSION_NUMBERS; at++) {
		const size_t digits = strspn(at, "0123456789");
		if (digits == 0 || digits > 5) {
			return false;
		}
		numbers[count++] = strtoul(at, NULL, 10);
		at += digits;
		if (*at != '.') {
			return *at == '\0';
		}
	}
	return false;
}

bool release_version_is_valid(const char *version)
{
	unsigned long numbers[VERSION_NUMBERS];

	return split_version(version, numbers);
}

int release_version_compare(const char *a, const char *b)
{
	unsigned long left[VERSION_NUMBERS];
	unsigned long right[VERSION_NUMBERS];

	(void)split_version(a, left);
	(void)split_version(b, right);
	for (unsigned i = 0; i < VERSION_NUMBERS; i++) {
		if (left[i] != right[i]) {
			return left[i] < right[i] ? -1 : 1;
		}
	}
	return 0;
}

static bool check_version(const struct release_document *release, const char *what, const char *have, const char *least,
			  struct fail *fail)
{
	if (least[0] == '\0') {
		return true;
	}
	if (!release_version_is_valid(have)) {
		return fail_set(fail, FAIL_CONFLICT,
				"Release %s %s wants a %s of version %s or newer, and does not know which runs",
				release->name, release->version, what, least);
	}
	return release_version_compare(have, least) >= 0 ||
	       fail_set(fail, FAIL_CONFLICT,
			"Release %s %s wants a %s of version %s or newer, %s runs: bring that up first", release->name,
			release->version, what, least, have);
}

bool release_check_minimum(const struct release_document *release, const char *controller, const char *core,
			   const char *service, struct fail *fail)
{
	return check_version(release, "controller", controller, release->min_controller, fail) &&
	       check_version(release, "core", core, release->min_core, fail) &&
	       check_version(release, "service", service, release->min_service, fail);
}

/* --- reading --- */

static bool read_blob(const struct member *in, const char *key, uint64_t most, struct release_blob *blob)
{
	static const char *const keys[] = {"sha256", "bytes", "version", NULL};
	const struct member m = member_of(in, key);
	const struct member sha256 = member_of(&m, "sha256");
	const struct member bytes = member_of(&m, "bytes");
	const struct member version = member_of(&m, "version");

	return member_object(&m, keys) && member_sha256(&sha256, blob->sha256) &&
	       member_u64(&bytes, 1, most, &blob->bytes) &&
	       (!member_is_there(&version) ||
		member_text(&version, MEMBER_LINE, 0, blob->version, sizeof(blob->version)));
}

static bool read_overlays(const struct member *in, const char *key, struct release_overlays *overlays)
{
	const struct member m = member_of(in, key);

	if (!member_is_there(&m)) {
		return true;
	}
	if (!member_array(&m, 0, RELEASE_OVERLAY_MAX, &overlays->count)) {
		return false;
	}
	for (unsigned i = 0; i < overlays->count; i++) {
		const struct member element = member_at(&m, i);
		if (!member_sha256(&element, overlays->sha256[i])) {
			return false;
		}
		for (unsigned k = 0; k < i; k++) {
			if (strcmp(overlays->sha256[k], overlays->sha256[i]) == 0) {
				return member_refuse(&element, "is the same as element %u: name each overlay once", k);
			}
		}
	}
	return true;
}

static bool read_may(const struct member *in, struct release_guest *guest)
{
	const struct member m = member_of(in, "per_node");
	bool *const may[] = {&guest->may_bootargs, &guest->may_files, &guest->may_hostname};
	unsigned count = 0;

	if (!member_is_there(&m)) {
		return true;
	}
	if (!member_array(&m, 0, sizeof(may) / sizeof(may[0]), &count)) {
		return false;
	}
	for (unsigned i = 0; i < count; i++) {
		const struct member element = member_at(&m, i);
		unsigned choice = 0;
		if (!member_choice(&element, may_names, &choice)) {
			return false;
		}
		if (*may[choice]) {
			return member_refuse(&element, "is there twice: name %s once", may_names[choice]);
		}
		*may[choice] = true;
	}
	if (guest->may_files && !guest->has_initramfs) {
		return member_refuse(&m, "allows files, which are laid over an initramfs: give the guest one");
	}
	return true;
}

static bool read_ready(const struct member *in, struct release_ready *ready)
{
	static const char *const keys[] = {"by", "line", "seconds", NULL};
	const struct member m = member_of(in, "ready");
	const struct member by = member_of(&m, "by");
	const struct member line = member_of(&m, "line");
	const struct member seconds = member_of(&m, "seconds");
	unsigned choice = RELEASE_READY_BY_SECONDS;

	ready->by = RELEASE_READY_BY_SECONDS;
	ready->seconds = RELEASE_READY_SECONDS;
	if (!member_is_there(&m)) {
		return true;
	}
	if (!member_object(&m, keys) || !member_choice(&by, ready_names, &choice)) {
		return false;
	}
	ready->by = (enum release_ready_by)choice;
	ready->seconds = 0;
	if (member_is_there(&line) && ready->by != RELEASE_READY_BY_LINE) {
		return member_refuse(&line, "says nothing when ready by %s: leave it out", ready_names[choice]);
	}
	if (member_is_there(&seconds) && ready->by != RELEASE_READY_BY_SECONDS) {
		return member_refuse(&seconds, "says nothing when ready by %s: leave it out", ready_names[choice]);
	}
	if (ready->by == RELEASE_READY_BY_LINE) {
		return member_text(&line, MEMBER_LINE, 1, ready->line, sizeof(ready->line));
	}
	return ready->by != RELEASE_READY_BY_SECONDS ||
	       member_u32(&seconds, 1, RELEASE_READY_SECONDS_MAX, &ready->seconds);
}

static bool read_guest_options(const struct member *in, struct release_guest *guest)
{
	const struct member initramfs = member_of(in, "initramfs");
	const struct member bootargs = member_of(in, "bootargs");
	const struct member reset = member_of(in, "reset");
	const struct member roles = member_of(in, "roles");
	unsigned choice = MANIFEST_RETAIN;

	guest->has_initramfs = member_is_there(&initramfs);
	if (guest->has_initramfs && !read_blob(in, "initramfs", MANIFEST_BLOB_MAX_BYTES, &guest->initramfs)) {
		return false;
	}
	if (member_is_there(&bootargs) &&
	    !member_text(&bootargs, MEMBER_LINE, 0, guest->bootargs, sizeof(guest->bootargs))) {
		return false;
	}
	if (member_is_there(&reset) && !member_choice(&reset, reset_names, &choice)) {
		return false;
	}
	guest->reset = (enum manifest_reset)choice;
	if (!read_overlays(in, "roles", &guest->roles) || !read_overlays(in, "device_tree", &guest->device_tree)) {
		return false;
	}
	if (guest->roles.count != 0 && !guest->has_initramfs) {
		return member_refuse(&roles, "are laid over an initramfs: give the guest one, or no roles");
	}
	return read_may(in, guest) && read_ready(in, &guest->ready);
}

static bool read_guest(const struct member *m, struct release_guest *guest)
{
	static const char *const keys[] = {"name",  "vcpus", "memory_mib",  "kernel",	"initramfs", "bootargs",
					   "reset", "roles", "device_tree", "per_node", "ready",     NULL};
	const struct member name = member_of(m, "name");
	const struct member vcpus = member_of(m, "vcpus");
	const struct member memory = member_of(m, "memory_mib");

	if (!member_object(m, keys) || !member_text(&name, MEMBER_NAME, 1, guest->name, sizeof(guest->name)) ||
	    !member_u32(&vcpus, 1, MANIFEST_VCPU_MAX, &guest->vcpus) ||
	    !member_u32(&memory, 2, MANIFEST_MEMORY_MIB_MAX, &guest->memory_mib)) {
		return false;
	}
	if (guest->memory_mib % 2 != 0) {
		return member_refuse(&memory, "is %u: give an even number of MiB", guest->memory_mib);
	}
	return read_blob(m, "kernel", MANIFEST_BLOB_MAX_BYTES, &guest->kernel) && read_guest_options(m, guest);
}

static bool read_guests(const struct member *in, struct release_document *release)
{
	const struct member m = member_of(in, "guests");

	if (!member_array(&m, 1, RELEASE_GUEST_MAX, &release->guest_count)) {
		return false;
	}
	for (unsigned i = 0; i < release->guest_count; i++) {
		const struct member element = member_at(&m, i);
		const struct member name = member_of(&element, "name");
		if (!read_guest(&element, &release->guests[i])) {
			return false;
		}
		for (unsigned k = 0; k < i; k++) {
			if (strcmp(release->guests[k].name, release->guests[i].name) == 0) {
				return member_refuse(&name, "is \"%s\", as guest %u's: give each its own",
						     release->guests[i].name, k);
			}
		}
	}
	return true;
}

static bool read_minimum_of(const struct member *in, const char *key, char version[RELEASE_MINIMUM_BYTES])
{
	const struct member m = member_of(in, key);

	if (!member_is_there(&m)) {
		return true;
	}
	return member_text(&m, MEMBER_NAME, 1, version, RELEASE_MINIMUM_BYTES) &&
	       (release_version_is_valid(version) ||
		member_refuse(&m, "is \"%s\": give one to four numbers with dots between, like 0.1.0", version));
}

static bool read_minimum(const struct member *in, struct release_document *release)
{
	static const char *const keys[] = {"controller", "core", "service", NULL};
	const struct member m = member_of(in, "minimum");

	if (!member_is_there(&m)) {
		return true;
	}
	return member_object(&m, keys) && read_minimum_of(&m, "controller", release->min_controller) &&
	       read_minimum_of(&m, "core", release->min_core) && read_minimum_of(&m, "service", release->min_service);
}

static bool read_release(const struct member *m, struct release_document *release)
{
	static const char *const keys[] = {"name", "version", "core", "service", "guests", "minimum", "notes", NULL};
	const struct member name = member_of(m, "name");
	const struct member version = member_of(m, "version");
	const struct member notes = member_of(m, "notes");

	return member_object(m, keys) && member_text(&name, MEMBER_NAME, 1, release->name, sizeof(release->name)) &&
	       member_text(&version, MEMBER_LINE, 1, release->version, sizeof(release->version)) &&
	       read_blob(m, "core", RELEASE_CORE_MAX_BYTES, &release->core) &&
	       read_blob(m, "service", MANIFEST_SERVICE_MAX_BYTES, &release->service) && read_guests(m, release) &&
	       read_minimum(m, release) &&
	       (!member_is_there(&notes) ||
		member_text(&notes, MEMBER_PROSE, 0, release->notes, sizeof(release->notes)));
}

bool release_parse(struct release_document *release, const char *text, size_t bytes, struct fail *fail)
{
	struct member document;

	memset(release, 0, sizeof(*release));
	if (!member_document(&document, "release", text, bytes, RELEASE_DOCUMENT_MAX_BYTES, fail)) {
		return false;
	}
	const bool is_good = read_release(&document, release);
	json_decref(document.value);
	return is_good && member_id(release_print(release, fail), release->id);
}

/* --- writing: what is as it would be without is left out --- */

static json_t *print_blob(const struct release_blob *blob)
{
	return json_pack("{s:s, s:I, s:s*}", "sha256", blob->sha256, "bytes", (json_int_t)blob->bytes, "version",
			 member_or_none(blob->version));
}

/* NULL for none, which json_pack's "o*" leaves out; *is_short tells that from short memory. */
static json_t *print_overlays(const struct release_overlays *overlays, bool *is_short)
{
	json_t *array = overlays->count != 0 ? json_array() : NULL;

	for (unsigned i = 0; i < overlays->count; i++) {
		*is_short |= json_array_append_new(array, json_string(overlays->sha256[i])) != 0;
	}
	return array;
}

static json_t *print_may(const struct release_guest *guest, bool *is_short)
{
	const bool may[] = {guest->may_bootargs, guest->may_files, guest->may_hostname};
	json_t *array = may[0] || may[1] || may[2] ? json_array() : NULL;

	for (unsigned i = 0; i < sizeof(may) / sizeof(may[0]); i++) {
		if (may[i]) {
			*is_short |= json_array_append_new(array, json_string(may_names[i])) != 0;
		}
	}
	return array;
}

static json_t *print_ready(const struct release_ready *ready, bool *is_short)
{
	json_t *object = NULL;

	if (ready->by == RELEASE_READY_BY_SECONDS) {
		if (ready->seconds == RELEASE_READY_SECONDS) {
			return NULL;
		}
		object = json_pack("{s:s, s:i}", "by", "seconds", "seconds", (int)ready->seconds);
	} else {
		object = json_pack("{s:s, s:s*}", "by", ready_names[ready->by], "line", member_or_none(ready->line));
	}
	*is_short |= object == NULL;
	return object;
}

static json_t *print_guest(const struct release_guest *guest, bool *is_short)
{
	json_t *object = json_pack("{s:s, s:i, s:i, s:o, s:s*, s:s*}", "name", guest->name, "vcpus", (int)guest->vcpus,
				   "memory_mib", (int)guest->memory_mib, "kernel", print_blob(&guest->kernel),
				   "bootargs", member_or_none(guest->bootargs), "reset",
				   guest->reset == MANIFEST_RETAIN ? NULL : reset_names[guest->reset]);
	json_t *const members[] = {guest->has_initramfs ? print_blob(&guest->initramfs) : NULL,
				   print_overlays(&guest->roles, is_short),
				   print_overlays(&guest->device_tree, is_short), print_may(guest, is_short),
				   print_ready(&guest->ready, is_short)};
	static const char *const keys[] = {"initramfs", "roles", "device_tree", "per_node", "ready"};

	*is_short |= object == NULL || (guest->has_initramfs && members[0] == NULL);
	for (unsigned i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (members[i] != NULL) {
			*is_short |= json_object_set_new(object, keys[i], members[i]) != 0;
		}
	}
	return object;
}

char *release_print(const struct release_document *release, struct fail *fail)
{
	bool is_short = false;
	json_t *guests = json_array();
	json_t *minimum = NULL;

	for (unsigned i = 0; i < release->guest_count; i++) {
		is_short |= json_array_append_new(guests, print_guest(&release->guests[i], &is_short)) != 0;
	}
	if (release->min_controller[0] != '\0' || release->min_core[0] != '\0' || release->min_service[0] != '\0') {
		minimum = json_pack("{s:s*, s:s*, s:s*}", "controller", member_or_none(release->min_controller), "core",
				    member_or_none(release->min_core), "service", member_or_none(release->min_service));
		is_short |= minimum == NULL;
	}
	json_t *json =
		json_pack("{s:s, s:s, s:o, s:o, s:o, s:o*, s:s*}", "name", release->name, "version", release->version,
			  "core", print_blob(&release->core), "service", print_blob(&release->service), "guests",
			  guests, "minimum", minimum, "notes", member_or_none(release->notes));
	if (is_short) {
		json_decref(json);
		json = NULL;
	}
	return member_print(json, fail);
}

/* --- hashes --- */

static bool each_overlay(const struct release_overlays *overlays, bool (*each)(void *argument, const char *sha256),
			 void *argument)
{
	for (unsigned i = 0; i < overlays->count; i++) {
		if (!each(argument, overlays->sha256[i])) {
			return false;
		}
	}
	return true;
}

bool release_each_hash(const struct release_document *release, bool (*each)(void *argument, const char *sha256),
		       void *argument)
{
	if (!each(argument, release->core.sha256) || !each(argument, release->service.sha256)) {
		return false;
	}
	for (unsigned i = 0; i < release->guest_count; i++) {
		const struct release_guest *guest = &release->guests[i];
		if (!each(argument, guest->kernel.sha256) ||
		    (guest->has_initramfs && !each(argument, guest->initramfs.sha256)) ||
		    !each_overlay(&guest->roles, each, argument) ||
		    !each_overlay(&guest->device_tree, each, argument)) {
			return false;
		}
	}
	return true;
}

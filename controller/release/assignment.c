/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads, writes and checks assignments.
 *
 * Invariants: (1) Guests are sorted by name, each there once, and each has a value. (2) The canonical text parses to
 * the same. Hostile input: the text.
 */
#include "release/assignment.h"

#include <stdlib.h>
#include <string.h>

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 1123 s2.1: labels of letters, digits and inner hyphens. */
static bool is_hostname(const char *name)
{
	for (const char *c = name; *c != '\0'; c++) {
		const bool begins = c == name || c[-1] == '.';
		const bool ends = c[1] == '\0' || c[1] == '.';
		if (!is_alphanumeric(*c) && (begins || ends || (*c != '-' && *c != '.'))) {
			return false;
		}
	}
	return name[0] != '\0';
}

static bool read_guest(const struct member *m, struct assignment_guest *guest)
{
	static const char *const keys[] = {"hostname", "bootargs", "files", NULL};
	const struct member hostname = member_of(m, "hostname");
	const struct member bootargs = member_of(m, "bootargs");
	const struct member files = member_of(m, "files");

	if (!member_object(m, keys)) {
		return false;
	}
	if (member_is_there(&hostname)) {
		if (!member_text(&hostname, MEMBER_LINE, 1, guest->hostname, sizeof(guest->hostname))) {
			return false;
		}
		if (!is_hostname(guest->hostname)) {
			return member_refuse(&hostname,
					     "is \"%s\": give names of letters, digits and inner '-', with "
					     "dots between",
					     guest->hostname);
		}
	}
	return (!member_is_there(&bootargs) ||
		member_text(&bootargs, MEMBER_LINE, 0, guest->bootargs, sizeof(guest->bootargs))) &&
	       (!member_is_there(&files) || member_sha256(&files, guest->files));
}

static int compare_guests(const void *a, const void *b)
{
	const struct assignment_guest *left = a;
	const struct assignment_guest *right = b;

	return strcmp(left->name, right->name);
}

static bool is_empty(const struct assignment_guest *guest)
{
	return guest->hostname[0] == '\0' && guest->bootargs[0] == '\0' && guest->files[0] == '\0';
}

static bool read_guests(const struct member *in, struct assignment *assignment)
{
	const struct member m = member_of(in, "guests");
	static const char name_set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	const char *key = NULL;
	json_t *value = NULL;

	if (!member_is_there(&m)) {
		return true;
	}
	if (!json_is_object(m.value)) {
		return member_refuse(&m, "is no object: give {\"GUEST\": {...}}");
	}
	json_object_foreach(m.value, key, value)
	{
		const struct member element = member_of(&m, key);
		struct assignment_guest *guest = &assignment->guests[assignment->guest_count];
		if (assignment->guest_count == RELEASE_GUEST_MAX) {
			return member_refuse(&m, "has more than %d guests: a release has no more", RELEASE_GUEST_MAX);
		}
		const size_t length = strlen(key);
		if (length == 0 || length > sizeof(guest->name) - 1 || strspn(key, name_set) != length) {
			return member_refuse(&element,
					     "is no guest's name: give 1 to %zu letters, digits, '.', '_' and '-'",
					     sizeof(guest->name) - 1);
		}
		memset(guest, 0, sizeof(*guest));
		memcpy(guest->name, key, length);
		if (!read_guest(&element, guest)) {
			return false;
		}
		assignment->guest_count += is_empty(guest) ? 0 : 1;
	}
	qsort(assignment->guests, assignment->guest_count, sizeof(assignment->guests[0]), compare_guests);
	return true;
}

static bool read_assignment(const struct member *m, struct assignment *assignment)
{
	static const char *const keys[] = {"node", "release", "guests", NULL};
	const struct member node = member_of(m, "node");
	const struct member release = member_of(m, "release");

	if (!member_object(m, keys) ||
	    !member_text(&node, MEMBER_NAME, 1, assignment->node, sizeof(assignment->node))) {
		return false;
	}
	if (!id_is_valid('n', assignment->node)) {
		return member_refuse(&node, "is \"%s\": give a node's id, like n-0123456789", assignment->node);
	}
	return member_sha256(&release, assignment->release) && read_guests(m, assignment);
}

bool assignment_parse(struct assignment *assignment, const char *text, size_t bytes, struct fail *fail)
{
	struct member document;

	memset(assignment, 0, sizeof(*assignment));
	if (!member_document(&document, "assignment", text, bytes, ASSIGNMENT_DOCUMENT_MAX_BYTES, fail)) {
		return false;
	}
	const bool is_good = read_assignment(&document, assignment);
	json_decref(document.value);
	return is_good && member_id(assignment_print(assignment, fail), assignment->id);
}

char *assignment_print(const struct assignment *assignment, struct fail *fail)
{
	json_t *guests = assignment->guest_count != 0 ? json_object() : NULL;
	bool is_short = false;

	for (unsigned i = 0; i < assignment->guest_count; i++) {
		const struct assignment_guest *guest = &assignment->guests[i];
		json_t *values = json_pack("{s:s*, s:s*, s:s*}", "hostname", member_or_none(guest->hostname),
					   "bootargs", member_or_none(guest->bootargs), "files",
					   member_or_none(guest->files));
		is_short |= json_object_set_new(guests, guest->name, values) != 0;
	}
	json_t *json = json_pack("{s:s, s:s, s:o*}", "node", assignment->node, "release", assignment->release, "guests",
				 guests);
	if (is_short) {
		json_decref(json);
		json = NULL;
	}
	return member_print(json, fail);
}

static bool check_guest(const struct assignment_guest *values, const struct release_document *release,
			struct fail *fail)
{
	const struct release_guest *guest = NULL;

	for (unsigned i = 0; i < release->guest_count; i++) {
		if (strcmp(release->guests[i].name, values->name) == 0) {
			guest = &release->guests[i];
		}
	}
	if (guest == NULL) {
		return fail_set(fail, FAIL_INVALID,
				"assignment: release %s %s has no guest \"%s\": its first is \"%s\"", release->name,
				release->version, values->name, release->guests[0].name);
	}
	const char *not_allowed = values->hostname[0] != '\0' && !guest->may_hostname	? "hostname"
				  : values->bootargs[0] != '\0' && !guest->may_bootargs ? "bootargs"
				  : values->files[0] != '\0' && !guest->may_files	? "files"
											: NULL;
	return not_allowed == NULL || fail_set(fail, FAIL_INVALID,
					       "assignment: guests.%s.%s is not allowed by release %s %s: leave it "
					       "out, or make a release with it in the guest's per_node",
					       values->name, not_allowed, release->name, release->version);
}

bool assignment_check(const struct assignment *assignment, const struct release_document *release, struct fail *fail)
{
	if (strcmp(assignment->release, release->id) != 0) {
		return fail_set(fail, FAIL_INVALID, "assignment: it is to release %.16s..., not to %.16s... (%s %s)",
				assignment->release, release->id, release->name, release->version);
	}
	for (unsigned i = 0; i < assignment->guest_count; i++) {
		if (!check_guest(&assignment->guests[i], release, fail)) {
			return false;
		}
	}
	return true;
}

const struct assignment_guest *assignment_of(const struct assignment *assignment, const char *guest)
{
	for (unsigned i = 0; i < assignment->guest_count; i++) {
		if (strcmp(assignment->guests[i].name, guest) == 0) {
			return &assignment->guests[i];
		}
	}
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The release manifest and the node assignment: what is read is written back the same; what is not right is named,
 * with what would be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "release/assignment.h"
#include "release/files.h"
#include "unit/controller/release_samples.h"

static struct release_document release;
static struct release_document again;
static struct assignment assignment;
static struct file_overlay files;

/* One change to a sample, and what is said of it. */
struct refusal {
	const char *path;
	const char *value; /* JSON; NULL: the member is taken out */
	const char *text;
};

#define HEX "give a SHA-256, 64 lower case hex digits"

static void check_refused(const char *base, const struct refusal *refusal, bool (*parse)(const char *, struct fail *))
{
	struct fail fail = {0};
	char *text = sample_with(base, refusal->path, refusal->value);

	assert_false(parse(text, &fail));
	assert_string_equal(fail.text, refusal->text);
	assert_int_equal(fail.kind, FAIL_INVALID);
	free(text);
}

static bool parse_release(const char *text, struct fail *fail)
{
	return release_parse(&release, text, strlen(text), fail);
}

static bool parse_assignment(const char *text, struct fail *fail)
{
	return assignment_parse(&assignment, text, strlen(text), fail);
}

/* --- the release --- */

static void release_is_read_whole(void **state)
{
	(void)state;
	sample_parse_release(&release, sample_release);
	const struct release_guest *web = &release.guests[0];
	const struct release_guest *batch = &release.guests[1];

	assert_string_equal(release.name, "edge");
	assert_string_equal(release.version, "2026.11");
	assert_string_equal(release.core.sha256, SAMPLE_HASH("a"));
	assert_string_equal(release.core.version, "0.2.0");
	assert_int_equal(release.service.bytes, 300000);
	assert_int_equal(release.guest_count, 2);
	assert_string_equal(web->name, "web");
	assert_int_equal(web->vcpus, 2);
	assert_int_equal(web->memory_mib, 512);
	assert_string_equal(web->kernel.version, "6.12.117");
	assert_true(web->has_initramfs);
	assert_string_equal(web->initramfs.sha256, SAMPLE_HASH("2"));
	assert_string_equal(web->bootargs, "console=ttyAMA0");
	assert_int_equal(web->reset, MANIFEST_FETCH);
	assert_int_equal(web->roles.count, 2);
	assert_string_equal(web->roles.sha256[1], SAMPLE_HASH("4"));
	assert_string_equal(web->device_tree.sha256[0], SAMPLE_HASH("5"));
	assert_true(web->may_bootargs && web->may_files && web->may_hostname);
	assert_int_equal(web->ready.by, RELEASE_READY_BY_LINE);
	assert_string_equal(web->ready.line, "aether: ready");
	assert_false(batch->has_initramfs || batch->may_bootargs || batch->may_files || batch->may_hostname);
	assert_int_equal(batch->ready.seconds, 5);
	assert_string_equal(release.min_service, "1");
	assert_string_equal(release.notes, "For the \xc3\xa9t\xc3\xa9.\nSecond line.");
}

/* The id as another program makes it: `printf %s TEXT | sha256sum`. */
static void canonical_text_is_sorted_and_has_the_id(void **state)
{
	static const char small[] =
		"{\"core\":{\"bytes\":1,\"sha256\":\"" SAMPLE_HASH("a") "\"},\"guests\":[{\"kernel\":{\"bytes\":1,"
									"\"sha256\":\"" SAMPLE_HASH(
										"1") "\"},\"memory_mib\":2,\"name\":"
										     "\"g\",\"vcpus\":1}],\"name\":"
										     "\"r\",\"service\":{\"bytes\":1,"
										     "\"sha256\":\"" SAMPLE_HASH(
											     "b") "\"},\"version\":"
												  "\"1\"}";
	struct fail fail = {0};
	char command[1200];
	char sum[65] = "";

	(void)state;
	sample_parse_release(&release, small);
	char *text = release_print(&release, &fail);
	assert_string_equal(text, small);
	(void)snprintf(command, sizeof(command), "printf %%s '%s' | sha256sum", text);
	FILE *program = popen(command, "r");
	assert_non_null(program);
	assert_int_equal(fread(sum, 1, 64, program), 64);
	assert_int_equal(pclose(program), 0);
	assert_string_equal(release.id, sum);
	free(text);
}

static void same_content_has_the_same_id(void **state)
{
	static const struct {
		const char *path;
		const char *value;
	} same[] = {
		{"guests.1.roles", "[]"},
		{"guests.1.device_tree", "[]"},
		{"guests.1.per_node", "[]"},
		{"guests.1.reset", "\"retain\""},
		{"guests.1.bootargs", "\"\""},
		{"guests.1.kernel.version", "\"\""},
		{"guests.0.per_node", "[\"files\", \"hostname\", \"bootargs\"]"},
	};
	struct fail fail = {0};

	(void)state;
	sample_parse_release(&release, sample_release);
	char *text = release_print(&release, &fail);
	assert_non_null(text);
	sample_parse_release(&again, text);
	assert_memory_equal(&again, &release, sizeof(release));
	free(text);
	for (unsigned i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		text = sample_with(sample_release, same[i].path, same[i].value);
		sample_parse_release(&again, text);
		assert_string_equal(again.id, release.id);
		free(text);
	}
	/* Thirty seconds are what is meant when nothing is said. */
	char *without = sample_with(sample_release, "guests.1.ready", NULL);
	char *with = sample_with(sample_release, "guests.1.ready.seconds", "30");
	sample_parse_release(&release, without);
	sample_parse_release(&again, with);
	assert_int_equal(release.guests[1].ready.seconds, 30);
	assert_string_equal(again.id, release.id);
	free(without);
	free(with);
}

static const struct refusal release_refusals[] = {
	{"colour", "1",
	 "release: colour is not known there: give name, version, core, service, guests, minimum or notes"},
	{"guests.0.cpus", "1",
	 "release: guests[0].cpus is not known there: give name, vcpus, memory_mib, kernel, initramfs, "
	 "bootargs, reset, "
	 "roles, device_tree, per_node or ready"},
	{"core.path", "1", "release: core.path is not known there: give sha256, bytes or version"},
	{"guests.0.ready.after", "1",
	 "release: guests[0].ready.after is not known there: give by, line or seconds"},
	{"minimum.guest", "\"1\"",
	 "release: minimum.guest is not known there: give controller, core or service"},
	{"name", NULL, "release: name is missing: give a string"},
	{"name", "7", "release: name is a number: give a string"},
	{"name", "\"\"", "release: name has 0 bytes: give 1 to 31"},
	{"name", "\"12345678901234567890123456789012\"", "release: name has 32 bytes: give 1 to 31"},
	{"name", "\"a/b\"", "release: name is \"a/b\": give letters, digits, '.', '_' and '-' alone"},
	{"version", "\"caf\\u00e9\"", "release: version is \"caf??\": give printable ASCII alone"},
	{"core", NULL, "release: core is missing: give an object"},
	{"core", "\"x\"", "release: core is a string: give an object"},
	{"core.sha256", "\"AA\"", "release: core.sha256 is \"AA\": " HEX},
	{"core.sha256", "null", "release: core.sha256 is null: " HEX},
	{"core.bytes", "0", "release: core.bytes is 0: give a whole number from 1 to 33554432"},
	{"core.bytes", "33554433", "release: core.bytes is 33554433: give a whole number from 1 to 33554432"},
	{"service.bytes", "16777217",
	 "release: service.bytes is 16777217: give a whole number from 1 to 16777216"},
	{"guests", "[]", "release: guests has 0 elements: give 1 to 4"},
	{"guests", "[1,2,3,4,5]", "release: guests has 5 elements: give 1 to 4"},
	{"guests", "{}", "release: guests is an object: give an array"},
	{"guests.1", "true", "release: guests[1] is true or false: give an object"},
	{"guests.1.name", "\"web\"", "release: guests[1].name is \"web\", as guest 0's: give each its own"},
	{"guests.0.vcpus", "9", "release: guests[0].vcpus is 9: give a whole number from 1 to 8"},
	{"guests.0.vcpus", "0", "release: guests[0].vcpus is 0: give a whole number from 1 to 8"},
	{"guests.0.vcpus", "-1", "release: guests[0].vcpus is -1: give a whole number from 1 to 8"},
	{"guests.0.vcpus", "2.0", "release: guests[0].vcpus is a fraction: give a whole number from 1 to 8"},
	{"guests.0.vcpus", "\"2\"", "release: guests[0].vcpus is a string: give a whole number from 1 to 8"},
	{"guests.0.memory_mib", "513", "release: guests[0].memory_mib is 513: give an even number of MiB"},
	{"guests.0.memory_mib", "65538",
	 "release: guests[0].memory_mib is 65538: give a whole number from 2 to 65536"},
	{"guests.0.kernel", NULL, "release: guests[0].kernel is missing: give an object"},
	{"guests.0.kernel.bytes", "4294967297",
	 "release: guests[0].kernel.bytes is 4294967297: give a whole number from 1 to 4294967296"},
	{"guests.0.initramfs", "null", "release: guests[0].initramfs is null: give an object"},
	{"guests.0.initramfs", NULL,
	 "release: guests[0].roles are laid over an initramfs: give the guest one, or no roles"},
	{"guests.1.per_node", "[\"files\"]",
	 "release: guests[1].per_node allows files, which are laid over an initramfs: give the guest one"},
	{"guests.0.per_node.3", "\"files\"", "release: guests[0].per_node has 4 elements: give 0 to 3"},
	{"guests.0.per_node.1", "\"hostname\"",
	 "release: guests[0].per_node[1] is there twice: name hostname once"},
	{"guests.0.per_node.0", "\"vcpus\"",
	 "release: guests[0].per_node[0] is \"vcpus\": give bootargs, files or hostname"},
	{"guests.0.bootargs", "\"a\\nb\"",
	 "release: guests[0].bootargs is \"a?b\": give printable ASCII alone"},
	{"guests.0.reset", "\"keep\"", "release: guests[0].reset is \"keep\": give retain or fetch"},
	{"guests.0.roles.1", "\"" SAMPLE_HASH("3") "\"",
	 "release: guests[0].roles[1] is the same as element 0: name each overlay once"},
	{"guests.0.device_tree.0", "7", "release: guests[0].device_tree[0] is a number: " HEX},
	{"guests.0.ready", "30", "release: guests[0].ready is a number: give an object"},
	{"guests.0.ready.by", "\"luck\"",
	 "release: guests[0].ready.by is \"luck\": give line, call or seconds"},
	{"guests.0.ready.by", "\"call\"",
	 "release: guests[0].ready.line says nothing when ready by call: leave it out"},
	{"guests.0.ready.seconds", "3",
	 "release: guests[0].ready.seconds says nothing when ready by line: leave it out"},
	{"guests.0.ready.line", "\"\"", "release: guests[0].ready.line has 0 bytes: give 1 to 127"},
	{"guests.1.ready.seconds", "3601",
	 "release: guests[1].ready.seconds is 3601: give a whole number from 1 to 3600"},
	{"minimum.core", "\"new\"",
	 "release: minimum.core is \"new\": give one to four numbers with dots between, like 0.1.0"},
	{"notes", "\"\\u001b[2J\"", "release: notes is \"?[2J\": give text without control characters"},
};

static void what_is_wrong_is_named(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(release_refusals) / sizeof(release_refusals[0]); i++) {
		check_refused(sample_release, &release_refusals[i], parse_release);
	}
}

static void what_is_no_document_is_refused(void **state)
{
	struct fail fail = {0};
	char *large = calloc(1, RELEASE_DOCUMENT_MAX_BYTES + 2);

	(void)state;
	assert_false(parse_release("{\"name\": \"a\", \"name\": \"b\"}", &fail));
	assert_non_null(strstr(fail.text, "release is not JSON, line 1: duplicate object key"));
	assert_false(parse_release("[1]", &fail));
	assert_string_equal(fail.text, "release is JSON, but no object: give one object");
	assert_false(parse_release("{} {}", &fail));
	assert_non_null(strstr(fail.text, "release is not JSON"));
	assert_false(parse_release("", &fail));
	assert_non_null(large);
	memset(large, ' ', RELEASE_DOCUMENT_MAX_BYTES + 1);
	assert_false(parse_release(large, &fail));
	assert_int_equal(fail.kind, FAIL_TOO_LARGE);
	free(large);
}

/* All that a release names, each with its own hash in the sample. */
static bool note_hash(void *argument, const char *sha256)
{
	char *seen = argument;

	seen[strlen(seen)] = sha256[0];
	return true;
}

static bool stop(void *argument, const char *sha256)
{
	(void)sha256;
	++*(int *)argument;
	return false;
}

static void every_hash_is_told(void **state)
{
	char seen[32] = "";
	int calls = 0;

	(void)state;
	sample_parse_release(&release, sample_release);
	assert_true(release_each_hash(&release, note_hash, seen));
	assert_string_equal(seen, "ab123456");
	assert_false(release_each_hash(&release, stop, &calls));
	assert_int_equal(calls, 1);
}

static void versions_are_compared_by_number(void **state)
{
	static const struct {
		const char *a, *b;
		int order;
	} pairs[] = {{"1", "1.0.0", 0},
		     {"0.9", "0.10", -1},
		     {"2", "1.9.9.9", 1},
		     {"1.0.0.1", "1", 1},
		     {"0.1.0", "0.1.0", 0}};
	static const char *const wrong[] = {"", ".", "1.", ".1", "1..2", "1.2.3.4.5", "v1", "1a", "123456", "-1"};
	struct fail fail = {0};

	(void)state;
	for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		assert_int_equal(release_version_compare(pairs[i].a, pairs[i].b), pairs[i].order);
		assert_int_equal(release_version_compare(pairs[i].b, pairs[i].a), -pairs[i].order);
	}
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(release_version_is_valid(wrong[i]));
	}
	sample_parse_release(&release, sample_release);
	assert_true(release_check_minimum(&release, "0.1.0", "0.1.0", "1.0.0", &fail));
	assert_false(release_check_minimum(&release, "0.1.0", "0.0.9", "1.0.0", &fail));
	assert_string_equal(
		fail.text,
		"Release edge 2026.11 wants a core of version 0.1 or newer, 0.0.9 runs: bring that up first");
	assert_false(release_check_minimum(&release, "0.1.0", "0.1.0", "", &fail));
	assert_int_equal(fail.kind, FAIL_CONFLICT);
}

/* --- the assignment --- */

static void assignment_is_read_and_written(void **state)
{
	struct fail fail = {0};
	struct assignment second;

	(void)state;
	assert_true(parse_assignment(sample_assignment, &fail));
	assert_string_equal(assignment.node, "n-0123456789");
	assert_int_equal(assignment.guest_count, 2);
	assert_string_equal(assignment.guests[0].name, "batch");
	assert_string_equal(assignment_of(&assignment, "web")->hostname, "web-1.example");
	assert_string_equal(assignment_of(&assignment, "web")->files, SAMPLE_HASH("7"));
	assert_null(assignment_of(&assignment, "we"));
	char *text = assignment_print(&assignment, &fail);
	assert_non_null(text);
	assert_true(assignment_parse(&second, text, strlen(text), &fail));
	assert_memory_equal(&second, &assignment, sizeof(second));
	free(text);
	/* A guest without a value is as if it were not there. */
	text = sample_with(sample_assignment, "guests.idle", "{\"bootargs\": \"\"}");
	assert_true(assignment_parse(&second, text, strlen(text), &fail));
	assert_string_equal(second.id, assignment.id);
	free(text);
}

static void what_is_wrong_in_an_assignment_is_named(void **state)
{
	static const struct refusal refusals[] = {
		{"node", "\"b-0123456789\"",
		 "assignment: node is \"b-0123456789\": give a node's id, like n-0123456789"},
		{"release", NULL, "assignment: release is missing: " HEX},
		{"version", "1", "assignment: version is not known there: give node, release or guests"},
		{"guests", "[]", "assignment: guests is no object: give {\"GUEST\": {...}}"},
		{"guests.web", "1", "assignment: guests.web is a number: give an object"},
		{"guests.web.vcpus", "1",
		 "assignment: guests.web.vcpus is not known there: give hostname, bootargs or files"},
		{"guests.a b", "{}",
		 "assignment: guests.a b is no guest's name: give 1 to 31 letters, digits, '.', '_' and '-'"},
		{"guests.web.hostname", "\"-a\"",
		 "assignment: guests.web.hostname is \"-a\": give names of letters, digits and inner '-', with dots "
		 "between"},
		{"guests.web.hostname", "\"a..b\"",
		 "assignment: guests.web.hostname is \"a..b\": give names of letters, digits and inner '-', with dots "
		 "between"},
		{"guests.web.hostname", "\"a b\"",
		 "assignment: guests.web.hostname is \"a b\": give names of letters, digits and inner '-', with dots "
		 "between"},
		{"guests.web.files", "\"x\"", "assignment: guests.web.files is \"x\": " HEX},
		{"guests",
		 "{\"a\":{\"hostname\":\"a\"},\"b\":{\"hostname\":\"a\"},\"c\":{\"hostname\":\"a\"},\"d\":{"
		 "\"hostname\":\"a\"},"
		 "\"e\":{}}",
		 "assignment: guests has more than 4 guests: a release has no more"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		check_refused(sample_assignment, &refusals[i], parse_assignment);
	}
}

/* The sample sets all three of guest web, and a hostname of guest batch, which may have none. */
static void only_what_the_release_allows_may_be_set(void **state)
{
	static const char *const may[][2] = {{"hostname", "[\"bootargs\", \"files\"]"},
					     {"bootargs", "[\"files\", \"hostname\"]"},
					     {"files", "[\"bootargs\", \"hostname\"]"}};
	struct fail fail = {0};
	char expected[64];

	(void)state;
	sample_parse_release(&release, sample_release);
	assert_true(parse_assignment(sample_assignment, &fail));
	assert_false(assignment_check(&assignment, &release, &fail));
	assert_non_null(strstr(fail.text, "assignment: it is to release cccccccccccccccc..., not to "));
	memcpy(assignment.release, release.id, sizeof(release.id));
	assert_false(assignment_check(&assignment, &release, &fail));
	assert_non_null(strstr(fail.text, "assignment: guests.batch.hostname is not allowed by release edge 2026.11"));
	assignment.guests[0] = assignment.guests[1];
	assignment.guest_count = 1;
	assert_true(assignment_check(&assignment, &release, &fail));
	for (unsigned i = 0; i < 3; i++) {
		char *text = sample_with(sample_release, "guests.0.per_node", may[i][1]);
		sample_parse_release(&again, text);
		memcpy(assignment.release, again.id, sizeof(again.id));
		assert_false(assignment_check(&assignment, &again, &fail));
		(void)snprintf(expected, sizeof(expected), "guests.web.%s is not allowed", may[i][0]);
		assert_non_null(strstr(fail.text, expected));
		free(text);
	}
	memcpy(assignment.release, release.id, sizeof(release.id));
	(void)snprintf(assignment.guests[0].name, sizeof(assignment.guests[0].name), "other");
	assert_false(assignment_check(&assignment, &release, &fail));
	assert_non_null(strstr(fail.text, "has no guest \"other\""));
}

/* --- memory --- */

static unsigned left; /* allocations that jansson still gets */

static void *allocate(size_t bytes)
{
	if (left == 0) {
		return NULL;
	}
	left--;
	return malloc(bytes);
}

/* The `allowed` first allocations succeed. */
static char *print_short(char *(*print)(struct fail *fail), unsigned allowed, struct fail *fail)
{
	left = allowed;
	json_set_alloc_funcs(allocate, free);
	char *text = print(fail);
	json_set_alloc_funcs(malloc, free);
	return text;
}

static char *print_release(struct fail *fail)
{
	return release_print(&release, fail);
}

static char *print_assignment(struct fail *fail)
{
	return assignment_print(&assignment, fail);
}

static char *print_files(struct fail *fail)
{
	return file_overlay_print(&files, fail);
}

/* A text without a member would be another document: whatever allocation fails, there is the whole text, or none. */
static void short_memory_never_gives_another_document(void **state)
{
	char *(*const prints[])(struct fail *) = {print_release, print_assignment, print_files};
	struct fail fail = {0};

	(void)state;
	sample_parse_release(&release, sample_release);
	assert_true(parse_assignment(sample_assignment, &fail));
	assert_true(file_overlay_parse(&files, sample_files, strlen(sample_files), &fail));
	for (unsigned i = 0; i < sizeof(prints) / sizeof(prints[0]); i++) {
		char *whole = prints[i](&fail);
		char *text = NULL;
		unsigned allowed = 0;
		assert_non_null(whole);
		for (; text == NULL && allowed < 10000; allowed++) {
			fail = (struct fail){0};
			text = print_short(prints[i], allowed, &fail);
			assert_int_equal(fail.kind, text == NULL ? FAIL_UNAVAILABLE : FAIL_NONE);
		}
		assert_true(allowed > 10);
		assert_string_equal(text, whole);
		free(text);
		free(whole);
	}
	file_overlay_free(&files);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(release_is_read_whole),
		cmocka_unit_test(canonical_text_is_sorted_and_has_the_id),
		cmocka_unit_test(same_content_has_the_same_id),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(what_is_no_document_is_refused),
		cmocka_unit_test(every_hash_is_told),
		cmocka_unit_test(versions_are_compared_by_number),
		cmocka_unit_test(assignment_is_read_and_written),
		cmocka_unit_test(what_is_wrong_in_an_assignment_is_named),
		cmocka_unit_test(only_what_the_release_allows_may_be_set),
		cmocka_unit_test(short_memory_never_gives_another_document),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

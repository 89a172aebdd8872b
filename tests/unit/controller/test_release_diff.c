/* SPDX-License-Identifier: Apache-2.0 */
/* The diff of two releases: each member that changes is one sentence, with what it restarts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "release/diff.h"
#include "unit/controller/release_samples.h"

static struct release_document old;
static struct release_document new;
static struct diff diff;

/* One change to the sample, and the whole text of it. */
static const struct change {
	const char *path;
	const char *value;
	const char *text;
} changes[] = {
	{"core.sha256", "\"" SAMPLE_HASH("c") "\"",
	 "The core is 0.2.0 cccccccccccc instead of 0.2.0 aaaaaaaaaaaa. The node restarts.\n"
	 "Altogether: the node restarts, and with it all its guests.\n"},
	{"core.bytes", "400001",
	 "The core is 0.2.0 aaaaaaaaaaaa instead of 0.2.0 aaaaaaaaaaaa. The node restarts.\n"
	 "Altogether: the node restarts, and with it all its guests.\n"},
	{"core.version", "\"0.3.0\"",
	 "The core is the same, called version 0.3.0 instead of 0.2.0. Nothing restarts.\nAltogether: nothing "
	 "restarts.\n"},
	{"service.sha256", "\"" SAMPLE_HASH("c") "\"",
	 "The service is cccccccccccc instead of bbbbbbbbbbbb. The service restarts, guests run on.\n"
	 "Altogether: the service restarts.\n"},
	{"guests.0.name", "\"www\"",
	 "Guest 0 \"www\" takes the place of guest \"web\". Guest 0 restarts.\nAltogether: guest 0 restarts.\n"},
	{"guests.0.kernel.sha256", "\"" SAMPLE_HASH("c") "\"",
	 "Guest 0 \"web\" has the kernel 6.12.117 cccccccccccc instead of 6.12.117 111111111111. Guest 0 restarts.\n"
	 "Altogether: guest 0 restarts.\n"},
	{"guests.1.initramfs", "{\"sha256\": \"" SAMPLE_HASH("c") "\", \"bytes\": 1}",
	 "Guest 1 \"batch\" gets an initramfs, cccccccccccc. Guest 1 restarts.\nAltogether: guest 1 restarts.\n"},
	{"guests.0.initramfs.sha256", "\"" SAMPLE_HASH("c") "\"",
	 "Guest 0 \"web\" has the initramfs cccccccccccc instead of 222222222222. Guest 0 restarts.\n"
	 "Altogether: guest 0 restarts.\n"},
	{"guests.1.vcpus", "4",
	 "Guest 1 \"batch\" has 4 vCPUs instead of 1. Guest 1 restarts.\nAltogether: guest 1 restarts.\n"},
	{"guests.1.memory_mib", "32",
	 "Guest 1 \"batch\" has 32 MiB of memory instead of 64. Guest 1 restarts.\nAltogether: guest 1 restarts.\n"},
	{"guests.1.bootargs", "\"quiet\"",
	 "Guest 1 \"batch\" has the bootargs quiet instead of (none). Guest 1 restarts.\nAltogether: guest 1 "
	 "restarts.\n"},
	{"guests.0.reset", "\"retain\"",
	 "Guest 0 \"web\" has its payload retained, not fetched again, for a reset. Guest 0 restarts.\n"
	 "Altogether: guest 0 restarts.\n"},
	{"guests.0.roles", "[\"" SAMPLE_HASH("4") "\", \"" SAMPLE_HASH("3") "\"]",
	 "Guest 0 \"web\" has its role overlays in another order. Guest 0 restarts.\nAltogether: guest 0 restarts.\n"},
	{"guests.0.roles.0", "\"" SAMPLE_HASH("c") "\"",
	 "Guest 0 \"web\" loses the role overlay 333333333333. Guest 0 restarts.\n"
	 "Guest 0 \"web\" gets the role overlay cccccccccccc. Guest 0 restarts.\nAltogether: guest 0 restarts.\n"},
	{"guests.0.device_tree", NULL,
	 "Guest 0 \"web\" loses the device tree overlay 555555555555. Guest 0 restarts.\nAltogether: guest 0 "
	 "restarts.\n"},
	{"guests.0.per_node.0", NULL,
	 "Guest 0 \"web\" may no longer have a hostname of its own on a node. Nothing restarts.\n"
	 "Altogether: nothing restarts.\n"},
	{"guests.0.per_node.1", NULL,
	 "Guest 0 \"web\" may no longer have bootargs of its own on a node. Nothing restarts.\nAltogether: nothing "
	 "restarts.\n"},
	{"guests.0.per_node.2", NULL,
	 "Guest 0 \"web\" may no longer have files of its own on a node. Nothing restarts.\nAltogether: nothing "
	 "restarts.\n"},
	{"guests.0.ready", "{\"by\": \"call\"}",
	 "Guest 0 \"web\" is ready by its call instead of by the line \"aether: ready\". Nothing restarts.\n"
	 "Altogether: nothing restarts.\n"},
	{"guests.0.ready.line", "\"up\"",
	 "Guest 0 \"web\" is ready by the line \"up\" instead of by the line \"aether: ready\". Nothing restarts.\n"
	 "Altogether: nothing restarts.\n"},
	{"guests.1.ready", NULL,
	 "Guest 1 \"batch\" is ready after 30 s without trouble instead of after 5 s without trouble. Nothing "
	 "restarts.\n"
	 "Altogether: nothing restarts.\n"},
	{"guests.1", NULL, "Guest 1 \"batch\" is no longer there. Guest 1 ends.\nAltogether: guest 1 ends.\n"},
	{"guests.2",
	 "{\"name\": \"gpu\", \"vcpus\": 1, \"memory_mib\": 2, \"kernel\": {\"sha256\": \"" SAMPLE_HASH(
		 "c") "\", \"bytes\": 1}}",
	 "Guest 2 \"gpu\" is new. Guest 2 starts.\nAltogether: guest 2 starts.\n"},
	{"name", "\"cloud\"",
	 "The release's name is cloud instead of edge. Nothing restarts.\nAltogether: nothing restarts.\n"},
	{"version", "\"2026.12\"",
	 "The release's version is 2026.12 instead of 2026.11. Nothing restarts.\nAltogether: nothing restarts.\n"},
	{"minimum.controller", NULL,
	 "The oldest controller that it wants is (none) instead of 0.1.0. Nothing restarts.\nAltogether: nothing "
	 "restarts.\n"},
	{"minimum.core", "\"2\"",
	 "The oldest core that it wants is 2 instead of 0.1. Nothing restarts.\nAltogether: nothing restarts.\n"},
	{"minimum.service", "\"2\"",
	 "The oldest service that it wants is 2 instead of 1. Nothing restarts.\nAltogether: nothing restarts.\n"},
	{"notes", "\"\"", "The notes have changed. Nothing restarts.\nAltogether: nothing restarts.\n"},
};

static void check_text(const char *expected)
{
	struct text text = {0};

	diff_print(&diff, &text);
	assert_string_equal(text.bytes, expected);
	text_free(&text);
}

static void each_change_is_a_sentence(void **state)
{
	(void)state;
	sample_parse_release(&old, sample_release);
	for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		char *text = sample_with(sample_release, changes[i].path, changes[i].value);
		sample_parse_release(&new, text);
		diff_make(&diff, &old, &new);
		check_text(changes[i].text);
		/* The way back restarts as much. */
		const unsigned guests = diff.guests;
		const bool is_node = diff.restarts_node;
		diff_make(&diff, &new, &old);
		assert_int_equal(diff.guests, guests);
		assert_int_equal(diff.restarts_node, is_node);
		free(text);
	}
}

/* All pairs of changed releases: nothing is said if and only if they have the same id. */
static void nothing_is_said_of_the_same_alone(void **state)
{
	enum { COUNT = sizeof(changes) / sizeof(changes[0]) };
	struct release_document *all = calloc(COUNT, sizeof(*all));

	(void)state;
	assert_non_null(all);
	for (unsigned i = 0; i < COUNT; i++) {
		char *text = sample_with(sample_release, changes[i].path, changes[i].value);
		sample_parse_release(&all[i], text);
		free(text);
	}
	for (unsigned i = 0; i < COUNT; i++) {
		for (unsigned k = 0; k < COUNT; k++) {
			diff_make(&diff, &all[i], &all[k]);
			assert_int_equal(diff.count == 0, strcmp(all[i].id, all[k].id) == 0);
		}
		diff_make(&diff, &all[i], &all[i]);
		check_text("The two are the same release.\n");
	}
	free(all);
}

static void restarts_are_told_altogether(void **state)
{
	(void)state;
	sample_parse_release(&old, sample_release);
	new = old;
	new.service.sha256[0] = 'c';
	new.guests[0].vcpus = 1;
	new.guests[1].vcpus = 2;
	diff_make(&diff, &old, &new);
	assert_int_equal(diff.count, 3);
	assert_true(diff.restarts_service);
	assert_false(diff.restarts_node);
	assert_int_equal(diff.guests, 3);
	check_text("The service is cbbbbbbbbbbb instead of bbbbbbbbbbbb. The service restarts, guests run on.\n"
		   "Guest 0 \"web\" has 1 vCPU instead of 2. Guest 0 restarts.\n"
		   "Guest 1 \"batch\" has 2 vCPUs instead of 1. Guest 1 restarts.\n"
		   "Altogether: the service restarts, guest 0 restarts, guest 1 restarts.\n");
}

/* Long texts show the place where they differ. */
static void long_texts_show_where_they_differ(void **state)
{
	(void)state;
	sample_parse_release(&old, sample_release);
	new = old;
	memset(old.guests[0].bootargs, 'a', 500);
	memcpy(old.guests[0].bootargs + 400, " old ", 5);
	memset(new.guests[0].bootargs, 'a', 500);
	memcpy(new.guests[0].bootargs + 400, " new ", 5);
	diff_make(&diff, &old, &new);
	assert_int_equal(diff.count, 1);
	assert_non_null(strstr(diff.lines[0].text, "has the bootargs ...aaaaaaaaaaaaaaa new aaa"));
	assert_non_null(strstr(diff.lines[0].text, "... instead of ...aaaaaaaaaaaaaaa old aaa"));
	assert_string_equal(diff.lines[0].text + strlen(diff.lines[0].text) - 4, "....");
}

/* Two releases that differ in all that can: every line is there, and whole. */
static void the_largest_diff_has_room(void **state)
{
	(void)state;
	sample_parse_release(&old, sample_release);
	old.guest_count = RELEASE_GUEST_MAX;
	for (unsigned i = 0; i < RELEASE_GUEST_MAX; i++) {
		struct release_guest *guest = &old.guests[i];
		*guest = old.guests[0];
		guest->roles.count = guest->device_tree.count = RELEASE_OVERLAY_MAX;
		for (unsigned k = 0; k < RELEASE_OVERLAY_MAX; k++) {
			memset(guest->roles.sha256[k], '0' + (int)k, 64);
			memset(guest->device_tree.sha256[k], '0' + (int)k, 64);
			guest->roles.sha256[k][64] = guest->device_tree.sha256[k][64] = '\0';
		}
	}
	new = old;
	memset(new.name, 'n', sizeof(new.name) - 1);
	memset(new.version, 'v', sizeof(new.version) - 1);
	new.core.bytes = new.service.bytes = 1;
	new.min_controller[0] = new.min_core[0] = new.min_service[0] = '9';
	new.notes[0] = '\0';
	for (unsigned i = 0; i < RELEASE_GUEST_MAX; i++) {
		struct release_guest *guest = &new.guests[i];
		memset(guest->name, 'g', sizeof(guest->name) - 1);
		memset(guest->bootargs, 'b', sizeof(guest->bootargs) - 1);
		memset(guest->ready.line, 'l', sizeof(guest->ready.line) - 1);
		memset(guest->kernel.version, 'k', sizeof(guest->kernel.version) - 1);
		guest->kernel.bytes = guest->initramfs.bytes = 1;
		guest->vcpus = 8;
		guest->memory_mib = 65536;
		guest->reset = MANIFEST_RETAIN;
		guest->may_bootargs = guest->may_files = guest->may_hostname = false;
		for (unsigned k = 0; k < RELEASE_OVERLAY_MAX; k++) {
			guest->roles.sha256[k][0] = guest->device_tree.sha256[k][0] = 'f';
		}
	}
	diff_make(&diff, &old, &new);
	assert_int_equal(diff.count, 8 + 4 * (11 + 4 * RELEASE_OVERLAY_MAX));
	for (unsigned i = 0; i < diff.count; i++) {
		const char *text = diff.lines[i].text;
		assert_int_equal(text[strlen(text) - 1], '.');
		assert_true(strlen(text) < DIFF_LINE_BYTES - 1);
	}
	assert_true(diff.restarts_node && diff.restarts_service);
	assert_int_equal(diff.guests, 15);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_change_is_a_sentence),	cmocka_unit_test(nothing_is_said_of_the_same_alone),
		cmocka_unit_test(restarts_are_told_altogether), cmocka_unit_test(long_texts_show_where_they_differ),
		cmocka_unit_test(the_largest_diff_has_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

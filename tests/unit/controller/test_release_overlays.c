/* SPDX-License-Identifier: Apache-2.0 */
/* File and device tree overlays: the same content is the same document; bad ones are refused when they are added, by
 * name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "release/files.h"
#include "release/tree.h"
#include "service/guest_fdt.h"
#include "unit/controller/release_samples.h"

static struct file_overlay files;
static struct tree_overlay tree;

/* --- files --- */

static void parse_files(const char *text, struct file_overlay *overlay)
{
	struct fail fail = {0};

	if (!file_overlay_parse(overlay, text, strlen(text), &fail)) {
		fail_msg("%s", fail.text);
	}
}

static void files_are_read_and_written(void **state)
{
	struct fail fail = {0};
	struct file_overlay again;

	(void)state;
	parse_files(sample_files, &files);
	assert_string_equal(files.name, "web");
	assert_string_equal(files.bootargs, "quiet");
	assert_int_equal(files.count, 4);
	assert_string_equal(files.files[0].path, "/etc/empty");
	assert_int_equal(files.files[0].size, 0);
	assert_int_equal(files.files[1].mode, 0644);
	assert_memory_equal(files.files[1].bytes, "hello\n", 6);
	assert_true(files.files[2].is_directory);
	assert_int_equal(files.files[2].mode, 0750);
	assert_int_equal(files.files[3].mode, 0755);
	assert_int_equal(files.files[3].size, 6);
	assert_memory_equal(files.files[3].bytes,
			    "\x7f"
			    "ELF\0\xff",
			    6);
	char *text = file_overlay_print(&files, &fail);
	assert_non_null(text);
	parse_files(text, &again);
	assert_string_equal(again.id, files.id);
	assert_string_not_equal(again.id, "");
	file_overlay_free(&again);
	free(text);
	file_overlay_free(&files);
}

/* Order, the default's mention, and base64 of what is text say nothing. */
static void same_files_have_the_same_id(void **state)
{
	static const char one[] = "{\"name\":\"a\",\"files\":[{\"path\":\"/b\",\"text\":\"hi\"},"
				  "{\"path\":\"/a\",\"directory\":true}]}";
	static const char other[] =
		"{\"files\":[{\"directory\":true,\"mode\":\"755\",\"path\":\"/a\"},{\"path\":\"/b\","
		"\"base64\":\"aGk=\",\"mode\":\"0644\"}],\"bootargs\":\"\",\"name\":\"a\"}";
	struct file_overlay second;

	(void)state;
	parse_files(one, &files);
	parse_files(other, &second);
	assert_string_equal(second.id, files.id);
	file_overlay_free(&files);
	file_overlay_free(&second);
}

/* FILE is the only file of the overlay. */
static void bad_files_are_refused_by_name(void **state)
{
#define CONTENT ", \"text\": \"x\"}"
	static const char *const cases[][2] = {
		{"{\"path\": \"/etc/../init\"" CONTENT,
		 "files[0].path \"/etc/../init\" has a part that is \".\" or \"..\""},
		{"{\"path\": \"/..\"" CONTENT, "files[0].path \"/..\" has a part that is"},
		{"{\"path\": \"/./a\"" CONTENT, "files[0].path \"/./a\" has a part that is"},
		{"{\"path\": \"/a/.\"" CONTENT, "files[0].path \"/a/.\" has a part that is"},
		{"{\"path\": \"etc/passwd\"" CONTENT, "files[0].path \"etc/passwd\" is not absolute"},
		{"{\"path\": \"/\"" CONTENT, "files[0].path \"/\" is not absolute"},
		{"{\"path\": \"//a\"" CONTENT, "files[0].path \"//a\" has an empty part"},
		{"{\"path\": \"/a/\"" CONTENT, "files[0].path \"/a/\" has an empty part"},
		{"{\"path\": \"/a b\"" CONTENT, "files[0].path \"/a b\" has a character that is not allowed"},
		{"{\"path\": \"/TRAILER!!!\"" CONTENT, "has a character that is not allowed"},
		{"{\"path\": \"/a\\u0000b\"" CONTENT, "overlay is not JSON"},
		{"{\"path\": \"/\\u00e9\"" CONTENT, "give printable ASCII alone"},
		{"{\"path\": \"/dev/mem\"" CONTENT, "files[0].path \"/dev/mem\" is hidden by what a guest mounts"},
		{"{\"path\": \"/proc\"" CONTENT, "is hidden by"},
		{"{\"path\": \"/a\", \"link\": \"/etc/shadow\"}",
		 "files[0].link is not known there: give path, mode, text, base64 or directory"},
		{"{\"path\": \"/a\", \"mode\": \"4755\"" CONTENT, "files[0].mode is \"4755\": files have 0777 at most"},
		{"{\"path\": \"/a\", \"mode\": \"2755\", \"directory\": true}",
		 "files have 0777 at most, directories 1777"},
		{"{\"path\": \"/a\", \"mode\": \"0888\"" CONTENT, "give permissions in octal digits"},
		{"{\"path\": \"/a\", \"mode\": 644" CONTENT, "files[0].mode is a number: give a string"},
		{"{\"path\": \"/a\"}", "files[0] needs \"text\", \"base64\" or \"directory\": give one of them"},
		{"{\"path\": \"/a\", \"base64\": \"eA==\"" CONTENT, "give one of them"},
		{"{\"path\": \"/a\", \"base64\": \"eA\"}", "files[0].base64 is not base64"},
		{"{\"path\": \"/a\", \"base64\": \"eA==!\"}", "files[0].base64 is not base64"},
		{"{\"path\": \"/a\", \"text\": 1}", "files[0].text is no string"},
		{"{\"path\": \"/a\", \"directory\": false}", "files[0].directory is not true"},
		{"{\"path\": \"/a\", \"directory\": true" CONTENT, "files[0].text says nothing of a directory"},
		{"{\"text\": \"x\"}", "files[0].path is missing: give a string"},
		{"{\"path\": \"/a\", \"text\": \"x\"}, {\"path\": \"/a\", \"directory\": true}",
		 "files has \"/a\" twice"},
		{"{\"path\": \"/a\", \"text\": \"x\"}, {\"path\": \"/a-b\", \"text\": \"x\"}, {\"path\": \"/a/b/c\", "
		 "\"text\": \"x\"}",
		 "files has \"/a\" as a file, and \"/a/b/c\" below it"},
	};
	char text[512];
	struct fail fail;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)snprintf(text, sizeof(text), "{\"name\": \"a\", \"files\": [%s]}", cases[i][0]);
		assert_false(file_overlay_parse(&files, text, strlen(text), &fail));
		if (strstr(fail.text, cases[i][1]) == NULL) {
			fail_msg("%s: %s", cases[i][0], fail.text);
		}
	}
	assert_false(file_overlay_parse(&files, "{\"name\": \"a\"}", 13, &fail));
	assert_string_equal(fail.text, "overlay changes nothing: give files, bootargs or both");
}

/* A path and a part that are just as long as they may be, and one byte more. */
static void limits_of_files_hold(void **state)
{
	char path[400] = "";
	struct fail fail;

	(void)state;
	assert_null(file_path_problem("/etc/motd"));
	assert_null(file_path_problem("/..a/a../...."));
	assert_null(file_path_problem("/devices/sys/proc"));
	path[0] = '/';
	memset(path + 1, 'a', 100);
	assert_null(file_path_problem(path));
	path[101] = 'a';
	assert_non_null(strstr(file_path_problem(path), "more than 100 bytes"));

	const size_t most = FILES_CONTENT_MAX_BYTES / 4 * 3;
	char *text = malloc(FILES_DOCUMENT_MAX_BYTES);
	char *content = malloc(most + 1);
	assert_true(text != NULL && content != NULL);
	memset(content, 'x', most);
	content[most] = '\0';
	(void)snprintf(
		text, FILES_DOCUMENT_MAX_BYTES,
		"{\"name\":\"a\",\"files\":[{\"path\":\"/a\",\"text\":\"%s\"},{\"path\":\"/b\",\"text\":\"%s\"}]}",
		content, content);
	assert_false(file_overlay_parse(&files, text, strlen(text), &fail));
	assert_non_null(strstr(fail.text, "files[1] makes the files larger than 4194304 bytes together"));
	free(content);

	char *at = text + sprintf(text, "{\"name\":\"a\",\"files\":[{\"path\":\"/x\",\"text\":\"\"}");
	for (unsigned i = 0; i < FILES_MAX; i++) {
		at += sprintf(at, ",{\"path\":\"/%u\",\"text\":\"\"}", i);
	}
	(void)strcpy(at, "]}");
	assert_false(file_overlay_parse(&files, text, strlen(text), &fail));
	assert_string_equal(fail.text, "overlay: files has 257 elements: give 0 to 256");
	free(text);
}

/* --- device trees --- */

static const char good_tree[] =
	"/ { compatible = \"raspberrypi,4-model-b\";\n"
	"fragment@0 { target-path = \"/\"; __overlay__ { leds { compatible = \"gpio-leds\"; led: led-0 { label = "
	"\"act\"; };\n"
	"  user { led = <&led>; }; }; }; };\n"
	"fragment@1 { target-path = \"/chosen\"; __overlay__ { aether,site = \"roof\"; }; };\n"
	"fragment@2 { target-path = \"/aliases\"; __overlay__ { led0 = \"/leds/led-0\"; }; }; };\n";

static void good_overlays_are_taken(void **state)
{
	struct fail fail = {0};
	struct tree_overlay again;
	char document[16384];
	size_t bytes = 0;
	void *dtbo = sample_dtbo(good_tree, &bytes);
	char *base64 = sample_base64(dtbo, bytes);

	(void)state;
	if (!tree_check_dtbo(dtbo, bytes, &fail)) {
		fail_msg("%s", fail.text);
	}
	(void)snprintf(document, sizeof(document),
		       "{\"name\": \"leds\", \"dtbo\": \"%s\", \"boards\": [\"raspberrypi,4-model-b\", \"qemu,virt\"]}",
		       base64);
	assert_true(tree_overlay_parse(&tree, document, strlen(document), &fail));
	assert_int_equal(tree.bytes, bytes);
	assert_memory_equal(tree.dtbo, dtbo, bytes);
	assert_true(tree_overlay_is_for(&tree, "qemu,virt"));
	assert_false(tree_overlay_is_for(&tree, "qemu"));
	assert_false(tree_overlay_is_for(&tree, ""));
	char *text = tree_overlay_print(&tree, &fail);
	assert_non_null(text);
	assert_true(tree_overlay_parse(&again, text, strlen(text), &fail));
	assert_string_equal(again.id, tree.id);
	assert_string_equal(again.boards[0], "qemu,virt");
	tree_overlay_free(&again);
	tree_overlay_free(&tree);
	free(text);
	free(base64);
	free(dtbo);
}

static void check_source(const char *source, const char *expected)
{
	struct fail fail = {0};
	size_t bytes = 0;
	void *dtbo = sample_dtbo(source, &bytes);

	assert_false(tree_check_dtbo(dtbo, bytes, &fail));
	if (strstr(fail.text, expected) == NULL) {
		fail_msg("%s: %s", source, fail.text);
	}
	free(dtbo);
}

static void overlays_that_reach_too_far_are_refused(void **state)
{
#define ROOT(what) "/ { fragment@0 { target-path = \"/\"; __overlay__ { " what " }; }; };"
#define AT(path, what) "/ { fragment@0 { target-path = \"" path "\"; __overlay__ { " what " }; }; };"
	static const char *const cases[][2] = {
		{ROOT("model = \"x\";"), "dtbo: /'s property \"model\" is the machine's"},
		{ROOT("#address-cells = <1>;"), "is the machine's"},
		{ROOT("memory@80000000 { reg = <0 1 0 1>; };"), "node \"memory@80000000\" describes the machine"},
		{ROOT("intc { a; };"), "node \"intc\" describes the machine"},
		{ROOT("cpus { cpu@1 { }; };"), "node \"cpus\" describes the machine"},
		{ROOT("reserved-memory { };"), "describes the machine"},
		{ROOT("extra { device_type = \"memory\"; };"), "dtbo: a device_type is the machine's"},
		{ROOT("extra { deep { device_type = \"cpu\"; }; };"), "dtbo: a device_type is the machine's"},
		{ROOT("chosen { bootargs = \"init=/bin/sh\"; };"), "/chosen's property \"bootargs\" is the machine's"},
		{ROOT("aliases { serial0 = \"/x\"; };"), "/aliases's property \"serial0\" is the machine's"},
		{AT("/chosen", "linux,initrd-start = <0>;"),
		 "/chosen's property \"linux,initrd-start\" is the machine's"},
		{AT("/chosen", "kaslr-seed = <0>;"), "is the machine's"},
		{AT("/psci", "method = \"smc\";"), "target-path \"/psci\" is not what an overlay may change"},
		{AT("/chosen/", "a;"), "target-path \"/chosen/\" is not what an overlay may change"},
		{AT("", "a;"), "target-path \"\" is not what an overlay may change"},
		{ROOT("a { interrupt-parent = <&gic>; };"), "refers to labels of the tree below it"},
		{"/ { fragment@0 { target = <&uart>; __overlay__ { a; }; }; };", "names its target by a label"},
		{"/ { fragment@0 { target = <1>; __overlay__ { a; }; }; };", "names its target by a label"},
		{"/ { fragment@0 { target-path = \"/\", \"/chosen\"; __overlay__ { a; }; }; };",
		 "has no target-path that is one string"},
		{"/ { fragment@0 { __overlay__ { a; }; }; };", "has no target-path"},
		{"/ { __symbols__ { target-path = \"/psci\"; __overlay__ { a; }; }; };",
		 "target-path \"/psci\" is not what"},
		{"/ { leds { }; };", "node \"leds\" has no __overlay__"},
		{"/ { };", "it has no fragment"},
		{"/memreserve/ 0x1000 0x1000; / { fragment@0 { target-path = \"/\"; __overlay__ { a { }; }; }; };",
		 "it reserves memory"},
		{ROOT("a { b { c { d { e { f { g { h { i { j { k { }; }; }; }; }; }; }; }; }; }; };"),
		 "nested deeper than 12"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		check_source(cases[i][0], cases[i][1]);
	}
}

/* What the service describes is what an overlay may not touch: whatever it adds to its tree has to be known here. */
static void no_node_of_the_services_tree_can_be_reached(void **state)
{
	static uint8_t dtb[16384] __attribute__((aligned(8)));
	const struct guest_fdt guest = {.ram_bytes = 64 << 20,
					.vcpu_count = 2,
					.gic_version = 3,
					.bootargs = "a",
					.initramfs_bytes = 1,
					.has_seeds = true};
	struct fail fail = {0};
	char source[512];
	unsigned nodes = 0;
	int node = 0;
	int property = 0;

	(void)state;
	assert_int_equal(guest_fdt_encode(&guest, dtb, sizeof(dtb)), 0);
	fdt_for_each_subnode(node, dtb, 0)
	{
		const char *name = fdt_get_name(dtb, node, NULL);
		const bool is_open = strcmp(name, "chosen") == 0 || strcmp(name, "aliases") == 0;
		size_t bytes = 0;
		(void)snprintf(source, sizeof(source), ROOT("%s { extra; };"), name);
		void *dtbo = sample_dtbo(source, &bytes);
		assert_int_equal(tree_check_dtbo(dtbo, bytes, &fail), is_open);
		free(dtbo);
		nodes++;
		if (!is_open) {
			continue;
		}
		fdt_for_each_property_offset(property, dtb, node)
		{
			const char *own = NULL;
			assert_non_null(fdt_getprop_by_offset(dtb, property, &own, NULL));
			(void)snprintf(source, sizeof(source), ROOT("%s { %s; };"), name, own);
			check_source(source, "is the machine's");
		}
	}
	assert_true(nodes >= 10);
}

/* Where libfdt writes without looking: an offset behind its property, a property that is not there, or one outside of
 * what is laid over the tree. The compiler makes none of these, so the good overlay's is changed. */
static void fixups_outside_are_refused(void **state)
{
	static const char at[] = "/__local_fixups__/fragment@0/__overlay__/leds";
	struct fail fail = {0};
	size_t bytes = 0;
	uint8_t *dtbo = sample_dtbo(good_tree, &bytes);
	const int led = fdt_path_offset(dtbo, "/__local_fixups__/fragment@0/__overlay__/leds/user");

	(void)state;
	assert_true(led >= 0);
	assert_int_equal(fdt_setprop_inplace_u32(dtbo, led, "led", 1), 0);
	assert_false(tree_check_dtbo(dtbo, bytes, &fail));
	assert_non_null(strstr(fail.text, "its __local_fixups__ names what it does not have"));
	assert_int_equal(fdt_setprop_inplace_u32(dtbo, led, "led", UINT32_MAX), 0);
	assert_false(tree_check_dtbo(dtbo, bytes, &fail));
	assert_int_equal(fdt_setprop_inplace_u32(dtbo, led, "led", 0), 0);
	assert_true(tree_check_dtbo(dtbo, bytes, &fail));

	uint8_t *wider = malloc(bytes + 256);
	assert_non_null(wider);
	for (unsigned i = 0; i < 3; i++) {
		static const char *const paths[] = {at, "/__local_fixups__/fragment@0", "/__local_fixups__"};
		static const char *const properties[] = {"nothing", "target-path", "compatible"};
		assert_int_equal(fdt_open_into(dtbo, wider, (int)bytes + 256), 0);
		assert_int_equal(fdt_setprop_u32(wider, fdt_path_offset(wider, paths[i]), properties[i], 0), 0);
		assert_int_equal(fdt_pack(wider), 0);
		assert_false(tree_check_dtbo(wider, fdt_totalsize(wider), &fail));
		assert_non_null(strstr(fail.text, "its __local_fixups__ names what"));
	}
	free(wider);
	free(dtbo);
}

static void broken_blobs_are_refused(void **state)
{
	struct fail fail = {0};
	size_t bytes = 0;
	uint8_t *dtbo = sample_dtbo(good_tree, &bytes);

	(void)state;
	for (size_t cut = 0; cut < bytes; cut++) {
		uint8_t *part = malloc(cut + 1);
		assert_non_null(part);
		memcpy(part, dtbo, cut);
		assert_false(tree_check_dtbo(part, cut, &fail));
		free(part);
	}
	uint8_t *longer = calloc(1, bytes + 8);
	assert_non_null(longer);
	memcpy(longer, dtbo, bytes);
	assert_false(tree_check_dtbo(longer, bytes + 8, &fail));
	assert_non_null(strstr(fail.text, "give the file alone"));
	assert_false(tree_check_dtbo(longer, TREE_DTBO_MAX_BYTES + 1, &fail));
	assert_int_equal(fail.kind, FAIL_TOO_LARGE);
	longer[0] ^= 1;
	assert_false(tree_check_dtbo(longer, bytes, &fail));
	assert_non_null(strstr(fail.text, "not a sound device tree (FDT_ERR_BADMAGIC)"));
	free(longer);
	free(dtbo);
}

static void bad_documents_of_trees_are_refused(void **state)
{
	static const char *const cases[][2] = {
		{"{\"name\": \"a\", \"dtbo\": \"\"}", "overlay: boards is missing: give an array"},
		{"{\"name\": \"a\", \"dtbo\": \"\", \"boards\": []}", "overlay: boards has 0 elements: give 1 to 8"},
		{"{\"name\": \"a\", \"dtbo\": \"\", \"boards\": [\"a/b\"]}",
		 "overlay: boards[0] is \"a/b\": give letters"},
		{"{\"name\": \"a\", \"dtbo\": \"\", \"boards\": [\"b\", \"a\", \"b\"]}",
		 "overlay: boards has \"b\" twice"},
		{"{\"name\": \"a\", \"boards\": [\"b\"]}", "overlay: dtbo is missing: give base64"},
		{"{\"name\": \"a\", \"boards\": [\"b\"], \"dtbo\": \"eA==\"}", "dtbo: it is not a sound device tree"},
		{"{\"name\": \"a\", \"boards\": [\"b\"], \"target\": 1}", "overlay: target is not known there"},
	};
	struct fail fail;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_false(tree_overlay_parse(&tree, cases[i][0], strlen(cases[i][0]), &fail));
		if (strstr(fail.text, cases[i][1]) != fail.text) {
			fail_msg("%s: %s", cases[i][0], fail.text);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_read_and_written),
		cmocka_unit_test(same_files_have_the_same_id),
		cmocka_unit_test(bad_files_are_refused_by_name),
		cmocka_unit_test(limits_of_files_hold),
		cmocka_unit_test(good_overlays_are_taken),
		cmocka_unit_test(overlays_that_reach_too_far_are_refused),
		cmocka_unit_test(no_node_of_the_services_tree_can_be_reached),
		cmocka_unit_test(fixups_outside_are_refused),
		cmocka_unit_test(broken_blobs_are_refused),
		cmocka_unit_test(bad_documents_of_trees_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

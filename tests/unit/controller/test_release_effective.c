/* SPDX-License-Identifier: Apache-2.0 */
/* What a node gets: the order board, role, node; the archive as cpio reads it; a manifest that a node reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "release/archive.h"
#include "release/effective.h"
#include "unit/controller/release_samples.h"

enum { BASE_BYTES = 100001 }; /* not a multiple of four, and more than one piece that is read */

/* A release with an initramfs that is there, two roles, two trees, and an assignment with all it may have. */
static struct bed {
	uint8_t base[BASE_BYTES];
	char base_hex[MEMBER_SHA256_BYTES];
	struct release_document release;
	struct assignment assignment;
	struct file_overlay roles[2];
	struct file_overlay own;
	struct tree_overlay trees[2];
	const struct file_overlay *files[3];
	const struct tree_overlay *tree_list[2];
	struct effective_input input;
	struct effective effective;
	unsigned reads;
	bool fails;
} bed;

static bool read_base(void *argument, const char *sha256, uint64_t offset, void *to, size_t count, struct fail *fail)
{
	assert_ptr_equal(argument, &bed);
	assert_string_equal(sha256, bed.base_hex);
	assert_true(offset + count <= sizeof(bed.base));
	bed.reads++;
	memcpy(to, bed.base + offset, count);
	return !bed.fails || fail_set(fail, FAIL_UNAVAILABLE, "the disk is away");
}

static void hash(const void *bytes, size_t count, char hex[MEMBER_SHA256_BYTES])
{
	uint8_t sha256[32];

	(void)crypto_hash_sha256(sha256, bytes, count);
	(void)hex_print(sha256, sizeof(sha256), hex);
}

static void parse_files(struct file_overlay *overlay, const char *text)
{
	struct fail fail;

	if (!file_overlay_parse(overlay, text, strlen(text), &fail)) {
		fail_msg("%s", fail.text);
	}
}

static void parse_tree(struct tree_overlay *overlay, const char *name, const char *board)
{
	char text[4096];
	struct fail fail;
	size_t bytes = 0;
	void *dtbo = sample_dtbo("/ { fragment@0 { target-path = \"/chosen\"; __overlay__ { a; }; }; };", &bytes);
	char *base64 = sample_base64(dtbo, bytes);

	(void)snprintf(text, sizeof(text), "{\"name\":\"%s\",\"boards\":[\"%s\"],\"dtbo\":\"%s\"}", name, board,
		       base64);
	assert_true(tree_overlay_parse(overlay, text, strlen(text), &fail));
	free(base64);
	free(dtbo);
}

static void set_string(json_t *document, const char *path, const char *value)
{
	char quoted[256];

	(void)snprintf(quoted, sizeof(quoted), "\"%s\"", value);
	sample_set(document, path, quoted);
}

static void make_release(void)
{
	json_t *document = json_loads(sample_release, 0, NULL);
	char bytes[16];

	(void)snprintf(bytes, sizeof(bytes), "%d", BASE_BYTES);
	set_string(document, "guests.0.initramfs.sha256", bed.base_hex);
	sample_set(document, "guests.0.initramfs.bytes", bytes);
	set_string(document, "guests.0.roles.0", bed.roles[0].id);
	set_string(document, "guests.0.roles.1", bed.roles[1].id);
	set_string(document, "guests.0.device_tree.0", bed.trees[0].id);
	set_string(document, "guests.0.device_tree.1", bed.trees[1].id);
	sample_set(document, "guests.1.per_node", "[\"hostname\"]");
	char *text = json_dumps(document, 0);
	sample_parse_release(&bed.release, text);
	free(text);
	json_decref(document);
}

static void make_assignment(void)
{
	json_t *document = json_loads(sample_assignment, 0, NULL);
	struct fail fail;

	set_string(document, "release", bed.release.id);
	set_string(document, "guests.web.files", bed.own.id);
	char *text = json_dumps(document, 0);
	assert_true(assignment_parse(&bed.assignment, text, strlen(text), &fail));
	free(text);
	json_decref(document);
}

static int make(void **state)
{
	(void)state;
	memset(&bed, 0, sizeof(bed));
	for (unsigned i = 0; i < BASE_BYTES; i++) {
		bed.base[i] = (uint8_t)(i * 7 + i / 251);
	}
	hash(bed.base, sizeof(bed.base), bed.base_hex);
	parse_files(&bed.roles[0],
		    "{\"name\":\"web\",\"bootargs\":\"role=web\",\"files\":["
		    "{\"path\":\"/etc/motd\",\"text\":\"web\\n\"},{\"path\":\"/usr/bin/tool\",\"mode\":\"0755\","
		    "\"base64\":\"f0VMRg==\"},{\"path\":\"/tmp/seed\",\"text\":\"1\"}]}");
	parse_files(&bed.roles[1], "{\"name\":\"tuned\",\"files\":[{\"path\":\"/etc/motd\",\"text\":\"tuned\\n\"},"
				   "{\"path\":\"/etc/hostname\",\"text\":\"nobody\"},"
				   "{\"path\":\"/etc/tuned\",\"mode\":\"0700\",\"directory\":true},"
				   "{\"path\":\"/etc/tuned/a\",\"text\":\"a\"}]}");
	parse_files(&bed.own, "{\"name\":\"rack-3\",\"bootargs\":\"rack=3\",\"files\":["
			      "{\"path\":\"/etc/tuned/a\",\"mode\":\"0600\",\"text\":\"mine\"}]}");
	parse_tree(&bed.trees[0], "leds", "qemu,virt");
	parse_tree(&bed.trees[1], "fan", "raspberrypi,5-model-b");
	make_release();
	make_assignment();
	bed.files[0] = &bed.own;
	bed.files[1] = &bed.roles[1];
	bed.files[2] = &bed.roles[0];
	bed.tree_list[0] = &bed.trees[1];
	bed.tree_list[1] = &bed.trees[0];
	bed.input = (struct effective_input){.release = &bed.release,
					     .assignment = &bed.assignment,
					     .board = "qemu,virt",
					     .files = bed.files,
					     .file_count = 3,
					     .trees = bed.tree_list,
					     .tree_count = 2,
					     .read = read_base,
					     .argument = &bed};
	return 0;
}

static int drop(void **state)
{
	(void)state;
	effective_free(&bed.effective);
	file_overlay_free(&bed.roles[0]);
	file_overlay_free(&bed.roles[1]);
	file_overlay_free(&bed.own);
	tree_overlay_free(&bed.trees[0]);
	tree_overlay_free(&bed.trees[1]);
	return 0;
}

static void make_effective(void)
{
	struct fail fail = {0};

	if (!effective_make(&bed.effective, &bed.input, &fail)) {
		fail_msg("%s", fail.text);
	}
}

static const struct effective_file *find(const char *path)
{
	const struct effective_guest *guest = &bed.effective.guests[0];

	for (unsigned i = 0; i < guest->file_count; i++) {
		if (strcmp(guest->files[i].path, path) == 0) {
			return &guest->files[i];
		}
	}
	fail_msg("no %s", path);
	return NULL;
}

static void check_file(const char *path, uint32_t mode, const char *content, enum effective_layer layer)
{
	const struct effective_file *file = find(path);

	assert_int_equal(file->mode, mode);
	assert_int_equal(file->size, strlen(content));
	assert_memory_equal(file->bytes, content, file->size);
	assert_int_equal(file->layer, layer);
}

static void board_role_node_in_this_order(void **state)
{
	(void)state;
	make_effective();
	const struct manifest *manifest = &bed.effective.manifest;

	assert_string_equal(manifest->guests[0].bootargs,
			    "console=ttyAMA0 role=web rack=3 quiet hostname=web-1.example");
	check_file("/etc/motd", 0644, "tuned\n", EFFECTIVE_ROLE);
	check_file("/etc/tuned/a", 0600, "mine", EFFECTIVE_NODE);
	check_file("/etc/hostname", 0644, "web-1.example", EFFECTIVE_NODE);
	assert_true(find("/etc/tuned")->is_directory);
	assert_int_equal(find("/etc/tuned")->mode, 0700);
	assert_int_equal(find("/tmp")->mode, 01777);
	assert_int_equal(find("/usr/bin")->mode, 0755);
	assert_int_equal(bed.effective.guests[0].tree_count, 1);
	assert_ptr_equal(bed.effective.guests[0].trees[0], &bed.trees[0]);
	/* No initramfs, so no file: the kernel's parameter alone. */
	assert_string_equal(manifest->guests[1].bootargs, "hostname=b");
	assert_int_equal(bed.effective.guests[1].file_count, 0);
	assert_int_equal(bed.effective.guests[1].archive.length, 0);
	assert_false(manifest->guests[1].has_initramfs);
}

/* The served bytes, as a node reads them. */
static void manifest_is_what_a_node_reads(void **state)
{
	static struct manifest read;
	struct wire_error error;
	char hex[MEMBER_SHA256_BYTES];

	(void)state;
	make_effective();
	assert_true(manifest_decode(bed.effective.fdt, bed.effective.fdt_bytes, &read, &error));
	assert_string_equal(read.name, "edge");
	assert_string_equal(read.version, "2026.11");
	assert_true(read.has_service);
	assert_int_equal(read.service.size_bytes, 300000);
	assert_string_equal(hex_print(read.service.sha256, 32, hex), SAMPLE_HASH("b"));
	assert_int_equal(read.guest_count, 2);
	assert_string_equal(read.guests[0].name, "web");
	assert_int_equal(read.guests[0].vcpu_count, 2);
	assert_int_equal(read.guests[0].reset, MANIFEST_FETCH);
	assert_int_equal(read.guests[1].memory_mib, 64);
	assert_string_equal(hex_print(read.guests[1].kernel.sha256, 32, hex), SAMPLE_HASH("6"));
	assert_string_equal(read.guests[0].kernel.version, "6.12.117");
	hash(bed.effective.fdt, bed.effective.fdt_bytes, hex);
	assert_string_equal(bed.effective.fdt_sha256, hex);
}

/* The blob that the manifest names is the initramfs, then the archive, at a multiple of four. */
static void initramfs_has_the_archive_behind_it(void **state)
{
	(void)state;
	make_effective();
	const struct manifest_blob *blob = &bed.effective.manifest.guests[0].initramfs;
	const struct text *archive = &bed.effective.guests[0].archive;
	const size_t whole = BASE_BYTES + archive->length;
	char named[MEMBER_SHA256_BYTES];
	char hex[MEMBER_SHA256_BYTES];
	uint8_t *bytes = malloc(whole);

	assert_non_null(bytes);
	memcpy(bytes, bed.base, BASE_BYTES);
	memcpy(bytes + BASE_BYTES, archive->bytes, archive->length);
	hash(bytes, whole, hex);
	assert_string_equal(hex_print(blob->sha256, 32, named), hex);
	assert_int_equal(blob->size_bytes, whole);
	assert_memory_equal(archive->bytes,
			    "\0\0\0"
			    "070701",
			    9);
	assert_int_equal(whole % 4, 0);
	assert_true(bed.reads > 1);
	free(bytes);
}

/* What the program cpio makes of it: names, modes, sizes, owners; then the contents. */
static void cpio_reads_the_archive(void **state)
{
	static const char expected[] = "drwxr-xr-x 0 0 0 etc\n"
				       "-rw-r--r-- 0 0 13 etc/hostname\n"
				       "-rw-r--r-- 0 0 6 etc/motd\n"
				       "drwx------ 0 0 0 etc/tuned\n"
				       "-rw------- 0 0 4 etc/tuned/a\n"
				       "drwxrwxrwt 0 0 0 tmp\n"
				       "-rw-r--r-- 0 0 1 tmp/seed\n"
				       "drwxr-xr-x 0 0 0 usr\n"
				       "drwxr-xr-x 0 0 0 usr/bin\n"
				       "-rwxr-xr-x 0 0 4 usr/bin/tool\n"
				       "web-1.example";
	char path[] = "/tmp/aether-archive-XXXXXX";
	char command[512];
	char out[2048] = "";

	(void)state;
	make_effective();
	const struct text *archive = &bed.effective.guests[0].archive;
	const int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, archive->bytes + 3, archive->length - 3), archive->length - 3);
	(void)close(fd);
	(void)snprintf(command, sizeof(command),
		       "cpio --quiet -itvn <%s | awk '{print $1, $3, $4, $5, $NF}' && cpio --quiet -i --to-stdout "
		       "etc/hostname <%s",
		       path, path);
	FILE *cpio = popen(command, "r");
	assert_non_null(cpio);
	(void)fread(out, 1, sizeof(out) - 1, cpio);
	assert_int_equal(pclose(cpio), 0);
	assert_string_equal(out, expected);
	assert_int_equal(unlink(path), 0);
}

/* Neither the order in which overlays are known, nor that of their files, changes a byte. */
static void same_input_gives_the_same_bytes(void **state)
{
	struct effective first;
	const struct file_overlay *other[] = {&bed.roles[0], &bed.own, &bed.roles[1]};

	(void)state;
	make_effective();
	first = bed.effective;
	memset(&bed.effective, 0, sizeof(bed.effective));
	bed.input.files = other;
	make_effective();
	assert_int_equal(first.guests[0].archive.length, bed.effective.guests[0].archive.length);
	assert_memory_equal(first.guests[0].archive.bytes, bed.effective.guests[0].archive.bytes,
			    first.guests[0].archive.length);
	assert_string_equal(first.fdt_sha256, bed.effective.fdt_sha256);
	effective_free(&first);
}

/* Roles may have bootargs alone: then the initramfs stays as it is. */
static void bootargs_alone_make_no_archive(void **state)
{
	struct effective_guest none = {0};
	struct fail fail = {0};

	(void)state;
	bed.input.assignment = NULL;
	for (unsigned i = 0; i < 2; i++) {
		bed.roles[i].count = 0;
	}
	make_effective();
	assert_string_equal(bed.effective.manifest.guests[0].bootargs, "console=ttyAMA0 role=web");
	assert_int_equal(bed.effective.manifest.guests[0].initramfs.size_bytes, BASE_BYTES);
	assert_int_equal(bed.effective.guests[0].archive.length, 0);
	assert_true(archive_make(&none, 1, &fail));
	assert_int_equal(none.archive.length, 3 + 124);
	text_free(&none.archive);
	bed.roles[0].count = 3;
	bed.roles[1].count = 4;
}

static void a_release_alone_is_as_it_says(void **state)
{
	char hex[MEMBER_SHA256_BYTES];

	(void)state;
	bed.input.assignment = NULL;
	bed.input.board = "";
	bed.release.guests[0].roles.count = 0;
	make_effective();
	const struct manifest_guest *web = &bed.effective.manifest.guests[0];
	assert_string_equal(web->bootargs, "console=ttyAMA0");
	assert_string_equal(hex_print(web->initramfs.sha256, 32, hex), bed.base_hex);
	assert_int_equal(web->initramfs.size_bytes, BASE_BYTES);
	assert_int_equal(bed.effective.guests[0].tree_count, 0);
	assert_int_equal(bed.reads, 0);
}

static void check_refused(const char *expected)
{
	struct fail fail = {0};

	assert_false(effective_make(&bed.effective, &bed.input, &fail));
	if (strstr(fail.text, expected) == NULL) {
		fail_msg("%s", fail.text);
	}
}

static void what_does_not_fit_is_refused(void **state)
{
	(void)state;
	bed.input.file_count = 2;
	check_refused("guest \"web\" wants the file overlay ");
	bed.input.file_count = 3;
	bed.input.tree_count = 1;
	check_refused("guest \"web\" wants the device tree overlay ");
	bed.input.tree_count = 2;
	bed.fails = true;
	check_refused("the disk is away");
	bed.fails = false;
	bed.base[5] ^= 1;
	check_refused("of guest \"web\" is damaged");
	bed.base[5] ^= 1;
	memset(bed.release.guests[0].bootargs, 'x', MANIFEST_BOOTARGS_BYTES - 1);
	check_refused("have more than 2047 bytes: shorten them");
	memcpy(bed.release.guests[0].bootargs, "a", 2);
	bed.release.guests[0].may_bootargs = false;
	check_refused("guests.web.bootargs is not allowed");
	bed.assignment.guests[1].bootargs[0] = '\0';
	check_refused("overlay \"rack-3\" has bootargs, which the release does not allow");
	bed.release.guests[0].may_bootargs = true;
	make_effective();
}

static void check_clash(const char *role, const char *expected)
{
	char before[MEMBER_SHA256_BYTES];

	memcpy(before, bed.roles[1].id, sizeof(before));
	file_overlay_free(&bed.roles[1]);
	parse_files(&bed.roles[1], role);
	memcpy(bed.roles[1].id, before, sizeof(before));
	check_refused(expected);
}

static void file_and_directory_of_one_path_are_refused(void **state)
{
	(void)state;
	check_clash("{\"name\":\"x\",\"files\":[{\"path\":\"/etc\",\"text\":\"\"}]}",
		    "\"/etc\" is a file of overlay \"x\", and a directory of overlay \"web\"");
	check_clash("{\"name\":\"x\",\"files\":[{\"path\":\"/etc/motd\",\"directory\":true}]}",
		    "\"/etc/motd\" is a file of overlay \"web\", and a directory of overlay \"x\"");
	check_clash("{\"name\":\"x\",\"files\":[{\"path\":\"/etc/motd/a\",\"text\":\"\"}]}",
		    "\"/etc/motd\" is a file of overlay \"web\", and a directory of overlay \"x\"");
	check_clash("{\"name\":\"x\",\"files\":[{\"path\":\"/etc/hostname\",\"directory\":true}]}",
		    "\"/etc/hostname\" is a file of overlay \"hostname\", and a directory of overlay \"x\"");
}

static void too_many_files_are_refused(void **state)
{
	struct text text = {0};

	(void)state;
	text_puts(&text, "{\"name\":\"x\",\"files\":[{\"path\":\"/0/x\",\"text\":\"\"}");
	for (unsigned i = 1; i < FILES_MAX; i++) {
		text_printf(&text, ",{\"path\":\"/%u/%u/x\",\"text\":\"\"}", i, i);
	}
	text_puts(&text, "]}");
	check_clash(text.bytes, "the overlays have more than 512 files together");
	text_free(&text);
}

static void the_text_says_where_each_part_comes_from(void **state)
{
	static const char *const lines[] = {
		"node      n-0123456789\n",
		"release   edge 2026.11, ",
		"board     qemu,virt\n",
		"Overlays are laid in this order, the later over the earlier: board, role, node.\n",
		"guest 0 \"web\"\n",
		"  machine      2 vCPUs, 512 MiB; for a reset its payload is fetched again\n",
		"  kernel       1111111111111111..., 30000000 bytes, 6.12.117\n",
		"  bootargs     console=ttyAMA0 role=web rack=3 quiet hostname=web-1.example\n",
		"    release    console=ttyAMA0\n",
		"    role       role=web    by web\n",
		"    node       rack=3    by rack-3\n",
		"    node       quiet\n",
		"    node       hostname=web-1.example\n",
		"  device tree  leds, ",
		"    board\n",
		"    0644       13 /etc/hostname    node hostname\n",
		"    0644        6 /etc/motd    role tuned\n",
		"    0600        4 /etc/tuned/a    node rack-3\n",
		"    1777        0 /tmp/\n",
		"  ready        when it prints the line \"aether: ready\"\n",
		"guest 1 \"batch\"\n",
		"  ready        after 5 s without reset, panic or power-off\n",
	};
	struct text text = {0};

	(void)state;
	make_effective();
	effective_print(&bed.effective, &bed.input, &text);
	assert_false(text.is_broken);
	const char *at = text.bytes;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *found = strstr(at, lines[i]);
		if (found == NULL) {
			fail_msg("not \"%s\" in\n%s", lines[i], at);
		}
		at = found + strlen(lines[i]);
	}
	text_free(&text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define EACH(name) cmocka_unit_test_setup_teardown(name, make, drop)
		EACH(board_role_node_in_this_order),
		EACH(manifest_is_what_a_node_reads),
		EACH(initramfs_has_the_archive_behind_it),
		EACH(cpio_reads_the_archive),
		EACH(same_input_gives_the_same_bytes),
		EACH(bootargs_alone_make_no_archive),
		EACH(a_release_alone_is_as_it_says),
		EACH(what_does_not_fit_is_refused),
		EACH(file_and_directory_of_one_path_are_refused),
		EACH(too_many_files_are_refused),
		EACH(the_text_says_where_each_part_comes_from),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

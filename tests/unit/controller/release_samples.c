/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/controller/release_samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

/* clang-format off */
const char sample_release[] =
	"{\"name\": \"edge\", \"version\": \"2026.11\","
	" \"core\": {\"sha256\": \"" SAMPLE_HASH("a") "\", \"bytes\": 400000, \"version\": \"0.2.0\"},"
	" \"service\": {\"sha256\": \"" SAMPLE_HASH("b") "\", \"bytes\": 300000},"
	" \"guests\": ["
	"  {\"name\": \"web\", \"vcpus\": 2, \"memory_mib\": 512,"
	"   \"kernel\": {\"sha256\": \"" SAMPLE_HASH("1") "\", \"bytes\": 30000000, \"version\": \"6.12.117\"},"
	"   \"initramfs\": {\"sha256\": \"" SAMPLE_HASH("2") "\", \"bytes\": 2000000},"
	"   \"bootargs\": \"console=ttyAMA0\", \"reset\": \"fetch\","
	"   \"roles\": [\"" SAMPLE_HASH("3") "\", \"" SAMPLE_HASH("4") "\"],"
	"   \"device_tree\": [\"" SAMPLE_HASH("5") "\"],"
	"   \"per_node\": [\"hostname\", \"bootargs\", \"files\"],"
	"   \"ready\": {\"by\": \"line\", \"line\": \"aether: ready\"}},"
	"  {\"name\": \"batch\", \"vcpus\": 1, \"memory_mib\": 64,"
	"   \"kernel\": {\"sha256\": \"" SAMPLE_HASH("6") "\", \"bytes\": 1000},"
	"   \"ready\": {\"by\": \"seconds\", \"seconds\": 5}}"
	" ],"
	" \"minimum\": {\"controller\": \"0.1.0\", \"core\": \"0.1\", \"service\": \"1\"},"
	" \"notes\": \"For the \\u00e9t\\u00e9.\\nSecond line.\"}";

const char sample_assignment[] =
	"{\"node\": \"n-0123456789\", \"release\": \"" SAMPLE_HASH("c") "\","
	" \"guests\": {\"web\": {\"hostname\": \"web-1.example\", \"bootargs\": \"quiet\","
	" \"files\": \"" SAMPLE_HASH("7") "\"}, \"batch\": {\"hostname\": \"b\"}}}";

const char sample_files[] =
	"{\"name\": \"web\", \"bootargs\": \"quiet\", \"notes\": \"n\", \"files\": ["
	" {\"path\": \"/usr/bin/tool\", \"mode\": \"0755\", \"base64\": \"f0VMRgD/\"},"
	" {\"path\": \"/etc/motd\", \"text\": \"hello\\n\"},"
	" {\"path\": \"/etc/empty\", \"text\": \"\"},"
	" {\"path\": \"/srv/data\", \"mode\": \"0750\", \"directory\": true}]}";
/* clang-format on */

void sample_set(json_t *document, const char *path, const char *value)
{
	json_t *at = document;
	char part[64];
	size_t length = strcspn(path, ".");

	while (path[length] == '.') {
		(void)snprintf(part, sizeof(part), "%.*s", (int)length, path);
		at = json_is_array(at) ? json_array_get(at, strtoul(part, NULL, 10)) : json_object_get(at, part);
		assert_non_null(at);
		path += length + 1;
		length = strcspn(path, ".");
	}
	json_t *new = value != NULL ? json_loads(value, JSON_DECODE_ANY, NULL) : NULL;
	assert_true(value == NULL || new != NULL);
	if (json_is_array(at)) {
		const size_t index = strtoul(path, NULL, 10);
		assert_int_equal(new == NULL			? json_array_remove(at, index)
				 : index == json_array_size(at) ? json_array_append_new(at, new)
								: json_array_set_new(at, index, new),
				 0);
	} else {
		assert_int_equal(new == NULL ? json_object_del(at, path) : json_object_set_new(at, path, new), 0);
	}
}

char *sample_with(const char *base, const char *path, const char *value)
{
	json_t *document = json_loads(base, 0, NULL);

	assert_non_null(document);
	if (path != NULL) {
		sample_set(document, path, value);
	}
	char *text = json_dumps(document, 0);
	json_decref(document);
	assert_non_null(text);
	return text;
}

void sample_parse_release(struct release_document *release, const char *text)
{
	struct fail fail = {0};

	if (!release_parse(release, text, strlen(text), &fail)) {
		fail_msg("%s", fail.text);
	}
}

void *sample_dtbo(const char *source, size_t *bytes)
{
	char folder[] = "/tmp/aether-dtbo-XXXXXX";
	char command[256];
	char path[64];

	assert_non_null(mkdtemp(folder));
	(void)snprintf(command, sizeof(command), "dtc -q -@ -I dts -O dtb -o %s/out -", folder);
	FILE *dtc = popen(command, "w");
	assert_non_null(dtc);
	assert_int_equal(fputs("/dts-v1/;\n/plugin/;\n", dtc) < 0 || fputs(source, dtc) < 0, 0);
	assert_int_equal(pclose(dtc), 0);
	(void)snprintf(path, sizeof(path), "%s/out", folder);
	FILE *out = fopen(path, "re");
	uint8_t *dtbo = malloc(64 << 10);
	assert_true(out != NULL && dtbo != NULL);
	*bytes = fread(dtbo, 1, 64 << 10, out);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(unlink(path) | rmdir(folder), 0);
	/* No more than it has, so that reading behind it shows. */
	dtbo = realloc(dtbo, *bytes);
	assert_non_null(dtbo);
	return dtbo;
}

char *sample_base64(const void *bytes, size_t count)
{
	const size_t room = sodium_base64_ENCODED_LEN(count, sodium_base64_VARIANT_ORIGINAL);
	char *text = malloc(room);

	assert_non_null(text);
	return sodium_bin2base64(text, room, bytes, count, sodium_base64_VARIANT_ORIGINAL);
}

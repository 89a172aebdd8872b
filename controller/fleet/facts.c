/* SPDX-License-Identifier: Apache-2.0 */
/* The wire's decoder has bounded every string of a hello and made it printable; the database's JSON is our own,
 * yet read with care. */
#include "fleet/facts.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "fleet/cpu.h"

static const char *const stages[HELLO_STAGE_COUNT] = {"entry", "machine", "dma",   "memory",
						      "cpus",  "service", "lease", "hello"};

void facts_clean(char *to, size_t size, const char *from)
{
	size_t i = 0;

	for (; i + 1 < size && from[i] != '\0'; i++) {
		to[i] = (char)(from[i] >= ' ' && from[i] <= '~' ? from[i] : '?');
	}
	to[i] = '\0';
}

const char *facts_uuid(const uint8_t uuid[16], char text[37])
{
	char *at = text;

	for (unsigned i = 0; i < 16; i++) {
		at += snprintf(at, 4, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", uuid[i]);
	}
	return text;
}

static void put_seen(const struct node *node, struct json *json)
{
	char address[INET_ADDRSTRLEN];

	json_text(json, "network", node->network);
	json_text(json, "port", node->port);
	json_text(json, "hostname", node->hostname);
	json_text(json, "vendor", node->vendor);
	json_u64(json, "arch", node->arch);
	json_text(json, "address", inet_ntop(AF_INET, &node->ip, address, sizeof(address)));
}

static uint32_t mib_up(uint64_t bytes)
{
	return bytes >> 20 < UINT32_MAX ? (uint32_t)((bytes >> 20) + ((bytes & 0xfffff) != 0)) : UINT32_MAX;
}

static void put_hello(const struct hello *hello, struct json *json)
{
	char hex[2 * HELLO_SHA256_BYTES + 1];
	char midr[20], cpu[CPU_NAME_BYTES];

	json_text(json, "board", hello->board);
	json_u64(json, "cpus", hello->cpu_count);
	json_u64(json, "gic", hello->gic_version);
	json_u64(json, "memory_mib", hello->ram_bytes >> 20);
	json_u64(json, "free_mib", hello->free_bytes >> 20);
	json_u64(json, "core_mib", mib_up(hello->core_bytes));
	(void)snprintf(midr, sizeof(midr), "0x%08llx", (unsigned long long)hello->midr);
	json_text(json, "cpu", cpu_name(hello->midr, cpu));
	json_text(json, "midr", midr);
	json_u64(json, "counter_hz", hello->counter_hz);
	json_text(json, "core_version", hello->core_version);
	json_text(json, "core_build", hex_print(hello->core_build_id, HELLO_SHA256_BYTES, hex));
	json_text(json, "service_sha256", hex_print(hello->service_sha256, HELLO_SHA256_BYTES, hex));
	json_bool(json, "simulation", (hello->flags & HELLO_SIMULATION) != 0);
	json_begin_array(json, "stages");
	for (unsigned i = 0; i < hello->stage_count && i < HELLO_STAGE_COUNT; i++) {
		if (hello->stage_us[i] != HELLO_TIME_UNKNOWN) {
			json_begin_object(json, NULL);
			json_text(json, "name", stages[i]);
			json_u64(json, "us", hello->stage_us[i]);
			json_end_object(json);
		}
	}
	json_end_array(json);
	if (hello->crash_bytes > 0) {
		json_begin_object(json, "crash");
		json_u64(json, "bytes", hello->crash_bytes);
		json_u64(json, "streak", hello->crash_streak);
		json_end_object(json);
	}
}

void facts_write(const struct node *node, const struct hello *hello, struct text *to)
{
	struct json json = {.to = to};

	json_begin_object(&json, NULL);
	put_seen(node, &json);
	if (hello != NULL) {
		put_hello(hello, &json);
	}
	json_end_object(&json);
}

void facts_take(struct node *node, const struct hello *hello)
{
	memcpy(node->board, hello->board, sizeof(node->board));
	memcpy(node->release, hello->core_version, sizeof(node->release));
	node->cpu_count = hello->cpu_count;
	node->gic_version = hello->gic_version;
	node->memory_mib = (uint32_t)(hello->ram_bytes >> 20);
	node->core_mib = mib_up(hello->core_bytes);
}

static void get_text(const json_t *object, const char *key, char *to, size_t size)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (text != NULL) {
		facts_clean(to, size, text);
	}
}

static uint32_t get_number(const json_t *object, const char *key)
{
	const json_int_t value = json_integer_value(json_object_get(object, key));

	return value < 0 || value > UINT32_MAX ? 0 : (uint32_t)value;
}

void facts_read(struct fleet *fleet, struct node *node, const char *facts)
{
	char text[INET_ADDRSTRLEN] = "";
	struct in_addr address;
	json_t *object = json_loads(facts, JSON_REJECT_DUPLICATES, NULL);

	if (object == NULL) {
		return;
	}
	get_text(object, "network", node->network, sizeof(node->network));
	get_text(object, "port", node->port, sizeof(node->port));
	get_text(object, "hostname", node->hostname, sizeof(node->hostname));
	get_text(object, "vendor", node->vendor, sizeof(node->vendor));
	get_text(object, "board", node->board, sizeof(node->board));
	get_text(object, "core_version", node->release, sizeof(node->release));
	get_text(object, "address", text, sizeof(text));
	node->arch = (uint16_t)get_number(object, "arch");
	node->cpu_count = get_number(object, "cpus");
	node->gic_version = get_number(object, "gic");
	node->memory_mib = get_number(object, "memory_mib");
	node->core_mib = get_number(object, "core_mib");
	if (inet_pton(AF_INET, text, &address) == 1 && address.s_addr != 0) {
		node_set_ip(fleet, node, address);
	}
	json_decref(object);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration trailer: what it says is used, what is wrong with it is named and defaults are used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <libfdt.h>

#include "service/config.h"
#include "unit/small_bundle.h"

static uint8_t tree[1024] __attribute__((aligned(8)));

static size_t make(const char *compatible, const void *level, size_t level_bytes)
{
	assert_int_equal(fdt_create(tree, sizeof(tree)), 0);
	assert_int_equal(fdt_finish_reservemap(tree), 0);
	assert_int_equal(fdt_begin_node(tree, ""), 0);
	assert_int_equal(fdt_property(tree, "compatible", compatible, (int)strlen(compatible) + 1),
			 0);
	if (level != NULL) {
		assert_int_equal(fdt_property(tree, "log-level", level, (int)level_bytes), 0);
	}
	assert_int_equal(fdt_property_u32(tree, "later", 1), 0);
	assert_int_equal(fdt_end_node(tree), 0);
	assert_int_equal(fdt_finish(tree), 0);
	return fdt_totalsize(tree);
}

static void levels(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum log_level level;
	} cases[] = {
		{"error", LOG_ERROR}, {"warn", LOG_WARN}, {"info", LOG_INFO}, {"debug", LOG_DEBUG}};
	struct config config;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const size_t bytes =
			make("aether,config-v1", cases[i].text, strlen(cases[i].text) + 1);
		assert_null(config_decode(tree, bytes, &config));
		assert_int_equal(config.log_level, cases[i].level);
		/* The trailer's pages are larger than its tree. */
		assert_null(config_decode(tree, sizeof(tree), &config));
		assert_int_equal(config.log_level, cases[i].level);
	}
}

static void defaults(void **state)
{
	(void)state;
	struct config config = {.log_level = LOG_DEBUG};

	assert_null(config_decode(NULL, 0, &config));
	assert_int_equal(config.log_level, LOG_WARN);
	config.log_level = LOG_DEBUG;
	assert_null(config_decode(tree, make("aether,config-v1", NULL, 0), &config));
	assert_int_equal(config.log_level, LOG_WARN);
}

static void wrong_trailers_are_named(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t size;
	} levels[] = {{"loud", 5}, {"info", 4}, {"info\0info", 10}, {"", 1}, {"", 0}};
	struct config config;

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		const size_t bytes = make("aether,config-v1", levels[i].text, levels[i].size);
		assert_string_equal(config_decode(tree, bytes, &config),
				    "log-level is none of error, warn, info, debug");
		assert_int_equal(config.log_level, LOG_WARN);
	}
	assert_string_equal(config_decode(tree, make("aether,config-v2", "info", 5), &config),
			    "not compatible with aether,config-v1");
	assert_int_equal(config.log_level, LOG_WARN);
}

static void damaged_trailers_are_survived(void **state)
{
	(void)state;
	struct config config;
	const size_t bytes = make("aether,config-v1", "info", 5);

	for (size_t size = 1; size < bytes; size++) {
		uint8_t *cut = small_bundle_copy(tree, size);
		assert_string_equal(config_decode(cut, size, &config), "not a sound device tree");
		free(cut);
	}
	for (size_t at = 0; at < bytes; at++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			uint8_t *damaged = small_bundle_copy(tree, bytes);
			damaged[at] ^= (uint8_t)(1u << bit);
			(void)config_decode(damaged, bytes, &config);
			assert_in_range(config.log_level, LOG_ERROR, LOG_DEBUG);
			free(damaged);
		}
	}
}

static size_t make_with(const char *property, const void *value, size_t bytes)
{
	assert_int_equal(fdt_create(tree, sizeof(tree)), 0);
	assert_int_equal(fdt_finish_reservemap(tree), 0);
	assert_int_equal(fdt_begin_node(tree, ""), 0);
	assert_int_equal(fdt_property_string(tree, "compatible", "aether,config-v1"), 0);
	assert_int_equal(fdt_property_string(tree, "log-level", "info"), 0);
	assert_int_equal(fdt_property(tree, property, value, (int)bytes), 0);
	assert_int_equal(fdt_end_node(tree), 0);
	assert_int_equal(fdt_finish(tree), 0);
	return fdt_totalsize(tree);
}

static void controllers(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint32_t address;
		uint16_t port;
	} good[] = {{"10.0.0.1", 0x0a000001, 7480},
		    {"255.255.255.255:1", 0xffffffff, 1},
		    {"1.2.3.4:65535", 0x01020304, 65535}};
	static const char *const bad[] = {
		"", "10.0.0", "10.0.0.", "10.0.0.1.", "10.0.0.256", "0.0.0.0", "1.2.3.4:", "1.2.3.4:0",
		"1.2.3.4:65536", "1.2.3.4:1 ", " 1.2.3.4", "1.2.3.0004", "1.2.3.4x", "-1.2.3.4", "controller",
	};
	struct config config;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const size_t bytes = make_with("controller", good[i].text, strlen(good[i].text) + 1);
		assert_null(config_decode(tree, bytes, &config));
		assert_int_equal(config.controller, good[i].address);
		assert_int_equal(config.controller_port, good[i].port);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const size_t bytes = make_with("controller", bad[i], strlen(bad[i]) + 1);
		assert_string_equal(config_decode(tree, bytes, &config),
				    "controller is not an IPv4 address with or without a port");
		assert_int_equal(config.controller, 0);
		assert_int_equal(config.controller_port, 7480);
		assert_int_equal(config.log_level, LOG_INFO);
	}
	/* Without its NUL, with two, and without anything. */
	assert_non_null(config_decode(tree, make_with("controller", "10.0.0.1", 8), &config));
	assert_non_null(config_decode(tree, make_with("controller", "10.0.0.1\0", 10), &config));
	assert_non_null(config_decode(tree, make_with("controller", "", 0), &config));
}

static void chaos(void **state)
{
	(void)state;
	static const uint8_t cells[16] = {0, 0, 0, 1, 0, 0, 0, 200, 0, 0, 0x27, 0x10, 0, 0, 0, 0x7f};
	struct config config;

	assert_null(config_decode(tree, make_with("chaos", cells, sizeof(cells)), &config));
	assert_int_equal(config.chaos[0], 1);
	assert_int_equal(config.chaos[1], 200);
	assert_int_equal(config.chaos[2], 10000);
	assert_int_equal(config.chaos[3], 0x7f);
	assert_non_null(config_decode(tree, make_with("chaos", cells, 12), &config));
	assert_int_equal(config.chaos[1], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels),
		cmocka_unit_test(defaults),
		cmocka_unit_test(controllers),
		cmocka_unit_test(chaos),
		cmocka_unit_test(wrong_trailers_are_named),
		cmocka_unit_test(damaged_trailers_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

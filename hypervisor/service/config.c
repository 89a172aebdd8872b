/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the configuration trailer. It came over TFTP with the image and is as trusted as the image, but
 * a wrong one must not keep a node from booting: what cannot be read is named, and its default used.
 * The trailer's pages may be larger than its device tree; what follows the tree is ignored.
 */
#include "service/config.h"

#include <libfdt.h>
#include <stdbool.h>
#include <string.h>

#include "wire/datagram.h"
#include "wire/tree.h"

static const char *decode_log_level(const char *text, size_t bytes, enum log_level *level)
{
	static const char *const names[] = {[LOG_ERROR] = "error",
					    [LOG_WARN] = "warn",
					    [LOG_INFO] = "info",
					    [LOG_DEBUG] = "debug"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (bytes == strlen(names[i]) + 1 && memcmp(text, names[i], bytes) == 0) {
			*level = (enum log_level)i;
			return NULL;
		}
	}
	return "log-level is none of error, warn, info, debug";
}

/* A decimal number of at most `digits` digits up to `max`, and the character behind it. False: it is none. */
static bool take_number(const char **text, size_t digits, uint32_t max, uint32_t *number)
{
	size_t count = 0;

	*number = 0;
	while (count < digits && **text >= '0' && **text <= '9') {
		*number = *number * 10 + (uint32_t)(**text - '0');
		(*text)++;
		count++;
	}
	return count != 0 && *number <= max;
}

static bool take_address(const char **text, uint32_t *address)
{
	*address = 0;
	for (unsigned int i = 0; i < 4; i++) {
		uint32_t number = 0;
		if (i != 0 && *(*text)++ != '.') {
			return false;
		}
		if (!take_number(text, 3, 255, &number)) {
			return false;
		}
		*address = *address << 8 | number;
	}
	return *address != 0;
}

/* `text` ends with the property's last byte, which is a NUL. */
static bool decode_controller(const char *text, size_t bytes, struct config *config)
{
	uint32_t address = 0;
	uint32_t port = DATAGRAM_PORT;

	if (bytes == 0 || memchr(text, 0, bytes) != text + bytes - 1 || !take_address(&text, &address)) {
		return false;
	}
	if (*text == ':') {
		text++;
		if (!take_number(&text, 5, 65535, &port) || port == 0) {
			return false;
		}
	}
	if (*text != '\0') {
		return false;
	}
	config->controller = address;
	config->controller_port = (uint16_t)port;
	return true;
}

static const char *decode_chaos(const fdt32_t *cells, size_t bytes, struct config *config)
{
	if (bytes != sizeof(config->chaos)) {
		return "chaos is not four numbers: seed, count, mean microseconds, kinds";
	}
	for (size_t i = 0; i < 4; i++) {
		config->chaos[i] = fdt32_ld(cells + i);
	}
	return NULL;
}

const char *config_decode(const void *trailer, size_t bytes, struct config *config)
{
	const char *wrong = NULL;
	int length = 0;

	*config = (struct config){.log_level = LOG_WARN, .controller_port = DATAGRAM_PORT};
	if (bytes == 0) {
		return NULL;
	}
	if (tree_check(trailer, bytes) != 0) {
		return "not a sound device tree";
	}
	if (fdt_node_check_compatible(trailer, 0, "aether,config-v1") != 0) {
		return "not compatible with aether,config-v1";
	}
	const char *level = fdt_getprop(trailer, 0, "log-level", &length);
	if (level != NULL) {
		wrong = decode_log_level(level, (size_t)length, &config->log_level);
	}
	const char *controller = fdt_getprop(trailer, 0, "controller", &length);
	if (controller != NULL && !decode_controller(controller, (size_t)length, config)) {
		wrong = "controller is not an IPv4 address with or without a port";
	}
	const fdt32_t *chaos = fdt_getprop(trailer, 0, "chaos", &length);
	if (chaos != NULL) {
		const char *why = decode_chaos(chaos, (size_t)length, config);
		wrong = why != NULL ? why : wrong;
	}
	return wrong;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the configuration trailer. It came over TFTP with the image and is as trusted as the image, but
 * a wrong one must not keep a node from booting: what cannot be read is named, and its default used.
 * The trailer's pages may be larger than its device tree; what follows the tree is ignored.
 */
#include "service/config.h"

#include <libfdt.h>
#include <string.h>

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

const char *config_decode(const void *trailer, size_t bytes, struct config *config)
{
	config->log_level = LOG_WARN;
	if (bytes == 0) {
		return NULL;
	}
	if (tree_check(trailer, bytes) != 0) {
		return "not a sound device tree";
	}
	if (fdt_node_check_compatible(trailer, 0, "aether,config-v1") != 0) {
		return "not compatible with aether,config-v1";
	}
	int length = 0;
	const char *level = fdt_getprop(trailer, 0, "log-level", &length);
	return level == NULL ? NULL : decode_log_level(level, (size_t)length, &config->log_level);
}

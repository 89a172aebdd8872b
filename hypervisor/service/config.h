/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The configuration trailer of aether.img: a device tree blob that is appended after the build.
 *
 *     / { compatible = "aether,config-v1"; log-level = "error" | "warn" | "info" | "debug"; };
 */
#include <stddef.h>

#include "service/log.h"

struct config {
	enum log_level log_level; /* LOG_WARN when the trailer does not say */
};

/* Reads the trailer of `bytes` bytes, 8-byte aligned; 0 bytes are an empty one. Returns NULL, or in words what is
 * wrong with it: *config then has what could be used, and defaults for the rest. */
const char *config_decode(const void *trailer, size_t bytes, struct config *config);

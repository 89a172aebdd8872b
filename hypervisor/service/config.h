/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The configuration trailer of aether.img: a device tree blob that is appended after the build.
 *
 *     / {
 *         compatible = "aether,config-v1";
 *         log-level = "error" | "warn" | "info" | "debug";
 *         controller = "10.0.0.1:7480";         // IPv4, port optional; without it DHCP says
 *         chaos = <seed count mean-us kinds>;   // abi/chaos.h; only a build for simulation looks at it
 *     };
 */
#include <stddef.h>
#include <stdint.h>

#include "service/log.h"

struct config {
	enum log_level log_level; /* LOG_WARN when the trailer does not say */
	uint32_t controller; /* address, 10.0.0.1 is 0x0a000001; 0: the trailer names none */
	uint16_t controller_port; /* DATAGRAM_PORT when the trailer does not say */
	uint32_t chaos[4]; /* count 0: none */
};

/* Reads the trailer of `bytes` bytes, 8-byte aligned; 0 bytes are an empty one. Returns NULL, or in words what is
 * wrong with it: *config then has what could be used, and defaults for the rest. */
const char *config_decode(const void *trailer, size_t bytes, struct config *config);

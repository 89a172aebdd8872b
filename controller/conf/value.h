/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Values as they stand in the file, for conf.c alone. False: not one; *value is unchanged or rubbish. */
#include <libconfig.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool value_address(const char *text, uint32_t *address); /* dotted decimal, whole */
bool value_subnet(const char *text, uint32_t *address, unsigned *prefix_bits); /* 10.77.0.1/24 */
bool value_range(const char *text, uint32_t *first, uint32_t *last); /* 10.77.0.10-10.77.0.200 */
bool value_endpoint(const char *text, uint32_t *address, uint16_t *port); /* 127.0.0.1:8080 */
/* An absolute path without control characters, quotes or "..", that fits. */
bool value_path(const char *text, char *path, size_t bytes);
/* [A-Za-z0-9._-], not beginning with '-' or '.', that fits. */
bool value_name(const char *text, char *name, size_t bytes);
/* Writes dotted decimal, and returns it. */
enum { VALUE_ADDRESS_BYTES = 16 };
const char *value_print(uint32_t address, char text[VALUE_ADDRESS_BYTES]);

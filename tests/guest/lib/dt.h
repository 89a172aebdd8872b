/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A reader of flattened device trees (Devicetree Specification 0.4 s5), written apart from the one under test. */
#include <stdbool.h>
#include <stdint.h>

/* False if it is not a device tree, or one of more than 2 MiB. */
bool dt_init(const void *blob);
uint32_t dt_bytes(void);
/* The first node whose name is `name`, alone or before its '@'; or with `compatible` in its list; after node
 * `after` (-1: from the start). -1 if there is none. The root's name is "". */
int dt_find_name(int after, const char *name);
int dt_find_compatible(int after, const char *compatible);
/* NULL if the node has no such property. */
const void *dt_property(int node, const char *name, uint32_t *bytes);
/* "" if absent or not a string. */
const char *dt_string(int node, const char *name);
/* Cell number `cell` of a property, 0 if it is not there; the pair of cells at `cell` as one number. */
uint32_t dt_cell(int node, const char *name, unsigned cell);
uint64_t dt_cell64(int node, const char *name, unsigned cell);
bool dt_is_compatible(int node, const char *compatible);
/* The word KEY=value in /chosen's bootargs: its first character, 0 if absent. */
char dt_bootarg(const char *key);
/* The memory node's range. */
uint64_t dt_ram_base(void);
uint64_t dt_ram_bytes(void);

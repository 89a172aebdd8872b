/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The structure block is a list of tokens: BEGIN_NODE name, PROP length name-offset value, END_NODE, NOP, END, each
 * padded to four bytes. A node's handle is the offset of the first token after its name. Properties come before
 * subnodes, so a property's search ends at the first token that is neither PROP nor NOP.
 */
#include "guest/lib/dt.h"

#include <stddef.h>

#include "lib/string.h"

#define FDT_MAGIC 0xd00dfeedu
#define FDT_BEGIN_NODE 1u
#define FDT_END_NODE 2u
#define FDT_PROP 3u
#define FDT_NOP 4u
#define DT_BYTES_MAX 0x200000u

static const uint8_t *dt_blob;

static uint32_t read_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static const uint8_t *structure(uint32_t offset)
{
	return dt_blob + read_be32(dt_blob + 8) + offset;
}

static const char *string_at(uint32_t offset)
{
	return (const char *)dt_blob + read_be32(dt_blob + 12) + offset;
}

static uint32_t structure_bytes(void)
{
	return read_be32(dt_blob + 36);
}

bool dt_init(const void *blob)
{
	dt_blob = blob;
	return read_be32(dt_blob) == FDT_MAGIC && read_be32(dt_blob + 4) <= DT_BYTES_MAX;
}

uint32_t dt_bytes(void)
{
	return read_be32(dt_blob + 4);
}

static uint32_t padded(uint32_t bytes)
{
	return (bytes + 3) & ~3u;
}

/* The offset of the token behind the one at `at`. */
static uint32_t token_next(uint32_t at)
{
	switch (read_be32(structure(at))) {
	case FDT_BEGIN_NODE:
		return at + 4 + padded((uint32_t)strlen((const char *)structure(at + 4)) + 1);
	case FDT_PROP:
		return at + 12 + padded(read_be32(structure(at + 4)));
	default:
		return at + 4;
	}
}

const void *dt_property(int node, const char *name, uint32_t *bytes)
{
	for (uint32_t at = (uint32_t)node; node >= 0 && at < structure_bytes();
	     at = token_next(at)) {
		const uint32_t token = read_be32(structure(at));
		if (token != FDT_PROP && token != FDT_NOP) {
			break;
		}
		if (token == FDT_PROP &&
		    strcmp(string_at(read_be32(structure(at + 8))), name) == 0) {
			*bytes = read_be32(structure(at + 4));
			return structure(at + 12);
		}
	}
	*bytes = 0;
	return NULL;
}

const char *dt_string(int node, const char *name)
{
	uint32_t bytes;
	const char *value = dt_property(node, name, &bytes);
	return value != NULL && bytes > 0 && value[bytes - 1] == 0 ? value : "";
}

uint32_t dt_cell(int node, const char *name, unsigned cell)
{
	uint32_t bytes;
	const uint8_t *value = dt_property(node, name, &bytes);
	return value != NULL && bytes >= 4 * cell + 4 ? read_be32(value + (size_t)4 * cell) : 0;
}

uint64_t dt_cell64(int node, const char *name, unsigned cell)
{
	return (uint64_t)dt_cell(node, name, cell) << 32 | dt_cell(node, name, cell + 1);
}

bool dt_is_compatible(int node, const char *compatible)
{
	uint32_t bytes;
	const char *value = dt_property(node, "compatible", &bytes);
	for (uint32_t at = 0; value != NULL && at < bytes; at += (uint32_t)strlen(value + at) + 1) {
		if (strcmp(value + at, compatible) == 0) {
			return true;
		}
	}
	return false;
}

static bool is_named(const char *node_name, const char *name)
{
	const size_t bytes = strlen(name);
	return strncmp(node_name, name, bytes) == 0 &&
	       (node_name[bytes] == 0 || (node_name[bytes] == '@' && bytes > 0));
}

static int find(int after, const char *name, const char *compatible)
{
	for (uint32_t at = after < 0 ? 0 : (uint32_t)after; at < structure_bytes();
	     at = token_next(at)) {
		if (read_be32(structure(at)) != FDT_BEGIN_NODE) {
			continue;
		}
		const int node = (int)token_next(at);
		if (name != NULL ? is_named((const char *)structure(at + 4), name)
				 : dt_is_compatible(node, compatible)) {
			return node;
		}
	}
	return -1;
}

int dt_find_name(int after, const char *name)
{
	return find(after, name, NULL);
}

int dt_find_compatible(int after, const char *compatible)
{
	return find(after, NULL, compatible);
}

char dt_bootarg(const char *key)
{
	const char *at = dt_string(dt_find_name(-1, "chosen"), "bootargs");
	const size_t bytes = strlen(key);
	while (*at != 0) {
		if (strncmp(at, key, bytes) == 0 && at[bytes] == '=') {
			return at[bytes + 1];
		}
		while (*at != 0 && *at != ' ') {
			at++;
		}
		while (*at == ' ') {
			at++;
		}
	}
	return 0;
}

uint64_t dt_ram_base(void)
{
	return dt_cell64(dt_find_name(-1, "memory"), "reg", 0);
}

uint64_t dt_ram_bytes(void)
{
	return dt_cell64(dt_find_name(-1, "memory"), "reg", 2);
}

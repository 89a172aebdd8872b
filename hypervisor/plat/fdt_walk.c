/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and interrupts of a device tree node (Devicetree Specification 0.4, s2.3 and s2.4). */
#include <libfdt.h>

#include "lib/string.h"
#include "plat/machine.h"

static uint64_t read_cells(const fdt32_t *cells, int count)
{
	uint64_t value = 0;
	for (int i = 0; i < count; i++) {
		value = value << 32 | fdt32_to_cpu(cells[i]);
	}
	return value;
}

bool machine_is_enabled(const void *fdt, int node)
{
	const char *status = fdt_getprop(fdt, node, "status", NULL);
	return status == NULL || strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0;
}

/* One step up: `address` on the bus `node` to an address on its parent. */
static bool translate_step(const void *fdt, int node, int parent, uint64_t *address)
{
	int length = 0;
	const fdt32_t *ranges = fdt_getprop(fdt, node, "ranges", &length);
	const int child_cells = fdt_address_cells(fdt, node);
	const int parent_cells = fdt_address_cells(fdt, parent);
	const int size_cells = fdt_size_cells(fdt, node);
	if (ranges == NULL || child_cells < 1 || child_cells > 2 || parent_cells < 1 ||
	    parent_cells > 2 || size_cells < 1) {
		return ranges != NULL && length == 0;
	}
	if (length == 0) {
		return true; /* one to one */
	}
	const int stride = child_cells + parent_cells + size_cells;
	for (int at = 0; (at + stride) * 4 <= length; at += stride) {
		const uint64_t child = read_cells(ranges + at, child_cells);
		const uint64_t size =
			read_cells(ranges + at + child_cells + parent_cells, size_cells);
		if (*address >= child && *address - child < size) {
			*address = read_cells(ranges + at + child_cells, parent_cells) +
				   (*address - child);
			return true;
		}
	}
	return false;
}

bool machine_walk(const void *fdt, struct machine_cursor *cursor)
{
	int depth = cursor->depth;
	const int node = cursor->node < 0 ? 0 : fdt_next_node(fdt, cursor->node, &depth);
	if (node < 0 || depth < 0) {
		return false;
	}
	cursor->node = node;
	cursor->depth = depth;
	if (depth < (int)MACHINE_DEPTH_MAX) {
		cursor->path[depth] = node;
	}
	return true;
}

bool machine_reg_at(const void *fdt, const struct machine_cursor *cursor, unsigned index, struct machine_range *range)
{
	int length = 0;
	if (cursor->depth < 1 || cursor->depth >= (int)MACHINE_DEPTH_MAX) {
		return false;
	}
	const fdt32_t *reg = fdt_getprop(fdt, cursor->node, "reg", &length);
	const int bus = cursor->path[cursor->depth - 1];
	const int address_cells = fdt_address_cells(fdt, bus);
	const int size_cells = fdt_size_cells(fdt, bus);
	if (reg == NULL || address_cells < 1 || address_cells > 2 || size_cells < 0 || size_cells > 2) {
		return false;
	}
	const int stride = address_cells + size_cells;
	if ((int)(index + 1) * stride * 4 > length) {
		return false;
	}
	uint64_t address = read_cells(reg + (int)index * stride, address_cells);
	for (int depth = cursor->depth - 1; depth > 0; depth--) {
		if (!translate_step(fdt, cursor->path[depth], cursor->path[depth - 1], &address)) {
			return false;
		}
	}
	range->base = address;
	range->bytes = read_cells(reg + (int)index * stride + address_cells, size_cells);
	return true;
}

bool machine_reg(const void *fdt, int node, unsigned index, struct machine_range *range)
{
	struct machine_cursor cursor = MACHINE_CURSOR_START;
	while (machine_walk(fdt, &cursor) && cursor.node <= node) {
		if (cursor.node == node) {
			return machine_reg_at(fdt, &cursor, index, range);
		}
	}
	return false;
}

uint32_t machine_interrupt(const void *fdt, int node, unsigned index)
{
	int length = 0;
	/* GIC binding: three cells or more, the first three being type, number, flags. */
	const fdt32_t *cells = fdt_getprop(fdt, node, "interrupts", &length);
	const int stride = length % 16 == 0 && length % 12 != 0 ? 4 : 3;
	if (cells == NULL || ((int)index + 1) * stride * 4 > length) {
		return 0;
	}
	const uint32_t type = fdt32_to_cpu(cells[(int)index * stride]);
	const uint32_t number = fdt32_to_cpu(cells[(int)index * stride + 1]);
	if (type == 0 && number < 988) {
		return number + 32;
	}
	return type == 1 && number < 16 ? number + 16 : 0;
}

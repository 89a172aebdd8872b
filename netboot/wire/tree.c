/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to hold before libfdt may look into a blob. fdt_check_full() bounds every offset and walks
 * the whole structure, but takes for granted that the blocks are aligned as the Devicetree
 * Specification v0.4, 5.6 says, and then loads words from them.
 */
#include "wire/tree.h"

#include <libfdt.h>
#include <stdint.h>

int tree_check(const void *fdt, size_t bytes)
{
	if (((uintptr_t)fdt & 7) != 0) {
		return -FDT_ERR_ALIGNMENT;
	}
	if (bytes < sizeof(struct fdt_header)) {
		return -FDT_ERR_TRUNCATED;
	}
	if ((fdt_off_dt_struct(fdt) & 3) != 0 || (fdt_off_mem_rsvmap(fdt) & 7) != 0) {
		return -FDT_ERR_ALIGNMENT;
	}
	return fdt_check_full(fdt, bytes);
}

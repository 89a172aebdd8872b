/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Device tree blobs that come from outside. */
#include <stddef.h>

/* Returns 0 if libfdt's read-only functions are safe on the blob that stands in the `bytes` bytes at fdt (8-byte
 * aligned), else libfdt's negative error. Bytes behind the blob's own size are allowed. */
int tree_check(const void *fdt, size_t bytes);

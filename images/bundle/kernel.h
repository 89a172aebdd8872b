/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Kernels as distributions ship them, made into the arm64 `Image` that a guest is started from. */
#include <stddef.h>

#include "file.h"

/* Reads path; unpacks gzip and EFI zboot (gzip, zstd). Ends the program if no arm64 Image comes out. */
struct file kernel_read(const char *path);

/* "6.12.117+deb13-cloud-arm64" from Linux' own banner; "" for a kernel without one. Always NUL terminated. */
void kernel_find_release(const struct file *kernel, char *release, size_t size);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node never unpacks a kernel, so it is done here: `Image.gz` as Ubuntu ships it, and EFI zboot
 * (Linux, drivers/firmware/efi/libstub/zboot-header.S) as Fedora does. Debian's is an Image as it is.
 *
 * zboot header: "MZ" at 0, "zimg" at 4, u32 payload offset at 8, u32 payload size at 12, the name of the
 * compression at 24. Hostile input: none; a kernel file that lies about its sizes is refused.
 */
#include "kernel.h"

#include <string.h>

#include "abi/image.h"

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static struct file unpack_zboot(const char *path, const struct file *packed)
{
	const uint32_t offset = get_u32(packed->bytes + 8);
	const uint32_t size = get_u32(packed->bytes + 12);
	const char *method = (const char *)packed->bytes + 24;

	if (offset > packed->size || size > packed->size - offset) {
		file_fail("%s: its EFI zboot payload lies outside the file", path);
	}
	if (strncmp(method, "gzip", 5) == 0) {
		return file_filter("gzip", "-dc", packed->bytes + offset, size);
	}
	if (strncmp(method, "zstd", 4) == 0) {
		return file_filter("zstd", "-dc", packed->bytes + offset, size);
	}
	file_fail("%s: EFI zboot with \"%.8s\" compression; next step: unpack it to an arm64 Image",
		  path, method);
}

struct file kernel_read(const char *path)
{
	struct file kernel = file_read(path);

	if (kernel.size >= 2 && kernel.bytes[0] == 0x1f && kernel.bytes[1] == 0x8b) {
		kernel = file_filter("gzip", "-dc", kernel.bytes, kernel.size);
	} else if (kernel.size >= 64 && memcmp(kernel.bytes, "MZ", 2) == 0 &&
		   memcmp(kernel.bytes + 4, "zimg", 4) == 0) {
		kernel = unpack_zboot(path, &kernel);
	}
	struct arm64_image_header header;
	if (kernel.size < sizeof(header)) {
		file_fail("%s: %zu bytes are no arm64 Image", path, kernel.size);
	}
	memcpy(&header, kernel.bytes, sizeof(header));
	if (header.magic != ARM64_IMAGE_MAGIC) {
		file_fail("%s: no arm64 Image (its magic is missing); next step: give an "
			  "uncompressed "
			  "arm64 kernel",
			  path);
	}
	return kernel;
}

void kernel_find_release(const struct file *kernel, char *release, size_t size)
{
	static const char banner[] = "Linux version ";
	const uint8_t *found = memmem(kernel->bytes, kernel->size, banner, sizeof(banner) - 1);
	size_t length = 0;

	if (found != NULL) {
		const uint8_t *p = found + sizeof(banner) - 1;
		const size_t rest = kernel->size - (size_t)(p - kernel->bytes);
		while (length < rest && length + 1 < size && p[length] > ' ' && p[length] <= '~') {
			release[length] = (char)p[length];
			length++;
		}
	}
	release[length] = '\0';
}

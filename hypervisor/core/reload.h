/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The service's image in its memory: every instance begins with the same bytes. Code comes from the pristine image,
 * which is the core's own and is mapped to nobody; all that an instance could write is scrubbed. It is done in parts,
 * so that guests need not wait for the whole.
 */
#include <stdbool.h>
#include <stdint.h>

#include "abi/image.h"
#include "lib/addr.h"
#include "lib/err.h"

struct pgtable;

/* An image in memory that is the core's, and stays so while it is used: part of the core's own image (`bytes`), or
 * else at `pa`. */
struct service_image {
	const uint8_t *bytes;
	pa_t pa;
	uint64_t byte_count;
	struct aether_service_header header;
	uint8_t sha256[32];
};

/* True if the header describes an image that `byte_count` bytes can hold and that needs at most `most` bytes. */
bool reload_is_image(const struct aether_service_header *header, uint64_t byte_count, uint64_t most);

/* Start of day: takes memory for the image that the core carries, and maps it into `stage2`, code and data each with
 * its own rights. The first instance is then made as every other is. HV_EINVAL (no service image), HV_ENOMEM. */
enum hv_err reload_init(const struct service_image *boot, struct pgtable *stage2) MUST_CHECK;
/* The service's vCPU is off: its memory becomes that (checked) image again, by the parts that follow. */
void reload_begin(const struct service_image *image);
/* One part: at most RELOAD_PART_BYTES. True: all is done, the instruction caches too. */
#define RELOAD_PART_BYTES UINT64_C(0x4000)
bool reload_part(void);
/* IPA of its first instruction. */
uint64_t reload_entry(void);
/* IPA at which a test makes it misbehave; 0: nowhere. */
uint64_t reload_chaos_entry(void);
/* Where [ipa, ipa + bytes) of the service's writable memory lies, in one piece; false: some of it is not that. */
bool reload_find_writable(uint64_t ipa, uint64_t bytes, pa_t *pa);
/* The most that an image may need. */
uint64_t reload_memory_bytes(void);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A VM's stage 2 translation tables, VMSAv8-64, 4 KiB granule (Arm ARM D8), with blocks of 2 MiB
 * and 1 GiB wherever address and size allow. EL2's own stage 1 is static and arch's.
 *
 * Invariants: (1) a valid descriptor changes only through an invalid one, with TLB invalidation
 * between (break-before-make, D8.16.1); (2) a table page is freed only after that invalidation; (3)
 * the caller owns what it maps (core/pages.h). Locks: none; each table has one writer at a time
 * (its VM's lifecycle lock, or start of day).
 */
#include <stdint.h>

#include "lib/addr.h"
#include "lib/err.h"

#define PGTABLE_READ 1u
#define PGTABLE_WRITE 2u
#define PGTABLE_EXEC 4u
#define PGTABLE_DEVICE 8u /* Device-nGnRE; else Normal write-back, inner shareable */
/* A guest may execute what it writes; keeping those apart is its own stage 1's concern. */
#define PGTABLE_GUEST_RAM (PGTABLE_READ | PGTABLE_WRITE | PGTABLE_EXEC)

enum pgtable_kind {
	PGTABLE_STAGE2, /* 40-bit IPA, starts at level 1 with two concatenated tables */
};

struct pgtable {
	enum pgtable_kind kind;
	uint16_t vmid;
	pa_t root;
	uint32_t table_count; /* pages of the pool in use, root included */
	uint64_t mapped_bytes;
};

/* An empty table. HV_ENOMEM. */
enum hv_err pgtable_init(struct pgtable *table, enum pgtable_kind kind, uint16_t vmid) MUST_CHECK;
/* Maps [addr, addr + bytes) to pa, 4 KiB aligned all, not empty. HV_EINVAL; also for attributes
 * without READ, or DEVICE with EXEC. *done says how many bytes are mapped, always: all with HV_OK;
 * with HV_AGAIN (an interrupt is pending) at least one entry, call again with the rest; with
 * HV_ESTATE (something is mapped at addr + *done, or in the block that would stand there) or
 * HV_ENOMEM nothing beyond it is mapped, and no empty table is left behind. */
enum hv_err pgtable_map(struct pgtable *table, uint64_t addr, pa_t pa, uint64_t bytes,
			unsigned attributes, uint64_t *done) MUST_CHECK;
/* Unmaps what is mapped of the range; holes are passed over; blocks that stand out of it are split
 * (HV_ENOMEM possible only then). TLBs are clean of the first *done bytes on every CPU when it
 * returns, whatever it returns; HV_AGAIN as above, and HV_OK says that no empty table is left. A
 * vCPU that runs meanwhile may take a stage 2 fault on a block being split. */
enum hv_err pgtable_unmap(struct pgtable *table, uint64_t addr, uint64_t bytes,
			  uint64_t *done) MUST_CHECK;
/* HV_EINVAL if nothing is mapped there. *block_bytes: 4 KiB, 2 MiB or 1 GiB. */
enum hv_err pgtable_lookup(const struct pgtable *table, uint64_t addr, pa_t *pa,
			   unsigned *attributes, uint64_t *block_bytes);
/* Frees every table page, the root too; the VM's TLB entries are invalidated first. No CPU uses the
 * table any more. It is not interrupted: what is large has been unmapped before. */
void pgtable_destroy(struct pgtable *table);

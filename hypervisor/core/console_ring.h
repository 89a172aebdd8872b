/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Each guest's console as the service sees it, over every death of the service and of the guest: a ring of all output
 * of that VM number since boot, which the service reads where it stands, and the offset of the input that is due.
 * Offsets only rise. The rings are core memory, mapped read-only into the service; nothing waits for a reader, what a
 * reader has missed is a gap in its offsets.
 */
#include <stdatomic.h>
#include <stdint.h>

#include "abi/bootinfo.h"
#include "core/pgtable.h"
#include "lib/err.h"

#define CONSOLE_INPUT_MAX 32u

extern struct console_rings {
	uint8_t *bytes; /* AETHER_VM_MAX rings, one behind the other */
	struct aether_console_heads *heads;
} console_rings;

/* A byte that the guest's UART has got rid of, into its ring. Under the console's lock, so there is one writer. */
static inline void console_ring_put(uint8_t *ring, uint64_t *head, uint8_t byte)
{
	const uint64_t at = *head;
	ring[at % AETHER_CONSOLE_RING_BYTES] = byte;
	/* Release: who sees the new head sees the byte. */
	atomic_store_explicit((_Atomic uint64_t *)head, at + 1, memory_order_release);
}

/* Maps rings and heads into the service, for good; they are made when it is first called, before any guest.
 * HV_ENOMEM. */
enum hv_err console_map_rings(struct pgtable *service) MUST_CHECK;
/* Input for a guest at `offset` (AETHER_HVC_CONSOLE_INPUT); vm < AETHER_VM_MAX, 1 <= count <= CONSOLE_INPUT_MAX. *due:
 * what is due afterwards. HV_EINVAL: offset lies beyond it, *due is set. HV_ESTATE: the guest does not run. */
enum hv_err console_input(unsigned vm, uint64_t offset, const uint8_t *bytes, uint32_t count, uint64_t *due) MUST_CHECK;

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Console rings and input (core/console_ring.h). Input is the service's: VM number, offset and bytes are anything;
 * what it says twice is taken once, since the offset that is due is kept here and moves with the bytes, in one call.
 * Input that comes by the node's own UART has no offset.
 */
#include "core/console_ring.h"

#include "core/console.h"
#include "core/hal.h"
#include "core/pages.h"
#include "core/vm.h"
#include "lib/bits.h"

#define RINGS_BYTES (AETHER_VM_MAX * AETHER_CONSOLE_RING_BYTES)

static_assert(sizeof(struct aether_console_heads) <= PAGE_BYTES, "one page");
static_assert(AETHER_IPA_CONSOLE(AETHER_VM_MAX) <= AETHER_IPA_SERVICE, "the windows are apart");

struct console_rings console_rings;

static pa_t rings_pa, heads_pa;

static enum hv_err make(void)
{
	enum hv_err err = pages_pool_alloc(1, &heads_pa);
	if (err == HV_OK) {
		err = pages_pool_alloc_run(RINGS_BYTES / PAGE_BYTES, &rings_pa);
		if (err != HV_OK) {
			pages_pool_free(heads_pa, 1);
			return err;
		}
		console_rings.heads = hal_core_page(heads_pa);
		console_rings.bytes = hal_core_page(rings_pa);
		for (unsigned i = 0; i < AETHER_VM_MAX; i++) {
			console_set_ring(i, console_rings.bytes + i * AETHER_CONSOLE_RING_BYTES,
					 &console_rings.heads->head[i]);
		}
	}
	return err;
}

enum hv_err console_map_rings(struct pgtable *service)
{
	enum hv_err err = console_rings.heads == NULL ? make() : HV_OK;
	if (err == HV_OK) {
		err = vm_map_window(service, AETHER_IPA_CONSOLE_HEADS, heads_pa, PAGE_BYTES, PGTABLE_READ);
	}
	if (err == HV_OK) {
		err = vm_map_window(service, AETHER_IPA_CONSOLE(0), rings_pa, RINGS_BYTES, PGTABLE_READ);
	}
	return err;
}

enum hv_err console_input(unsigned vm, uint64_t offset, const uint8_t *bytes, uint32_t count, uint64_t *due)
{
	uint64_t *input_due = &console_rings.heads->input_due[vm];
	const uint64_t now_due = *input_due;
	if (offset > now_due) {
		*due = now_due;
		return HV_EINVAL;
	}
	if (atomic_load_explicit(&vms[vm].state, memory_order_acquire) != AETHER_VM_RUNNING) {
		return HV_ESTATE;
	}
	const uint64_t known = now_due - offset;
	if (known < count) {
		*input_due = now_due + vuart_rx_offer(&vms[vm].uart, bytes + known, count - (uint32_t)known);
	}
	*due = *input_due;
	return HV_OK;
}

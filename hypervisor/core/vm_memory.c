/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's memory on its way from owner to owner: the phases that the long operations of core/vm.c are made of.
 *
 * A page changes hands in this order: the old owner's map goes, its TLB entries go on every CPU, it is scrubbed,
 * it is cleaned; then the new owner's map is made. A phase goes on from the VM's cursor, at most a chunk beyond the
 * next interrupt or the end of its caller's slice, so it can be left at any chunk, by whoever, and taken up by another.
 * extents[] do not change between create and destroy. Nothing of this is anybody's input: what was asked for is checked
 * in core/vm.c.
 */
#include "core/vm_memory.h"

#include "core/check.h"
#include "core/hal.h"
#include "lib/bits.h"

#define CHUNK_BYTES UINT64_C(0x10000)

static struct page_owner owner(enum page_state state, unsigned vm)
{
	return (struct page_owner){state, (uint8_t)vm};
}

/* Where the chunk at `offset` of the VM's RAM lies; at most CHUNK_BYTES, never over a 2 MiB boundary. */
static pa_t chunk_at(const struct vm *vm, uint64_t offset)
{
	for (unsigned i = 0; i < vm->extent_count; i++) {
		if (offset < vm->extents[i].bytes) {
			return pa_add(vm->extents[i].base, offset);
		}
		offset -= vm->extents[i].bytes;
	}
	CHECK(false); /* the caller's cursor is below ram_bytes, the sum of the extents */
	return PA(0);
}

bool vm_is_slice_over(void)
{
	const uint64_t end = vms[VM_SERVICE].vcpus[0]->wait_until;
	return end != 0 && hal_ticks() >= end;
}

/* Interrupts and the end of the caller's slice are looked for between chunks; at least one chunk is done a call. */
static enum hv_err pause_point(void)
{
	return hal_is_interrupt_pending() || vm_is_slice_over() ? HV_AGAIN : HV_OK;
}

enum hv_err vm_phase_scrub(struct vm *vm)
{
	const struct page_owner to = atomic_load(&vm->state) == AETHER_VM_DESTROYING ? owner(PAGE_FREE, PAGE_NOBODY) :
										       owner(PAGE_LOADING, vm->id);
	const uint64_t start = hal_ticks();
	enum hv_err err = HV_OK;
	while (vm->cursor < vm->ram_bytes && err == HV_OK) {
		const pa_t pa = chunk_at(vm, vm->cursor);
		if (pages_owner(pa).state != PAGE_DIRTY) {
			vm->cursor = align_down(vm->cursor, BLOCK_2M_BYTES) + BLOCK_2M_BYTES;
			continue;
		}
		hal_scrub(pa, CHUNK_BYTES);
		vm->cursor += CHUNK_BYTES;
		if (is_aligned(vm->cursor, BLOCK_2M_BYTES)) {
			const pa_t block = PA(align_down(pa.v, BLOCK_2M_BYTES));
			err = pages_change(block, BLOCK_2M_BYTES, owner(PAGE_DIRTY, vm->id), to);
			CHECK(err == HV_OK);
		}
		err = pause_point();
	}
	vm->scrub_ticks += hal_ticks() - start;
	return err;
}

enum hv_err vm_phase_clean(struct vm *vm)
{
	const uint64_t start = hal_ticks();
	enum hv_err err = HV_OK;
	while (vm->cursor < vm->ram_bytes && err == HV_OK) {
		hal_clean_invalidate(chunk_at(vm, vm->cursor), CHUNK_BYTES);
		vm->cursor += CHUNK_BYTES;
		err = pause_point();
	}
	vm->scrub_ticks += hal_ticks() - start;
	return err;
}

/* A block that is `to` already is passed over: a creation that was given up has some that were never scrubbed. */
static enum hv_err phase_change(struct vm *vm, struct page_owner from, struct page_owner to)
{
	enum hv_err err = HV_OK;
	while (vm->cursor < vm->ram_bytes && err == HV_OK) {
		const pa_t block = chunk_at(vm, vm->cursor);
		err = pages_are(block, BLOCK_2M_BYTES, to) ? HV_OK : pages_change(block, BLOCK_2M_BYTES, from, to);
		CHECK(err == HV_OK);
		vm->cursor += BLOCK_2M_BYTES;
		err = pause_point();
	}
	return err;
}

/* Maps the RAM into `table` with its first byte at `base`. */
static enum hv_err phase_map(struct vm *vm, struct pgtable *table, uint64_t base,
			     unsigned attributes)
{
	while (vm->cursor < vm->ram_bytes) {
		uint64_t offset = vm->cursor;
		unsigned i = 0;
		while (offset >= vm->extents[i].bytes) {
			offset -= vm->extents[i++].bytes;
		}
		uint64_t done = 0;
		const enum hv_err err =
			pgtable_map(table, base + vm->cursor, pa_add(vm->extents[i].base, offset),
				    vm->extents[i].bytes - offset, attributes, &done);
		vm->cursor += done;
		if (err != HV_OK) {
			return err;
		}
	}
	return HV_OK;
}

static enum hv_err phase_unmap(struct vm *vm, struct pgtable *table, uint64_t base)
{
	uint64_t done = 0;
	const enum hv_err err =
		pgtable_unmap(table, base + vm->cursor, vm->ram_bytes - vm->cursor, &done);
	vm->cursor += done;
	return err;
}

enum hv_err vm_phase_lend(struct vm *vm)
{
	return phase_map(vm, &vms[VM_SERVICE].stage2, AETHER_IPA_LOAD(vm->id), PGTABLE_READ | PGTABLE_WRITE);
}

enum hv_err vm_phase_withdraw(struct vm *vm)
{
	if (vm->was_loading) {
		return phase_unmap(vm, &vms[VM_SERVICE].stage2, AETHER_IPA_LOAD(vm->id));
	}
	return phase_unmap(vm, &vm->stage2, AETHER_GUEST_RAM_BASE);
}

enum hv_err vm_phase_dirty(struct vm *vm)
{
	return phase_change(vm, owner(vm->was_loading ? PAGE_LOADING : PAGE_VM, vm->id), owner(PAGE_DIRTY, vm->id));
}

enum hv_err vm_phase_give(struct vm *vm)
{
	return phase_change(vm, owner(PAGE_LOADING, vm->id), owner(PAGE_VM, vm->id));
}

enum hv_err vm_phase_map_guest(struct vm *vm)
{
	return phase_map(vm, &vm->stage2, AETHER_GUEST_RAM_BASE, PGTABLE_GUEST_RAM);
}

enum hv_err vm_flush_ram(struct vm *vm, uint64_t *cursor)
{
	while (*cursor < vm->ram_bytes) {
		hal_clean_invalidate(chunk_at(vm, *cursor), CHUNK_BYTES);
		*cursor += CHUNK_BYTES;
		if (hal_is_interrupt_pending()) {
			return HV_AGAIN;
		}
	}
	return HV_OK;
}

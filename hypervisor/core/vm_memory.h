/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The phases of a VM's long operations, over all of its RAM: each goes on from vm->cursor, and has done all of it when
 * it returns HV_OK. HV_AGAIN: an interrupt is pending or the slice is over, call again. HV_ENOMEM: no page for a table.
 * The service holds the RAM if vm->was_loading, else the guest does.
 */
#include "core/vm.h"

/* Scrubs what is DIRTY and cleans it to the point of coherency; block by block it becomes FREE of a VM that is
 * DESTROYING, else LOADING. */
enum hv_err vm_phase_scrub(struct vm *vm) MUST_CHECK;
/* A guest starts with its caches off and must find what the service wrote. */
enum hv_err vm_phase_clean(struct vm *vm) MUST_CHECK;
/* Into the service's map. */
enum hv_err vm_phase_lend(struct vm *vm) MUST_CHECK;
/* Out of the map of who holds it; then DIRTY. */
enum hv_err vm_phase_withdraw(struct vm *vm) MUST_CHECK;
enum hv_err vm_phase_dirty(struct vm *vm) MUST_CHECK;
/* LOADING becomes VM; into the guest's map. */
enum hv_err vm_phase_give(struct vm *vm) MUST_CHECK;
enum hv_err vm_phase_map_guest(struct vm *vm) MUST_CHECK;
/* The service has waited long enough for the long call in hand: it gets its CPU back. */
bool vm_is_slice_over(void);

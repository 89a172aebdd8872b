/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The core, as the service sees it: one function for each hypercall of abi/hvc.h, with the same meaning
 * and errors. hvcall.c makes the calls; tests bring a fake of their own.
 */
#include <stddef.h>
#include <stdint.h>

struct hvcall_vm_event {
	uint32_t kind; /* AETHER_EVENT_* */
	uint32_t vm;
	uint32_t reason; /* enum aether_stop_reason */
};

struct hvcall_vm_state {
	uint32_t state; /* enum aether_vm_state */
	uint32_t reason; /* enum aether_stop_reason */
	uint64_t detail;
};

/* Each returns 0 or a negative AETHER_E*; results are written on 0 only. */
int64_t hvcall_vm_create(uint64_t ram_bytes, uint32_t vcpu_count, uint64_t flags, uint32_t *vm);
int64_t hvcall_vm_start(uint32_t vm, uint64_t entry_ipa, uint64_t x0);
int64_t hvcall_vm_reset(uint32_t vm);
int64_t hvcall_vm_destroy(uint32_t vm);
int64_t hvcall_vm_info(uint32_t vm, struct hvcall_vm_state *state);
int64_t hvcall_event_wait(struct hvcall_vm_event *event);
/* byte_count is 1 to 48. */
int64_t hvcall_log(const char *bytes, size_t byte_count);
int64_t hvcall_counter(uint32_t counter, uint32_t vm_or_cpu, uint32_t cause, uint64_t *value);
/* Does not return on a node; a test's fake does. */
void hvcall_node_off(uint32_t is_reset);

/* The RAM of a VM that is LOADING, its first byte first. */
uint8_t *hvcall_vm_memory(uint32_t vm);
/* The physical counter, in ticks of bootinfo's counter_hz. */
uint64_t hvcall_ticks(void);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The core, as the service sees it: one function for each hypercall of abi/hvc.h, with the same meaning
 * and errors. hvcall.c makes the calls; tests bring a fake of their own.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aether_console_heads;
struct aether_telemetry;

struct hvcall_event {
	uint64_t kinds; /* AETHER_EVENT_* bits; 0: the deadline has passed */
	uint32_t vm; /* with AETHER_EVENT_VM_STOPPED, both */
	uint32_t reason; /* enum aether_stop_reason */
};

struct hvcall_vm_state {
	uint32_t state; /* enum aether_vm_state */
	uint32_t flags; /* AETHER_VM_* */
	uint32_t reason; /* enum aether_stop_reason */
	uint64_t detail;
	uint64_t tag;
	uint64_t ram_bytes;
};

/* One of the records that the core keeps over a restart of the service. */
struct hvcall_kept {
	uint64_t generation; /* 0: never set */
	uint8_t bytes[48]; /* AETHER_KEEP_BYTES */
};

enum { HVCALL_KEY_BYTES = 32, HVCALL_INPUT_MAX_BYTES = 32, HVCALL_POST_MAX = 12 };

/* Each returns 0 or a negative AETHER_E*; results are written on 0 only, unless said otherwise. */
/* *vm goes in as the number that a guest should get. */
int64_t hvcall_vm_create(uint64_t ram_bytes, uint32_t vcpu_count, uint64_t flags, uint64_t tag, uint32_t *vm);
int64_t hvcall_vm_start(uint32_t vm, uint64_t entry_ipa, uint64_t x0);
int64_t hvcall_vm_reset(uint32_t vm);
int64_t hvcall_vm_destroy(uint32_t vm);
int64_t hvcall_vm_stop(uint32_t vm);
int64_t hvcall_vm_pause(uint32_t vm);
int64_t hvcall_vm_resume(uint32_t vm);
int64_t hvcall_vm_info(uint32_t vm, struct hvcall_vm_state *state);
/* Sleeps until something has happened or the deadline (hvcall_ticks()) has passed. */
int64_t hvcall_event_wait(uint64_t deadline, struct hvcall_event *event);
/* byte_count is 1 to 48. */
int64_t hvcall_log(const char *bytes, size_t byte_count);
int64_t hvcall_counter(uint32_t counter, uint32_t vm_or_cpu, uint32_t cause, uint64_t *value);
/* Does not return on a node; a test's fake does. */
void hvcall_node_off(uint32_t is_reset);

/* byte_count is 1 to 32. *due is also written with AETHER_EINVAL: where to go on. */
int64_t hvcall_console_input(uint32_t vm, uint64_t offset, const uint8_t *bytes, size_t byte_count, uint64_t *due);
/* The record's generation must be higher than the one that is kept. */
int64_t hvcall_keep_set(uint32_t record, const struct hvcall_kept *kept);
int64_t hvcall_keep_get(uint32_t record, struct hvcall_kept *kept);
int64_t hvcall_key_set(const uint8_t key[HVCALL_KEY_BYTES]);
int64_t hvcall_key_get(uint8_t key[HVCALL_KEY_BYTES]);
int64_t hvcall_time_set(uint64_t unix_ns, uint64_t ticks);
int64_t hvcall_telemetry(void);
int64_t hvcall_alive(void);
/* Does not return on a node; a test's fake does. */
void hvcall_fail(uint64_t esr, uint64_t elr, uint64_t far);
int64_t hvcall_crash_done(void);
/* Page aligned, in the service's writable memory. Does not return on success. */
int64_t hvcall_service_update(const void *image, size_t bytes);
/* count is 1 to 12; each post is buffer | bytes << 16. */
int64_t hvcall_nic_post(const uint32_t *posts, size_t count);
int64_t hvcall_chaos(uint64_t seed, uint64_t count, uint64_t mean_us, uint64_t mask, uint64_t *left);

/* The RAM of a VM that is LOADING, its first byte first. */
uint8_t *hvcall_vm_memory(uint32_t vm);
/* The page that hvcall_telemetry() brings up to date. */
const struct aether_telemetry *hvcall_telemetry_page(void);
/* How much each guest has said, and the last AETHER_CONSOLE_RING_BYTES of it. */
const volatile struct aether_console_heads *hvcall_console_heads(void);
const volatile uint8_t *hvcall_console_ring(uint32_t vm);
/* The physical counter, in ticks of bootinfo's counter_hz. */
uint64_t hvcall_ticks(void);

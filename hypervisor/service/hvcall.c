/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls: HVC #0 with the SMC Calling Convention's registers, identifier in x0 (abi/hvc.h).
 *
 * The core reads and writes the service's memory in no call, but a call can change what is mapped
 * (VM_CREATE, VM_START) and what a page of the core's says (TELEMETRY): the "memory" clobber keeps loads
 * and stores on their side of it.
 */
#include "service/hvcall.h"

#include <assert.h>
#include <string.h>

#include "abi/bootinfo.h"
#include "abi/hvc.h"
#include "abi/nic.h"
#include "service/hvcall_registers.h"

static_assert(sizeof(((struct hvcall_kept *)0)->bytes) == AETHER_KEEP_BYTES, "abi/hvc.h");
static_assert(HVCALL_POST_MAX == AETHER_NIC_POST_MAX, "abi/nic.h");

static int64_t hvcall_of_vm(uint32_t id, uint32_t vm)
{
	struct hvcall_registers r = {.x = {0, vm}};

	return hvcall(id, &r);
}

/* --- guests and stores --- */

int64_t hvcall_vm_create(uint64_t ram_bytes, uint32_t vcpu_count, uint64_t flags, uint64_t tag, uint32_t *vm)
{
	struct hvcall_registers r = {.x = {0, ram_bytes, vcpu_count, flags, tag, *vm}};
	const int64_t status = hvcall(AETHER_HVC_VM_CREATE, &r);

	if (status == 0) {
		*vm = (uint32_t)r.x[1];
	}
	return status;
}

int64_t hvcall_vm_start(uint32_t vm, uint64_t entry_ipa, uint64_t x0)
{
	struct hvcall_registers r = {.x = {0, vm, entry_ipa, x0}};

	return hvcall(AETHER_HVC_VM_START, &r);
}

int64_t hvcall_vm_reset(uint32_t vm)
{
	return hvcall_of_vm(AETHER_HVC_VM_RESET, vm);
}

int64_t hvcall_vm_destroy(uint32_t vm)
{
	return hvcall_of_vm(AETHER_HVC_VM_DESTROY, vm);
}

int64_t hvcall_vm_stop(uint32_t vm)
{
	return hvcall_of_vm(AETHER_HVC_VM_STOP, vm);
}

int64_t hvcall_vm_pause(uint32_t vm)
{
	return hvcall_of_vm(AETHER_HVC_VM_PAUSE, vm);
}

int64_t hvcall_vm_resume(uint32_t vm)
{
	return hvcall_of_vm(AETHER_HVC_VM_RESUME, vm);
}

int64_t hvcall_vm_info(uint32_t vm, struct hvcall_vm_state *state)
{
	struct hvcall_registers r = {.x = {0, vm}};
	const int64_t status = hvcall(AETHER_HVC_VM_INFO, &r);

	if (status == 0) {
		state->state = (uint32_t)r.x[1];
		state->flags = (uint32_t)(r.x[1] >> 32);
		state->reason = (uint32_t)r.x[2];
		state->detail = r.x[3];
		state->tag = r.x[4];
		state->ram_bytes = r.x[5];
	}
	return status;
}

int64_t hvcall_event_wait(uint64_t deadline, struct hvcall_event *event)
{
	struct hvcall_registers r = {.x = {0, deadline}};
	const int64_t status = hvcall(AETHER_HVC_EVENT_WAIT, &r);

	if (status == 0) {
		event->kinds = r.x[1];
		event->vm = (uint32_t)r.x[2];
		event->reason = (uint32_t)r.x[3];
	}
	return status;
}

/* --- the node --- */

int64_t hvcall_log(const char *bytes, size_t byte_count)
{
	struct hvcall_registers r = {.x = {0, byte_count}};

	memcpy(&r.x[2], bytes, byte_count);
	return hvcall(AETHER_HVC_LOG, &r);
}

int64_t hvcall_counter(uint32_t counter, uint32_t vm_or_cpu, uint32_t cause, uint64_t *value)
{
	struct hvcall_registers r = {.x = {0, counter, vm_or_cpu, cause}};
	const int64_t status = hvcall(AETHER_HVC_COUNTER, &r);

	if (status == 0) {
		*value = r.x[1];
	}
	return status;
}

void hvcall_node_off(uint32_t is_reset)
{
	struct hvcall_registers r = {.x = {0, is_reset}};

	for (;;) {
		(void)hvcall(AETHER_HVC_NODE_OFF, &r);
	}
}

int64_t hvcall_console_input(uint32_t vm, uint64_t offset, const uint8_t *bytes, size_t byte_count, uint64_t *due)
{
	struct hvcall_registers r = {.x = {0, vm, offset, byte_count}};

	memcpy(&r.x[4], bytes, byte_count);
	const int64_t status = hvcall(AETHER_HVC_CONSOLE_INPUT, &r);
	if (status == 0 || status == AETHER_EINVAL) {
		*due = r.x[1];
	}
	return status;
}

/* --- what survives the service --- */

int64_t hvcall_keep_set(uint32_t record, const struct hvcall_kept *kept)
{
	struct hvcall_registers r = {.x = {0, record | kept->generation << 8}};

	memcpy(&r.x[2], kept->bytes, sizeof(kept->bytes));
	return hvcall(AETHER_HVC_KEEP_SET, &r);
}

int64_t hvcall_keep_get(uint32_t record, struct hvcall_kept *kept)
{
	struct hvcall_registers r = {.x = {0, record}};
	const int64_t status = hvcall(AETHER_HVC_KEEP_GET, &r);

	if (status == 0) {
		kept->generation = r.x[1];
		memcpy(kept->bytes, &r.x[2], sizeof(kept->bytes));
	}
	return status;
}

int64_t hvcall_key_set(const uint8_t key[HVCALL_KEY_BYTES])
{
	struct hvcall_registers r = {.x = {0}};

	memcpy(&r.x[1], key, HVCALL_KEY_BYTES);
	return hvcall(AETHER_HVC_KEY_SET, &r);
}

int64_t hvcall_key_get(uint8_t key[HVCALL_KEY_BYTES])
{
	struct hvcall_registers r = {.x = {0}};
	const int64_t status = hvcall(AETHER_HVC_KEY_GET, &r);

	if (status == 0) {
		memcpy(key, &r.x[1], HVCALL_KEY_BYTES);
	}
	return status;
}

int64_t hvcall_time_set(uint64_t unix_ns, uint64_t ticks)
{
	struct hvcall_registers r = {.x = {0, unix_ns, ticks}};

	return hvcall(AETHER_HVC_TIME_SET, &r);
}

/* --- measurement and supervision --- */

int64_t hvcall_telemetry(void)
{
	struct hvcall_registers r = {.x = {0}};

	return hvcall(AETHER_HVC_TELEMETRY, &r);
}

int64_t hvcall_alive(void)
{
	struct hvcall_registers r = {.x = {0}};

	return hvcall(AETHER_HVC_ALIVE, &r);
}

void hvcall_fail(uint64_t esr, uint64_t elr, uint64_t far)
{
	struct hvcall_registers r = {.x = {0, esr, elr, far}};

	for (;;) {
		(void)hvcall(AETHER_HVC_FAIL, &r);
	}
}

int64_t hvcall_crash_done(void)
{
	struct hvcall_registers r = {.x = {0}};

	return hvcall(AETHER_HVC_CRASH_DONE, &r);
}

int64_t hvcall_service_update(const void *image, size_t bytes)
{
	struct hvcall_registers r = {.x = {0, (uintptr_t)image, bytes}};

	return hvcall(AETHER_HVC_SERVICE_UPDATE, &r);
}

int64_t hvcall_nic_post(const uint32_t *posts, size_t count)
{
	struct hvcall_registers r = {.x = {0, count}};

	memcpy(&r.x[2], posts, count * sizeof(posts[0]));
	return hvcall(AETHER_HVC_NIC_POST, &r);
}

int64_t hvcall_chaos(uint64_t seed, uint64_t count, uint64_t mean_us, uint64_t mask, uint64_t *left)
{
	struct hvcall_registers r = {.x = {0, seed, count, mean_us, mask}};
	const int64_t status = hvcall(AETHER_HVC_CHAOS, &r);

	if (status == 0) {
		*left = r.x[1];
	}
	return status;
}

/* --- what the core shows --- */

uint8_t *hvcall_vm_memory(uint32_t vm)
{
	return (uint8_t *)(uintptr_t)AETHER_IPA_LOAD(vm);
}

const struct aether_telemetry *hvcall_telemetry_page(void)
{
	return (const struct aether_telemetry *)(uintptr_t)AETHER_IPA_TELEMETRY;
}

const volatile struct aether_console_heads *hvcall_console_heads(void)
{
	return (const volatile struct aether_console_heads *)(uintptr_t)AETHER_IPA_CONSOLE_HEADS;
}

const volatile uint8_t *hvcall_console_ring(uint32_t vm)
{
	return (const volatile uint8_t *)(uintptr_t)AETHER_IPA_CONSOLE(vm);
}

uint64_t hvcall_ticks(void)
{
	uint64_t ticks;

	/* The ISB keeps the read from moving ahead of the work that is being timed (Arm ARM D12.2). */
	__asm__ volatile("isb\n\tmrs %0, cntpct_el0" : "=r"(ticks) : : "memory");
	return ticks;
}

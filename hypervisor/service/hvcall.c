/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls: HVC #0 with the SMC Calling Convention's registers, identifier in x0 (abi/hvc.h).
 *
 * The core reads and writes the service's memory in no call, but a call can change what is mapped
 * (VM_CREATE, VM_START): the "memory" clobber keeps loads and stores on their side of it.
 */
#include "service/hvcall.h"

#include "abi/bootinfo.h"
#include "abi/hvc.h"

struct hvcall_registers {
	uint64_t x[8];
};

static int64_t hvcall(uint32_t id, struct hvcall_registers *r)
{
	register uint64_t x0 __asm__("x0") = id;
	register uint64_t x1 __asm__("x1") = r->x[1];
	register uint64_t x2 __asm__("x2") = r->x[2];
	register uint64_t x3 __asm__("x3") = r->x[3];
	register uint64_t x4 __asm__("x4") = r->x[4];
	register uint64_t x5 __asm__("x5") = r->x[5];
	register uint64_t x6 __asm__("x6") = r->x[6];
	register uint64_t x7 __asm__("x7") = r->x[7];

	__asm__ volatile("hvc #0"
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5), "+r"(x6),
			   "+r"(x7)
			 :
			 : "memory");
	r->x[1] = x1;
	r->x[2] = x2;
	r->x[3] = x3;
	return (int64_t)x0;
}

int64_t hvcall_vm_create(uint64_t ram_bytes, uint32_t vcpu_count, uint64_t flags, uint32_t *vm)
{
	struct hvcall_registers r = {.x = {0, ram_bytes, vcpu_count, flags}};
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
	struct hvcall_registers r = {.x = {0, vm}};

	return hvcall(AETHER_HVC_VM_RESET, &r);
}

int64_t hvcall_vm_destroy(uint32_t vm)
{
	struct hvcall_registers r = {.x = {0, vm}};

	return hvcall(AETHER_HVC_VM_DESTROY, &r);
}

int64_t hvcall_vm_info(uint32_t vm, struct hvcall_vm_state *state)
{
	struct hvcall_registers r = {.x = {0, vm}};
	const int64_t status = hvcall(AETHER_HVC_VM_INFO, &r);

	if (status == 0) {
		state->state = (uint32_t)r.x[1];
		state->reason = (uint32_t)r.x[2];
		state->detail = r.x[3];
	}
	return status;
}

int64_t hvcall_event_wait(struct hvcall_vm_event *event)
{
	struct hvcall_registers r;
	int64_t status;

	do {
		r = (struct hvcall_registers){.x = {0, UINT64_MAX}};
		status = hvcall(AETHER_HVC_EVENT_WAIT, &r);
	} while (status == 0 && (r.x[1] & AETHER_EVENT_VM_STOPPED) == 0);
	if (status == 0) {
		event->kind = (uint32_t)r.x[1];
		event->vm = (uint32_t)r.x[2];
		event->reason = (uint32_t)r.x[3];
	}
	return status;
}

int64_t hvcall_log(const char *bytes, size_t byte_count)
{
	struct hvcall_registers r = {.x = {0, byte_count}};

	for (size_t i = 0; i < byte_count; i++) {
		r.x[2 + i / 8] |= (uint64_t)(uint8_t)bytes[i] << (8 * (i % 8));
	}
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

uint8_t *hvcall_vm_memory(uint32_t vm)
{
	return (uint8_t *)(uintptr_t)AETHER_IPA_LOAD(vm);
}

uint64_t hvcall_ticks(void)
{
	uint64_t ticks;

	/* The ISB keeps the read from moving ahead of the work that is being timed (Arm ARM D12.2). */
	__asm__ volatile("isb\n\tmrs %0, cntpct_el0" : "=r"(ticks) : : "memory");
	return ticks;
}

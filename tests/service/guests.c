/* SPDX-License-Identifier: Apache-2.0 */
/* Guests of a service that is a test: made, and cleared away in whatever state an instance has left them. */
#include "guests.h"

#include "abi/bootinfo.h"
#include "call.h"

#define CLEAR_TURNS 1000u

bool guest_load(uint64_t vm, const char *text, const char *end)
{
	struct hvcall_registers c = {.x = {0, GUEST_BYTES, 1, AETHER_VM_CONSOLE_LINES, 0, vm}};
	if (call(AETHER_HVC_VM_CREATE, &c) != 0 || c.x[1] != vm) {
		return false;
	}
	volatile uint8_t *ram = (volatile uint8_t *)(uintptr_t)AETHER_IPA_LOAD(vm);
	for (uint64_t i = 0; i < (uint64_t)(end - text); i++) {
		ram[i] = (uint8_t)text[i];
	}
	return true;
}

bool guest_start(uint64_t vm, const char *text, const char *end, const char *entry)
{
	return guest_load(vm, text, end) &&
	       call3(AETHER_HVC_VM_START, vm, AETHER_GUEST_RAM_BASE + (uint64_t)(entry - text), 0) == 0;
}

uint32_t guest_state(uint64_t vm)
{
	struct hvcall_registers c = {.x = {0, vm}};
	return call(AETHER_HVC_VM_INFO, &c) == 0 ? (uint32_t)c.x[1] : AETHER_VM_NONE;
}

bool guest_clear(uint64_t vm)
{
	for (unsigned i = 0; i < CLEAR_TURNS; i++) {
		(void)call3(AETHER_HVC_ALIVE, 0, 0, 0);
		switch (guest_state(vm)) {
		case AETHER_VM_NONE:
			return true;
		case AETHER_VM_RUNNING:
		case AETHER_VM_PAUSED:
			(void)call3(AETHER_HVC_VM_STOP, vm, 0, 0);
			break;
		case AETHER_VM_STOPPING:
			(void)call3(AETHER_HVC_EVENT_WAIT, ticks() + 100000, 0, 0);
			break;
		case AETHER_VM_STARTING:
			(void)call3(AETHER_HVC_VM_START, vm, 0, 0);
			break;
		case AETHER_VM_RESETTING:
			(void)call3(AETHER_HVC_VM_RESET, vm, 0, 0);
			break;
		default:
			(void)call3(AETHER_HVC_VM_DESTROY, vm, 0, 0);
			break;
		}
	}
	return false;
}

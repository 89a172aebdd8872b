/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One virtual CPU. It belongs to one physical CPU for good (vCPU i of VM v to CPU i + v modulo their number), and
 * only that
 * CPU touches it, but for `requests`, which any CPU may set before it kicks.
 *
 *            entered (PSCI)          taken off for another
 *    OFF ------------> RUNNABLE <-----------------> RUNNING
 *     ^                   ^                            |
 *     |                   |  interrupt, timer, event   | WFI with others to run, EVENT_WAIT, CPU_SUSPEND
 *     |                   '-------- BLOCKED <----------'
 *     '---- CPU_OFF, VM stopped: from any ----
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/bootinfo.h"
#include "abi/diag.h"
#include "core/exit_action.h"
#include "core/sched_share.h"

struct vm;
struct arch_vcpu;

enum vcpu_state { VCPU_OFF, VCPU_RUNNABLE, VCPU_RUNNING, VCPU_BLOCKED };

#define VCPU_NOT_LOADED UINT64_MAX

/* What another CPU may ask of the CPU that a vCPU belongs to. */
#define VCPU_REQUEST_INTERRUPT 1u /* something is pending in its interrupt controller */
#define VCPU_REQUEST_ENTER 2u /* PSCI: PENDING, come on */
#define VCPU_REQUEST_STOP 4u /* its VM is stopping */
#define VCPU_REQUEST_SYNC 8u /* bring the interrupt model up to date */
#define VCPU_REQUEST_WAKE 16u /* the service: an event has come */
#define VCPU_REQUEST_PAUSE 32u /* off its CPU until RESUME */
#define VCPU_REQUEST_RESUME 64u
#define VCPU_REQUEST_RESERVE 128u /* its VM's reservation has changed */

struct vcpu {
	/* What entry code saves and restores: offsets in arch/offsets.h. */
	uint64_t x[31];
	uint64_t pc;
	uint64_t pstate;
	uint64_t host_sp; /* the stack of the CPU that runs it */

	struct vm *vm;
	bool is_service;
	uint32_t who; /* VM << 8 | index: for the trace */
	struct arch_vcpu *arch; /* system registers while it is not loaded; opaque to core */
	uint32_t index; /* within the VM */
	uint32_t cpu; /* physical CPU */
	uint32_t slot; /* on that CPU */
	enum vcpu_state state;
	_Atomic uint32_t requests;
	uint64_t wake_deadline; /* ticks: a timer of a vCPU that is not loaded; ~0: none */
	enum aether_stop_reason asked_stop; /* by the call in hand */
	uint32_t abort_streak; /* the same abort again and again, see trap.c */
	uint64_t mmio_value; /* of the access in hand */
	bool is_event_waiter; /* BLOCKED in EVENT_WAIT */
	uint64_t wait_until; /* ticks: end of the EVENT_WAIT, slice of a long call or NODE_OFF in hand; 0: none */
	bool is_cache_watched; /* it used set/way operations; see vcpu_set_way() */
	bool is_flush_due;
	uint64_t flush_cursor;

	struct sched_share share;
	_Atomic uint64_t loaded_at; /* ticks, while loaded; else VCPU_NOT_LOADED */
	_Atomic uint64_t loaded_ticks; /* time on its CPU until it last left it, exits included */
	struct {
		uint64_t count;
		uint64_t ticks;
	} exits[AETHER_EXIT_COUNT]; /* by cause: how many, and the time that the core took for them */
};

/* First state, OFF, on `cpu`. */
void vcpu_init(struct vcpu *vcpu, struct vm *vm, unsigned index, unsigned cpu);
/* Into the hardware of its CPU and out of it: registers, interrupts, timers. unload sets wake_deadline. */
void vcpu_load(struct vcpu *vcpu);
void vcpu_unload(struct vcpu *vcpu);
/* Its time on its CPU, that since it was loaded last too; from any CPU. */
uint64_t vcpu_loaded_ticks(const struct vcpu *vcpu, uint64_t now);
/* Withdraws a timer interrupt of the loaded vCPU that it has not taken and whose timer no longer asserts it. A
 * guest can move its timer without an exit, so this is done where the difference shows: before it sleeps, when it
 * reads what is pending. */
void vcpu_resample_timers(struct vcpu *vcpu);
/* One of the loaded vCPU's timer interrupts is pending or active. */
bool vcpu_has_timer_in_flight(struct vcpu *vcpu);
/* Asks the vCPU's CPU for `requests`; from any CPU. */
void vcpu_request(struct vcpu *vcpu, uint32_t requests);
/* Carries out what was asked, on the vCPU's own CPU. */
void vcpu_serve_requests(struct vcpu *vcpu);

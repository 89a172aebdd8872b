/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What one physical CPU owns. No other CPU writes here but for `pending`. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/sched_share.h"
#include "core/sched_time.h"
#include "core/trace.h"
#include "core/vm.h"

#define PERCPU_SLOTS (AETHER_VM_MAX * AETHER_VCPU_MAX + 1u)

/* The size is a constant in assembly (arch/offsets.h). */
struct __attribute__((aligned(1024))) percpu {
	uint64_t fault_sp; /* PERCPU_FAULT_SP */
	uint64_t fault_scratch[4];
	uint32_t index;
	_Atomic bool is_online;
	uint64_t deadline; /* ticks: what the scheduler set the timer to */
	uint64_t backstop; /* ticks: sched_backstop(), 0: none */
	bool must_reschedule; /* requests are to be served, or must_choose */
	bool must_choose; /* who is ready has changed, or a time has come */
	uint64_t stack_base, stack_top;

	struct vcpu *current; /* loaded, or NULL when idle */
	uint32_t slot_count;
	struct vcpu *slots[PERCPU_SLOTS];
	_Atomic uint64_t pending; /* slots with requests */

	uint64_t interrupts; /* physical ones taken */
	struct sched_turns turns;
	struct sched_time time;
	uint64_t polled_at; /* ticks: when it last looked for interrupts in the middle of long work */
	uint64_t longest_ticks; /* longest stretch in the core without taking an interrupt */
	uint64_t stretch_start;
	struct trace_ring trace;
};

extern struct percpu percpu[AETHER_PCPU_MAX];

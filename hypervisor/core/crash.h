/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How the core stops the node when it is itself at fault, and the record of it (abi/crash.h) that the next boot finds.
 * Nothing that a guest or the service does leads here.
 */
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"

/* A fault of the core itself: registers as the vectors saved them (arch/offsets.h). */
struct fault_frame {
	uint64_t x[31];
	uint64_t elr;
	uint64_t esr;
	uint64_t far;
	uint64_t spsr;
	uint64_t vector;
	uint64_t sp;
	uint64_t reserved; /* keeps the stack aligned */
};

/* The lowest part of each CPU's stack is kept for such a fault, so that the rest can be looked at. */
#define CRASH_FAULT_STACK_BYTES 4096u

_Noreturn void trap_fault(const struct fault_frame *frame);

/* What an earlier boot left: a copy in the pool's pages, to be mapped at AETHER_IPA_CRASH. */
struct crash_found {
	pa_t pa;
	uint64_t bytes; /* 0: nothing that is still to be told */
	uint32_t streak; /* crashes in a row up to this boot */
};
extern struct crash_found crash_found;

/* Start of day, first: entry_ticks is the counter at the first instruction. */
void crash_init(uint64_t entry_ticks);
/* When there is a pool: fills crash_found. */
void crash_take(void);
/* When this CPU takes interrupts: after too many crashes in a row, waits. */
void crash_wait(void);
/* What this boot is called in a record of it. */
void crash_set_boot_id(uint64_t boot_id);
/* These bytes of core memory, of which eight in a row are never in a record, whatever they are at the time. A few. */
void crash_hide(const void *secret, size_t bytes);
/* AETHER_HVC_CRASH_DONE. */
void crash_set_told(void);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A node as hypervisor/main.c leaves it after start of day, on the fake machine: memory, the service, guests that are
 * brought up by the calls that the service's hypercalls make. Every table and every page is under watch
 * (fake_watch_table, fake_watch_ownership), so any hand-over in a wrong order ends the test that made it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/percpu.h"
#include "core/vm.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define NODE_RAM_MIB 64u
#define NODE_ENTRY (AETHER_GUEST_RAM_BASE + 0x200000)
#define NODE_SERVICE_VMID (VM_SERVICE + 1u)
#define NODE_GICV_BYTES PAGE_BYTES /* the second page, GICC_DIR, is trapped */

/* The next node_start() finds a network card, one that refuses to start. */
extern bool node_has_card, node_has_broken_card;
/* A new node; what an earlier one had is gone. CPU 0 runs. */
void node_start(unsigned gic_version, unsigned cpu_count, uint64_t ram_bytes);
void node_stop(void);
int node_teardown(void **state); /* the same, for cmocka */

/* Calls until it is not HV_AGAIN any more; *calls counts. */
#define NODE_FINISH(call)                                                                          \
	({                                                                                         \
		enum hv_err finish_err;                                                            \
		do {                                                                               \
			finish_err = (call);                                                       \
		} while (finish_err == HV_AGAIN);                                                  \
		finish_err;                                                                        \
	})

/* The service's image: a header, and behind it NODE_SERVICE_BYTE up to the end of the file. */
#define NODE_SERVICE_TEXT_BYTES UINT64_C(0x1000)
#define NODE_SERVICE_FILE_BYTES UINT64_C(0x6000)
#define NODE_SERVICE_BYTES UINT64_C(0x45000)
#define NODE_SERVICE_BYTE 0xc3
struct vcpu *node_service(void);
/* The service's first entry on CPU 0, at that time, and as far as that pc. */
struct vcpu *node_enter_service(uint64_t ticks, uint64_t pc);
pa_t node_service_memory(void);
struct aether_bootinfo *node_bootinfo(void);
/* vm_create() under watch: CREATING. */
struct vm *node_create(uint64_t ram_bytes, unsigned vcpu_count);
/* LOADING; RUNNING, with vCPU 0 asked to enter; the same, and entered on its CPU. */
struct vm *node_load(uint64_t ram_bytes, unsigned vcpu_count);
struct vm *node_run(uint64_t ram_bytes, unsigned vcpu_count);
struct vm *node_enter(uint64_t ram_bytes, unsigned vcpu_count);
/* A RUNNING one, STOPPED; a STOPPED or LOADING one, NONE. */
void node_end(struct vm *vm);
void node_destroy(struct vm *vm);
/* How many bytes of its RAM the service, the guest reaches; where it should be, with the attributes it should have. */
uint64_t node_in_service(const struct vm *vm);
uint64_t node_in_guest(const struct vm *vm);
/* sched_next() on that CPU; NULL when it went to sleep with nothing to run. */
struct vcpu *node_schedule(unsigned cpu);
/* A trap of the vCPU that its CPU runs: class and ISS of the syndrome, the address. What runs next, as above. */
struct vcpu *node_trap(struct vcpu *vcpu, uint64_t esr, uint64_t ipa);
struct vcpu *node_irq(unsigned cpu);
/* Every CPU takes what is asked of it, until all is quiet: who is RUNNING stays. */
void node_settle(void);
enum aether_vm_state node_state(const struct vm *vm);

/* What a failed or undone operation must leave as it was. */
struct node_account {
	uint64_t dirty, free, service, core; /* pages */
	uint64_t held[VM_COUNT]; /* pages of each guest and store, in whatever state */
	uint64_t pool;
	unsigned slots; /* vCPUs on all CPUs */
};
struct node_account node_account(void);
void node_assert_account(const struct node_account *expected);
/* FREE and DIRTY are one: what nobody has. */
void node_assert_account_but_for_scrubs(const struct node_account *expected);

/* Takes all pages of the pool but `left`; gives them back. */
void node_starve(uint64_t left);
void node_feed(void);

/* What the invariants of core/vm.c, core/sched.c and core/pages.h say of the node as a whole, at any time between two
 * calls. Fails the test otherwise. */
void node_check(void);
/* The service asks for an event and sleeps, so that its CPU is the guests'. */
void node_rest(void);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The world of model_vgic.c: vCPUs on CPUs, and what a naive virtual GIC, a list of interrupts without list registers,
 * knows of them. vgic_naive.c answers what should be; vgic_guest.c is what guests and devices do.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/vgic.h"
#include "hal_fake.h"
#include "lib/bits.h"

enum {
	IRQS = AETHER_GUEST_INTID_COUNT,
	POOL_MAX = 40,
	DEPTH_MAX = 64,
	NOBODY = VGIC_NOBODY,
	IDLE = 256,
	VTIMER = AETHER_GUEST_VTIMER_INTID,
	PTIMER = AETHER_GUEST_PTIMER_INTID,
	RD_SGI_BASE = 0x10000,
};

/* Registers, as offsets in either frame. */
enum {
	CTLR = 0x000, IGROUPR = 0x080, ISENABLER = 0x100, ICENABLER = 0x180, ISPENDR = 0x200,
	ICPENDR = 0x280, ISACTIVER = 0x300, ICACTIVER = 0x380, IPRIORITYR = 0x400,
	ITARGETSR = 0x800, ICFGR = 0xc00, SGIR = 0xf00, CPENDSGIR = 0xf10, SPENDSGIR = 0xf20,
	IROUTER = 0x6000,
};

struct naive_irq {
	bool is_enabled, is_latched, is_high, is_active, is_edge, is_group1;
	uint8_t priority;
	uint8_t sources;
	uint32_t route;
	unsigned active_on;
	uint32_t active_value; /* what ends it */
	bool is_owed; /* lazy: raised, and not acknowledged since */
};

struct naive_cpu {
	bool is_loaded, is_kicked;
	unsigned pcpu;
	unsigned pmr, groups;
	struct {
		uint32_t value;
		unsigned priority;
	} stack[DEPTH_MAX];
	unsigned depth;
	uint32_t dropped[DEPTH_MAX]; /* is_split: ended, not yet deactivated */
	unsigned dropped_count;
	bool was_woken; /* not loaded: had a reason to wake */
};

struct world {
	unsigned version, vcpus, lrs, pcpus;
	bool is_lazy, has_overflow, is_split; /* is_split: EOImode 1 */
	unsigned ctlr;
	struct naive_irq private_irq[AETHER_VCPU_MAX][32];
	struct naive_irq spi[IRQS];
	struct naive_cpu cpu[AETHER_VCPU_MAX];
	unsigned pool[POOL_MAX], pool_count;
	bool timer_high[AETHER_VCPU_MAX][32];
	uint64_t run_seed, acks;
};
extern struct world w;
extern struct vgic gic;

#define EXPECT(x)                                                                                  \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fake_fail("RUN=%llu GICv%u, %u vCPUs, %u CPUs, %u LRs, %s: line %d: %s",   \
				  (unsigned long long)w.run_seed, w.version, w.vcpus, w.pcpus, w.lrs,     \
				  w.is_lazy ? "lazy" : "strict", __LINE__, #x);                    \
		}                                                                                  \
	} while (0)

/* Reproducible from a run's own seed. */
void rnd_start(uint64_t seed);
uint32_t rnd(uint32_t below);

/* --- vgic_naive.c --- */

bool is_timer(unsigned intid);
struct naive_irq *irq_of(unsigned v, unsigned intid);
unsigned target_of(unsigned v, unsigned intid);
bool is_pending(unsigned v, unsigned intid);
/* Pending and forwarded to vCPU v. */
bool is_candidate(unsigned v, unsigned intid);
/* Of the candidates whose group v's CPU interface has enabled; IDLE: none. */
unsigned best_priority(unsigned v);
unsigned running_priority(const struct naive_cpu *cpu);
bool is_signalled(unsigned v);
/* Something is pending that passes the priority mask: WFI ends. A timer that has not fired may be counted or not. */
bool wakes(unsigned v, bool with_timers);

/* --- model_vgic.c --- */

/* What CPU and core do before vCPU v runs the next instruction of its guest; the same for all that are loaded. */
void enter(unsigned v);
void enter_all(void);
/* An access by vCPU v at `offset` of the distributor, or of vCPU `whose` private frame. */
uint64_t access_at(unsigned v, unsigned whose, uint64_t offset, bool is_private, unsigned bytes, bool is_write,
		   uint64_t value);
/* The same for the register with `bits` bits an interrupt that starts at `base`. */
uint64_t reg(unsigned v, unsigned whose, unsigned base, unsigned bits, unsigned intid, bool is_write, uint64_t value);

/* --- vgic_guest.c: vCPU v is loaded --- */

unsigned some_irq(void);
/* Whose private interrupt vCPU v may touch: with GICv3, anybody's. */
unsigned some_owner(unsigned v);
void acknowledge(unsigned v);
void end(unsigned v);
void deactivate(unsigned v);
/* vCPU v has acknowledged `value` and not ended it yet. */
bool will_be_ended(uint32_t value, unsigned v);
void send_sgi(unsigned v);
void change_line(unsigned v);
void write_enable(unsigned v);
void write_pending(unsigned v);
void write_active(unsigned v);
void write_priority(unsigned v);
void write_group(unsigned v);
void write_config(unsigned v);
void write_route(unsigned v);
void write_ctlr(unsigned v);
void write_cpu_interface(unsigned v);
void write_sgi_sources(unsigned v);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The CPU that a test guest runs on: system registers, barriers, interrupt masks, and what it found at entry. */
#include <stdbool.h>
#include <stdint.h>

#define GUEST_CPU_MAX 8u

#define SYSREG_STRING(name) #name
#define read_sysreg(name)                                                                          \
	({                                                                                         \
		uint64_t read_sysreg_value;                                                        \
		__asm__ volatile("mrs %0, " SYSREG_STRING(name)                                    \
				 : "=r"(read_sysreg_value)::"memory");                             \
		read_sysreg_value;                                                                 \
	})
#define write_sysreg(name, value)                                                                  \
	__asm__ volatile("msr " SYSREG_STRING(name) ", %0" ::"r"((uint64_t)(value)) : "memory")

static inline void isb(void)
{
	__asm__ volatile("isb" ::: "memory");
}

static inline void dsb(void)
{
	__asm__ volatile("dsb sy" ::: "memory");
}

static inline void wfi(void)
{
	__asm__ volatile("wfi" ::: "memory");
}

static inline void irq_enable(void)
{
	__asm__ volatile("msr daifclr, #2" ::: "memory");
}

static inline void irq_disable(void)
{
	__asm__ volatile("msr daifset, #2" ::: "memory");
}

/* MPIDR_EL1.Aff0: the index of this CPU. */
static inline unsigned cpu_index(void)
{
	return (unsigned)(read_sysreg(mpidr_el1) & 0xff);
}

/* An IRQ is signalled to this CPU (its own masks apart): ISR_EL1.I. */
static inline bool is_irq_signalled(void)
{
	isb();
	return (read_sysreg(isr_el1) & 0x80) != 0;
}

/* The counter, in order with what stands before and behind it. */
static inline uint64_t ticks_now(void)
{
	isb();
	const uint64_t now = read_sysreg(cntvct_el0);
	isb();
	return now;
}

static inline uint64_t ticks_from_ms(uint64_t ms)
{
	return read_sysreg(cntfrq_el0) * ms / 1000;
}

/* Spins until `condition` is true, at most `ms`; the value says whether it became true. */
#define wait_for(condition, ms)                                                                    \
	({                                                                                         \
		const uint64_t wait_end = ticks_now() + ticks_from_ms(ms);                         \
		bool wait_is_met = false;                                                          \
		do {                                                                               \
			wait_is_met = (condition);                                                 \
		} while (!wait_is_met && ticks_now() < wait_end);                                  \
		wait_is_met;                                                                       \
	})

/* The first CPU at its first instruction (entry.S writes it; the layout is known there). */
struct boot_regs {
	uint64_t x[31];
	uint64_t current_el, daif, spsel, sctlr, mpidr, image_base, cntvct, cntpct;
};
extern struct boot_regs boot_regs;

/* Another CPU at its first instruction, and what it shall run (entry.S knows the first seven). */
struct smp_slot {
	uint64_t x0, x1, current_el, daif, spsel, sctlr, mpidr;
	void (*run)(void *arg);
	void *arg;
	bool has_arrived;
};

extern uint8_t image_start[], image_end[], bss_end[], smp_entry[];

/* The number of CPUs in the device tree. */
unsigned cpu_count(void);
/* Starts CPU `cpu` (another than this one) with CPU_ON: it runs run(arg) with its MMU on and interrupts masked, and
 * goes off when that returns. False if PSCI refused. The slot stays valid until it is started again. */
bool smp_start(unsigned cpu, void (*run)(void *arg), void *arg);
struct smp_slot *smp_slot_of(unsigned cpu);
/* Waits until it is off, by AFFINITY_INFO. False after ten seconds. */
bool smp_join(unsigned cpu);
/* Where smp_entry leads; not for tests. */
_Noreturn void smp_main(struct smp_slot *slot);

/* Level-1 table of the identity map, 512 blocks of 1 GiB: RAM is normal memory, the rest is a device. */
extern uint64_t mmu_table[512];
void mmu_init(void);
void mmu_enable(void);
/* The range is cleaned once the MMU is off, so that it reads the same without the cache. */
void mmu_disable(const void *start, const void *end);
void cache_clean_invalidate(const void *start, const void *end);

/* Each test program has one. Interrupts are masked, the MMU is on, the GIC untouched. */
void guest_main(void);
_Noreturn void guest_start(void);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A machine for host tests: core/hal.h implemented in plain memory. It records what the core asks
 * of the hardware, in order and with extent, and fails the running test when the core breaks a rule
 * that the real hardware punishes silently:
 *
 * - a page table entry changes from valid to something else valid, or becomes valid again before
 *   its old
 *    value was published as invalid and invalidated in full (break-before-make, Arm ARM D8.16.1);
 * - a table page is freed, reused or changed to something valid while a walker may still reach it;
 *   a table is
 *    linked before its content was published;
 * - a page that one VM could write is reached by another, or scrubbed while still mapped, without a
 *   scrub between
 *    (fake_watch_ownership);
 * - a list register is used that the machine does not have, one interrupt stands in two of them, or
 *   a
 *    hardware-tied one is not set up as the GIC asks;
 *  - a memory operation leaves RAM, is not page aligned or crosses a 2 MiB block.
 *
 * Physical addresses are not the host's addresses, so a missing conversion crashes. A program holds
 * one machine; fake_reset() before each test.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "check_fake.h"
#include "abi/crash.h"
#include "core/hal.h"
#include "core/pgtable.h"

#define FAKE_RAM_BASE UINT64_C(0x80000000)
#define FAKE_RAM_BYTES (UINT64_C(4) << 30) /* host memory is used only for pages that are touched */
#define FAKE_GICV_BASE UINT64_C(0x08040000)
#define FAKE_CPU_MAX 8u
#define FAKE_TICKS_PER_SECOND UINT64_C(62500000)

/* Everything as after power-on: memory zero, CPU 0, 4 list registers of a GICv2, no watch, empty
 * log, no failures set up. */
void fake_reset(void);

/* --- log of operations --- */

/* X(symbol, name) */
#define FAKE_OPS(X)                                                                                \
	X(SCRUB, "scrub") /* a: PA, b: bytes */                                                    \
	X(CLEAN_INVALIDATE, "clean_invalidate") /* a: PA, b: bytes */                              \
	X(COPY_TO, "copy_to") /* a: PA, b: bytes */                                                \
	X(COPY_FROM, "copy_from") /* a: PA, b: bytes */                                            \
	X(INVALIDATE_ICACHE, "invalidate_icache")                                                  \
	X(TABLES_PUBLISH, "tables_publish")                                                        \
	X(STAGE2_INVALIDATE, "stage2_invalidate") /* a: IPA, b: bytes, c: VMID */                  \
	X(STAGE2_INVALIDATE_ALL, "stage2_invalidate_all") /* c: VMID */                            \
	X(TIMER_SET, "timer_set") /* a: deadline */                                                \
	X(KICK_CPU, "kick_cpu") /* a: CPU */                                                       \
	X(IRQ_SET_ACTIVE, "irq_set_active") /* a: INTID, b: 1 active, 0 not */                     \
	X(WRITE_LR, "write_lr") /* a: value, b: list register */                                   \
	X(WRITE_HCR, "write_hcr") /* a: value */                                                   \
	X(VGIC_SAVE, "vgic_save")                                                                  \
	X(VGIC_RESTORE, "vgic_restore")                                                            \
	X(FIRMWARE_CALL, "firmware_call") /* a: function, b, c: first arguments */                 \
	X(VCPU_RESET, "vcpu_reset") /* a: vCPU's index, b: VM (also below) */                      \
	X(VCPU_LOAD, "vcpu_load")                                                                  \
	X(VCPU_UNLOAD, "vcpu_unload")                                                              \
	X(INJECT_UNDEF, "inject_undef")                                                            \
	X(INJECT_ABORT, "inject_abort") /* c: syndrome */                                          \
	X(TRAP_WFI, "trap_wfi") /* a: 1 or 0 */                                                    \
	X(TRAP_MEMORY_CONTROL, "trap_memory_control") /* a: 1 or 0 */                              \
	X(WAIT, "wait_for_interrupt")                                                              \
	X(CONSOLE_TX_INTERRUPT, "console_tx_interrupt") /* a: 1 or 0 */                            \
	X(CONSOLE_RX_INTERRUPT, "console_rx_interrupt") /* a: 1 or 0 */                            \
	X(NODE_OFF, "node_off") /* a: 1 reset */

enum fake_op_kind {
#define X(symbol, name) FAKE_OP_##symbol,
	FAKE_OPS(X)
#undef X
		FAKE_OP_KIND_COUNT,
};

struct fake_op {
	enum fake_op_kind kind;
	unsigned cpu;
	uint64_t a, b, c;
};

size_t fake_log_count(void); /* operations since fake_reset or fake_log_clear */
const struct fake_op *fake_log_at(size_t index);
void fake_log_clear(void);
/* Index of the first operation of that kind at or after `from`; SIZE_MAX if there is none. */
size_t fake_log_find(enum fake_op_kind kind, size_t from);
size_t fake_log_count_of(enum fake_op_kind kind);
/* The last `count` operations to the test's error output. */
void fake_log_print(size_t count);

/* --- CPU, time, interrupts --- */

void fake_set_cpu(unsigned cpu); /* which CPU runs from here on */
void fake_set_ticks(uint64_t ticks);
void fake_advance(uint64_t ticks);
void fake_advance_each_look(uint64_t ticks); /* from here on, by itself; 0: no more */
uint64_t fake_timer_deadline(unsigned cpu);
unsigned fake_kick_count(unsigned cpu);
#define FAKE_NEVER UINT64_MAX
/* hal_is_interrupt_pending() is false `calls` times and true from then on, until set again. */
void fake_interrupt_after(uint64_t calls);
/* True in every n-th call only (1: in each), so that interrupted work that is continued makes
 * progress. */
void fake_interrupt_every(uint64_t calls);
uint64_t fake_interrupt_polls(void); /* calls of hal_is_interrupt_pending() since fake_reset */

/* --- memory --- */

/* The bytes at a physical address, for the test's own eyes and hands: no check, no log. */
void *fake_ram(pa_t pa);

/* --- vCPUs, physical interrupts, console, node --- */

extern uint64_t fake_exit_syndrome,
	fake_exit_ipa; /* ESR_EL2 and the faulting IPA of the exit in hand */
struct vcpu *fake_loaded_vcpu(unsigned cpu); /* NULL: none */
void fake_set_unload_deadline(uint64_t ticks); /* what hal_vcpu_unload returns; reset: ~0 */
void fake_set_timer_asserts(unsigned intid,
			    bool is_asserting); /* hal_vcpu_timer_asserts, of every vCPU */
void fake_set_id_register(unsigned index, uint64_t value); /* reset: all 0 */
/* What hal_vcpu_write_memory_control answers. */
void fake_set_memory_control(bool is_changed, bool is_on);
/* hal_irq_take() returns these in order, on any CPU, then HAL_IRQ_NONE. */
void fake_irq_push(enum hal_irq irq, unsigned pintid);
void fake_set_backstop(bool is_needed); /* what hal_irq_needs_backstop() answers */
void fake_irq_script_clear(void); /* what was not taken yet is forgotten */
/* hal_wait_for_interrupt() calls it; NULL (reset): waiting fails the test, as nothing would ever
 * come. */
typedef void fake_wait_fn(void);
void fake_set_wait(fake_wait_fn *wait);
void fake_console_set_room(
	size_t bytes); /* how many the UART takes before it is full; reset: all */
const char *fake_console_output(void); /* what it took since fake_reset */
void fake_console_input(const char *text);
/* hal_node_off() ends the test unless assert_check_fails() expects it; then check_fake.text is
 * "hal_node_off". */

/* --- the network card: none after fake_reset --- */

#define FAKE_NIC_POST_MAX 1024u
struct fake_nic {
	bool is_there, is_refusing; /* set by the test, before node_start() */
	bool is_started, is_interrupt_enabled;
	struct hal_nic_memory memory;
	struct {
		unsigned queue, index;
		uint32_t bytes;
	} posts[FAKE_NIC_POST_MAX]; /* since it was started */
	size_t post_count, published;
	unsigned notified[2], acknowledged;
};
extern struct fake_nic fake_nic;

/* --- the crash record --- */

#define FAKE_IMAGE_VA UINT64_C(0x700000000000)
/* What was not cleaned to memory is lost. fake_reset() is a power cycle: all is. */
void fake_warm_reset(void);
struct aether_crash *fake_durable_crash(void);
/* Called by the next hal_crash_clean(), before anything is cleaned; NULL: nobody. */
void fake_set_crash_clean(void (*on_clean)(void));

/* --- randomness and firmware --- */

void fake_set_entropy(bool is_available, uint64_t seed); /* reset: not available */
typedef int64_t fake_firmware_fn(uint32_t function, uint64_t a1, uint64_t a2, uint64_t a3);
void fake_set_firmware(fake_firmware_fn *firmware); /* NULL: every call is NOT_SUPPORTED */
void fake_set_workaround_not_required(uint32_t function, bool is_not_required);

/* --- page tables --- */

/*
 * Watches a table from now on: every operation of the hardware layer compares its pages with what
 * they held before. Call it right behind pgtable_init. It ends by itself when pgtable_destroy gives
 * the root back.
 */
void fake_watch_table(const struct pgtable *table);
/* What must hold when an operation of the core has ended: all stores published, no TLB with an
 * entry that is gone. */
void fake_watch_check(void);
/* Tables under watch, their roots included (pages). */
size_t fake_watched_pages(void);
/* Watches which VM could write each page of RAM: all pages start as the firmware's. The service's
 * writes need no scrub before a VM gets the page (it loads VMs), and the service may map what the
 * firmware left. */
void fake_watch_ownership(uint16_t service_vmid);
/* The service's own memory: it may be scrubbed while it is mapped to the service, when no CPU has that loaded. */
void fake_watch_service_memory(pa_t base, uint64_t bytes);

/* --- the GIC's virtual CPU interface, acted on as the guest of the current CPU would --- */

/* version 2 or 3; lr_count 1..16: on every CPU. Resets the interface. */
void fake_gic_init(unsigned version, unsigned lr_count);
/* The virtual CPU interface's registers that the guest writes: groups 1: group 0, 2: group 1, 3:
 * both enabled. */
void fake_gic_set_enable(unsigned groups);
void fake_gic_set_pmr(uint8_t priority_mask);
void fake_gic_set_eoi_mode(bool is_split); /* true: EOI only drops the priority, DIR deactivates */
void fake_gic_set_bpr(unsigned group, unsigned bpr);

#define FAKE_GIC_SPURIOUS 1023u
#define FAKE_GIC_OTHER_GROUP                                                                       \
	1022u /* GICv2: the most urgent one is of group 1, and GICV_AIAR acknowledges it */
#define FAKE_GIC_IDLE_PRIORITY 0xffu

/* True if a virtual interrupt is signalled to the guest now (IRQ or FIQ). */
bool fake_gic_is_signalled(void);
/* The most urgent pending interrupt that could be acknowledged, as ack would return it; no side
 * effect. */
uint32_t fake_gic_hppir(void);
/* Reads GICV_IAR (GICv2; an SGI has its source CPU in bits 12:10) or ICC_IAR1_EL1 (GICv3). */
uint32_t fake_gic_ack(void);
/* Reads GICV_AIAR (GICv2, group 1), or ICC_IAR<group>_EL1 (GICv3). */
uint32_t fake_gic_ack_group(unsigned group);
/* Writes what ack returned to GICV_EOIR or ICC_EOIR1_EL1 (the group is found from the running
 * priority). */
void fake_gic_eoi(uint32_t value);
void fake_gic_dir(uint32_t value); /* GICV_DIR, ICC_DIR_EL1 */
uint8_t fake_gic_running_priority(void);

/* Maintenance: GICH_MISR or ICH_MISR_EL2; 0 if the interface is off. */
#define FAKE_GIC_MISR_EOI 1u
#define FAKE_GIC_MISR_U 2u
#define FAKE_GIC_MISR_LRENP 4u
#define FAKE_GIC_MISR_NP 8u
uint32_t fake_gic_misr(void);
uint64_t fake_gic_eisr(void); /* LRs that ended with the EOI bit */
uint64_t fake_gic_lr(unsigned lr);
uint64_t fake_gic_hcr(void);
/* Index of the LR that holds INTID pending or active on the current CPU, or -1. */
int fake_gic_find(uint32_t intid);
/* Physical PPIs 16..31 of the current CPU, SPIs of the machine: the state that the guest's EOI
 * ends. */
bool fake_gic_is_physical_active(unsigned pintid);
void fake_gic_set_physical_active(unsigned pintid,
				  bool is_active); /* what the core's acknowledge did */
/* The rules for LRs that hold while a guest runs; also checked by every guest action above. */
void fake_gic_check(void);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The machine as the core sees it: everything under core/ reaches hardware through this header only. It has two
 * implementations: arch/ and drivers/ on AArch64, tests/fake/ on the host, where order and extent of every cache,
 * TLB and interrupt operation are recorded and checked.
 *
 * All of it runs at EL2 with interrupts masked.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"

struct vgic_hw_state;

/* --- time: the physical counter (CNTPCT_EL0) --- */
uint64_t hal_ticks(void);
uint64_t hal_ticks_per_second(void);
/* EL2's own timer of this CPU fires at `deadline` (ticks), ~0: never. */
void hal_timer_set(uint64_t deadline);

/* --- this CPU --- */
unsigned hal_cpu_index(void);
/* True if a physical interrupt is pending for this CPU: long work returns to let it be taken. */
bool hal_is_interrupt_pending(void);
/* Makes CPU `cpu` take an interrupt at EL2 soon (a physical SGI). */
void hal_kick_cpu(unsigned cpu);

/* --- memory --- */
/* VA of a page of the core's own pool (page tables, VM structures). Never a guest's page. */
void *hal_core_page(pa_t pa);
/* Zeroes and cleans to the point of coherency: bytes a multiple of 4 KiB, within one 2 MiB block. */
void hal_scrub(pa_t pa, uint64_t bytes);
/* Cleans and invalidates by VA to the point of coherency: same limits. */
void hal_clean_invalidate(pa_t pa, uint64_t bytes);
/* Copies into a page that the core does not otherwise map. Same limits. */
void hal_copy_to(pa_t pa, const void *from, uint64_t bytes);
/* Copies out of one. Same limits. */
void hal_copy_from(void *to, pa_t pa, uint64_t bytes);
/* Invalidates all instruction caches to the point of unification in the inner shareable domain. */
void hal_invalidate_icache(void);
/* Writes to page tables before this are seen by every CPU's walker after it (DSB ISHST; ISB). */
void hal_tables_publish(void);
/* Stage 2 of VM `vmid` (root `table`): forgets translations of [ipa, ipa + bytes) on every CPU, and the combined
 * stage 1 and 2 entries that were made of them; complete when it returns. */
void hal_stage2_invalidate(uint16_t vmid, pa_t table, ipa_t ipa, uint64_t bytes);
/* The same for the whole VMID. */
void hal_stage2_invalidate_all(uint16_t vmid, pa_t table);

/* --- the GIC's virtual CPU interface of this CPU (VGIC_* layouts of core/vgic.h) --- */
unsigned hal_vgic_lr_count(void);
uint64_t hal_vgic_read_lr(unsigned lr);
void hal_vgic_write_lr(unsigned lr, uint64_t value);
/* Bit n set: LR n holds no pending or active interrupt. */
uint64_t hal_vgic_empty_lrs(void);
uint64_t hal_vgic_read_hcr(void);
void hal_vgic_write_hcr(uint64_t value);
void hal_vgic_save(struct vgic_hw_state *state);
void hal_vgic_restore(const struct vgic_hw_state *state);
/* First state of the virtual CPU interface for that GIC version. */
void hal_vgic_reset_state(struct vgic_hw_state *state);
/* GICv2: where the CPU interface that guests use (GICV) is. False: there is none to map, it is system registers. */
bool hal_vgic_cpu_interface(pa_t *base);
/* A physical PPI's active state, on this CPU. */
void hal_irq_set_active(unsigned pintid, bool is_active);

/* --- randomness: true if `bytes` random bytes were written (RNDR, firmware TRNG, or a seed from the device tree)
 * --- */
bool hal_entropy(void *to, size_t bytes);

/* --- firmware --- */
/* An SMCCC call to EL3; NOT_SUPPORTED where there is no firmware that takes SMC. */
int64_t hal_firmware_call(uint32_t function, uint64_t a1, uint64_t a2, uint64_t a3);
/* True if the CPU itself is not affected (ID_AA64PFR0_EL1.CSV2 and friends), by SMCCC_ARCH_WORKAROUND_n function
 * id. */
bool hal_workaround_not_required(uint32_t function);

/* ID register `index` of this CPU (core/sysreg.h). */
uint64_t hal_read_id_register(unsigned index);

/* --- the vCPU's registers in the hardware --- */
struct vcpu;
struct arch_vcpu;
struct vm;
/* The place for a vCPU's system registers (static, one for each). */
struct arch_vcpu *hal_vcpu_storage(unsigned vm, unsigned index);
/* First state of every register that a guest can see, as after reset (Arm ARM, booting.rst): EL1h, DAIF masked,
 * MMU off. */
void hal_vcpu_reset(struct vcpu *vcpu);
/* Puts the vCPU on this CPU: system registers, FP, stage 2, timers, interrupt controller; takes it off again. unload
 * returns the deadline (ticks) at which one of its timers will want it awake, ~0 for none. */
void hal_vcpu_load(struct vcpu *vcpu);
uint64_t hal_vcpu_unload(struct vcpu *vcpu);
/* Of a vCPU that is not loaded: its timer with that guest INTID was asserting its interrupt when it left. */
bool hal_vcpu_timer_asserts(const struct vcpu *vcpu, unsigned intid);
/* The same of the loaded vCPU, now. */
bool hal_timer_asserts(unsigned intid);
/* The physical PPI of a guest timer (AETHER_GUEST_VTIMER_INTID or ..._PTIMER_INTID). */
unsigned hal_guest_timer_pintid(unsigned intid);
/* WFI of the loaded vCPU comes to the core, or not. */
void hal_vcpu_trap_wfi(bool is_trapped);
/* Makes the loaded vCPU take an exception at EL1 instead of its next instruction. */
void hal_inject_undef(struct vcpu *vcpu);
/* True if the vCPU has just taken this very exception here and never returned from it: it is getting nowhere. */
bool hal_inject_abort(struct vcpu *vcpu, uint64_t syndrome);
/* The caches of the loaded vCPU are seen through traps of its memory control registers, or not (HCR_EL2.TVM). */
void hal_vcpu_trap_memory_control(struct vcpu *vcpu, bool is_trapped);
/* Writes one of the registers that this traps; true if the MMU or a cache went from off to on or on to off,
 * *is_on: both are on now. */
bool hal_vcpu_write_memory_control(struct vcpu *vcpu, unsigned crn, unsigned crm, unsigned op2,
				   uint64_t value, bool *is_on);

/* --- physical interrupts of this CPU --- */
enum hal_irq {
	HAL_IRQ_NONE,
	HAL_IRQ_KICK,
	HAL_IRQ_TIMER,
	HAL_IRQ_VTIMER,
	HAL_IRQ_PTIMER,
	HAL_IRQ_MAINTENANCE,
	HAL_IRQ_CONSOLE,
	HAL_IRQ_NIC,
	HAL_IRQ_OTHER
};
/* Acknowledges the most urgent one and drops its priority; *pintid is its number. All but the guest's timers are also
 * deactivated by it; those stay active until the guest ends them, or hal_irq_set_active() does. */
enum hal_irq hal_irq_take(unsigned *pintid);
/* The interrupt controller may forget a level that is still high when a guest ends a tied interrupt; any interrupt that
 * the core takes makes it look again. */
bool hal_irq_needs_backstop(void);
/* Sleeps until an interrupt is pending. */
void hal_wait_for_interrupt(void);

/* --- the node's console UART --- */
bool hal_console_put(uint8_t byte); /* false: its FIFO is full */
int hal_console_get(void); /* -1: nothing there */
void hal_console_tx_interrupt(bool is_enabled);
void hal_console_rx_interrupt(bool is_enabled);

/* --- the network card that the service has (core/nic.h, abi/nic.h); queue 0 receives, 1 transmits --- */
struct hal_nic_memory {
	pa_t driver_ring[2]; /* pool pages that the card only reads */
	pa_t device_ring[2]; /* pool pages that it writes */
	pa_t buffers; /* AETHER_NIC_BUFFERS of AETHER_NIC_BUFFER_BYTES */
};
unsigned hal_nic_kind(void); /* enum aether_nic_kind */
unsigned hal_nic_header_bytes(void);
/* Reset, each descriptor aimed at its buffer, nothing posted; false: the card will not have it, and is reset. */
bool hal_nic_start(const struct hal_nic_memory *memory);
/* Reset: it touches memory no more. False: it does not come to rest. */
bool hal_nic_stop(void);
/* Gives buffer `index` of the queue to the card, which sees it after hal_nic_publish() and looks when notified. */
void hal_nic_post(unsigned queue, unsigned index, uint32_t bytes);
void hal_nic_publish(void);
void hal_nic_notify(unsigned queue);
/* A register or configuration field of 1 or 4 bytes, 0 for what is not to be read so. */
uint32_t hal_nic_read(uint32_t offset, unsigned bytes);
void hal_nic_interrupt_acknowledge(void);
/* Its interrupt at the interrupt controller. */
void hal_nic_interrupt_enable(bool is_enabled);

/* --- the record of a crash (abi/crash.h) --- */
struct aether_crash;
/* Its memory: the core's own, and a new boot leaves it as it was. */
struct aether_crash *hal_crash_memory(void);
/* Cleans it to the point of coherency. */
void hal_crash_clean(void);
/* Fills in where the image is, what it is, and the registers of EL2 that no frame has. */
void hal_crash_describe(struct aether_crash *record);
/* What names this build of the core: its linker's build id, the rest zero. */
void hal_build_id(uint8_t id[32]);

/* --- the node --- */
_Noreturn void hal_node_off(bool is_reset);

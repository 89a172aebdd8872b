/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sixteen vectors of EL2.
 *
 * While a vCPU runs, SP_EL2 points at its struct vcpu: an exit saves every general register straight into it. Then
 * the CPU's own stack is taken and one C function is called; it returns the vCPU to run next, which need not be
 * the one that came in.
 *
 * A fault of the core itself (current EL) is never survived: it is recorded on a stack of its own, since SP may be
 * what is broken.
 */
#include "arch/offsets.h"

	.macro	exit_entry handler
	.balign	128
	stp	x0, x1, [sp, #VCPU_X(0)]
	stp	x2, x3, [sp, #VCPU_X(2)]
	stp	x4, x5, [sp, #VCPU_X(4)]
	stp	x6, x7, [sp, #VCPU_X(6)]
	stp	x8, x9, [sp, #VCPU_X(8)]
	stp	x10, x11, [sp, #VCPU_X(10)]
	stp	x12, x13, [sp, #VCPU_X(12)]
	stp	x14, x15, [sp, #VCPU_X(14)]
	stp	x16, x17, [sp, #VCPU_X(16)]
	stp	x18, x19, [sp, #VCPU_X(18)]
	stp	x20, x21, [sp, #VCPU_X(20)]
	stp	x22, x23, [sp, #VCPU_X(22)]
	stp	x24, x25, [sp, #VCPU_X(24)]
	stp	x26, x27, [sp, #VCPU_X(26)]
	stp	x28, x29, [sp, #VCPU_X(28)]
	mrs	x1, elr_el2
	stp	x30, x1, [sp, #VCPU_X(30)]
	mrs	x2, spsr_el2
	ldr	x3, [sp, #VCPU_HOST_SP]
	str	x2, [sp, #VCPU_PSTATE]
	mov	x0, sp
	mov	sp, x3
	adr	x30, vcpu_enter
	b	\handler
	.endm

	.macro	fault_entry kind
	.balign	128
	/* SP cannot be trusted: keep x0 and x1 beside the per-CPU pointer, and take the fault stack. */
	msr	tpidrro_el0, x0
	mrs	x0, tpidr_el2
	cbz	x0, early_fault
	str	x1, [x0, #PERCPU_SCRATCH + 8]
	mrs	x1, tpidrro_el0
	str	x1, [x0, #PERCPU_SCRATCH]
	mov	x1, #\kind
	b	fault_common
	.endm

	.section .text.vectors, "ax"
	.balign	2048
	.global	vectors
vectors:
	fault_entry 0		/* current EL with SP0 */
	fault_entry 1
	fault_entry 2
	fault_entry 3
	fault_entry 4		/* current EL with SPx */
	fault_entry 5
	fault_entry 6
	fault_entry 7
	exit_entry trap_sync	/* lower EL, AArch64 */
	exit_entry trap_irq
	exit_entry trap_fiq
	exit_entry trap_serror
	exit_entry trap_sync	/* lower EL, AArch32: EL0 under a 64-bit kernel */
	exit_entry trap_irq
	exit_entry trap_fiq
	exit_entry trap_serror

	.text
	.balign	64
	/* x0: the vCPU to run. Nothing of the core stays in a register. */
	.global	vcpu_enter
vcpu_enter:
	mov	sp, x0
	ldp	x30, x1, [sp, #VCPU_X(30)]
	ldr	x2, [sp, #VCPU_PSTATE]
	msr	elr_el2, x1
	msr	spsr_el2, x2
	ldp	x28, x29, [sp, #VCPU_X(28)]
	ldp	x26, x27, [sp, #VCPU_X(26)]
	ldp	x24, x25, [sp, #VCPU_X(24)]
	ldp	x22, x23, [sp, #VCPU_X(22)]
	ldp	x20, x21, [sp, #VCPU_X(20)]
	ldp	x18, x19, [sp, #VCPU_X(18)]
	ldp	x16, x17, [sp, #VCPU_X(16)]
	ldp	x14, x15, [sp, #VCPU_X(14)]
	ldp	x12, x13, [sp, #VCPU_X(12)]
	ldp	x10, x11, [sp, #VCPU_X(10)]
	ldp	x8, x9, [sp, #VCPU_X(8)]
	ldp	x6, x7, [sp, #VCPU_X(6)]
	ldp	x4, x5, [sp, #VCPU_X(4)]
	ldp	x2, x3, [sp, #VCPU_X(2)]
	ldp	x0, x1, [sp, #VCPU_X(0)]
	eret
	/* No speculation past ERET into what lies behind it. */
	dsb	nsh
	isb

	/* x0 per-CPU area, x1 which vector; x0 and x1 of the fault stand in the scratch words. */
fault_common:
	stp	x2, x3, [x0, #PERCPU_SCRATCH + 16]
	mov	x2, sp
	ldr	x3, [x0, #PERCPU_FAULT_SP]
	mov	sp, x3
	sub	sp, sp, #FAULT_FRAME_BYTES
	str	x2, [sp, #FAULT_FRAME_SP]
	ldp	x3, x2, [x0, #PERCPU_SCRATCH]
	stp	x3, x2, [sp, #0]
	ldp	x2, x3, [x0, #PERCPU_SCRATCH + 16]
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x19, [sp, #144]
	stp	x20, x21, [sp, #160]
	stp	x22, x23, [sp, #176]
	stp	x24, x25, [sp, #192]
	stp	x26, x27, [sp, #208]
	stp	x28, x29, [sp, #224]
	mrs	x2, elr_el2
	stp	x30, x2, [sp, #240]
	mrs	x2, esr_el2
	mrs	x3, far_el2
	stp	x2, x3, [sp, #256]
	mrs	x2, spsr_el2
	stp	x2, x1, [sp, #272]
	mov	x0, sp
	bl	trap_fault
early_fault:
	wfe
	b	early_fault

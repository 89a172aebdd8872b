/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EL0 and back, with vectors of its own: whatever exception comes from EL0, it ends el0_run with ESR_EL1. The stack of
 * EL1 keeps its place meanwhile. x0 is 0 in the program: an address that it cannot read.
 */
	.text
	.balign	2048
el0_vectors:
	.rept	16
	.balign	128
	b	el0_back
	.endr

	.balign	128
	.global	el0_run
el0_run:
	stp	x29, x30, [sp, #-112]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	mrs	x2, vbar_el1
	str	x2, [sp, #96]
	adrp	x2, el0_vectors
	add	x2, x2, :lo12:el0_vectors
	msr	vbar_el1, x2
	msr	elr_el1, x0
	msr	spsr_el1, x1
	mov	x0, #0
	mov	x1, #0
	isb
	eret

el0_back:
	ldr	x2, [sp, #96]
	msr	vbar_el1, x2
	isb
	mrs	x0, esr_el1
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #112
	ret

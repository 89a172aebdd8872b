/* SPDX-License-Identifier: Apache-2.0 */
/*
 * void smccc_<conduit>(struct smccc_regs *regs): makes the call with x0..x30 as they stand in *regs and stores all
 * 31 back, so that a test sees every register that the callee changed. Only the stack pointer survives the call by
 * assumption; if it did not, the guest would fault and say so.
 */
	.macro	conduit name, instruction, immediate
	.global	\name
\name:
	stp	x29, x30, [sp, #-112]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	str	x0, [sp, #96]
	bl	load_all
	\instruction #\immediate
	b	store_all
	.endm

	.text
load_all:
	/* x30 is this routine's return address until the last moment: it goes to the call in x30's place. */
	str	x30, [sp, #104]
	ldp	x1, x2, [x0, #8]
	ldp	x3, x4, [x0, #24]
	ldp	x5, x6, [x0, #40]
	ldp	x7, x8, [x0, #56]
	ldp	x9, x10, [x0, #72]
	ldp	x11, x12, [x0, #88]
	ldp	x13, x14, [x0, #104]
	ldp	x15, x16, [x0, #120]
	ldp	x17, x18, [x0, #136]
	ldp	x19, x20, [x0, #152]
	ldp	x21, x22, [x0, #168]
	ldp	x23, x24, [x0, #184]
	ldp	x25, x26, [x0, #200]
	ldp	x27, x28, [x0, #216]
	ldr	x29, [x0, #232]
	ldr	x0, [x0]
	ret

/* Tail of every conduit: x30 still holds the address behind the `bl load_all`. */
store_all:
	stp	x0, x30, [sp, #-16]!
	ldr	x0, [sp, #112]		/* the regs pointer: [old sp + 96] */
	stp	x1, x2, [x0, #8]
	stp	x3, x4, [x0, #24]
	stp	x5, x6, [x0, #40]
	stp	x7, x8, [x0, #56]
	stp	x9, x10, [x0, #72]
	stp	x11, x12, [x0, #88]
	stp	x13, x14, [x0, #104]
	stp	x15, x16, [x0, #120]
	stp	x17, x18, [x0, #136]
	stp	x19, x20, [x0, #152]
	stp	x21, x22, [x0, #168]
	stp	x23, x24, [x0, #184]
	stp	x25, x26, [x0, #200]
	stp	x27, x28, [x0, #216]
	str	x29, [x0, #232]
	ldp	x1, x2, [sp], #16
	str	x1, [x0]
	ldr	x3, [sp, #104]		/* x30 before the call: equal if it was preserved */
	sub	x2, x2, x3
	str	x2, [x0, #240]
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #112
	ret

	conduit	smccc_hvc, hvc, 0
	conduit	smccc_smc, smc, 0
	conduit	smccc_hvc_other, hvc, 0x4a48
	conduit	smccc_smc_other, smc, 0xffff

/* SPDX-License-Identifier: Apache-2.0 */
/* The two halves around each way out of the guest; the pointers wait on the stack meanwhile. */
	.arch_extension fp
	.arch_extension simd

#define SP_EL0 248
#define V 256
#define FPCR 768
#define FPSR 776

	.macro	load_pair a, b, offset
	ldp	q\a, q\b, [x30, #(V + \offset)]
	.endm
	.macro	store_pair a, b, offset
	stp	q\a, q\b, [x30, #(V + \offset)]
	.endm
	.macro	all_simd operation
	\operation 0, 1, 0
	\operation 2, 3, 32
	\operation 4, 5, 64
	\operation 6, 7, 96
	\operation 8, 9, 128
	\operation 10, 11, 160
	\operation 12, 13, 192
	\operation 14, 15, 224
	\operation 16, 17, 256
	\operation 18, 19, 288
	\operation 20, 21, 320
	\operation 22, 23, 352
	\operation 24, 25, 384
	\operation 26, 27, 416
	\operation 28, 29, 448
	\operation 30, 31, 480
	.endm

	.macro	around name
	.text
	.global	\name
\name:
	stp	x29, x30, [sp, #-128]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	stp	x0, x1, [sp, #96]
	mov	x30, x0
	all_simd load_pair
	ldr	x0, [x30, #FPCR]
	msr	fpcr, x0
	ldr	x0, [x30, #FPSR]
	msr	fpsr, x0
	ldr	x0, [x30, #SP_EL0]
	msr	sp_el0, x0
	ldp	x0, x1, [x30, #0]
	ldp	x2, x3, [x30, #16]
	ldp	x4, x5, [x30, #32]
	ldp	x6, x7, [x30, #48]
	ldp	x8, x9, [x30, #64]
	ldp	x10, x11, [x30, #80]
	ldp	x12, x13, [x30, #96]
	ldp	x14, x15, [x30, #112]
	ldp	x16, x17, [x30, #128]
	ldp	x18, x19, [x30, #144]
	ldp	x20, x21, [x30, #160]
	ldp	x22, x23, [x30, #176]
	ldp	x24, x25, [x30, #192]
	ldp	x26, x27, [x30, #208]
	ldp	x28, x29, [x30, #224]
	ldr	x30, [x30, #240]
	.endm

	.macro	and_back
	str	x30, [sp, #112]
	ldr	x30, [sp, #104]
	stp	x0, x1, [x30, #0]
	stp	x2, x3, [x30, #16]
	stp	x4, x5, [x30, #32]
	stp	x6, x7, [x30, #48]
	stp	x8, x9, [x30, #64]
	stp	x10, x11, [x30, #80]
	stp	x12, x13, [x30, #96]
	stp	x14, x15, [x30, #112]
	stp	x16, x17, [x30, #128]
	stp	x18, x19, [x30, #144]
	stp	x20, x21, [x30, #160]
	stp	x22, x23, [x30, #176]
	stp	x24, x25, [x30, #192]
	stp	x26, x27, [x30, #208]
	stp	x28, x29, [x30, #224]
	ldr	x0, [sp, #112]
	str	x0, [x30, #240]
	mrs	x0, sp_el0
	str	x0, [x30, #SP_EL0]
	mrs	x0, fpcr
	str	x0, [x30, #FPCR]
	mrs	x0, fpsr
	str	x0, [x30, #FPSR]
	all_simd store_pair
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #128
	ret
	.endm

	around	regs_around_hvc
	hvc	#0
	and_back

	around	regs_around_read
	ldr	w1, [x0]
	and_back

	around	regs_around_write
	str	w1, [x0]
	and_back

	around	regs_around_wfi
	wfi
	and_back

	around	regs_around_spin
1:	sub	x0, x0, #1
	cbnz	x0, 1b
	and_back

	around	regs_around_set_way
	dc	cisw, x0
	and_back

	around	regs_around_undefined
	mrs	x1, vttbr_el2
	and_back

	.global	break_here
break_here:
	nop
	ret

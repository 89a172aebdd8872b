/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * For guests in assembly: sleep on the virtual timer, with interrupts masked. A guest that sleeps leaves its CPU to the
 * service beyond the service's budget, and costs nothing under icount. Both GICs; x26 to x28 are these macros'.
 */
	/* x26 the distributor or 0, x27 the GICv2 interface; changes x0 to x2. */
	.macro	doze_setup
	movz	x26, #0x0800, lsl #16		/* AETHER_GUEST_GICD_BASE */
	movz	x27, #0x0801, lsl #16		/* AETHER_GUEST_GICC_BASE */
	movz	x2, #0x080b, lsl #16		/* AETHER_GUEST_GICR_BASE, its second frame */
	mov	w1, #(1 << 27)			/* AETHER_GUEST_VTIMER_INTID */
	mrs	x0, id_aa64pfr0_el1
	ubfx	x0, x0, #24, #4
	cbnz	x0, 8001f
	str	w1, [x26, #0x100]		/* GICD_ISENABLER */
	mov	w0, #1
	str	w0, [x26]			/* GICD_CTLR */
	str	w0, [x27]			/* GICC_CTLR */
	mov	w0, #0xf0
	str	w0, [x27, #4]			/* GICC_PMR */
	b	8002f
8001:	mov	w0, #0x12			/* ARE, group 1 */
	str	w0, [x26]
	mov	w0, #-1
	str	w0, [x2, #0x80]			/* GICR_IGROUPR0 */
	str	w1, [x2, #0x100]		/* GICR_ISENABLER0 */
	mov	x0, #0xf0
	msr	S3_0_C4_C6_0, x0		/* ICC_PMR_EL1 */
	mov	x0, #1
	msr	S3_0_C12_C12_7, x0		/* ICC_IGRPEN1_EL1 */
	isb
	mov	x26, xzr
8002:	dsb	sy
	.endm

	/* Until the counter has come to register `until`; changes x0. */
	.macro	doze until
	msr	cntv_cval_el0, \until
	mov	x0, #1
	msr	cntv_ctl_el0, x0
	isb
8003:	wfi
	cbz	x26, 8004f
	ldr	w28, [x27, #0xc]		/* GICC_IAR */
	b	8005f
8004:	mrs	x28, S3_0_C12_C12_0		/* ICC_IAR1_EL1 */
	dsb	sy
8005:	cmp	w28, #27
	b.ne	8003b
	msr	cntv_ctl_el0, xzr
	isb
	dsb	sy
	cbz	x26, 8006f
	str	w28, [x27, #0x10]		/* GICC_EOIR */
	b	8007f
8006:	msr	S3_0_C12_C12_1, x28		/* ICC_EOIR1_EL1 */
	isb
8007:
	.endm

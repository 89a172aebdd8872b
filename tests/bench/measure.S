/* SPDX-License-Identifier: Apache-2.0 */
/* The loops of measure.h. x9 is the counter at the start, x10 what an IRQ's vector read. */

	.text
	.balign	2048
	.global	measure_vectors
measure_vectors:
	.rept	4
	.balign	128
	b	.
	.endr
	.balign	128			/* current EL, own stack pointer: synchronous */
	mrs	x11, elr_el1
	add	x11, x11, #4
	msr	elr_el1, x11
	eret
	.balign	128			/* IRQ: nothing before the counter */
	mrs	x10, cntvct_el0
	mrs	x11, spsr_el1
	orr	x11, x11, #0x80
	msr	spsr_el1, x11
	eret
	.rept	10
	.balign	128
	b	.
	.endr

	.balign	64
	.macro	begin name
	.balign	64
	.global	\name
\name:
	.endm

	begin	measure_hvc
	mov	x12, x0
	mov	w13, w1
	isb
	mrs	x9, cntvct_el0
1:	mov	w0, w13
	hvc	#0
	sub	x12, x12, #1
	cbnz	x12, 1b
	mrs	x0, cntvct_el0
	sub	x0, x0, x9
	ret

	begin	measure_read
	isb
	mrs	x9, cntvct_el0
1:	ldr	w2, [x1]
	sub	x0, x0, #1
	cbnz	x0, 1b
	mrs	x0, cntvct_el0
	sub	x0, x0, x9
	ret

	begin	measure_abort
	b	measure_read

	begin	measure_console
	isb
	mrs	x9, cntvct_el0
1:	ldr	w3, [x1, #0x18]
	tbnz	w3, #5, 1b
	str	w2, [x1]
	sub	x0, x0, #1
	cbnz	x0, 1b
	mrs	x0, cntvct_el0
	sub	x0, x0, x9
	ret

	begin	measure_id
	isb
	mrs	x9, cntvct_el0
1:	mrs	x1, id_aa64isar0_el1
	sub	x0, x0, #1
	cbnz	x0, 1b
	mrs	x0, cntvct_el0
	sub	x0, x0, x9
	ret

	begin	measure_timer_spin
	mov	x10, #0
	msr	cntv_cval_el0, x0
	mov	x1, #1
	msr	cntv_ctl_el0, x1
	isb
	msr	daifclr, #2
1:	cbz	x10, 1b
	msr	cntv_ctl_el0, xzr
	sub	x0, x10, x0
	ret

	begin	measure_timer_wfi
	mov	x10, #0
	msr	cntv_cval_el0, x0
	mov	x1, #1
	msr	cntv_ctl_el0, x1
	isb
	msr	daifclr, #2
1:	wfi
	cbz	x10, 1b
	msr	cntv_ctl_el0, xzr
	sub	x0, x10, x0
	ret

	begin	measure_sgi_v2
	mov	x10, #0
	msr	daifclr, #2
	isb
	mrs	x9, cntvct_el0
	str	w1, [x0]
1:	cbz	x10, 1b
	sub	x0, x10, x9
	ret

	begin	measure_sgi_v3
	mov	x10, #0
	msr	daifclr, #2
	isb
	mrs	x9, cntvct_el0
	msr	s3_0_c12_c11_5, x0
	isb
1:	cbz	x10, 1b
	sub	x0, x10, x9
	ret

	begin	measure_eoi_v2
	isb
	mrs	x9, cntvct_el0
	str	w1, [x0]
	mrs	x0, cntvct_el0
	sub	x0, x0, x9
	ret

	begin	measure_eoi_v3
	isb
	mrs	x9, cntvct_el0
	msr	s3_0_c12_c12_1, x0
	mrs	x0, cntvct_el0
	sub	x0, x0, x9
	ret

	begin	measure_nothing
	isb
	mrs	x9, cntvct_el0
	mrs	x0, cntvct_el0
	sub	x0, x0, x9
	ret

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that watches its memory: it fills all of it behind its code with a pattern, then compares it over and over,
 * a line each time, `c 0000002a`, and sleeps as long between. What it finds changed it says, `changed 40123458`, and
 * stops counting. It runs where it is put, at the start of 2 MiB.
 */
#include "doze.h"

	.section .rodata.canary, "a"
	.balign	8
	.global	test_canary, test_canary_end
test_canary:
	movz	x9, #0x0900, lsl #16		/* AETHER_GUEST_UART_BASE */
	adr	x20, test_canary
	add	x21, x20, #0x10, lsl #12
	add	x22, x20, #0x200, lsl #12
	movz	x23, #0x5ca1
	movk	x23, #0xab1e, lsl #16
	movk	x23, #0xc0de, lsl #48
	mov	x10, xzr
	mrs	x11, cntfrq_el0
	lsr	x11, x11, #5			/* 31 ms */
	doze_setup
	mov	x1, x21
1:	eor	x2, x1, x23
	str	x2, [x1], #8
	cmp	x1, x22
	b.lo	1b
2:	mov	x1, x21
3:	eor	x2, x1, x23
	ldr	x3, [x1]
	cmp	x2, x3
	b.ne	5f
	add	x1, x1, #8
	cmp	x1, x22
	b.lo	3b
	mov	w0, #'c'
	bl	put
	mov	x13, x10
	bl	put_number
	add	x10, x10, #1
	mrs	x13, cntvct_el0
	add	x13, x13, x11
	doze	x13
	b	2b
5:	mov	x13, x1
	adr	x14, changed
6:	ldrb	w0, [x14], #1
	cbz	w0, 7f
	bl	put
	b	6b
7:	bl	put_number
8:	b	8b
	/* A space, the low 32 bits of x13, a new line. */
put_number:
	mov	x15, x30
	mov	w0, #' '
	bl	put
	mov	w12, #28
9:	lsr	w0, w13, w12
	and	w0, w0, #15
	add	w1, w0, #'0'
	add	w2, w0, #('a' - 10)
	cmp	w0, #10
	csel	w0, w1, w2, lo
	bl	put
	subs	w12, w12, #4
	b.pl	9b
	mov	w0, #'\n'
	bl	put
	ret	x15
put:	ldr	w3, [x9, #0x18]			/* UARTFR.TXFF */
	tbnz	w3, #5, put
	str	w0, [x9]
	ret
changed:
	.asciz	"changed"
test_canary_end:

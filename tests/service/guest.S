/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests in some fifty instructions, for services that test. They run where they are put.
 *
 * test_guest counts on its console, a line each millisecond or so, `g 0000002a`, and never sleeps, so that it is always
 * one that wants the CPU. test_stream sleeps between its lines, and gives back each line of eight characters that it is
 * given, `e 0000002a`: what is lost, doubled or out of order on either way can be seen.
 */
#include "doze.h"

	.section .rodata.guest, "a"
	.balign	8
	.global	test_guest, test_guest_end
test_guest:
	movz	x9, #0x0900, lsl #16		/* AETHER_GUEST_UART_BASE */
	mov	x10, xzr
	mrs	x11, cntfrq_el0
	lsr	x11, x11, #10
1:	bl	put_number
	mrs	x13, cntvct_el0
	add	x13, x13, x11
3:	mov	w0, #500			/* a look at the counter is dear under icount */
9:	subs	w0, w0, #1
	b.ne	9b
	isb
	mrs	x0, cntvct_el0
	cmp	x0, x13
	b.lo	3b
	b	1b
	/* A line, of x10 */
put_number:
	mov	x15, x30
	mov	w0, #'g'
	bl	put
	mov	w0, #' '
	bl	put
	mov	w12, #28
2:	lsr	w0, w10, w12
	and	w0, w0, #15
	add	w1, w0, #'0'
	add	w2, w0, #('a' - 10)
	cmp	w0, #10
	csel	w0, w1, w2, lo
	bl	put
	subs	w12, w12, #4
	b.pl	2b
	mov	w0, #'\n'
	bl	put
	add	x10, x10, #1
	ret	x15
put:	ldr	w3, [x9, #0x18]			/* UARTFR.TXFF */
	tbnz	w3, #5, put
	str	w0, [x9]
	ret

	/* In the same blob, entered here. */
	.global	test_stream
test_stream:
	movz	x9, #0x0900, lsl #16
	mov	x10, xzr
	mov	x24, xzr			/* the line that comes in, its last eight characters */
	mrs	x11, cntfrq_el0
	lsr	x11, x11, #9			/* 2 ms */
	doze_setup
	mrs	x13, cntvct_el0
4:	bl	put_number
5:	ldr	w3, [x9, #0x18]			/* UARTFR.RXFE */
	tbnz	w3, #4, 7f
	ldr	w0, [x9]
	and	w0, w0, #0xff
	cmp	w0, #'\n'
	b.eq	6f
	orr	x24, x0, x24, lsl #8
	b	5b
6:	mov	w0, #'e'
	bl	put
	mov	w0, #' '
	bl	put
	mov	w12, #56
8:	lsr	x0, x24, x12
	and	w0, w0, #0xff
	bl	put
	subs	w12, w12, #8
	b.pl	8b
	mov	w0, #'\n'
	bl	put
	mov	x24, xzr
	b	5b
7:	mrs	x0, cntvct_el0
	add	x13, x0, x11
	doze	x13
	b	4b
test_guest_end:

	/* Of the service: in an object of its own, or the compiler would know it. */
	.balign	8
	.global	test_version
test_version:
	.word	1

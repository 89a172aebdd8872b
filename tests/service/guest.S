/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest in some fifty instructions, for services that test: it counts on its console, a line each millisecond or so,
 * `g 0000002a`, and never sleeps, so that it is always one that wants the CPU. It runs where it is put.
 */
	.section .rodata.guest, "a"
	.balign	8
	.global	test_guest, test_guest_end
test_guest:
	movz	x9, #0x0900, lsl #16		/* AETHER_GUEST_UART_BASE */
	mov	x10, xzr
	mrs	x11, cntfrq_el0
	lsr	x11, x11, #10
1:	mov	w0, #'g'
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
	mrs	x13, cntvct_el0
	add	x13, x13, x11
3:	isb
	mrs	x0, cntvct_el0
	cmp	x0, x13
	b.lo	3b
	b	1b
put:	ldr	w3, [x9, #0x18]			/* UARTFR.TXFF */
	tbnz	w3, #5, put
	str	w0, [x9]
	ret
test_guest_end:

	/* Of the service: in an object of its own, or the compiler would know it. */
	.balign	8
	.global	test_version
test_version:
	.word	1

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the service misbehaves by its own hand when a test wants it (abi/chaos.h), in a build for simulation only. The
 * core enters service_chaos with x0 the kind and x1 where it was interrupted; nothing else of its registers may be
 * relied on, the stack pointer apart.
 */
#ifdef AETHER_SIMULATION
	.equ	CHAOS_LOOP, 4			/* enum aether_chaos */
	.equ	CHAOS_STACK, 5
	.equ	CHAOS_HEAP, 6

	.text
	.global	service_chaos
	.type	service_chaos, %function
service_chaos:
	cmp	x0, #CHAOS_LOOP
	b.eq	endless_loop
	cmp	x0, #CHAOS_STACK
	b.eq	endless_recursion
	cmp	x0, #CHAOS_HEAP
	b.eq	smash
	.inst	0x00000000			/* UDF #0 */
endless_loop:
	b	endless_loop
endless_recursion:
	stp	x29, x30, [sp, #-16]!
	mov	x29, sp
	bl	endless_recursion
	/* All that it can write, its stack too; then on, with the registers that an interrupted call may lose gone. */
smash:
	adrp	x2, __service_writable
	adrp	x3, __service_end
	movz	x4, #0xdead
	movk	x4, #0xbeef, lsl #32
1:	str	x4, [x2], #8
	cmp	x2, x3
	b.lo	1b
	br	x1
	.size	service_chaos, . - service_chaos
#endif

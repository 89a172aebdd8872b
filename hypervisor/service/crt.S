/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service image's header (abi/image.h) and first instructions.
 *
 * Entry: EL1h, stage 1 off, interrupts masked, memory behind the file zero. Stage 1 stays off: the core
 * maps the service with the permissions it needs in stage 2, and HCR_EL2.DC makes accesses cacheable.
 */
#include "service/main.h"

	.section .header, "a"
	.quad	0x3156535248544541		/* AETHER_SERVICE_MAGIC */
	.quad	_start - 0x200000
	.quad	__service_text_bytes
	.quad	__service_file_bytes
	.quad	__service_total_bytes
	.quad	__service_stack_top_offset
#ifdef AETHER_SIMULATION
	.quad	service_chaos - 0x200000
#else
	.quad	0
#endif
	.quad	0

	.section .text.start, "ax"
	.global	_start
	.type	_start, %function
_start:
	adrp	x0, __service_stack_top
	mov	sp, x0
	adr	x0, service_vectors
	msr	vbar_el1, x0
	isb
	/* Data that is written to and does not start as zero: its values are in the file's read-only part. */
	adrp	x0, __data_start
	add	x0, x0, #:lo12:__data_start
	adrp	x1, __data_end
	add	x1, x1, #:lo12:__data_end
	adrp	x2, __data_load
	add	x2, x2, #:lo12:__data_load
2:	cmp	x0, x1
	b.hs	3f
	ldp	x3, x4, [x2], #16
	stp	x3, x4, [x0], #16
	b	2b
3:
	/* The stack guard: entropy if the core has some, else only a number that differs from boot to boot. */
	mov	x0, #0x100000			/* AETHER_IPA_BOOTINFO */
	ldr	x1, [x0, #SERVICE_ENTROPY_OFFSET]
	mrs	x2, cntpct_el0
	eor	x1, x1, x2, ror #32
	bic	x1, x1, #0xff			/* a zero byte stops a string that overruns */
	adrp	x0, __stack_chk_guard
	str	x1, [x0, #:lo12:__stack_chk_guard]
	mov	x29, xzr
	mov	x30, xzr
	bl	service_main
1:	wfi
	b	1b
	.size	_start, . - _start

service_exception:
	adrp	x0, __service_stack_top
	mov	sp, x0
	mrs	x0, esr_el1
	mrs	x1, elr_el1
	mrs	x2, far_el1
	bl	service_fault
1:	wfi
	b	1b

	.balign	2048
service_vectors:
	.rept	16
	.balign	128
	b	service_exception
	.endr

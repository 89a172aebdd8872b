/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 1 on and off. The tables (start.c) are written with the MMU off or cleaned to the point of coherency before
 * any CPU comes here. No function here touches memory while the state changes.
 */
#define SCTLR_OFF 0x30d00800 /* the RES1 bits of Armv8.0, nothing else */
#define SCTLR_ON 0x30d01805 /* M, C, I */
#define MAIR 0x44ff00	     /* 0 Device-nGnRnE, 1 normal write-back, 2 normal non-cacheable */
#define TCR 0x803519	     /* T0SZ 25 (39 bits), inner shareable, write-back walks, 4 KiB, EPD1 */

	.text
/* Changes x0..x3. */
	.global	mmu_enable
mmu_enable:
	adrp	x0, mmu_table
	add	x0, x0, :lo12:mmu_table
	msr	ttbr0_el1, x0
	ldr	x1, =MAIR
	msr	mair_el1, x1
	mrs	x2, id_aa64mmfr0_el1
	and	x2, x2, #0xf
	mov	x3, #5		/* IPS: what the CPU has, at most 48 bits */
	cmp	x2, x3
	csel	x2, x2, x3, lo
	ldr	x1, =TCR
	orr	x1, x1, x2, lsl #32
	msr	tcr_el1, x1
	isb			/* the new regime is complete before the TLB is cleared and used */
	tlbi	vmalle1
	dsb	nsh
	ic	iallu
	dsb	nsh
	ldr	x1, =SCTLR_ON
	isb
	msr	sctlr_el1, x1
	isb
	ret

/*
 * Off; then [x0, x1) is cleaned and invalidated to the point of coherency, so that what was dirty in the cache is
 * seen without it. Changes x0..x3.
 */
	.global	mmu_disable
mmu_disable:
	ldr	x2, =SCTLR_OFF
	dsb	sy
	msr	sctlr_el1, x2
	isb
	.global	cache_clean_invalidate
cache_clean_invalidate:
	mrs	x3, ctr_el0
	ubfx	x3, x3, #16, #4
	mov	x2, #4
	lsl	x2, x2, x3
	sub	x3, x2, #1
	bic	x0, x0, x3
1:	dc	civac, x0
	add	x0, x0, x2
	cmp	x0, x1
	b.lo	1b
	dsb	sy
	ret

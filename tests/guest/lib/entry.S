/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a test guest begins: the first CPU by the arm64 boot protocol, the others by PSCI CPU_ON.
 *
 * The registers of the first CPU are stored before any of them is changed (boot_regs, which lies in .data so that
 * clearing .bss leaves it alone); the link register travels through TPIDRRO_EL0, which nothing here uses.
 */
#define STACK_SHIFT 14 /* 16 KiB a CPU */

	.section .head.code, "ax"
	b	guest_entry
	nop

	.text
	.balign	4
guest_entry:
	msr	tpidrro_el0, x30
	adrp	x30, boot_regs
	add	x30, x30, :lo12:boot_regs
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
	mrs	x0, tpidrro_el0
	mrs	x1, currentel
	stp	x0, x1, [x30, #240]
	mrs	x0, daif
	mrs	x1, spsel
	stp	x0, x1, [x30, #256]
	mrs	x0, sctlr_el1
	mrs	x1, mpidr_el1
	stp	x0, x1, [x30, #272]
	adrp	x0, image_start
	mrs	x1, cntvct_el0
	stp	x0, x1, [x30, #288]
	mrs	x0, cntpct_el0
	str	x0, [x30, #304]

	/* Relative relocations: *(base + r_offset) = base + r_addend. */
	adrp	x20, image_start
	adrp	x1, rela_start
	add	x1, x1, :lo12:rela_start
	adrp	x2, rela_end
	add	x2, x2, :lo12:rela_end
1:	cmp	x1, x2
	b.hs	2f
	ldr	x3, [x1]
	ldr	x4, [x1, #16]
	add	x1, x1, #24
	add	x4, x4, x20
	str	x4, [x20, x3]
	b	1b

2:	adrp	x1, bss_start
	add	x1, x1, :lo12:bss_start
	adrp	x2, bss_end
	add	x2, x2, :lo12:bss_end
3:	cmp	x1, x2
	b.hs	4f
	stp	xzr, xzr, [x1], #16
	b	3b

4:	mov	x0, #0
	bl	stack_select
	mov	x29, #0
	mov	x30, #0
	b	guest_start

/* sp = top of the stack of CPU x0; changes x1 */
stack_select:
	add	x0, x0, #1
	adrp	x1, stacks
	add	x1, x1, :lo12:stacks
	add	x1, x1, x0, lsl #STACK_SHIFT
	msr	spsel, #1
	mov	sp, x1
	ret

/*
 * A CPU that PSCI started. x0 is the context identifier: a struct smp_slot, which may still be dirty in the cache
 * of the CPU that wrote it, so it is touched only with the MMU on. The stack follows from MPIDR's Aff0.
 */
	.global	smp_entry
smp_entry:
	mov	x19, x0
	mov	x20, x1
	mrs	x21, currentel
	mrs	x22, daif
	mrs	x23, spsel
	mrs	x24, sctlr_el1
	mrs	x25, mpidr_el1
	adrp	x26, smp_entry
	add	x26, x26, :lo12:smp_entry
	and	x0, x25, #0x7
	bl	stack_select
	bl	mmu_enable
	stp	x19, x20, [x19, #0]
	stp	x21, x22, [x19, #16]
	stp	x23, x24, [x19, #32]
	str	x25, [x19, #48]
	mov	x0, x19
	mov	x29, #0
	mov	x30, #0
	b	smp_main

	.data
	.balign	16
	.global	boot_regs
boot_regs:
	.fill	312, 1, 0xa5

	.bss
	.balign	4096
	.global	stacks
stacks:
	.skip	8 << STACK_SHIFT

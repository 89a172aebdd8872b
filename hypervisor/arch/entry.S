/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First instructions of every CPU: arm64 Image header, boot CPU, secondaries. Here the MMU is off and the code runs
 * at its physical address; every reference is PC-relative. boot_map() builds the tables, then the CPU moves to the
 * image's virtual address for good.
 */
#include "arch/layout.h"
#include "arch/offsets.h"
#include "arch/sysreg_bits.h"

	.section .head.text, "ax"
	.global _start
_start:
	b	boot_cpu			/* code0 */
	.long	0				/* code1 */
	.quad	0				/* text_offset */
	.quad	_image_size			/* image_size */
	.quad	0xa				/* flags: little-endian, 4 KiB pages, anywhere in memory */
	.quad	_trailer_offset			/* res2: where the configuration trailer is */
	.quad	0
	.quad	0
	.long	0x644d5241			/* magic "ARM\x64" */
	.long	0

	.section .text.entry, "ax"
boot_cpu:
	mrs	x19, cntpct_el0			/* when the image was entered */
	mov	x20, x0				/* the device tree */
	msr	daifset, #0xf
	mrs	x0, CurrentEL
	cmp	x0, #(2 << 2)
	b.ne	park				/* not EL2: nothing can be done, nor said */
	bl	cpu_sane

	/*
	 * Zero .bss with the MMU off: the stores go to memory past the caches, so lines that a boot loader left
	 * over these addresses are invalidated afterwards, before anything is read through the caches.
	 */
	adrp	x0, _bss_start
	adrp	x1, _bss_end
	mov	x2, x0
1:	stp	xzr, xzr, [x2], #16
	cmp	x2, x1
	b.lo	1b
	bl	invalidate_lines

	adrp	x0, boot_stack_top
	mov	sp, x0
	adrp	x0, _start			/* the physical base: 2 MiB aligned by the boot protocol */
	mov	x21, x0
	bl	boot_map
	/* The tables again, this time as they were written. */
	adrp	x0, _bss_start
	adrp	x1, _bss_end
	bl	invalidate_lines

	bl	mmu_on
	/* Now at the virtual address, with the identity map still in TTBR0_EL2. */
	mov	x28, #0				/* CPU 0 */
	bl	cpu_settle
	mov	x0, x20
	mov	x1, x21
	mov	x2, x19
	bl	boot_main
	b	park

/* A secondary: PSCI CPU_ON or a spin table brings it here with the MMU off, at EL2. */
	.global	boot_secondary
boot_secondary:
	msr	daifset, #0xf
	mrs	x0, CurrentEL
	cmp	x0, #(2 << 2)
	b.ne	park
	bl	cpu_sane
	bl	mmu_on
	mrs	x0, mpidr_el1
	and	x1, x0, #0xffffff
	and	x0, x0, #0xff00000000
	orr	x0, x0, x1
	adrp	x1, boot_mpidr
	add	x1, x1, :lo12:boot_mpidr
	mov	x28, #0
1:	ldr	x2, [x1, x28, lsl #3]
	cmp	x2, x0
	b.eq	2f
	add	x28, x28, #1
	cmp	x28, #LAYOUT_CPU_MAX
	b.lo	1b
	b	park
2:	bl	cpu_settle
	mov	x0, x28
	bl	boot_secondary_main
	b	park

park:	wfe
	b	park

/* HCR_EL2 and SCTLR_EL2 as this code wants them, whatever the firmware left: E2H off, MMU off, little-endian. */
cpu_sane:
	mov	x0, #HCR_EL2_RW
	msr	hcr_el2, x0
	isb
	ldr	x0, =SCTLR_EL2_OFF
	msr	sctlr_el2, x0
	msr	spsel, #1
	adrp	x0, vectors
	add	x0, x0, :lo12:vectors
	msr	vbar_el2, x0
	isb
	ret

/* Invalidates [x0, x1) by line to the point of coherency. */
invalidate_lines:
	mrs	x3, ctr_el0
	ubfx	x3, x3, #16, #4
	mov	x4, #4
	lsl	x4, x4, x3
	dsb	sy				/* the stores are in memory before the lines go */
1:	dc	ivac, x0
	add	x0, x0, x4
	cmp	x0, x1
	b.lo	1b
	dsb	sy
	ret

/* Turns the MMU on with the identity map and returns to the caller's virtual address. */
mmu_on:
	ldr	x0, =LAYOUT_MAIR
	msr	mair_el2, x0
	adrp	x0, boot_tcr
	ldr	x0, [x0, :lo12:boot_tcr]
	msr	tcr_el2, x0
	adrp	x0, boot_l0_identity
	msr	ttbr0_el2, x0
	/* Registers and tables are in place before any TLB entry is made of them; none of the firmware's is left. */
	dsb	sy
	isb
	tlbi	alle2
	dsb	sy
	isb
	ldr	x0, =SCTLR_EL2_ON
	msr	sctlr_el2, x0
	isb
	ic	iallu				/* instructions fetched while the caches were off */
	dsb	nsh
	isb
	adrp	x1, _start
	sub	x30, x30, x1
	ldr	x1, =LAYOUT_IMAGE_VA
	add	x30, x30, x1
	ret

/* x28 the CPU's index: final tables, vectors, stack, per-CPU pointer. */
cpu_settle:
	adrp	x0, boot_l0_pa
	ldr	x0, [x0, :lo12:boot_l0_pa]
	msr	ttbr0_el2, x0
	isb
	tlbi	alle2
	dsb	nsh
	isb
	adrp	x0, vectors
	add	x0, x0, :lo12:vectors
	msr	vbar_el2, x0
	adrp	x0, cpu_stacks
	add	x0, x0, :lo12:cpu_stacks
	mov	x1, #(LAYOUT_STACK_BYTES + LAYOUT_GUARD_BYTES)
	madd	x0, x1, x28, x0
	add	x0, x0, x1
	mov	sp, x0
	adrp	x0, percpu
	add	x0, x0, :lo12:percpu
	mov	x1, #PERCPU_BYTES
	madd	x0, x1, x28, x0
	msr	tpidr_el2, x0
	isb
	mov	x29, #0
	ret
	.ltorg

	.section .bss.pages, "aw", %nobits
	.balign	4096
	.global	cpu_stacks
	.type	cpu_stacks, %object
cpu_stacks:
	.skip	LAYOUT_CPU_MAX * (LAYOUT_STACK_BYTES + LAYOUT_GUARD_BYTES)
	.size	cpu_stacks, . - cpu_stacks
	.balign	4096
boot_stack:
	.skip	4096
	.balign 4096
boot_stack_top:
	.skip	4096

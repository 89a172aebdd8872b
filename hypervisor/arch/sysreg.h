/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Access to system registers and the barriers that go with it. Registers newer than the assembler's baseline are
 * written by their encoding, S<op0>_<op1>_C<n>_C<m>_<op2> (Arm ARM C5.1).
 */
#include <stdint.h>

#include "arch/sysreg_bits.h"

#define read_sysreg(name)                                                                          \
	__extension__({                                                                            \
		uint64_t value_;                                                                   \
		__asm__ volatile("mrs %0, " #name : "=r"(value_));                                 \
		value_;                                                                            \
	})
#define write_sysreg(name, value) __asm__ volatile("msr " #name ", %0" ::"r"((uint64_t)(value)))

static inline void isb(void)
{
	__asm__ volatile("isb" ::: "memory");
}

#define dsb(domain) __asm__ volatile("dsb " #domain ::: "memory")
#define dmb(domain) __asm__ volatile("dmb " #domain ::: "memory")
#define tlbi_address(operation, value)                                                             \
	__asm__ volatile("tlbi " #operation ", %0" ::"r"(value) : "memory")
#define tlbi(operation) __asm__ volatile("tlbi " #operation ::: "memory")
#define dc(operation, address) __asm__ volatile("dc " #operation ", %0" ::"r"(address) : "memory")

#define ICC_IAR1_EL1 S3_0_C12_C12_0
#define ICC_EOIR1_EL1 S3_0_C12_C12_1
#define ICC_DIR_EL1 S3_0_C12_C11_1
#define ICC_SGI1R_EL1 S3_0_C12_C11_5
#define ICC_PMR_EL1 S3_0_C4_C6_0
#define ICC_BPR1_EL1 S3_0_C12_C12_3
#define ICC_CTLR_EL1 S3_0_C12_C12_4
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7
#define ICC_SRE_EL1 S3_0_C12_C12_5
#define ICC_SRE_EL2 S3_4_C12_C9_5
#define ICH_HCR_EL2 S3_4_C12_C11_0
#define ICH_VTR_EL2 S3_4_C12_C11_1
#define ICH_ELRSR_EL2 S3_4_C12_C11_5
#define ICH_VMCR_EL2 S3_4_C12_C11_7

#define read_sysreg_x(name) read_sysreg_expanded(name)
#define read_sysreg_expanded(name) read_sysreg(name)
#define write_sysreg_x(name, value) write_sysreg_expanded(name, value)
#define write_sysreg_expanded(name, value) write_sysreg(name, value)

static inline void mmio_write32(uintptr_t address, uint32_t value)
{
	__asm__ volatile("str %w0, [%1]" ::"r"(value), "r"(address) : "memory");
}

static inline uint32_t mmio_read32(uintptr_t address)
{
	uint32_t value;
	__asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
	return value;
}

static inline void mmio_write64(uintptr_t address, uint64_t value)
{
	__asm__ volatile("str %0, [%1]" ::"r"(value), "r"(address) : "memory");
}

static inline uint64_t mmio_read64(uintptr_t address)
{
	uint64_t value;
	__asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(address) : "memory");
	return value;
}

static inline void mmio_write8(uintptr_t address, uint8_t value)
{
	__asm__ volatile("strb %w0, [%1]" ::"r"((uint32_t)value), "r"(address) : "memory");
}

static inline uint8_t mmio_read8(uintptr_t address)
{
	uint32_t value;
	__asm__ volatile("ldrb %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
	return (uint8_t)value;
}

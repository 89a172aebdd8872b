/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What ESR_EL2 says of an exit (Arm ARM DDI 0487 D24.2.40): pure functions of its value, in line where every exit needs
 * them. A guest chooses the instruction, and so most of these bits: every value that fits a field can come.
 */
#include <stdbool.h>
#include <stdint.h>

#include "lib/bits.h"

/* Exception classes that come from EL1 and EL0. X(value, symbol, words) */
#define ESR_CLASSES(X)                                                                             \
	X(0x00, UNKNOWN, "unknown reason")                                                         \
	X(0x01, WFX, "WFI or WFE")                                                                 \
	X(0x03, CP15_32, "MCR or MRC of CP15")                                                     \
	X(0x04, CP15_64, "MCRR or MRRC of CP15")                                                   \
	X(0x05, CP14_32, "MCR or MRC of CP14")                                                     \
	X(0x06, CP14_LS, "LDC or STC of CP14")                                                     \
	X(0x07, FP, "access to SVE, SIMD or floating point")                                       \
	X(0x08, VMRS, "VMRS")                                                                      \
	X(0x09, PAUTH, "pointer authentication")                                                   \
	X(0x0a, LS64, "LD64B or ST64B")                                                            \
	X(0x0c, CP14_64, "MRRC of CP14")                                                           \
	X(0x0d, BTI, "branch target")                                                              \
	X(0x0e, ILLEGAL_STATE, "illegal execution state")                                          \
	X(0x11, SVC32, "SVC of AArch32")                                                           \
	X(0x12, HVC32, "HVC of AArch32")                                                           \
	X(0x13, SMC32, "SMC of AArch32")                                                           \
	X(0x15, SVC64, "SVC")                                                                      \
	X(0x16, HVC64, "HVC")                                                                      \
	X(0x17, SMC64, "SMC")                                                                      \
	X(0x18, SYS64, "system register")                                                          \
	X(0x19, SVE, "access to SVE")                                                              \
	X(0x1a, ERET, "ERET")                                                                      \
	X(0x1c, PAC_FAIL, "pointer authentication failure")                                        \
	X(0x1d, SME, "access to SME")                                                              \
	X(0x20, INSTRUCTION_ABORT_LOWER, "instruction abort")                                      \
	X(0x21, INSTRUCTION_ABORT_SAME, "instruction abort in the core")                           \
	X(0x22, PC_ALIGNMENT, "PC alignment")                                                      \
	X(0x24, DATA_ABORT_LOWER, "data abort")                                                    \
	X(0x25, DATA_ABORT_SAME, "data abort in the core")                                         \
	X(0x26, SP_ALIGNMENT, "SP alignment")                                                      \
	X(0x27, MOPS, "memory copy or set")                                                        \
	X(0x28, FP32, "floating point exception of AArch32")                                       \
	X(0x2c, FP64, "floating point exception")                                                  \
	X(0x2f, SERROR, "SError")                                                                  \
	X(0x30, BREAKPOINT_LOWER, "breakpoint")                                                    \
	X(0x32, STEP_LOWER, "software step")                                                       \
	X(0x34, WATCHPOINT_LOWER, "watchpoint")                                                    \
	X(0x38, BKPT32, "BKPT of AArch32")                                                         \
	X(0x3a, VECTOR32, "vector catch of AArch32")                                               \
	X(0x3c, BRK64, "BRK")

enum esr_class {
#define X(value, symbol, words) ESR_EC_##symbol = (value),
	ESR_CLASSES(X)
#undef X
};

/* The words above; "reserved class" for what the architecture does not have. */
const char *esr_class_name(unsigned ec);

#define ESR_EC_MASK BITS(31, 26)
#define ESR_EC(esr) ((unsigned)FIELD_GET(ESR_EC_MASK, esr))
#define ESR_IL BIT(25) /* the instruction has 32 bits */
#define ESR_ISS_MASK BITS(24, 0)

/* HVC, SMC, SVC, BRK */
#define ESR_ISS_IMM16_MASK BITS(15, 0)
#define ESR_ISS_IMM16(esr) FIELD_GET(ESR_ISS_IMM16_MASK, esr)

/* WFI, WFE, and with FEAT_WFxT their forms with a timeout: TI is 0 WFI, 1 WFE, 2 WFIT, 3 WFET. */
#define ESR_WFX_TI_MASK BITS(1, 0)
#define ESR_WFX_IS_WFE(esr) (((esr) & 1) != 0)
#define ESR_WFX_HAS_TIMEOUT(esr) (((esr) & 2) != 0)

/* Instruction and data aborts */
#define ESR_ISS_ISV BIT(24) /* data: the fields from SAS to AR are valid */
#define ESR_ISS_SAS_MASK BITS(23, 22)
#define ESR_ISS_SSE BIT(21)
#define ESR_ISS_SRT_MASK BITS(20, 16)
#define ESR_ISS_SF BIT(15)
#define ESR_ISS_AR BIT(14)
#define ESR_ISS_FNV BIT(10)
#define ESR_ISS_EA BIT(9)
#define ESR_ISS_CM BIT(8) /* cache maintenance or address translation instruction */
#define ESR_ISS_S1PTW BIT(7)
#define ESR_ISS_WNR BIT(6)
#define ESR_ISS_FSC_MASK BITS(5, 0)
#define ESR_FSC(esr) ((unsigned)FIELD_GET(ESR_ISS_FSC_MASK, esr))

/* Fault status codes. The low two bits of the first four are the level. */
#define ESR_FSC_LEVEL 0x03u
#define ESR_FSC_ADDRESS_SIZE 0x00u
#define ESR_FSC_TRANSLATION 0x04u
#define ESR_FSC_ACCESS_FLAG 0x08u
#define ESR_FSC_PERMISSION 0x0cu
#define ESR_FSC_EXTERNAL 0x10u
#define ESR_FSC_EXTERNAL_WALK 0x14u
#define ESR_FSC_ALIGNMENT 0x21u
#define ESR_FSC_TLB_CONFLICT 0x30u

/*
 * True for a fault of stage 2 that leaves the page of the address in HPFAR_EL2. A permission fault does not (Arm ARM
 * D24.2.64, unless it is on a stage 1 walk), nor does an external abort.
 */
static inline bool esr_is_stage2_fault(uint64_t esr)
{
	const unsigned kind = ESR_FSC(esr) & ~ESR_FSC_LEVEL;
	return kind == ESR_FSC_TRANSLATION || kind == ESR_FSC_ACCESS_FLAG || kind == ESR_FSC_ADDRESS_SIZE;
}

/* A load or store whose ISV is set. */
static inline unsigned esr_access_bytes(uint64_t esr)
{
	return 1u << FIELD_GET(ESR_ISS_SAS_MASK, esr);
}

/* Number of the register that is loaded or stored; 31 is XZR. */
static inline unsigned esr_srt(uint64_t esr)
{
	return (unsigned)FIELD_GET(ESR_ISS_SRT_MASK, esr);
}

/*
 * What a load with this syndrome puts into its register when the device answers `value`: cut to the access, extended
 * with zeroes or with its sign, to the register's 32 or 64 bits (a 32-bit register's upper half becomes zero).
 */
static inline uint64_t esr_mmio_result(uint64_t esr, uint64_t value)
{
	const unsigned unused_bits = 64 - esr_access_bytes(esr) * 8;
	value <<= unused_bits;
	value = (esr & ESR_ISS_SSE) != 0 ? (uint64_t)((int64_t)value >> unused_bits) : value >> unused_bits;
	return (esr & ESR_ISS_SF) != 0 ? value : (uint32_t)value;
}

/* MSR, MRS and system instructions (ESR_EC_SYS64) */
#define ESR_ISS_SYS_OP0_MASK BITS(21, 20)
#define ESR_ISS_SYS_OP2_MASK BITS(19, 17)
#define ESR_ISS_SYS_OP1_MASK BITS(16, 14)
#define ESR_ISS_SYS_CRN_MASK BITS(13, 10)
#define ESR_ISS_SYS_RT_MASK BITS(9, 5)
#define ESR_ISS_SYS_CRM_MASK BITS(4, 1)
#define ESR_ISS_SYS_IS_READ BIT(0)

/* Names a system register in the bit positions of the syndrome, so that telling which it is takes one AND. */
#define ESR_SYSREG_MASK                                                                            \
	(ESR_ISS_SYS_OP0_MASK | ESR_ISS_SYS_OP2_MASK | ESR_ISS_SYS_OP1_MASK | ESR_ISS_SYS_CRN_MASK |     \
	 ESR_ISS_SYS_CRM_MASK)
#define ESR_SYSREG(op0, op1, crn, crm, op2)                                                        \
	((uint32_t)(op0) << 20 | (uint32_t)(op2) << 17 | (uint32_t)(op1) << 14 | (uint32_t)(crn) << 10 |  \
	 (uint32_t)(crm) << 1)

static inline unsigned esr_sysreg_rt(uint64_t esr)
{
	return (unsigned)FIELD_GET(ESR_ISS_SYS_RT_MASK, esr);
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Fields of the system registers that the core programs, named as in the Arm ARM (DDI 0487, part D24), for C
 * and assembly alike.
 */

#define HCR_EL2_VM (1 << 0)
#define HCR_EL2_SWIO (1 << 1)
#define HCR_EL2_PTW (1 << 2)
#define HCR_EL2_FMO (1 << 3)
#define HCR_EL2_IMO (1 << 4)
#define HCR_EL2_AMO (1 << 5)
#define HCR_EL2_DC (1 << 12)
#define HCR_EL2_TWI (1 << 13)
#define HCR_EL2_TID3 (1 << 18)
#define HCR_EL2_TSC (1 << 19)
#define HCR_EL2_TIDCP (1 << 20)
#define HCR_EL2_TACR (1 << 21)
#define HCR_EL2_TSW (1 << 22)
#define HCR_EL2_TVM (1 << 26)
#define HCR_EL2_RW 0x80000000
#define HCR_EL2_TLOR_SHIFT 35
#define HCR_EL2_TERR_SHIFT 36
#define HCR_EL2_APK_SHIFT 40
#define HCR_EL2_API_SHIFT 41
#define HCR_EL2_FIEN_SHIFT 47
#define HCR_EL2_ENSCXT_SHIFT 53
#define HCR_EL2_TID5_SHIFT 58

#define SCTLR_EL2_OFF 0x30c50830 /* RES1 bits only */
#define SCTLR_EL2_M (1 << 0)
#define SCTLR_EL2_C (1 << 2)
#define SCTLR_EL2_SA (1 << 3)
#define SCTLR_EL2_I (1 << 12)
#define SCTLR_EL2_WXN (1 << 19)
#define SCTLR_EL2_ON                                                                               \
	(SCTLR_EL2_OFF | SCTLR_EL2_M | SCTLR_EL2_C | SCTLR_EL2_SA | SCTLR_EL2_I | SCTLR_EL2_WXN)

/* TCR_EL2 without VHE: 48-bit VA, 4 KiB granule, walks write-back and inner shareable; PS is added at boot. */
#define TCR_EL2_BASE 0x80803510
#define TCR_EL2_PS_SHIFT 16

/* VTCR_EL2: T0SZ 24 (40-bit IPA), SL0 1 (level 1), walks write-back and inner shareable, 4 KiB; RES1 bit 31. */
#define VTCR_EL2_BASE 0x80003558
#define VTCR_EL2_PS_SHIFT 16

#define CPTR_EL2_RES1 0x32ff
#define CPTR_EL2_TZ (1 << 8)
#define CPTR_EL2_TFP (1 << 10)
#define CPTR_EL2_TSM (1 << 12)
#define CPTR_EL2_TTA (1 << 20)
#define CPTR_EL2_TAM (1 << 30)

#define MDCR_EL2_HPMN 0x1f
#define MDCR_EL2_TPMCR (1 << 5)
#define MDCR_EL2_TPM (1 << 6)
#define MDCR_EL2_TDA (1 << 9)
#define MDCR_EL2_TDOSA (1 << 10)
#define MDCR_EL2_TDRA (1 << 11)
#define MDCR_EL2_TPMS (1 << 14)
#define MDCR_EL2_HPMD (1 << 17)
#define MDCR_EL2_TTRF (1 << 19)
#define MDCR_EL2_HCCD (1 << 23)

#define CNTHCTL_EL2_EL1PCTEN (1 << 0)
#define CNTHCTL_EL2_EL1PCEN (1 << 1)

#define CNT_CTL_ENABLE 1
#define CNT_CTL_IMASK 2
#define CNT_CTL_ISTATUS 4

/* PSTATE as SPSR_EL2 holds it */
#define SPSR_EL1H 0x5
#define SPSR_EL1T 0x4
#define SPSR_DAIF 0x3c0
#define SPSR_M 0xf
#define SPSR_M_AARCH32 (1 << 4)

/* SCTLR_EL1 as a CPU comes out of reset: RES1 bits, MMU and caches off. */
#define SCTLR_EL1_RESET 0x30d00800

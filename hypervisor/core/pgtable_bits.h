/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Stage 2 descriptors of VMSAv8-64, 4 KiB granule (Arm ARM D8.3): what core/pgtable.c writes. */
#include <stdint.h>

#include "lib/bits.h"

#define DESC_VALID BIT(0)
#define DESC_TABLE BIT(1) /* levels 0 to 2: table, else block; level 3: must be set */
#define DESC_ADDRESS BITS(47, 12)
#define DESC_SH_INNER FIELD_PREP(BITS(9, 8), 3)
#define DESC_AF BIT(10) /* else the first access faults: there is no use of access flags */
#define DESC_XN                                                                                    \
	BIT(54) /* with FEAT_XNX XN[1:0] is 0b10: neither EL1 nor EL0 executes, as without */
#define DESC_MEMATTR BITS(5, 2)
#define DESC_MEMORY_NORMAL                                                                         \
	0xfu /* outer and inner write-back: the guest's stage 1 may only weaken it */
#define DESC_MEMORY_DEVICE 0x1u /* Device-nGnRE */
#define DESC_READ BIT(6)
#define DESC_WRITE BIT(7)

#define DESC_ENTRIES 512u
#define DESC_INDEX_BITS 9u
#define DESC_LAST_LEVEL 3u
#define DESC_PA_LIMIT (UINT64_C(1) << 48)

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The name of a CPU from its identification register. Pure. */
#include <stddef.h>
#include <stdint.h>

enum { CPU_NAME_BYTES = 32 };

/* "Cortex-A72 r0p3"; a core that is not in the table: its MIDR_EL1, "0x000f0510". */
const char *cpu_name(uint64_t midr, char text[CPU_NAME_BYTES]);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What crt.S and main.c share. */
#define SERVICE_ENTROPY_OFFSET 152 /* of bootinfo's entropy */

#ifndef __ASSEMBLER__
#include <stdint.h>

/* Called once by crt.S. Does not return: it ends the node. */
void service_main(void);
/* Called by crt.S for any exception, on a fresh stack. Does not return. */
void service_fault(uint64_t esr, uint64_t elr, uint64_t far);
#endif

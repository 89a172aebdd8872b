/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Exceptions of a test guest. One that a test expects is recorded, and the instruction skipped (a fetch that failed
 * returns to its caller by x30); any other ends the guest with its registers on the console.
 */
#include <stdbool.h>
#include <stdint.h>

struct trap_frame {
	uint64_t x[31];
	uint64_t elr, spsr, esr, far, vector, unused[2];
};

struct trap_record {
	unsigned count; /* exceptions since trap_expect() */
	unsigned vector; /* of the last: 4 synchronous, 7 SError */
	uint64_t esr, far, elr;
};

#define ESR_EC(esr) ((unsigned)((esr) >> 26) & 0x3f)
#define ESR_FSC(esr) ((unsigned)(esr)&0x3f)
#define ESR_EC_UNKNOWN 0x00u
#define ESR_EC_FP 0x07u
#define ESR_EC_SYSREG 0x18u
#define ESR_EC_SVE 0x19u
#define ESR_EC_SME 0x1du
#define ESR_EC_IABORT 0x21u
#define ESR_EC_DABORT 0x25u
#define ESR_FSC_EXTERNAL 0x10u

/* From here on this CPU records. */
void trap_expect(void);
/* Ends that; what was recorded. */
struct trap_record trap_taken(void);

/* Called for every IRQ between acknowledge and end of interrupt. NULL: none expected. */
typedef void irq_handler(uint32_t intid, uint32_t iar);
void irq_set_handler(irq_handler *handler);
/* IRQs taken by a CPU since irq_set_handler(), spurious ones apart. */
extern volatile uint32_t irq_count[8];
extern volatile uint32_t irq_spurious_count[8];

void trap_init_cpu(void);
void trap_handle(struct trap_frame *frame);

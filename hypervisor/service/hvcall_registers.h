/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A hypercall as the machine has it: x0 is the identifier and then the status, x[1] to x[7] go in and come back. For
 * service/hvcall.c, and for services that are tests.
 */
#include <stdint.h>

struct hvcall_registers {
	uint64_t x[8];
};

static inline int64_t hvcall(uint32_t id, struct hvcall_registers *r)
{
	register uint64_t x0 __asm__("x0") = id;
	register uint64_t x1 __asm__("x1") = r->x[1];
	register uint64_t x2 __asm__("x2") = r->x[2];
	register uint64_t x3 __asm__("x3") = r->x[3];
	register uint64_t x4 __asm__("x4") = r->x[4];
	register uint64_t x5 __asm__("x5") = r->x[5];
	register uint64_t x6 __asm__("x6") = r->x[6];
	register uint64_t x7 __asm__("x7") = r->x[7];

	__asm__ volatile("hvc #0"
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5), "+r"(x6),
			   "+r"(x7)
			 :
			 : "memory");
	r->x[1] = x1;
	r->x[2] = x2;
	r->x[3] = x3;
	r->x[4] = x4;
	r->x[5] = x5;
	r->x[6] = x6;
	r->x[7] = x7;
	return (int64_t)x0;
}

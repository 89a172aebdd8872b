/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Sizes and offsets that assembly needs; arch/cpu.c asserts that they match the C structures. */

#define VCPU_X(n) (8 * (n))
#define VCPU_PC 248
#define VCPU_PSTATE 256
#define VCPU_HOST_SP 264
#define VCPU_REGS_BYTES 272

#define PERCPU_BYTES 9216
#define PERCPU_FAULT_SP 0 /* stack for a fault of the core itself */
#define PERCPU_SCRATCH 8 /* two words for the vectors */

/* struct fault_frame (core/crash.h), which the vectors build for a fault at EL2 */
#define FAULT_FRAME_BYTES 304
#define FAULT_FRAME_SP 288

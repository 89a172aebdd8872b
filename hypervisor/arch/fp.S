/* SPDX-License-Identifier: Apache-2.0 */
/* The FP/SIMD registers of a vCPU. The core is built without them, so they change hands only with the vCPU. */
	.arch	armv8-a+fp+simd
	.text
	.macro	fp_each operation
	\operation	q0, q1, [x0, #0]
	\operation	q2, q3, [x0, #32]
	\operation	q4, q5, [x0, #64]
	\operation	q6, q7, [x0, #96]
	\operation	q8, q9, [x0, #128]
	\operation	q10, q11, [x0, #160]
	\operation	q12, q13, [x0, #192]
	\operation	q14, q15, [x0, #224]
	\operation	q16, q17, [x0, #256]
	\operation	q18, q19, [x0, #288]
	\operation	q20, q21, [x0, #320]
	\operation	q22, q23, [x0, #352]
	\operation	q24, q25, [x0, #384]
	\operation	q26, q27, [x0, #416]
	\operation	q28, q29, [x0, #448]
	\operation	q30, q31, [x0, #480]
	.endm

/* void fp_save(uint64_t q[64]) */
	.global	fp_save
fp_save:
	fp_each	stp
	ret

/* void fp_restore(const uint64_t q[64]) */
	.global	fp_restore
fp_restore:
	fp_each	ldp
	ret

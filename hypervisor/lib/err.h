/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Errors of the core's own functions. Zero is success; out-parameters are written only then. */

enum hv_err {
	HV_OK = 0,
	HV_EINVAL = -1, /* an argument is outside its range */
	HV_ENOMEM = -2, /* no page, block or table left */
	HV_ESTATE = -3, /* the object is not in a state that allows this */
	HV_EPERM = -4,	/* a page belongs to somebody else */
	HV_EBUSY = -6,	/* all objects of that kind are in use */
	HV_AGAIN = -5,	/* not done yet: call again after interrupts were taken */
};

#define MUST_CHECK __attribute__((warn_unused_result))

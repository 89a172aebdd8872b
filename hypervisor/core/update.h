/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A newer service image, from the running instance (AETHER_HVC_SERVICE_UPDATE). Until images are signed it is taken
 * only in a build for simulation; elsewhere there is nothing behind these names.
 */
#include <stdint.h>

#include "abi/hvc.h"
#include "core/reload.h"
#include "core/vcpu.h"

#ifdef AETHER_SIMULATION
#define UPDATE_MOST_BYTES (UINT64_C(1) << 20)
/* Start of day: takes the memory for an image that is kept and for one that comes. HV_ENOMEM. */
enum hv_err update_init(void) MUST_CHECK;
/* One part of the call: EXIT_RETRY until all is copied and hashed, then EXIT_RESUME, with *image the checked image or
 * NULL and an error in x0. A call that is refused or cut off changes nothing of the image that is kept. */
enum exit_action update_call(struct vcpu *vcpu, const struct service_image **image);
/* The instance that was calling is gone. */
void update_died(void);
#else
static inline enum hv_err update_init(void)
{
	return HV_OK;
}

static inline enum exit_action update_call(struct vcpu *vcpu, const struct service_image **image)
{
	*image = NULL;
	vcpu->x[0] = (uint64_t)AETHER_EPERM;
	return EXIT_RESUME;
}

static inline void update_died(void)
{
}
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The service's hypercalls (abi/hvc.h). Hostile input: everything in the registers. */
#include "core/vcpu.h"

/* x[0] is an identifier in the service's range and `vcpu` is the service's. EXIT_RESUME with the result in x[0],
 * EXIT_RETRY to carry on after interrupts were taken, EXIT_BLOCK (EVENT_WAIT). */
enum exit_action hvc_call(struct vcpu *vcpu);

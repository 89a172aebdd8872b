/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the core counts, put together for the service in one read-only page (abi/telemetry.h) when it asks.
 */
#include <stdint.h>

#include "abi/telemetry.h"
#include "core/pgtable.h"
#include "core/vcpu.h"
#include "lib/err.h"

/* Start of day, and tests: there is no page. */
void telemetry_init(void);
/* Maps the page into the service, for good; it is made when this is first called. HV_ENOMEM. */
enum hv_err telemetry_map(struct pgtable *service) MUST_CHECK;
/* AETHER_HVC_TELEMETRY. On the service's CPU. */
void telemetry_update(void);
/* Ticks that the vCPU has spent in the guest itself, exits apart; of one that runs on another CPU, about. */
uint64_t telemetry_guest_ticks(const struct vcpu *vcpu);

/* Times by owner and stolen time: core/sched.c's. */
void sched_fill_telemetry(struct aether_telemetry *telemetry);

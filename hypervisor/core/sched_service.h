/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The service's reservation: the most that it takes from the guests of its CPU. It goes before them while it has
 * budget, and waits when it has none; while none of them could run it needs no budget. What it takes is measured.
 */
#include <stdbool.h>
#include <stdint.h>

#include "abi/telemetry.h"

#define SCHED_SERVICE_BUDGET_US 250u
#define SCHED_SERVICE_PERIOD_US 10000u

/* The service's vCPU is new; all accounts begin. */
void sched_service_init(void);
/* It wants the CPU and may have it: no guest could run, or there is budget. False is counted, once in a row. */
bool sched_service_may_run(uint64_t now, bool is_guest_ready);
/* From now on a guest waits for it; a guest has the CPU again, or none could run any more. Each is a no-op when it is
 * so already. */
void sched_service_take(uint64_t now);
void sched_service_give_back(uint64_t now);
/* Since when a guest waits, or ~0. */
uint64_t sched_service_taken_since(void);
/* When what it may do changes: taking, its budget's end; else, when it may take again. */
uint64_t sched_service_deadline(void);
void sched_service_fill_telemetry(struct aether_telemetry *telemetry);

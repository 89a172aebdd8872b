/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the scheduler measured, for the telemetry page. Read on the service's CPU while the others go on: each number is
 * of the moment at which it is read, and none goes back from one reading to the next.
 */
#include "core/hal.h"
#include "core/percpu.h"
#include "core/sched.h"
#include "core/sched_service.h"
#include "core/telemetry.h"

/* It may have been read in the middle of a switch, a few ticks too far. */
static void raise(uint64_t *told, uint64_t now)
{
	if ((int64_t)(now - *told) > 0) {
		*told = now;
	}
}

static void fill_cpu(struct aether_telemetry_cpu *to, const struct sched_time *time)
{
	uint64_t ticks[SCHED_OWNER_COUNT];
	for (unsigned i = 0; i < SCHED_OWNER_COUNT; i++) {
		ticks[i] = sched_sum_read(&time->ticks[i], hal_ticks());
	}
	raise(&to->guest_ticks, ticks[SCHED_GUEST]);
	raise(&to->service_ticks, ticks[SCHED_SERVICE]);
	raise(&to->core_ticks, ticks[SCHED_CORE]);
	raise(&to->idle_ticks, ticks[SCHED_IDLE]);
}

void sched_fill_telemetry(struct aether_telemetry *telemetry)
{
	sched_service_fill_telemetry(telemetry);
	for (unsigned i = 0; i < vm_host.cpu_count; i++) {
		fill_cpu(&telemetry->cpus[i], &percpu[i].time);
	}
	for (unsigned i = 0; i < AETHER_VM_MAX; i++) {
		telemetry->vms[i].stolen_ticks = 0;
		for (unsigned n = 0; n < vms[i].vcpu_count; n++) {
			telemetry->vms[i].stolen_ticks += vms[i].vcpus[n]->share.stolen_ticks;
		}
	}
}

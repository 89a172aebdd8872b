/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which reservations are admitted. Each vCPU of a VM has the VM's, on its own CPU, and what a CPU has promised must be
 * kept whatever its vCPUs do: the budgets over their periods, and on the service's CPU also the service's, which goes
 * first and may come at the worst moment of the shortest period, are at most 90 % of it. The rest is for switches and
 * exits.
 *
 * A reservation is one word, so that the vCPUs' CPUs read it whole; the service alone writes it.
 */
#include "core/hal.h"
#include "core/sched.h"
#include "core/sched_service.h"
#include "core/vm.h"

#define BUDGET_MIN_US 50u
#define PERIOD_MIN_US 1000u
#define PERIOD_MAX_US 1000000u
#define WEIGHT_MAX 10000u
#define PARTS 1000000u /* of a CPU */
#define PARTS_MAX (PARTS / 10 * 9)

struct reservation {
	uint64_t budget, period; /* microseconds; budget 0: none */
	uint64_t weight;
};

static uint64_t pack(const struct reservation *reservation)
{
	return reservation->budget | reservation->period << 20 | reservation->weight << 40;
}

static struct reservation unpack(uint64_t word)
{
	const struct reservation reservation = {word & 0xfffff, word >> 20 & 0xfffff, word >> 40};
	return word != 0 ? reservation : (struct reservation){.weight = SCHED_WEIGHT_DEFAULT};
}

/* What is promised on `cpu` if `vm` had `wanted`. */
static uint64_t promised(unsigned cpu, const struct vm *vm, const struct reservation *wanted)
{
	uint64_t parts = 0;
	uint64_t shortest = SCHED_SERVICE_PERIOD_US;
	for (unsigned i = 0; i < AETHER_VM_MAX; i++) {
		const struct reservation has = &vms[i] == vm ? *wanted : unpack(atomic_load(&vms[i].reservation));
		for (unsigned n = 0; n < vms[i].vcpu_count && has.budget != 0; n++) {
			if (vms[i].vcpus[n]->cpu == cpu) {
				parts += (has.budget * PARTS + has.period - 1) / has.period;
				shortest = has.period < shortest ? has.period : shortest;
			}
		}
	}
	if (parts != 0 && vms[VM_SERVICE].vcpus[0]->cpu == cpu) {
		parts += SCHED_SERVICE_BUDGET_US * PARTS / shortest;
	}
	return parts;
}

static bool is_valid(uint64_t budget, uint64_t period, uint64_t weight)
{
	return weight >= 1 && weight <= WEIGHT_MAX &&
	       (budget == 0 || (budget >= BUDGET_MIN_US && budget <= period && period >= PERIOD_MIN_US &&
				period <= PERIOD_MAX_US));
}

enum hv_err vm_reserve(struct vm *vm, uint64_t budget, uint64_t period, uint64_t weight)
{
	const uint32_t state = atomic_load(&vm->state);
	if (!is_valid(budget, period, weight)) {
		return HV_EINVAL;
	}
	if (state != AETHER_VM_LOADING && state != AETHER_VM_RUNNING && state != AETHER_VM_PAUSED) {
		return HV_ESTATE;
	}
	const struct reservation wanted = {budget, budget != 0 ? period : 0, weight};
	for (unsigned cpu = 0; cpu < vm_host.cpu_count; cpu++) {
		if (budget != 0 && promised(cpu, vm, &wanted) > PARTS_MAX) {
			return HV_EBUSY;
		}
	}
	atomic_store(&vm->reservation, pack(&wanted));
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		vcpu_request(vm->vcpus[i], VCPU_REQUEST_RESERVE);
	}
	return HV_OK;
}

void vm_apply_reservation(struct vcpu *vcpu)
{
	const struct reservation reservation = unpack(atomic_load(&vcpu->vm->reservation));
	const uint64_t hz = hal_ticks_per_second();
	sched_share_set(vcpu, reservation.budget * hz / 1000000, reservation.period * hz / 1000000, reservation.weight);
}

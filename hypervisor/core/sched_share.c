/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reservations and weights of the guests of one CPU; everything here is that CPU's own.
 *
 * A reservation is a constant-bandwidth server: `left` of its budget until its deadline, one period after it woke or
 * after the last one. While something is left the vCPU goes before all that have none, earliest deadline first, so each
 * gets its budget in each period as long as they come to less than the whole CPU (core/vm_reserve.c admits no
 * more). When it is used up the vCPU takes its part in the rest.
 *
 * The rest is start-time fair: `pass` grows with the time that a vCPU had, over its weight; the least one is next and
 * keeps the CPU for a slice. Who wakes is put at most half a slice before the others, and takes the CPU at once if that
 * leaves it a millisecond before the one that runs: sleeping earns no more than that.
 *
 * Invariant: turns.turn is NULL or a vCPU of this CPU that is not OFF.
 */
#include "core/sched_share.h"

#include "core/hal.h"
#include "core/percpu.h"
#include "core/sched.h"

/* Passes are in 1/64 ticks at the default weight. */
#define PASS_UNIT (UINT64_C(64) * SCHED_WEIGHT_DEFAULT)
#define WAKE_CREDIT_HZ 200u
#define WAKE_GAIN_HZ 1000u

static uint64_t slice_ticks(void)
{
	return hal_ticks_per_second() / SCHED_SLICE_HZ;
}

/* As a difference of passes at the default weight. */
static int64_t pass_of(unsigned hz)
{
	return (int64_t)(hal_ticks_per_second() / hz * (PASS_UNIT / SCHED_WEIGHT_DEFAULT));
}

static bool is_ready_guest(const struct vcpu *vcpu)
{
	return vcpu != NULL && !vcpu->is_service && sched_is_ready(vcpu);
}

static bool has_budget(const struct vcpu *vcpu)
{
	return vcpu->share.left != 0;
}

void sched_share_set(struct vcpu *vcpu, uint64_t budget, uint64_t period, uint64_t weight)
{
	struct sched_share *share = &vcpu->share;
	share->budget = budget;
	share->period = period;
	share->weight = weight;
	share->left = 0;
	share->deadline = 0; /* a period begins at the next choice */
	sched_look_again(&percpu[vcpu->cpu]);
}

static void charge(struct percpu *cpu, struct vcpu *vcpu, uint64_t ticks)
{
	struct sched_share *share = &vcpu->share;
	const uint64_t reserved = ticks < share->left ? ticks : share->left;
	share->left -= reserved;
	ticks -= reserved;
	if (!cpu->turns.is_shared) {
		/* Nobody lost anything by it: it costs no more than what a sleeper may gain, and no slice. */
		ticks = ticks < slice_ticks() ? ticks : slice_ticks();
		cpu->turns.used = 0;
	} else if (vcpu == cpu->turns.turn) {
		cpu->turns.used += ticks;
	}
	share->pass += ticks * PASS_UNIT / share->weight;
}

/* A new period, if the last one is over; who woke early keeps what it has only as far as its bandwidth goes. */
static void renew(struct sched_share *share, uint64_t now)
{
	if (share->budget == 0) {
		return;
	}
	if (now >= share->deadline) {
		const bool is_in_step = !share->is_woken && now - share->deadline < share->period;
		share->deadline = (is_in_step ? share->deadline : now) + share->period;
		share->left = share->budget;
	} else if (share->is_woken && share->left > (share->deadline - now) * share->budget / share->period) {
		share->deadline = now + share->period;
		share->left = share->budget;
	}
}

/* Between what its sleep may earn it and the most that a slice can have cost it. A pass that is further off is of
 * long ago. */
static void place(struct sched_share *share, uint64_t floor)
{
	const int64_t ahead = (int64_t)(share->pass - floor);
	if (ahead < -pass_of(WAKE_CREDIT_HZ)) {
		share->pass = floor - (uint64_t)pass_of(WAKE_CREDIT_HZ);
	} else if (ahead > pass_of(SCHED_SLICE_HZ) * (int64_t)SCHED_WEIGHT_DEFAULT) {
		share->pass = floor;
	}
}

static void raise_floor(struct percpu *cpu)
{
	const struct vcpu *least = NULL;
	for (unsigned i = 0; i < cpu->slot_count; i++) {
		const struct vcpu *vcpu = cpu->slots[i];
		if (is_ready_guest(vcpu) && !vcpu->share.is_woken &&
		    (least == NULL || (int64_t)(vcpu->share.pass - least->share.pass) < 0)) {
			least = vcpu;
		}
	}
	if (least != NULL && (int64_t)(least->share.pass - cpu->turns.floor) > 0) {
		cpu->turns.floor = least->share.pass;
	}
}

unsigned sched_share_settle(struct percpu *cpu, uint64_t now)
{
	unsigned ready = 0;
	if (cpu->current != NULL && !cpu->current->is_service) {
		charge(cpu, cpu->current, now - cpu->turns.charged_at);
	}
	cpu->turns.charged_at = now;
	raise_floor(cpu);
	for (unsigned i = 0; i < cpu->slot_count; i++) {
		struct vcpu *vcpu = cpu->slots[i];
		if (!is_ready_guest(vcpu)) {
			continue;
		}
		ready++;
		renew(&vcpu->share, now);
		if (vcpu->share.is_woken) {
			place(&vcpu->share, cpu->turns.floor);
			vcpu->share.ready_at = now;
			vcpu->share.is_woken = false;
			vcpu->share.may_cut_in = true;
		}
	}
	cpu->turns.is_shared = ready > 1;
	return ready;
}

/* Of two that are even, not the one whose slice is over. */
static bool goes_before(const struct percpu *cpu, const struct vcpu *a, const struct vcpu *b)
{
	if (has_budget(a) || has_budget(b)) {
		return has_budget(a) && (!has_budget(b) || a->share.deadline < b->share.deadline);
	}
	const int64_t ahead = (int64_t)(a->share.pass - b->share.pass);
	return ahead < 0 || (ahead == 0 && b == cpu->turns.turn);
}

/* The turn goes on: it is not over, and who woke is not far enough behind. */
static bool keeps_turn(const struct percpu *cpu, const struct vcpu *best)
{
	const struct vcpu *turn = cpu->turns.turn;
	return turn != NULL && turn != cpu->turns.yielder && sched_is_ready(turn) && cpu->turns.used < slice_ticks() &&
	       !(best->share.may_cut_in && (int64_t)(turn->share.pass - best->share.pass) > pass_of(WAKE_GAIN_HZ));
}

struct vcpu *sched_share_pick(struct percpu *cpu)
{
	struct vcpu *best = NULL;
	for (unsigned i = 0; i < cpu->slot_count; i++) {
		struct vcpu *vcpu = cpu->slots[i];
		if (is_ready_guest(vcpu) && vcpu != cpu->turns.yielder &&
		    (best == NULL || goes_before(cpu, vcpu, best))) {
			best = vcpu;
		}
	}
	if (best == NULL && is_ready_guest(cpu->turns.yielder)) {
		best = cpu->turns.yielder;
	}
	if (best != NULL && !has_budget(best)) {
		if (keeps_turn(cpu, best)) {
			best = cpu->turns.turn;
		} else {
			cpu->turns.turn = best;
			cpu->turns.used = 0;
		}
	}
	cpu->turns.yielder = NULL;
	for (unsigned i = 0; i < cpu->slot_count; i++) {
		if (is_ready_guest(cpu->slots[i])) {
			cpu->slots[i]->share.may_cut_in = false;
		}
	}
	return best;
}

uint64_t sched_share_deadline(const struct percpu *cpu, const struct vcpu *chosen, uint64_t now)
{
	if (chosen == NULL || chosen->is_service || !cpu->turns.is_shared) {
		return UINT64_MAX;
	}
	const uint64_t slice = slice_ticks();
	uint64_t deadline = now + (has_budget(chosen)	       ? chosen->share.left :
				   cpu->turns.used < slice ? slice - cpu->turns.used :
							     0);
	for (unsigned i = 0; i < cpu->slot_count; i++) {
		const struct vcpu *vcpu = cpu->slots[i];
		if (is_ready_guest(vcpu) && vcpu != chosen && vcpu->share.budget != 0 && !has_budget(vcpu) &&
		    vcpu->share.deadline < deadline) {
			deadline = vcpu->share.deadline;
		}
	}
	return deadline;
}

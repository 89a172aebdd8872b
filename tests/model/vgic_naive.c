/* SPDX-License-Identifier: Apache-2.0 */
/* The naive virtual GIC: every question is answered by a walk over all interrupts. */
#include "model/vgic_world.h"

static uint64_t random_state;

void rnd_start(uint64_t seed)
{
	random_state = seed | 1;
	for (unsigned n = 0; n < 8; n++) {
		(void)rnd(2);
	}
}

uint32_t rnd(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % below;
}

bool is_timer(unsigned intid)
{
	return intid == VTIMER || intid == PTIMER;
}

struct naive_irq *irq_of(unsigned v, unsigned intid)
{
	return intid < 32 ? &w.private_irq[v][intid] : &w.spi[intid];
}

unsigned target_of(unsigned v, unsigned intid)
{
	const uint32_t route = irq_of(v, intid)->route;

	if (intid < 32) {
		return v;
	}
	if (w.version == 3) {
		return route < w.vcpus ? route : NOBODY;
	}
	if (w.vcpus == 1) {
		return 0;
	}
	return route == 0 ? NOBODY : (unsigned)__builtin_ctz(route);
}

bool is_pending(unsigned v, unsigned intid)
{
	const struct naive_irq *irq = irq_of(v, intid);

	if (intid < 16) {
		return irq->sources != 0;
	}
	if (is_timer(intid) && w.timer_high[v][intid]) {
		return true;
	}
	return irq->is_latched || (irq->is_high && !irq->is_edge);
}

bool is_candidate(unsigned v, unsigned intid)
{
	const struct naive_irq *irq = irq_of(v, intid);

	return target_of(v, intid) == v && is_pending(v, intid) && !irq->is_active &&
	       irq->is_enabled && (w.ctlr & (irq->is_group1 ? 2u : 1u)) != 0;
}

unsigned best_priority(unsigned v)
{
	unsigned best = IDLE;

	for (unsigned n = 0; n < w.pool_count; n++) {
		const struct naive_irq *irq = irq_of(v, w.pool[n]);
		if (is_candidate(v, w.pool[n]) && (w.cpu[v].groups & (irq->is_group1 ? 2u : 1u)) != 0 &&
		    irq->priority < best) {
			best = irq->priority;
		}
	}
	return best;
}

unsigned running_priority(const struct naive_cpu *cpu)
{
	return cpu->depth == 0 ? IDLE : cpu->stack[cpu->depth - 1].priority;
}

bool is_signalled(unsigned v)
{
	const unsigned best = best_priority(v);

	return best < w.cpu[v].pmr && best < running_priority(&w.cpu[v]);
}

bool wakes(unsigned v, bool with_timers)
{
	const struct naive_cpu *cpu = &w.cpu[v];

	for (unsigned n = 0; n < w.pool_count; n++) {
		const struct naive_irq *irq = irq_of(v, w.pool[n]);
		if (is_candidate(v, w.pool[n]) && irq->priority < cpu->pmr &&
		    (cpu->groups & (irq->is_group1 ? 2u : 1u)) != 0 &&
		    (with_timers || !is_timer(w.pool[n]))) {
			return true;
		}
	}
	return false;
}

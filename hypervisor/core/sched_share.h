/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Which of a CPU's guests runs. Reservations come first: a vCPU with a budget gets it in each of its periods, the
 * earliest end of a period first. What is left goes by weight, in turns of at most a slice.
 */
#include <stdbool.h>
#include <stdint.h>

struct percpu;
struct vcpu;

#define SCHED_SLICE_HZ 100u /* 10 ms */
#define SCHED_WEIGHT_DEFAULT 100u

/* Of one vCPU. */
struct sched_share {
	uint64_t budget; /* ticks; 0: no reservation */
	uint64_t period;
	uint64_t left; /* of the budget, until `deadline` */
	uint64_t deadline;
	uint64_t weight;
	uint64_t pass; /* virtual time: what it had beyond its budget, over its weight; it wraps */
	uint64_t ready_at; /* ticks: since when it could run */
	uint64_t stolen_ticks; /* it could run and the service had its CPU */
	bool is_woken; /* and not placed among the others yet */
	bool may_cut_in; /* it woke, and no guest was chosen since */
	bool is_paused; /* whatever its state, it does not run */
};

/* Of one CPU. */
struct sched_turns {
	struct vcpu *turn; /* whose slice is on: it keeps it over a pre-emption */
	struct vcpu *yielder; /* gives way this once, or NULL */
	uint64_t used; /* of the slice */
	uint64_t charged_at;
	uint64_t floor; /* no pass of a vCPU that is ready is below this */
	bool is_shared; /* two guests could run */
};

/* Takes effect at the next choice; on the vCPU's CPU. */
void sched_share_set(struct vcpu *vcpu, uint64_t budget, uint64_t period, uint64_t weight);
/* Charges who ran until now, and places who woke: how many guests could run. */
unsigned sched_share_settle(struct percpu *cpu, uint64_t now);
/* The guest to run, or NULL. */
struct vcpu *sched_share_pick(struct percpu *cpu);
/* When that choice must be looked at again, if nothing happens before; `chosen` may be NULL or the service. */
uint64_t sched_share_deadline(const struct percpu *cpu, const struct vcpu *chosen, uint64_t now);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends the service again and again, for tests (abi/chaos.h); compiled only for simulation. The schedule is drawn from a
 * seed, and each of its times counts from the entry of an instance: so what happens to one does not depend on how
 * long the ones before it took to come back.
 *
 * Kills at calls go in turn through every hypercall number that was ever called. Many are called only while the service
 * starts: when a number has not come within its time, the service is killed at that instant instead, and the next
 * instance's start may make the call; if it does not either, the next number is looked for.
 *
 * Hostile: nothing; no build that meets an enemy has this file.
 */
#include "core/chaos.h"

#ifdef AETHER_SIMULATION
#include "abi/chaos.h"
#include "core/console.h"
#include "core/hal.h"
#include "core/percpu.h"
#include "core/reload.h"
#include "core/sched.h"
#include "core/supervise.h"
#include "lib/bits.h"

#define NEVER UINT64_MAX
#define COUNT_MOST 1000000u
#define MEAN_MOST_US UINT64_C(3600000000)
#define SWEEP_MOST (UINT64_C(1) << 31)
#define LOOP_MS 8000u /* what has been told to misbehave and lives on is ended then: silence has its own time-out */
#define MISBEHAVES_MS 1000u
#define WINDOWS 2u /* for one hypercall number */
#define WINDOW_MS 200u /* at least: it may have its reservation of the CPU and no more */

static struct {
	uint64_t random;
	uint64_t left;
	uint64_t mean; /* ticks; of a sweep the step */
	uint64_t step; /* of a sweep: its number */
	uint64_t span; /* of a sweep: of its CPU, until it is ended */
	uint64_t used_at; /* of a sweep: what the service had had of its CPU at its entry */
	uint64_t kinds;
	uint64_t at; /* ticks: what comes next, comes then */
	enum aether_chaos kind; /* of what comes next */
	bool is_waiting; /* for the call in hand, until `at`; for the call from which steps count */
	bool is_sent; /* it has been told to misbehave */
	uint32_t call; /* the number whose turn it is */
	uint32_t windows; /* in which it was not called */
	uint64_t seen; /* numbers that were ever called */
} chaos;

static const char *const kind_words[AETHER_CHAOS_KINDS] = {
	[AETHER_CHAOS_KILL] = "kill",	[AETHER_CHAOS_CALL_ENTRY] = "entry", [AETHER_CHAOS_CALL_EXIT] = "exit",
	[AETHER_CHAOS_FAULT] = "fault", [AETHER_CHAOS_LOOP] = "loop",	     [AETHER_CHAOS_STACK] = "stack",
	[AETHER_CHAOS_HEAP] = "heap",	[AETHER_CHAOS_SWEEP] = "sweep",
	[AETHER_CHAOS_STEPS] = "steps",
};

/* xorshift64* (Vigna 2016). */
static uint64_t draw(void)
{
	chaos.random ^= chaos.random >> 12;
	chaos.random ^= chaos.random << 25;
	chaos.random ^= chaos.random >> 27;
	return chaos.random * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

static enum aether_chaos draw_kind(void)
{
	unsigned kind;
	do {
		kind = (unsigned)(draw() % AETHER_CHAOS_COUNT);
	} while ((chaos.kinds & BIT(kind)) == 0); /* at least one is in the mask */
	return (enum aether_chaos)kind;
}

void chaos_init(void)
{
	chaos.left = 0;
	chaos.seen = 0;
}

static bool is_sweep(uint64_t kinds)
{
	return kinds == BIT(AETHER_CHAOS_SWEEP) || kinds == BIT(AETHER_CHAOS_STEPS);
}

static uint64_t used_ticks(uint64_t now)
{
	return vcpu_loaded_ticks(vms[VM_SERVICE].vcpus[0], now);
}

void chaos_entered(uint64_t now)
{
	if (chaos.left == 0) {
		return;
	}
	if (is_sweep(chaos.kinds)) {
		chaos.kind = chaos.kinds == BIT(AETHER_CHAOS_SWEEP) ? AETHER_CHAOS_SWEEP : AETHER_CHAOS_STEPS;
		chaos.used_at = used_ticks(now);
		chaos.span = chaos.mean * chaos.step++;
	} else {
		chaos.kind = draw_kind();
		chaos.at = now + draw() % (2 * chaos.mean);
	}
	chaos.is_waiting = chaos.kind == AETHER_CHAOS_STEPS;
	chaos.is_sent = false;
}

/* While others have the CPU it comes no nearer. */
static uint64_t sweep_deadline(uint64_t now)
{
	const struct vcpu *vcpu = vms[VM_SERVICE].vcpus[0];
	const uint64_t used = used_ticks(now) - chaos.used_at;
	if (chaos.is_waiting) {
		return NEVER;
	}
	if (used >= chaos.span) {
		return 0;
	}
	return percpu[vcpu->cpu].current == vcpu ? now + (chaos.span - used) : NEVER;
}

uint64_t chaos_deadline(void)
{
	if (chaos.left == 0) {
		return NEVER;
	}
	return is_sweep(chaos.kinds) ? sweep_deadline(hal_ticks()) : chaos.at;
}

bool chaos_is_running(void)
{
	return chaos.left != 0;
}

/* A line for each death; its number counts down, so that a test knows that none is missing. */
static void strike(enum aether_chaos kind, uint64_t detail)
{
	chaos.left--;
	console_printf("aether: chaos: %lu left: %s, %lx\n", chaos.left, kind_words[kind], detail);
}

static void kill(enum aether_chaos kind, uint64_t detail)
{
	chaos.is_sent = false;
	strike(kind, detail);
	supervise_fail(AETHER_SERVICE_CHAOS, kind, detail);
}

static void next_call(void)
{
	do {
		chaos.call = (chaos.call + 1) % AETHER_HVC_COUNT;
	} while ((chaos.seen & BIT(chaos.call)) == 0); /* AETHER_HVC_CHAOS itself has been called */
	chaos.windows = 0;
}

/* From here on the service does it itself. */
static void misbehave(struct vcpu *vcpu, uint64_t now)
{
	const uint64_t entry = reload_chaos_entry();
	if (entry == 0 || chaos.is_sent) {
		kill(AETHER_CHAOS_KILL, vcpu->pc);
		return;
	}
	chaos.is_sent = true;
	chaos.at = now + hal_ticks_per_second() * (chaos.kind == AETHER_CHAOS_LOOP ? LOOP_MS : MISBEHAVES_MS) / 1000;
	console_printf("aether: chaos: %s, at %lx\n", kind_words[chaos.kind], vcpu->pc);
	vcpu->x[0] = chaos.kind;
	vcpu->x[1] = vcpu->pc;
	vcpu->pc = entry;
	sched_wake(vcpu);
}

static uint64_t window(void)
{
	const uint64_t least = hal_ticks_per_second() * WINDOW_MS / 1000;
	return 2 * chaos.mean > least ? 2 * chaos.mean : least;
}

void chaos_check(uint64_t now)
{
	struct vcpu *vcpu = vms[VM_SERVICE].vcpus[0];
	if (now < chaos_deadline()) {
		return;
	}
	switch (chaos.kind) {
	case AETHER_CHAOS_CALL_ENTRY:
	case AETHER_CHAOS_CALL_EXIT:
		if (!chaos.is_waiting) {
			chaos.is_waiting = true;
			chaos.at = now + window();
			return;
		}
		if (++chaos.windows == WINDOWS) {
			next_call();
		}
		kill(AETHER_CHAOS_KILL, vcpu->pc);
		return;
	case AETHER_CHAOS_FAULT:
	case AETHER_CHAOS_LOOP:
	case AETHER_CHAOS_STACK:
	case AETHER_CHAOS_HEAP:
		misbehave(vcpu, now);
		return;
	default:
		kill(chaos.kind, vcpu->pc);
		return;
	}
}

void chaos_died(void)
{
	if (chaos.left != 0 && chaos.is_sent) {
		chaos.is_sent = false;
		strike(chaos.kind, 0);
	}
}

bool chaos_at_call(uint64_t call, bool is_entry)
{
	if (call - AETHER_HVC(0) < AETHER_HVC_COUNT) {
		chaos.seen |= BIT(call - AETHER_HVC(0));
	}
	const enum aether_chaos kind = is_entry ? AETHER_CHAOS_CALL_ENTRY : AETHER_CHAOS_CALL_EXIT;
	if (chaos.left == 0 || !chaos.is_waiting || chaos.kind != kind || call != AETHER_HVC(chaos.call) ||
	    supervise_is_reloading()) {
		return false;
	}
	next_call();
	kill(kind, call - AETHER_HVC(0));
	return true;
}

/* Of a sweep: the number of its first step, and the step in ticks. */
static bool begin_sweep(uint64_t first, uint64_t count, uint64_t step)
{
	if (first > SWEEP_MOST || count > COUNT_MOST || step == 0 || step > SWEEP_MOST) {
		return false;
	}
	chaos.step = first;
	chaos.mean = step;
	return true;
}

static bool begin_draws(uint64_t seed, uint64_t count, uint64_t mean_us, uint64_t kinds)
{
	if (count > COUNT_MOST || mean_us == 0 || mean_us > MEAN_MOST_US || kinds == 0 ||
	    kinds >= BIT(AETHER_CHAOS_COUNT)) {
		return false;
	}
	chaos.random = seed != 0 ? seed : 1;
	chaos.mean = hal_ticks_per_second() * mean_us / 1000000;
	chaos.mean = chaos.mean != 0 ? chaos.mean : 1;
	chaos.call = 0;
	next_call();
	return true;
}

enum exit_action chaos_call(struct vcpu *vcpu)
{
	const uint64_t count = vcpu->x[2];
	const uint64_t kinds = vcpu->x[4];
	vcpu->x[0] = 0;
	chaos.seen |= BIT(AETHER_HVC_CHAOS - AETHER_HVC(0));
	if (count == 0) {
		chaos.left = 0;
	}
	if (chaos.left == 0 && count != 0) {
		const bool is_begun = is_sweep(kinds) ? begin_sweep(vcpu->x[1], count, vcpu->x[3])
						      : begin_draws(vcpu->x[1], count, vcpu->x[3], kinds);
		if (!is_begun) {
			vcpu->x[0] = (uint64_t)AETHER_EINVAL;
			return EXIT_RESUME;
		}
		chaos.left = count;
		chaos.kinds = kinds;
		chaos_entered(hal_ticks());
		sched_look_again(&percpu[vcpu->cpu]); /* sets the timer */
	} else if (chaos.left != 0 && chaos.kind == AETHER_CHAOS_STEPS && chaos.is_waiting) {
		chaos.is_waiting = false;
		chaos.used_at = used_ticks(hal_ticks());
		sched_look_again(&percpu[vcpu->cpu]);
	}
	vcpu->x[1] = chaos.left;
	return EXIT_RESUME;
}
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service's budget, and the time that it stole.
 *
 * A sporadic server. Time is taken in stretches, each from the moment when the first guest has to wait to the moment
 * when one is back on the CPU, switches and the core's work for the service included; a stretch that began at t comes
 * back to the budget at t + period, whole. So in no window of one period, wherever it begins, is more taken than the
 * budget: up to t + period each tick of it can have been taken once after t, and what comes back then can be taken no
 * faster than the window's start leaves the stretch behind. (A budget filled up at fixed times would allow twice as
 * much across such a time.)
 *
 * What a stretch takes beyond what was left, since the core does not stop in the middle of an instruction's work, is
 * owed: `left` is below zero then, and what comes back is the whole stretch. A margin for the switch back is kept, so
 * that this is rare.
 *
 * Invariant: left + what `refills` hold + the stretch that is going on = budget.
 */
#include "core/sched_service.h"

#include "core/hal.h"
#include "core/percpu.h"
#include "core/vm.h"

#include "hal_fast.h"

#define MARGIN_SHIFT 4 /* of the budget: 15 us, for the switch back and the chunk of work in hand */
#define REFILL_COUNT 20u /* more than there are quanta in a period */
#define QUANTUM_SHIFT 4 /* of the period: stretches that begin so close together come back together, with the last */
#define STRETCH_COUNT 32u
#define WINDOW_HZ 100u
#define NANOSECONDS UINT64_C(1000000000)

struct refill {
	uint64_t opened; /* beginning of its first stretch */
	uint64_t due;
	uint64_t ticks;
};

struct stretch {
	uint64_t start, end;
	uint64_t ticks; /* less than that where two were made one */
};

static struct server {
	uint64_t budget, period;
	int64_t left;
	struct refill refills[REFILL_COUNT]; /* oldest at `first` */
	uint32_t first, count;
	bool is_taking, is_throttled;
	uint64_t since;
	uint64_t throttled;
} server;

static struct steal {
	struct stretch last[STRETCH_COUNT]; /* what ended in the last window, oldest at `first` */
	uint32_t first, count;
	uint64_t sum; /* of their ticks */
	uint64_t window_most, longest;
	uint64_t histogram[AETHER_STEAL_BUCKETS];
} steal;

void sched_service_init(void)
{
	const uint64_t hz = hal_ticks_per_second();
	server = (struct server){
		.budget = hz * SCHED_SERVICE_BUDGET_US / 1000000,
		.period = hz * SCHED_SERVICE_PERIOD_US / 1000000,
		.left = (int64_t)(hz * SCHED_SERVICE_BUDGET_US / 1000000),
	};
	steal = (struct steal){0};
}

static int64_t margin(void)
{
	return (int64_t)(server.budget >> MARGIN_SHIFT);
}

/* --- budget --- */

static void refill(uint64_t now)
{
	while (server.count != 0 && server.refills[server.first].due <= now) {
		server.left += (int64_t)server.refills[server.first].ticks;
		server.first = (server.first + 1) % REFILL_COUNT;
		server.count--;
	}
}

static struct refill *nth_refill(uint32_t n)
{
	return &server.refills[(server.first + n) % REFILL_COUNT];
}

static void owe(uint64_t since, uint64_t ticks)
{
	struct refill *last = nth_refill(server.count - 1);
	if (server.count == 0 ||
	    (since - last->opened >= server.period >> QUANTUM_SHIFT && server.count < REFILL_COUNT)) {
		last = nth_refill(server.count++);
		*last = (struct refill){.opened = since};
	}
	last->due = since + server.period;
	last->ticks += ticks;
}

/* In ticks, what it has taken that has not come back: the budget, less a margin. */
static void note_throttled(uint64_t now)
{
	const int64_t left = server.left - (server.is_taking ? (int64_t)(now - server.since) : 0);
	server.throttled++;
	trace_note(&hal_this_cpu()->trace, TRACE_SERVICE_THROTTLED, vms[VM_SERVICE].vcpus[0]->who,
		   (uint64_t)((int64_t)server.budget - left), server.throttled);
}

bool sched_service_may_run(uint64_t now, bool is_guest_ready)
{
	if (!is_guest_ready) {
		server.is_throttled = false;
		return true;
	}
	refill(now);
	/* To begin it needs enough to be worth two switches. */
	const bool may = server.is_taking ? server.left - (int64_t)(now - server.since) > margin()
					  : server.left >= 2 * margin();
	if (!may && !server.is_throttled) {
		note_throttled(now);
	}
	server.is_throttled = !may;
	return may;
}

uint64_t sched_service_deadline(void)
{
	int64_t left = server.left;
	if (server.is_taking) {
		return left > margin() ? server.since + (uint64_t)(left - margin()) : server.since;
	}
	for (uint32_t i = 0; i < server.count; i++) {
		left += (int64_t)nth_refill(i)->ticks;
		if (left >= 2 * margin()) {
			return nth_refill(i)->due;
		}
	}
	return UINT64_MAX;
}

/* --- what was stolen --- */

/*
 * The most that was taken in any window is taken in one that ends with a stretch. Exact, but where more than
 * STRETCH_COUNT stretches end in one window: then the oldest two count as one until the later of them has left the
 * window, which is an upper bound.
 */
static void note_window(uint64_t start, uint64_t end)
{
	const uint64_t window = hal_ticks_per_second() / WINDOW_HZ;
	const uint64_t from = end > window ? end - window : 0;
	struct stretch *oldest = &steal.last[steal.first];
	while (steal.count != 0 && oldest->end <= from) {
		steal.sum -= oldest->ticks;
		steal.first = (steal.first + 1) % STRETCH_COUNT;
		steal.count--;
		oldest = &steal.last[steal.first];
	}
	if (steal.count == STRETCH_COUNT) {
		struct stretch *second = &steal.last[(steal.first + 1) % STRETCH_COUNT];
		second->start = oldest->start;
		second->ticks += oldest->ticks;
		steal.first = (steal.first + 1) % STRETCH_COUNT;
		steal.count--;
		oldest = second;
	}
	steal.last[(steal.first + steal.count++) % STRETCH_COUNT] = (struct stretch){start, end, end - start};
	steal.sum += end - start;
	const bool is_whole = oldest->ticks == oldest->end - oldest->start;
	const uint64_t outside = is_whole && oldest->start < from ? from - oldest->start : 0;
	if (steal.sum - outside > steal.window_most) {
		steal.window_most = steal.sum - outside;
	}
}

static uint64_t nanoseconds(uint64_t ticks)
{
	const uint64_t hz = hal_ticks_per_second();
	return ticks / hz * NANOSECONDS + ticks % hz * NANOSECONDS / hz;
}

static void note_stretch(uint64_t start, uint64_t end)
{
	const uint64_t ns = nanoseconds(end - start);
	const unsigned bucket = ns == 0 ? 0 : 63u - (unsigned)__builtin_clzll(ns);
	steal.histogram[bucket < AETHER_STEAL_BUCKETS ? bucket : AETHER_STEAL_BUCKETS - 1]++;
	steal.longest = end - start > steal.longest ? end - start : steal.longest;
	note_window(start, end);
}

void sched_service_take(uint64_t now)
{
	if (!server.is_taking) {
		server.is_taking = true;
		server.since = now;
	}
}

void sched_service_give_back(uint64_t now)
{
	if (!server.is_taking) {
		return;
	}
	server.is_taking = false;
	server.left -= (int64_t)(now - server.since);
	owe(server.since, now - server.since);
	note_stretch(server.since, now);
}

uint64_t sched_service_taken_since(void)
{
	return server.is_taking ? server.since : UINT64_MAX;
}

void sched_service_fill_telemetry(struct aether_telemetry *telemetry)
{
	telemetry->service_throttled = server.throttled;
	for (unsigned i = 0; i < AETHER_STEAL_BUCKETS; i++) {
		telemetry->steal[i] = steal.histogram[i];
	}
	telemetry->steal_longest_ns = nanoseconds(steal.longest);
	telemetry->steal_window_ns = nanoseconds(steal.window_most);
}

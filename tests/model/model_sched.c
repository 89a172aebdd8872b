/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler against what it promises, in random worlds of one CPU: the service wakes and works at random, guests
 * are busy for ever or work and sleep, with random weights and reservations, and the timer's interrupt comes late at
 * random. The world keeps a naive record, who had the CPU from when to when and who wanted it, and adds it up again for
 * each statement:
 *
 *   - the service never takes more than its budget in any window of a period while a guest wants the CPU; it is let in
 *     at once when it has budget by the record, and whenever no guest wants the CPU;
 *   - the CPU never sleeps while somebody wants it, nobody waits for ever;
 *   - a vCPU with a reservation has its budget in each two periods that it wants the CPU;
 *   - busy vCPUs without a reservation have time by their weights;
 *   - time by owner adds up to all of it, and what is said to be stolen is what was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/esr.h"
#include "core/hal.h"
#include "core/sched.h"
#include "core/sched_service.h"
#include "core/telemetry.h"
#include "hal_fake.h"
#include "lib/bits.h"
#include "model/random.h"
#include "unit/small_node.h"

#define US(n) ((uint64_t)(n) * FAKE_TICKS_PER_SECOND / 1000000)
#define BUDGET US(SCHED_SERVICE_BUDGET_US)
#define PERIOD US(SCHED_SERVICE_PERIOD_US)
#define MARGIN (BUDGET / 16)
#define SLICE US(10000)
#define TASKS 6u
#define SERVICE 0u /* the task's number */
#define SPANS 65536u
#define WAIT_MOST US(3000000)
#define ESR(class) ((uint64_t)ESR_EC_##class << 26 | ESR_IL)

/* What a vCPU does: works for `burst`, then sleeps for `nap`, each drawn anew; nap 0: it works for ever. */
struct task {
	struct vcpu *vcpu;
	uint64_t burst_most, nap_most;
	uint64_t left; /* of the burst; 0: it sleeps until `wakes_at` */
	uint64_t wakes_at;
	uint64_t wants_since, got_at; /* it wants the CPU since; it last had it */
	uint64_t total;
	uint64_t budget, period, weight; /* ticks */
};

struct span {
	uint64_t start, end;
	unsigned task; /* TASKS: nobody */
	bool is_contended; /* the service had it, and a guest wanted it */
};

static struct {
	struct task tasks[TASKS];
	unsigned count;
	struct span spans[SPANS]; /* a ring */
	uint64_t span_count;
	uint64_t start, now;
	uint64_t late_most;
	uint64_t idle, contended, most_in_window;
	bool is_wfi_trapped, is_service_waiting;
} world;

/* --- the record --- */

static bool wants(const struct task *task)
{
	return task->left != 0 || task->wakes_at <= world.now;
}

/* Since when; a burst that ended at the moment of a switch is followed by another. */
static uint64_t wants_from(const struct task *task)
{
	if (task->left != 0) {
		return task->wants_since;
	}
	return task->wakes_at > task->got_at ? task->wakes_at : task->got_at;
}

/* One whose own timer's interrupt is still on its way does not count yet. */
static bool does_a_guest_want(void)
{
	for (unsigned i = 1; i < world.count; i++) {
		const struct task *task = &world.tasks[i];
		if (task->left != 0 || (wants(task) && task->vcpu->state != VCPU_BLOCKED)) {
			return true;
		}
	}
	return false;
}

static unsigned current(void)
{
	for (unsigned i = 0; i < world.count; i++) {
		if (percpu[0].current == world.tasks[i].vcpu) {
			return i;
		}
	}
	return TASKS;
}

/* Time that the task had since `from`. */
static uint64_t had_since(unsigned task, uint64_t from, bool is_contended_only)
{
	uint64_t sum = 0;
	for (uint64_t i = world.span_count; i-- > 0 && world.span_count - i <= SPANS;) {
		const struct span *span = &world.spans[i % SPANS];
		if (span->end <= from) {
			break;
		}
		if (span->task == task && (span->is_contended || !is_contended_only)) {
			sum += span->end - (span->start > from ? span->start : from);
		}
	}
	return sum;
}

static uint64_t ago(uint64_t ticks)
{
	return world.now - world.start > ticks ? world.now - ticks : world.start;
}

static void pass_until(uint64_t then)
{
	const unsigned who = current();
	struct span *span = &world.spans[world.span_count++ % SPANS];
	*span = (struct span){world.now, then, who, who == SERVICE && does_a_guest_want()};
	world.now = then;
	fake_set_ticks(then);
	if (who == TASKS) {
		world.idle += span->end - span->start;
		return;
	}
	struct task *task = &world.tasks[who];
	task->total += span->end - span->start;
	task->got_at = then;
	if (task->left != 0 && task->nap_most != 0) {
		task->left -= span->end - span->start;
	}
	if (span->is_contended) {
		const uint64_t taken = had_since(SERVICE, ago(PERIOD), true);
		world.contended += span->end - span->start;
		world.most_in_window = taken > world.most_in_window ? taken : world.most_in_window;
		assert_in_range(taken, 0, BUDGET);
	}
}

/* --- what must hold of who has the CPU, at a time when nothing is late --- */

static void check_choice(void)
{
	const unsigned who = current();
	const bool does_guest_want = does_a_guest_want();
	const bool does_service_want = world.tasks[SERVICE].left != 0;
	if (who == TASKS) {
		assert_false(does_guest_want || does_service_want);
	}
	if (does_service_want && who != SERVICE) {
		assert_true(does_guest_want);
		/* What was taken before that is back, in all cases. */
		assert_true(had_since(SERVICE, ago(PERIOD + PERIOD / 16), false) + 2 * MARGIN > BUDGET);
	}
	for (unsigned i = 0; i < world.count; i++) {
		const struct task *task = &world.tasks[i];
		const uint64_t since = wants_from(task);
		if (!wants(task)) {
			continue;
		}
		assert_true(world.now - (task->got_at > since ? task->got_at : since) < WAIT_MOST);
		const uint64_t window = 2 * task->period + US(500);
		if (task->budget != 0 && world.now - since >= window) {
			assert_true(had_since(i, world.now - window, false) >= task->budget);
		}
	}
}

/* --- what happens --- */

static void note_wfi(void)
{
	for (size_t i = fake_log_find(FAKE_OP_TRAP_WFI, 0); i != SIZE_MAX; i = fake_log_find(FAKE_OP_TRAP_WFI, i + 1)) {
		world.is_wfi_trapped = fake_log_at(i)->a == 1;
	}
	fake_log_clear();
}

static void interrupt(enum hal_irq irq)
{
	fake_irq_script_clear();
	fake_irq_push(irq, 26);
	(void)(percpu[0].current != NULL ? node_irq(0) : node_schedule(0));
	note_wfi();
}

static void draw_burst(struct task *task)
{
	task->wants_since = wants_from(task);
	task->left = 1 + random_below(task->burst_most);
}

static void event_comes(void)
{
	struct task *service = &world.tasks[SERVICE];
	draw_burst(service);
	vcpu_request(service->vcpu, VCPU_REQUEST_WAKE);
	interrupt(HAL_IRQ_KICK);
}

static void wait_for_event(void)
{
	struct vcpu *service = world.tasks[SERVICE].vcpu;
	service->x[0] = AETHER_HVC_EVENT_WAIT;
	service->x[1] = UINT64_MAX;
	fake_set_unload_deadline(FAKE_NEVER);
	(void)node_trap(service, ESR(HVC64), 0);
	note_wfi();
}

static void fall_asleep(struct task *task)
{
	task->wakes_at = world.now + 1 + random_below(task->nap_most);
	if (task == &world.tasks[SERVICE]) {
		wait_for_event();
	}
}

/* Who sleeps in its own WFI and lost the CPU meanwhile comes to the instruction again, which may be trapped now. */
static void settle(void)
{
	for (unsigned i = 0; i < 2 * TASKS; i++) {
		const unsigned who = current();
		if (who == TASKS) {
			return;
		}
		struct task *task = &world.tasks[who];
		if (who == SERVICE) {
			if (task->left == 0 && task->wakes_at > world.now) {
				wait_for_event(); /* its wait was long enough for a sign of life: it asks again */
				continue;
			}
			return;
		}
		if (task->left == 0 && task->wakes_at <= world.now) {
			draw_burst(task);
		}
		if (task->left != 0 || !world.is_wfi_trapped) {
			return;
		}
		fake_set_unload_deadline(task->wakes_at);
		(void)node_trap(task->vcpu, ESR(WFX), 0);
		fake_set_unload_deadline(FAKE_NEVER);
		note_wfi();
	}
}

static void step(uint64_t end)
{
	const unsigned who = current();
	struct task *task = who != TASKS ? &world.tasks[who] : NULL;
	struct task *service = &world.tasks[SERVICE];
	uint64_t next = end;
	if (fake_timer_deadline(0) > world.now) {
		check_choice();
	}
	if (task != NULL && task->nap_most != 0 && task->left != 0 && world.now + task->left < next) {
		next = world.now + task->left;
	}
	if (task != NULL && task->left == 0 && task->wakes_at < next) {
		next = task->wakes_at;
	}
	if (service->left == 0 && service->wakes_at < next) {
		next = service->wakes_at;
	}
	next = next > world.now ? next : world.now;
	const uint64_t deadline = fake_timer_deadline(0);
	const uint64_t fires = deadline == FAKE_NEVER ? deadline : deadline + random_below(world.late_most + 1);
	if (deadline < next) {
		pass_until(deadline > world.now ? deadline : world.now);
	}
	if (fires <= next) {
		pass_until(fires > world.now ? fires : world.now);
		interrupt(HAL_IRQ_TIMER);
	} else {
		pass_until(next);
		if (service->left == 0 && service->wakes_at <= world.now && who != SERVICE) {
			event_comes();
		} else if (task != NULL && task->nap_most != 0 && task->left == 0 && task->wakes_at < world.now) {
			fall_asleep(task);
		}
	}
	settle();
}

/* --- worlds --- */

static void add_task(struct vcpu *vcpu, uint64_t burst_most, uint64_t nap_most)
{
	world.tasks[world.count++] = (struct task){
		.vcpu = vcpu,
		.burst_most = burst_most,
		.nap_most = nap_most,
		.left = 1,
		.wants_since = world.now,
		.got_at = world.now,
		.weight = SCHED_WEIGHT_DEFAULT,
	};
}

static void reserve(struct task *task)
{
	const uint64_t period = 2000 + random_below(30000);
	const uint64_t budget = random_below(2) == 0 ? 0 : 100 + random_below(period * 6 / 10);
	const uint64_t weight = 25 + random_below(400);
	const enum hv_err err = vm_reserve(task->vcpu->vm, budget, period, weight);
	if (err == HV_OK) {
		task->budget = US(budget);
		task->period = US(period);
		task->weight = weight;
	} else {
		assert_int_equal(err, HV_EBUSY);
	}
}

static void begin(void)
{
	const unsigned guests = 1 + (unsigned)random_below(AETHER_VM_MAX);
	const bool is_busy = random_below(2) == 0;
	node_start(2, 1, NODE_RAM_MIB * MIB);
	memset(&world, 0, sizeof(world));
	fake_set_ticks(random_below(US(1000000)));
	for (unsigned i = 0; i < guests; i++) {
		(void)node_run(4 * MIB, 1);
	}
	node_settle();
	node_rest();
	world.start = world.now = hal_ticks();
	world.late_most = random_below(2) == 0 ? 0 : MARGIN;
	add_task(node_service(), random_below(2) == 0 ? US(40) : US(3000), random_below(2) == 0 ? US(60) : US(20000));
	world.tasks[SERVICE].left = 0;
	world.tasks[SERVICE].wakes_at = world.now + 1;
	for (unsigned i = 0; i < guests; i++) {
		const bool is_for_ever = is_busy || random_below(3) == 0;
		add_task(vms[i].vcpus[0], US(random_below(2) == 0 ? 300 : 15000), is_for_ever ? 0 : US(12000));
		if (random_below(2) == 0) {
			reserve(&world.tasks[i + 1]);
		}
	}
	note_wfi();
	interrupt(HAL_IRQ_KICK);
	settle();
	/* The record begins with the scheduler's. */
	world.start = world.now;
}

static void check_weights(void)
{
	uint64_t least = UINT64_MAX;
	uint64_t most = 0;
	uint64_t lightest = UINT64_MAX;
	for (unsigned i = 1; i < world.count; i++) {
		const struct task *task = &world.tasks[i];
		if (task->nap_most == 0 && task->budget == 0) {
			const uint64_t share = task->total * SCHED_WEIGHT_DEFAULT / task->weight;
			least = share < least ? share : least;
			most = share > most ? share : most;
			lightest = task->weight < lightest ? task->weight : lightest;
		}
	}
	if (most != 0) {
		/* One that was in its slice when it ended, and one that had not begun; who slept had credit. */
		assert_in_range(most - least, 0, 3 * SLICE * SCHED_WEIGHT_DEFAULT / lightest);
	}
}

static void check_accounts(const struct aether_telemetry *before)
{
	static struct aether_telemetry after;
	memset(&after, 0, sizeof(after));
	uint64_t guests = 0;
	uint64_t stolen = 0;
	sched_fill_telemetry(&after);
	for (unsigned i = 1; i < world.count; i++) {
		guests += world.tasks[i].total;
		stolen += after.vms[world.tasks[i].vcpu->vm->id].stolen_ticks -
			  before->vms[world.tasks[i].vcpu->vm->id].stolen_ticks;
	}
	assert_int_equal(after.cpus[0].guest_ticks - before->cpus[0].guest_ticks, guests);
	assert_int_equal(after.cpus[0].service_ticks - before->cpus[0].service_ticks, world.tasks[SERVICE].total);
	assert_int_equal(after.cpus[0].idle_ticks - before->cpus[0].idle_ticks, world.idle);
	assert_int_equal(after.cpus[0].core_ticks, before->cpus[0].core_ticks); /* its instructions take no time here */
	/* A guest that sleeps in its own WFI counts as one that wants; a stretch in hand is not counted yet. */
	if (current() != SERVICE) {
		assert_true(stolen >= world.contended);
		assert_true(after.steal_window_ns >= world.most_in_window * (1000000000 / FAKE_TICKS_PER_SECOND));
	}
	assert_in_range(after.steal_window_ns, 0, SCHED_SERVICE_BUDGET_US * 1000);
	assert_in_range(after.steal_longest_ns, 0, after.steal_window_ns);
}

static void promises_are_kept_in_random_worlds(void **state)
{
	(void)state;
	static struct aether_telemetry before;
	const uint64_t worlds = random_init("model_sched", 60);
	uint64_t throttled = 0;
	uint64_t fullest = 0;
	for (uint64_t i = 0; i < worlds; i++) {
		begin();
		memset(&before, 0, sizeof(before));
		sched_fill_telemetry(&before);
		const uint64_t end = world.now + US(1500000);
		while (world.now < end) {
			step(end);
		}
		node_check();
		check_weights();
		check_accounts(&before);
		sched_fill_telemetry(&before);
		throttled += before.service_throttled;
		fullest = world.most_in_window > fullest ? world.most_in_window : fullest;
		node_stop();
	}
	/* The worlds were such that the statements mean something. */
	print_message("# throttled %lu times, at most %lu of %u us taken in a window\n", (unsigned long)throttled,
		      (unsigned long)(fullest * 1000000 / FAKE_TICKS_PER_SECOND), SCHED_SERVICE_BUDGET_US);
	assert_true(throttled > worlds);
	assert_true(fullest > BUDGET / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(promises_are_kept_in_random_worlds),
	};

	return cmocka_run_group_tests_name("scheduler model", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual GIC against a naive one: a list of interrupts without list registers, and for each vCPU the stack
 * of what it has acknowledged. Guests on up to eight CPUs acknowledge and end interrupts through the fake CPU
 * interface, write registers, are taken off their CPU and put back, while devices, timers and other guests raise
 * interrupts at random.
 *
 * strict: kicks and maintenance interrupts are taken at once, so after every step each vCPU must be signalled
 * exactly if the naive model says so, and what it acknowledges must be one of the most urgent. Register reads must
 * agree. lazy: they are taken some time later, so a guest may see what has just been withdrawn; nothing may be
 * lost, and after the last interrupt has ended nothing may be left.
 *
 * SEED and N (runs) come from the environment; a failure says which RUN= repeats it alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/random.h"
#include "model/vgic_world.h"

enum { STEPS = 1000 };

struct world w;
struct vgic gic;

static uint64_t runs;

/* --- the core's outside --- */

void vgic_kick(struct vgic *g, unsigned v)
{
	EXPECT(g == &gic && v < w.vcpus);
	w.cpu[v].is_kicked = true;
}

void vgic_request_sync(struct vgic *g, unsigned v)
{
	EXPECT(g == &gic && w.cpu[v].is_loaded);
	w.cpu[v].is_kicked = true;
}

/* A timer's line is high and its physical interrupt not active: it fires. */
static void fire_timers(unsigned v)
{
	static const unsigned timers[] = {VTIMER, PTIMER};

	for (unsigned n = 0; n < ARRAY_COUNT(timers); n++) {
		if (w.timer_high[v][timers[n]] && !fake_gic_is_physical_active(timers[n])) {
			fake_gic_set_physical_active(timers[n], true);
			vgic_raise_hw(&gic, v, timers[n], timers[n]);
			vgic_flush(&gic, v);
		}
	}
}

void enter(unsigned v)
{
	struct naive_cpu *cpu = &w.cpu[v];

	fake_set_cpu(cpu->pcpu);
	if (cpu->is_kicked) {
		cpu->is_kicked = false;
		vgic_flush(&gic, v);
	}
	fire_timers(v);
	if (fake_gic_misr() != 0) {
		vgic_sync(&gic, v);
		vgic_flush(&gic, v);
		fire_timers(v);
		EXPECT(fake_gic_misr() == 0); /* else it would never run again */
	}
	fake_gic_check();
}

void enter_all(void)
{
	bool is_kicked = true;

	for (unsigned round = 0; is_kicked; round++) {
		EXPECT(round < 8);
		is_kicked = false;
		for (unsigned v = 0; v < w.vcpus; v++) {
			if (w.cpu[v].is_loaded) {
				enter(v);
			}
		}
		for (unsigned v = 0; v < w.vcpus; v++) {
			is_kicked |= w.cpu[v].is_loaded && w.cpu[v].is_kicked;
		}
	}
}

uint64_t access_at(unsigned v, unsigned whose, uint64_t offset, bool is_private,
			  unsigned bytes, bool is_write, uint64_t value)
{
	for (unsigned n = 0; n < 3; n++) {
		enum exit_action action;
		fake_set_cpu(w.cpu[v].pcpu);
		if (w.version == 3 && is_private) {
			action = vgic_redist_access(
				&gic, v, whose * AETHER_GUEST_GICR_STRIDE + RD_SGI_BASE + offset,
				bytes, is_write, &value);
		} else {
			action = vgic_dist_access(&gic, v, offset, bytes, is_write, &value);
		}
		vgic_flush(&gic, v);
		if (action == EXIT_ADVANCE) {
			return value;
		}
		EXPECT(action == EXIT_RETRY && !is_write);
		enter_all();
	}
	EXPECT(false && "a register read ends");
	return 0;
}

uint64_t reg(unsigned v, unsigned whose, unsigned base, unsigned bits, unsigned intid,
		    bool is_write, uint64_t value)
{
	const unsigned bytes = bits == 8 ? 1 : 4;

	return access_at(v, whose, (base + intid * bits / 8) & ~(bytes - 1), intid < 32, bytes,
			 is_write, value);
}

static void unload(unsigned v)
{
	static const unsigned timers[] = {VTIMER, PTIMER};

	fake_set_cpu(w.cpu[v].pcpu);
	vgic_unload(&gic, v);
	w.cpu[v].is_loaded = false;
	w.cpu[v].is_kicked = false;
	w.cpu[v].was_woken = wakes(v, false);
	for (unsigned n = 0; n < w.lrs; n++) {
		EXPECT((hal_vgic_empty_lrs() & BIT(n)) != 0);
	}
	for (unsigned n = 0; n < ARRAY_COUNT(timers); n++) {
		fake_gic_set_physical_active(timers[n], false);
	}
}

static void load_on(unsigned v, unsigned pcpu)
{
	static const unsigned timers[] = {VTIMER, PTIMER};

	w.cpu[v].pcpu = pcpu;
	w.cpu[v].is_loaded = true;
	fake_set_cpu(pcpu);
	for (unsigned n = 0; n < ARRAY_COUNT(timers); n++) {
		fake_gic_set_physical_active(timers[n], vgic_is_hw_in_flight(&gic, v, timers[n]));
	}
	vgic_load(&gic, v);
	EXPECT(fake_gic_misr() == 0);
}

/* On a CPU at random, if it is free. */
static void load(unsigned v)
{
	const unsigned pcpu = rnd(w.pcpus);

	for (unsigned other = 0; other < w.vcpus; other++) {
		if (w.cpu[other].is_loaded && w.cpu[other].pcpu == pcpu) {
			return;
		}
	}
	load_on(v, pcpu);
}

/* --- comparison --- */

static void compare_word(unsigned v, unsigned whose, unsigned word)
{
	uint64_t enabled = 0, pending = 0, active = 0, group1 = 0, timers = 0;

	for (unsigned i = 0; i < 32; i++) {
		const struct naive_irq *irq = irq_of(whose, word * 32 + i);
		enabled |= irq->is_enabled ? BIT(i) : 0;
		pending |= is_pending(whose, word * 32 + i) ? BIT(i) : 0;
		active |= irq->is_active ? BIT(i) : 0;
		group1 |= irq->is_group1 ? BIT(i) : 0;
		timers |= is_timer(word * 32 + i) ? BIT(i) : 0;
	}
	EXPECT(reg(v, whose, ISENABLER, 1, word * 32, false, 0) == enabled);
	EXPECT((reg(v, whose, ISPENDR, 1, word * 32, false, 0) & ~timers) == (pending & ~timers));
	EXPECT(reg(v, whose, ICACTIVER, 1, word * 32, false, 0) == active);
	EXPECT(reg(v, whose, IGROUPR, 1, word * 32, false, 0) == group1);
}

static void compare_registers(unsigned v)
{
	const unsigned intid = some_irq(), whose = some_owner(v);
	const struct naive_irq *irq = irq_of(whose, intid);

	if (!w.is_lazy) {
		compare_word(v, whose, intid / 32);
	} else {
		(void)reg(v, whose, ISACTIVER, 1, intid, false, 0);
	}
	EXPECT(reg(v, whose, IPRIORITYR, 8, intid, false, 0) == irq->priority);
	EXPECT((reg(v, whose, ICFGR, 2, intid, false, 0) >> (2 * (intid % 16)) & 3) ==
	       (irq->is_edge ? 2 : 0));
	if (intid >= 32 && w.version == 3) {
		EXPECT(access_at(v, v, IROUTER + 8 * intid, false, 8, false, 0) == irq->route);
	} else if (intid >= 32 && w.vcpus > 1) {
		EXPECT(reg(v, v, ITARGETSR, 8, intid, false, 0) == irq->route);
	}
}

/* For a vCPU that is not loaded: does it wake, and was it told? */
static void compare_sleeper(unsigned v)
{
	struct naive_cpu *cpu = &w.cpu[v];
	const bool has_pending = vgic_has_pending(&gic, v);
	const bool is_woken = wakes(v, false);

	EXPECT(wakes(v, true) || !has_pending);
	EXPECT(has_pending || !is_woken);
	EXPECT(!is_woken || cpu->was_woken || cpu->is_kicked);
	cpu->was_woken = is_woken;
	cpu->is_kicked = false;
}

static void compare(void)
{
	enter_all();
	for (unsigned v = 0; v < w.vcpus; v++) {
		if (w.cpu[v].is_loaded) {
			fake_set_cpu(w.cpu[v].pcpu);
			EXPECT(fake_gic_is_signalled() == is_signalled(v));
			EXPECT(vgic_has_pending(&gic, v) == wakes(v, true));
			EXPECT(fake_gic_misr() == 0 && fake_gic_is_signalled() == is_signalled(v));
		} else {
			compare_sleeper(v);
		}
	}
}

/* No SPI stands in the LRs of two CPUs. */
static void check_lrs(void)
{
	for (unsigned n = 0; n < w.pool_count; n++) {
		unsigned holders = 0;
		for (unsigned cpu = 0; cpu < w.pcpus && w.pool[n] >= 32; cpu++) {
			fake_set_cpu(cpu);
			holders += fake_gic_find(w.pool[n]) >= 0 ? 1 : 0;
		}
		EXPECT(holders <= 1);
	}
}

/* --- runs --- */

typedef void step_fn(unsigned v);
static const struct {
	step_fn *run;
	unsigned weight;
} steps[] = {
	{acknowledge, 40}, {end, 30}, {deactivate, 15},	      {send_sgi, 15},	      {change_line, 25},
	{write_enable, 4}, {write_pending, 6}, {write_active, 3},      {write_priority, 4},
	{write_group, 1},  {write_config, 1},  {write_route, 3},	      {write_ctlr, 1},
	{unload, 2},	   {compare_registers, 3}, {write_sgi_sources, 2}, {write_cpu_interface, 1},
};

static void step(void)
{
	const unsigned v = rnd(w.vcpus);
	unsigned total = 0;

	if (!w.cpu[v].is_loaded) {
		load(v);
		return;
	}
	for (unsigned n = 0; n < ARRAY_COUNT(steps); n++) {
		total += steps[n].weight;
	}
	unsigned choice = rnd(total);
	unsigned n = 0;
	for (; choice >= steps[n].weight; n++) {
		choice -= steps[n].weight;
	}
	if (!w.is_lazy || rnd(3) == 0) {
		enter(v);
	}
	fake_set_cpu(w.cpu[v].pcpu);
	if (w.is_lazy && fake_gic_misr() != 0) {
		return;
	}
	steps[n].run(v);
}

/* Registers as a guest sets them up: everything on, SPIs to one vCPU. v is loaded. */
static void open_all(unsigned v, unsigned spi_target)
{
	w.cpu[v].pmr = 0xf8;
	w.cpu[v].groups = 3;
	fake_gic_set_pmr(0xf8);
	fake_gic_set_enable(3);
	fake_gic_set_eoi_mode(w.is_split);
	w.ctlr = 3;
	access_at(v, v, CTLR, false, 4, true, 3);
	for (unsigned n = 0; n < w.pool_count; n++) {
		const unsigned intid = w.pool[n];
		struct naive_irq *irq = irq_of(v, intid);
		reg(v, v, ISENABLER, 1, intid, true, BIT(intid % 32));
		irq->is_enabled = true;
		if (intid >= 32) {
			irq->route = w.version == 3 ? spi_target : 1u << spi_target;
			access_at(v, v, w.version == 3 ? IROUTER + 8 * intid : ITARGETSR + intid, false,
				  w.version == 3 ? 8 : 1, true, irq->route);
		}
		if (!irq->is_active && (irq->priority == 0 || irq->priority >= w.cpu[v].pmr)) {
			irq->priority = (uint8_t)(rnd(31) << 3);
			reg(v, v, IPRIORITYR, 8, intid, true, irq->priority);
		}
		/* What a guest made active by itself, nobody ends. */
		if (irq->is_active && !will_be_ended(irq->active_value, irq->active_on)) {
			reg(v, v, ICACTIVER, 1, intid, true, BIT(intid % 32));
			irq->is_active = false;
		}
	}
}

static void set_up(void)
{
	for (unsigned v = 0; v < w.vcpus; v++) {
		while (!w.cpu[v].is_loaded) {
			load(v);
		}
		open_all(v, v);
		if (w.pcpus < w.vcpus || rnd(2) == 0) {
			unload(v);
		}
	}
}

static void start(uint64_t run_seed, bool is_lazy)
{
	static const unsigned candidates[] = {
		0,  1,	5,  15, 20, VTIMER, PTIMER, 32,	 33,  34,  35,	36,  37,  63,
		64, 65, 70, 95, 96, 100,    127,    128, 150, 159, 160, 200, 223, 255,
	};

	memset(&w, 0, sizeof(w));
	w.run_seed = run_seed;
	rnd_start(run_seed);
	w.version = 2 + rnd(2);
	w.vcpus = 1 + rnd(AETHER_VCPU_MAX);
	w.pcpus = 1 + rnd(w.vcpus);
	w.lrs = rnd(3) == 0 ? 4 : 1 + rnd(VGIC_LR_MAX);
	w.is_lazy = is_lazy;
	w.is_split = rnd(4) == 0;
	const unsigned limit = rnd(2) == 0 ? w.lrs : ARRAY_COUNT(candidates);
	for (unsigned n = 0; n < ARRAY_COUNT(candidates) && w.pool_count < limit; n++) {
		if (limit == ARRAY_COUNT(candidates) || rnd(3) == 0) {
			w.pool[w.pool_count++] = candidates[n];
		}
	}
	if (w.pool_count == 0) {
		w.pool[w.pool_count++] = 33;
	}
	w.has_overflow = w.pool_count > w.lrs;
	for (unsigned v = 0; v < w.vcpus; v++) {
		for (unsigned intid = 0; intid < 32; intid++) {
			irq_of(v, intid)->is_edge = intid < 16;
			irq_of(v, intid)->is_group1 = w.version == 3;
			irq_of(v, intid)->is_enabled = w.version == 2 && intid < 16;
		}
	}
	for (unsigned intid = 32; intid < IRQS; intid++) {
		w.spi[intid].is_group1 = w.version == 3;
	}
	fake_reset();
	fake_gic_init(w.version, w.lrs);
	vgic_init(&gic, w.version, w.vcpus, w.lrs);
	set_up();
}

static void take_all(unsigned v)
{
	struct naive_cpu *cpu = &w.cpu[v];
	const uint64_t before = w.acks;
	uint64_t last;

	do {
		enter(v);
		while (cpu->depth != 0 || cpu->dropped_count != 0) {
			end(v);
			enter(v);
			deactivate(v);
			enter(v);
		}
		last = w.acks;
		acknowledge(v);
		EXPECT(w.acks - before < 1000);
	} while (w.acks != last);
}

/* Devices quiet, everything enabled and routed to vCPU 0: the guests take and end all there is, and it ends. */
static void drain(void)
{
	for (unsigned v = 0; v < w.vcpus; v++) {
		if (w.cpu[v].is_loaded) {
			unload(v);
		}
		w.timer_high[v][VTIMER] = w.timer_high[v][PTIMER] = false;
		vgic_lower_hw(&gic, v, VTIMER);
		vgic_lower_hw(&gic, v, PTIMER);
		for (unsigned n = 0; n < w.pool_count; n++) {
			if (w.pool[n] >= 16 && !is_timer(w.pool[n])) {
				irq_of(v, w.pool[n])->is_high = false;
				vgic_set_level(&gic, v, w.pool[n], false);
			}
		}
	}
	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned v = 0; v < w.vcpus; v++) {
			load_on(v, 0);
			open_all(v, 0);
			take_all(v);
			for (unsigned n = 0; n < w.pool_count && pass == 1; n++) {
				const unsigned intid = w.pool[n];
				const uint64_t bit = BIT(intid % 32);
				EXPECT(!irq_of(v, intid)->is_owed);
				EXPECT((reg(v, v, ISPENDR, 1, intid, false, 0) & bit) == 0);
				EXPECT((reg(v, v, ISACTIVER, 1, intid, false, 0) & bit) == 0 ||
				       irq_of(v, intid)->is_active);
			}
			unload(v);
		}
	}
}

static void run_all(bool is_lazy)
{
	const char *only = getenv("RUN");
	uint64_t acks = 0;

	for (uint64_t run = 0; run < (only != NULL ? 1 : runs); run++) {
		start(only != NULL ? strtoull(only, NULL, 0) : random_u64(), is_lazy);
		for (unsigned n = 0; n < STEPS; n++) {
			step();
			if (is_lazy) {
				check_lrs();
			} else {
				compare();
			}
		}
		drain();
		acks += w.acks;
	}
	print_message("# %llu interrupts taken\n", (unsigned long long)acks);
	assert_true(acks >= runs || only != NULL); /* else the test tests nothing */
}

static void delivers_like_a_list_of_interrupts(void **state)
{
	(void)state;
	run_all(false);
}

static void loses_nothing_when_kicks_come_late(void **state)
{
	(void)state;
	run_all(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delivers_like_a_list_of_interrupts),
		cmocka_unit_test(loses_nothing_when_kicks_come_late),
	};

	runs = random_init("model_vgic", 300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

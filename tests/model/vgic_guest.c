/* SPDX-License-Identifier: Apache-2.0 */
/* What guests and devices do, to the core and to the naive model alike. Most steps pick an interrupt at random. */
#include "model/vgic_world.h"

unsigned some_irq(void)
{
	return w.pool[rnd(w.pool_count)];
}

unsigned some_owner(unsigned v)
{
	return w.version == 3 ? rnd(w.vcpus) : v;
}

void acknowledge(unsigned v)
{
	struct naive_cpu *cpu = &w.cpu[v];
	const unsigned best = best_priority(v);
	const bool expects = is_signalled(v);
	uint32_t value = FAKE_GIC_SPURIOUS;

	if (cpu->depth == DEPTH_MAX) {
		return;
	}
	if (w.version == 3) {
		value = fake_gic_ack_group(1);
		value = value == FAKE_GIC_SPURIOUS ? fake_gic_ack_group(0) : value;
	} else {
		value = fake_gic_ack();
		value = value == FAKE_GIC_OTHER_GROUP ? fake_gic_ack_group(1) : value;
	}
	if (!w.is_lazy) {
		EXPECT((value != FAKE_GIC_SPURIOUS) == expects);
	}
	if (value == FAKE_GIC_SPURIOUS) {
		return;
	}
	const unsigned intid = value & 0x3ff;
	const unsigned source = value >> 10 & 7;
	struct naive_irq *irq = irq_of(v, intid);
	if (!w.is_lazy) {
		EXPECT(is_candidate(v, intid) && irq->priority == best);
		EXPECT(intid >= 16 || (irq->sources & BIT(source)) != 0);
	}
	EXPECT(!irq->is_active);
	w.acks++;
	irq->sources &= (uint8_t)~BIT(source);
	irq->is_latched = false;
	irq->is_owed = irq->sources != 0;
	irq->is_active = true;
	irq->active_on = v;
	irq->active_value = value;
	cpu->stack[cpu->depth].value = value;
	cpu->stack[cpu->depth++].priority = irq->priority;
}

/* Writing DIR, or EOIR when that does it too. */
static void note_deactivation(unsigned v, uint32_t value)
{
	struct naive_irq *irq = irq_of(v, value & 0x3ff);

	if (irq->is_active && irq->active_on == v && irq->active_value == value) {
		irq->is_active = false;
	}
}

void deactivate(unsigned v)
{
	struct naive_cpu *cpu = &w.cpu[v];

	if (cpu->dropped_count == 0) {
		return;
	}
	const unsigned n = rnd(cpu->dropped_count);
	const uint32_t value = cpu->dropped[n];
	cpu->dropped[n] = cpu->dropped[--cpu->dropped_count];
	note_deactivation(v, value);
	fake_gic_dir(value);
}

void end(unsigned v)
{
	struct naive_cpu *cpu = &w.cpu[v];

	if (cpu->depth == 0 || cpu->dropped_count == DEPTH_MAX) {
		return;
	}
	const uint32_t value = cpu->stack[--cpu->depth].value;
	if (!w.is_split) {
		note_deactivation(v, value);
	} else {
		cpu->dropped[cpu->dropped_count++] = value;
	}
	fake_gic_eoi(value);
	/* Outside the list registers only the order of priorities says which is meant. */
	if (w.has_overflow) {
		deactivate(v);
	}
}

void write_enable(unsigned v)
{
	const unsigned intid = some_irq(), whose = some_owner(v);
	const bool is_set = rnd(4) != 0;

	reg(v, whose, is_set ? ISENABLER : ICENABLER, 1, intid, true, BIT(intid % 32));
	if (w.version == 3 || intid >= 16) {
		irq_of(whose, intid)->is_enabled = is_set;
	}
}

void write_pending(unsigned v)
{
	const unsigned intid = some_irq(), whose = some_owner(v);
	const bool is_set = rnd(2) != 0;
	struct naive_irq *irq = irq_of(whose, intid);

	if (is_set && is_timer(intid)) {
		return; /* the core cannot tell it from the timer's own */
	}
	reg(v, whose, is_set ? ISPENDR : ICPENDR, 1, intid, true, BIT(intid % 32));
	if (intid < 16) {
		irq->sources = w.version == 2 ? irq->sources : is_set ? 1 : 0;
	} else {
		irq->is_latched = is_set;
	}
	if (w.version == 3 || intid >= 16) {
		irq->is_owed = is_set;
	}
}

bool will_be_ended(uint32_t value, unsigned v)
{
	for (unsigned n = 0; v != NOBODY && n < w.cpu[v].depth; n++) {
		if (w.cpu[v].stack[n].value == value) {
			return true;
		}
	}
	return false;
}

void write_active(unsigned v)
{
	const unsigned intid = some_irq(), whose = some_owner(v);
	const bool is_set = rnd(2) != 0;
	struct naive_irq *irq = irq_of(whose, intid);

	/* Which active interrupt a guest ends is known by its priority alone when not all stand in LRs. */
	if (w.is_lazy || intid < 16 || (w.has_overflow && !is_set && irq->is_active &&
					will_be_ended(irq->active_value, irq->active_on))) {
		return;
	}
	reg(v, whose, is_set ? ISACTIVER : ICACTIVER, 1, intid, true, BIT(intid % 32));
	if (is_set && !irq->is_active) {
		irq->active_on = target_of(whose, intid);
		irq->active_value = intid;
	}
	irq->is_active = is_set;
}

void write_priority(unsigned v)
{
	const unsigned intid = some_irq(), whose = some_owner(v);
	const unsigned priority = rnd(32) << 3;
	struct naive_irq *irq = irq_of(whose, intid);

	reg(v, whose, IPRIORITYR, 8, intid, true, priority | rnd(8));
	irq->priority = (uint8_t)priority;
}

void write_group(unsigned v)
{
	const unsigned intid = some_irq(), whose = some_owner(v);
	const uint64_t old = reg(v, whose, IGROUPR, 1, intid, false, 0);

	reg(v, whose, IGROUPR, 1, intid, true, old ^ BIT(intid % 32));
	irq_of(whose, intid)->is_group1 ^= true;
}

void write_config(unsigned v)
{
	const unsigned intid = some_irq();
	const uint64_t old = reg(v, v, ICFGR, 2, intid, false, 0);

	reg(v, v, ICFGR, 2, intid, true, old ^ BIT(2 * (intid % 16) + 1));
	if (intid >= 32) {
		w.spi[intid].is_edge ^= true;
	}
}

void write_route(unsigned v)
{
	const unsigned intid = some_irq();
	struct naive_irq *irq = &w.spi[intid];

	if (intid < 32) {
		return;
	}
	if (w.version == 3) {
		irq->route = rnd(w.vcpus + 1);
		access_at(v, v, IROUTER + 8 * intid, false, 8, true, irq->route);
	} else {
		irq->route = rnd(1u << w.vcpus);
		reg(v, v, ITARGETSR, 8, intid, true, irq->route);
	}
	if (irq->is_active && irq->active_on == NOBODY) {
		irq->active_on = target_of(0, intid);
	}
}

void write_ctlr(unsigned v)
{
	w.ctlr = rnd(6) == 0 ? rnd(4) : 3;
	access_at(v, v, CTLR, false, 4, true, w.ctlr);
}

void write_cpu_interface(unsigned v)
{
	struct naive_cpu *cpu = &w.cpu[v];

	cpu->pmr = rnd(6) == 0 ? rnd(32) << 3 : 0xf8;
	cpu->groups = rnd(6) == 0 ? rnd(4) : 3;
	fake_gic_set_pmr((uint8_t)cpu->pmr);
	fake_gic_set_enable(cpu->groups);
}

void send_sgi(unsigned v)
{
	const unsigned sgi = some_irq();
	const uint32_t all = (1u << w.vcpus) - 1;
	uint32_t targets = rnd(1u << w.vcpus);
	const unsigned filter = rnd(3);

	if (sgi >= 16) {
		return;
	}
	if (filter == 1) {
		targets = all & ~(uint32_t)BIT(v);
	} else if (filter == 2) {
		targets = (uint32_t)BIT(v);
	}
	fake_set_cpu(w.cpu[v].pcpu);
	if (w.version == 3) {
		vgic_sgi_register(&gic, v,
				  (filter == 1 ? BIT(40) | 0xffff : targets) | (uint64_t)sgi << 24,
				  true);
		vgic_flush(&gic, v);
	} else {
		access_at(v, v, SGIR, false, 4, true,
			  filter << 24 | (filter == 0 ? targets : rnd(256)) << 16 | sgi);
	}
	for (unsigned t = 0; t < w.vcpus; t++) {
		if ((targets & BIT(t)) != 0) {
			irq_of(t, sgi)->sources |= (uint8_t)(w.version == 2 ? BIT(v) : 1);
			irq_of(t, sgi)->is_owed = true;
		}
	}
}

void write_sgi_sources(unsigned v)
{
	const unsigned sgi = some_irq();
	const uint8_t sources = (uint8_t)rnd(1u << w.vcpus);
	const bool is_set = rnd(2) != 0;
	struct naive_irq *irq = irq_of(v, sgi);

	if (sgi >= 16 || w.version == 3) {
		return;
	}
	access_at(v, v, (is_set ? SPENDSGIR : CPENDSGIR) + sgi, false, 1, true, sources);
	irq->sources = is_set ? irq->sources | sources : irq->sources & (uint8_t)~sources;
	irq->is_owed = irq->sources != 0;
	if (!w.is_lazy) {
		EXPECT(access_at(v, v, SPENDSGIR + sgi, false, 1, false, 0) == irq->sources);
	}
}

void change_line(unsigned v)
{
	const unsigned intid = some_irq(), whose = rnd(w.vcpus);
	struct naive_irq *irq = irq_of(whose, intid);

	if (intid < 16) {
		return;
	}
	if (is_timer(intid)) {
		w.timer_high[v][intid] ^= true;
		fake_set_cpu(w.cpu[v].pcpu);
		if (!w.timer_high[v][intid]) {
			vgic_lower_hw(&gic, v, intid);
			vgic_flush(&gic, v);
		}
		return;
	}
	irq->is_high ^= true;
	if (irq->is_edge && irq->is_high) {
		irq->is_latched = true;
		irq->is_owed = true;
	}
	vgic_set_level(&gic, whose, intid, irq->is_high);
	vgic_flush(&gic, v);
}

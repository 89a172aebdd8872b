/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the virtual GIC delivers: the ordinary interrupt without an exit at its end, and the corners that a random walk
 * (tests/model/model_vgic.c) meets seldom or cannot see.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vgic_machine.h"

enum { TIMER = AETHER_GUEST_VTIMER_INTID, UART = AETHER_GUEST_UART_INTID };

static uint64_t lr_of(uint32_t intid)
{
	const int n = fake_gic_find(intid);

	assert_true(n >= 0);
	return fake_gic_lr((unsigned)n);
}

static void level_asks_for_its_end_only_while_it_is_high(void **state)
{
	(void)state;
	for (unsigned version = 2; version <= 3; version++) {
		machine_start(version, 1, 4);
		open_irq(0, UART, 0x80);
		vgic_set_level(&machine, 0, UART, true);
		assert_true(was_kicked[0]);
		assert_int_equal(ack(0), UART);
		vgic_set_level(&machine, 0, UART, false);
		enter(0);
		fake_gic_eoi(UART);
		assert_int_equal(fake_gic_misr(), 0); /* the device is served: no exit */

		vgic_set_level(&machine, 0, UART, true);
		assert_int_equal(ack(0), UART);
		fake_gic_eoi(UART);
		assert_int_equal(fake_gic_misr(), FAKE_GIC_MISR_EOI);
		assert_int_equal(ack(0), UART); /* it was not, and asks again */
		vgic_set_level(&machine, 0, UART, false);
		vgic_set_level(&machine, 0, UART, true);
		eoi(0, UART);
		assert_int_equal(ack(0), UART);
		eoi(0, UART);
		vgic_set_level(&machine, 0, UART, false);
		assert_int_equal(ack(0), FAKE_GIC_SPURIOUS);
	}
}

static void edge_is_latched_and_merged(void **state)
{
	(void)state;
	machine_start(3, 1, 4);
	open_irq(0, 100, 0x80);
	dist_write(0, GICD_ICFGR + 100 / 16 * 4, 4, BIT(2 * (100 % 16) + 1));
	for (unsigned n = 0; n < 3; n++) {
		vgic_set_level(&machine, 0, 100, true);
		vgic_set_level(&machine, 0, 100, false);
	}
	assert_int_equal(ack(0), 100);
	vgic_set_level(&machine, 0, 100, true); /* while active: once more afterwards */
	enter(0);
	assert_int_equal(lr_of(100) >> LR_STATE_SHIFT, 3);
	eoi(0, 100);
	assert_int_equal(ack(0), 100);
	eoi(0, 100);
	assert_int_equal(ack(0), FAKE_GIC_SPURIOUS);
}

static void v2_sgi_comes_once_from_each_source(void **state)
{
	(void)state;
	machine_start(2, 4, 4);
	for (unsigned v = 1; v < 4; v++) {
		dist_write(v, GICD_SGIR, 4, SGIR_TO_LIST | 0x010000 | 9);
	}
	assert_true(was_kicked[0]);
	for (unsigned v = 1; v < 4; v++) {
		assert_int_equal(ack(0), v << 10 | 9);
		assert_int_equal(dist_read(0, GICD_ISACTIVER, 4), BIT(9));
		fake_gic_eoi(v << 10 | 9);
		/* An exit only while another source waits. */
		assert_int_equal(fake_gic_misr(), v < 3 ? FAKE_GIC_MISR_EOI : 0);
	}
	assert_int_equal(ack(0), FAKE_GIC_SPURIOUS);
}

static void sgi_to_itself_is_one_lr_write(void **state)
{
	(void)state;
	machine_start(2, 2, 4);
	for (unsigned n = 0; n < 3; n++) {
		fake_log_clear();
		dist_write(1, GICD_SGIR, 4, SGIR_TO_SELF | 2);
		assert_int_equal(fake_log_count_of(FAKE_OP_WRITE_LR), 1);
		assert_false(was_kicked[0] || was_kicked[1]);
		assert_int_equal(ack(1), 1 << 10 | 2);
		dist_write(1, GICD_SGIR, 4, SGIR_TO_SELF | 2); /* while it is active */
		eoi(1, 1 << 10 | 2);
		assert_int_equal(ack(1), 1 << 10 | 2);
		eoi(1, 1 << 10 | 2);
	}
}

static void send_to_itself(unsigned v, unsigned sgi)
{
	fake_set_cpu(v);
	vgic_sgi_register(&machine, v, (uint64_t)sgi << 24 | BIT(v), true);
	vgic_flush(&machine, v);
}

/* What another CPU wrote, and the owner has not taken yet, came before the SGI that it now sends itself. */
static void repeated_sgi_comes_after_what_others_wrote(void **state)
{
	(void)state;
	machine_start(3, 2, 4);
	send_to_itself(0, 4);
	assert_int_equal(ack(0), 4);
	eoi(0, 4);
	private_write(1, 0, GICD_IPRIORITYR + 4, 1, 0x60);
	send_to_itself(0, 4);
	assert_int_equal(FIELD_GET(VGIC_LR_PRIORITY, lr_of(4)), 0x60);
	assert_int_equal(ack(0), 4);
	eoi(0, 4);
	private_write(1, 0, GICD_ICPENDR, 4, BIT(4));
	send_to_itself(0, 4);
	assert_int_equal(ack(0), 4);
}

static void most_urgent_first_through_any_number_of_lrs(void **state)
{
	(void)state;
	for (unsigned lrs = 1; lrs <= VGIC_LR_MAX; lrs++) {
		machine_start(3, 1, lrs);
		for (unsigned intid = 32; intid < 62; intid++) {
			open_irq(0, intid, (61 - intid) << 3);
			dist_write(0, GICD_ISPENDR + 4, 4, BIT(intid - 32));
		}
		for (unsigned intid = 61; intid >= 32; intid--) {
			assert_int_equal(ack(0), intid);
			eoi(0, intid);
		}
		assert_int_equal(ack(0), FAKE_GIC_SPURIOUS);
		enter(0);
		assert_int_equal(fake_gic_hcr(), VGIC_HCR_EN); /* nothing is asked for any more */
	}
}

/* An interrupt that comes again with a lower priority does not pass one that waits outside. */
static void waiting_interrupt_is_not_passed(void **state)
{
	(void)state;
	machine_start(3, 1, 2);
	for (unsigned intid = 40; intid < 43; intid++) {
		open_irq(0, intid, (intid - 38) << 4);
		dist_write(0, GICD_ISPENDR + 4, 4, BIT(intid - 32));
	}
	assert_int_equal(ack(0), 40);
	fake_gic_eoi(40);
	dist_write(0, GICD_IPRIORITYR + 40, 1, 0x80);
	dist_write(0, GICD_ISPENDR + 4, 4, BIT(8));
	for (unsigned n = 0; n < 3; n++) {
		const unsigned expected[] = {41, 42, 40};
		assert_int_equal(ack(0), expected[n]);
		eoi(0, expected[n]);
	}
}

/* Each arrives while all before it are active: with few LRs most of them are ended outside. */
static void nested_interrupts_end_in_order(void **state)
{
	(void)state;
	for (unsigned lrs = 1; lrs <= 5; lrs++) {
		machine_start(2, 1, lrs);
		for (unsigned n = 0; n < 30; n++) {
			const unsigned intid = 200 - n;
			open_irq(0, intid, (30 - n) << 3);
			dist_write(0, GICD_ISPENDR + intid / 32 * 4, 4, BIT(intid % 32));
			assert_int_equal(ack(0), intid);
			/* A new priority is for the next time, not for whose turn it is to end. */
			dist_write(0, GICD_IPRIORITYR + intid, 1, n * 8);
		}
		dist_write(0, GICD_ISACTIVER + 8, 4, BIT(0)); /* 64: nobody acknowledged it */
		for (unsigned n = 30; n-- > 0;) {
			const unsigned intid = 200 - n;
			assert_int_equal(dist_read(0, GICD_ISACTIVER + intid / 32 * 4, 4) >>
						 (intid % 32) & 1,
					 1);
			eoi(0, intid);
			assert_int_equal(dist_read(0, GICD_ISACTIVER + intid / 32 * 4, 4) >>
						 (intid % 32) & 1,
					 0);
		}
		assert_int_equal(dist_read(0, GICD_ISACTIVER + 8, 4), 1);
	}
}

/* Found by the model: what is pending behind an active one in a disabled group must not hide that nothing is left. */
static void disabled_group_does_not_starve_the_other(void **state)
{
	(void)state;
	machine_start(2, 1, 2);
	for (unsigned intid = 40; intid < 46; intid++) {
		open_irq(0, intid, (intid - 39) << 3);
	}
	dist_write(0, GICD_ISPENDR + 4, 4, BIT(8));
	assert_int_equal(ack(0), 40);
	dist_write(0, GICD_ISPENDR + 4, 4, BITS(11, 8)); /* 40 once more, 41 to 43 */
	dist_write(0, GICD_IGROUPR + 4, 4, BITS(13, 12)); /* 44, 45 */
	dist_write(0, GICD_ISPENDR + 4, 4, BITS(13, 12));
	fake_gic_set_enable(2);
	eoi(0, 40);
	enter(0);
	for (unsigned intid = 44; intid < 46; intid++) {
		enter(0);
		assert_int_equal(fake_gic_ack_group(1), intid);
		eoi(0, intid);
	}
	enter(0);
	fake_gic_set_enable(3);
	for (unsigned intid = 40; intid < 44; intid++) {
		assert_int_equal(ack(0), intid);
		eoi(0, intid);
	}
}

static void spi_moves_when_its_vcpu_has_ended_it(void **state)
{
	(void)state;
	for (unsigned version = 2; version <= 3; version++) {
		machine_start(version, 3, 4);
		open_irq(0, UART, 0x80);
		vgic_set_level(&machine, 0, UART, true);
		enter(0);
		assert_true(fake_gic_find(UART) >= 0);
		open_irq(1, UART, 0x80); /* pending in vCPU 0's LR: it goes over */
		enter(0);
		assert_int_equal(fake_gic_find(UART), -1);
		assert_true(was_kicked[1]);
		assert_int_equal(ack(1), UART);
		open_irq(2, UART, 0x80); /* active at vCPU 1, and pending again */
		assert_int_equal(ack(2), FAKE_GIC_SPURIOUS);
		enter(1);
		fake_gic_eoi(UART);
		assert_int_equal(fake_gic_misr(), FAKE_GIC_MISR_EOI);
		enter(1);
		assert_true(was_kicked[2]);
		assert_int_equal(ack(1), FAKE_GIC_SPURIOUS);
		assert_int_equal(ack(2), UART);
		open_irq(0, UART, 0x80); /* away and back again while active */
		open_irq(2, UART, 0x80);
		eoi(2, UART);
		assert_int_equal(ack(2), UART);
	}
}

static void state_in_another_cpus_lr_is_asked_for(void **state)
{
	uint64_t value = 0;

	(void)state;
	machine_start(3, 2, 4);
	open_irq(1, UART, 0x80);
	vgic_set_level(&machine, 0, UART, true);
	assert_int_equal(ack(1), UART);
	for (unsigned n = 0; n < 3; n++) {
		fake_set_cpu(0);
		assert_int_equal(vgic_dist_access(&machine, 0, GICD_ISACTIVER + 4, 4, false, &value),
				 EXIT_RETRY);
		assert_true(was_kicked[1]); /* and that once is enough */
	}
	enter(1);
	assert_int_equal(dist_read(0, GICD_ISACTIVER + 4, 4), BIT(1));
	/* Each read asks anew. */
	assert_int_equal(vgic_dist_access(&machine, 0, GICD_ISACTIVER + 4, 4, false, &value),
			 EXIT_RETRY);
	vgic_set_level(&machine, 0, UART, false);
	enter(1);
	fake_gic_eoi(UART);
	enter(1);
	/* One whose vCPU is taken off its CPU in the meantime needs no answer. */
	fake_set_cpu(0);
	assert_int_equal(vgic_dist_access(&machine, 0, GICD_ISPENDR + 4, 4, false, &value),
			 EXIT_RETRY);
	fake_set_cpu(1);
	vgic_unload(&machine, 1);
	assert_int_equal(dist_read(0, GICD_ISPENDR + 4, 4), 0);
	assert_int_equal(dist_read(0, GICD_ISACTIVER + 4, 4), 0);
}

/* Between the answer and the second try, the LR that was active has been given to another interrupt. */
static void answer_is_not_mistaken_for_another_interrupts(void **state)
{
	uint64_t value = 0;

	(void)state;
	machine_start(3, 2, 1);
	open_irq(1, UART, 0x80);
	open_irq(1, 34, 0x80);
	vgic_set_level(&machine, 0, UART, true);
	assert_int_equal(ack(1), UART);
	fake_set_cpu(0);
	assert_int_equal(vgic_dist_access(&machine, 0, GICD_ISACTIVER + 4, 4, false, &value),
			 EXIT_RETRY);
	enter(1);
	vgic_set_level(&machine, 0, UART, false);
	eoi(1, UART);
	vgic_set_level(&machine, 0, 34, true);
	enter(1);
	assert_int_equal(dist_read(0, GICD_ISACTIVER + 4, 4), 0);
	assert_int_equal(ack(1), 34);
}

/* Writes to what stands in another CPU's LR: the last one of a kind counts, whenever that CPU comes to it. */
static void writes_to_another_cpus_lr_keep_their_order(void **state)
{
	static const struct {
		unsigned registers[3];
		uint64_t state; /* of the LR afterwards: 1 pending, 2 active */
	} cases[] = {
		{{GICD_ICPENDR}, 0},
		{{GICD_ICPENDR, GICD_ISPENDR}, 1},
		{{GICD_ISPENDR, GICD_ICPENDR}, 0},
		{{GICD_ISACTIVER}, 3},
		{{GICD_ISACTIVER, GICD_ICACTIVER}, 1},
		{{GICD_ICACTIVER, GICD_ISACTIVER}, 3},
		{{GICD_ISACTIVER, GICD_ICPENDR}, 2},
		{{GICD_ISACTIVER, GICD_ICPENDR, GICD_ICACTIVER}, 0},
	};

	(void)state;
	for (unsigned n = 0; n < ARRAY_COUNT(cases); n++) {
		machine_start(3, 2, 4);
		open_irq(1, 50, 0x80);
		dist_write(1, GICD_ISPENDR + 4, 4, BIT(18));
		assert_int_equal(lr_of(50) >> LR_STATE_SHIFT, 1);
		for (unsigned at = 0; at < 3 && cases[n].registers[at] != 0; at++) {
			was_kicked[1] = false;
			dist_write(0, cases[n].registers[at] + 4, 4, BIT(18));
			assert_true(was_kicked[1]);
		}
		enter(1);
		const int found = fake_gic_find(50);
		assert_int_equal(found < 0 ? 0 : fake_gic_lr((unsigned)found) >> LR_STATE_SHIFT,
				 cases[n].state);
		assert_int_equal(machine.spi[0].rare, 0);
	}
}

static void switches_take_effect_in_lrs_too(void **state)
{
	(void)state;
	machine_start(3, 2, 4);
	open_irq(1, UART, 0x80);
	vgic_set_level(&machine, 0, UART, true);
	enter(1);
	dist_write(0, GICD_ICENABLER + 4, 4, BIT(1));
	assert_int_equal(ack(1), FAKE_GIC_SPURIOUS);
	dist_write(0, GICD_ISENABLER + 4, 4, BIT(1));
	enter(1);
	assert_true(fake_gic_is_signalled());
	dist_write(0, GICD_CTLR, 4, 1); /* group 0 only */
	assert_int_equal(ack(1), FAKE_GIC_SPURIOUS);
	dist_write(0, GICD_CTLR, 4, 3);
	enter(1);
	dist_write(0, GICD_IPRIORITYR + UART, 1, 0xf8); /* below every mask */
	assert_int_equal(ack(1), FAKE_GIC_SPURIOUS);
	dist_write(0, GICD_IPRIORITYR + UART, 1, 0x08);
	dist_write(0, GICD_IGROUPR + 4, 4, ~BIT(1) & UINT32_MAX);
	enter(1);
	assert_int_equal(fake_gic_ack_group(1), FAKE_GIC_SPURIOUS);
	assert_int_equal(fake_gic_ack_group(0), UART);
}

static void sleeping_vcpu_is_woken_by_what_it_lets_through(void **state)
{
	(void)state;
	machine_start(3, 2, 4);
	open_irq(1, UART, 0x80);
	open_irq(1, 34, 0x40);
	fake_set_cpu(1);
	fake_gic_set_pmr(0x80);
	vgic_unload(&machine, 1);
	was_kicked[1] = false;
	assert_false(vgic_has_pending(&machine, 1));
	vgic_set_level(&machine, 0, UART, true);
	assert_false(vgic_has_pending(&machine, 1)); /* masked by its priority */
	vgic_set_level(&machine, 0, 34, true);
	assert_true(was_kicked[1]);
	assert_true(vgic_has_pending(&machine, 1));
	dist_write(0, GICD_ICENABLER + 4, 4, BIT(2));
	assert_false(vgic_has_pending(&machine, 1));
	dist_write(0, GICD_ISENABLER + 4, 4, BIT(2));
	dist_write(0, GICD_CTLR, 4, 1);
	assert_false(vgic_has_pending(&machine, 1));
	was_kicked[1] = false;
	dist_write(0, GICD_CTLR, 4, 3);
	assert_true(was_kicked[1]);
	assert_true(vgic_has_pending(&machine, 1));
	fake_set_cpu(1);
	vgic_load(&machine, 1);
	assert_true(vgic_has_pending(&machine, 1));
	assert_int_equal(ack(1), 34);
	fake_gic_set_enable(0);
	vgic_unload(&machine, 1);
	assert_false(vgic_has_pending(&machine, 1)); /* its CPU interface is closed, and 34 is active */
}

static void vcpu_that_comes_on_starts_anew(void **state)
{
	(void)state;
	machine_start(2, 2, 4);
	open_irq(1, TIMER, 0x80);
	dist_write(0, GICD_SGIR, 4, SGIR_TO_OTHERS | 7);
	fire_timer(1, TIMER);
	assert_int_equal(ack(1), 7);
	vgic_unload(&machine, 1);
	vgic_reset_vcpu(&machine, 1);
	assert_false(vgic_is_hw_in_flight(&machine, 1, TIMER));
	fake_gic_set_physical_active(TIMER, false);
	vgic_load(&machine, 1);
	assert_int_equal(fake_gic_running_priority(), FAKE_GIC_IDLE_PRIORITY);
	assert_int_equal(dist_read(1, GICD_ISENABLER, 4), 0xffff);
	assert_int_equal(dist_read(1, GICD_ISPENDR, 4), 0);
	assert_int_equal(dist_read(1, GICD_ISACTIVER, 4), 0);
	assert_int_equal(dist_read(1, GICD_IPRIORITYR + TIMER, 1), 0);
	fake_gic_set_enable(3);
	fake_gic_set_pmr(0xf8);
	dist_write(0, GICD_SGIR, 4, SGIR_TO_OTHERS | 7);
	assert_int_equal(ack(1), 7);
	assert_check_fails(vgic_reset_vcpu(&machine, 1)); /* it is loaded */
}

/* A guest that raises all it has: each is delivered once, and the core's work for one exit stays bounded. */
static void all_at_once(void **state)
{
	(void)state;
	machine_start(3, 1, 4);
	for (unsigned intid = 32; intid < AETHER_GUEST_INTID_COUNT; intid++) {
		open_irq(0, intid, intid % 31 << 3);
	}
	for (unsigned word = 1; word < 8; word++) {
		dist_write(0, GICD_ISPENDR + 4 * word, 4, UINT32_MAX);
	}
	fake_log_clear();
	for (unsigned n = 32; n < AETHER_GUEST_INTID_COUNT; n++) {
		const uint32_t intid = ack(0);
		assert_in_range(intid, 32, AETHER_GUEST_INTID_COUNT - 1);
		eoi(0, intid);
	}
	assert_int_equal(ack(0), FAKE_GIC_SPURIOUS);
	assert_in_range(fake_log_count_of(FAKE_OP_WRITE_LR), 224, 224 * 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(level_asks_for_its_end_only_while_it_is_high),
		cmocka_unit_test(edge_is_latched_and_merged),
		cmocka_unit_test(v2_sgi_comes_once_from_each_source),
		cmocka_unit_test(sgi_to_itself_is_one_lr_write),
		cmocka_unit_test(repeated_sgi_comes_after_what_others_wrote),
		cmocka_unit_test(most_urgent_first_through_any_number_of_lrs),
		cmocka_unit_test(waiting_interrupt_is_not_passed),
		cmocka_unit_test(nested_interrupts_end_in_order),
		cmocka_unit_test(disabled_group_does_not_starve_the_other),
		cmocka_unit_test(spi_moves_when_its_vcpu_has_ended_it),
		cmocka_unit_test(state_in_another_cpus_lr_is_asked_for),
		cmocka_unit_test(answer_is_not_mistaken_for_another_interrupts),
		cmocka_unit_test(writes_to_another_cpus_lr_keep_their_order),
		cmocka_unit_test(switches_take_effect_in_lrs_too),
		cmocka_unit_test(sleeping_vcpu_is_woken_by_what_it_lets_through),
		cmocka_unit_test(vcpu_that_comes_on_starts_anew),
		cmocka_unit_test(all_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

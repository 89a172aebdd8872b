/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts of the virtual GIC that are tied to a physical one, the guest's timers: the physical twin is active
 * exactly while the guest has the interrupt in hand, whatever guest and core do to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vgic_machine.h"

enum { TIMER = AETHER_GUEST_VTIMER_INTID };

static uint64_t lr_of(uint32_t intid)
{
	const int n = fake_gic_find(intid);

	assert_true(n >= 0);
	return fake_gic_lr((unsigned)n);
}

static void timer_costs_one_lr_write_and_no_exit_at_its_end(void **state)
{
	(void)state;
	for (unsigned version = 2; version <= 3; version++) {
		machine_start(version, 1, 4);
		open_irq(0, TIMER, 0x80);
		for (unsigned n = 0; n < 3; n++) {
			fake_log_clear();
			fire_timer(0, TIMER);
			assert_int_equal(fake_log_count_of(FAKE_OP_WRITE_LR), 1);
			assert_int_equal(fake_log_count_of(FAKE_OP_WRITE_HCR), 0);
			assert_true(vgic_is_hw_in_flight(&machine, 0, TIMER));
			assert_int_equal(fake_gic_hcr(), VGIC_HCR_EN);
			assert_int_equal(ack(0), TIMER);
			assert_true(vgic_is_hw_in_flight(&machine, 0, TIMER));
			assert_true(fake_gic_is_physical_active(TIMER));
			fake_gic_eoi(TIMER);
			assert_int_equal(fake_gic_misr(), 0);
			assert_false(fake_gic_is_physical_active(TIMER));
			assert_false(vgic_is_hw_in_flight(&machine, 0, TIMER));
		}
	}
}

static void disabled_timer_waits_with_its_twin_active(void **state)
{
	(void)state;
	machine_start(2, 1, 4);
	fire_timer(0, TIMER);
	assert_int_equal(ack(0), FAKE_GIC_SPURIOUS);
	assert_true(vgic_is_hw_in_flight(&machine, 0, TIMER));
	open_irq(0, TIMER, 0x80);
	assert_int_equal(ack(0), TIMER);
	eoi(0, TIMER);
	assert_false(fake_gic_is_physical_active(TIMER));
}

static void timer_that_is_taken_back_frees_its_twin(void **state)
{
	(void)state;
	for (unsigned is_loaded = 0; is_loaded < 2; is_loaded++) {
		machine_start(3, 1, 4);
		open_irq(0, TIMER, 0x80);
		fire_timer(0, TIMER);
		if (is_loaded == 0) {
			vgic_unload(&machine, 0);
			assert_true(vgic_is_hw_in_flight(&machine, 0, TIMER));
		}
		fake_log_clear();
		vgic_lower_hw(&machine, 0, TIMER);
		vgic_flush(&machine, 0);
		assert_false(vgic_is_hw_in_flight(&machine, 0, TIMER));
		/* Elsewhere the physical interrupt belongs to whoever runs here now. */
		assert_int_equal(fake_log_count_of(FAKE_OP_IRQ_SET_ACTIVE), is_loaded);
		assert_int_equal(fake_gic_find(TIMER), -1);
	}
	/* Once the guest has acknowledged it, it stays. */
	machine_start(3, 1, 4);
	open_irq(0, TIMER, 0x80);
	fire_timer(0, TIMER);
	assert_int_equal(ack(0), TIMER);
	vgic_lower_hw(&machine, 0, TIMER);
	vgic_flush(&machine, 0);
	assert_true(vgic_is_hw_in_flight(&machine, 0, TIMER));
	eoi(0, TIMER);
	assert_false(fake_gic_is_physical_active(TIMER));
}

static void guest_that_clears_a_timer_frees_its_twin(void **state)
{
	static const unsigned registers[] = {GICD_ICPENDR, GICD_ICACTIVER};

	(void)state;
	for (unsigned n = 0; n < ARRAY_COUNT(registers); n++) {
		for (unsigned is_disabled = 0; is_disabled < 2; is_disabled++) {
			machine_start(2, 1, 4);
			open_irq(0, TIMER, 0x80);
			fire_timer(0, TIMER);
			if (registers[n] == GICD_ICACTIVER) {
				assert_int_equal(ack(0), TIMER);
			}
			if (is_disabled != 0) {
				dist_write(0, GICD_ICENABLER, 4, BIT(TIMER));
			}
			dist_write(0, registers[n], 4, BIT(TIMER));
			assert_false(fake_gic_is_physical_active(TIMER));
			assert_false(vgic_is_hw_in_flight(&machine, 0, TIMER));
			assert_int_equal(fake_gic_find(TIMER), -1);
			dist_write(0, GICD_ISENABLER, 4, BIT(TIMER));
			fire_timer(0, TIMER); /* and it can fire again */
			assert_int_equal(lr_of(TIMER) >> LR_STATE_SHIFT, 1);
		}
	}
}

static void timer_that_fires_while_active_is_tied_at_once(void **state)
{
	(void)state;
	machine_start(2, 1, 4);
	open_irq(0, TIMER, 0x80);
	dist_write(0, GICD_ISACTIVER, 4, BIT(TIMER));
	assert_int_equal(lr_of(TIMER) >> 61, 4); /* active, not tied */
	fire_timer(0, TIMER);
	assert_int_equal(lr_of(TIMER) >> 61, 5);
	dist_write(0, GICD_ICACTIVER, 4, BIT(TIMER));
	assert_false(fake_gic_is_physical_active(TIMER)); /* the device asks again */
	assert_int_equal(dist_read(0, GICD_ISPENDR, 4), 0);
	assert_int_equal(ack(0), FAKE_GIC_SPURIOUS);
}

static void twin_follows_the_vcpu_to_another_cpu(void **state)
{
	(void)state;
	machine_start(2, 1, 4);
	open_irq(0, TIMER, 0x80);
	fire_timer(0, TIMER);
	assert_int_equal(ack(0), TIMER);
	vgic_unload(&machine, 0);
	fake_set_cpu(3);
	fake_gic_set_physical_active(TIMER, vgic_is_hw_in_flight(&machine, 0, TIMER));
	vgic_load(&machine, 0);
	assert_int_equal(fake_gic_running_priority(), 0x80);
	fake_gic_eoi(TIMER);
	assert_false(fake_gic_is_physical_active(TIMER));
	assert_int_equal(fake_gic_misr(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timer_costs_one_lr_write_and_no_exit_at_its_end),
		cmocka_unit_test(disabled_timer_waits_with_its_twin_active),
		cmocka_unit_test(timer_that_is_taken_back_frees_its_twin),
		cmocka_unit_test(guest_that_clears_a_timer_frees_its_twin),
		cmocka_unit_test(timer_that_fires_while_active_is_tied_at_once),
		cmocka_unit_test(twin_follows_the_vcpu_to_another_cpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

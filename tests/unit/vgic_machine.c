/* SPDX-License-Identifier: Apache-2.0 */
#include "vgic_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct vgic machine;
bool was_kicked[AETHER_VCPU_MAX];

void vgic_kick(struct vgic *gic, unsigned vcpu)
{
	assert_ptr_equal(gic, &machine);
	was_kicked[vcpu] = true;
}

void vgic_request_sync(struct vgic *gic, unsigned vcpu)
{
	assert_true(gic->cpu[vcpu].is_loaded);
	was_kicked[vcpu] = true;
}

void machine_start_cold(unsigned version, unsigned vcpu_count, unsigned lr_count)
{
	memset(was_kicked, 0, sizeof(was_kicked));
	fake_reset();
	fake_gic_init(version, lr_count);
	vgic_init(&machine, version, vcpu_count, lr_count);
	fake_set_cpu(0);
	vgic_load(&machine, 0);
}

void machine_start(unsigned version, unsigned vcpu_count, unsigned lr_count)
{
	machine_start_cold(version, vcpu_count, lr_count);
	for (unsigned v = 0; v < vcpu_count; v++) {
		fake_set_cpu(v);
		if (v != 0) {
			vgic_load(&machine, v);
		}
		fake_gic_set_enable(3);
		fake_gic_set_pmr(0xf8);
		private_write(v, v, GICD_ISENABLER, 4, BITS(15, 0));
	}
	dist_write(0, GICD_CTLR, 4, 3);
	memset(was_kicked, 0, sizeof(was_kicked));
}

uint64_t dist_read(unsigned v, uint64_t offset, unsigned bytes)
{
	uint64_t value = UINT64_C(0xdeadbeefdeadbeef);

	fake_set_cpu(v);
	assert_int_equal(vgic_dist_access(&machine, v, offset, bytes, false, &value), EXIT_ADVANCE);
	vgic_flush(&machine, v);
	return value;
}

void dist_write(unsigned v, uint64_t offset, unsigned bytes, uint64_t value)
{
	fake_set_cpu(v);
	assert_int_equal(vgic_dist_access(&machine, v, offset, bytes, true, &value), EXIT_ADVANCE);
	vgic_flush(&machine, v);
}

static uint64_t sgi_frame(unsigned whose, uint64_t offset)
{
	return whose * AETHER_GUEST_GICR_STRIDE + 0x10000 + offset;
}

uint64_t private_read(unsigned v, unsigned whose, uint64_t offset, unsigned bytes)
{
	uint64_t value = UINT64_C(0xdeadbeefdeadbeef);

	if (machine.version == 2) {
		assert_int_equal(v, whose);
		return dist_read(v, offset, bytes);
	}
	fake_set_cpu(v);
	assert_int_equal(vgic_redist_access(&machine, v, sgi_frame(whose, offset), bytes, false, &value),
			 EXIT_ADVANCE);
	vgic_flush(&machine, v);
	return value;
}

void private_write(unsigned v, unsigned whose, uint64_t offset, unsigned bytes, uint64_t value)
{
	if (machine.version == 2) {
		assert_int_equal(v, whose);
		dist_write(v, offset, bytes, value);
		return;
	}
	fake_set_cpu(v);
	assert_int_equal(vgic_redist_access(&machine, v, sgi_frame(whose, offset), bytes, true, &value),
			 EXIT_ADVANCE);
	vgic_flush(&machine, v);
}

void open_irq(unsigned v, unsigned intid, unsigned priority)
{
	if (intid < 32) {
		private_write(v, v, GICD_IPRIORITYR + intid, 1, priority);
		private_write(v, v, GICD_ISENABLER, 4, BIT(intid));
		return;
	}
	dist_write(v, GICD_IPRIORITYR + intid, 1, priority);
	if (machine.version == 3) {
		dist_write(v, GICD_IROUTER + intid * 8, 8, v);
	} else {
		dist_write(v, GICD_ITARGETSR + intid, 1, BIT(v));
	}
	dist_write(v, GICD_ISENABLER + intid / 32 * 4, 4, BIT(intid % 32));
}

void enter(unsigned v)
{
	fake_set_cpu(v);
	if (was_kicked[v]) {
		was_kicked[v] = false;
		vgic_flush(&machine, v);
	}
	if (fake_gic_misr() != 0) {
		vgic_sync(&machine, v);
		vgic_flush(&machine, v);
		assert_int_equal(fake_gic_misr(), 0);
	}
}

uint32_t ack(unsigned v)
{
	enter(v);
	if (machine.version == 2) {
		return fake_gic_ack();
	}
	return fake_gic_ack_group(1);
}

void eoi(unsigned v, uint32_t value)
{
	enter(v);
	fake_gic_eoi(value);
}

void fire_timer(unsigned v, unsigned intid)
{
	fake_set_cpu(v);
	assert_false(fake_gic_is_physical_active(intid));
	fake_gic_set_physical_active(intid, true);
	vgic_raise_hw(&machine, v, intid, intid);
	vgic_flush(&machine, v);
}

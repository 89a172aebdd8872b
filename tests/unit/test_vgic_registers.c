/* SPDX-License-Identifier: Apache-2.0 */
/* The registers of both virtual GICs as a guest finds them: first state, widths, fields, reserved space. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vgic_machine.h"

#define RD_BASE(v) ((v) * AETHER_GUEST_GICR_STRIDE)
#define SGI_BASE(v) (RD_BASE(v) + 0x10000)

static enum exit_action try_dist(uint64_t offset, unsigned bytes, bool is_write)
{
	uint64_t value = 0;

	return vgic_dist_access(&machine, 0, offset, bytes, is_write, &value);
}

static enum exit_action try_redist(uint64_t offset, unsigned bytes, bool is_write)
{
	uint64_t value = 0;

	return vgic_redist_access(&machine, 0, offset, bytes, is_write, &value);
}

static uint64_t redist_read(uint64_t offset, unsigned bytes)
{
	uint64_t value = UINT64_C(0xdeadbeefdeadbeef);

	assert_int_equal(vgic_redist_access(&machine, 0, offset, bytes, false, &value),
			 EXIT_ADVANCE);
	return value;
}

static void redist_write(uint64_t offset, unsigned bytes, uint64_t value)
{
	assert_int_equal(vgic_redist_access(&machine, 0, offset, bytes, true, &value), EXIT_ADVANCE);
}

static void v2_starts_as_the_architecture_says(void **state)
{
	(void)state;
	machine_start_cold(2, 4, 4);
	assert_int_equal(dist_read(0, GICD_CTLR, 4), 0);
	assert_int_equal(dist_read(0, GICD_TYPER, 4), 3 << 5 | 7); /* four CPUs, 256 INTIDs, one state */
	assert_int_equal(dist_read(0, GICD_ICPIDR2, 4) >> 4 & 0xf, 2);
	assert_int_equal(dist_read(0, GICD_IIDR, 4) & 0xfff, 0x43b);
	for (unsigned word = 0; word < 8; word++) {
		/* SGIs are always enabled. */
		assert_int_equal(dist_read(0, GICD_ISENABLER + 4 * word, 4), word == 0 ? 0xffff : 0);
		assert_int_equal(dist_read(0, GICD_IGROUPR + 4 * word, 4), 0);
		assert_int_equal(dist_read(0, GICD_ISPENDR + 4 * word, 4), 0);
		assert_int_equal(dist_read(0, GICD_ISACTIVER + 4 * word, 4), 0);
	}
	for (unsigned at = 0; at < 256; at += 4) {
		assert_int_equal(dist_read(0, GICD_IPRIORITYR + at, 4), 0);
		assert_int_equal(dist_read(0, GICD_ITARGETSR + at, 4), at < 32 ? 0x01010101 : 0);
	}
	assert_int_equal(dist_read(0, GICD_ICFGR, 4), 0xaaaaaaaa);
	assert_int_equal(dist_read(0, GICD_ICFGR + 4, 4), 0);
	assert_int_equal(dist_read(0, GICD_NSACR, 4), 0);
	dist_write(0, GICD_NSACR, 4, ~0u);
	assert_int_equal(dist_read(0, GICD_NSACR, 4), 0);
	assert_int_equal(machine.cpu[0].hcr, VGIC_HCR_EN);
	assert_false(vgic_has_pending(&machine, 1));
}

static void v3_starts_as_the_architecture_says(void **state)
{
	(void)state;
	machine_start_cold(3, 4, 4);
	assert_int_equal(dist_read(0, GICD_CTLR, 4), BIT(4) | BIT(6)); /* ARE, DS; RWP is 0 */
	assert_int_equal(dist_read(0, GICD_TYPER, 4), BIT(25) | 9 << 19 | 7);
	assert_int_equal(dist_read(0, GICD_PIDR2, 4) >> 4 & 0xf, 3);
	assert_int_equal(dist_read(0, GICD_IIDR, 4) & 0xfff, 0x43b);
	for (unsigned v = 0; v < 4; v++) {
		const uint64_t typer = (uint64_t)v << 32 | v << 8 | (v == 3 ? BIT(4) : 0);
		assert_int_equal(redist_read(RD_BASE(v) + 8, 8), typer);
		assert_int_equal(redist_read(RD_BASE(v) + 8, 4), typer & UINT32_MAX);
		assert_int_equal(redist_read(RD_BASE(v) + 12, 4), typer >> 32);
		assert_int_equal(redist_read(RD_BASE(v), 4), 0);
		assert_int_equal(redist_read(RD_BASE(v) + 0x14, 4), 6); /* asleep, and its children */
		redist_write(RD_BASE(v) + 0x14, 4, 0);
		assert_int_equal(redist_read(RD_BASE(v) + 0x14, 4), 0);
		redist_write(RD_BASE(v) + 0x14, 4, 2);
		assert_int_equal(redist_read(RD_BASE(v) + 0x14, 4), 6);
		assert_int_equal(redist_read(RD_BASE(v) + 0xffe8, 4) >> 4 & 0xf, 3);
		assert_int_equal(redist_read(SGI_BASE(v) + GICD_ISENABLER, 4), 0);
		assert_int_equal(redist_read(SGI_BASE(v) + GICD_IGROUPR, 4), UINT32_MAX);
		assert_int_equal(redist_read(SGI_BASE(v) + GICD_ICFGR, 4), 0xaaaaaaaa);
		assert_int_equal(redist_read(SGI_BASE(v) + GICD_ICFGR + 4, 4), 0);
	}
	/* With affinity routing the distributor has no private interrupts, targets or SGIs of its own. */
	dist_write(0, GICD_ISENABLER, 4, UINT32_MAX);
	assert_int_equal(dist_read(0, GICD_ISENABLER, 4), 0);
	assert_int_equal(redist_read(SGI_BASE(0) + GICD_ISENABLER, 4), 0);
	dist_write(0, GICD_ITARGETSR + 32, 4, UINT32_MAX);
	assert_int_equal(dist_read(0, GICD_ITARGETSR + 32, 4), 0);
	dist_write(0, GICD_IPRIORITYR + 4, 4, UINT32_MAX);
	assert_int_equal(dist_read(0, GICD_IPRIORITYR + 4, 4), 0);
	dist_write(0, GICD_SGIR, 4, SGIR_TO_SELF);
	assert_int_equal(redist_read(SGI_BASE(0) + GICD_ISPENDR, 4), 0);
}

static void only_the_widths_that_exist_are_let_through(void **state)
{
	static const struct {
		uint64_t offset;
		unsigned widths;
	} v2[] = {
		{GICD_CTLR, 4},	      {GICD_IGROUPR, 4},	   {GICD_ISENABLER + 4, 4},
		{GICD_ICENABLER, 4},  {GICD_ISPENDR + 28, 4},	   {GICD_ICACTIVER, 4},
		{GICD_IPRIORITYR, 5}, {GICD_IPRIORITYR + 255, 1}, {GICD_IPRIORITYR + 1020, 5},
		{GICD_ITARGETSR, 5},  {GICD_ITARGETSR + 33, 1},	   {GICD_ICFGR + 8, 4},
		{GICD_NSACR, 4},      {GICD_CPENDSGIR + 1, 1},	   {GICD_SPENDSGIR + 4, 5},
		{GICD_ICPIDR2, 4},    {0x1000, 4},		   {0xfffc, 4},
	}, v3[] = {
		{GICD_TYPER, 4},      {GICD_IROUTER + 32 * 8, 12}, {GICD_IROUTER + 32 * 8 + 4, 4},
		{GICD_PIDR2, 4},      {GICD_IPRIORITYR + 64, 5},   {GICD_ITARGETSR, 5},
		{0x8000, 4},	      {GICD_ICFGR + 8, 4},
	}, redist[] = {
		{0x0, 12},		    {0x8, 12}, {0xc, 4}, {0x14, 4},
		{0x10000 + GICD_ISPENDR, 4}, {0x10000 + GICD_IPRIORITYR + 31, 1},
		{0x10000 + GICD_IPRIORITYR, 5}, {0xffe8, 4}, {0x80, 4},
	};

	(void)state;
	for (unsigned bytes = 1; bytes <= 8; bytes *= 2) {
		for (unsigned write = 0; write < 2; write++) {
			machine_start_cold(2, 2, 4);
			for (unsigned n = 0; n < ARRAY_COUNT(v2); n++) {
				assert_int_equal(try_dist(v2[n].offset, bytes, write != 0),
						 (v2[n].widths & bytes) != 0 ? EXIT_ADVANCE :
									       EXIT_INJECT_ABORT);
			}
			machine_start_cold(3, 2, 4);
			for (unsigned n = 0; n < ARRAY_COUNT(v3); n++) {
				assert_int_equal(try_dist(v3[n].offset, bytes, write != 0),
						 (v3[n].widths & bytes) != 0 ? EXIT_ADVANCE :
									       EXIT_INJECT_ABORT);
			}
			for (unsigned n = 0; n < ARRAY_COUNT(redist); n++) {
				assert_int_equal(try_redist(redist[n].offset, bytes, write != 0),
						 (redist[n].widths & bytes) != 0 ?
							 EXIT_ADVANCE :
							 EXIT_INJECT_ABORT);
			}
		}
	}
	/* Alignment; and there is no redistributor of a third vCPU, nor any of a GICv2. */
	assert_int_equal(try_dist(GICD_CTLR + 2, 4, false), EXIT_INJECT_ABORT);
	assert_int_equal(try_redist(RD_BASE(2), 4, false), EXIT_INJECT_ABORT);
	assert_int_equal(try_redist(~UINT64_C(3), 4, true), EXIT_INJECT_ABORT);
	machine_start_cold(2, 2, 4);
	assert_int_equal(try_redist(RD_BASE(0), 4, false), EXIT_INJECT_ABORT);
}

/* Every aligned word of each frame can be read and written with anything, and nothing breaks. */
static void any_access_is_survived(void **state)
{
	(void)state;
	for (unsigned version = 2; version <= 3; version++) {
		machine_start(version, 2, 2);
		for (uint64_t offset = 0; offset < 0x10000; offset += 4) {
			uint64_t value = UINT32_MAX;
			fake_set_cpu(0);
			assert_int_not_equal(vgic_dist_access(&machine, 0, offset, 4, true, &value),
					     EXIT_RETRY);
			vgic_flush(&machine, 0);
			enter(1);
			enter(0);
			assert_int_equal(try_dist(offset, 4, false), EXIT_ADVANCE);
		}
		for (uint64_t offset = 0; offset < RD_BASE(2) && version == 3; offset += 4) {
			uint64_t value = UINT32_MAX;
			fake_set_cpu(0);
			assert_int_equal(vgic_redist_access(&machine, 0, offset, 4, true, &value),
					 EXIT_ADVANCE);
			vgic_flush(&machine, 0);
			enter(1);
			enter(0);
		}
		fake_gic_check();
	}
}

static void v2_banks_what_is_private(void **state)
{
	(void)state;
	machine_start(2, 3, 4);
	dist_write(0, GICD_IPRIORITYR + 27, 1, 0x47);
	dist_write(1, GICD_IPRIORITYR + 27, 1, 0x80);
	dist_write(0, GICD_ISENABLER, 4, BIT(27));
	assert_int_equal(dist_read(0, GICD_IPRIORITYR + 27, 1), 0x40); /* five bits of priority */
	assert_int_equal(dist_read(1, GICD_IPRIORITYR + 24, 4), 0x80000000);
	assert_int_equal(dist_read(0, GICD_ISENABLER, 4), BIT(27) | 0xffff);
	assert_int_equal(dist_read(1, GICD_ICENABLER, 4), 0xffff);
	dist_write(0, GICD_ICENABLER, 4, UINT32_MAX);
	assert_int_equal(dist_read(0, GICD_ISENABLER, 4), 0xffff);
	assert_int_equal(dist_read(1, GICD_ITARGETSR + 4, 4), 0x02020202);
	dist_write(1, GICD_ITARGETSR + 4, 4, 0x01010101);
	assert_int_equal(dist_read(2, GICD_ITARGETSR + 31, 1), 4);
	/* SPIs are the same for all; vCPUs that do not exist are not targets. */
	dist_write(1, GICD_ITARGETSR + 32, 4, 0xff020100);
	assert_int_equal(dist_read(0, GICD_ITARGETSR + 32, 4), 0x07020100);
	dist_write(1, GICD_ITARGETSR + 33, 1, 4);
	assert_int_equal(dist_read(0, GICD_ITARGETSR + 32, 4), 0x07020400);
	/* SGIs' pending state is written by source, not by ISPENDR. */
	dist_write(0, GICD_ISPENDR, 4, 0xffff);
	assert_int_equal(dist_read(0, GICD_ISPENDR, 4), 0);
	/* Configuration: SPIs only. */
	dist_write(0, GICD_ICFGR, 4, 0);
	dist_write(0, GICD_ICFGR + 4, 4, UINT32_MAX);
	dist_write(0, GICD_ICFGR + 8, 4, UINT32_MAX);
	assert_int_equal(dist_read(0, GICD_ICFGR, 4), 0xaaaaaaaa);
	assert_int_equal(dist_read(0, GICD_ICFGR + 4, 4), 0);
	assert_int_equal(dist_read(0, GICD_ICFGR + 8, 4), 0xaaaaaaaa);
}

static void one_vcpu_needs_no_targets(void **state)
{
	(void)state;
	machine_start(2, 1, 4);
	assert_int_equal(dist_read(0, GICD_ITARGETSR + 32, 4), 0x01010101);
	dist_write(0, GICD_ISENABLER + 4, 4, BIT(1));
	vgic_set_level(&machine, 0, 33, true);
	assert_int_equal(ack(0), 33);
}

static void v3_routes_by_affinity(void **state)
{
	(void)state;
	machine_start(3, 3, 4);
	dist_write(0, GICD_IROUTER + 40 * 8, 8, BIT(31) | 2); /* 1-of-N does not exist */
	assert_int_equal(dist_read(0, GICD_IROUTER + 40 * 8, 8), 2);
	dist_write(0, GICD_IROUTER + 40 * 8, 4, 0x010203);
	assert_int_equal(dist_read(0, GICD_IROUTER + 40 * 8, 4), 0x010203);
	assert_int_equal(dist_read(0, GICD_IROUTER + 40 * 8 + 4, 4), 0);
	dist_write(0, GICD_ISENABLER + 4, 4, BIT(8));
	vgic_set_level(&machine, 0, 40, true);
	for (unsigned v = 0; v < 3; v++) {
		assert_int_equal(ack(v), FAKE_GIC_SPURIOUS);
	}
	dist_write(0, GICD_IROUTER + 40 * 8, 8, 1);
	assert_true(was_kicked[1]);
	assert_int_equal(ack(1), 40);
	assert_int_equal(dist_read(0, GICD_IROUTER, 8), 0);
}

static void v3_sgis_go_by_affinity_list(void **state)
{
	static const struct {
		uint64_t value;
		bool is_group1;
		uint32_t pending; /* at which vCPUs */
	} cases[] = {
		{UINT64_C(5) << 24 | 0x000d, true, 0xd}, /* vCPU 0, 2, 3 */
		{UINT64_C(5) << 24 | 0xfff0, true, 0}, /* nobody */
		{UINT64_C(5) << 24 | BIT(40) | 0x2, true, 0xe}, /* all but itself */
		{UINT64_C(5) << 24 | BIT(16) | 0xf, true, 0}, /* Aff1 */
		{UINT64_C(5) << 24 | BIT(32) | 0xf, true, 0}, /* Aff2 */
		{UINT64_C(5) << 24 | BIT(48) | 0xf, true, 0}, /* Aff3 */
		{UINT64_C(5) << 24 | BIT(44) | 0xf, true, 0}, /* RS: 16 and up */
		{UINT64_C(5) << 24 | 0xf, false, 0x2}, /* group 0 register: only where it is in group 0 */
	};

	(void)state;
	for (unsigned n = 0; n < ARRAY_COUNT(cases); n++) {
		machine_start(3, 4, 4);
		private_write(0, 1, GICD_IGROUPR, 4, ~BIT(5) & UINT32_MAX);
		fake_set_cpu(0);
		vgic_sgi_register(&machine, 0, cases[n].value, cases[n].is_group1);
		vgic_flush(&machine, 0);
		for (unsigned v = 0; v < 4; v++) {
			enter(v);
			assert_int_equal(private_read(v, v, GICD_ISPENDR, 4),
					 (cases[n].pending & BIT(v)) != 0 ? BIT(5) : 0);
		}
	}
}

static void v2_sgir_filters_targets(void **state)
{
	static const struct {
		uint32_t value;
		uint32_t pending;
	} cases[] = {
		{SGIR_TO_LIST | 0xfd0000 | 3, 0xd}, {SGIR_TO_OTHERS | 0xff0000 | 3, 0xd},
		{SGIR_TO_SELF | 0xff0000 | 3, 0x2}, {3u << 24 | 0xff0000 | 3, 0},
		{SGIR_TO_LIST | 3, 0},
	};

	(void)state;
	for (unsigned n = 0; n < ARRAY_COUNT(cases); n++) {
		machine_start(2, 4, 4);
		dist_write(1, GICD_SGIR, 4, cases[n].value);
		assert_int_equal(dist_read(1, GICD_SGIR, 4), 0);
		for (unsigned v = 0; v < 4; v++) {
			const bool is_pending = (cases[n].pending & BIT(v)) != 0;
			assert_int_equal(ack(v), is_pending ? 1 << 10 | 3 : FAKE_GIC_SPURIOUS);
		}
	}
}

static void v2_sgi_sources_can_be_read_set_and_cleared(void **state)
{
	(void)state;
	machine_start(2, 4, 4);
	dist_write(2, GICD_SGIR, 4, SGIR_TO_LIST | 0x010000 | 3);
	dist_write(3, GICD_SGIR, 4, SGIR_TO_LIST | 0x010000 | 3);
	enter(0);
	assert_int_equal(dist_read(0, GICD_SPENDSGIR, 4), 0x0c000000);
	assert_int_equal(dist_read(0, GICD_CPENDSGIR + 3, 1), 0x0c);
	assert_int_equal(dist_read(1, GICD_CPENDSGIR, 4), 0);
	dist_write(0, GICD_CPENDSGIR + 3, 1, 0x04);
	dist_write(0, GICD_SPENDSGIR + 4, 4, 0x0000ff00); /* SGI 5, from the four that exist */
	assert_int_equal(dist_read(0, GICD_SPENDSGIR + 5, 1), 0x0f);
	assert_int_equal(dist_read(0, GICD_ISPENDR, 4), BIT(3) | BIT(5));
	dist_write(0, GICD_CPENDSGIR + 4, 4, 0xffffffff);
	assert_int_equal(ack(0), 3 << 10 | 3);
	assert_int_equal(dist_read(0, GICD_CPENDSGIR + 3, 1), 0);
	eoi(0, 3 << 10 | 3);
	assert_int_equal(ack(0), FAKE_GIC_SPURIOUS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(v2_starts_as_the_architecture_says),
		cmocka_unit_test(v3_starts_as_the_architecture_says),
		cmocka_unit_test(only_the_widths_that_exist_are_let_through),
		cmocka_unit_test(any_access_is_survived),
		cmocka_unit_test(v2_banks_what_is_private),
		cmocka_unit_test(one_vcpu_needs_no_targets),
		cmocka_unit_test(v3_routes_by_affinity),
		cmocka_unit_test(v3_sgis_go_by_affinity_list),
		cmocka_unit_test(v2_sgir_filters_targets),
		cmocka_unit_test(v2_sgi_sources_can_be_read_set_and_cleared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

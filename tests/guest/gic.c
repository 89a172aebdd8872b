/* SPDX-License-Identifier: Apache-2.0 */
/* The interrupt controller, GICv2 or GICv3 as the device tree says: the cases are in gic_*.c. */
#include "guest/gic_cases.h"
#include "guest/lib/cpu.h"
#include "guest/lib/report.h"

unsigned take(uint32_t *iar)
{
	if (!wait_for(is_irq_signalled(), 1000)) {
		return GIC_INTID_SPURIOUS;
	}
	*iar = gic_acknowledge();
	return gic_intid(*iar);
}

unsigned take_and_end(void)
{
	uint32_t iar;
	const unsigned intid = take(&iar);
	if (intid < GIC_INTID_SPECIAL) {
		gic_end(iar);
	}
	return intid;
}

bool is_quiet(void)
{
	return !is_irq_signalled() && gic_intid(gic_acknowledge()) == GIC_INTID_SPURIOUS;
}

void guest_main(void)
{
	gic_init();
	report(is_quiet(), "nothing is pending after reset");
	check_identity();
	check_registers();
	check_delivery();
	check_priorities();
	check_overflow();
	check_cpus();
	report(is_quiet(), "nothing is pending at the end");
}

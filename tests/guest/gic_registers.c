/* SPDX-License-Identifier: Apache-2.0 */
/* What the distributor and the redistributors say about themselves, and that their registers keep what they are
 * told. */
#include "guest/gic_cases.h"
#include "guest/lib/cpu.h"
#include "guest/lib/psci.h"
#include "guest/lib/report.h"
#include "guest/lib/trap.h"

#define SPI GIC_FREE_SPI

static void check_redistributors(void)
{
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++) {
		const uint64_t base = gicr_base(cpu);
		const uint64_t type = base != 0 ? *(volatile uint64_t *)(base + GICR_TYPER) : 0;
		report(base != 0 && type >> 32 == cpu && (type >> 8 & 0xffff) == cpu &&
			       ((type & 0x10) != 0) == (cpu == cpu_count() - 1),
		       "GICR_TYPER of cpu %u: affinity, number, last", cpu);
		report_equal(base != 0 ? *(volatile uint32_t *)(base + GICR_PIDR2) >> 4 & 0xf : 0,
			     3, "GICR_PIDR2 of cpu %u: architecture 3", cpu);
	}
	report_equal(read_sysreg(ICC_SRE_EL1) & 1, 1, "ICC_SRE_EL1.SRE is one");
	report_equal(gicd_read(GICD_CTLR) & 0x52, 0x52,
		     "GICD_CTLR: affinity routing, group 1, one security state");
	report_equal(gicd_read(GICD_ITARGETSR + SPI), 0,
		     "GICD_ITARGETSR is RAZ with affinity routing");
	volatile uint64_t *const router =
		(volatile uint64_t *)(gic_dist_base() + GICD_IROUTER + SPI * 8);
	*router = cpu_count() - 1;
	report_equal(*router, cpu_count() - 1, "GICD_IROUTER keeps the affinity");
	*(volatile uint32_t *)router = 0;
	report_equal(*(volatile uint32_t *)router, 0, "GICD_IROUTER takes a 32-bit write");
}

void check_identity(void)
{
	const uint32_t type = gicd_read(GICD_TYPER);
	report((type & 0x1f) >= 3, "GICD_TYPER: %u interrupts", ((type & 0x1f) + 1) * 32);
	if (gic_version() == 3) {
		report((type >> 19 & 0x1f) >= 7, "GICD_TYPER: at least 8 INTID bits");
		report_equal(gicd_read(GICD_V3_PIDR2) >> 4 & 0xf, 3, "GICD_PIDR2: architecture 3");
		check_redistributors();
		return;
	}
	report_equal((type >> 5 & 7) + 1, cpu_count(), "GICD_TYPER: the number of CPUs");
	report_equal(gicd_read(GICD_V2_PIDR2) >> 4 & 0xf, 2, "GICD_PIDR2: architecture 2");
	const uint32_t self = gicd_read(GICD_ITARGETSR);
	report(self == 0x01010101 || (cpu_count() == 1 && self == 0),
	       "GICD_ITARGETSR0 names this CPU");
	gicd_write(GICD_ITARGETSR, 0);
	report_equal(gicd_read(GICD_ITARGETSR), self, "and cannot be written");
	report_equal(gicc_read(GICC_IIDR) >> 16 & 0xf, 2, "GICC_IIDR: architecture 2");
	if (cpu_count() > 1) {
		gicd_write8(GICD_ITARGETSR + SPI, 2);
		report_equal(gicd_read8(GICD_ITARGETSR + SPI), 2, "GICD_ITARGETSR keeps a byte");
		gicd_write(GICD_ITARGETSR + SPI, ~0u);
		if (is_under_aether()) {
			report_equal(gicd_read8(GICD_ITARGETSR + SPI + 3), (1u << cpu_count()) - 1,
				     "bits of CPUs that do not exist are zero");
		}
		gicd_write(GICD_ITARGETSR + SPI, 0x01010101);
	}
}

static void check_enables(void)
{
	volatile uint32_t *const set = gic_word(GICD_ISENABLER, SPI, 1);
	volatile uint32_t *const clear = gic_word(GICD_ICENABLER, SPI, 1);
	*set = 0xffff0000;
	*clear = 0x0f0f0f0f;
	report_equal(*set, 0xf0f00000, "enables of SPIs: set and clear single bits");
	report_equal(*clear, 0xf0f00000, "both registers read the same");
	*set = 0;
	report_equal(*set, 0xf0f00000, "writing zeros changes nothing");
	*clear = ~0u;
	report_equal(*set, 0, "all cleared");
	gic_set_enabled(27, true);
	report(gic_is_enabled(27), "a private interrupt can be enabled");
	gic_set_enabled(27, false);
	report(!gic_is_enabled(27), "and disabled");
}

static void check_priority_registers(void)
{
	for (unsigned i = 0; i < 4; i++) {
		gic_set_priority(SPI + i, (uint8_t)(0x10 + 0x40 * i));
	}
	report_equal(*gic_word(GICD_IPRIORITYR, SPI, 8), 0xd0905010,
		     "four bytes of priority read as one word");
	*gic_word(GICD_IPRIORITYR, SPI, 8) = 0x20406080;
	report(gic_get_priority(SPI) == 0x80 && gic_get_priority(SPI + 3) == 0x20,
	       "a word of priorities reads as bytes");
	gic_set_priority(3, 0x30);
	report(gic_get_priority(3) == 0x30 && gic_get_priority(2) == 0xa0,
	       "priority of an SGI, its neighbour untouched");
	gic_set_priority(3, 0xff);
	const uint8_t widest = gic_get_priority(3);
	report((widest & 0xf0) == 0xf0, "at least 16 levels of priority (0x%x)", widest);
	gic_set_priority(3, 0xa0);
}

static void check_config(void)
{
	gic_set_edge(SPI + 1, true);
	report(((*gic_word(GICD_ICFGR, SPI + 1, 2) >> (SPI + 1) % 16 * 2) & 2) == 2,
	       "an SPI can be edge");
	gic_set_edge(SPI + 1, false);
	report(((*gic_word(GICD_ICFGR, SPI + 1, 2) >> (SPI + 1) % 16 * 2) & 2) == 0, "or level");
	report_equal(*gic_word(GICD_ICFGR, 0, 2) & 0xaaaaaaaa, 0xaaaaaaaa, "SGIs are edge");
	*gic_word(GICD_ICFGR, 0, 2) = 0;
	report_equal(*gic_word(GICD_ICFGR, 0, 2) & 0xaaaaaaaa, 0xaaaaaaaa, "and stay so");
}

static void check_latches(void)
{
	gic_set_pending(SPI, true);
	report(gic_is_pending(SPI), "GICD_ISPENDR makes pending");
	gic_set_pending(SPI, false);
	report(!gic_is_pending(SPI), "GICD_ICPENDR clears");
	gic_set_active(SPI, true);
	report(gic_is_active(SPI), "GICD_ISACTIVER makes active");
	gic_set_active(SPI, false);
	report(!gic_is_active(SPI), "GICD_ICACTIVER clears");
	report(is_quiet(), "a disabled interrupt that is pending or active is not signalled");
}

/* Reserved words read as zero and ignore writes; no access to the frame ends in anything else. */
static void check_reserved(void)
{
	uint32_t any = 0;
	for (uint32_t offset = 0xe00; offset < 0xf00; offset += 4) {
		if (gic_version() == 2) {
			gicd_write(offset, ~0u);
			any |= gicd_read(offset);
		}
	}
	for (uint32_t offset = 0x020; offset < 0x040; offset += 4) {
		any |= gicd_read(offset);
	}
	report_equal(any, 0, "reserved registers are RAZ/WI");
	const uint32_t type = gicd_read(GICD_TYPER);
	gicd_write(GICD_TYPER, ~type);
	report_equal(gicd_read(GICD_TYPER), type, "GICD_TYPER is read-only");
	const unsigned count = ((type & 0x1f) + 1) * 32;
	if (count < 1020) {
		*gic_word(GICD_ISENABLER, count, 1) = ~0u;
		report_equal(*gic_word(GICD_ISENABLER, count, 1), 0,
			     "interrupts behind the last do not exist");
	}
}

void check_registers(void)
{
	check_enables();
	check_priority_registers();
	check_config();
	check_latches();
	check_reserved();
	gic_init();
}

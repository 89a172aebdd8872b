/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one interrupt: pending, signalled, acknowledged, ended; by edge, by level, by hand; polled and by
 * vector. */
#include "guest/gic_cases.h"
#include "guest/lib/cpu.h"
#include "guest/lib/report.h"
#include "guest/lib/trap.h"
#include "guest/lib/uart.h"

#define SPI GIC_FREE_SPI
#define SGI 3u
#define VECTOR_ROUNDS 1000u

static void check_life(void)
{
	uint32_t iar = 0;
	prepare(SPI, 0x80);
	gic_set_pending(SPI, true);
	report(wait_for(is_irq_signalled(), 1000), "pending and enabled is signalled");
	report_equal(gic_highest_pending(), SPI, "HPPIR names it");
	report_equal(take(&iar), SPI, "IAR acknowledges it");
	report(gic_is_active(SPI) && !gic_is_pending(SPI), "it is active and no longer pending");
	report_equal(gic_running_priority() & 0xf0, 0x80, "RPR is its priority");
	report(is_quiet(), "nothing more is signalled");
	gic_end(iar);
	report(!gic_is_active(SPI), "EOIR makes it inactive");
	report_equal(gic_running_priority(), 0xff, "RPR is idle again");
	report(is_quiet(), "and it does not come again");
}

static void check_edge(void)
{
	uint32_t iar = 0;
	gic_set_pending(SPI, true);
	gic_set_pending(SPI, true);
	report_equal(take_and_end(), SPI, "an edge that came twice is taken");
	report(is_quiet(), "once");
	gic_set_pending(SPI, true);
	take(&iar);
	gic_set_pending(SPI, true);
	report(gic_is_active(SPI) && gic_is_pending(SPI),
	       "an edge during service: active and pending");
	report(is_quiet(), "it waits for the end of the first");
	gic_end(iar);
	report_equal(take_and_end(), SPI, "and comes after it");
	report(is_quiet(), "once again");
	gic_set_pending(SPI, true);
	gic_set_pending(SPI, false);
	report(is_quiet(), "a pending interrupt can be withdrawn");
	gic_set_pending(SPI, true);
	take(&iar);
	gic_set_pending(SPI, true);
	gic_set_pending(SPI, false);
	gic_end(iar);
	report(is_quiet(), "also while it is active");
}

static void check_enable_toggles(void)
{
	uint32_t iar = 0;
	gic_set_enabled(SPI, false);
	gic_set_pending(SPI, true);
	report(is_quiet(), "not signalled while disabled");
	gic_set_enabled(SPI, true);
	report(wait_for(is_irq_signalled(), 1000), "signalled once enabled");
	gic_set_enabled(SPI, false);
	report(is_quiet() && gic_is_pending(SPI), "withdrawn by disabling, still pending");
	gic_set_enabled(SPI, true);
	report_equal(take(&iar), SPI, "taken once enabled again");
	gic_set_enabled(SPI, false);
	report(gic_is_active(SPI), "disabling does not deactivate");
	gic_end(iar);
	report(!gic_is_active(SPI), "the end does");
	gic_set_enabled(SPI, true);
	gic_set_pending(SPI, true);
	gic_set_interface_enabled(false);
	report(!is_irq_signalled(), "not signalled while the CPU interface is off");
	gic_set_interface_enabled(true);
	report(wait_for(is_irq_signalled(), 1000), "signalled when it is on again");
	const uint32_t ctlr = gicd_read(GICD_CTLR);
	gicd_write(GICD_CTLR, ctlr & ~3u);
	report(wait_for(!is_irq_signalled(), 1000), "not signalled while the distributor is off");
	gicd_write(GICD_CTLR, ctlr);
	report_equal(take_and_end(), SPI, "taken when it is on again");
}

static void check_active_by_hand(void)
{
	gic_set_active(SPI, true);
	gic_set_pending(SPI, true);
	report(is_quiet(), "active by ISACTIVER: a new edge is not signalled");
	gic_set_active(SPI, false);
	report_equal(take_and_end(), SPI, "inactive by ICACTIVER: it is");
	uint32_t iar = 0;
	gic_set_pending(SPI, true);
	take(&iar);
	gic_set_active(SPI, false);
	gic_set_pending(SPI, true);
	report(!gic_is_active(SPI), "an acknowledged interrupt can be made inactive by hand");
	gic_end(iar);
	report_equal(take_and_end(), SPI, "and comes again after the priority drop");
	report(is_quiet() && !gic_is_active(SPI), "nothing is left of it");
}

static void check_split_end(void)
{
	uint32_t first = 0;
	uint32_t second = 0;
	prepare(SPI + 1, 0x80);
	gic_set_split_end(true);
	gic_set_pending(SPI, true);
	take(&first);
	gic_end(first);
	report(gic_is_active(SPI), "EOImode 1: the end drops the priority only");
	report_equal(gic_running_priority(), 0xff, "RPR is idle");
	gic_set_pending(SPI, true);
	report(is_quiet(), "itself it cannot come while it is active");
	gic_set_pending(SPI + 1, true);
	report_equal(take(&second), SPI + 1, "another of the same priority can");
	gic_end(second);
	gic_deactivate(first);
	report(!gic_is_active(SPI) && gic_is_active(SPI + 1), "DIR makes inactive, in any order");
	report_equal(take(&first), SPI, "and what was pending comes");
	gic_deactivate(second);
	gic_end(first);
	gic_deactivate(first);
	report(is_quiet() && !gic_is_active(SPI) && !gic_is_active(SPI + 1), "all are idle");
	gic_set_split_end(false);
}

/* The transmit interrupt of the PL011: a level that the guest itself raises and lowers. */
static void check_level(void)
{
	uint32_t iar = 0;
	uart_write(UART_ICR, 0x7ff);
	report_note("these bytes raise the transmit interrupt");
	report(wait_for((uart_read(UART_RIS) & UART_INT_TX) != 0, 1000),
	       "the transmit interrupt rises");
	prepare(UART_INTID, 0x80);
	gic_set_edge(UART_INTID, false);
	report(is_quiet() && (uart_read(UART_MIS) & UART_INT_TX) == 0,
	       "masked in the UART: no interrupt");
	uart_write(UART_IMSC, UART_INT_TX);
	report_equal(take(&iar), UART_INTID, "unmasked: SPI 1 is signalled");
	const bool is_both = gic_is_active(UART_INTID) && gic_is_pending(UART_INTID);
	gic_end(iar);
	const unsigned again = take(&iar);
	uart_write(UART_IMSC, 0);
	gic_end(iar);
	report(is_both, "a level stays pending while it is active");
	report_equal(again, UART_INTID, "and is taken again while it stays high");
	report(is_quiet() && !gic_is_pending(UART_INTID), "the source is lowered: gone");
	uart_write(UART_IMSC, UART_INT_TX);
	gic_set_pending(UART_INTID, false);
	const bool is_kept = gic_is_pending(UART_INTID);
	uart_write(UART_IMSC, 0);
	report(is_kept, "ICPENDR does not clear a level that is high");
	report(is_quiet(), "a level that falls before it is acknowledged is gone");
	uart_write(UART_IMSC, UART_INT_TX);
	uart_write(UART_ICR, UART_INT_TX);
	const bool is_cleared = (uart_read(UART_RIS) & UART_INT_TX) == 0;
	uart_write(UART_IMSC, 0);
	report(is_cleared && is_quiet(), "UARTICR lowers it");
	gic_set_pending(UART_INTID, true);
	report_equal(take_and_end(), UART_INTID, "ISPENDR makes a level interrupt pending once");
	report(is_quiet(), "and only once");
	gic_set_enabled(UART_INTID, false);
}

static volatile unsigned last_intid;

static void remember(uint32_t intid, uint32_t iar)
{
	(void)iar;
	last_intid = intid;
}

static void check_vector(void)
{
	irq_set_handler(remember);
	prepare(SGI, 0x80);
	irq_enable();
	bool ok = true;
	for (unsigned round = 0; ok && round < VECTOR_ROUNDS; round++) {
		last_intid = GIC_INTID_SPURIOUS;
		gic_send_sgi(SGI, 1u << cpu_index());
		ok = wait_for(last_intid == SGI, 1000);
	}
	irq_disable();
	report(ok && irq_count[0] == VECTOR_ROUNDS, "%u SGIs to itself, each once, by vector",
	       VECTOR_ROUNDS);
	report_equal(irq_spurious_count[0], 0, "none was spurious");
	irq_set_handler(0);
	gic_set_pending(SGI, true);
	report(gic_is_pending(SGI), "an SGI can be made pending by hand");
	gic_set_pending(SGI, false);
	report(is_quiet(), "and withdrawn");
	gic_set_pending(SGI, true);
	report_equal(take_and_end(), SGI, "and taken");
}

void check_delivery(void)
{
	check_life();
	check_edge();
	check_enable_toggles();
	check_active_by_hand();
	check_split_end();
	check_level();
	check_vector();
	gic_init();
}

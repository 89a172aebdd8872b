/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Priorities, masks and preemption; and more interrupts at once, pending or active, than the hardware under a
 * hypervisor has list registers (4 on a GIC-400), so that some of them live in software.
 */
#include "guest/gic_cases.h"
#include "guest/lib/cpu.h"
#include "guest/lib/report.h"
#include "guest/lib/trap.h"

#define SPI GIC_FREE_SPI
#define MANY 24u
#define NESTED 14u

static void check_order(void)
{
	static const uint8_t priorities[] = {0xc0, 0x40, 0x90, 0x10, 0x70};
	static const unsigned order[] = {3, 1, 4, 2, 0};
	for (unsigned i = 0; i < 5; i++) {
		prepare(SPI + i, priorities[i]);
		gic_set_pending(SPI + i, true);
	}
	bool ok = true;
	for (unsigned i = 0; i < 5; i++) {
		ok = take_and_end() == SPI + order[i] && ok;
	}
	report(ok && is_quiet(), "five interrupts are taken by priority");
	gic_set_pending(SPI, true);
	gic_set_pending(SPI + 1, true);
	gic_set_priority(SPI, 0x20);
	report_equal(take_and_end(), SPI, "a priority that rises while pending counts");
	report_equal(take_and_end(), SPI + 1, "the other follows");
}

static void check_mask(void)
{
	prepare(SPI, 0x80);
	gic_set_pending(SPI, true);
	gic_set_mask(0x80);
	report(is_quiet(), "a priority equal to the mask is not signalled");
	gic_set_mask(0x90);
	report(wait_for(is_irq_signalled(), 1000), "a higher one is");
	gic_set_mask(0x10);
	report(is_quiet(), "the mask withdraws it");
	gic_set_mask(0xf0);
	report_equal(take_and_end(), SPI, "and lets it through again");
}

static void check_preemption(void)
{
	uint32_t low = 0;
	uint32_t high = 0;
	prepare(SPI, 0x60);
	prepare(SPI + 1, 0x20);
	prepare(SPI + 2, 0xa0);
	gic_set_pending(SPI, true);
	take(&low);
	gic_set_pending(SPI + 2, true);
	report(is_quiet(), "a lower priority does not preempt");
	gic_set_pending(SPI + 1, true);
	report_equal(take(&high), SPI + 1, "a higher one does");
	report_equal(gic_running_priority() & 0xf0, 0x20, "RPR is the higher");
	gic_end(high);
	report_equal(gic_running_priority() & 0xf0, 0x60, "after its end RPR is the lower");
	report(is_quiet(), "the lowest still waits");
	gic_end(low);
	report_equal(take_and_end(), SPI + 2, "the lowest comes last");
	gic_set_binary_point(7);
	gic_set_pending(SPI, true);
	take(&low);
	gic_set_pending(SPI + 1, true);
	report(is_quiet(), "binary point 7: the same group does not preempt");
	gic_end(low);
	report_equal(take_and_end(), SPI + 1, "it comes after the end");
	gic_set_binary_point(0);
	report_equal(gic_running_priority(), 0xff, "RPR is idle");
}

void check_priorities(void)
{
	check_order();
	check_mask();
	check_preemption();
	gic_init();
}

static uint8_t many_priority(unsigned i)
{
	return (uint8_t)(0x20 + i * 7 % 12 * 0x10);
}

static void pend_many(void)
{
	for (unsigned i = 0; i < MANY; i++) {
		prepare(SPI + i, many_priority(i));
	}
	for (unsigned i = 0; i < MANY; i++) {
		gic_set_pending(SPI + i, true);
	}
}

/* Takes all of them; true if each came once and no priority came after a lower one. */
static bool take_many(void)
{
	uint32_t seen = 0;
	uint8_t last = 0;
	for (unsigned i = 0; i < MANY; i++) {
		const unsigned n = take_and_end() - SPI;
		if (n >= MANY || (seen >> n & 1) != 0 || many_priority(n) < last) {
			report_note("number %u was SPI %u after priority 0x%x", i, n + SPI, last);
			return false;
		}
		seen |= 1u << n;
		last = many_priority(n);
	}
	return seen == (1u << MANY) - 1;
}

static volatile uint32_t seen_by_vector;

static void mark(uint32_t intid, uint32_t iar)
{
	(void)iar;
	const uint32_t bit = intid - SPI < MANY ? 1u << (intid - SPI) : 1u << 31;
	seen_by_vector |= (seen_by_vector & bit) != 0 ? 1u << 31 : bit;
}

static void check_many_pending(void)
{
	pend_many();
	report(take_many() && is_quiet(), "%u interrupts at once: each once, by priority", MANY);
	pend_many();
	for (unsigned i = 0; i < MANY; i += 2) {
		gic_set_pending(SPI + i, false);
	}
	uint32_t seen = 0;
	for (unsigned i = 0; i < MANY / 2; i++) {
		seen |= 1u << ((take_and_end() - SPI) & 31);
	}
	report(seen == 0xaaaaaa && is_quiet(), "half of them withdrawn: the other half comes");
	seen_by_vector = 0;
	irq_set_handler(mark);
	irq_enable();
	pend_many();
	wait_for(seen_by_vector == (1u << MANY) - 1, 2000);
	irq_disable();
	report_equal(seen_by_vector, (1u << MANY) - 1, "each once by vector");
	irq_disable();
	seen_by_vector = 0;
	pend_many();
	irq_enable();
	wait_for(seen_by_vector == (1u << MANY) - 1, 2000);
	irq_disable();
	report_equal(seen_by_vector, (1u << MANY) - 1, "each once by vector when all wait at once");
	irq_set_handler(0);
}

/* Every interrupt preempts the one before: more active than list registers; they end in reverse order. */
static void check_many_nested(void)
{
	uint32_t iar[NESTED];
	bool ok = true;
	for (unsigned i = 0; i < NESTED; i++) {
		prepare(SPI + i, (uint8_t)(0xe0 - i * 0x10));
		gic_set_pending(SPI + i, true);
		ok = take(&iar[i]) == SPI + i && ok;
	}
	report(ok, "%u interrupts nest", NESTED);
	bool is_all_active = true;
	for (unsigned i = 0; i < NESTED; i++) {
		is_all_active = gic_is_active(SPI + i) && is_all_active;
	}
	report(is_all_active, "all of them are active");
	for (unsigned i = NESTED; i-- > 0;) {
		gic_end(iar[i]);
		ok = !gic_is_active(SPI + i) && ok;
		ok = (i == 0 || gic_is_active(SPI + i - 1)) && ok;
	}
	report(ok && is_quiet(), "and end one by one");
	report_equal(gic_running_priority(), 0xff, "RPR is idle");
	pend_many();
	report(take_many() && is_quiet(), "%u more are taken as if nothing had been", MANY);
}

/* EOImode 1: more active with their priority dropped than list registers; deactivated in another order. */
static void check_many_split(void)
{
	uint32_t iar[MANY];
	bool ok = true;
	gic_set_split_end(true);
	for (unsigned i = 0; i < MANY; i++) {
		prepare(SPI + i, 0x80);
		gic_set_pending(SPI + i, true);
		ok = take(&iar[i]) == SPI + i && ok;
		gic_end(iar[i]);
	}
	report(ok && is_quiet(), "EOImode 1: %u acknowledged, none deactivated", MANY);
	for (unsigned i = 0; i < MANY; i++) {
		const unsigned n = i * 5 % MANY;
		ok = gic_is_active(SPI + n) && ok;
		gic_deactivate(iar[n]);
		ok = !gic_is_active(SPI + n) && ok;
	}
	report(ok, "each DIR deactivates the interrupt that it names");
	gic_set_split_end(false);
	bool is_any_active = false;
	for (unsigned i = 0; i < MANY; i++) {
		is_any_active = gic_is_active(SPI + i) || is_any_active;
		gic_set_active(SPI + i, false);
	}
	report(!is_any_active && is_quiet(), "none is left active");
}

void check_overflow(void)
{
	check_many_pending();
	check_many_nested();
	check_many_split();
	gic_init();
}

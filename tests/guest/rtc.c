/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PL031 real-time clock (DDI 0224): it says what it is, counts a second a second, can be set, and interrupts at a
 * match, a CPU that spins and one that sleeps.
 */
#include "guest/lib/cpu.h"
#include "guest/lib/gic.h"
#include "guest/lib/report.h"
#include "guest/lib/trap.h"

#define RTC_BASE UINT64_C(0x09010000)
#define RTC_INTID 34u

enum rtc_register {
	RTC_DR = 0x000,
	RTC_MR = 0x004,
	RTC_LR = 0x008,
	RTC_CR = 0x00c,
	RTC_IMSC = 0x010,
	RTC_RIS = 0x014,
	RTC_MIS = 0x018,
	RTC_ICR = 0x01c,
	RTC_PERIPHID0 = 0xfe0,
};

static uint32_t rtc_read(enum rtc_register offset)
{
	return *(volatile uint32_t *)(RTC_BASE + offset);
}

static void rtc_write(enum rtc_register offset, uint32_t value)
{
	*(volatile uint32_t *)(RTC_BASE + offset) = value;
}

static volatile unsigned interrupts;
static volatile uint32_t seconds_then;

static void on_rtc(uint32_t intid, uint32_t iar)
{
	(void)iar;
	if (intid == RTC_INTID) {
		interrupts = interrupts + 1;
		seconds_then = rtc_read(RTC_DR);
		rtc_write(RTC_ICR, 1);
	}
}

static void check_identity(void)
{
	static const uint8_t id[] = {0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
	bool is_pl031 = true;
	for (unsigned i = 0; i < sizeof(id); i++) {
		const uint32_t value = *(volatile uint32_t *)(RTC_BASE + RTC_PERIPHID0 + 4 * i);
		/* The upper half of the third is the revision. */
		is_pl031 = is_pl031 && (value & (i == 2 ? 0x0f : 0xff)) == id[i];
	}
	report(is_pl031, "a PL031 answers at 0x%lx", RTC_BASE);
	report_equal(rtc_read(RTC_CR) & 1, 1, "it runs");
}

static void check_time(void)
{
	const uint32_t start = 1000000000;
	rtc_write(RTC_LR, start);
	const uint64_t from = ticks_now();
	report(rtc_read(RTC_DR) - start <= 1, "it takes the time that it is given");
	report(wait_for(rtc_read(RTC_DR) - start >= 2, 5000), "it counts");
	const uint64_t took = ticks_now() - from;
	/* QEMU's own counts from its last whole second. */
	report(took > ticks_from_ms(900) && took < ticks_from_ms(2500), "two seconds last %lu ms",
	       took * 1000 / read_sysreg(cntfrq_el0));
}

static void check_match(void)
{
	report_equal(rtc_read(RTC_RIS) & 1, 0, "no match was asked for");
	const uint32_t at = rtc_read(RTC_DR) + 2;
	rtc_write(RTC_MR, at);
	rtc_write(RTC_IMSC, 1);
	report(wait_for(interrupts == 1, 5000), "a match interrupts a CPU that spins");
	report_equal(seconds_then, at, "the time is the match's");
	rtc_write(RTC_MR, at + 1);
	irq_disable();
	while (interrupts == 1) {
		wfi();
		irq_enable();
		isb();
		irq_disable();
	}
	irq_enable();
	report_equal(interrupts, 2, "and one that sleeps");
	report_equal(seconds_then, at + 1, "the time is the match's");
	rtc_write(RTC_IMSC, 0);
	rtc_write(RTC_MR, rtc_read(RTC_DR));
	report(wait_for((rtc_read(RTC_RIS) & 1) == 1, 1000), "a match is seen without the interrupt");
	report_equal(rtc_read(RTC_MIS) & 1, 0, "which is masked");
	rtc_write(RTC_ICR, 1);
	report_equal(rtc_read(RTC_RIS) & 1, 0, "it is cleared");
	report_equal(interrupts, 2, "nothing came twice");
}

void guest_main(void)
{
	gic_init();
	gic_set_target(RTC_INTID, 0);
	gic_set_enabled(RTC_INTID, true);
	irq_set_handler(on_rtc);
	irq_enable();
	check_identity();
	check_time();
	check_match();
	irq_disable();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Any value, of any width, at any place of every device; then the device still works. */
#include "guest/contain_cases.h"
#include "guest/lib/cpu.h"
#include "guest/lib/gic.h"
#include "guest/lib/report.h"
#include "guest/lib/trap.h"
#include "guest/lib/uart.h"

#define ACCESSES 4000u

struct target {
	const char *name;
	uint64_t base;
	uint32_t bytes;
	uint32_t first; /* writes below leave the device alone: the UART's data register */
};

static void access_once(const struct target *target, uint64_t *random)
{
	const unsigned width = 1u << (next_random(random) & 3);
	uint32_t offset = next_random(random) % target->bytes;
	/* Half of them where registers are dense. */
	if ((next_random(random) & 1) != 0) {
		offset %= 0x1000;
	}
	offset &= ~(width - 1);
	const uint64_t value = (uint64_t)next_random(random) << 32 | next_random(random);
	const uint64_t at = target->base + offset;
	const bool is_write = (next_random(random) & 1) != 0 && offset >= target->first;
	if (width == 1 && is_write) {
		*(volatile uint8_t *)at = (uint8_t)value;
	} else if (width == 1) {
		(void)*(volatile uint8_t *)at;
	} else if (width == 2 && is_write) {
		*(volatile uint16_t *)at = (uint16_t)value;
	} else if (width == 2) {
		(void)*(volatile uint16_t *)at;
	} else if (width == 4 && is_write) {
		*(volatile uint32_t *)at = (uint32_t)value;
	} else if (width == 4) {
		(void)*(volatile uint32_t *)at;
	} else if (is_write) {
		*(volatile uint64_t *)at = value;
	} else {
		(void)*(volatile uint64_t *)at;
	}
}

static void fill_with_garbage(const struct target *target, uint64_t seed)
{
	uint64_t random = seed;
	trap_expect();
	for (unsigned i = 0; i < ACCESSES; i++) {
		access_once(target, &random);
	}
	const struct trap_record record = trap_taken();
	uart_init((uint64_t)uart_base);
	report(record.count <= ACCESSES, "%u random accesses to %s, %u aborts", ACCESSES,
	       target->name, record.count);
}

static bool is_working(void)
{
	gic_init();
	gic_set_priority(1, 0x80);
	gic_set_enabled(1, true);
	gic_send_sgi(1, 1u << cpu_index());
	if (!wait_for(is_irq_signalled(), 1000)) {
		return false;
	}
	const uint32_t iar = gic_acknowledge();
	gic_end(iar);
	return gic_intid(iar) == 1;
}

/* Everything that garbage left active at the CPU interface is ended, so that the running priority is idle. */
static void settle(void)
{
	gic_init();
	if (gic_version() == 2) {
		for (unsigned i = 0; i < 4; i++) {
			gicc_write(GICC_APR + i * 4, 0);
			gicc_write(GICC_NSAPR + i * 4, 0);
		}
	}
	for (unsigned i = 0; i < 32 && gic_running_priority() != 0xff; i++) {
		gic_end(0);
	}
}

void check_garbage(void)
{
	const struct target uart = {"the UART", (uint64_t)uart_base, 0x1000, 4};
	const struct target rtc = {"the real-time clock", 0x09010000, 0x1000, 0};
	const struct target distributor = {"the distributor", gic_dist_base(), 0x10000, 0};
	fill_with_garbage(&uart, 1);
	report_equal(uart_read(UART_PERIPHID0) & 0xff, 0x11, "the UART still answers");
	fill_with_garbage(&rtc, 5);
	fill_with_garbage(&distributor, 2);
	report(is_working(), "interrupts work when the distributor is set up again");
	if (gic_version() == 3) {
		const struct target redistributors = {"the redistributors", gicr_base(0),
						      0x20000 * cpu_count(), 0};
		fill_with_garbage(&redistributors, 3);
	} else {
		/* What is read there is acknowledged; the end of nothing is written. */
		const struct target interface = {"the CPU interface", gic_dist_base() + 0x10000,
						 0x2000, 0};
		fill_with_garbage(&interface, 4);
	}
	settle();
	report(is_working(), "interrupts work when the CPU's part is set up again");
}

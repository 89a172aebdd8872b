/* SPDX-License-Identifier: Apache-2.0 */
/* TAP lines: formatted into one buffer and sent under one lock, so that lines of several CPUs never mix. */
#include "guest/lib/report.h"

#include <stdarg.h>

#include "guest/lib/cpu.h"
#include "guest/lib/psci.h"
#include "guest/lib/uart.h"
#include "lib/fmt.h"

#define LINE_BYTES 256u

static struct {
	volatile uint32_t lock;
	unsigned count;
	char line[LINE_BYTES];
} report_state;

/* Exclusives need the MMU on; without it only one CPU runs and there is nothing to exclude. */
static bool lock_take(void)
{
	if ((read_sysreg(sctlr_el1) & 1) == 0) {
		return false;
	}
	while (__atomic_exchange_n(&report_state.lock, 1, __ATOMIC_ACQUIRE) != 0) {
	}
	return true;
}

static void lock_release(bool is_taken)
{
	if (is_taken) {
		__atomic_store_n(&report_state.lock, 0, __ATOMIC_RELEASE);
	}
}

static void send_line(void)
{
	for (const char *at = report_state.line; *at != 0; at++) {
		uart_put((uint8_t)*at);
	}
	uart_put('\r');
	uart_put('\n');
}

static void send_text(const char *prefix, const char *format, va_list args)
{
	const size_t used = fmt_string(report_state.line, LINE_BYTES, "%s", prefix);
	fmt_vstring(report_state.line + used, LINE_BYTES - used, format, args);
	send_line();
}

static void send_result(bool ok, const char *format, va_list args)
{
	const bool is_locked = lock_take();
	char prefix[32];
	fmt_string(prefix, sizeof(prefix), "%sok %u - ", ok ? "" : "not ", ++report_state.count);
	send_text(prefix, format, args);
	lock_release(is_locked);
}

bool report(bool ok, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	send_result(ok, format, args);
	va_end(args);
	return ok;
}

void report_note(const char *format, ...)
{
	const bool is_locked = lock_take();
	va_list args;
	va_start(args, format);
	send_text("# ", format, args);
	va_end(args);
	lock_release(is_locked);
}

bool report_equal(uint64_t got, uint64_t want, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	send_result(got == want, format, args);
	va_end(args);
	if (got != want) {
		report_note("got 0x%lx, want 0x%lx", got, want);
	}
	return got == want;
}

void report_abort(const char *format, ...)
{
	const bool is_locked = lock_take();
	va_list args;
	va_start(args, format);
	send_text("Bail out! ", format, args);
	va_end(args);
	lock_release(is_locked);
	psci_system_off();
}

void report_plan(void)
{
	const bool is_locked = lock_take();
	fmt_string(report_state.line, LINE_BYTES, "1..%u", report_state.count);
	send_line();
	lock_release(is_locked);
}

void report_finish(void)
{
	report_plan();
	psci_system_off();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a node whose core is at fault: the record, the console's line, the reset, in this order.
 *
 * Whatever breaks on the way (the fault may be in memory that this needs) comes here again as another fault and goes
 * on with the next step, so it ends. Another CPU that fails meanwhile stands still. The record is built in place and
 * sealed last: one that was not finished does not count.
 *
 * What is copied is the CPU's own stack and trace alone. Frames on a stack have holes in which anything older may
 * stand: what is registered by crash_hide() is blanked, and code that has a key on its stack wipes it itself.
 *
 * Hostile input: a record found at boot is whatever memory held; only its copy in the pool is handed on.
 */
#include "core/crash.h"

#include "abi/crash.h"
#include "core/check.h"
#include "core/console.h"
#include "core/hal.h"
#include "core/pages.h"
#include "core/percpu.h"
#include "core/trap.h"
#include "lib/bits.h"
#include "lib/crc32.h"
#include "lib/fmt.h"
#include "lib/string.h"

#include "hal_fast.h"

#define SECRETS_MAX 4u
#define NOBODY 0u
/* The first byte that the CRC covers. */
#define CRC_FROM (offsetof(struct aether_crash, crc) + sizeof(uint32_t))
#define RECORD_PAGES 2u

static_assert(sizeof(struct aether_crash) <= RECORD_PAGES * PAGE_BYTES, "the copy's pages");
static_assert(sizeof(struct trace_entry) == sizeof(struct aether_crash_trace), "entries are copied whole");
static_assert(AETHER_CRASH_TRACE_ENTRIES <= TRACE_ENTRIES, "a ring's tail");

enum step { STEP_RECORD, STEP_CONSOLE, STEP_RESET, STEP_NONE };

static struct {
	_Atomic uint32_t reporter; /* NOBODY, or 1 + its CPU */
	enum step step;
	char line[160];
	uint64_t boot_id, entry_ticks;
	struct {
		const uint8_t *at;
		size_t bytes;
	} secrets[SECRETS_MAX];
	unsigned secret_count;
} state;

struct crash_found crash_found;

static uint32_t crc_of(const struct aether_crash *record)
{
	return crc32((const uint8_t *)record + CRC_FROM, sizeof(*record) - CRC_FROM);
}

static void seal(struct aether_crash *record)
{
	record->crc = crc_of(record);
	hal_crash_clean();
}

static bool is_sound(const struct aether_crash *record)
{
	return record->magic == AETHER_CRASH_MAGIC && record->length == sizeof(*record) &&
	       record->version == AETHER_CRASH_VERSION && record->crc == crc_of(record);
}

/* --- writing one --- */

static void copy_stack(struct aether_crash *record, const struct fault_frame *frame)
{
	const struct percpu *cpu = hal_this_cpu();
	const uint64_t low = cpu->stack_base + (frame != NULL ? CRASH_FAULT_STACK_BYTES : 0);
	uint64_t from = record->sp & ~UINT64_C(15);
	if (from >= cpu->stack_top || from + CRASH_FAULT_STACK_BYTES < cpu->stack_base) {
		return; /* not of this stack: what it points at may be anybody's */
	}
	if (from < low) {
		from = low; /* an overflow: what is above is left of it */
	}
	const uint64_t left = cpu->stack_top - from;
	record->stack_va = from;
	record->stack_bytes = (uint32_t)(left < AETHER_CRASH_STACK_BYTES ? left : AETHER_CRASH_STACK_BYTES);
	memcpy(record->stack, (const void *)(uintptr_t)from, record->stack_bytes);
}

static void copy_trace(struct aether_crash *record)
{
	const struct trace_ring *ring = &hal_this_cpu()->trace;
	const uint64_t next = ring->next / sizeof(struct trace_entry);
	for (unsigned i = 0; i < AETHER_CRASH_TRACE_ENTRIES; i++) {
		const struct trace_entry *entry =
			&ring->entries[(next - AETHER_CRASH_TRACE_ENTRIES + i) % TRACE_ENTRIES];
		if (entry->ticks != 0) {
			memcpy(&record->trace[record->trace_count++], entry, sizeof(*entry));
		}
	}
}

static void blank(uint8_t *text, size_t bytes, const uint8_t *word)
{
	for (size_t i = 0; i + 8 <= bytes; i++) {
		if (memcmp(text + i, word, 8) == 0) {
			memset(text + i, 0, 8);
		}
	}
}

static void blank_secrets(struct aether_crash *record)
{
	for (unsigned i = 0; i < state.secret_count; i++) {
		for (size_t at = 0; at + 8 <= state.secrets[i].bytes; at += 8) {
			blank((uint8_t *)record->x, sizeof(record->x), state.secrets[i].at + at);
			blank(record->stack, sizeof(record->stack), state.secrets[i].at + at);
		}
	}
}

/* What the core has not used since the exit still is the vCPU's: no business of a record. */
static void blank_vcpu_registers(struct aether_crash *record)
{
	const struct vcpu *vcpu = hal_this_cpu()->current;
	for (unsigned i = 0; vcpu != NULL && i < ARRAY_COUNT(record->x); i++) {
		if (record->x[i] == vcpu->x[i]) {
			record->x[i] = 0;
		}
	}
}

static void write_record(const struct fault_frame *frame, const struct fault_frame *check)
{
	struct aether_crash *record = hal_crash_memory();
	const struct fault_frame *at = frame != NULL ? frame : check;
	const uint64_t lived = hal_ticks() - state.entry_ticks;
	memset(record, 0, sizeof(*record));
	record->length = sizeof(*record);
	record->version = AETHER_CRASH_VERSION;
	record->streak = 1;
	if (lived < AETHER_CRASH_LIVED_S * hal_ticks_per_second() && crash_found.streak < UINT32_MAX) {
		record->streak += crash_found.streak;
	}
	record->cpu = hal_this_cpu()->index;
	hal_crash_describe(record);
	memcpy(record->core_version, AETHER_VERSION, sizeof(AETHER_VERSION));
	memcpy(record->reason, state.line, sizeof(state.line));
	record->boot_id = state.boot_id;
	record->ticks = hal_ticks();
	record->counter_hz = hal_ticks_per_second();
	memcpy(record->x, at->x, sizeof(record->x));
	blank_vcpu_registers(record);
	record->sp = at->sp;
	record->elr = at->elr;
	record->esr = at->esr;
	record->far = at->far;
	record->spsr = at->spsr;
	copy_stack(record, frame);
	copy_trace(record);
	blank_secrets(record);
	record->magic = AETHER_CRASH_MAGIC;
	seal(record);
}

static void tell_console(bool has_registers)
{
	/* Without what is a guest's, or secret. */
	const struct aether_crash *record = hal_crash_memory();
	char line[160];
	console_panic("\r\n");
	console_panic(state.line);
	console_panic("\r\n");
	for (unsigned i = 0; has_registers && record->magic == AETHER_CRASH_MAGIC && i < 31; i += 3) {
		(void)fmt_string(line, sizeof(line), "aether: x%u %lx %lx %lx\r\n", i, record->x[i],
				 i + 1 < 31 ? record->x[i + 1] : 0, i + 2 < 31 ? record->x[i + 2] : 0);
		console_panic(line);
	}
}

static _Noreturn void stand_still(void)
{
	for (;;) {
		hal_wait_for_interrupt();
	}
}

/* True: this CPU is the first that fails, and what it says is the reason. */
static bool is_first(void)
{
	uint32_t reporter = NOBODY;
	const uint32_t me = hal_this_cpu()->index + 1;
	const bool is_taken = !atomic_compare_exchange_strong(&state.reporter, &reporter, me);
	if (is_taken && reporter != me) {
		stand_still(); /* the other one resets the node */
	}
	return !is_taken;
}

static _Noreturn void stop(const struct fault_frame *frame, const struct fault_frame *check)
{
	if (state.step == STEP_RECORD) {
		state.step = STEP_CONSOLE;
		write_record(frame, check);
	}
	if (state.step == STEP_CONSOLE) {
		state.step = STEP_RESET;
		tell_console(frame != NULL);
	}
	if (state.step == STEP_RESET) {
		state.step = STEP_NONE;
		hal_node_off(true);
	}
	stand_still();
}

_Noreturn void trap_fault(const struct fault_frame *frame)
{
	if (is_first()) {
		(void)fmt_string(state.line, sizeof(state.line),
				 "aether: node stopped: fault in the core, cpu %u vector %lu esr %lx elr %lx far %lx",
				 hal_this_cpu()->index, frame->vector, frame->esr, frame->elr, frame->far);
	}
	stop(frame, NULL);
}

_Noreturn void check_failed(const char *expression, const char *file, int line)
{
	struct fault_frame check = {0};
	check.x[29] = check.sp = (uint64_t)(uintptr_t)__builtin_frame_address(0);
	check.x[30] = check.elr = (uint64_t)(uintptr_t)__builtin_return_address(0);
	if (is_first()) {
		(void)fmt_string(state.line, sizeof(state.line),
				 "aether: node stopped: %s does not hold at %s:%d, cpu %u", expression, file, line,
				 hal_this_cpu()->index);
	}
	stop(NULL, &check);
}

/* --- finding one --- */

void crash_init(uint64_t entry_ticks)
{
	struct aether_crash *record = hal_crash_memory();
	memset(&state, 0, sizeof(state));
	memset(&crash_found, 0, sizeof(crash_found));
	state.entry_ticks = entry_ticks;
	if (!is_sound(record)) {
		return;
	}
	if (record->boots == 0) {
		crash_found.streak = record->streak;
	}
	record->boots += record->boots < UINT32_MAX ? 1 : 0;
	seal(record);
}

void crash_take(void)
{
	struct aether_crash *record = hal_crash_memory();
	pa_t copy;
	if (is_sound(record) && record->is_told == 0 && pages_pool_alloc(RECORD_PAGES, &copy) == HV_OK) {
		crash_found.pa = copy;
		crash_found.bytes = sizeof(*record);
		/* Aligned to two pages, so the two are neighbours in the core's map too. */
		memcpy(hal_core_page(copy), record, sizeof(*record));
	}
}

void crash_wait(void)
{
	struct percpu *cpu = hal_this_cpu();
	if (crash_found.streak < AETHER_CRASH_STREAK_WAIT) {
		return;
	}
	console_printf("aether: the core has failed %u times in a row; waiting %u s before going on\n",
		       crash_found.streak, AETHER_CRASH_WAIT_S);
	const uint64_t deadline = hal_ticks() + AETHER_CRASH_WAIT_S * hal_ticks_per_second();
	while (hal_ticks() < deadline) {
		hal_timer_set(deadline);
		hal_wait_for_interrupt();
		(void)trap_take_interrupts(cpu); /* the console's too */
	}
	hal_timer_set(UINT64_MAX);
}

void crash_set_boot_id(uint64_t boot_id)
{
	state.boot_id = boot_id;
}

void crash_hide(const void *secret, size_t bytes)
{
	for (unsigned i = 0; i < state.secret_count; i++) {
		if (state.secrets[i].at == secret) {
			return;
		}
	}
	CHECK(state.secret_count < SECRETS_MAX);
	state.secrets[state.secret_count].at = secret;
	state.secrets[state.secret_count++].bytes = bytes;
}

void crash_set_told(void)
{
	struct aether_crash *record = hal_crash_memory();
	if (is_sound(record)) {
		record->is_told = 1;
		seal(record);
	}
}

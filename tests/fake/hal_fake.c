/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake machine's memory, time, interrupts, randomness, firmware and log. RAM is host memory at
 * an address that has nothing to do with the physical one; pages that nobody touches cost nothing.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fake_private.h"

#define SMCCC_NOT_SUPPORTED (-1)

enum { WORKAROUND_MAX = 8 };

static struct {
	uint8_t *ram;
	struct fake_op *log;
	size_t log_count, log_room;
	unsigned cpu;
	uint64_t ticks, ticks_a_look;
	uint64_t deadline[FAKE_CPU_MAX];
	unsigned kicks[FAKE_CPU_MAX];
	uint64_t polls, pending_from, pending_every;
	bool has_entropy;
	uint64_t random;
	fake_firmware_fn *firmware;
	uint32_t not_required[WORKAROUND_MAX];
	unsigned not_required_count;
} machine;

void fake_reset(void)
{
	uint8_t *ram = machine.ram;
	struct fake_op *log = machine.log;
	const size_t room = machine.log_room;

	if (ram == NULL) {
		ram = mmap(NULL, FAKE_RAM_BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (ram == MAP_FAILED) {
			perror("mmap of the fake machine's RAM");
			abort();
		}
	} else {
		(void)madvise(ram, FAKE_RAM_BYTES, MADV_DONTNEED);
	}
	memset(&machine, 0, sizeof(machine));
	machine.ram = ram;
	machine.log = log;
	machine.log_room = room;
	machine.pending_from = FAKE_NEVER;
	for (unsigned cpu = 0; cpu < FAKE_CPU_MAX; cpu++) {
		machine.deadline[cpu] = FAKE_NEVER;
	}
	fake_gic_reset();
	fake_tables_reset();
	fake_vcpu_reset();
	fake_nic_reset();
	fake_crash_reset();
}

/* --- log --- */

static const char *const op_names[FAKE_OP_KIND_COUNT] = {
#define X(symbol, name) [FAKE_OP_##symbol] = name,
	FAKE_OPS(X)
#undef X
};

void fake_log(enum fake_op_kind kind, uint64_t a, uint64_t b, uint64_t c)
{
	if (machine.log_count == machine.log_room) {
		machine.log_room = machine.log_room == 0 ? 1024 : 2 * machine.log_room;
		machine.log = realloc(machine.log, machine.log_room * sizeof(*machine.log));
		if (machine.log == NULL) {
			abort();
		}
	}
	machine.log[machine.log_count++] =
		(struct fake_op){.kind = kind, .cpu = machine.cpu, .a = a, .b = b, .c = c};
}

size_t fake_log_count(void)
{
	return machine.log_count;
}

const struct fake_op *fake_log_at(size_t index)
{
	if (index >= machine.log_count) {
		fake_fail("the log has %zu operations, not %zu", machine.log_count, index + 1);
	}
	return &machine.log[index];
}

void fake_log_clear(void)
{
	machine.log_count = 0;
}

size_t fake_log_find(enum fake_op_kind kind, size_t from)
{
	for (size_t i = from; i < machine.log_count; i++) {
		if (machine.log[i].kind == kind) {
			return i;
		}
	}
	return SIZE_MAX;
}

size_t fake_log_count_of(enum fake_op_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < machine.log_count; i++) {
		count += machine.log[i].kind == kind ? 1 : 0;
	}
	return count;
}

void fake_log_print(size_t count)
{
	const size_t from = machine.log_count > count ? machine.log_count - count : 0;

	for (size_t i = from; i < machine.log_count; i++) {
		const struct fake_op *op = &machine.log[i];
		fprintf(stderr, "# %6zu cpu %u %-22s a=%#llx b=%#llx c=%#llx\n", i, op->cpu,
			op_names[op->kind], (unsigned long long)op->a, (unsigned long long)op->b,
			(unsigned long long)op->c);
	}
}

/* --- CPU, time, interrupts --- */

unsigned fake_cpu(void)
{
	return machine.cpu;
}

void fake_set_cpu(unsigned cpu)
{
	if (cpu >= FAKE_CPU_MAX) {
		fake_fail("the fake machine has no CPU %u", cpu);
	}
	machine.cpu = cpu;
}

void fake_set_ticks(uint64_t ticks)
{
	machine.ticks = ticks;
}

void fake_advance(uint64_t ticks)
{
	machine.ticks += ticks;
}

void fake_advance_each_look(uint64_t ticks)
{
	machine.ticks_a_look = ticks;
}

uint64_t fake_timer_deadline(unsigned cpu)
{
	return machine.deadline[cpu];
}

unsigned fake_kick_count(unsigned cpu)
{
	return machine.kicks[cpu];
}

void fake_interrupt_after(uint64_t calls)
{
	machine.pending_from = calls == FAKE_NEVER ? FAKE_NEVER : machine.polls + calls;
	machine.pending_every = 0;
}

void fake_interrupt_every(uint64_t calls)
{
	machine.pending_from = FAKE_NEVER;
	machine.pending_every = calls;
}

uint64_t fake_interrupt_polls(void)
{
	return machine.polls;
}

uint64_t hal_ticks(void)
{
	return machine.ticks += machine.ticks_a_look;
}

uint64_t hal_ticks_per_second(void)
{
	return FAKE_TICKS_PER_SECOND;
}

void hal_timer_set(uint64_t deadline)
{
	fake_log(FAKE_OP_TIMER_SET, deadline, 0, 0);
	machine.deadline[machine.cpu] = deadline;
}

unsigned hal_cpu_index(void)
{
	return machine.cpu;
}

bool hal_is_interrupt_pending(void)
{
	const uint64_t call = machine.polls++;

	fake_tables_observe();
	if (machine.pending_every != 0) {
		return call % machine.pending_every == machine.pending_every - 1;
	}
	return call >= machine.pending_from;
}

void hal_kick_cpu(unsigned cpu)
{
	fake_log(FAKE_OP_KICK_CPU, cpu, 0, 0);
	if (cpu >= FAKE_CPU_MAX) {
		fake_fail("kick of CPU %u, which is not there", cpu);
	}
	machine.kicks[cpu]++;
}

/* --- memory --- */

static uint8_t *ram_at(const char *what, pa_t pa, uint64_t bytes)
{
	if (pa.v < FAKE_RAM_BASE || !range_ok(pa.v - FAKE_RAM_BASE, bytes, FAKE_RAM_BYTES)) {
		fake_fail("%s of %#llx + %#llx: not RAM", what, (unsigned long long)pa.v,
			  (unsigned long long)bytes);
	}
	return machine.ram + (pa.v - FAKE_RAM_BASE);
}

/* The limits that core/hal.h sets for the operations on memory that the core does not map. */
static uint8_t *extent_at(const char *what, pa_t pa, uint64_t bytes)
{
	if (bytes == 0 ||
	    align_down(pa.v, BLOCK_2M_BYTES) != align_down(pa.v + bytes - 1, BLOCK_2M_BYTES)) {
		fake_fail("%s of %#llx + %#llx: empty, or in two blocks of 2 MiB", what,
			  (unsigned long long)pa.v, (unsigned long long)bytes);
	}
	return ram_at(what, pa, bytes);
}

static void check_pages(const char *what, pa_t pa, uint64_t bytes)
{
	if (!is_aligned(pa.v | bytes, PAGE_BYTES)) {
		fake_fail("%s of %#llx + %#llx: not whole pages", what, (unsigned long long)pa.v,
			  (unsigned long long)bytes);
	}
}

void *fake_ram(pa_t pa)
{
	return ram_at("fake_ram", pa, 1);
}

void *hal_core_page(pa_t pa)
{
	check_pages("hal_core_page", pa, PAGE_BYTES);
	fake_tables_observe();
	fake_tables_note_core_page(pa);
	return ram_at("hal_core_page", pa, PAGE_BYTES);
}

void hal_scrub(pa_t pa, uint64_t bytes)
{
	uint8_t *memory = extent_at("hal_scrub", pa, bytes);

	check_pages("hal_scrub", pa, bytes);
	fake_tables_observe();
	fake_log(FAKE_OP_SCRUB, pa.v, bytes, 0);
	fake_tables_scrubbed(pa, bytes);
	/* Private anonymous memory reads as zero after this. */
	(void)madvise(memory, bytes, MADV_DONTNEED);
}

void hal_clean_invalidate(pa_t pa, uint64_t bytes)
{
	(void)extent_at("hal_clean_invalidate", pa, bytes);
	check_pages("hal_clean_invalidate", pa, bytes);
	fake_tables_observe();
	fake_log(FAKE_OP_CLEAN_INVALIDATE, pa.v, bytes, 0);
}

void hal_copy_to(pa_t pa, const void *from, uint64_t bytes)
{
	uint8_t *memory = extent_at("hal_copy_to", pa, bytes);

	fake_tables_observe();
	fake_log(FAKE_OP_COPY_TO, pa.v, bytes, 0);
	memcpy(memory, from, bytes);
}

void hal_copy_from(void *to, pa_t pa, uint64_t bytes)
{
	const uint8_t *memory = extent_at("hal_copy_from", pa, bytes);

	fake_tables_observe();
	fake_log(FAKE_OP_COPY_FROM, pa.v, bytes, 0);
	memcpy(to, memory, bytes);
}

void hal_invalidate_icache(void)
{
	fake_log(FAKE_OP_INVALIDATE_ICACHE, 0, 0, 0);
}

void hal_tables_publish(void)
{
	fake_tables_observe();
	fake_log(FAKE_OP_TABLES_PUBLISH, 0, 0, 0);
	fake_tables_published();
}

void hal_stage2_invalidate(uint16_t vmid, pa_t table, ipa_t ipa, uint64_t bytes)
{
	fake_tables_observe();
	fake_log(FAKE_OP_STAGE2_INVALIDATE, ipa.v, bytes, vmid);
	fake_tables_invalidated(vmid, table, ipa.v, bytes);
}

void hal_stage2_invalidate_all(uint16_t vmid, pa_t table)
{
	fake_tables_observe();
	fake_log(FAKE_OP_STAGE2_INVALIDATE_ALL, 0, 0, vmid);
	fake_tables_invalidated(vmid, table, 0, UINT64_MAX);
}

/* --- randomness and firmware --- */

void fake_set_entropy(bool is_available, uint64_t seed)
{
	machine.has_entropy = is_available;
	machine.random = seed;
}

void fake_set_firmware(fake_firmware_fn *firmware)
{
	machine.firmware = firmware;
}

void fake_set_workaround_not_required(uint32_t function, bool is_not_required)
{
	unsigned i = 0;

	while (i < machine.not_required_count && machine.not_required[i] != function) {
		i++;
	}
	if (is_not_required && i == machine.not_required_count) {
		if (i == WORKAROUND_MAX) {
			fake_fail("more than %d workarounds", WORKAROUND_MAX);
		}
		machine.not_required[machine.not_required_count++] = function;
	}
	if (!is_not_required && i < machine.not_required_count) {
		machine.not_required[i] = machine.not_required[--machine.not_required_count];
	}
}

bool hal_entropy(void *to, size_t bytes)
{
	uint8_t *out = to;

	if (!machine.has_entropy) {
		return false;
	}
	for (size_t i = 0; i < bytes; i++) {
		machine.random =
			machine.random * UINT64_C(6364136223846793005) + 1442695040888963407;
		out[i] = (uint8_t)(machine.random >> 56);
	}
	return true;
}

int64_t hal_firmware_call(uint32_t function, uint64_t a1, uint64_t a2, uint64_t a3)
{
	fake_log(FAKE_OP_FIRMWARE_CALL, function, a1, a2);
	return machine.firmware == NULL ? SMCCC_NOT_SUPPORTED
					: machine.firmware(function, a1, a2, a3);
}

bool hal_workaround_not_required(uint32_t function)
{
	for (unsigned i = 0; i < machine.not_required_count; i++) {
		if (machine.not_required[i] == function) {
			return true;
		}
	}
	return false;
}

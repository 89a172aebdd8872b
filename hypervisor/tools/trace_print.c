/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints what a crashed core left. A record comes over the network from a node that was not well: lengths and counts in
 * it are bounded before they are used.
 */
#include "tools/trace_print.h"

#include <stdlib.h>
#include <string.h>

#include "abi/crash.h"
#include "core/trace.h"
#include "lib/crc32.h"

typedef unsigned long long ull;

struct printer {
	FILE *out;
	const struct elf_symbols *elf;
	uint64_t hz;
	uint64_t now; /* ticks that times are counted back from */
};

/* "0x700000001234 name+0x4" */
static void put_address(const struct printer *p, uint64_t address)
{
	char text[256];
	fprintf(p->out, "0x%llx", (ull)address);
	if (p->elf != NULL && *elf_symbol_words(p->elf, address, text, sizeof(text)) != '\0') {
		fprintf(p->out, " %s", text);
	}
}

static void put_who(const struct printer *p, uint64_t who)
{
	const unsigned vm = (unsigned)(who >> 8 & 0xff);
	if ((who & 0xffffffff) == 0xffffffff) {
		fprintf(p->out, "nobody");
	} else {
		/* AETHER_VM_MAX is the service. */
		fprintf(p->out, vm == AETHER_VM_MAX ? "service" : "vm%u/%u", vm, (unsigned)(who & 0xff));
	}
}

/* --- trace --- */

static void put_entry(const struct printer *p, const struct trace_entry *entry)
{
	static const struct {
		const char *words, *a, *b;
	} events[] = {
#define X(symbol, words, a, b) [TRACE_##symbol] = {words, a, b},
		TRACE_EVENTS(X)
#undef X
	};
	const uint64_t event = entry->who >> 32;
	const double ago = (double)(p->now - entry->ticks) * 1e6 / (double)(p->hz != 0 ? p->hz : 1);
	fprintf(p->out, "  -%.3f us  ", ago);
	put_who(p, entry->who);
	if (event >= sizeof(events) / sizeof(events[0])) {
		fprintf(p->out, "  event %llu 0x%llx 0x%llx\n", (ull)event, (ull)entry->a, (ull)entry->b);
		return;
	}
	fprintf(p->out, "  %s", events[event].words);
	if (event == TRACE_SWITCH) {
		fprintf(p->out, " %s ", events[event].a);
		put_who(p, entry->a);
		fprintf(p->out, " %s ", events[event].b);
		put_who(p, entry->b);
	} else {
		fprintf(p->out, " %s 0x%llx %s 0x%llx", events[event].a, (ull)entry->a, events[event].b, (ull)entry->b);
	}
	fprintf(p->out, "\n");
}

static const char *print_ring(struct printer *p, const uint8_t *data, size_t bytes)
{
	struct trace_ring ring;
	if (bytes != sizeof(ring)) {
		return "neither a crash record nor a trace ring";
	}
	memcpy(&ring, data, sizeof(ring));
	if (ring.next >= sizeof(ring.entries) || ring.next % sizeof(ring.entries[0]) != 0) {
		return "not a trace ring: its next entry is nowhere in it";
	}
	p->now = trace_last_ticks(&ring);
	for (size_t i = 0; i < TRACE_ENTRIES; i++) {
		const struct trace_entry *entry =
			&ring.entries[(ring.next / sizeof(ring.entries[0]) + i) % TRACE_ENTRIES];
		if (entry->ticks != 0) {
			put_entry(p, entry);
		}
	}
	return NULL;
}

/* --- crash record --- */

static void put_text(const struct printer *p, const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes && text[i] != '\0'; i++) {
		putc(text[i] >= ' ' && text[i] <= '~' ? text[i] : '?', p->out);
	}
}

static void put_build(const struct printer *p, const struct aether_crash *crash)
{
	fprintf(p->out, "core ");
	put_text(p, crash->core_version, sizeof(crash->core_version));
	fprintf(p->out, ", build ");
	for (size_t i = 0; i < 20; i++) {
		fprintf(p->out, "%02x", crash->build_id[i]);
	}
	if (p->elf != NULL) {
		const bool is_same = memcmp(p->elf->build_id, crash->build_id, sizeof(crash->build_id)) == 0;
		fprintf(p->out, is_same ? ", this file's" : ", NOT this file's: names below may be wrong");
	}
	fprintf(p->out, "\n");
}

static void put_registers(const struct printer *p, const struct aether_crash *crash)
{
	for (unsigned i = 0; i < 31; i++) {
		fprintf(p->out, "x%-3u ", i);
		put_address(p, crash->x[i]);
		fprintf(p->out, "\n");
	}
	fprintf(p->out, "sp   0x%llx\nelr  ", (ull)crash->sp);
	put_address(p, crash->elr);
	fprintf(p->out, "\nesr  0x%llx\nfar  ", (ull)crash->esr);
	put_address(p, crash->far);
	fprintf(p->out, "\nspsr 0x%llx\nhcr  0x%llx\nvttbr 0x%llx\n", (ull)crash->spsr, (ull)crash->hcr,
		(ull)crash->vttbr);
}

/* The stack's word at an address, if it was copied. */
static bool stack_word(const struct aether_crash *crash, uint64_t address, uint64_t *word)
{
	const uint64_t at = address - crash->stack_va;
	if (crash->stack_bytes < sizeof(*word) || at > crash->stack_bytes - sizeof(*word)) {
		return false;
	}
	memcpy(word, crash->stack + at, sizeof(*word));
	return true;
}

/* By frame pointers: each frame begins with its caller's frame and the return address (AAPCS64). */
static void put_callers(const struct printer *p, const struct aether_crash *crash)
{
	uint64_t frame = crash->x[29];
	uint64_t next = 0, back = 0;
	fprintf(p->out, "called from (by frame pointers)\n  ");
	put_address(p, crash->elr);
	fprintf(p->out, "\n  ");
	put_address(p, crash->x[30]);
	fprintf(p->out, "\n");
	while (stack_word(crash, frame, &next) && stack_word(crash, frame + 8, &back)) {
		if (back != crash->x[30] || frame != crash->x[29]) {
			fprintf(p->out, "  ");
			put_address(p, back);
			fprintf(p->out, "\n");
		}
		if (next <= frame) {
			break; /* a stack grows down: this would never end */
		}
		frame = next;
	}
}

static void put_stack(const struct printer *p, const struct aether_crash *crash)
{
	fprintf(p->out, "stack, %u bytes; what may be return addresses\n", crash->stack_bytes);
	for (uint64_t at = crash->stack_va; at - crash->stack_va < crash->stack_bytes; at += 8) {
		uint64_t word = 0;
		if (stack_word(crash, at, &word) && word - crash->image_va < ((uint64_t)2 << 20)) {
			fprintf(p->out, "  0x%llx: ", (ull)at);
			put_address(p, word);
			fprintf(p->out, "\n");
		}
	}
}

static void print_record(struct printer *p, const uint8_t *data, size_t bytes, bool *is_damaged)
{
	const size_t crc_from = offsetof(struct aether_crash, crc) + sizeof(uint32_t);
	struct aether_crash *crash = calloc(1, sizeof(*crash));
	if (crash == NULL) {
		return;
	}
	memcpy(crash, data, bytes < sizeof(*crash) ? bytes : sizeof(*crash));
	*is_damaged = bytes < sizeof(*crash) || crash->length != sizeof(*crash) ||
		      crash->version != AETHER_CRASH_VERSION ||
		      crash->crc != crc32((const uint8_t *)crash + crc_from, sizeof(*crash) - crc_from);
	crash->stack_bytes = crash->stack_bytes < sizeof(crash->stack) ? crash->stack_bytes : sizeof(crash->stack);
	const uint32_t count = crash->trace_count < AETHER_CRASH_TRACE_ENTRIES ? crash->trace_count :
										   AETHER_CRASH_TRACE_ENTRIES;
	p->hz = crash->counter_hz;
	p->now = crash->ticks;
	if (*is_damaged) {
		fprintf(p->out, "DAMAGED, or of another version: nothing below can be relied on\n");
	}
	put_text(p, crash->reason, sizeof(crash->reason));
	fprintf(p->out, "\n");
	put_build(p, crash);
	fprintf(p->out, "boot 0x%llx, crash %u in a row, found by %u boots%s\n", (ull)crash->boot_id, crash->streak,
		crash->boots, crash->is_told != 0 ? ", told" : "");
	fprintf(p->out, "cpu %u, counter at %.6f s, image at 0x%llx\n", crash->cpu,
		(double)crash->ticks / (double)(p->hz != 0 ? p->hz : 1), (ull)crash->image_pa);
	put_registers(p, crash);
	put_callers(p, crash);
	put_stack(p, crash);
	fprintf(p->out, "trace of cpu %u, the newest last\n", crash->cpu);
	for (uint32_t i = 0; i < count; i++) {
		struct trace_entry entry;
		memcpy(&entry, &crash->trace[i], sizeof(entry));
		put_entry(p, &entry);
	}
	free(crash);
}

const char *trace_print(FILE *out, const struct elf_symbols *elf, const uint8_t *data, size_t bytes,
			uint64_t counter_hz, bool *is_damaged)
{
	struct printer printer = {.out = out, .elf = elf, .hz = counter_hz};
	uint64_t magic = 0;
	memcpy(&magic, data, bytes < sizeof(magic) ? bytes : sizeof(magic));
	*is_damaged = false;
	if (magic != AETHER_CRASH_MAGIC) {
		return print_ring(&printer, data, bytes);
	}
	print_record(&printer, data, bytes, is_damaged);
	return NULL;
}

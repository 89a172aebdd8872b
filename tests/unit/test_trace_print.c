/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hypervisor/tools: a crash record and a trace ring in words, against tests/golden/trace (UPDATE=1 writes them anew),
 * with the names of a small ELF file made here; and damaged input of both kinds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <elf.h>

#include "abi/crash.h"
#include "core/trace.h"
#include "lib/crc32.h"
#include "tools/elf_symbols.h"
#include "tools/trace_print.h"

#define GOLDEN "tests/golden/trace/"
#define IMAGE UINT64_C(0x700000000000)
#define STACK UINT64_C(0x700000040000)
#define HZ UINT64_C(62500000)

static const struct {
	const char *name;
	uint64_t offset, bytes;
	unsigned char type;
} functions[] = {
	{"trap_sync", 0x1000, 0x200, STT_FUNC}, {"$x", 0x1000, 0, STT_NOTYPE},
	{"hvc_call", 0x1400, 0x100, STT_FUNC},	{"vm_start", 0x1500, 0x80, STT_FUNC},
	{"vcpu_enter", 0x1800, 0, STT_NOTYPE},	{"vms", 0x9000, 0x800, STT_OBJECT},
	{"last", 0xa000, 0, STT_NOTYPE},
};
#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

struct small_elf {
	Elf64_Ehdr header;
	Elf64_Shdr sections[4]; /* none, symbols, their names, the note */
	Elf64_Sym symbols[FUNCTIONS];
	char names[128];
	Elf64_Nhdr note;
	char note_name[4];
	uint8_t build_id[20];
};

static uint8_t *make_elf(void)
{
	struct small_elf *elf = calloc(1, sizeof(*elf));
	size_t at = 1;
	assert_non_null(elf);
	memcpy(elf->header.e_ident, ELFMAG, SELFMAG);
	elf->header.e_ident[EI_CLASS] = ELFCLASS64;
	elf->header.e_ident[EI_DATA] = ELFDATA2LSB;
	elf->header.e_shoff = offsetof(struct small_elf, sections);
	elf->header.e_shentsize = sizeof(Elf64_Shdr);
	elf->header.e_shnum = 4;
	elf->sections[1] = (Elf64_Shdr){.sh_type = SHT_SYMTAB,
					.sh_link = 2,
					.sh_offset = offsetof(struct small_elf, symbols),
					.sh_size = sizeof(elf->symbols)};
	elf->sections[2] = (Elf64_Shdr){.sh_type = SHT_STRTAB,
					.sh_offset = offsetof(struct small_elf, names),
					.sh_size = sizeof(elf->names)};
	elf->sections[3] = (Elf64_Shdr){.sh_type = SHT_NOTE,
					.sh_offset = offsetof(struct small_elf, note),
					.sh_size = sizeof(Elf64_Nhdr) + 4 + 20};
	for (size_t i = 0; i < FUNCTIONS; i++) {
		elf->symbols[i] =
			(Elf64_Sym){.st_name = (Elf64_Word)at,
				    .st_info = ELF64_ST_INFO(STB_GLOBAL, functions[i].type),
				    .st_shndx = 1,
				    .st_value = IMAGE + functions[i].offset,
				    .st_size = functions[i].bytes};
		strcpy(elf->names + at, functions[i].name);
		at += strlen(functions[i].name) + 1;
	}
	elf->note = (Elf64_Nhdr){4, 20, NT_GNU_BUILD_ID};
	memcpy(elf->note_name, "GNU", 4);
	for (unsigned i = 0; i < 20; i++) {
		elf->build_id[i] = (uint8_t)(0x10 + i);
	}
	return (uint8_t *)elf;
}

static void put_frame(struct aether_crash *crash, uint64_t at, uint64_t next, uint64_t back)
{
	memcpy(crash->stack + at, &next, 8);
	memcpy(crash->stack + at + 8, &back, 8);
}

static void seal(struct aether_crash *crash)
{
	const size_t from = offsetof(struct aether_crash, crc) + 4;
	crash->crc = crc32((const uint8_t *)crash + from, sizeof(*crash) - from);
}

/* The core failed in vm_start(), called by a hypercall of the service. */
static struct aether_crash *make_record(void)
{
	struct aether_crash *crash = calloc(1, sizeof(*crash));
	assert_non_null(crash);
	*crash = (struct aether_crash){
		.magic = AETHER_CRASH_MAGIC,
		.length = sizeof(*crash),
		.version = AETHER_CRASH_VERSION,
		.streak = 2,
		.boots = 1,
		.cpu = 1,
		.core_version = "9.9.9",
		.reason = "aether: node stopped: fault in the core, cpu 1 vector 4 esr 96000004 "
			  "elr 700000001510 far 12c",
		.boot_id = 0xb007,
		.ticks = 10 * HZ,
		.counter_hz = HZ,
		.image_va = IMAGE,
		.image_pa = 0x40200000,
		.sp = STACK,
		.elr = IMAGE + 0x1510,
		.esr = 0x96000004,
		.far = 0x12c,
		.spsr = 0x3c9,
		.hcr = 0x80000000,
		.vttbr = 0x5000040a00000,
		.stack_va = STACK,
		.stack_bytes = 0x100,
		.trace_count = 7,
	};
	for (unsigned i = 0; i < 20; i++) {
		crash->build_id[i] = (uint8_t)(0x10 + i);
	}
	crash->x[0] = IMAGE + 0x9010;
	crash->x[29] = STACK + 0x10;
	crash->x[30] = IMAGE + 0x1440;
	put_frame(crash, 0x10, STACK + 0x40, IMAGE + 0x1440);
	put_frame(crash, 0x40, STACK + 0x80, IMAGE + 0x1100);
	put_frame(crash, 0x80, 0, IMAGE + 0x1804);
	const struct aether_crash_trace trace[] = {
		{10 * HZ - 6250, (uint64_t)TRACE_SWITCH << 32 | 0x400, UINT64_MAX, 0x400},
		{10 * HZ - 5000, (uint64_t)TRACE_EXIT << 32 | 0x400, 0x5a000000, 0x20488c},
		{10 * HZ - 2500, (uint64_t)TRACE_IRQ << 32 | 0x102, 27, 0x40201000},
		{10 * HZ - 1250, (uint64_t)TRACE_VM << 32 | 0x100, 1, 3},
		{10 * HZ - 625, (uint64_t)TRACE_SERVICE_ENTERED << 32 | 0x400, 2, 0},
		{10 * HZ - 250, (uint64_t)TRACE_SERVICE_THROTTLED << 32 | 0x400, 0x3a98, 7},
		{10 * HZ - 125, UINT64_C(999) << 32 | 0x301, 1, 2}, /* of a later core */
	};
	memcpy(crash->trace, trace, sizeof(trace));
	seal(crash);
	return crash;
}

static char *print(const struct elf_symbols *elf, const void *data, size_t bytes, bool *is_damaged)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	const char *problem = trace_print(out, elf, data, bytes, HZ, is_damaged);
	assert_int_equal(fclose(out), 0);
	if (problem != NULL) {
		free(text);
		return NULL;
	}
	return text;
}

static void assert_is_golden(const char *text, const char *path)
{
	char golden[16384] = "";
	assert_non_null(text);
	FILE *file = fopen(path, getenv("UPDATE") != NULL ? "w+" : "r");
	assert_non_null(file);
	if (getenv("UPDATE") != NULL) {
		fputs(text, file);
		rewind(file);
	}
	const size_t length = fread(golden, 1, sizeof(golden) - 1, file);
	golden[length] = '\0';
	fclose(file);
	assert_string_equal(text, golden);
}

static struct elf_symbols elf;

static int setup(void **state)
{
	(void)state;
	return elf_symbols_parse(&elf, make_elf(), sizeof(struct small_elf)) == NULL ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	elf_symbols_free(&elf);
	return 0;
}

static void addresses_have_names(void **state)
{
	(void)state;
	static const struct {
		uint64_t offset;
		const char *words;
	} cases[] = {
		{0xfff, ""},
		{0x1000, "trap_sync"},
		{0x11ff, "trap_sync+0x1ff"},
		{0x1200, ""},
		{0x157f, "vm_start+0x7f"},
		{0x1580, ""},
		{0x1804, "vcpu_enter+0x4"},
		{0x8fff, "vcpu_enter+0x77ff"},
		{0x97ff, "vms+0x7ff"},
		{0x9800, ""},
		{0xa000, "last"},
		{0xa001, ""},
	};
	char text[64];
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(
			elf_symbol_words(&elf, IMAGE + cases[i].offset, text, sizeof(text)),
			cases[i].words);
	}
	assert_string_equal(elf_symbol_words(&elf, UINT64_MAX, text, sizeof(text)), "");
	assert_string_equal(elf_symbol_words(&elf, IMAGE + 0x157f, text, 6), "vm_st");
	assert_int_equal(elf.build_id_bytes, 20);
	assert_int_equal(elf.build_id[19], 0x23);
}

static void a_damaged_elf_is_refused_or_read(void **state)
{
	(void)state;
	for (size_t cut = 0; cut < sizeof(struct small_elf); cut++) {
		uint8_t *file = make_elf();
		uint8_t *copy = malloc(cut + 1); /* so that a byte too far is seen */
		struct elf_symbols symbols;
		memcpy(copy, file, cut);
		free(file);
		copy = realloc(copy, cut != 0 ? cut : 1);
		(void)elf_symbols_parse(&symbols, copy, cut);
		(void)elf_symbol_at(&symbols, IMAGE + 0x1000);
		elf_symbols_free(&symbols);
	}
	for (size_t at = 0; at < sizeof(struct small_elf); at++) {
		for (unsigned value = 0; value < 256; value += 15) {
			uint8_t *file = make_elf();
			struct elf_symbols symbols;
			char text[64];
			file[at] = (uint8_t)value;
			(void)elf_symbols_parse(&symbols, file, sizeof(struct small_elf));
			(void)elf_symbol_words(&symbols, IMAGE + 0x1000, text, sizeof(text));
			elf_symbols_free(&symbols);
		}
	}
}

static void a_record_in_words(void **state)
{
	(void)state;
	struct aether_crash *crash = make_record();
	bool is_damaged = true;
	char *text = print(&elf, crash, sizeof(*crash), &is_damaged);
	assert_is_golden(text, GOLDEN "record.txt");
	assert_false(is_damaged);
	free(text);
	/* As it lies in memory: more behind it. And of another build. */
	uint8_t *padded = calloc(1, AETHER_CRASH_BYTES);
	crash->build_id[3] ^= 1;
	seal(crash);
	memcpy(padded, crash, sizeof(*crash));
	text = print(&elf, padded, AETHER_CRASH_BYTES, &is_damaged);
	assert_false(is_damaged);
	assert_non_null(strstr(text, ", NOT this file's"));
	free(text);
	text = print(NULL, padded, AETHER_CRASH_BYTES, &is_damaged);
	assert_null(strstr(text, "vm_start"));
	free(text);
	free(padded);
	free(crash);
}

static void a_ring_in_words(void **state)
{
	(void)state;
	struct trace_ring ring = {0};
	bool is_damaged = true;
	for (unsigned i = 1; i <= TRACE_ENTRIES + 3; i++) { /* the first three are gone */
		(void)trace_write(&ring, i % 2 == 0 ? TRACE_EXIT : TRACE_IRQ, 125 * i, 0x100, i,
				  IMAGE + i);
	}
	char *text = print(&elf, &ring, sizeof(ring), &is_damaged);
	assert_is_golden(text, GOLDEN "ring.txt");
	assert_false(is_damaged);
	free(text);
	ring.next += 8;
	assert_null(print(&elf, &ring, sizeof(ring), &is_damaged));
	ring.next = sizeof(ring.entries);
	assert_null(print(&elf, &ring, sizeof(ring), &is_damaged));
	assert_null(print(&elf, &ring, sizeof(ring) - 1, &is_damaged));
	assert_null(print(&elf, &ring, 3, &is_damaged));
}

static void damage_is_said(void **state)
{
	(void)state;
	bool is_damaged = false;
	for (size_t at = 8; at < sizeof(struct aether_crash); at += at < 600 ? 1 : 41) {
		struct aether_crash *crash = make_record();
		((uint8_t *)crash)[at] ^= 0x81;
		char *text = print(&elf, crash, sizeof(*crash), &is_damaged);
		assert_true(is_damaged);
		assert_int_equal(strncmp(text, "DAMAGED", 7), 0);
		free(text);
		free(crash);
	}
	/* Sealed, and still of no sense: a frame that is its own caller, more of everything than there can be. */
	struct aether_crash *crash = make_record();
	put_frame(crash, 0x40, STACK + 0x40, IMAGE);
	crash->stack_bytes = UINT32_MAX;
	crash->trace_count = UINT32_MAX;
	crash->counter_hz = 0;
	memset(crash->reason, 0x1b, sizeof(crash->reason));
	seal(crash);
	char *text = print(&elf, crash, sizeof(*crash), &is_damaged);
	assert_false(is_damaged);
	assert_null(strchr(text, 0x1b));
	free(text);
	text = print(&elf, crash, 100, &is_damaged);
	assert_true(is_damaged);
	free(text);
	free(crash);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(addresses_have_names), TEST(a_damaged_elf_is_refused_or_read),
		TEST(a_record_in_words),    TEST(a_ring_in_words),
		TEST(damage_is_said),
#undef TEST
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plat/machine.c and plat/fdt_walk.c: what is read of real machines' trees (tests/golden/machine, and the
 * Raspberry Pi 4's own), of buses that translate, and of trees that are broken: a reason in words, and not a byte
 * read outside the tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libfdt.h>

#include "lib/bits.h"
#include "model/random.h"
#include "plat/machine.h"

#define GOLDEN "tests/golden/machine/"
#define PI_4 "build/third/rpi/bcm2711-rpi-4-b.dtb"
#define TREE_BYTES (1u << 20)
#define GIB (UINT64_C(1) << 30)

static uint8_t tree[TREE_BYTES];
static struct machine machine;

/* --- where trees come from --- */

static void read_from(FILE *file)
{
	assert_non_null(file);
	memset(tree, 0, sizeof(tree));
	assert_in_range(fread(tree, 1, sizeof(tree), file), sizeof(struct fdt_header),
			sizeof(tree) - 1);
}

static void compile(const char *path)
{
	char command[256];
	snprintf(command, sizeof(command), "dtc -q -I dts -O dtb %s", path);
	FILE *pipe = popen(command, "re");
	read_from(pipe);
	assert_int_equal(pclose(pipe), 0);
}

/* A tree of this test's own, in source form. */
static void compile_text(const char *text)
{
	char path[64];
	FILE *file = tmpfile();
	assert_non_null(file);
	assert_true(fputs("/dts-v1/;\n", file) >= 0 && fputs(text, file) >= 0 && fflush(file) == 0);
	snprintf(path, sizeof(path), "/dev/fd/%d", fileno(file));
	compile(path);
	fclose(file);
}

static void read_pi(void)
{
	FILE *file = fopen(PI_4, "rbe");
	if (file == NULL) {
		fail_msg("%s is not there; next step: make %s", PI_4, "build/third/stamp/rpi");
	}
	read_from(file);
	fclose(file);
}

/* The tree in memory of its own, so that a byte read beyond it is seen. */
static const char *read_exactly(uint64_t boot_mpidr)
{
	const size_t bytes = fdt_totalsize(tree);
	assert_in_range(bytes, 1, sizeof(tree));
	void *copy = malloc(bytes);
	assert_non_null(copy);
	memcpy(copy, tree, bytes);
	const char *problem = machine_read(copy, boot_mpidr, &machine);
	free(copy);
	return problem;
}

static void assert_range(const struct machine_range *range, uint64_t base, uint64_t bytes)
{
	assert_int_equal(range->base, base);
	assert_int_equal(range->bytes, bytes);
}

/* --- QEMU's virt --- */

static void check_virt(unsigned gic_version, unsigned cpu_count)
{
	static const uint32_t timers[] = {29, 30, 27, 26};
	char path[64];
	snprintf(path, sizeof(path), GOLDEN "virt-gicv%u-%u.dts", gic_version, cpu_count);
	compile(path);
	assert_null(read_exactly(UINT64_C(0x80000000)));
	assert_string_equal(machine.board, "linux,dummy-virt");
	assert_int_equal(machine.bank_count, 1);
	assert_range(&machine.banks[0], GIB, GIB);
	assert_int_equal(machine.reserved_count, 0);
	assert_int_equal(machine.initrd.bytes, 0);
	assert_int_equal(machine.cpu_count, cpu_count);
	for (unsigned i = 0; i < cpu_count; i++) {
		assert_int_equal(machine.cpus[i].mpidr, i);
		/* With one CPU the firmware has no PSCI node to speak of; the boot CPU needs none. */
		assert_int_equal(machine.cpus[i].enable,
				 i == 0 ? MACHINE_ENABLE_NONE : MACHINE_ENABLE_PSCI);
	}
	assert_true(machine.is_psci_smc);
	assert_int_equal(machine.gic_version, gic_version);
	assert_range(&machine.gic[0], 0x8000000, 0x10000);
	if (gic_version == 2) {
		assert_range(&machine.gic[1], 0x8010000, 0x10000);
		assert_range(&machine.gic[2], 0x8030000, 0x10000);
		assert_range(&machine.gic[3], 0x8040000, 0x10000);
	} else {
		assert_range(&machine.gic[1], 0x80a0000, 0xf60000);
	}
	assert_int_equal(machine.gic_maintenance, 25);
	assert_memory_equal(machine.timer_intid, timers, sizeof(timers));
	assert_int_equal(machine.uart, MACHINE_UART_PL011);
	assert_range(&machine.uart_registers, 0x9000000, 0x1000);
	assert_int_equal(machine.uart_intid, 33);
	assert_int_equal(machine.power.bytes, 0);
	assert_int_equal(machine.seed_bytes, 32);
	for (unsigned i = 0; i < machine.seed_bytes; i++) {
		assert_int_equal(machine.seed[i], i + 1);
	}
}

static void virt_with_gicv2(void **state)
{
	(void)state;
	check_virt(2, 1);
	check_virt(2, 4);
	check_virt(2, 8);
}

static void virt_with_gicv3(void **state)
{
	(void)state;
	check_virt(3, 1);
	check_virt(3, 4);
	check_virt(3, 8);
}

static void the_boot_cpu_comes_first(void **state)
{
	(void)state;
	compile(GOLDEN "virt-gicv2-4.dts");
	assert_null(read_exactly(2));
	static const uint64_t order[] = {2, 0, 1, 3};
	assert_int_equal(machine.cpu_count, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(machine.cpus[i].mpidr, order[i]);
	}
	/* One that the tree does not know runs all the same. */
	assert_null(read_exactly(UINT64_C(0xff12345678)));
	assert_int_equal(machine.cpu_count, 5);
	assert_int_equal(machine.cpus[0].mpidr, UINT64_C(0xff00345678));
}

/* --- the Raspberry Pi 4 --- */

/* The firmware writes the memory's size there. */
static void give_pi_memory(void)
{
	const fdt32_t reg[] = {0,
			       0,
			       cpu_to_fdt32(0x3b400000),
			       0,
			       cpu_to_fdt32(0x40000000),
			       cpu_to_fdt32(0xbc000000)};
	assert_int_equal(fdt_open_into(tree, tree, sizeof(tree)), 0);
	const int node = fdt_path_offset(tree, "/memory@0");
	assert_int_equal(fdt_setprop(tree, node, "reg", reg, sizeof(reg)), 0);
	assert_int_equal(fdt_pack(tree), 0);
}

static void pi_4_as_the_firmware_fills_it(void **state)
{
	(void)state;
	static const uint32_t timers[] = {29, 30, 27, 26};
	read_pi();
	give_pi_memory();
	assert_null(read_exactly(UINT64_C(0x80000000)));
	assert_string_equal(machine.board, "raspberrypi,4-model-b");
	assert_int_equal(machine.bank_count, 2);
	assert_range(&machine.banks[0], 0, 0x3b400000);
	assert_range(&machine.banks[1], GIB, 0xbc000000);
	assert_int_equal(machine.cpu_count, 4);
	for (unsigned i = 1; i < 4; i++) {
		assert_int_equal(machine.cpus[i].mpidr, i);
		assert_int_equal(machine.cpus[i].enable, MACHINE_ENABLE_SPIN_TABLE);
		assert_int_equal(machine.cpus[i].release_address, 0xd8 + 8 * i);
	}
	assert_false(machine.is_psci_smc);
	assert_int_equal(machine.gic_version, 2);
	/* On the bus these stand at 0x40041000 and 0x7e...: `ranges` say where the CPU finds them. */
	assert_range(&machine.gic[0], 0xff841000, 0x1000);
	assert_range(&machine.gic[1], 0xff842000, 0x2000);
	assert_range(&machine.gic[2], 0xff844000, 0x2000);
	assert_range(&machine.gic[3], 0xff846000, 0x2000);
	assert_int_equal(machine.gic_maintenance, 25);
	assert_memory_equal(machine.timer_intid, timers, sizeof(timers));
	assert_int_equal(machine.uart, MACHINE_UART_8250); /* stdout-path is the mini UART */
	assert_range(&machine.uart_registers, 0xfe215040, 0x40);
	assert_int_equal(machine.uart_intid, 0x5d + 32);
	assert_int_equal(machine.uart_reg_shift, 2);
	assert_int_equal(machine.uart_io_bytes, 4);
	assert_int_equal(machine.power.base, 0xfe100000);
}

static void pi_4_without_its_firmware_has_no_memory(void **state)
{
	(void)state;
	read_pi();
	assert_string_equal(read_exactly(0), "no memory node");
	assert_int_equal(machine.uart, MACHINE_UART_8250); /* to say so on */
}

/* --- pieces --- */

#define GIC                                                                                        \
	"intc@8000000 { compatible = \"arm,gic-400\"; interrupts = <1 9 4>;"                       \
	" reg = <0 0x8000000 0 0x1000 0 0x8010000 0 0x2000 0 0x8030000 0 0x2000 0 0x8040000 0 "    \
	"0x2000>; };"
#define TIMER                                                                                      \
	"timer { compatible = \"arm,armv8-timer\"; interrupts = <1 13 4 1 14 4 1 11 4 1 10 4>; };"
#define CPUS                                                                                       \
	"cpus { #address-cells = <1>; #size-cells = <0>; cpu@0 { device_type = \"cpu\"; reg = "    \
	"<0>; }; };"
#define MEMORY "memory@40000000 { device_type = \"memory\"; reg = <0 0x40000000 0 0x10000000>; };"
#define ROOT(rest)                                                                                 \
	"/ { #address-cells = <2>; #size-cells = <2>; compatible = \"a,board\";" rest "};"

static const char *read_text(const char *text)
{
	compile_text(text);
	return read_exactly(0);
}

static void what_is_missing_is_named(void **state)
{
	(void)state;
	assert_null(read_text(ROOT(GIC TIMER CPUS MEMORY)));
	assert_int_equal(machine.uart, MACHINE_UART_NONE); /* goes on silently */
	assert_string_equal(read_text(ROOT(GIC TIMER CPUS)), "no memory node");
	assert_string_equal(read_text(ROOT(GIC TIMER MEMORY)), "no /cpus node");
	assert_string_equal(read_text(ROOT(TIMER CPUS MEMORY)), "no GICv2 or GICv3");
	assert_string_equal(read_text(ROOT(GIC CPUS MEMORY)), "no Armv8 timer");
	assert_string_equal(
		read_text(ROOT(GIC CPUS MEMORY "timer { compatible = \"arm,armv8-timer\"; "
					       "interrupts = <1 13 4 1 14 4>; };")),
		"the timer node lacks an interrupt");
	assert_string_equal(
		read_text(ROOT(TIMER CPUS MEMORY
			       "i@0 { compatible = \"arm,gic-400\"; interrupts = <1 9 4>;"
			       " reg = <0 0x8000000 0 0x1000 0 0x8010000 0 0x2000>; };")),
		"the interrupt controller lacks its hypervisor interface");
	assert_string_equal(
		read_text(ROOT(TIMER CPUS MEMORY
			       "i@0 { compatible = \"arm,gic-v3\";"
			       " reg = <0 0x8000000 0 0x1000 0 0x8010000 0 0x20000>; };")),
		"the interrupt controller has no maintenance interrupt");
}

static void memory_that_is_reserved(void **state)
{
	(void)state;
	assert_null(read_text("/memreserve/ 0x1000 0x2000;\n" ROOT(
		GIC TIMER CPUS MEMORY
		"reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges;"
		" a@1 { reg = <0 0x48000000 0 0x100000>; };"
		" b@2 { reg = <1 0 2 0>; }; c { size = <0 0x1000>; };"
		" d@3 { reg = <0 0x49000000 0 0x1000>; status = \"disabled\"; }; };"
		" memory@1 { device_type = \"memory\"; reg = <1 0 0 0x1000 1 0x10000 0 0>; };"
		" memory@2 { device_type = \"memory\"; reg = <2 0 0 0x1000>; status = "
		"\"disabled\"; };")));
	assert_int_equal(machine.reserved_count, 3);
	assert_range(&machine.reserved[0], 0x1000, 0x2000);
	assert_range(&machine.reserved[1], 0x48000000, 0x100000);
	assert_range(&machine.reserved[2], UINT64_C(1) << 32, UINT64_C(2) << 32);
	assert_int_equal(machine.bank_count, 2);
	assert_range(&machine.banks[1], UINT64_C(1) << 32, 0x1000);
}

static void the_initrd_and_the_console_are_chosen(void **state)
{
	(void)state;
	static const char devices[] =
		GIC TIMER CPUS MEMORY "aliases { serial5 = \"/u@2\"; };"
				      "u@1 { compatible = \"arm,pl011\"; reg = <0 0x1000 0 "
				      "0x1000>; interrupts = <0 4 4>; };"
				      "u@2 { compatible = \"ns16550a\"; reg = <0 0x2000 0 0x100>; "
				      "interrupts = <0 5 4>; reg-shift = <2>;"
				      " reg-io-width = <4>; };"
				      "u@3 { compatible = \"arm,pl011\"; reg = <0 0x3000 0 "
				      "0x1000>; status = \"disabled\"; };";
	static const struct {
		const char *path;
		uint64_t base;
		unsigned shift;
	} consoles[] = {
		{"serial5:115200n8", 0x2000, 2},
		{"serial5", 0x2000, 2},
		{"/u@2:9600", 0x2000, 2},
		{"/u@1", 0x1000, 0},
		{"/u@3", 0x1000, 0},
		{"/nowhere", 0x1000, 0},
		{"", 0x1000, 0},
		{":", 0x1000, 0},
		{"serial9", 0x1000, 0},
	};
	char text[4096];
	for (unsigned i = 0; i < ARRAY_COUNT(consoles); i++) {
		snprintf(text, sizeof(text),
			 "/ { #address-cells = <2>; #size-cells = <2>; compatible = \"a,board\"; "
			 "%s chosen { stdout-path = \"%s\";"
			 " linux,initrd-start = <0x50000000>; linux,initrd-end = <0 0x50001234>; "
			 "}; };",
			 devices, consoles[i].path);
		assert_null(read_text(text));
		assert_int_equal(machine.uart_registers.base, consoles[i].base);
		assert_int_equal(machine.uart_reg_shift, consoles[i].shift);
		assert_int_equal(machine.uart, consoles[i].base == 0x1000 ? MACHINE_UART_PL011
									  : MACHINE_UART_8250);
		assert_range(&machine.initrd, 0x50000000, 0x1234);
	}
}

static void an_initrd_that_ends_before_it_starts_is_none(void **state)
{
	(void)state;
	assert_null(read_text(
		ROOT(GIC TIMER CPUS MEMORY
		     "chosen { linux,initrd-start = <0x2000>; linux,initrd-end = <0x1000>; };")));
	assert_int_equal(machine.initrd.bytes, 0);
}

static void buses_translate(void **state)
{
	(void)state;
	compile_text(ROOT(
		"soc { #address-cells = <1>; #size-cells = <1>;"
		" ranges = <0x7e000000 0 0xfe000000 0x1800000 0x40000000 0x10 0xff800000 0x800000>;"
		" in@7e201000 { reg = <0x7e201000 0x200 0x40041000 0x1000>; };"
		" out@0 { reg = <0x1000 0x10>; };"
		" bus { #address-cells = <2>; #size-cells = <1>; ranges = <0 0 0x7e100000 0x1000>;"
		"  deep@1 { reg = <0 0x234 0x8>; }; }; };"
		" same { #address-cells = <2>; #size-cells = <2>; ranges; d@1 { reg = <1 2 0 3>; "
		"}; };"
		" apart { #address-cells = <1>; #size-cells = <0>; d@1 { reg = <1>; }; };"));
	struct machine_range range;
	assert_true(machine_reg(tree, fdt_path_offset(tree, "/soc/in@7e201000"), 0, &range));
	assert_range(&range, 0xfe201000, 0x200);
	assert_true(machine_reg(tree, fdt_path_offset(tree, "/soc/in@7e201000"), 1, &range));
	assert_range(&range, UINT64_C(0x10ff841000), 0x1000);
	assert_false(machine_reg(tree, fdt_path_offset(tree, "/soc/in@7e201000"), 2, &range));
	assert_false(machine_reg(tree, fdt_path_offset(tree, "/soc/out@0"), 0,
				 &range)); /* no range holds it */
	assert_true(machine_reg(tree, fdt_path_offset(tree, "/soc/bus/deep@1"), 0, &range));
	assert_range(&range, 0xfe100234, 8);
	assert_true(machine_reg(tree, fdt_path_offset(tree, "/same/d@1"), 0, &range));
	assert_range(&range, UINT64_C(0x100000002), 3);
	assert_false(machine_reg(tree, fdt_path_offset(tree, "/apart/d@1"), 0,
				 &range)); /* no `ranges` at all */
	assert_false(machine_reg(tree, 0, 0, &range));
}

static void interrupts_are_the_gics(void **state)
{
	(void)state;
	compile_text(
		ROOT("a { interrupts = <0 5 4 1 9 4 2 3 4>; }; b { interrupts = <0 987 1 0 988 1 1 "
		     "15 1 1 16 1>; };"
		     "c { interrupts = <0 7>; }; d { }; e { interrupts = <1 13 8 0 1 14 8 0>; };"));
	const int a = fdt_path_offset(tree, "/a"), b = fdt_path_offset(tree, "/b"),
		  e = fdt_path_offset(tree, "/e");
	assert_int_equal(machine_interrupt(tree, a, 0), 37);
	assert_int_equal(machine_interrupt(tree, a, 1), 25);
	assert_int_equal(machine_interrupt(tree, a, 2), 0);
	assert_int_equal(machine_interrupt(tree, a, 3), 0);
	assert_int_equal(machine_interrupt(tree, b, 0), 1019);
	assert_int_equal(machine_interrupt(tree, b, 1), 0);
	assert_int_equal(machine_interrupt(tree, b, 2), 31);
	assert_int_equal(machine_interrupt(tree, b, 3), 0);
	assert_int_equal(machine_interrupt(tree, fdt_path_offset(tree, "/c"), 0), 0);
	assert_int_equal(machine_interrupt(tree, fdt_path_offset(tree, "/d"), 0), 0);
	assert_int_equal(machine_interrupt(tree, e, 0), 29);
	assert_int_equal(machine_interrupt(tree, e, 1), 30);
	assert_int_equal(machine_interrupt(tree, a, UINT32_MAX), 0);
}

static const char *serial_of(const char *properties)
{
	char text[1024];
	(void)snprintf(text, sizeof(text), ROOT("%s" GIC TIMER CPUS MEMORY), properties);
	memset(&machine, 0xa5, sizeof(machine));
	assert_null(read_text(text));
	assert_string_equal(machine.board, "a,board");
	return machine.serial;
}

static void the_serial_number_is_bounded_and_printable(void **state)
{
	(void)state;
	const char *sixty_three = "123456789012345678901234567890123456789012345678901234567890123";
	char longer[128];
	assert_string_equal(serial_of(""), "");
	assert_string_equal(serial_of("serial-number;"), "");
	assert_string_equal(serial_of("serial-number = \"10000000abcdef01\";"), "10000000abcdef01");
	assert_string_equal(serial_of("serial-number = \"one\", \"two\";"), "one");
	assert_string_equal(serial_of("serial-number = [41 42];"), "AB"); /* no NUL */
	assert_string_equal(serial_of("serial-number = [1f 20 7e 7f 0a ff 1b 41 00];"), "? ~????A");
	(void)snprintf(longer, sizeof(longer), "serial-number = \"%s\";", sixty_three);
	assert_string_equal(serial_of(longer), sixty_three);
	(void)snprintf(longer, sizeof(longer), "serial-number = \"%s%s\";", sixty_three, "and more");
	assert_string_equal(serial_of(longer), sixty_three);
}

/* --- broken trees --- */

static void assert_bounded(const char *problem)
{
	assert_true(problem == NULL || strlen(problem) > 0);
	assert_in_range(machine.bank_count, 0, MACHINE_BANKS_MAX);
	assert_in_range(machine.reserved_count, 0, MACHINE_RESERVED_MAX);
	assert_in_range(machine.cpu_count, 0, AETHER_PCPU_MAX);
	assert_in_range(machine.seed_bytes, 0, sizeof(machine.seed));
	assert_in_range(machine.uart_reg_shift, 0, 3);
	assert_non_null(memchr(machine.board, 0, sizeof(machine.board)));
	assert_non_null(memchr(machine.serial, 0, sizeof(machine.serial)));
	if (problem == NULL) {
		assert_true(machine.bank_count > 0 && machine.cpu_count > 0);
		assert_true(machine.gic_version == 2 || machine.gic_version == 3);
	}
}

static void no_tree_at_all(void **state)
{
	(void)state;
	memset(tree, 0, sizeof(tree));
	assert_string_equal(machine_read(tree, 0, &machine), "no device tree");
	memset(tree, 0xff, sizeof(tree));
	assert_string_equal(machine_read(tree, 0, &machine), "no device tree");
}

/* A loader's window onto the tree has an end: what says that it is longer is not read. */
static void a_tree_that_claims_to_be_huge(void **state)
{
	(void)state;
	compile(GOLDEN "virt-gicv2-1.dts");
	const uint32_t bytes = fdt_totalsize(tree);
	fdt_set_totalsize(tree, MACHINE_FDT_MAX_BYTES + 1);
	assert_non_null(machine_read(tree, 0, &machine));
	fdt_set_totalsize(tree, 0x7fffffff);
	fdt_set_size_dt_struct(tree, 0x7ff00000);
	assert_non_null(machine_read(tree, 0, &machine));
	fdt_set_totalsize(tree, bytes);
}

static const char *const machines[] = {GOLDEN "virt-gicv2-1.dts", GOLDEN "virt-gicv3-4.dts", PI_4};

static void take(unsigned index)
{
	if (index + 1 < ARRAY_COUNT(machines)) {
		compile(machines[index]);
	} else {
		read_pi();
		give_pi_memory();
	}
}

static void truncated_trees(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_COUNT(machines); i++) {
		take(i);
		const uint32_t whole = fdt_totalsize(tree);
		for (uint32_t bytes = sizeof(struct fdt_header); bytes < whole;
		     bytes += 1 + whole / 300) {
			fdt_set_totalsize(tree, bytes);
			assert_string_equal(read_exactly(0), "no device tree");
		}
		/* What was to come is something else. */
		fdt_set_totalsize(tree, whole);
		const uint32_t step = 8 + (whole / 200 & ~7u);
		for (uint32_t left = whole - 8; left > 64 + step; left -= step) {
			memset(tree + left, left % 16 == 0 ? 0 : 0xff, whole - left);
			assert_bounded(read_exactly(0));
		}
	}
}

static void flipped_bytes(void **state)
{
	(void)state;
	static uint8_t good[TREE_BYTES];
	const uint64_t steps = random_init("test_machine", 600);
	unsigned problems = 0;
	for (unsigned i = 0; i < ARRAY_COUNT(machines); i++) {
		take(i);
		const uint32_t bytes = fdt_totalsize(tree);
		memcpy(good, tree, sizeof(good));
		for (uint64_t step = 0; step < steps; step++) {
			memcpy(tree, good, bytes);
			const uint64_t flips = 1 + random_below(12);
			for (uint64_t k = 0; k < flips; k++) {
				const uint64_t at =
					random_below(4) == 0
						? random_below(sizeof(struct fdt_header))
						: random_below(bytes);
				tree[at] = (uint8_t)(random_below(2) == 0
							     ? random_u64()
							     : tree[at] ^ (1u << random_below(8)));
			}
			fdt_set_totalsize(tree, bytes); /* the memory that there is */
			const char *problem = read_exactly(random_below(4));
			assert_bounded(problem);
			problems += problem != NULL ? 1 : 0;
		}
	}
	assert_true(problems > steps / 4);
}

/* Deeper than the path that a walk remembers: passed over, and read no further than that. */
static void nodes_far_down(void **state)
{
	(void)state;
#define NEST(inner) "n { n { n { n { " inner " }; }; }; };"
	assert_null(read_text(ROOT(GIC TIMER CPUS MEMORY NEST(NEST(NEST("compatible = \"arm,pl011\";"))))));
	assert_int_equal(machine.cpu_count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(virt_with_gicv2),
		cmocka_unit_test(virt_with_gicv3),
		cmocka_unit_test(the_boot_cpu_comes_first),
		cmocka_unit_test(pi_4_as_the_firmware_fills_it),
		cmocka_unit_test(pi_4_without_its_firmware_has_no_memory),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(memory_that_is_reserved),
		cmocka_unit_test(the_initrd_and_the_console_are_chosen),
		cmocka_unit_test(an_initrd_that_ends_before_it_starts_is_none),
		cmocka_unit_test(buses_translate),
		cmocka_unit_test(interrupts_are_the_gics),
		cmocka_unit_test(the_serial_number_is_bounded_and_printable),
		cmocka_unit_test(no_tree_at_all),
		cmocka_unit_test(a_tree_that_claims_to_be_huge),
		cmocka_unit_test(truncated_trees),
		cmocka_unit_test(nodes_far_down),
		cmocka_unit_test(flipped_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

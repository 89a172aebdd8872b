/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node with a bundle and no network card, against a fake core that plays a script of stops. What a console shows and
 * what a VM holds at its start is compared.
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

#include "abi/diag.h"
#include "abi/image.h"
#include "service/service.h"
#include "unit/small_bundle.h"
#include "unit/small_core.h"

static struct aether_bootinfo info;
static struct small_bundle bundle;
static struct service service;

/* The tests. */

static int set_up(void **state)
{
	(void)state;
	small_core_reset();
	small_core_info(&info);
	info.counter_hz = 62500000;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	small_core_reset();
	if (bundle.bytes != NULL) {
		small_bundle_free(&bundle);
	}
	return 0;
}

static void add_stop(uint32_t vm, uint32_t reason)
{
	core.script[core.script_count++] = (struct hvcall_event){
		.kinds = AETHER_EVENT_VM_STOPPED,
		.vm = vm,
		.reason = reason,
	};
}

static const void *make_trailer(const char *log_level, size_t *bytes)
{
	static uint8_t tree[512] __attribute__((aligned(8)));

	fdt_create(tree, sizeof(tree));
	fdt_finish_reservemap(tree);
	fdt_begin_node(tree, "");
	fdt_property_string(tree, "compatible", "aether,config-v1");
	fdt_property(tree, "log-level", log_level, (int)strlen(log_level) + 1);
	fdt_end_node(tree);
	fdt_finish(tree);
	*bytes = fdt_totalsize(tree);
	return tree;
}

static void run(const char *log_level)
{
	struct service_inputs inputs = {.info = &info, .bundle = bundle.bytes};
	size_t trailer_bytes = 0;

	if (log_level != NULL) {
		inputs.trailer = make_trailer(log_level, &trailer_bytes);
	}
	info.trailer_bytes = trailer_bytes;
	info.bundle_bytes = bundle.size;
	memset(core.records, 0, sizeof(core.records)); /* it is another boot */
	service_start(&service, &inputs);
	while (service_turn(&service)) {
	}
}

static void a_guest_gets_its_first_state(void **state)
{
	(void)state;
	small_bundle_make(&bundle, 1);
	run(NULL);
	const struct small_core_vm *vm = &core.vms[3];
	assert_int_equal(vm->state, AETHER_VM_RUNNING);
	assert_int_equal(vm->ram_bytes, 8 << 20);
	assert_int_equal(vm->vcpu_count, 1);
	assert_int_equal(vm->flags, 0);
	assert_int_equal(vm->entry, 0x40200000);
	assert_int_equal(vm->x0, 0x40400000);
	const struct manifest_guest *guest = &bundle.manifest.guests[0];
	assert_memory_equal(vm->ram + 0x200000, bundle.bytes + guest->kernel.offset,
			    SMALL_KERNEL_BYTES);
	assert_memory_equal(vm->ram + 0x203000, bundle.bytes + guest->initramfs.offset,
			    SMALL_INITRAMFS_BYTES);
	const void *tree = vm->ram + 0x400000;
	const int chosen = fdt_path_offset(tree, "/chosen");
	assert_true(chosen > 0);
	assert_string_equal(fdt_getprop(tree, chosen, "bootargs", NULL), "console=ttyAMA0 n=0");
	const fdt64_t *start = fdt_getprop(tree, chosen, "linux,initrd-start", NULL);
	const fdt64_t *end = fdt_getprop(tree, chosen, "linux,initrd-end", NULL);
	assert_int_equal(fdt64_ld(start), 0x40203000);
	assert_int_equal(fdt64_ld(end), 0x40203000 + SMALL_INITRAMFS_BYTES);
}

static void at_the_default_level_one_line_stands_before_the_guest(void **state)
{
	(void)state;
	small_bundle_make(&bundle, 1);
	add_stop(3, AETHER_STOP_POWER_OFF);
	run(NULL);
	assert_console("aether: loader: 1 of 1 guest ready from bundle \"small\" 1.0\n");
	assert_int_equal(core.console_at, core.console_at_first_start);
	assert_int_equal(core.vms[3].state, AETHER_VM_NONE);
	assert_int_equal(core.script_at, core.script_count);
}

static void a_reset_starts_the_same_guest_again(void **state)
{
	(void)state;
	small_bundle_make(&bundle, 1);
	run(NULL);
	uint8_t first_seed[SMALL_CORE_SEED_BYTES];
	memcpy(first_seed, core.vms[3].seed, SMALL_CORE_SEED_BYTES);
	tear_down(NULL);
	set_up(NULL);
	small_bundle_make(&bundle, 1);
	for (int i = 0; i < 5; i++) {
		add_stop(3, AETHER_STOP_RESET);
	}
	run(NULL);
	const struct small_core_vm *vm = &core.vms[3];
	assert_int_equal(vm->state, AETHER_VM_RUNNING);
	assert_int_equal(vm->start_count, 6);
	assert_memory_equal(vm->ram + 0x200000,
			    bundle.bytes + bundle.manifest.guests[0].kernel.offset,
			    SMALL_KERNEL_BYTES);
	assert_memory_not_equal(vm->seed, first_seed, SMALL_CORE_SEED_BYTES);
}

static void guests_have_seeds_of_their_own(void **state)
{
	(void)state;
	small_bundle_make(&bundle, 4);
	run(NULL);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(core.vms[i].flags, AETHER_VM_CONSOLE_LINES);
		for (size_t j = 0; j < i; j++) {
			assert_memory_not_equal(core.vms[i].seed, core.vms[j].seed, SMALL_CORE_SEED_BYTES);
		}
	}
	tear_down(NULL);
	set_up(NULL);
	info.entropy_bytes = 0;
	small_bundle_make(&bundle, 1);
	run(NULL);
	const void *tree = core.vms[3].ram + 0x400000;
	assert_null(fdt_getprop(tree, fdt_path_offset(tree, "/chosen"), "rng-seed", NULL));
	assert_null(fdt_getprop(tree, fdt_path_offset(tree, "/chosen"), "kaslr-seed", NULL));
}

static void a_damaged_guest_keeps_no_other_from_running(void **state)
{
	(void)state;
	small_bundle_make(&bundle, 3);
	bundle.bytes[bundle.manifest.guests[1].kernel.offset + 99] ^= 0x20;
	add_stop(3, AETHER_STOP_POWER_OFF);
	add_stop(2, AETHER_STOP_POWER_OFF);
	run(NULL);
	assert_memory_equal(core.console,
			    "aether: loader: guest \"guest1\" refused: the kernel is damaged: its "
			    "SHA-256 begins ",
			    79);
	assert_console_has("aether: loader: 2 of 3 guests ready from bundle \"small\" 1.0\n");
	assert_int_equal(core.console_at, core.console_at_first_start);
	assert_int_equal(core.script_at, 2);
	for (size_t i = 0; i < AETHER_VM_MAX; i++) {
		assert_int_equal(core.vms[i].state, AETHER_VM_NONE);
	}
}

static void nothing_to_run_ends_the_loader(void **state)
{
	(void)state;
	run(NULL);
	assert_console("aether: loader: no bundle: the boot loader passed no initrd; give it "
		       "guest.bundle as the initrd\n");
	core.console_at = 0;
	small_bundle_make(&bundle, 1);
	bundle.bytes[0] = 'X';
	run(NULL);
	assert_console("aether: loader: bundle refused: it does not begin with AETHERBN\n");
	bundle.bytes[0] = 'A';
	bundle.bytes[bundle.size - 1] ^= 1;
	core.console_at = 0;
	run(NULL);
	assert_console_has("refused: the initramfs is damaged");
	assert_console_has("aether: loader: 0 of 1 guest ready");
	assert_int_equal(core.console_at_first_start, 0);
}

static void a_guest_that_was_stopped_is_named(void **state)
{
	(void)state;
	small_bundle_make(&bundle, 2);
	add_stop(2, AETHER_STOP_SERROR);
	add_stop(3, 99);
	run(NULL);
	assert_console_has(
		"aether: vm2 \"guest1\" stopped: took a system error (esr 0xbf000002)\n");
	assert_console_has("aether: vm3 \"guest0\" stopped: unknown reason (esr 0xbf000002)\n");
	assert_int_equal(core.vms[2].state, AETHER_VM_NONE);
	assert_int_equal(core.vms[3].state, AETHER_VM_NONE);
}

static void refusals_of_the_core_are_named(void **state)
{
	(void)state;
	small_bundle_make(&bundle, 1);
	core.create_status = AETHER_ENOMEM;
	run(NULL);
	assert_console_has("aether: loader: guest \"guest0\" refused: not enough free memory (it "
			   "wants 8 MiB; 1000 MiB were free for guests at boot)\n");
	core.create_status = 0;
	core.start_status = AETHER_EINVAL;
	run(NULL);
	assert_console_has("guest \"guest0\" cannot be started: invalid argument\n");
	assert_int_equal(core.vms[3].state, AETHER_VM_NONE);
	core.start_status = 0;
	core.reset_status = AETHER_ESTATE;
	add_stop(3, AETHER_STOP_RESET);
	run(NULL);
	assert_console_has("guest \"guest0\" cannot be reset: wrong state\n");
	assert_int_equal(core.vms[3].state, AETHER_VM_NONE);
}

static void a_kernel_that_cannot_be_placed_is_named(void **state)
{
	(void)state;
	const struct arm64_image_header huge = {.image_size = UINT64_C(1) << 40,
						.magic = ARM64_IMAGE_MAGIC};
	const struct arm64_image_header none = {.image_size = 4096};

	small_bundle_make(&bundle, 2);
	small_bundle_set_kernel_header(&bundle, 0, &huge);
	small_bundle_set_kernel_header(&bundle, 1, &none);
	run(NULL);
	assert_console_has(
		"guest \"guest0\" refused: the kernel does not fit into the guest's memory");
	assert_console_has("guest \"guest1\" refused: the kernel is not an arm64 Image");
	assert_console_has("0 of 2 guests ready");
}

static void events_for_nobody_are_survived(void **state)
{
	(void)state;
	small_bundle_make(&bundle, 1);
	add_stop(0, AETHER_STOP_POWER_OFF);
	add_stop(77, AETHER_STOP_RESET);
	core.script[core.script_count++] = (struct hvcall_event){.kinds = 8, .vm = 3}; /* of a later core */
	core.vms[0].state = AETHER_VM_NONE;
	run(NULL);
	assert_console_has("aether: loader: event 1 of vm0 is for no guest\n");
	assert_console_has("aether: loader: event 1 of vm77 is for no guest\n");
	assert_int_equal(core.script_at, 3);
	assert_int_equal(core.vms[3].start_count, 1);
}

static void info_tells_places_times_and_counters(void **state)
{
	(void)state;
	small_bundle_make(&bundle, 1);
	add_stop(3, AETHER_STOP_RESET);
	add_stop(3, AETHER_STOP_POWER_OFF);
	info.entry_ticks = 10;
	info.core_ticks = 110;
	run("info");
	assert_console_has("aether: loader: board \"linux,dummy-virt\", 1 CPUs, GICv2, 1024 MiB, ");
	assert_console_has("aether: loader: guest \"guest0\": vm3, 1 vCPUs, 8 MiB, kernel "
			   "0x40200000, initramfs 0x40203000, device tree 0x40400000\n");
	assert_console_has("aether: loader: ticks to service=100 verify=15 copy=15 to start=");
	assert_console_has("aether: counters vm=3 entries=55 ticks=1155 guest=200 scrub=400 "
			   "irq=0/100 hvc=1/101 smc=2/102 ");
	assert_console_has("guest \"guest0\" asked for a reset\n");
	assert_console_has("guest \"guest0\" powered off\n");
}

static void errors_only(void **state)
{
	(void)state;
	small_bundle_make(&bundle, 1);
	add_stop(3, AETHER_STOP_POWER_OFF);
	run("error");
	assert_console("");
	set_up(NULL);
	run("loud");
	assert_console_has(
		"aether: loader: configuration trailer: log-level is none of error, warn, "
		"info, debug; using defaults\n");
}

static void a_full_console_ring_is_waited_for(void **state)
{
	(void)state;
	small_bundle_make(&bundle, 1);
	core.full_count = 100000;
	run(NULL);
	assert_console_has("aether: loader: 1 of 1 guest ready from bundle \"small\" 1.0\n");
}

static void what_firmware_says_cannot_steer_the_terminal(void **state)
{
	(void)state;
	small_bundle_make(&bundle, 1);
	memset(info.board, 'b', sizeof(info.board)); /* no NUL */
	info.board[0] = '\x1b';
	info.board[1] = '\n';
	run("info");
	assert_console_has("board \"??bbbbbbbb");
	assert_console_has("bbb\", 1 CPUs");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_guest_gets_its_first_state),
		TEST(at_the_default_level_one_line_stands_before_the_guest),
		TEST(a_reset_starts_the_same_guest_again),
		TEST(guests_have_seeds_of_their_own),
		TEST(a_damaged_guest_keeps_no_other_from_running),
		TEST(nothing_to_run_ends_the_loader),
		TEST(a_guest_that_was_stopped_is_named),
		TEST(refusals_of_the_core_are_named),
		TEST(a_kernel_that_cannot_be_placed_is_named),
		TEST(events_for_nobody_are_survived),
		TEST(info_tells_places_times_and_counters),
		TEST(errors_only),
		TEST(a_full_console_ring_is_waited_for),
		TEST(what_firmware_says_cannot_steer_the_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

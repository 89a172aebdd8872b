/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/small_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>

#include <cmocka.h>
#include <libfdt.h>

#include "wire/seal.h"

#define GUARD_BYTES 4096u

struct small_core core;

/*
 * A guest's memory, with a page at each end that nobody may touch. Not of malloc(), whose red zones and quarantine
 * cost more than all that a test does with so many megabytes.
 */
static uint8_t *new_ram(uint64_t bytes)
{
	uint8_t *map =
		mmap(NULL, bytes + 2 * GUARD_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(map != MAP_FAILED);
	assert_int_equal(mprotect(map + GUARD_BYTES, bytes, PROT_READ | PROT_WRITE), 0);
	return map + GUARD_BYTES;
}

static void free_ram(const struct small_core_vm *v)
{
	if (v->ram != NULL) {
		assert_int_equal(munmap(v->ram - GUARD_BYTES, v->ram_bytes + 2 * GUARD_BYTES), 0);
	}
}

void small_core_reset(void)
{
	for (size_t i = 0; i < SMALL_CORE_VMS; i++) {
		free_ram(&core.vms[i]);
	}
	memset(&core, 0, sizeof(core));
	core.input_room = UINT64_MAX;
	core.instance = 1;
	core.slices = 1;
}

void small_core_info(struct aether_bootinfo *info)
{
	*info = (struct aether_bootinfo){
		.magic = AETHER_BOOTINFO_MAGIC,
		.cpu_count = 1,
		.gic_version = 2,
		.midr = 0x410fd083,
		.ram_bytes = 1 << 30,
		.free_bytes = 1000 << 20,
		.counter_hz = SMALL_CORE_HZ,
		.board = "linux,dummy-virt",
		.entropy = {1, 2, 3},
		.entropy_bytes = 32,
		.instance = 1,
		.boot_id = 0x1234567890abcdef,
	};
}

/* --- the end of an instance, at each call in turn --- */

static void enter_call(void)
{
	core.call_count++;
}

static int64_t leave_call(int64_t status)
{
	if (core.call_count == core.die_after) {
		core.die();
	}
	return status;
}

/* --- VMs --- */

static struct small_core_vm *vm_of(uint32_t vm)
{
	assert_in_range(vm, 0, SMALL_CORE_VMS - 1);
	assert_int_not_equal(vm, AETHER_VM_MAX);
	return &core.vms[vm];
}

/* The long call whose state is `during` is not over yet. */
static bool is_slice_over(struct small_core_vm *v, enum aether_vm_state during)
{
	if (v->state != during) {
		v->state = during;
		v->slices_left = core.slices;
	}
	if (v->slices_left == 0) {
		return false;
	}
	v->slices_left--;
	core.ticks += SMALL_CORE_HZ / 1000;
	return true;
}

int64_t hvcall_vm_create(uint64_t ram_bytes, uint32_t vcpu_count, uint64_t flags, uint64_t tag, uint32_t *vm)
{
	const bool is_store = (flags & AETHER_VM_STORE) != 0;
	const uint32_t first = is_store ? AETHER_STORE_FIRST : 0;
	const uint32_t count = is_store ? AETHER_STORE_MAX : AETHER_VM_MAX;

	enter_call();
	assert_int_equal(ram_bytes % (2 << 20), 0);
	assert_true(is_store ? vcpu_count == 0 : vcpu_count != 0);
	if (core.create_status != 0) {
		return leave_call(core.create_status);
	}
	for (uint32_t i = first; i < first + count; i++) {
		struct small_core_vm *v = &core.vms[i];
		if (v->state == AETHER_VM_CREATING && v->ram_bytes == ram_bytes && v->vcpu_count == vcpu_count &&
		    v->flags == flags && v->tag == tag) {
			*vm = i;
			if (is_slice_over(v, AETHER_VM_CREATING)) {
				return leave_call(AETHER_EAGAIN);
			}
			v->state = AETHER_VM_LOADING;
			return leave_call(0);
		}
	}
	const bool is_given = core.is_obliging && !is_store && core.vms[*vm].state == AETHER_VM_NONE;
	for (uint32_t i = is_given ? *vm : 0; i < count; i++) {
		/* From the highest: a guest's index is not its VM's number. */
		const uint32_t number = first + (core.is_obliging ? i : count - 1 - i);
		struct small_core_vm *v = &core.vms[number];
		if (v->state == AETHER_VM_NONE) {
			*v = (struct small_core_vm){
				.ram = new_ram(ram_bytes),
				.ram_bytes = ram_bytes,
				.vcpu_count = vcpu_count,
				.flags = flags,
				.tag = tag,
			};
			if (is_slice_over(v, AETHER_VM_CREATING)) {
				return leave_call(AETHER_EAGAIN);
			}
			v->state = AETHER_VM_LOADING;
			*vm = number;
			return leave_call(0);
		}
	}
	return leave_call(AETHER_EBUSY);
}

uint8_t *hvcall_vm_memory(uint32_t vm)
{
	assert_int_equal(vm_of(vm)->state, AETHER_VM_LOADING);
	return core.vms[vm].ram;
}

int64_t hvcall_vm_start(uint32_t vm, uint64_t entry_ipa, uint64_t x0)
{
	struct small_core_vm *v = vm_of(vm);

	enter_call();
	assert_in_range(vm, 0, AETHER_VM_MAX - 1);
	if (v->state == AETHER_VM_STARTING) {
		if (is_slice_over(v, AETHER_VM_STARTING)) {
			return leave_call(AETHER_EAGAIN);
		}
		v->state = AETHER_VM_RUNNING; /* goes on as was wanted */
		v->start_count++;
		return leave_call(0);
	}
	assert_int_equal(v->state, AETHER_VM_LOADING);
	if (core.start_status != 0) {
		return leave_call(core.start_status);
	}
	if (core.console_at_first_start == 0) {
		core.console_at_first_start = core.console_at;
	}
	v->entry = entry_ipa;
	v->x0 = x0;
	const void *tree = v->ram + (x0 - AETHER_GUEST_RAM_BASE);
	const void *seed = fdt_getprop(tree, fdt_path_offset(tree, "/chosen"), "kaslr-seed", NULL);
	if (seed != NULL) {
		memcpy(v->seed, seed, SMALL_CORE_SEED_BYTES);
	}
	if (is_slice_over(v, AETHER_VM_STARTING)) {
		return leave_call(AETHER_EAGAIN);
	}
	v->state = AETHER_VM_RUNNING;
	v->start_count++;
	return leave_call(0);
}

int64_t hvcall_vm_reset(uint32_t vm)
{
	struct small_core_vm *v = vm_of(vm);

	enter_call();
	assert_true(v->state == AETHER_VM_STOPPED || v->state == AETHER_VM_LOADING || v->state == AETHER_VM_RESETTING);
	if (core.reset_status != 0) {
		return leave_call(core.reset_status);
	}
	if (is_slice_over(v, AETHER_VM_RESETTING)) {
		return leave_call(AETHER_EAGAIN);
	}
	free_ram(v);
	v->ram = new_ram(v->ram_bytes);
	v->state = AETHER_VM_LOADING;
	v->reason = AETHER_STOP_NONE;
	v->reset_count++;
	return leave_call(0);
}

int64_t hvcall_vm_destroy(uint32_t vm)
{
	struct small_core_vm *v = vm_of(vm);

	enter_call();
	assert_true(v->state == AETHER_VM_STOPPED || v->state == AETHER_VM_LOADING || v->state == AETHER_VM_CREATING ||
		    v->state == AETHER_VM_DESTROYING);
	if (is_slice_over(v, AETHER_VM_DESTROYING)) {
		return leave_call(AETHER_EAGAIN);
	}
	free_ram(v);
	v->ram = NULL;
	v->state = AETHER_VM_NONE;
	return leave_call(0);
}

int64_t hvcall_vm_stop(uint32_t vm)
{
	struct small_core_vm *v = vm_of(vm);

	enter_call();
	if (v->state != AETHER_VM_RUNNING && v->state != AETHER_VM_PAUSED) {
		return leave_call(AETHER_ESTATE);
	}
	v->stop_count++;
	small_core_stop(vm, AETHER_STOP_SERVICE);
	return leave_call(0);
}

int64_t hvcall_vm_info(uint32_t vm, struct hvcall_vm_state *state)
{
	const struct small_core_vm *v = vm_of(vm);

	enter_call();
	*state = (struct hvcall_vm_state){
		.state = v->state,
		.flags = (uint32_t)v->flags,
		.reason = v->reason,
		.detail = 0xbf000002,
		.tag = v->tag,
		.ram_bytes = v->ram_bytes,
	};
	return leave_call(0);
}

void small_core_stop(uint32_t vm, uint32_t reason)
{
	struct small_core_vm *v = vm_of(vm);

	assert_true(v->state == AETHER_VM_RUNNING || v->state == AETHER_VM_PAUSED);
	v->state = AETHER_VM_STOPPED;
	v->reason = reason;
	assert_true(core.script_count < SMALL_CORE_SCRIPT_MAX);
	core.script[core.script_count++] = (struct hvcall_event){
		.kinds = AETHER_EVENT_VM_STOPPED,
		.vm = vm,
		.reason = reason,
	};
}

/* --- events and time --- */

/* On its way to run, or to be no more. */
static bool is_under_way(const struct small_core_vm *v)
{
	return v->state == AETHER_VM_CREATING || v->state == AETHER_VM_LOADING || v->state == AETHER_VM_STARTING ||
	       v->state == AETHER_VM_RESETTING || v->state == AETHER_VM_DESTROYING;
}

static bool is_any_under_way(void)
{
	for (uint32_t i = 0; i < AETHER_VM_MAX; i++) {
		if (is_under_way(&core.vms[i])) {
			return true;
		}
	}
	return false;
}

int64_t hvcall_event_wait(uint64_t deadline, struct hvcall_event *event)
{
	enter_call();
	core.wait_count++;
	const bool is_over = core.script_at == core.script_count;
	const uint32_t next = is_over ? UINT32_MAX : core.script[core.script_at].vm;
	if (is_over || (next < AETHER_VM_MAX && is_under_way(&core.vms[next]))) {
		if (is_over && !core.is_endless && !is_any_under_way() && deadline > core.ticks) {
			return AETHER_ENOSYS; /* the script's end ends the service */
		}
		/* The core ends a wait after half the time in which it wants a sign of life. */
		const uint64_t most = core.ticks + (uint64_t)AETHER_ALIVE_MS / 2 * SMALL_CORE_HZ / 1000;
		const uint64_t end = deadline < most ? deadline : most;
		if (end > core.ticks) {
			core.asleep_ticks += end - core.ticks;
			core.ticks = end;
		}
		*event = (struct hvcall_event){.kinds = 0};
		return leave_call(0);
	}
	*event = core.script[core.script_at++];
	if (event->vm < AETHER_VM_MAX && core.vms[event->vm].state == AETHER_VM_RUNNING) {
		core.vms[event->vm].state = AETHER_VM_STOPPED;
		core.vms[event->vm].reason = event->reason;
	}
	return leave_call(0);
}

uint64_t hvcall_ticks(void)
{
	return core.ticks += 5;
}

int64_t hvcall_time_set(uint64_t unix_ns, uint64_t ticks)
{
	enter_call();
	assert_true(ticks <= core.ticks);
	core.time_count++;
	core.time_ns = unix_ns;
	core.time_ticks = ticks;
	return leave_call(0);
}

int64_t hvcall_alive(void)
{
	core.alive_count++;
	return 0;
}

/* --- the node --- */

int64_t hvcall_log(const char *bytes, size_t byte_count)
{
	assert_in_range(byte_count, 1, 48);
	if (core.full_count != 0) {
		core.full_count--;
		return AETHER_EAGAIN;
	}
	assert_true(core.console_at + byte_count < SMALL_CORE_CONSOLE_BYTES);
	memcpy(core.console + core.console_at, bytes, byte_count);
	core.console_at += byte_count;
	core.console[core.console_at] = '\0';
	return 0;
}

int64_t hvcall_counter(uint32_t counter, uint32_t vm_or_cpu, uint32_t cause, uint64_t *value)
{
	(void)vm_or_cpu;
	*value = 100 * counter + cause;
	return 0;
}

void hvcall_node_off(uint32_t is_reset)
{
	core.off_count++;
	core.off_is_reset = is_reset;
}

void hvcall_fail(uint64_t esr, uint64_t elr, uint64_t far)
{
	(void)esr;
	(void)elr;
	(void)far;
	core.fail_count++;
}

/* --- what survives the service --- */

int64_t hvcall_keep_set(uint32_t record, const struct hvcall_kept *kept)
{
	enter_call();
	assert_in_range(record, 0, AETHER_KEEP_RECORDS - 1);
	if (kept->generation <= core.records[record].generation) {
		return leave_call(AETHER_ESTATE);
	}
	core.records[record] = *kept;
	return leave_call(0);
}

int64_t hvcall_keep_get(uint32_t record, struct hvcall_kept *kept)
{
	enter_call();
	assert_in_range(record, 0, AETHER_KEEP_RECORDS - 1);
	*kept = core.records[record];
	return leave_call(0);
}

int64_t hvcall_key_set(const uint8_t key[HVCALL_KEY_BYTES])
{
	enter_call();
	if (core.has_key) {
		return leave_call(AETHER_ESTATE);
	}
	memcpy(core.key, key, sizeof(core.key));
	core.has_key = true;
	return leave_call(0);
}

int64_t hvcall_key_get(uint8_t key[HVCALL_KEY_BYTES])
{
	enter_call();
	if (!core.has_key) {
		return leave_call(AETHER_ESTATE);
	}
	seal_derive(core.key, core.instance, key);
	return leave_call(0);
}

int64_t hvcall_crash_done(void)
{
	enter_call();
	core.crash_done_count++;
	return leave_call(0);
}

/* --- consoles and telemetry --- */

void small_core_print(uint32_t vm, const char *text)
{
	for (; *text != '\0'; text++) {
		core.rings[vm][core.heads.head[vm]++ % AETHER_CONSOLE_RING_BYTES] = (uint8_t)*text;
	}
}

int64_t hvcall_console_input(uint32_t vm, uint64_t offset, const uint8_t *bytes, size_t byte_count, uint64_t *due)
{
	uint64_t *at = &core.heads.input_due[vm];

	enter_call();
	assert_in_range(byte_count, 1, HVCALL_INPUT_MAX_BYTES);
	*due = *at;
	if (offset > *at) {
		return leave_call(AETHER_EINVAL);
	}
	if (core.vms[vm].state != AETHER_VM_RUNNING) {
		return leave_call(AETHER_ESTATE);
	}
	for (size_t i = 0; i < byte_count; i++) {
		if (offset + i == *at && *at < core.input_room) {
			core.input[vm][(*at)++] = bytes[i];
		}
	}
	*due = *at;
	return leave_call(0);
}

int64_t hvcall_telemetry(void)
{
	enter_call();
	core.telemetry.readings++;
	core.telemetry.ticks = core.ticks;
	for (uint32_t i = 0; i < AETHER_VM_MAX; i++) {
		core.telemetry.vms[i].state = core.vms[i].state;
		core.telemetry.vms[i].ram_bytes = core.vms[i].ram_bytes;
	}
	return leave_call(0);
}

const struct aether_telemetry *hvcall_telemetry_page(void)
{
	return &core.telemetry;
}

const volatile struct aether_console_heads *hvcall_console_heads(void)
{
	return &core.heads;
}

const volatile uint8_t *hvcall_console_ring(uint32_t vm)
{
	return core.rings[vm];
}

/* --- what the console was told --- */

void assert_console(const char *want)
{
	assert_string_equal(core.console, want);
}

void assert_console_has(const char *part)
{
	if (strstr(core.console, part) == NULL) {
		print_message("console: %s\nwanted: %s\n", core.console, part);
		fail();
	}
}

unsigned int small_core_count(const char *part)
{
	unsigned int count = 0;

	for (const char *at = core.console; (at = strstr(at, part)) != NULL; at++) {
		count++;
	}
	return count;
}

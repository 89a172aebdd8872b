/* SPDX-License-Identifier: Apache-2.0 */
#include "small_node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/image.h"
#include "core/console_ring.h"
#include "core/crash.h"
#include "core/esr.h"
#include "core/hal.h"
#include "core/reload.h"
#include "core/hvc.h"
#include "core/keep.h"
#include "core/sched.h"
#include "core/supervise.h"
#include "core/sysreg.h"
#include "core/telemetry.h"
#include "core/trap.h"
#include "hal_fake.h"
#include "lib/bits.h"

#define POOL_BYTES (2 * MIB)
#define FIRMWARE_BYTES (4 * MIB) /* pool, boot information, trailer, bundle */
#define BOOTINFO (FAKE_RAM_BASE + POOL_BYTES)
#define TRAILER (BOOTINFO + 0x10000)
#define BUNDLE (BOOTINFO + 0x20000)
#define BUNDLE_BYTES UINT64_C(0x2345)
#define STARVED_MAX 1024u

struct percpu percpu[AETHER_PCPU_MAX];

static struct {
	uint8_t *table;
	unsigned cpu_count;
	uint64_t ram_bytes;
	jmp_buf asleep;
	pa_t starved[STARVED_MAX];
	unsigned starved_count;
} node;

/* Provided to core/sysreg.c: on the host there is nothing to grant. */
void vcpu_grant_debug(struct vcpu *vcpu)
{
	(void)vcpu;
}

void vcpu_grant_pmu(struct vcpu *vcpu)
{
	(void)vcpu;
}

bool node_has_card, node_has_broken_card;

static void start_memory(void)
{
	node.table = malloc(PAGES_TABLE_BYTES(node.ram_bytes));
	assert_non_null(node.table);
	pages_init();
	assert_int_equal(pages_add_bank(PA(FAKE_RAM_BASE), node.ram_bytes, node.table), HV_OK);
	pages_reserve(PA(FAKE_RAM_BASE), FIRMWARE_BYTES);
	pages_pool_init(PA(FAKE_RAM_BASE), POOL_BYTES);
}

struct aether_bootinfo *node_bootinfo(void)
{
	return fake_ram(PA(BOOTINFO));
}

pa_t node_service_memory(void)
{
	pa_t base = PA(0);
	unsigned attributes = 0;
	uint64_t block = 0;
	const struct pgtable *stage2 = &vms[VM_SERVICE].stage2;
	assert_int_equal(pgtable_lookup(stage2, AETHER_IPA_SERVICE, &base, &attributes, &block), HV_OK);
	return base;
}

static void start_service(void)
{
	static uint8_t image[NODE_SERVICE_FILE_BYTES];
	const struct aether_service_header header = {
		.magic = AETHER_SERVICE_MAGIC,
		.entry_offset = sizeof(header),
		.text_bytes = NODE_SERVICE_TEXT_BYTES,
		.file_bytes = sizeof(image),
		.total_bytes = NODE_SERVICE_BYTES,
		.chaos_offset = 0x100,
	};
	memset(image, NODE_SERVICE_BYTE, sizeof(image));
	memcpy(image, &header, sizeof(header));
	static struct service_image service = {.bytes = image, .sha256 = {1, 2, 3}};
	service.byte_count = sizeof(image);
	service.header = header;
	node_bootinfo()->instance = 1;
	assert_int_equal(vm_create_service(&service, PA(BUNDLE), BUNDLE_BYTES, PA(BOOTINFO), PA(TRAILER)), HV_OK);
	fake_watch_table(&vms[VM_SERVICE].stage2);
	hal_tables_publish(); /* to the watch everything is new */
	fake_watch_service_memory(node_service_memory(), reload_memory_bytes());
}

void node_start(unsigned gic_version, unsigned cpu_count, uint64_t ram_bytes)
{
	node_stop();
	fake_reset();
	fake_nic.is_there = node_has_card || node_has_broken_card;
	fake_nic.is_refusing = node_has_broken_card;
	fake_gic_init(gic_version, 4);
	fake_watch_ownership(NODE_SERVICE_VMID);
	node.cpu_count = cpu_count;
	node.ram_bytes = ram_bytes;
	memset(vms, 0, sizeof(vms));
	memset(percpu, 0, sizeof(percpu));
	memset(&console_rings, 0, sizeof(console_rings));
	telemetry_init();
	keep_init();
	for (unsigned i = 0; i < cpu_count; i++) {
		percpu[i].index = i;
		percpu[i].stack_top = 0x1000 * (i + 1);
	}
	crash_init(hal_ticks());
	start_memory();
	sysreg_init(gic_version);
	vm_module_init(gic_version, 4, cpu_count);
	start_service();
	fake_log_clear();
}

void node_stop(void)
{
	free(node.table);
	node.table = NULL;
	node.starved_count = 0;
}

int node_teardown(void **state)
{
	(void)state;
	node_stop();
	return 0;
}

struct vcpu *node_service(void)
{
	return vms[VM_SERVICE].vcpus[0];
}

struct vcpu *node_enter_service(uint64_t ticks, uint64_t pc)
{
	struct vcpu *service = node_service();
	fake_set_ticks(ticks);
	assert_ptr_equal(node_schedule(0), service);
	supervise_alive();
	service->pc = pc;
	return service;
}

enum aether_vm_state node_state(const struct vm *vm)
{
	return (enum aether_vm_state)atomic_load(&vm->state);
}

/* --- guests --- */

struct vm *node_create(uint64_t ram_bytes, unsigned vcpu_count)
{
	unsigned id = UINT32_MAX;
	assert_int_equal(vm_create(ram_bytes, vcpu_count, 0, 0, &id), HV_OK);
	assert_in_range(id, 0, AETHER_VM_MAX - 1);
	fake_watch_table(&vms[id].stage2);
	return &vms[id];
}

struct vm *node_load(uint64_t ram_bytes, unsigned vcpu_count)
{
	struct vm *vm = node_create(ram_bytes, vcpu_count);
	assert_int_equal(NODE_FINISH(vm_create_step(vm)), HV_OK);
	return vm;
}

struct vm *node_run(uint64_t ram_bytes, unsigned vcpu_count)
{
	struct vm *vm = node_load(ram_bytes, vcpu_count);
	assert_int_equal(NODE_FINISH(vm_start(vm, NODE_ENTRY, 0x1234)), HV_OK);
	return vm;
}

struct vm *node_enter(uint64_t ram_bytes, unsigned vcpu_count)
{
	struct vm *vm = node_run(ram_bytes, vcpu_count);
	node_settle();
	return vm;
}

/* --- ends, and reach --- */

/* How many bytes of [ipa, ipa + bytes) are mapped to the VM's RAM, in order. */
static uint64_t mapped(const struct pgtable *table, uint64_t ipa, const struct vm *vm,
		       unsigned *attributes)
{
	uint64_t sum = 0;
	uint64_t offset = 0;
	for (unsigned i = 0; i < vm->extent_count; i++) {
		for (uint64_t at = 0; at < vm->extents[i].bytes; at += PAGE_BYTES) {
			pa_t pa = PA(0);
			uint64_t block = 0;
			if (pgtable_lookup(table, ipa + offset, &pa, attributes, &block) == HV_OK) {
				assert_int_equal(pa.v, vm->extents[i].base.v + at);
				sum += PAGE_BYTES;
			}
			offset += PAGE_BYTES;
		}
	}
	return sum;
}

uint64_t node_in_service(const struct vm *vm)
{
	unsigned attributes = 0;
	const uint64_t bytes =
		mapped(&vms[VM_SERVICE].stage2, AETHER_IPA_LOAD(vm->id), vm, &attributes);
	assert_true(bytes == 0 || attributes == (PGTABLE_READ | PGTABLE_WRITE));
	return bytes;
}

uint64_t node_in_guest(const struct vm *vm)
{
	unsigned attributes = 0;
	const uint64_t bytes = mapped(&vm->stage2, AETHER_GUEST_RAM_BASE, vm, &attributes);
	assert_true(bytes == 0 || attributes == PGTABLE_GUEST_RAM);
	return bytes;
}

void node_end(struct vm *vm)
{
	vm_stop(vm, AETHER_STOP_SERVICE, 0);
	node_settle();
	assert_int_equal(node_state(vm), AETHER_VM_STOPPED);
}

void node_destroy(struct vm *vm)
{
	assert_int_equal(NODE_FINISH(vm_destroy(vm)), HV_OK);
	assert_int_equal(node_state(vm), AETHER_VM_NONE);
}

/* --- CPUs --- */

void node_rest(void)
{
	struct vcpu *service = node_service();
	fake_set_unload_deadline(FAKE_NEVER); /* it has no timer to wake it */
	do { /* events that are due come first */
		while (node_schedule(0) != service) {
			sched_give_way(percpu[0].current);
			fake_advance(FAKE_TICKS_PER_SECOND / 1000); /* until the service has budget again */
		}
		service->x[0] = AETHER_HVC_EVENT_WAIT;
		service->x[1] = UINT64_MAX;
		service->pc = AETHER_IPA_SERVICE + 0x104;
		(void)node_trap(service, (uint64_t)ESR_EC_HVC64 << 26 | ESR_IL, 0);
	} while (service->state != VCPU_BLOCKED);
	/* As if its wait had no end: tests count on a CPU that nothing but the guests disturbs. */
	service->wait_until = UINT64_MAX;
	service->wake_deadline = UINT64_MAX;
	if (percpu[0].current != NULL) {
		(void)node_schedule(0);
	}
}

static void fall_asleep(void)
{
	longjmp(node.asleep, 1);
}

struct vcpu *node_schedule(unsigned cpu)
{
	struct vcpu *volatile next = NULL;
	fake_set_cpu(cpu);
	fake_set_wait(fall_asleep);
	if (setjmp(node.asleep) == 0) {
		next = sched_next(&percpu[cpu]);
	}
	fake_set_wait(NULL);
	return next;
}

struct vcpu *node_trap(struct vcpu *vcpu, uint64_t esr, uint64_t ipa)
{
	struct vcpu *volatile next = NULL;
	fake_set_cpu(vcpu->cpu);
	fake_exit_syndrome = esr;
	fake_exit_ipa = ipa;
	fake_set_wait(fall_asleep);
	if (setjmp(node.asleep) == 0) {
		next = trap_sync(vcpu);
	}
	fake_set_wait(NULL);
	return next;
}

struct vcpu *node_irq(unsigned cpu)
{
	struct vcpu *volatile next = NULL;
	fake_set_cpu(cpu);
	assert_non_null(percpu[cpu].current);
	fake_set_wait(fall_asleep);
	if (setjmp(node.asleep) == 0) {
		next = trap_irq(percpu[cpu].current);
	}
	fake_set_wait(NULL);
	return next;
}

void node_settle(void)
{
	bool is_quiet = false;
	for (unsigned round = 0; !is_quiet; round++) {
		assert_in_range(round, 0, 100);
		is_quiet = true;
		for (unsigned cpu = 0; cpu < node.cpu_count; cpu++) {
			if (atomic_load(&percpu[cpu].pending) != 0) {
				(void)node_schedule(cpu);
				is_quiet = false;
			}
		}
	}
	fake_set_cpu(0);
}

/* --- accounts --- */

static uint64_t count(enum page_state state, unsigned vm)
{
	return pages_count((struct page_owner){state, (uint8_t)vm});
}

struct node_account node_account(void)
{
	struct node_account account = {
		.dirty = count(PAGE_DIRTY, PAGE_NOBODY),
		.free = count(PAGE_FREE, PAGE_NOBODY),
		.service = count(PAGE_SERVICE, PAGE_NOBODY),
		.core = count(PAGE_CORE, PAGE_NOBODY),
		.pool = pages_pool_free_count(),
	};
	for (unsigned i = 0; i < VM_COUNT; i++) {
		account.held[i] = count(PAGE_DIRTY, i) + count(PAGE_LOADING, i) + count(PAGE_VM, i);
	}
	for (unsigned cpu = 0; cpu < node.cpu_count; cpu++) {
		for (unsigned i = 0; i < PERCPU_SLOTS; i++) {
			account.slots += percpu[cpu].slots[i] != NULL ? 1 : 0;
		}
	}
	return account;
}

void node_assert_account_but_for_scrubs(const struct node_account *expected)
{
	const struct node_account now = node_account();
	assert_int_equal(now.dirty + now.free, expected->dirty + expected->free);
	assert_int_equal(now.service, expected->service);
	assert_int_equal(now.core, expected->core);
	assert_int_equal(now.pool, expected->pool);
	assert_int_equal(now.slots, expected->slots);
	assert_memory_equal(now.held, expected->held, sizeof(now.held));
}

void node_assert_account(const struct node_account *expected)
{
	node_assert_account_but_for_scrubs(expected);
	assert_int_equal(node_account().free, expected->free);
}

void node_starve(uint64_t left)
{
	while (pages_pool_free_count() > left) {
		assert_in_range(node.starved_count, 0, STARVED_MAX - 1);
		assert_int_equal(pages_pool_alloc(1, &node.starved[node.starved_count]), HV_OK);
		node.starved_count++;
	}
}

void node_feed(void)
{
	while (node.starved_count != 0) {
		pages_pool_free(node.starved[--node.starved_count], 1);
	}
}

/* --- invariants --- */

static bool is_mapped(const struct pgtable *table, uint64_t ipa, pa_t pa)
{
	pa_t found = PA(0);
	unsigned attributes = 0;
	uint64_t block = 0;
	return pgtable_lookup(table, ipa, &found, &attributes, &block) == HV_OK && found.v == pa.v;
}

/* A guest's RAM: each block is the guest's, and only who may reach it does. */
static void check_ram(const struct vm *vm)
{
	const enum aether_vm_state state = node_state(vm);
	const bool is_guests = state == AETHER_VM_RUNNING || state == AETHER_VM_STOPPING ||
			       state == AETHER_VM_PAUSED;
	uint64_t offset = 0;
	for (unsigned i = 0; i < vm->extent_count; i++) {
		for (uint64_t at = 0; at < vm->extents[i].bytes; at += BLOCK_2M_BYTES) {
			const pa_t pa = pa_add(vm->extents[i].base, at);
			const struct page_owner owner = pages_owner(pa);
			const bool in_service = is_mapped(&vms[VM_SERVICE].stage2,
							  AETHER_IPA_LOAD(vm->id) + offset, pa);
			const bool in_guest = !vm_is_store(vm) &&
					      is_mapped(&vm->stage2, AETHER_GUEST_RAM_BASE + offset, pa);
			assert_false(in_service && in_guest);
			assert_true(!in_service || owner.state == PAGE_LOADING);
			assert_true(!in_guest || owner.state == PAGE_VM);
			assert_true(!is_guests || in_guest);
			assert_true(state != AETHER_VM_DESTROYING
					    ? owner.vm == vm->id
					    : owner.vm == vm->id || owner.vm == PAGE_NOBODY);
			offset += BLOCK_2M_BYTES;
		}
	}
	assert_int_equal(offset, vm->ram_bytes);
}

static void check_guest(const struct vm *vm)
{
	const enum aether_vm_state state = node_state(vm);
	if (state == AETHER_VM_NONE) {
		assert_int_equal(vm->vcpu_count, 0);
		assert_int_equal(vm->ram_bytes, 0);
		return;
	}
	check_ram(vm);
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		const struct vcpu *vcpu = vm->vcpus[i];
		assert_ptr_equal(percpu[vcpu->cpu].slots[vcpu->slot], vcpu);
		assert_ptr_equal(vcpu->vm, vm);
		if (vcpu->share.is_paused) {
			assert_ptr_not_equal(percpu[vcpu->cpu].current, vcpu);
		}
		if (state != AETHER_VM_RUNNING && state != AETHER_VM_STOPPING && state != AETHER_VM_PAUSED) {
			assert_int_equal(vcpu->state, VCPU_OFF);
			assert_ptr_not_equal(percpu[vcpu->cpu].current, vcpu);
		}
	}
}

/* Nobody sleeps who has an interrupt, unless its CPU is about to look. */
static void check_sleeper(struct percpu *cpu, const struct vcpu *vcpu)
{
	const bool is_asked = (atomic_load(&cpu->pending) >> vcpu->slot & 1) != 0;
	if (vcpu->state == VCPU_BLOCKED && !is_asked && !cpu->must_reschedule) {
		assert_false(vgic_has_pending(&vcpu->vm->gic, vcpu->index));
	}
}

static void check_cpu(unsigned index)
{
	struct percpu *cpu = &percpu[index];
	assert_ptr_equal(fake_loaded_vcpu(index), cpu->current);
	for (unsigned i = 0; i < PERCPU_SLOTS; i++) {
		const struct vcpu *vcpu = cpu->slots[i];
		assert_true(vcpu == NULL || (vcpu->cpu == index && vcpu->slot == i));
		assert_true(vcpu == NULL || vcpu->state != VCPU_RUNNING || vcpu == cpu->current);
		if (vcpu != NULL) {
			check_sleeper(cpu, vcpu);
		}
	}
}

/* The totals that are kept are those of a walk. */
static void check_tally(void)
{
	uint64_t kept[PAGES_STATE_COUNT];
	uint64_t walked[PAGES_STATE_COUNT] = {0};
	pages_tally(kept);
	for (unsigned state = PAGE_NONE; state < PAGES_STATE_COUNT; state++) {
		const bool has_vm = state == PAGE_DIRTY || state == PAGE_LOADING || state == PAGE_VM;
		for (unsigned i = 0; has_vm && i < VM_COUNT; i++) {
			walked[state] += count((enum page_state)state, i);
		}
		walked[state] += count((enum page_state)state, PAGE_NOBODY);
	}
	assert_memory_equal(kept, walked, sizeof(kept));
}

void node_check(void)
{
	uint64_t held = 0;
	fake_watch_check();
	for (unsigned i = 0; i < VM_COUNT; i++) {
		if (i != VM_SERVICE) {
			check_guest(&vms[i]);
		}
		held += count(PAGE_LOADING, i) + count(PAGE_VM, i) + count(PAGE_DIRTY, i);
	}
	for (unsigned i = 0; i < node.cpu_count; i++) {
		check_cpu(i);
	}
	check_tally();
	/* Nothing is lost: every page that is not the firmware's has one of these owners. */
	assert_int_equal(held + count(PAGE_DIRTY, PAGE_NOBODY) + count(PAGE_FREE, PAGE_NOBODY) +
				 count(PAGE_SERVICE, PAGE_NOBODY),
			 (node.ram_bytes - FIRMWARE_BYTES) / PAGE_BYTES);
}

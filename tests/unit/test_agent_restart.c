/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instances of the service that end. A whole life of two guests is played again and again; each time the service dies
 * at another hypercall, before it is made or after it, and the next instance has to bring it to the same end: every
 * guest is what is wanted, each wish is carried out once, and a guest of which nobody wanted anything is not touched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "unit/small_agent.h"

enum { SETTLE_MS = 1200, ACK_EVERY_MS = 200 };

static struct small_release release;
static struct small_release other;
static jmp_buf death;
static struct ack wishes; /* the controller repeats them with each acknowledgement */

static void die(void)
{
	core.die_after = 0;
	longjmp(death, 1);
}

static void wish(uint32_t slot, enum ack_want want, const struct small_release *wanted, uint32_t restart)
{
	struct ack_guest *guest = &wishes.guests[slot];

	guest->generation++;
	guest->want = want;
	guest->place = (uint8_t)slot;
	guest->restart_generation = restart;
	memcpy(guest->manifest, wanted->sha256, DIGEST_BYTES);
}

/* Lets time pass. When the service dies the next instance goes on. */
static void settle(void)
{
	static uint64_t end;
	static uint64_t next_ack;
	static bool is_started;

	end = core.ticks + (uint64_t)SETTLE_MS * SMALL_CORE_HZ / 1000;
	next_ack = core.ticks;
	is_started = net.is_started;
	if (setjmp(death) != 0) {
		end = core.ticks + (uint64_t)SETTLE_MS * SMALL_CORE_HZ / 1000;
		small_agent_restart();
		is_started = true;
	}
	if (!is_started) {
		small_agent_start();
		is_started = true;
	}
	while (core.ticks < end) {
		if (service.agent.state == AGENT_ONLINE && core.ticks >= next_ack) {
			wishes.acked_sequence = 1;
			small_net_ack(&wishes);
			next_ack = core.ticks + (uint64_t)ACK_EVERY_MS * SMALL_CORE_HZ / 1000;
		}
		assert_true(service_turn(&service));
	}
}

static unsigned int vm_count(void)
{
	unsigned int count = 0;

	for (uint32_t i = 0; i < SMALL_CORE_VMS; i++) {
		count += core.vms[i].state != AETHER_VM_NONE;
	}
	return count;
}

static uint32_t restart_count(uint32_t slot)
{
	struct beat_guest guest;

	guests_report(&service.guests, slot, &guest);
	return guest.restarts;
}

/* Plays it, with a death after that call; 0: none. */
static void live(enum manifest_reset reset, unsigned int die_after)
{
	const unsigned int stores = reset == MANIFEST_RETAIN ? 2 : 0;

	small_agent_tear_down(NULL);
	small_agent_set_up(NULL);
	memset(&wishes, 0, sizeof(wishes));
	small_release_serve(&release);
	small_release_serve(&other);
	core.die_after = die_after;
	core.die = die;
	wish(0, ACK_WANT_RUN, &release, 0);
	wish(1, ACK_WANT_RUN, &release, 0);
	settle();
	assert_loaded(0, &release, 0);
	assert_loaded(1, &release, 1);
	assert_int_equal(vm_count(), 2 + stores);

	wish(0, ACK_WANT_RUN, &release, 1);
	settle();
	assert_loaded(0, &release, 0);
	assert_int_equal(small_agent_vm(0)->stop_count, 1);
	assert_int_equal(small_agent_vm(0)->start_count, 2);

	small_core_stop(service.guests.slots[0].vm, AETHER_STOP_RESET);
	settle();
	assert_loaded(0, &release, 0);
	assert_int_equal(small_agent_vm(0)->stop_count, 1);
	assert_int_equal(small_agent_vm(0)->start_count, 3);

	wish(0, ACK_WANT_RUN, &other, 1);
	settle();
	assert_loaded(0, &other, 0);
	assert_int_equal(small_agent_vm(0)->stop_count, 0); /* another VM */
	assert_int_equal(small_agent_vm(0)->start_count, 1);
	assert_int_equal(vm_count(), 2 + stores);
	assert_loaded(1, &release, 1);
	assert_int_equal(small_agent_vm(1)->stop_count, 0);
	assert_int_equal(small_agent_vm(1)->start_count, 1);

	small_core_stop(service.guests.slots[1].vm, AETHER_STOP_POWER_OFF);
	settle();
	assert_int_equal(guests_state(&service.guests, 1), WIRE_GUEST_STOPPED);
	assert_false(service.guests.slots[1].has_vm);
	assert_loaded(0, &other, 0);

	wish(0, ACK_WANT_EMPTY, &other, 1);
	wish(1, ACK_WANT_EMPTY, &other, 0);
	settle();
	assert_int_equal(vm_count(), 0);
	assert_in_range(restart_count(0), 2, 3);
	assert_int_equal(net.hello_count >= 1 && net.hello_count <= 2, true);
}

static void sweep(enum manifest_reset reset)
{
	small_release_make(&release, 2, reset, 1);
	small_release_make(&other, 2, reset, 2);
	live(reset, 0);
	const unsigned int calls = core.call_count;
	assert_in_range(calls, 100, 2000);
	assert_int_equal(core.instance, 1);
	for (unsigned int call = 1; call <= calls; call++) {
		live(reset, call);
		assert_int_equal(core.instance, 2);
	}
}

static void a_death_at_each_call_with_payloads_retained(void **state)
{
	(void)state;
	sweep(MANIFEST_RETAIN);
}

static void a_death_at_each_call_with_payloads_fetched(void **state)
{
	(void)state;
	sweep(MANIFEST_FETCH);
}

/* --- what may be found --- */

static void run_guest(void)
{
	memset(&wishes, 0, sizeof(wishes));
	small_release_make(&release, 2, MANIFEST_RETAIN, 1);
	wish(0, ACK_WANT_RUN, &release, 0);
	settle();
	assert_loaded(0, &release, 0);
}

static void a_guest_in_any_state_is_brought_to_an_end(void **state)
{
	(void)state;
	static const struct {
		enum aether_vm_state state;
		uint32_t reason;
		unsigned int starts; /* of the VM with that number, afterwards */
		unsigned int resets;
	} cases[] = {
		{AETHER_VM_RUNNING, AETHER_STOP_NONE, 1, 0},
		{AETHER_VM_PAUSED, AETHER_STOP_NONE, 1, 0},
		{AETHER_VM_STARTING, AETHER_STOP_NONE, 2, 0},
		{AETHER_VM_LOADING, AETHER_STOP_NONE, 2, 1},
		{AETHER_VM_RESETTING, AETHER_STOP_NONE, 2, 1},
		{AETHER_VM_STOPPED, AETHER_STOP_RESET, 2, 1},
		{AETHER_VM_STOPPED, AETHER_STOP_SERVICE, 2, 1},
		{AETHER_VM_CREATING, AETHER_STOP_NONE, 1, 0},
		{AETHER_VM_DESTROYING, AETHER_STOP_NONE, 1, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		small_agent_tear_down(NULL);
		small_agent_set_up(NULL);
		run_guest();
		core.vms[0].state = cases[i].state;
		core.vms[0].reason = cases[i].reason;
		small_agent_restart();
		settle();
		assert_int_equal(core.vms[0].state == AETHER_VM_PAUSED ? AETHER_VM_RUNNING : core.vms[0].state,
				 AETHER_VM_RUNNING);
		assert_int_equal(core.vms[0].start_count, cases[i].starts);
		assert_int_equal(core.vms[0].reset_count, cases[i].resets);
		assert_int_equal(release.kernel_files[0]->requests, 1); /* from the store */
	}
}

static void a_guest_that_stops_late_is_waited_for(void **state)
{
	(void)state;
	run_guest();
	core.vms[0].state = AETHER_VM_STOPPING; /* some vCPU is still on a CPU; its event was told to nobody */
	small_agent_restart();
	settle();
	assert_int_equal(core.vms[0].start_count, 1);
	core.vms[0].state = AETHER_VM_STOPPED;
	core.vms[0].reason = AETHER_STOP_RESET;
	settle();
	assert_int_equal(core.vms[0].start_count, 2);
	assert_loaded(0, &release, 0);
}

static void stores_that_are_not_whole_are_filled_again(void **state)
{
	(void)state;
	run_guest();
	struct small_core_vm *store = &core.vms[AETHER_STORE_FIRST];
	assert_int_equal(store->state, AETHER_VM_LOADING);
	memset(store->ram + store->ram_bytes - 32, 0, 32); /* as after a fetch that did not end */
	core.vms[0].state = AETHER_VM_STOPPED;
	core.vms[0].reason = AETHER_STOP_RESET;
	small_agent_restart();
	settle();
	assert_loaded(0, &release, 0);
	assert_int_equal(release.kernel_files[0]->requests, 2);
	store->state = AETHER_VM_CREATING;
	small_agent_restart();
	settle();
	assert_int_equal(store->state, AETHER_VM_NONE); /* not needed while the guest runs */
	small_core_stop(0, AETHER_STOP_RESET);
	settle();
	assert_loaded(0, &release, 0);
	assert_int_equal(release.kernel_files[0]->requests, 3);
}

static void vms_of_nobody_are_given_back(void **state)
{
	(void)state;
	run_guest();
	core.vms[2] = (struct small_core_vm){.state = AETHER_VM_LOADING, .tag = 0x77, .ram_bytes = 4 << 20};
	core.vms[3] = (struct small_core_vm){.state = AETHER_VM_STOPPED, .tag = 0, .ram_bytes = 4 << 20};
	core.vms[7] = (struct small_core_vm){.state = AETHER_VM_LOADING, .tag = 9, .ram_bytes = 4 << 20};
	small_agent_restart();
	settle();
	assert_int_equal(core.vms[2].state, AETHER_VM_NONE);
	assert_int_equal(core.vms[3].state, AETHER_VM_NONE);
	assert_int_equal(core.vms[7].state, AETHER_VM_NONE);
	assert_loaded(0, &release, 0);
}

static void records_that_make_no_sense_are_survived(void **state)
{
	(void)state;
	net.answer.udp_port = DATAGRAM_PORT; /* another would be lost with its record */
	run_guest();
	for (uint32_t i = 0; i < AETHER_KEEP_RECORDS; i++) {
		memset(core.records[i].bytes, 0xff, sizeof(core.records[i].bytes));
		core.records[i].generation = 5;
	}
	small_agent_restart();
	small_agent_turns(1);
	settle();
	assert_int_equal(core.off_count, 0);
	assert_loaded(0, &release, 0); /* the controller said it again; the guest was left alone until then */
	assert_int_equal(small_agent_vm(0)->stop_count, 0);
	assert_int_equal(service.guests.slots[0].wish.generation, wishes.guests[0].generation);
}

static void overwritten_memory_is_not_kept(void **state)
{
	(void)state;
	struct hvcall_kept records[AETHER_KEEP_RECORDS];

	run_guest();
	memcpy(records, core.records, sizeof(records));
	memset(&service, 0xad, sizeof(service));
	assert_false(service_turn(&service));
	assert_int_equal(core.fail_count, 1);
	assert_memory_equal(records, core.records, sizeof(records));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, small_agent_set_up, small_agent_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_guest_in_any_state_is_brought_to_an_end),
		TEST(a_guest_that_stops_late_is_waited_for),
		TEST(stores_that_are_not_whole_are_filled_again),
		TEST(vms_of_nobody_are_given_back),
		TEST(records_that_make_no_sense_are_survived),
		TEST(overwritten_memory_is_not_kept),
		TEST(a_death_at_each_call_with_payloads_retained),
		TEST(a_death_at_each_call_with_payloads_fetched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

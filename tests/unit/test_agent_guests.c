/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that a controller wants: fetched, checked, started, reset, replaced and ended, and all that goes wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "unit/small_agent.h"

static struct small_release release;
static struct small_release other;

static void start(uint32_t guest_count, enum manifest_reset reset)
{
	small_release_make(&release, guest_count, reset, 1);
	small_agent_start();
	for (unsigned int i = 0; i < 20 && service.agent.state != AGENT_ONLINE; i++) {
		small_agent_turns(1);
	}
	assert_int_equal(service.agent.state, AGENT_ONLINE);
}

static struct beat_guest report(uint32_t slot)
{
	struct beat_guest guest = {0};

	guests_report(&service.guests, slot, &guest);
	return guest;
}

static unsigned int store_count(void)
{
	unsigned int count = 0;

	for (uint32_t i = AETHER_STORE_FIRST; i < SMALL_CORE_VMS; i++) {
		count += core.vms[i].state != AETHER_VM_NONE;
	}
	return count;
}

static unsigned int guest_count(void)
{
	unsigned int count = 0;

	for (uint32_t i = 0; i < AETHER_VM_MAX; i++) {
		count += core.vms[i].state != AETHER_VM_NONE;
	}
	return count;
}

/* --- from the wish to a running guest --- */

static void a_wanted_guest_is_fetched_and_runs(void **state)
{
	(void)state;
	start(1, MANIFEST_FETCH);
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_until(0, WIRE_GUEST_RUNNING);
	assert_loaded(0, &release, 0);
	assert_int_equal(release.kernel_files[0]->requests, 1);
	assert_int_equal(release.initramfs_file->requests, 1);
	assert_int_equal(store_count(), 0);
	assert_int_equal(small_agent_vm(0)->flags, 0);
	const struct beat_guest guest = report(0);
	assert_int_equal(guest.generation, 1);
	assert_int_equal(guest.restarts, 0);
	assert_int_equal(guest.flags, 0);
	assert_int_equal(guest.percent, 100);
	assert_console_has("aether: loader: guest \"guest0\" started\n");
}

static void a_retained_payload_outlives_resets(void **state)
{
	(void)state;
	start(1, MANIFEST_RETAIN);
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_until(0, WIRE_GUEST_RUNNING);
	assert_loaded(0, &release, 0);
	assert_int_equal(store_count(), 1);
	uint8_t seed[SMALL_CORE_SEED_BYTES];
	memcpy(seed, small_agent_vm(0)->seed, sizeof(seed));
	net.is_dead = true;
	for (unsigned int i = 1; i <= 3; i++) {
		memset(small_agent_vm(0)->ram, 0xee, 0x300000);
		small_core_stop(0, AETHER_STOP_RESET);
		small_agent_turns(2);
		small_agent_until(0, WIRE_GUEST_RUNNING);
		assert_loaded(0, &release, 0);
		assert_int_equal(small_agent_vm(0)->reset_count, i);
		assert_int_equal(report(0).restarts, i);
	}
	assert_memory_not_equal(small_agent_vm(0)->seed, seed, sizeof(seed));
	assert_int_equal(release.kernel_files[0]->requests, 1);
	assert_int_equal(report(0).flags, BEAT_GUEST_RETAIN);
}

static void a_store_that_changed_is_fetched_again(void **state)
{
	(void)state;
	start(1, MANIFEST_RETAIN);
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_until(0, WIRE_GUEST_RUNNING);
	core.vms[service.guests.slots[0].store].ram[10000] ^= 1;
	small_core_stop(0, AETHER_STOP_RESET);
	small_agent_turns(2);
	small_agent_until(0, WIRE_GUEST_FAILED);
	assert_int_equal(report(0).reason, WIRE_REASON_HASH);
	assert_int_equal(small_agent_vm(0)->start_count, 1);
	small_agent_until(0, WIRE_GUEST_RUNNING);
	assert_loaded(0, &release, 0);
	assert_int_equal(release.kernel_files[0]->requests, 2);
	assert_int_equal(small_core_count("the kernel is damaged"), 1);
}

static void a_fetched_payload_waits_for_its_controller(void **state)
{
	(void)state;
	start(1, MANIFEST_FETCH);
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_until(0, WIRE_GUEST_RUNNING);
	net.is_dead = true;
	small_core_stop(0, AETHER_STOP_RESET);
	small_agent_pass(20000);
	assert_int_equal(report(0).state, WIRE_GUEST_FETCHING);
	assert_int_equal(report(0).reason, WIRE_REASON_UNREACHABLE);
	assert_int_equal(small_core_count("guest \"guest0\" waits: the kernel cannot be fetched"), 1);
	assert_true(guests_is_waiting(&service.guests));
	net.is_dead = false;
	small_agent_until(0, WIRE_GUEST_RUNNING);
	assert_loaded(0, &release, 0);
	assert_int_equal(release.kernel_files[0]->requests, 2);
	assert_false(guests_is_waiting(&service.guests));
}

static void a_connection_that_breaks_is_resumed(void **state)
{
	(void)state;
	start(1, MANIFEST_FETCH);
	release.kernel_files[0]->cut_at = 63; /* in the header, of all places */
	release.initramfs_file->cut_at = 4321;
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_turns(6);
	release.kernel_files[0]->cut_at = 10001;
	small_agent_until(0, WIRE_GUEST_RUNNING);
	assert_loaded(0, &release, 0);
	assert_int_equal(service.guests.http_retries, 3);
}

static void every_piece_of_work_is_bounded(void **state)
{
	(void)state;
	start(1, MANIFEST_RETAIN);
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_until(0, WIRE_GUEST_RUNNING);
	small_core_stop(0, AETHER_STOP_RESET);
	small_agent_until(0, WIRE_GUEST_LOADING);
	/* 20,000 bytes are five pieces, the initramfs two; each blob's end and the start are turns too. */
	unsigned int turns = 0;
	while (guests_state(&service.guests, 0) != WIRE_GUEST_RUNNING) {
		const uint64_t done = service.guests.slots[0].fill.done_bytes;
		small_agent_turns(1);
		turns++;
		assert_true(service.guests.slots[0].fill.done_bytes <= done + FILL_PIECE_BYTES);
	}
	assert_in_range(turns, 9, 12);
}

/* Each of a guest's long calls takes three seconds: beats go out each second all the same. */
static void long_calls_keep_no_beat(void **state)
{
	(void)state;
	start(1, MANIFEST_RETAIN);
	core.slices = 3000;
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	const uint64_t begin = core.ticks;
	uint64_t last_at = begin, longest = 0;
	size_t sent = net.sent_count;
	while (guests_state(&service.guests, 0) != WIRE_GUEST_RUNNING) {
		small_agent_turns(1);
		if (net.sent_count != sent) {
			longest = core.ticks - last_at > longest ? core.ticks - last_at : longest;
			last_at = core.ticks;
			sent = net.sent_count;
		}
		assert_true(core.ticks - begin < (uint64_t)20 * SMALL_CORE_HZ);
	}
	assert_true(core.ticks - begin >= (uint64_t)9 * SMALL_CORE_HZ); /* VM, store, start */
	assert_true(longest <= (uint64_t)SMALL_CORE_HZ + SMALL_CORE_HZ / 100);
	assert_loaded(0, &release, 0);
}

/* What is wanted changes in the middle of each long call: nothing is left over, and what is wanted last runs. */
static void wishes_that_change_in_a_long_call(void **state)
{
	(void)state;
	static const enum aether_vm_state during[] = {AETHER_VM_CREATING, AETHER_VM_STARTING, AETHER_VM_RESETTING,
						      AETHER_VM_DESTROYING};
	start(1, MANIFEST_FETCH);
	small_release_make(&other, 1, MANIFEST_FETCH, 2);
	for (unsigned int i = 0; i < 2 * 4; i++) {
		const enum aether_vm_state state_then = during[i / 2];
		core.slices = 20;
		small_agent_want(0, ACK_WANT_RUN, &release, 0);
		if (state_then == AETHER_VM_RESETTING || state_then == AETHER_VM_DESTROYING) {
			small_agent_until(0, WIRE_GUEST_RUNNING);
			small_core_stop(0, state_then == AETHER_VM_RESETTING ? AETHER_STOP_RESET :
									       AETHER_STOP_POWER_OFF);
		}
		for (unsigned int turn = 0; core.vms[0].state != state_then; turn++) {
			assert_in_range(turn, 0, SMALL_AGENT_TURNS);
			small_agent_turns(1);
		}
		if (i % 2 == 0) {
			small_agent_want(0, ACK_WANT_RUN, &other, 0);
			small_agent_turns(30);
			small_agent_until(0, WIRE_GUEST_RUNNING);
			assert_loaded(0, &other, 0);
		}
		small_agent_want(0, ACK_WANT_EMPTY, NULL, 0);
		small_agent_turns(200);
		assert_int_equal(report(0).state, WIRE_GUEST_EMPTY);
		assert_int_equal(guest_count() + store_count(), 0);
	}
}

/* --- what is not as the manifest says --- */

static void a_damaged_blob_is_never_started(void **state)
{
	(void)state;
	start(1, MANIFEST_FETCH);
	release.kernels[0][17777] ^= 4;
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_until(0, WIRE_GUEST_FAILED);
	assert_int_equal(report(0).reason, WIRE_REASON_HASH);
	small_agent_pass(100000);
	assert_int_equal(core.vms[0].start_count, 0);
	assert_in_range(release.kernel_files[0]->requests, 4, 9);
	assert_int_equal(small_core_count("the kernel is damaged: its SHA-256 begins "), 1);
	release.kernels[0][17777] ^= 4;
	small_agent_pass(31000);
	assert_loaded(0, &release, 0);
}

static void a_damaged_header_is_damage_and_not_the_last_word(void **state)
{
	(void)state;
	for (size_t at = 0; at < 64; at += 7) {
		small_agent_tear_down(NULL);
		small_agent_set_up(NULL);
		start(1, MANIFEST_RETAIN);
		release.kernels[0][at] ^= 0x80;
		small_agent_want(0, ACK_WANT_RUN, &release, 0);
		small_agent_until(0, WIRE_GUEST_FAILED);
		assert_int_equal(report(0).reason, WIRE_REASON_HASH);
		release.kernels[0][at] ^= 0x80;
		small_agent_until(0, WIRE_GUEST_RUNNING);
		assert_loaded(0, &release, 0);
	}
}

static void a_damaged_initramfs_in_the_store_too(void **state)
{
	(void)state;
	start(1, MANIFEST_RETAIN);
	release.initramfs[1] ^= 4;
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_until(0, WIRE_GUEST_FAILED);
	assert_int_equal(core.vms[0].start_count, 0);
	release.initramfs[1] ^= 4;
	small_agent_until(0, WIRE_GUEST_RUNNING);
	assert_loaded(0, &release, 0);
}

static void blobs_that_are_missing_or_of_another_length(void **state)
{
	(void)state;
	start(1, MANIFEST_FETCH);
	release.kernel_files[0]->status = 404;
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_turns(10);
	assert_int_equal(report(0).reason, WIRE_REASON_NOT_FOUND);
	release.kernel_files[0]->status = 301;
	small_agent_pass(31000); /* the longest pause between two tries */
	assert_int_equal(report(0).reason, WIRE_REASON_HTTP);
	release.kernel_files[0]->status = 200;
	release.kernel_files[0]->size--;
	small_agent_pass(31000);
	assert_int_equal(report(0).reason, WIRE_REASON_LENGTH);
	release.kernel_files[0]->size++;
	small_agent_until(0, WIRE_GUEST_RUNNING);
}

static void what_is_no_kernel_is_refused_for_good(void **state)
{
	(void)state;
	small_release_make(&release, 1, MANIFEST_FETCH, 1);
	memset(release.kernels[0], 0, 64);
	digest_sha256(release.kernels[0], SMALL_AGENT_KERNEL_BYTES, release.manifest.guests[0].kernel.sha256);
	small_release_seal(&release);
	net.file_count = 0;
	small_release_serve(&release);
	small_agent_start();
	small_agent_turns(10);
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_until(0, WIRE_GUEST_FAILED);
	assert_int_equal(report(0).reason, WIRE_REASON_NOT_A_KERNEL);
	assert_console_has("guest \"guest0\" refused: the kernel is not an arm64 Image");
	small_agent_pass(60000);
	assert_int_equal(release.kernel_files[0]->requests, 1);
	assert_int_equal(guest_count(), 0);
	small_agent_want(0, ACK_WANT_RUN, &release, 1); /* unless somebody asks for it */
	small_agent_pass(1000);
	assert_int_equal(release.kernel_files[0]->requests, 2);
}

static void manifests_that_are_missing_wrong_or_no_good(void **state)
{
	(void)state;
	start(1, MANIFEST_FETCH);
	release.manifest_file->status = 404;
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_turns(10);
	assert_int_equal(report(0).state, WIRE_GUEST_WAITING);
	assert_int_equal(report(0).reason, WIRE_REASON_NOT_FOUND);
	release.manifest_file->status = 200;
	release.fdt[200] ^= 1;
	small_agent_pass(3000);
	assert_int_equal(report(0).state, WIRE_GUEST_FAILED);
	assert_int_equal(report(0).reason, WIRE_REASON_HASH);
	assert_int_equal(small_core_count("waits for manifest"), 2);
	release.fdt[200] ^= 1;
	small_agent_until(0, WIRE_GUEST_RUNNING);
	/* One that is what it should be and still no good. */
	memset(other.fdt, 7, 100);
	digest_sha256(other.fdt, 100, other.sha256);
	char hex[DIGEST_HEX_BYTES];
	char path[HTTP_PATH_MAX_BYTES];
	digest_hex(other.sha256, hex);
	snprintf(path, sizeof(path), "/v1/manifests/sha256/%s", hex);
	const struct small_file *file = small_net_serve(path, other.fdt, 100);
	small_agent_want(1, ACK_WANT_RUN, &other, 0);
	small_agent_pass(30000);
	assert_int_equal(report(1).state, WIRE_GUEST_FAILED);
	assert_int_equal(report(1).reason, WIRE_REASON_MANIFEST);
	assert_int_equal(file->requests, 1);
	assert_int_equal(report(0).state, WIRE_GUEST_RUNNING);
	/* A place that it does not have. */
	small_agent_want(1, ACK_WANT_RUN, &release, 0);
	small_agent_turns(10);
	assert_int_equal(report(1).reason, WIRE_REASON_NO_PLACE);
}

static void a_manifest_that_is_too_long_is_named(void **state)
{
	(void)state;
	static uint8_t large[BUNDLE_MANIFEST_MAX_BYTES + 1];

	start(1, MANIFEST_FETCH);
	release.manifest_file->bytes = large;
	release.manifest_file->size = sizeof(large);
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_turns(20);
	assert_int_equal(report(0).reason, WIRE_REASON_LENGTH);
}

static void no_memory_is_waited_for(void **state)
{
	(void)state;
	start(1, MANIFEST_RETAIN);
	core.create_status = AETHER_ENOMEM;
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_turns(20);
	assert_int_equal(report(0).state, WIRE_GUEST_FAILED);
	assert_int_equal(report(0).reason, WIRE_REASON_NO_MEMORY);
	core.create_status = 0;
	small_agent_pass(3000);
	assert_loaded(0, &release, 0);
}

/* --- wishes --- */

static void stop_keeps_the_payload_and_empty_does_not(void **state)
{
	(void)state;
	start(1, MANIFEST_RETAIN);
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_until(0, WIRE_GUEST_RUNNING);
	small_agent_want(0, ACK_WANT_STOP, &release, 0);
	small_agent_until(0, WIRE_GUEST_STOPPED);
	small_agent_turns(2);
	assert_int_equal(report(0).reason, WIRE_REASON_WANTED);
	assert_int_equal(guest_count(), 0);
	assert_int_equal(store_count(), 1);
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_until(0, WIRE_GUEST_RUNNING);
	assert_int_equal(release.kernel_files[0]->requests, 1);
	small_agent_want(0, ACK_WANT_EMPTY, NULL, 0);
	small_agent_until(0, WIRE_GUEST_EMPTY);
	small_agent_turns(4);
	assert_int_equal(guest_count() + store_count(), 0);
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_until(0, WIRE_GUEST_RUNNING);
	assert_int_equal(release.kernel_files[0]->requests, 2);
}

static void repeating_a_wish_is_a_no_op(void **state)
{
	(void)state;
	struct ack ack = {.acked_sequence = 1};

	start(1, MANIFEST_RETAIN);
	ack.guests[0] = (struct ack_guest){.generation = 7, .want = ACK_WANT_RUN, .restart_generation = 3};
	memcpy(ack.guests[0].manifest, release.sha256, DIGEST_BYTES);
	small_net_ack(&ack);
	small_agent_until(0, WIRE_GUEST_RUNNING);
	assert_int_equal(small_agent_vm(0)->start_count, 1); /* its first start fulfils restart generation 3 */
	for (unsigned int i = 0; i < 5; i++) {
		small_net_ack(&ack);
		small_agent_turns(3);
	}
	ack.guests[0].generation = 6; /* of before, whatever it says */
	ack.guests[0].want = ACK_WANT_EMPTY;
	ack.guests[0].restart_generation = 9;
	small_net_ack(&ack);
	small_agent_pass(1000);
	assert_loaded(0, &release, 0);
	assert_int_equal(small_agent_vm(0)->start_count, 1);
	assert_int_equal(report(0).generation, 7);
}

static void a_restart_is_done_once(void **state)
{
	(void)state;
	start(1, MANIFEST_RETAIN);
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_until(0, WIRE_GUEST_RUNNING);
	for (uint32_t restart = 1; restart <= 3; restart++) {
		small_agent_want(0, ACK_WANT_RUN, &release, restart);
		assert_int_equal(report(0).restart_generation, restart - 1);
		small_agent_pass(1000);
		assert_loaded(0, &release, 0);
		assert_int_equal(small_agent_vm(0)->stop_count, restart);
		assert_int_equal(small_agent_vm(0)->start_count, restart + 1);
		assert_int_equal(report(0).restart_generation, restart);
		assert_int_equal(report(0).restarts, restart);
	}
}

static void only_guests_that_changed_are_replaced(void **state)
{
	(void)state;
	start(2, MANIFEST_RETAIN);
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_want(1, ACK_WANT_RUN, &release, 0);
	small_agent_until(0, WIRE_GUEST_RUNNING);
	small_agent_until(1, WIRE_GUEST_RUNNING);
	assert_int_equal(small_agent_vm(1)->flags, AETHER_VM_CONSOLE_LINES);
	/* Another manifest, in which guest 1 alone is another. */
	other = release;
	other.manifest.guests[1].kernel.version[0] = 'x'; /* says nothing about what runs */
	memset(other.kernels[1] + 1000, 9, 1000);
	digest_sha256(other.kernels[1], SMALL_AGENT_KERNEL_BYTES, other.manifest.guests[1].kernel.sha256);
	small_release_seal(&other);
	small_release_serve(&other);
	const unsigned int requests = release.kernel_files[0]->requests;
	small_agent_want(0, ACK_WANT_RUN, &other, 0);
	small_agent_want(1, ACK_WANT_RUN, &other, 0);
	small_agent_pass(1000);
	assert_loaded(0, &other, 0);
	assert_loaded(1, &other, 1);
	assert_int_equal(small_agent_vm(0)->start_count, 1);
	assert_int_equal(small_agent_vm(0)->stop_count, 0);
	assert_int_equal(release.kernel_files[0]->requests, requests);
	assert_memory_equal(service.guests.slots[0].manifest, other.sha256, DIGEST_BYTES);
	assert_int_equal(store_count(), 2);
}

static void a_wish_that_changes_in_mid_fetch(void **state)
{
	(void)state;
	static const enum ack_want wants[] = {ACK_WANT_STOP, ACK_WANT_EMPTY, ACK_WANT_RUN};

	for (unsigned int turns = 0; turns < 14; turns++) {
		for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
			small_agent_tear_down(NULL);
			small_agent_set_up(NULL);
			start(1, i % 2 == 0 ? MANIFEST_RETAIN : MANIFEST_FETCH);
			small_release_make(&other, 1, MANIFEST_RETAIN, 2);
			small_agent_want(0, ACK_WANT_RUN, &release, 0);
			small_agent_turns(turns);
			small_agent_want(0, wants[i], &other, 0);
			small_agent_pass(2000);
			if (wants[i] == ACK_WANT_RUN) {
				assert_loaded(0, &other, 0);
				assert_int_equal(guest_count() + store_count(), 2);
			} else {
				assert_int_equal(guest_count(), 0);
				assert_int_equal(core.script_count, core.vms[0].stop_count);
			}
		}
	}
}

/* --- ends --- */

static void a_guest_that_powers_off_stays_off(void **state)
{
	(void)state;
	start(1, MANIFEST_RETAIN);
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_until(0, WIRE_GUEST_RUNNING);
	small_core_stop(0, AETHER_STOP_POWER_OFF);
	small_agent_pass(3000);
	assert_int_equal(report(0).state, WIRE_GUEST_STOPPED);
	assert_int_equal(report(0).reason, WIRE_REASON_POWER_OFF);
	assert_int_equal(guest_count(), 0);
	small_agent_restart(); /* for the next instance too */
	small_agent_pass(3000);
	assert_int_equal(report(0).state, WIRE_GUEST_STOPPED);
	assert_int_equal(guest_count(), 0);
	small_agent_want(0, ACK_WANT_RUN, &release, 1);
	small_agent_until(0, WIRE_GUEST_RUNNING);
	assert_loaded(0, &release, 0);
}

static void a_guest_that_the_core_ends_is_reported(void **state)
{
	(void)state;
	static const struct {
		uint32_t stop;
		enum wire_guest_reason reason;
	} cases[] = {{AETHER_STOP_SERROR, WIRE_REASON_SERROR},
		     {AETHER_STOP_BAD_STATE, WIRE_REASON_BAD_STATE},
		     {AETHER_STOP_EXIT_STORM, WIRE_REASON_EXIT_STORM},
		     {99, WIRE_REASON_OTHER}};

	start(1, MANIFEST_RETAIN);
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		small_agent_want(0, ACK_WANT_RUN, &release, i);
		small_agent_until(0, WIRE_GUEST_RUNNING);
		small_core_stop(0, cases[i].stop);
		small_agent_pass(3000);
		assert_int_equal(report(0).state, WIRE_GUEST_FAILED);
		assert_int_equal(report(0).reason, cases[i].reason);
		assert_int_equal(guest_count(), 0);
	}
	assert_console_has("aether: vm0 \"guest0\" stopped: made no progress (esr 0xbf000002)\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, small_agent_set_up, small_agent_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_wanted_guest_is_fetched_and_runs),
		TEST(a_retained_payload_outlives_resets),
		TEST(a_store_that_changed_is_fetched_again),
		TEST(a_fetched_payload_waits_for_its_controller),
		TEST(a_connection_that_breaks_is_resumed),
		TEST(every_piece_of_work_is_bounded),
		TEST(long_calls_keep_no_beat),
		TEST(wishes_that_change_in_a_long_call),
		TEST(a_damaged_blob_is_never_started),
		TEST(a_damaged_header_is_damage_and_not_the_last_word),
		TEST(a_damaged_initramfs_in_the_store_too),
		TEST(blobs_that_are_missing_or_of_another_length),
		TEST(what_is_no_kernel_is_refused_for_good),
		TEST(manifests_that_are_missing_wrong_or_no_good),
		TEST(a_manifest_that_is_too_long_is_named),
		TEST(no_memory_is_waited_for),
		TEST(stop_keeps_the_payload_and_empty_does_not),
		TEST(repeating_a_wish_is_a_no_op),
		TEST(a_restart_is_done_once),
		TEST(only_guests_that_changed_are_replaced),
		TEST(a_wish_that_changes_in_mid_fetch),
		TEST(a_guest_that_powers_off_stays_off),
		TEST(a_guest_that_the_core_ends_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

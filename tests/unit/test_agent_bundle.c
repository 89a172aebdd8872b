/* SPDX-License-Identifier: Apache-2.0 */
/* A node that has a bundle, a card and perhaps a controller: who decides, and when nobody is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "unit/small_agent.h"
#include "unit/small_bundle.h"

static struct small_release release;
static struct small_bundle bundle;

static void start_bundle(uint32_t count)
{
	small_bundle_make(&bundle, count);
	small_agent_bundle = bundle.bytes;
	info.bundle_bytes = bundle.size;
	small_release_make(&release, 1, MANIFEST_RETAIN, 1);
	small_agent_start();
}

static void bundle_guests_start_before_the_network(void **state)
{
	(void)state;
	net.is_up = false;
	start_bundle(2);
	assert_console("aether: loader: 2 of 2 guests ready from bundle \"small\" 1.0\n");
	assert_int_equal(core.vms[0].state, AETHER_VM_RUNNING);
	assert_int_equal(core.vms[1].state, AETHER_VM_RUNNING);
	assert_int_equal(core.wait_count, 0);
	net.is_up = true;
	small_agent_pass(1000);
	assert_int_equal(guests_state(&service.guests, 0), WIRE_GUEST_RUNNING);
	assert_int_equal(service.guests.slots[0].wish.generation, 0);
	/* Nobody names them: an approving controller changes nothing. */
	struct ack ack = {.acked_sequence = 1};
	small_net_ack(&ack);
	small_agent_pass(1000);
	assert_int_equal(core.vms[0].stop_count + core.vms[1].stop_count, 0);
	small_bundle_free(&bundle);
}

static void a_controller_replaces_what_it_names(void **state)
{
	(void)state;
	start_bundle(2);
	small_agent_pass(1000);
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_pass(1000);
	assert_loaded(0, &release, 0);
	assert_int_equal(core.vms[1].stop_count, 0);
	assert_int_equal(core.vms[1].state, AETHER_VM_RUNNING);
	small_bundle_free(&bundle);
}

static void the_bundle_serves_a_controller_that_wants_it(void **state)
{
	(void)state;
	start_bundle(1);
	small_agent_pass(1000);
	memcpy(release.sha256, bundle.header.manifest_sha256, DIGEST_BYTES);
	small_agent_want(0, ACK_WANT_RUN, &release, 1); /* and a restart */
	small_agent_pass(1000);
	assert_int_equal(core.vms[0].stop_count, 1);
	assert_int_equal(core.vms[0].start_count, 2);
	assert_memory_equal(core.vms[0].ram + 0x200000, bundle.bytes + bundle.manifest.guests[0].kernel.offset,
			    SMALL_KERNEL_BYTES);
	for (size_t i = 0; i < net.file_count; i++) {
		assert_int_equal(net.files[i].requests, 0);
	}
	small_bundle_free(&bundle);
}

static bool run_until_it_ends(unsigned int turns)
{
	for (unsigned int i = 0; i < turns; i++) {
		if (!service_turn(&service)) {
			return true;
		}
	}
	return false;
}

static void the_node_goes_off_when_nobody_is_left_and_nobody_asks(void **state)
{
	(void)state;
	net.is_dead = true; /* a card, but no controller */
	start_bundle(1);
	small_agent_pass(5000);
	small_core_stop(0, AETHER_STOP_POWER_OFF);
	assert_true(run_until_it_ends(10));
	small_bundle_free(&bundle);
	small_agent_tear_down(NULL);
	small_agent_set_up(NULL);
	net.answer.status = HELLO_PENDING; /* one that has answered may still want something */
	start_bundle(1);
	small_agent_pass(5000);
	small_core_stop(0, AETHER_STOP_POWER_OFF);
	assert_false(run_until_it_ends(1000));
	small_bundle_free(&bundle);
}

static void a_refused_bundle_leaves_the_controller(void **state)
{
	(void)state;
	small_bundle_make(&bundle, 1);
	bundle.bytes[3] ^= 1;
	small_agent_bundle = bundle.bytes;
	info.bundle_bytes = bundle.size;
	small_release_make(&release, 1, MANIFEST_RETAIN, 1);
	small_agent_start();
	small_agent_pass(1000);
	assert_console_has("aether: loader: bundle refused: it does not begin with AETHERBN\n");
	small_agent_want(0, ACK_WANT_RUN, &release, 0);
	small_agent_until(0, WIRE_GUEST_RUNNING);
	small_bundle_free(&bundle);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, small_agent_set_up, small_agent_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(bundle_guests_start_before_the_network),
		TEST(a_controller_replaces_what_it_names),
		TEST(the_bundle_serves_a_controller_that_wants_it),
		TEST(the_node_goes_off_when_nobody_is_left_and_nobody_asks),
		TEST(a_refused_bundle_leaves_the_controller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

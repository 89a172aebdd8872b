/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams that somebody recorded, under the right key, against who is really there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "fleet/own.h"
#include "unit/controller/link_bed.h"

struct recording {
	uint8_t bytes[BEAT_MAX_BYTES];
	size_t count;
};

/* Beats that never came to the controller. */
static void record(struct virtual_node *node, struct recording *recordings, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		recordings[i].count = virtual_node_beat(node, recordings[i].bytes);
	}
}

static void play(const struct recording *recordings, unsigned count)
{
	const uint64_t before = bed_figures().received;

	for (unsigned i = 0; i < count; i++) {
		bed_send(recordings[i].bytes, recordings[i].count);
	}
	bed_received(before + count);
	usleep(100000); /* whatever follows from it */
}

static bool shows(const char *id, const char *wanted)
{
	struct text text = {.bytes = NULL};
	uint64_t rev;

	assert_true(fleet_show(bed.fleet, id, false, &text, &rev));
	const bool found = strstr(text.bytes, wanted) != NULL;

	text_free(&text);
	return found;
}

static unsigned clashes(void)
{
	unsigned count = 0;

	fleet_lock(bed.fleet);
	for (size_t i = 0; i < bed.fleet->count; i++) {
		count += bed.fleet->nodes[i]->clash[0] != '\0';
	}
	fleet_unlock(bed.fleet);
	return count;
}

/* Another boot of the same board, which runs; long enough that nothing of the one before is under way. */
static void boot_again(struct virtual_node *node, struct virtual_node *before)
{
	struct hello_answer answer;

	virtual_node_begin(node, 1, 1);
	node->ip = before->ip;
	assert_true(virtual_node_say_hello(node, &bed.http_address, &answer));
	assert_int_equal(answer.status, HELLO_APPROVED);
	bed_until(node, bed_is_running);
	usleep((FLEET_CLASH_SLACK_MS + 100) * 1000);
}

static void a_recording_of_an_ended_boot_is_no_clash(void **state)
{
	struct virtual_node old, node;
	struct recording recordings[6];

	(void)state;
	bed_run(&old, 1);
	record(&old, recordings, 6);
	boot_again(&node, &old);
	play(recordings, 3);
	assert_int_equal(clashes(), 0);
	/* Nor behind a restart, when its row alone is left: the first asks for that. */
	bed_restart();
	bed_beat(&node);
	bed_pump(&node, 1, 50);
	play(recordings + 3, 3);
	play(recordings + 3, 3);
	assert_int_equal(clashes(), 0);
	assert_true(shows(bed_id_of(&node), "\"contact\":\"alive\""));
	const uint32_t acks = node.acks;
	bed_beat(&node);
	bed_pump(&node, 1, 50);
	assert_true(node.acks > acks);
	virtual_node_end(&old);
	virtual_node_end(&node);
}

static void an_earlier_boot_that_lives_is_a_clash(void **state)
{
	struct virtual_node nodes[2];

	(void)state;
	bed_run(&nodes[0], 1);
	boot_again(&nodes[1], &nodes[0]);
	for (unsigned i = 0; i < 20 && clashes() == 0; i++) {
		bed_beat(&nodes[0]);
		bed_pump(nodes, 2, 20);
	}
	assert_int_equal(clashes(), 2);
	virtual_node_end(&nodes[0]);
	virtual_node_end(&nodes[1]);
}

/* A node that is off does not come alive by what was recorded of it, and its address stays as it is. */
static void a_recording_behind_a_restart_is_no_life(void **state)
{
	struct virtual_node node;
	struct recording recordings[8];
	char id[ID_BYTES];

	(void)state;
	bed_run(&node, 1);
	memcpy(id, bed_id_of(&node), sizeof(id));
	record(&node, recordings, 8);
	bed_restart();
	play(recordings, 8);
	assert_true(shows(id, "\"contact\":\"never\""));
	fleet_lock(bed.fleet);
	assert_int_equal(node_by_id(bed.fleet, id)->address.sin_port, 0);
	fleet_unlock(bed.fleet);
	assert_true(bed_figures().sent >= 8); /* it is asked */
	/* It lives after all: one question, one answer. */
	bed_pump(&node, 1, 50);
	assert_true(shows(id, "\"contact\":\"alive\""));
	/* And another restart. */
	bed_restart();
	play(recordings, 8);
	assert_true(shows(id, "\"contact\":\"never\""));
	bed_beat(&node);
	bed_pump(&node, 1, 50);
	assert_true(shows(id, "\"contact\":\"alive\""));
	virtual_node_end(&node);
}

#define T(name) cmocka_unit_test_setup_teardown(name, bed_make, bed_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_recording_of_an_ended_boot_is_no_clash),
		T(an_earlier_boot_that_lives_is_a_clash),
		T(a_recording_behind_a_restart_is_no_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A node's life in a fleet on a real store, under a clock that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "unit/controller/fleet_bed.h"

static void says(const struct seen *seen, const char *key, const char *text)
{
	json_t *json = json_loads(seen->json, 0, NULL);
	const char *value = json_string_value(json_object_get(json, key));

	if (value == NULL || strstr(value, text) == NULL) {
		print_error("%s is \"%s\", not \"%s\"\n", key, value == NULL ? "(null)" : value, text);
		fail();
	}
	json_decref(json);
}

static void set_release(void)
{
	uint8_t manifest[32];
	struct fail fail;

	memset(manifest, 0xab, sizeof(manifest));
	assert_true(fleet_set_release(bed.fleet, manifest, &fail));
}

static void appears_is_approved_and_runs(void **state)
{
	struct machine machine;
	struct hello_answer answer;
	struct fail fail;

	(void)state;
	set_release();
	machine_make(&machine, 1, 0x1001);
	assert_true(machine_hello(&machine, &answer, &fail));
	assert_int_equal(answer.status, HELLO_PENDING);
	assert_int_equal(answer.udp_port, 7480);
	struct seen seen = bed_see(0x1001);

	assert_int_equal(seen.admission, ADMISSION_PENDING);
	says(&seen, "state", "pending");
	says(&seen, "serial", "SN-000001-abc");
	assert_int_equal(bed_count("SELECT count(*) FROM node WHERE admission = 'pending'"), 1);
	assert_int_equal(bed_count("SELECT count(*) FROM boot WHERE length(key) = 32"), 1);
	assert_true(fleet_admit(bed.fleet, seen.id, ACT_APPROVE, seen.rev, &bed_who, &fail));
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE kind = 'node.approved' AND actor = 'admin'"), 1);
	assert_true(machine_hello(&machine, &answer, &fail));
	assert_int_equal(answer.status, HELLO_APPROVED);
	assert_true(machine_beat(&machine, WIRE_GUEST_EMPTY));
	bed_settle();
	seen = bed_see(0x1001);
	says(&seen, "state", "booting");
	bed_pass(1000);
	assert_true(machine_beat(&machine, WIRE_GUEST_FETCHING));
	seen = bed_see(0x1001);
	says(&seen, "state", "booting");
	bed_pass(1000);
	assert_true(machine_beat(&machine, WIRE_GUEST_RUNNING));
	seen = bed_see(0x1001);
	says(&seen, "state", "running");
	says(&seen, "why", "All its guests run.");
	assert_int_equal(bed_count("SELECT count(*) FROM boot WHERE outcome = 'running'"), 1);
	assert_true(bed.wakes > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(appears_is_approved_and_runs, bed_make, bed_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

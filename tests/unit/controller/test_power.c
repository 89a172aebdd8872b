/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of a power program that does as it should, hangs, floods, writes rubbish or is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "power/power.h"

static char folder[] = "/tmp/aether-power-XXXXXX";
static char program[64], output[POWER_OUTPUT_BYTES];

static bool run(const char *script, unsigned timeout_ms, struct fail *fail)
{
	static const char *const environment[] = {"PATH=/usr/bin:/bin", "AETHER_NODE_NAME=a b", NULL};
	const struct power_run order = {
		.program = program,
		.action = "off",
		.node = "52:54:00:77:00:01",
		.environment = environment,
		.keep_fd = -1,
		.timeout_ms = timeout_ms,
	};

	unlink(program);
	if (script != NULL) {
		FILE *file = fopen(program, "w");

		assert_non_null(file);
		assert_true(fprintf(file, "#!/bin/sh\n%s\n", script) > 0);
		assert_int_equal(fclose(file), 0);
		assert_int_equal(chmod(program, 0700), 0);
	}
	*fail = (struct fail){0};
	return power_run(&order, output, fail);
}

static void it_gets_what_the_contract_says(void **state)
{
	(void)state;
	struct fail fail;

	assert_true(run("echo \"$#|$1|$2|$AETHER_NODE_NAME|$HOME\"", 5000, &fail));
	assert_string_equal(output, "2|off|52:54:00:77:00:01|a b|\n");
	/* Nothing of ours is open there: of what `ls` opens itself there is one. */
	assert_true(run("ls /proc/self/fd | wc -l", 5000, &fail));
	assert_string_equal(output, "4\n");
}

static void its_reason_is_the_first_line(void **state)
{
	(void)state;
	struct fail fail;

	assert_false(run("printf 'no such\\033 plug\\nmore\\n' >&2; exit 3", 5000, &fail));
	assert_int_equal(fail.kind, FAIL_UNAVAILABLE);
	assert_non_null(strstr(fail.text, "(status 3): no such? plug"));
	assert_null(strstr(fail.text, "more"));
	assert_false(run("kill -9 $$", 5000, &fail));
	assert_non_null(strstr(fail.text, "signal 9"));
}

static void one_that_is_missing_is_named(void **state)
{
	(void)state;
	struct fail fail;

	assert_false(run(NULL, 5000, &fail));
	assert_non_null(strstr(fail.text, program));
}

static void one_that_hangs_is_killed_with_its_children(void **state)
{
	(void)state;
	struct fail fail;
	char path[80];
	const uint64_t start = clock_ms();

	snprintf(path, sizeof(path), "%s/child", folder);
	/* The child holds the pipe open; it would make the file after a second. */
	assert_false(run("trap '' TERM; (sleep 1; : >\"${0%/*}/child\") & exec 3<&-; sleep 30", 300, &fail));
	assert_non_null(strstr(fail.text, "did not end within 1 s at 'off'"));
	assert_true(clock_ms() - start < 5000);
	sleep(2);
	assert_int_equal(access(path, F_OK), -1);
}

static void one_that_floods_is_read_to_its_limit(void **state)
{
	(void)state;
	struct fail fail;

	assert_true(run("head -c 1000000 /dev/zero | tr '\\0' x", 10000, &fail));
	assert_int_equal(strlen(output), POWER_OUTPUT_BYTES - 1);
	assert_false(run("head -c 100000 /dev/urandom; exit 1", 10000, &fail));
	for (const char *c = fail.text; *c != '\0'; c++) {
		assert_in_range((unsigned char)*c, ' ', '~');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_gets_what_the_contract_says),
		cmocka_unit_test(its_reason_is_the_first_line),
		cmocka_unit_test(one_that_is_missing_is_named),
		cmocka_unit_test(one_that_hangs_is_killed_with_its_children),
		cmocka_unit_test(one_that_floods_is_read_to_its_limit),
	};

	if (mkdtemp(folder) == NULL) {
		return 1;
	}
	snprintf(program, sizeof(program), "%s/driver", folder);
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(program);
	rmdir(folder);
	return failed;
}

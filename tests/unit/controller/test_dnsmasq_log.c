/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dnsmasq's lines: those of a real 2.90 and a real 2.91 against what is understood of them (GOLDEN_UPDATE=1 writes that
 * anew; run from the root of the repository), a few of other forms, and names that clients chose to deceive.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../e2e/said.h"
#include "observe/dnsmasq_log.h"

#define FOLDER "tests/golden/dnsmasq-log/"
static const char *const versions[] = {"2.90", "2.91"};

/* False: nothing that concerns a client. */
static bool describe(const char *text, char said[SAID_BYTES])
{
	/* At the end of its memory: a look behind it is seen. */
	const size_t length = strcspn(text, "\n");
	char *copy = malloc(length);
	struct dnsmasq_line line;

	memcpy(copy, text, length);
	const bool is_known = dnsmasq_parse(copy, length, &line);

	assert_int_equal(is_known, line.says != DNSMASQ_OTHER);
	free(copy);
	return said_describe(&line, said);
}

/* Clients did the same with each version: the same must be understood. */
static void golden(const char *version, bool is_update)
{
	char path[64], line[512], is[SAID_BYTES], should[SAID_BYTES];
	unsigned count = 0;

	(void)snprintf(path, sizeof(path), FOLDER "%s.log", version);
	FILE *log = fopen(path, "re");
	FILE *understood = fopen(FOLDER "understood", is_update ? "we" : "re");

	assert_non_null(log);
	assert_non_null(understood);
	while (fgets(line, sizeof(line), log) != NULL) {
		if (!describe(line, is)) {
			continue;
		}
		count++;
		if (is_update) {
			assert_true(fprintf(understood, "%s\n", is) > 0);
		} else {
			assert_non_null(fgets(should, sizeof(should), understood));
			should[strcspn(should, "\n")] = '\0';
			assert_string_equal(is, should);
		}
	}
	assert_true(count > 40);
	assert_true(is_update || fgets(should, sizeof(should), understood) == NULL);
	(void)fclose(log);
	(void)fclose(understood);
}

static void test_golden(void **state)
{
	(void)state;
	if (getenv("GOLDEN_UPDATE") != NULL) {
		golden(versions[0], true);
	}
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		golden(versions[i], false);
	}
}

static void expect(const char *text, const char *what)
{
	char is[SAID_BYTES];

	(void)describe(text, is);
	assert_string_equal(is, what);
}

/* Without a process id it says only why it does not start. */
static void test_forms(void **state)
{
	(void)state;
	expect("dnsmasq-tftp: error 8 User aborted received from 10.77.0.11",
	       "client-error network= address=10.77.0.11 mac=no 00 code=8 text=User aborted");
	expect("dnsmasq: unknown interface eth9", "fatal network= address=0.0.0.0 mac=no 00 code=0 "
						  "text=unknown interface eth9");
	expect("dnsmasq[7]: failed to create listening socket for 10.77.0.1: Address already in use",
	       "fatal network= address=0.0.0.0 mac=no 00 code=0 "
	       "text=failed to create listening socket for 10.77.0.1: Address already in use");
	expect("dnsmasq[7]: TFTP directory /srv inaccessible: Permission denied",
	       "word network= address=0.0.0.0 mac=no 00 code=0 "
	       "text=TFTP directory /srv inaccessible: Permission denied");
	expect("Nov  4 19:59:29 dnsmasq-dhcp[512]: DHCPACK(br0) 10.77.0.11 52:54:00:77:00:01 node1",
	       "ack network=br0 address=10.77.0.11 mac=01 code=0 text=node1");
}

static void test_hostile(void **state)
{
	static const char *const nothing[] = {
		"",
		"d",
		"dnsmasq",
		"dnsmasq-tftp",
		"dnsmasq-tftp[",
		"dnsmasq-tftp[1",
		"dnsmasq-tftp: ",
		"dnsmasq-dhcp: 1",
		"dnsmasq-tftp: sent ",
		"dnsmasq-tftp: sent a to ",
		"dnsmasq-tftp: sent a to b",
		"dnsmasq-tftp: sent a to 10.77.0.256",
		"dnsmasq-tftp: sent a to 10.77.0.1 ",
		"dnsmasq-tftp: file a",
		"dnsmasq-dhcp: DHCPACK(",
		"dnsmasq-dhcp: DHCPACK()",
		"dnsmasq-dhcp: DHCPACK(br0) 10.77.0.11",
		"dnsmasq-dhcp: DHCPACK(br0) 10.77.0.11 52:54:00:77:00:0g",
		"xdnsmasq-tftp: sent a to 10.77.0.1",
		"dnsmasq-dhcp: DHCPACK(an-interface-of-too-many) 10.77.0.11 52:54:00:77:00:01",
		"dnsmasq-tftp[12345678901234]: sent a to 10.77.0.1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
		expect(nothing[i], "-");
	}
	/* A file name that looks like the rest of the line: the last address counts. */
	expect("dnsmasq-tftp: sent /srv/a to 10.0.0.1 to 10.77.0.11",
	       "sent network= address=10.77.0.11 mac=no 00 code=0 text=/srv/a to 10.0.0.1");
	expect("dnsmasq-tftp: file /srv/a not found for 1.2.3.4 not found for 10.77.0.11",
	       "missing network= address=10.77.0.11 mac=no 00 code=0 text=/srv/a not found for 1.2.3.4");
	expect("dnsmasq-tftp: sent /srv/a\033[2Jb to 10.77.0.11",
	       "sent network= address=10.77.0.11 mac=no 00 code=0 text=/srv/a?[2Jb");
	expect("dnsmasq-tftp: error 99999999999 x received from 10.77.0.11", "client-error network= address=10.77.0.11 "
									     "mac=no 00 code=99999 text=x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

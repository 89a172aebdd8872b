/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dnsmasq's lines: those of a real 2.90 against what was understood of them (GOLDEN_UPDATE=1 writes it anew; run from
 * the root of the repository), lines in its words that are hard to provoke, and names that clients chose to deceive.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "observe/dnsmasq_log.h"

#define GOLDEN "tests/golden/dnsmasq-log/2.90"

static const char *const words[] = {
	[DNSMASQ_OTHER] = "-",	       [DNSMASQ_SENT] = "sent",		[DNSMASQ_CUT] = "cut",
	[DNSMASQ_MISSING] = "missing", [DNSMASQ_REFUSED] = "refused",	[DNSMASQ_CLIENT_ERROR] = "client-error",
	[DNSMASQ_NO_ADDRESS] = "none", [DNSMASQ_DISCOVER] = "discover", [DNSMASQ_OFFER] = "offer",
	[DNSMASQ_REQUEST] = "request", [DNSMASQ_ACK] = "ack",		[DNSMASQ_NAK] = "nak",
	[DNSMASQ_FATAL] = "fatal",
};

static void describe(const char *text, char *to, size_t room)
{
	/* At the end of its memory: a look behind it is seen. */
	const size_t length = strcspn(text, "\n");
	char *copy = malloc(length);
	struct dnsmasq_line line;

	memcpy(copy, text, length);
	const bool is_known = dnsmasq_parse(copy, length, &line);

	assert_int_equal(is_known, line.says != DNSMASQ_OTHER);
	free(copy);
	if (line.says == DNSMASQ_OTHER) {
		(void)snprintf(to, room, "-\n");
		return;
	}
	(void)snprintf(to, room, "%s network=%s address=%08x mac=%s%02x code=%d text=%s\n", words[line.says],
		       line.network, line.address, line.has_mac ? "" : "no ", line.mac[5], line.code, line.text);
}

static void test_golden(void **state)
{
	FILE *log = fopen(GOLDEN ".log", "re");
	FILE *expected = fopen(GOLDEN ".expected", getenv("GOLDEN_UPDATE") != NULL ? "we" : "re");
	char line[512], is[512], should[512];
	unsigned count = 0;

	(void)state;
	assert_non_null(log);
	assert_non_null(expected);
	while (fgets(line, sizeof(line), log) != NULL) {
		describe(line, is, sizeof(is));
		if (getenv("GOLDEN_UPDATE") != NULL) {
			assert_true(fputs(is, expected) >= 0);
		} else {
			assert_non_null(fgets(should, sizeof(should), expected));
			assert_string_equal(is, should);
		}
		count++;
	}
	assert_true(count > 20);
	(void)fclose(log);
	(void)fclose(expected);
}

static void expect(const char *text, const char *what)
{
	char is[512];

	describe(text, is, sizeof(is));
	assert_memory_equal(is, what, strlen(what));
}

static void test_rare(void **state)
{
	(void)state;
	expect("dnsmasq-tftp[2]: failed sending /srv/tftp/aether.img to 10.77.0.11",
	       "cut network= address=0a4d000b mac=no 00 code=0 text=/srv/tftp/aether.img\n");
	expect("dnsmasq-tftp: error 8 User aborted received from 10.77.0.11",
	       "client-error network= address=0a4d000b mac=no 00 code=8 text=User aborted\n");
	expect("dnsmasq-tftp: cannot access /srv/tftp/a: Permission denied",
	       "refused network= address=00000000 mac=no 00 code=0 text=/srv/tftp/a\n");
	expect("dnsmasq: failed to create listening socket for 10.77.0.1: Address already in use", "fatal");
	expect("Nov  4 19:59:29 dnsmasq-dhcp[512]: DHCPACK(br0) 10.77.0.11 52:54:00:77:00:01 node1",
	       "ack network=br0 address=0a4d000b mac=01 code=0 text=node1\n");
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
		expect(nothing[i], "-\n");
	}
	/* A file name that looks like the rest of the line: the last address counts. */
	expect("dnsmasq-tftp: sent /srv/a to 10.0.0.1 to 10.77.0.11",
	       "sent network= address=0a4d000b mac=no 00 code=0 text=/srv/a to 10.0.0.1\n");
	expect("dnsmasq-tftp: file /srv/a not found for 1.2.3.4 not found for 10.77.0.11",
	       "missing network= address=0a4d000b mac=no 00 code=0 text=/srv/a not found for 1.2.3.4\n");
	expect("dnsmasq-tftp: sent /srv/a\033[2Jb to 10.77.0.11",
	       "sent network= address=0a4d000b mac=no 00 code=0 text=/srv/a?[2Jb\n");
	expect("dnsmasq-tftp: error 99999999999 x received from 10.77.0.11", "client-error network= address=0a4d000b "
									     "mac=no 00 code=99999 text=x\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_rare),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

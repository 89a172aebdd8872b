/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file: what is understood, what is refused and with which line, and that what is printed reads back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"

#define NETWORK                                                                                                        \
	"networks = ( { interface = \"eth1\"; mode = \"authoritative\";\n"                                             \
	"  address = \"10.77.0.1/24\"; range = \"10.77.0.11-10.77.0.240\";"

static char file[] = "/tmp/aether-conf-XXXXXX";

static bool read_text(const char *text, struct conf *conf, struct fail *fail)
{
	FILE *to = fopen(file, "w");

	assert_non_null(to);
	assert_true(fputs(text, to) >= 0);
	assert_int_equal(fclose(to), 0);
	return conf_read(file, conf, fail);
}

static void an_empty_file_is_the_defaults(void **state)
{
	(void)state;
	struct conf conf;
	struct fail fail = {0};

	assert_true(read_text("", &conf, &fail));
	assert_string_equal(conf.state, "/var/lib/aether");
	assert_int_equal(conf.people_address, 0x7f000001);
	assert_int_equal(conf.people_port, 8080);
	assert_int_equal(conf.node_port, 7480);
	assert_int_equal(conf.network_count, 0);
	assert_int_equal(conf.interval_ms, 1000);
}

static void everything_is_understood_and_prints_back(void **state)
{
	(void)state;
	static struct conf conf, again;
	struct fail fail = {0};
	struct text printed = {0}, second = {0};

	assert_true(read_text(
		"state = \"/srv/a\"; user = \"\"; dnsmasq_user = \"dns\"; people = \"127.0.0.2:99\"; node_port = 1;\n"
		"hosts = ( \"aether.example\", \"10.0.0.1\" ); interval = 500; nodes = 1000; power = \"/p\"; image = "
		"\"/i\";\n"
		"boot_script = \"/s\"; pi_files = \"/f\"; bundle = \"/b\";\n"
		"dnsmasq = \"/d\"; programs = \"/x\";\n" NETWORK
		"router = \"10.77.0.254\"; dns = ( \"1.1.1.1\", \"9.9.9.9\" ); ntp = [ \"10.77.0.1\" ]; unknown = "
		"\"observe\";\n"
		"force = true; lease = 600; }, { interface = \"eth2\"; mode = \"authoritative\"; address = "
		"\"10.78.0.1/16\";\n"
		"range = \"10.78.1.0-10.78.2.0\"; } );",
		&conf, &fail));
	assert_int_equal(conf.network_count, 2);
	assert_string_equal(conf.hosts[1], "10.0.0.1");
	assert_string_equal(conf.pi_files, "/f");
	assert_int_equal(conf.networks[0].dns[1], 0x09090909);
	assert_int_equal(conf.networks[0].unknown, CONF_UNKNOWN_OBSERVE);
	assert_true(conf.networks[0].is_forced);
	assert_int_equal(conf.networks[1].prefix_bits, 16);
	assert_int_equal(conf.networks[1].lease_s, 3600);
	conf_print(&conf, &printed);
	assert_true(read_text(printed.bytes, &again, &fail));
	assert_memory_equal(&conf.networks, &again.networks, sizeof(conf.networks));
	conf_print(&again, &second);
	assert_string_equal(printed.bytes, second.bytes);
	text_free(&printed);
	text_free(&second);
}

/* Every refusal names file, line and reason. */
static void what_is_wrong_is_refused_with_its_line(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int line;
		const char *why;
	} cases[] = {
		{"\nstate = 5;", 2, "'state' must be"},
		{"state = \"relative\";", 1, "'state' must be"},
		{"state = \"/a/../b\";", 1, "'state' must be"},
		{"stat = \"/a\";", 1, "'stat' is not known; known are: state user"},
		{"state = \"/a\"\nstate = \"/b\";", 2, "duplicate"},
		{"state = ", 1, "syntax"},
		{"people = \"0.0.0.0:80\";", 1, "loopback"},
		{"people = \"127.0.0.1\";", 1, "loopback"},
		{"people = \"127.0.0.1:0\";", 1, "loopback"},
		{"people = \"127.0.0.1:70000\";", 1, "loopback"},
		{"node_port = 0;", 1, "1 to 65535"},
		{"nodes = 10001;", 1, "1 to 10000"},
		{"interval = \"1\";", 1, "milliseconds"},
		{"power = \"/a\\nb\";", 1, "power driver"},
		{"user = \"a b\";", 1, "user"},
		{"user = \"-x\";", 1, "user"},
		{"hosts = ( \"a\", 5 );", 1, "host names"},
		{"networks = { };", 1, "at most 4 groups"},
		{"networks = ( 5 );", 1, "group"},
		{"networks = (\n{ interface = \"e\"; } );", 2, "a network needs 'mode'"},
		{NETWORK "\n colour = 1; } );", 3, "'colour' is not known"},
		{NETWORK "\n router = \"10.78.0.1\"; } );", 3, "not in the network"},
		{NETWORK "\n unknown = \"maybe\"; } );", 3, "\"observe\""},
		{NETWORK "\n lease = 10; } );", 3, "120"},
		{NETWORK "\n dns = ( \"1.1.1.1\", \"1.1.1\" ); } );", 3, "IPv4"},
		{NETWORK "}, { interface = \"eth1\"; mode = \"authoritative\"; address = \"10.1.0.1/24\"; range = "
			 "\"10.1.0.5-10.1.0.6\"; } );",
		 2, "has a network already"},
		{NETWORK "}, { interface = \"eth2\"; mode = \"authoritative\"; address = \"10.77.0.2/16\"; range = "
			 "\"10.77.0.5-10.77.0.6\"; } );",
		 2, "overlaps"},
		{"networks = ( { interface = \"e\"; mode = \"authoritative\"; address = \"10.77.0.1/24\";\n"
		 "range = \"10.77.0.9-10.77.1.9\"; } );",
		 2, "reaches out"},
		{"networks = ( { interface = \"e\"; mode = \"authoritative\"; address = \"10.77.0.1/24\";\n"
		 "range = \"10.77.0.1-10.77.0.9\"; } );",
		 2, "own address"},
		{"networks = ( { interface = \"e\"; mode = \"authoritative\"; address = \"10.77.0.0/24\";\n"
		 "range = \"10.77.0.3-10.77.0.9\"; } );",
		 1, "network's own"},
		{"networks = ( { interface = \"e\"; mode = \"authoritative\"; address = \"10.77.0.1/31\"; } );", 1,
		 "/8 to /30"},
		{"networks = ( { interface = \"e\"; mode = \"proxy\"; } );", 1, "authoritative"},
		{"networks = ( { interface = \"interface-too-long\"; } );", 1, "interface"},
	};
	static struct conf conf;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fail fail = {0};
		char start[64];

		snprintf(start, sizeof(start), "%s:%d: ", file, cases[i].line);
		if (read_text(cases[i].text, &conf, &fail) || strncmp(fail.text, start, strlen(start)) != 0 ||
		    strstr(fail.text, cases[i].why) == NULL) {
			fail_msg("%s\ngave: %s", cases[i].text, fail.text);
		}
	}
}

static void a_file_that_is_missing_is_named(void **state)
{
	(void)state;
	static struct conf conf;
	struct fail fail = {0};

	assert_false(conf_read("/nonexistent/aether.conf", &conf, &fail));
	assert_int_equal(fail.kind, FAIL_NOT_FOUND);
	assert_non_null(strstr(fail.text, "/nonexistent/aether.conf"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_is_the_defaults),
		cmocka_unit_test(everything_is_understood_and_prints_back),
		cmocka_unit_test(what_is_wrong_is_refused_with_its_line),
		cmocka_unit_test(a_file_that_is_missing_is_named),
	};
	const int fd = mkstemp(file);

	if (fd < 0) {
		return 1;
	}
	close(fd);
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(file);
	return failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Every command of aetherctl against the real store, fleet, API and server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "ctl/command.h"
#include "unit/controller/api_bed.h"
#include "unit/controller/ctl_run.h"

#define HAS(text, part) assert_non_null(strstr(text, part))
#define LACKS(text, part) assert_null(strstr(text, part))

/* Runs, and says what it printed where it ends otherwise than it should. "@" becomes the node's id. */
static void run_with(enum ctl_exit want, const char *line, const char *input)
{
	struct text whole = {.most = 1024};

	for (const char *c = line; *c != '\0'; c++) {
		text_printf(&whole, *c == '@' ? "%s" : "%.1s", *c == '@' ? bed.node : c);
	}
	assert_false(whole.is_broken);
	const enum ctl_exit how = ctl_run(whole.bytes, input);
	if (how != want) {
		fail_msg("%s ended with %d instead of %d: %s%s", whole.bytes, how, want, ctl_out, ctl_err);
	}
	text_free(&whole);
}

static void run_to(enum ctl_exit want, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void run_to(enum ctl_exit want, const char *format, ...)
{
	char line[256];
	va_list arguments;

	va_start(arguments, format);
	const int count = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	assert_true(count >= 0 && (size_t)count < sizeof(line));
	run_with(want, line, NULL);
}

static int make(void **state)
{
	const int status = api_bed_make(state);

	setenv("AETHER_SOCKET", bed.socket, 1);
	return status;
}

static int end(void **state)
{
	ctl_run_end();
	return api_bed_remove(state);
}

static void nodes_are_listed_and_shown(void **state)
{
	(void)state;
	run_to(CTL_OK, "node list");
	HAS(ctl_out, bed.node);
	HAS(ctl_out, "discovered");
	run_to(CTL_OK, "node list --state running");
	LACKS(ctl_out, bed.node);
	run_to(CTL_OK, "node list --json --match 52:54:00:00:00:01 --limit 5");
	json_t *json = json_loads(ctl_out, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(json, "items"), 0), "id")),
			    bed.node);
	json_decref(json);
	run_to(CTL_OK, "node show @");
	HAS(ctl_out, "next step");
	HAS(ctl_out, "52:54:00:00:00:01");
	run_to(CTL_OK, "node show 525400000001 --json");
	run_to(CTL_OK, "node show 52-54-00-00-00-01");
	run_to(CTL_OK, "node boots @");
	run_to(CTL_OK, "node boots @ --json");
	run_to(CTL_NOT_FOUND, "node show nobody");
	run_to(CTL_NOT_FOUND, "node show nobody --json");
	HAS(ctl_err, "{\"problem\":{\"exit\":3,");
}

static void a_beginning_is_enough_and_two_are_too_many(void **state)
{
	char other[ID_BYTES];

	(void)state;
	api_bed_see(2, other);
	run_to(CTL_OK, "node show %.8s", bed.node);
	run_to(CTL_USAGE, "node show n-");
	HAS(ctl_err, bed.node);
	HAS(ctl_err, other);
}

static void nodes_are_changed(void **state)
{
	(void)state;
	run_to(CTL_OK, "node rename @ rack1-03");
	run_to(CTL_OK, "node label rack1-03 site=oslo row=2");
	run_to(CTL_OK, "node label rack1-03 row- spare=");
	run_to(CTL_OK, "node show rack1-03");
	HAS(ctl_out, "site=oslo");
	LACKS(ctl_out, "row=2");
	run_to(CTL_USAGE, "node label rack1-03 wrong");
	run_to(CTL_FAILED, "node label rack1-03 a!b=c");
	run_to(CTL_OK, "node cordon rack1-03");
	run_to(CTL_OK, "node list");
	HAS(ctl_out, ", cordoned");
	run_to(CTL_OK, "node uncordon rack1-03 --json");
	HAS(ctl_out, "\"cordoned\":false");
	run_to(CTL_OK, "node locate rack1-03 --json");
	HAS(ctl_out, "\"locating\":true");
	run_to(CTL_OK, "node locate rack1-03 --off --json");
	HAS(ctl_out, "\"locating\":false");
}

static void nodes_are_admitted(void **state)
{
	char other[ID_BYTES];

	(void)state;
	api_bed_see(3, other);
	run_to(CTL_USAGE, "node approve");
	run_to(CTL_USAGE, "node approve @ --all-pending");
	run_to(CTL_OK, "node approve @"); /* it was, before */
	run_to(CTL_OK, "node approve %s", other);
	HAS(ctl_out, "approved");
	run_to(CTL_OK, "node list --admission approved");
	HAS(ctl_out, bed.node);
	api_bed_see(4, other);
	run_to(CTL_OK, "node reject %s", other);
	run_to(CTL_OK, "node approve --all-pending --json");
	run_to(CTL_OK, "node approve --all-pending");
	HAS(ctl_out, "no node waits");
	run_to(CTL_TIMED_OUT, "node approve %s --wait --timeout 1", other); /* nothing boots it */
	HAS(ctl_err, "--timeout");
	run_to(CTL_CONFLICT, "node reject %s", other);
	run_to(CTL_USAGE, "node retire %s", other);
	HAS(ctl_err, "--yes");
	run_to(CTL_OK, "node retire %s --yes", other);
	HAS(ctl_out, "retired");
}

static void longer_actions_are_followed(void **state)
{
	const unsigned acts = bed.power_acts;

	(void)state;
	api_bed_hello(1, 1);
	run_to(CTL_OK, "node approve --all-pending");
	HAS(ctl_out, bed.node);
	run_to(CTL_USAGE, "node power @ sideways");
	run_to(CTL_OK, "node power @ reset");
	const char *id = strstr(ctl_out, "o-");
	assert_non_null(id);
	run_to(CTL_OK, "operation show %.12s --wait", id);
	HAS(ctl_out, "succeeded");
	assert_int_equal(bed.power_acts, acts + 1);
	bed.power_fails = true;
	run_to(CTL_FAILED, "node power @ off --wait");
	HAS(ctl_err, "the driver said no");
	bed.power_fails = false;
	run_to(CTL_TIMED_OUT, "node power @ on --wait --timeout 1");
	run_to(CTL_OK, "node reboot @ --json");
	HAS(ctl_out, "\"kind\":\"reboot\"");
	run_to(CTL_TIMED_OUT, "node reboot @ --wait --timeout 1");
	run_to(CTL_OK, "node restart-guests @");
	run_to(CTL_TIMED_OUT, "node restart-guests @ --wait --timeout 1");
	run_to(CTL_NOT_FOUND, "operation show ../system");
	run_to(CTL_NOT_FOUND, "operation show o-0000000000");
}

static void the_rest_of_the_nouns(void **state)
{
	char line[64];

	(void)state;
	run_to(CTL_OK, "event list --limit 3");
	run_to(CTL_OK, "event list --node @ --json");
	HAS(ctl_out, "\"items\"");
	run_to(CTL_USAGE, "rule add --count 3");
	run_to(CTL_USAGE, "rule add --count x --ends 1h");
	run_to(CTL_USAGE, "rule add --count 3 --ends soon");
	run_to(CTL_OK, "rule add --network lan0 --count 3 --ends 2h --label site=oslo");
	snprintf(line, sizeof(line), "rule remove %.12s", ctl_out);
	run_to(CTL_OK, "rule list");
	HAS(ctl_out, "network=lan0");
	HAS(ctl_out, "site=oslo");
	run_to(CTL_OK, "%s", line);
	run_to(CTL_NOT_FOUND, "%s", line);
	run_to(CTL_OK, "rule list");
	HAS(ctl_out, "no rules");
	run_to(CTL_OK, "token add backup --ends 7d");
	run_to(CTL_OK, "token list");
	HAS(ctl_out, "backup");
	LACKS(ctl_out, "aec_");
	run_to(CTL_OK, "token remove backup --json");
	run_to(CTL_NOT_FOUND, "token remove backup");
	run_to(CTL_OK, "setting set interval_ms=500");
	run_to(CTL_OK, "setting list");
	assert_string_equal(ctl_out, "interval_ms=500\n");
	run_to(CTL_FAILED, "setting set interval_ms=1");
	run_to(CTL_OK, "system");
	HAS(ctl_out, "database");
	run_to(CTL_OK, "system show --json");
	run_to(CTL_OK, "sign-in");
	HAS(ctl_out, "/sign-in#");
	run_to(CTL_NOT_FOUND, "release");
}

static void over_http_with_a_token(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/token", bed.folder);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fprintf(file, "%.*s\n", (int)strcspn(bed.token + 22, "\r"), bed.token + 22);
	fclose(file);
	run_to(CTL_OK, "node list --url http://127.0.0.1:%u --token-file %s", bed.port, path);
	HAS(ctl_out, bed.node);
	run_to(CTL_REFUSED, "sign-in --url http://localhost:%u --token-file %s", bed.port, path);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs("aec_wrong\n", file);
	fclose(file);
	run_to(CTL_REFUSED, "node list --url http://127.0.0.1:%u --token-file %s", bed.port, path);
	run_to(CTL_USAGE, "node list --url http://192.0.2.1 --token-file %s", path);
	HAS(ctl_err, "ssh -L");
	run_to(CTL_USAGE, "node list --url http://127.0.0.1:1");
	HAS(ctl_err, "--token-file");
	run_to(CTL_UNREACHABLE, "node list --socket /nowhere/aether.sock");
}

static void a_console_is_printed_and_typed_into(void **state)
{
	(void)state;
	bed.output_bytes = 0;
	api_console_say("login: \033]0;evil\007\033[1mroot\033[0m\r\n");
	run_with(CTL_OK, "node console @", "uname -a\n");
	HAS(ctl_out, "login: \033[1mroot\033[0m\r\n");
	LACKS(ctl_out, "evil");
	assert_memory_equal(bed.typed, "uname -a\n", 9);
	/* Nobody watched it before: the node has it still. */
	bed.output_late = 4;
	run_to(CTL_OK, "console @ 0");
	HAS(ctl_out, "root\033[0m\r\n");
	run_to(CTL_USAGE, "console @ 99");
	run_to(CTL_NOT_FOUND, "console @ 3");
}

/* A watch ends when nobody reads what it prints. */
struct watcher {
	const char *words[6];
	int out;
	enum ctl_exit how;
};

static void *watch(void *argument)
{
	struct watcher *watcher = argument;
	char *words[8] = {(char *)(uintptr_t) "aetherctl"};
	int count = 1;
	FILE *out = fdopen(watcher->out, "w");
	FILE *err = fopen("/dev/null", "we");

	while (watcher->words[count - 1] != NULL) {
		words[count] = (char *)(uintptr_t)watcher->words[count - 1];
		count++;
	}
	watcher->how = ctl_main(count, words, out, err, -1);
	fclose(out);
	fclose(err);
	return NULL;
}

/* Reads until the text came; 10 s at most. */
static void read_until(int fd, const char *text)
{
	static char bytes[65536];
	size_t count = 0;

	for (unsigned tries = 0; tries < 1000; tries++) {
		const ssize_t more = read(fd, bytes + count, sizeof(bytes) - 1 - count);
		count += more > 0 ? (size_t)more : 0;
		bytes[count] = '\0';
		if (strstr(bytes, text) != NULL) {
			return;
		}
		usleep(10000);
	}
	fail_msg("it never said \"%s\": %s", text, bytes);
}

/* Returns where it prints to. */
static int begin_watch(struct watcher *watcher, pthread_t *thread)
{
	int pipes[2];

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	fcntl(pipes[0], F_SETFL, O_NONBLOCK);
	watcher->out = pipes[1];
	assert_int_equal(pthread_create(thread, NULL, watch, watcher), 0);
	return pipes[0];
}

static void watch_and_change(struct watcher *watcher, const char *line, const char *then)
{
	pthread_t thread;
	const int fd = begin_watch(watcher, &thread);

	read_until(fd, bed.node);
	run_to(CTL_OK, "%s", line);
	read_until(fd, then);
	close(fd);
	for (unsigned i = 0; i < 3; i++) { /* something to print, and nobody there */
		usleep(300000);
		run_to(CTL_OK, "node rename @ %s", i % 2 == 0 ? "back" : "forth");
	}
	pthread_join(thread, NULL);
}

static void changes_come_as_they_are(void **state)
{
	struct watcher nodes = {.words = {"node", "list", "--watch", "--json"}};
	struct watcher table = {.words = {"node", "list", "--watch"}};
	struct watcher events = {.words = {"event", "follow"}};
	pthread_t thread;

	(void)state;
	watch_and_change(&nodes, "node rename @ first", "\"name\":\"first\"");
	watch_and_change(&table, "node rename @ second", "second");
	const int fd = begin_watch(&events, &thread);
	usleep(300000);
	run_to(CTL_OK, "node rename @ third");
	read_until(fd, "third");
	close(fd);
	run_to(CTL_OK, "node rename @ fourth");
	run_to(CTL_OK, "node rename @ fifth");
	pthread_join(thread, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_are_listed_and_shown),
		cmocka_unit_test(a_beginning_is_enough_and_two_are_too_many),
		cmocka_unit_test(nodes_are_changed),
		cmocka_unit_test(a_console_is_printed_and_typed_into),
		cmocka_unit_test(changes_come_as_they_are),
		cmocka_unit_test(longer_actions_are_followed),
		cmocka_unit_test(the_rest_of_the_nouns),
		cmocka_unit_test(over_http_with_a_token),
		cmocka_unit_test(nodes_are_admitted),
	};

	unsetenv("AETHER_URL");
	unsetenv("AETHER_TOKEN_FILE");
	return cmocka_run_group_tests(tests, make, end);
}

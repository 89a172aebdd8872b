/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of aetherctl alone: command line, tables, values, streams, and a server that answers badly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/filter.h"
#include "ctl/find.h"
#include "ctl/follow.h"
#include "ctl/show.h"
#include "unit/controller/ctl_run.h"

#define HAS(text, part) assert_non_null(strstr(text, part))

/* --- the table of commands --- */

static void every_command_is_described(void **state)
{
	(void)state;
	for (unsigned i = 0; i < command_count; i++) {
		const struct command *c = &commands[i];
		assert_non_null(noun_find(c->noun));
		assert_ptr_equal(command_find(c->noun, c->verb), c);
		assert_non_null(c->run);
		assert_true(c->least <= c->most && c->most <= CTL_ARGUMENTS_MOST);
		assert_int_equal(c->options & OPT_GENERAL, 0);
		assert_int_equal(strncmp(c->example, c->noun, strlen(c->noun)), 0);
		assert_int_equal(c->arguments[0] == '\0', c->most == 0);
		/* The example is a line that the parser takes. */
		char line[256];
		snprintf(line, sizeof(line), "%s --help", c->example);
		assert_int_equal(ctl_run(line, NULL), CTL_OK);
		HAS(ctl_out, c->example);
	}
	for (unsigned i = 0; i < noun_count; i++) {
		assert_true(nouns[i].alone == NULL ||
			    command_find(nouns[i].name, nouns[i].alone) != NULL);
	}
	assert_true(OPT_COUNT <= 32);
}

static void lines_that_are_wrong_say_what_is_right(void **state)
{
	static const struct {
		const char *line, *said;
	} lines[] = {
		{"nod list", "did you mean node?"},
		{"node lst", "did you mean list?"},
		{"node", "needs a verb"},
		{"node show", "too few arguments: aetherctl node show NODE"},
		{"node show a b", "too many"},
		{"node list --lmit 3", "there is no option --lmit"},
		{"node list -x", "there is no option -x"},
		{"node list --off", "takes no --off"},
		{"node list --json=1", "--json takes no value"},
		{"node list --limit", "--limit needs a value"},
		{"node list --limit 0", "--limit"},
		{"node list --timeout x", "--timeout"},
		{"node list --socket /a --url http://127.0.0.1", "name one"},
		{"completion tcsh", "bash, zsh or fish"},
		{"help nodes", "no command"},
		{"help node lst", "no verb"},
		{"node list --url ftp://127.0.0.1 --token-file /dev/null", "holds no token"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(ctl_run(lines[i].line, NULL), CTL_USAGE);
		HAS(ctl_err, lines[i].said);
	}
	char line[400] = "node show ";
	memset(line + 10, 'a', 300);
	assert_int_equal(ctl_run(line, NULL), CTL_USAGE);
	assert_int_equal(ctl_run("", NULL), CTL_USAGE);
}

/* Byte for byte what tests/golden/ctl/NAME holds; GOLDEN=write makes it anew. */
static void check_golden(const char *line, const char *name)
{
	char path[128];
	char *want;
	size_t bytes = 0;

	assert_int_equal(ctl_run(line, NULL), CTL_OK);
	snprintf(path, sizeof(path), "tests/golden/ctl/%s", name);
	if (getenv("GOLDEN") != NULL) {
		FILE *out = fopen(path, "we");
		assert_non_null(out);
		fputs(ctl_out, out);
		fclose(out);
	}
	FILE *in = fopen(path, "re");
	assert_non_null(in);
	want = calloc(1, 262144);
	assert_non_null(want);
	bytes = fread(want, 1, 262143, in);
	fclose(in);
	assert_true(bytes < 262143);
	assert_string_equal(ctl_out, want);
	free(want);
}

static void help_is_as_it_was(void **state)
{
	(void)state;
	check_golden("help", "help.txt");
	check_golden("help node", "help-node.txt");
	check_golden("help rule add", "help-rule-add.txt");
	check_golden("manual", "aetherctl.1");
	check_golden("completion bash", "completion.bash");
	check_golden("completion zsh", "completion.zsh");
	check_golden("completion fish", "completion.fish");
}

/* --- tables and values --- */

static void tables_are_aligned_and_clean(void **state)
{
	static const char *const heads[] = {"A", "LONG", "LAST"};
	struct ctl ctl = {.is_terminal = true, .columns = 24};
	struct table table;
	char *bytes;
	size_t count;

	(void)state;
	ctl.out = open_memstream(&bytes, &count);
	ctl.err = stderr;
	table_begin(&table, 3, heads);
	table_put(&table, SHOW_PLAIN, "x");
	table_put(&table, SHOW_PLAIN, "%s", "");
	table_put(&table, SHOW_PLAIN, "evil\033[2J");
	table_put(&table, SHOW_PLAIN, "longer");
	table_put(&table, SHOW_GOOD, "\xc3\xa4");
	table_put(&table, SHOW_PLAIN, "a text that does not fit here");
	assert_int_equal(table_end(&table, &ctl), 3);
	fclose(ctl.out);
	assert_string_equal(bytes, "A       LONG  LAST\n"
				   "x       -     evil?[2J\n"
				   "longer  \xc3\xa4     a text th…\n");
	free(bytes);
}

static void values_are_read_and_written(void **state)
{
	char text[64];
	int64_t ms;

	(void)state;
	show_clean(text, sizeof(text),
		   "a\033b\xff\xc2\x9d"
		   "c\n");
	assert_string_equal(text, "a?b??c?");
	show_clean(text, 4, "abcdef");
	assert_string_equal(text, "abc");
	show_span(text, sizeof(text), 119999);
	assert_string_equal(text, "119 s");
	show_span(text, sizeof(text), 7200000);
	assert_string_equal(text, "2 h");
	show_bytes(text, sizeof(text), 1536);
	assert_string_equal(text, "1.5 KiB");
	assert_true(show_parse_time("2026-01-02T03:04:05.678Z", &ms));
	assert_int_equal(ms, 1767323045678);
	assert_false(show_parse_time("2026-01-02T03:04:05", &ms));
	assert_false(show_parse_time("2026-13-02T03:04:05Z", &ms));
	assert_true(show_read_ends("30m", text));
	assert_true(show_parse_time(text, &ms));
	assert_true(ms > clock_wall_ms() + 1790000 && ms < clock_wall_ms() + 1810000);
	assert_false(show_read_ends("30", text));
	assert_false(show_read_ends("m", text));
	assert_false(show_read_ends("1000000d", text));
	char query[32] = "";
	assert_true(ctl_add_query(query, sizeof(query), "q", "a&b=c d"));
	assert_string_equal(query, "q=a%26b%3Dc%20d");
	assert_false(ctl_add_query(query, sizeof(query), "q", "0123456789"));
}

static void a_node_is_found_by_what_names_it(void **state)
{
	static const struct {
		const char *word;
		enum ctl_exit how;
		const char *id;
	} words[] = {
		{"n-aa00000000", CTL_OK, "n-aa00000000"},
		{"n-aa", CTL_USAGE, NULL},
		{"n-aa0", CTL_OK, "n-aa00000000"},
		{"aa1", CTL_OK, "n-aa10000000"},
		{"one", CTL_OK, "n-aa00000000"},
		{"525400AABBCC", CTL_OK, "n-aa10000000"},
		{"52:54:00:aa:bb:cc", CTL_OK, "n-aa10000000"},
		{"twin", CTL_USAGE, NULL},
		{"zz", CTL_NOT_FOUND, NULL},
		{"bad", CTL_FAILED, NULL},
	};
	json_t *nodes = json_loads(
		"[{\"id\":\"n-aa00000000\",\"name\":\"one\",\"macs\":[]},"
		"{\"id\":\"n-aa10000000\",\"name\":\"twin\",\"macs\":[\"52:54:00:aa:bb:cc\"]},"
		"{\"id\":\"n-bb00000000\",\"name\":\"twin\",\"macs\":[7]},"
		"{\"id\":\"n-../../x\",\"name\":\"bad\",\"macs\":7}]",
		0, NULL);
	char *bytes;
	size_t count;
	struct ctl ctl = {.out = stdout};

	(void)state;
	assert_non_null(nodes);
	ctl.err = open_memstream(&bytes, &count);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char id[FIND_ID_BYTES] = "";
		assert_int_equal(find_in(&ctl, nodes, words[i].word, id), words[i].how);
		assert_string_equal(id, words[i].id != NULL ? words[i].id : "");
	}
	fclose(ctl.err);
	HAS(bytes, "n-aa10000000 (twin), n-bb00000000 (twin)");
	free(bytes);
	json_decref(nodes);
}

/* --- what a guest's console may do --- */

static void filter_as(const char *from, const char *want)
{
	/* Whole, and cut at each place. */
	for (size_t cut = 0; cut <= strlen(from); cut++) {
		struct filter filter = {0};
		char to[128];
		size_t at = filter_take(&filter, from, cut, to);
		assert_true(at <= cut + 1);
		at += filter_take(&filter, from + cut, strlen(from) - cut, to + at);
		to[at] = '\0';
		assert_string_equal(to, want);
	}
}

static void consoles_may_draw_and_no_more(void **state)
{
	(void)state;
	filter_as("plain\r\n", "plain\r\n");
	filter_as("\033[1;31mred\033[0m", "\033[1;31mred\033[0m");
	filter_as("a\033]0;title\007b", "ab");
	filter_as("a\033]52;c;Zm9v\033\\b", "ab");
	filter_as("a\033Pq\033\\\033_x\033\\\033^y\033\\\033Xz\033\\b", "ab");
	filter_as("a\xc2\x9d"
		  "52;c;x\xc2\x9c"
		  "b",
		  "ab");
	filter_as("\xc3\xa4\xc2\xa7", "\xc3\xa4\xc2\xa7");
	filter_as("\xc2\x9b"
		  "1m",
		  "\033[1m");
	filter_as("a\033]0;never ended\033[1mb", "a\033[1mb");
	filter_as("\033\033]0;x\007y", "y");
}

/* --- streams --- */

static void streams_are_cut_into_events(void **state)
{
	static const char stream[] = ": ping\n\nretry: 1000\nid: 7\nevent: hello\ndata: "
				     "{\"a\":1}\n\nevent: node\ndata: x\ndata: y\nid: 8\n\n";

	(void)state;
	for (size_t step = 1; step < sizeof(stream); step++) {
		struct follow_parser parser = {0};
		unsigned events = 0;
		for (size_t at = 0; at < sizeof(stream) - 1;) {
			const size_t left = sizeof(stream) - 1 - at;
			const ssize_t taken =
				follow_take(&parser, stream + at, left < step ? left : step);
			assert_true(taken > 0);
			at += (size_t)taken;
			if (parser.is_done) {
				assert_string_equal(parser.type, events == 0 ? "hello" : "node");
				assert_string_equal(parser.data.bytes,
						    events == 0 ? "{\"a\":1}" : "x\ny");
				assert_string_equal(parser.id, events == 0 ? "7" : "8");
				events++;
				follow_next(&parser);
			}
		}
		assert_int_equal(events, 2);
		follow_free(&parser);
	}
	struct follow_parser parser = {0};
	char *line = malloc(FOLLOW_LINE_MOST + 2);
	assert_non_null(line);
	memset(line, 'x', FOLLOW_LINE_MOST + 2);
	assert_int_equal(follow_take(&parser, line, FOLLOW_LINE_MOST + 2), -1);
	follow_free(&parser);
	free(line);
}

/* --- a server that answers badly --- */

struct bad {
	int fd;
	const char *answer;
	size_t repeat; /* of the byte 'x', behind it */
	bool stays; /* says no more, and does not close */
};

static void *serve(void *argument)
{
	const struct bad *bad = argument;
	const int fd = accept(bad->fd, NULL, NULL);
	char bytes[4096];

	memset(bytes, 'x', sizeof(bytes));
	if (fd >= 0) {
		(void)!recv(fd, bytes, 1, 0);
		memset(bytes, 'x', sizeof(bytes));
		(void)!send(fd, bad->answer, strlen(bad->answer), MSG_NOSIGNAL);
		for (size_t left = bad->repeat; left > 0;) {
			const ssize_t sent =
				send(fd, bytes, left < sizeof(bytes) ? left : sizeof(bytes),
				     MSG_NOSIGNAL);
			if (sent <= 0) {
				break;
			}
			left -= (size_t)sent;
		}
		if (bad->stays) {
			(void)!recv(fd, bytes, sizeof(bytes), MSG_WAITALL); /* the client ends it */
		}
		shutdown(fd, SHUT_WR);
		while (recv(fd, bytes, sizeof(bytes), 0) > 0) {
		}
		close(fd);
	}
	return NULL;
}

static void ask_of_bad(struct bad bad, enum ctl_exit want, const char *said)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char line[160];
	pthread_t thread;

	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/test_ctl.%d", (int)getpid());
	unlink(address.sun_path);
	bad.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(bad.fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(bad.fd, 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, &bad), 0);
	/* Only where nothing more comes is the time-out what is waited for. */
	snprintf(line, sizeof(line), "setting list --timeout %d --socket %s", bad.stays ? 1 : 100, address.sun_path);
	const enum ctl_exit how = ctl_run(line, NULL);
	pthread_join(thread, NULL);
	close(bad.fd);
	unlink(address.sun_path);
	if (how != want || strstr(ctl_err, said) == NULL) {
		fail_msg("%.60s: %d instead of %d: %s%s", bad.answer, how, want, ctl_out, ctl_err);
	}
}

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"

static void bad_answers_end_with_a_sentence(void **state)
{
	static const struct {
		struct bad bad;
		enum ctl_exit how;
		const char *said;
	} answers[] = {
		{{.answer = ""}, CTL_UNREACHABLE, "before an answer"},
		{{.answer = "SSH-2.0-OpenSSH\r\n\r\n"}, CTL_FAILED, "not HTTP"},
		{{.answer = "HTTP/1.1 2000 OK\r\n\r\n"}, CTL_FAILED, "not HTTP"},
		{{.answer = "HTTP/1.1 200 OK\nA: b\r\n\r\n"}, CTL_FAILED, "not HTTP"},
		{{.answer = OK_HEAD "Content-Length: -1\r\n\r\n"}, CTL_FAILED, "not HTTP"},
		{{.answer = OK_HEAD "Content-Length: 99999999999999999999\r\n\r\n"},
		 CTL_FAILED,
		 "not HTTP"},
		{{.answer = OK_HEAD "Transfer-Encoding: gzip\r\n\r\n"}, CTL_FAILED, "not HTTP"},
		{{.answer = OK_HEAD "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"},
		 CTL_FAILED,
		 "not HTTP"},
		{{.answer = OK_HEAD "X: ", .repeat = 20000}, CTL_FAILED, "head has more"},
		{{.answer = OK_HEAD "Content-Length: 100\r\n\r\n{}"},
		 CTL_UNREACHABLE,
		 "in the middle"},
		{{.answer = OK_HEAD "\r\n", .repeat = CALL_BODY_MOST + 5000},
		 CTL_FAILED,
		 "more than 64 MiB"},
		{{.answer = OK_HEAD "Content-Length: 5\r\n\r\nhello"}, CTL_FAILED, "not JSON"},
		{{.answer = OK_HEAD "Content-Length: 2\r\n\r\n[]"}, CTL_FAILED, "not JSON"},
		{{.answer = CHUNKED "2\r\n{}"}, CTL_UNREACHABLE, "in the middle"},
		{{.answer = CHUNKED "zz\r\n{}"}, CTL_FAILED, "damaged"},
		{{.answer = CHUNKED "1\r\n{}\r\n0\r\n\r\n"}, CTL_FAILED, "damaged"},
		{{.answer = CHUNKED, .repeat = 100}, CTL_FAILED, "damaged"},
		{{.answer = OK_HEAD "Content-Length: 100\r\n\r\n{}", .stays = true},
		 CTL_TIMED_OUT,
		 "--timeout"},
		{{.answer = "HTTP/1.1 200", .stays = true}, CTL_TIMED_OUT, "--timeout"},
		{{.answer = "HTTP/1.1 503 No\r\nX-Request-Id: r1\r\nContent-Length: 0\r\n\r\n"},
		 CTL_FAILED,
		 "status 503"},
		{{.answer = "HTTP/1.1 409 No\r\nContent-Length: 16\r\n\r\n{\"detail\":\"why\"}"},
		 CTL_CONFLICT,
		 "why"},
		{{.answer = "HTTP/1.1 403 No\r\n\r\n{\"detail\":\"\\u001b[2J\"}"},
		 CTL_REFUSED,
		 "?[2J"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		ask_of_bad(answers[i].bad, answers[i].how, answers[i].said);
	}
	ask_of_bad((struct bad){.answer = CHUNKED "1\r\n{\r\n8\r\n\"a\":\"b\"}\r\n0\r\n\r\n"},
		   CTL_OK, "");
	assert_string_equal(ctl_out, "a=\"b\"\n");
}

static int end(void **state)
{
	(void)state;
	ctl_run_end();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command_is_described),
		cmocka_unit_test(lines_that_are_wrong_say_what_is_right),
		cmocka_unit_test(help_is_as_it_was),
		cmocka_unit_test(tables_are_aligned_and_clean),
		cmocka_unit_test(values_are_read_and_written),
		cmocka_unit_test(a_node_is_found_by_what_names_it),
		cmocka_unit_test(consoles_may_draw_and_no_more),
		cmocka_unit_test(streams_are_cut_into_events),
		cmocka_unit_test(bad_answers_end_with_a_sentence),
	};

	unsetenv("AETHER_URL");
	unsetenv("AETHER_SOCKET");
	unsetenv("AETHER_TOKEN_FILE");
	return cmocka_run_group_tests(tests, NULL, end);
}

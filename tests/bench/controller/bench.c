/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controller's measurements: a real aetherd, virtual nodes that speak the real protocol over loopback, and readers
 * of its API. README.md beside says how each row is taken. Rows are printed as they come; a part that cannot be
 * measured says why, and the others go on.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/controller/daemon.h"
#include "bench/controller/load.h"
#include "bench/controller/watch.h"
#include "ctl/call.h"

enum {
	HELLO_THREADS = 8,
	HELLO_TRIES = 300,
	HELLO_RETRY_US = 300000,
	APPROVE_AT_ONCE = 1000,
	SETTLE_MS = 90000,
	SECONDS_LONG = 20,
	STOPPED = 20,
	PAGE = 1000,
	LISTS = 15,
	APPROVALS = 20,
	PATH_ROOM = 160,
	CAPACITY = 10000
};

/* Of the beats that are measured; BENCH_SECONDS= in the environment. */
static unsigned seconds_long = SECONDS_LONG;

struct fleet_bench {
	struct subject subject;
	struct beats beats;
	unsigned count;
	struct sockaddr_in http;
	char (*ids)[32]; /* by number */
	atomic_uint next_hello, hellos;
};

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

/* `is_reached` < 0: there is nothing to reach. */
static void row(const char *what, const char *reach, int is_reached, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void row(const char *what, const char *reach, int is_reached, const char *format, ...)
{
	char measured[160];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(measured, sizeof(measured), format, arguments);
	va_end(arguments);
	printf("%-58s %-22s %-44s %s\n", what, reach, measured,
	       is_reached < 0 ? ""
	       : is_reached   ? "reached"
			      : "missed");
	fflush(stdout);
}

/* --- a fleet --- */

static void *say_hellos(void *argument)
{
	struct fleet_bench *bench = argument;

	for (unsigned i = atomic_fetch_add(&bench->next_hello, 1); i < bench->count;
	     i = atomic_fetch_add(&bench->next_hello, 1)) {
		struct hello_answer answer;
		bool ok = false;
		/* Strangers are let in at a bounded rate: as a node does, it asks again. */
		for (unsigned tries = 0; !ok && tries < HELLO_TRIES; tries++) {
			if (tries > 0) {
				usleep(HELLO_RETRY_US);
			}
			ok = virtual_node_say_hello(&bench->beats.nodes[i], &bench->http, &answer);
		}
		atomic_fetch_add(&bench->hellos, ok);
	}
	return NULL;
}

/* Fewer nodes may wait for a person than there are here: a rule lets them in. */
static bool make_rule(struct fleet_bench *bench)
{
	char text[PATH_ROOM];
	char ends[CLOCK_TEXT_BYTES];

	snprintf(text, sizeof(text), "{\"matches\":{\"mac\":\"525400\"},\"count\":%u,\"ends\":\"%s\"}",
		 bench->count, clock_print(clock_wall_ms() + 3600000, ends));
	json_t *rule = subject_ask(&bench->subject, "POST", "/api/v1/rules", text);
	json_decref(rule);
	return rule != NULL;
}

static bool hello_all(struct fleet_bench *bench)
{
	pthread_t threads[HELLO_THREADS];

	for (unsigned i = 0; i < HELLO_THREADS; i++) {
		if (pthread_create(&threads[i], NULL, say_hellos, bench) != 0) {
			return false;
		}
	}
	for (unsigned i = 0; i < HELLO_THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	return atomic_load(&bench->hellos) == bench->count;
}

/* A page of nodes; `next` is room for 64, "" at first and at the end. */
static json_t *read_page(const struct fleet_bench *bench, const char *query, char next[64])
{
	char path[PATH_ROOM];

	snprintf(path, sizeof(path), "/api/v1/nodes?limit=%d%s%s%s", PAGE, query,
		 next[0] == '\0' ? "" : "&after=", next);
	json_t *page = subject_ask(&bench->subject, "GET", path, NULL);
	const char *after = json_string_value(json_object_get(page, "next"));
	snprintf(next, 64, "%s", after == NULL ? "" : after);
	return page;
}

static bool approve_page(const struct fleet_bench *bench, const json_t *items)
{
	json_t *ids = json_array();
	size_t i;
	json_t *node;

	json_array_foreach(items, i, node)
	{
		json_array_append(ids, json_object_get(node, "id"));
	}
	json_t *body = json_pack("{so}", "ids", ids);
	char *text = json_dumps(body, JSON_COMPACT);
	json_t *answer = subject_ask(&bench->subject, "POST", "/api/v1/nodes/approve", text);
	const bool ok = answer != NULL;
	free(text);
	json_decref(body);
	json_decref(answer);
	return ok;
}

/* 52:54:00:nn:nn:nn */
static void keep_ids(struct fleet_bench *bench, const json_t *items)
{
	size_t i;
	json_t *node;
	unsigned a;
	unsigned b;
	unsigned c;

	json_array_foreach(items, i, node)
	{
		const char *mac =
			json_string_value(json_array_get(json_object_get(node, "macs"), 0));
		const char *id = json_string_value(json_object_get(node, "id"));
		if (mac != NULL && id != NULL &&
		    sscanf(mac, "52:54:00:%x:%x:%x", &a, &b, &c) == 3 &&
		    (a << 16 | b << 8 | c) < bench->count) {
			snprintf(bench->ids[a << 16 | b << 8 | c], 32, "%s", id);
		}
	}
}

static bool approve_all(struct fleet_bench *bench)
{
	char next[64] = "";
	bool ok = true;

	do {
		json_t *page = read_page(bench, "", next);
		const json_t *items = json_object_get(page, "items");
		keep_ids(bench, items);
		ok = page != NULL && (json_array_size(items) == 0 || approve_page(bench, items));
		json_decref(page);
	} while (ok && next[0] != '\0');
	return ok;
}

static unsigned count_of(const struct fleet_bench *bench, const char *state)
{
	json_t *system = subject_ask(&bench->subject, "GET", "/api/v1/system", NULL);
	const json_int_t count =
		json_integer_value(json_object_get(json_object_get(system, "nodes"), state));

	json_decref(system);
	return (unsigned)count;
}

/* By the stage, which silence does not hide. */
static unsigned count_failed(const struct fleet_bench *bench)
{
	char next[64] = "";
	unsigned count = 0;

	do {
		json_t *page = read_page(bench, "", next);
		size_t i;
		json_t *node;
		json_array_foreach(json_object_get(page, "items"), i, node)
		{
			const char *stage = json_string_value(json_object_get(node, "stage"));
			count += stage != NULL && strcmp(stage, "failed") == 0;
		}
		json_decref(page);
	} while (next[0] != '\0');
	return count;
}

static bool settle(const struct fleet_bench *bench)
{
	const uint64_t until_ms = clock_ms() + SETTLE_MS;

	while (count_of(bench, "running") < bench->count) {
		if (clock_ms() > until_ms) {
			fprintf(stderr, "bench: %u of %u nodes run after %d s\n",
				count_of(bench, "running"), bench->count, SETTLE_MS / 1000);
			return false;
		}
		pause_ms(250);
	}
	return true;
}

static void fleet_end(struct fleet_bench *bench)
{
	if (bench->beats.thread != 0) {
		beats_end(&bench->beats);
	}
	for (unsigned i = 0; bench->beats.nodes != NULL && i < bench->count; i++) {
		virtual_node_end(&bench->beats.nodes[i]);
	}
	subject_end(&bench->subject);
	free(bench->beats.nodes);
	free((void *)(uintptr_t)bench->beats.orders);
	free(bench->ids);
}

/* All run and beat. */
static bool fleet_begin(struct fleet_bench *bench, unsigned count, const char *program,
			const char *bundle)
{
	*bench = (struct fleet_bench){.count = count};
	bench->beats.count = count;
	bench->beats.nodes = calloc(count, sizeof(*bench->beats.nodes));
	bench->beats.orders = calloc(count, sizeof(*bench->beats.orders));
	bench->ids = calloc(count, sizeof(*bench->ids));
	if (bench->beats.nodes == NULL || bench->beats.orders == NULL || bench->ids == NULL ||
	    !subject_start(&bench->subject, program, bundle)) {
		return false;
	}
	bench->http = bench->beats.to =
		(struct sockaddr_in){.sin_family = AF_INET,
				     .sin_port = htons(bench->subject.node_port),
				     .sin_addr.s_addr = htonl(0x7f4d0001u)};
	for (unsigned i = 0; i < count; i++) {
		virtual_node_begin(&bench->beats.nodes[i], i, 0);
		bench->beats.nodes[i].ip.s_addr = htonl(0x7f010000u + i + 1);
	}
	if (!make_rule(bench) || !hello_all(bench)) {
		fprintf(stderr, "bench: only %u of %u hellos were answered\n",
			atomic_load(&bench->hellos), count);
		return false;
	}
	return approve_all(bench) && beats_start(&bench->beats) && settle(bench);
}

/* --- the rows --- */

static void measure_beats(struct fleet_bench *bench)
{
	const unsigned fails = bench->count / 10;
	double system_before;
	double system_after;
	const double cpu = subject_cpu_s(&bench->subject, &system_before);
	const unsigned long sent = atomic_load(&bench->beats.sent);
	const unsigned long acks = atomic_load(&bench->beats.acks);
	const uint64_t started_us = clock_us();

	atomic_store(&bench->beats.late_us, 0);
	/* A tenth of the nodes has its guest fail, evenly over the time. */
	for (unsigned i = 0; i < fails; i++) {
		const uint64_t at_us = started_us + (uint64_t)i * seconds_long * 1000000 / fails;
		while (clock_us() < at_us) {
			pause_ms(1);
		}
		atomic_store(&bench->beats.orders[i * 10], BEATS_FAIL);
	}
	while (clock_us() < started_us + seconds_long * UINT64_C(1000000)) {
		pause_ms(1);
	}
	const double seconds = (double)(clock_us() - started_us) / 1e6;
	const double percent =
		(subject_cpu_s(&bench->subject, &system_after) - cpu) / seconds * 100;
	const unsigned long sent_now = atomic_load(&bench->beats.sent) - sent;
	const unsigned long acks_now = atomic_load(&bench->beats.acks) - acks;
	pause_ms(3000);
	const unsigned failed = count_failed(bench);
	const unsigned silent = count_of(bench, "suspect") + count_of(bench, "down");
	char what[80];

	snprintf(what, sizeof(what), "heartbeats of %u nodes at 1 Hz, %d s: CPU", bench->count,
		 seconds_long);
	row(what, bench->count == 10000 ? "<= 15 % of a core" : "",
	    bench->count == 10000 ? percent <= 15 : -1, "%.1f %% of a core, %.1f in the kernel",
	    percent, (system_after - system_before) / seconds * 100);
	row("  beats sent / acknowledged", "", -1, "%lu / %lu (%.3f %%), latest %.0f ms", sent_now,
	    acks_now, (double)acks_now * 100 / (double)sent_now,
	    (double)atomic_load(&bench->beats.late_us) / 1000);
	row("  state changes made / lost", "none lost", failed == fails, "%u / %d; %u nodes silent",
	    fails, (int)fails - (int)failed, silent);
}

static void measure_memory(const struct fleet_bench *bench, unsigned long mib_most)
{
	char what[80];
	char reach[40];
	const double mib = (double)subject_rss_kib(&bench->subject) / 1024;

	snprintf(what, sizeof(what), "memory of aetherd at %u nodes, after %d s of beats",
		 bench->count, seconds_long);
	snprintf(reach, sizeof(reach), "<= %lu MiB", mib_most);
	row(what, reach, mib <= (double)mib_most, "%.1f MiB", mib);
}

static int by_size(const void *a, const void *b)
{
	const double one = *(const double *)a;
	const double other = *(const double *)b;

	return one < other ? -1 : one > other;
}

/* A whole list, page by page, without reading its JSON. */
static bool list_once(const struct fleet_bench *bench, double *ms, size_t *bytes)
{
	static struct call call;
	const struct place place = {.socket = bench->subject.socket, .token = ""};
	const uint64_t started_us = clock_us();
	char path[PATH_ROOM] = "/api/v1/nodes?limit=1000";
	bool is_more = true;

	*bytes = 0;
	while (is_more) {
		struct text text = {0};
		if (call_open(&call, &place, "GET", path, "", NULL, clock_ms() + 10000) != CTL_OK ||
		    call_read_all(&call, &text) != CTL_OK || call.status != 200) {
			text_free(&text);
			return false;
		}
		*bytes += text.length;
		const char *next = text.length < 64
					   ? NULL
					   : strstr(text.bytes + text.length - 64, "\"next\":\"");
		is_more = next != NULL;
		if (is_more) {
			snprintf(path, sizeof(path), "/api/v1/nodes?limit=1000&after=%.*s",
				 (int)strcspn(next + 8, "\""), next + 8);
		}
		text_free(&text);
	}
	*ms = (double)(clock_us() - started_us) / 1000;
	return true;
}

static void measure_list(const struct fleet_bench *bench, double ms_most)
{
	double times[LISTS];
	size_t bytes = 0;
	char what[80];
	char reach[40];

	snprintf(what, sizeof(what), "list of %u nodes, pages of %d", bench->count, PAGE);
	snprintf(reach, sizeof(reach), "<= %.1f ms", ms_most);
	for (unsigned i = 0; i < LISTS; i++) {
		if (!list_once(bench, &times[i], &bytes)) {
			row(what, reach, 0, "not measured: a page was not answered");
			return;
		}
	}
	qsort(times, LISTS, sizeof(times[0]), by_size);
	row(what, reach, times[LISTS / 2] <= ms_most, "median %.2f ms, best %.2f ms, %.1f MB",
	    times[LISTS / 2], times[0], (double)bytes / 1e6);
}

static void measure_reads(const struct fleet_bench *bench)
{
	char request[512];
	struct reads reads = {.port = bench->subject.people_port,
			      .request = request,
			      .connections = 64,
			      .seconds = 5};

	snprintf(request, sizeof(request),
		 "GET /api/v1/nodes/%s?whole=0 HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAuthorization: "
		 "Bearer %s\r\n\r\n",
		 bench->ids[0], bench->subject.people_port, bench->subject.token);
	const double cpu = subject_cpu_s(&bench->subject, NULL);
	if (!reads_run(&reads)) {
		row("authenticated point reads, 64 connections", ">= 40000/s", 0,
		    "not measured: a connection broke");
		return;
	}
	row("authenticated point reads, 64 connections", ">= 40000/s",
	    reads.per_second >= 40000 && reads.bad == 0,
	    "%.0f/s, %llu bad, aetherd at %.0f %% of a core", reads.per_second,
	    (unsigned long long)reads.bad,
	    (subject_cpu_s(&bench->subject, NULL) - cpu) / reads.seconds * 100);
	row("  the same: p50 / p99", "p99 < 5 ms", reads.p99_ms < 5, "%.2f / %.2f ms", reads.p50_ms,
	    reads.p99_ms);
}

static void measure_silence(struct fleet_bench *bench)
{
	struct watcher watcher = {.socket = bench->subject.socket};
	double suspect[STOPPED];
	double down[STOPPED];
	unsigned suspects = 0;
	unsigned downs = 0;

	if (!watcher_start(&watcher)) {
		row("a node that stops: suspect", "<= 3 s", 0, "not measured: no stream");
		return;
	}
	/* The last beat came up to a second before: from it is counted, by the clock of its place in the second. */
	for (unsigned i = 0; i < STOPPED; i++) {
		const unsigned number = i * (bench->count / STOPPED) + 1;
		watcher_expect(&watcher, bench->ids[number]);
		atomic_store(&bench->beats.orders[number], BEATS_STOP);
		pause_ms(37);
	}
	pause_ms(12000);
	for (unsigned i = 0; i < STOPPED; i++) {
		suspects += watcher.expected[i].suspect_ms != 0;
		downs += watcher.expected[i].down_ms != 0;
		suspect[i] = watcher.expected[i].suspect_ms == 0
				     ? 99
				     : watcher.expected[i].suspect_ms / 1000;
		down[i] =
			watcher.expected[i].down_ms == 0 ? 99 : watcher.expected[i].down_ms / 1000;
	}
	watcher_end(&watcher);
	qsort(suspect, STOPPED, sizeof(suspect[0]), by_size);
	qsort(down, STOPPED, sizeof(down[0]), by_size);
	row("a node that stops, on the stream: suspect", "<= 3 s", suspect[STOPPED - 1] <= 3,
	    "median %.2f s, longest %.2f s, %u of %d", suspect[STOPPED / 2], suspect[STOPPED - 1],
	    suspects, STOPPED);
	row("a node that stops, on the stream: down", "<= 9 s", down[STOPPED - 1] <= 9,
	    "median %.2f s, longest %.2f s, %u of %d", down[STOPPED / 2], down[STOPPED - 1], downs,
	    STOPPED);
}

int bench_approvals(struct subject *subject, double *times, unsigned count);
long bench_first_load(const struct subject *subject);

static void measure_approvals(struct fleet_bench *bench)
{
	double times[APPROVALS];
	const int count = bench_approvals(&bench->subject, times, APPROVALS);

	if (count < APPROVALS) {
		row("approve to the first file asked for", "p95 <= 300 ms", 0,
		    "%d of %d came there", count, APPROVALS);
		return;
	}
	qsort(times, APPROVALS, sizeof(times[0]), by_size);
	row("approve to the first file asked for, p95", "<= 300 ms",
	    times[APPROVALS * 95 / 100 - 1] <= 300, "median %.0f ms, p95 %.0f ms",
	    times[APPROVALS / 2], times[APPROVALS * 95 / 100 - 1]);
}

static void measure_first_load(const struct fleet_bench *bench)
{
	const long bytes = bench_first_load(&bench->subject);

	if (bytes < 0) {
		row("first load of the dashboard, compressed", "<= 80 KB", 0,
		    "not measured: it is not served");
	} else {
		row("first load of the dashboard, compressed", "<= 80 KB", bytes <= 80000,
		    "%.1f KB", (double)bytes / 1000);
	}
}

static bool measure(unsigned count, const char *program, const char *bundle)
{
	static struct fleet_bench bench;
	const bool ok = fleet_begin(&bench, count, program, bundle);

	if (ok) {
		measure_beats(&bench);
		measure_memory(&bench, count <= 64 ? 32 : count <= 1000 ? 64 : 256);
		if (count >= 1000) {
			measure_list(&bench, count == 1000 ? 1.5 : 15);
		}
		if (count == 1000) {
			measure_reads(&bench);
			measure_silence(&bench);
		}
		if (count == 64) {
			measure_approvals(&bench);
			measure_first_load(&bench);
		}
	} else {
		printf("%u nodes: not measured\n", count);
	}
	fleet_end(&bench);
	return ok;
}

/* What else runs here moves every figure below. */
static void head(void)
{
	double load[1] = {0};

	(void)getloadavg(load, 1);
	printf("the controller: aetherd and its load share %ld CPUs; load average at the start "
	       "%.1f\n\n",
	       sysconf(_SC_NPROCESSORS_ONLN), load[0]);
	row("what", "reach", -1, "measured");
}

int main(int argc, char **argv)
{
	static const unsigned sizes[] = {64, 1000, CAPACITY};
	bool ok = true;

	if (argc < 2 || argc > 4) {
		fprintf(stderr, "usage: controller-bench AETHERD [BUNDLE [NODES]]\n");
		return 2;
	}
	if (getenv("BENCH_SECONDS") != NULL && atoi(getenv("BENCH_SECONDS")) >= 5) {
		seconds_long = (unsigned)atoi(getenv("BENCH_SECONDS"));
	}
	const char *bundle = argc > 2 && argv[2][0] != '\0' ? argv[2] : NULL;
	head();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (argc < 4 || strtoul(argv[3], NULL, 10) == sizes[i]) {
			ok = measure(sizes[i], argv[1], bundle) && ok;
		}
	}
	return ok ? 0 : 1;
}

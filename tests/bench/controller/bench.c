/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controller's measurements: a real aetherd, virtual nodes that speak the real protocol over loopback, and readers
 * of its API. README.md beside says how each row is taken. Rows are printed as they come; a part that cannot be
 * measured says why, and the others go on.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/controller/daemon.h"
#include "bench/controller/fleet.h"
#include "bench/controller/watch.h"
#include "ctl/call.h"

enum {
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
	const unsigned failed = fleet_count_failed(bench);
	const unsigned silent = fleet_count_of(bench, "suspect") + fleet_count_of(bench, "down");
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
	const bool ok = fleet_begin(&bench, count, program, bundle, false);

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

/* aetherd reads its configuration's paths from that file's folder. */
static const char *absolute(const char *path, char to[PATH_MAX])
{
	if (realpath(path, to) == NULL) {
		fprintf(stderr, "bench: %s: %s; next step: make everything\n", path, strerror(errno));
		exit(2);
	}
	return to;
}

int main(int argc, char **argv)
{
	static const unsigned sizes[] = {64, 1000, CAPACITY};
	static char program_path[PATH_MAX];
	static char bundle_path[PATH_MAX];
	bool ok = true;
	bool is_any = false;

	if (argc < 2 || argc > 5 || (argc == 5 && strcmp(argv[3], "serve") != 0)) {
		fprintf(stderr, "usage: controller-bench AETHERD [BUNDLE [NODES | serve NODES]]\n");
		return 2;
	}
	if (getenv("BENCH_SECONDS") != NULL && atoi(getenv("BENCH_SECONDS")) >= 5) {
		seconds_long = (unsigned)atoi(getenv("BENCH_SECONDS"));
	}
	const char *program = absolute(argv[1], program_path);
	const char *bundle = argc > 2 && argv[2][0] != '\0' ? absolute(argv[2], bundle_path) : NULL;

	if (argc == 5 && strcmp(argv[3], "serve") == 0) {
		return serve((unsigned)strtoul(argv[4], NULL, 10), program, bundle);
	}
	head();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (argc < 4 || strtoul(argv[3], NULL, 10) == sizes[i]) {
			ok = measure(sizes[i], program, bundle) && ok;
			is_any = true;
		}
	}
	if (!is_any) {
		fprintf(stderr, "bench: NODES=%s: 64, 1000 and 10000 are measured\n", argv[3]);
		return 2;
	}
	return ok ? 0 : 1;
}

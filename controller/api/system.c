/* SPDX-License-Identifier: Apache-2.0 */
/* The controller itself: whether it lives, what it is, what it costs; and the description of the API. */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/inside.h"
#include "base/clock.h"

bool api_health(void *app, const struct http_request *request, struct http_reply *reply,
		struct fail *fail)
{
	(void)app, (void)request, (void)fail;
	text_puts(&reply->body, "{\"status\":\"ok\"}");
	return true;
}

static bool read_nothing(struct sql *sql, void *argument, struct fail *fail)
{
	struct sql_row row;

	(void)argument;
	sql_query(sql, &row, "SELECT 1 FROM setting LIMIT 1", "");
	sql_next(&row);
	return sql_end(&row, fail);
}

bool api_ready(void *app, const struct http_request *request, struct http_reply *reply,
	       struct fail *fail)
{
	struct api *api = app;

	(void)request;
	if (!store_read(api->options.store, read_nothing, NULL, fail)) {
		return fail_set(fail, FAIL_UNAVAILABLE,
				"the database cannot be read; the log says why");
	}
	text_puts(&reply->body, "{\"status\":\"ready\"}");
	return true;
}

bool api_openapi_show(void *app, const struct http_request *request, struct http_reply *reply,
		      struct fail *fail)
{
	(void)app, (void)request, (void)fail;
	text_put(&reply->body, api_openapi, api_openapi_bytes);
	return true;
}

static uint64_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long long total = 0;
	unsigned long long resident = 0;

	if (file != NULL) {
		if (fscanf(file, "%llu %llu", &total, &resident) != 2) {
			resident = 0;
		}
		fclose(file);
	}
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static double seconds(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static void show_process(struct json *json)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	json_begin_object(json, "process");
	json_double(json, "cpu_user_s", seconds(&usage.ru_utime));
	json_double(json, "cpu_system_s", seconds(&usage.ru_stime));
	json_u64(json, "rss_bytes", resident_bytes());
	json_u64(json, "rss_most_bytes", (uint64_t)usage.ru_maxrss * 1024);
	json_end_object(json);
}

static void show_store(const struct api *api, struct json *json)
{
	struct store_figures figures;

	store_figures(api->options.store, &figures);
	json_begin_object(json, "database");
	json_u64(json, "bytes", figures.file_bytes);
	json_u64(json, "wal_bytes", figures.wal_bytes);
	json_u64(json, "changes", figures.changes);
	json_u64(json, "commits", figures.commits);
	json_u64(json, "failures", figures.failures);
	json_u64(json, "waiting", figures.waiting);
	json_u64(json, "commit_us", figures.commit_us_last);
	json_u64(json, "commit_longest_us", figures.commit_us_longest);
	json_end_object(json);
}

static void show_http(const struct api *api, struct json *json)
{
	struct http_server_figures figures = {0};

	if (api->server != NULL) {
		http_server_figures(api->server, &figures);
	}
	json_begin_object(json, "http");
	json_u64(json, "requests", figures.requests);
	json_u64(json, "refused", figures.refused);
	json_u64(json, "failed", figures.failed);
	json_u64(json, "streams", figures.streams);
	json_end_object(json);
}

bool api_system_show(void *app, const struct http_request *request, struct http_reply *reply,
		     struct fail *fail)
{
	struct api *api = app;
	struct json json = {.to = &reply->body};
	struct text summary = {0};

	(void)request;
	fleet_summary(api->options.fleet, &summary);
	if (summary.is_broken || summary.bytes == NULL) {
		text_free(&summary);
		return fail_set(fail, FAIL_UNAVAILABLE, "no memory for the answer; try again");
	}
	json_begin_object(&json, NULL);
	json_text(&json, "version", api->options.version);
	json_time(&json, "time", clock_wall_ms());
	json_time(&json, "started", api->started_ms);
	json_u64(&json, "index", bus_newest(api->options.bus));
	json_u64(&json, "interval_ms", fleet_interval(api->options.fleet));
	json_bool(&json, "power", api->options.outside.power_act != NULL);
	json_raw(&json, "nodes", summary.bytes, summary.length);
	show_process(&json);
	show_store(api, &json);
	show_http(api, &json);
	if (api->options.outside.system_show != NULL) {
		api->options.outside.system_show(api->options.outside.system, &json);
	} else {
		json_begin_array(&json, "networks");
		json_end_array(&json);
		json_nil(&json, "dhcp");
	}
	json_end_object(&json);
	text_free(&summary);
	return true;
}

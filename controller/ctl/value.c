/* SPDX-License-Identifier: Apache-2.0 */
/* Single values: members of an answer, times, sizes, labels. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "ctl/show.h"

const char *show_text(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json, name));

	return text != NULL ? text : "";
}

double show_number(const json_t *json, const char *name)
{
	return json_number_value(json_object_get(json, name));
}

enum show_color show_state_color(const char *state)
{
	static const struct {
		const char *state;
		enum show_color color;
	} colors[] = {{"running", SHOW_GOOD},	{"succeeded", SHOW_GOOD}, {"pending", SHOW_BUSY},
		      {"booting", SHOW_BUSY},	{"suspect", SHOW_BUSY},	  {"failed", SHOW_BAD},
		      {"down", SHOW_BAD},	{"clash", SHOW_BAD},	  {"retired", SHOW_FAINT},
		      {"rejected", SHOW_FAINT}, {"off", SHOW_FAINT}};

	for (size_t i = 0; i < sizeof(colors) / sizeof(colors[0]); i++) {
		if (strcmp(colors[i].state, state) == 0) {
			return colors[i].color;
		}
	}
	return SHOW_PLAIN;
}

void show_span(char *to, size_t room, int64_t ms)
{
	const long long s = ms < 0 ? 0 : (long long)(ms / 1000);

	if (s < 120) {
		snprintf(to, room, "%lld s", s);
	} else if (s < 7200) {
		snprintf(to, room, "%lld min", s / 60);
	} else if (s < 172800) {
		snprintf(to, room, "%lld h", s / 3600);
	} else {
		snprintf(to, room, "%lld d", s / 86400);
	}
}

void show_ago(char *to, size_t room, const char *time)
{
	int64_t at_ms;
	char span[32];

	if (!show_parse_time(time, &at_ms)) {
		snprintf(to, room, "never");
		return;
	}
	show_span(span, sizeof(span), clock_wall_ms() - at_ms);
	snprintf(to, room, "%s ago", span);
}

void show_bytes(char *to, size_t room, double bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	unsigned unit = 0;

	while (bytes >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		bytes /= 1024;
		unit++;
	}
	snprintf(to, room, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

bool show_parse_time(const char *text, int64_t *wall_ms)
{
	struct tm tm = {0};
	int ms = 0;
	int end = 0;

	if (text == NULL || strlen(text) > 30 ||
	    sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &end) != 6) {
		return false;
	}
	if (tm.tm_year < 2000 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
	    tm.tm_mday > 31 || tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 ||
	    tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60) {
		return false;
	}
	const char *rest = text + end;
	if (*rest == '.') {
		const size_t digits = strspn(rest + 1, "0123456789");
		char three[4] = "000";
		memcpy(three, rest + 1, digits < 3 ? digits : 3);
		ms = atoi(three);
		rest += 1 + digits;
	}
	if (strcmp(rest, "Z") != 0) {
		return false;
	}
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*wall_ms = (int64_t)timegm(&tm) * 1000 + ms;
	return true;
}

bool show_read_ends(const char *text, char time[32])
{
	static const struct {
		char unit;
		int64_t ms;
	} units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
	const size_t digits = strspn(text, "0123456789");
	int64_t ms;
	char print[CLOCK_TEXT_BYTES];

	if (show_parse_time(text, &ms)) {
		snprintf(time, 32, "%s", text);
		return true;
	}
	if (digits == 0 || digits > 6 || strlen(text) != digits + 1) {
		return false;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (units[i].unit == text[digits]) {
			ms = clock_wall_ms() + (int64_t)strtoul(text, NULL, 10) * units[i].ms;
			snprintf(time, 32, "%s", clock_print(ms, print));
			return true;
		}
	}
	return false;
}

void show_labels(char *to, size_t room, const json_t *labels)
{
	const char *key;
	json_t *value;
	size_t at = 0;

	to[0] = '\0';
	json_object_foreach((json_t *)(uintptr_t)labels, key, value)
	{
		const int count = snprintf(to + at, room - at, "%s%s=%s", at == 0 ? "" : " ", key,
					   json_is_string(value) ? json_string_value(value) : "?");
		if (count < 0 || (size_t)count >= room - at) {
			return;
		}
		at += (size_t)count;
	}
}

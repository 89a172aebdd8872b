/* SPDX-License-Identifier: Apache-2.0 */
/* What happened, in words for people: made from what was cleaned before, and escaped where it is printed. */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "fleet/own.h"

static void fill(struct fleet *fleet, struct happening *happening, const char *kind, const char *node,
		 const struct fleet_who *who)
{
	*happening = (struct happening){.index = bus_take_index(fleet->options.bus), .at_ms = clock_wall_ms()};
	(void)snprintf(happening->kind, sizeof(happening->kind), "%s", kind);
	(void)snprintf(happening->node, sizeof(happening->node), "%s", node);
	if (who != NULL) {
		(void)snprintf(happening->actor, sizeof(happening->actor), "%s", who->actor == NULL ? "" : who->actor);
		(void)snprintf(happening->request, sizeof(happening->request), "%s",
			       who->request == NULL ? "" : who->request);
	}
}

void happening_make(struct fleet *fleet, struct happening *happening, const char *kind, const char *node,
		    const struct fleet_who *who, const char *format, ...)
{
	va_list arguments;

	fill(fleet, happening, kind, node, who);
	va_start(arguments, format);
	(void)vsnprintf(happening->text, sizeof(happening->text), format, arguments);
	va_end(arguments);
}

#define SWEEP(index, which)                                                                                            \
	"DELETE FROM event WHERE idx IN (SELECT idx FROM event INDEXED BY " index " WHERE " which                      \
	" AND idx <= (SELECT idx FROM event INDEXED BY " index " WHERE " which                                         \
	" ORDER BY idx DESC LIMIT 1 OFFSET ?) ORDER BY idx LIMIT ?)"

/*
 * Bounded by count: the oldest go, some at a time. What somebody did is not pushed out by what anybody on the wire can
 * make happen.
 */
static bool sweep(struct sql *sql, struct fail *fail)
{
	static atomic_uint stored; /* of all stores: each turn may be late, none is needed at once */

	return (atomic_fetch_add(&stored, 1) + 1) % FLEET_EVENTS_TURN != 0 ||
	       (sql_run(sql, fail, SWEEP("event_other", "actor = ''"), "uu", (unsigned)FLEET_EVENTS_KEPT,
			4u * FLEET_EVENTS_TURN) &&
		sql_run(sql, fail, SWEEP("event_deed", "actor <> ''"), "uu", (unsigned)FLEET_DEEDS_KEPT,
			4u * FLEET_EVENTS_TURN));
}

bool happening_store(struct sql *sql, const struct happening *happening, struct fail *fail)
{
	return happening->index == 0 || (sweep(sql, fail) &&
	       sql_run(sql, fail,
		       "INSERT INTO event (idx, at_ms, kind, node, actor, request, text) VALUES (?, ?, ?, ?, ?, ?, ?)",
		       "iittttt", (int64_t)happening->index, happening->at_ms, happening->kind, happening->node,
		       happening->actor, happening->request, happening->text));
}

void happening_publish(struct fleet *fleet, const struct happening *happening)
{
	struct text text = {.most = 4096};
	struct json json = {.to = &text};

	if (happening->index == 0) {
		return;
	}
	json_begin_object(&json, NULL);
	json_u64(&json, "index", happening->index);
	json_time(&json, "time", happening->at_ms);
	json_text(&json, "kind", happening->kind);
	json_text(&json, "node", happening->node);
	json_text(&json, "actor", happening->actor);
	json_text(&json, "request", happening->request);
	json_text(&json, "text", happening->text);
	json_end_object(&json);
	if (!text.is_broken) {
		(void)bus_publish(fleet->options.bus, BUS_EVENTS, "event", happening->index, text.bytes, text.length);
	}
	text_free(&text);
}

/* --- without waiting --- */

struct submitted {
	struct fleet *fleet;
	struct happening happening;
};

static bool submitted_work(struct sql *sql, void *argument, struct fail *fail)
{
	const struct submitted *submitted = argument;

	return happening_store(sql, &submitted->happening, fail);
}

static void submitted_done(void *argument, const struct fail *fail)
{
	struct submitted *submitted = argument;

	if (fail == NULL) {
		happening_publish(submitted->fleet, &submitted->happening);
	} else {
		log_error("fleet", "an event was not stored: %s", fail->text);
	}
	free(submitted);
}

static void submit(struct fleet *fleet, struct submitted *submitted)
{
	struct fail fail;

	if (!store_submit(fleet->options.store, submitted_work, submitted_done, submitted, &fail)) {
		log_error("fleet", "an event was not stored: %s", fail.text);
		free(submitted);
	}
}

void happening_submit(struct fleet *fleet, const char *kind, const char *node, const char *format, ...)
{
	struct submitted *submitted = malloc(sizeof(*submitted));
	va_list arguments;

	if (submitted == NULL) {
		return;
	}
	submitted->fleet = fleet;
	fill(fleet, &submitted->happening, kind, node, NULL);
	va_start(arguments, format);
	(void)vsnprintf(submitted->happening.text, sizeof(submitted->happening.text), format, arguments);
	va_end(arguments);
	submit(fleet, submitted);
}

void fleet_tell(struct fleet *fleet, const char *kind, const char *node, const struct fleet_who *who,
		const char *sentence)
{
	struct submitted *submitted = malloc(sizeof(*submitted));

	if (submitted != NULL) {
		submitted->fleet = fleet;
		happening_make(fleet, &submitted->happening, kind, node, who, "%s", sentence);
		submit(fleet, submitted);
	}
}

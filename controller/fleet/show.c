/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node's JSON, made when something that it shows has changed, and published then. Two numbers change with every
 * beat: the time of the last contact and the uptime. They have a fixed width in the text, and are written over
 * where they stand in the copy that is handed out.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "fleet/facts.h"

enum { UPTIME_DIGITS = 10, LIST_BATCH = 64 };

static const char *const guest_states[] = {"empty",  "waiting",  "fetching", "loading", "running",
					   "paused", "stopping", "stopped",  "failed"};
static_assert(sizeof(guest_states) / sizeof(guest_states[0]) == WIRE_GUEST_STATE_COUNT, "one word each");

static bool wants_guests(const struct node *node)
{
	for (unsigned slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		if (node->want.guests[slot].want == ACK_WANT_RUN ||
		    node->heard.guests[slot].state == WIRE_GUEST_RUNNING) {
			return true;
		}
	}
	return false;
}

static unsigned percent_of(const struct node *node, const struct boot_step *step)
{
	unsigned percent = 255;

	if (step != NULL && step->total > 0 && step->end_ms == 0) {
		const uint64_t bytes = step->bytes < step->total ? step->bytes : step->total;

		percent = (unsigned)(bytes * 100 / step->total);
	}
	for (unsigned slot = 0; slot < WIRE_GUEST_MAX && percent > 100; slot++) {
		if (node->heard.guests[slot].state == WIRE_GUEST_FETCHING) {
			percent = node->heard.guests[slot].percent;
		}
	}
	return percent;
}

/* Who has the evidence that this one also says. */
static const char *twin_of(const struct fleet *fleet, const struct node *node)
{
	const struct node *by_serial = index_find(&fleet->by_serial, index_of_text(&fleet->by_serial, node->serial));
	const struct node *by_uuid = index_find(&fleet->by_uuid, index_of_text(&fleet->by_uuid, node->uuid));

	if (node->admission != ADMISSION_PENDING) {
		return NULL;
	}
	if (by_serial != NULL && by_serial != node && strcmp(by_serial->serial, node->serial) == 0) {
		return by_serial->id;
	}
	return by_uuid != NULL && by_uuid != node && strcmp(by_uuid->uuid, node->uuid) == 0 ? by_uuid->id : NULL;
}

void node_facts(const struct fleet *fleet, const struct node *node, struct shown_facts *facts)
{
	const uint64_t now_ms = clock_ms();
	const struct boot_step *step = boot_at(&node->boot);
	const bool is_resumed = node->contact.state == CONTACT_NEVER && node->contact.heard_ms != 0;
	const uint64_t since_ms = is_resumed ? fleet->started_ms : node->contact.heard_ms;

	*facts = (struct shown_facts){
		.admission = node->admission,
		.stage = node->stage,
		.contact = node->contact.state,
		.is_cordoned = node->is_cordoned,
		.is_closed = node->is_closed,
		.is_resumed = is_resumed,
		.is_mass_loss = node->is_mass_loss,
		.has_guests = wants_guests(node),
		.twin = twin_of(fleet, node),
		.clash = node->clash[0] == '\0' ? NULL : node->clash,
		.silent_s = now_ms > since_ms ? (now_ms - since_ms) / 1000 : 0,
		.good = node->contact.good,
		.good_needed = contact_good_needed(&node->contact),
		.falls = node->contact.falls,
		.problem = node->boot.problem,
		.detail = node->boot.problem != BOOT_NONE ? node->boot.detail : step == NULL ? "" : step->detail,
		.step = step == NULL ? "" : boot_step_words(step->kind),
		.percent = percent_of(node, step),
	};
	for (unsigned slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		facts->ended_guests += node->want.guests[slot].want == ACK_WANT_RUN &&
				       node->heard.guests[slot].state == WIRE_GUEST_STOPPED;
	}
}

/* --- the JSON --- */

static void put_macs(struct json *json, const struct node *node)
{
	char text[18];

	json_begin_array(json, "macs");
	for (unsigned i = 0; i < node->mac_count; i++) {
		const uint8_t *m = node->macs[i];

		(void)snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
		json_text(json, NULL, text);
	}
	json_end_array(json);
}

static void put_identity(struct json *json, const struct node *node)
{
	char address[INET_ADDRSTRLEN] = "";

	if (node->ip.s_addr != 0) {
		(void)inet_ntop(AF_INET, &node->ip, address, sizeof(address));
	}
	put_macs(json, node);
	json_text(json, "serial", node->serial);
	json_text(json, "uuid", node->uuid);
	json_text(json, "address", address);
	json_text(json, "network", node->network);
	json_text(json, "port", node->port);
	json_text(json, "hostname", node->hostname);
	json_text(json, "board", node->board);
	json_u64(json, "cpus", node->cpu_count);
	json_u64(json, "memory_mib", node->memory_mib);
	json_u64(json, "gic", node->gic_version);
	json_text(json, "release", node->release);
}

static void put_boot(struct json *json, const struct node *node, const struct shown_facts *facts)
{
	const struct boot_step *step = boot_at(&node->boot);
	char id[17] = "";

	if (node->boot.is_said && node->boot_id != 0) {
		(void)snprintf(id, sizeof(id), "%016llx", (unsigned long long)node->boot_id);
	}
	if (node->boot.started_ms == 0) {
		json_nil(json, "boot");
		return;
	}
	json_begin_object(json, "boot");
	json_text(json, "id", id);
	json_time(json, "started", node->boot.started_ms);
	json_text(json, "step", step == NULL ? NULL : boot_step_name(step->kind));
	if (facts->percent <= 100) {
		json_u64(json, "percent", facts->percent);
	} else {
		json_nil(json, "percent");
	}
	json_text(json, "problem", node->boot.problem == BOOT_NONE ? NULL : boot_problem_name(node->boot.problem));
	json_end_object(json);
}

static void put_guests(struct json *json, const struct node *node)
{
	json_begin_array(json, "guests");
	for (unsigned slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		const struct beat_guest *guest = &node->heard.guests[slot];
		char name[8];

		if (guest->state == WIRE_GUEST_EMPTY && node->want.guests[slot].want == ACK_WANT_EMPTY) {
			continue;
		}
		(void)snprintf(name, sizeof(name), "vm%u", slot);
		json_begin_object(json, NULL);
		json_u64(json, "slot", slot);
		json_text(json, "name", name);
		json_text(json, "state",
			  guest->state < WIRE_GUEST_STATE_COUNT ? guest_states[guest->state] : "unknown");
		json_text(json, "reason",
			  guest->reason == WIRE_REASON_NONE ? "" : wire_guest_reason_text(guest->reason));
		json_u64(json, "percent", guest->percent);
		json_u64(json, "restarts", guest->restarts);
		json_end_object(json);
	}
	json_end_array(json);
}

/* The same two seconds are printed for thousands of nodes: kept under the lock. */
static const char *print_time(struct fleet *fleet, int64_t wall_ms)
{
	const int64_t second = wall_ms / 1000;
	struct printed *printed = &fleet->printed[second & 1];

	if (printed->second != second || printed->text[0] == '\0') {
		(void)clock_print(second * 1000, printed->text);
		printed->second = second;
	}
	for (unsigned i = 0, ms = (unsigned)(wall_ms % 1000); i < 3; i++, ms /= 10) {
		printed->text[CLOCK_TEXT_BYTES - 3 - i] = (char)('0' + ms % 10);
	}
	return printed->text;
}

static void print_moving(struct fleet *fleet, const struct node *node, uint64_t now_ms,
			 char contact[CLOCK_TEXT_BYTES + 2], char uptime[UPTIME_DIGITS + 1])
{
	uint64_t up_s = node->heard.uptime_us / 1000000;
	char digits[24];
	unsigned count = 0;

	if (node->heard.at_ms != 0 && node->contact.state == CONTACT_ALIVE && now_ms > node->heard.at_ms) {
		up_s += (now_ms - node->heard.at_ms) / 1000;
	}
	up_s = up_s < 9999999999u ? up_s : 9999999999u;
	do {
		digits[count++] = (char)('0' + up_s % 10);
		up_s /= 10;
	} while (up_s > 0);
	memset(uptime, ' ', UPTIME_DIGITS);
	uptime[UPTIME_DIGITS] = '\0';
	for (unsigned i = 0; i < count; i++) {
		uptime[i] = digits[count - 1 - i];
	}
	contact[0] = contact[CLOCK_TEXT_BYTES] = '"';
	memcpy(contact + 1, print_time(fleet, node->contact_wall_ms), CLOCK_TEXT_BYTES - 1);
	contact[CLOCK_TEXT_BYTES + 1] = '\0';
}

/* Both at the end, so that their places are found again. */
static void put_moving(struct fleet *fleet, struct json *json, const struct node *node)
{
	char contact[CLOCK_TEXT_BYTES + 2];
	char uptime[UPTIME_DIGITS + 1];

	print_moving(fleet, node, clock_ms(), contact, uptime);
	if (node->contact_wall_ms == 0) {
		json_nil(json, "last_contact");
		json_nil(json, "uptime_s");
	} else {
		json_raw(json, "last_contact", contact, strlen(contact));
		json_raw(json, "uptime_s", uptime, strlen(uptime));
	}
}

/* ...,"last_contact":"2026-01-02T03:04:05.678Z","uptime_s":123       } */
void node_put_json(struct fleet *fleet, const struct node *node, uint64_t now_ms, bool is_open, struct text *to)
{
	char contact[CLOCK_TEXT_BYTES + 2];
	char uptime[UPTIME_DIGITS + 1];

	text_put(to, node->json, node->json_bytes - (is_open ? 1 : 0));
	if (!node->is_json_moving || to->is_broken) {
		return;
	}
	char *at = to->bytes + to->length - (is_open ? 0 : 1) - UPTIME_DIGITS;

	print_moving(fleet, node, now_ms, contact, uptime);
	memcpy(at, uptime, UPTIME_DIGITS);
	memcpy(at - strlen(",\"uptime_s\":") - strlen(contact), contact, strlen(contact));
}

static void make_json(struct fleet *fleet, struct node *node)
{
	struct shown_facts facts;
	struct shown shown;
	struct json json = {.to = &fleet->scratch};

	node_facts(fleet, node, &facts);
	shown_make(&facts, &shown);
	node->shown = shown.state;
	text_reset(&fleet->scratch);
	json_begin_object(&json, NULL);
	json_text(&json, "id", node->id);
	json_u64(&json, "rev", node->rev);
	json_text(&json, "name", node->name);
	json_raw(&json, "labels", node->labels, strlen(node->labels));
	json_text(&json, "state", shown_text(shown.state));
	json_text(&json, "why", shown.why);
	json_text(&json, "next", shown.next);
	json_text(&json, "admission", admission_text(node->admission));
	json_text(&json, "stage", stage_text(node->stage));
	json_text(&json, "contact", contact_text(node->contact.state));
	json_bool(&json, "cordoned", node->is_cordoned);
	json_text(&json, "clash", node->clash[0] == '\0' ? NULL : node->clash);
	json_bool(&json, "locating", node->is_locating);
	put_identity(&json, node);
	json_time(&json, "created", node->created_ms);
	put_boot(&json, node, &facts);
	put_guests(&json, node);
	json_u64(&json, "service_restarts",
		 node->readings == NULL ? 0 : node->readings->track.total.service.restarts);
	put_moving(fleet, &json, node);
	json_end_object(&json);
}

static void publish(struct fleet *fleet, struct node *node)
{
	make_json(fleet, node);
	if (fleet->scratch.is_broken) {
		return;
	}
	char *copy = realloc(node->json, fleet->scratch.length + 1);

	if (copy == NULL) {
		return;
	}
	memcpy(copy, fleet->scratch.bytes, fleet->scratch.length + 1);
	node->json = copy;
	node->json_bytes = fleet->scratch.length;
	node->is_json_moving = node->contact_wall_ms != 0;
	(void)bus_publish(fleet->options.bus, BUS_NODES, "node", 0, node->json, node->json_bytes);
}

void fleet_flush(struct fleet *fleet)
{
	while (fleet->dirty != NULL) {
		struct node *node = fleet->dirty;

		fleet->dirty = node->next_dirty;
		node->is_dirty = false;
		if (node->rev != 0) {
			publish(fleet, node);
		}
	}
}

/* --- lists --- */

static bool has_text(const struct node *node, const char *text)
{
	char address[INET_ADDRSTRLEN] = "";

	(void)inet_ntop(AF_INET, &node->ip, address, sizeof(address));
	if (strcasestr(node->id, text) != NULL || strcasestr(node->name, text) != NULL ||
	    strcasestr(node->serial, text) != NULL || strcasestr(node->hostname, text) != NULL ||
	    strcasestr(node->uuid, text) != NULL || (node->ip.s_addr != 0 && strstr(address, text) != NULL)) {
		return true;
	}
	for (unsigned i = 0; i < node->mac_count; i++) {
		const uint8_t *m = node->macs[i];
		char mac[18];

		(void)snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
		if (strcasestr(mac, text) != NULL) {
			return true;
		}
	}
	return false;
}

static bool fits(const struct node *node, const struct fleet_filter *filter)
{
	return node->rev != 0 && node->json != NULL &&
	       (filter->admission == NULL || strcmp(filter->admission, admission_text(node->admission)) == 0) &&
	       (filter->state == NULL || strcmp(filter->state, shown_text(node->shown)) == 0) &&
	       (filter->text == NULL || filter->text[0] == '\0' || has_text(node, filter->text));
}

static size_t place_behind(const struct fleet *fleet, const char *id)
{
	size_t low = 0;
	size_t high = fleet->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (strcmp(fleet->nodes[middle]->id, id) <= 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

/* That node was prefetched before. */
static void prefetch_json(const struct fleet *fleet, size_t i)
{
	const struct node *node = i < fleet->count ? fleet->nodes[i] : NULL;

	for (size_t at = 0; node != NULL && at < node->json_bytes; at += PREFETCH_LINE) {
		__builtin_prefetch(node->json + at);
	}
}

unsigned fleet_list(struct fleet *fleet, const struct fleet_filter *filter, struct text *to, char next[ID_BYTES])
{
	char after[ID_BYTES] = "";
	char last[ID_BYTES] = "";
	unsigned count = 0;
	bool is_end = false;

	next[0] = '\0';
	if (filter->after != NULL) {
		(void)snprintf(after, sizeof(after), "%s", filter->after);
	}
	/* A few at a time: beats do not wait for a long list. */
	while (!is_end) {
		fleet_lock(fleet);
		const uint64_t now_ms = clock_ms();
		size_t i = place_behind(fleet, after);
		const size_t end = i + LIST_BATCH < fleet->count ? i + LIST_BATCH : fleet->count;

		is_end = end == fleet->count;
		for (; i < end; i++) {
			const struct node *node = fleet->nodes[i];

			node_prefetch(fleet, i + PREFETCH_AHEAD);
			prefetch_json(fleet, i + PREFETCH_JSON_AHEAD);
			memcpy(after, node->id, sizeof(after));
			if (!fits(node, filter)) {
				continue;
			}
			if (filter->most != 0 && count == filter->most) {
				memcpy(next, last, sizeof(last));
				is_end = true;
				break;
			}
			text_put(to, ",", count > 0 ? 1 : 0);
			node_put_json(fleet, node, now_ms, false, to);
			memcpy(last, node->id, sizeof(last));
			count++;
		}
		fleet_unlock(fleet);
	}
	return count;
}

void fleet_summary(struct fleet *fleet, struct text *to)
{
	unsigned counts[SHOWN_COUNT] = {0};
	struct json json = {.to = to};

	fleet_lock(fleet);
	for (size_t i = 0; i < fleet->count; i++) {
		counts[fleet->nodes[i]->shown] += fleet->nodes[i]->rev != 0;
	}
	fleet_unlock(fleet);
	json_begin_object(&json, NULL);
	for (unsigned i = 0; i < SHOWN_COUNT; i++) {
		json_u64(&json, shown_text((enum shown_state)i), counts[i]);
	}
	json_end_object(&json);
}

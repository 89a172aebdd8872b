/* SPDX-License-Identifier: Apache-2.0 */
/* Making and ending, the lock, and the passing of time. Whoever lets go of the lock publishes what has become
 * dirty under it. */
#include "fleet/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "fleet/own.h"

enum { TOLD_AT_ONCE = 64 };

void fleet_lock(struct fleet *fleet)
{
	(void)pthread_mutex_lock(&fleet->lock);
}

void fleet_unlock(struct fleet *fleet)
{
	fleet_flush(fleet);
	(void)pthread_mutex_unlock(&fleet->lock);
}

struct fleet *fleet_new(const struct fleet_options *options, struct fail *fail)
{
	struct fleet *fleet = calloc(1, sizeof(*fleet));

	if (fleet == NULL) {
		(void)fail_set(fail, FAIL_UNAVAILABLE, "Out of memory.");
		return NULL;
	}
	(void)pthread_mutex_init(&fleet->lock, NULL);
	fleet->options = *options;
	fleet->started_ms = clock_ms();
	if (!index_make(&fleet->by_id) || !index_make(&fleet->by_mac) || !index_make(&fleet->by_boot) ||
	    !index_make(&fleet->by_ip) || !index_make(&fleet->by_peer) ||
	    !index_make(&fleet->by_serial) || !index_make(&fleet->by_uuid)) {
		(void)fail_set(fail, FAIL_UNAVAILABLE, "The system has no random numbers.");
		fleet_free(fleet);
		return NULL;
	}
	if (!fleet_load(fleet, fail)) {
		fleet_free(fleet);
		return NULL;
	}
	for (size_t i = 0; i < fleet->count; i++) {
		node_dirty(fleet, fleet->nodes[i]);
	}
	fleet_lock(fleet);
	fleet_unlock(fleet);
	return fleet;
}

void fleet_free(struct fleet *fleet)
{
	if (fleet == NULL) {
		return;
	}
	while (fleet->count > 0) {
		node_free(fleet, fleet->nodes[fleet->count - 1]);
	}
	free(fleet->nodes);
	free(fleet->rests);
	index_free(&fleet->by_id);
	index_free(&fleet->by_mac);
	index_free(&fleet->by_boot);
	index_free(&fleet->by_ip);
	index_free(&fleet->by_peer);
	index_free(&fleet->by_serial);
	index_free(&fleet->by_uuid);
	text_free(&fleet->scratch);
	(void)pthread_mutex_destroy(&fleet->lock);
	free(fleet);
}

void fleet_link(struct fleet *fleet, const struct fleet_link *link)
{
	fleet_lock(fleet);
	fleet->link = *link;
	fleet_unlock(fleet);
}

/* Takes one that fits into `burst`, of what is given back at `a_second`. */
static bool take(struct flow *flow, uint64_t now_ms, uint32_t a_second, uint32_t burst)
{
	const uint64_t back = (now_ms - flow->filled_ms) * a_second;

	flow->used = back < flow->used ? flow->used - (uint32_t)back : 0;
	flow->filled_ms = now_ms;
	if (flow->used + 1000 > burst * 1000) {
		return false;
	}
	flow->used += 1000;
	return true;
}

bool flow_take(struct flow *flow, uint64_t now_ms)
{
	return take(flow, now_ms, FLOW_A_SECOND, FLOW_BURST);
}

bool crowd_take(struct crowd *crowd, uint64_t source, uint64_t now_ms)
{
	const size_t places = sizeof(crowd->sources) / sizeof(crowd->sources[0]);

	return take(&crowd->all, now_ms, FLOW_A_SECOND, FLOW_BURST / 2) ||
	       (take(&crowd->sources[source % places], now_ms, CROWD_A_SECOND, CROWD_BURST) &&
		flow_take(&crowd->all, now_ms));
}

/* --- time --- */

struct tally {
	unsigned changed, went, silent, alive, recent, flagged, aged;
};

static void tell_down(struct fleet *fleet, const struct node *node, struct tally *tally)
{
	/* Whose power was switched off is missed by nobody. */
	if (node->stage == STAGE_OFF) {
		return;
	}
	tally->went++;
	if (tally->went <= TOLD_AT_ONCE) {
		happening_submit(fleet, "node.down", node->id, "%s is not heard any more; its guests may still run.",
				 node_name(node));
	}
}

static bool is_recent(const struct fleet *fleet, const struct node *node, uint64_t now_ms)
{
	return node->fell_silent_ms != 0 &&
	       now_ms - node->fell_silent_ms <= (uint64_t)fleet->options.interval_ms * CONTACT_DOWN_TENTHS / 10;
}

static void pass(struct fleet *fleet, struct node *node, uint64_t now_ms, struct tally *tally)
{
	const enum contact before = node->contact.state;

	if (contact_pass(&node->contact, now_ms, fleet->options.interval_ms)) {
		tally->changed++;
		node_dirty(fleet, node);
		if (before <= CONTACT_ALIVE) {
			node->fell_silent_ms = now_ms;
		}
		if (node->contact.state == CONTACT_DOWN) {
			tell_down(fleet, node, tally);
		}
	}
	if (node->contact.state == CONTACT_ALIVE) {
		tally->alive++;
		node->fell_silent_ms = 0;
	} else if (node->contact.state >= CONTACT_SUSPECT) {
		tally->silent++;
		tally->recent += is_recent(fleet, node, now_ms);
		tally->flagged += node->is_mass_loss;
	}
}

/* The sentence names the silence: it is made anew when it would read otherwise, less often when many are silent. */
static void age(struct fleet *fleet, struct node *node, uint64_t now_ms, struct tally *tally)
{
	const uint64_t silent_s = node->contact.heard_ms < now_ms ? (now_ms - node->contact.heard_ms) / 1000 : 0;
	const uint64_t step = silent_s >= 7200 ? 3600 : silent_s >= 120 ? 60 : fleet->silent > 200 ? 10 : 1;
	const bool is_resumed = node->contact.state == CONTACT_NEVER && node->contact.heard_ms != 0;

	if (tally->aged < FLEET_RENDER_MAX && (node->contact.state >= CONTACT_SUSPECT || is_resumed) &&
	    silent_s / step != node->told_silent / step) {
		node->told_silent = silent_s;
		tally->aged++;
		node_dirty(fleet, node);
	}
}

static void flag_mass_loss(struct fleet *fleet, uint64_t now_ms, const struct tally *tally)
{
	for (size_t i = 0; i < fleet->count; i++) {
		struct node *node = fleet->nodes[i];

		if (node->contact.state >= CONTACT_SUSPECT && !node->is_mass_loss && is_recent(fleet, node, now_ms)) {
			node->is_mass_loss = true;
			node_dirty(fleet, node);
		}
	}
	if (!fleet->is_mass_loss) {
		fleet->is_mass_loss = true;
		happening_submit(fleet, "system.mass-loss", "",
				 "%u of %u nodes went silent at once: look at the controller's own network first.",
				 tally->recent, tally->recent + tally->alive);
		log_warn("fleet", "%u of %u nodes went silent at once: look at the controller's own network first",
			 tally->recent, tally->recent + tally->alive);
	}
}

static void mass_loss(struct fleet *fleet, uint64_t now_ms, const struct tally *tally)
{
	if (tally->recent > 0 && contact_is_mass_loss(tally->recent, tally->recent + tally->alive)) {
		flag_mass_loss(fleet, now_ms, tally);
	} else if (fleet->is_mass_loss && tally->flagged == 0) {
		fleet->is_mass_loss = false;
		happening_submit(fleet, "system.mass-loss-over", "",
				 "All nodes that went silent at once are heard again.");
	}
}

/*
 * A node that is heard and runs has nothing to be looked at for until it could be silent for too long, which each
 * beat puts off. For FLEET_REST_MS at most: then it may have begun another boot, or the interval may be another.
 */
static uint64_t rest_of(const struct fleet *fleet, const struct node *node, uint64_t now_ms)
{
	const uint64_t suspect_ms = (uint64_t)fleet->options.interval_ms * CONTACT_SUSPECT_TENTHS / 10;

	if (node->contact.state != CONTACT_ALIVE || node->stage == STAGE_BOOTING || node->ghost != NULL) {
		return 0;
	}
	const uint64_t until_ms = node->contact.heard_ms + suspect_ms;

	return until_ms < now_ms + FLEET_REST_MS ? until_ms : now_ms + FLEET_REST_MS;
}

static void tick(struct fleet *fleet, struct node *node, uint64_t now_ms, int64_t wall_ms, struct tally *tally)
{
	pass(fleet, node, now_ms, tally);
	age(fleet, node, now_ms, tally);
	if (node->stage == STAGE_BOOTING) {
		boots_tick(fleet, node, wall_ms);
	}
	if (node->ghost != NULL) {
		clash_tick(fleet, node, now_ms);
	}
}

unsigned fleet_tick(struct fleet *fleet)
{
	const uint64_t now_ms = clock_ms();
	const int64_t wall_ms = clock_wall_ms();
	struct tally tally = {.changed = 0};

	fleet_lock(fleet);
	for (size_t i = 0; i < fleet->count; i++) {
		if (now_ms < fleet->rests[i]) {
			tally.alive++;
			continue;
		}
		tick(fleet, fleet->nodes[i], now_ms, wall_ms, &tally);
		fleet->rests[i] = rest_of(fleet, fleet->nodes[i], now_ms);
	}
	fleet->silent = tally.silent;
	if (tally.went > TOLD_AT_ONCE) {
		happening_submit(fleet, "node.down", "", "%u more nodes are not heard any more.",
				 tally.went - TOLD_AT_ONCE);
	}
	mass_loss(fleet, now_ms, &tally);
	fleet_unlock(fleet);
	return tally.changed;
}

/* --- settings --- */

struct setting {
	struct fleet *fleet;
	const char *name;
	char value[65];
	uint8_t manifest[ACK_SHA256_BYTES];
	uint32_t interval_ms; /* 0: it is the release */
	bool has_release;
	struct happening happening;
};

static bool setting_work(struct sql *sql, void *argument, struct fail *fail)
{
	const struct setting *setting = argument;

	if (!sql_run(sql, fail,
		     "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET "
		     "value = excluded.value",
		     "tt", setting->name, setting->value)) {
		return false;
	}
	/* The generation of all of whom something else is wanted now. */
	return (setting->interval_ms != 0 ?
			sql_run(sql, fail, "UPDATE node SET generation = generation + 1 WHERE generation > 0", "") :
			sql_run(sql, fail,
				"UPDATE node SET generation = generation + 1 WHERE generation > 0 AND manifest = ''",
				"")) &&
	       happening_store(sql, &setting->happening, fail);
}

static void setting_done(void *argument, const struct fail *fail)
{
	struct setting *setting = argument;
	struct fleet *fleet = setting->fleet;

	if (fail != NULL) {
		return;
	}
	fleet_lock(fleet);
	if (setting->interval_ms != 0) {
		fleet->options.interval_ms = setting->interval_ms;
	} else {
		fleet->has_release = setting->has_release;
		memcpy(fleet->release, setting->manifest, sizeof(fleet->release));
	}
	happening_publish(fleet, &setting->happening);
	/* In turns: whoever waits for the lock meanwhile, the link above all, gets it. Generations change in this
	 * thread alone, and who is new in between has none. */
	char after[ID_BYTES] = "";
	unsigned turn = 0;

	for (struct node *node = node_after(fleet, after); node != NULL; node = node_after(fleet, after)) {
		memcpy(after, node->id, sizeof(after));
		if (node->generation > 0 && (setting->interval_ms != 0 || !node->has_manifest)) {
			node->generation++;
			want_make(fleet, node);
		}
		if (++turn % FLEET_RENDER_MAX == 0) {
			fleet_unlock(fleet);
			fleet_lock(fleet);
		}
	}
	fleet_unlock(fleet);
}

bool fleet_set_release(struct fleet *fleet, const uint8_t manifest[ACK_SHA256_BYTES], struct fail *fail)
{
	struct setting setting = {.fleet = fleet, .name = "release.manifest", .has_release = manifest != NULL};

	if (manifest != NULL) {
		memcpy(setting.manifest, manifest, sizeof(setting.manifest));
		(void)hex_print(manifest, ACK_SHA256_BYTES, setting.value);
	}
	fleet_lock(fleet);
	const bool is_same = fleet->has_release == setting.has_release &&
			     memcmp(fleet->release, setting.manifest, sizeof(fleet->release)) == 0;

	happening_make(fleet, &setting.happening, "release.set", "", NULL, "Nodes run the release %.12s.",
		       setting.value[0] != '\0' ? setting.value : "(none)");
	fleet_unlock(fleet);
	return is_same || store_change(fleet->options.store, setting_work, setting_done, &setting, fail);
}

bool fleet_set_interval(struct fleet *fleet, uint32_t interval_ms, const struct fleet_who *who, struct fail *fail)
{
	struct setting setting = {.fleet = fleet, .name = "interval_ms", .interval_ms = interval_ms};

	if (interval_ms < ACK_INTERVAL_MIN_MS || interval_ms > ACK_INTERVAL_MAX_MS) {
		return fail_set(fail, FAIL_INVALID, "The interval of beats is %d to %d ms, not %u.",
				ACK_INTERVAL_MIN_MS, ACK_INTERVAL_MAX_MS, interval_ms);
	}
	(void)snprintf(setting.value, sizeof(setting.value), "%u", interval_ms);
	happening_make(fleet, &setting.happening, "setting.interval", "", who, "Nodes beat every %u ms.", interval_ms);
	return store_change(fleet->options.store, setting_work, setting_done, &setting, fail);
}

uint32_t fleet_interval(struct fleet *fleet)
{
	fleet_lock(fleet);
	const uint32_t interval_ms = fleet->options.interval_ms;

	fleet_unlock(fleet);
	return interval_ms;
}

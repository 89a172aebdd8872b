/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is seen on the wire before a node says anything: anybody can make such packets. So a sighting makes a node
 * only of what looks like a boot loader, only so many a second, and only so many in all (fleet/place.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "fleet/facts.h"

enum { SCRIPT_BYTES = 65536, FORGET_MS = 120000 };

struct change {
	struct fleet *fleet;
	char id[ID_BYTES], mac[13], uuid[37];
	struct place place;
	struct text facts;
	int64_t at_ms;
	struct happening happening;
};

static bool work(struct sql *sql, void *argument, struct fail *fail)
{
	struct change *change = argument;

	if (!place_work(sql, &change->place, fail)) {
		return false;
	}
	return sql_run(sql, fail,
		       "INSERT INTO node (id, admission, uuid, facts, created_ms, changed_ms) "
		       "VALUES (?, 'discovered', ?, ?, ?, ?)",
		       "tttii", change->id, change->uuid, change->facts.bytes, change->at_ms, change->at_ms) &&
	       sql_run(sql, fail,
		       "INSERT INTO mac (mac, node, seen_ms) VALUES (?, ?, ?) "
		       "ON CONFLICT (mac) DO UPDATE SET node = excluded.node, seen_ms = excluded.seen_ms",
		       "tti", change->mac, change->id, change->at_ms) &&
	       happening_store(sql, &change->happening, fail);
}

static void done(void *argument, const struct fail *fail)
{
	struct change *change = argument;
	struct fleet *fleet = change->fleet;

	fleet_lock(fleet);
	place_done(fleet, &change->place, fail == NULL);
	if (fail == NULL) {
		happening_publish(fleet, &change->happening);
	} else {
		struct node *node = node_by_id(fleet, change->id);

		log_error("fleet", "the sighting of %s was not stored: %s", change->mac, fail->text);
		if (node != NULL && node->admission == ADMISSION_DISCOVERED) {
			place_gone(fleet, node); /* the next sighting makes it anew */
		}
	}
	fleet_unlock(fleet);
	text_free(&change->facts);
	free(change);
}

static void learn(struct node *node, const struct fleet_sighting *sighting)
{
	facts_clean(node->network, sizeof(node->network), sighting->network);
	if (sighting->circuit[0] != '\0') {
		facts_clean(node->port, sizeof(node->port), sighting->circuit);
	}
	if (sighting->hostname[0] != '\0') {
		facts_clean(node->hostname, sizeof(node->hostname), sighting->hostname);
	}
	facts_clean(node->vendor, sizeof(node->vendor), sighting->vendor_class);
	node->arch = sighting->arch;
	node->is_closed = sighting->is_closed;
}

static struct node *discover(struct fleet *fleet, const struct fleet_sighting *sighting)
{
	struct change *change = calloc(1, sizeof(*change));
	struct fail fail;

	if (change == NULL) {
		return NULL;
	}
	change->fleet = fleet;
	change->at_ms = clock_wall_ms();
	id_make('n', change->id);
	struct node *node = place_make(fleet, &change->place) ? node_new(fleet, change->id) : NULL;

	if (node == NULL) {
		place_done(fleet, &change->place, false);
		free(change);
		return NULL;
	}
	node->created_ms = change->at_ms;
	(void)hex_print(sighting->mac, 6, change->mac);
	if (sighting->has_uuid) {
		(void)facts_uuid(sighting->uuid, change->uuid);
	}
	node_take_mac(fleet, node, sighting->mac);
	node_set_evidence(fleet, node, "", change->uuid);
	learn(node, sighting);
	facts_write(node, NULL, &change->facts);
	happening_make(fleet, &change->happening, "node.discovered", node->id, NULL,
		       "%s was seen on %s: MAC address %02x:%02x:%02x:%02x:%02x:%02x.", node->id, node->network,
		       sighting->mac[0], sighting->mac[1], sighting->mac[2], sighting->mac[3], sighting->mac[4],
		       sighting->mac[5]);
	if (change->facts.is_broken || !store_submit(fleet->options.store, work, done, change, &fail)) {
		place_done(fleet, &change->place, false);
		text_free(&change->facts);
		free(change);
		node_free(fleet, node);
		return NULL;
	}
	return node;
}

static bool is_boot_loader(const struct fleet_sighting *sighting)
{
	static const char *const classes[] = {"PXEClient", "U-Boot", "HTTPClient"};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (strncmp(sighting->vendor_class, classes[i], strlen(classes[i])) == 0) {
			return true;
		}
	}
	return false;
}

/* The last whole file was a small one: a script, or firmware's first step, and the same boot goes on. */
static bool is_chain(const struct node *node, const struct fleet_sighting *sighting, bool *has_file)
{
	const struct boot_step *last = NULL;

	for (unsigned i = 0; i < node->boot.count; i++) {
		last = node->boot.steps[i].kind == BOOT_STEP_FILE ? &node->boot.steps[i] : last;
	}
	*has_file = last != NULL;
	return last != NULL && last->problem == BOOT_NONE &&
	       (strcmp(node->boot.vendor, sighting->vendor_class) != 0 ||
		(last->end_ms != 0 && last->bytes < SCRIPT_BYTES));
}

static bool is_new_boot(const struct node *node, const struct fleet_sighting *sighting, int64_t wall_ms)
{
	bool has_file;
	const bool goes_on = is_chain(node, sighting, &has_file);

	return node->boot.started_ms == 0 || node->boot.is_said || (has_file && !goes_on) ||
	       wall_ms - node->boot.changed_ms > FORGET_MS;
}

bool fleet_knows(struct fleet *fleet, const uint8_t mac[6])
{
	fleet_lock(fleet);
	const bool is_known = index_find(&fleet->by_mac, index_of_mac(mac)) != NULL;
	fleet_unlock(fleet);
	return is_known;
}

static bool is_station(const uint8_t mac[6])
{
	static const uint8_t none[6];

	return (mac[0] & 1) == 0 && memcmp(mac, none, sizeof(none)) != 0;
}

size_t fleet_approved_macs(struct fleet *fleet, uint8_t (*macs)[6], size_t most)
{
	size_t count = 0;

	fleet_lock(fleet);
	for (size_t i = 0; i < fleet->count; i++) {
		const struct node *node = fleet->nodes[i];

		if (node->admission != ADMISSION_APPROVED) {
			continue;
		}
		/* A node says what it likes of its addresses: one that is another's is not its own. */
		for (unsigned k = 0; k < node->mac_count; k++) {
			if (!is_station(node->macs[k]) ||
			    index_find(&fleet->by_mac, index_of_mac(node->macs[k])) != node) {
				continue;
			}
			if (count < most) {
				memcpy(macs[count], node->macs[k], 6);
			}
			count++;
		}
	}
	fleet_unlock(fleet);
	return count;
}

uint64_t fleet_admissions(struct fleet *fleet)
{
	fleet_lock(fleet);
	const uint64_t admissions = fleet->admissions;
	fleet_unlock(fleet);
	return admissions;
}

/* MAC addresses are made up freely: a flood is told by where it comes in, as far as a switch says it (option 82). */
static uint64_t source_of(const struct fleet *fleet, const struct fleet_sighting *sighting)
{
	char place[sizeof(sighting->network) + sizeof(sighting->circuit)];

	(void)snprintf(place, sizeof(place), "%.*s/%.*s", (int)sizeof(sighting->network) - 1, sighting->network,
		       (int)sizeof(sighting->circuit) - 1, sighting->circuit);
	return index_mix(&fleet->by_serial, index_of_text(&fleet->by_serial, place));
}

void fleet_see(struct fleet *fleet, const struct fleet_sighting *sighting)
{
	const int64_t wall_ms = clock_wall_ms();
	const bool is_loader = is_boot_loader(sighting);

	fleet_lock(fleet);
	/* A UUID that another MAC address shows is no evidence: firmware gives many boards the same. */
	struct node *node = index_find(&fleet->by_mac, index_of_mac(sighting->mac));

	if (node != NULL) {
		node->seen_ms = clock_ms();
	} else if (is_loader && crowd_take(&fleet->sightings, source_of(fleet, sighting), clock_ms())) {
		node = discover(fleet, sighting);
	}
	if (node != NULL && is_loader) {
		const struct fleet_step step = {.kind = "discover", .start_ms = wall_ms};

		if (is_new_boot(node, sighting, wall_ms)) {
			boots_begin(fleet, node, wall_ms, false);
			(void)snprintf(node->boot.vendor, sizeof(node->boot.vendor), "%s", sighting->vendor_class);
		}
		learn(node, sighting);
		boots_step(fleet, node, &step);
	} else if (node != NULL && sighting->hostname[0] != '\0' &&
		   strcmp(node->hostname, sighting->hostname) != 0) {
		facts_clean(node->hostname, sizeof(node->hostname), sighting->hostname);
		node_dirty(fleet, node);
	}
	fleet_unlock(fleet);
}

static void take(struct fleet *fleet, struct node *node, const struct fleet_step *step)
{
	struct fleet_step clean = *step;

	if (node == NULL || node->is_ghost) {
		return;
	}
	facts_clean(clean.detail, sizeof(clean.detail), step->detail);
	boots_step(fleet, node, &clean);
}

void fleet_step_by_mac(struct fleet *fleet, const uint8_t mac[6], const struct fleet_step *step)
{
	fleet_lock(fleet);
	take(fleet, index_find(&fleet->by_mac, index_of_mac(mac)), step);
	fleet_unlock(fleet);
}

void fleet_step_by_address(struct fleet *fleet, struct in_addr address, const struct fleet_step *step)
{
	fleet_lock(fleet);
	struct node *node = index_find(&fleet->by_peer, address.s_addr);

	take(fleet, node != NULL ? node : index_find(&fleet->by_ip, address.s_addr), step);
	fleet_unlock(fleet);
}

bool fleet_may_fetch(struct fleet *fleet, struct in_addr address)
{
	fleet_lock(fleet);
	const struct node *node = index_find(&fleet->by_peer, address.s_addr);
	const bool may = node != NULL && node_is_trusted(node) && node->admission == ADMISSION_APPROVED;

	fleet_unlock(fleet);
	return may;
}

void fleet_power(struct fleet *fleet, const char *id, bool is_on)
{
	fleet_lock(fleet);
	struct node *node = node_by_id(fleet, id);

	if (node != NULL && !is_on) {
		boots_stage(fleet, node, STAGE_EVENT_POWER_OFF);
	}
	fleet_unlock(fleet);
}

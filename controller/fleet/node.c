/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node's place in the tables. Invariants: `nodes` is in order of the id and holds no ghost; a MAC address, a boot
 * id, an address of the network belong to one node at most; the first that showed a serial or UUID has it.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/own.h"

/* Where a node of that id is, or would be. */
static size_t place_of(const struct fleet *fleet, const char *id)
{
	size_t low = 0;
	size_t high = fleet->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (strcmp(fleet->nodes[middle]->id, id) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

struct node *node_after(const struct fleet *fleet, const char *id)
{
	size_t at = place_of(fleet, id);

	at += at < fleet->count && strcmp(fleet->nodes[at]->id, id) == 0;
	return at < fleet->count ? fleet->nodes[at] : NULL;
}

static bool make_room(struct fleet *fleet)
{
	if (fleet->count < fleet->room) {
		return true;
	}
	const size_t room = fleet->room == 0 ? 64 : 2 * fleet->room;
	struct node **nodes = realloc(fleet->nodes, room * sizeof(*nodes));

	if (nodes == NULL) {
		return false;
	}
	fleet->nodes = nodes;
	uint64_t *rests = realloc(fleet->rests, room * sizeof(*rests));

	if (rests == NULL) {
		return false;
	}
	fleet->rests = rests;
	fleet->room = room;
	return true;
}

struct node *node_new(struct fleet *fleet, const char *id)
{
	if (fleet->count >= FLEET_NODES_MAX || !make_room(fleet)) {
		return NULL;
	}
	struct node *node = calloc(1, sizeof(*node));

	if (node == NULL) {
		return NULL;
	}
	memcpy(node->id, id, sizeof(node->id));
	node->labels = strdup("{}");
	node->facts = strdup("{}");
	node->is_to_run = true;
	node->rev = 1;
	node->seen_ms = clock_ms();
	if (node->labels == NULL || node->facts == NULL ||
	    !index_put(&fleet->by_id, index_of_text(&fleet->by_id, id), node)) {
		free(node->labels);
		free(node->facts);
		free(node);
		return NULL;
	}
	const size_t at = place_of(fleet, id);

	memmove(&fleet->nodes[at + 1], &fleet->nodes[at], (fleet->count - at) * sizeof(struct node *));
	memmove(&fleet->rests[at + 1], &fleet->rests[at], (fleet->count - at) * sizeof(fleet->rests[0]));
	fleet->nodes[at] = node;
	fleet->rests[at] = 0;
	fleet->count++;
	fleet->discovered++;
	return node;
}

static void unlink_lists(struct fleet *fleet, struct node *node)
{
	for (struct node **at = &fleet->dirty; node->is_dirty && *at != NULL; at = &(*at)->next_dirty) {
		if (*at == node) {
			*at = node->next_dirty;
			break;
		}
	}
	if (node->is_due) {
		struct node *before = NULL;
		struct node *each = fleet->due;

		while (each != node) {
			before = each;
			each = each->next_due;
		}
		*(before == NULL ? &fleet->due : &before->next_due) = node->next_due;
		fleet->due_last = fleet->due_last == node ? before : fleet->due_last;
	}
}

void node_free(struct fleet *fleet, struct node *node)
{
	if (!node->is_ghost) {
		const size_t at = place_of(fleet, node->id);

		clash_drop_ghost(fleet, node);
		fleet->count--;
		memmove(&fleet->nodes[at], &fleet->nodes[at + 1], (fleet->count - at) * sizeof(struct node *));
		memmove(&fleet->rests[at], &fleet->rests[at + 1], (fleet->count - at) * sizeof(fleet->rests[0]));
		fleet->discovered -= node->admission == ADMISSION_DISCOVERED;
		fleet->pending -= node->admission == ADMISSION_PENDING;
		fleet->leaving -= node->is_leaving;
		index_drop(&fleet->by_id, index_of_text(&fleet->by_id, node->id), node);
	}
	for (unsigned i = 0; i < node->mac_count; i++) {
		index_drop(&fleet->by_mac, index_of_mac(node->macs[i]), node);
	}
	fleet->admissions++;
	index_drop(&fleet->by_boot, node->boot_id, node);
	index_drop(&fleet->by_ip, node->ip.s_addr, node);
	for (unsigned of = 0; of < PEER_COUNT; of++) {
		index_drop(&fleet->by_peer, node->peers[of].s_addr, node);
	}
	index_drop(&fleet->by_serial, index_of_text(&fleet->by_serial, node->serial), node);
	index_drop(&fleet->by_uuid, index_of_text(&fleet->by_uuid, node->uuid), node);
	unlink_lists(fleet, node);
	if (node->link != NULL && fleet->link.free != NULL) {
		fleet->link.free(fleet->link.argument, node->link);
	}
	rates_free(node);
	boot_clear(&node->boot);
	free(node->labels);
	free(node->facts);
	free(node->json);
	free(node);
}

static bool has_mac(const struct node *node, const uint8_t mac[6])
{
	for (unsigned i = 0; i < node->mac_count; i++) {
		if (memcmp(node->macs[i], mac, 6) == 0) {
			return true;
		}
	}
	return false;
}

void node_add_mac(struct fleet *fleet, struct node *node, const uint8_t mac[6])
{
	if (!has_mac(node, mac) && node->mac_count < NODE_MACS_MAX) {
		memcpy(node->macs[node->mac_count++], mac, 6);
	}
	if (has_mac(node, mac) && index_find(&fleet->by_mac, index_of_mac(mac)) == NULL) {
		(void)index_put(&fleet->by_mac, index_of_mac(mac), node);
		fleet->admissions++;
	}
}

void node_take_mac(struct fleet *fleet, struct node *node, const uint8_t mac[6])
{
	struct node *owner = index_find(&fleet->by_mac, index_of_mac(mac));

	if (owner != NULL && owner != node) {
		index_drop(&fleet->by_mac, index_of_mac(mac), owner);
	}
	node_add_mac(fleet, node, mac);
}

bool node_is_junk(const char *evidence)
{
	/* What firmware says when nobody filled it in. */
	static const char *const words[] = {"to be filled", "default string", "not specified", "not applicable",
					    "none", "unknown", "system serial", "0123456789", "123456789",
					    "03000200-0400-0500-0006-000700080009"};
	const size_t length = strlen(evidence);
	size_t distinct = 0;

	for (size_t i = 0; i < length; i++) {
		distinct += evidence[i] != '-' && memchr(evidence, evidence[i], i) == NULL;
	}
	if (length < 4 || distinct < 3) {
		return true;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strncasecmp(evidence, words[i], strlen(words[i])) == 0) {
			return true;
		}
	}
	return false;
}

static void set_evidence(struct index *index, struct node *node, char *have, size_t size, const char *value)
{
	if (strcmp(have, value) == 0 || value[0] == '\0') {
		return;
	}
	index_drop(index, index_of_text(index, have), node);
	(void)strncpy(have, value, size - 1);
	have[size - 1] = '\0';
	if (!node_is_junk(have) && index_find(index, index_of_text(index, have)) == NULL) {
		(void)index_put(index, index_of_text(index, have), node);
	}
}

void node_set_evidence(struct fleet *fleet, struct node *node, const char *serial, const char *uuid)
{
	set_evidence(&fleet->by_serial, node, node->serial, sizeof(node->serial), serial);
	set_evidence(&fleet->by_uuid, node, node->uuid, sizeof(node->uuid), uuid);
}

void node_set_ip(struct fleet *fleet, struct node *node, struct in_addr ip)
{
	struct node *owner = index_find(&fleet->by_ip, ip.s_addr);

	if (node->ip.s_addr == ip.s_addr && owner == node) {
		return;
	}
	index_drop(&fleet->by_ip, node->ip.s_addr, node);
	if (owner != NULL && owner != node) {
		index_drop(&fleet->by_ip, ip.s_addr, owner);
		if (!owner->is_ghost) {
			owner->ip.s_addr = 0;
			node_dirty(fleet, owner);
		}
	}
	node->ip = ip;
	(void)index_put(&fleet->by_ip, ip.s_addr, node);
	node_dirty(fleet, node);
}

void node_set_peer(struct fleet *fleet, struct node *node, enum peer_of of, struct in_addr peer)
{
	struct in_addr *have = &node->peers[of];
	const struct in_addr *other = &node->peers[PEER_COUNT - 1 - of];

	if (have->s_addr == peer.s_addr && index_find(&fleet->by_peer, peer.s_addr) == node) {
		return;
	}
	if (have->s_addr != other->s_addr) {
		index_drop(&fleet->by_peer, have->s_addr, node);
	}
	*have = peer;
	if (node->admission == ADMISSION_APPROVED) {
		(void)index_put(&fleet->by_peer, peer.s_addr, node);
	}
}

void node_set_admission(struct fleet *fleet, struct node *node, enum admission admission)
{
	fleet->discovered -= node->admission == ADMISSION_DISCOVERED;
	fleet->pending -= node->admission == ADMISSION_PENDING;
	node->admission = admission;
	fleet->admissions++;
	fleet->discovered += node->admission == ADMISSION_DISCOVERED;
	fleet->pending += node->admission == ADMISSION_PENDING;
	for (unsigned of = 0; of < PEER_COUNT; of++) {
		node_set_peer(fleet, node, of, node->peers[of]);
	}
	node_dirty(fleet, node);
}

void node_dirty(struct fleet *fleet, struct node *node)
{
	if (!node->is_dirty && !node->is_ghost) {
		node->is_dirty = true;
		node->next_dirty = fleet->dirty;
		fleet->dirty = node;
	}
}

void node_set_text(char **text, const char *value)
{
	char *copy = strdup(value);

	if (copy != NULL) {
		free(*text);
		*text = copy;
	}
}

const char *node_name(const struct node *node)
{
	return node->name[0] != '\0' ? node->name : node->id;
}

struct node *node_by_boot(struct fleet *fleet, uint64_t boot_id)
{
	return index_find(&fleet->by_boot, boot_id);
}

struct node *node_by_id(struct fleet *fleet, const char *id)
{
	struct node *node = index_find(&fleet->by_id, index_of_text(&fleet->by_id, id));

	return node != NULL && strcmp(node->id, id) == 0 ? node : NULL;
}

bool node_is_trusted(const struct node *node)
{
	return (node->admission == ADMISSION_APPROVED || node->admission == ADMISSION_RETIRED) &&
	       node->clash[0] == '\0' && !node->is_ghost;
}

void node_set_due(struct fleet *fleet, struct node *node)
{
	if (node->is_due || node->is_ghost) {
		return;
	}
	node->is_due = true;
	node->next_due = NULL;
	*(fleet->due_last == NULL ? &fleet->due : &fleet->due_last->next_due) = node;
	fleet->due_last = node;
	if (fleet->link.wake != NULL) {
		fleet->link.wake(fleet->link.argument);
	}
}

struct node *node_take_due(struct fleet *fleet)
{
	struct node *node = fleet->due;

	if (node != NULL) {
		fleet->due = node->next_due;
		fleet->due_last = fleet->due == NULL ? NULL : fleet->due_last;
		node->is_due = false;
		node->next_due = NULL;
	}
	return node;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* 200 nodes that said hello once and beat at 1 Hz whatever happens, and some that say hello in the middle of it. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "e2e/kills/kills.h"

enum { LATE_MS = 300, AGAIN_MS = 50 };

/* Until it is answered: what counts is an answer. */
static bool hello(struct kills *kills, unsigned number)
{
	const uint64_t until_ms = clock_ms() + PATIENCE_MS;
	struct hello_answer answer;

	while (!virtual_node_say_hello(&kills->beats.nodes[number], &kills->controller, &answer)) {
		if (clock_ms() > until_ms || atomic_load(&kills->is_ending)) {
			return false;
		}
		pause_ms(AGAIN_MS);
	}
	return true;
}

static void *say_late_hellos(void *argument)
{
	struct kills *kills = argument;

	for (unsigned i = STEADY; i < NODES && work_begin(kills); i++) {
		if (hello(kills, i)) {
			kills->nodes[i].is_late_there = true;
			atomic_store(&kills->beats.orders[i], BEATS_GO);
			atomic_fetch_add(&kills->late_count, 1);
		}
		work_end(kills);
		pause_ms(LATE_MS);
	}
	return NULL;
}

/* 52:54:00:nn:nn:nn */
static bool learn_ids(struct kills *kills)
{
	json_t *page = ask(kills, "GET", "/api/v1/nodes?limit=1000", NULL);
	json_t *ids = json_array();
	size_t i;
	json_t *node;
	unsigned a;
	unsigned b;

	json_array_foreach(json_object_get(page, "items"), i, node)
	{
		const char *mac = json_string_value(json_array_get(json_object_get(node, "macs"), 0));
		if (mac != NULL && sscanf(mac, "52:54:00:00:%x:%x", &a, &b) == 2 && (a << 8 | b) < STEADY) {
			snprintf(kills->nodes[a << 8 | b].id, ID_ROOM, "%s",
				 json_string_value(json_object_get(node, "id")));
			json_array_append(ids, json_object_get(node, "id"));
		}
	}
	json_t *body = json_pack("{so}", "ids", ids);
	char *text = json_dumps(body, JSON_COMPACT);
	json_t *answer = ask(kills, "POST", "/api/v1/nodes/approve", text);
	const bool ok = json_array_size(ids) == STEADY && answer != NULL;
	for (i = 0; i < STEADY; i++) {
		kills->nodes[i].admission = (struct claim){APPROVED, APPROVED};
		kills->nodes[i].approvals = 1;
	}
	free(text);
	json_decref(body);
	json_decref(answer);
	json_decref(page);
	return ok;
}

/* Only then are they cordoned: a node that is cordoned is given nothing new. */
static bool all_run(struct kills *kills)
{
	const uint64_t until_ms = clock_ms() + PATIENCE_MS;
	json_int_t running = 0;

	while (running < STEADY && clock_ms() < until_ms) {
		json_t *system = ask(kills, "GET", "/api/v1/system", NULL);
		running = json_integer_value(json_object_get(json_object_get(system, "nodes"), "running"));
		json_decref(system);
		pause_ms(AGAIN_MS);
	}
	return running == STEADY;
}

bool nodes_start(struct kills *kills)
{
	struct beats *beats = &kills->beats;

	beats->count = NODES;
	beats->nodes = calloc(NODES, sizeof(*beats->nodes));
	beats->orders = calloc(NODES, sizeof(*beats->orders));
	kills->controller = beats->to = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(NODE_PORT), .sin_addr.s_addr = htonl(0x0a4d0001u)};
	if (beats->nodes == NULL || beats->orders == NULL) {
		return false;
	}
	for (unsigned i = 0; i < NODES; i++) {
		virtual_node_begin(&beats->nodes[i], i, 0);
		beats->nodes[i].ip.s_addr = htonl(0x0a4e0000u + i + 1);
		atomic_store(&beats->orders[i], i < STEADY ? BEATS_GO : BEATS_STOP);
	}
	for (unsigned i = 0; i < STEADY; i++) {
		if (!hello(kills, i)) {
			return false;
		}
	}
	return learn_ids(kills) && beats_start(beats) && all_run(kills) &&
	       pthread_create(&kills->late, NULL, say_late_hellos, kills) == 0;
}

void nodes_end(struct kills *kills)
{
	beats_end(&kills->beats);
	pthread_join(kills->late, NULL);
	for (unsigned i = 0; i < NODES; i++) {
		virtual_node_end(&kills->beats.nodes[i]);
	}
	free(kills->beats.nodes);
	free((void *)(uintptr_t)kills->beats.orders);
}

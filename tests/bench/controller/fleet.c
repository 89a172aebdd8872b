/* SPDX-License-Identifier: Apache-2.0 */
/* A fleet of virtual nodes in front of a real aetherd: all say hello, are approved, and beat. */
#include "bench/controller/fleet.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum {
	HELLO_THREADS = 8,
	HELLO_TURN = 1000, /* then they are approved: only so many strangers have a place */
	HELLO_AGAIN_MS = 200, /* and only so many a second are heard */
	HELLO_MS = 60000,
	SETTLE_MS = 90000,
	PAGE = 1000,
	PATH_ROOM = 160
};

static void *say_hellos(void *argument)
{
	struct fleet_bench *bench = argument;

	for (unsigned i = atomic_fetch_add(&bench->next_hello, 1); i < bench->hellos_end;
	     i = atomic_fetch_add(&bench->next_hello, 1)) {
		struct hello_answer answer;
		bool ok = false;
		const uint64_t until_ms = clock_ms() + HELLO_MS;
		while (!(ok = virtual_node_say_hello(&bench->beats.nodes[i], &bench->http, &answer)) &&
		       clock_ms() < until_ms) {
			pause_ms(HELLO_AGAIN_MS);
		}
		atomic_fetch_add(&bench->hellos, ok);
	}
	return NULL;
}

static bool hello_some(struct fleet_bench *bench, unsigned end)
{
	bench->hellos_end = end;
	atomic_store(&bench->next_hello, atomic_load(&bench->hellos));
	pthread_t threads[HELLO_THREADS];

	for (unsigned i = 0; i < HELLO_THREADS; i++) {
		if (pthread_create(&threads[i], NULL, say_hellos, bench) != 0) {
			return false;
		}
	}
	for (unsigned i = 0; i < HELLO_THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	return atomic_load(&bench->hellos) == end;
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
		json_t *page = read_page(bench, "&admission=pending", next);
		const json_t *items = json_object_get(page, "items");
		keep_ids(bench, items);
		ok = page != NULL && (json_array_size(items) == 0 || approve_page(bench, items));
		json_decref(page);
	} while (ok && next[0] != '\0');
	return ok;
}

unsigned fleet_count_of(const struct fleet_bench *bench, const char *state)
{
	json_t *system = subject_ask(&bench->subject, "GET", "/api/v1/system", NULL);
	const json_int_t count =
		json_integer_value(json_object_get(json_object_get(system, "nodes"), state));

	json_decref(system);
	return (unsigned)count;
}

/* By the stage, which silence does not hide. */
unsigned fleet_count_failed(const struct fleet_bench *bench)
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

	while (fleet_count_of(bench, "running") < bench->count) {
		if (clock_ms() > until_ms) {
			fprintf(stderr, "bench: %u of %u nodes run after %d s\n",
				fleet_count_of(bench, "running"), bench->count, SETTLE_MS / 1000);
			return false;
		}
		pause_ms(250);
	}
	return true;
}

void fleet_end(struct fleet_bench *bench)
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
bool fleet_begin(struct fleet_bench *bench, unsigned count, const char *program,
		 const char *bundle, bool is_served)
{
	*bench = (struct fleet_bench){.count = count};
	bench->beats.count = count;
	bench->beats.echoes = bench->subject.observes = is_served;
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
		bench->beats.nodes[i].varies = is_served;
		bench->beats.nodes[i].ip.s_addr = htonl(0x7f010000u + i + 1);
	}
	for (unsigned done = 0; done < count; done += HELLO_TURN) {
		if (!hello_some(bench, count - done < HELLO_TURN ? count : done + HELLO_TURN)) {
			fprintf(stderr, "bench: only %u of %u hellos were answered\n",
				atomic_load(&bench->hellos), count);
			return false;
		}
		if (!approve_all(bench)) {
			return false;
		}
	}
	return beats_start(&bench->beats) && settle(bench);
}

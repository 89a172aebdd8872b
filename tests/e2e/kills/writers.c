/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two writers that change things without pause, each with nodes of its own so that it knows what must be there: one
 * over the Unix socket, one over TCP with a token. A request that got no answer is sent again, a POST with its
 * Idempotency-Key, until it has one; only when that says that nobody knows is what is there looked at instead.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "e2e/kills/kills.h"

struct writer {
	struct kills *kills;
	unsigned place;
	uint64_t random;
	unsigned next; /* of keys, serials and values */
	char headers[320];
	/* the last POST that was done */
	unsigned done_key;
	char done_path[128], done_body[192];
};
enum outcome { DONE, REFUSED, UNKNOWN };

const char *admitted_text(unsigned admitted)
{
	static const char *const words[] = {"pending", "approved", "rejected", "retired"};

	return admitted < 4 ? words[admitted] : "?";
}

json_t *ask(struct kills *kills, const char *method, const char *path, const char *body)
{
	struct client_answer answer;

	client_ask_unix(kills->socket, method, path, NULL, body, &answer);
	json_t *json = answer.status < 200 || answer.status >= 300 ? NULL
		       : answer.body_bytes == 0			   ? json_object()
								   : client_json(&answer);
	client_free(&answer);
	return json;
}

static void send_once(struct writer *writer, const char *method, const char *path, const char *body,
		      struct client_answer *answer)
{
	struct kills *kills = writer->kills;

	atomic_fetch_add(&kills->asking, 1);
	if (writer->place == 0) {
		client_ask_unix(kills->socket, method, path, writer->headers, body, answer);
	} else {
		client_ask(PEOPLE_PORT, method, path, writer->headers, body, answer);
	}
	atomic_fetch_sub(&kills->asking, 1);
}

static void put_token(struct writer *writer)
{
	writer->headers[0] = '\0';
	if (writer->place == 1) {
		snprintf(writer->headers, sizeof(writer->headers), "Authorization: Bearer %s\r\n",
			 writer->kills->token);
	}
}

static void put_key(struct writer *writer, unsigned key)
{
	snprintf(writer->headers + strlen(writer->headers), 64, "Idempotency-Key: %u-%u\r\n", writer->place, key);
}

/* A change that was cut off was made, or was not. */
static void look_for_half(struct kills *kills, const char *path)
{
	json_t *node = ask(kills, "GET", path, NULL);
	const char *name = json_string_value(json_object_get(node, "name"));
	const char *label = json_string_value(json_object_get(json_object_get(node, "labels"), "v"));
	unsigned number;
	unsigned value;

	if (node == NULL || name == NULL || sscanf(name, "k%u-%u", &number, &value) != 2) {
		value = 0; /* nobody serves, or it has no name yet */
	}
	if (node != NULL && (value != (label != NULL ? strtoul(label, NULL, 10) : 0) ||
			     (value % 2 != 0) != json_is_true(json_object_get(node, "cordoned")))) {
		complain(kills, "half a change: %s has the name '%s', the label '%s' and is %scordoned", path, name,
			 label != NULL ? label : "", json_is_true(json_object_get(node, "cordoned")) ? "" : "not ");
	}
	json_decref(node);
}

/* *answer is what came at last; the caller frees it. */
static enum outcome send_until_answered(struct writer *writer, const char *method, const char *path, const char *body,
			 struct client_answer *answer)
{
	struct kills *kills = writer->kills;
	const bool has_key = strcmp(method, "POST") == 0;
	const uint64_t until_ms = clock_ms() + PATIENCE_MS;
	bool was_cut = false;

	put_token(writer);
	if (has_key) {
		put_key(writer, ++writer->next);
	}
	for (;;) {
		send_once(writer, method, path, body, answer);
		const bool runs_still = answer->status == 409 && strstr(answer->body, "still runs") != NULL;
		if (answer->status != 0 && answer->status != 503 && !runs_still) {
			break;
		}
		if (answer->status == 0 && !was_cut) {
			atomic_fetch_add(&kills->cut_off, 1);
			was_cut = true;
		}
		if (clock_ms() > until_ms) {
			complain(kills, "%s %s has no answer in %d s", method, path, PATIENCE_MS / 1000);
			return UNKNOWN;
		}
		client_free(answer);
		if (was_cut && !has_key && strncmp(path, "/api/v1/nodes/", 14) == 0) {
			look_for_half(kills, path);
		}
		pause_ms(20);
	}
	if (client_header(answer, "Idempotency-Replayed") != NULL) {
		atomic_fetch_add(&kills->repeated, 1);
	}
	if (answer->status < 300) {
		atomic_fetch_add(&kills->acked, 1);
		if (has_key) {
			writer->done_key = writer->next;
			snprintf(writer->done_path, sizeof(writer->done_path), "%s", path);
			snprintf(writer->done_body, sizeof(writer->done_body), "%s", body);
		}
		return DONE;
	}
	if (answer->status == 409 && strstr(answer->body, "was cut off") != NULL) {
		atomic_fetch_add(&kills->unknown, 1);
		return UNKNOWN;
	}
	return REFUSED;
}

static void refused(struct writer *writer, const char *what, struct client_answer *answer)
{
	complain(writer->kills, "%s is refused with %u: %.160s", what, answer->status, answer->body);
}

/* Name, label and cordon in one request: all of them or none. */
static void change(struct writer *writer, unsigned number)
{
	struct node_claim *node = &writer->kills->nodes[number];
	struct client_answer answer;
	char path[96];
	char body[160];

	node->value.maybe = node->value.is + 1;
	snprintf(path, sizeof(path), "/api/v1/nodes/%s", node->id);
	snprintf(body, sizeof(body), "{\"name\":\"k%u-%u\",\"labels\":{\"v\":\"%u\"},\"cordoned\":%s}", number,
		 node->value.maybe, node->value.maybe, node->value.maybe % 2 != 0 ? "true" : "false");
	if (send_until_answered(writer, "PATCH", path, body, &answer) == DONE) {
		node->value.is = node->value.maybe;
	} else {
		refused(writer, "a change", &answer);
	}
	client_free(&answer);
}

static void settle_admission(struct writer *writer, struct node_claim *node, const char *path)
{
	const uint64_t until_ms = clock_ms() + PATIENCE_MS;
	json_t *json;

	while ((json = ask(writer->kills, "GET", path, NULL)) == NULL && clock_ms() < until_ms) {
		pause_ms(20);
	}
	const char *now = json_string_value(json_object_get(json, "admission"));

	if (now != NULL && strcmp(now, admitted_text(node->admission.maybe)) == 0) {
		node->approvals += node->admission.maybe == APPROVED;
		node->admission.is = node->admission.maybe;
	} else if (now == NULL || strcmp(now, admitted_text(node->admission.is)) != 0) {
		complain(writer->kills, "%s is %s: it was %s and asked to be %s", node->id, now != NULL ? now : "gone",
			 admitted_text(node->admission.is), admitted_text(node->admission.maybe));
	}
	json_decref(json);
}

static void admit(struct writer *writer, unsigned number)
{
	static const char *const acts[] = {[APPROVED] = "approve", [REJECTED] = "reject", [RETIRED] = "retire"};
	struct node_claim *node = &writer->kills->nodes[number];
	struct client_answer answer;
	char node_path[96];
	char path[128];

	node->admission.maybe = node->admission.is == APPROVED ? RETIRED
				: node->admission.is == RETIRED && chance(&writer->random, 2) == 0
					? REJECTED
					: APPROVED;
	snprintf(node_path, sizeof(node_path), "/api/v1/nodes/%s", node->id);
	snprintf(path, sizeof(path), "%s/%s", node_path, acts[node->admission.maybe]);
	switch (send_until_answered(writer, "POST", path, "{}", &answer)) {
	case DONE:
		node->approvals += node->admission.maybe == APPROVED;
		node->admission.is = node->admission.maybe;
		break;
	case UNKNOWN:
		settle_admission(writer, node, node_path);
		break;
	case REFUSED:
		refused(writer, acts[node->admission.maybe], &answer);
		break;
	}
	node->admission.maybe = node->admission.is;
	client_free(&answer);
}

static void restart(struct writer *writer, unsigned number)
{
	struct node_claim *node = &writer->kills->nodes[number];
	struct client_answer answer;
	char path[96];

	snprintf(path, sizeof(path), "/api/v1/nodes/%s/restart-guests", node->id);
	const enum outcome outcome = send_until_answered(writer, "POST", path, "{}", &answer);
	node->restarts += outcome == DONE;
	node->restarts_unknown += outcome == UNKNOWN;
	if (outcome == REFUSED) {
		refused(writer, "restart-guests", &answer);
	}
	client_free(&answer);
}

static void drop_rule(struct writer *writer, struct rule_claim *rule)
{
	struct client_answer answer;
	char path[96];

	rule->may_be_gone = true;
	snprintf(path, sizeof(path), "/api/v1/rules/%s", rule->id);
	const enum outcome outcome = send_until_answered(writer, "DELETE", path, NULL, &answer);
	/* Behind one that was cut off it may be gone already. */
	if (outcome != DONE && answer.status != 404) {
		refused(writer, "dropping a rule", &answer);
	}
	client_free(&answer);
	*rule = (struct rule_claim){.serial = 0};
}

static void use_rule(struct writer *writer)
{
	struct rule_claim *rule = &writer->kills->rules[chance(&writer->random, RULES)];
	struct client_answer answer;
	char body[192];

	if (rule->id[0] != '\0') {
		drop_rule(writer, rule);
		return;
	}
	if (rule->serial != 0) {
		return; /* its answer was lost: it stays to be looked for */
	}
	rule->serial = ++writer->next;
	snprintf(body, sizeof(body),
		 "{\"matches\":{\"serial\":\"kill-%u\"},\"count\":1,\"ends\":\"2099-01-01T00:00:00Z\"}", rule->serial);
	const enum outcome outcome = send_until_answered(writer, "POST", "/api/v1/rules", body, &answer);
	if (outcome == DONE) {
		json_t *json = client_json(&answer);
		const char *id = json_string_value(json_object_get(json, "id"));
		snprintf(rule->id, sizeof(rule->id), "%s", id != NULL ? id : "");
		rule->is_sure = true;
		json_decref(json);
	} else if (outcome == REFUSED) {
		refused(writer, "a rule", &answer);
		rule->serial = 0;
	}
	client_free(&answer);
}

static void set_interval(struct writer *writer)
{
	struct claim *interval = &writer->kills->interval;
	struct client_answer answer;
	char body[64];

	interval->maybe = 1000 + chance(&writer->random, 100);
	snprintf(body, sizeof(body), "{\"interval_ms\":%u}", interval->maybe);
	if (send_until_answered(writer, "PATCH", "/api/v1/settings", body, &answer) == DONE) {
		interval->is = interval->maybe;
	} else {
		refused(writer, "a setting", &answer);
	}
	client_free(&answer);
}

/* As one does who lost the answer, perhaps over some deaths: what was done is not done again. */
static void say_again(struct writer *writer)
{
	struct client_answer answer;

	if (writer->done_key == 0) {
		return;
	}
	put_token(writer);
	put_key(writer, writer->done_key);
	send_once(writer, "POST", writer->done_path, writer->done_body, &answer);
	const bool is_replayed = client_header(&answer, "Idempotency-Replayed") != NULL;
	atomic_fetch_add(&writer->kills->repeated, is_replayed);
	/* Its answer is kept behind what was done: a death between them leaves the key as one that nobody knows of. */
	if (answer.status != 0 && answer.status != 503 && !is_replayed && strstr(answer.body, "was cut off") == NULL) {
		complain(writer->kills, "%s with the key of before is answered with %u: %.160s", writer->done_path,
			 answer.status, answer.body);
	}
	client_free(&answer);
}

/* Nodes of the writer's own, from `first` below `end`. */
static unsigned pick(struct writer *writer, unsigned first, unsigned end)
{
	return first + WRITERS * chance(&writer->random, (end - first) / WRITERS) + writer->place;
}

static void *write_on(void *argument)
{
	struct writer *writer = argument;

	while (work_begin(writer->kills)) {
		switch (chance(&writer->random, 10)) {
		case 0:
		case 1:
			admit(writer, pick(writer, 0, FICKLE));
			break;
		case 2:
			restart(writer, pick(writer, FICKLE, STEADY));
			break;
		case 3:
			if (writer->place == 0) {
				use_rule(writer);
			}
			break;
		case 4:
			if (writer->place == 0) {
				set_interval(writer);
			}
			break;
		case 5:
			say_again(writer);
			break;
		default:
			change(writer, pick(writer, 0, STEADY));
			break;
		}
		work_end(writer->kills);
	}
	return NULL;
}

bool writers_start(struct kills *kills)
{
	static struct writer writers[WRITERS];
	json_t *json = ask(kills, "POST", "/api/v1/tokens", "{\"name\":\"writer\"}");
	const char *token = json_string_value(json_object_get(json, "token"));
	bool ok = token != NULL;

	snprintf(kills->token, sizeof(kills->token), "%s", ok ? token : "");
	json_decref(json);
	kills->interval = (struct claim){1000, 1000};
	for (unsigned i = 0; ok && i < WRITERS; i++) {
		writers[i] = (struct writer){.kills = kills, .place = i, .random = kills->seed * 7919 + i + 1};
		ok = pthread_create(&kills->writers[i], NULL, write_on, &writers[i]) == 0;
	}
	return ok;
}

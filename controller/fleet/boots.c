/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot that a node is at, and its row in the database: written when it said hello (fleet/hello.c), got to run,
 * failed, or was followed by another. Steps come from the wire, from dnsmasq's log and from the node listener, in
 * any order and any number.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "fleet/own.h"

/* --- into the database --- */

struct record {
	char node[ID_BYTES];
	char boot[17]; /* 16 hex digits, or an id of ours when it never said hello */
	int64_t started_ms, ended_ms;
	const char *outcome;
	char address[INET_ADDRSTRLEN];
	struct text steps;
};

static bool record_work(struct sql *sql, void *argument, struct fail *fail)
{
	const struct record *record = argument;
	static const char put[] =
		"INSERT INTO boot (id, node, key, address, started_ms, ended_ms, outcome, steps) "
		"VALUES (?, ?, x'', ?, ?, NULLIF(?, 0), ?, ?) ON CONFLICT (id) DO UPDATE SET "
		"started_ms = excluded.started_ms, ended_ms = excluded.ended_ms, outcome = excluded.outcome, "
		"steps = excluded.steps";
	/* Those that ran stay longer: a row's key shows that its boot still lives, and hellos are cheap to make. */
	static const char trim[] =
		"DELETE FROM boot WHERE node = ? AND ended_ms IS NOT NULL AND id NOT IN "
		"(SELECT id FROM boot WHERE node = ? ORDER BY started_ms DESC LIMIT ?) AND id NOT IN "
		"(SELECT id FROM boot WHERE node = ? AND outcome = 'running' ORDER BY started_ms DESC LIMIT ?)";

	return sql_run(sql, fail, put, "tttiitt", record->boot, record->node, record->address, record->started_ms,
		       record->ended_ms, record->outcome, record->steps.bytes) &&
	       sql_run(sql, fail, trim, "ttutu", record->node, record->node, (unsigned)FLEET_BOOTS_KEPT,
		       record->node, (unsigned)FLEET_BOOTS_RAN);
}

static void record_done(void *argument, const struct fail *fail)
{
	struct record *record = argument;

	if (fail != NULL) {
		log_error("fleet", "the boot %s of %s was not stored: %s", record->boot, record->node, fail->text);
	}
	text_free(&record->steps);
	free(record);
}

static const char *outcome_of(const struct node *node)
{
	return node->boot.problem != BOOT_NONE && !node->boot.is_up ? boot_problem_name(node->boot.problem) :
	       node->boot.is_up					    ? "running" :
									      "";
}

void boots_store(struct fleet *fleet, struct node *node, bool is_ended)
{
	struct record *record = calloc(1, sizeof(*record));
	struct fail fail;

	if (record == NULL || node->rev == 0) {
		free(record);
		return;
	}
	struct json json = {.to = &record->steps};

	memcpy(record->node, node->id, sizeof(record->node));
	if (node->boot.is_said && node->boot_id != 0) {
		(void)snprintf(record->boot, sizeof(record->boot), "%016llx", (unsigned long long)node->boot_id);
	} else {
		if (node->boot.id[0] == '\0') {
			id_make('b', node->boot.id);
		}
		(void)snprintf(record->boot, sizeof(record->boot), "%s", node->boot.id);
	}
	record->started_ms = node->boot.started_ms;
	record->ended_ms = is_ended ? clock_wall_ms() : 0;
	record->outcome = outcome_of(node);
	(void)inet_ntop(AF_INET, &node->ip, record->address, sizeof(record->address));
	boot_steps_json(&node->boot, &json, NULL);
	if (record->steps.is_broken ||
	    !store_submit(fleet->options.store, record_work, record_done, record, &fail)) {
		text_free(&record->steps);
		free(record);
	}
}

/* --- what is seen --- */

static void publish_step(struct fleet *fleet, const struct node *node, const struct boot_step *step)
{
	struct text text = {.most = 4096};
	struct json json = {.to = &text};

	json_begin_object(&json, NULL);
	json_text(&json, "node", node->id);
	json_time(&json, "started", node->boot.started_ms);
	json_text(&json, "kind", boot_step_name(step->kind));
	json_text(&json, "detail", step->detail);
	json_time(&json, "start", step->start_ms);
	json_time(&json, "end", step->end_ms);
	json_u64(&json, "bytes", step->bytes);
	json_u64(&json, "total", step->total);
	json_text(&json, "problem", step->problem == BOOT_NONE ? NULL : boot_problem_name(step->problem));
	json_end_object(&json);
	if (!text.is_broken) {
		(void)bus_publish(fleet->options.bus, BUS_BOOTS, "step", 0, text.bytes, text.length);
	}
	text_free(&text);
}

static bool is_loop(const struct node *node, uint64_t now_ms)
{
	const uint64_t oldest = node->began_ms[BOOT_LOOP_BOOTS - 1];

	return oldest != 0 && now_ms - oldest <= BOOT_LOOP_WINDOW_MS;
}

static const char *last_word(const struct boot *boot)
{
	enum boot_problem problem = boot->problem == BOOT_BOOT_LOOP ? BOOT_NONE : boot->problem;

	for (unsigned i = 0; i < boot->count; i++) {
		problem = boot->steps[i].problem != BOOT_NONE ? boot->steps[i].problem : problem;
	}
	return problem == BOOT_NONE ? "no word" : boot_problem_name(problem);
}

void boots_begin(struct fleet *fleet, struct node *node, int64_t started_ms, bool is_hello)
{
	const bool was_up = node->boot.is_up;
	const bool was_loop = node->boot.problem == BOOT_BOOT_LOOP;
	char detail[BOOT_DETAIL_BYTES];

	/* A sighting ends no boot that said hello: anybody can make one. The newer hello does. */
	if (node->boot.started_ms != 0) {
		boots_store(fleet, node, is_hello || !node->boot.is_said);
	}
	if (!is_hello && node->boot.is_said) {
		node->was_up = node->boot.is_up;
		node->is_doubted = true;
	} else if (is_hello) {
		node->is_doubted = false;
	}
	(void)snprintf(detail, sizeof(detail), "the last try ended with %s", last_word(&node->boot));
	boot_clear(&node->boot);
	contact_begin(&node->contact); /* of this boot nothing was heard yet, and its steps say where it is */
	node->is_mass_loss = false;
	node->boot.started_ms = started_ms;
	memmove(&node->began_ms[1], &node->began_ms[0], sizeof(node->began_ms) - sizeof(node->began_ms[0]));
	node->began_ms[0] = clock_ms();
	if (was_up) {
		memset(&node->began_ms[1], 0, sizeof(node->began_ms) - sizeof(node->began_ms[0]));
	}
	if (was_loop && is_loop(node, clock_ms())) {
		boot_set_problem(&node->boot, BOOT_BOOT_LOOP, detail); /* was told */
	} else if (is_loop(node, clock_ms())) {
		boots_fail(fleet, node, BOOT_BOOT_LOOP, detail);
	}
	node_dirty(fleet, node);
}

static bool return_work(struct sql *sql, void *argument, struct fail *fail)
{
	const struct record *record = argument;

	return sql_run(sql, fail, "UPDATE boot SET ended_ms = NULL WHERE id = ? AND node = ?", "tt", record->boot,
		       record->node);
}

void boots_return(struct fleet *fleet, struct node *node)
{
	struct record *record = calloc(1, sizeof(*record));
	struct fail fail;

	boot_clear(&node->boot);
	node->boot.started_ms = node->hello_wall_ms;
	node->boot.is_said = true;
	node->boot.is_up = node->was_up;
	node->is_doubted = false;
	node->stage = STAGE_BOOTING;
	memset(node->began_ms, 0, sizeof(node->began_ms));
	node_dirty(fleet, node);
	if (record == NULL) {
		return;
	}
	memcpy(record->node, node->id, sizeof(record->node));
	(void)snprintf(record->boot, sizeof(record->boot), "%016llx", (unsigned long long)node->boot_id);
	if (!store_submit(fleet->options.store, return_work, record_done, record, &fail)) {
		log_error("fleet", "the boot %s of %s was not stored: %s", record->boot, record->node, fail.text);
		free(record);
	}
}

void boots_fail(struct fleet *fleet, struct node *node, enum boot_problem problem, const char *detail)
{
	char sentence[SHOWN_WHY_BYTES];

	if ((node->boot.problem == problem && strcmp(node->boot.detail, detail) == 0) ||
	    node->boot.problem == BOOT_BOOT_LOOP) {
		return;
	}
	boot_set_problem(&node->boot, problem, detail);
	if (boot_problem_ends(problem)) {
		boots_stage(fleet, node, STAGE_EVENT_PROBLEM);
		boots_store(fleet, node, false);
	}
	happening_submit(fleet, "boot.problem", node->id, "%s: %s", node_name(node),
			 boot_problem_sentence(problem, detail, sentence, sizeof(sentence)));
	node_dirty(fleet, node);
}

void boots_stage(struct fleet *fleet, struct node *node, enum stage_event event)
{
	const enum stage before = node->stage;

	node->stage = stage_after(before, event);
	if (node->stage == before) {
		return;
	}
	node_dirty(fleet, node);
	if (node->stage == STAGE_RUNNING) {
		const bool is_first = !node->boot.is_up;

		node->boot.is_up = true;
		boot_set_problem(&node->boot, BOOT_NONE, "");
		memset(node->began_ms, 0, sizeof(node->began_ms));
		if (is_first && node->boot.is_said) {
			boots_store(fleet, node, false);
		}
		happening_submit(fleet, "node.running", node->id, "%s runs.", node_name(node));
	}
}

/* A good step behind a problem: it goes on by itself. A loop is over only when it runs. */
static void forget_problem(struct node *node, enum boot_step_kind kind)
{
	const enum boot_problem problem = node->boot.problem;

	if (problem != BOOT_BOOT_LOOP && !(problem == BOOT_NO_OFFER && kind == BOOT_STEP_DISCOVER)) {
		boot_set_problem(&node->boot, BOOT_NONE, "");
	}
}

static void stage_of_step(struct fleet *fleet, struct node *node, enum boot_step_kind kind)
{
	if (node->boot.problem != BOOT_NONE) {
		return;
	}
	if (kind == BOOT_STEP_DISCOVER || kind == BOOT_STEP_OFFER) {
		boots_stage(fleet, node, STAGE_EVENT_DHCP);
	} else if (kind == BOOT_STEP_FILE) {
		boots_stage(fleet, node, STAGE_EVENT_FILE);
	} else if (kind == BOOT_STEP_HELLO) {
		boots_stage(fleet, node, STAGE_EVENT_HELLO);
	}
}

static void take_address(struct fleet *fleet, struct node *node, const char *text)
{
	struct in_addr address;

	if (inet_pton(AF_INET, text, &address) == 1 && address.s_addr != 0) {
		node_set_ip(fleet, node, address);
	}
}

/* Whatever follows shows that the question for an address is over. */
static void end_discover(struct boot *boot, int64_t at_ms)
{
	for (unsigned i = 0; i < boot->count; i++) {
		struct boot_step *step = &boot->steps[i];

		if (step->kind == BOOT_STEP_DISCOVER && step->end_ms == 0) {
			step->end_ms = at_ms > step->start_ms ? at_ms : step->start_ms;
		}
	}
}

void boots_step(struct fleet *fleet, struct node *node, const struct fleet_step *step)
{
	enum boot_step_kind kind;
	enum boot_problem problem = BOOT_NONE;

	if (!boot_step_parse(step->kind, &kind) ||
	    (step->problem != NULL && !boot_problem_parse(step->problem, &problem))) {
		log_error("fleet", "a step \"%s\" with the problem \"%s\" is not known", step->kind,
			  step->problem == NULL ? "" : step->problem);
		return;
	}
	/* What a node fetches while it runs is no step of its boot. */
	if (node->boot.is_up && kind >= BOOT_STEP_MANIFEST) {
		return;
	}
	struct boot_step *have = boot_add(&node->boot, kind, step->detail, step->start_ms);

	if (kind == BOOT_STEP_OFFER) {
		take_address(fleet, node, step->detail);
	}
	if (kind > BOOT_STEP_DISCOVER) {
		end_discover(&node->boot, step->start_ms);
	}
	if (have != NULL) {
		if (step->bytes > have->bytes) {
			have->bytes = step->bytes;
			have->moved_ms = clock_wall_ms();
		}
		have->total = step->total > have->total ? step->total : have->total;
		have->end_ms = step->end_ms != 0 ? step->end_ms : have->end_ms;
		have->problem = problem;
		if (kind == BOOT_STEP_OFFER && have->end_ms == 0) {
			have->end_ms = have->start_ms;
		}
	}
	node->boot.changed_ms = clock_wall_ms();
	if (problem != BOOT_NONE && kind != BOOT_STEP_GUEST) { /* a guest's comes with its reason, from beats.c */
		boots_fail(fleet, node, problem, step->detail);
	} else if (problem == BOOT_NONE) {
		forget_problem(node, kind);
		stage_of_step(fleet, node, kind);
	}
	if (have != NULL) {
		publish_step(fleet, node, have);
	}
	node_dirty(fleet, node);
}

/* Approved, told so, and no beat: its datagrams do not arrive. */
static bool is_beat_overdue(const struct node *node)
{
	return node->admission == ADMISSION_APPROVED && node->clash[0] == '\0' && node->boot.is_said &&
	       node->boot.problem == BOOT_NONE && node->heard.at_ms == 0 && node->told_ms != 0 &&
	       clock_ms() - node->told_ms >= BOOT_NO_BEAT_MS;
}

void boots_tick(struct fleet *fleet, struct node *node, int64_t wall_ms)
{
	char detail[BOOT_DETAIL_BYTES];

	if (node->stage != STAGE_BOOTING) {
		return;
	}
	const enum boot_problem problem = boot_overdue(&node->boot, wall_ms, detail);

	if (problem == BOOT_NO_OFFER && node->is_closed && node->admission != ADMISSION_APPROVED) {
		return; /* it is to get none */
	}
	if (problem != BOOT_NONE) {
		boots_fail(fleet, node, problem, detail);
	} else if (is_beat_overdue(node)) {
		boots_fail(fleet, node, BOOT_NO_BEAT, "");
	}
}

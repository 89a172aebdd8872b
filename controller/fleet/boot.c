/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants: steps stand in order of their start; at most BOOT_STEPS_MAX are kept and the others counted. Details
 * may hold anything a node asked for: they came cleaned, are cut here, and are escaped where they are printed.
 */
#include "fleet/boot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGEST_LEAST = 32, DIGEST_SHOWN = 12 }; /* hexadecimal digits */

struct problem {
	const char *name, *sentence, *next;
	bool ends;
};

static const struct problem problems[] = {
#define X(symbol, name_, ends_, sentence_, next_) {(name_), (sentence_), (next_), (ends_)},
	BOOT_PROBLEMS(X)
#undef X
};

const char *boot_problem_name(enum boot_problem problem)
{
	return problems[problem].name;
}

bool boot_problem_parse(const char *name, enum boot_problem *problem)
{
	for (unsigned i = BOOT_NONE + 1; i < BOOT_PROBLEM_COUNT; i++) {
		if (name != NULL && strcmp(name, problems[i].name) == 0) {
			*problem = (enum boot_problem)i;
			return true;
		}
	}
	return false;
}

bool boot_problem_ends(enum boot_problem problem)
{
	return problems[problem].ends;
}

const char *boot_problem_next(enum boot_problem problem)
{
	return problems[problem].next;
}

const char *boot_short_detail(const char *detail, char to[BOOT_DETAIL_BYTES])
{
	size_t at = 0;

	for (const char *from = detail; *from != '\0' && at + 1 < BOOT_DETAIL_BYTES;) {
		const size_t digits = strspn(from, "0123456789abcdef");
		const size_t taken = digits > 0 ? digits : 1;
		size_t shown = digits >= DIGEST_LEAST ? DIGEST_SHOWN : taken;

		shown = shown < BOOT_DETAIL_BYTES - 1 - at ? shown : BOOT_DETAIL_BYTES - 1 - at;
		memcpy(to + at, from, shown);
		at += shown;
		from += taken;
	}
	to[at] = '\0';
	return to;
}

const char *boot_problem_sentence(enum boot_problem problem, const char *detail, char *text, size_t size)
{
	const char *sentence = problems[problem].sentence;
	const char *at = strstr(sentence, "%s");
	char shorter[BOOT_DETAIL_BYTES];

	if (at == NULL) {
		(void)snprintf(text, size, "%s", sentence);
	} else {
		(void)snprintf(text, size, "%.*s%.100s%s", (int)(at - sentence), sentence,
			       detail[0] != '\0' ? boot_short_detail(detail, shorter) : "(no name)", at + 2);
	}
	return text;
}

struct kind {
	const char *name, *words;
};

static const struct kind kinds[] = {
#define X(symbol, name_, words_) {(name_), (words_)},
	BOOT_STEP_KINDS(X)
#undef X
};

bool boot_step_parse(const char *name, enum boot_step_kind *kind)
{
	for (unsigned i = 0; i < BOOT_STEP_KIND_COUNT; i++) {
		if (name != NULL && strcmp(name, kinds[i].name) == 0) {
			*kind = (enum boot_step_kind)i;
			return true;
		}
	}
	return false;
}

const char *boot_step_words(enum boot_step_kind kind)
{
	return kinds[kind].words;
}

const char *boot_step_name(enum boot_step_kind kind)
{
	return kinds[kind].name;
}

/* An exchange is one step however many packets it takes; a file asked for again behind its end is another. */
static struct boot_step *find(struct boot *boot, enum boot_step_kind kind, const char *detail)
{
	const bool is_once = kind == BOOT_STEP_DISCOVER || kind == BOOT_STEP_OFFER || kind == BOOT_STEP_HELLO;

	for (unsigned i = boot->count; i-- > 0;) {
		struct boot_step *step = &boot->steps[i];

		if (step->kind == kind && strncmp(step->detail, detail, BOOT_DETAIL_BYTES - 1) == 0 &&
		    (is_once || step->end_ms == 0)) {
			return step;
		}
	}
	return NULL;
}

static bool make_room(struct boot *boot)
{
	if (boot->count < boot->room) {
		return true;
	}
	const unsigned room = boot->room == 0 ? 8 : 2 * boot->room;

	if (room > BOOT_STEPS_MAX) {
		return false;
	}
	struct boot_step *steps = realloc(boot->steps, room * sizeof(*steps));

	if (steps == NULL) {
		return false;
	}
	boot->steps = steps;
	boot->room = room;
	return true;
}

struct boot_step *boot_add(struct boot *boot, enum boot_step_kind kind, const char *detail, int64_t start_ms)
{
	struct boot_step *step = find(boot, kind, detail);

	if (boot->started_ms == 0 || start_ms < boot->started_ms) {
		boot->started_ms = start_ms;
	}
	if (start_ms > boot->changed_ms) {
		boot->changed_ms = start_ms;
	}
	if (step != NULL) {
		return step;
	}
	char *copy = strndup(detail, BOOT_DETAIL_BYTES - 1);

	if (copy == NULL || !make_room(boot)) {
		free(copy);
		boot->lost++;
		return NULL;
	}
	unsigned at = boot->count;

	while (at > 0 && boot->steps[at - 1].start_ms > start_ms) {
		at--;
	}
	memmove(&boot->steps[at + 1], &boot->steps[at], (boot->count - at) * sizeof(*boot->steps));
	boot->count++;
	boot->steps[at] = (struct boot_step){.kind = kind, .start_ms = start_ms, .moved_ms = start_ms, .detail = copy};
	return &boot->steps[at];
}

const struct boot_step *boot_at(const struct boot *boot)
{
	for (unsigned i = boot->count; i-- > 0;) {
		if (boot->steps[i].end_ms == 0) {
			return &boot->steps[i];
		}
	}
	return boot->count > 0 ? &boot->steps[boot->count - 1] : NULL;
}

void boot_set_problem(struct boot *boot, enum boot_problem problem, const char *detail)
{
	boot->problem = problem;
	(void)snprintf(boot->detail, sizeof(boot->detail), "%s", detail);
}

void boot_clear(struct boot *boot)
{
	for (unsigned i = 0; i < boot->count; i++) {
		free(boot->steps[i].detail);
	}
	free(boot->steps);
	*boot = (struct boot){.started_ms = 0};
}

void boot_steps_json(const struct boot *boot, struct json *json, const char *key)
{
	json_begin_array(json, key);
	for (unsigned i = 0; i < boot->count; i++) {
		const struct boot_step *step = &boot->steps[i];

		json_begin_object(json, NULL);
		json_text(json, "kind", kinds[step->kind].name);
		json_text(json, "detail", step->detail);
		json_time(json, "start", step->start_ms);
		json_time(json, "end", step->end_ms);
		json_u64(json, "bytes", step->bytes);
		json_u64(json, "total", step->total);
		json_text(json, "problem", step->problem == BOOT_NONE ? NULL : problems[step->problem].name);
		json_end_object(json);
	}
	json_end_array(json);
}

static enum boot_problem overdue_step(const struct boot_step *step, int64_t now_ms)
{
	const bool is_open = step->end_ms == 0;

	switch (step->kind) {
	case BOOT_STEP_DISCOVER:
		return now_ms - step->start_ms >= BOOT_NO_OFFER_MS ? BOOT_NO_OFFER : BOOT_NONE;
	case BOOT_STEP_OFFER:
		return now_ms - step->start_ms >= BOOT_NO_FILE_MS ? BOOT_NO_FILE : BOOT_NONE;
	case BOOT_STEP_FILE:
		if (is_open) {
			return now_ms - step->moved_ms >= BOOT_STALLED_MS ? BOOT_TRANSFER_STALLED : BOOT_NONE;
		}
		return now_ms - step->end_ms >= BOOT_NO_HELLO_MS ? BOOT_NO_HELLO : BOOT_NONE;
	case BOOT_STEP_MANIFEST:
	case BOOT_STEP_BLOB:
		return is_open && now_ms - step->moved_ms >= BOOT_BLOB_STALLED_MS ? BOOT_BLOB_STALLED : BOOT_NONE;
	default:
		return BOOT_NONE;
	}
}

enum boot_problem boot_overdue(const struct boot *boot, int64_t now_ms, char detail[BOOT_DETAIL_BYTES])
{
	const struct boot_step *step = NULL;

	if (boot->problem != BOOT_NONE || boot->is_up || boot->count == 0) {
		return BOOT_NONE;
	}
	/* Before the hello the furthest step counts; behind it only what is being fetched. */
	for (unsigned i = 0; i < boot->count; i++) {
		const struct boot_step *each = &boot->steps[i];

		if (!boot->is_said ? step == NULL || each->kind >= step->kind : each->end_ms == 0) {
			step = each;
		}
	}
	if (step == NULL || (boot->is_said && step->kind <= BOOT_STEP_HELLO)) {
		return BOOT_NONE;
	}
	(void)snprintf(detail, BOOT_DETAIL_BYTES, "%s", step->detail);
	return overdue_step(step, now_ms);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "attempts_bed.h"

const struct attempts_release good = {.key = {0xaa, 1}, .name = "1.0"};
const struct attempts_release bad = {.key = {0xbb, 2}, .name = "1.1"};
const struct attempts_release third = {.key = {0xcc, 0xde, 0xf0, 0x12, 0x34, 0x56, 0x78}, .name = "1.2"};

struct bed bed_make(void)
{
	struct bed bed = {.facts = {.wanted = &bad, .stable = &good}, .now_ms = 5000000};

	attempts_watch(&bed.witness, NETWORK, INTERVAL_MS, bed.now_ms);
	attempts_heard(&bed.witness, bed.now_ms);
	return bed;
}

static void take(struct bed *bed, const struct attempts_decision *decision)
{
	assert_true((decision->kind == ATTEMPTS_NONE) == (decision->why[0] == '\0'));
	if (decision->kind != ATTEMPTS_NONE) {
		bed->decision = *decision;
		bed->decisions++;
	}
}

void bed_wait(struct bed *bed, int64_t ms)
{
	struct attempts_decision decision;

	for (int64_t gone = 0; gone < ms; gone += 500) {
		bed->now_ms += 500;
		if (!bed->is_quiet) {
			attempts_heard(&bed->witness, bed->now_ms);
		}
		(void)attempts_pass(&bed->node, &bed->witness, &bed->facts, bed->now_ms, &decision);
		take(bed, &decision);
	}
}

void bed_ask(struct bed *bed)
{
	struct attempts_decision decision;

	(void)attempts_asked(&bed->node, &bed->witness, &bed->facts, bed->now_ms, &decision);
	take(bed, &decision);
}

void bed_load(struct bed *bed)
{
	(void)attempts_loaded(&bed->node, &bed->witness, attempts_serve(&bed->node, &bed->facts)->key, bed->now_ms);
}

void bed_try(struct bed *bed)
{
	bed_ask(bed);
	bed_wait(bed, 3000);
	bed_load(bed);
	bed_wait(bed, 7000);
}

void bed_hello(struct bed *bed)
{
	(void)attempts_hello(&bed->node, ++bed->boot);
}

void bed_restart(struct bed *bed)
{
	struct attempts_row row;

	attempts_write(&bed->node, &row);
	assert_true(attempts_read(&row, &bed->node));
	bed->now_ms += 3000;
	attempts_watch(&bed->witness, NETWORK, INTERVAL_MS, bed->now_ms);
}

const struct attempts_release *bed_served(const struct bed *bed)
{
	return attempts_serve(&bed->node, &bed->facts);
}

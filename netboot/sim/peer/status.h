/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What is known of a node, for people and scripts: a file of KEY=VALUE lines each, and events when it changes. */
#include "sim/peer/node.h"

/* "node=NAME vm=SLOT". Returns text. */
const char *status_who(const struct node *node, unsigned slot, char *text, size_t size);
/* An event if the beat says other things than the last one of that node; called before it takes its place. */
void status_tell_beat(const struct node *node, const struct beat *beat);
/* Brings the status files up to date, each at most every STATUS_MS; lowers *wait_ms. */
#define STATUS_MS 50u
void status_write(struct nodes *nodes, int *wait_ms);
/* The same text. Returns its length, cut to size - 1. */
size_t status_text(const struct node *node, char *text, size_t size);

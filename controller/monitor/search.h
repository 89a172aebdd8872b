/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The look for another DHCP server on the wires, before ours may answer there: a child of its own, since it takes
 * seconds. Networks with `force` are not looked at. One that was found is looked for again, until it is gone.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fail.h"
#include "conf/conf.h"

enum { SEARCH_AGAIN_MS = 30000 };

struct search {
	const struct conf *conf;
	bool is_free; /* all wires are ours */
	pid_t pid; /* 0: nobody looks now */
	int pipe; /* its sentence comes here */
	uint64_t not_before_ms;
};

void search_init(struct search *search, const struct conf *conf);
/* Begins what is due. */
void search_step(struct search *search, uint64_t now_ms);
/* Milliseconds until search_step() has something to do; -1: nothing by the clock. */
int search_due(const struct search *search, uint64_t now_ms);
/* It was reaped with that status. False: *why names what was found. */
bool search_ended(struct search *search, int status, uint64_t now_ms, char why[FAIL_TEXT_BYTES]);

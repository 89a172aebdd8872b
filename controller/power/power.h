/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Power of nodes, by an external program that root named in the configuration:
 *
 *     PROGRAM status|on|off|reset NODE
 *
 * NODE is a MAC address of the node, aa:bb:cc:dd:ee:ff; AETHER_NODE_ID, AETHER_NODE_NAME, AETHER_NODE_SERIAL and
 * AETHER_NODE_MACS (with commas) are in its environment. Exit status 0 means done; else the first line that it wrote is
 * the reason. `status` writes "on" or "off". It is run without a shell, for 20 s at most (then it and what it started
 * in its process group are killed), once at a time for a node; of what it writes 4 KiB are read. It has aetherd's
 * rights, which are few.
 */
#include <stdbool.h>

#include "base/fail.h"
#include "fleet/fleet.h"

struct power;

enum { POWER_TIMEOUT_MS = 20000, POWER_OUTPUT_BYTES = 4096, POWER_AT_ONCE = 16 };

struct power_options {
	const char *program; /* absolute */
	struct fleet *fleet;
	int keep_fd; /* stays open in the program; -1: none */
	unsigned timeout_ms; /* 0: POWER_TIMEOUT_MS */
};

struct power *power_new(const struct power_options *options, struct fail *fail);
void power_free(struct power *power); /* nothing may be under way; NULL is allowed */

/* struct api_outside's: "on", "off" or "reset" for the node of that id; the fleet is told. Waits. */
bool power_act(void *power, const char *node, const char *action, struct fail *fail);
/* Whether it is on. Waits. */
bool power_status(struct power *power, const char *node, bool *is_on, struct fail *fail);

/* --- for power.c and its test --- */
struct power_run {
	const char *program, *action, *node;
	const char *const *environment;
	int keep_fd;
	unsigned timeout_ms;
};
/* Runs it; its output, cleaned, into `output`. False: it did not end with status 0, *fail says how. */
bool power_run(const struct power_run *run, char output[POWER_OUTPUT_BYTES], struct fail *fail);

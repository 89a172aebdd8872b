/* SPDX-License-Identifier: Apache-2.0 */
/* Which node, who else is at it, and what the fleet is told. Names of nodes are people's, serials the nodes' (clean).
 */
#include "power/power.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "fleet/node.h"

enum { ENVIRONMENT_BYTES = 256 };

struct power {
	struct power_options options;
	pthread_mutex_t lock;
	char busy[POWER_AT_ONCE][ID_BYTES]; /* "": free */
};

struct target {
	char mac[18];
	char environment[4][ENVIRONMENT_BYTES];
};

struct power *power_new(const struct power_options *options, struct fail *fail)
{
	struct power *power = calloc(1, sizeof(*power));

	if (power == NULL || access(options->program, X_OK) < 0) {
		fail_set(fail, FAIL_UNAVAILABLE, "the power driver %s cannot be run: is it there, and executable?",
			 options->program);
		free(power);
		return NULL;
	}
	power->options = *options;
	if (power->options.timeout_ms == 0) {
		power->options.timeout_ms = POWER_TIMEOUT_MS;
	}
	pthread_mutex_init(&power->lock, NULL);
	return power;
}

void power_free(struct power *power)
{
	if (power != NULL) {
		pthread_mutex_destroy(&power->lock);
		free(power);
	}
}

static void print_mac(const uint8_t mac[6], char text[18])
{
	snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static bool find(struct power *power, const char *id, struct target *target, struct fail *fail)
{
	char macs[NODE_MACS_MAX * 18] = "";

	fleet_lock(power->options.fleet);
	const struct node *node = node_by_id(power->options.fleet, id);
	const bool is_there = node != NULL, has_mac = is_there && node->mac_count > 0;
	for (unsigned i = 0; is_there && i < node->mac_count; i++) {
		print_mac(node->macs[i], target->mac);
		strcat(macs, i == 0 ? "" : ",");
		strcat(macs, target->mac);
	}
	if (has_mac) {
		print_mac(node->macs[0], target->mac);
		snprintf(target->environment[0], ENVIRONMENT_BYTES, "AETHER_NODE_ID=%s", node->id);
		snprintf(target->environment[1], ENVIRONMENT_BYTES, "AETHER_NODE_NAME=%s", node->name);
		snprintf(target->environment[2], ENVIRONMENT_BYTES, "AETHER_NODE_SERIAL=%s", node->serial);
		snprintf(target->environment[3], ENVIRONMENT_BYTES, "AETHER_NODE_MACS=%s", macs);
	}
	fleet_unlock(power->options.fleet);
	if (!is_there) {
		return fail_set(fail, FAIL_NOT_FOUND, "there is no node %.16s", id);
	}
	return has_mac ||
	       fail_set(fail, FAIL_CONFLICT, "no MAC address of node %s is known, which the power driver needs", id);
}

/* A place for the node, NULL: *fail. */
static char *begin(struct power *power, const char *id, struct fail *fail)
{
	char *place = NULL;
	bool is_busy = false;

	pthread_mutex_lock(&power->lock);
	for (unsigned i = 0; i < POWER_AT_ONCE; i++) {
		is_busy |= strcmp(power->busy[i], id) == 0;
		if (power->busy[i][0] == '\0') {
			place = power->busy[i];
		}
	}
	if (is_busy) {
		fail_set(fail, FAIL_CONFLICT, "the power driver is at node %s already: wait until it is done", id);
		place = NULL;
	} else if (place == NULL) {
		fail_set(fail, FAIL_LIMIT, "the power driver is at %d nodes already: try again", POWER_AT_ONCE);
	} else {
		memcpy(place, id, strlen(id) + 1);
	}
	pthread_mutex_unlock(&power->lock);
	return place;
}

static bool run(struct power *power, const char *id, const char *action, char output[POWER_OUTPUT_BYTES],
		struct fail *fail)
{
	struct target target;
	char path[1024];

	if (strlen(id) >= ID_BYTES || !find(power, id, &target, fail)) {
		return fail->kind != FAIL_NONE ? false : fail_set(fail, FAIL_NOT_FOUND, "there is no such node");
	}
	char *place = begin(power, id, fail);
	if (place == NULL) {
		return false;
	}
	snprintf(path, sizeof(path), "PATH=%s",
		 getenv("PATH") != NULL ? getenv("PATH") : "/usr/sbin:/usr/bin:/sbin:/bin");
	const char *const environment[] = {target.environment[0], target.environment[1], target.environment[2],
					   target.environment[3], path, NULL};
	const struct power_run order = {
		.program = power->options.program,
		.action = action,
		.node = target.mac,
		.environment = environment,
		.keep_fd = power->options.keep_fd,
		.timeout_ms = power->options.timeout_ms,
	};
	const bool is_done = power_run(&order, output, fail);
	log_info("power", "%s of %s (%s): %s", action, id, target.mac, is_done ? "done" : fail->text);
	pthread_mutex_lock(&power->lock);
	place[0] = '\0';
	pthread_mutex_unlock(&power->lock);
	return is_done;
}

bool power_act(void *argument, const char *node, const char *action, struct fail *fail)
{
	struct power *power = argument;
	char output[POWER_OUTPUT_BYTES];
	struct fail why = {0};

	if (strcmp(action, "on") != 0 && strcmp(action, "off") != 0 && strcmp(action, "reset") != 0) {
		return fail_set(fail, FAIL_INVALID, "'%.16s' is not on, off or reset", action);
	}
	if (!run(power, node, action, output, &why)) {
		return fail_set(fail, why.kind, "%s", why.text);
	}
	fleet_power(power->options.fleet, node, strcmp(action, "off") != 0);
	return true;
}

bool power_status(struct power *power, const char *node, bool *is_on, struct fail *fail)
{
	char output[POWER_OUTPUT_BYTES];
	struct fail why = {0};

	if (!run(power, node, "status", output, &why)) {
		return fail_set(fail, why.kind, "%s", why.text);
	}
	output[strcspn(output, "\n")] = '\0';
	*is_on = strcmp(output, "on") == 0;
	return *is_on || strcmp(output, "off") == 0 ||
	       fail_set(fail, FAIL_UNAVAILABLE, "the power driver says '%.40s', which is neither on nor off", output);
}

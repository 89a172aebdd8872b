/* SPDX-License-Identifier: Apache-2.0 */
/* What aetherctl can do. A line here is all that a command needs to be parsed, completed, and described. */
#include "ctl/command.h"

#include <string.h>

#define FILTERS (OPT(STATE) | OPT(ADMISSION) | OPT(MATCH) | OPT(LIMIT))

const struct noun nouns[] = {
	{"node", "machines: admission, state, power, consoles", NULL},
	{"event", "what happened, and who did it", NULL},
	{"rule", "nodes that are approved without being asked about", NULL},
	{"token", "secrets with which programs use the API", NULL},
	{"setting", "of the controller, kept in its database", NULL},
	{"sign-in", "the way into the dashboard", "make"},
	{"system", "the controller itself", "show"},
	{"release", "what nodes run", "show"},
	{"operation", "actions that take a while", NULL},
	{"console", "the same as node console", "open"},
};
const unsigned noun_count = sizeof(nouns) / sizeof(nouns[0]);

const struct command commands[] = {
	{"node", "list", "", 0, 0, FILTERS | OPT(WATCH) | OPT(IDS), "lists nodes", NULL,
	 "node list --state pending", node_list},
	{"node", "show", "NODE", 1, 1, OPT(WATCH),
	 "shows one node: state, why, next step, hardware, guests, boots", NULL, "node show n-7k2f",
	 node_show},
	{"node", "approve", "[NODE...]", 0, CTL_ARGUMENTS_MOST, OPT(ALL_PENDING) | OPT(WAIT),
	 "lets nodes in: they boot and run what the controller wants",
	 "With --wait: until each runs, or failed.", "node approve --all-pending --wait",
	 node_approve},
	{"node", "reject", "NODE", 1, 1, 0, "keeps a node out", NULL, "node reject n-7k2f",
	 node_reject},
	{"node", "retire", "NODE", 1, 1, OPT(YES), "takes a node out of service for good",
	 "Asks first. What is known of the node stays, but it runs nothing any more.",
	 "node retire n-7k2f --yes", node_retire},
	{"node", "rename", "NODE NAME", 2, 2, 0, "gives a node a name",
	 "An empty name takes it away.", "node rename n-7k2f rack1-03", node_rename},
	{"node", "label", "NODE KEY=VALUE|KEY-...", 2, CTL_LABELS_MOST, 0,
	 "sets labels, or takes them away",
	 "KEY- takes the label away. Labels that are not named stay.",
	 "node label rack1-03 site=oslo spare-", node_label},
	{"node", "cordon", "NODE", 1, 1, 0, "gives a node no new work; what runs goes on", NULL,
	 "node cordon rack1-03", node_cordon},
	{"node", "uncordon", "NODE", 1, 1, 0, "ends a cordon", NULL, "node uncordon rack1-03",
	 node_uncordon},
	{"node", "reboot", "NODE", 1, 1, OPT(WAIT), "has a node start again",
	 "With --wait: until it runs after its new boot.", "node reboot rack1-03 --wait",
	 node_reboot},
	{"node", "restart-guests", "NODE", 1, 1, OPT(WAIT),
	 "starts a node's guests again, without a boot", "With --wait: until they run.",
	 "node restart-guests rack1-03", node_restart_guests},
	{"node", "locate", "NODE", 1, 1, OPT(OFF), "marks a node as looked for, with --off no more",
	 NULL, "node locate rack1-03", node_locate},
	{"node", "power", "NODE on|off|reset", 2, 2, OPT(WAIT), "asks the power driver",
	 "With --wait: off until it is off, on and reset until it runs.",
	 "node power rack1-03 reset --wait", node_power},
	{"node", "boots", "NODE", 1, 1, OPT(LIMIT), "shows a node's boots, each step with its time",
	 NULL, "node boots rack1-03", node_boots},
	{"node", "console", "NODE [SLOT]", 1, 2, OPT(WATCH),
	 "opens the console of the guest in that slot, 0 unless told",
	 "On a terminal: what is kept, then all that comes; keys go to the guest, ctrl-] ends. "
	 "Without a terminal: prints "
	 "what is kept, sends standard input, and ends, or stays with --watch. Titles and other "
	 "texts that a guest sends "
	 "to the terminal itself are left out.",
	 "node console rack1-03", node_console},
	{"event", "list", "", 0, 0, OPT(NODE) | OPT(LIMIT) | OPT(WATCH),
	 "lists events, the newest last; 50 unless told", NULL,
	 "event list --node rack1-03 --limit 20", event_list},
	{"event", "follow", "", 0, 0, OPT(NODE), "prints events as they come", NULL, "event follow",
	 event_follow},
	{"rule", "list", "", 0, 0, 0, "lists the rules of approval", NULL, "rule list", rule_list},
	{"rule", "add", "", 0, 0,
	 OPT(ARCH) | OPT(NETWORK) | OPT(SERIAL) | OPT(MAC) | OPT(LABEL) | OPT(UPTO) | OPT(ENDS),
	 "approves nodes that match, so many and until then",
	 "--count and --ends are needed. What is not named matches all.",
	 "rule add --network lan0 --count 20 --ends 8h", rule_add},
	{"rule", "remove", "RULE", 1, 1, 0, "ends a rule", NULL, "rule remove r-4m1c9d2k0a",
	 rule_remove},
	{"token", "list", "", 0, 0, 0, "lists the tokens, without their secrets", NULL,
	 "token list", token_list},
	{"token", "add", "NAME", 1, 1, OPT(ENDS), "makes a token, and shows it this once", NULL,
	 "token add backup --ends 90d", token_add},
	{"token", "remove", "TOKEN", 1, 1, 0, "ends a token, named by id or name", NULL,
	 "token remove backup", token_remove},
	{"setting", "list", "", 0, 0, 0, "lists the settings", NULL, "setting list", setting_list},
	{"setting", "set", "KEY=VALUE...", 1, 16, 0, "changes settings", NULL,
	 "setting set interval_ms=1000", setting_set},
	{"sign-in", "make", "", 0, 0, 0,
	 "prints a link into the dashboard, good once and for 15 minutes",
	 "Over the Unix socket alone.", "sign-in", sign_in_make},
	{"system", "show", "", 0, 0, OPT(WATCH),
	 "shows version, nodes by state, networks, DHCP, and what the daemon uses", NULL, "system",
	 system_show},
	{"release", "show", "", 0, 0, 0, "shows the release and its files", NULL, "release",
	 release_show},
	{"operation", "show", "OPERATION", 1, 1, OPT(WAIT), "shows how an action stands",
	 "With --wait: until it is over.", "operation show o-2f8k1m0c7d --wait", operation_show},
	{"console", "open", "NODE [SLOT]", 1, 2, OPT(WATCH),
	 "opens a guest's console; see node console", NULL, "console rack1-03", node_console},
};
const unsigned command_count = sizeof(commands) / sizeof(commands[0]);

const struct ctl_option_text option_texts[OPT_COUNT] = {
#define X(symbol, name, value, what) {name, value, what},
	CTL_OPTIONS(X)
#undef X
};

const struct noun *noun_find(const char *name)
{
	for (unsigned i = 0; i < noun_count; i++) {
		if (strcmp(nouns[i].name, name) == 0) {
			return &nouns[i];
		}
	}
	return NULL;
}

const struct command *command_find(const char *noun, const char *verb)
{
	for (unsigned i = 0; i < command_count; i++) {
		if (strcmp(commands[i].noun, noun) == 0 && strcmp(commands[i].verb, verb) == 0) {
			return &commands[i];
		}
	}
	return NULL;
}

/* Letters to change, add or leave out (Levenshtein's distance), of words of at most 23 letters. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[24];
	const size_t width = strlen(b);

	if (strlen(a) >= 24 || width >= 24) {
		return 99;
	}
	for (unsigned j = 0; j <= width; j++) {
		row[j] = j;
	}
	for (unsigned i = 1; a[i - 1] != '\0'; i++) {
		unsigned corner = row[0];
		row[0] = i;
		for (unsigned j = 1; j <= width; j++) {
			const unsigned change = corner + (a[i - 1] != b[j - 1]);
			const unsigned step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
			corner = row[j];
			row[j] = change < step ? change : step;
		}
	}
	return row[width];
}

const char *command_near(const char *noun, const char *word)
{
	const char *best = NULL;
	unsigned least = 3;

	for (unsigned i = 0; i < (noun == NULL ? noun_count : command_count); i++) {
		if (noun != NULL && strcmp(commands[i].noun, noun) != 0) {
			continue;
		}
		const char *name = noun == NULL ? nouns[i].name : commands[i].verb;
		const unsigned far = distance(word, name);
		if (far < least) {
			least = far;
			best = name;
		}
	}
	return best;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What every command of aetherctl shares: its options, where the controller is, where it writes, and how it ends.
 * All that the controller answers may hold what a node or a guest said: it is cleaned before it reaches a terminal.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* X(symbol, status, what): stable, for programs. */
#define CTL_EXITS(X)                                                                               \
	X(OK, 0, "done")                                                                           \
	X(FAILED, 1, "it failed; the sentence on standard error says why")                         \
	X(USAGE, 2, "the command line is not understood, or a question could not be asked")        \
	X(NOT_FOUND, 3, "there is no such node, rule, token or operation")                         \
	X(CONFLICT, 4, "not possible in this state, or it has changed since it was read")          \
	X(UNREACHABLE, 5, "the controller cannot be reached")                                      \
	X(TIMED_OUT, 6, "the controller, or what --wait waits for, took longer than --timeout")    \
	X(REFUSED, 7, "not signed in, or not allowed")

enum ctl_exit {
#define X(symbol, status, what) CTL_##symbol = status,
	CTL_EXITS(X)
#undef X
};

/* X(symbol, name, value or NULL, what) */
#define CTL_OPTIONS(X)                                                                             \
	X(HELP, "help", NULL, "says what the command does, and does nothing")                      \
	X(JSON, "json", NULL, "JSON on standard output, and problems as JSON on standard error")   \
	X(SOCKET, "socket", "PATH", "the controller's Unix socket")                                \
	X(URL, "url", "URL", "the controller over HTTP on this host, with --token-file")           \
	X(TOKEN_FILE, "token-file", "FILE", "holds an API token, for --url")                       \
	X(TIMEOUT, "timeout", "SECONDS", "waits no longer: 10 for an answer, 300 with --wait")     \
	X(NO_INPUT, "no-input", NULL, "never asks; fails where it would have to")                  \
	X(NO_COLOR, "no-color", NULL, "no colours, as NO_COLOR=1 in the environment")              \
	X(WATCH, "watch", NULL, "stays, and shows each change as it comes")                        \
	X(WAIT, "wait", NULL, "stays until the node is where the command brings it")               \
	X(YES, "yes", NULL, "does not ask whether it is meant")                                    \
	X(STATE, "state", "STATE", "those in this state alone, like running or pending")           \
	X(ADMISSION, "admission", "WORD",                                                          \
	  "those that are discovered, pending, approved, rejected or retired")                     \
	X(MATCH, "match", "TEXT",                                                                  \
	  "those with this text in name, id, MAC, serial, address or hostname")                    \
	X(ALL_PENDING, "all-pending", NULL, "every node that waits for approval")                  \
	X(OFF, "off", NULL, "ends it")                                                             \
	X(NODE, "node", "NODE", "of this node alone")                                              \
	X(LIMIT, "limit", "N", "at most so many")                                                  \
	X(IDS, "ids", NULL, "ids and names alone, a line each")                                   \
	X(ARCH, "arch", "ARCH", "for nodes of this DHCP client architecture, like 11")             \
	X(NETWORK, "network", "NAME", "for nodes on this network of the controller")               \
	X(SERIAL, "serial", "TEXT", "for the node with this board serial")                         \
	X(MAC, "mac", "ADDRESS", "for the node with this address")                                 \
	X(LABEL, "label", "KEY=VALUE", "a label for the nodes that it approves; may come again")   \
	X(UPTO, "count", "N", "approves so many nodes, then no more")                              \
	X(ENDS, "ends", "TIME", "until then: 2027-01-31T12:00:00Z, or from now: 90s, 30m, 8h, 7d")

enum ctl_option {
#define X(symbol, name, value, what) OPT_##symbol,
	CTL_OPTIONS(X)
#undef X
		OPT_COUNT
};
#define OPT(symbol) (UINT32_C(1) << OPT_##symbol)
/* Every command takes these. */
#define OPT_GENERAL                                                                                \
	(OPT(HELP) | OPT(JSON) | OPT(SOCKET) | OPT(URL) | OPT(TOKEN_FILE) | OPT(TIMEOUT) |         \
	 OPT(NO_INPUT) | OPT(NO_COLOR))

enum {
	CTL_ARGUMENTS_MOST = 1024,
	CTL_LABELS_MOST = 32,
	CTL_ANSWER_S = 10,
	CTL_WAIT_S = 300,
	CTL_WORD_MOST = 255
};

struct command;

struct ctl {
	/* the line, as it was understood */
	const struct command *command;
	const char *arguments[CTL_ARGUMENTS_MOST];
	unsigned argument_count;
	const char *values[OPT_COUNT]; /* "": a switch that is on; NULL: not there */
	const char *labels[CTL_LABELS_MOST];
	unsigned label_count;
	/* where it stands */
	FILE *out, *err;
	int input; /* a descriptor */
	bool is_terminal; /* `out` */
	bool can_ask; /* `input` and `err` are terminals */
	bool has_color;
	unsigned columns; /* of the terminal; 0: none */
	/* where the controller is */
	const char *socket;
	const char *url;
	char token[256];
};

static inline bool ctl_has(const struct ctl *ctl, enum ctl_option option)
{
	return ctl->values[option] != NULL;
}

/* All of the program. `argv` is main's; `out` and `err` stay open. */
enum ctl_exit ctl_main(int argc, char *const *argv, FILE *out, FILE *err, int input);

/* A sentence on `err`: the thing, the reason, the next step. Returns `how`. */
enum ctl_exit ctl_say(const struct ctl *ctl, enum ctl_exit how, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The time that a command has for one answer, or for its --wait. */
uint64_t ctl_answer_ms(const struct ctl *ctl);
uint64_t ctl_wait_ms(const struct ctl *ctl);
/* Asks "QUESTION [y/N]". CTL_OK: yes. */
enum ctl_exit ctl_confirm(const struct ctl *ctl, const char *question);

/*
 * One request. CTL_OK: *json is the answer's, the caller's to json_decref(); NULL where it had no content. Else what
 * went wrong was said. `body` may be NULL, and is not kept.
 */
enum ctl_exit ctl_ask(const struct ctl *ctl, const char *method, const char *path, json_t *body,
		      json_t **json);
/* All pages of a list, or its first `most` items. `query`: "a=b&c=d", encoded; "". */
enum ctl_exit ctl_list(const struct ctl *ctl, const char *path, const char *query, unsigned most,
		       json_t **items);
/* Writes the value on a line of its own. */
void ctl_print_json(const struct ctl *ctl, const json_t *json);
/* Appends NAME=VALUE, encoded, when there is a value. False: no room. */
bool ctl_add_query(char *query, size_t room, const char *name, const char *value);

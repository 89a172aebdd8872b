/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/peer/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/peer/event.h"
#include "sim/peer/status.h"

#define WORDS_MAX 8u

struct answer {
	char *text;
	size_t size;
	size_t at;
};

__attribute__((format(printf, 2, 3))) static void put(struct answer *to, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	const int count = vsnprintf(to->text + to->at, to->size - to->at, format, args);
	va_end(args);
	to->at += count < 0 ? 0 : (size_t)count < to->size - to->at ? (size_t)count : to->size - to->at - 1;
}

/* What a command has: its words, apart and, from each on, as they came. */
struct words {
	char *word[WORDS_MAX];
	const char *rest[WORDS_MAX]; /* in the copy of the line that was not taken apart */
	size_t count;
};

typedef const char *run_on_node(struct command *command, struct node *node, const struct words *words);

static bool parse_u64(const char *text, uint64_t most, uint64_t *value)
{
	char *end = NULL;

	errno = 0;
	*value = text != NULL ? strtoull(text, &end, 10) : 0;
	return text != NULL && errno == 0 && end != text && *end == '\0' && text[0] != '-' && *value <= most;
}

static const char *parse_slot(const struct words *words, size_t at, uint64_t *slot)
{
	return parse_u64(words->word[at], WIRE_GUEST_MAX - 1, slot) ? NULL : "a slot is 0 to 3";
}

static const char *run_approve(struct command *command, struct node *node, const struct words *words)
{
	(void)command;
	node_set_state(node, words->word[0][0] == 'a'   ? NODE_APPROVED
			     : words->word[0][0] == 'r' ? NODE_REJECTED
							: NODE_PENDING);
	return NULL;
}

static const char *change_want(struct command *command, struct node *node, const struct words *words,
			       enum ack_want want)
{
	uint64_t slot;
	uint64_t place;
	const char *error = parse_slot(words, 2, &slot);

	if (error != NULL) {
		return error;
	}
	struct ack_guest *guest = &node->guests[slot];
	if (words->count > 3) {
		if (!parse_u64(words->word[3], WIRE_GUEST_MAX - 1, &place)) {
			return "a place is 0 to 3";
		}
		guest->place = (uint8_t)place;
	}
	guest->want = want;
	guest->generation++;
	link_send_now(command->link, node);
	return NULL;
}

static const char *run_run(struct command *command, struct node *node, const struct words *words)
{
	return change_want(command, node, words, ACK_WANT_RUN);
}

static const char *run_stop(struct command *command, struct node *node, const struct words *words)
{
	return change_want(command, node, words, ACK_WANT_STOP);
}

static const char *run_empty(struct command *command, struct node *node, const struct words *words)
{
	return change_want(command, node, words, ACK_WANT_EMPTY);
}

static const char *run_restart(struct command *command, struct node *node, const struct words *words)
{
	uint64_t slot;
	const char *error = parse_slot(words, 2, &slot);

	if (error == NULL) {
		node->guests[slot].restart_generation++;
		node->guests[slot].generation++;
		link_send_now(command->link, node);
	}
	return error;
}

/* HASH of something in the catalogue, or a file: a bundle's manifest, or a manifest alone. */
static const char *run_manifest(struct command *command, struct node *node, const struct words *words)
{
	static char why[256];
	uint8_t sha256[SHA256_BYTES];

	if (words->count < 3) {
		return "a hash or a file is missing";
	}
	const char *text = words->word[2];
	const bool is_hash = strlen(text) == 2 * SHA256_BYTES && hex_parse(text, sha256, SHA256_BYTES);

	if (!is_hash && !catalog_add(command->catalog, text, sha256, why)) {
		return why;
	}
	node_set_manifest(command->nodes, node, sha256);
	link_send_now(command->link, node);
	return NULL;
}

static const char *run_reboot(struct command *command, struct node *node, const struct words *words)
{
	(void)words;
	node->reboot_boot_id = node->hello.boot_id;
	link_send_now(command->link, node);
	return NULL;
}

static const char *run_interval(struct command *command, struct node *node, const struct words *words)
{
	uint64_t ms;

	if (!parse_u64(words->word[2], ACK_INTERVAL_MAX_MS, &ms) || ms < ACK_INTERVAL_MIN_MS) {
		return "an interval is 100 to 60000 ms";
	}
	node->want.interval_ms = (uint32_t)ms;
	node->want.generation++;
	link_send_now(command->link, node);
	return NULL;
}

static const char *run_watch(struct command *command, struct node *node, const struct words *words)
{
	uint64_t slot;
	uint64_t offset = 0;
	const char *error = parse_slot(words, 2, &slot);

	if (error != NULL) {
		return error;
	}
	if (words->count > 3 && strcmp(words->word[3], "off") == 0) {
		node->watch.slots &= ~(UINT32_C(1) << slot);
	} else if (words->count > 3 && !parse_u64(words->word[3], INT64_MAX, &offset)) {
		return "an offset, or 'off'";
	} else {
		node->watch.slots |= UINT32_C(1) << slot;
		console_watch_from(&node->consoles[slot], offset);
	}
	node->watch.generation++;
	node->is_watch_said = true;
	link_send_now(command->link, node);
	return NULL;
}

/* \n, \r, \\ and \xHH as in C; the rest as it is. */
static size_t unescape(uint8_t *bytes, size_t size, const char *text)
{
	size_t count = 0;

	for (; *text != '\0' && count < size; text++) {
		if (text[0] != '\\' || text[1] == '\0') {
			bytes[count++] = (uint8_t)*text;
			continue;
		}
		text++;
		if (*text == 'x' && hex_parse(text + 1, &bytes[count], 1)) {
			count++;
			text += 2;
		} else {
			bytes[count++] = *text == 'n' ? '\n' : *text == 'r' ? '\r' : (uint8_t)*text;
		}
	}
	return count;
}

static const char *run_input(struct command *command, struct node *node, const struct words *words)
{
	uint8_t bytes[COMMAND_LINE_MAX];
	uint64_t slot;
	const char *error = parse_slot(words, 2, &slot);

	(void)command;
	if (error != NULL || words->count < 4) {
		return error != NULL ? error : "text is missing";
	}
	const size_t count = unescape(bytes, sizeof(bytes), words->rest[3]);

	return console_input_add(&node->consoles[slot], bytes, count) ? NULL : "too much input waits already";
}

static const char *run_input_file(struct command *command, struct node *node, const struct words *words)
{
	static uint8_t bytes[CONSOLE_INPUT_ROOM];
	uint64_t slot;
	const char *error = parse_slot(words, 2, &slot);

	(void)command;
	if (error != NULL || words->count < 4) {
		return error != NULL ? error : "a file is missing";
	}
	const int fd = open(words->word[3], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const ssize_t count = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));

	error = count < 0 ? strerror(errno) : NULL;
	if (fd >= 0) {
		(void)close(fd);
	}
	if (error != NULL) {
		return error;
	}
	return console_input_add(&node->consoles[slot], bytes, (size_t)count) ? NULL : "too much input waits already";
}

static const char *run_service(struct command *command, struct node *node, const struct words *words)
{
	static char why[256];

	if (words->count < 3 || !catalog_add(command->catalog, words->word[2], node->service.sha256, why)) {
		return words->count < 3 ? "a file is missing" : why;
	}
	node->service.size_bytes = catalog_find(command->catalog, node->service.sha256)->size_bytes;
	const uint32_t before = node->service.generation;
	node->service.generation = before != 0 ? before + 1 : node->watch.generation;
	link_send_now(command->link, node);
	return NULL;
}

static const char *run_flood(struct command *command, struct node *node, const struct words *words)
{
	uint64_t rate;
	uint64_t ms;

	if (!parse_u64(words->word[2], 10000000, &rate) || !parse_u64(words->word[3], 3600000, &ms)) {
		return "RATE is 0 to 10000000 a second, MS 0 to 3600000";
	}
	if (!node->has_address) {
		return "it has not sent anything yet";
	}
	link_flood(command->link, node, rate, ms);
	return NULL;
}

static const struct {
	const char *name;
	run_on_node *run;
	const char *help;
} on_nodes[] = {
	{"approve", run_approve, ""},
	{"reject", run_approve, ""},
	{"hold", run_approve, "  (pending again)"},
	{"run", run_run, " SLOT [PLACE]"},
	{"stop", run_stop, " SLOT"},
	{"empty", run_empty, " SLOT"},
	{"restart", run_restart, " SLOT"},
	{"manifest", run_manifest, " SHA256|FILE  (a bundle, or a manifest alone)"},
	{"reboot", run_reboot, ""},
	{"interval", run_interval, " MS"},
	{"watch", run_watch, " SLOT [OFFSET|off]"},
	{"input", run_input, " SLOT TEXT  (\\n \\r \\\\ \\xHH)"},
	{"input-file", run_input_file, " SLOT FILE"},
	{"service", run_service, " FILE"},
	{"flood", run_flood, " RATE MS"},
};

static const char *run_for_nodes(struct command *command, run_on_node *run, const struct words *words)
{
	const bool is_all = words->count > 1 && strcmp(words->word[1], "all") == 0;
	bool is_any = false;

	for (size_t i = 0; i < NODES_MAX; i++) {
		struct node *node = &command->nodes->nodes[i];

		const bool is_named = words->count > 1 && strcmp(node->name, words->word[1]) == 0;

		if (node->name[0] != '\0' && (is_all || is_named)) {
			const char *error = run(command, node, words);

			if (error != NULL) {
				return error;
			}
			node->is_told = false;
			is_any = true;
		}
	}
	return is_any ? NULL : "no such node (its name, or 'all')";
}

static const char *run_add(struct command *command, const struct words *words, struct answer *answer)
{
	static char why[256];
	uint8_t sha256[SHA256_BYTES];
	char text[2 * SHA256_BYTES + 1];

	if (words->count < 2 || !catalog_add(command->catalog, words->word[1], sha256, why)) {
		return words->count < 2 ? "a file is missing" : why;
	}
	put(answer, "%s\n", hex_print(sha256, SHA256_BYTES, text));
	return NULL;
}

static const char *run_times(const struct words *words, uint32_t *count)
{
	uint64_t value;

	if (!parse_u64(words->word[1], UINT32_MAX, &value)) {
		return "a number is missing";
	}
	*count = (uint32_t)value;
	return NULL;
}

static const char *run_help(struct answer *answer)
{
	for (size_t i = 0; i < sizeof(on_nodes) / sizeof(on_nodes[0]); i++) {
		put(answer, "%s NODE|all%s\n", on_nodes[i].name, on_nodes[i].help);
	}
	put(answer, "nodes\nstatus NODE\nadd FILE|BUNDLE\nbad-tags COUNT\nreplays COUNT\nmute MS\ndown MS\nquit\n"
		    "fault none | KIND [VALUE [VALUE]] [count=N] [path=PREFIX], KIND being:\n");
#define X(symbol, word, values, does) put(answer, "  %-10s %s\n", word, does);
	FAULT_KINDS(X)
#undef X
	return NULL;
}

static const char *run_status(struct command *command, const struct words *words, struct answer *answer)
{
	const struct node *node = words->count > 1 ? node_find(command->nodes, words->word[1]) : NULL;

	if (node == NULL) {
		return "no such node";
	}
	answer->at += status_text(node, answer->text + answer->at, answer->size - answer->at);
	return NULL;
}

static const char *run_nodes(struct command *command, struct answer *answer)
{
	for (size_t i = 0; i < NODES_MAX; i++) {
		if (command->nodes->nodes[i].name[0] != '\0') {
			put(answer, "%s\n", command->nodes->nodes[i].name);
		}
	}
	return NULL;
}

static const char *run_other(struct command *command, const struct words *words, struct answer *answer)
{
	const char *name = words->word[0];
	uint64_t ms;

	if (strcmp(name, "help") == 0) {
		return run_help(answer);
	}
	if (strcmp(name, "nodes") == 0) {
		return run_nodes(command, answer);
	}
	if (strcmp(name, "status") == 0) {
		return run_status(command, words, answer);
	}
	if (strcmp(name, "add") == 0) {
		return run_add(command, words, answer);
	}
	if (strcmp(name, "fault") == 0) {
		return words->count > 1 && fault_add(command->rules, words->rest[1]) ? NULL
										     : "no such fault: see help";
	}
	if (strcmp(name, "bad-tags") == 0) {
		return run_times(words, &command->link->bad_tag_count);
	}
	if (strcmp(name, "replays") == 0) {
		return run_times(words, &command->link->replay_count);
	}
	if (strcmp(name, "quit") == 0) {
		command->must_end = true;
		return NULL;
	}
	if (strcmp(name, "mute") != 0 && strcmp(name, "down") != 0) {
		return "no such command: see help";
	}
	if (!parse_u64(words->word[1], 86400000, &ms)) {
		return "milliseconds are missing";
	}
	command->link->mute_until_ms = now_ms() + ms;
	if (name[0] == 'd') {
		http_go_down(command->http, ms);
	}
	return NULL;
}

void command_run(struct command *command, char *line, char *answer_text, size_t size)
{
	static char whole[COMMAND_LINE_MAX];
	struct answer answer = {.text = answer_text, .size = size};
	struct words words = {.count = 0};
	const char *error;
	char *rest = NULL;

	answer_text[0] = '\0';
	(void)snprintf(whole, sizeof(whole), "%s", line);
	for (char *word = strtok_r(line, " ", &rest); word != NULL && words.count < WORDS_MAX;
	     word = strtok_r(NULL, " ", &rest)) {
		words.rest[words.count] = whole + (word - line);
		words.word[words.count++] = word;
	}
	if (words.count == 0) {
		return;
	}
	run_on_node *run = NULL;
	for (size_t i = 0; i < sizeof(on_nodes) / sizeof(on_nodes[0]); i++) {
		run = strcmp(words.word[0], on_nodes[i].name) == 0 ? on_nodes[i].run : run;
	}
	char told[128];
	event("command %s", event_text(told, sizeof(told), whole, strlen(whole)));
	error = run != NULL ? run_for_nodes(command, run, &words) : run_other(command, &words, &answer);
	if (error != NULL) {
		put(&answer, "error: %s\n", error);
	} else {
		put(&answer, "ok\n");
	}
}

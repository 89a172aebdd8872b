/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the topics of a stream. */
#include "api/topics.h"

#include <stdlib.h>
#include <string.h>

#include "bus/bus.h"

static const struct {
	const char *word;
	unsigned bit;
} words[] = {
	{"nodes", BUS_NODES}, {"events", BUS_EVENTS}, {"boots", BUS_BOOTS}, {"system", BUS_SYSTEM}};

static bool take_id(const char **text, char id[ID_BYTES])
{
	const size_t length = strnlen(*text, ID_BYTES - 1);

	memcpy(id, *text, length);
	id[length] = '\0';
	*text += length;
	return id_is_valid('n', id);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, ID_BYTES);
}

static bool add_telemetry(struct topics *topics, const char *text, struct fail *fail)
{
	topics->has_telemetry = true;
	if (*text == '\0') {
		return true;
	}
	if (topics->nodes == NULL) {
		topics->nodes = calloc(TOPICS_NODES_MOST, ID_BYTES);
		if (topics->nodes == NULL) {
			return fail_set(fail, FAIL_UNAVAILABLE,
					"no memory for so many nodes; ask for fewer");
		}
	}
	do {
		text++; /* ':' at first, then '+', which a query string makes a space */
		if (topics->node_count == TOPICS_NODES_MOST) {
			return fail_set(fail, FAIL_INVALID,
					"telemetry is for at most %d nodes; without ids it is of "
					"all together",
					TOPICS_NODES_MOST);
		}
		if (!take_id(&text, topics->nodes[topics->node_count])) {
			return fail_set(fail, FAIL_INVALID,
					"telemetry:ID+ID... names ids of nodes alone");
		}
		topics->node_count++;
	} while (*text == '+' || *text == ' ');
	if (*text != '\0') {
		return fail_set(fail, FAIL_INVALID, "telemetry:ID+ID... names ids of nodes alone");
	}
	qsort(topics->nodes, topics->node_count, ID_BYTES, compare);
	unsigned kept = 0;
	for (unsigned i = 0; i < topics->node_count; i++) {
		if (kept == 0 || memcmp(topics->nodes[kept - 1], topics->nodes[i], ID_BYTES) != 0) {
			memmove(topics->nodes[kept++], topics->nodes[i], ID_BYTES);
		}
	}
	topics->node_count = kept;
	return true;
}

static bool add_console(struct topics *topics, const char *text, struct fail *fail)
{
	const unsigned at = topics->console_count;

	if (at == TOPICS_CONSOLES_MOST) {
		return fail_set(fail, FAIL_INVALID, "a stream carries at most %d consoles",
				TOPICS_CONSOLES_MOST);
	}
	if (!take_id(&text, topics->consoles[at].node) || *text != ':') {
		return fail_set(fail, FAIL_INVALID, "a console is named console:ID:SLOT");
	}
	text++;
	const size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 2 || text[digits] != '\0' ||
	    strtoul(text, NULL, 10) > TOPICS_SLOT_MOST) {
		return fail_set(fail, FAIL_INVALID, "a guest's slot is a number from 0 to %d",
				TOPICS_SLOT_MOST);
	}
	topics->consoles[at].slot = (unsigned)strtoul(text, NULL, 10);
	for (unsigned i = 0; i < at; i++) {
		if (topics->consoles[i].slot == topics->consoles[at].slot &&
		    strcmp(topics->consoles[i].node, topics->consoles[at].node) == 0) {
			return true;
		}
	}
	topics->console_count++;
	return true;
}

bool topics_add(struct topics *topics, const char *text, struct fail *fail)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].word, text) == 0) {
			topics->bits |= words[i].bit;
			return true;
		}
	}
	if (strncmp(text, "telemetry", 9) == 0 && (text[9] == '\0' || text[9] == ':')) {
		return add_telemetry(topics, text + 9, fail);
	}
	if (strncmp(text, "console:", 8) == 0) {
		return add_console(topics, text + 8, fail);
	}
	return fail_set(fail, FAIL_INVALID,
			"\"%.40s\" is no topic; there are nodes, events, boots, system, telemetry "
			"and console:ID:SLOT",
			text);
}

bool topics_parse(struct topics *topics, const char *list, struct fail *fail)
{
	char *copy = strdup(list);
	char *rest = copy;
	bool ok = copy != NULL ||
		  fail_set(fail, FAIL_UNAVAILABLE, "no memory for the topics; try again");

	while (ok && rest != NULL) {
		char *next = strchr(rest, ',');
		if (next != NULL) {
			*next++ = '\0';
		}
		ok = *rest == '\0' || topics_add(topics, rest, fail);
		rest = next;
	}
	free(copy);
	return ok;
}

void topics_free(struct topics *topics)
{
	free(topics->nodes);
	memset(topics, 0, sizeof(*topics));
}

bool topics_same_telemetry(const struct topics *a, const struct topics *b)
{
	return a->has_telemetry == b->has_telemetry && a->node_count == b->node_count &&
	       (a->node_count == 0 ||
		memcmp(a->nodes, b->nodes, (size_t)a->node_count * ID_BYTES) == 0);
}

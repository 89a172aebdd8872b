/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A word is looked for as a whole id, then a name, then a MAC address, then the beginning of an id (with or without
 * its "n-"). The first kind that fits at all decides; when it fits several nodes, none is taken and all are named.
 */
#include "ctl/find.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "ctl/show.h"

enum { NAMED_MOST = 5 };

enum kind { KIND_ID, KIND_NAME, KIND_MAC, KIND_BEGIN, KIND_COUNT };

/* Of what becomes part of a path, nothing but an id's letters. */
static bool is_id(const char *id)
{
	return strlen(id) > 2 && strlen(id) < FIND_ID_BYTES && strncmp(id, "n-", 2) == 0 &&
	       strspn(id + 2, "abcdefghijklmnopqrstuvwxyz0123456789") == strlen(id + 2);
}

/* Letters alone: aa:bb.., aa-bb.. and aabb.. are the same. */
static bool same_mac(const char *a, const char *b)
{
	unsigned digits = 0;

	for (;;) {
		while (*a == ':' || *a == '-' || *a == '.') {
			a++;
		}
		while (*b == ':' || *b == '-' || *b == '.') {
			b++;
		}
		if (*a == '\0' || *b == '\0') {
			return *a == *b && digits == 12;
		}
		if (!isxdigit((unsigned char)*a) ||
		    tolower((unsigned char)*a) != tolower((unsigned char)*b)) {
			return false;
		}
		a++, b++, digits++;
	}
}

static bool has_mac(const json_t *node, const char *word)
{
	size_t i;
	json_t *mac;

	json_array_foreach(json_object_get(node, "macs"), i, mac)
	{
		if (json_is_string(mac) && same_mac(json_string_value(mac), word)) {
			return true;
		}
	}
	return false;
}

static bool fits(const json_t *node, const char *word, enum kind kind)
{
	const char *id = show_text(node, "id");

	switch (kind) {
	case KIND_ID:
		return strcmp(id, word) == 0;
	case KIND_NAME:
		return strcmp(show_text(node, "name"), word) == 0;
	case KIND_MAC:
		return has_mac(node, word);
	default:
		return strncmp(id, word, strlen(word)) == 0 ||
		       (strlen(id) > 2 && strncmp(id + 2, word, strlen(word)) == 0);
	}
}

static enum ctl_exit say_many(const struct ctl *ctl, const json_t *nodes, const char *word,
			      enum kind kind, unsigned count)
{
	char list[NAMED_MOST * 100] = "";
	unsigned named = 0;
	size_t i;
	json_t *node;

	json_array_foreach(nodes, i, node)
	{
		if (fits(node, word, kind) && named < NAMED_MOST) {
			const size_t at = strlen(list);
			const char *name = show_text(node, "name");
			snprintf(list + at, sizeof(list) - at, "%s%s%s%.60s%s",
				 named == 0 ? "" : ", ", show_text(node, "id"),
				 name[0] == '\0' ? "" : " (", name, name[0] == '\0' ? "" : ")");
			named++;
		}
	}
	return ctl_say(ctl, CTL_USAGE, "\"%.80s\" may be %u nodes: %s%s; name one by its id", word,
		       count, list, count > named ? ", ..." : "");
}

enum ctl_exit find_in(const struct ctl *ctl, const json_t *nodes, const char *word,
		      char id[FIND_ID_BYTES])
{
	for (enum kind kind = KIND_ID; kind < KIND_COUNT; kind++) {
		const char *found = NULL;
		unsigned count = 0;
		size_t i;
		json_t *node;

		json_array_foreach(nodes, i, node)
		{
			if (fits(node, word, kind)) {
				found = show_text(node, "id");
				count++;
			}
		}
		if (count > 1) {
			return say_many(ctl, nodes, word, kind, count);
		}
		if (count == 1) {
			if (!is_id(found)) {
				return ctl_say(
					ctl, CTL_FAILED,
					"the controller named a node \"%.40s\", which is no id",
					found);
			}
			snprintf(id, FIND_ID_BYTES, "%s", found);
			return CTL_OK;
		}
	}
	return ctl_say(ctl, CTL_NOT_FOUND,
		       "there is no node \"%.80s\"; `aetherctl node list` shows all", word);
}

/* The controller looks for texts with colons, as it writes addresses. */
static void as_written(char *to, const char *word)
{
	char digits[13];
	unsigned count = 0;

	for (const char *c = word; *c != '\0'; c++) {
		if (*c == ':' || *c == '-' || *c == '.') {
			continue;
		}
		if (!isxdigit((unsigned char)*c) || count == 12) {
			return;
		}
		digits[count++] = (char)tolower((unsigned char)*c);
	}
	if (count == 12) {
		snprintf(to, 18, "%.2s:%.2s:%.2s:%.2s:%.2s:%.2s", digits, digits + 2, digits + 4,
			 digits + 6, digits + 8, digits + 10);
	}
}

enum ctl_exit find_node(const struct ctl *ctl, const char *word, char id[FIND_ID_BYTES])
{
	char text[CTL_WORD_MOST + 1];
	char query[4 * CTL_WORD_MOST] = "";
	json_t *nodes;

	if (word[0] == '\0' || strlen(word) > 64) {
		return ctl_say(ctl, CTL_USAGE, "a node is named by its id, name or MAC address");
	}
	snprintf(text, sizeof(text), "%s", word);
	as_written(text, word);
	ctl_add_query(query, sizeof(query), "q", text);
	enum ctl_exit how = ctl_list(ctl, "/api/v1/nodes", query, 0, &nodes);
	if (how == CTL_OK) {
		how = find_in(ctl, nodes, word, id);
		json_decref(nodes);
	}
	return how;
}

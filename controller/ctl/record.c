/* SPDX-License-Identifier: Apache-2.0 */
/* Rules, tokens, settings, the sign-in link. */
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/find.h"
#include "ctl/show.h"

enum { PATH_ROOM = 160 };

/* An id that may stand in a path: KIND, a hyphen, letters and digits. */
static bool is_id(const char *text, char kind)
{
	return text[0] == kind && text[1] == '-' && strlen(text) < FIND_ID_BYTES &&
	       strspn(text + 2, "abcdefghijklmnopqrstuvwxyz0123456789") == strlen(text + 2);
}

static void when(struct table *table, const char *time)
{
	table_put(table, SHOW_PLAIN, "%.19s%s", time, time[0] == '\0' ? "" : "Z");
}

static enum ctl_exit print_list(struct ctl *ctl, const char *path, unsigned columns,
				const char *const *heads,
				void (*put)(struct table *table, const json_t *item),
				const char *none)
{
	json_t *items;
	struct table table;
	size_t i;
	json_t *item;
	const enum ctl_exit how = ctl_list(ctl, path, "", 0, &items);

	if (how != CTL_OK) {
		return how;
	}
	if (ctl_has(ctl, OPT_JSON)) {
		json_t *json = json_pack("{sO}", "items", items);
		ctl_print_json(ctl, json);
		json_decref(json);
	} else if (json_array_size(items) == 0) {
		fprintf(ctl->out, "%s\n", none);
	} else {
		table_begin(&table, columns, heads);
		json_array_foreach(items, i, item)
		{
			put(&table, item);
		}
		table_end(&table, ctl);
	}
	json_decref(items);
	return CTL_OK;
}

/* --- rules --- */

static void put_rule(struct table *table, const json_t *rule)
{
	char text[SHOW_CELL_BYTES];

	table_put(table, SHOW_PLAIN, "%s", show_text(rule, "id"));
	show_labels(text, sizeof(text), json_object_get(rule, "matches"));
	table_put(table, SHOW_PLAIN, "%s", text[0] == '\0' ? "every node" : text);
	show_labels(text, sizeof(text), json_object_get(rule, "labels"));
	table_put(table, SHOW_PLAIN, "%s", text);
	table_put(table, SHOW_PLAIN, "%.0f", show_number(rule, "count"));
	when(table, show_text(rule, "ends"));
	table_put(table, SHOW_PLAIN, "%s", show_text(rule, "created_by"));
}

enum ctl_exit rule_list(struct ctl *ctl)
{
	static const char *const heads[] = {"RULE", "MATCHES", "LABELS", "LEFT", "ENDS", "BY"};

	return print_list(ctl, "/api/v1/rules", 6, heads, put_rule,
			  "no rules; every node waits for a person");
}

static enum ctl_exit read_labels(const struct ctl *ctl, json_t *labels)
{
	for (unsigned i = 0; i < ctl->label_count; i++) {
		char key[CTL_WORD_MOST + 1];
		const char *equals = strchr(ctl->labels[i], '=');

		if (equals == NULL || equals == ctl->labels[i]) {
			return ctl_say(ctl, CTL_USAGE, "--label takes KEY=VALUE, not \"%.80s\"",
				       ctl->labels[i]);
		}
		snprintf(key, sizeof(key), "%.*s", (int)(equals - ctl->labels[i]), ctl->labels[i]);
		if (json_object_set_new(labels, key, json_string(equals + 1)) != 0) {
			return ctl_say(ctl, CTL_USAGE, "the label \"%.80s\" is not UTF-8",
				       ctl->labels[i]);
		}
	}
	return CTL_OK;
}

enum ctl_exit rule_add(struct ctl *ctl)
{
	static const enum ctl_option matching[] = {OPT_ARCH, OPT_NETWORK, OPT_SERIAL, OPT_MAC};
	char ends[32];
	const char *count = ctl->values[OPT_UPTO];
	json_t *json = NULL;

	if (count == NULL || !ctl_has(ctl, OPT_ENDS)) {
		return ctl_say(ctl, CTL_USAGE,
			       "a rule needs --count, how many nodes it may approve, and --ends, "
			       "until when");
	}
	if (strlen(count) > 6 || strspn(count, "0123456789") != strlen(count) || atoi(count) < 1) {
		return ctl_say(ctl, CTL_USAGE, "--count takes a number from 1 on, not \"%.40s\"",
			       count);
	}
	if (!show_read_ends(ctl->values[OPT_ENDS], ends)) {
		return ctl_say(
			ctl, CTL_USAGE,
			"--ends takes 2027-01-31T12:00:00Z, or 90s, 30m, 8h, 7d; not \"%.40s\"",
			ctl->values[OPT_ENDS]);
	}
	json_t *matches = json_object();
	json_t *labels = json_object();
	for (size_t i = 0; i < sizeof(matching) / sizeof(matching[0]); i++) {
		if (ctl_has(ctl, matching[i])) {
			json_object_set_new(matches, option_texts[matching[i]].name,
					    json_string(ctl->values[matching[i]]));
		}
	}
	enum ctl_exit how = read_labels(ctl, labels);
	json_t *body = json_pack("{sososiss}", "matches", matches, "labels", labels, "count",
				 atoi(count), "ends", ends);
	how = how == CTL_OK ? ctl_ask(ctl, "POST", "/api/v1/rules", body, &json) : how;
	json_decref(body);
	if (how == CTL_OK && ctl_has(ctl, OPT_JSON)) {
		ctl_print_json(ctl, json);
	} else if (how == CTL_OK) {
		fprintf(ctl->out, "%s: approves %s nodes that match, until %s\n",
			show_text(json, "id"), count, ends);
	}
	json_decref(json);
	return how;
}

static enum ctl_exit drop(struct ctl *ctl, const char *path, const char *id)
{
	json_t *json = NULL;
	const enum ctl_exit how = ctl_ask(ctl, "DELETE", path, NULL, &json);

	if (how == CTL_OK && ctl_has(ctl, OPT_JSON)) {
		fprintf(ctl->out, "{\"id\":\"%s\"}\n", id);
	} else if (how == CTL_OK) {
		fprintf(ctl->out, "%s: removed\n", id);
	}
	json_decref(json);
	return how;
}

enum ctl_exit rule_remove(struct ctl *ctl)
{
	char path[PATH_ROOM];
	const char *id = ctl->arguments[0];

	if (!is_id(id, 'r')) {
		return ctl_say(ctl, CTL_NOT_FOUND,
			       "\"%.60s\" is no rule; `aetherctl rule list` shows their ids", id);
	}
	snprintf(path, sizeof(path), "/api/v1/rules/%s", id);
	return drop(ctl, path, id);
}

/* --- tokens --- */

static void put_token(struct table *table, const json_t *token)
{
	table_put(table, SHOW_PLAIN, "%s", show_text(token, "id"));
	table_put(table, SHOW_STRONG, "%s", show_text(token, "name"));
	when(table, show_text(token, "created"));
	when(table, show_text(token, "used"));
	when(table, show_text(token, "ends"));
}

enum ctl_exit token_list(struct ctl *ctl)
{
	static const char *const heads[] = {"TOKEN", "NAME", "MADE", "USED", "ENDS"};

	return print_list(ctl, "/api/v1/tokens", 5, heads, put_token,
			  "no tokens; `aetherctl token add NAME` makes one");
}

enum ctl_exit token_add(struct ctl *ctl)
{
	char ends[32];
	json_t *json = NULL;
	json_t *body = json_pack("{ss}", "name", ctl->arguments[0]);

	if (ctl_has(ctl, OPT_ENDS)) {
		if (!show_read_ends(ctl->values[OPT_ENDS], ends)) {
			json_decref(body);
			return ctl_say(ctl, CTL_USAGE,
				       "--ends takes 2027-01-31T12:00:00Z, or 90s, 30m, 8h, 7d; "
				       "not \"%.40s\"",
				       ctl->values[OPT_ENDS]);
		}
		json_object_set_new(body, "ends", json_string(ends));
	}
	const enum ctl_exit how = ctl_ask(ctl, "POST", "/api/v1/tokens", body, &json);
	json_decref(body);
	if (how == CTL_OK && ctl_has(ctl, OPT_JSON)) {
		ctl_print_json(ctl, json);
	} else if (how == CTL_OK) {
		char clean[300];
		show_clean(clean, sizeof(clean), show_text(json, "token"));
		fprintf(ctl->out, "%s\n", clean);
		fprintf(ctl->err, "This is shown once. Keep it in a file that only its user reads, "
				  "for --token-file.\n");
	}
	json_decref(json);
	return how;
}

static const char *token_of(const json_t *tokens, const char *word, unsigned *count)
{
	const char *found = NULL;
	size_t i;
	json_t *token;

	*count = 0;
	json_array_foreach(tokens, i, token)
	{
		if (strcmp(show_text(token, "id"), word) == 0 ||
		    strcmp(show_text(token, "name"), word) == 0) {
			found = show_text(token, "id");
			(*count)++;
		}
	}
	return found;
}

enum ctl_exit token_remove(struct ctl *ctl)
{
	char path[PATH_ROOM];
	char id[FIND_ID_BYTES] = "";
	json_t *tokens;
	unsigned count;
	enum ctl_exit how = ctl_list(ctl, "/api/v1/tokens", "", 0, &tokens);

	if (how != CTL_OK) {
		return how;
	}
	const char *found = token_of(tokens, ctl->arguments[0], &count);
	if (found != NULL && is_id(found, 't')) {
		snprintf(id, sizeof(id), "%s", found);
	}
	json_decref(tokens);
	if (count > 1) {
		return ctl_say(ctl, CTL_USAGE, "%u tokens are named \"%.60s\"; name one by its id",
			       count, ctl->arguments[0]);
	}
	if (id[0] == '\0') {
		return ctl_say(ctl, CTL_NOT_FOUND,
			       "there is no token \"%.60s\"; `aetherctl token list` shows all",
			       ctl->arguments[0]);
	}
	snprintf(path, sizeof(path), "/api/v1/tokens/%s", id);
	return drop(ctl, path, id);
}

/* --- settings --- */

static enum ctl_exit print_settings(const struct ctl *ctl, enum ctl_exit how, json_t *json)
{
	const char *key;
	json_t *value;

	if (how == CTL_OK && ctl_has(ctl, OPT_JSON)) {
		ctl_print_json(ctl, json);
	} else if (how == CTL_OK) {
		json_object_foreach(json, key, value)
		{
			char *text = json_dumps(value,
						JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
			fprintf(ctl->out, "%s=%s\n", key, text != NULL ? text : "?");
			free(text);
		}
	}
	json_decref(json);
	return how;
}

enum ctl_exit setting_list(struct ctl *ctl)
{
	json_t *json = NULL;
	const enum ctl_exit how = ctl_ask(ctl, "GET", "/api/v1/settings", NULL, &json);

	return print_settings(ctl, how, json);
}

/* A value is JSON where it is any (a number, true), and a text else. */
enum ctl_exit setting_set(struct ctl *ctl)
{
	json_t *body = json_object();
	json_t *json = NULL;
	enum ctl_exit how = CTL_OK;

	for (unsigned i = 0; i < ctl->argument_count && how == CTL_OK; i++) {
		char key[CTL_WORD_MOST + 1];
		const char *equals = strchr(ctl->arguments[i], '=');

		if (equals == NULL || equals == ctl->arguments[i]) {
			how = ctl_say(ctl, CTL_USAGE, "a setting is KEY=VALUE, not \"%.80s\"",
				      ctl->arguments[i]);
			break;
		}
		snprintf(key, sizeof(key), "%.*s", (int)(equals - ctl->arguments[i]),
			 ctl->arguments[i]);
		json_t *value = json_loads(equals + 1, JSON_DECODE_ANY, NULL);
		json_object_set_new(body, key, value != NULL ? value : json_string(equals + 1));
	}
	how = how == CTL_OK ? ctl_ask(ctl, "PATCH", "/api/v1/settings", body, &json) : how;
	json_decref(body);
	return print_settings(ctl, how, json);
}

enum ctl_exit sign_in_make(struct ctl *ctl)
{
	json_t *json = NULL;
	json_t *body = json_object();
	const enum ctl_exit how = ctl_ask(ctl, "POST", "/api/v1/sign-in-links", body, &json);

	json_decref(body);
	if (how == CTL_OK && ctl_has(ctl, OPT_JSON)) {
		ctl_print_json(ctl, json);
	} else if (how == CTL_OK) {
		char clean[600];
		show_clean(clean, sizeof(clean), show_text(json, "url"));
		fprintf(ctl->out, "%s\n", clean);
		show_clean(clean, sizeof(clean), show_text(json, "ends"));
		fprintf(ctl->err, "Good once, until %.19sZ. Whoever opens it is the admin.\n",
			clean);
	}
	json_decref(json);
	return how;
}

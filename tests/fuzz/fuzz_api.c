/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client says to the controller: the first byte chooses whether the rest is a target, a list of
 * topics, a Host, a cookie, a body of JSON, or a time. What was taken must keep the promises of its header.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "api/inside.h"
#include "api/topics.h"
#include "fuzz/fuzz.h"
#include "http/assets.h"
#include "http/guard.h"
#include "http/route.h"
#include "http/uri.h"

const char fuzz_corpus[] = "tests/fuzz/corpus/api";

static void need(bool holds)
{
	if (!holds) {
		abort();
	}
}

static const struct http_route routes[] = {
	{"GET", "/api/v1/nodes/{id}/consoles/{slot}", NULL, 0, 0},
	{"GET", "/{a}/{b}/{c}/{d}", NULL, 0, 0},
	{"POST", "/{a}", NULL, 0, 0},
};

static void check_target(const char *text)
{
	static struct uri uri;
	struct route_match match;
	struct fail fail = {0};

	if (!uri_parse(&uri, text, &fail)) {
		need(fail.kind == FAIL_INVALID && fail.text[0] != '\0' && uri.path[0] == '\0' &&
		     uri.query_count == 0);
		return;
	}
	need(uri.path[0] == '/');
	for (const char *c = uri.path; *c != '\0'; c++) {
		need((unsigned char)*c >= 0x20 && *c != 0x7f);
	}
	for (unsigned i = 0; i < uri.query_count; i++) {
		need(uri_query(&uri, uri.query[i].name) == uri.query[i].value);
	}
	route_find(routes, sizeof(routes) / sizeof(routes[0]), "GET", uri.path, &match);
	for (unsigned i = 0; i < match.param_count; i++) {
		need(match.params[i][0] != '\0' && strchr(match.params[i], '/') == NULL);
	}
	need(asset_find(NULL, 0, uri.path) == NULL);
}

static void check_topics(const char *text)
{
	struct topics topics = {0};
	struct fail fail = {0};

	if (topics_parse(&topics, text, &fail)) {
		need(topics.node_count <= TOPICS_NODES_MOST &&
		     topics.console_count <= TOPICS_CONSOLES_MOST);
		for (unsigned i = 0; i < topics.node_count; i++) {
			need(id_is_valid('n', topics.nodes[i]));
			need(i == 0 || strcmp(topics.nodes[i - 1], topics.nodes[i]) < 0);
		}
		for (unsigned i = 0; i < topics.console_count; i++) {
			need(id_is_valid('n', topics.consoles[i].node) &&
			     topics.consoles[i].slot <= TOPICS_SLOT_MOST);
		}
	} else {
		need(fail.kind != FAIL_NONE);
	}
	topics_free(&topics);
}

static void check_headers(const char *text)
{
	char value[16];
	const struct http_asset asset = {
		.br = (const uint8_t *)"b", .br_size = 1, .bytes = (const uint8_t *)"", .size = 0};

	if (guard_host_is_ours(text, NULL, 0)) {
		need(strncasecmp(text, "localhost", 9) == 0 || strncmp(text, "127.0.0.1", 9) == 0 ||
		     strncmp(text, "[::1]", 5) == 0);
	}
	need(!guard_origin_is_ours("localhost:1", text, NULL, true) ||
	     strcasecmp(text, "http://localhost:1") == 0 ||
	     strcasecmp(text, "https://localhost:1") == 0);
	if (guard_cookie(text, "a", value, sizeof(value))) {
		need(strlen(value) < sizeof(value) && strchr(value, ';') == NULL);
	}
	need(asset_choose(&asset, text).size <= 1);
}

static void check_json(const char *text, size_t count)
{
	json_t *json = guard_json_is_shallow(text, count, 16)
			       ? json_loadb(text, count, JSON_REJECT_DUPLICATES, NULL)
			       : NULL;

	json_decref(json);
}

static void check_time(const char *text)
{
	int64_t ms;

	if (api_parse_time(text, &ms)) {
		need(ms > 0 && text[strlen(text) - 1] == 'Z');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	if (size == 0) {
		return 0;
	}
	char *text = malloc(size);
	memcpy(text, bytes + 1, size - 1);
	text[size - 1] = '\0';
	switch (bytes[0] % 5) {
	case 0:
		check_target(text);
		break;
	case 1:
		check_topics(text);
		break;
	case 2:
		check_headers(text);
		break;
	case 3:
		check_json(text, size - 1);
		break;
	default:
		check_time(text);
	}
	free(text);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The dashboard as it is built, from the real server: each file in each encoding, by GET, HEAD and "not modified". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "http/listen.h"
#include "http/server.h"
#include "unit/controller/client.h"

static struct http_server *server;
static uint16_t port;
static struct client_answer answer;

static int start(void **state)
{
	const struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct fail fail = {0};

	(void)state;
	log_set_level(LOG_ERROR);
	const struct http_server_options options = {.fd = listen_for_people(&address, &fail),
						    .unix_fd = -1,
						    .owner = (uid_t)-1,
						    .assets = http_assets,
						    .asset_count = http_asset_count};
	port = listen_port(options.fd);
	server = http_server_start(&options, &fail);
	return server != NULL ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	client_free(&answer);
	http_server_stop(server);
	return 0;
}

static void ask(const char *method, const char *path, const char *headers)
{
	client_free(&answer);
	client_ask(port, method, path, headers, NULL, &answer);
}

static void check_one(const struct http_asset *asset, const char *coding, const uint8_t *bytes, size_t size)
{
	char headers[256];
	char length[24];

	(void)snprintf(headers, sizeof(headers), "Accept-Encoding: %s\r\n", coding != NULL ? coding : "identity");
	(void)snprintf(length, sizeof(length), "%zu", size);
	ask("GET", asset->path, headers);
	assert_int_equal(answer.status, 200);
	assert_int_equal(answer.body_bytes, size);
	assert_memory_equal(answer.body, bytes, size);
	assert_string_equal(client_header(&answer, "Content-Type"), asset->type);
	assert_string_equal(client_header(&answer, "Vary"), "Accept-Encoding");
	assert_null(strstr(client_header(&answer, "Content-Security-Policy"), "unsafe"));
	if (coding != NULL) {
		assert_string_equal(client_header(&answer, "Content-Encoding"), coding);
	} else {
		assert_null(client_header(&answer, "Content-Encoding"));
	}
	ask("HEAD", asset->path, headers);
	assert_int_equal(answer.status, 200);
	assert_int_equal(answer.body_bytes, 0);
	assert_string_equal(client_header(&answer, "Content-Length"), length);
	(void)snprintf(headers, sizeof(headers), "Accept-Encoding: %s\r\nIf-None-Match: %s\r\n",
		       coding != NULL ? coding : "identity", asset->etag);
	ask("GET", asset->path, headers);
	assert_int_equal(answer.status, 304);
	assert_int_equal(answer.body_bytes, 0);
	assert_string_equal(client_header(&answer, "ETag"), asset->etag);
}

static void each_file_in_each_encoding(void **state)
{
	unsigned compressed = 0;

	(void)state;
	for (size_t i = 0; i < http_asset_count; i++) {
		const struct http_asset *asset = &http_assets[i];

		check_one(asset, NULL, asset->bytes, asset->size);
		if (asset->gz != NULL) {
			assert_true(asset->gz_size < asset->size && asset->gz[0] == 0x1f && asset->gz[1] == 0x8b);
			check_one(asset, "gzip", asset->gz, asset->gz_size);
		}
		if (asset->br != NULL) {
			assert_true(asset->br_size < asset->size);
			check_one(asset, "br", asset->br, asset->br_size);
			compressed++;
		}
	}
	assert_true(compressed >= 3); /* page, script, styles */
}

static void the_page_names_files_that_are_there(void **state)
{
	static const char *const marks[] = {"src=\"", "href=\""};
	unsigned named = 0;

	(void)state;
	ask("GET", "/", "Accept-Encoding: identity\r\n");
	assert_int_equal(answer.status, 200);
	assert_string_equal(client_header(&answer, "Content-Type"), "text/html; charset=utf-8");
	char *page = strdup(answer.body);

	assert_non_null(page);
	assert_null(strstr(page, "<style"));
	assert_null(strstr(page, "style=\""));
	for (size_t i = 0; i < 2; i++) {
		for (char *at = strstr(page, marks[i]); at != NULL; at = strstr(at, marks[i])) {
			char path[128];

			at += strlen(marks[i]);
			(void)snprintf(path, sizeof(path), "%s%.*s", *at == '/' ? "" : "/", (int)strcspn(at, "\""),
				       at + (at[0] == '.' && at[1] == '/' ? 2 : 0));
			path[strcspn(path, "\"")] = '\0';
			ask("GET", path, NULL);
			assert_int_equal(answer.status, 200);
			assert_null(strstr(client_header(&answer, "Content-Type"), "text/html"));
			named++;
		}
	}
	free(page);
	assert_true(named >= 2);
	ask("HEAD", "/", NULL);
	assert_int_equal(answer.status, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_file_in_each_encoding),
		cmocka_unit_test(the_page_names_files_that_are_there),
	};

	return cmocka_run_group_tests(tests, start, stop);
}

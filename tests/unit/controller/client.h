/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A small HTTP client over a socket: sends what it is told to, byte for byte, and reads one answer. */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLIENT_HEAD_BYTES = 8192, CLIENT_BODY_BYTES = 1 << 20 };

struct client_answer {
	unsigned status; /* 0: the connection ended without an answer */
	char head[CLIENT_HEAD_BYTES];
	char *body; /* NUL terminated, of client_free() */
	size_t body_bytes;
};

/* Port of 127.0.0.1, or a Unix socket. -1: refused. */
int client_connect(uint16_t port);
int client_connect_unix(const char *path);
bool client_send(int fd, const char *bytes, size_t count);
/* Within five seconds. `has_body` false: of HEAD. */
void client_read(int fd, bool has_body, struct client_answer *answer);
void client_free(struct client_answer *answer);
/* A header's value in a static buffer; NULL: absent. */
const char *client_header(const struct client_answer *answer, const char *name);

/* One request on a connection of its own. `headers` are "Name: value\r\n" lines; body NULL: none. */
void client_ask(uint16_t port, const char *method, const char *target, const char *headers,
		const char *body, struct client_answer *answer);
void client_ask_unix(const char *path, const char *method, const char *target, const char *headers,
		     const char *body, struct client_answer *answer);
/* The body as JSON; NULL: it is none. */
json_t *client_json(const struct client_answer *answer);

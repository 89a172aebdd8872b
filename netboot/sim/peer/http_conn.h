/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One connection of the server, shared by http.c (in) and http_reply.c (out) alone. */
#include "sim/peer/http.h"

#define HTTP_HEAD_MAX 512u

enum http_state {
	HTTP_FREE = 0,
	HTTP_READING, /* a request, or waiting for one */
	HTTP_REPLYING,
	HTTP_ENDING, /* all is sent: until the client has closed too, lest a reset overtakes the answer */
	HTTP_STUCK, /* by a fault: says nothing until the client goes */
};

struct http_conn {
	enum http_state state;
	int fd;
	struct sockaddr_in from;
	uint64_t progress_ms; /* when a byte last moved */
	unsigned requests;
	uint8_t in[REQUEST_HEAD_MAX + HTTP_CONTENT_MAX];
	size_t in_bytes;

	/* The reply that is being sent: out[], then the entry's bytes, then tail. */
	struct request request;
	struct fault fault;
	uint64_t start_us;
	unsigned status;
	uint8_t out[HTTP_HEAD_MAX + HTTP_ANSWER_MAX];
	size_t out_bytes;
	size_t out_sent;
	int entry_fd; /* a duplicate; -1: none */
	uint64_t entry_base; /* of the entry in its file */
	uint64_t entry_bytes;
	uint64_t first; /* of the entry's bytes: what is sent is first to before end */
	uint64_t at;
	uint64_t end;
	const char *tail;
	uint64_t drip_ms; /* when the next drop is due */
	bool is_last;
};

enum http_progress {
	HTTP_MORE, /* wait until the socket takes more, or the next drop is due */
	HTTP_DONE, /* the connection reads on */
	HTTP_CLOSE,
	HTTP_RESET,
	HTTP_DOWN, /* the whole server, for fault.value[1] ms */
};

/* Begins the reply to conn->request. */
void http_reply_start(struct http_conn *conn, const struct http_answer *answer, struct fault_rules *rules);
enum http_progress http_reply_run(struct http_conn *conn);
/* Says how it went, and lets go of what the reply held. */
void http_reply_end(struct http_conn *conn, const char *how);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Out: the head of a reply, the bytes of a catalogue entry, and everything that a fault makes wrong with them. A
 * connection sends at most BURST_BYTES in one turn, so that no one of them keeps the others waiting.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/peer/event.h"
#include "sim/peer/http_conn.h"

#define BURST_BYTES UINT64_C(262144)

static const uint8_t zeros[65536];

static const char *reason(unsigned status)
{
	switch (status) {
	case 200: return "OK";
	case 206: return "Partial Content";
	case 302: return "Found";
	case 400: return "Bad Request";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 411: return "Length Required";
	case 413: return "Content Too Large";
	case 414: return "URI Too Long";
	case 416: return "Range Not Satisfiable";
	case 431: return "Request Header Fields Too Large";
	case 500: return "Internal Server Error";
	case 501: return "Not Implemented";
	case 503: return "Service Unavailable";
	case 505: return "HTTP Version Not Supported";
	default: return "Other";
	}
}

__attribute__((format(printf, 2, 3))) static void put(struct http_conn *conn, const char *format, ...)
{
	const size_t room = HTTP_HEAD_MAX - conn->out_bytes;
	va_list args;

	va_start(args, format);
	const int count = vsnprintf((char *)conn->out + conn->out_bytes, room, format, args);
	va_end(args);
	/* Our own words only: they fit. */
	conn->out_bytes += count < 0 ? 0 : (size_t)count < room ? (size_t)count : room - 1;
}

static void put_length(struct http_conn *conn, uint64_t bytes)
{
	const struct fault *fault = &conn->fault;

	if (fault->kind == FAULT_ENDLESS) {
		conn->is_last = true;
	} else if (fault->kind == FAULT_CHUNKED) {
		put(conn, "Transfer-Encoding: chunked\r\n");
	} else {
		const int64_t more = fault->kind == FAULT_LENGTH ? fault->value[0] : 0;

		put(conn, "Content-Length: %lld\r\n", (long long)bytes + more);
		conn->is_last = conn->is_last || more != 0;
	}
}

/* Which bytes of the entry are asked for. */
static void choose_range(struct http_conn *conn)
{
	const struct request *request = &conn->request;

	conn->first = 0;
	conn->end = conn->entry_bytes;
	if (conn->status != 200 || !request->has_range) {
		return;
	}
	if (request->range_first >= conn->entry_bytes) {
		conn->status = 416;
		conn->end = 0;
		return;
	}
	conn->status = 206;
	conn->first = request->range_first;
	if (request->range_last < conn->entry_bytes - 1) {
		conn->end = request->range_last + 1;
	}
}

static void put_head(struct http_conn *conn, const struct http_answer *answer)
{
	const uint64_t bytes = conn->entry_fd >= 0 ? conn->end - conn->first : answer->byte_count;
	const bool is_shifted = conn->fault.kind == FAULT_BAD_RANGE;

	put(conn, "HTTP/1.1 %u %s\r\nServer: aether-peer\r\n", conn->status, reason(conn->status));
	if (conn->fault.kind == FAULT_REDIRECT) {
		put(conn, "Location: %s\r\n", conn->request.path);
	}
	if (conn->fault.kind == FAULT_LONG_HEAD) {
		return;
	}
	if (conn->status == 206) {
		put(conn, "Content-Range: bytes %llu-%llu/%llu\r\n",
		    (unsigned long long)conn->first + is_shifted,
		    (unsigned long long)conn->end - 1 + is_shifted, (unsigned long long)conn->entry_bytes);
	} else if (conn->status == 416) {
		put(conn, "Content-Range: bytes */%llu\r\n", (unsigned long long)conn->entry_bytes);
	}
	put_length(conn, bytes);
	put(conn, "Content-Type: application/octet-stream\r\nConnection: %s\r\n\r\n",
	    conn->is_last ? "close" : "keep-alive");
	if (conn->fault.kind == FAULT_CHUNKED) {
		put(conn, "%llx\r\n", (unsigned long long)bytes);
		conn->tail = "\r\n0\r\n\r\n";
	}
	if (conn->entry_fd < 0) {
		memcpy(conn->out + conn->out_bytes, answer->bytes, answer->byte_count);
		conn->out_bytes += answer->byte_count;
	}
}

static void put_garbage(struct http_conn *conn)
{
	for (size_t i = 0; i < HTTP_HEAD_MAX; i++) {
		conn->out[i] = (uint8_t)random();
	}
	conn->out_bytes = HTTP_HEAD_MAX;
	conn->is_last = true;
}

/* What a fault does before the head is written. Without content the answer is as short as can be. */
static void apply_fault(struct http_conn *conn)
{
	switch (conn->fault.kind) {
	case FAULT_STATUS:
		conn->status = (unsigned)conn->fault.value[0];
		conn->end = conn->first;
		break;
	case FAULT_REDIRECT:
		conn->status = 302;
		conn->end = conn->first;
		break;
	case FAULT_NO_RANGE:
		conn->request.has_range = false;
		break;
	default:
		break;
	}
}

void http_reply_start(struct http_conn *conn, const struct http_answer *answer, struct fault_rules *rules)
{
	const struct catalog_entry *entry = answer->entry;

	conn->state = HTTP_REPLYING;
	conn->start_us = now_us();
	conn->status = answer->status;
	conn->out_bytes = 0;
	conn->out_sent = 0;
	conn->entry_fd = entry != NULL ? fcntl(entry->fd, F_DUPFD_CLOEXEC, 0) : -1;
	conn->entry_base = entry != NULL ? entry->offset : 0;
	conn->entry_bytes = conn->entry_fd >= 0 ? entry->size_bytes : 0;
	conn->tail = "";
	conn->drip_ms = 0;
	conn->is_last = conn->request.is_last;
	if (entry != NULL && conn->entry_fd < 0) {
		conn->status = 503;
	}
	choose_range(conn);
	conn->fault = fault_take(rules, conn->request.path, conn->first, conn->end);
	if (conn->fault.kind == FAULT_NO_RANGE) {
		conn->status = answer->status;
		conn->request.has_range = false;
		choose_range(conn);
	}
	apply_fault(conn);
	conn->at = conn->first;
	if (conn->fault.kind == FAULT_SILENCE) {
		conn->state = HTTP_STUCK;
	} else if (conn->fault.kind == FAULT_GARBAGE) {
		put_garbage(conn);
		conn->end = conn->at;
	} else {
		put_head(conn, answer);
	}
}

/* How many bytes of the entry the fault lets go now; 0: none in this turn. */
static uint64_t allowance(struct http_conn *conn)
{
	const struct fault *fault = &conn->fault;
	const uint64_t left = conn->end - conn->at;
	const uint64_t sent = conn->at - conn->first;
	uint64_t most = left < BURST_BYTES ? left : BURST_BYTES;

	if (fault->kind == FAULT_CUT || fault->kind == FAULT_DIE) {
		const uint64_t until = fault->value[0] > 0 ? (uint64_t)fault->value[0] : 0;

		most = sent >= until ? 0 : most < until - sent ? most : until - sent;
	} else if (fault->kind == FAULT_DRIP) {
		if (now_ms() < conn->drip_ms) {
			return 0;
		}
		conn->drip_ms = now_ms() + (uint64_t)fault->value[1];
		most = most < (uint64_t)fault->value[0] ? most : (uint64_t)fault->value[0];
	}
	return most;
}

/* Sends at most `most` bytes of the entry; -1 with errno. The flipped byte goes alone. */
static ssize_t send_entry(struct http_conn *conn, uint64_t most)
{
	const uint64_t flip = conn->fault.kind == FAULT_FLIP ? (uint64_t)conn->fault.value[0] : UINT64_MAX;
	off_t offset = (off_t)(conn->entry_base + conn->at);

	if (conn->at == flip) {
		uint8_t byte;

		if (pread(conn->entry_fd, &byte, 1, offset) != 1) {
			return 0;
		}
		byte ^= 1;
		return send(conn->fd, &byte, 1, MSG_NOSIGNAL);
	}
	if (conn->at < flip && flip - conn->at < most) {
		most = flip - conn->at;
	}
	return sendfile(conn->fd, conn->entry_fd, &offset, most);
}

static bool must_wait(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static enum http_progress run_endless(struct http_conn *conn)
{
	static const char line[] = "X-Filler: a header line that is followed by another one, without an end\r\n";
	const bool is_head = conn->fault.kind == FAULT_LONG_HEAD;
	const ssize_t sent = is_head ? send(conn->fd, line, sizeof(line) - 1, MSG_NOSIGNAL)
				     : send(conn->fd, zeros, sizeof(zeros), MSG_NOSIGNAL);

	if (sent < 0) {
		return must_wait() ? HTTP_MORE : HTTP_RESET;
	}
	conn->at += (uint64_t)sent;
	conn->progress_ms = now_ms();
	return HTTP_MORE;
}

static enum http_progress run_entry(struct http_conn *conn)
{
	const uint64_t most = allowance(conn);

	if (most == 0) {
		return conn->fault.kind == FAULT_DIE   ? HTTP_DOWN
		       : conn->fault.kind == FAULT_CUT ? HTTP_RESET
						       : HTTP_MORE;
	}
	const ssize_t sent = send_entry(conn, most);
	if (sent < 0) {
		return must_wait() ? HTTP_MORE : HTTP_RESET;
	}
	if (sent == 0) {
		return HTTP_RESET; /* the file is shorter than it was */
	}
	conn->at += (uint64_t)sent;
	conn->progress_ms = now_ms();
	return HTTP_MORE;
}

enum http_progress http_reply_run(struct http_conn *conn)
{
	if (conn->out_sent < conn->out_bytes) {
		const int more = conn->at < conn->end ? MSG_MORE : 0;
		const ssize_t sent = send(conn->fd, conn->out + conn->out_sent,
					  conn->out_bytes - conn->out_sent, MSG_NOSIGNAL | more);

		if (sent < 0) {
			return must_wait() ? HTTP_MORE : HTTP_RESET;
		}
		conn->out_sent += (size_t)sent;
		conn->progress_ms = now_ms();
		if (conn->out_sent < conn->out_bytes) {
			return HTTP_MORE;
		}
	}
	if (conn->fault.kind == FAULT_ENDLESS || conn->fault.kind == FAULT_LONG_HEAD) {
		return run_endless(conn);
	}
	if (conn->at < conn->end) {
		const enum http_progress progress = run_entry(conn);

		if (progress != HTTP_MORE || conn->at < conn->end) {
			return progress;
		}
	}
	if (conn->tail[0] != '\0') {
		const ssize_t sent = send(conn->fd, conn->tail, strlen(conn->tail), MSG_NOSIGNAL);

		if (sent < 0) {
			return must_wait() ? HTTP_MORE : HTTP_RESET;
		}
		conn->tail += sent;
		if (conn->tail[0] != '\0') {
			return HTTP_MORE;
		}
	}
	return conn->is_last ? HTTP_CLOSE : HTTP_DONE;
}

void http_reply_end(struct http_conn *conn, const char *how)
{
	const uint64_t ms = (now_us() - conn->start_us) / 1000u;
	char path[REQUEST_PATH_MAX];
	char fault[32] = "";

	(void)event_text(path, sizeof(path), conn->request.path, sizeof(conn->request.path));
	if (conn->fault.kind != FAULT_NONE) {
		(void)snprintf(fault, sizeof(fault), " fault=%s", fault_word(conn->fault.kind));
	}
	event("http %s from=%s:%u status=%u first=%llu bytes=%llu of=%llu ms=%llu request=%u %s%s", path,
	      inet_ntoa(conn->from.sin_addr), ntohs(conn->from.sin_port), conn->status,
	      (unsigned long long)conn->first, (unsigned long long)(conn->at - conn->first),
	      (unsigned long long)conn->entry_bytes, (unsigned long long)ms, conn->requests, how, fault);
	if (conn->entry_fd >= 0) {
		(void)close(conn->entry_fd);
		conn->entry_fd = -1;
	}
}

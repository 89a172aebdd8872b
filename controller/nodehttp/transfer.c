/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests and blobs: files that libmicrohttpd sends by sendfile(). How far one is, the kernel knows: the bytes that
 * the node's TCP has acknowledged. A transfer that is cut off leaves its step open, since the node goes on by Range;
 * when it does not, the fleet sees that the step stands still. A transfer is in the list for as long as its socket is
 * open.
 */
#include <inttypes.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "nodehttp/own.h"

enum { WATCH_MS = 200 };

static uint64_t acknowledged(int fd)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_bytes_acked : 0;
}

static void tell(struct nodehttp *nodehttp, const struct transfer *transfer, uint64_t moved, bool is_ended)
{
	struct fleet_step step = {
		.kind = transfer->is_manifest ? "manifest" : "blob",
		.start_ms = transfer->start_ms,
		.end_ms = is_ended ? clock_wall_ms() : 0,
		.bytes = transfer->first + moved,
		.total = transfer->total,
	};

	(void)snprintf(step.detail, sizeof(step.detail), "%s", transfer->hex);
	fleet_step_by_address(nodehttp->options.fleet, transfer->from.sin_addr, &step);
}

/* With the answer's head, whose few hundred bytes do not show in a blob's percent. */
static uint64_t moved_by_now(const struct transfer *transfer)
{
	const uint64_t now = acknowledged(transfer->fd);
	const uint64_t moved = now > transfer->base ? now - transfer->base : 0;

	return moved < transfer->count ? moved : transfer->count;
}

void *transfer_watch(void *argument)
{
	struct nodehttp *nodehttp = argument;

	pthread_mutex_lock(&nodehttp->lock);
	while (!nodehttp->must_end) {
		struct timespec until;

		for (struct transfer *transfer = nodehttp->transfers; transfer != NULL; transfer = transfer->next) {
			const uint64_t moved = moved_by_now(transfer);

			if (moved > transfer->moved) {
				transfer->moved = moved;
				tell(nodehttp, transfer, moved, false);
			}
		}
		(void)clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += WATCH_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		/* Without transfers there is nothing to look at. */
		(void)(nodehttp->transfers == NULL
			       ? pthread_cond_wait(&nodehttp->ending, &nodehttp->lock)
			       : pthread_cond_timedwait(&nodehttp->ending, &nodehttp->lock, &until));
	}
	pthread_mutex_unlock(&nodehttp->lock);
	return NULL;
}

static void enlist(struct nodehttp *nodehttp, struct transfer *transfer)
{
	pthread_mutex_lock(&nodehttp->lock);
	transfer->next = nodehttp->transfers;
	transfer->at = &nodehttp->transfers;
	if (transfer->next != NULL) {
		transfer->next->at = &transfer->next;
	} else {
		pthread_cond_signal(&nodehttp->ending);
	}
	nodehttp->transfers = transfer;
	nodehttp->transfer_count++;
	pthread_mutex_unlock(&nodehttp->lock);
}

void transfer_end(struct nodehttp *nodehttp, struct transfer *transfer, bool is_whole)
{
	pthread_mutex_lock(&nodehttp->lock);
	const uint64_t moved = is_whole ? transfer->count : moved_by_now(transfer);

	*transfer->at = transfer->next;
	if (transfer->next != NULL) {
		transfer->next->at = transfer->at;
	}
	nodehttp->transfer_count--;
	pthread_mutex_unlock(&nodehttp->lock);
	tell(nodehttp, transfer, moved, is_whole && transfer->first + transfer->count == transfer->total);
	atomic_fetch_add(&nodehttp->nr_bytes, moved);
	atomic_fetch_add(is_whole ? (transfer->is_manifest ? &nodehttp->nr_manifests : &nodehttp->nr_blobs)
				  : &nodehttp->nr_cut,
			 1);
	free(transfer);
}

/* The node asked for what is not here. */
static void tell_missing(struct nodehttp *nodehttp, const struct request *request, const char *hex)
{
	const int64_t now_ms = clock_wall_ms();
	struct fleet_step step = {
		.kind = request->to == TO_MANIFEST ? "manifest" : "blob",
		.start_ms = now_ms,
		.end_ms = now_ms,
		.problem = "blob-missing",
	};

	(void)snprintf(step.detail, sizeof(step.detail), "%s", hex);
	fleet_step_by_address(nodehttp->options.fleet, request->from.sin_addr, &step);
}

static enum MHD_Result send_file(struct request *request, int fd, const struct transfer *transfer, bool is_part)
{
	struct MHD_Response *response = MHD_create_response_from_fd_at_offset64(transfer->count, fd, transfer->first);
	char range[80];

	if (response == NULL) {
		(void)close(fd);
		return MHD_NO;
	}
	enum MHD_Result result = MHD_add_response_header(response, "Content-Type", "application/octet-stream");

	if (is_part) {
		(void)snprintf(range, sizeof(range), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, transfer->first,
			       transfer->first + transfer->count - 1, transfer->total);
		result = result == MHD_YES ? MHD_add_response_header(response, "Content-Range", range) : MHD_NO;
	}
	if (result == MHD_YES) {
		result = MHD_queue_response(request->connection, is_part ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK,
					    response);
	}
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result send_empty(struct request *request)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);

	if (response == NULL) {
		return MHD_NO;
	}
	const enum MHD_Result result = MHD_queue_response(request->connection, MHD_HTTP_OK, response);

	MHD_destroy_response(response);
	return result;
}

enum MHD_Result transfer_start(struct nodehttp *nodehttp, struct request *request, const char *hex)
{
	uint64_t total = 0;
	struct fail fail;

	if (!fleet_may_fetch(nodehttp->options.fleet, request->from.sin_addr)) {
		return refuse(nodehttp, request, MHD_HTTP_FORBIDDEN,
			      "manifests and blobs are for approved nodes; approve this one first");
	}
	const int fd = blobs_read(nodehttp->options.blobs, hex, &total, &fail);

	if (fd < 0) {
		if (fail.kind == FAIL_NOT_FOUND) {
			tell_missing(nodehttp, request, hex);
		}
		return refuse(nodehttp, request, fail_status(fail.kind), fail.text);
	}
	struct transfer *transfer = calloc(1, sizeof(*transfer));

	if (transfer == NULL) {
		(void)close(fd);
		return refuse(nodehttp, request, MHD_HTTP_SERVICE_UNAVAILABLE, "no memory; try again later");
	}
	const int range = range_parse(MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Range"), total,
				      &transfer->first, &transfer->count);

	if (range < 0 || total == 0) {
		free(transfer);
		(void)close(fd);
		return range < 0 ? refuse(nodehttp, request, MHD_HTTP_RANGE_NOT_SATISFIABLE,
					  "the range begins behind the end; begin at byte 0")
				 : send_empty(request);
	}
	transfer->from = request->from;
	transfer->fd = MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	transfer->is_manifest = request->to == TO_MANIFEST;
	memcpy(transfer->hex, hex, sizeof(transfer->hex));
	transfer->total = total;
	transfer->base = acknowledged(transfer->fd);
	transfer->start_ms = clock_wall_ms();
	tell(nodehttp, transfer, 0, false);
	request->transfer = transfer;
	enlist(nodehttp, transfer);
	return send_file(request, fd, transfer, range > 0);
}

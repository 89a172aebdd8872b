/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that are one client's: a node from its approval to its first file, and the dashboard's first load. */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/controller/daemon.h"
#include "ctl/call.h"
#include "unit/controller/virtual_node.h"

enum { NUMBER_FIRST = 50000, WAIT_MS = 10000, ASSETS_MOST = 32, PATH_ROOM = 160 };

int bench_approvals(struct subject *subject, double *times, unsigned count);
long bench_first_load(const struct subject *subject);

/* Its approval goes out in a thread of its own, as a person's does: the node does not know. */
struct approval {
	struct subject *subject;
	char path[PATH_ROOM];
	uint64_t at_us;
	unsigned wait_ms;
};

static void *approve(void *argument)
{
	struct approval *approval = argument;

	nanosleep(&(struct timespec){.tv_nsec = (long)approval->wait_ms * 1000000L}, NULL);
	approval->at_us = clock_us();
	json_decref(subject_ask(approval->subject, "POST", approval->path, NULL));
	return NULL;
}

static bool find(struct subject *subject, const struct virtual_node *node, char path[PATH_ROOM])
{
	char query[PATH_ROOM];

	snprintf(query, sizeof(query), "/api/v1/nodes?q=virtual-%06u", node->number);
	json_t *list = subject_ask(subject, "GET", query, NULL);
	const char *id = json_string_value(
		json_object_get(json_array_get(json_object_get(list, "items"), 0), "id"));
	snprintf(path, PATH_ROOM, "/api/v1/nodes/%s/approve", id == NULL ? "" : id);
	const bool ok = id != NULL;
	json_decref(list);
	return ok;
}

/* Asks again as it is told to, until it is approved. */
static bool hello_until_approved(const struct virtual_node *node, const struct sockaddr_in *to)
{
	const uint64_t until_ms = clock_ms() + WAIT_MS;
	struct hello_answer answer;

	while (clock_ms() < until_ms && virtual_node_say_hello(node, to, &answer)) {
		if (answer.status == HELLO_APPROVED) {
			return true;
		}
		nanosleep(&(struct timespec){.tv_sec = answer.retry_ms / 1000,
					     .tv_nsec = answer.retry_ms % 1000 * 1000000L},
			  NULL);
	}
	return false;
}

/* Beats until it is told of a guest. */
static bool beat_until_wanted(struct virtual_node *node, const struct sockaddr_in *to)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const uint64_t until_ms = clock_ms() + WAIT_MS;
	uint8_t bytes[DATAGRAM_MAX_BYTES];

	if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0) {
		return false;
	}
	while (clock_ms() < until_ms && node->guests[0].state != WIRE_GUEST_RUNNING) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		const size_t count = virtual_node_beat(node, bytes);
		(void)!send(fd, bytes, count, 0);
		if (poll(&wait, 1, 100) > 0) {
			const ssize_t came = recv(fd, bytes, sizeof(bytes), 0);
			(void)(came > 0 && virtual_node_take(node, bytes, (size_t)came));
		}
	}
	close(fd);
	return node->guests[0].state == WIRE_GUEST_RUNNING;
}

static bool approve_one(struct subject *subject, unsigned number, double *ms)
{
	static struct virtual_reply reply;
	struct virtual_node node;
	const struct sockaddr_in to = {.sin_family = AF_INET,
				       .sin_port = htons(subject->node_port),
				       .sin_addr.s_addr = htonl(0x7f4d0001u)};
	struct approval approval = {.subject = subject, .wait_ms = 300 + number * 97 % 500};
	struct hello_answer answer;
	char path[PATH_ROOM] = "/v1/manifests/sha256/";
	pthread_t thread;

	virtual_node_begin(&node, number, 0);
	node.ip.s_addr = htonl(0x7f020000u + number % 60000);
	if (!virtual_node_say_hello(&node, &to, &answer) || answer.status != HELLO_PENDING ||
	    !find(subject, &node, approval.path) ||
	    pthread_create(&thread, NULL, approve, &approval) != 0) {
		return false;
	}
	bool ok = hello_until_approved(&node, &to) && beat_until_wanted(&node, &to);
	for (unsigned i = 0; i < ACK_SHA256_BYTES; i++) {
		snprintf(path + strlen(path), sizeof(path) - strlen(path), "%02x",
			 node.manifests[0][i]);
	}
	ok = ok && virtual_http(node.ip, &to, "GET", path, NULL, NULL, 0, &reply) &&
	     reply.status == 200;
	const uint64_t now_us = clock_us();
	pthread_join(thread, NULL);
	*ms = (double)(now_us - approval.at_us) / 1000;
	virtual_node_end(&node);
	return ok;
}

int bench_approvals(struct subject *subject, double *times, unsigned count)
{
	int done = 0;

	for (unsigned i = 0; i < count; i++) {
		done += approve_one(subject, NUMBER_FIRST + i, &times[done]);
	}
	return done;
}

/* --- the dashboard --- */

static long load(const struct subject *subject, const char *path, struct text *text)
{
	static struct call call;
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u", subject->people_port);
	const struct place place = {.url = url, .token = ""};
	if (call_open(&call, &place, "GET", path,
		      text->most == 1 ? "" : "Accept-Encoding: br, gzip\r\n", NULL,
		      clock_ms() + 10000) != CTL_OK) {
		return -1;
	}
	text->most = 0;
	return call_read_all(&call, text) == CTL_OK && call.status == 200 ? (long)text->length : -1;
}

/* The page, and what its tags name of this server's: scripts, styles, icons. */
long bench_first_load(const struct subject *subject)
{
	struct text page = {.most = 1}; /* 1: as it is, to read it */
	struct text packed = {0};
	long total = -1;

	if (load(subject, "/", &page) >= 0) {
		total = load(subject, "/", &packed);
	}
	const char *at = total < 0 ? NULL : page.bytes;
	for (unsigned i = 0; at != NULL && total >= 0 && i < ASSETS_MOST; i++) {
		const char *src = strstr(at, "src=\"");
		const char *href = strstr(at, "href=\"");
		const char *found = src == NULL || (href != NULL && href < src) ? href : src;
		char path[PATH_ROOM];
		struct text asset = {0};
		if (found == NULL) {
			break;
		}
		found = strchr(found, '"') + 1;
		const int length = (int)strcspn(found, "\"");
		at = found + length;
		if (length == 0 || length >= PATH_ROOM || found[0] == '#' ||
		    strncmp(found, "data:", 5) == 0) {
			continue;
		}
		snprintf(path, sizeof(path), "%s%.*s", found[0] == '/' ? "" : "/", length, found);
		const long bytes = load(subject, path, &asset);
		total = bytes < 0 ? -1 : total + bytes;
		text_free(&asset);
	}
	text_free(&page);
	text_free(&packed);
	return total;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket and its thread. dnsmasq runs its script one at a time, so one connection at a time is enough; whoever
 * connects and says nothing is left after WAIT_MS.
 */
#include "leases/leases.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

enum { WAIT_MS = 3000 };

struct leases {
	struct leases_options options;
	struct sockaddr_un at;
	int listener, wake;
	pthread_t thread;
};

static bool may_speak(const struct leases *leases, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid() || peer.uid == leases->options.uid);
}

/* -1: it is not whole in time, or too long. */
static ssize_t read_request(int fd, char request[LEASES_REQUEST_BYTES])
{
	size_t held = 0;

	for (;;) {
		const ssize_t got = recv(fd, request + held, LEASES_REQUEST_BYTES - held, 0);

		if (got == 0) {
			return (ssize_t)held;
		}
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0 || held + (size_t)got == LEASES_REQUEST_BYTES) {
			return -1;
		}
		held += (size_t)got;
	}
}

static void write_all(int fd, const char *bytes, size_t count)
{
	while (count > 0) {
		const ssize_t put = send(fd, bytes, count, MSG_NOSIGNAL);

		if (put < 0 && errno != EINTR) {
			return;
		}
		bytes += put > 0 ? put : 0;
		count -= put > 0 ? (size_t)put : 0;
	}
}

static void serve(struct leases *leases, int fd)
{
	const struct timeval wait = {.tv_sec = WAIT_MS / 1000};
	char request[LEASES_REQUEST_BYTES];
	struct text answer = {.bytes = NULL};

	if (!may_speak(leases, fd)) {
		log_warn("leases", "somebody who is neither dnsmasq nor root connected");
		return;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	const ssize_t bytes = read_request(fd, request);

	if (bytes < 0) {
		text_puts(&answer, "no the request is not whole\n");
	} else {
		leases_answer(&leases->options, request, (size_t)bytes, &answer);
	}
	if (!answer.is_broken) {
		write_all(fd, answer.bytes, answer.length);
	}
	text_free(&answer);
}

static void *run(void *argument)
{
	struct leases *leases = argument;

	for (;;) {
		struct pollfd polls[] = {{.fd = leases->listener, .events = POLLIN},
					 {.fd = leases->wake, .events = POLLIN}};

		(void)poll(polls, 2, -1);
		if (polls[1].revents != 0) {
			return NULL;
		}
		const int fd = accept4(leases->listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0) {
			serve(leases, fd);
			(void)close(fd);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
			(void)poll(NULL, 0, 100);
		}
	}
}

static bool make_socket(struct leases *leases, struct fail *fail)
{
	leases->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	leases->wake = eventfd(0, EFD_CLOEXEC);
	(void)unlink(leases->at.sun_path); /* an earlier run's; that only one runs is the store's to see to */
	if (leases->listener < 0 || leases->wake < 0 ||
	    bind(leases->listener, (const struct sockaddr *)&leases->at, sizeof(leases->at)) < 0 ||
	    chmod(leases->at.sun_path, 0666) < 0 || listen(leases->listener, 16) < 0) {
		return fail_set(fail, FAIL_UNAVAILABLE, "%s: no socket: %s", leases->at.sun_path, strerror(errno));
	}
	return true;
}

static void leases_free(struct leases *leases)
{
	if (leases->listener >= 0) {
		(void)close(leases->listener);
	}
	if (leases->wake >= 0) {
		(void)close(leases->wake);
	}
	free(leases);
}

struct leases *leases_start(const struct leases_options *options, struct fail *fail)
{
	struct leases *leases = calloc(1, sizeof(*leases));

	if (leases == NULL) {
		fail_set(fail, FAIL_UNAVAILABLE, "no memory for the leases");
		return NULL;
	}
	leases->options = *options;
	leases->listener = leases->wake = -1;
	leases->at.sun_family = AF_UNIX;
	if (strlen(options->path) >= sizeof(leases->at.sun_path)) {
		fail_set(fail, FAIL_INVALID, "%s: a socket's path has at most %zu bytes: use a shorter state directory",
			 options->path, sizeof(leases->at.sun_path) - 1);
		leases_free(leases);
		return NULL;
	}
	(void)snprintf(leases->at.sun_path, sizeof(leases->at.sun_path), "%s", options->path);
	if (!leases_tell_all(options, fail) || !make_socket(leases, fail)) {
		leases_free(leases);
		return NULL;
	}
	if (pthread_create(&leases->thread, NULL, run, leases) != 0) {
		fail_set(fail, FAIL_UNAVAILABLE, "no thread for the leases");
		leases_free(leases);
		return NULL;
	}
	return leases;
}

void leases_stop(struct leases *leases)
{
	const uint64_t one = 1;

	if (leases == NULL) {
		return;
	}
	while (write(leases->wake, &one, sizeof(one)) < 0 && errno == EINTR) {
	}
	pthread_join(leases->thread, NULL);
	(void)unlink(leases->at.sun_path);
	leases_free(leases);
}

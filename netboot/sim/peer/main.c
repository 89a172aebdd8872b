/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer: a small controller for simulation and tests. One thread, one poll loop: HTTP on TCP, datagrams on UDP, orders
 * on a Unix socket. It listens at the one address that it is given.
 *
 *     peer [option]... --listen IP[:PORT]
 *     peer say SOCKET WORD...       gives an order to a running one (`peer say SOCKET help`)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/peer/command.h"
#include "sim/peer/event.h"
#include "sim/peer/http.h"
#include "sim/peer/link.h"
#include "sim/peer/node.h"
#include "sim/peer/status.h"

static const char usage[] =
	"usage: peer --listen IP[:PORT] [option]...\n"
	"       peer say SOCKET WORD...        an order to a running one; 'help' lists them\n"
	"  --listen IP[:PORT]      TCP and UDP, here alone (port 7480)\n"
	"  --serve PATH            a file, all files of a folder, or what is in a bundle, by SHA-256 (repeatable)\n"
	"  --manifest PATH         what new nodes are to run: a bundle, or a manifest alone\n"
	"  --approve all|none|after:N    new nodes: at once, by order, at the Nth hello (all)\n"
	"  --interval MS           between beats (1000)\n"
	"  --retry MS              between a pending node's hellos (1000)\n"
	"  --folder DIR            status files, consoles and crash records (nowhere)\n"
	"  --control SOCKET        orders (none)\n"
	"  --fault RULE            as the order 'fault' (repeatable)\n"
	"  --seed N                of what is random in faults (1)\n";

struct peer {
	struct sockaddr_in address;
	struct catalog catalog;
	struct fault_rules rules;
	struct nodes nodes;
	struct link link;
	struct command command;
	const char *control;
};

static struct peer peer = {
	.address = {.sin_family = AF_INET},
	.nodes = {.catalog = &peer.catalog, .interval_ms = 1000, .retry_ms = 1000},
};

static volatile sig_atomic_t must_end;

static void on_signal(int number)
{
	(void)number;
	must_end = 1;
}

/* /v1/KIND/sha256/HEX */
static const struct catalog_entry *find_content(const char *path)
{
	static const char *const places[] = {"/v1/manifests/sha256/", "/v1/blobs/sha256/"};
	uint8_t sha256[SHA256_BYTES];

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const size_t length = strlen(places[i]);

		if (strncmp(path, places[i], length) == 0 && strlen(path) == length + 2 * SHA256_BYTES &&
		    hex_parse(path + length, sha256, SHA256_BYTES)) {
			return catalog_find(&peer.catalog, sha256);
		}
	}
	return NULL;
}

static void handle(void *context, const struct request *request, const uint8_t *content,
		   const struct sockaddr_in *from, struct http_answer *answer)
{
	(void)context;
	if (request->method == REQUEST_POST && strcmp(request->path, "/v1/hello") == 0) {
		answer->byte_count = node_hello(&peer.nodes, content, (size_t)request->content_bytes, from,
						answer->bytes, sizeof(answer->bytes));
		answer->status = answer->byte_count > 0 ? 200 : 400;
		return;
	}
	answer->entry = request->method == REQUEST_GET ? find_content(request->path) : NULL;
	answer->status = answer->entry != NULL ? 200 : 404;
}

static bool parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *number)
{
	char *end = NULL;

	errno = 0;
	*number = strtoull(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && text[0] != '-' && *number >= least && *number <= most;
}

static bool parse_address(const char *text)
{
	char host[32];
	uint64_t port = DATAGRAM_PORT;
	const char *colon = strchr(text, ':');
	const size_t length = colon != NULL ? (size_t)(colon - text) : strlen(text);

	if (length >= sizeof(host) || (colon != NULL && !parse_number(colon + 1, 1, 65535, &port))) {
		return false;
	}
	memcpy(host, text, length);
	host[length] = '\0';
	peer.address.sin_port = htons((uint16_t)port);
	peer.nodes.udp_port = (uint16_t)port;
	return inet_pton(AF_INET, host, &peer.address.sin_addr) == 1;
}

static bool parse_approval(const char *text)
{
	uint64_t count;

	if (strcmp(text, "all") == 0) {
		peer.nodes.approval = APPROVE_ALL;
	} else if (strcmp(text, "none") == 0) {
		peer.nodes.approval = APPROVE_NONE;
	} else if (strncmp(text, "after:", 6) == 0 && parse_number(text + 6, 1, 1000000, &count)) {
		peer.nodes.approval = APPROVE_AFTER;
		peer.nodes.approve_after = (unsigned)count;
	} else {
		return false;
	}
	return true;
}

static void serve(const char *path, uint8_t *sha256)
{
	char why[256];

	if (!catalog_add(&peer.catalog, path, sha256, why)) {
		(void)fprintf(stderr, "peer: %s\n", why);
		exit(1);
	}
}

static const struct option options[] = {
	{"listen", required_argument, NULL, 'l'},   {"serve", required_argument, NULL, 's'},
	{"manifest", required_argument, NULL, 'm'}, {"approve", required_argument, NULL, 'a'},
	{"interval", required_argument, NULL, 'i'}, {"retry", required_argument, NULL, 'r'},
	{"folder", required_argument, NULL, 'f'},   {"control", required_argument, NULL, 'c'},
	{"fault", required_argument, NULL, 'x'},    {"seed", required_argument, NULL, 'S'},
	{"help", no_argument, NULL, 'h'},	    {NULL, 0, NULL, 0},
};

/* False: the value cannot be read. */
static bool take_option(int option, const char *value)
{
	uint64_t number = 0;
	bool is_good = true;

	switch (option) {
	case 'l':
		return parse_address(value);
	case 's':
		serve(value, NULL);
		return true;
	case 'm':
		serve(value, peer.nodes.manifest);
		peer.nodes.has_manifest = true;
		return true;
	case 'a':
		return parse_approval(value);
	case 'i':
		is_good = parse_number(value, ACK_INTERVAL_MIN_MS, ACK_INTERVAL_MAX_MS, &number);
		peer.nodes.interval_ms = (uint32_t)number;
		return is_good;
	case 'r':
		is_good = parse_number(value, HELLO_RETRY_MIN_MS, HELLO_RETRY_MAX_MS, &number);
		peer.nodes.retry_ms = (uint32_t)number;
		return is_good;
	case 'f':
		peer.nodes.folder = value;
		return strlen(value) < 400;
	case 'c':
		peer.control = value;
		return true;
	case 'x':
		return fault_add(&peer.rules, value);
	case 'S':
		is_good = parse_number(value, 0, UINT32_MAX, &number);
		srandom((unsigned)number);
		return is_good;
	default:
		return false;
	}
}

static int open_all(struct http_server **http)
{
	*http = http_open(&peer.address, handle, NULL, &peer.rules);
	if (*http == NULL || !link_open(&peer.link, &peer.address, &peer.nodes)) {
		(void)fprintf(stderr, "peer: cannot listen at %s:%u: %s\n", inet_ntoa(peer.address.sin_addr),
			      ntohs(peer.address.sin_port), strerror(errno));
		return 1;
	}
	if (peer.control != NULL && !command_open(peer.control)) {
		(void)fprintf(stderr, "peer: %s: %s\n", peer.control, strerror(errno));
		return 1;
	}
	return 0;
}

static int loop(struct http_server *http)
{
	struct pollfd polls[HTTP_CONNECTIONS_MAX + 1 + COMMAND_CONNECTIONS_MAX + 1 + 1];

	while (!must_end && !peer.command.must_end) {
		int wait_ms = 1000;

		/* What takes HTTP away takes all away. */
		if (http_down_until(http) > peer.link.mute_until_ms) {
			peer.link.mute_until_ms = http_down_until(http);
		}
		link_send(&peer.link, &wait_ms);
		status_write(&peer.nodes, &wait_ms);
		const size_t http_count = http_poll(http, polls, &wait_ms);
		const size_t command_count = command_poll(polls + http_count);
		struct pollfd *udp = polls + http_count + command_count;

		*udp = (struct pollfd){.fd = peer.link.fd, .events = POLLIN};
		if (poll(polls, http_count + command_count + 1, wait_ms) < 0 && errno != EINTR) {
			(void)fprintf(stderr, "peer: poll: %s\n", strerror(errno));
			return 1;
		}
		if (udp->revents != 0) {
			link_receive(&peer.link);
		}
		http_run(http, polls, http_count);
		command_serve(&peer.command, polls + http_count, command_count);
	}
	event("end");
	return 0;
}

int main(int argc, char **argv)
{
	const struct sigaction action = {.sa_handler = on_signal};
	struct http_server *http = NULL;
	int index = 0;

	if (argc >= 4 && strcmp(argv[1], "say") == 0) {
		return command_say(argv[2], argc - 3, argv + 3);
	}
	srandom(1);
	for (int option; (option = getopt_long(argc, argv, "", options, &index)) != -1;) {
		if (option == 'h') {
			return fputs(usage, stdout) < 0;
		}
		if (option == '?' || !take_option(option, optarg)) {
			if (option != '?') {
				(void)fprintf(stderr, "peer: --%s: cannot read '%s'\n", options[index].name, optarg);
			}
			return 2;
		}
	}
	if (optind < argc || peer.address.sin_port == 0) {
		(void)fputs(usage, stderr);
		return 2;
	}
	(void)now_us();
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	if (open_all(&http) != 0) {
		return 1;
	}
	peer.command = (struct command){
		.nodes = &peer.nodes,
		.catalog = &peer.catalog,
		.rules = &peer.rules,
		.link = &peer.link,
		.http = http,
	};
	event("listen %s:%u", inet_ntoa(peer.address.sin_addr), ntohs(peer.address.sin_port));
	return loop(http);
}

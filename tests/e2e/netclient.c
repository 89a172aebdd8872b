/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests/e2e/provisioner, networks and dnsmasq-log: a boot loader's questions, and what a broken one sends. Prints
 * one line of what it got; exit status 1: nothing.
 *     netclient dhcp INTERFACE [KEY=VALUE]...    DISCOVER, and REQUEST for what is offered
 *     netclient say MESSAGE INTERFACE [KEY=VALUE]...   one message: discover request decline release inform
 *         mac=     of the client; the interface's is the default
 *         class=   option 60     arch=HEX    option 93     uuid=HEX   option 97     name=   option 12
 *         forget=NUMBER   an option that the REQUEST does not have again
 *         wait=    milliseconds for an answer, 1500 if not given
 *         address=, server=   options 50 and 54 (say)
 *     netclient tftp SERVER FILE [KEY=VALUE]...  a file
 *         blocks=  of only so many blocks, then: silence, or
 *         error=   an error of that code; with blocks=0: in answer to the options
 *         run=     a command; then the transfer goes on
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "observe/dhcp.h"
#include "observe/frame.h"

enum { MESSAGE_BYTES = 400, OPTIONS_AT = 240, FLAGS_AT = 10, CIADDR_AT = 12, MAC_AT = 28 };
enum { BOOT_FILE_AT = 108, BOOT_FILE_BYTES = 128, NEXT_SERVER_AT = 20 };

static int argument_count;
static char **arguments;

/* The value of KEY=, NULL: it was not given. */
static const char *given(const char *key)
{
	const size_t length = strlen(key);

	for (int i = 0; i < argument_count; i++) {
		if (strncmp(arguments[i], key, length) == 0 && arguments[i][length] == '=') {
			return arguments[i] + length + 1;
		}
	}
	return NULL;
}

static int wait_ms(void)
{
	return given("wait") != NULL ? atoi(given("wait")) : 1500;
}

static size_t hex_bytes(const char *text, uint8_t *to, size_t room)
{
	size_t count = 0;
	unsigned byte;

	for (; count < room && sscanf(text, "%2x", &byte) == 1; text += text[2] == ':' ? 3 : 2) {
		to[count++] = (uint8_t)byte;
		if (text[2] == '\0') {
			break;
		}
	}
	return count;
}

static int listener(const char *interface, uint8_t mac[6])
{
	const struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(DHCP_CLIENT_PORT)};
	struct ifreq request = {.ifr_ifindex = 0};
	const int on = 1;
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(request.ifr_name, interface, strnlen(interface, IFNAMSIZ - 1));
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface) + 1) < 0 ||
	    bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0) {
		perror(interface);
		exit(2);
	}
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	if (given("mac") != NULL && hex_bytes(given("mac"), mac, 6) != 6) {
		(void)fprintf(stderr, "netclient: mac=%s is none\n", given("mac"));
		exit(2);
	}
	return fd;
}

struct message {
	uint8_t bytes[MESSAGE_BYTES];
	size_t length;
};

static void put(struct message *message, uint8_t option, const void *value, size_t bytes)
{
	if (message->length + 2 + bytes >= MESSAGE_BYTES || bytes > 255) {
		exit(2);
	}
	message->bytes[message->length] = option;
	message->bytes[message->length + 1] = (uint8_t)bytes;
	memcpy(message->bytes + message->length + 2, value, bytes);
	message->length += 2 + bytes;
	message->bytes[message->length] = 255;
}

static void put_address(struct message *message, uint8_t option, uint32_t address)
{
	const uint32_t bytes = htonl(address);

	put(message, option, &bytes, sizeof(bytes));
}

/* `is_again`: the second message, from which `forget` is left out. */
static void begin(struct message *message, uint8_t kind, const uint8_t mac[6], bool is_again)
{
	static const uint8_t wanted[] = {1, 3, 43, 60, 66, 67, 209};
	const int forgotten = is_again && given("forget") != NULL ? atoi(given("forget")) : 0;
	const struct {
		const char *key;
		uint8_t option;
		bool is_hex;
	} options[] = {{"class", 60, false}, {"name", 12, false}, {"arch", 93, true}, {"uuid", 97, true}};
	uint8_t bytes[64];

	*message = (struct message){.bytes = {1, 1, 6, 0, 1, 2, 3, 4}, .length = OPTIONS_AT};
	message->bytes[FLAGS_AT] = 0x80;
	memcpy(message->bytes + MAC_AT, mac, 6);
	memcpy(message->bytes + OPTIONS_AT - 4, "\143\202\123\143", 4);
	put(message, 53, &kind, 1);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		const char *value = given(options[i].key);

		if (value == NULL || options[i].option == forgotten) {
			continue;
		}
		if (options[i].is_hex) {
			put(message, options[i].option, bytes, hex_bytes(value, bytes, sizeof(bytes)));
		} else {
			put(message, options[i].option, value, strlen(value));
		}
	}
	put(message, 55, wanted, sizeof(wanted));
}

/* Sends it and waits for an answer, of that kind unless it is 0. */
static bool ask(int fd, const struct message *message, enum dhcp_kind wanted, uint8_t *answer, size_t *bytes,
		struct dhcp *dhcp)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(DHCP_SERVER_PORT), .sin_addr.s_addr = INADDR_BROADCAST};
	struct pollfd waits = {.fd = fd, .events = POLLIN};

	(void)sendto(fd, message->bytes, MESSAGE_BYTES, 0, (const struct sockaddr *)&to, sizeof(to));
	while (poll(&waits, 1, wait_ms()) > 0) {
		const ssize_t got = recv(fd, answer, 1500, 0);

		if (got > OPTIONS_AT && dhcp_parse(answer, (size_t)got, dhcp) && dhcp->is_reply &&
		    (wanted == 0 || dhcp->kind == wanted) &&
		    memcmp(answer + MAC_AT, message->bytes + MAC_AT, 6) == 0) {
			*bytes = (size_t)got;
			return true;
		}
	}
	return false;
}

static const char *dotted(uint32_t address, char text[16])
{
	(void)snprintf(text, 16, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
	return text;
}

/* An option as text, "" without it; `from` is its message. */
static const char *option_text(const uint8_t *from, size_t bytes, uint8_t option, char text[256])
{
	text[0] = '\0';
	for (size_t at = OPTIONS_AT; at + 1 < bytes && from[at] != 255; at += from[at] == 0 ? 1 : 2u + from[at + 1]) {
		if (from[at] == option && at + 2 + from[at + 1] <= bytes) {
			(void)snprintf(text, 256, "%.*s", (int)from[at + 1], (const char *)from + at + 2);
		}
	}
	return text;
}

/* All by which a client finds a file: header, options 66 and 67, siaddr where it is not 0, option 43's menu. */
static void print_reply(const uint8_t *answer, size_t bytes, const struct dhcp *dhcp)
{
	const uint32_t next = frame_u32(answer + NEXT_SERVER_AT);
	char address[16], name[256], server[256], file[BOOT_FILE_BYTES + 1];

	(void)snprintf(file, sizeof(file), "%.*s", (int)BOOT_FILE_BYTES, (const char *)answer + BOOT_FILE_AT);
	(void)printf("%s file=%s name=%s", dotted(dhcp->yours, address), file, option_text(answer, bytes, 67, name));
	(void)printf(" server=%s next=%s", option_text(answer, bytes, 66, server), dotted(next, address));
	(void)printf(" menu=%s\n", memmem(answer, bytes, "Raspberry Pi Boot   \377", 21) != NULL ? "yes" : "no");
}

static int dhcp(const char *interface)
{
	struct message message;
	uint8_t mac[6], answer[1500];
	size_t bytes;
	struct dhcp got;
	const int fd = listener(interface, mac);

	begin(&message, DHCP_DISCOVER, mac, false);
	if (!ask(fd, &message, DHCP_OFFER, answer, &bytes, &got)) {
		(void)puts("nothing");
		return 1;
	}
	begin(&message, DHCP_REQUEST, mac, true);
	put_address(&message, 50, got.yours);
	put_address(&message, 54, got.server);
	if (!ask(fd, &message, DHCP_ACK, answer, &bytes, &got)) {
		(void)puts("an offer and no more");
		return 1;
	}
	print_reply(answer, bytes, &got);
	return 0;
}

static int say(const char *what, const char *interface)
{
	static const char *const kinds[] = {[DHCP_DISCOVER] = "discover", [DHCP_OFFER] = "offer",
					    [DHCP_REQUEST] = "request",	  [DHCP_DECLINE] = "decline",
					    [DHCP_ACK] = "ack",		  [DHCP_NAK] = "nak",
					    [DHCP_RELEASE] = "release",	  [DHCP_INFORM] = "inform"};
	struct message message;
	uint8_t mac[6], answer[1500];
	size_t bytes;
	struct dhcp got;
	char address[16];
	const int fd = listener(interface, mac);

	for (uint8_t kind = 1; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
		if (strcmp(kinds[kind], what) != 0) {
			continue;
		}
		begin(&message, kind, mac, false);
		if (given("address") != NULL && (kind == DHCP_RELEASE || kind == DHCP_INFORM)) {
			const uint32_t own = inet_addr(given("address"));

			memcpy(message.bytes + CIADDR_AT, &own, sizeof(own));
		} else if (given("address") != NULL) {
			put_address(&message, 50, ntohl(inet_addr(given("address"))));
		}
		if (given("server") != NULL) {
			put_address(&message, 54, ntohl(inet_addr(given("server"))));
		}
		if (!ask(fd, &message, 0, answer, &bytes, &got)) {
			(void)puts("nothing");
			return 1;
		}
		(void)printf("%s %s\n", got.kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[got.kind] : "?",
			     dotted(got.yours, address));
		return 0;
	}
	return 2;
}

static size_t read_request(uint8_t *packet, size_t room, const char *file, bool has_options)
{
	const int length = snprintf((char *)packet + 2, room - 2, "%s%coctet%c%s%c%s", file, 0, 0,
				    has_options ? "tsize" : "", 0, has_options ? "0" : "");

	packet[0] = 0;
	packet[1] = 1;
	return has_options ? (size_t)length + 3 : strlen(file) + 9;
}

/* What was said to do after so many blocks. False: the transfer is over. */
static bool interrupt(int fd, const struct sockaddr_in *server)
{
	uint8_t error[32] = {0, 5};

	if (given("run") != NULL) {
		return system(given("run")) == 0;
	}
	if (given("error") != NULL) {
		error[3] = (uint8_t)atoi(given("error"));
		memcpy(error + 4, "Early terminate", 16);
		(void)sendto(fd, error, 20, 0, (const struct sockaddr *)server, sizeof(*server));
	}
	return false;
}

static int tftp(const char *server, const char *file)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(69), .sin_addr.s_addr = inet_addr(server)};
	struct pollfd waits = {.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), .events = POLLIN};
	const long blocks = given("blocks") != NULL ? atol(given("blocks")) : -1;
	uint8_t packet[600];
	size_t total = 0;
	const size_t length = read_request(packet, 200, file, blocks == 0);

	(void)sendto(waits.fd, packet, length, 0, (const struct sockaddr *)&at, sizeof(at));
	for (long block = 0; poll(&waits, 1, wait_ms()) > 0; block++) {
		socklen_t size = sizeof(at);
		const ssize_t got = recvfrom(waits.fd, packet, sizeof(packet), 0, (struct sockaddr *)&at, &size);

		if (block == blocks && !interrupt(waits.fd, &at)) {
			break;
		}
		if (got < 4 || packet[1] != 3) {
			break;
		}
		total += (size_t)got - 4;
		packet[1] = 4;
		(void)sendto(waits.fd, packet, 4, 0, (const struct sockaddr *)&at, sizeof(at));
		if (got < 516) {
			(void)printf("%zu\n", total);
			return 0;
		}
	}
	(void)puts("not whole");
	return 1;
}

int main(int argc, char **argv)
{
	const int fixed = argc > 1 && strcmp(argv[1], "dhcp") == 0 ? 3 : 4;

	argument_count = argc > fixed ? argc - fixed : 0;
	arguments = argv + fixed;
	if (argc >= fixed && strcmp(argv[1], "dhcp") == 0) {
		return dhcp(argv[2]);
	}
	if (argc >= fixed && strcmp(argv[1], "say") == 0) {
		return say(argv[2], argv[3]);
	}
	if (argc >= fixed && strcmp(argv[1], "tftp") == 0) {
		return tftp(argv[2], argv[3]);
	}
	(void)fprintf(stderr,
		      "usage: netclient dhcp INTERFACE | say MESSAGE INTERFACE | tftp SERVER FILE, then KEY=VALUE\n");
	return 2;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The configuration file, read into a plain value. Its syntax is libconfig's; root wrote it. What is not known, twice
 * there, or out of its bounds is an error with file and line: nothing is guessed. Addresses are in host byte order.
 */
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/text.h"

#define CONF_DEFAULT_PATH "/etc/aether/aether.conf"

enum {
	CONF_NETWORKS_MOST = 4, /* their sockets are handed in, of which there are 16 */
	CONF_HOSTS_MOST = 16,
	CONF_SERVERS_MOST = 4, /* of DNS, or of NTP, in one network */
	CONF_NODES_MOST = 10000,
	CONF_PATH_BYTES = 512,
	CONF_HOST_BYTES = 254,
};

/* X(symbol, word): what happens to a client of the network that nobody knows. */
#define CONF_UNKNOWN(X)                                                                                                \
	X(ENROLL, "enroll") /* gets an address and the boot file, and waits for approval */                            \
	X(OBSERVE, "observe") /* is shown, and gets nothing */                                                         \
	X(IGNORE, "ignore") /* not even shown */

enum conf_unknown {
#define X(symbol, word) CONF_UNKNOWN_##symbol,
	CONF_UNKNOWN(X)
#undef X
};
const char *conf_unknown_text(enum conf_unknown unknown);

/* X(symbol, word): how the controller takes part in DHCP. */
#define CONF_MODES(X) X(AUTHORITATIVE, "authoritative") /* it alone answers */

enum conf_mode {
#define X(symbol, word) CONF_MODE_##symbol,
	CONF_MODES(X)
#undef X
};

struct conf_network {
	char interface[16];
	enum conf_mode mode;
	uint32_t address; /* this host's on it, which nodes speak to */
	unsigned prefix_bits;
	uint32_t range_first, range_last; /* leased, both included */
	uint32_t router; /* 0: none */
	uint32_t dns[CONF_SERVERS_MOST], ntp[CONF_SERVERS_MOST];
	unsigned dns_count, ntp_count;
	enum conf_unknown unknown;
	bool is_forced; /* also where another DHCP server answers */
	uint32_t lease_s;
};

struct conf {
	char path[CONF_PATH_BYTES]; /* of the file; "": none was read */
	char state[CONF_PATH_BYTES]; /* the state directory */
	char user[33], dnsmasq_user[33]; /* "": whoever starts the monitor */
	uint32_t people_address;
	uint16_t people_port, node_port;
	char hosts[CONF_HOSTS_MOST][CONF_HOST_BYTES]; /* names that a request may be for, beside the loopback's */
	unsigned host_count;
	struct conf_network networks[CONF_NETWORKS_MOST];
	unsigned network_count;
	uint32_t interval_ms; /* of beats, until a setting says otherwise */
	uint32_t nodes; /* expected: limits follow it */
	char power[CONF_PATH_BYTES]; /* program; "": none */
	char image[CONF_PATH_BYTES], boot_script[CONF_PATH_BYTES]; /* served by TFTP; "": none */
	char pi_files[CONF_PATH_BYTES]; /* a folder, served too: what a Raspberry Pi's firmware asks for; "": none */
	char bundle[CONF_PATH_BYTES]; /* the built-in release; "": none */
	char dnsmasq[CONF_PATH_BYTES]; /* the program */
	char programs[CONF_PATH_BYTES]; /* where aetherd and aether-lease are; "": beside the monitor */
};

/* What stands when a file says nothing. */
void conf_default(struct conf *conf);
/* False: *fail names file, line, what is wrong and what would be right. */
bool conf_read(const char *path, struct conf *conf, struct fail *fail);
/* All of it as a file that conf_read() takes. */
void conf_print(const struct conf *conf, struct text *to);

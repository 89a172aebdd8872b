/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the provisioner tells dnsmasq: a plain value, and the one function that turns it into text.
 */
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* An IPv4 address in host byte order: 10.77.0.1 is 0x0a4d0001. */
typedef struct {
	uint32_t bits;
} ipv4_t;

/* Room for four bytes of an address in decimal, the dots and the NUL. */
#define IPV4_TEXT_BYTES 16u

/* Writes `address` in dotted decimal and returns `text`. */
const char *ipv4_print(ipv4_t address, char text[static IPV4_TEXT_BYTES]);

/* The most hosts of one configuration; their uniqueness is checked pair by pair. */
#define RENDER_HOSTS_MAX 4096u

/* A node that is known by its MAC address: it always gets this IP address. */
struct render_host {
	uint8_t mac[6];
	ipv4_t address;
	const char *name; /* for the log, NULL: none */
};

struct render_conf {
	const char *interface; /* the only interface that is served */
	ipv4_t server; /* this host's address on it, which is also the TFTP server's */
	unsigned prefix_bits; /* of the interface's network, 8 to 30 */
	ipv4_t range_first; /* addresses to lease, both ends included, as dnsmasq has it */
	ipv4_t range_last;
	ipv4_t router; /* 0: the network has none, and the clients are told none */
	uint32_t lease_s; /* at least 120 */
	const char *boot_file; /* below the TFTP root */
	const char *pxe_config; /* option 209 (RFC 5071), below the TFTP root; NULL: none */
	const char *bundle; /* guests by TFTP too (option 17), below the TFTP root; NULL: from the controller alone */
	const char *tftp_root; /* absolute, as are the next two */
	const char *lease_file;
	const char *log_file;
	const char *user; /* to run as after start; NULL: dnsmasq's own choice */
	uint32_t tftp_max; /* transfers at a time */
	const struct render_host *hosts; /* host_count of them, none owned */
	size_t host_count;
};

/*
 * Writes dnsmasq's configuration for `conf` into `text`, NUL terminated, and returns its length.
 * A value that dnsmasq would refuse, or would read as something else, is refused here: then -1,
 * with the reason in `error`, and `text` is the empty string.
 */
int render_dnsmasq(const struct render_conf *conf, char *text, size_t text_bytes,
	struct provision_error *error);

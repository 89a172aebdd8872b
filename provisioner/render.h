/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the provisioner tells dnsmasq: a plain value, and the functions that turn it into text.
 */
#include <stdbool.h>
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
#define RENDER_NETWORKS_MAX 16u
#define RENDER_SERVERS_MAX 4u

/* A node that is known by its MAC address. */
struct render_host {
	uint8_t mac[6];
	ipv4_t address; /* that it always gets; 0: one of its network's range */
	const char *name; /* for the log, NULL: none */
};

/* What happens to a client that is none of the hosts. */
enum render_unknown {
	RENDER_ENROLL, /* it gets an address, and what to boot */
	RENDER_OBSERVE, /* it is answered nothing; who watches the wire sees it */
	RENDER_IGNORE, /* it is answered nothing */
};

struct render_network {
	const char *interface; /* the only one that it is served on */
	ipv4_t server; /* this host's address on it, which is also the TFTP server's */
	unsigned prefix_bits; /* 8 to 30 */
	ipv4_t range_first; /* addresses to lease, both ends included, as dnsmasq has it */
	ipv4_t range_last;
	ipv4_t router; /* 0: the network has none, and the clients are told none */
	const ipv4_t *dns, *ntp; /* that the clients are told; none owned */
	size_t dns_count, ntp_count; /* RENDER_SERVERS_MAX at most */
	uint32_t lease_s; /* at least 120 */
	enum render_unknown unknown;
};

struct render_conf {
	const struct render_network *networks; /* network_count of them, 1 to RENDER_NETWORKS_MAX */
	size_t network_count;
	uint32_t nodes; /* how many are expected: limits follow it; 0: as many as there are addresses */
	const char *boot_file; /* below the TFTP root */
	const char *pxe_config; /* option 209 (RFC 5071), below the TFTP root; NULL: none */
	const char *bundle; /* guests by TFTP too (option 17), below the TFTP root; NULL: from the controller alone */
	bool has_pi_files; /* the TFTP root holds what a Raspberry Pi's firmware asks for */
	const char *tftp_root; /* absolute, as are the next three */
	const char *lease_file; /* dnsmasq's own; NULL: whoever `lease_script` speaks to keeps the leases */
	const char *lease_script; /* a program, called for each change; started through a shell, so a plain path */
	const char *log_file; /* NULL: standard error, which is not waited for */
	const char *hosts_file; /* of render_hosts(), read again at SIGHUP; NULL: the hosts stand in the text itself */
	const char *user; /* to run as after start; NULL: dnsmasq's own choice */
	uint32_t tftp_max; /* transfers at a time; 0: by `nodes` */
	const struct render_host *hosts; /* host_count of them, none owned */
	size_t host_count;
};

/*
 * Writes dnsmasq's configuration for `conf` into `text`, NUL terminated, and returns its length.
 * A value that dnsmasq would refuse, or would read as something else, is refused here: then -1,
 * with the reason in `error`, and `text` is the empty string.
 */
int render_dnsmasq(const struct render_conf *conf, char *text, size_t text_bytes, struct provision_error *error);
/* The same for the content of `hosts_file`. */
int render_hosts(const struct render_conf *conf, char *text, size_t text_bytes, struct provision_error *error);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dnsmasq reads its file leniently: a comma starts a new field, " #" a comment, a host whose name is "ignore" is not
 * served, one called "10" gets a lease of ten seconds. So every string is checked against the characters that can only
 * mean themselves before it is written; a string from outside never adds a line or a field.
 */
#include "check.h"

#include <stdio.h>
#include <string.h>

/* The `file` field of a DHCP header with its NUL (RFC 2131 s2). */
#define BOOT_FILE_BYTES 128u
/* What dnsmasq accepts for a lease at least. */
#define LEASE_MIN_S 120u
#define PATH_BYTES_MAX 1024u
#define NODES_MAX 100000u

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Whether `text` has 1 to `max` characters, each a letter, a digit or one of `others`. */
static bool is_word(const char *text, size_t max, const char *others)
{
	size_t length = strnlen(text, max + 1);

	if (length == 0 || length > max) {
		return false;
	}
	for (size_t i = 0; i < length; i++) {
		if (!is_alpha(text[i]) && !is_digit(text[i]) && strchr(others, text[i]) == NULL) {
			return false;
		}
	}
	return true;
}

static int check_path(const char *what, const char *path, struct provision_error *error)
{
	if (path == NULL || path[0] != '/' || strnlen(path, PATH_BYTES_MAX) == PATH_BYTES_MAX) {
		return provision_fail(error, "%s: an absolute path of less than %u bytes is needed", what,
				      PATH_BYTES_MAX);
	}
	for (const char *c = path; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f || strchr(",#\"\\", *c) != NULL) {
			return provision_fail(error,
					      "%s: dnsmasq cannot be given a path with a control character or one of "
					      ", # \" \\ in it: use another folder",
					      what);
		}
	}
	if (path[strlen(path) - 1] == ' ') {
		return provision_fail(error, "%s: the path ends in a space", what);
	}
	return 0;
}

/* A file below the TFTP root, as a client asks for it. */
static int check_tftp_name(const char *what, const char *name, struct provision_error *error)
{
	if (name == NULL || !is_word(name, BOOT_FILE_BYTES - 1, "._-/") || name[0] == '/' || name[0] == '-') {
		return provision_fail(error,
				      "%s: a relative name of at most %u letters, digits and . _ - / is needed", what,
				      BOOT_FILE_BYTES - 1);
	}
	if (strstr(name, "..") != NULL) {
		return provision_fail(error, "%s: '%s' leads out of the TFTP root", what, name);
	}
	return 0;
}

/* dnsmasq starts it through a shell when it asks for the leases. */
static int check_script(const char *path, struct provision_error *error)
{
	if (check_path("lease script", path, error) < 0) {
		return -1;
	}
	if (!is_word(path, PATH_BYTES_MAX - 1, "/._-+")) {
		return provision_fail(
			error, "lease script: a path of letters, digits and / . _ - + is needed: a shell reads it");
	}
	return 0;
}

ipv4_t render_netmask(const struct render_network *network)
{
	return (ipv4_t){~UINT32_C(0) << (32 - network->prefix_bits)};
}

static bool is_inside(const struct render_network *network, ipv4_t address)
{
	const uint32_t mask = render_netmask(network).bits;
	const uint32_t host = address.bits & ~mask;

	return (address.bits & mask) == (network->server.bits & mask) && host != 0 && host != ~mask;
}

/* An address that a machine on the served network can have. */
static int check_address(const struct render_network *network, const char *what, ipv4_t address,
			 struct provision_error *error)
{
	char text[IPV4_TEXT_BYTES];
	char server[IPV4_TEXT_BYTES];

	if (!is_inside(network, address)) {
		return provision_fail(error, "%s: %s is not a host's address in %s/%u", what,
				      ipv4_print(address, text), ipv4_print(network->server, server),
				      network->prefix_bits);
	}
	return 0;
}

static int check_servers(const char *what, const ipv4_t *servers, size_t count, struct provision_error *error)
{
	if (count > RENDER_SERVERS_MAX) {
		return provision_fail(error, "%s: %zu servers are more than %u", what, count, RENDER_SERVERS_MAX);
	}
	for (size_t i = 0; i < count; i++) {
		if (servers[i].bits == 0 || servers[i].bits >> 28 >= 14) {
			return provision_fail(error, "%s: server %zu is not one host's address", what, i + 1);
		}
	}
	return 0;
}

static int check_network(const struct render_network *network, struct provision_error *error)
{
	if (network->interface == NULL || !is_word(network->interface, 15, "._-")) {
		return provision_fail(error, "interface: 1 to 15 letters, digits and . _ - are needed");
	}
	if (network->prefix_bits < 8 || network->prefix_bits > 30) {
		return provision_fail(error, "server: the network's prefix is %u bits, not 8 to 30",
				      network->prefix_bits);
	}
	if (check_address(network, "server", network->server, error) < 0 ||
	    check_address(network, "range", network->range_first, error) < 0 ||
	    check_address(network, "range", network->range_last, error) < 0) {
		return -1;
	}
	if (network->range_first.bits > network->range_last.bits) {
		return provision_fail(error, "range: its end is before its start");
	}
	if (network->server.bits >= network->range_first.bits && network->server.bits <= network->range_last.bits) {
		return provision_fail(error, "range: it holds the server's own address");
	}
	if (network->router.bits != 0 && check_address(network, "router", network->router, error) < 0) {
		return -1;
	}
	if (network->lease_s < LEASE_MIN_S) {
		return provision_fail(error, "lease: %u s is less than dnsmasq's least, %u s", network->lease_s,
				      LEASE_MIN_S);
	}
	return check_servers("dns", network->dns, network->dns_count, error) < 0
		       ? -1
		       : check_servers("ntp", network->ntp, network->ntp_count, error);
}

static int check_networks(const struct render_conf *conf, struct provision_error *error)
{
	if (conf->network_count < 1 || conf->network_count > RENDER_NETWORKS_MAX) {
		return provision_fail(error, "networks: %zu are not 1 to %u", conf->network_count,
				      RENDER_NETWORKS_MAX);
	}
	for (size_t i = 0; i < conf->network_count; i++) {
		const struct render_network *network = &conf->networks[i];

		if (check_network(network, error) < 0) {
			return -1;
		}
		for (size_t j = 0; j < i; j++) {
			const struct render_network *other = &conf->networks[j];
			const uint32_t mask = render_netmask(network).bits & render_netmask(other).bits;

			if (strcmp(other->interface, network->interface) == 0 ||
			    ((other->server.bits ^ network->server.bits) & mask) == 0) {
				return provision_fail(error, "networks: %s and %s are one interface or overlap",
						      other->interface, network->interface);
			}
		}
	}
	return 0;
}

static int check_files(const struct render_conf *conf, struct provision_error *error)
{
	if (check_tftp_name("boot file", conf->boot_file, error) < 0 ||
	    (conf->pxe_config != NULL && check_tftp_name("pxe config", conf->pxe_config, error) < 0) ||
	    (conf->bundle != NULL && check_tftp_name("bundle", conf->bundle, error) < 0) ||
	    check_path("tftp root", conf->tftp_root, error) < 0 ||
	    (conf->lease_file != NULL && check_path("lease file", conf->lease_file, error) < 0) ||
	    (conf->lease_script != NULL && check_script(conf->lease_script, error) < 0) ||
	    (conf->hosts_file != NULL && check_path("hosts file", conf->hosts_file, error) < 0) ||
	    (conf->log_file != NULL && check_path("log file", conf->log_file, error) < 0)) {
		return -1;
	}
	if (conf->lease_file == NULL && conf->lease_script == NULL) {
		return provision_fail(error, "lease file: without one a lease script is needed");
	}
	if (conf->user != NULL &&
	    (!is_word(conf->user, 32, "_-") || conf->user[0] == '-' || is_digit(conf->user[0]))) {
		return provision_fail(error, "user: '%.40s' is not a user's name", conf->user);
	}
	if (conf->tftp_max > 65535) {
		return provision_fail(error, "tftp max: %u is not 1 to 65535", conf->tftp_max);
	}
	if (conf->nodes > NODES_MAX) {
		return provision_fail(error, "nodes: %u are more than %u", conf->nodes, NODES_MAX);
	}
	return 0;
}

/* In one of the networks, and nobody else's. */
static int check_host_address(const struct render_conf *conf, const char *what, ipv4_t address,
			      struct provision_error *error)
{
	for (size_t i = 0; i < conf->network_count; i++) {
		if (conf->networks[i].server.bits == address.bits) {
			return provision_fail(error, "%s: its address is the server's", what);
		}
		if (is_inside(&conf->networks[i], address)) {
			return 0;
		}
	}
	return check_address(&conf->networks[0], what, address, error);
}

static int check_host(const struct render_conf *conf, size_t index, struct provision_error *error)
{
	static const uint8_t no_mac[6];
	const struct render_host *host = &conf->hosts[index];
	char what[32];

	(void)snprintf(what, sizeof(what), "host %zu", index + 1);
	if ((host->mac[0] & 1) != 0 || memcmp(host->mac, no_mac, sizeof(no_mac)) == 0) {
		return provision_fail(error, "%s: its MAC address is not one station's", what);
	}
	if (host->address.bits != 0 && check_host_address(conf, what, host->address, error) < 0) {
		return -1;
	}
	/* A name must not look like dnsmasq's own words; a lease time starts with a digit. */
	if (host->name != NULL && (!is_word(host->name, 63, "-") || !is_alpha(host->name[0]) ||
				   strcmp(host->name, "ignore") == 0 || strcmp(host->name, "infinite") == 0)) {
		return provision_fail(error, "%s: '%.63s' cannot be a host's name", what, host->name);
	}
	for (size_t i = 0; i < index; i++) {
		const struct render_host *other = &conf->hosts[i];

		if (memcmp(other->mac, host->mac, sizeof(host->mac)) == 0 ||
		    (host->address.bits != 0 && other->address.bits == host->address.bits)) {
			return provision_fail(error, "%s: its MAC or IP address is also host %zu's", what, i + 1);
		}
	}
	return 0;
}

int render_check(const struct render_conf *conf, struct provision_error *error)
{
	if (check_networks(conf, error) < 0 || check_files(conf, error) < 0) {
		return -1;
	}
	if (conf->host_count > RENDER_HOSTS_MAX) {
		return provision_fail(error, "%zu hosts are more than %u", conf->host_count, RENDER_HOSTS_MAX);
	}
	for (size_t i = 0; i < conf->host_count; i++) {
		if (check_host(conf, i, error) < 0) {
			return -1;
		}
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dnsmasq's configuration, as text, from a value: no file is read or written here.
 *
 * dnsmasq reads its file leniently: a comma starts a new field, " #" a comment, a host whose name is
 * "ignore" is not served, one called "10" gets a lease of ten seconds. So every string is checked
 * against the characters that can only mean themselves before it is written; a string from outside
 * never adds a line or a field (invariant: one call of put() is one line of the file).
 *
 * Which client gets which file (facts about the clients, not choices):
 * - U-Boot's own network stack says DHCP option 93 = 0x0016 and reads the boot file from the header
 *   only, so `dhcp-no-override` keeps it there; the TFTP server is siaddr, it ignores option 66.
 * - The same U-Boot says 0x000b (UEFI, arm64) once it tries EFI, as does real UEFI firmware. Such a
 *   client must be given a PE/COFF program or nothing; our image is not one, so it gets nothing.
 * - A client that names its own file (a boot script does) gets it by TFTP whatever DHCP said.
 */
#include "render.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Processor architecture types of DHCP option 93 (RFC 4578 s2.1, IANA "Processor Architecture Types"). */
#define CLIENT_ARCH_UBOOT_ARM64 0x0016u

/* The `file` field of a DHCP header with its NUL (RFC 2131 s2). */
#define BOOT_FILE_BYTES 128u
/* What dnsmasq accepts for a lease at least. */
#define LEASE_MIN_S 120u
#define PATH_BYTES_MAX 1024u

struct out {
	char *text;
	size_t capacity;
	size_t length;
	bool is_full;
};

__attribute__((format(printf, 2, 3))) static void put(struct out *out, const char *format, ...)
{
	if (out->is_full) {
		return;
	}
	size_t room = out->capacity - out->length;
	va_list args;

	va_start(args, format);
	int written = vsnprintf(out->text + out->length, room, format, args);
	va_end(args);
	/* One byte more for the newline. */
	if (written < 0 || (size_t)written + 1 >= room) {
		out->is_full = true;
		return;
	}
	out->length += (size_t)written;
	out->text[out->length++] = '\n';
	out->text[out->length] = '\0';
}

const char *ipv4_print(ipv4_t address, char text[static IPV4_TEXT_BYTES])
{
	(void)snprintf(text, IPV4_TEXT_BYTES, "%u.%u.%u.%u", address.bits >> 24,
		address.bits >> 16 & 0xff, address.bits >> 8 & 0xff, address.bits & 0xff);
	return text;
}

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
		return provision_fail(error, "%s: an absolute path of less than %u bytes is needed",
			what, PATH_BYTES_MAX);
	}
	for (const char *c = path; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f || strchr(",#\"\\", *c) != NULL) {
			return provision_fail(error,
				"%s: dnsmasq cannot be given a path with a control "
				"character or one of , # \" \\ in it: use another folder",
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
	if (name == NULL || !is_word(name, BOOT_FILE_BYTES - 1, "._-/") || name[0] == '/' ||
		name[0] == '-') {
		return provision_fail(error,
			"%s: a relative name of at most %u letters, digits and . _ - / "
			"is needed",
			what, BOOT_FILE_BYTES - 1);
	}
	if (strstr(name, "..") != NULL) {
		return provision_fail(error, "%s: '%s' leads out of the TFTP root", what, name);
	}
	return 0;
}

static ipv4_t netmask(const struct render_conf *conf)
{
	return (ipv4_t){~UINT32_C(0) << (32 - conf->prefix_bits)};
}

/* An address that a machine on the served network can have. */
static int check_address(const struct render_conf *conf, const char *what, ipv4_t address,
	struct provision_error *error)
{
	char text[IPV4_TEXT_BYTES];
	char server[IPV4_TEXT_BYTES];
	uint32_t mask = netmask(conf).bits;
	uint32_t host = address.bits & ~mask;

	if ((address.bits & mask) != (conf->server.bits & mask) || host == 0 || host == ~mask) {
		return provision_fail(error, "%s: %s is not a host's address in %s/%u", what,
			ipv4_print(address, text), ipv4_print(conf->server, server),
			conf->prefix_bits);
	}
	return 0;
}

static int check_network(const struct render_conf *conf, struct provision_error *error)
{
	if (conf->interface == NULL || !is_word(conf->interface, 15, "._-")) {
		return provision_fail(
			error, "interface: 1 to 15 letters, digits and . _ - are needed");
	}
	if (conf->prefix_bits < 8 || conf->prefix_bits > 30) {
		return provision_fail(error, "server: the network's prefix is %u bits, not 8 to 30",
			conf->prefix_bits);
	}
	if (check_address(conf, "server", conf->server, error) < 0 ||
		check_address(conf, "range", conf->range_first, error) < 0 ||
		check_address(conf, "range", conf->range_last, error) < 0) {
		return -1;
	}
	if (conf->range_first.bits > conf->range_last.bits) {
		return provision_fail(error, "range: its end is before its start");
	}
	if (conf->server.bits >= conf->range_first.bits &&
		conf->server.bits <= conf->range_last.bits) {
		return provision_fail(error, "range: it holds the server's own address");
	}
	if (conf->router.bits != 0 && check_address(conf, "router", conf->router, error) < 0) {
		return -1;
	}
	if (conf->lease_s < LEASE_MIN_S) {
		return provision_fail(error, "lease: %u s is less than dnsmasq's least, %u s",
			conf->lease_s, LEASE_MIN_S);
	}
	return 0;
}

static int check_files(const struct render_conf *conf, struct provision_error *error)
{
	if (check_tftp_name("boot file", conf->boot_file, error) < 0 ||
		(conf->pxe_config != NULL &&
			check_tftp_name("pxe config", conf->pxe_config, error) < 0) ||
		(conf->bundle != NULL && check_tftp_name("bundle", conf->bundle, error) < 0) ||
		check_path("tftp root", conf->tftp_root, error) < 0 ||
		check_path("lease file", conf->lease_file, error) < 0 ||
		check_path("log file", conf->log_file, error) < 0) {
		return -1;
	}
	if (conf->user != NULL && (!is_word(conf->user, 32, "_-") || conf->user[0] == '-' ||
					  is_digit(conf->user[0]))) {
		return provision_fail(error, "user: '%.40s' is not a user's name", conf->user);
	}
	if (conf->tftp_max < 1 || conf->tftp_max > 65535) {
		return provision_fail(error, "tftp max: %u is not 1 to 65535", conf->tftp_max);
	}
	return 0;
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
	if (check_address(conf, what, host->address, error) < 0) {
		return -1;
	}
	if (host->address.bits == conf->server.bits) {
		return provision_fail(error, "%s: its address is the server's", what);
	}
	/* A name must not look like dnsmasq's own words; a lease time starts with a digit. */
	if (host->name != NULL &&
		(!is_word(host->name, 63, "-") || !is_alpha(host->name[0]) ||
			strcmp(host->name, "ignore") == 0 || strcmp(host->name, "infinite") == 0)) {
		return provision_fail(
			error, "%s: '%.63s' cannot be a host's name", what, host->name);
	}
	for (size_t i = 0; i < index; i++) {
		const struct render_host *other = &conf->hosts[i];

		if (memcmp(other->mac, host->mac, sizeof(host->mac)) == 0 ||
			other->address.bits == host->address.bits) {
			return provision_fail(
				error, "%s: its MAC or IP address is also host %zu's", what, i + 1);
		}
	}
	return 0;
}

static int check(const struct render_conf *conf, struct provision_error *error)
{
	if (check_network(conf, error) < 0 || check_files(conf, error) < 0) {
		return -1;
	}
	if (conf->host_count > RENDER_HOSTS_MAX) {
		return provision_fail(
			error, "%zu hosts are more than %u", conf->host_count, RENDER_HOSTS_MAX);
	}
	for (size_t i = 0; i < conf->host_count; i++) {
		if (check_host(conf, i, error) < 0) {
			return -1;
		}
	}
	return 0;
}

static void put_dhcp(struct out *out, const struct render_conf *conf)
{
	char first[IPV4_TEXT_BYTES];
	char last[IPV4_TEXT_BYTES];
	char mask[IPV4_TEXT_BYTES];
	char router[IPV4_TEXT_BYTES];

	put(out, "%s", "");
	put(out, "# Addresses. The network is ours alone: no ping before an offer, which costs a "
	         "node "
		 "seconds.");
	put(out, "dhcp-authoritative");
	put(out, "no-ping");
	put(out, "dhcp-range=%s,%s,%s,%us", ipv4_print(conf->range_first, first),
		ipv4_print(conf->range_last, last), ipv4_print(netmask(conf), mask), conf->lease_s);
	put(out, "dhcp-lease-max=%zu",
		(size_t)(conf->range_last.bits - conf->range_first.bits) + 1 + conf->host_count);
	put(out, "dhcp-leasefile=%s", conf->lease_file);
	if (conf->router.bits == 0) {
		put(out, "dhcp-option=option:router");
	} else {
		put(out, "dhcp-option=option:router,%s", ipv4_print(conf->router, router));
	}
	for (size_t i = 0; i < conf->host_count; i++) {
		const struct render_host *host = &conf->hosts[i];
		char address[IPV4_TEXT_BYTES];

		put(out, "dhcp-host=%02x:%02x:%02x:%02x:%02x:%02x,%s%s%s", host->mac[0],
			host->mac[1], host->mac[2], host->mac[3], host->mac[4], host->mac[5],
			ipv4_print(host->address, address), host->name != NULL ? "," : "",
			host->name != NULL ? host->name : "");
	}
}

static void put_boot(struct out *out, const struct render_conf *conf)
{
	char server[IPV4_TEXT_BYTES];

	put(out, "%s", "");
	put(out, "# What to boot: only for U-Boot on arm64 (option 93). UEFI (0x000b) would take "
	         "the "
		 "image for a program.");
	put(out, "dhcp-match=set:uboot-arm64,option:client-arch,%u", CLIENT_ARCH_UBOOT_ARM64);
	put(out, "dhcp-no-override");
	put(out, "dhcp-boot=tag:uboot-arm64,%s,,%s", conf->boot_file,
		ipv4_print(conf->server, server));
	put(out, "dhcp-option=tag:uboot-arm64,option:bootfile-name,%s", conf->boot_file);
	if (conf->pxe_config != NULL) {
		put(out, "dhcp-option=tag:uboot-arm64,209,%s", conf->pxe_config);
	}
	/* U-Boot keeps it as its variable `rootpath`; netboot/uboot/aether.env loads it when there is one. */
	if (conf->bundle != NULL) {
		put(out, "dhcp-option=tag:uboot-arm64,option:root-path,%s", conf->bundle);
	}
	put(out, "enable-tftp");
	put(out, "tftp-root=%s", conf->tftp_root);
	put(out, "tftp-max=%u", conf->tftp_max);
}

int render_dnsmasq(const struct render_conf *conf, char *text, size_t text_bytes,
	struct provision_error *error)
{
	struct out out = {.text = text, .capacity = text_bytes};

	if (text_bytes == 0) {
		return provision_fail(error, "no room for the configuration");
	}
	text[0] = '\0';
	if (check(conf, error) < 0) {
		return -1;
	}
	put(&out, "# Rendered by the provisioner: change what it is given, not this file.");
	put(&out, "port=0");
	put(&out, "no-resolv");
	put(&out, "no-hosts");
	put(&out, "interface=%s", conf->interface);
	put(&out, "bind-interfaces");
	put(&out, "pid-file=");
	if (conf->user != NULL) {
		put(&out, "user=%s", conf->user);
	}
	put(&out, "log-facility=%s", conf->log_file);
	put(&out, "log-dhcp");
	put_dhcp(&out, conf);
	put_boot(&out, conf);
	if (out.is_full) {
		text[0] = '\0';
		return provision_fail(
			error, "the configuration needs more than %zu bytes", text_bytes);
	}
	return (int)out.length;
}

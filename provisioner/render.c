/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dnsmasq's configuration, as text, from a value: no file is read or written here. What is written was checked before
 * (check.c); invariant: one call of put() is one line of the file. A network's lines carry the tag that dnsmasq gives
 * every packet: the interface's name.
 *
 * Which client gets which file (facts about the clients, not choices):
 * - U-Boot's own network stack says DHCP option 93 = 0x0016 and reads the boot file from the header
 *   only, so `dhcp-no-override` keeps it there; the TFTP server is siaddr, it ignores option 66.
 * - The same U-Boot says 0x000b (UEFI, arm64) once it tries EFI, as does real UEFI firmware. Such a
 *   client must be given a PE/COFF program or nothing; our image is not one, so it gets nothing.
 * - A Raspberry Pi's firmware says that it is an x86 BIOS. What tells it apart is option 97 ("RPi4", "RPi5"; sixteen
 *   times 0x44 from a 3B's ROM) or, where that is a serial number, its maker's MAC. It goes on asking for an address
 *   until option 43 has a boot menu with its own words in it; which files it wants it knows by itself.
 * - A client that names its own file (a boot script does) gets it by TFTP whatever DHCP said.
 */
#include "render.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

/* Processor architecture types of DHCP option 93 (RFC 4578 s2.1, IANA "Processor Architecture Types"). */
#define CLIENT_ARCH_X86_BIOS 0x0000u
#define CLIENT_ARCH_UBOOT_ARM64 0x0016u

/* Leases and transfers beyond the expected nodes: machines are exchanged, and loaders ask twice. */
#define LEASES_LEAST 64u
#define TRANSFERS_LEAST 64u
#define TRANSFERS_MOST 4096u

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
	(void)snprintf(text, IPV4_TEXT_BYTES, "%u.%u.%u.%u", address.bits >> 24, address.bits >> 16 & 0xff,
		       address.bits >> 8 & 0xff, address.bits & 0xff);
	return text;
}

static void put_host(struct out *out, const struct render_host *host, const char *start)
{
	char address[IPV4_TEXT_BYTES] = "";

	if (host->address.bits != 0) {
		(void)ipv4_print(host->address, address);
	}
	put(out, "%s%02x:%02x:%02x:%02x:%02x:%02x%s%s%s%s", start, host->mac[0], host->mac[1], host->mac[2],
	    host->mac[3], host->mac[4], host->mac[5], address[0] != '\0' ? "," : "", address,
	    host->name != NULL ? "," : "", host->name != NULL ? host->name : "");
}

static void put_servers(struct out *out, const struct render_network *network, const char *option,
			const ipv4_t *servers, size_t count)
{
	char list[RENDER_SERVERS_MAX * (IPV4_TEXT_BYTES + 1)] = "";
	char text[IPV4_TEXT_BYTES];
	size_t length = 0;

	for (size_t i = 0; i < count; i++) {
		length += (size_t)snprintf(list + length, sizeof(list) - length, ",%s", ipv4_print(servers[i], text));
	}
	if (count > 0) {
		put(out, "dhcp-option=tag:%s,option:%s%s", network->interface, option, list);
	}
}

static void put_network(struct out *out, const struct render_network *network)
{
	char first[IPV4_TEXT_BYTES];
	char last[IPV4_TEXT_BYTES];
	char mask[IPV4_TEXT_BYTES];
	char router[IPV4_TEXT_BYTES];

	put(out, "dhcp-range=%s,%s,%s,%us", ipv4_print(network->range_first, first),
	    ipv4_print(network->range_last, last), ipv4_print(render_netmask(network), mask), network->lease_s);
	if (network->router.bits == 0) {
		put(out, "dhcp-option=tag:%s,option:router", network->interface);
	} else {
		put(out, "dhcp-option=tag:%s,option:router,%s", network->interface,
		    ipv4_print(network->router, router));
	}
	put_servers(out, network, "dns-server", network->dns, network->dns_count);
	put_servers(out, network, "ntp-server", network->ntp, network->ntp_count);
	if (network->unknown != RENDER_ENROLL) {
		put(out, "dhcp-ignore=tag:%s,tag:!known", network->interface);
	}
}

/* Addresses that can be leased at all. */
static size_t address_count(const struct render_conf *conf)
{
	size_t count = conf->host_count;

	for (size_t i = 0; i < conf->network_count; i++) {
		count += conf->networks[i].range_last.bits - conf->networks[i].range_first.bits + 1;
	}
	return count;
}

static size_t lease_max(const struct render_conf *conf)
{
	const size_t most = address_count(conf);
	const size_t wanted = (size_t)conf->nodes * 2 < LEASES_LEAST ? LEASES_LEAST : (size_t)conf->nodes * 2;

	return conf->nodes != 0 && wanted < most ? wanted : most;
}

static size_t tftp_max(const struct render_conf *conf)
{
	const size_t nodes = conf->nodes != 0 ? conf->nodes : address_count(conf);
	const size_t wanted = nodes * 2 < TRANSFERS_LEAST ? TRANSFERS_LEAST : nodes * 2;

	return conf->tftp_max != 0 ? conf->tftp_max : wanted < TRANSFERS_MOST ? wanted : TRANSFERS_MOST;
}

static void put_dhcp(struct out *out, const struct render_conf *conf)
{
	put(out, "%s", "");
	put(out, "# Addresses. The network is ours alone: no ping before an offer, which costs a node seconds.");
	put(out, "dhcp-authoritative");
	put(out, "no-ping");
	for (size_t i = 0; i < conf->network_count; i++) {
		put_network(out, &conf->networks[i]);
	}
	put(out, "dhcp-lease-max=%zu", lease_max(conf));
	if (conf->lease_file != NULL) {
		put(out, "dhcp-leasefile=%s", conf->lease_file);
	} else {
		put(out, "leasefile-ro");
	}
	if (conf->lease_script != NULL) {
		put(out, "dhcp-script=%s", conf->lease_script);
	}
	if (conf->hosts_file != NULL) {
		put(out, "dhcp-hostsfile=%s", conf->hosts_file);
	}
	for (size_t i = 0; i < conf->host_count && conf->hosts_file == NULL; i++) {
		put_host(out, &conf->hosts[i], "dhcp-host=");
	}
}

static void put_pi(struct out *out, const struct render_conf *conf)
{
	static const char *const makers[] = {"b8:27:eb", "dc:a6:32", "e4:5f:01", "28:cd:c1", "d8:3a:dd", "2c:cf:67"};
	char server[IPV4_TEXT_BYTES];

	put(out, "%s", "");
	put(out, "# Raspberry Pis: they look for their files by themselves, once option 43 has this menu in it.");
	put(out, "dhcp-match=set:bios,option:client-arch,%u", CLIENT_ARCH_X86_BIOS);
	put(out, "dhcp-match=set:pi-model,97,00:52:50:69:34");
	put(out, "dhcp-match=set:pi-model,97,00:52:50:69:35");
	put(out, "dhcp-match=set:pi-model,97,00:34:69:50:52");
	put(out, "dhcp-match=set:pi-model,97,00:44:44:44:44:44:44:44:44");
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
		put(out, "dhcp-mac=set:pi-maker,%s:*:*:*", makers[i]);
	}
	put(out, "tag-if=set:pi,tag:pi-model,tag:bios");
	/* Without a look at option 60: some leave it out of the REQUEST, and only firmware sends option 93. */
	put(out, "tag-if=set:pi,tag:pi-maker,tag:bios");
	/* Discovery control 3; prompt "PXE" at once; menu "Raspberry Pi Boot   ", whose spaces a 3B's ROM wants. */
	put(out, "dhcp-option=tag:pi,43,06:01:03:0a:04:00:50:58:45:09:17:00:00:14:"
		 "52:61:73:70:62:65:72:72:79:20:50:69:20:42:6f:6f:74:20:20:20:ff");
	put(out, "dhcp-option=tag:pi,60,PXEClient");
	for (size_t i = 0; i < conf->network_count; i++) {
		put(out, "dhcp-boot=tag:%s,tag:pi,bootcode.bin,,%s", conf->networks[i].interface,
		    ipv4_print(conf->networks[i].server, server));
		put(out, "dhcp-option=tag:%s,tag:pi,option:tftp-server,%s", conf->networks[i].interface, server);
	}
}

static void put_boot(struct out *out, const struct render_conf *conf)
{
	char server[IPV4_TEXT_BYTES];

	put(out, "%s", "");
	put(out, "# What to boot: only for U-Boot on arm64 (option 93). UEFI (0x000b) would take the image for a "
		 "program.");
	put(out, "dhcp-match=set:uboot-arm64,option:client-arch,%u", CLIENT_ARCH_UBOOT_ARM64);
	put(out, "dhcp-no-override");
	for (size_t i = 0; i < conf->network_count; i++) {
		put(out, "dhcp-boot=tag:%s,tag:uboot-arm64,%s,,%s", conf->networks[i].interface, conf->boot_file,
		    ipv4_print(conf->networks[i].server, server));
	}
	put(out, "dhcp-option=tag:uboot-arm64,option:bootfile-name,%s", conf->boot_file);
	if (conf->pxe_config != NULL) {
		put(out, "dhcp-option=tag:uboot-arm64,209,%s", conf->pxe_config);
	}
	/* U-Boot keeps it as its variable `rootpath`; netboot/uboot/aether.env loads it when there is one. */
	if (conf->bundle != NULL) {
		put(out, "dhcp-option=tag:uboot-arm64,option:root-path,%s", conf->bundle);
	}
	if (conf->has_pi_files) {
		put_pi(out, conf);
	}
	put(out, "%s", "");
	put(out, "enable-tftp");
	put(out, "tftp-root=%s", conf->tftp_root);
	put(out, "tftp-max=%zu", tftp_max(conf));
}

static int finish(struct out *out, const char *what, struct provision_error *error)
{
	if (out->is_full) {
		out->text[0] = '\0';
		return provision_fail(error, "%s needs more than %zu bytes", what, out->capacity);
	}
	return (int)out->length;
}

static int begin(struct out *out, const struct render_conf *conf, struct provision_error *error)
{
	if (out->capacity == 0) {
		return provision_fail(error, "no room for the configuration");
	}
	out->text[0] = '\0';
	return render_check(conf, error);
}

int render_hosts(const struct render_conf *conf, char *text, size_t text_bytes, struct provision_error *error)
{
	struct out out = {.text = text, .capacity = text_bytes};

	if (begin(&out, conf, error) < 0) {
		return -1;
	}
	for (size_t i = 0; i < conf->host_count; i++) {
		put_host(&out, &conf->hosts[i], "");
	}
	return finish(&out, "the list of hosts", error);
}

int render_dnsmasq(const struct render_conf *conf, char *text, size_t text_bytes, struct provision_error *error)
{
	struct out out = {.text = text, .capacity = text_bytes};

	if (begin(&out, conf, error) < 0) {
		return -1;
	}
	put(&out, "# Rendered by the provisioner: change what it is given, not this file.");
	put(&out, "port=0");
	put(&out, "no-resolv");
	put(&out, "no-hosts");
	for (size_t i = 0; i < conf->network_count; i++) {
		put(&out, "interface=%s", conf->networks[i].interface);
	}
	put(&out, "bind-interfaces");
	put(&out, "pid-file=");
	if (conf->user != NULL) {
		put(&out, "user=%s", conf->user);
	}
	if (conf->log_file != NULL) {
		put(&out, "log-facility=%s", conf->log_file);
		put(&out, "log-dhcp");
	} else {
		put(&out, "log-facility=-");
		put(&out, "log-async=100");
	}
	put_dhcp(&out, conf);
	put_boot(&out, conf);
	return finish(&out, "the configuration", error);
}

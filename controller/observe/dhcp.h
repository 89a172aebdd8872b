/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A DHCP message (RFC 2131, 2132, 3046, 4578), as far as the observer needs it. Pure; all of the input is hostile. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(symbol, number): option 53. */
#define DHCP_KINDS(X) \
	X(DISCOVER, 1) X(OFFER, 2) X(REQUEST, 3) X(DECLINE, 4) X(ACK, 5) X(NAK, 6) X(RELEASE, 7) X(INFORM, 8)

enum dhcp_kind {
	DHCP_BOOTP, /* no option 53 */
#define X(symbol, number) DHCP_##symbol = (number),
	DHCP_KINDS(X)
#undef X
};

enum { DHCP_NO_ARCH = 0xffff, DHCP_SERVER_PORT = 67, DHCP_CLIENT_PORT = 68 };
enum { DHCP_ARCH_X86_BIOS = 0x0000, DHCP_ARCH_UEFI_ARM64 = 0x000b, DHCP_ARCH_UBOOT_ARM64 = 0x0016 };

struct dhcp {
	bool is_reply;
	enum dhcp_kind kind;
	uint32_t xid;
	uint8_t mac[6]; /* chaddr, of one station */
	uint32_t client, yours, next_server, relay; /* ciaddr, yiaddr, siaddr, giaddr */
	uint32_t server; /* option 54, 0: none */
	uint32_t requested; /* option 50, 0: none */
	uint32_t lease_s; /* option 51 */
	uint16_t arch; /* the first of option 93; DHCP_NO_ARCH: none */
	bool has_uuid; /* option 97 of type 0 */
	uint8_t uuid[16];
	char hostname[64]; /* option 12; texts are cleaned */
	char vendor_class[64]; /* option 60 */
	char circuit[64]; /* option 82: circuit id, "/", remote id; bytes that are no text as hex */
	char boot_file[128]; /* option 67, else the header's */
};

/* False: not a DHCP or BOOTP message over Ethernet. Options behind a damaged one are left out. */
bool dhcp_parse(const uint8_t *bytes, size_t count, struct dhcp *dhcp);
/* A Raspberry Pi's firmware, which says that it is an x86 BIOS: by option 97 (4, 5, 3B), else by class and maker. */
bool dhcp_is_pi(const struct dhcp *dhcp);

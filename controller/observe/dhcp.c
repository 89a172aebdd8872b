/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/dhcp.h"

#include <stdio.h>
#include <string.h>

#include "observe/frame.h"

/* Offsets of the header (RFC 2131 s2). */
enum {
	AT_HTYPE = 1,
	AT_HLEN = 2,
	AT_XID = 4,
	AT_CIADDR = 12,
	AT_YIADDR = 16,
	AT_SIADDR = 20,
	AT_GIADDR = 24,
	AT_CHADDR = 28,
	AT_SNAME = 44,
	AT_FILE = 108,
	AT_COOKIE = 236,
	AT_OPTIONS = 240,
};
enum { SNAME_BYTES = 64, FILE_BYTES = 128, COOKIE = 0x63825363 };
enum {
	OPTION_PAD = 0,
	OPTION_HOSTNAME = 12,
	OPTION_REQUESTED = 50,
	OPTION_LEASE = 51,
	OPTION_OVERLOAD = 52,
	OPTION_KIND = 53,
	OPTION_SERVER = 54,
	OPTION_CLASS = 60,
	OPTION_BOOT_FILE = 67,
	OPTION_RELAY = 82,
	OPTION_ARCH = 93,
	OPTION_UUID = 97,
	OPTION_END = 255,
};

static bool is_text(const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes[i] < 0x20 || bytes[i] >= 0x7f) {
			return false;
		}
	}
	return true;
}

static void put_id(char *to, size_t room, const uint8_t *bytes, size_t count)
{
	const size_t at = strlen(to);

	if (is_text(bytes, count)) {
		frame_clean(to + at, room - at, bytes, count);
		return;
	}
	for (size_t i = 0; i < count && at + 2 * i + 3 <= room; i++) {
		(void)snprintf(to + at + 2 * i, 3, "%02x", bytes[i]);
	}
}

/* Sub-options 1 and 2 of option 82: which port of which switch. */
static void take_relay(struct dhcp *dhcp, const uint8_t *bytes, size_t count)
{
	dhcp->circuit[0] = '\0';
	for (unsigned wanted = 1; wanted <= 2; wanted++) {
		for (size_t at = 0; at + 2 <= count; at += 2u + bytes[at + 1]) {
			const size_t length = bytes[at + 1];

			if (length > count - at - 2) {
				break;
			}
			if (bytes[at] == wanted) {
				if (dhcp->circuit[0] != '\0' && strlen(dhcp->circuit) + 2 < sizeof(dhcp->circuit)) {
					strcat(dhcp->circuit, "/");
				}
				put_id(dhcp->circuit, sizeof(dhcp->circuit), bytes + at + 2, length);
				break;
			}
		}
	}
}

static void take(struct dhcp *dhcp, unsigned option, const uint8_t *bytes, size_t count, uint8_t *overload)
{
	switch (option) {
	case OPTION_HOSTNAME:
		frame_clean(dhcp->hostname, sizeof(dhcp->hostname), bytes, count);
		break;
	case OPTION_CLASS:
		frame_clean(dhcp->vendor_class, sizeof(dhcp->vendor_class), bytes, count);
		break;
	case OPTION_BOOT_FILE:
		frame_clean(dhcp->boot_file, sizeof(dhcp->boot_file), bytes, count);
		break;
	case OPTION_REQUESTED:
		dhcp->requested = count == 4 ? frame_u32(bytes) : 0;
		break;
	case OPTION_SERVER:
		dhcp->server = count == 4 ? frame_u32(bytes) : 0;
		break;
	case OPTION_LEASE:
		dhcp->lease_s = count == 4 ? frame_u32(bytes) : 0;
		break;
	case OPTION_OVERLOAD:
		*overload = count == 1 ? bytes[0] & 3 : 0;
		break;
	case OPTION_KIND:
		dhcp->kind = count == 1 && bytes[0] <= DHCP_INFORM ? (enum dhcp_kind)bytes[0] : DHCP_BOOTP;
		break;
	case OPTION_ARCH:
		dhcp->arch = count >= 2 ? frame_u16(bytes) : DHCP_NO_ARCH;
		break;
	case OPTION_UUID:
		if (count == 17 && bytes[0] == 0) {
			dhcp->has_uuid = true;
			memcpy(dhcp->uuid, bytes + 1, 16);
		}
		break;
	case OPTION_RELAY:
		take_relay(dhcp, bytes, count);
		break;
	default:
		break;
	}
}

/* Stops at what is damaged. */
static void take_all(struct dhcp *dhcp, const uint8_t *bytes, size_t count, uint8_t *overload)
{
	for (size_t at = 0; at < count && bytes[at] != OPTION_END;) {
		if (bytes[at] == OPTION_PAD) {
			at++;
			continue;
		}
		if (at + 2 > count || bytes[at + 1] > count - at - 2) {
			return;
		}
		take(dhcp, bytes[at], bytes + at + 2, bytes[at + 1], overload);
		at += 2u + bytes[at + 1];
	}
}

bool dhcp_parse(const uint8_t *bytes, size_t count, struct dhcp *dhcp)
{
	static const uint8_t nobody[6];
	uint8_t overload = 0;
	uint8_t ignored;

	memset(dhcp, 0, sizeof(*dhcp));
	dhcp->arch = DHCP_NO_ARCH;
	if (count < AT_COOKIE || (bytes[0] != 1 && bytes[0] != 2) || bytes[AT_HTYPE] != 1 || bytes[AT_HLEN] != 6 ||
	    (bytes[AT_CHADDR] & 1) != 0 || memcmp(bytes + AT_CHADDR, nobody, 6) == 0) {
		return false;
	}
	dhcp->is_reply = bytes[0] == 2;
	dhcp->xid = frame_u32(bytes + AT_XID);
	dhcp->client = frame_u32(bytes + AT_CIADDR);
	dhcp->yours = frame_u32(bytes + AT_YIADDR);
	dhcp->next_server = frame_u32(bytes + AT_SIADDR);
	dhcp->relay = frame_u32(bytes + AT_GIADDR);
	memcpy(dhcp->mac, bytes + AT_CHADDR, 6);
	if (count >= AT_OPTIONS && frame_u32(bytes + AT_COOKIE) == COOKIE) {
		take_all(dhcp, bytes + AT_OPTIONS, count - AT_OPTIONS, &overload);
	}
	/* The fields are options too when one says so (RFC 2131 s4.1); they cannot say so again. */
	if ((overload & 1) != 0) {
		take_all(dhcp, bytes + AT_FILE, FILE_BYTES, &ignored);
	} else if (dhcp->boot_file[0] == '\0') {
		frame_clean(dhcp->boot_file, sizeof(dhcp->boot_file), bytes + AT_FILE,
			    strnlen((const char *)bytes + AT_FILE, FILE_BYTES));
	}
	if ((overload & 2) != 0) {
		take_all(dhcp, bytes + AT_SNAME, SNAME_BYTES, &ignored);
	}
	return true;
}

bool dhcp_is_pi(const struct dhcp *dhcp)
{
	static const char *const prefixes[] = {"RPi4", "RPi5", "4iPR", "DDDD"};
	static const uint8_t makers[][3] = {{0xb8, 0x27, 0xeb}, {0xdc, 0xa6, 0x32}, {0xe4, 0x5f, 0x01},
					    {0x28, 0xcd, 0xc1}, {0xd8, 0x3a, 0xdd}, {0x2c, 0xcf, 0x67}};

	if (dhcp->arch != DHCP_ARCH_X86_BIOS) {
		return false;
	}
	for (size_t i = 0; dhcp->has_uuid && i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (memcmp(dhcp->uuid, prefixes[i], 4) == 0) {
			return true;
		}
	}
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
		if (memcmp(dhcp->mac, makers[i], 3) == 0) {
			return strncmp(dhcp->vendor_class, "PXEClient:Arch:00000", 20) == 0;
		}
	}
	return false;
}

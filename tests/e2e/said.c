/* SPDX-License-Identifier: Apache-2.0 */
#include "said.h"

#include <stdio.h>

static const char *const words[] = {
	[DNSMASQ_OTHER] = "-",	       [DNSMASQ_SENT] = "sent",		[DNSMASQ_CUT] = "cut",
	[DNSMASQ_MISSING] = "missing", [DNSMASQ_REFUSED] = "refused",	[DNSMASQ_CLIENT_ERROR] = "client-error",
	[DNSMASQ_NO_ADDRESS] = "none", [DNSMASQ_DISCOVER] = "discover", [DNSMASQ_OFFER] = "offer",
	[DNSMASQ_REQUEST] = "request", [DNSMASQ_ACK] = "ack",		[DNSMASQ_NAK] = "nak",
	[DNSMASQ_WORD] = "word",       [DNSMASQ_FATAL] = "fatal",
};

bool said_describe(const struct dnsmasq_line *line, char text[SAID_BYTES])
{
	const uint32_t a = line->address;

	if (line->says == DNSMASQ_OTHER) {
		(void)snprintf(text, SAID_BYTES, "-");
		return false;
	}
	(void)snprintf(text, SAID_BYTES, "%s network=%s address=%u.%u.%u.%u mac=%s%02x code=%d text=%s",
		       words[line->says], line->network, a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255,
		       line->has_mac ? "" : "no ", line->mac[5], line->code, line->text);
	return line->says != DNSMASQ_WORD;
}

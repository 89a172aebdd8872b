/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A line of dnsmasq's log (2.90 and 2.91, whose lines tests/golden/dnsmasq-log has; log-dhcp on or off), with syslog's
 * beginning or without. Pure. File names and host names in it were chosen by clients: hostile.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a line says. */
enum dnsmasq_says {
	DNSMASQ_OTHER, /* nothing that matters here */
	DNSMASQ_SENT, /* file, address */
	DNSMASQ_CUT, /* it gave up sending: file, address */
	DNSMASQ_MISSING, /* there is no such file: file, address */
	DNSMASQ_REFUSED, /* a file that it may not read, or that fails on its disk: file; not for whom */
	DNSMASQ_CLIENT_ERROR, /* the client ended the transfer: code, address */
	DNSMASQ_NO_ADDRESS, /* it has no address or no lease left: network, mac */
	DNSMASQ_DISCOVER, /* network, mac; `text` when it was ignored or had no address */
	DNSMASQ_OFFER, DNSMASQ_REQUEST, DNSMASQ_ACK, DNSMASQ_NAK, /* network, address, mac */
	DNSMASQ_WORD, /* of itself, the reason of a FATAL behind it perhaps: text */
	DNSMASQ_FATAL, /* it does not start: text */
};

struct dnsmasq_line {
	enum dnsmasq_says says;
	char network[16];
	uint32_t address; /* host byte order; 0: none */
	bool has_mac;
	uint8_t mac[6];
	int code; /* TFTP error */
	char text[256]; /* file, or words; cleaned */
};

/* False: DNSMASQ_OTHER. */
bool dnsmasq_parse(const char *text, size_t length, struct dnsmasq_line *line);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The frame of a DHCP client that asks to be answered by broadcast, for tests that have a packet socket. */
#include <stdint.h>

enum { DHCP_FRAME_BYTES = 342 };

struct dhcp_frame {
	uint8_t mac[6];
	uint8_t kind; /* enum dhcp_kind */
	uint32_t requested, server; /* options 50 and 54, host byte order; 0: left out */
	const char *class; /* option 60, at most 24 bytes */
};

void dhcp_frame_put(uint8_t frame[DHCP_FRAME_BYTES], const struct dhcp_frame *message);

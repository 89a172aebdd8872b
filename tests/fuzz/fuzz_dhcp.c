/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DHCP, through the driver, lwIP's Ethernet input and its client, as the service has them. The input is a script: bit 0
 * of its first byte says whether a sound server answers too; then records of an operation and its bytes, until it ends:
 *
 *     0 n n bytes  a frame, to the node's address
 *     1 n n bytes  a DHCP answer to the last question: its options, behind a sound header
 *     2 n n bytes  the same, but the whole message; the transaction and the client's address are set right
 *     3 t          t quarters of a second pass
 *
 * Whatever comes, no pool may lose an element, the service may not fail, and an address is in use or not.
 */
#include <stdlib.h>
#include <string.h>

#include <lwip/dhcp.h>
#include <lwip/etharp.h>
#include <lwip/netif.h>

#include "fuzz/fuzz.h"
#include "unit/small_lan.h"

enum { MESSAGE_MAX_BYTES = 1472, FRAMES_MAX = 64 };

const char fuzz_corpus[] = "tests/fuzz/corpus/dhcp";

static struct net_counters before;
static struct net_counters after;

static void start(void)
{
	static bool is_started;

	if (!is_started) {
		is_started = true;
		small_lan_reset();
		small_lan.is_silent = true;
		if (small_lan_start(NULL) != NET_OK) {
			abort();
		}
		net_counters(&before);
	}
	/* lwIP can be started once: later inputs find its client started anew. */
	small_lan.is_silent = true;
	dhcp_release_and_stop(netif_default);
	netif_set_addr(netif_default, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4);
	etharp_cleanup_netif(netif_default);
	dhcp_start(netif_default);
	small_lan_run(20);
}

static void receive(const uint8_t *frame, size_t bytes)
{
	if (!small_card_receive(frame, bytes)) {
		abort(); /* the driver has not posted a buffer again */
	}
	small_lan_run(5);
}

static void receive_message(const uint8_t *message, size_t bytes)
{
	uint8_t frame[AETHER_NIC_BUFFER_BYTES];

	receive(frame, small_lan_datagram(frame, 67, UINT32_MAX, 68, message, bytes));
}

static void play(uint8_t operation, const uint8_t *bytes, size_t count)
{
	uint8_t message[MESSAGE_MAX_BYTES];
	uint8_t sound[MESSAGE_MAX_BYTES];
	const size_t header = small_lan_answer(sound, 2, SMALL_LAN_NODE) - 3;

	if (operation == 0) {
		memcpy(message, bytes, count);
		memcpy(message, small_card.mac, count < 6 ? count : 6);
		receive(message, count);
	} else if (operation == 1) {
		count = count < MESSAGE_MAX_BYTES - header ? count : MESSAGE_MAX_BYTES - header;
		memcpy(sound + header, bytes, count);
		receive_message(sound, header + count);
	} else {
		memcpy(message, bytes, count);
		if (count >= 34) {
			memcpy(message + 4, sound + 4, 4);
			memcpy(message + 28, sound + 28, 6);
		}
		receive_message(message, count);
	}
}

static void check(void)
{
	struct net_lease lease;

	if (small_card.fails != 0 || net_is_up() != net_lease(small_card.ticks, &lease)) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	size_t at = 1;

	if (size == 0) {
		return 0;
	}
	start();
	small_lan.is_silent = (bytes[0] & 1) == 0;
	for (int frames = 0; frames < FRAMES_MAX && at + 3 <= size; frames++) {
		const uint8_t operation = bytes[at] % 4;
		if (operation == 3) {
			small_lan_run(bytes[at + 1] * 250u);
			at += 2;
		} else {
			size_t count = bytes[at + 1] | (size_t)bytes[at + 2] << 8;
			at += 3;
			count = count < size - at ? count : size - at;
			count = count < MESSAGE_MAX_BYTES ? count : MESSAGE_MAX_BYTES;
			play(operation, bytes + at, count);
			at += count;
		}
		check();
	}
	small_lan_run(20);
	net_counters(&after);
	for (uint32_t i = 0; i < after.pool_count; i++) {
		/* Packets that wait for ARP are held until it gives up. */
		if (after.pools[i].used > before.pools[i].used) {
			small_lan_run(10000);
			net_counters(&after);
		}
		if (after.pools[i].used > before.pools[i].used) {
			abort();
		}
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A fake of lwIP's TCP without a network: connections as the client opened them, what it sent, how it ended them. One
 * that was ended may not be used again.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lwip/tcp.h>

enum { SMALL_TCP_MAX = 8, SMALL_TCP_SENT_BYTES = 65536, SMALL_TCP_SEND_BYTES = 11680 };

struct small_tcp {
	struct tcp_pcb pcb;
	void *arg;
	tcp_recv_fn received;
	tcp_sent_fn on_sent;
	tcp_err_fn failed;
	tcp_connected_fn connected;
	uint32_t address;
	uint16_t port;
	char sent[SMALL_TCP_SENT_BYTES];
	size_t sent_bytes;
	size_t window_bytes; /* given back */
	bool is_closed;
	bool is_aborted;
};

extern struct small_tcp small_tcp[SMALL_TCP_MAX]; /* in the order in which they were opened */
extern size_t small_tcp_count;
extern bool small_tcp_is_up; /* the node has an address */
extern bool small_tcp_has_memory;
extern err_t small_tcp_connect_error;

void small_tcp_reset(void);

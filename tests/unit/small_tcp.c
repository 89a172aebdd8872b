/* SPDX-License-Identifier: Apache-2.0 */
/* The fake of small_tcp.h: what the HTTP client calls of lwIP and net.h. */
#include "unit/small_tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service/net.h"

struct small_tcp small_tcp[SMALL_TCP_MAX];
size_t small_tcp_count;
bool small_tcp_is_up;
bool small_tcp_has_memory;
err_t small_tcp_connect_error;

void small_tcp_reset(void)
{
	small_tcp_count = 0;
	small_tcp_is_up = true;
	small_tcp_has_memory = true;
	small_tcp_connect_error = ERR_OK;
}

bool net_is_up(void)
{
	return small_tcp_is_up;
}

struct tcp_pcb *tcp_new(void)
{
	if (!small_tcp_has_memory) {
		return NULL;
	}
	assert_true(small_tcp_count < SMALL_TCP_MAX);
	struct small_tcp *c = &small_tcp[small_tcp_count++];
	memset(c, 0, sizeof(*c));
	c->pcb.snd_buf = SMALL_TCP_SEND_BYTES;
	return &c->pcb;
}

static struct small_tcp *of(const struct tcp_pcb *pcb)
{
	for (size_t i = 0; i < small_tcp_count; i++) {
		if (&small_tcp[i].pcb == pcb) {
			assert_false(small_tcp[i].is_closed || small_tcp[i].is_aborted);
			return &small_tcp[i];
		}
	}
	fail_msg("no such connection");
	return NULL;
}

void tcp_arg(struct tcp_pcb *pcb, void *arg)
{
	of(pcb)->arg = arg;
}

void tcp_recv(struct tcp_pcb *pcb, tcp_recv_fn fn)
{
	of(pcb)->received = fn;
}

void tcp_sent(struct tcp_pcb *pcb, tcp_sent_fn fn)
{
	of(pcb)->on_sent = fn;
}

void tcp_err(struct tcp_pcb *pcb, tcp_err_fn fn)
{
	of(pcb)->failed = fn;
}

err_t tcp_connect(struct tcp_pcb *pcb, const ip_addr_t *address, u16_t port, tcp_connected_fn fn)
{
	struct small_tcp *c = of(pcb);

	c->address = lwip_ntohl(ip4_addr_get_u32(address));
	c->port = port;
	c->connected = fn;
	return small_tcp_connect_error;
}

err_t tcp_write(struct tcp_pcb *pcb, const void *bytes, u16_t count, u8_t flags)
{
	struct small_tcp *c = of(pcb);

	(void)flags;
	if (count > pcb->snd_buf) {
		return ERR_MEM;
	}
	memcpy(c->sent + c->sent_bytes, bytes, count);
	c->sent_bytes += count;
	pcb->snd_buf = (tcpwnd_size_t)(pcb->snd_buf - count);
	return ERR_OK;
}

err_t tcp_output(struct tcp_pcb *pcb)
{
	of(pcb);
	return ERR_OK;
}

void tcp_recved(struct tcp_pcb *pcb, u16_t count)
{
	of(pcb)->window_bytes += count;
}

err_t tcp_close(struct tcp_pcb *pcb)
{
	struct small_tcp *c = of(pcb);

	assert_null(c->arg); /* its callbacks name no request any more */
	assert_null(c->failed);
	c->is_closed = true;
	return ERR_OK;
}

void tcp_abort(struct tcp_pcb *pcb)
{
	struct small_tcp *c = of(pcb);

	assert_null(c->failed);
	c->is_aborted = true;
}

u8_t pbuf_free(struct pbuf *p)
{
	free(p->payload);
	return 1;
}

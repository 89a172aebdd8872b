/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives lwIP: frames from the card's driver in, frames out, timers, one UDP socket. Every frame is hostile; it is
 * copied out of the card's reach before lwIP sees it. What a poll does is bounded: at most FRAMES_PER_POLL frames and
 * the timers that are due.
 */
#include "service/net.h"

#include <lwip/etharp.h>
#include <lwip/init.h>
#include <lwip/ip.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/prot/iana.h>
#include <lwip/stats.h>
#include <lwip/timeouts.h>
#include <lwip/udp.h>
#include <netif/ethernet.h>
#include <string.h>

#include "service/hvcall.h"
#include "service/log.h"
#include "service/net_dhcp.h"
#include "service/net_internal.h"
#include "service/net_port.h"

enum { FRAMES_PER_POLL = 64, LINK_CHECK_MS = 1000, MTU = 1500 };

static struct {
	const struct nic_driver *driver; /* NULL: none, or it gave up */
	struct netif netif;
	uint64_t counter_hz;
	bool has_more; /* frames wait in the card's ring */
	uint32_t link_checked_ms;
	struct udp_pcb *udp;
	net_udp_fn *udp_fn;
	void *udp_context;
} net;

static uint32_t ms_of(uint64_t ticks)
{
	return (uint32_t)(ticks / (net.counter_hz / 1000));
}

/* --- frames --- */

static err_t link_output(struct netif *netif, struct pbuf *frame)
{
	struct nic_piece pieces[NIC_PIECES_MAX];
	size_t count = 0;
	size_t skip = ETH_PAD_SIZE;

	(void)netif;
	for (const struct pbuf *p = frame; p != NULL; p = p->next) {
		if (count == NIC_PIECES_MAX || p->len < skip) {
			LINK_STATS_INC(link.lenerr);
			return ERR_BUF;
		}
		pieces[count++] = (struct nic_piece){(const uint8_t *)p->payload + skip, p->len - skip};
		skip = 0;
	}
	return net.driver != NULL && net.driver->send(pieces, count) ? ERR_OK : ERR_MEM;
}

static void take_frame(void *context, const uint8_t *frame, size_t bytes)
{
	struct netif *netif = context;
	struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)(bytes + ETH_PAD_SIZE), PBUF_POOL);

	if (p == NULL) {
		LINK_STATS_INC(link.memerr);
		return;
	}
	_Static_assert(PBUF_POOL_BUFSIZE >= NIC_FRAME_MAX_BYTES + ETH_PAD_SIZE, "a frame fits into one pbuf");
	memcpy((uint8_t *)p->payload + ETH_PAD_SIZE, frame, bytes);
	if (netif->input(p, netif) != ERR_OK) {
		pbuf_free(p);
	}
}

/* --- start --- */

static err_t init_netif(struct netif *netif)
{
	netif->name[0] = 'e';
	netif->name[1] = 'n';
	netif->mtu = MTU;
	netif->hwaddr_len = NIC_MAC_BYTES;
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
	netif->output = etharp_output;
	netif->linkoutput = link_output;
	net.driver->mac(netif->hwaddr);
	return ERR_OK;
}

static bool is_station_address(const uint8_t mac[NIC_MAC_BYTES])
{
	static const uint8_t zero[NIC_MAC_BYTES];

	return (mac[0] & 1) == 0 && memcmp(mac, zero, sizeof(zero)) != 0;
}

enum net_result net_start(const struct net_config *config)
{
	static const ip4_addr_t none;
	const uint64_t now = hvcall_ticks();

	if (config->counter_hz < 1000) {
		return NET_BAD_ARGUMENT;
	}
	net.counter_hz = config->counter_hz;
	net.driver = nic_find(config->nic_kind);
	if (net.driver == NULL || !net.driver->start(config->nic_header_bytes)) {
		net.driver = NULL;
		return NET_NO_CARD;
	}
	net_port_seed(config->seed);
	net_port_set_time(ms_of(now));
	lwip_init();
	netif_add(&net.netif, &none, &none, &none, NULL, init_netif, ethernet_input);
	if (!is_station_address(net.netif.hwaddr)) {
		log_line(LOG_ERROR, "net: the network card has no address of its own");
		net.driver = NULL;
		return NET_NO_CARD;
	}
	netif_set_default(&net.netif);
	netif_set_up(&net.netif);
	net_dhcp_start(&net.netif, &config->hint, now, net.counter_hz);
	if (net.driver->link_is_up()) {
		netif_set_link_up(&net.netif);
	}
	net_flush();
	return NET_OK;
}

/* --- loop --- */

static void give_up(void)
{
	log_line(LOG_ERROR, "net: the network card answered what no card can; it needs a reset");
	hvcall_fail(0, (uintptr_t)__builtin_return_address(0), 0);
}

static void check_link(uint32_t now_ms)
{
	if (now_ms - net.link_checked_ms < LINK_CHECK_MS) {
		return;
	}
	net.link_checked_ms = now_ms;
	const bool is_up = net.driver->link_is_up();
	if (is_up == (netif_is_link_up(&net.netif) != 0)) {
		return;
	}
	log_line(LOG_WARN, "net: the link is %s", is_up ? "up" : "down");
	if (is_up) {
		netif_set_link_up(&net.netif);
	} else {
		netif_set_link_down(&net.netif);
	}
}

void net_poll(uint64_t now)
{
	bool is_alive = true;

	if (net.driver == NULL) {
		return;
	}
	net_port_set_time(ms_of(now));
	const uint32_t frames = net.driver->receive(take_frame, &net.netif, FRAMES_PER_POLL, &is_alive);
	net.has_more = frames == FRAMES_PER_POLL;
	net_dhcp_watch(now);
	sys_check_timeouts();
	check_link(ms_of(now));
	net_dhcp_watch(now);
	net.driver->flush();
	if (!is_alive) {
		give_up();
	}
}

uint64_t net_wait(uint64_t now)
{
	if (net.driver == NULL) {
		return UINT64_MAX;
	}
	net.driver->flush();
	if (net.has_more) {
		return 0;
	}
	net_port_set_time(ms_of(now));
	const uint32_t ms = sys_timeouts_sleeptime();
	const uint64_t due = ms == SYS_TIMEOUTS_SLEEPTIME_INFINITE ? UINT64_MAX : ms * (net.counter_hz / 1000);
	const uint64_t hint_due = net_dhcp_wait(now);
	return due < hint_due ? due : hint_due;
}

void net_flush(void)
{
	if (net.driver != NULL) {
		net.driver->flush();
	}
}

bool net_is_up(void)
{
	return net.driver != NULL && netif_is_link_up(&net.netif) && !ip4_addr_isany(netif_ip4_addr(&net.netif));
}

const struct nic_counters *net_nic_counters(void)
{
	static const struct nic_counters none;

	return net.driver != NULL ? net.driver->counters() : &none;
}

void net_mac(uint8_t mac[NIC_MAC_BYTES])
{
	memcpy(mac, net.netif.hwaddr, NIC_MAC_BYTES);
}

/* --- UDP --- */

/* Garbage may come at the line's rate: what no socket of ours is for costs a look at its port, not a checksum and an
 * answer. The packet is not checked yet; one that is broken in another way is left to lwIP. */
int net_port_filter(struct pbuf *p, struct netif *netif)
{
	enum { IP_BYTES = 20, IP_FRAGMENT = 6, IP_PROTOCOL = 9, PORT = IP_BYTES + 2, LEAST_BYTES = IP_BYTES + 8 };
	const uint8_t *ip = p->payload;

	(void)netif;
	if (p->len < LEAST_BYTES || ip[0] != 0x45 || ip[IP_PROTOCOL] != IP_PROTO_UDP || (ip[IP_FRAGMENT] & 0x3f) != 0 ||
	    ip[IP_FRAGMENT + 1] != 0) {
		return 0;
	}
	const uint16_t port = (uint16_t)(ip[PORT] << 8 | ip[PORT + 1]);
	if (port == LWIP_IANA_PORT_DHCP_CLIENT || (net.udp != NULL && port == net.udp->local_port)) {
		return 0;
	}
	UDP_STATS_INC(udp.proterr);
	UDP_STATS_INC(udp.drop);
	pbuf_free(p);
	return 1;
}

static void take_datagram(void *context, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t port)
{
	(void)context;
	(void)pcb;
	/* A frame fits into one pbuf, and fragments are not put together: a datagram is in one piece. */
	if (p->next == NULL && net.udp_fn != NULL) {
		net.udp_fn(net.udp_context, lwip_ntohl(ip4_addr_get_u32(ip_2_ip4(from))), port, p->payload, p->len);
	}
	pbuf_free(p);
}

enum net_result net_udp_open(uint16_t port, net_udp_fn *fn, void *context)
{
	if (net.driver == NULL) {
		return NET_NO_CARD;
	}
	if (net.udp != NULL) {
		udp_remove(net.udp);
	}
	net.udp = udp_new();
	if (net.udp == NULL) {
		return NET_NO_MEMORY;
	}
	if (udp_bind(net.udp, IP4_ADDR_ANY, port) != ERR_OK) {
		udp_remove(net.udp);
		net.udp = NULL;
		return NET_BAD_ARGUMENT;
	}
	net.udp_fn = fn;
	net.udp_context = context;
	udp_recv(net.udp, take_datagram, NULL);
	return NET_OK;
}

uint16_t net_udp_port(void)
{
	return net.udp != NULL ? net.udp->local_port : 0;
}

enum net_result net_result_of(err_t error)
{
	switch (error) {
	case ERR_OK:
		return NET_OK;
	case ERR_MEM:
	case ERR_BUF:
		return NET_NO_MEMORY;
	case ERR_RTE:
		return NET_NO_ROUTE;
	default:
		return NET_BAD_ARGUMENT;
	}
}

enum net_result net_udp_send(uint32_t to, uint16_t port, const void *bytes, size_t count)
{
	if (net.udp == NULL || count > NET_UDP_MAX_BYTES) {
		return NET_BAD_ARGUMENT;
	}
	if (!net_is_up()) {
		return NET_NO_ADDRESS;
	}
	struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)count, PBUF_RAM);
	if (p == NULL) {
		return NET_NO_MEMORY;
	}
	memcpy(p->payload, bytes, count);
	const ip_addr_t address = IPADDR4_INIT(lwip_htonl(to));
	const err_t error = udp_sendto(net.udp, p, &address, port);
	pbuf_free(p);
	return net_result_of(error);
}

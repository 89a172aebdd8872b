/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts lwIP's DHCP client and watches what it does. A hint puts the client into the state of a host that comes back
 * to its network (RFC 2131 INIT-REBOOT): the address is used at once, without a probe, and the server asked whether it
 * still holds; when no one answers, the client looks for a server anew, and the address stays in use for what was left
 * of its lease.
 *
 * lwIP parses what servers send, which is hostile. The hint is the last instance's, which may have been broken: it is
 * checked for what an address can be, and nothing more than an address depends on it.
 */
#include "service/net_dhcp.h"

#include <lwip/dhcp.h>
#include <lwip/netif.h>
#include <lwip/prot/dhcp.h>
#include <string.h>

#include "service/log.h"

static struct dhcp client;

static struct {
	struct netif *netif;
	uint64_t counter_hz;
	uint8_t state; /* lwIP's, when last seen */
	uint32_t address; /* the interface's, when last seen */
	bool is_confirmed;
	bool is_hint; /* the address is the hint's, not confirmed */
	struct net_lease hint;
	uint64_t hint_ends; /* UINT64_MAX: never */
	uint32_t changes;
	uint32_t binds;
	uint32_t losses;
} lease;

static uint32_t number_of(const ip4_addr_t *address)
{
	return lwip_ntohl(ip4_addr_get_u32(address));
}

static ip4_addr_t address_of(uint32_t number)
{
	return (ip4_addr_t){lwip_htonl(number)};
}

/* One host's address in its subnet. */
static bool is_host(uint32_t address, uint32_t netmask)
{
	const uint32_t rest = ~netmask;

	return (rest & (rest + 1)) == 0 && rest >= 3 && (address & rest) != 0 && (address & rest) != rest &&
	       address >> 24 != 0 && address >> 24 != 127 && address >> 28 < 0xe;
}

static bool is_sound(const struct net_lease *hint)
{
	return hint->remaining_seconds != 0 && is_host(hint->address, hint->netmask);
}

static void take_hint(const struct net_lease *hint, uint64_t now)
{
	const ip4_addr_t address = address_of(hint->address);
	const ip4_addr_t netmask = address_of(hint->netmask);
	const ip4_addr_t router = address_of(hint->router);

	lease.hint = *hint;
	lease.is_hint = true;
	lease.hint_ends = hint->remaining_seconds == UINT32_MAX ? UINT64_MAX
								: now + hint->remaining_seconds * lease.counter_hz;
	lease.address = hint->address;
	netif_set_addr(lease.netif, &address, &netmask, &router);
	/* Where dhcp_network_changed_link_up() asks for this address. A renewal goes to the server that gave it. */
	client.state = DHCP_STATE_REBOOTING;
	client.offered_ip_addr = address;
	ip_addr_set_ip4_u32(&client.server_ip_addr, lwip_htonl(hint->server_id));
}

void net_dhcp_start(struct netif *netif, const struct net_lease *hint, uint64_t now, uint64_t counter_hz)
{
	memset(&lease, 0, sizeof(lease));
	lease.netif = netif;
	lease.counter_hz = counter_hz;
	dhcp_set_struct(netif, &client);
	if (dhcp_start(netif) != ERR_OK) {
		log_line(LOG_ERROR, "net: the DHCP client does not start");
	}
	if (is_sound(hint)) {
		take_hint(hint, now);
	} else if (hint->address != 0) {
		log_line(LOG_WARN, "net: the last instance's lease is not one: left alone");
	}
	lease.state = client.state;
}

static void log_address(enum log_level level, const char *what, uint32_t address)
{
	log_line(level, "net: %s %u.%u.%u.%u", what, address >> 24, address >> 16 & 255, address >> 8 & 255,
		 address & 255);
}

static void see_bound(uint32_t address)
{
	lease.binds++;
	lease.changes++;
	if (!lease.is_confirmed || address != lease.address) {
		log_address(LOG_INFO, "address by DHCP:", address);
	}
	lease.is_confirmed = true;
	lease.is_hint = false;
}

static void see_lost(void)
{
	lease.losses++;
	lease.changes++;
	log_address(LOG_WARN, lease.is_hint ? "the last instance's address is not ours any more:" :
					      "the lease ended, or was refused:", lease.address);
	lease.is_confirmed = false;
	lease.is_hint = false;
}

void net_dhcp_watch(uint64_t now)
{
	if (lease.is_hint && now >= lease.hint_ends) {
		netif_set_addr(lease.netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4);
	}
	const uint32_t address = number_of(netif_ip4_addr(lease.netif));
	if (address == 0 && lease.address != 0) {
		see_lost();
	}
	if (client.state == DHCP_STATE_BOUND && (lease.state != DHCP_STATE_BOUND || address != lease.address)) {
		see_bound(address);
	}
	if (client.state == DHCP_STATE_REBINDING && lease.state != DHCP_STATE_REBINDING) {
		log_line(LOG_WARN, "net: the DHCP server does not renew the lease; it ends in %u s",
			 client.t0_timeout - client.lease_used);
	}
	lease.state = client.state;
	lease.address = address;
}

uint64_t net_dhcp_wait(uint64_t now)
{
	if (!lease.is_hint || lease.hint_ends == UINT64_MAX) {
		return UINT64_MAX;
	}
	return lease.hint_ends > now ? lease.hint_ends - now : 0;
}

uint32_t net_lease_changes(void)
{
	return lease.changes;
}

bool net_lease_is_confirmed(void)
{
	return lease.is_confirmed;
}

static uint32_t remaining_seconds(void)
{
	if (client.offered_t0_lease == UINT32_MAX) {
		return UINT32_MAX;
	}
	return client.t0_timeout > client.lease_used ? client.t0_timeout - client.lease_used : 0;
}

bool net_lease(uint64_t now, struct net_lease *told)
{
	if (lease.is_hint) {
		*told = lease.hint;
		if (lease.hint_ends != UINT64_MAX) {
			told->remaining_seconds = (uint32_t)(net_dhcp_wait(now) / lease.counter_hz);
		}
		return true;
	}
	if (!lease.is_confirmed) {
		return false;
	}
	*told = (struct net_lease){
		.address = number_of(netif_ip4_addr(lease.netif)),
		.netmask = number_of(netif_ip4_netmask(lease.netif)),
		.router = number_of(netif_ip4_gw(lease.netif)),
		.server_id = number_of(ip_2_ip4(&client.server_ip_addr)),
		.siaddr = number_of(&client.offered_si_addr),
		.lease_seconds = client.offered_t0_lease,
		.remaining_seconds = remaining_seconds(),
	};
	return true;
}

void net_dhcp_counters(struct net_counters *counters)
{
	counters->dhcp_binds = lease.binds;
	counters->dhcp_losses = lease.losses;
}

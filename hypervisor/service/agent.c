/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a card to a controller: the address, whom to talk to, and the lease that the next instance is told of.
 *
 * Who the controller is, is as sure as the configuration trailer or DHCP: what it says counts only with the tag that
 * the hello's key makes (wire/seal.h).
 */
#include "service/agent.h"

#include <stdarg.h>
#include <string.h>

#include "abi/nic.h"
#include "lib/fmt.h"
#include "service/clock.h"
#include "service/digest.h"
#include "service/hvcall.h"
#include "service/log.h"

enum { QUIET_MS = 2000, ADDRESS_LOOK_MS = 500 };

void agent_say(struct agent *agent, enum agent_news news, const char *format, ...)
{
	char words[AGENT_WORDS_BYTES];
	va_list args;

	if (agent->said == news) {
		return;
	}
	agent->said = news;
	va_start(args, format);
	fmt_vstring(words, sizeof(words), format, args);
	va_end(args);
	log_line(LOG_WARN, "agent: %s", words);
}

/* The key of this boot: kept until the controller has it, so that every instance says the same hello. */
static void make_key(struct agent *agent)
{
	struct keep_key kept;

	if (!keep_get(KEEP_KEY, &kept) || kept.is_made == 0) {
		memset(&kept, 0, sizeof(kept));
		digest_derive(agent->info->entropy, "boot key", agent->info->boot_id, agent->info->instance, kept.key);
		kept.is_made = 1;
		(void)keep_set(KEEP_KEY, &kept);
	}
	memcpy(agent->boot_key, kept.key, sizeof(agent->boot_key));
}

/* The lease of the last instance, with what is left of it. */
static void take_hint(const struct agent *agent, struct net_lease *hint, uint64_t now)
{
	struct keep_lease kept;

	if (agent->info->instance == 1 || !keep_get(KEEP_LEASE, &kept) || now < kept.ticks) {
		return;
	}
	const uint64_t passed = (now - kept.ticks) / agent->info->counter_hz;
	if (passed >= kept.remaining_seconds) {
		return;
	}
	*hint = (struct net_lease){
		.address = kept.address,
		.netmask = kept.netmask,
		.router = kept.router,
		.server_id = kept.server_id,
		.siaddr = kept.siaddr,
		.lease_seconds = kept.lease_seconds,
		.remaining_seconds = kept.remaining_seconds - (uint32_t)passed,
	};
}

static void keep_lease(const struct net_lease *lease, uint64_t now)
{
	const struct keep_lease kept = {
		.address = lease->address,
		.netmask = lease->netmask,
		.router = lease->router,
		.server_id = lease->server_id,
		.siaddr = lease->siaddr,
		.lease_seconds = lease->lease_seconds,
		.remaining_seconds = lease->remaining_seconds,
		.ticks = now,
	};

	(void)keep_set(KEEP_LEASE, &kept);
}

void agent_start(struct agent *agent, const struct aether_bootinfo *info, const struct config *config,
		 const uint8_t *crash, struct guests *guests, uint64_t now)
{
	struct net_config net = {
		.nic_kind = info->nic_kind,
		.nic_header_bytes = info->nic_header_bytes,
		.counter_hz = info->counter_hz,
	};

	agent->info = info;
	agent->config = config;
	agent->crash = crash;
	agent->guests = guests;
	agent->began_at = now;
	agent->lease_us = HELLO_TIME_UNKNOWN;
	agent->hello_us = HELLO_TIME_UNKNOWN;
	if (!keep_get(KEEP_NODE, &agent->node) || agent->node.is_answered > 1 || agent->node.is_crash_taken > 1) {
		memset(&agent->node, 0, sizeof(agent->node)); /* never kept, or by an instance that was failing */
	}
	if (!keep_get(KEEP_CONSOLE, &agent->console) || agent->console.slots >> WIRE_GUEST_MAX != 0) {
		memset(&agent->console, 0, sizeof(agent->console));
	}
	if (info->nic_kind == AETHER_NIC_NONE) {
		return;
	}
	if (info->entropy_bytes == 0) {
		log_line(LOG_ERROR, "agent: the machine has no source of entropy, so no key: the node stays offline");
		return;
	}
	digest_derive(info->entropy, "network", info->boot_id, info->instance, net.seed);
	take_hint(agent, &net.hint, now);
	if (net_start(&net) != NET_OK) {
		log_line(LOG_ERROR, "agent: the network card cannot be used: the node stays offline");
		return;
	}
	http_init(info->counter_hz);
	net_mac(agent->mac);
	agent->state = AGENT_NETWORK;
}

/* Whom to talk to: the trailer's word, else the boot's next server, else the DHCP server. */
static void find_controller(struct agent *agent, const struct net_lease *lease)
{
	struct origin controller = {.address = agent->config->controller, .port = agent->config->controller_port};

	if (controller.address == 0) {
		controller.address = lease->siaddr != 0 ? lease->siaddr : lease->server_id;
	}
	if (controller.address != agent->controller.address || controller.port != agent->controller.port) {
		agent->controller = controller;
		log_line(LOG_INFO, "agent: address %u.%u.%u.%u, controller %u.%u.%u.%u:%u", lease->address >> 24,
			 lease->address >> 16 & 255, lease->address >> 8 & 255, lease->address & 255,
			 controller.address >> 24, controller.address >> 16 & 255, controller.address >> 8 & 255,
			 controller.address & 255, controller.port);
	}
}

/* Looks at the address. True: there is one, and somebody to talk to. */
static bool watch_network(struct agent *agent, uint64_t now)
{
	struct net_lease lease;

	if (!net_is_up() || !net_lease(now, &lease)) {
		return false;
	}
	if (agent->controller.address == 0 || agent->lease_changes != net_lease_changes()) {
		agent->lease_changes = net_lease_changes();
		keep_lease(&lease, now);
		find_controller(agent, &lease);
	}
	if (agent->lease_us == HELLO_TIME_UNKNOWN) {
		agent->lease_us = clock_us(now, agent->info->counter_hz);
	}
	return agent->controller.address != 0;
}

static void leave_network(struct agent *agent, uint64_t now)
{
	uint8_t key[HVCALL_KEY_BYTES];

	if (hvcall_key_get(key) == 0) {
		memset(key, 0, sizeof(key));
		agent->node.udp_port = agent->node.udp_port != 0 ? agent->node.udp_port : DATAGRAM_PORT;
		(void)agent_go_online(agent, now);
		return;
	}
	make_key(agent);
	agent->state = AGENT_HELLO;
	agent->retry_at = now;
}

void agent_turn(struct agent *agent, uint64_t now)
{
	if (agent->state == AGENT_OFF) {
		return;
	}
	if (!watch_network(agent, now)) {
		if (now - agent->began_at > clock_ticks(QUIET_MS, agent->info->counter_hz)) {
			agent_say(agent, net_is_up() ? AGENT_SAID_NO_CONTROLLER : AGENT_SAID_NO_ADDRESS, "%s",
				  net_is_up() ? "waits for a DHCP answer that names a controller" :
						"waits for an address (DHCP)");
		}
		return;
	}
	switch (agent->state) {
	case AGENT_NETWORK:
		leave_network(agent, now);
		break;
	case AGENT_HELLO:
		agent_hello_turn(agent, now);
		break;
	default:
		agent_online_turn(agent, now);
		break;
	}
}

static uint64_t until(uint64_t when, uint64_t now)
{
	return when > now ? when - now : 0;
}

uint64_t agent_wait(const struct agent *agent, uint64_t now)
{
	const uint64_t look = clock_ticks(ADDRESS_LOOK_MS, agent->info->counter_hz);
	uint64_t wait = UINT64_MAX;

	switch (agent->state) {
	case AGENT_OFF:
		return UINT64_MAX;
	case AGENT_NETWORK:
		return look;
	case AGENT_HELLO:
		wait = agent->is_asking ? UINT64_MAX : until(agent->retry_at, now);
		break;
	case AGENT_ONLINE:
		wait = agent->is_beat_due ? 0 : until(agent->next_beat, now);
		const uint64_t relay = agent_relay_wait(agent, now);
		const uint64_t update = agent_update_wait(agent, now);
		wait = relay < wait ? relay : wait;
		wait = update < wait ? update : wait;
		break;
	}
	/* Without an address all that is due waits for one. */
	return net_is_up() ? wait : look;
}

bool agent_has_controller(const struct agent *agent)
{
	return agent->state != AGENT_OFF && agent->node.is_answered;
}

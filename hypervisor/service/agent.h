/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The node's side of the dialogue with the controller (netboot/wire).
 *
 *     OFF      no card, or no entropy to make a key of: the guests of the bundle are all there is
 *     NETWORK  waits for an address
 *     HELLO    a hello is under way, or waits to be repeated: nobody answered, or the node is not approved
 *     ONLINE   beats go out, and what comes back with a good tag is carried out
 *
 * An instance that finds the boot's key in the core goes from NETWORK straight to ONLINE.
 */
#include <stdbool.h>
#include <stdint.h>

#include "abi/bootinfo.h"
#include "service/config.h"
#include "service/guests.h"
#include "service/http.h"
#include "service/keep.h"
#include "service/net.h"
#include "wire/ack.h"
#include "wire/beat.h"
#include "wire/console.h"
#include "wire/hello.h"
#include "wire/replay.h"
#include "wire/seal.h"

enum { AGENT_WORDS_BYTES = 160 };

enum agent_state { AGENT_OFF = 0, AGENT_NETWORK, AGENT_HELLO, AGENT_ONLINE };

enum agent_news {
	AGENT_SAID_NOTHING = 0,
	AGENT_SAID_NO_ADDRESS,
	AGENT_SAID_NO_CONTROLLER,
	AGENT_SAID_NO_ANSWER,
	AGENT_SAID_PENDING,
	AGENT_SAID_REJECTED,
	AGENT_SAID_APPROVED,
};

/* A console that somebody watches. */
struct relay {
	bool is_watched;
	uint64_t sent; /* next byte to send */
	uint64_t taken; /* up to where the controller has all, as far as it said */
	uint64_t taken_at; /* when that last rose */
};

struct agent_drops {
	uint64_t bad_tags;
	uint64_t replays;
	uint64_t malformed;
};

struct agent {
	enum agent_state state;
	const struct aether_bootinfo *info;
	const struct config *config;
	const uint8_t *crash; /* info->crash_bytes of it */
	struct guests *guests;
	struct origin controller;
	uint8_t mac[NIC_MAC_BYTES];
	struct keep_node node;
	uint64_t began_at;
	uint64_t lease_us; /* when there was an address, and the first hello; HELLO_TIME_UNKNOWN */
	uint64_t hello_us;
	enum agent_news said; /* what the console was told last */
	/* hello */
	uint8_t boot_key[SEAL_KEY_BYTES]; /* zero once the core has it */
	bool is_asking;
	uint32_t http_id;
	uint32_t failures;
	uint64_t retry_at;
	uint32_t answer_bytes;
	uint8_t answer[HELLO_ANSWER_MAX_BYTES];
	uint8_t hello[HELLO_MAX_BYTES];
	/* online */
	struct seal_key key;
	struct replay replay;
	uint64_t sequence; /* of the last datagram that was sent */
	uint64_t next_beat;
	uint64_t last_beat;
	uint32_t lease_changes;
	struct agent_drops drops;
	struct beat_rotation rotation;
	uint64_t restart_us;
	bool is_beat_due; /* at once, as an answer */
	uint8_t told_states[WIRE_GUEST_MAX]; /* of the guests, by the last beat */
	bool has_clock;
	uint64_t clock_offset_ns; /* wall clock less the counter */
	struct keep_console console;
	struct relay relays[WIRE_GUEST_MAX];
	uint64_t console_lost;
	struct ack_service image; /* generation 0: none is wanted */
};

void agent_start(struct agent *agent, const struct aether_bootinfo *info, const struct config *config,
		 const uint8_t *crash, struct guests *guests, uint64_t now);
/* After net_poll() and http_poll(). */
void agent_turn(struct agent *agent, uint64_t now);
/* In how many ticks agent_turn() has to be called. */
uint64_t agent_wait(const struct agent *agent, uint64_t now);
/* A controller has answered this boot, or still may be asked. */
bool agent_has_controller(const struct agent *agent);

/* --- between the agent's files --- */

/* Says how it stands on the console; the same news again is not said again, whatever its words. */
void agent_say(struct agent *agent, enum agent_news news, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* hello.c: asks, and goes online when the answer says so. */
void agent_hello_turn(struct agent *agent, uint64_t now);
/* online.c */
bool agent_go_online(struct agent *agent, uint64_t now);
void agent_online_turn(struct agent *agent, uint64_t now);
void agent_take_clock(struct agent *agent, uint64_t wall_clock_ns, uint64_t now);
void agent_take_crash(struct agent *agent);
/* desired.c: carries out what an acknowledgement says. */
void agent_take_ack(struct agent *agent, const struct ack *ack, uint64_t now);
/* beat.c: sends one. */
void agent_beat(struct agent *agent, uint64_t now, bool is_answer);
/* relay.c */
void agent_relay_turn(struct agent *agent, uint64_t now);
uint64_t agent_relay_wait(const struct agent *agent, uint64_t now);
void agent_relay_watch(struct agent *agent, const struct ack_console *console, uint64_t now);
void agent_relay_input(struct agent *agent, const struct console_chunk *chunk);
/* update.c: fetches and starts a newer service image, in a build for simulation. */
void agent_update_turn(struct agent *agent, uint64_t now);
uint64_t agent_update_wait(const struct agent *agent, uint64_t now);

/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "observe/journal_own.h"

/* A REQUEST without a DISCOVER before it within this time is a client that remembers its address. */
enum { ASKED_MS = 60000, RIVAL_AGAIN_MS = 600000, REFUSED_AGAIN_MS = 60000, PASS_MS = 50 };

struct journal *journal_new(const struct journal_options *options)
{
	struct journal *journal = calloc(1, sizeof(*journal));

	if (journal == NULL) {
		return NULL;
	}
	journal->options = *options;
	journal->clients = calloc(JOURNAL_CLIENTS, sizeof(*journal->clients));
	journal->transfers = calloc(JOURNAL_TRANSFERS, sizeof(*journal->transfers));
	journal->by_address = malloc(BY_ADDRESS * sizeof(*journal->by_address));
	if (!table_make(&journal->client_order, JOURNAL_CLIENTS) ||
	    !table_make(&journal->transfer_order, JOURNAL_TRANSFERS) || journal->clients == NULL ||
	    journal->transfers == NULL || journal->by_address == NULL) {
		journal_free(journal);
		return NULL;
	}
	for (uint32_t i = 0; i < BY_ADDRESS; i++) {
		journal->by_address[i] = TABLE_NONE;
	}
	return journal;
}

void journal_free(struct journal *journal)
{
	if (journal != NULL) {
		table_free(&journal->client_order);
		table_free(&journal->transfer_order);
		free(journal->clients);
		free(journal->transfers);
		free(journal->by_address);
		free(journal);
	}
}

uint64_t journal_sightings(const struct journal *journal)
{
	return journal->sightings;
}

uint64_t journal_steps(const struct journal *journal)
{
	return journal->steps;
}

void journal_step(struct journal *journal, const uint8_t mac[6], const struct fleet_step *step)
{
	journal->steps++;
	fleet_step_by_mac(journal->options.fleet, mac, step);
}

/* --- clients --- */

static uint64_t key_of_mac(const uint8_t mac[6])
{
	return (uint64_t)frame_u16(mac) << 32 | frame_u32(mac + 2);
}

static struct client *client_find(struct journal *journal, const uint8_t mac[6])
{
	uint32_t place = table_first(&journal->client_order, table_hash(key_of_mac(mac)));

	while (place != TABLE_NONE && memcmp(journal->clients[place].mac, mac, 6) != 0) {
		place = table_next(&journal->client_order, place);
	}
	return place == TABLE_NONE ? NULL : &journal->clients[place];
}

static struct client *client_have(struct journal *journal, const uint8_t mac[6])
{
	struct client *client = client_find(journal, mac);

	if (client != NULL) {
		table_touch(&journal->client_order, (uint32_t)(client - journal->clients));
		return client;
	}
	client = &journal->clients[table_take(&journal->client_order, table_hash(key_of_mac(mac)))];
	*client = (struct client){.asked_ms = 0};
	memcpy(client->mac, mac, 6);
	return client;
}

static void client_address(struct journal *journal, struct client *client, uint32_t address)
{
	client->address = address;
	journal->by_address[table_hash(address) % BY_ADDRESS] = (uint32_t)(client - journal->clients);
}

const struct client *client_of_address(const struct journal *journal, uint32_t address)
{
	const uint32_t place = journal->by_address[table_hash(address) % BY_ADDRESS];

	return place != TABLE_NONE && address != 0 && journal->clients[place].address == address ?
		       &journal->clients[place] :
		       NULL;
}

/* --- DHCP --- */

static void copy(char *to, size_t room, const char *from)
{
	(void)snprintf(to, room, "%s", from);
}

/* A token of the strangers' bucket. */
static bool take_token(struct journal *journal, int64_t now_ms)
{
	const int64_t most = (int64_t)JOURNAL_STRANGERS * 1000;
	const int64_t gone_ms = now_ms - journal->strangers_ms;

	if (journal->strangers_ms == 0 || gone_ms < 0 || gone_ms >= 1000) {
		journal->strangers = most;
	} else {
		journal->strangers += gone_ms * JOURNAL_STRANGERS;
		journal->strangers = journal->strangers < most ? journal->strangers : most;
	}
	journal->strangers_ms = now_ms;
	if (journal->strangers < 1000) {
		return false;
	}
	journal->strangers -= 1000;
	return true;
}

static bool is_within(int64_t before_ms, int64_t now_ms, int64_t span_ms)
{
	return before_ms != 0 && now_ms >= before_ms && now_ms - before_ms < span_ms;
}

static bool is_again(int64_t before_ms, int64_t now_ms)
{
	return is_within(before_ms, now_ms, JOURNAL_AGAIN_MS);
}

/* Each sighting is an event, and of a stranger a node: whoever makes up addresses makes neither without a bound. */
static bool may_see(struct journal *journal, const struct journal_place *place, const struct client *client,
		    int64_t now_ms)
{
	const struct journal_options *options = &journal->options;

	return !(client->seen_at == place->server && is_again(client->seen_ms, now_ms)) &&
	       (client->is_seen || take_token(journal, now_ms) ||
		(options->knows != NULL && options->knows(options->argument, client->mac)));
}

static void see(struct journal *journal, const struct journal_place *place, const struct dhcp *dhcp)
{
	struct fleet_sighting sighting = {
		.arch = dhcp->arch, .has_uuid = dhcp->has_uuid, .is_closed = place->is_closed};

	if (place->ignores_unknown &&
	    (journal->options.knows == NULL || !journal->options.knows(journal->options.argument, dhcp->mac))) {
		return;
	}
	memcpy(sighting.mac, dhcp->mac, sizeof(sighting.mac));
	memcpy(sighting.uuid, dhcp->uuid, sizeof(sighting.uuid));
	copy(sighting.network, sizeof(sighting.network), place->network);
	copy(sighting.hostname, sizeof(sighting.hostname), dhcp->hostname);
	copy(sighting.vendor_class, sizeof(sighting.vendor_class), dhcp->vendor_class);
	copy(sighting.circuit, sizeof(sighting.circuit), dhcp->circuit);
	journal->sightings++;
	fleet_see(journal->options.fleet, &sighting);
}

static void on_question(struct journal *journal, const struct journal_place *place, const struct dhcp *dhcp,
			int64_t now_ms)
{
	if (dhcp->kind != DHCP_DISCOVER && dhcp->kind != DHCP_REQUEST) {
		return;
	}
	struct client *client = client_have(journal, dhcp->mac);
	const bool is_anew = dhcp->kind == DHCP_DISCOVER || now_ms - client->asked_ms > ASKED_MS;

	/* A REQUEST may say less than its DISCOVER did. */
	client->is_pi = dhcp_is_pi(dhcp) || (client->is_pi && dhcp->kind == DHCP_REQUEST);
	if (is_anew) {
		if (dhcp->kind == DHCP_DISCOVER) {
			transfers_of_client_cut(journal, client, now_ms);
		}
		client->asked_ms = now_ms;
		if (may_see(journal, place, client, now_ms)) {
			client->is_seen = true;
			client->seen_ms = now_ms;
			client->seen_at = place->server;
			see(journal, place, dhcp);
		}
	}
}

static void tell_rival(struct journal *journal, const struct journal_place *place, const struct dhcp *dhcp,
		       const struct frame *frame, int64_t now_ms)
{
	const uint32_t server = dhcp->server != 0 ? dhcp->server : frame->from;
	const uint8_t *mac = frame->from_mac;
	char sentence[200];

	if (journal->rival_ms != 0 && now_ms - journal->rival_ms < RIVAL_AGAIN_MS) {
		return;
	}
	journal->rival_ms = now_ms;
	(void)snprintf(sentence, sizeof(sentence),
		       "Another DHCP server, %u.%u.%u.%u (MAC %02x:%02x:%02x:%02x:%02x:%02x), answers on %s: turn it "
		       "off there, or nodes get its addresses.",
		       server >> 24, server >> 16 & 255, server >> 8 & 255, server & 255, mac[0], mac[1], mac[2],
		       mac[3], mac[4], mac[5], place->network);
	log_warn("observe", "%s", sentence);
	fleet_tell(journal->options.fleet, "network.rival", "", NULL, sentence);
}

static void on_reply(struct journal *journal, const struct journal_place *place, const struct dhcp *dhcp,
		     const struct frame *frame, int64_t now_ms)
{
	if (!place->is_outgoing || frame->from != place->server) {
		if (dhcp->kind == DHCP_OFFER || dhcp->kind == DHCP_ACK) {
			tell_rival(journal, place, dhcp, frame, now_ms);
		}
		return;
	}
	if ((dhcp->kind != DHCP_OFFER && dhcp->kind != DHCP_ACK) || dhcp->yours == 0) {
		return;
	}
	if (dhcp->kind == DHCP_ACK && dhcp->lease_s != 0 && journal->options.leased != NULL) {
		const struct observe_lease lease = {
			.mac = {dhcp->mac[0], dhcp->mac[1], dhcp->mac[2], dhcp->mac[3], dhcp->mac[4], dhcp->mac[5]},
			.address = dhcp->yours,
			.interface = place->network,
			.expires_ms = dhcp->lease_s == UINT32_MAX ? 0 : now_ms + (int64_t)dhcp->lease_s * 1000,
		};

		journal->options.leased(journal->options.argument, &lease);
	}
	struct client *client = client_have(journal, dhcp->mac);

	const bool is_same = client->address == dhcp->yours;

	client_address(journal, client, dhcp->yours);
	copy(client->boot_file, sizeof(client->boot_file), dhcp->boot_file);
	if (dhcp->kind == DHCP_OFFER && !(is_same && is_again(client->offered_ms, now_ms))) {
		struct fleet_step step = {.kind = "offer", .start_ms = now_ms, .end_ms = now_ms};

		(void)snprintf(step.detail, sizeof(step.detail), "%u.%u.%u.%u", dhcp->yours >> 24,
			       dhcp->yours >> 16 & 255, dhcp->yours >> 8 & 255, dhcp->yours & 255);
		client->offered_ms = now_ms;
		journal_step(journal, client->mac, &step);
	}
}

bool journal_frame(struct journal *journal, const struct journal_place *place, const uint8_t *bytes, size_t count,
		   int64_t now_ms)
{
	struct frame frame;
	struct dhcp dhcp;

	if (!frame_parse(bytes, count, &frame)) {
		return false;
	}
	if (frame.vlan != 0) {
		return true; /* another network's */
	}
	const bool is_dhcp = frame.to_port == DHCP_SERVER_PORT || frame.to_port == DHCP_CLIENT_PORT;

	if (!is_dhcp) {
		transfer_frame(journal, place, &frame, now_ms);
		return true;
	}
	if (!dhcp_parse(frame.payload, frame.bytes, &dhcp)) {
		return false;
	}
	if (dhcp.is_reply) {
		on_reply(journal, place, &dhcp, &frame, now_ms);
	} else if (frame.to_port == DHCP_SERVER_PORT && !place->is_outgoing) {
		on_question(journal, place, &dhcp, now_ms);
	}
	return true;
}

void journal_leased(struct journal *journal, const uint8_t mac[6], uint32_t address, bool is_gone)
{
	struct client *client = is_gone ? client_find(journal, mac) : client_have(journal, mac);

	if (!is_gone) {
		client_address(journal, client, address);
	} else if (client != NULL && client->address == address) {
		client->address = 0;
	}
}

void journal_line(struct journal *journal, const struct dnsmasq_line *line, int64_t now_ms)
{
	if (line->says == DNSMASQ_NO_ADDRESS && line->has_mac) {
		const struct fleet_step step = {.kind = "discover", .start_ms = now_ms, .problem = "no-offer"};

		journal_step(journal, line->mac, &step);
	} else if (line->says == DNSMASQ_FATAL) {
		log_error("dnsmasq", "it does not start: %s%s%s", journal->word, journal->word[0] != '\0' ? ": " : "",
			  line->text);
		journal->word[0] = '\0';
	} else if (line->says == DNSMASQ_WORD) {
		copy(journal->word, sizeof(journal->word), line->text);
	} else if (line->says == DNSMASQ_REFUSED && !is_within(journal->refused_ms, now_ms, REFUSED_AGAIN_MS)) {
		journal->refused_ms = now_ms; /* anybody can ask for a folder, again and again */
		log_error("dnsmasq", "it cannot read %s, which a node asked for: see who may read it, and the disk",
			  line->text);
	} else if (line->address != 0) {
		transfer_line(journal, line, now_ms);
	}
}

void journal_pass(struct journal *journal, int64_t now_ms)
{
	/* It is called whenever something came. */
	if (now_ms < journal->passed_ms || now_ms - journal->passed_ms >= PASS_MS) {
		journal->passed_ms = now_ms;
		transfers_pass(journal, now_ms);
	}
}

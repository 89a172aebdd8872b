/* SPDX-License-Identifier: Apache-2.0 */
/* A request of dnsmasq's script, its statements, its answer. Every field is checked before it is kept: dnsmasq reads
 * the table again as lines with spaces between their fields. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "leases/leases.h"

#define HEX "0123456789abcdefABCDEF"
#define NAME "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

enum { ADDRESS_BYTES = 16, MAC_BYTES = 13 };
#define EXPIRES_MOST INT64_C(253402300799) /* year 9999 */

/* The value of a field, "" when it is not there. Every field ends in a NUL (checked by the caller). */
static const char *field(const char *request, size_t bytes, const char *key)
{
	const size_t length = strlen(key);

	for (size_t at = 0; at < bytes; at += strlen(request + at) + 1) {
		if (strncmp(request + at, key, length) == 0 && request[at + length] == '=') {
			return request + at + length + 1;
		}
	}
	return "";
}

static bool take_number(const char *text, int64_t most, int64_t *number)
{
	int64_t value = 0;

	for (const char *c = text; *c != '\0'; c++) {
		if (*c < '0' || *c > '9' || value > most / 10) {
			return false;
		}
		value = value * 10 + (*c - '0');
	}
	*number = value;
	return text[0] != '\0' && value <= most;
}

static bool take_mac(const char *text, uint8_t mac[6])
{
	for (size_t i = 0; i < 6; i++) {
		const char pair[3] = {text[0], text[0] != '\0' ? text[1] : '\0', '\0'};

		if (!hex_parse(pair, &mac[i], 1) || text[2] != (i < 5 ? ':' : '\0')) {
			return false;
		}
		text += 3;
	}
	return true;
}

/* Only of these characters, and short enough; else it is left out: it is not needed. */
static void take_word(const char *text, const char *allowed, char *to, size_t room)
{
	const size_t length = strlen(text);

	to[0] = '\0';
	if (length < room && strspn(text, allowed) == length && text[0] != '-' && text[0] != '.') {
		memcpy(to, text, length + 1);
	}
}

static bool take_lease(const char *request, size_t bytes, struct lease *lease)
{
	struct in_addr address;
	int64_t expires = 0;

	*lease = (struct lease){.expires_ms = 0};
	if (!take_mac(field(request, bytes, "mac"), lease->mac) ||
	    inet_pton(AF_INET, field(request, bytes, "address"), &address) != 1) {
		return false;
	}
	lease->address = ntohl(address.s_addr);
	if (take_number(field(request, bytes, "expires"), EXPIRES_MOST, &expires)) {
		lease->expires_ms = expires * 1000;
	}
	take_word(field(request, bytes, "hostname"), NAME "-.", lease->hostname, sizeof(lease->hostname));
	take_word(field(request, bytes, "client_id"), HEX ":", lease->client_id, sizeof(lease->client_id));
	take_word(field(request, bytes, "interface"), NAME "-._", lease->network, sizeof(lease->network));
	return true;
}

static const char *address_text(uint32_t address, char text[ADDRESS_BYTES])
{
	const struct in_addr in = {.s_addr = htonl(address)};

	return inet_ntop(AF_INET, &in, text, ADDRESS_BYTES);
}

static bool put_lease(struct sql *sql, void *argument, struct fail *fail)
{
	const struct lease *lease = argument;
	char mac[MAC_BYTES], address[ADDRESS_BYTES];

	(void)hex_print(lease->mac, sizeof(lease->mac), mac);
	(void)address_text(lease->address, address);
	return sql_run(sql, fail, "DELETE FROM lease WHERE address = ? AND mac <> ?", "tt", address, mac) &&
	       sql_run(sql, fail,
		       "INSERT INTO lease (mac, address, network, client_id, hostname, expires_ms) "
		       "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (mac) DO UPDATE SET address = excluded.address, "
		       "network = CASE excluded.network WHEN '' THEN lease.network ELSE excluded.network END, "
		       "client_id = excluded.client_id, hostname = excluded.hostname, "
		       "expires_ms = excluded.expires_ms",
		       "ttttti", mac, address, lease->network, lease->client_id, lease->hostname,
		       lease->expires_ms);
}

/* What the script said of the same lease stands; the time does not go back. */
static bool put_seen(struct sql *sql, void *argument, struct fail *fail)
{
	const struct lease *lease = argument;
	char mac[MAC_BYTES], address[ADDRESS_BYTES];

	(void)hex_print(lease->mac, sizeof(lease->mac), mac);
	(void)address_text(lease->address, address);
	return (sql_run(sql, fail,
			"UPDATE lease SET expires_ms = ? WHERE mac = ? AND address = ? AND (? = 0 OR expires_ms < ?)",
			"ittii", lease->expires_ms, mac, address, lease->expires_ms, lease->expires_ms) &&
		sql_run(sql, fail, "DELETE FROM lease WHERE (address = ? AND mac <> ?) OR (mac = ? AND address <> ?)",
			"tttt", address, mac, mac, address) &&
		sql_run(sql, fail,
			"INSERT INTO lease (mac, address, network, expires_ms) VALUES (?, ?, ?, ?) "
			"ON CONFLICT (mac) DO NOTHING",
			"ttti", mac, address, lease->network, lease->expires_ms));
}

static void seen_done(void *argument, const struct fail *fail)
{
	if (fail != NULL) {
		log_warn("leases", "a lease that was acknowledged is not kept yet: %s", fail->text);
	}
	free(argument);
}

void leases_seen(struct store *store, const struct lease *lease)
{
	struct lease *copy = malloc(sizeof(*copy));
	struct fail fail = {.kind = FAIL_NONE};

	if (copy == NULL) {
		return; /* the script tells, too */
	}
	*copy = *lease;
	if (!store_submit(store, put_seen, seen_done, copy, &fail)) {
		seen_done(copy, &fail);
	}
}

static bool drop_lease(struct sql *sql, void *argument, struct fail *fail)
{
	const struct lease *lease = argument;
	char mac[MAC_BYTES], address[ADDRESS_BYTES];

	(void)hex_print(lease->mac, sizeof(lease->mac), mac);
	return sql_run(sql, fail, "DELETE FROM lease WHERE mac = ? AND address = ?", "tt", mac,
		       address_text(lease->address, address));
}

struct reading {
	const struct leases_options *options;
	struct text *file; /* NULL: `leased` is called */
};

static bool read_row(struct sql_row *row, struct lease *lease)
{
	struct in_addr address;

	*lease = (struct lease){.expires_ms = sql_i64(row, 5)};
	if (!hex_parse(sql_text(row, 0), lease->mac, sizeof(lease->mac)) ||
	    inet_pton(AF_INET, sql_text(row, 1), &address) != 1) {
		return false;
	}
	lease->address = ntohl(address.s_addr);
	take_word(sql_text(row, 2), NAME "-._", lease->network, sizeof(lease->network));
	take_word(sql_text(row, 3), HEX ":", lease->client_id, sizeof(lease->client_id));
	take_word(sql_text(row, 4), NAME "-.", lease->hostname, sizeof(lease->hostname));
	return true;
}

/* A line of dnsmasq's lease file. */
static void put_line(struct text *file, const struct lease *lease)
{
	const uint8_t *mac = lease->mac;
	char address[ADDRESS_BYTES];

	text_printf(file, "%" PRId64 " %02x:%02x:%02x:%02x:%02x:%02x %s %s %s\n", lease->expires_ms / 1000, mac[0],
		    mac[1], mac[2], mac[3], mac[4], mac[5], address_text(lease->address, address),
		    lease->hostname[0] != '\0' ? lease->hostname : "*",
		    lease->client_id[0] != '\0' ? lease->client_id : "*");
}

static bool read_leases(struct sql *sql, void *argument, struct fail *fail)
{
	const struct reading *reading = argument;
	struct sql_row row;

	sql_query(sql, &row,
		  "SELECT mac, address, network, client_id, hostname, expires_ms FROM lease "
		  "WHERE expires_ms = 0 OR expires_ms > ? ORDER BY mac",
		  "i", clock_wall_ms());
	while (sql_next(&row)) {
		struct lease lease;

		if (!read_row(&row, &lease)) {
			continue;
		}
		if (reading->file != NULL) {
			put_line(reading->file, &lease);
		} else {
			reading->options->leased(reading->options->argument, &lease, false);
		}
	}
	return sql_end(&row, fail);
}

bool leases_tell_all(const struct leases_options *options, struct fail *fail)
{
	struct reading reading = {.options = options};

	return options->leased == NULL || store_read(options->store, read_leases, &reading, fail);
}

static bool init(const struct leases_options *options, struct text *answer, struct fail *fail)
{
	struct reading reading = {.options = options, .file = answer};

	text_puts(answer, "ok\n");
	if (!store_read(options->store, read_leases, &reading, fail)) {
		text_reset(answer);
		return false;
	}
	text_puts(answer, "end\n"); /* dnsmasq must not start with a part of it */
	return true;
}

static bool change(const struct leases_options *options, const char *request, size_t bytes, bool is_gone,
		   struct fail *fail)
{
	struct lease lease;

	if (!take_lease(request, bytes, &lease)) {
		return fail_set(fail, FAIL_INVALID, "no Ethernet MAC and IPv4 address stand in it");
	}
	if (!store_change(options->store, is_gone ? drop_lease : put_lease, NULL, &lease, fail)) {
		return false;
	}
	if (options->leased != NULL) {
		options->leased(options->argument, &lease, is_gone);
	}
	return true;
}

static bool sent(const struct leases_options *options, const char *request, size_t bytes, struct fail *fail)
{
	struct in_addr client;
	int64_t count;

	if (inet_pton(AF_INET, field(request, bytes, "address"), &client) != 1 ||
	    !take_number(field(request, bytes, "bytes"), INT64_C(1) << 40, &count)) {
		return fail_set(fail, FAIL_INVALID, "no IPv4 address and size stand in it");
	}
	if (options->sent != NULL) {
		options->sent(options->argument, client, field(request, bytes, "path"), (uint64_t)count);
	}
	return true;
}

void leases_answer(const struct leases_options *options, const char *request, size_t bytes, struct text *answer)
{
	struct fail fail = {.kind = FAIL_NONE};
	bool is_done = false;

	if (bytes == 0 || request[bytes - 1] != '\0') {
		text_puts(answer, "no the request is not whole\n");
		return;
	}
	const char *action = field(request, bytes, "action");

	if (strcmp(action, "init") == 0) {
		is_done = init(options, answer, &fail);
		if (is_done) {
			return;
		}
	} else if (strcmp(action, "add") == 0 || strcmp(action, "old") == 0) {
		is_done = change(options, request, bytes, false, &fail);
	} else if (strcmp(action, "del") == 0) {
		is_done = change(options, request, bytes, true, &fail);
	} else if (strcmp(action, "tftp") == 0) {
		is_done = sent(options, request, bytes, &fail);
	} else {
		fail_set(&fail, FAIL_INVALID, "an action that is not known");
	}
	if (is_done) {
		text_puts(answer, "ok\n");
	} else {
		log_warn("leases", "%.8s: %s", action, fail.text);
		text_printf(answer, "no %s\n", fail.text);
	}
}

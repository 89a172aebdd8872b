/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TFTP transfers. Invariants: a transfer is told of as begun only when data moved, or nothing came back at all (many
 * clients ask for a size and go away again); it is told of as ended once, whoever brings the news first: the wire,
 * dnsmasq's log or its script.
 */
#include <stdio.h>
#include <string.h>

#include "observe/journal_own.h"

static uint32_t hash_of(uint32_t client, uint16_t port)
{
	return table_hash((uint64_t)client << 16 | port);
}

static struct transfer *find(struct journal *journal, uint32_t client, uint16_t port)
{
	uint32_t place = table_first(&journal->transfer_order, hash_of(client, port));

	while (place != TABLE_NONE &&
	       (journal->transfers[place].client != client || journal->transfers[place].port != port)) {
		place = table_next(&journal->transfer_order, place);
	}
	return place == TABLE_NONE ? NULL : &journal->transfers[place];
}

/* `path` is the file as the server has it: it ends in the name that the client asked for. */
static bool is_file(const struct transfer *transfer, const char *path)
{
	const char *file = transfer->file;

	while (*file == '/') {
		file++;
	}
	const size_t length = strlen(file);
	const size_t have = strlen(path);

	return have >= length && length > 0 && strcmp(path + have - length, file) == 0 &&
	       (have == length || path[have - length - 1] == '/');
}

/* The newest of that client and file that is not over; with `or_ended` one that was over a moment ago, too. */
static struct transfer *find_file(struct journal *journal, uint32_t client, const char *path, int64_t ended_since_ms)
{
	const struct table *order = &journal->transfer_order;
	struct transfer *ended = NULL;

	for (uint32_t place = order->newest; place != TABLE_NONE; place = table_older(order, place)) {
		struct transfer *transfer = &journal->transfers[place];

		if (transfer->client != client || !is_file(transfer, path)) {
			continue;
		}
		if (transfer->at != TRANSFER_ENDED) {
			return transfer;
		}
		if (ended == NULL && transfer->changed_ms >= ended_since_ms) {
			ended = transfer;
		}
	}
	return ended;
}

static void tell(struct journal *journal, struct transfer *transfer, int64_t end_ms, uint64_t bytes,
		 const char *problem, int64_t now_ms)
{
	struct fleet_step step = {
		.kind = "file",
		.start_ms = transfer->start_ms,
		.end_ms = end_ms,
		.bytes = bytes,
		.total = transfer->total,
		.problem = problem,
	};

	(void)snprintf(step.detail, sizeof(step.detail), "%s", transfer->file);
	transfer->told_ms = now_ms;
	transfer->told_blocks = transfer->blocks;
	journal_step(journal, transfer->mac, &step);
}

/* What was acknowledged; the last block is seldom a whole one. */
static uint64_t bytes_of(const struct transfer *transfer)
{
	const uint64_t bytes = transfer->blocks * transfer->block_bytes;

	return transfer->total != 0 && bytes > transfer->total ? transfer->total : bytes;
}

/* Over without a word: it was only a question. */
static void forget(struct journal *journal, struct transfer *transfer, int64_t now_ms)
{
	journal->live -= transfer->is_live;
	transfer->is_live = false;
	transfer->at = TRANSFER_ENDED;
	transfer->changed_ms = now_ms;
}

/* In the place of whatever was there. */
static void start(struct journal *journal, struct transfer *transfer, const struct transfer *as)
{
	journal->live += !transfer->is_live;
	*transfer = *as;
	transfer->is_live = true;
}

static void end(struct journal *journal, struct transfer *transfer, uint64_t bytes, const char *problem, int64_t now_ms)
{
	tell(journal, transfer, now_ms, bytes, problem, now_ms);
	forget(journal, transfer, now_ms);
}

/*
 * Whether a boot cannot go on without the file. Clients look for many that need not be there: U-Boot's list of
 * configurations, and all that a Raspberry Pi tries, first in its own folder.
 */
static bool is_needed(const struct transfer *transfer, const struct client *client)
{
	static const char *const of_pi[] = {"start4.elf", "config.txt", "kernel8.img", "bootcode.bin"};
	const char *file = transfer->file;

	if (client != NULL && client->boot_file[0] != '\0' && strcmp(client->boot_file, file) == 0) {
		return true;
	}
	for (size_t i = 0; transfer->is_pi && i < sizeof(of_pi) / sizeof(of_pi[0]); i++) {
		if (strcmp(file, of_pi[i]) == 0) {
			return true;
		}
	}
	return !transfer->is_pi && strncmp(file, "pxelinux.cfg/", 13) != 0 && strstr(file, "/pxelinux.cfg/") == NULL;
}

static void on_missing(struct journal *journal, struct transfer *transfer, int64_t now_ms)
{
	if (is_needed(transfer, client_of_address(journal, transfer->client))) {
		end(journal, transfer, 0, "file-missing", now_ms);
	} else {
		forget(journal, transfer, now_ms);
	}
}

static void on_read(struct journal *journal, const struct frame *frame, const struct tftp *tftp, int64_t now_ms)
{
	struct transfer *transfer = find(journal, frame->from, frame->from_port);
	const struct client *client = client_of_address(journal, frame->from);

	if (transfer != NULL && transfer->at == TRANSFER_ASKED && strcmp(transfer->file, tftp->text) == 0) {
		return; /* it asks again */
	}
	if (transfer == NULL) {
		const uint32_t place = table_take(&journal->transfer_order, hash_of(frame->from, frame->from_port));

		transfer = &journal->transfers[place];
	} else {
		if (transfer->at == TRANSFER_MOVING) {
			end(journal, transfer, bytes_of(transfer), "transfer-cut", now_ms);
		}
		table_touch(&journal->transfer_order, (uint32_t)(transfer - journal->transfers));
	}
	const struct transfer asked = {
		.client = frame->from,
		.port = frame->from_port,
		.is_pi = client != NULL && client->is_pi,
		.block_bytes = TFTP_BLOCK_BYTES,
		.start_ms = now_ms,
		.changed_ms = now_ms,
	};

	start(journal, transfer, &asked);
	/* Behind a relay the frame is its router's; the address is known then. */
	memcpy(transfer->mac, client != NULL ? client->mac : frame->from_mac, sizeof(transfer->mac));
	(void)snprintf(transfer->file, sizeof(transfer->file), "%s", tftp->text);
}

static void on_moved(struct journal *journal, struct transfer *transfer, int64_t now_ms)
{
	const bool is_first = transfer->at != TRANSFER_MOVING;

	transfer->at = TRANSFER_MOVING;
	transfer->changed_ms = now_ms;
	if (is_first || now_ms - transfer->told_ms >= JOURNAL_MOVES_MS) {
		tell(journal, transfer, 0, bytes_of(transfer), NULL, now_ms);
	}
}

/* From the server. */
static void on_answer(struct journal *journal, struct transfer *transfer, const struct tftp *tftp, int64_t now_ms)
{
	switch (tftp->kind) {
	case TFTP_OACK:
		if (transfer->at == TRANSFER_ASKED) {
			transfer->at = TRANSFER_AGREED;
			transfer->block_bytes = tftp->block_bytes != 0 ? tftp->block_bytes : TFTP_BLOCK_BYTES;
			transfer->total = tftp->has_size ? tftp->size : 0;
		}
		break;
	case TFTP_DATA:
		if (tftp->block == 1 && transfer->at < TRANSFER_MOVING) {
			on_moved(journal, transfer, now_ms);
		}
		break;
	case TFTP_ERROR:
		if (tftp->error == TFTP_NOT_FOUND && transfer->at < TRANSFER_MOVING) {
			on_missing(journal, transfer, now_ms);
		} else {
			end(journal, transfer, bytes_of(transfer), "transfer-cut", now_ms);
		}
		break;
	default:
		break;
	}
}

/* From the client. */
static void on_client(struct journal *journal, struct transfer *transfer, const struct tftp *tftp, int64_t now_ms)
{
	const uint16_t more = (uint16_t)(tftp->block - transfer->block);

	switch (tftp->kind) {
	case TFTP_ACK:
		/* Half the numbers are the future, half of them an acknowledgement that came twice. */
		if (more != 0 && more < 0x8000 && transfer->at <= TRANSFER_MOVING) {
			transfer->block = tftp->block;
			transfer->blocks += more;
			on_moved(journal, transfer, now_ms);
		}
		break;
	case TFTP_ERROR:
		if (transfer->at < TRANSFER_MOVING || (transfer->is_pi && tftp->error == 0)) {
			if (transfer->at == TRANSFER_MOVING) {
				end(journal, transfer, bytes_of(transfer), NULL, now_ms);
			} else {
				forget(journal, transfer, now_ms);
			}
		} else {
			end(journal, transfer, bytes_of(transfer), "transfer-cut", now_ms);
		}
		break;
	default:
		break;
	}
}

void transfer_frame(struct journal *journal, const struct journal_place *place, const struct frame *frame,
		    int64_t now_ms)
{
	const bool is_from_server = frame->from == place->server;
	struct tftp tftp;

	/* Only what this host sends is the server's, whatever address it bears; and it is no client. */
	if (place->is_outgoing != is_from_server || (!is_from_server && frame->to != place->server) ||
	    !tftp_parse(frame->payload, frame->bytes, &tftp)) {
		return;
	}
	if (tftp.kind == TFTP_READ) {
		if (!is_from_server && frame->to_port == TFTP_PORT) {
			on_read(journal, frame, &tftp, now_ms);
		}
		return;
	}
	struct transfer *transfer = is_from_server ? find(journal, frame->to, frame->to_port) :
						     find(journal, frame->from, frame->from_port);

	if (transfer == NULL || transfer->at == TRANSFER_ENDED) {
		return;
	}
	table_touch(&journal->transfer_order, (uint32_t)(transfer - journal->transfers));
	if (is_from_server) {
		on_answer(journal, transfer, &tftp, now_ms);
	} else {
		on_client(journal, transfer, &tftp, now_ms);
	}
}

/* One that the wire did not show us, from what dnsmasq says of it. NULL: we do not know whose it is. */
static struct transfer *unseen(struct journal *journal, uint32_t address, const char *path, int64_t now_ms)
{
	const struct client *client = client_of_address(journal, address);
	const char *folder = strstr(path, "/pxelinux.cfg/");
	const char *file = folder != NULL ? folder : strrchr(path, '/');

	if (client == NULL) {
		return NULL;
	}
	struct transfer *transfer = &journal->transfers[table_take(&journal->transfer_order, hash_of(address, 0))];

	const struct transfer found = {.client = address, .is_pi = client->is_pi, .start_ms = now_ms};

	start(journal, transfer, &found);
	memcpy(transfer->mac, client->mac, sizeof(transfer->mac));
	(void)snprintf(transfer->file, sizeof(transfer->file), "%s", file == NULL ? path : file + 1);
	return transfer;
}

void transfer_line(struct journal *journal, const struct dnsmasq_line *line, int64_t now_ms)
{
	if (line->says != DNSMASQ_SENT && line->says != DNSMASQ_CUT && line->says != DNSMASQ_MISSING &&
	    line->says != DNSMASQ_REFUSED) {
		return;
	}
	struct transfer *transfer = find_file(journal, line->address, line->text, now_ms - JOURNAL_ENDED_MS);

	if (transfer == NULL && line->says != DNSMASQ_SENT) {
		transfer = unseen(journal, line->address, line->text, now_ms);
	}
	if (transfer == NULL || transfer->at == TRANSFER_ENDED) {
		return;
	}
	if (line->says == DNSMASQ_MISSING) {
		on_missing(journal, transfer, now_ms);
	} else if (line->says != DNSMASQ_SENT) {
		end(journal, transfer, bytes_of(transfer), "transfer-cut", now_ms);
	} else if (transfer->at == TRANSFER_MOVING) {
		transfer->at = TRANSFER_SENT;
		transfer->changed_ms = now_ms;
	}
}

void journal_sent(struct journal *journal, uint32_t client, const char *path, uint64_t bytes, int64_t now_ms)
{
	struct transfer *transfer = find_file(journal, client, path, now_ms - JOURNAL_ENDED_MS);

	if (transfer == NULL) {
		transfer = unseen(journal, client, path, now_ms);
	}
	/* "Sent" also comes for a client that asked for the size and went away. */
	if (transfer == NULL || transfer->at == TRANSFER_ENDED || transfer->at == TRANSFER_AGREED) {
		return;
	}
	transfer->total = bytes;
	end(journal, transfer, bytes, NULL, now_ms);
}

void transfers_of_client_cut(struct journal *journal, const struct client *client, int64_t now_ms)
{
	const struct table *order = &journal->transfer_order;

	if (client->address == 0) {
		return;
	}
	for (uint32_t place = order->newest; place != TABLE_NONE; place = table_older(order, place)) {
		struct transfer *transfer = &journal->transfers[place];

		if (memcmp(transfer->mac, client->mac, sizeof(transfer->mac)) == 0 &&
		    transfer->at != TRANSFER_ENDED) {
			if (transfer->at == TRANSFER_SENT) {
				end(journal, transfer, bytes_of(transfer), NULL, now_ms);
			} else if (transfer->at == TRANSFER_MOVING) {
				end(journal, transfer, bytes_of(transfer), "transfer-cut", now_ms);
			} else {
				forget(journal, transfer, now_ms);
			}
		}
	}
}

void transfers_pass(struct journal *journal, int64_t now_ms)
{
	const struct table *order = &journal->transfer_order;
	uint32_t left = journal->live;

	for (uint32_t place = order->newest; left > 0 && place != TABLE_NONE; place = table_older(order, place)) {
		struct transfer *transfer = &journal->transfers[place];
		left -= transfer->is_live;
		const int64_t age_ms = now_ms - transfer->changed_ms;

		if (transfer->at == TRANSFER_SENT && age_ms >= JOURNAL_HOOK_MS) {
			end(journal, transfer, transfer->total != 0 ? transfer->total : bytes_of(transfer), NULL,
			    now_ms);
		} else if (transfer->at == TRANSFER_ASKED && transfer->told_ms == 0 && age_ms >= JOURNAL_SILENT_MS) {
			tell(journal, transfer, 0, 0, NULL, now_ms);
		} else if (transfer->at == TRANSFER_MOVING && transfer->blocks != transfer->told_blocks) {
			tell(journal, transfer, 0, bytes_of(transfer), NULL, now_ms);
		}
	}
}

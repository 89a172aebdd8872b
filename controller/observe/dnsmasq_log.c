/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/dnsmasq_log.h"

#include <stdio.h>
#include <string.h>

#include "observe/frame.h"

/* A part of the line; never behind its end. */
struct piece {
	const char *at;
	size_t length;
};

static bool starts(struct piece *piece, const char *with)
{
	const size_t length = strlen(with);

	if (piece->length < length || memcmp(piece->at, with, length) != 0) {
		return false;
	}
	piece->at += length;
	piece->length -= length;
	return true;
}

/* Cuts the piece before the last `mark`, and gives what is behind it. What a client chose stands before it. */
static bool split_last(struct piece *piece, const char *mark, struct piece *behind)
{
	const size_t length = strlen(mark);

	for (size_t at = piece->length; at >= length; at--) {
		if (memcmp(piece->at + at - length, mark, length) == 0) {
			*behind = (struct piece){piece->at + at, piece->length - at};
			piece->length = at - length;
			return true;
		}
	}
	return false;
}

/* The word up to the next space, which goes too. */
static struct piece take_word(struct piece *piece)
{
	const char *space = piece->length == 0 ? NULL : memchr(piece->at, ' ', piece->length);
	const struct piece word = {piece->at, space == NULL ? piece->length : (size_t)(space - piece->at)};
	const size_t gone = word.length + (space == NULL ? 0 : 1);

	piece->at += gone;
	piece->length -= gone;
	return word;
}

static bool is_address(struct piece word, uint32_t *address)
{
	char text[16];
	unsigned a, b, c, d;
	char more;

	if (word.length == 0 || word.length >= sizeof(text)) {
		return false;
	}
	memcpy(text, word.at, word.length);
	text[word.length] = '\0';
	if (strspn(text, "0123456789.") != word.length ||
	    sscanf(text, "%3u.%3u.%3u.%3u%c", &a, &b, &c, &d, &more) != 4 || a > 255 || b > 255 || c > 255 ||
	    d > 255) {
		return false;
	}
	*address = a << 24 | b << 16 | c << 8 | d;
	return true;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_mac(struct piece word, uint8_t mac[6])
{
	if (word.length != 17) {
		return false;
	}
	for (size_t i = 0; i < 6; i++) {
		const int high = digit(word.at[3 * i]);
		const int low = digit(word.at[3 * i + 1]);

		if (high < 0 || low < 0 || (i < 5 && word.at[3 * i + 2] != ':')) {
			return false;
		}
		mac[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static void keep(struct dnsmasq_line *line, struct piece piece)
{
	frame_clean(line->text, sizeof(line->text), (const uint8_t *)piece.at, piece.length);
}

/* "<file>MARK<address>" */
static enum dnsmasq_says file_to(struct piece piece, const char *mark, enum dnsmasq_says says,
				 struct dnsmasq_line *line)
{
	struct piece address;

	if (!split_last(&piece, mark, &address) || !is_address(address, &line->address)) {
		return DNSMASQ_OTHER;
	}
	keep(line, piece);
	return says;
}

static enum dnsmasq_says parse_tftp(struct piece piece, struct dnsmasq_line *line)
{
	struct piece behind;

	if (starts(&piece, "sent ")) {
		return file_to(piece, " to ", DNSMASQ_SENT, line);
	}
	if (starts(&piece, "failed sending ")) {
		return file_to(piece, " to ", DNSMASQ_CUT, line);
	}
	if (starts(&piece, "file ")) {
		return file_to(piece, " not found for ", DNSMASQ_MISSING, line);
	}
	if (starts(&piece, "cannot access ") || starts(&piece, "cannot read ")) {
		/* Whom it was for does not stand there: 2.90 and 2.91. */
		if (split_last(&piece, ": ", &behind)) {
			keep(line, piece);
			return DNSMASQ_REFUSED;
		}
		return DNSMASQ_OTHER;
	}
	if (starts(&piece, "error ")) {
		const struct piece code = take_word(&piece);

		for (size_t i = 0; i < code.length && i < 5 && code.at[i] >= '0' && code.at[i] <= '9'; i++) {
			line->code = line->code * 10 + (code.at[i] - '0');
		}
		return file_to(piece, " received from ", DNSMASQ_CLIENT_ERROR, line);
	}
	return DNSMASQ_OTHER;
}

static bool is_all_digits(struct piece word)
{
	for (size_t i = 0; i < word.length; i++) {
		if (word.at[i] < '0' || word.at[i] > '9') {
			return false;
		}
	}
	return word.length > 0;
}

static enum dnsmasq_says parse_dhcp(struct piece piece, struct dnsmasq_line *line)
{
	static const struct {
		const char *start;
		enum dnsmasq_says says;
	} kinds[] = {
		{"DHCPDISCOVER(", DNSMASQ_DISCOVER}, {"DHCPOFFER(", DNSMASQ_OFFER}, {"DHCPREQUEST(", DNSMASQ_REQUEST},
		{"DHCPACK(", DNSMASQ_ACK},	     {"DHCPNAK(", DNSMASQ_NAK},
	};
	struct piece rest = piece;
	enum dnsmasq_says says = DNSMASQ_OTHER;

	/* With log-dhcp the number of the transaction stands before it. */
	if (is_all_digits(take_word(&rest))) {
		piece = rest;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && says == DNSMASQ_OTHER; i++) {
		says = starts(&piece, kinds[i].start) ? kinds[i].says : DNSMASQ_OTHER;
	}
	const char *close = says == DNSMASQ_OTHER || piece.length == 0 ? NULL : memchr(piece.at, ')', piece.length);

	if (close == NULL || (size_t)(close - piece.at) >= sizeof(line->network)) {
		return DNSMASQ_OTHER;
	}
	frame_clean(line->network, sizeof(line->network), (const uint8_t *)piece.at, (size_t)(close - piece.at));
	piece.length -= (size_t)(close - piece.at) + 1;
	piece.at = close + 1;
	(void)starts(&piece, " ");
	rest = piece;
	if (is_address(take_word(&rest), &line->address)) {
		piece = rest;
	}
	line->has_mac = is_mac(take_word(&piece), line->mac);
	keep(line, piece);
	if (!line->has_mac) {
		return DNSMASQ_OTHER;
	}
	if ((says == DNSMASQ_DISCOVER && strcmp(line->text, "no address available") == 0) ||
	    (says == DNSMASQ_NAK && strcmp(line->text, "no leases left") == 0)) {
		return DNSMASQ_NO_ADDRESS;
	}
	return says;
}

/* Of itself; whatever it says, a client chose none of it. */
static enum dnsmasq_says parse_word(struct piece piece, struct dnsmasq_line *line)
{
	if (piece.length == 0) {
		return DNSMASQ_OTHER;
	}
	keep(line, piece);
	return starts(&piece, "FAILED to start up") || starts(&piece, "failed to ") ? DNSMASQ_FATAL : DNSMASQ_WORD;
}

bool dnsmasq_parse(const char *text, size_t length, struct dnsmasq_line *line)
{
	/* "dnsmasq-tftp[123]: " to standard error, "Nov 24 19:00:00 dnsmasq-tftp[123]: " to a file. */
	enum { SYSLOG_BYTES = 16, NAME_BYTES = 12 };
	struct piece piece = {text, length};
	enum dnsmasq_says (*parse)(struct piece, struct dnsmasq_line *) = parse_word;
	bool has_pid = false;

	memset(line, 0, sizeof(*line));
	if (length > SYSLOG_BYTES && text[SYSLOG_BYTES - 1] == ' ' && text[3] == ' ' && text[9] == ':') {
		piece.at += SYSLOG_BYTES;
		piece.length -= SYSLOG_BYTES;
	}
	if (!starts(&piece, "dnsmasq")) {
		return false;
	}
	if (starts(&piece, "-tftp")) {
		parse = parse_tftp;
	} else if (starts(&piece, "-dhcp")) {
		parse = parse_dhcp;
	}
	has_pid = starts(&piece, "[");
	if (has_pid) {
		const char *close = piece.length == 0 ? NULL : memchr(piece.at, ']', piece.length);

		if (close == NULL || close - piece.at > NAME_BYTES) {
			return false;
		}
		piece.length -= (size_t)(close - piece.at) + 1;
		piece.at = close + 1;
	}
	if (!starts(&piece, ": ")) {
		return false;
	}
	line->says = parse(piece, line);
	/* Before it has a log of its own it says only what it dies of. */
	if (line->says == DNSMASQ_WORD && !has_pid) {
		line->says = DNSMASQ_FATAL;
	}
	return line->says != DNSMASQ_OTHER;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP response, whole and cut into pieces: both ways must come to the same. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "service/http_parse.h"

const char fuzz_corpus[] = "tests/fuzz/corpus/http";

struct reading {
	struct http_parser parser;
	size_t taken;
	size_t body_first; /* where the body's bytes stand in the input */
	size_t body_bytes;
};

static void read_in_pieces(struct reading *reading, const uint8_t *bytes, size_t size, size_t piece)
{
	memset(reading, 0, sizeof(*reading));
	http_parser_init(&reading->parser);
	while (reading->taken < size) {
		const size_t rest = size - reading->taken;
		const size_t count = rest < piece ? rest : piece;
		uint8_t *copy = malloc(count); /* its end is watched */
		size_t body = 0;
		memcpy(copy, bytes + reading->taken, count);
		const size_t taken = http_parse(&reading->parser, copy, count, &body);
		free(copy);
		if (taken > count || body > taken) {
			abort();
		}
		if (body != 0 && reading->body_bytes == 0) {
			reading->body_first = reading->taken + taken - body;
		}
		reading->taken += taken;
		reading->body_bytes += body;
		if (taken == 0) {
			break;
		}
	}
}

static void check(const struct reading *r)
{
	const struct http_parser *p = &r->parser;

	if ((p->state == HTTP_PARSE_FAILED) != (p->error != HTTP_PARSE_OK) ||
	    strlen(http_parse_error_words(p->error)) < 3) {
		abort();
	}
	if (p->state == HTTP_PARSE_COMPLETE || p->state == HTTP_PARSE_IN_BODY) {
		const struct http_head *head = &p->head;
		if (head->status < 200 || head->status > 599 || r->body_bytes > head->content_length ||
		    (p->state == HTTP_PARSE_COMPLETE) != (r->body_bytes == head->content_length) ||
		    (head->status == 206 && head->range_last - head->range_first + 1 != head->content_length)) {
			abort();
		}
	} else if (r->body_bytes != 0) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct reading whole;
	static struct reading cut;
	const size_t piece = size == 0 ? 1 : 1 + bytes[size - 1] % 40u;

	read_in_pieces(&whole, bytes, size, SIZE_MAX);
	read_in_pieces(&cut, bytes, size, piece);
	check(&whole);
	if (whole.taken != cut.taken || whole.body_first != cut.body_first || whole.body_bytes != cut.body_bytes ||
	    whole.parser.state != cut.parser.state || whole.parser.error != cut.parser.error ||
	    memcmp(&whole.parser.head, &cut.parser.head, sizeof(whole.parser.head)) != 0) {
		abort();
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What would let two readers of one request see two requests is refused: a bare CR or control character, folded
 * lines, space before a colon, two Content-Lengths, any Transfer-Encoding.
 */
#include "sim/peer/request.h"

#include <string.h>
#include <strings.h>

#define LINES_MAX 64u

struct line {
	const char *text;
	size_t bytes;
};

size_t request_head_bytes(const char *text, size_t bytes)
{
	const char *end = bytes >= 4 ? memmem(text, bytes, "\r\n\r\n", 4) : NULL;

	return end == NULL ? 0 : (size_t)(end - text) + 4;
}

/* Takes the next line, without its CR LF. False: there is none, or it has a control character. */
static bool next_line(const char **at, const char *end, struct line *line)
{
	const char *stop = memmem(*at, (size_t)(end - *at), "\r\n", 2);

	if (stop == NULL) {
		return false;
	}
	*line = (struct line){.text = *at, .bytes = (size_t)(stop - *at)};
	*at = stop + 2;
	for (size_t i = 0; i < line->bytes; i++) {
		if ((unsigned char)line->text[i] < ' ' && line->text[i] != '\t') {
			return false;
		}
	}
	return true;
}

static bool parse_number(const char *text, size_t bytes, uint64_t *number)
{
	uint64_t value = 0;

	/* Eighteen digits do not overflow. */
	if (bytes == 0 || bytes > 18) {
		return false;
	}
	for (size_t i = 0; i < bytes; i++) {
		if (text[i] < '0' || text[i] > '9') {
			return false;
		}
		value = value * 10u + (uint64_t)(text[i] - '0');
	}
	*number = value;
	return true;
}

static bool is_word(const char *text, size_t bytes, const char *word)
{
	return bytes == strlen(word) && strncasecmp(text, word, bytes) == 0;
}

static unsigned parse_request_line(const struct line *line, struct request *request)
{
	const char *end = line->text + line->bytes;
	const char *space = memchr(line->text, ' ', line->bytes);
	const char *path = space != NULL ? space + 1 : NULL;
	const char *second = path != NULL ? memchr(path, ' ', (size_t)(end - path)) : NULL;

	if (second == NULL || space == line->text || second == path || *path != '/') {
		return 400;
	}
	const size_t path_bytes = (size_t)(second - path);
	const size_t method_bytes = (size_t)(space - line->text);
	const char *version = second + 1;

	if (path_bytes >= REQUEST_PATH_MAX) {
		return 414;
	}
	for (size_t i = 0; i < path_bytes; i++) {
		if (path[i] <= ' ' || path[i] > '~') {
			return 400;
		}
	}
	if (end - version != 8 || memcmp(version, "HTTP/1.", 7) != 0) {
		return end - version == 8 && memcmp(version, "HTTP/", 5) == 0 ? 505 : 400;
	}
	request->is_last = version[7] == '0';
	if (method_bytes == 3 && memcmp(line->text, "GET", 3) == 0) {
		request->method = REQUEST_GET;
	} else if (method_bytes == 4 && memcmp(line->text, "POST", 4) == 0) {
		request->method = REQUEST_POST;
	} else {
		return 405;
	}
	memcpy(request->path, path, path_bytes);
	request->path[path_bytes] = '\0';
	return 0;
}

/* "bytes=FIRST-" and "bytes=FIRST-LAST"; all else is as if it were not there. */
static void parse_range(const char *text, size_t bytes, struct request *request)
{
	const char *dash;

	if (bytes < 8 || memcmp(text, "bytes=", 6) != 0) {
		return;
	}
	text += 6;
	bytes -= 6;
	dash = memchr(text, '-', bytes);
	if (dash == NULL || !parse_number(text, (size_t)(dash - text), &request->range_first)) {
		return;
	}
	const size_t rest = bytes - (size_t)(dash + 1 - text);

	request->range_last = UINT64_MAX;
	request->has_range = rest == 0 || (parse_number(dash + 1, rest, &request->range_last) &&
					   request->range_last >= request->range_first);
}

static unsigned parse_field(const struct line *line, struct request *request, bool *has_length)
{
	const char *colon = memchr(line->text, ':', line->bytes);

	if (colon == NULL || colon == line->text || colon[-1] == ' ' || colon[-1] == '\t' ||
	    line->text[0] == ' ' || line->text[0] == '\t') {
		return 400;
	}
	const size_t name_bytes = (size_t)(colon - line->text);
	const char *value = colon + 1;
	const char *end = line->text + line->bytes;

	while (value < end && (*value == ' ' || *value == '\t')) {
		value++;
	}
	while (end > value && (end[-1] == ' ' || end[-1] == '\t')) {
		end--;
	}
	const size_t bytes = (size_t)(end - value);

	if (is_word(line->text, name_bytes, "content-length")) {
		if (*has_length || !parse_number(value, bytes, &request->content_bytes)) {
			return 400;
		}
		*has_length = true;
	} else if (is_word(line->text, name_bytes, "transfer-encoding")) {
		return 501;
	} else if (is_word(line->text, name_bytes, "connection")) {
		request->is_last = is_word(value, bytes, "close") ||
				   (request->is_last && !is_word(value, bytes, "keep-alive"));
	} else if (is_word(line->text, name_bytes, "range")) {
		parse_range(value, bytes, request);
	}
	return 0;
}

unsigned request_parse(const char *text, size_t bytes, struct request *request)
{
	const char *at = text;
	const char *end = text + bytes;
	struct line line;
	bool has_length = false;
	unsigned status;

	*request = (struct request){.method = REQUEST_GET};
	if (!next_line(&at, end, &line)) {
		return 400;
	}
	status = parse_request_line(&line, request);
	for (unsigned i = 0; status == 0; i++) {
		if (i == LINES_MAX || !next_line(&at, end, &line)) {
			return 400;
		}
		if (line.bytes == 0) {
			break;
		}
		status = parse_field(&line, request, &has_length);
	}
	if (status == 0 && request->method == REQUEST_POST && !has_length) {
		status = 411;
	}
	return status;
}

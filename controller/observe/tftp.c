/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/tftp.h"

#include <string.h>
#include <strings.h>

#include "observe/frame.h"

/* The string at *at, which ends before `count`; *at goes behind it. NULL: it does not end. */
static const char *take_string(const uint8_t *bytes, size_t count, size_t *at)
{
	const char *string = (const char *)bytes + *at;
	const size_t length = strnlen(string, count - *at);

	if (length == count - *at) {
		return NULL;
	}
	*at += length + 1;
	return string;
}

static bool take_number(const char *text, uint64_t *number)
{
	uint64_t value = 0;
	size_t i = 0;

	for (; text[i] >= '0' && text[i] <= '9' && i < 18; i++) {
		value = value * 10 + (uint64_t)(text[i] - '0');
	}
	*number = value;
	return i > 0 && text[i] == '\0';
}

static void take_options(const uint8_t *bytes, size_t count, size_t at, struct tftp *tftp)
{
	for (;;) {
		const char *name = take_string(bytes, count, &at);
		const char *value = name == NULL ? NULL : take_string(bytes, count, &at);
		uint64_t number;

		if (value == NULL) {
			return;
		}
		if (!take_number(value, &number)) {
			continue;
		}
		if (strcasecmp(name, "blksize") == 0 && number >= 8 && number <= 65464) {
			tftp->block_bytes = (uint32_t)number;
		} else if (strcasecmp(name, "tsize") == 0) {
			tftp->has_size = true;
			tftp->size = number;
		}
	}
}

bool tftp_parse(const uint8_t *bytes, size_t count, struct tftp *tftp)
{
	size_t at = 2;

	memset(tftp, 0, sizeof(*tftp));
	if (count < 4) {
		return false;
	}
	const uint16_t kind = frame_u16(bytes);
	const uint16_t word = frame_u16(bytes + 2);
	const char *string;

	tftp->kind = (enum tftp_kind)kind;
	switch (kind) {
	case TFTP_READ:
		string = take_string(bytes, count, &at);
		if (string == NULL || string[0] == '\0' || take_string(bytes, count, &at) == NULL) {
			return false;
		}
		frame_clean(tftp->text, sizeof(tftp->text), (const uint8_t *)string, strlen(string));
		take_options(bytes, count, at, tftp);
		return true;
	case TFTP_DATA:
	case TFTP_ACK:
		tftp->block = word;
		return true;
	case TFTP_ERROR:
		tftp->error = word;
		frame_clean(tftp->text, sizeof(tftp->text), bytes + 4, strnlen((const char *)bytes + 4, count - 4));
		return true;
	case TFTP_OACK:
		take_options(bytes, count, at, tftp);
		return true;
	default:
		return false;
	}
}

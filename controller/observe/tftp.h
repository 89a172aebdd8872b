/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A TFTP packet (RFC 1350, 2347 to 2349). Pure; all of the input is hostile, and may be cut off. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tftp_kind { TFTP_READ = 1, TFTP_WRITE, TFTP_DATA, TFTP_ACK, TFTP_ERROR, TFTP_OACK };
enum { TFTP_PORT = 69, TFTP_BLOCK_BYTES = 512, TFTP_NOT_FOUND = 1 };

struct tftp {
	enum tftp_kind kind;
	uint16_t block; /* DATA, ACK */
	uint16_t error; /* ERROR's code */
	char text[128]; /* READ's file, ERROR's message; cleaned */
	uint32_t block_bytes; /* option blksize; 0: none */
	bool has_size;
	uint64_t size; /* option tsize */
};

/* `count` bytes are there of `length`. */
bool tftp_parse(const uint8_t *bytes, size_t count, struct tftp *tftp);

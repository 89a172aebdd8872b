/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A guest's PL011 UART (DDI 0183): early console and normal console, both directions, with its interrupt. Output
 * goes to a sink that may say "full": then it waits in a FIFO, and the guest sees what a slow line looks like
 * (BUSY, TXFF, no TX interrupt). Input waits in a FIFO of 32 bytes as on the real device. Hostile input: offsets,
 * widths, values.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/exit_action.h"
#include "core/spinlock.h"

#define VUART_FIFO_BYTES 32u

struct vuart_fifo {
	uint8_t bytes[VUART_FIFO_BYTES];
	uint32_t head; /* oldest byte */
	_Atomic uint32_t count;
};

struct vuart {
	struct spinlock lock;
	uint32_t vm;
	_Atomic uint32_t fr;  /* UARTFR and UARTRIS: written with the lock held, read without it */
	_Atomic uint32_t ris;
	uint16_t imsc, ibrd, fbrd, lcr_h, cr, ifls, dmacr, ilpr;
	bool is_line_high;
	bool was_rx_full; /* input may be held back until the guest has read all of it */
	uint32_t rx_overruns, tx_overruns; /* bytes lost: of input, and that the guest wrote in spite of TXFF */
	struct vuart_fifo rx, tx;
};

void vuart_init(struct vuart *uart, unsigned vm);
/* One access at `offset` in the 4 KiB page; bytes 1, 2, 4 (8: EXIT_INJECT_ABORT). Reads fill *value. */
enum exit_action vuart_access(struct vuart *uart, uint64_t offset, unsigned bytes, bool is_write, uint64_t *value);
/* Room for input, and input from outside: bytes that do not fit are dropped and counted as overruns (push), or left to
 * the caller, who is told how many were taken (offer). */
uint32_t vuart_rx_room(const struct vuart *uart);
uint32_t vuart_rx_offer(struct vuart *uart, const uint8_t *bytes, uint32_t count);
void vuart_rx_push(struct vuart *uart, const uint8_t *bytes, uint32_t count);
/* The sink has room again after it said full: what waits goes out, TX interrupt. */
void vuart_tx_ready(struct vuart *uart);

/*
 * Provided by the owner.
 */
/* One byte of output; false: full, nothing taken, vuart_tx_ready() will follow. With and without the UART's lock. */
bool vuart_sink_put(unsigned vm, uint8_t byte);
/* The interrupt line. Called with the UART's lock held, so that levels arrive in order. */
void vuart_set_line(struct vuart *uart, bool is_high);
/* The FIFO was full and the guest has read all of it. Called without the lock. */
void vuart_rx_drained(struct vuart *uart);

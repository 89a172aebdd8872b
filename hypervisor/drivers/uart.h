/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The node's own serial port: PL011 (DDI 0183) or 8250-style (16550, the Pi's mini UART). */
#include <stdbool.h>
#include <stdint.h>

struct uart_ops {
	void (*init)(uintptr_t base, unsigned reg_shift, unsigned io_bytes);
	bool (*put)(uint8_t byte); /* false: FIFO full */
	int (*get)(void); /* -1: nothing */
	void (*tx_interrupt)(bool is_enabled);
	void (*rx_interrupt)(bool is_enabled);
};

extern const struct uart_ops pl011_ops, uart8250_ops;

/* Makes it the console of hal.h; NULL ops: none, output goes nowhere. */
void uart_set_console(const struct uart_ops *ops);

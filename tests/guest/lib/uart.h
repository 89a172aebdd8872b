/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The PL011 (DDI 0183), polled. */
#include <stdbool.h>
#include <stdint.h>

#define UART_INTID 33u

enum uart_register {
	UART_DR = 0x000,
	UART_FR = 0x018,
	UART_IBRD = 0x024,
	UART_FBRD = 0x028,
	UART_LCR_H = 0x02c,
	UART_CR = 0x030,
	UART_IFLS = 0x034,
	UART_IMSC = 0x038,
	UART_RIS = 0x03c,
	UART_MIS = 0x040,
	UART_ICR = 0x044,
	UART_PERIPHID0 = 0xfe0,
	UART_PCELLID0 = 0xff0,
};
#define UART_FR_RXFE 0x10u
#define UART_FR_TXFF 0x20u
#define UART_FR_TXFE 0x80u
#define UART_INT_RX 0x10u
#define UART_INT_TX 0x20u
#define UART_INT_RT 0x40u

extern volatile uint32_t *uart_base;

static inline uint32_t uart_read(enum uart_register offset)
{
	return uart_base[offset / 4];
}

static inline void uart_write(enum uart_register offset, uint32_t value)
{
	uart_base[offset / 4] = value;
}

/* Sets it on: 8 bits, FIFOs, both directions, no interrupt. */
void uart_init(uint64_t base);
void uart_put(uint8_t byte);
/* True and the byte if one has come. */
bool uart_get(uint8_t *byte);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's console. A byte goes straight into the UART's FIFO when nothing waits before it; else into the ring,
 * which the transmit interrupt drains. A guest that writes faster than the line sees its own UART full. What is taken
 * of a guest also goes to its own ring, as it came (core/console_ring.h), for the service to read.
 */
#include "core/console.h"

#include <stdarg.h>

#include "core/console_ring.h"
#include "core/hal.h"
#include "core/vm.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define LINE_BYTES 256u
#define PANIC_SPINS 2000000u

static struct {
	struct spinlock lock;
	uint32_t head; /* next byte to write; both run freely, modulo the ring's size */
	uint32_t tail; /* next byte to send */
	bool is_blocked[AETHER_VM_MAX]; /* was told that there is no room */
	uint8_t ring[CONSOLE_RING_BYTES];
} out;

/* Of each guest. */
static struct {
	uint8_t *ring;
	uint64_t *head;
	bool is_by_line;
	uint32_t count;
	char text[LINE_BYTES];
} lines[AETHER_VM_MAX];

static uint32_t room(void)
{
	return CONSOLE_RING_BYTES - (out.head - out.tail);
}

static void put(uint8_t byte)
{
	if (out.head == out.tail && hal_console_put(byte)) {
		return;
	}
	if (out.head == out.tail) {
		hal_console_tx_interrupt(true);
	}
	out.ring[out.head++ % CONSOLE_RING_BYTES] = byte;
}

bool console_write(const char *text, size_t bytes)
{
	spin_lock(&out.lock);
	const bool has_room = room() >= bytes;
	if (has_room) {
		for (size_t i = 0; i < bytes; i++) {
			if (text[i] == '\n') {
				/* A terminal wants both; a ring one byte short of it loses only the return. */
				if (room() > bytes - i) {
					put('\r');
				}
			}
			put((uint8_t)text[i]);
		}
	}
	spin_unlock(&out.lock);
	return has_room;
}

void console_printf(const char *format, ...)
{
	char line[200];
	va_list arguments;
	va_start(arguments, format);
	const size_t length = fmt_vstring(line, sizeof(line), format, arguments);
	va_end(arguments);
	(void)console_write(line, length < sizeof(line) ? length : sizeof(line) - 1);
}

void console_panic(const char *text)
{
	unsigned spins = 0;
	while (out.tail != out.head && spins++ < PANIC_SPINS) {
		if (hal_console_put(out.ring[out.tail % CONSOLE_RING_BYTES])) {
			out.tail++;
		}
	}
	while (*text != '\0' && spins++ < 2 * PANIC_SPINS) {
		if (hal_console_put((uint8_t)*text)) {
			text++;
		}
	}
}

bool console_is_drained(void)
{
	return out.head == out.tail;
}

static void drain(void)
{
	while (out.tail != out.head && hal_console_put(out.ring[out.tail % CONSOLE_RING_BYTES])) {
		out.tail++;
	}
	if (out.tail == out.head) {
		hal_console_tx_interrupt(false);
	}
}

/* The guest that input goes to: the first that runs. */
static struct vm *focus(void)
{
	for (unsigned i = 0; i < AETHER_VM_MAX; i++) {
		if (atomic_load_explicit(&vms[i].state, memory_order_acquire) ==
		    AETHER_VM_RUNNING) {
			return &vms[i];
		}
	}
	return NULL;
}

static void set_rx_interrupt(bool is_enabled)
{
	spin_lock(&out.lock); /* the UART's mask register is shared with the transmit side */
	hal_console_rx_interrupt(is_enabled);
	spin_unlock(&out.lock);
}

/* The UART holds what comes until the guest has read some. */
static void hold_input(const struct vuart *uart)
{
	set_rx_interrupt(false);
	/* The guest may have read the last byte just before that. */
	if (vuart_rx_room(uart) > 0) {
		set_rx_interrupt(true);
	}
}

static void receive(void)
{
	struct vm *vm = focus();
	for (unsigned i = 0; i < VUART_FIFO_BYTES * 2; i++) {
		if (vm != NULL && vuart_rx_room(&vm->uart) == 0) {
			hold_input(&vm->uart);
			return;
		}
		const int byte = hal_console_get();
		if (byte < 0) {
			return;
		}
		if (vm != NULL) {
			const uint8_t value = (uint8_t)byte;
			vuart_rx_push(&vm->uart, &value, 1);
		}
	}
}

/* A VM that was told the ring is full may have gone since, and its vCPUs with it. */
static bool has_uart(const struct vm *vm)
{
	const uint32_t state = atomic_load_explicit(&vm->state, memory_order_acquire);
	return state == AETHER_VM_RUNNING || state == AETHER_VM_PAUSED || state == AETHER_VM_STOPPING ||
	       state == AETHER_VM_STOPPED;
}

void console_interrupt(void)
{
	bool wake[AETHER_VM_MAX] = {false};
	spin_lock(&out.lock);
	drain();
	if (room() > CONSOLE_RING_BYTES / 2) {
		memcpy(wake, out.is_blocked, sizeof(wake));
		memset(out.is_blocked, 0, sizeof(out.is_blocked));
	}
	spin_unlock(&out.lock);
	for (unsigned i = 0; i < AETHER_VM_MAX; i++) {
		if (wake[i] && has_uart(&vms[i])) {
			vuart_tx_ready(&vms[i].uart);
		}
	}
	receive();
}

void vuart_rx_drained(struct vuart *uart)
{
	(void)uart;
	set_rx_interrupt(true);
}

void vuart_set_line(struct vuart *uart, bool is_high)
{
	vgic_set_level(&vms[uart->vm].gic, 0, AETHER_GUEST_UART_INTID, is_high);
}

void console_set_ring(unsigned vm, uint8_t *ring, uint64_t *head)
{
	lines[vm].ring = ring;
	lines[vm].head = head;
}

void console_set_lines(unsigned vm, bool is_by_line)
{
	lines[vm].is_by_line = is_by_line;
	lines[vm].count = 0;
}

/* With the lock held. */
static void put_line(unsigned vm)
{
	put('v');
	put('m');
	put((uint8_t)('0' + vm));
	put('|');
	put(' ');
	for (uint32_t i = 0; i < lines[vm].count; i++) {
		put((uint8_t)lines[vm].text[i]);
	}
	put('\r');
	put('\n');
	lines[vm].count = 0;
}

void console_vm_ended(unsigned vm)
{
	spin_lock(&out.lock);
	if (lines[vm].is_by_line && lines[vm].count > 0 && room() > 2 * LINE_BYTES) {
		put_line(vm);
	}
	spin_unlock(&out.lock);
	set_rx_interrupt(true);
}

bool vuart_sink_put(unsigned vm, uint8_t byte)
{
	spin_lock(&out.lock);
	const bool has_room = room() > 2 * LINE_BYTES;
	if (!has_room) {
		out.is_blocked[vm] = true;
		spin_unlock(&out.lock);
		return false;
	}
	console_ring_put(lines[vm].ring, lines[vm].head, byte);
	if (!lines[vm].is_by_line) {
		put(byte);
	} else if (byte == '\n') {
		put_line(vm);
	} else if (byte != '\r') {
		lines[vm].text[lines[vm].count++] = (char)byte;
		if (lines[vm].count == LINE_BYTES) {
			put_line(vm);
		}
	}
	spin_unlock(&out.lock);
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The node's console: one ring of output, from guests and from the core, that the UART's interrupt drains; input
 * goes to one guest. Nothing here waits for the UART but console_panic().
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLE_RING_BYTES 16384u

/* All of it or nothing; false if the ring has no room. */
bool console_write(const char *text, size_t bytes);
/* One formatted line of the core's own, cut at 200 bytes; dropped if there is no room. */
void console_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The UART's interrupt. */
void console_interrupt(void);
/* True once all output has left for the UART. */
bool console_is_drained(void);
/* The node is going down: writes with a bounded wait, whatever locks are held. */
void console_panic(const char *text);
/* Where the guest's output goes beside (core/console_ring.h); before it says anything. */
void console_set_ring(unsigned vm, uint8_t *ring, uint64_t *head);
/* A VM's output appears in whole lines headed by its number, or as it comes. */
void console_set_lines(unsigned vm, bool is_by_line);
/* What a VM left unfinished goes out, and input that it did not read holds back no more. */
void console_vm_ended(unsigned vm);

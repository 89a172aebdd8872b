/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The memory that the core gives the driver (abi/nic.h). nic_window.c knows its addresses; tests bring their own. */
#include <stdint.h>

/* Registers: single loads and stores of this width, which the core can emulate. */
uint8_t nic_window_load8(uint32_t offset);
uint32_t nic_window_load32(uint32_t offset);
void nic_window_store32(uint32_t offset, uint32_t value);
/* Read-only, and written by the card at any time. */
const volatile uint8_t *nic_window_used(uint32_t queue);
uint8_t *nic_window_buffer(uint32_t buffer);

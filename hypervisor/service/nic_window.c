/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The card's registers, used rings and buffers. A register access takes the core's way: it is an exception whose
 * syndrome must name one general register, so the instruction is written out, without writeback or pairs.
 */
#include "service/nic_window.h"

#include "abi/bootinfo.h"
#include "abi/nic.h"

uint8_t nic_window_load8(uint32_t offset)
{
	uint32_t value;

	__asm__ volatile("ldrb %w0, [%1]" : "=r"(value) : "r"(AETHER_IPA_NIC + offset) : "memory");
	return (uint8_t)value;
}

uint32_t nic_window_load32(uint32_t offset)
{
	uint32_t value;

	__asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(AETHER_IPA_NIC + offset) : "memory");
	return value;
}

void nic_window_store32(uint32_t offset, uint32_t value)
{
	__asm__ volatile("str %w0, [%1]" : : "r"(value), "r"(AETHER_IPA_NIC + offset) : "memory");
}

const volatile uint8_t *nic_window_used(uint32_t queue)
{
	return (const volatile uint8_t *)(uintptr_t)(AETHER_IPA_NIC_USED + queue * UINT64_C(4096));
}

uint8_t *nic_window_buffer(uint32_t buffer)
{
	return (uint8_t *)(uintptr_t)(AETHER_IPA_NIC_BUFFERS + (uint64_t)buffer * AETHER_NIC_BUFFER_BYTES);
}

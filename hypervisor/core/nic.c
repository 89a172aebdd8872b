/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Posts, window and interrupt of the service's network card; what a card's registers and descriptors look like is its
 * driver's (hal_nic_*).
 *
 * Hostile input: every number the service posts and every access to the window. Invariants: (1) a descriptor's address
 * is written by nic_start() alone, from the buffer's number; (2) the service can write buffers and nothing else that
 * the card reads; (3) a post is checked whole before any of it is done.
 *
 * A buffer that is posted twice, or too many of them, makes the card do with the service's own buffers what it likes:
 * no state is kept about that.
 */
#include "core/nic.h"

#include "core/console.h"
#include "core/hal.h"
#include "core/pages.h"
#include "core/vm.h"
#include "lib/string.h"

#define BUFFER_AREA_BYTES ((uint64_t)AETHER_NIC_BUFFERS * AETHER_NIC_BUFFER_BYTES)
#define CHUNK_BYTES UINT64_C(0x10000)
#define WINDOW_BYTES 0x200u
#define QUEUE_NOTIFY 0x050u /* virtio 1.2 s4.2.2 */

static struct {
	bool has_card;
	bool is_started;
	bool is_event_due;
	bool is_listening;
	uint64_t interrupts;
	uint64_t refused;
	struct hal_nic_memory memory;
} nic;

static enum hv_err take_memory(void)
{
	enum hv_err err = HV_OK;
	for (unsigned queue = 0; queue < 2 && err == HV_OK; queue++) {
		err = pages_pool_alloc(1, &nic.memory.driver_ring[queue]);
		if (err == HV_OK) {
			err = pages_pool_alloc(1, &nic.memory.device_ring[queue]);
		}
	}
	if (err == HV_OK) {
		err = pages_take(BUFFER_AREA_BYTES, CHUNK_BYTES, PAGE_DMA, &nic.memory.buffers);
	}
	for (uint64_t at = 0; at < BUFFER_AREA_BYTES && err == HV_OK; at += CHUNK_BYTES) {
		hal_scrub(pa_add(nic.memory.buffers, at), CHUNK_BYTES);
	}
	return err;
}

enum hv_err nic_init(struct pgtable *stage2)
{
	memset(&nic, 0, sizeof(nic));
	nic.has_card = hal_nic_kind() != AETHER_NIC_NONE;
	if (!nic.has_card) {
		return HV_OK;
	}
	enum hv_err err = take_memory();
	for (unsigned queue = 0; queue < 2 && err == HV_OK; queue++) {
		err = vm_map_window(stage2, AETHER_IPA_NIC_USED + queue * PAGE_BYTES, nic.memory.device_ring[queue],
				    PAGE_BYTES, PGTABLE_READ);
	}
	if (err == HV_OK) {
		err = vm_map_window(stage2, AETHER_IPA_NIC_BUFFERS, nic.memory.buffers, BUFFER_AREA_BYTES,
				    PGTABLE_READ | PGTABLE_WRITE);
	}
	if (err == HV_OK) {
		nic_start();
	}
	return err;
}

void nic_stop(void)
{
	if (nic.has_card) {
		hal_nic_interrupt_enable(false);
		(void)hal_nic_stop(); /* one that does not stop is not started again: hal_nic_start() */
	}
	nic.is_started = false;
	nic.is_event_due = false;
	nic.is_listening = false;
}

void nic_start(void)
{
	if (!nic.has_card) {
		return;
	}
	nic.is_started = hal_nic_start(&nic.memory);
	if (!nic.is_started) {
		console_printf("aether: the network card refuses to start\n");
	}
}

static uint32_t post_at(const uint64_t posts[6], unsigned i)
{
	return (uint32_t)(posts[i / 2] >> (i % 2 * 32));
}

static bool is_sound(uint32_t post)
{
	const uint32_t buffer = post & 0xffff;
	const uint32_t bytes = post >> 16;
	return buffer < AETHER_NIC_RX_BUFFERS ||
	       (buffer < AETHER_NIC_BUFFERS && bytes > 0 && bytes <= AETHER_NIC_BUFFER_BYTES);
}

enum hv_err nic_post(uint64_t count, const uint64_t posts[6])
{
	bool is_sound_all = nic.is_started && count >= 1 && count <= AETHER_NIC_POST_MAX;
	for (unsigned i = 0; is_sound_all && i < count; i++) {
		is_sound_all = is_sound(post_at(posts, i));
	}
	if (!is_sound_all) {
		nic.refused++;
		return HV_EINVAL;
	}
	for (unsigned i = 0; i < count; i++) {
		const uint32_t buffer = post_at(posts, i) & 0xffff;
		if (buffer < AETHER_NIC_RX_BUFFERS) {
			hal_nic_post(0, buffer, AETHER_NIC_BUFFER_BYTES);
		} else {
			hal_nic_post(1, buffer - AETHER_NIC_RX_BUFFERS, post_at(posts, i) >> 16);
		}
	}
	hal_nic_publish();
	return HV_OK;
}

enum exit_action nic_window_access(uint64_t offset, unsigned bytes, bool is_write, uint64_t *value)
{
	if (!nic.is_started || offset >= WINDOW_BYTES || bytes > 4 || offset % bytes != 0) {
		nic.refused++;
		*value = 0;
		return EXIT_ADVANCE;
	}
	if (!is_write) {
		*value = hal_nic_read((uint32_t)offset, bytes);
	} else if (offset == QUEUE_NOTIFY && bytes == 4 && *value < 2) {
		hal_nic_notify((unsigned)*value);
	} else {
		nic.refused++;
	}
	return EXIT_ADVANCE;
}

void nic_interrupt(void)
{
	nic.interrupts++;
	hal_nic_interrupt_enable(false);
	nic.is_listening = false;
	if (!nic.is_started) {
		return;
	}
	/* Before the service looks at the rings: what comes later is signalled again. */
	hal_nic_interrupt_acknowledge();
	nic.is_event_due = true;
	vcpu_request(vms[VM_SERVICE].vcpus[0], VCPU_REQUEST_WAKE);
}

bool nic_take_event(void)
{
	const bool is_due = nic.is_event_due;
	nic.is_event_due = false;
	return is_due;
}

void nic_listen(void)
{
	if (nic.is_started && !nic.is_listening) {
		nic.is_listening = true;
		hal_nic_interrupt_enable(true);
	}
}

void nic_fill_telemetry(struct aether_telemetry *telemetry)
{
	telemetry->nic_interrupts = nic.interrupts;
	telemetry->nic_refused = nic.refused;
}

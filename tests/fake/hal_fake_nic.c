/* SPDX-License-Identifier: Apache-2.0 */
/* The fake machine's network card: it keeps what it was given, and its registers read as their offset. */
#include <string.h>

#include "abi/nic.h"
#include "fake_private.h"

struct fake_nic fake_nic;

void fake_nic_reset(void)
{
	memset(&fake_nic, 0, sizeof(fake_nic));
}

unsigned hal_nic_kind(void)
{
	return fake_nic.is_there ? AETHER_NIC_VIRTIO : AETHER_NIC_NONE;
}

unsigned hal_nic_header_bytes(void)
{
	return fake_nic.is_there ? 12 : 0;
}

bool hal_nic_start(const struct hal_nic_memory *memory)
{
	fake_nic.memory = *memory;
	fake_nic.post_count = 0;
	fake_nic.is_started = !fake_nic.is_refusing;
	return fake_nic.is_started;
}

bool hal_nic_stop(void)
{
	fake_nic.is_started = false;
	return true;
}

void hal_nic_post(unsigned queue, unsigned index, uint32_t bytes)
{
	if (!(fake_nic.is_started)) {
		fake_fail("a post to a card that is stopped");
	}
	if (!(queue < 2 && index < 128 && bytes <= AETHER_NIC_BUFFER_BYTES)) {
		fake_fail("a post out of range");
	}
	if (!(fake_nic.post_count < FAKE_NIC_POST_MAX)) {
		fake_fail("more posts than the fake can keep");
	}
	fake_nic.posts[fake_nic.post_count].queue = queue;
	fake_nic.posts[fake_nic.post_count].index = index;
	fake_nic.posts[fake_nic.post_count++].bytes = bytes;
}

void hal_nic_publish(void)
{
	fake_nic.published = fake_nic.post_count;
}

void hal_nic_notify(unsigned queue)
{
	if (!(queue < 2)) {
		fake_fail("a queue that a network card does not have");
	}
	fake_nic.notified[queue]++;
}

uint32_t hal_nic_read(uint32_t offset, unsigned bytes)
{
	return bytes == 1 ? offset & 0xff : offset;
}

void hal_nic_interrupt_acknowledge(void)
{
	fake_nic.acknowledged++;
}

void hal_nic_interrupt_enable(bool is_enabled)
{
	fake_nic.is_interrupt_enabled = is_enabled;
}

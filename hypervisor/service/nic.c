/* SPDX-License-Identifier: Apache-2.0 */
/* Which driver a card has. */
#include "service/nic.h"

#include "abi/nic.h"

const struct nic_driver *nic_find(uint32_t kind)
{
	return kind == AETHER_NIC_VIRTIO ? &nic_virtio : NULL;
}

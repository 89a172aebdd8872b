/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Network cards that the core can keep from being aimed. Each does core/hal.h's hal_nic_*; a machine uses one. */
#include <stdint.h>

/* Takes the virtio transport whose registers are mapped at `base`, if it is a network card of version 2. NULL, or in
 * words why not. */
const char *nic_virtio_probe(uintptr_t base);

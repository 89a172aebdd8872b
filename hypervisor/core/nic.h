/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The network card that the service drives without ever aiming it (abi/nic.h). The core owns rings, descriptors and
 * every address; the service names buffers by number. All of it runs on the service's CPU.
 */
#include <stdbool.h>
#include <stdint.h>

#include "abi/nic.h"
#include "abi/telemetry.h"
#include "core/exit_action.h"
#include "core/pgtable.h"

struct vcpu;

/* Start of day: memory for rings and buffers, mapped into the service's `stage2`, where the machine has a card; then
 * nic_start(). HV_OK without one. HV_ENOMEM. */
enum hv_err nic_init(struct pgtable *stage2) MUST_CHECK;
/* The card is reset: when this returns it writes to memory no more, and takes no interrupt. */
void nic_stop(void);
/* From its first state, with no buffer posted. A card that refuses is as good as none: said on the console. */
void nic_start(void);
/* AETHER_HVC_NIC_POST: count (x1) and posts (x2 to x7). HV_EINVAL: nothing was posted. */
enum hv_err nic_post(uint64_t count, const uint64_t posts[6]) MUST_CHECK;
/* An access of the service at `offset` of the card's window; not 8 bytes wide. */
enum exit_action nic_window_access(uint64_t offset, unsigned bytes, bool is_write, uint64_t *value);
/* The card's interrupt: it is masked until nic_listen(), so that a flood costs one interrupt a wake. */
void nic_interrupt(void);
/* True once after an interrupt. */
bool nic_take_event(void);
void nic_listen(void);
void nic_fill_telemetry(struct aether_telemetry *telemetry);

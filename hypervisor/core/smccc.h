/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * SMC Calling Convention 1.2 (DEN0028) for guests: one dispatcher for HVC #0 and SMC #0. Arch, PSCI, TRNG (DEN0098)
 * and the vendor-hypervisor queries; everything else is NOT_SUPPORTED. Any other immediate is NOT_SUPPORTED too.
 */
#include <stdint.h>

#include "core/psci.h"

/* Start of day, on the boot CPU, once hal_entropy() and hal_firmware_call() work: asks what the machine has. Before
 * that there is no workaround and no TRNG. */
void smccc_init(void);
/* x: the vCPU's x0..x7 and beyond (at least 18 registers; only results are written). Returns as psci_call. */
enum exit_action smccc_call(struct psci *psci, unsigned vcpu, uint64_t *x, enum aether_stop_reason *stop);

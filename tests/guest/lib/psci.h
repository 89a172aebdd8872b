/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Calls to whoever is below: SMCCC and PSCI, by HVC or by SMC. */
#include <stdbool.h>
#include <stdint.h>

#include "abi/smccc.h"

struct smccc_regs {
	uint64_t x[31]; /* after the call x[30] is 0 if the callee preserved it */
};

void smccc_hvc(struct smccc_regs *regs);
void smccc_smc(struct smccc_regs *regs);
void smccc_hvc_other(struct smccc_regs *regs); /* an immediate that is not 0 */
void smccc_smc_other(struct smccc_regs *regs);

/* By the conduit that the device tree names (HVC); the whole of x0, and its low word as a signed number. */
uint64_t smccc_call(uint32_t id, uint64_t a1, uint64_t a2, uint64_t a3);
int32_t psci_call(uint32_t id, uint64_t a1, uint64_t a2, uint64_t a3);

/* True if the hypervisor below is ours: its UID answers. Then SMC works like HVC. */
bool is_under_aether(void);

_Noreturn void psci_system_off(void);

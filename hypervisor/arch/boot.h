/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What start-up leaves for the rest of arch/: the machine, its devices' mapped registers, firmware calls. */
#include <stdint.h>

#include "abi/smccc.h"
#include "plat/machine.h"

const struct machine *boot_machine(void);
/* The Pi's power block as mapped, 0 without one. */
uintptr_t boot_power_registers(void);
/* An SMC; results (NULL or four words) get x0..x3. Only where the machine's firmware takes SMC. */
int64_t boot_firmware_smc(uint32_t function, uint64_t a1, uint64_t a2, uint64_t a3,
			  uint64_t results[4]);
/* Starts CPU `cpu` of the machine at boot_secondary. False: firmware refused. */
bool boot_start_cpu(unsigned cpu);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

/* Enters EL0 at `entry` with `spsr`; comes back with ESR_EL1 of the first exception that it takes. */
uint64_t el0_run(uint64_t entry, uint64_t spsr);

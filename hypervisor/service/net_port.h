/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What lwIP has below it: time, random numbers, checksums. lwip/arch/cc.h names the rest. */
#include <stdint.h>

void net_port_seed(const uint8_t seed[32]);
/* The time that lwIP sees until the next call: it does not move while frames are handled. */
void net_port_set_time(uint32_t ms);

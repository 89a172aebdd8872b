/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Garbage on a node's port, from the address that it listens to. */
#include "sim/peer/link.h"

/* Sends what the rate allows now; lowers *wait_ms while a flood goes on. */
void flood_send(struct link *link, int *wait_ms);

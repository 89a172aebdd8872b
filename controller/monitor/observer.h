/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The observer's packet socket: what DHCP and TFTP there is on an interface, and nothing else. */
#include "base/fail.h"

/* Bound to the interface, filtered, non-blocking, close-on-exec. -1: *fail. */
int observer_open(const char *interface, struct fail *fail);

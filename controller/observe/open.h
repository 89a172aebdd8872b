/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* For the monitor, as root: what the observer reads from. */
#include "base/fail.h"

/*
 * A packet socket (close-on-exec, not blocking) on `interface`, which is there, whose filter lets DHCP and the
 * beginnings, errors and every 16th acknowledgement of TFTP through. -1: *fail.
 */
int observe_open(const char *interface, struct fail *fail);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What was understood of a line of dnsmasq's log, as a line of text: for the golden file and for the suite. */
#include <stddef.h>

#include "observe/dnsmasq_log.h"

enum { SAID_BYTES = 512 };

/* False, and "-": nothing that comes from a client or concerns one. */
bool said_describe(const struct dnsmasq_line *line, char text[SAID_BYTES]);

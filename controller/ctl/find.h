/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Which node a person means. */
#include "ctl/ctl.h"

enum { FIND_ID_BYTES = 32 };

/* An id, a name, a MAC address, or the beginning of an id that no other has. Not CTL_OK: it was said. */
enum ctl_exit find_node(const struct ctl *ctl, const char *word, char id[FIND_ID_BYTES]);
/* The same in a list of nodes; for find_node(), and tests. */
enum ctl_exit find_in(const struct ctl *ctl, const json_t *nodes, const char *word,
		      char id[FIND_ID_BYTES]);

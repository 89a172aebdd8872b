/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Runs aetherctl in this process, and keeps what it printed. */
#include "ctl/ctl.h"

extern char *ctl_out, *ctl_err; /* of the last run */

/* Words are separated by single spaces; `input` may be NULL: nothing. */
enum ctl_exit ctl_run(const char *line, const char *input);
void ctl_run_end(void);

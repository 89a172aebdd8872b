/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the monitor handed in (monitor/handed.h). */

/* The descriptor of that name, printf's like; close-on-exec from now on. -1: there is none. */
int inherited(const char *name, unsigned place);
/* The lock that all that we start inherits, too; -1: none. */
int inherited_lock(void);

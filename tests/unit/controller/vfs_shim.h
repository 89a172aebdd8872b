/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A VFS of SQLite ("shim") over the system's own that knows what a power cut would leave: writes, truncations and new
 * files that were not synced are kept apart. What a cut leaves is what was synced, and of the rest any part in any
 * order: each sector of 512 bytes old, new, or (rarely) neither. It can also fail the n-th call. Locks and shared
 * memory are the system's; nothing is really synced, so it is fast.
 *
 * Files are told apart by their folder: those in the folder that shim_watch() named are kept, others only pass through.
 */
#include <stdbool.h>
#include <stdint.h>

#define SHIM_VFS "shim"

void shim_register(void);
/* Forgets everything, and keeps files of that folder from now on. NULL: none. */
void shim_watch(const char *folder);
/* Called just before and just after each sync of a watched file. Not while it runs itself. */
void shim_on_sync(void (*call)(void *argument), void *argument);
/* Writes what a cut at this moment leaves into `folder` (which is there; what it had of that is removed). */
void shim_cut(const char *folder, uint64_t seed);

/* The n-th call (1 is the next) that reads or writes a watched file or its folder fails with an SQLite code, and the
 * `more` calls after it. 0: none. */
void shim_fail_at(unsigned n, unsigned more, int status);
unsigned shim_count(void); /* such calls since then */

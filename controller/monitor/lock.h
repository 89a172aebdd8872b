/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One monitor a state directory, and nothing of an earlier one. Two files there:
 *
 *   monitor.lock    locked by the monitor while it lives. It also names the children (dnsmasq closes what it inherits):
 *                   "PID START BOOT" a line, START being /proc/PID/stat's and BOOT the host's boot id, which no other
 *                   process ever has together. No child can write it.
 *   children.lock   locked by an open file that aetherd and all that it starts inherit, to read.
 *
 *
 * The helper that runs dnsmasq's script closes both. It, and the script, are known by their user and by the variable of
 * the environment that the monitor gave to dnsmasq alone.
 *
 * The folder is aetherd's, so that it could put files of its own in their place: those are not taken.
 * So what is left over is known by a lock that it holds or by what it was when we started it, never by its name.
 */
#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/fail.h"

enum { LOCK_CHILDREN_MOST = 4 };

struct lock {
	int monitor_fd;
	int children_fd; /* to be inherited */
	pid_t children[LOCK_CHILDREN_MOST]; /* 0: none */
	/* set by the monitor, behind lock_take() */
	char dnsmasq_mark[PATH_MAX + 64]; /* NAME=VALUE in its environment */
	uid_t dnsmasq_uid;
};

/*
 * Takes both locks; ends what an earlier run left first. False: *fail; FAIL_CONFLICT when another monitor lives.
 */
bool lock_take(struct lock *lock, const char *state, struct fail *fail);
/* Child number `which` is now `pid` (0: none): written before the child is let go. */
bool lock_note(struct lock *lock, unsigned which, pid_t pid);
/*
 * What is left of a dnsmasq that ended, or was killed, also of an earlier run's: its helper hands over what it was
 * told, leases that were acknowledged. The next dnsmasq reads the leases, and aetherd ends, when it has finished.
 */
bool lock_dnsmasq_is_over(const struct lock *lock);
void lock_end_dnsmasq(const struct lock *lock);
/* Ends all that still holds the children's lock, of which this process alone is excepted. True: nothing is left. */
bool lock_end_holders(struct lock *lock);

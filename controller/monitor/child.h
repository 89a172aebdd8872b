/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One supervised process: off, running, or asked to end. There is never a second one before the first was reaped. It
 * dies with the monitor (parent-death signal, set before it is let go), and gains no rights by what it runs.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fail.h"
#include "monitor/lock.h"

enum { CHILD_BACKOFF_FIRST_MS = 100, CHILD_BACKOFF_MOST_MS = 10000, CHILD_STEADY_MS = 10000, CHILD_END_MS = 8000 };

struct child_user {
	bool is_set; /* false: stay who we are */
	uid_t uid;
	gid_t gid;
	char name[33];
};

enum child_state { CHILD_OFF, CHILD_RUNNING, CHILD_ENDING };

struct child {
	/* what it is */
	const char *name;
	unsigned which; /* in the lock's records */
	const char *const *argv;
	const struct child_user *user;
	bool has_network_rights; /* NET_ADMIN, NET_RAW and NET_BIND_SERVICE stay with it; else nothing does */
	bool (*place)(void *argument); /* in the child: puts descriptors where they belong */
	void *argument;

	/* how it is */
	bool is_wanted;
	enum child_state state;
	pid_t pid;
	uint64_t started_ms, not_before_ms, kill_ms;
	unsigned backoff_ms; /* what the next unexpected end will cost */
};

/* The user of that name; "": stay who we are. False: *fail says how to make it. */
bool child_user_find(const char *name, struct child_user *user, struct fail *fail);

/* Does what is due: starts, ends by SIGTERM, then by SIGKILL. True: it was started now. */
bool child_step(struct child *child, struct lock *lock, uint64_t now_ms);
/* It is to end, and to start again if it is wanted. */
void child_end(struct child *child, uint64_t now_ms);
/* It was reaped with that status. */
void child_ended(struct child *child, struct lock *lock, int status, uint64_t now_ms);
/* Milliseconds until child_step() has something to do; -1: nothing by the clock. */
int child_due(const struct child *child, uint64_t now_ms);
void child_signal(const struct child *child, int number);

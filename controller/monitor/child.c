/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Supervision of one process. Between fork and exec the child waits for a byte on a pipe: the parent writes it when the
 * child's record stands in the lock file, so that there is no child that a later monitor would not find.
 */
#include "monitor/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

enum { EXIT_NOT_STARTED = 127 };
static const unsigned network_rights[] = {CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW};
#define NETWORK_RIGHTS (sizeof(network_rights) / sizeof(network_rights[0]))

bool child_user_find(const char *name, struct child_user *user, struct fail *fail)
{
	*user = (struct child_user){0};
	if (name[0] == '\0') {
		return true;
	}
	const struct passwd *entry = getpwnam(name);
	if (entry == NULL) {
		return fail_set(
			fail, FAIL_NOT_FOUND,
			"there is no user '%s': 'useradd --system --no-create-home --shell /usr/sbin/nologin %s', or "
			"name another in the configuration",
			name, name);
	}
	user->is_set = true;
	user->uid = entry->pw_uid;
	user->gid = entry->pw_gid;
	snprintf(user->name, sizeof(user->name), "%s", name);
	return true;
}

static bool set_rights(bool is_kept)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};

	for (size_t i = 0; is_kept && i < NETWORK_RIGHTS; i++) {
		data[0].effective |= 1u << network_rights[i];
	}
	data[0].permitted = data[0].inheritable = data[0].effective;
	if (syscall(SYS_capset, &header, data) < 0) {
		return false;
	}
	for (size_t i = 0; is_kept && i < NETWORK_RIGHTS; i++) {
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, network_rights[i], 0, 0) < 0) {
			return false;
		}
	}
	return true;
}

/* What no program that it runs can get back either. */
static void bound_rights(bool is_kept)
{
	for (unsigned right = 0; prctl(PR_CAPBSET_READ, right, 0, 0, 0) >= 0; right++) {
		bool is_network = false;

		for (size_t i = 0; i < NETWORK_RIGHTS; i++) {
			is_network |= network_rights[i] == right;
		}
		if (!is_kept || !is_network) {
			prctl(PR_CAPBSET_DROP, right, 0, 0, 0);
		}
	}
}

static bool become(const struct child *child)
{
	const struct child_user *user = child->user;

	if (user->is_set && geteuid() == 0) {
		bound_rights(child->has_network_rights);
		if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || initgroups(user->name, user->gid) < 0 ||
		    setresgid(user->gid, user->gid, user->gid) < 0 || setresuid(user->uid, user->uid, user->uid) < 0 ||
		    !set_rights(child->has_network_rights)) {
			return false;
		}
	}
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

static void run(const struct child *child, pid_t monitor, int gate)
{
	sigset_t none;
	char byte;

	/* The order matters: a change of user would forget the parent-death signal. */
	if (!become(child) || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != monitor ||
	    read(gate, &byte, 1) != 1 || !child->place(child->argument)) {
		_exit(EXIT_NOT_STARTED);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(child->argv[0], (char *const *)(uintptr_t)child->argv);
	const char *why = strerror(errno);
	dprintf(STDERR_FILENO, "monitor: cannot run %s: %s\n", child->argv[0], why);
	_exit(EXIT_NOT_STARTED);
}

static void delay(struct child *child, uint64_t now_ms)
{
	if (child->started_ms != 0 && now_ms - child->started_ms >= CHILD_STEADY_MS) {
		child->backoff_ms = 0;
	}
	child->backoff_ms = child->backoff_ms == 0 ? CHILD_BACKOFF_FIRST_MS : child->backoff_ms * 2;
	if (child->backoff_ms > CHILD_BACKOFF_MOST_MS) {
		child->backoff_ms = CHILD_BACKOFF_MOST_MS;
	}
	child->not_before_ms = now_ms + child->backoff_ms;
}

static bool start(struct child *child, struct lock *lock, uint64_t now_ms)
{
	const pid_t monitor = getpid();
	int gate[2];

	if (pipe2(gate, O_CLOEXEC) < 0) {
		delay(child, now_ms);
		return false;
	}
	const pid_t pid = fork();
	if (pid == 0) {
		close(gate[1]);
		run(child, monitor, gate[0]);
	}
	close(gate[0]);
	/* A child that is not let go ends by the pipe's end. */
	const bool is_let_go = pid > 0 && lock_note(lock, child->which, pid) && write(gate[1], "", 1) == 1;
	close(gate[1]);
	if (pid < 0 || !is_let_go) {
		log_error("monitor", "cannot start %s: %s", child->name, strerror(errno));
	}
	if (pid < 0) {
		delay(child, now_ms);
		return false;
	}
	child->pid = pid;
	child->state = CHILD_RUNNING;
	child->started_ms = now_ms;
	log_info("monitor", "%s is process %d%s%s", child->name, (int)pid, child->user->is_set ? ", user " : "",
		 child->user->is_set ? child->user->name : "");
	return true;
}

void child_end(struct child *child, uint64_t now_ms)
{
	if (child->state == CHILD_RUNNING) {
		child_signal(child, SIGTERM);
		child->state = CHILD_ENDING;
		child->kill_ms = now_ms + CHILD_END_MS;
	}
}

bool child_step(struct child *child, struct lock *lock, uint64_t now_ms)
{
	switch (child->state) {
	case CHILD_OFF:
		return child->is_wanted && now_ms >= child->not_before_ms && start(child, lock, now_ms);
	case CHILD_RUNNING:
		if (!child->is_wanted) {
			child_end(child, now_ms);
		}
		return false;
	case CHILD_ENDING:
		if (now_ms >= child->kill_ms) {
			log_warn("monitor", "%s did not end in %d s: killed", child->name, CHILD_END_MS / 1000);
			child_signal(child, SIGKILL);
			child->kill_ms = now_ms + 1000;
		}
		return false;
	}
	return false;
}

void child_ended(struct child *child, struct lock *lock, int status, uint64_t now_ms)
{
	const bool was_asked = child->state == CHILD_ENDING;

	child->state = CHILD_OFF;
	child->pid = 0;
	lock_note(lock, child->which, 0);
	if (was_asked) {
		return;
	}
	delay(child, now_ms);
	if (WIFSIGNALED(status)) {
		log_error("monitor", "%s ended by signal %d; starts again in %u ms", child->name, WTERMSIG(status),
			  child->backoff_ms);
	} else {
		log_error("monitor", "%s ended with status %d; starts again in %u ms", child->name, WEXITSTATUS(status),
			  child->backoff_ms);
	}
}

int child_due(const struct child *child, uint64_t now_ms)
{
	uint64_t at;

	if (child->state == CHILD_OFF && child->is_wanted) {
		at = child->not_before_ms;
	} else if (child->state == CHILD_ENDING) {
		at = child->kill_ms;
	} else {
		return -1;
	}
	return at <= now_ms ? 0 : (int)(at - now_ms);
}

void child_signal(const struct child *child, int number)
{
	/* It is our child and was not reaped: the number is still its own. */
	if (child->pid > 0) {
		kill(child->pid, number);
	}
}

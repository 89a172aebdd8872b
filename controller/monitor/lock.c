/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds and ends what an earlier run left. The records may be written by nobody but us, but they are
 * still checked: a process is signalled through a pidfd, after it was compared with the record.
 */
#include "monitor/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

enum { BOOT_BYTES = 37, RECORDS_BYTES = LOCK_CHILDREN_MOST * 96, TERM_MS = 2000, KILL_MS = 5000, SCANS = 20 };
enum { LOCK_TRIES = 50, LOCK_TRY_MS = 20 };

static void boot_id(char text[BOOT_BYTES])
{
	const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	const ssize_t count = fd >= 0 ? read(fd, text, BOOT_BYTES - 1) : 0;

	text[count > 0 ? count : 0] = '\0';
	if (fd >= 0) {
		close(fd);
	}
}

/* When the process began, in ticks; 0: there is none. */
static unsigned long long start_of(pid_t pid)
{
	char path[32], text[1024];
	unsigned long long start = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return 0;
	}
	const ssize_t count = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (count <= 0) {
		return 0;
	}
	text[count] = '\0';
	/* The name in brackets may hold anything; the start is the 20th field behind it. */
	char *field = strrchr(text, ')');
	for (int i = 0; field != NULL && i < 20; i++) {
		field = strchr(field + 1, ' ');
	}
	if (field != NULL) {
		start = strtoull(field, NULL, 10);
	}
	return start;
}

static bool is_over(int pidfd, int timeout_ms)
{
	struct pollfd wait = {.fd = pidfd, .events = POLLIN};

	return poll(&wait, 1, timeout_ms) == 1;
}

/* The descriptor is the process's, whatever becomes of its number. */
static void end(int pidfd, pid_t pid)
{
	log_warn("monitor", "process %d was left by an earlier run: ending it", (int)pid);
	pidfd_send_signal(pidfd, SIGTERM, NULL, 0);
	if (!is_over(pidfd, TERM_MS)) {
		pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
		is_over(pidfd, KILL_MS);
	}
}

static bool holds(pid_t pid, const struct stat *file)
{
	char path[64];
	struct stat other;
	bool is_held = false;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *folder = opendir(path);
	if (folder == NULL) {
		return false;
	}
	for (struct dirent *entry; !is_held && (entry = readdir(folder)) != NULL;) {
		is_held = fstatat(dirfd(folder), entry->d_name, &other, 0) == 0 && other.st_ino == file->st_ino &&
			  other.st_dev == file->st_dev && entry->d_name[0] != '.';
	}
	closedir(folder);
	return is_held;
}

/* Ends every process that has the file open. Returns how many there were. */
static unsigned end_all_with(const struct stat *file)
{
	DIR *proc = opendir("/proc");
	unsigned count = 0;

	if (proc == NULL) {
		return 0;
	}
	for (struct dirent *entry; (entry = readdir(proc)) != NULL;) {
		const pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid <= 1 || pid == getpid() || !holds(pid, file)) {
			continue;
		}
		const int pidfd = pidfd_open(pid, 0);
		/* Again, now that the number is held: it might have been another's a moment ago. */
		if (pidfd >= 0 && holds(pid, file)) {
			count++;
			end(pidfd, pid);
		}
		if (pidfd >= 0) {
			close(pidfd);
		}
	}
	closedir(proc);
	return count;
}

static void end_recorded(int fd)
{
	char text[RECORDS_BYTES], boot[BOOT_BYTES], *rest = NULL;
	const ssize_t count = pread(fd, text, sizeof(text) - 1, 0);

	boot_id(boot);
	text[count > 0 ? count : 0] = '\0';
	for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		int pid;
		unsigned long long start;
		char its_boot[BOOT_BYTES];

		if (sscanf(line, "%d %llu %36s", &pid, &start, its_boot) != 3 || pid <= 1 || start == 0 ||
		    pid == getpid() || strcmp(boot, its_boot) != 0) {
			continue;
		}
		const int pidfd = pidfd_open(pid, 0);
		if (pidfd >= 0 && start_of(pid) == start && !is_over(pidfd, 0)) {
			end(pidfd, pid);
		}
		if (pidfd >= 0) {
			close(pidfd);
		}
	}
}

bool lock_end_holders(struct lock *lock)
{
	struct stat file;

	if (fstat(lock->children_fd, &file) < 0) {
		return false;
	}
	/* Until a look finds none: one that was found may have started another meanwhile. */
	for (int i = 0; i < SCANS; i++) {
		if (end_all_with(&file) == 0) {
			return true;
		}
	}
	return false;
}

static bool is_marked(const struct lock *lock, pid_t pid)
{
	static char text[128 << 10]; /* the monitor has one thread */
	const size_t length = strlen(lock->dnsmasq_mark);
	char path[64];
	struct stat status;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	const int fd = length > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t count = -1;
	if (fd >= 0 && fstat(fd, &status) == 0 && status.st_uid == lock->dnsmasq_uid) {
		count = read(fd, text, sizeof(text) - 1);
	}
	if (fd >= 0) {
		close(fd);
	}
	text[count > 0 ? count : 0] = '\0';
	for (const char *at = text; at < text + count; at += strlen(at) + 1) {
		if (strcmp(at, lock->dnsmasq_mark) == 0) {
			return true;
		}
	}
	return false;
}

/* Returns how many there are. It ignores SIGTERM. */
static unsigned find_marked(const struct lock *lock, bool kills)
{
	DIR *proc = opendir("/proc");
	unsigned count = 0;

	for (struct dirent *entry; proc != NULL && (entry = readdir(proc)) != NULL;) {
		const pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid <= 1 || pid == getpid() || !is_marked(lock, pid)) {
			continue;
		}
		count++;
		const int pidfd = kills ? pidfd_open(pid, 0) : -1;
		if (pidfd >= 0 && is_marked(lock, pid)) {
			pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
			is_over(pidfd, KILL_MS);
		}
		if (pidfd >= 0) {
			close(pidfd);
		}
	}
	if (proc != NULL) {
		closedir(proc);
	}
	return count;
}

bool lock_dnsmasq_is_over(const struct lock *lock)
{
	return find_marked(lock, false) == 0;
}

void lock_end_dnsmasq(const struct lock *lock)
{
	for (int i = 0; i < SCANS && find_marked(lock, true) > 0; i++) {
	}
}

static int open_lock(const char *state, const char *name, int access, struct fail *fail)
{
	char path[PATH_MAX];
	struct stat status;

	snprintf(path, sizeof(path), "%s/%s", state, name);
	const int fd = open(path, access | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0) {
		fail_set(fail, FAIL_UNAVAILABLE, "cannot open %s: %s", path, strerror(errno));
	} else if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid()) {
		fail_set(fail, FAIL_CONFLICT, "%s was not made by a monitor of this user: look who did, then remove it",
			 path);
		close(fd);
		return -1;
	}
	return fd;
}

static bool take_children(struct lock *lock, const char *state, struct fail *fail)
{
	lock->children_fd = open_lock(state, "children.lock", O_RDONLY, fail);
	if (lock->children_fd < 0) {
		return false;
	}
	end_recorded(lock->monitor_fd);
	if (flock(lock->children_fd, LOCK_EX | LOCK_NB) < 0) {
		lock_end_holders(lock);
		if (flock(lock->children_fd, LOCK_EX | LOCK_NB) < 0) {
			return fail_set(
				fail, FAIL_CONFLICT,
				"%s/children.lock is held by a process that cannot be ended: 'fuser -v' names it",
				state);
		}
	}
	if (ftruncate(lock->monitor_fd, 0) < 0) {
		return fail_set(fail, FAIL_UNAVAILABLE, "%s/monitor.lock: %s", state, strerror(errno));
	}
	return true;
}

bool lock_take(struct lock *lock, const char *state, struct fail *fail)
{
	*lock = (struct lock){.monitor_fd = -1, .children_fd = -1};
	bool is_locked = false;

	lock->monitor_fd = open_lock(state, "monitor.lock", O_RDWR, fail);
	if (lock->monitor_fd < 0) {
		return false;
	}
	/* A child of a monitor that was killed before it let it go holds the lock for the moment until it ends. */
	for (int i = 0; i < LOCK_TRIES; i++) {
		is_locked = flock(lock->monitor_fd, LOCK_EX | LOCK_NB) == 0;
		if (is_locked) {
			break;
		}
		(void)poll(NULL, 0, LOCK_TRY_MS);
	}
	if (!is_locked) {
		return fail_set(fail, FAIL_CONFLICT,
				"a monitor runs on %s already: end that one first, or use another 'state'", state);
	}
	return take_children(lock, state, fail);
}

bool lock_note(struct lock *lock, unsigned which, pid_t pid)
{
	char text[RECORDS_BYTES], boot[BOOT_BYTES];
	int length = 0;

	boot_id(boot);
	lock->children[which] = pid;
	for (unsigned i = 0; i < LOCK_CHILDREN_MOST; i++) {
		if (lock->children[i] > 0) {
			length += snprintf(text + length, sizeof(text) - (size_t)length, "%d %llu %s\n",
					   (int)lock->children[i], start_of(lock->children[i]), boot);
		}
	}
	return ftruncate(lock->monitor_fd, 0) == 0 && pwrite(lock->monitor_fd, text, (size_t)length, 0) == length;
}

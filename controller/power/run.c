/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of the power program. It is trusted with the node's power, not with us: what it writes is bounded and
 * cleaned, and that it hangs costs its time-out and no more.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "power/power.h"

enum { EXIT_NOT_STARTED = 126 };

/* Between fork and exec in a process of many threads: nothing here may take a lock. */
static _Noreturn void become(const struct power_run *run, char *const argv[], int out, pid_t parent)
{
	sigset_t none;
	const int null = open("/dev/null", O_RDONLY);

	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0 || signal(SIGPIPE, SIG_DFL) == SIG_ERR || setpgid(0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent || null < 0 || dup2(null, 0) < 0 ||
	    dup2(out, 1) < 0 || dup2(out, 2) < 0) {
		_exit(EXIT_NOT_STARTED);
	}
	if (run->keep_fd > 2) {
		if (run->keep_fd > 3) {
			close_range(3, (unsigned)run->keep_fd - 1, 0);
		}
		close_range((unsigned)run->keep_fd + 1, ~0u, 0);
	} else {
		close_range(3, ~0u, 0);
	}
	execve(run->program, argv, (char *const *)(uintptr_t)run->environment);
	_exit(EXIT_NOT_STARTED);
}

/* Reads until its end or the time-out. True: the end came. */
static bool drain(int fd, char output[POWER_OUTPUT_BYTES], uint64_t until_ms)
{
	size_t length = 0;

	for (;;) {
		const uint64_t now = clock_ms();
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		char rest[512];

		if (now >= until_ms || (poll(&wait, 1, (int)(until_ms - now)) < 0 && errno != EINTR)) {
			break;
		}
		if (wait.revents == 0) {
			continue;
		}
		const size_t room = POWER_OUTPUT_BYTES - 1 - length;
		const ssize_t count = room > 0 ? read(fd, output + length, room) : read(fd, rest, sizeof(rest));
		if (count <= 0) {
			output[length] = '\0';
			return true;
		}
		length += room > 0 ? (size_t)count : 0;
	}
	output[length] = '\0';
	return false;
}

static bool reap(pid_t pid, int *status, uint64_t until_ms)
{
	for (;;) {
		const pid_t ended = waitpid(pid, status, WNOHANG);

		if (ended == pid) {
			return true;
		}
		if ((ended < 0 && errno != EINTR) || clock_ms() >= until_ms) {
			return false;
		}
		poll(NULL, 0, 2);
	}
}

static void clean(char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text >= 0x7f || ((unsigned char)*text < ' ' && *text != '\n')) {
			*text = '?';
		}
	}
}

static bool judge(const struct power_run *run, int status, const char *output, struct fail *fail)
{
	const int first = (int)strcspn(output, "\n");

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		return true;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_STARTED && first == 0) {
		return fail_set(fail, FAIL_UNAVAILABLE,
				"the power driver %s cannot be run: is it there, and executable?", run->program);
	}
	if (WIFSIGNALED(status)) {
		return fail_set(fail, FAIL_UNAVAILABLE, "the power driver was ended by signal %d", WTERMSIG(status));
	}
	return fail_set(fail, FAIL_UNAVAILABLE, "the power driver could not do '%s' (status %d)%s%.*s", run->action,
			WEXITSTATUS(status), first > 0 ? ": " : "", first > 160 ? 160 : first, output);
}

bool power_run(const struct power_run *run, char output[POWER_OUTPUT_BYTES], struct fail *fail)
{
	char *const argv[] = {(char *)(uintptr_t)run->program, (char *)(uintptr_t)run->action,
			      (char *)(uintptr_t)run->node, NULL};
	const uint64_t until_ms = clock_ms() + run->timeout_ms;
	const pid_t parent = getpid();
	int out[2], status = 0;

	output[0] = '\0';
	if (pipe2(out, O_CLOEXEC) < 0) {
		return fail_set(fail, FAIL_UNAVAILABLE, "the power driver cannot be run: %s", strerror(errno));
	}
	const pid_t pid = fork();
	if (pid == 0) {
		become(run, argv, out[1], parent);
	}
	close(out[1]);
	if (pid < 0) {
		close(out[0]);
		return fail_set(fail, FAIL_UNAVAILABLE, "the power driver cannot be run: %s", strerror(errno));
	}
	const bool is_over = drain(out[0], output, until_ms) && reap(pid, &status, until_ms);
	close(out[0]);
	clean(output);
	/* Also what it left behind in its group; the group's number is its own until it was reaped, or has members. */
	if (!is_over) {
		if (kill(-pid, SIGKILL) < 0) {
			kill(pid, SIGKILL);
		}
		waitpid(pid, &status, 0);
		return fail_set(fail, FAIL_UNAVAILABLE,
				"the power driver did not end within %u s at '%s': it was killed",
				(run->timeout_ms + 999) / 1000, run->action);
	}
	return judge(run, status, output, fail);
}

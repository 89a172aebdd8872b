/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor with processes that stand in for its two: this program itself, under their names. The one in dnsmasq's
 * place serves only while it holds a lock, and tells when somebody else has it: never two at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "monitor/dnsmasq_conf.h"
#include "monitor/lock.h"
#include "monitor/monitor.h"

enum { WAIT_MS = 10000 };
static char folder[] = "/tmp/aether-monitor-XXXXXX";

static const char *in_folder(const char *name, char path[256])
{
	snprintf(path, 256, "%s/%s", folder, name);
	return path;
}

static bool is_there(const char *name)
{
	char path[256];

	return access(in_folder(name, path), F_OK) == 0;
}

static void make(const char *name)
{
	char path[256];
	const int fd = open(in_folder(name, path), O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static void drop(const char *name)
{
	char path[256];

	unlink(in_folder(name, path));
}

/* --- those who stand in --- */

static void write_pid(const char *name)
{
	char path[256], fresh[300];

	snprintf(fresh, sizeof(fresh), "%s.new", in_folder(name, path));
	FILE *file = fopen(fresh, "w");
	if (file == NULL || fprintf(file, "%d", (int)getpid()) < 0 || fclose(file) != 0 || rename(fresh, path) != 0) {
		_exit(3);
	}
}

static int fd_named(const char *name)
{
	const char *names = getenv("LISTEN_FDNAMES"), *pid = getenv("LISTEN_PID");

	if (names == NULL || pid == NULL || strtol(pid, NULL, 10) != getpid()) {
		return -1;
	}
	for (int fd = 3;; fd++) {
		const size_t count = strcspn(names, ":");

		if (count == strlen(name) && strncmp(names, name, count) == 0) {
			return fd;
		}
		if (names[count] == '\0') {
			return -1;
		}
		names += count + 1;
	}
}

static void on_hangup(int number)
{
	(void)number;
	write_pid("hangup");
}

/* Ignores that it is asked to end, and its parent's death: what only the next monitor can end. */
static void stubborn(const char *name)
{
	if (fork() == 0) {
		signal(SIGTERM, SIG_IGN);
		write_pid(name);
		for (;;) {
			pause();
		}
	}
}

static int play_aetherd(void)
{
	int listens = 0;
	socklen_t length = sizeof(listens);
	const int words = fd_named("monitor"), people = fd_named("people");

	if (words < 0 || getsockopt(people, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) < 0 || listens == 0 ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) {
		return 2;
	}
	signal(SIGHUP, on_hangup);
	send(words, "nonsense", 8, 0);
	send(words, "ready", 5, 0);
	send(words, "restart", 7, 0);
	write_pid("aetherd.pid");
	if (is_there("stubborn")) {
		stubborn("stubborn.pid");
	}
	for (;;) {
		pause();
	}
}

static _Noreturn void play_dnsmasq(void)
{
	char path[256];
	const int lock = open(in_folder("serving", path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0) {
		make("two");
	}
	/* As the real one: what was handed in is closed. */
	for (int fd = 3; fd < 64; fd++) {
		if (fd != lock) {
			close(fd);
		}
	}
	if (is_there("deaf")) {
		prctl(PR_SET_PDEATHSIG, 0);
		signal(SIGTERM, SIG_IGN);
	}
	write_pid("dnsmasq.pid");
	for (;;) {
		pause();
	}
}

/* --- those who look --- */

static pid_t pid_of(const char *name)
{
	char path[256];
	int pid = 0;
	FILE *file = fopen(in_folder(name, path), "r");

	if (file != NULL) {
		if (fscanf(file, "%d", &pid) != 1) {
			pid = 0;
		}
		fclose(file);
	}
	return pid;
}

static bool lives(pid_t pid)
{
	char path[64], state = 'X';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (pid <= 0 || (file = fopen(path, "r")) == NULL) {
		return false;
	}
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1) {
		state = 'X';
	}
	fclose(file);
	return state != 'Z' && state != 'X';
}

static void nap(void)
{
	poll(NULL, 0, 5);
}

/* A new one of that name lives, which is not `before`. */
static pid_t await(const char *name, pid_t before)
{
	const uint64_t end = clock_ms() + WAIT_MS;

	while (clock_ms() < end) {
		const pid_t pid = pid_of(name);

		if (pid != 0 && pid != before && lives(pid)) {
			return pid;
		}
		nap();
	}
	fail_msg("no %s", name);
	return 0;
}

static void await_end(pid_t pid)
{
	const uint64_t end = clock_ms() + WAIT_MS;

	while (lives(pid)) {
		assert_true(clock_ms() < end);
		nap();
	}
}

static pid_t begin(void)
{
	const struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char pid_text[16], path[256];

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&loopback, sizeof(loopback)), 0);
	assert_int_equal(listen(fd, 1), 0);
	drop("aetherd.pid");
	drop("dnsmasq.pid");
	const pid_t pid = fork();
	if (pid == 0) {
		static struct conf conf;
		struct fail fail = {0};

		log_set_level(LOG_ERROR);
		if (freopen("/dev/null", "w", stderr) == NULL || dup2(fd, 3) != 3) {
			_exit(9);
		}
		snprintf(pid_text, sizeof(pid_text), "%d", (int)getpid());
		setenv("LISTEN_PID", pid_text, 1);
		setenv("LISTEN_FDS", "1", 1);
		setenv("LISTEN_FDNAMES", "people", 1);
		if (!conf_read(in_folder("aether.conf", path), &conf, &fail)) {
			_exit(8);
		}
		/* _exit: the test's own memory is not this process's to account for. */
		_exit(monitor_run(&conf, &fail));
	}
	close(fd);
	return pid;
}

static int end(pid_t monitor, int number)
{
	int status = 0;

	kill(monitor, number);
	assert_int_equal(waitpid(monitor, &status, 0), monitor);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void both_start_and_end_in_order(void **state)
{
	(void)state;
	const pid_t monitor = begin();
	const pid_t aetherd = await("aetherd.pid", 0), dnsmasq = await("dnsmasq.pid", 0);

	kill(monitor, SIGHUP);
	await("hangup", 0);
	assert_int_equal(end(monitor, SIGTERM), 0);
	assert_false(lives(aetherd));
	assert_false(lives(dnsmasq));
	assert_false(is_there("two"));
}

static void a_second_monitor_is_refused(void **state)
{
	(void)state;
	const pid_t monitor = begin();
	const pid_t dnsmasq = await("dnsmasq.pid", 0);
	int status = 0;

	const pid_t second = begin();
	assert_int_equal(waitpid(second, &status, 0), second);
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_true(lives(dnsmasq));
	assert_int_equal(end(monitor, SIGTERM), 0);
}

static void who_died_comes_back(void **state)
{
	(void)state;
	const pid_t monitor = begin();
	pid_t aetherd = await("aetherd.pid", 0), dnsmasq = await("dnsmasq.pid", 0);

	kill(dnsmasq, SIGKILL);
	dnsmasq = await("dnsmasq.pid", dnsmasq);
	assert_true(lives(aetherd));
	/* Without its aetherd no dnsmasq answers. */
	kill(aetherd, SIGKILL);
	await_end(dnsmasq);
	await("aetherd.pid", aetherd);
	await("dnsmasq.pid", dnsmasq);
	assert_int_equal(end(monitor, SIGTERM), 0);
	assert_false(is_there("two"));
}

static void what_was_left_over_is_ended_first(void **state)
{
	(void)state;
	make("stubborn");
	make("deaf");
	pid_t monitor = begin();
	const pid_t aetherd = await("aetherd.pid", 0), dnsmasq = await("dnsmasq.pid", 0);
	const pid_t left = await("stubborn.pid", 0);

	assert_int_equal(end(monitor, SIGKILL), 128 + SIGKILL);
	await_end(aetherd);
	assert_true(lives(dnsmasq)); /* known by its record alone: it closed what it inherited */
	assert_true(lives(left)); /* known by the lock that it holds */
	drop("stubborn");
	drop("deaf");
	monitor = begin();
	await("dnsmasq.pid", 0);
	assert_false(lives(dnsmasq));
	assert_false(lives(left));
	assert_int_equal(end(monitor, SIGTERM), 0);
	assert_false(is_there("two"));
}

/* A record of a process that is another one now is nobody's death. */
static void a_stranger_with_an_old_number_lives(void **state)
{
	(void)state;
	char path[256];
	struct lock lock;
	struct fail fail = {0};
	const pid_t stranger = fork();

	if (stranger == 0) {
		for (;;) {
			pause();
		}
	}
	FILE *file = fopen(in_folder("state/monitor.lock", path), "w");
	assert_non_null(file);
	fprintf(file, "%d 1 00000000-0000-0000-0000-000000000000\n%d nonsense\n-1 5 x\n", (int)stranger, (int)stranger);
	fclose(file);
	assert_true(lock_take(&lock, in_folder("state", path), &fail));
	assert_true(lives(stranger));
	close(lock.children_fd);
	close(lock.monitor_fd);
	end(stranger, SIGKILL);
}

static void killed_at_any_moment_nothing_is_left(void **state)
{
	(void)state;
	unsigned seed = 7;

	for (int round = 0; round < 24; round++) {
		const pid_t monitor = begin();
		const uint64_t until = clock_ms() + (unsigned)rand_r(&seed) % 400;
		const char *const names[] = {"aetherd.pid", "dnsmasq.pid"};

		while (clock_ms() < until) {
			const pid_t pid = pid_of(names[(unsigned)rand_r(&seed) % 2]);

			if (pid > 0 && rand_r(&seed) % 8 == 0 && lives(pid)) {
				kill(pid, SIGKILL);
			}
			nap();
		}
		const bool is_hard = rand_r(&seed) % 2 != 0;
		const int status = end(monitor, is_hard ? SIGKILL : SIGTERM);
		/* By the signal: it had not begun to take signals, and so had no children. */
		assert_true(is_hard ? status == 128 + SIGKILL : status == 0 || status == 128 + SIGTERM);
		const pid_t aetherd = pid_of("aetherd.pid"), dnsmasq = pid_of("dnsmasq.pid");
		if (is_hard) {
			await_end(aetherd);
			await_end(dnsmasq);
		}
		assert_false(lives(aetherd));
		assert_false(lives(dnsmasq));
		assert_false(is_there("two"));
	}
}

static int set_up(void)
{
	char path[256], own[256];
	const ssize_t count = readlink("/proc/self/exe", own, sizeof(own) - 1);

	if (count <= 0 || mkdtemp(folder) == NULL) {
		return -1;
	}
	own[count] = '\0';
	FILE *file = fopen(in_folder("aether.conf", path), "w");
	if (file == NULL || fprintf(file, "state = \"%s/state\"; user = \"\"; dnsmasq_user = \"\"; programs = \"%s\";\n"
					  "dnsmasq = \"%s/dnsmasq\";\n",
				    folder, folder, folder) < 0 || fclose(file) != 0) {
		return -1;
	}
	if (mkdir(in_folder("state", path), 0711) < 0) {
		return -1;
	}
	file = fopen(in_folder("state/dnsmasq.conf", path), "w"); /* as aetherd writes it */
	if (file == NULL || fputs("port=0\n", file) < 0 || fclose(file) != 0) {
		return -1;
	}
	return symlink(own, in_folder("aetherd", path)) || symlink(own, in_folder("dnsmasq", path));
}

static bool is_taken(const char *text)
{
	struct fail fail = {0};

	return dnsmasq_conf_check(text, strlen(text), "/usr/lib/aether/aether-lease", "/var/lib/aether", &fail);
}

static void dnsmasq_is_told_what_the_provisioner_writes_and_nothing_else(void **state)
{
	(void)state;
	assert_true(is_taken(""));
	assert_true(is_taken("# a comment\n\nport=0\nno-ping\ndhcp-range=10.0.0.1,10.0.0.2,60s\npid-file=\n"
			     "dhcp-script=/usr/lib/aether/aether-lease\ntftp-root=/var/lib/aether/tftp\n"
			     "dhcp-hostsfile=/var/lib/aether/dnsmasq.hosts\nlog-facility=-"));
	static const char *const refused[] = {
		"port=0\ndhcp-script=/tmp/x\n",
		"dhcp-script=/usr/lib/aether/aether-lease2\n",
		"dhcp-script\n",
		"dhcp-luascript=/tmp/x\n",
		"conf-file=/tmp/x\n",
		"conf-dir=/tmp\n",
		"conf-script=/tmp/x\n",
		" dhcp-script=/tmp/x\n",
		"tftp-root=/\n",
		"tftp-root=/var/lib/aetherx/y\n",
		"tftp-root=/var/lib/aether/../../etc\n",
		"dhcp-hostsfile=/etc/shadow\n",
		"dhcp-leasefile=/etc/passwd\n",
		"pid-file=/etc/passwd\n",
		"log-facility=/etc/passwd\n",
		"addn-hosts=/etc/shadow\n",
	};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_false(is_taken(refused[i]));
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_start_and_end_in_order),
		cmocka_unit_test(a_second_monitor_is_refused),
		cmocka_unit_test(who_died_comes_back),
		cmocka_unit_test(what_was_left_over_is_ended_first),
		cmocka_unit_test(a_stranger_with_an_old_number_lives),
		cmocka_unit_test(killed_at_any_moment_nothing_is_left),
		cmocka_unit_test(dnsmasq_is_told_what_the_provisioner_writes_and_nothing_else),
	};
	char *name = strrchr(argv[0], '/');

	if (argc > 1 && name != NULL && (strcmp(name, "/aetherd") == 0 || strcmp(name, "/dnsmasq") == 0)) {
		/* The folder of the name is the test's. */
		*name = '\0';
		snprintf(folder, sizeof(folder), "%s", argv[0]);
		if (strcmp(name + 1, "aetherd") == 0) {
			return play_aetherd();
		}
		play_dnsmasq();
	}
	if (set_up() != 0) {
		return 1;
	}
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	char command[300];
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command) != 0 || failed;
}

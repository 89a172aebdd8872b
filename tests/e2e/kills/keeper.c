/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor, started as an init system would, and what can be seen of its processes from outside. All that runs in
 * the PID namespace is this test's. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "e2e/kills/kills.h"

enum { WATCH_MS = 3, GONE_MS = 3000, HELPER_MS = 20000 };

bool keeper_start(struct kills *kills)
{
	const pid_t pid = fork();

	if (pid == 0) {
		const int log = open(kills->log, O_WRONLY | O_CREAT | O_APPEND, 0644);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (log >= 0 && dup2(log, STDOUT_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0) {
			execl(kills->monitor_program, kills->monitor_program, "-c", kills->conf, (char *)NULL);
		}
		_exit(127);
	}
	kills->monitor = pid;
	return pid > 0;
}

bool keeper_is_ready(struct kills *kills)
{
	const uint64_t until_ms = clock_ms() + PATIENCE_MS;

	while (clock_ms() < until_ms) {
		struct client_answer answer;
		client_ask_unix(kills->socket, "GET", "/readyz", NULL, NULL, &answer);
		const bool is_ready = answer.status == 200;
		client_free(&answer);
		if (is_ready) {
			kills->ready_ms = clock_ms();
			return true;
		}
		pause_ms(10);
	}
	return false;
}

static unsigned servers(void)
{
	FILE *file = fopen("/proc/net/udp", "re");
	char line[256];
	unsigned count = 0;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		count += strstr(line, ":0043 ") != NULL;
	}
	if (file != NULL) {
		fclose(file);
	}
	return count;
}

bool keeper_has_dhcp(void)
{
	const uint64_t until_ms = clock_ms() + PATIENCE_MS;

	while (servers() != 1) {
		if (clock_ms() > until_ms) {
			return false;
		}
		pause_ms(10);
	}
	return true;
}

static void *watch(void *argument)
{
	struct kills *kills = argument;

	while (!atomic_load(&kills->is_ending)) {
		atomic_fetch_add(&kills->two_on_the_wire, servers() > 1);
		pause_ms(WATCH_MS);
	}
	return NULL;
}

bool keeper_watch(struct kills *kills)
{
	return pthread_create(&kills->wire, NULL, watch, kills) == 0;
}

/* The name and the parent; false: it is gone, or already dead and not reaped. */
static bool status_of(pid_t pid, char name[32], pid_t *parent)
{
	char path[48];
	char line[256];
	char state = 'X';

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *file = fopen(path, "re");
	name[0] = '\0';
	*parent = 0;
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		(void)(sscanf(line, "Name: %31s", name) == 1 || sscanf(line, "State: %c", &state) == 1 ||
		       sscanf(line, "PPid: %d", parent) == 1);
	}
	if (file != NULL) {
		fclose(file);
	}
	return name[0] != '\0' && state != 'Z' && state != 'X';
}

unsigned keeper_find(const char *name, pid_t *pid)
{
	DIR *proc = opendir("/proc");
	unsigned count = 0;

	for (struct dirent *entry; proc != NULL && (entry = readdir(proc)) != NULL;) {
		const pid_t one = (pid_t)strtol(entry->d_name, NULL, 10);
		char its_name[32];
		char parents_name[32];
		pid_t parent;
		pid_t ignored;

		if (one > 1 && status_of(one, its_name, &parent) && strcmp(its_name, name) == 0 &&
		    !(parent > 1 && status_of(parent, parents_name, &ignored) && strcmp(parents_name, name) == 0)) {
			*pid = one;
			count++;
		}
	}
	if (proc != NULL) {
		closedir(proc);
	}
	return count;
}

bool keeper_kill(const char *name)
{
	pid_t pid = 0;

	return keeper_find(name, &pid) > 0 && kill(pid, SIGKILL) == 0;
}

void keeper_kill_monitor(struct kills *kills)
{
	if (kills->monitor > 0) {
		kill(kills->monitor, SIGKILL);
		clients_lose(kills);
		waitpid(kills->monitor, NULL, 0);
		kills->monitor = 0;
	}
}

/* Nobody serves; what dnsmasq's helper was told before it still hands over, if another aetherd comes. */
bool keeper_nothing_left(struct kills *kills)
{
	static const char *const names[] = {"aether-monitor", "aetherd", "dnsmasq"};
	uint64_t until_ms = clock_ms() + GONE_MS;

	while (servers() > 0) {
		if (clock_ms() > until_ms) {
			complain(kills, "somebody answers DHCP though the monitor is dead");
			return false;
		}
		pause_ms(5);
	}
	for (unsigned i = 0; i < 3; i++) {
		pid_t pid = 0;
		until_ms = clock_ms() + (i < 2 ? GONE_MS : HELPER_MS);
		while (keeper_find(names[i], &pid) > 0) {
			if (clock_ms() > until_ms) {
				complain(kills, "%s (process %d) outlives the monitor", names[i], (int)pid);
				return false;
			}
			pause_ms(5);
		}
	}
	return true;
}

bool keeper_end(struct kills *kills)
{
	int status = -1;

	kill(kills->monitor, SIGTERM);
	const uint64_t until_ms = clock_ms() + PATIENCE_MS;
	while (waitpid(kills->monitor, &status, WNOHANG) == 0) {
		if (clock_ms() > until_ms) {
			keeper_kill_monitor(kills);
			return false;
		}
		pause_ms(10);
	}
	kills->monitor = 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

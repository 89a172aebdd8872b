/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/controller/daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/call.h"
#include "observe/open.h"

enum {
	START_MS = 10000,
	ANSWER_MS = 60000,
	END_MS = 10000,
	HANDED_FD = 3,
	PORT_FIRST = 20000,
	PORT_COUNT = 10000,
	LOG_BYTES = 2048
};

void pause_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static bool write_configuration(struct subject *subject, const char *bundle, char path[128])
{
	snprintf(path, 128, "%s/aether.conf", subject->folder);
	FILE *file = fopen(path, "we");

	if (file == NULL) {
		return false;
	}
	fprintf(file,
		"state = \"%s\";\npeople = \"127.0.0.1:%u\";\nnode_port = %u;\nnodes = "
		"10000;\nbundle = \"%s\";\n"
		"networks = ( { interface = \"lo\"; mode = \"authoritative\"; address = "
		"\"127.77.0.1/24\"; "
		"range = \"127.77.0.10-127.77.0.200\"; } );\n",
		subject->folder, subject->people_port, subject->node_port,
		bundle == NULL ? "" : bundle);
	return fclose(file) == 0;
}

static bool make_token(struct subject *subject)
{
	json_t *json = subject_ask(subject, "POST", "/api/v1/tokens", "{\"name\":\"bench\"}");
	const char *token = json_string_value(json_object_get(json, "token"));

	snprintf(subject->token, sizeof(subject->token), "%s", token == NULL ? "" : token);
	json_decref(json);
	return subject->token[0] != '\0';
}

/* The folder is gone soon, and the log with it. */
static void print_log(const struct subject *subject)
{
	char bytes[LOG_BYTES];
	FILE *file = fopen(subject->log, "re");

	if (file == NULL) {
		fprintf(stderr, "  (there is none)\n");
		return;
	}
	if (fseek(file, -(long)sizeof(bytes), SEEK_END) != 0) {
		rewind(file); /* it is shorter */
	}
	fwrite(bytes, 1, fread(bytes, 1, sizeof(bytes), file), stderr);
	fclose(file);
}

static bool wait_for_socket(const struct subject *subject)
{
	const uint64_t until_ms = clock_ms() + START_MS;

	while (clock_ms() < until_ms) {
		static struct call call;
		const struct place place = {.socket = subject->socket, .token = ""};
		const enum ctl_exit how =
			call_open(&call, &place, "GET", "/readyz", "", NULL, clock_ms() + 1000);
		call_close(&call);
		if (how == CTL_OK && call.status == 200) {
			return true;
		}
		if (waitpid(subject->pid, NULL, WNOHANG) == subject->pid) {
			break;
		}
		pause_ms(20);
	}
	fprintf(stderr, "bench: aetherd does not serve; the end of its log:\n");
	print_log(subject);
	return false;
}

/* As the monitor hands it on (monitor/handed.h). */
static void hand_observer(void)
{
	struct fail fail;
	const int fd = observe_open("lo", &fail);
	char pid[16];

	if (fd < 0) {
		return;
	}
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (dup2(fd, HANDED_FD) == HANDED_FD && fcntl(HANDED_FD, F_SETFD, 0) == 0) {
		setenv("LISTEN_PID", pid, 1);
		setenv("LISTEN_FDS", "1", 1);
		setenv("LISTEN_FDNAMES", "observer.0", 1);
	}
}

bool subject_start(struct subject *subject, const char *program, const char *bundle)
{
	char path[128];

	snprintf(subject->folder, sizeof(subject->folder), "/tmp/aether-bench.XXXXXX");
	if (mkdtemp(subject->folder) == NULL) {
		perror("bench: mkdtemp");
		return false;
	}
	snprintf(subject->socket, sizeof(subject->socket), "%s/aether.sock", subject->folder);
	snprintf(subject->log, sizeof(subject->log), "%s/log", subject->folder);
	subject->people_port = (uint16_t)(PORT_FIRST + getpid() % PORT_COUNT);
	subject->node_port = (uint16_t)(subject->people_port + PORT_COUNT);
	if (!write_configuration(subject, bundle, path)) {
		perror("bench: aether.conf");
		return false;
	}
	subject->pid = fork();
	if (subject->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (subject->observes) {
			hand_observer();
		}
		/* Not "we": aetherd would have no standard error. */
		if (freopen(subject->log, "w", stderr) != NULL && freopen("/dev/null", "w", stdout) != NULL) {
			execl(program, program, "-c", path, (char *)NULL);
		}
		_exit(127);
	}
	return subject->pid > 0 && wait_for_socket(subject) && make_token(subject);
}

void subject_end(struct subject *subject)
{
	char command[128];
	const uint64_t until_ms = clock_ms() + END_MS;

	if (subject->pid > 0) {
		kill(subject->pid, SIGTERM);
		while (waitpid(subject->pid, NULL, WNOHANG) == 0) {
			if (clock_ms() > until_ms) {
				kill(subject->pid, SIGKILL);
			}
			pause_ms(20);
		}
	}
	snprintf(command, sizeof(command), "rm -rf '%s'", subject->folder);
	if (strncmp(subject->folder, "/tmp/aether-bench.", 18) == 0 && system(command) != 0) {
		fprintf(stderr, "bench: %s stays\n", subject->folder);
	}
}

double subject_cpu_s(const struct subject *subject, double *system_s)
{
	char path[64];
	char line[1024] = "";
	unsigned long user = 0;
	unsigned long system = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)subject->pid);
	FILE *file = fopen(path, "re");
	if (file != NULL) {
		const char *rest =
			fgets(line, sizeof(line), file) == NULL ? NULL : strrchr(line, ')');
		if (rest == NULL ||
		    sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
			   &system) != 2) {
			user = system = 0;
		}
		fclose(file);
	}
	if (system_s != NULL) {
		*system_s = (double)system / (double)sysconf(_SC_CLK_TCK);
	}
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

unsigned long subject_rss_kib(const struct subject *subject)
{
	char path[64];
	char line[256];
	unsigned long kib = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)subject->pid);
	FILE *file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL &&
	       sscanf(line, "VmRSS: %lu", &kib) != 1) {
	}
	if (file != NULL) {
		fclose(file);
	}
	return kib;
}

json_t *subject_ask(const struct subject *subject, const char *method, const char *path,
		    const char *body)
{
	static _Thread_local struct call call;
	const struct place place = {.socket = subject->socket, .token = ""};
	struct text text = {0};
	enum ctl_exit how =
		call_open(&call, &place, method, path, "", body, clock_ms() + ANSWER_MS);

	how = how == CTL_OK ? call_read_all(&call, &text) : how;
	json_t *json = how != CTL_OK	  ? NULL
		       : text.length == 0 ? json_object()
					  : json_loadb(text.bytes, text.length, 0, NULL);
	if (json == NULL || call.status >= 300) {
		fprintf(stderr, "bench: %s %s: %u %s%.300s\n", method, path, call.status, call.why,
			text.bytes == NULL ? "" : text.bytes);
		json_decref(json);
		json = NULL;
	}
	text_free(&text);
	return json;
}

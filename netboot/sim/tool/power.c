/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The power driver of the emulated nodes. A node that is on is a QEMU, whose monitor is node<N>.qmp in the simulation's
 * folder; one that is off has the file node<N>.off there and no QEMU. `inside` starts a QEMU again when that file is
 * gone; node<N>.on says so too, where off and on came so soon after each other that it saw neither.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sim/tool/tool.h"

enum { PATH_BYTES = 512, TIMEOUT_S = 5, START_MS = 10000, LINE_BYTES = 8192 };
static const char macs[] = "52:54:00:77:00:";

/* Reads until `mark` has come. */
static int expect(int fd, const char *mark)
{
	char text[LINE_BYTES];
	size_t length = 0;
	ssize_t count;

	while (length < sizeof(text) - 1 && (count = recv(fd, text + length, sizeof(text) - 1 - length, 0)) > 0) {
		length += (size_t)count;
		text[length] = '\0';
		if (strstr(text, mark) != NULL) {
			return 0;
		}
	}
	return -1;
}

static int say(int fd, const char *command)
{
	char text[128];
	const int length = snprintf(text, sizeof(text), "{\"execute\":\"%s\"}\n", command);

	return send(fd, text, (size_t)length, MSG_NOSIGNAL) == length ? expect(fd, "\"return\"") : -1;
}

/* A connection that takes commands; -1: there is no QEMU. */
static int open_qmp(const char *path)
{
	const int fd = tool_connect(path, TIMEOUT_S);

	if (fd >= 0 && (expect(fd, "\"QMP\"") < 0 || say(fd, "qmp_capabilities") < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
}

static int turn_off(const char *qmp, const char *off)
{
	const int mark = open(off, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	const int fd = open_qmp(qmp);

	if (mark < 0) {
		printf("cannot make %s: %s\n", off, strerror(errno));
		return 1;
	}
	close(mark);
	if (fd < 0) {
		return 0;
	}
	/* It answers, then it ends, and the connection with it. */
	say(fd, "quit");
	char byte;
	while (recv(fd, &byte, 1, 0) > 0) {
	}
	close(fd);
	return 0;
}

static int turn_on(const char *qmp, const char *off, const char *on)
{
	const int mark = open(on, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (mark < 0) {
		printf("cannot make %s: %s\n", on, strerror(errno));
		return 1;
	}
	close(mark);
	if (unlink(off) < 0 && errno != ENOENT) {
		printf("cannot remove %s: %s\n", off, strerror(errno));
		return 1;
	}
	for (int waited = 0; waited < START_MS; waited += 50) {
		const int fd = open_qmp(qmp);

		if (fd >= 0) {
			close(fd);
			unlink(on);
			return 0;
		}
		nap();
	}
	puts("its QEMU did not start: does the simulation still run?");
	return 1;
}

int tool_power(int argc, char **argv)
{
	char qmp[PATH_BYTES], off[PATH_BYTES], on[PATH_BYTES], *rest;

	if (argc != 3 || strncmp(argv[2], macs, strlen(macs)) != 0) {
		puts("no node of this simulation");
		return 2;
	}
	const long number = strtol(argv[2] + strlen(macs), &rest, 16);
	if (*rest != '\0' || number < 1 || number > 255) {
		puts("no node of this simulation");
		return 2;
	}
	/* Relative names: a socket's path has 107 bytes at most. */
	if (chdir(argv[0]) < 0) {
		printf("no simulation in %s\n", argv[0]);
		return 1;
	}
	snprintf(qmp, sizeof(qmp), "node%ld.qmp", number);
	snprintf(off, sizeof(off), "node%ld.off", number);
	snprintf(on, sizeof(on), "node%ld.on", number);
	if (strcmp(argv[1], "off") == 0) {
		return turn_off(qmp, off);
	}
	if (strcmp(argv[1], "on") == 0) {
		return turn_on(qmp, off, on);
	}
	const int fd = access(off, F_OK) == 0 ? -1 : open_qmp(qmp);
	if (strcmp(argv[1], "status") == 0) {
		puts(fd >= 0 ? "on" : "off");
		return 0;
	}
	if (strcmp(argv[1], "reset") != 0) {
		puts("status, on, off or reset");
		return 2;
	}
	if (fd < 0) {
		return turn_on(qmp, off, on);
	}
	if (say(fd, "system_reset") < 0) {
		puts("QEMU did not take the reset");
		return 1;
	}
	return 0;
}

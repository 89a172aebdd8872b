/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The aetherd that is measured: a process of its own in a folder of its own, spoken to as aetherctl does. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

void pause_ms(long ms);

struct subject {
	char folder[64], socket[96], log[96];
	uint16_t people_port, node_port;
	pid_t pid;
	bool observes; /* set before: it gets a packet socket on the loopback interface, if that may be opened */
	char token[160]; /* an API token */
};

/* Starts the program; `bundle` may be NULL. False: it was said on standard error. */
bool subject_start(struct subject *subject, const char *program, const char *bundle);
void subject_end(struct subject *subject);
/* CPU that it has used, in seconds; `system_s` (may be NULL): of it in the kernel. */
double subject_cpu_s(const struct subject *subject, double *system_s);
/* Its resident memory now. */
unsigned long subject_rss_kib(const struct subject *subject);
/* Over the Unix socket. NULL: it was said. The caller's to json_decref(); an answer without content is {}. */
json_t *subject_ask(const struct subject *subject, const char *method, const char *path, const char *body);

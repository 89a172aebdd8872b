/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A real aetherd and `count` virtual nodes that run and beat; one of them at a time. */
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "bench/controller/daemon.h"
#include "bench/controller/load.h"

struct fleet_bench {
	struct subject subject;
	struct beats beats;
	unsigned count;
	struct sockaddr_in http;
	char (*ids)[32]; /* by number */
	atomic_uint next_hello, hellos; /* how many were answered */
	unsigned hellos_end; /* of this turn */
};

/*
 * All run and beat. False: it was said on standard error; fleet_end() is due either way. `is_served`: guests echo, and
 * aetherd looks for DHCP on the loopback interface, if it may.
 */
bool fleet_begin(struct fleet_bench *bench, unsigned count, const char *program, const char *bundle, bool is_served);
void fleet_end(struct fleet_bench *bench);
/* How many are shown so; by the stage alone, which silence does not hide. */
unsigned fleet_count_of(const struct fleet_bench *bench, const char *state);
unsigned fleet_count_failed(const struct fleet_bench *bench);

/* `controller-bench serve`: a fleet for another program, told what to do on standard input (serve.c). */
/* Wall clock, microseconds, just before; 0: it may not. */
uint64_t serve_discover(unsigned number);
int serve(unsigned count, const char *program, const char *bundle);

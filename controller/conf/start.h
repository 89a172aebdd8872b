/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* How a program of ours begins: its command line, then the configuration that it names. */
#include "conf/conf.h"

struct start {
	const char *name; /* of the program, for sentences */
	const char *letters; /* of its options, for getopt(): some of c:dnvh; --help and --version are there always */
	const char *usage;
};

/* Negative: go on with *conf; else all was done or said (help, a check, a mistake), and the program ends with it. */
int start_read(const struct start *start, int argc, char **argv, struct conf *conf);

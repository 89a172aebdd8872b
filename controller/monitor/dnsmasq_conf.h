/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * dnsmasq keeps rights that aetherd has not, and aetherd writes its configuration: a line could have it run a program.
 * So dnsmasq is given a copy that was checked line by line, in memory that nobody can change.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/fail.h"

enum { DNSMASQ_CONF_MOST = 4 << 20 };

/* Every line is one that our provisioner writes: `script` is the one program that may run, files are below `state`. */
bool dnsmasq_conf_check(const char *text, size_t count, const char *script, const char *state, struct fail *fail);
/* The descriptor of a sealed copy of the file, at its start. -1: *fail. */
int dnsmasq_conf_copy(const char *path, const char *script, const char *state, struct fail *fail);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The monitor's loop. */
#include "base/fail.h"
#include "conf/conf.h"

/* Runs until SIGTERM or SIGINT. Returns the exit status; 1 with *fail when it did not begin. */
int monitor_run(const struct conf *conf, struct fail *fail);

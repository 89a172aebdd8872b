/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Calls of the C library that fail at will: a program linked with -Wl,--wrap=NAME for openat, write, pread, fchmod,
 * fsync and renameat has these before the real ones. Calls on standard error, and files opened to read, are not
 * counted.
 */
#include <stdbool.h>

enum io_fault { IO_FAIL, IO_SHORT, IO_DIE };

/* The n-th counted call from now (1 is the next) fails with `error`; with IO_SHORT a write() writes the half and every
 * one after it fails; with IO_DIE the process ends there, as kill -9 would end it. 0: none. */
void io_fail_at(unsigned n, enum io_fault fault, int error);
/* Counted calls since then; and each as a letter: o open to write, w write, r read, m mode, s sync, n rename. */
unsigned io_count(void);
const char *io_trace(void);
enum { IO_DIED = 77 }; /* the exit status of a process that IO_DIE ended */

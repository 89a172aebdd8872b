/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A fuzz target: one file that defines both of these. libFuzzer and replay.c call them. */
#include <stddef.h>
#include <stdint.h>

/* The folder of its inputs, from the root of the repository. */
extern const char fuzz_corpus[];

/* Of each file, when only replayed. */
extern const unsigned fuzz_mutations;

/* Must return 0 for every input, in bounded time, without a sanitizer's report. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

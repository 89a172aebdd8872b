/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The service's hypercalls on a small node (small_node.h), as its vCPU makes them, over every interruption. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/esr.h"
#include "small_node.h"

#define HVC ((uint64_t)ESR_EC_HVC64 << 26 | ESR_IL)
#define PC (AETHER_IPA_SERVICE + 0x104) /* behind the HVC */

/* The service's vCPU; of the node that runs now. */
extern struct vcpu *service;

/* After node_start(): the service has its CPU for the first time. */
void service_begin(void);
/* For cmocka: a node of two CPUs on which it has, and its end, with a console that takes all again. */
int service_setup(void **state);
int service_teardown(void **state);
/* It has its CPU, whoever ran there; asleep, it is woken as by an event. */
void service_bring(void);
/* One call to its end; x1 to x3 are the arguments, x4 to x7 as they stand. False: it sleeps. */
bool service_call_to_the_end(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3);
/* The same of a call that does not sleep: x0. */
int64_t service_call(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3);
/* One part of it, up to an interruption or the end of its slice: true if that was the end. */
bool service_call_part(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3);
/* The instance ends here, in the middle of whatever call, and the next one begins. */
void service_dies(void);

#define SERVICE_GUEST_BYTES (4 * MIB)
/* The same with x4 onwards. */
int64_t service_call_with(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3, const void *bytes, size_t count);
/* A guest, RUNNING, made by calls. */
struct vm *service_run_guest(void);
/* What it finds at an address of its own that it may read and not write. */
const void *service_window(uint64_t ipa);

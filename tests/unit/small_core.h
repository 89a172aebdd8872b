/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A fake core for the service's tests: it hands out VMs with memory on the heap, holds each to its state as abi/hvc.h
 * says, keeps records and the key over instances of the service, and plays a script of events. What is not allowed
 * fails the test.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/bootinfo.h"
#include "abi/hvc.h"
#include "abi/telemetry.h"
#include "service/hvcall.h"

enum {
	SMALL_CORE_CONSOLE_BYTES = 32768,
	SMALL_CORE_SCRIPT_MAX = 64,
	SMALL_CORE_SEED_BYTES = 8,
	SMALL_CORE_VMS = AETHER_STORE_FIRST + AETHER_STORE_MAX,
	SMALL_CORE_HZ = 1000000,
};

struct small_core_vm {
	enum aether_vm_state state;
	uint8_t *ram;
	uint64_t ram_bytes;
	uint32_t vcpu_count;
	uint64_t flags;
	uint64_t tag;
	uint32_t reason;
	unsigned int slices_left; /* of the long call in hand */
	uint64_t entry;
	uint64_t x0;
	unsigned int start_count;
	unsigned int stop_count; /* VM_STOP calls */
	unsigned int reset_count;
	uint8_t seed[SMALL_CORE_SEED_BYTES]; /* kaslr-seed at the last start */
};

struct small_core {
	struct small_core_vm vms[SMALL_CORE_VMS];
	char console[SMALL_CORE_CONSOLE_BYTES];
	size_t console_at;
	size_t console_at_first_start;
	unsigned int full_count; /* how often the console's ring is full */
	struct hvcall_event script[SMALL_CORE_SCRIPT_MAX]; /* events that are due, each told once */
	size_t script_count;
	size_t script_at;
	bool is_endless; /* a wait without an event ends at its deadline; else it is an error */
	bool is_obliging; /* a guest gets the number that it asks for, or the lowest */
	int64_t create_status; /* what every VM_CREATE answers, if not 0 */
	int64_t start_status;
	int64_t reset_status;
	unsigned int slices; /* in which a long call comes back with EAGAIN before it is over */
	uint64_t ticks;
	uint64_t asleep_ticks; /* spent in waits */
	unsigned int wait_count;
	unsigned int alive_count;
	struct hvcall_kept records[AETHER_KEEP_RECORDS];
	uint8_t key[HVCALL_KEY_BYTES];
	bool has_key;
	uint32_t instance;
	unsigned int off_count;
	uint32_t off_is_reset;
	unsigned int fail_count;
	unsigned int crash_done_count;
	unsigned int time_count;
	uint64_t time_ns;
	uint64_t time_ticks;
	struct aether_telemetry telemetry;
	struct aether_console_heads heads;
	uint8_t rings[AETHER_VM_MAX][AETHER_CONSOLE_RING_BYTES];
	uint8_t input[AETHER_VM_MAX][1024];
	uint64_t input_room; /* a guest takes no more than so many bytes in all */
	/* A test of instances that end: the call with this number (from 1) does not return to the service. */
	unsigned int call_count;
	unsigned int die_after; /* 0: never */
	void (*die)(void);
};

extern struct small_core core;

void small_core_reset(void); /* frees all */
/* A running guest stops: its event is due. */
void small_core_stop(uint32_t vm, uint32_t reason);
/* A guest writes to its console. */
void small_core_print(uint32_t vm, const char *text);
/* In `info` all that the service wants to know of a machine with one CPU. */
void small_core_info(struct aether_bootinfo *info);
void assert_console(const char *want);
void assert_console_has(const char *part);
unsigned int small_core_count(const char *part); /* how often it stands on the console */

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A node with a network card, its controller and its service, on the fake core and the fake network: what the tests of
 * the agent begin with.
 */
#include <stdbool.h>
#include <stdint.h>

#include "service/service.h"
#include "unit/small_core.h"
#include "unit/small_net.h"

/* Longer than a piece of work, and than a read of the fake server. */
enum { SMALL_AGENT_KERNEL_BYTES = 20000, SMALL_AGENT_INITRAMFS_BYTES = 5000, SMALL_AGENT_TURNS = 4000 };

/* A manifest that the controller serves, and the blobs of its guests. */
struct small_release {
	struct manifest manifest;
	uint8_t sha256[DIGEST_BYTES];
	uint8_t fdt[8192] __attribute__((aligned(8)));
	size_t fdt_bytes;
	uint8_t kernels[MANIFEST_GUEST_MAX][SMALL_AGENT_KERNEL_BYTES];
	uint8_t initramfs[SMALL_AGENT_INITRAMFS_BYTES];
	struct small_file *manifest_file;
	struct small_file *kernel_files[MANIFEST_GUEST_MAX];
	struct small_file *initramfs_file;
};

extern struct aether_bootinfo info;
extern struct service service;
extern const void *small_agent_trailer;
extern const uint8_t *small_agent_bundle;

/* cmocka's set-up and tear-down: a machine with a card and entropy, and a controller that approves. */
int small_agent_set_up(void **state);
int small_agent_tear_down(void **state);

/* A release of so many guests; `seed` makes its blobs differ from another's. It is served. */
void small_release_make(struct small_release *release, uint32_t guest_count, enum manifest_reset reset, uint8_t seed);
/* Gives it the hash and the form of release->manifest as it now is. */
void small_release_seal(struct small_release *release);
void small_release_serve(struct small_release *release);

void small_agent_start(void);
/* The service ends and a new instance begins; the core and the network are as they were. */
void small_agent_restart(void);
/* Turns of the loop. */
void small_agent_turns(unsigned int count);
/* Turns until the time has passed, in milliseconds of the fake's clock. */
void small_agent_pass(uint32_t ms);
/* Turns until the beats say so; fails after too many. */
void small_agent_until(uint32_t slot, enum wire_guest_state state);

/* The controller wants something of a slot, with the next generation. */
void small_agent_want(uint32_t slot, enum ack_want want, const struct small_release *release, uint32_t restart);
/* The VM that the slot's guest has. */
struct small_core_vm *small_agent_vm(uint32_t slot);
/* The slot's guest runs with exactly the release's blobs in its memory. */
void assert_loaded(uint32_t slot, const struct small_release *release, uint32_t place);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How a test ends the service (abi/chaos.h): in a build for simulation alone. Elsewhere there is nothing behind these
 * names.
 */
#include <stdbool.h>
#include <stdint.h>

#include "abi/hvc.h"
#include "core/vcpu.h"

#ifdef AETHER_SIMULATION
void chaos_init(void);
/* Ticks at which chaos_check() has something to do; ~0: never. */
uint64_t chaos_deadline(void);
void chaos_check(uint64_t now);
/* A schedule goes on: deaths are a test's, and no reason for back-off. */
bool chaos_is_running(void);
/* An instance of the service has died, of whatever; the next one is entered. */
void chaos_died(void);
void chaos_entered(uint64_t now);
/* AETHER_HVC_CHAOS. */
enum exit_action chaos_call(struct vcpu *vcpu);
/* At the entry and exit of the service's hypercall `call`: true if the service has just been ended there. */
bool chaos_at_call(uint64_t call, bool is_entry);
#else
static inline void chaos_init(void)
{
}

static inline uint64_t chaos_deadline(void)
{
	return UINT64_MAX;
}

static inline void chaos_check(uint64_t now)
{
	(void)now;
}

static inline bool chaos_is_running(void)
{
	return false;
}

static inline void chaos_died(void)
{
}

static inline void chaos_entered(uint64_t now)
{
	(void)now;
}

static inline enum exit_action chaos_call(struct vcpu *vcpu)
{
	vcpu->x[0] = (uint64_t)AETHER_ENOSYS;
	return EXIT_RESUME;
}

static inline bool chaos_at_call(uint64_t call, bool is_entry)
{
	(void)call;
	(void)is_entry;
	return false;
}
#endif

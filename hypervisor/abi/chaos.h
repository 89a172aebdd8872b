/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How a test ends the service, in a build for simulation only (make SIMULATION=1). The schedule is the core's, so it
 * goes on over the instances that it ends.
 *
 * AETHER_HVC_CHAOS: x1 seed, x2 how many times, x3 mean microseconds between two, x4 mask of kinds (bit n: kind n).
 * With the mask 1 << AETHER_CHAOS_SWEEP, or STEPS, x1 is the number of the first step and x3 one step in ticks of the
 * service's own time on its CPU, calls included. Where an emulator counts instructions, they are instructions.
 * A schedule that runs is not replaced: then the call does nothing; x2 0 ends it. -> x1 how many are left.
 */
enum aether_chaos {
	AETHER_CHAOS_KILL = 0, /* ended at a random instant */
	AETHER_CHAOS_CALL_ENTRY = 1, /* at the entry of a hypercall, each number in turn */
	AETHER_CHAOS_CALL_EXIT = 2, /* after one, before its result is seen */
	AETHER_CHAOS_FAULT = 3, /* from here on by the service's own hand, at a random instant: undefined instruction */
	AETHER_CHAOS_LOOP = 4, /* never calls again */
	AETHER_CHAOS_STACK = 5, /* endless recursion */
	AETHER_CHAOS_HEAP = 6, /* its writable memory overwritten, then on as if nothing had been */
	AETHER_CHAOS_COUNT = 7, /* of those that are drawn */
	AETHER_CHAOS_SWEEP = 7, /* ended so many steps from its entry, each instance one later */
	AETHER_CHAOS_STEPS = 8, /* the same from its first AETHER_HVC_CHAOS */
	AETHER_CHAOS_KINDS = 9,
};

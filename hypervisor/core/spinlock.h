/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A test-and-set lock. Not a ticket lock, although that is fair: where this machine's CPUs are threads of an
 * emulator and fewer cores serve them, each hand-over of a ticket waits for one certain thread to be scheduled,
 * and the node crawls. At
 * most AETHER_PCPU_MAX CPUs contend, each holds a lock for some hundred instructions, and a waiter spins on its
 * own cache line. The core runs with interrupts masked, so a holder is never descheduled by the core itself.
 *
 * Order, where two are held: vuart before vgic or console; vrtc before vgic or the wall clock. All others are taken
 * alone.
 */
#include <stdatomic.h>
#include <stdint.h>

struct spinlock {
	_Atomic uint32_t is_held;
};

static inline void spin_lock(struct spinlock *lock)
{
	/* Acquire: what the last holder wrote is seen before anything the new holder reads. */
	while (__builtin_expect(atomic_exchange_explicit(&lock->is_held, 1, memory_order_acquire) != 0, 0)) {
		while (atomic_load_explicit(&lock->is_held, memory_order_relaxed) != 0) {
#if defined(__aarch64__)
			__asm__ volatile("yield" ::: "memory");
#endif
		}
	}
}

static inline void spin_unlock(struct spinlock *lock)
{
	/* Release: everything written under the lock is seen by whoever takes it next. */
	atomic_store_explicit(&lock->is_held, 0, memory_order_release);
}

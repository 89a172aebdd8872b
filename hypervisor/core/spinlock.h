/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A ticket lock: waiters are served in order, so no CPU can starve another. The core runs with interrupts
 * masked, so a holder is never descheduled. Lock order (take left before right):
 *
 *     vm lifecycle -> sched -> vgic -> pages -> console
 */
#include <stdatomic.h>
#include <stdint.h>

struct spinlock {
	_Atomic uint16_t next;
	_Atomic uint16_t owner;
};

static inline void spin_lock(struct spinlock *lock)
{
	const uint16_t ticket = atomic_fetch_add_explicit(&lock->next, 1, memory_order_relaxed);
	/* Acquire: what the last holder wrote is seen before anything the new holder reads. */
	while (atomic_load_explicit(&lock->owner, memory_order_acquire) != ticket) {
#if defined(__aarch64__)
		__asm__ volatile("yield" ::: "memory");
#endif
	}
}

static inline void spin_unlock(struct spinlock *lock)
{
	const uint16_t owner = atomic_load_explicit(&lock->owner, memory_order_relaxed);
	/* Release: everything written under the lock is seen by whoever takes it next. */
	atomic_store_explicit(&lock->owner, (uint16_t)(owner + 1), memory_order_release);
}

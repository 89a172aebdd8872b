/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A ring of the last events per CPU, always on: who left a guest, why, and what the core did. Writing one costs a few
 * stores; nothing reads it but a debugger and the crash record.
 */
#include <stdint.h>

#define TRACE_ENTRIES 256u

/* X(symbol, words, name of a, name of b). A record may be read by a later build: new ones at the end. */
#define TRACE_EVENTS(X)                                                                            \
	X(EXIT, "exit", "esr", "pc")                                                               \
	X(IRQ, "interrupt", "intid", "pc")                                                         \
	X(SWITCH, "switch", "from", "to")                                                          \
	X(VM, "vm state", "vm", "state")                                                            \
	X(SERVICE_DIED, "service died", "cause", "pc")                                             \
	X(SERVICE_ENTERED, "service entered", "instance", "update")                               \
	X(SERVICE_THROTTLED, "service throttled", "taken", "times")

enum trace_event {
#define X(symbol, words, a, b) TRACE_##symbol,
	TRACE_EVENTS(X)
#undef X
};

struct trace_entry {
	uint64_t ticks;
	uint64_t who; /* event << 32 | VM << 8 | vCPU */
	uint64_t a;
	uint64_t b;
};

struct trace_ring {
	uint64_t next; /* byte offset of the entry to be written next */
	struct trace_entry entries[TRACE_ENTRIES];
};

/* When the newest entry was written: the exit in hand. */
static inline uint64_t trace_last_ticks(const struct trace_ring *ring)
{
	const uint64_t last = (ring->next - sizeof(struct trace_entry)) & (sizeof(ring->entries) - 1);
	return ring->entries[last / sizeof(struct trace_entry)].ticks;
}

static inline struct trace_entry *trace_write(struct trace_ring *ring, enum trace_event event, uint64_t ticks,
					      uint64_t who, uint64_t a, uint64_t b)
{
	struct trace_entry *entry = (struct trace_entry *)((char *)ring->entries + ring->next);
	ring->next = (ring->next + sizeof(*entry)) & (sizeof(ring->entries) - 1);
	entry->ticks = ticks;
	entry->who = ((uint64_t)event << 32) | who;
	entry->a = a;
	entry->b = b;
	return entry;
}

/* What happens within an exit stands at the exit's own time: the longest stretch in the core is measured from there. */
static inline void trace_note(struct trace_ring *ring, enum trace_event event, uint64_t who, uint64_t a, uint64_t b)
{
	(void)trace_write(ring, event, trace_last_ticks(ring), who, a, b);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From counters to rates. A series is not in every beat: its rate holds until it comes again. All that a node
 * counts is its own claim, and can be any number: rates are bounded where they are kept (fleet/ring.h).
 */
#include <stdlib.h>
#include <string.h>

#include "fleet/own.h"

static const double pages_per_mib = 256;
enum owner { OWNER_DIRTY = 1, OWNER_FREE, OWNER_CORE, OWNER_SERVICE, OWNER_DMA, OWNER_LOADING, OWNER_VM };

static float rate(uint64_t before, uint64_t now, uint64_t us)
{
	return us == 0 ? 0 : (float)((double)(now - before) * 1e6 / (double)us);
}

static void take_cpu(struct node_readings *r, const struct beat_counters *old, unsigned i, uint64_t us)
{
	const struct beat_cpu *a = &old->cpus[i];
	const struct beat_cpu *b = &r->track.total.cpus[i];

	r->cpu[i][0] = rate(a->guest_us, b->guest_us, us) / 1e6f;
	r->cpu[i][1] = rate(a->service_us, b->service_us, us) / 1e6f;
	r->cpu[i][2] = rate(a->core_us, b->core_us, us) / 1e6f;
	r->irq[i] = rate(a->interrupts, b->interrupts, us);
}

static void take_vm(struct node_readings *r, const struct beat_counters *old, unsigned i, uint64_t us)
{
	const struct beat_vm *a = &old->vms[i];
	const struct beat_vm *b = &r->track.total.vms[i];

	r->vm_cpu[i] = rate(a->guest_us, b->guest_us, us) / 1e6f;
	for (unsigned cause = 0; cause < BEAT_EXIT_CAUSES; cause++) {
		r->vm_exits[i][cause] = rate(a->exits[cause], b->exits[cause], us);
	}
}

static void take_nic(struct node_readings *r, const struct beat_counters *old, uint64_t us)
{
	const struct beat_nic *a = &old->nic;
	const struct beat_nic *b = &r->track.total.nic;

	r->now.rx_bps = 8 * (double)rate(a->rx_bytes, b->rx_bytes, us);
	r->now.tx_bps = 8 * (double)rate(a->tx_bytes, b->tx_bytes, us);
	r->now.rx_drop = (double)rate(a->rx_dropped, b->rx_dropped, us);
}

/*
 * What is dirty is free, too: it is cleaned before it is given to anybody. The core's pages are those that it took from
 * the pool, beside its image and the tables, which the hello told.
 */
static void take_memory(struct node_readings *r, const struct node *node)
{
	const uint64_t *pages = r->track.total.memory.pages;

	r->now.memory_free = ((double)pages[OWNER_DIRTY] + (double)pages[OWNER_FREE]) / pages_per_mib;
	r->now.memory_core = (double)node->core_mib + (double)pages[OWNER_CORE] / pages_per_mib;
	r->now.memory_service = ((double)pages[OWNER_SERVICE] + (double)pages[OWNER_DMA]) / pages_per_mib;
	r->now.memory_guest = ((double)pages[OWNER_LOADING] + (double)pages[OWNER_VM]) / pages_per_mib;
}

static void take_series(const struct node *node, const struct beat_counters *old, uint32_t series, uint64_t us)
{
	struct node_readings *r = node->readings;

	if (series < BEAT_VM_0) {
		take_cpu(r, old, series - BEAT_CPU_0, us);
	} else if (series < BEAT_RELEASE_0) {
		take_vm(r, old, series - BEAT_VM_0, us);
	} else if (series == BEAT_NIC) {
		take_nic(r, old, us);
	} else if (series == BEAT_MEMORY) {
		take_memory(r, node);
	}
}

static void sum_up(struct node_readings *r, unsigned cpu_count)
{
	const float cpus = cpu_count == 0 ? 1.0f : (float)cpu_count;
	struct ring_reading *now = &r->now;

	now->cpu_guest = now->cpu_service = now->cpu_core = 0;
	now->irq = now->exits = 0;
	for (unsigned i = 0; i < cpu_count && i < WIRE_CPU_MAX; i++) {
		now->cpu_guest += r->cpu[i][0] / cpus;
		now->cpu_service += r->cpu[i][1] / cpus;
		now->cpu_core += r->cpu[i][2] / cpus;
		now->irq += (double)r->irq[i];
	}
	const float busy = now->cpu_guest + now->cpu_service + now->cpu_core;

	now->cpu_idle = busy < 1 ? 1 - busy : 0;
	memset(r->exits, 0, sizeof(r->exits));
	for (unsigned i = 0; i < WIRE_GUEST_MAX; i++) {
		now->guests[i] = r->vm_cpu[i];
		for (unsigned cause = 0; cause < BEAT_EXIT_CAUSES; cause++) {
			r->exits[cause] += r->vm_exits[i][cause];
		}
	}
	for (unsigned cause = 0; cause < BEAT_EXIT_CAUSES; cause++) {
		now->exits += (double)r->exits[cause];
	}
	memcpy(now->causes, r->exits, sizeof(now->causes));
}

/* Beats have jitter: one that came a little after the second's end stands for both. */
static void keep(struct node_readings *r, int64_t second)
{
	if (r->ring.rows != NULL && second == r->ring.newest_s) {
		return;
	}
	if (r->ring.rows != NULL && second == r->ring.newest_s + 2) {
		(void)ring_put(&r->ring, second - 1, &r->now);
	}
	(void)ring_put(&r->ring, second, &r->now);
}

/* The totals that take_series() will want of before the beat: a few lines of memory instead of all. */
static void copy_old(struct beat_counters *old, const struct beat_counters *total, uint32_t present)
{
	for (uint32_t i = 0; i < WIRE_CPU_MAX; i++) {
		if ((present & BEAT_BIT(BEAT_CPU_0 + i)) != 0) {
			old->cpus[i] = total->cpus[i];
		}
	}
	for (uint32_t i = 0; i < WIRE_GUEST_MAX; i++) {
		if ((present & BEAT_BIT(BEAT_VM_0 + i)) != 0) {
			old->vms[i] = total->vms[i];
		}
	}
	old->nic = total->nic;
}

void rates_take(struct node *node, const struct beat *beat, uint64_t now_ms, int64_t wall_ms)
{
	struct node_readings *r = node->readings;

	if (r == NULL) {
		r = node->readings = calloc(1, sizeof(*r));
	}
	if (r == NULL) {
		return;
	}
	const uint32_t seen = r->track.seen;
	uint64_t uptime_us[BEAT_SERIES_COUNT];
	struct beat_counters old;

	copy_old(&old, &r->track.total, beat->present);
	memcpy(uptime_us, r->track.uptime_us, sizeof(uptime_us));
	if (!beat_track_add(&r->track, beat)) {
		return;
	}
	for (uint32_t series = 0; series < BEAT_SERIES_COUNT; series++) {
		const bool is_first = (seen & BEAT_BIT(series)) == 0;

		if ((beat->present & BEAT_BIT(series)) == 0) {
			continue;
		}
		/* The first reading counts from the boot on: a mean of all that time, not what is now. */
		take_series(node, is_first ? &r->track.total : &old, series,
			    is_first ? 0 : beat->uptime_us - uptime_us[series]);
	}
	sum_up(r, beat->cpu_count);
	keep(r, wall_ms / 1000);
	r->kept_ms = now_ms;
}

void rates_free(struct node *node)
{
	if (node->readings != NULL) {
		ring_free(&node->readings->ring);
		free(node->readings);
		node->readings = NULL;
	}
}

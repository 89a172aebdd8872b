/* SPDX-License-Identifier: Apache-2.0 */
/* A heartbeat: what the core measured, and how the guests stand. Sent once a second for as long as the node is up, so
 * nothing here loops over more than the machine has. */
#include <string.h>

#include "abi/hvc.h"
#include "abi/telemetry.h"
#include "service/agent.h"
#include "service/clock.h"
#include "service/hvcall.h"
#include "service/log.h"

static void fill_cpus(const struct agent *agent, const struct aether_telemetry *page, struct beat *beat)
{
	const uint64_t hz = agent->info->counter_hz;

	for (uint32_t i = 0; i < beat->cpu_count; i++) {
		const struct aether_telemetry_cpu *from = &page->cpus[i];
		beat->counters.cpus[i] = (struct beat_cpu){
			.guest_us = clock_us(from->guest_ticks, hz),
			.service_us = clock_us(from->service_ticks, hz),
			.core_us = clock_us(from->core_ticks, hz),
			.idle_us = clock_us(from->idle_ticks, hz),
			.interrupts = from->interrupts,
			.longest_ns = clock_ns(from->longest_ticks, hz),
		};
		beat->present |= BEAT_BIT(BEAT_CPU_0 + i);
	}
}

static void fill_vm(const struct agent *agent, const struct aether_telemetry_vm *from, uint64_t lives,
		    struct beat_vm *vm)
{
	const uint64_t hz = agent->info->counter_hz;

	vm->lives = lives;
	vm->guest_us = clock_us(from->guest_ticks, hz);
	vm->stolen_us = clock_us(from->stolen_ticks, hz);
	vm->interrupts = from->interrupts;
	vm->ram_mib = from->ram_bytes >> 20;
	for (uint32_t i = 0; i < AETHER_EXIT_COUNT; i++) {
		vm->exits[i] = from->exits[i];
		vm->exit_us[i] = clock_us(from->exit_ticks[i], hz);
	}
}

static void fill_guests(const struct agent *agent, const struct aether_telemetry *page, struct beat *beat)
{
	const volatile struct aether_console_heads *heads = hvcall_console_heads();

	for (uint32_t i = 0; i < WIRE_GUEST_MAX; i++) {
		const struct guest *guest = &agent->guests->slots[i];
		const uint32_t console = guests_console(agent->guests, i);
		guests_report(agent->guests, i, &beat->guests[i]);
		beat->counters.console.output[i] = heads->head[console];
		beat->counters.console.input[i] = heads->input_due[console];
		if (!guest->has_vm || guest->vm >= AETHER_VM_MAX) {
			continue;
		}
		if (page->vms[guest->vm].state == AETHER_VM_PAUSED) {
			beat->guests[i].state = WIRE_GUEST_PAUSED;
		}
		fill_vm(agent, &page->vms[guest->vm], guest->wish.lives, &beat->counters.vms[i]);
		memcpy(beat->counters.releases[i].manifest, guest->manifest, sizeof(guest->manifest));
		beat->present |= BEAT_BIT(BEAT_VM_0 + i) | BEAT_BIT(BEAT_RELEASE_0 + i);
	}
}

static void fill_network(const struct aether_telemetry *page, struct beat_nic *nic, struct beat_service *service)
{
	static struct net_counters net;

	net_counters(&net);
	*nic = (struct beat_nic){
		.rx_frames = net.nic.rx_frames,
		.rx_bytes = net.nic.rx_bytes,
		.tx_frames = net.nic.tx_frames,
		.tx_bytes = net.nic.tx_bytes,
		.rx_dropped = net.nic.rx_bad_length + net.drops[NET_DROP_MEMORY],
		.tx_dropped = net.nic.tx_full + net.nic.tx_bad_length,
		.bad = net.nic.device_errors,
		.refused = page->nic_refused,
		.interrupts = page->nic_interrupts,
	};
	for (uint32_t i = 0; i < net.pool_count && i < NET_POOL_MAX; i++) {
		service->exhausted += net.pools[i].exhausted;
	}
}

static void fill_service(struct agent *agent, const struct aether_telemetry *page, struct beat_service *service)
{
	service->restarts = page->restarts;
	service->restart_cause = agent->info->restart_cause;
	service->restart_us = agent->restart_us;
	service->throttled = page->service_throttled;
	service->steal_longest_ns = page->steal_longest_ns;
	service->steal_window_ns = page->steal_window_ns;
	service->bad_tags = agent->drops.bad_tags;
	service->replays = agent->drops.replays;
	service->malformed = agent->drops.malformed;
	service->http_failures = agent->guests->http_retries;
	service->console_lost = agent->console_lost;
}

static uint8_t flags_of(const struct agent *agent, bool is_answer)
{
	uint8_t flags = is_answer ? BEAT_ANSWER : 0;

	flags |= guests_is_waiting(agent->guests) ? BEAT_WAITS : 0;
	flags |= agent->info->crash_bytes != 0 && !agent->node.is_crash_taken ? BEAT_HAS_CRASH : 0;
	flags |= agent->info->is_simulation ? BEAT_SIMULATION : 0;
	return flags;
}

static void fill(struct agent *agent, const struct aether_telemetry *page, uint64_t now, bool is_answer,
		 struct beat *beat)
{
	const struct aether_bootinfo *info = agent->info;

	memset(beat, 0, sizeof(*beat));
	beat->boot_id = info->boot_id;
	beat->instance = info->instance;
	beat->sequence = agent->sequence;
	memcpy(beat->mac, agent->mac, sizeof(beat->mac));
	beat->flags = flags_of(agent, is_answer);
	beat->cpu_count = (uint8_t)(info->cpu_count < WIRE_CPU_MAX ? info->cpu_count : WIRE_CPU_MAX);
	beat->uptime_us = clock_us(now - info->entry_ticks, info->counter_hz);
	beat->heard_sequence = agent->replay.highest;
	beat->node_generation = agent->node.generation;
	beat->dropped = (uint32_t)(agent->drops.bad_tags + agent->drops.replays + agent->drops.malformed);
	beat->counters.exit_causes = AETHER_EXIT_COUNT;
	fill_cpus(agent, page, beat);
	fill_guests(agent, page, beat);
	memcpy(beat->counters.memory.pages, page->pages, sizeof(page->pages));
	memcpy(beat->counters.steal.buckets, page->steal, sizeof(page->steal));
	fill_network(page, &beat->counters.nic, &beat->counters.service);
	fill_service(agent, page, &beat->counters.service);
	beat->present |= BEAT_BIT(BEAT_MEMORY) | BEAT_BIT(BEAT_NIC) | BEAT_BIT(BEAT_SERVICE) | BEAT_BIT(BEAT_STEAL) |
			 BEAT_BIT(BEAT_CONSOLE);
}

void agent_beat(struct agent *agent, uint64_t now, bool is_answer)
{
	static struct beat beat;
	uint8_t bytes[BEAT_MAX_BYTES];
	const uint64_t interval = clock_ticks(agent->node.interval_ms, agent->info->counter_hz);

	if (agent->sequence == 0 && agent->info->restart_ticks != 0 && now > agent->info->restart_ticks) {
		agent->restart_us = clock_us(now - agent->info->restart_ticks, agent->info->counter_hz);
		beat_rotation_want(&agent->rotation, BEAT_BIT(BEAT_SERVICE));
	}
	(void)hvcall_telemetry();
	agent->sequence++;
	fill(agent, hvcall_telemetry_page(), now, is_answer, &beat);
	const size_t size = beat_encode(&beat, &agent->rotation, bytes, sizeof(bytes));
	if (size != 0) {
		seal_put(&agent->key, bytes, size);
		(void)net_udp_send(agent->controller.address, agent->node.udp_port, bytes, size);
	}
	for (uint32_t i = 0; i < WIRE_GUEST_MAX; i++) {
		agent->told_states[i] = beat.guests[i].state;
	}
	agent->is_beat_due = false;
	agent->last_beat = now;
	log_line(LOG_DEBUG, "agent: beat %llu took %llu ticks", (unsigned long long)agent->sequence,
		 (unsigned long long)(hvcall_ticks() - now));
	/* In step with the interval, not with this beat; after a long pause from now on. */
	if (now >= agent->next_beat) {
		agent->next_beat += interval;
		if (agent->next_beat <= now) {
			agent->next_beat = now + interval;
		}
	}
}

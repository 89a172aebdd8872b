/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/peer/status.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/peer/event.h"

#define TEXT_BYTES 8192u

const char *status_who(const struct node *node, unsigned slot, char *text, size_t size)
{
	(void)snprintf(text, size, "node=%s vm=%u", node->name, slot);
	return text;
}

static bool is_guest_same(const struct beat_guest *a, const struct beat_guest *b)
{
	return a->state == b->state && a->reason == b->reason && a->percent == b->percent &&
	       a->generation == b->generation && a->restart_generation == b->restart_generation &&
	       a->restarts == b->restarts;
}

void status_tell_beat(const struct node *node, const struct beat *beat)
{
	const bool is_first = node->beats <= 1 || node->beat.sequence == 0;

	if (is_first || ((node->beat.flags ^ beat->flags) & ~BEAT_ANSWER) != 0) {
		event("beat node=%s instance=%u%s%s%s uptime-ms=%llu", node->name, beat->instance,
		      (beat->flags & BEAT_WAITS) != 0 ? " waits" : "",
		      (beat->flags & BEAT_HAS_CRASH) != 0 ? " has-crash" : "",
		      (beat->flags & BEAT_SIMULATION) != 0 ? " simulation" : "",
		      (unsigned long long)(beat->uptime_us / 1000u));
	}
	/* The first beat of an instance that took over says how long that took. */
	if (beat->instance > 1 && beat->instance != node->beat.instance &&
	    (beat->present & BEAT_BIT(BEAT_SERVICE)) != 0) {
		event("restart node=%s instance=%u cause=%llu us=%llu", node->name, beat->instance,
		      (unsigned long long)beat->counters.service.restart_cause,
		      (unsigned long long)beat->counters.service.restart_us);
	}
	for (unsigned slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		const struct beat_guest *guest = &beat->guests[slot];

		if ((is_first && guest->state != WIRE_GUEST_EMPTY) ||
		    !is_guest_same(guest, &node->beat.guests[slot])) {
			event("guest node=%s vm=%u state=\"%s\" reason=\"%s\" percent=%u generation=%u restart=%u "
			      "restarts=%u",
			      node->name, slot, wire_guest_state_text(guest->state),
			      wire_guest_reason_text(guest->reason), guest->percent, guest->generation,
			      guest->restart_generation, guest->restarts);
		}
	}
}

struct text {
	char *text;
	size_t size;
	size_t at;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *to, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	const int count = vsnprintf(to->text + to->at, to->size - to->at, format, args);
	va_end(args);
	to->at += count < 0 ? 0 : (size_t)count < to->size - to->at ? (size_t)count : to->size - to->at - 1;
}

static void put_u64(struct text *to, const char *name, uint64_t value)
{
	put(to, "%s=%llu\n", name, (unsigned long long)value);
}

static void put_guest(struct text *to, const struct node *node, unsigned slot)
{
	const struct beat_guest *guest = &node->beat.guests[slot];
	const struct console *console = &node->consoles[slot];
	char hash[2 * SHA256_BYTES + 1];

	put(to, "vm%u.state=%s\nvm%u.reason=%s\n", slot, wire_guest_state_text(guest->state), slot,
	    wire_guest_reason_text(guest->reason));
	put(to, "vm%u.percent=%u\nvm%u.generation=%u\nvm%u.restart=%u\nvm%u.restarts=%u\n", slot, guest->percent, slot,
	    guest->generation, slot, guest->restart_generation, slot, guest->restarts);
	put(to, "vm%u.wanted-generation=%u\nvm%u.wanted-restart=%u\n", slot, node->guests[slot].generation, slot,
	    node->guests[slot].restart_generation);
	put(to, "vm%u.wanted-manifest=%s\n", slot, hex_print(node->guests[slot].manifest, SHA256_BYTES, hash));
	put(to, "vm%u.runs-manifest=%s\n", slot,
	    hex_print(node->track.last.releases[slot].manifest, SHA256_BYTES, hash));
	put(to, "vm%u.console.have=%llu\nvm%u.console.head=%llu\n", slot, (unsigned long long)console->have, slot,
	    (unsigned long long)console->head);
	put(to, "vm%u.console.holes=%llu\nvm%u.console.repeated=%llu\nvm%u.console.differing=%llu\n", slot,
	    (unsigned long long)console->holes, slot, (unsigned long long)console->repeated, slot,
	    (unsigned long long)console->differing);
	put(to, "vm%u.input.due=%llu\nvm%u.input.left=%zu\n", slot, (unsigned long long)console->input_due, slot,
	    console->input_bytes);
}

static void put_counters(struct text *to, const struct node *node)
{
	const struct beat_service *service = &node->track.last.service;
	const struct beat_nic *nic = &node->track.last.nic;

	put_u64(to, "service.restarts", service->restarts);
	put_u64(to, "service.restart-cause", service->restart_cause);
	put_u64(to, "service.restart-us", service->restart_us);
	put_u64(to, "service.throttled", service->throttled);
	put_u64(to, "service.steal-longest-ns", service->steal_longest_ns);
	put_u64(to, "service.steal-window-ns", service->steal_window_ns);
	put_u64(to, "service.bad-tags", service->bad_tags);
	put_u64(to, "service.replays", service->replays);
	put_u64(to, "service.malformed", service->malformed);
	put_u64(to, "service.exhausted", service->exhausted);
	put_u64(to, "service.http-failures", service->http_failures);
	put_u64(to, "service.console-lost", service->console_lost);
	put_u64(to, "nic.rx-frames", nic->rx_frames);
	put_u64(to, "nic.tx-frames", nic->tx_frames);
	put_u64(to, "nic.rx-dropped", nic->rx_dropped);
	put_u64(to, "nic.bad", nic->bad);
	put_u64(to, "nic.refused", nic->refused);
}

size_t status_text(const struct node *node, char *text, size_t size)
{
	static const char *const states[] = {"pending", "approved", "rejected"};
	struct text to = {.text = text, .size = size};
	const struct hello *hello = &node->hello;

	put(&to, "node=%s\nstate=%s\n", node->name, states[node->state]);
	put(&to, "boot=%016llx\nboots=%u\nhellos=%u\n", (unsigned long long)hello->boot_id, node->boots, node->hellos);
	put(&to, "board=%s\nserial=%s\ncpus=%u\ngic=%u\nversion=%s\n", hello->board, hello->serial, hello->cpu_count,
	    hello->gic_version, hello->core_version);
	for (uint32_t i = 0; i < hello->stage_count; i++) {
		if (hello->stage_us[i] != HELLO_TIME_UNKNOWN) {
			put(&to, "stage%u-us=%llu\n", i, (unsigned long long)hello->stage_us[i]);
		}
	}
	if (node->has_address) {
		put(&to, "address=%s:%u\n", inet_ntoa(node->address.sin_addr), ntohs(node->address.sin_port));
	}
	put_u64(&to, "instance", node->key_instance);
	put_u64(&to, "beats", node->beats);
	put_u64(&to, "beat-ms", node->beat_ms);
	put_u64(&to, "sequence", node->beat.sequence);
	put_u64(&to, "heard", node->beat.heard_sequence);
	put_u64(&to, "said", node->sequence);
	put_u64(&to, "repeated", node->repeated);
	put_u64(&to, "uptime-us", node->beat.uptime_us);
	put_u64(&to, "generation", node->beat.node_generation);
	put_u64(&to, "wanted-generation", node->want.generation);
	put_u64(&to, "waits", (node->beat.flags & BEAT_WAITS) != 0);
	put_u64(&to, "dropped", node->beat.dropped);
	put_counters(&to, node);
	for (unsigned slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		put_guest(&to, node, slot);
	}
	return to.at;
}

static void write_one(const struct nodes *nodes, struct node *node)
{
	static char text[TEXT_BYTES];
	char path[512];
	char temporary[520];

	const size_t count = status_text(node, text, sizeof(text));
	(void)snprintf(path, sizeof(path), "%s/%s.status", nodes->folder, node->name);
	(void)snprintf(temporary, sizeof(temporary), "%s.new", path);
	FILE *file = fopen(temporary, "we");
	const bool is_written = file != NULL && fwrite(text, 1, count, file) == count;
	if (file == NULL || fclose(file) != 0 || !is_written || rename(temporary, path) < 0) {
		event("error %s: %s", path, strerror(errno));
	}
	node->is_told = true;
}

void status_write(struct nodes *nodes, int *wait_ms)
{
	static uint64_t next_ms;

	if (nodes->folder == NULL) {
		return;
	}
	const uint64_t now = now_ms();
	bool is_due = false;

	for (size_t i = 0; i < NODES_MAX; i++) {
		struct node *node = &nodes->nodes[i];

		if (node->name[0] == '\0' || node->is_told) {
			continue;
		}
		is_due = true;
		if (now >= next_ms) {
			write_one(nodes, node);
		}
	}
	if (is_due && now >= next_ms) {
		next_ms = now + STATUS_MS;
	} else if (is_due) {
		const int wait = (int)(next_ms - now);

		*wait_ms = wait < *wait_ms ? wait : *wait_ms;
	}
}

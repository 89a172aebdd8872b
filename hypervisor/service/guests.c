/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides, for each slot, the next step from what is there to what is wanted (the diagram is in guests.h).
 *
 * Invariants: (1) a guest is started only after every blob of it was hashed where it lies or, in the bundle, which
 * nobody can write, by this instance. (2) A wish is in the core's records before it is carried out, and a guest's end
 * before its VM is destroyed; so an instance that takes over goes on, and starts nothing twice. (3) No guest that is
 * damaged, too large or ended keeps another from running.
 */
#include "service/guests.h"

#include <string.h>

#include "abi/diag.h"
#include "abi/hvc.h"
#include "lib/addr.h"
#include "service/clock.h"
#include "service/guest_vm.h"
#include "service/guest_want.h"
#include "service/hvcall.h"
#include "service/log.h"

enum { RETRY_FIRST_MS = 1000, RETRY_MAX_MS = 30000 };

/* --- the core's long calls --- */

static void turn_call(struct guests *guests, struct guest *guest, uint64_t now);

/* Makes the first slice of it; the next turns make the others. True: there is more to do at once. */
static bool begin_call(struct guests *guests, struct guest *guest, enum guest_call call, uint64_t now)
{
	guest->call = call;
	guest->call_generation = guest->wish.generation;
	turn_call(guests, guest, now);
	return true;
}

/* --- what can go wrong --- */

static void end_guest(struct guests *guests, struct guest *guest, enum wire_guest_reason reason, uint64_t now)
{
	guest->wish.ended = (uint8_t)reason;
	guest->wish.is_restart_due = 0;
	guest->reason = reason;
	guest->state = GUEST_EMPTY;
	guest_want_keep(guest);
	if (guest->has_vm) {
		(void)begin_call(guests, guest, GUEST_CALL_DESTROY, now);
	}
}

static void refuse(struct guests *guests, struct guest *guest, enum wire_guest_reason reason, const char *why,
		   uint64_t now)
{
	log_line(LOG_ERROR, "loader: guest \"%s\" refused: %s", guest->name, why);
	end_guest(guests, guest, reason, now);
}

/* Tries again later, and says once why. */
static void retry_later(struct guests *guests, struct guest *guest, enum wire_guest_reason reason, const char *why,
			uint64_t now)
{
	const uint64_t pause = (uint64_t)RETRY_FIRST_MS << (guest->failures < 5 ? guest->failures : 5);

	if (guest->said != reason) {
		log_line(reason == WIRE_REASON_HASH ? LOG_ERROR : LOG_WARN, "loader: guest \"%s\" waits: %s",
			 guest->name, why);
	}
	guest->said = reason;
	guest->reason = reason;
	guest->failures++;
	guest->retry_at = now + clock_ticks(pause < RETRY_MAX_MS ? pause : RETRY_MAX_MS, guests->info->counter_hz);
	guest->state = guest->has_vm ? GUEST_HELD : GUEST_EMPTY;
}

static void fail_fill(struct guests *guests, struct guest *guest, uint64_t now)
{
	const struct release *release = guest_release(guests, guest);
	struct fill *fill = &guest->fill;

	if (fill->reason == WIRE_REASON_NOT_A_KERNEL || (release != NULL && release->bundle != NULL)) {
		refuse(guests, guest, fill->reason, fill->why, now);
		return;
	}
	retry_later(guests, guest, fill->reason, fill->why, now);
	if (fill->sources[0] != NULL) { /* the store no longer holds what was put there */
		(void)begin_call(guests, guest, GUEST_CALL_DESTROY_STORE, now);
	}
}

/* --- filling --- */

static uint32_t count_wanted(const struct guests *guests)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < WIRE_GUEST_MAX; i++) {
		count += guests->slots[i].wish.want == ACK_WANT_RUN;
	}
	return count;
}

static bool is_of_bundle(struct guests *guests, const struct guest *guest)
{
	const struct release *release = guest_release(guests, guest);

	return release != NULL && release->bundle != NULL;
}

static void fail_create(struct guests *guests, struct guest *guest, int64_t status, uint64_t now)
{
	if (!is_of_bundle(guests, guest) && (status == AETHER_ENOMEM || status == AETHER_EBUSY)) {
		retry_later(guests, guest, WIRE_REASON_NO_MEMORY, guest_vm_error_words(status), now);
		return;
	}
	log_line(LOG_ERROR,
		 "loader: guest \"%s\" refused: %s (it wants %llu MiB; %llu MiB were free for guests at boot)",
		 guest->name, guest_vm_error_words(status), (unsigned long long)(guest->ram_bytes >> 20),
		 (unsigned long long)(guests->info->free_bytes >> 20));
	end_guest(guests, guest, status == AETHER_ENOMEM ? WIRE_REASON_NO_MEMORY : WIRE_REASON_NOT_CREATED, now);
}

static void start_running(struct guests *guests, struct guest *guest)
{
	guest->state = GUEST_RUNNING;
	guest->is_settled = false;
	guest->reason = WIRE_REASON_NONE;
	guest->said = WIRE_REASON_NONE;
	guest->failures = 0;
	if (!is_of_bundle(guests, guest) && guest->name[0] != '\0') {
		log_line(guest->wish.starts == 1 ? LOG_WARN : LOG_INFO, "loader: guest \"%s\" started", guest->name);
	}
}

/* A slice of the call under way, and what follows from its end. */
static void turn_call(struct guests *guests, struct guest *guest, uint64_t now)
{
	const enum guest_call call = guest->call;
	const int64_t status = guest_vm_go_on(guest);

	if (status == AETHER_EAGAIN) {
		return;
	}
	if (status == 0) {
		if (call == GUEST_CALL_START) {
			start_running(guests, guest);
		}
		return;
	}
	if (guest->call_generation != guest->wish.generation) { /* the new wish begins anew */
		guest->state = guest->has_vm ? GUEST_HELD : GUEST_EMPTY;
		return;
	}
	switch (call) {
	case GUEST_CALL_CREATE:
		fail_create(guests, guest, status, now);
		break;
	case GUEST_CALL_START:
	case GUEST_CALL_RESET:
		end_guest(guests, guest, WIRE_REASON_OTHER, now);
		break;
	case GUEST_CALL_CREATE_STORE:
		retry_later(guests, guest, WIRE_REASON_NO_MEMORY, "the node has no memory to keep its payload in", now);
		break;
	default:
		break;
	}
}

/* One call for each turn, until all is there that is to be filled. True, as above. */
static bool begin_fill(struct guests *guests, struct guest *guest, const struct manifest_guest *definition,
		       uint64_t now)
{
	const struct release *release = guest_release(guests, guest);
	const bool needs_store = release->bundle == NULL && guest->is_retained;
	struct fill *fill = &guest->fill;

	if (guest->has_store && (!needs_store || guest->store_tag != guest->want_store_tag)) {
		return begin_call(guests, guest, GUEST_CALL_DESTROY_STORE, now);
	}
	if (guest->wish.is_restart_due) {
		/* From here on it is loaded anew whatever happens: the restart is in force. */
		guest->wish.is_restart_due = 0;
		guest_want_keep(guest);
	}
	if (!guest->has_vm) {
		guest_vm_plan(guest, definition, count_wanted(guests) > 1);
		return begin_call(guests, guest, GUEST_CALL_CREATE, now);
	}
	if (!guest->is_clean) {
		return begin_call(guests, guest, GUEST_CALL_RESET, now);
	}
	if (needs_store && !guest->has_store) {
		guest_vm_plan_store(guest, definition);
		return begin_call(guests, guest, GUEST_CALL_CREATE_STORE, now);
	}
	memset(fill, 0, sizeof(*fill));
	fill->guest = definition;
	fill->memory = hvcall_vm_memory(guest->vm);
	fill->memory_bytes = (uint64_t)definition->memory_mib << 20;
	if (release->bundle != NULL) {
		fill->sources[0] = release->bundle + definition->kernel.offset;
		fill->sources[1] = release->bundle + definition->initramfs.offset;
		fill->is_trusted = guest->is_checked;
	} else if (needs_store && !guest->is_stored) {
		fill->store = hvcall_vm_memory(guest->store);
	} else if (needs_store) {
		for (uint32_t i = 0; i < FILL_BLOBS; i++) {
			fill->sources[i] = hvcall_vm_memory(guest->store) + fill_store_offset(definition, i);
		}
	}
	fill_start(fill, guests->info->counter_hz);
	memcpy(guest->manifest, release->sha256, DIGEST_BYTES);
	guest->is_clean = false;
	guest->state = GUEST_FILLING;
	return true;
}

static void finish_fill(struct guests *guests, struct guest *guest, uint64_t now)
{
	const struct release *release = guest_release(guests, guest);
	const struct fill *fill = &guest->fill;
	const uint64_t seed_number = (uint64_t)guest->slot << 32 | guest->start_count;
	const char *why = load_tree(fill->guest, &fill->place, guests->info, seed_number, fill->memory, &guest->entry);

	guests->verify_ticks += fill->hash_ticks;
	guests->copy_ticks += fill->copy_ticks;
	if (why != NULL) {
		refuse(guests, guest, WIRE_REASON_OTHER, why, now);
		return;
	}
	guest->is_checked = release->bundle != NULL;
	guest->state = GUEST_LOADED;
	log_line(LOG_INFO,
		 "loader: guest \"%s\": vm%u, %u vCPUs, %u MiB, kernel 0x%llx, initramfs 0x%llx, device tree 0x%llx",
		 guest->name, guest->vm, fill->guest->vcpu_count, fill->guest->memory_mib,
		 (unsigned long long)guest->entry.kernel_ipa,
		 (unsigned long long)(fill->guest->has_initramfs ? guest->entry.initramfs_ipa : 0),
		 (unsigned long long)guest->entry.dtb_ipa);
}

static bool turn_fill(struct guests *guests, struct guest *guest, uint64_t now)
{
	struct fill *fill = &guest->fill;
	const uint32_t retries = fill->retries;
	const enum fill_result result = fill_turn(fill, &guests->origin, now);

	guests->http_retries += fill->retries - retries;
	switch (result) {
	case FILL_MORE:
		return true;
	case FILL_WAIT:
		guest->reason = fill->reason;
		if (fill->reason != WIRE_REASON_NONE && guest->said != fill->reason) {
			log_line(LOG_WARN, "loader: guest \"%s\" waits: %s", guest->name, fill->why);
			guest->said = fill->reason;
		}
		return false;
	case FILL_FAILED:
		fail_fill(guests, guest, now);
		return true;
	default:
		break;
	}
	if (fill->store != NULL) {
		guest_vm_mark_store(guest, fill->guest);
	}
	finish_fill(guests, guest, now);
	return true;
}

/* --- the states' turns --- */

/* EMPTY and HELD. */
static bool turn_idle(struct guests *guests, struct guest *guest, uint64_t now)
{
	if (now < guest->retry_at) {
		return false;
	}
	const struct manifest_guest *definition = guest_definition(guests, guest);
	if (definition == NULL) {
		if (guest_is_undecided(guests, guest)) {
			return false;
		}
		if (guest->has_vm) {
			guest->state = GUEST_EMPTY;
			return begin_call(guests, guest, GUEST_CALL_DESTROY, now);
		}
		return guest->has_store && guest->wish.want == ACK_WANT_EMPTY &&
		       begin_call(guests, guest, GUEST_CALL_DESTROY_STORE, now);
	}
	if (guest->has_vm && guest->tag != guest->want_tag) {
		guest->state = GUEST_EMPTY;
		return begin_call(guests, guest, GUEST_CALL_DESTROY, now);
	}
	return begin_fill(guests, guest, definition, now);
}

static bool turn_loaded(struct guests *guests, struct guest *guest, uint64_t now)
{
	if (guests->is_booting) {
		return false;
	}
	return begin_call(guests, guest, GUEST_CALL_START, now);
}

static bool turn_running(struct guests *guests, struct guest *guest)
{
	if (guest->is_settled) {
		return false;
	}
	const struct manifest_guest *definition = guest_definition(guests, guest);
	const bool is_other = definition != NULL && guest->tag != guest->want_tag;

	if (definition != NULL && !is_other) {
		memcpy(guest->manifest, guest->wish.manifest, DIGEST_BYTES);
		guest->is_settled = !guest->wish.is_restart_due;
	}
	if (guest_is_wanted(guest) && !guest->wish.is_restart_due && !is_other) {
		return false; /* a manifest that cannot be had or used leaves it running */
	}
	if (guest_vm_stop(guest)) {
		guest->state = GUEST_STOPPING;
	}
	return false;
}

static void take_stop(struct guests *guests, struct guest *guest, uint32_t reason, uint64_t now)
{
	(void)guest_definition(guests, guest); /* its name, if it can be known */
	const enum wire_guest_reason why = guest_vm_say_stop(guest, reason);

	if (why == WIRE_REASON_RESET || why == WIRE_REASON_WANTED || guest->wish.is_restart_due) {
		guest->state = GUEST_HELD;
		guest->is_clean = false;
		guest->retry_at = 0;
		return;
	}
	end_guest(guests, guest, why, now);
}

/* STOPPING: the core's event may have gone to an earlier instance, so it is also looked for. */
static bool turn_stopping(struct guests *guests, struct guest *guest, uint64_t now)
{
	struct hvcall_vm_state state = {.state = AETHER_VM_NONE};

	if (hvcall_vm_info(guest->vm, &state) == 0 && state.state == AETHER_VM_STOPPED) {
		take_stop(guests, guest, state.reason, now);
		return true;
	}
	return false;
}

static bool turn(struct guests *guests, struct guest *guest, uint64_t now)
{
	if (guest->call != GUEST_CALL_NONE) {
		turn_call(guests, guest, now);
		return true;
	}
	switch (guest->state) {
	case GUEST_EMPTY:
	case GUEST_HELD:
		return turn_idle(guests, guest, now);
	case GUEST_FILLING:
		return turn_fill(guests, guest, now);
	case GUEST_LOADED:
		return turn_loaded(guests, guest, now);
	case GUEST_RUNNING:
		return turn_running(guests, guest);
	case GUEST_STOPPING:
		return turn_stopping(guests, guest, now);
	}
	return false;
}

bool guests_turn(struct guests *guests, uint64_t now)
{
	bool is_busy = false;

	releases_turn(&guests->releases, &guests->origin, now);
	if (guest_vm_destroy_doomed(guests)) {
		return true; /* first, so that there is memory, and each slot gets its own number */
	}
	for (uint32_t i = 0; i < WIRE_GUEST_MAX; i++) {
		if (!guests->slots[i].is_wish_lost || guests->slots[i].call != GUEST_CALL_NONE) {
			is_busy |= turn(guests, &guests->slots[i], now);
		}
	}
	return is_busy;
}

uint64_t guests_wait(const struct guests *guests, uint64_t now)
{
	const uint64_t look_again = clock_ticks(10, guests->info->counter_hz);
	uint64_t wait = releases_wait(&guests->releases, now);

	for (uint32_t i = 0; i < WIRE_GUEST_MAX; i++) {
		const struct guest *guest = &guests->slots[i];
		uint64_t due = UINT64_MAX;
		if (guest->state == GUEST_STOPPING) {
			due = look_again;
		} else if (guest->state == GUEST_FILLING) {
			due = fill_wait(&guest->fill, now);
		} else if (guest_is_wanted(guest) && guest->retry_at > now) {
			due = guest->retry_at - now;
		}
		wait = due < wait ? due : wait;
	}
	return wait;
}

void guests_stopped(struct guests *guests, uint32_t vm, uint32_t reason)
{
	for (uint32_t i = 0; i < WIRE_GUEST_MAX; i++) {
		struct guest *guest = &guests->slots[i];
		if (guest->has_vm && guest->vm == vm &&
		    (guest->state == GUEST_RUNNING || guest->state == GUEST_STOPPING)) {
			take_stop(guests, guest, reason, hvcall_ticks());
			return;
		}
	}
	log_line(LOG_WARN, "loader: event %llu of vm%u is for no guest", (unsigned long long)AETHER_EVENT_VM_STOPPED,
		 vm);
}

/* --- the beginning --- */

void guests_start(struct guests *guests, const struct aether_bootinfo *info)
{
	guests->info = info;
	guests->releases.counter_hz = info->counter_hz;
	for (uint32_t i = 0; i < WIRE_GUEST_MAX; i++) {
		struct guest *guest = &guests->slots[i];
		guest->slot = i;
		if (keep_get(KEEP_SLOT_0 + i, &guest->wish) && !guest_want_is_sane(&guest->wish)) {
			memset(&guest->wish, 0, sizeof(guest->wish));
			guest->is_wish_lost = true;
		}
	}
	if (info->instance > 1) {
		guest_vm_adopt(guests);
	}
}

bool guests_boot(struct guests *guests, const uint8_t *bundle)
{
	const struct aether_bootinfo *info = guests->info;
	const struct manifest *manifest = &guests->releases.entries[0].manifest;
	char why[RELEASE_WHY_BYTES];
	uint32_t ready = 0;

	if (!releases_open_bundle(&guests->releases, bundle, info->bundle_bytes, why)) {
		log_line(LOG_ERROR, "loader: bundle refused: %s", why);
		return false;
	}
	guest_want_bundle(guests);
	if (info->instance > 1) {
		return true;
	}
	guests->is_booting = true;
	for (uint32_t i = 0; i < manifest->guest_count; i++) {
		while (turn(guests, &guests->slots[i], hvcall_ticks())) {
			(void)hvcall_alive();
		}
		ready += guests->slots[i].state == GUEST_LOADED;
	}
	guests->is_booting = false;
	log_line(LOG_WARN, "loader: %u of %u guest%s ready from bundle \"%s\" %s", ready, manifest->guest_count,
		 manifest->guest_count == 1 ? "" : "s", manifest->name, manifest->version);
	log_line(LOG_INFO, "loader: ticks to service=%llu verify=%llu copy=%llu to start=%llu hz=%llu",
		 (unsigned long long)(info->core_ticks - info->entry_ticks), (unsigned long long)guests->verify_ticks,
		 (unsigned long long)guests->copy_ticks, (unsigned long long)(hvcall_ticks() - info->entry_ticks),
		 (unsigned long long)info->counter_hz);
	for (uint32_t i = 0; i < manifest->guest_count; i++) {
		while (turn(guests, &guests->slots[i], hvcall_ticks())) {
			(void)hvcall_alive();
		}
	}
	return true;
}

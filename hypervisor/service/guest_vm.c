/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMs as the core has them. Nothing here decides when a guest runs (guests.c does); a call that the core refuses is
 * named on the console and leaves the guest's fields as they were.
 */
#include "service/guest_vm.h"

#include <string.h>

#include "abi/diag.h"
#include "abi/hvc.h"
#include "lib/addr.h"
#include "lib/fmt.h"
#include "service/hvcall.h"
#include "service/log.h"

enum { STORE_MARK_BYTES = 32 };

const char *guest_vm_error_words(int64_t status)
{
	switch (status) {
	case AETHER_ENOSYS:
		return "the core does not know the call";
	case AETHER_EINVAL:
		return "invalid argument";
	case AETHER_ENOMEM:
		return "not enough free memory";
	case AETHER_ESTATE:
		return "wrong state";
	case AETHER_EBUSY:
		return "no VM is free";
	default:
		return "unknown error";
	}
}

/* --- tags --- */

static void digest_number(struct digest *digest, uint64_t number)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(number >> (8 * i));
	}
	digest_update(digest, bytes, sizeof(bytes));
}

static void digest_payload(struct digest *digest, const struct manifest_guest *definition)
{
	digest_update(digest, definition->kernel.sha256, DIGEST_BYTES);
	digest_number(digest, definition->kernel.size_bytes);
	digest_number(digest, definition->has_initramfs);
	if (definition->has_initramfs) {
		digest_update(digest, definition->initramfs.sha256, DIGEST_BYTES);
		digest_number(digest, definition->initramfs.size_bytes);
	}
}

static uint64_t finish_tag(struct digest *digest, uint32_t slot)
{
	uint8_t result[DIGEST_BYTES];
	uint64_t tag = 0;

	digest_finish(digest, result);
	for (size_t i = 0; i < 7; i++) {
		tag = tag << 8 | result[i];
	}
	return tag << 8 | slot;
}

uint64_t guest_vm_tag(const struct manifest_guest *definition, uint32_t slot)
{
	struct digest digest;

	digest_start(&digest);
	digest_payload(&digest, definition);
	digest_number(&digest, definition->vcpu_count);
	digest_number(&digest, definition->memory_mib);
	digest_update(&digest, definition->bootargs, strlen(definition->bootargs));
	return finish_tag(&digest, slot);
}

uint64_t guest_vm_store_tag(const struct manifest_guest *definition, uint32_t slot)
{
	struct digest digest;

	digest_start(&digest);
	digest_payload(&digest, definition);
	return finish_tag(&digest, slot);
}

uint32_t guest_vm_slot(uint64_t tag)
{
	return (uint32_t)(tag & 0xff);
}

/* --- what the console hears --- */

static void log_counters(uint32_t vm)
{
	static const char *const names[] = {
#define X(number, symbol, name) [number] = (name),
		AETHER_EXIT_CAUSES(X)
#undef X
	};
	char text[LOG_LINE_BYTES];
	size_t at = 0;
	uint64_t all_exits = 0;
	uint64_t all_ticks = 0;
	uint64_t guest_ticks = 0;
	uint64_t scrub_ticks = 0;

	if (!log_is_shown(LOG_INFO)) {
		return;
	}
	text[0] = '\0';
	for (uint32_t cause = 0; cause < AETHER_EXIT_COUNT; cause++) {
		uint64_t exits = 0;
		uint64_t ticks = 0;
		(void)hvcall_counter(AETHER_COUNTER_EXITS, vm, cause, &exits);
		(void)hvcall_counter(AETHER_COUNTER_EXIT_TICKS, vm, cause, &ticks);
		all_exits += exits;
		all_ticks += ticks;
		at += fmt_string(text + at, sizeof(text) - at, " %s=%llu/%llu", names[cause],
				 (unsigned long long)exits, (unsigned long long)ticks);
	}
	(void)hvcall_counter(AETHER_COUNTER_GUEST_TICKS, vm, 0, &guest_ticks);
	(void)hvcall_counter(AETHER_COUNTER_SCRUB_TICKS, vm, 0, &scrub_ticks);
	log_line(LOG_INFO, "counters vm=%u entries=%llu ticks=%llu guest=%llu scrub=%llu%s", vm,
		 (unsigned long long)all_exits, (unsigned long long)all_ticks,
		 (unsigned long long)guest_ticks, (unsigned long long)scrub_ticks, text);
}

static void log_longest(void)
{
	uint64_t longest = 0;

	if (!log_is_shown(LOG_INFO)) {
		return;
	}
	for (uint32_t cpu = 0; cpu < AETHER_PCPU_MAX; cpu++) {
		uint64_t ticks = 0;
		if (hvcall_counter(AETHER_COUNTER_LONGEST_TICKS, cpu, 0, &ticks) == 0 && ticks > longest) {
			longest = ticks;
		}
	}
	log_line(LOG_INFO, "counters longest=%llu", (unsigned long long)longest);
}

static const char *stop_reason_words(uint32_t reason)
{
	static const char *const words[] = {
#define X(number, symbol, text) [number] = (text),
		AETHER_STOP_REASONS(X)
#undef X
	};

	return reason < sizeof(words) / sizeof(words[0]) ? words[reason] : "unknown reason";
}

enum wire_guest_reason guest_vm_say_stop(const struct guest *guest, uint32_t reason)
{
	struct hvcall_vm_state state = {.detail = 0};

	log_counters(guest->vm);
	switch (reason) {
	case AETHER_STOP_RESET:
		log_line(LOG_INFO, "loader: guest \"%s\" asked for a reset", guest->name);
		return WIRE_REASON_RESET;
	case AETHER_STOP_POWER_OFF:
		log_line(LOG_INFO, "loader: guest \"%s\" powered off", guest->name);
		return WIRE_REASON_POWER_OFF;
	case AETHER_STOP_SERVICE:
		log_line(LOG_INFO, "loader: guest \"%s\" was stopped", guest->name);
		return WIRE_REASON_WANTED;
	default:
		break;
	}
	(void)hvcall_vm_info(guest->vm, &state);
	log_line(LOG_ERROR, "vm%u \"%s\" stopped: %s (esr 0x%llx)", guest->vm, guest->name, stop_reason_words(reason),
		 (unsigned long long)state.detail);
	switch (reason) {
	case AETHER_STOP_SERROR:
		return WIRE_REASON_SERROR;
	case AETHER_STOP_BAD_STATE:
		return WIRE_REASON_BAD_STATE;
	case AETHER_STOP_EXIT_STORM:
		return WIRE_REASON_EXIT_STORM;
	default:
		return WIRE_REASON_OTHER;
	}
}

/* --- a guest's VM --- */

void guest_vm_plan(struct guest *guest, const struct manifest_guest *definition, bool has_others)
{
	guest->vm = guest->slot; /* so that a slot's console goes on where its last VM's ended */
	guest->tag = guest_vm_tag(definition, guest->slot);
	guest->ram_bytes = (uint64_t)definition->memory_mib << 20;
	guest->vcpu_count = definition->vcpu_count;
	guest->vm_flags = has_others ? AETHER_VM_CONSOLE_LINES : 0;
}

static void end_create(struct guest *guest)
{
	guest->has_vm = true;
	guest->is_clean = true;
	guest->wish.lives++;
	(void)keep_set(KEEP_SLOT_0 + guest->slot, &guest->wish);
}

static void end_start(struct guest *guest)
{
	guest->start_count++;
	guest->wish.starts++;
	if (!guest->is_wish_lost) {
		(void)keep_set(KEEP_SLOT_0 + guest->slot, &guest->wish);
	}
}

/* A VM that cannot be destroyed is not the slot's any more either. */
static void end_destroy(struct guest *guest)
{
	guest->has_vm = false;
	memset(guest->manifest, 0, sizeof(guest->manifest));
	log_longest();
}

bool guest_vm_stop(struct guest *guest)
{
	const int64_t status = hvcall_vm_stop(guest->vm);

	/* ESTATE: it stopped by itself in between, and the event is on its way. */
	if (status != 0 && status != AETHER_ESTATE) {
		log_line(LOG_ERROR, "loader: guest \"%s\" cannot be stopped: %s", guest->name,
			 guest_vm_error_words(status));
		return false;
	}
	return true;
}

/* --- its store --- */

void guest_vm_plan_store(struct guest *guest, const struct manifest_guest *definition)
{
	guest->store = 0;
	guest->store_tag = guest_vm_store_tag(definition, guest->slot);
	guest->store_bytes = align_up(fill_store_bytes(definition) + STORE_MARK_BYTES, ARM64_IMAGE_ALIGN);
}

static uint8_t *store_mark(const struct guest *guest)
{
	return hvcall_vm_memory(guest->store) + guest->store_bytes - STORE_MARK_BYTES;
}

void guest_vm_mark_store(struct guest *guest, const struct manifest_guest *definition)
{
	memcpy(store_mark(guest), definition->kernel.sha256, STORE_MARK_BYTES);
	guest->is_stored = true;
}

bool guest_vm_store_is_marked(const struct guest *guest)
{
	static const uint8_t zero[STORE_MARK_BYTES];

	return memcmp(store_mark(guest), zero, sizeof(zero)) != 0;
}

/* --- long calls --- */

static int64_t make_call(struct guest *guest)
{
	switch (guest->call) {
	case GUEST_CALL_CREATE:
		return hvcall_vm_create(guest->ram_bytes, guest->vcpu_count, guest->vm_flags, guest->tag, &guest->vm);
	case GUEST_CALL_START:
		return hvcall_vm_start(guest->vm, guest->entry.kernel_ipa, guest->entry.dtb_ipa);
	case GUEST_CALL_RESET:
		return hvcall_vm_reset(guest->vm);
	case GUEST_CALL_DESTROY:
		return hvcall_vm_destroy(guest->vm);
	case GUEST_CALL_CREATE_STORE:
		return hvcall_vm_create(guest->store_bytes, 0, AETHER_VM_STORE, guest->store_tag, &guest->store);
	case GUEST_CALL_DESTROY_STORE:
		return hvcall_vm_destroy(guest->store);
	default:
		return 0;
	}
}

/* Of creations guests.c says more. */
static void say_failure(const struct guest *guest, enum guest_call call, int64_t status)
{
	const char *words = guest_vm_error_words(status);

	switch (call) {
	case GUEST_CALL_START:
		log_line(LOG_ERROR, "loader: guest \"%s\" cannot be started: %s", guest->name, words);
		break;
	case GUEST_CALL_RESET:
		log_line(LOG_ERROR, "loader: guest \"%s\" cannot be reset: %s", guest->name, words);
		break;
	case GUEST_CALL_DESTROY:
		log_line(LOG_ERROR, "loader: vm%u cannot be destroyed: %s", guest->vm, words);
		break;
	case GUEST_CALL_DESTROY_STORE:
		log_line(LOG_ERROR, "loader: store %u cannot be destroyed: %s", guest->store, words);
		break;
	default:
		break;
	}
}

int64_t guest_vm_go_on(struct guest *guest)
{
	const enum guest_call call = guest->call;
	const int64_t status = make_call(guest);

	if (status == AETHER_EAGAIN) {
		return status;
	}
	guest->call = GUEST_CALL_NONE;
	if (status != 0) {
		say_failure(guest, call, status);
	}
	if (call == GUEST_CALL_DESTROY) {
		end_destroy(guest);
	} else if (call == GUEST_CALL_CREATE_STORE || call == GUEST_CALL_DESTROY_STORE) {
		guest->has_store = call == GUEST_CALL_CREATE_STORE && status == 0;
		guest->is_stored = false;
	} else if (status == 0 && call == GUEST_CALL_CREATE) {
		end_create(guest);
	} else if (status == 0 && call == GUEST_CALL_START) {
		end_start(guest);
	} else if (status == 0 && call == GUEST_CALL_RESET) {
		guest->is_clean = true;
	}
	return status;
}

/* --- what an earlier instance left --- */

static void adopt_store(struct guests *guests, uint32_t vm, const struct hvcall_vm_state *state)
{
	const uint32_t slot = guest_vm_slot(state->tag);

	if (state->state != AETHER_VM_LOADING || slot >= WIRE_GUEST_MAX || guests->slots[slot].has_store ||
	    state->ram_bytes < ARM64_IMAGE_ALIGN) {
		guests->doomed |= UINT32_C(1) << vm;
		return;
	}
	struct guest *guest = &guests->slots[slot];
	guest->has_store = true;
	guest->store = vm;
	guest->store_tag = state->tag;
	guest->store_bytes = state->ram_bytes;
	guest->is_stored = guest_vm_store_is_marked(guest);
}

static void adopt_guest(struct guests *guests, uint32_t vm, const struct hvcall_vm_state *state)
{
	const uint32_t slot = guest_vm_slot(state->tag);

	if (state->state == AETHER_VM_CREATING || state->state == AETHER_VM_DESTROYING || slot >= WIRE_GUEST_MAX ||
	    guests->slots[slot].has_vm) {
		guests->doomed |= UINT32_C(1) << vm;
		return;
	}
	struct guest *guest = &guests->slots[slot];
	guest->has_vm = true;
	guest->is_clean = false;
	guest->vm = vm;
	guest->tag = state->tag;
	switch (state->state) {
	case AETHER_VM_STARTING:
		/* Goes on as it was wanted: entry and x0 are those of the call that was interrupted. */
		guest->state = GUEST_LOADED;
		guest->call = GUEST_CALL_START;
		guest->call_generation = guest->wish.generation;
		return;
	case AETHER_VM_RUNNING:
	case AETHER_VM_PAUSED:
		guest->state = GUEST_RUNNING;
		return;
	case AETHER_VM_STOPPING:
	case AETHER_VM_STOPPED:
		guest->state = GUEST_STOPPING; /* what to do of it is decided by why it stopped */
		return;
	default:
		guest->state = GUEST_HELD; /* LOADING, RESETTING: loaded again */
		return;
	}
}

void guest_vm_adopt(struct guests *guests)
{
	for (uint32_t vm = 0; vm < AETHER_STORE_FIRST + AETHER_STORE_MAX; vm++) {
		struct hvcall_vm_state state = {.state = AETHER_VM_NONE};
		if (vm == AETHER_VM_MAX || hvcall_vm_info(vm, &state) != 0 || state.state == AETHER_VM_NONE) {
			continue;
		}
		guests->is_adopted = true;
		if (vm >= AETHER_STORE_FIRST) {
			adopt_store(guests, vm, &state);
		} else {
			adopt_guest(guests, vm, &state);
		}
	}
}

bool guest_vm_destroy_doomed(struct guests *guests)
{
	for (uint32_t vm = 0; guests->doomed != 0; vm++) {
		const uint32_t bit = UINT32_C(1) << vm;
		if ((guests->doomed & bit) != 0) {
			guests->doomed &= hvcall_vm_destroy(vm) == AETHER_EAGAIN ? UINT32_MAX : ~bit;
			return true;
		}
	}
	return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts the guests of a bundle and keeps them.
 *
 *            create, load           start
 *   ABSENT ---------------> LOADED -------> RUNNING
 *     ^                       ^                |
 *     |                       '--- reset ------+
 *     '----- power off, stopped for a cause ---'
 *
 * All guests are loaded before the first is started, so that what the loader has to say about any of
 * them stands on the console before the first byte of a guest; at the default log level nothing of
 * ours follows unless a guest was stopped for a cause.
 *
 * One guest that is damaged, too large or ended by the core never keeps another from running. A
 * bundle whose header or manifest is wrong is refused as a whole.
 */
#include "service/loader.h"

#include <string.h>

#include "abi/diag.h"
#include "abi/hvc.h"
#include "lib/fmt.h"
#include "service/config.h"
#include "service/hvcall.h"
#include "service/log.h"

static const char *stop_reason_words(uint32_t reason)
{
	static const char *const words[] = {
#define X(number, symbol, text) [number] = (text),
		AETHER_STOP_REASONS(X)
#undef X
	};

	return reason < sizeof(words) / sizeof(words[0]) ? words[reason] : "unknown reason";
}

static const char *error_words(int64_t status)
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
	for (uint32_t cpu = 0; cpu < AETHER_PCPU_MAX; cpu++) {
		uint64_t ticks = 0;
		if (hvcall_counter(AETHER_COUNTER_LONGEST_TICKS, cpu, 0, &ticks) == 0 && ticks > longest) {
			longest = ticks;
		}
	}
	log_line(LOG_INFO, "counters longest=%llu", (unsigned long long)longest);
}

static void destroy_guest(struct loader_guest *guest)
{
	const int64_t status = hvcall_vm_destroy(guest->vm);

	if (status != 0) {
		log_line(LOG_ERROR, "loader: vm%u cannot be destroyed: %s", guest->vm,
			 error_words(status));
	}
	guest->state = LOADER_GUEST_ABSENT;
	log_longest();
}

/* Fills the memory of a guest whose VM is LOADING. False: it was named and destroyed. */
static bool fill_guest(struct loader *loader, uint32_t index)
{
	struct loader_guest *guest = &loader->guests[index];
	const struct manifest_guest *wanted = &loader->payload.manifest.guests[index];
	const uint64_t seed_number = (uint64_t)index << 32 | guest->start_count;
	const uint64_t begin = hvcall_ticks();

	const char *why = load_guest(&loader->payload, wanted, loader->info, seed_number,
				     hvcall_vm_memory(guest->vm), &guest->entry);
	loader->copy_ticks += hvcall_ticks() - begin;
	if (why != NULL) {
		log_line(LOG_ERROR, "loader: guest \"%s\" refused: %s", wanted->name, why);
		destroy_guest(guest);
		return false;
	}
	guest->state = LOADER_GUEST_LOADED;
	log_line(LOG_INFO,
		 "loader: guest \"%s\": vm%u, %u vCPUs, %u MiB, kernel 0x%llx, initramfs 0x%llx, "
		 "device tree 0x%llx",
		 wanted->name, guest->vm, wanted->vcpu_count, wanted->memory_mib,
		 (unsigned long long)guest->entry.kernel_ipa,
		 (unsigned long long)(wanted->has_initramfs ? guest->entry.initramfs_ipa : 0),
		 (unsigned long long)guest->entry.dtb_ipa);
	return true;
}

/* Checks, creates and loads one guest. False: it was named, and has no VM. */
static bool prepare_guest(struct loader *loader, uint32_t index)
{
	struct loader_guest *guest = &loader->guests[index];
	const struct manifest_guest *wanted = &loader->payload.manifest.guests[index];
	const uint64_t flags =
		loader->payload.manifest.guest_count > 1 ? AETHER_VM_CONSOLE_LINES : 0;
	char why[PAYLOAD_WHY_BYTES];

	const uint64_t begin = hvcall_ticks();
	const bool is_intact = payload_verify_guest(&loader->payload, wanted, why);
	loader->verify_ticks += hvcall_ticks() - begin;
	if (!is_intact) {
		log_line(LOG_ERROR, "loader: guest \"%s\" refused: %s", wanted->name, why);
		return false;
	}
	const int64_t status = hvcall_vm_create((uint64_t)wanted->memory_mib << 20,
						wanted->vcpu_count, flags, index, &guest->vm);
	if (status != 0) {
		log_line(LOG_ERROR,
			 "loader: guest \"%s\" refused: %s (it wants %u MiB; %llu MiB were free "
			 "for guests at boot)",
			 wanted->name, error_words(status), wanted->memory_mib,
			 (unsigned long long)(loader->info->free_bytes >> 20));
		return false;
	}
	return fill_guest(loader, index);
}

static bool start_guest(struct loader *loader, uint32_t index)
{
	struct loader_guest *guest = &loader->guests[index];
	const int64_t status =
		hvcall_vm_start(guest->vm, guest->entry.kernel_ipa, guest->entry.dtb_ipa);

	if (status != 0) {
		log_line(LOG_ERROR, "loader: guest \"%s\" cannot be started: %s",
			 loader->payload.manifest.guests[index].name, error_words(status));
		destroy_guest(guest);
		return false;
	}
	guest->start_count++;
	guest->state = LOADER_GUEST_RUNNING;
	return true;
}

static uint32_t count_running(const struct loader *loader)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < MANIFEST_GUEST_MAX; i++) {
		count += loader->guests[i].state == LOADER_GUEST_RUNNING;
	}
	return count;
}

static void start_guests(struct loader *loader)
{
	const struct manifest *manifest = &loader->payload.manifest;
	uint32_t ready = 0;

	for (uint32_t i = 0; i < manifest->guest_count; i++) {
		ready += prepare_guest(loader, i);
	}
	log_line(LOG_WARN, "loader: %u of %u guest%s ready from bundle \"%s\" %s", ready,
		 manifest->guest_count, manifest->guest_count == 1 ? "" : "s", manifest->name,
		 manifest->version);
	log_line(LOG_INFO,
		 "loader: ticks to service=%llu verify=%llu copy=%llu to start=%llu hz=%llu",
		 (unsigned long long)(loader->info->core_ticks - loader->info->entry_ticks),
		 (unsigned long long)loader->verify_ticks, (unsigned long long)loader->copy_ticks,
		 (unsigned long long)(hvcall_ticks() - loader->info->entry_ticks),
		 (unsigned long long)loader->info->counter_hz);
	for (uint32_t i = 0; i < manifest->guest_count; i++) {
		if (loader->guests[i].state == LOADER_GUEST_LOADED) {
			(void)start_guest(loader, i);
		}
	}
}

static void restart_guest(struct loader *loader, uint32_t index)
{
	struct loader_guest *guest = &loader->guests[index];
	const int64_t status = hvcall_vm_reset(guest->vm);

	if (status != 0) {
		log_line(LOG_ERROR, "loader: guest \"%s\" cannot be reset: %s",
			 loader->payload.manifest.guests[index].name, error_words(status));
		destroy_guest(guest);
		return;
	}
	if (fill_guest(loader, index)) {
		(void)start_guest(loader, index);
	}
}

/* A VM stopped: starts its guest again, or lets it go. */
static void take_stop(struct loader *loader, uint32_t index, uint32_t reason)
{
	struct loader_guest *guest = &loader->guests[index];
	const char *name = loader->payload.manifest.guests[index].name;
	struct hvcall_vm_state state = {.detail = 0};

	log_counters(guest->vm);
	if (reason == AETHER_STOP_RESET) {
		log_line(LOG_INFO, "loader: guest \"%s\" asked for a reset", name);
		restart_guest(loader, index);
		return;
	}
	if (reason == AETHER_STOP_POWER_OFF) {
		log_line(LOG_INFO, "loader: guest \"%s\" powered off", name);
	} else {
		(void)hvcall_vm_info(guest->vm, &state);
		log_line(LOG_ERROR, "vm%u \"%s\" stopped: %s (esr 0x%llx)", guest->vm, name,
			 stop_reason_words(reason), (unsigned long long)state.detail);
	}
	destroy_guest(guest);
}

static void take_event(struct loader *loader, const struct hvcall_event *event)
{
	if (event->kinds == 0) {
		return; /* the core ends a wait now and then */
	}
	for (uint32_t i = 0; i < MANIFEST_GUEST_MAX; i++) {
		if ((event->kinds & AETHER_EVENT_VM_STOPPED) != 0 &&
		    loader->guests[i].state == LOADER_GUEST_RUNNING &&
		    loader->guests[i].vm == event->vm) {
			take_stop(loader, i, event->reason);
			return;
		}
	}
	log_line(LOG_WARN, "loader: event %llu of vm%u is for no guest", (unsigned long long)event->kinds, event->vm);
}

static void log_machine(const struct aether_bootinfo *info)
{
	log_line(LOG_INFO,
		 "loader: board \"%.64s\", %u CPUs, GICv%u, %llu MiB, %llu MiB for guests, core "
		 "%llu KiB",
		 info->board, info->cpu_count, info->gic_version,
		 (unsigned long long)(info->ram_bytes >> 20),
		 (unsigned long long)(info->free_bytes >> 20),
		 (unsigned long long)(info->core_bytes >> 10));
}

void loader_run(struct loader *loader, const struct loader_inputs *inputs)
{
	struct config config;
	char why[PAYLOAD_WHY_BYTES];

	memset(loader, 0, sizeof(*loader));
	loader->info = inputs->info;
	const char *wrong = config_decode(inputs->trailer, inputs->info->trailer_bytes, &config);
	log_set_level(config.log_level);
	if (wrong != NULL) {
		log_line(LOG_WARN, "loader: configuration trailer: %s; using defaults", wrong);
	}
	log_machine(inputs->info);
	if (inputs->info->bundle_bytes == 0) {
		log_line(LOG_ERROR, "loader: no bundle: the boot loader passed no initrd; give it "
				    "guest.bundle as the initrd");
		return;
	}
	if (!payload_open(&loader->payload, inputs->bundle, inputs->info->bundle_bytes, why)) {
		log_line(LOG_ERROR, "loader: bundle refused: %s", why);
		return;
	}
	start_guests(loader);
	while (count_running(loader) != 0) {
		struct hvcall_event event;
		const int64_t status = hvcall_event_wait(UINT64_MAX, &event);
		if (status != 0) {
			log_line(LOG_ERROR, "loader: cannot wait for guests: %s",
				 error_words(status));
			return;
		}
		take_event(loader, &event);
	}
}

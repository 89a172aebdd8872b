/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service's death and return (core/supervise.h has the states).
 *
 * Invariants: (1) while it reloads, its vCPU is not loaded and never RUNNING; (2) an instance starts with nothing of
 * the last one: memory, registers, interrupt controller, network card, boot information with fresh entropy; (3) what a
 * guest sees does not change by it. Hostile: everything the service does, at any instant.
 *
 * Silence. The service must show a sign of life each AETHER_ALIVE_MS. When guests are busy it has as little as its
 * reservation of the CPU, 25 ms in a second, so a clock on the wall alone would kill a healthy one that works: it is
 * silent when that long has passed and it has had SILENT_CPU_MS of its CPU in it. So the time-out is AETHER_ALIVE_MS
 * for one that has its CPU, and four seconds for one that has its reservation and no more. Its CPU time is looked at
 * each LOOK_MS, and no look counts more than LOOK_MOST_MS of it: on an emulator whose host is busy, the clock can run
 * on for long while a vCPU seems to have its CPU and does nothing.
 */
#include "core/supervise.h"

#include "abi/bootinfo.h"
#include "core/chaos.h"
#include "core/console.h"
#include "core/crash.h"
#include "core/hal.h"
#include "core/keep.h"
#include "core/nic.h"
#include "core/percpu.h"
#include "core/reload.h"
#include "core/sched.h"
#include "core/update.h"
#include "lib/kdf.h"
#include "lib/string.h"

#include "hal_fast.h"

#ifdef AETHER_SIMULATION
#define IS_SIMULATION 1u
#else
#define IS_SIMULATION 0u
#endif
#define NEVER UINT64_MAX
#define SILENT_CPU_MS 100u
#define LOOK_MS 10u
#define LOOK_MOST_MS 1u
#define STEADY_S 60u /* so long a life ends a row of deaths */
#define TRIAL_S 60u /* of a newer image */
#define DEATHS_AT_ONCE 2u /* in a row, which are restarted without delay */
#define BACK_OFF_FIRST_MS 100u
#define BACK_OFF_MOST_MS 10000u
/* A reload is done in bursts, and between them the CPU is the guests' for as long. */
#define BURST_HZ 4000u

static struct {
	struct aether_bootinfo *info;
	const struct service_image *image;
	const struct service_image *boot_image;
	uint64_t image_at; /* ticks: first entry of that image */
	bool is_reloading;
	enum { RELOAD_IMAGE, RELOAD_ENTROPY, RELOAD_ENTRY } phase;
	bool is_new_image; /* has not been entered yet */
	uint64_t overdue_at; /* ticks: unless it shows a sign of life */
	uint64_t look_at; /* ticks: of the next look at its CPU time */
	uint64_t used_at; /* ticks of CPU that it had used at the last one */
	uint64_t silent_ticks; /* of CPU, that count since its last sign of life */
	uint64_t entered_at;
	uint64_t burst_end; /* 0: none begun */
	uint32_t deaths; /* in a row */
	uint64_t restarts;
	uint8_t seed[KDF_KEY_BYTES]; /* the boot's entropy, which no instance sees */
} watch;

static const char *const failure_words[] = {
#define X(number, symbol, words) [number] = words,
	AETHER_SERVICE_FAILURES(X)
#undef X
};

static struct vcpu *service(void)
{
	return vms[VM_SERVICE].vcpus[0];
}

static uint64_t ticks_of_ms(uint64_t ms)
{
	return hal_ticks_per_second() * ms / 1000;
}

/* CPU time that the service has had, exits included. */
static uint64_t used_ticks(void)
{
	return vcpu_loaded_ticks(service(), hal_fast_ticks());
}

/* Each instance has its own, from which those of others do not follow. */
static void renew_entropy(uint32_t instance)
{
	struct aether_bootinfo *info = watch.info;
	if (!hal_entropy(info->entropy, sizeof(info->entropy)) && info->entropy_bytes != 0) {
		kdf_instance_key(watch.seed, instance, info->entropy);
		info->entropy_bytes = sizeof(info->entropy);
	}
}

void supervise_init(struct aether_bootinfo *info, const struct service_image *image)
{
	memset(&watch, 0, sizeof(watch));
	watch.info = info;
	watch.image = image;
	watch.boot_image = image;
	memcpy(watch.seed, info->entropy, sizeof(watch.seed));
	crash_hide(watch.seed, sizeof(watch.seed));
	renew_entropy(info->instance);
	info->is_simulation = IS_SIMULATION;
	memcpy(info->service_sha256, image->sha256, sizeof(info->service_sha256));
	chaos_init();
	supervise_alive();
	watch.entered_at = hal_ticks();
}

/* --- silence --- */

void supervise_alive(void)
{
	const uint64_t now = hal_fast_ticks();
	watch.used_at = used_ticks();
	watch.silent_ticks = 0;
	watch.look_at = now + ticks_of_ms(LOOK_MS);
	watch.overdue_at = now + ticks_of_ms(AETHER_ALIVE_MS);
}

uint64_t supervise_deadline(void)
{
	const uint64_t chaos = watch.is_reloading ? NEVER : chaos_deadline();
	if (watch.is_reloading || service()->is_event_waiter) {
		return chaos;
	}
	return watch.look_at < chaos ? watch.look_at : chaos;
}

static void check_silence(uint64_t now)
{
	if (service()->is_event_waiter || now < watch.look_at) {
		return;
	}
	const uint64_t used = used_ticks();
	const uint64_t most = ticks_of_ms(LOOK_MOST_MS);
	watch.silent_ticks += used - watch.used_at < most ? used - watch.used_at : most;
	watch.used_at = used;
	watch.look_at = now + ticks_of_ms(LOOK_MS);
	if (now >= watch.overdue_at && watch.silent_ticks >= ticks_of_ms(SILENT_CPU_MS)) {
		supervise_fail(AETHER_SERVICE_SILENT, 0, 0);
	}
}

void supervise_check(uint64_t now)
{
	if (!watch.is_reloading) {
		chaos_check(now);
	}
	if (!watch.is_reloading) {
		check_silence(now);
	}
}

/* --- death --- */

/* How long the next instance has to wait. */
static uint64_t back_off_ms(uint64_t now, enum aether_service_failure cause)
{
	if (now - watch.entered_at >= STEADY_S * hal_ticks_per_second() ||
	    cause == AETHER_SERVICE_CHAOS || chaos_is_running()) {
		watch.deaths = 0;
	}
	watch.deaths++;
	if (watch.deaths <= DEATHS_AT_ONCE) {
		return 0;
	}
	uint64_t ms = BACK_OFF_FIRST_MS;
	for (uint32_t i = DEATHS_AT_ONCE + 1; i < watch.deaths && ms < BACK_OFF_MOST_MS; i++) {
		ms *= 2;
	}
	return ms < BACK_OFF_MOST_MS ? ms : BACK_OFF_MOST_MS;
}

/* An image that fails soon after it came is not the better one. */
static void judge_image(uint64_t now)
{
	if (watch.image != watch.boot_image && now - watch.image_at < TRIAL_S * hal_ticks_per_second()) {
		watch.image = watch.boot_image;
		console_printf("aether: service: back to the image of the boot\n");
	}
}

static void say(enum aether_service_failure cause, uint64_t a, uint64_t b, uint64_t pc, uint64_t delay_ms)
{
	const uint32_t next = watch.info->instance + 1;
	if (cause == AETHER_SERVICE_UPDATE) {
		console_printf("aether: service %s; instance %u follows\n", failure_words[cause], next);
	} else if (delay_ms == 0) {
		console_printf("aether: service failed: %s (esr %lx ipa %lx pc %lx); instance %u follows\n",
			       failure_words[cause], a, b, pc, next);
	} else {
		console_printf("aether: service failed: %s (esr %lx ipa %lx pc %lx); instance %u follows in %lu ms\n",
			       failure_words[cause], a, b, pc, next, delay_ms);
	}
}

static void end(enum aether_service_failure cause, uint64_t a, uint64_t b, uint64_t pc)
{
	struct vcpu *vcpu = service();
	if (watch.is_reloading) {
		return;
	}
	const uint64_t now = hal_ticks();
	sched_turn_off(vcpu);
	trace_note(&hal_this_cpu()->trace, TRACE_SERVICE_DIED, vcpu->who, cause, pc);
	nic_stop();
	const uint64_t delay_ms = cause == AETHER_SERVICE_UPDATE ? 0 : back_off_ms(now, cause);
	chaos_died();
	update_died();
	say(cause, a, b, pc, delay_ms);
	if (cause != AETHER_SERVICE_UPDATE) {
		judge_image(now);
	}
	watch.is_reloading = true;
	watch.phase = RELOAD_IMAGE;
	watch.burst_end = 0;
	watch.restarts++;
	watch.info->restart_ticks = now;
	watch.info->restart_cause = cause;
	reload_begin(watch.image);
	vcpu->is_event_waiter = false;
	vcpu->wake_deadline = delay_ms == 0 ? NEVER : now + ticks_of_ms(delay_ms);
	vcpu->state = delay_ms == 0 ? VCPU_RUNNABLE : VCPU_BLOCKED;
}

void supervise_fail(enum aether_service_failure cause, uint64_t a, uint64_t b)
{
	end(cause, a, b, service()->pc);
}

/* --- return --- */

bool supervise_is_reloading(void)
{
	return watch.is_reloading;
}

static void enter(struct vcpu *vcpu, uint64_t now)
{
	struct aether_bootinfo *info = watch.info;
	vgic_init(&vcpu->vm->gic, vm_host.gic_version, 1, vm_host.lr_count);
	vgic_reset_vcpu(&vcpu->vm->gic, 0);
	vcpu_init(vcpu, vcpu->vm, 0, vcpu->cpu);
	vcpu->state = VCPU_RUNNABLE;
	vcpu->pc = reload_entry();
	info->instance++;
	trace_note(&hal_this_cpu()->trace, TRACE_SERVICE_ENTERED, vcpu->who, info->instance,
		   watch.image != watch.boot_image);
	keep_new_instance(info->instance);
	info->core_ticks = now;
	memcpy(info->service_sha256, watch.image->sha256, sizeof(info->service_sha256));
	nic_start();
	watch.is_reloading = false;
	if (watch.is_new_image) {
		watch.is_new_image = false;
		watch.image_at = now;
	}
	watch.entered_at = now;
	supervise_alive();
	chaos_entered(now);
}

bool supervise_step(struct vcpu *vcpu)
{
	const uint64_t now = hal_ticks();
	const uint64_t burst = hal_ticks_per_second() / BURST_HZ;
	if (watch.burst_end == 0) {
		watch.burst_end = now + burst;
	}
	switch (watch.phase) {
	case RELOAD_IMAGE:
		watch.phase = reload_part() ? RELOAD_ENTROPY : RELOAD_IMAGE;
		break;
	case RELOAD_ENTROPY: /* some 10,000 instructions where it has to be derived */
		renew_entropy(watch.info->instance + 1);
		watch.phase = RELOAD_ENTRY;
		break;
	case RELOAD_ENTRY:
		enter(vcpu, now);
		return true;
	}
	if (now >= watch.burst_end) {
		watch.burst_end = 0;
		vcpu->state = VCPU_BLOCKED;
		vcpu->wake_deadline = now + burst;
	}
	return false;
}

/* --- hypercalls --- */

static enum exit_action call_update(struct vcpu *vcpu)
{
	const struct service_image *image = NULL;
	const enum exit_action action = update_call(vcpu, &image);
	if (image != NULL) {
		watch.image = image;
		watch.is_new_image = true;
		watch.deaths = 0;
		end(AETHER_SERVICE_UPDATE, 0, 0, vcpu->pc);
	}
	return action;
}

enum exit_action supervise_call(struct vcpu *vcpu)
{
	switch (vcpu->x[0]) {
	case AETHER_HVC_ALIVE:
		supervise_alive();
		vcpu->x[0] = 0;
		return EXIT_RESUME;
	case AETHER_HVC_FAIL:
		end(AETHER_SERVICE_FAULT, vcpu->x[1], vcpu->x[3], vcpu->x[2]);
		return EXIT_RESUME;
	case AETHER_HVC_CHAOS:
		return chaos_call(vcpu);
	default: /* AETHER_HVC_SERVICE_UPDATE */
		return call_update(vcpu);
	}
}

void supervise_fill_telemetry(struct aether_telemetry *telemetry)
{
	telemetry->restarts = watch.restarts;
}

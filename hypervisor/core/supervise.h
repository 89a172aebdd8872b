/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The service may die at any instant, and comes back: what counts as its death, and how the next instance is made.
 *
 *              abort, fault, trap, silence, FAIL, UPDATE              every part done
 *   ALIVE ----------------------------------------------> RELOADING -----------------> ALIVE (instance + 1)
 *
 * From its death on the vCPU is off, unloaded, and RUNNABLE once the back-off is over (until then BLOCKED with a
 * wake_deadline). When the scheduler picks it while supervise_is_reloading(), it calls supervise_step() instead of
 * loading it. Guests run on throughout.
 *
 * Everything here runs on the service's own CPU (0); nothing is shared with other CPUs.
 */
#include <stdbool.h>
#include <stdint.h>

#include "abi/diag.h"
#include "abi/telemetry.h"
#include "core/vcpu.h"

struct aether_bootinfo;
struct service_image;

/* Start of day: the first instance is about to be entered; `info` is its boot information, `image` what the next ones
 * are made of. */
void supervise_init(struct aether_bootinfo *info, const struct service_image *image);

/* --- for the scheduler --- */

/* Ticks at which supervise_check() must be called: the service is overdue then, or a test wants its life. ~0: never,
 * as while it sleeps in EVENT_WAIT. May lie in the past. For the service's CPU alone. */
uint64_t supervise_deadline(void);
/* The EL2 timer of the service's CPU fired. May end the service: it is unloaded then, and percpu.current is NULL. */
void supervise_check(uint64_t now);
/* True from the death of an instance to the entry of the next. Its reload is paid from the service's budget as long as
 * a guest could run, and counts as the core's time. */
bool supervise_is_reloading(void);
/* The service's vCPU was picked while supervise_is_reloading(); it is not loaded. One part of its reload, at most
 * 16 KiB and 20,000 instructions. True: it can be loaded and entered. False: take interrupts and choose again; it may
 * no longer be RUNNABLE, since it lets the others run between bursts of work. */
bool supervise_step(struct vcpu *service);

/* --- for traps and hypercalls --- */

/* A sign of life: each EVENT_WAIT, ALIVE, and each part of a long call. */
void supervise_alive(void);
/* The service is over, for `cause`: from any exit of its, or while it does not run, on its CPU. On return its vCPU is
 * unloaded and its registers are worthless: the caller changes nothing of it any more (EXIT_RESUME). a and b: what
 * the console line says, ESR and IPA or FAR. A no-op while it is reloading. */
void supervise_fail(enum aether_service_failure cause, uint64_t a, uint64_t b);
/* AETHER_HVC_ALIVE, FAIL, SERVICE_UPDATE and CHAOS. */
enum exit_action supervise_call(struct vcpu *vcpu);
/* Its part: restarts. */
void supervise_fill_telemetry(struct aether_telemetry *telemetry);

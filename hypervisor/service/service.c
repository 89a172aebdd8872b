/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One loop does all: it never waits for anything but the core's next event, and no turn does more than a bounded piece
 * of work, so that beats and the core's supervision are never late.
 */
#include "service/service.h"

#include <string.h>

#include "abi/hvc.h"
#include "service/hvcall.h"
#include "service/log.h"

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

/* Lets the core end this service at random, as a test's trailer asks. Once: the schedule goes on over instances. */
static void arm_chaos(const struct service *service)
{
#ifdef AETHER_SIMULATION
	const uint32_t *chaos = service->config.chaos;
	uint64_t left = 0;

	if (service->info->is_simulation && service->info->instance == 1 && chaos[1] != 0 &&
	    hvcall_chaos(chaos[0], chaos[1], chaos[2], chaos[3], &left) != 0) {
		log_line(LOG_ERROR, "agent: the core does not end this service at random");
	}
#else
	(void)service;
#endif
}

void service_start(struct service *service, const struct service_inputs *inputs)
{
	const struct aether_bootinfo *info = inputs->info;

	memset(service, 0, sizeof(*service));
	service->first_guard = SERVICE_GUARD;
	service->last_guard = SERVICE_GUARD;
	service->info = info;
	const char *wrong = config_decode(inputs->trailer, info->trailer_bytes, &service->config);
	log_set_level(service->config.log_level);
	if (wrong != NULL && info->instance == 1) {
		log_line(LOG_WARN, "loader: configuration trailer: %s; using defaults", wrong);
	}
	log_machine(info);
	arm_chaos(service);
	guests_start(&service->guests, info);
	if (info->bundle_bytes != 0) {
		service->has_bundle = guests_boot(&service->guests, inputs->bundle);
	}
	agent_start(&service->agent, info, &service->config, inputs->crash, &service->guests, hvcall_ticks());
	if (info->bundle_bytes == 0 && service->agent.state == AGENT_OFF) {
		log_line(LOG_ERROR,
			 "loader: no bundle: the boot loader passed no initrd; give it guest.bundle as the initrd");
	}
}

/* The node may go off: no guest is left, and nobody who could want one. */
static bool is_over(const struct service *service)
{
	if (guests_any(&service->guests)) {
		return false;
	}
	return service->agent.state == AGENT_OFF || (service->has_bundle && !agent_has_controller(&service->agent));
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Sleeps until something is due. False: it cannot. */
static bool sleep(struct service *service, uint64_t now, bool is_busy)
{
	struct hvcall_event event = {.kinds = 0};
	uint64_t wait = 0;

	if (!is_busy) {
		wait = sooner(guests_wait(&service->guests, now), agent_wait(&service->agent, now));
		if (service->agent.state != AGENT_OFF) {
			wait = sooner(wait, sooner(net_wait(now), http_wait(now)));
		}
	}
	const uint64_t deadline = wait < UINT64_MAX - now ? now + wait : UINT64_MAX;
	if (hvcall_event_wait(deadline, &event) != 0) {
		log_line(LOG_ERROR, "agent: cannot wait for events");
		hvcall_fail(0, 0, 0);
		return false;
	}
	if ((event.kinds & AETHER_EVENT_VM_STOPPED) != 0) {
		guests_stopped(&service->guests, event.vm, event.reason);
	}
	return true;
}

/* Its memory was not overwritten as a whole: it may decide something. */
static bool is_sound(const struct service *service)
{
	return service->first_guard == SERVICE_GUARD && service->last_guard == SERVICE_GUARD;
}

bool service_turn(struct service *service)
{
	const uint64_t now = hvcall_ticks();

	if (!is_sound(service)) {
		hvcall_fail(0, 0, 0);
		return false;
	}
	if (service->agent.state != AGENT_OFF) {
		net_poll(now);
		http_poll(now);
		agent_turn(&service->agent, now);
	}
	const bool is_busy = guests_turn(&service->guests, now);
	if (service->agent.state != AGENT_OFF) {
		net_flush();
	}
	if (!is_busy && is_over(service) && is_sound(service)) {
		return false;
	}
	return sleep(service, now, is_busy);
}

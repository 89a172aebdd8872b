/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kills MONITOR CONF STATE LOG SECONDS SEED: rounds of SIGKILL under load, for tests/e2e/kill, which has made the
 * network. Prints a line for each thing that is not as it was acknowledged; status 0: there was none.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "e2e/kills/kills.h"

enum { BURST_MOST = 3, CHILD_KILLS_MOST = 3, LOAD_MS = 900, ASKING_MS = 500 };
enum target { AETHERD, DNSMASQ, MONITOR, EVERYTHING, TARGETS };
static const char *const targets[] = {"aetherd", "dnsmasq", "the monitor", "all three"};

static pthread_mutex_t out_lock = PTHREAD_MUTEX_INITIALIZER;

unsigned chance(uint64_t *state, unsigned below)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(*state >> 33) % below;
}

void pause_ms(unsigned ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

void complain(struct kills *kills, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	pthread_mutex_lock(&out_lock);
	kills->failures++;
	printf("wrong: ");
	vprintf(format, args);
	printf("\n");
	fflush(stdout);
	pthread_mutex_unlock(&out_lock);
	va_end(args);
}

bool work_begin(struct kills *kills)
{
	while (!atomic_load(&kills->is_ending)) {
		atomic_fetch_add(&kills->working, 1);
		if (!atomic_load(&kills->is_paused)) {
			return true;
		}
		atomic_fetch_sub(&kills->working, 1);
		pause_ms(2);
	}
	return false;
}

void work_end(struct kills *kills)
{
	atomic_fetch_sub(&kills->working, 1);
}

void pause_all(struct kills *kills)
{
	atomic_store(&kills->is_paused, true);
	while (atomic_load(&kills->working) > 0) {
		pause_ms(2);
	}
}

void resume_all(struct kills *kills)
{
	atomic_store(&kills->is_paused, false);
}

/* When: some time under load; during a start; or while a request is on its way, which is when commits are. */
static void wait_for_the_moment(struct kills *kills, uint64_t *random, bool is_up)
{
	const unsigned kind = chance(random, 3);
	const unsigned us = chance(random, 4000);

	if (!is_up) {
		pause_ms(chance(random, 250));
		return;
	}
	pause_ms(chance(random, LOAD_MS));
	const uint64_t until_ms = clock_ms() + ASKING_MS;
	while (kind > 0 && atomic_load(&kills->asking) == 0 && clock_ms() < until_ms) {
		nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
	}
	nanosleep(&(struct timespec){.tv_nsec = us * 1000L}, NULL);
}

static void strike(struct kills *kills, uint64_t *random, enum target target)
{
	const bool is_children_first = chance(random, 2) == 0;
	const bool is_at_once = chance(random, 2) == 0;

	if (target == AETHERD || target == DNSMASQ) {
		(void)keeper_kill(targets[target]);
		return;
	}
	if (target == EVERYTHING && is_children_first) {
		(void)keeper_kill("aetherd");
		(void)keeper_kill("dnsmasq");
	}
	keeper_kill_monitor(kills);
	/* An init system starts it again at once; or whoever looks finds nothing. */
	if (!is_at_once) {
		(void)keeper_nothing_left(kills);
	}
	if (!keeper_start(kills)) {
		complain(kills, "the monitor cannot be started");
	}
}

/* True: a round that leaves all of them up. */
static bool play_round(struct kills *kills, uint64_t *random, unsigned number, unsigned *child_kills)
{
	const unsigned burst = 1 + chance(random, BURST_MOST);
	bool is_up = true;

	printf("round %u:", number);
	for (unsigned i = 0; i < burst; i++) {
		enum target target = (enum target)chance(random, TARGETS);
		/* What dies often is started later and later: the monitor's to do, and not what is looked at. */
		if (target < MONITOR && *child_kills >= CHILD_KILLS_MOST) {
			target = MONITOR;
		}
		*child_kills = target < MONITOR ? *child_kills + 1 : 0;
		wait_for_the_moment(kills, random, is_up);
		printf(" %s%s", targets[target], i + 1 < burst ? "," : "");
		strike(kills, random, target);
		is_up = target == DNSMASQ && is_up;
	}
	printf("\n");
	fflush(stdout);
	if (!keeper_is_ready(kills)) {
		complain(kills, "it does not serve again");
		return false;
	}
	look_at_contact(kills, true);
	if (!keeper_has_dhcp()) {
		complain(kills, "no DHCP again");
		return false;
	}
	pause_all(kills);
	look(kills);
	look_at_contact(kills, true);
	resume_all(kills);
	return true;
}

static bool start(struct kills *kills)
{
	return keeper_watch(kills) && keeper_start(kills) && keeper_is_ready(kills) && keeper_has_dhcp() &&
	       nodes_start(kills) && clients_start(kills) && writers_start(kills);
}

/* The last wishes reach the nodes; then all ends in order, and what is left is compared. */
static void finish(struct kills *kills)
{
	look_at_contact(kills, false);
	pause_all(kills);
	pause_ms(1500); /* a beat and its answer, for the last wishes */
	look(kills);
	atomic_store(&kills->is_ending, true);
	for (unsigned i = 0; i < WRITERS; i++) {
		pthread_join(kills->writers[i], NULL);
	}
	pthread_join(kills->clients, NULL);
	if (!keeper_end(kills)) {
		complain(kills, "it does not end by SIGTERM with status 0");
	}
	(void)keeper_nothing_left(kills);
	look_at_file(kills);
	nodes_end(kills);
	pthread_join(kills->wire, NULL);
	if (atomic_load(&kills->two_on_the_wire) > 0) {
		complain(kills, "two answered DHCP, seen %u times", atomic_load(&kills->two_on_the_wire));
	}
	printf("acknowledged: %u changes (%u cut off and asked again, %u of them answered as before, %u unknown), %u "
	       "leases (%u lost in the moment that all died), %u late hellos\n",
	       atomic_load(&kills->acked), atomic_load(&kills->cut_off), atomic_load(&kills->repeated),
	       atomic_load(&kills->unknown), atomic_load(&kills->leases_acked), atomic_load(&kills->leases_lost),
	       atomic_load(&kills->late_count));
	if (atomic_load(&kills->acked) == 0 || atomic_load(&kills->cut_off) == 0 ||
	    atomic_load(&kills->leases_acked) == 0) {
		complain(kills, "there was no load to speak of");
	}
}

int main(int argc, char **argv)
{
	static struct kills kills;
	unsigned child_kills = 0;

	if (argc != 7) {
		fprintf(stderr, "usage: kills MONITOR CONF STATE LOG SECONDS SEED\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	kills.monitor_program = argv[1];
	kills.conf = argv[2];
	kills.state = argv[3];
	snprintf(kills.log, sizeof(kills.log), "%s", argv[4]);
	snprintf(kills.database, sizeof(kills.database), "%s/aether.db", kills.state);
	snprintf(kills.socket_path, sizeof(kills.socket_path), "%s/aether.sock", kills.state);
	kills.socket = kills.socket_path;
	kills.seed = strtoull(argv[6], NULL, 10);
	uint64_t random = kills.seed;
	if (!start(&kills)) {
		printf("wrong: it cannot be brought up; %s says why\n", kills.log);
		keeper_kill_monitor(&kills);
		return 1;
	}
	const uint64_t until_ms = clock_ms() + strtoull(argv[5], NULL, 10) * 1000;
	for (unsigned i = 1; clock_ms() < until_ms && play_round(&kills, &random, i, &child_kills); i++) {
	}
	finish(&kills);
	return kills.failures > 0;
}

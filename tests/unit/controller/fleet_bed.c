/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/controller/fleet_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "unit/controller/small_store.h"

struct bed bed;
const struct fleet_who bed_who = {.actor = "admin", .request = "q-1"};
static char *shown_json;

static uint64_t now_ms = 1000000;
static const int64_t wall_offset = INT64_C(1800000000000);
uint64_t __wrap_clock_ms(void);
int64_t __wrap_clock_wall_ms(void);
uint64_t __wrap_clock_ms(void)
{
	return __atomic_load_n(&now_ms, __ATOMIC_RELAXED);
}

int64_t __wrap_clock_wall_ms(void)
{
	return wall_offset + (int64_t)__wrap_clock_ms();
}

static void wake(void *argument)
{
	struct bed *b = argument;

	b->wakes++;
}

static void free_link(void *argument, void *link)
{
	struct bed *b = argument;

	b->frees++;
	free(link);
}

static void start(void)
{
	struct fail fail = {.kind = FAIL_NONE};
	uint64_t index;
	const struct fleet_link link = {.wake = wake, .free = free_link, .argument = &bed};

	bed.store = small_store_open(&fail);
	assert_non_null(bed.store);
	assert_true(fleet_first_index(bed.store, &index, &fail));
	bed.bus = bus_new(index);
	const struct fleet_options options = {
		.store = bed.store, .bus = bed.bus, .interval_ms = 1000, .udp_port = 7480};
	bed.fleet = fleet_new(&options, &fail);
	if (bed.fleet == NULL) {
		print_error("%s\n", fail.text);
	}
	assert_non_null(bed.fleet);
	fleet_link(bed.fleet, &link);
}

int bed_make(void **state)
{
	log_set_level(LOG_ERROR);
	if (small_store_make(state) != 0) {
		return -1;
	}
	store_close(*state);
	*state = NULL;
	bed = (struct bed){.wakes = 0};
	start();
	return 0;
}

static void stop(void)
{
	store_close(bed.store);
	fleet_free(bed.fleet);
	bus_free(bed.bus);
}

int bed_remove(void **state)
{
	stop();
	free(shown_json);
	shown_json = NULL;
	*state = NULL;
	return small_store_remove(state);
}

void bed_restart(uint64_t ms)
{
	stop();
	(void)__atomic_add_fetch(&now_ms, ms, __ATOMIC_RELAXED);
	start();
}

static bool nothing(struct sql *sql, void *argument, struct fail *fail)
{
	(void)sql;
	(void)argument;
	(void)fail;
	return true;
}

void bed_settle(void)
{
	struct fail fail;

	/* What a done submits in turn is behind the first. */
	for (unsigned i = 0; i < 3; i++) {
		assert_true(store_change(bed.store, nothing, NULL, NULL, &fail));
	}
}

void bed_pass(uint64_t ms)
{
	for (uint64_t passed = 0; passed < ms; passed += 100) {
		(void)__atomic_add_fetch(&now_ms, 100, __ATOMIC_RELAXED);
		(void)fleet_tick(bed.fleet);
	}
}

/* --- machines --- */

static void mac_of(unsigned number, uint8_t mac[6])
{
	const uint8_t bytes[6] = {0x52, 0x54, 0, 0, (uint8_t)(number >> 8), (uint8_t)number};

	memcpy(mac, bytes, sizeof(bytes));
}

void machine_make(struct machine *machine, unsigned number, uint64_t boot_id)
{
	*machine = (struct machine){.number = number, .boot_id = boot_id, .key = (uint8_t)(boot_id * 7 + 1)};
	machine->beat.cpu_count = 1;
	machine->uptime_us = 5000000;
}

bool machine_hello(struct machine *machine, struct hello_answer *answer, struct fail *fail)
{
	struct hello hello = {
		.boot_id = machine->boot_id,
		.instance = 1,
		.board = "linux,dummy-virt",
		.mac_count = 1,
		.cpu_count = 2,
		.gic_version = 3,
		.midr = 0x410fd083,
		.ram_bytes = UINT64_C(1) << 30,
		.core_bytes = (UINT64_C(6) << 20) + 1,
		.core_version = "0.3.0",
		.stage_count = 2,
		.stage_us = {100, 2000},
	};
	struct sockaddr_in from = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(0x0a4d0000u + 100u + machine->number + (machine->has_no_serial ? 32768 : 0))};

	if (machine->from != 0) {
		from.sin_addr.s_addr = htonl(machine->from);
	}
	memset(hello.boot_key, machine->key, sizeof(hello.boot_key));
	mac_of(machine->number, hello.macs[0]);
	hello.macs[0][1] = (uint8_t)(hello.macs[0][1] + machine->is_other_mac);
	if (machine->has_crash) {
		static const uint8_t record[64] = {1};

		hello.crash = record;
		hello.crash_bytes = sizeof(record);
	}
	if (!machine->has_no_serial) {
		(void)snprintf(hello.serial, sizeof(hello.serial), "SN-%06u-abc", machine->number);
	}
	return fleet_hello(bed.fleet, &hello, &from, answer, fail);
}

enum hello_status machine_says_hello(struct machine *machine)
{
	struct hello_answer answer;
	struct fail fail;

	if (!machine_hello(machine, &answer, &fail)) {
		fail_msg("the hello of boot %llx: %s", (unsigned long long)machine->boot_id, fail.text);
	}
	return answer.status;
}

static void take_wishes(struct machine *machine, const struct node *node, enum wire_guest_state state)
{
	struct ack ack = {.boot_id = machine->boot_id};

	if (!node->want.is_seeded || !node_is_trusted(node)) {
		return;
	}
	node_wishes(node, &ack);
	machine->beat.node_generation = ack.node.generation != 0 ? ack.node.generation : machine->beat.node_generation;
	for (unsigned slot = 0; slot < WIRE_GUEST_MAX; slot++) {
		struct beat_guest *guest = &machine->beat.guests[slot];

		if (ack.guests[slot].generation != 0) {
			guest->generation = ack.guests[slot].generation;
			guest->restart_generation = ack.guests[slot].restart_generation;
		}
		if (guest->generation != 0) {
			guest->state = node->want.guests[slot].want == ACK_WANT_RUN ? (uint8_t)state : WIRE_GUEST_EMPTY;
		}
	}
}

bool machine_beat(struct machine *machine, enum wire_guest_state state)
{
	struct beat *beat = &machine->beat;

	beat->boot_id = machine->boot_id;
	beat->instance = 1;
	beat->sequence = ++machine->sequence;
	beat->uptime_us = machine->uptime_us += 1000000;
	beat->present = BEAT_BIT(BEAT_CPU_0) | BEAT_BIT(BEAT_VM_0) | BEAT_BIT(BEAT_NIC) | BEAT_BIT(BEAT_MEMORY);
	beat->counters.exit_causes = 11;
	beat->counters.cpus[0].guest_us += 600000;
	beat->counters.cpus[0].service_us += 100000;
	beat->counters.cpus[0].core_us += 50000;
	beat->counters.vms[0].exits[2] += 500;
	beat->counters.nic.rx_bytes += 1000;
	beat->counters.memory.pages[1] = 256 * 100; /* dirty, free, the core's, a guest's */
	beat->counters.memory.pages[2] = 256 * 11;
	beat->counters.memory.pages[3] = 256 * 4;
	beat->counters.memory.pages[7] = 256 * 512;
	mac_of(machine->number, beat->mac);
	fleet_lock(bed.fleet);
	struct node *node = node_by_boot(bed.fleet, machine->boot_id);

	if (node != NULL) {
		take_wishes(machine, node, state);
		node_beat(bed.fleet, node, beat);
	}
	fleet_unlock(bed.fleet);
	return node != NULL;
}

void machines_run(struct machine *machines, unsigned count)
{
	struct hello_answer answer;
	struct fail fail;

	for (unsigned i = 0; i < count; i++) {
		assert_true(machine_hello(&machines[i], &answer, &fail));
		const struct seen seen = bed_see(machines[i].boot_id);

		assert_true(fleet_admit(bed.fleet, seen.id, ACT_APPROVE, 0, &bed_who, &fail));
		assert_true(machine_hello(&machines[i], &answer, &fail));
		assert_int_equal(answer.status, HELLO_APPROVED);
	}
	for (unsigned s = 0; s < 3; s++) {
		bed_pass(1000);
		for (unsigned i = 0; i < count; i++) {
			assert_true(machine_beat(&machines[i], WIRE_GUEST_RUNNING));
		}
		bed_settle();
	}
}

void machine_run(struct machine *machine)
{
	machines_run(machine, 1);
}

void machines_beat(struct machine *machines, unsigned count, unsigned seconds)
{
	for (unsigned s = 0; s < seconds; s++) {
		for (unsigned i = 0; i < count; i++) {
			(void)machine_beat(&machines[i], WIRE_GUEST_RUNNING);
		}
		bed_pass(1000);
	}
}

static void copy(const struct node *node, struct seen *seen)
{
	if (node == NULL) {
		return;
	}
	seen->is_there = true;
	memcpy(seen->id, node->id, sizeof(seen->id));
	seen->rev = node->rev;
	seen->admission = node->admission;
	seen->contact = node->contact.state;
	seen->stage = node->stage;
	seen->shown = node->shown;
	memcpy(seen->clash, node->clash, sizeof(seen->clash));
	free(shown_json);
	shown_json = node->json == NULL ? NULL : strdup(node->json);
	seen->json = shown_json;
}

struct seen bed_see(uint64_t boot_id)
{
	struct seen seen = {.is_there = false};

	bed_settle();
	fleet_lock(bed.fleet);
	copy(node_by_boot(bed.fleet, boot_id), &seen);
	fleet_unlock(bed.fleet);
	return seen;
}

struct seen bed_see_id(const char *id)
{
	struct seen seen = {.is_there = false};

	bed_settle();
	fleet_lock(bed.fleet);
	copy(node_by_id(bed.fleet, id), &seen);
	fleet_unlock(bed.fleet);
	return seen;
}

struct counted {
	const char *sql;
	int64_t rows;
};

static bool count_rows(struct sql *sql, void *argument, struct fail *fail)
{
	struct counted *counted = argument;
	struct sql_row row;

	sql_query(sql, &row, counted->sql, "");
	counted->rows = sql_next(&row) ? sql_i64(&row, 0) : -1;
	return sql_end(&row, fail);
}

int64_t bed_count(const char *sql)
{
	struct counted counted = {.sql = sql};
	struct fail fail;

	bed_settle();
	assert_true(store_read(bed.store, count_rows, &counted, &fail));
	return counted.rows;
}

static bool change_rows(struct sql *sql, void *argument, struct fail *fail)
{
	return sql_run(sql, fail, *(const char **)argument, "");
}

bool bed_change(const char *sql, struct fail *fail)
{
	return store_change(bed.store, change_rows, NULL, &sql, fail);
}

void bed_sighting(struct fleet_sighting *sighting, unsigned number)
{
	*sighting = (struct fleet_sighting){.arch = 22, .network = "lan0", .vendor_class = "U-Boot.armv8"};
	mac_of(number, sighting->mac);
}

bool bed_rename(const char *id, const char *name, uint64_t rev, struct fail *fail)
{
	return fleet_edit(bed.fleet, id, &(const struct fleet_edit){.name = name}, rev, &bed_who, fail);
}

bool bed_label(const char *id, const char *labels, uint64_t rev, struct fail *fail)
{
	return fleet_edit(bed.fleet, id, &(const struct fleet_edit){.labels = labels}, rev, &bed_who, fail);
}

bool bed_cordon(const char *id, bool on, uint64_t rev, struct fail *fail)
{
	return fleet_edit(bed.fleet, id, &(const struct fleet_edit){.cordoned = &on}, rev, &bed_who, fail);
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A fleet on a store of its own, with a clock that stands until a test moves it. */
#include "fleet/node.h"

struct bed {
	struct store *store;
	struct bus *bus;
	struct fleet *fleet;
	unsigned wakes, frees;
};
extern struct bed bed;

int bed_make(void **state);
int bed_remove(void **state);
/* The controller is killed and started again (the clock goes on by `ms`). */
void bed_restart(uint64_t ms);
/* All that was submitted is durable. */
void bed_settle(void);
/* Time passes in ticks of 100 ms. */
void bed_pass(uint64_t ms);

/* A machine: number n has the MAC address 52:54:00:00:hh:ll and, with `serial`, the serial "SN-nnnnnn". */
struct machine {
	unsigned number;
	uint64_t boot_id;
	uint8_t key;
	uint64_t sequence;
	uint64_t uptime_us;
	struct beat beat; /* what its next beat says */
	bool has_no_serial;
	bool is_other_mac; /* 52:55:... */
	uint32_t from; /* address that its hello comes from; 0: one of its own */
	bool has_crash;
};
void machine_make(struct machine *machine, unsigned number, uint64_t boot_id);
bool machine_hello(struct machine *machine, struct hello_answer *answer, struct fail *fail);
/* One that is taken, or the test fails; how it is answered. */
enum hello_status machine_says_hello(struct machine *machine);
/* A beat that takes over whatever is wanted, and has its guests in that state. False: the boot is known to nobody. */
bool machine_beat(struct machine *machine, enum wire_guest_state state);
/* Says hello, is approved and beats until it runs. */
void machine_run(struct machine *machine);
/* The same of many at once. */
void machines_run(struct machine *machines, unsigned count);
/* Beats of `count` machines, one a second. */
void machines_beat(struct machine *machines, unsigned count, unsigned seconds);

extern const struct fleet_who bed_who;
/* The node of a machine, under the lock only while it is copied. */
struct seen {
	bool is_there;
	char id[ID_BYTES];
	uint64_t rev;
	enum admission admission;
	enum contact contact;
	enum stage stage;
	enum shown_state shown;
	char clash[ID_BYTES];
	char *json; /* until the next call */
};
struct seen bed_see(uint64_t boot_id);
struct seen bed_see_id(const char *id);
/* Rows that a statement of one number counts. */
int64_t bed_count(const char *sql);
/* A statement of a test, durable. */
bool bed_change(const char *sql, struct fail *fail);
bool bed_rename(const char *id, const char *name, uint64_t rev, struct fail *fail);
bool bed_label(const char *id, const char *labels, uint64_t rev, struct fail *fail);
bool bed_cordon(const char *id, bool on, uint64_t rev, struct fail *fail);
void bed_sighting(struct fleet_sighting *sighting, unsigned number);

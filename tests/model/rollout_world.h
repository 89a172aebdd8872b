/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A fleet that can be rolled out to: nodes with racks, a truth of their own and faults, the controller that carries
 * orders out and stores rows, and the news that travel between them late, lost or twice. It knows nothing of how the
 * engine decides.
 */
#include "rollout/codec.h"
#include "rollout/rollout.h"

enum { WORLD_NODES = 200, WORLD_RELEASES = 4 /* the target, two stable ones, something else */, WORLD_PARTS = 6 };

enum fate { FATE_GOOD, FATE_NEVER_READY, FATE_CRASHES, FATE_LOOPS, FATE_HANGS, FATE_SLOW, FATE_REVERTS, FATE_COUNT };

struct world_node {
	/* the truth */
	unsigned stable; /* place among the world's releases */
	unsigned assigned; /* as the controller stores it */
	uint8_t runs[WORLD_PARTS]; /* release that each part is of: guests, service, core */
	bool is_on, is_hung, is_member, is_sick; /* sick: no guest gets ready on any release, for a while */
	uint8_t wish; /* PART_*, not obeyed yet */
	uint8_t busy; /* parts that restart now */
	uint64_t busy_until;
	uint64_t doom_ms; /* when its fate strikes, 0: does not */
	bool is_ours; /* it is busy by an order of ours, */
	uint64_t wish_ms, ours_ms; /* given when the rollout's clock was so */
	enum fate fate; /* on the target */
	enum rollout_trouble trouble;
	uint64_t trouble_index, index;
	/* what the engine was told last, and before that */
	struct rollout_facts told, older;
	bool is_told, is_news;
};

struct world_order {
	unsigned node, release;
	uint8_t parts;
	uint64_t due, given_ms;
};

struct world {
	uint64_t now_ms, index;
	unsigned racks, bad_percent;
	int64_t wall_ms;
	unsigned count;
	bool is_calm; /* no faults any more */
	unsigned fault_rate; /* in 10,000 a node and step */
	unsigned loss_percent;
	struct rollout_release releases[WORLD_RELEASES];
	struct world_node nodes[WORLD_NODES];
	struct world_order orders[WORLD_NODES * 4];
	unsigned order_count;
	/* the disk */
	uint8_t row[ROLLOUT_ROW_BYTES];
	size_t row_bytes;
	uint8_t cell_rows[WORLD_NODES][ROLLOUT_CELL_ROW_BYTES];
	size_t cell_bytes[WORLD_NODES];
	unsigned stored;
	/* the engine */
	struct rollout rollout;
	struct rollout_cell cells[WORLD_NODES];
};

/* A fleet at rest on its stable releases, with a rollout that is planned. */
void world_make(struct world *world);
/* One more node joins, or one that had left does again; returns which, `count`: none. */
unsigned world_join(struct world *world);
/* Time passes for the nodes. */
void world_pass(struct world *world, uint64_t passed_ms);
/* Tells what is new, as far as it gets through. `all`: everything of every node, for sure. */
void world_tell(struct world *world, bool all);
/* Writes what is dirty to the disk. */
void world_store(struct world *world);
/* What is on the disk is what is in memory, but for time that went by. */
bool world_is_stored(const struct world *world);
/* Takes an order of the engine to be carried out soon. */
void world_take(struct world *world, const struct rollout_decision *decision);
/* The controller dies: orders that were not carried out are lost, and so is what was not stored. */
void world_restart(struct world *world);
/* A third of the nodes lose their power, or their guests for good. */
void world_disaster(struct world *world);
/* Everybody is switched on, and who hangs off and on. */
void world_power_all(struct world *world);
bool world_runs(const struct world *world, unsigned node, unsigned release);

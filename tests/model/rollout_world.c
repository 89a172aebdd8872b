/* SPDX-License-Identifier: Apache-2.0 */
#include "model/rollout_world.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "model/random.h"

enum { GUESTS = ROLLOUT_GUESTS_MAX, SERVICE = 4, CORE = 5, OTHER = 3 };

static bool chance(unsigned of, unsigned in)
{
	return random_below(in) < of;
}

static const uint8_t *hash_of(const struct rollout_parts *parts, unsigned part)
{
	return part == CORE ? parts->core : part == SERVICE ? parts->service : parts->guests[part];
}

static void changed(struct world *world, struct world_node *node)
{
	node->index = ++world->index;
	node->is_news = true;
}

static void befall(struct world *world, struct world_node *node, enum rollout_trouble trouble)
{
	changed(world, node);
	node->trouble = trouble;
	node->trouble_index = node->index;
}

static bool is_target_in(const struct world *world, const struct world_node *node)
{
	for (unsigned part = 0; part < WORLD_PARTS; part++) {
		/* A part that is the same in both is not the target's doing. */
		if (node->runs[part] == 0 && memcmp(hash_of(&world->releases[0].parts, part),
						    hash_of(&world->releases[node->stable].parts, part), 32) != 0) {
			return true;
		}
	}
	return false;
}

bool world_runs(const struct world *world, unsigned node, unsigned release)
{
	for (unsigned part = 0; part < WORLD_PARTS; part++) {
		if (memcmp(hash_of(&world->releases[world->nodes[node].runs[part]].parts, part),
			   hash_of(&world->releases[release].parts, part), 32) != 0) {
			return false;
		}
	}
	return true;
}

/* --- make --- */

static void make_releases(struct world *world)
{
	const unsigned guests = 1 + (unsigned)random_below(GUESTS);
	const unsigned differs = 1 + (unsigned)random_below(7); /* core, service, guests */

	for (unsigned r = 0; r < WORLD_RELEASES; r++) {
		struct rollout_release *release = &world->releases[r];

		memset(release, 0, sizeof(*release));
		release->id[0] = (uint8_t)(r + 1);
		release->parts.core[0] = (uint8_t)(1 + ((differs & 1) != 0 ? r : 0));
		release->parts.service[0] = (uint8_t)(1 + ((differs & 2) != 0 ? r : 0));
		for (unsigned g = 0; g < guests; g++) {
			release->parts.guests[g][0] = (uint8_t)(1 + ((differs & 4) != 0 && chance(3, 4) ? r : 0));
		}
		release->parts.guests[0][0] = (uint8_t)(1 + ((differs & 4) != 0 ? r : 0));
	}
}

static void make_policy(struct rollout_policy *policy)
{
	rollout_policy_default(policy);
	policy->canary = (uint16_t)random_below(4);
	policy->wave_count = (uint8_t)random_below(5);
	for (unsigned i = 0; i < policy->wave_count; i++) {
		policy->waves[i] = chance(1, 2) ? (struct rollout_wave){.count = (uint16_t)(1 + random_below(40))} :
						  (struct rollout_wave){.percent = (uint8_t)(1 + random_below(100))};
	}
	policy->is_spread = chance(1, 2);
	policy->in_flight_most = (uint16_t)(1 + random_below(chance(1, 2) ? 4 : 60));
	policy->soak_ms = (uint32_t)random_below(20000);
	policy->healthy_ms = (uint32_t)random_below(4000);
	policy->healthy_deadline_ms = 15000 + (uint32_t)random_below(30000);
	policy->progress_deadline_ms = policy->healthy_deadline_ms + 1 + (uint32_t)random_below(60000);
	policy->success_percent = (uint8_t)(chance(1, 3) ? 100 : random_below(101));
	policy->failure_percent = (uint8_t)(chance(1, 2) ? 0 : random_below(101));
	policy->failure_most = (uint16_t)(chance(1, 2) ? 0 : random_below(50));
	policy->min_healthy_percent = (uint8_t)(chance(1, 3) ? 0 : random_below(100));
	policy->is_auto_return = chance(3, 4);
	if (chance(1, 2)) {
		policy->window_days = (uint8_t)(1 + random_below(ROLLOUT_ALL_DAYS));
		policy->window_begin = (uint16_t)random_below(ROLLOUT_DAY_MINUTES);
		policy->window_minutes = (uint16_t)(60 + random_below(ROLLOUT_DAY_MINUTES - 60));
	}
}

static void make_node(struct world *world, unsigned i)
{
	const unsigned racks = world->racks;
	struct world_node *node = &world->nodes[i];
	const bool has_stable = chance(49, 50);
	char name[ID_BYTES];
	unsigned cell = 0;

	node->stable = chance(3, 4) ? 1 : 2;
	node->assigned = node->stable;
	node->is_on = chance(9, 10);
	node->is_member = true;
	memset(node->runs, (int)node->stable, sizeof(node->runs));
	node->fate = chance(world->bad_percent, 100) ? (enum fate)random_below(FATE_COUNT) : FATE_GOOD;
	changed(world, node);
	(void)snprintf(name, sizeof(name), "n-%010u", i);
	assert(rollout_join(&world->rollout, name, (uint16_t)(racks > 0 ? 1 + random_below(racks) : 0),
			    has_stable ? &world->releases[node->stable] : NULL, &cell, NULL));
	assert(cell == i);
}

void world_make(struct world *world)
{
	struct rollout_policy policy;
	static const unsigned sizes[] = {2, 3, 8, 30, 80, WORLD_NODES, WORLD_NODES};
	const unsigned limit = sizes[random_below(7)];
	const unsigned racks = (unsigned)random_below(12);
	const unsigned bad_percent = chance(1, 2) ? 0 : (unsigned)random_below(chance(1, 3) ? 101 : 15);

	memset(world, 0, sizeof(*world));
	world->wall_ms = (int64_t)random_below(UINT64_C(7) * 24 * 3600 * 1000);
	world->now_ms = 1 + random_below(1000000);
	world->fault_rate = chance(1, 3) ? 0 : (unsigned)random_below(chance(1, 4) ? 60 : 6);
	world->loss_percent = chance(1, 2) ? 0 : (unsigned)random_below(60);
	make_releases(world);
	make_policy(&policy);
	assert(rollout_init(&world->rollout, &policy, &world->releases[0], false, world->cells, WORLD_NODES, NULL));
	world->count = 1 + (unsigned)random_below(limit);
	world->racks = racks;
	world->bad_percent = bad_percent;
	for (unsigned i = 0; i < world->count; i++) {
		make_node(world, i);
	}
	world_tell(world, true);
	world_store(world);
}

unsigned world_join(struct world *world)
{
	const unsigned i = (unsigned)random_below(world->count + 1);
	const struct rollout_cell *cell = &world->cells[i];
	unsigned place = 0;

	if (world->rollout.state == ROLLOUT_RETURNING ||
	    (rollout_has_ended(&world->rollout) && world->rollout.state != ROLLOUT_DONE)) {
		return world->count;
	}
	if (i == world->count && i < WORLD_NODES) {
		make_node(world, i);
		world->count++;
		return i;
	}
	if (i == world->count || cell->state != CELL_SKIPPED || cell->why != WHY_LEFT) {
		return world->count;
	}
	char name[ID_BYTES];

	memcpy(name, cell->node, sizeof(name));
	assert(rollout_join(&world->rollout, name, cell->rack, &world->releases[world->nodes[i].stable], &place, NULL));
	assert(place == i);
	changed(world, &world->nodes[i]);
	return i;
}

/* --- nodes --- */

static uint8_t ready_of(const struct world *world, const struct world_node *node)
{
	unsigned ready = 0;
	const bool is_dead = node->is_sick || (node->fate == FATE_NEVER_READY && is_target_in(world, node));

	for (unsigned g = 0; g < GUESTS && !is_dead; g++) {
		if (world->releases[node->runs[g]].parts.guests[g][0] != 0 && (node->busy >> g & 1) == 0) {
			ready |= 1u << g;
		}
	}
	return (uint8_t)ready;
}

/* The service sends the beats. */
static bool is_heard(const struct world_node *node)
{
	return node->is_on && !node->is_hung && (node->busy & (PART_CORE | PART_SERVICE)) == 0;
}

static void boot(struct world *world, struct world_node *node)
{
	const bool is_slow = node->fate == FATE_SLOW && node->assigned == 0;

	node->busy = PART_CORE | PART_SERVICE | PART_GUESTS;
	node->busy_until = world->now_ms + (2000 + random_below(8000)) * (is_slow ? 1 + random_below(12) : 1);
	node->wish = 0;
	node->is_hung = node->is_ours = false;
	changed(world, node);
}

/* An order is a state that is wanted: what is so already does not restart. */
static uint8_t still_to_do(const struct world *world, const struct world_node *node)
{
	unsigned parts = node->wish;

	for (unsigned part = 0; part < WORLD_PARTS; part++) {
		if (memcmp(hash_of(&world->releases[node->runs[part]].parts, part),
			   hash_of(&world->releases[node->assigned].parts, part), ROLLOUT_HASH_BYTES) == 0) {
			parts &= ~(1u << part);
		}
	}
	return (uint8_t)parts;
}

static void obey(struct world *world, struct world_node *node)
{
	if (is_heard(node) && node->busy == 0) {
		node->wish = still_to_do(world, node);
	}
	if (node->wish == 0 || !is_heard(node) || node->busy != 0) {
		return;
	}
	if ((node->wish & PART_CORE) != 0) {
		boot(world, node);
		node->is_ours = true;
		node->ours_ms = node->wish_ms;
		return;
	}
	node->is_ours = true;
	node->ours_ms = node->wish_ms;
	node->busy = node->wish;
	node->wish = 0;
	node->busy_until = world->now_ms + 200 + random_below(node->fate == FATE_SLOW ? 60000 : 3000);
	changed(world, node);
}

/* What restarted is there again, of the release that is assigned by now. */
static void come_up(struct world *world, struct world_node *node)
{
	if (node->busy == 0 || world->now_ms < node->busy_until) {
		return;
	}
	for (unsigned part = 0; part < WORLD_PARTS; part++) {
		if ((node->busy >> part & 1) != 0) {
			node->runs[part] = (uint8_t)node->assigned;
		}
	}
	const bool was_boot = (node->busy & PART_CORE) != 0;

	node->busy = 0;
	node->is_ours = false;
	node->doom_ms = 0;
	changed(world, node);
	if (is_target_in(world, node)) {
		node->is_hung = was_boot && node->fate == FATE_HANGS;
		node->doom_ms = world->now_ms + 1 + random_below(20000);
	}
}

static void strike(struct world *world, struct world_node *node)
{
	if (node->doom_ms == 0 || world->now_ms < node->doom_ms || !is_heard(node)) {
		return;
	}
	node->doom_ms = 0;
	switch (node->fate) {
	case FATE_CRASHES:
		befall(world, node, TROUBLE_CRASH);
		boot(world, node);
		break;
	case FATE_LOOPS:
		befall(world, node, TROUBLE_LOOP);
		node->doom_ms = world->now_ms + 5000;
		break;
	case FATE_REVERTS:
		befall(world, node, TROUBLE_SERVICE_REVERTED);
		node->runs[SERVICE] = (uint8_t)node->stable;
		break;
	default:
		break;
	}
}

static void fault(struct world *world, struct world_node *node)
{
	if (chance(world->fault_rate, 10000)) {
		switch (random_below(4)) {
		case 0:
			node->is_on = node->is_ours = false;
			changed(world, node);
			break;
		case 1:
			befall(world, node, (enum rollout_trouble)(1 + random_below(TROUBLE_COUNT - 1)));
			break;
		case 2:
			node->is_sick = !node->is_sick;
			changed(world, node);
			break;
		default: /* by itself, or somebody pulls its plug */
			if (node->is_on) {
				boot(world, node);
			}
			break;
		}
	}
	if (!node->is_on && chance(1, 300)) {
		node->is_on = true;
		boot(world, node);
	}
	if (node->is_hung && chance(1, 500)) {
		boot(world, node);
	}
}

void world_disaster(struct world *world)
{
	const bool is_power = chance(1, 2);

	for (unsigned i = 0; i < world->count; i++) {
		if (chance(1, 3)) {
			world->nodes[i].is_on = world->nodes[i].is_on && !is_power;
			world->nodes[i].is_ours = world->nodes[i].is_ours && !is_power;
			world->nodes[i].is_sick = world->nodes[i].is_sick || !is_power;
			changed(world, &world->nodes[i]);
		}
	}
}

static void carry_out(struct world *world)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < world->order_count; i++) {
		const struct world_order order = world->orders[i];
		struct world_node *node = &world->nodes[order.node];

		if (world->now_ms < order.due) {
			world->orders[kept++] = order;
			continue;
		}
		node->assigned = order.release;
		node->wish = order.parts;
		node->wish_ms = order.given_ms;
		changed(world, node);
	}
	world->order_count = kept;
}

void world_pass(struct world *world, uint64_t passed_ms)
{
	world->now_ms += passed_ms;
	world->wall_ms += (int64_t)passed_ms + (chance(1, 20) ? (int64_t)random_below(3600000) : 0);
	carry_out(world);
	for (unsigned i = 0; i < world->count; i++) {
		struct world_node *node = &world->nodes[i];

		if (!world->is_calm) {
			fault(world, node);
		}
		if (node->is_on) {
			come_up(world, node);
			strike(world, node);
			obey(world, node);
		}
	}
}

void world_power_all(struct world *world)
{
	for (unsigned i = 0; i < world->count; i++) {
		struct world_node *node = &world->nodes[i];

		node->is_sick = false;
		if (!node->is_on || node->is_hung) {
			node->is_on = true;
			boot(world, node);
		}
		changed(world, node);
	}
}

/* --- the controller around the engine --- */

static void facts_of(const struct world *world, const struct world_node *node, struct rollout_facts *facts)
{
	memset(facts, 0, sizeof(*facts));
	facts->index = node->index;
	facts->contact = is_heard(node) ? NODE_ALIVE : node->is_on && !node->is_hung ? NODE_SILENT : NODE_OFF;
	memcpy(facts->assigned, world->releases[node->assigned].id, sizeof(facts->assigned));
	for (unsigned part = 0; part < WORLD_PARTS; part++) {
		const uint8_t *hash = hash_of(&world->releases[node->runs[part]].parts, part);

		memcpy(part == CORE    ? facts->parts.core :
		       part == SERVICE ? facts->parts.service :
					 facts->parts.guests[part],
		       hash, ROLLOUT_HASH_BYTES);
		if (part < GUESTS && world->releases[node->assigned].parts.guests[part][0] != 0) {
			facts->wanted = (uint8_t)(facts->wanted | 1u << part);
		}
	}
	facts->ready = ready_of(world, node);
	facts->trouble = node->trouble;
	facts->trouble_index = node->trouble_index;
}

void world_tell(struct world *world, bool all)
{
	for (unsigned i = 0; i < world->count; i++) {
		struct world_node *node = &world->nodes[i];

		if (!all && node->is_told && chance(1, 50)) {
			rollout_feed(&world->rollout, i, &node->older); /* an old one comes once more */
		}
		if (!all && (!node->is_news || chance(world->loss_percent, 100))) {
			continue;
		}
		node->older = node->is_told ? node->told : node->older;
		facts_of(world, node, &node->told);
		rollout_feed(&world->rollout, i, &node->told);
		node->older = node->is_told ? node->older : node->told;
		node->is_told = true;
		node->is_news = false;
	}
}

void world_store(struct world *world)
{
	bool is_dirty = world->rollout.is_dirty;

	for (unsigned i = 0; i < world->rollout.count; i++) {
		struct rollout_cell *cell = &world->cells[i];

		if (cell->is_dirty) {
			world->cell_bytes[i] = rollout_encode_cell(cell, world->cell_rows[i]);
			cell->is_dirty = false;
			is_dirty = true;
		}
	}
	if (is_dirty) {
		world->row_bytes = rollout_encode(&world->rollout, world->row);
		world->rollout.is_dirty = false;
	}
	world->stored = world->rollout.count;
}

bool world_is_stored(const struct world *world)
{
	uint8_t row[ROLLOUT_CELL_ROW_BYTES];
	struct rollout stored;

	for (unsigned i = 0; i < world->rollout.count; i++) {
		if (rollout_encode_cell(&world->cells[i], row) != world->cell_bytes[i] ||
		    memcmp(row, world->cell_rows[i], world->cell_bytes[i]) != 0) {
			return false;
		}
	}
	if (!rollout_decode(&stored, world->row, world->row_bytes, NULL, 0, NULL)) {
		return false;
	}
	const struct rollout *now = &world->rollout;

	return stored.state == now->state && stored.why == now->why && stored.end_why == now->end_why &&
	       stored.wave == now->wave && stored.paused == now->paused && stored.is_wave_open == now->is_wave_open &&
	       stored.is_forced_on == now->is_forced_on && stored.is_release_failed == now->is_release_failed &&
	       stored.is_floor_waived == now->is_floor_waived && stored.is_late_closed == now->is_late_closed &&
	       now->clock_ms - stored.clock_ms <= (uint64_t)2 * ROLLOUT_TICK_MOST_MS;
}

void world_take(struct world *world, const struct rollout_decision *decision)
{
	unsigned release = 0;

	while (memcmp(world->releases[release].id, world->rollout.releases[decision->release].id,
		      ROLLOUT_HASH_BYTES) != 0) {
		release++;
	}
	assert(release < OTHER && world->order_count < WORLD_NODES * 4);
	world->orders[world->order_count++] = (struct world_order){
		.node = decision->cell,
		.release = release,
		.parts = decision->parts,
		.given_ms = world->rollout.clock_ms,
		.due = world->now_ms + (chance(1, 3) ? random_below(2000) : 0),
	};
}

void world_restart(struct world *world)
{
	memset(world->cells, 0xa5, sizeof(world->cells));
	world->order_count = 0;
	assert(rollout_decode(&world->rollout, world->row, world->row_bytes, world->cells, WORLD_NODES, NULL));
	for (unsigned i = 0; i < world->stored; i++) {
		assert(rollout_decode_cell(&world->rollout, world->cell_rows[i], world->cell_bytes[i], NULL));
	}
	assert(rollout_decoded(&world->rollout, NULL));
	world->count = world->stored; /* who joined and was not stored did not join */
	world->now_ms += random_below(100000);
	for (unsigned i = 0; i < world->count; i++) {
		struct world_node *node = &world->nodes[i];

		node->is_told = false;
		node->is_news = true;
		memset(&node->told, 0, sizeof(node->told));
		node->older = node->told;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is in which wave. The same choice for the preview and for the real wave.
 *
 * Of a rack with two or more nodes that can be reached a wave takes at most all but one. A wave is spread: every rack
 * gives as many as the others, as far as it can, so a canary of three is in three racks.
 */
#include "rollout/plan.h"
#include "rollout/own.h"

#include <string.h>

struct racks {
	uint16_t reached[ROLLOUT_RACKS_MAX]; /* members that are alive */
	uint16_t most[ROLLOUT_RACKS_MAX]; /* that the wave may take */
};

static bool is_eligible(const struct rollout_cell *cell)
{
	return cell->state == CELL_WAITING && cell->wave == 0 && cell_is_alive(cell);
}

static unsigned rack_of(const struct rollout_policy *policy, const struct rollout_cell *cell)
{
	return policy->is_spread && cell->rack < ROLLOUT_RACKS_MAX ? cell->rack : 0;
}

static void look(struct racks *racks, const struct rollout_cell *cells, unsigned count,
		 const struct rollout_policy *policy)
{
	memset(racks, 0, sizeof(*racks));
	for (unsigned i = 0; i < count; i++) {
		const unsigned rack = rack_of(policy, &cells[i]);

		if (cells[i].state != CELL_SKIPPED && cell_is_alive(&cells[i])) {
			racks->reached[rack]++;
		}
		if (is_eligible(&cells[i])) {
			racks->most[rack]++;
		}
	}
	for (unsigned rack = 1; rack < ROLLOUT_RACKS_MAX; rack++) {
		if (racks->reached[rack] > 1 && racks->most[rack] == racks->reached[rack]) {
			racks->most[rack]--;
		}
	}
}

static unsigned sum_at(const struct racks *racks, unsigned level)
{
	unsigned sum = 0;

	for (unsigned rack = 0; rack < ROLLOUT_RACKS_MAX; rack++) {
		sum += racks->most[rack] < level ? racks->most[rack] : level;
	}
	return sum;
}

/* `most` becomes what the wave takes: the highest level that is not over `size`, and one more where that fits. */
static void level(struct racks *racks, unsigned size)
{
	unsigned low = 0;
	unsigned high = ROLLOUT_NODES_MAX;

	while (low < high) {
		const unsigned middle = (low + high + 1) / 2;

		if (sum_at(racks, middle) <= size) {
			low = middle;
		} else {
			high = middle - 1;
		}
	}
	unsigned rest = size - sum_at(racks, low);

	for (unsigned rack = 0; rack < ROLLOUT_RACKS_MAX; rack++) {
		if (racks->most[rack] > low) {
			racks->most[rack] = (uint16_t)(low + (rest > 0 ? 1 : 0));
			rest -= rest > 0 ? 1 : 0;
		}
	}
}

unsigned plan_pick(struct rollout_cell *cells, unsigned count, const struct rollout_policy *policy, unsigned wave,
		   unsigned members)
{
	struct racks racks;
	unsigned taken = 0;

	look(&racks, cells, count, policy);
	level(&racks, rollout_policy_size(policy, wave, members));
	for (unsigned i = 0; i < count; i++) {
		const unsigned rack = rack_of(policy, &cells[i]);

		if (is_eligible(&cells[i]) && racks.most[rack] > 0) {
			racks.most[rack]--;
			cells[i].wave = (uint8_t)wave;
			cells[i].why = WHY_WAVE;
			cells[i].is_dirty = true;
			taken++;
		}
	}
	return taken;
}

static void add(struct rollout_plan_wave *wave, const struct rollout_cell *cell)
{
	wave->nodes++;
	wave->cores += (cell->off_target & PART_CORE) != 0;
	wave->services += (cell->off_target & (PART_CORE | PART_SERVICE)) == PART_SERVICE;
	wave->guests += cell->off_target != 0 && cell->off_target <= PART_GUESTS;
	wave->nothing += cell->off_target == 0;
}

void rollout_plan(const struct rollout *rollout, struct rollout_cell *scratch, struct rollout_plan *plan)
{
	struct census census;
	unsigned taken = 1;

	*plan = (struct rollout_plan){.wave_count = 0};
	census_take(rollout, &census);
	if (rollout->count > 0) {
		memcpy(scratch, rollout->cells, rollout->count * sizeof(*scratch));
	}
	for (unsigned i = 0; i < rollout->count; i++) {
		scratch[i].wave = 0;
		plan->skipped += scratch[i].state == CELL_SKIPPED;
		plan->deferred += scratch[i].state != CELL_SKIPPED && !cell_is_alive(&scratch[i]);
	}
	for (unsigned wave = 1; wave <= ROLLOUT_WAVES_MAX && taken > 0; wave++) {
		taken = plan_pick(scratch, rollout->count, &rollout->policy, wave, census.members);
		for (unsigned i = 0; i < rollout->count; i++) {
			if (scratch[i].wave == wave) {
				add(&plan->waves[wave - 1], &scratch[i]);
			}
		}
		plan->wave_count += taken > 0;
	}
}

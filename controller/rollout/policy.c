/* SPDX-License-Identifier: Apache-2.0 */
/* Pure arithmetic over the policy's numbers. All of them come from people: rollout_policy_check() bounds each. */
#include "rollout/policy.h"

#include <limits.h>

enum { MINUTE_MS = 60000, EPOCH_WEEKDAY = 4 /* 1970-01-01 was a Thursday */, WEEK = 7 };

void rollout_policy_default(struct rollout_policy *policy)
{
	*policy = (struct rollout_policy){
		.canary = 1,
		.wave_count = 2,
		.waves = {{.percent = 10}, {.percent = 50}},
		.is_spread = true,
		.in_flight_most = 10,
		.soak_ms = 60000,
		.healthy_ms = 10000,
		.healthy_deadline_ms = 300000,
		.progress_deadline_ms = 600000,
		.success_percent = 100,
		.is_auto_return = true,
	};
}

static bool check_times(const struct rollout_policy *policy, struct fail *fail)
{
	if (policy->healthy_ms >= policy->healthy_deadline_ms) {
		return fail_set(fail, FAIL_INVALID, "healthy_ms %u is not below healthy_deadline_ms %u: no node could "
			"be healthy in time; raise the deadline", policy->healthy_ms, policy->healthy_deadline_ms);
	}
	if (policy->healthy_deadline_ms >= policy->progress_deadline_ms) {
		return fail_set(fail, FAIL_INVALID, "healthy_deadline_ms %u is not below progress_deadline_ms %u: one "
			"slow node would fail the rollout; raise the progress deadline",
			policy->healthy_deadline_ms, policy->progress_deadline_ms);
	}
	if (policy->progress_deadline_ms > ROLLOUT_DEADLINE_MOST_MS || policy->soak_ms > ROLLOUT_DEADLINE_MOST_MS) {
		return fail_set(fail, FAIL_INVALID, "progress_deadline_ms and soak_ms are 7 days at most");
	}
	if (policy->window_minutes > ROLLOUT_DAY_MINUTES || policy->window_begin >= ROLLOUT_DAY_MINUTES ||
	    policy->window_days > ROLLOUT_ALL_DAYS || (policy->window_minutes > 0 && policy->window_days == 0)) {
		return fail_set(fail, FAIL_INVALID, "the maintenance window needs a day, a beginning before 24:00 and "
			"a length of 24 hours at most");
	}
	return true;
}

bool rollout_policy_check(const struct rollout_policy *policy, struct fail *fail)
{
	if (policy->wave_count > ROLLOUT_PLANNED_MAX) {
		return fail_set(fail, FAIL_INVALID, "%u waves are planned, %u at most; whoever is left makes one more",
			policy->wave_count, (unsigned)ROLLOUT_PLANNED_MAX);
	}
	for (unsigned i = 0; i < policy->wave_count; i++) {
		const struct rollout_wave *wave = &policy->waves[i];

		if ((wave->count == 0) == (wave->percent == 0) || wave->percent > 100) {
			return fail_set(fail, FAIL_INVALID, "wave %u needs either a count or a percentage of 1 to 100",
				i + 1);
		}
	}
	if (policy->in_flight_most == 0) {
		return fail_set(fail, FAIL_INVALID,
				"in_flight_most is 0: no node could ever be ordered; give 1 or more");
	}
	if (policy->success_percent > 100 || policy->failure_percent > 100) {
		return fail_set(fail, FAIL_INVALID, "success_percent and failure_percent are 100 at most");
	}
	if (policy->min_healthy_percent > 99) {
		return fail_set(fail, FAIL_INVALID, "min_healthy_percent %u would let no node restart; 99 at most",
			policy->min_healthy_percent);
	}
	return check_times(policy, fail);
}

bool rollout_policy_is_open(const struct rollout_policy *policy, int64_t wall_ms)
{
	if (policy->window_minutes == 0) {
		return true;
	}
	const int64_t minutes = wall_ms < 0 ? 0 : wall_ms / MINUTE_MS;
	const unsigned today = (unsigned)((minutes / ROLLOUT_DAY_MINUTES + EPOCH_WEEKDAY) % WEEK);
	const unsigned minute = (unsigned)(minutes % ROLLOUT_DAY_MINUTES);
	const unsigned yesterday = (today + WEEK - 1) % WEEK;

	if ((policy->window_days >> today & 1) != 0 && minute >= policy->window_begin &&
	    minute - policy->window_begin < policy->window_minutes) {
		return true;
	}
	/* One that began yesterday goes on behind midnight. */
	return (policy->window_days >> yesterday & 1) != 0 &&
	       minute + ROLLOUT_DAY_MINUTES < (unsigned)policy->window_begin + policy->window_minutes;
}

bool rollout_policy_is_over(const struct rollout_policy *policy, unsigned failed, unsigned of)
{
	return (uint64_t)failed * 100 > (uint64_t)policy->failure_percent * of;
}

bool rollout_policy_is_success(const struct rollout_policy *policy, unsigned healthy, unsigned of)
{
	return (uint64_t)healthy * 100 >= (uint64_t)policy->success_percent * of;
}

unsigned rollout_policy_size(const struct rollout_policy *policy, unsigned wave, unsigned members)
{
	const unsigned canaries = policy->canary > 0 ? 1 : 0;

	if (wave <= canaries) {
		return policy->canary;
	}
	if (wave - canaries > policy->wave_count) {
		return UINT_MAX;
	}
	const struct rollout_wave *planned = &policy->waves[wave - canaries - 1];

	return planned->count > 0 ? planned->count : (members * planned->percent + 99) / 100;
}

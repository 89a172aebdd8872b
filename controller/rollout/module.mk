# SPDX-License-Identifier: Apache-2.0
rollout_c := $(wildcard controller/rollout/*.c) controller/base/fail.c
$(foreach t,test_rollout test_rollout_outside,$(call host_test,$(t),$(addprefix tests/unit/controller/,$(t).c rollout_bed.c) $(rollout_c)))
$(call host_test,test_rollout_policy,tests/unit/controller/test_rollout_policy.c $(rollout_c))
$(call host_test,model_rollout,$(addprefix tests/model/,model_rollout.c rollout_judge.c rollout_world.c random.c) $(rollout_c))

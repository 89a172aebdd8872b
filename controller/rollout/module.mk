# SPDX-License-Identifier: Apache-2.0
rollout_c := $(wildcard controller/rollout/*.c) controller/base/fail.c
$(call host_test,test_rollout,tests/unit/controller/test_rollout.c $(rollout_c))
$(call host_test,test_rollout_policy,tests/unit/controller/test_rollout_policy.c $(rollout_c))
$(call host_test,model_rollout,$(addprefix tests/model/,model_rollout.c rollout_judge.c rollout_world.c random.c) $(rollout_c))

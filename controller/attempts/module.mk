# SPDX-License-Identifier: Apache-2.0
attempts_c := $(wildcard controller/attempts/*.c) controller/base/id.c
$(foreach t,attempts attempts_excused,$(call host_test,test_$(t),$(addprefix tests/unit/controller/,test_$(t).c attempts_bed.c) \
	$(attempts_c),-lsodium))
$(call host_test,model_attempts,$(addprefix tests/model/,model_attempts.c attempts_naive.c random.c) $(attempts_c),-lsodium)

# SPDX-License-Identifier: Apache-2.0
base_c := $(wildcard controller/base/*.c)
$(call host_test,test_base,tests/unit/controller/test_base.c $(base_c),-lsodium -ljansson -lm)

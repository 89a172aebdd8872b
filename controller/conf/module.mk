# SPDX-License-Identifier: Apache-2.0
conf_c := $(wildcard controller/conf/*.c)
$(call host_test,test_conf,tests/unit/controller/test_conf.c $(conf_c) $(wildcard controller/base/*.c),-lconfig -lsodium -lm)

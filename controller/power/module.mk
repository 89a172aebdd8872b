# SPDX-License-Identifier: Apache-2.0
$(call host_test,test_power,tests/unit/controller/test_power.c controller/power/run.c controller/base/fail.c controller/base/clock.c)

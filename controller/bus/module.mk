# SPDX-License-Identifier: Apache-2.0
$(call host_test,test_bus,tests/unit/controller/test_bus.c controller/bus/bus.c,-lpthread)

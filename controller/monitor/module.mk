# SPDX-License-Identifier: Apache-2.0
# The monitor is a program of its own, and small: of the daemon it has the configuration, the log and listening sockets.
monitor_c := $(wildcard controller/monitor/*.c) $(wildcard controller/conf/*.c) $(wildcard controller/base/*.c) \
	controller/http/listen.c controller/link/socket.c $(addprefix controller/observe/,frame.c dhcp.c open.c rival.c)
$(call tool,aether-monitor,$(monitor_c),-lconfig -lsodium -lm)
$(call host_test,test_monitor,tests/unit/controller/test_monitor.c $(filter-out %/main.c,$(monitor_c)),-lconfig -lsodium -lm)

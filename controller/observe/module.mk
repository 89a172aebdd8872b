# SPDX-License-Identifier: Apache-2.0
# What reads the wire, without the thread; and what the monitor links.
observe_pure := $(addprefix controller/observe/,frame.c dhcp.c tftp.c dnsmasq_log.c table.c journal.c transfers.c)
observe_open := $(addprefix controller/observe/,frame.c dhcp.c open.c rival.c)
observe_base := $(addprefix controller/base/,fail.c log.c clock.c text.c)
small_wire := tests/unit/controller/small_wire.c
$(call host_test,test_observe_frames,tests/unit/controller/test_observe_frames.c $(small_wire) $(observe_open) \
	controller/observe/tftp.c controller/base/fail.c)
$(call host_test,test_observe_journal,tests/unit/controller/test_observe_journal.c $(small_wire) $(observe_pure) \
	$(observe_base))
$(call host_test,test_dnsmasq_log,tests/unit/controller/test_dnsmasq_log.c tests/e2e/said.c \
	controller/observe/dnsmasq_log.c controller/observe/frame.c)

# SPDX-License-Identifier: Apache-2.0
# The service image: runs at EL1 in a stage-2 map of its own, linked apart from the core.
wire := $(addprefix netboot/wire/,error.c bundle.c tree.c manifest.c manifest_encode.c)
# What travels between a node and its controller.
wire_messages := $(addprefix netboot/wire/,tlv.c message.c datagram.c seal.c hmac_mbedtls.c replay.c hello.c hello_answer.c \
	beat.c beat_series.c beat_track.c ack.c console.c guest_state.c)
# The same in programs for this machine: WIRE_NETTLE.
wire_messages_tool := $(subst hmac_mbedtls,hmac_nettle,$(wire_messages))
# What decides: runs in tests too, on a fake core and a fake network.
agent := $(addprefix hypervisor/service/,agent.c beat.c config.c desired.c digest.c fill.c guest_fdt.c guest_report.c guest_vm.c \
	guest_want.c guests.c hello.c keep.c load.c log.c online.c place.c relay.c release.c service.c update.c)
service := $(agent) $(addprefix hypervisor/service/,hvcall.c main.c)

$(call srcs,svc,hypervisor/service/crt.S hypervisor/service/chaos.S $(service) hypervisor/lib/string.c hypervisor/lib/fmt.c \
	$(addprefix netboot/wire/,error.c bundle.c tree.c manifest.c) $(wire_messages))

payload := $(addprefix hypervisor/service/,digest.c) $(wire) hypervisor/lib/fmt.c $(libfdt_rw) $(mbedtls_sha256) \
	tests/unit/small_bundle.c
agent_test := $(agent) hypervisor/service/fetch.c $(filter-out hypervisor/service/digest.c,$(payload)) $(wire_messages) \
	tests/unit/small_core.c tests/unit/small_net.c tests/unit/small_agent.c
$(call host_test,test_string,tests/unit/test_string.c)
$(call host_test,test_fmt,tests/unit/test_fmt.c hypervisor/lib/fmt.c)
$(call host_test,test_bundle,tests/unit/test_bundle.c $(agent_test))
$(call host_test,test_manifest,tests/unit/test_manifest.c $(payload))
$(call host_test,test_loader_place,tests/unit/test_loader_place.c hypervisor/service/place.c)
$(call host_test,test_loader_config,tests/unit/test_loader_config.c hypervisor/service/config.c $(payload))
$(call host_test,test_guest_fdt,tests/unit/test_guest_fdt.c hypervisor/service/guest_fdt.c $(libfdt_rw))
$(call host_test,test_loader,tests/unit/test_loader.c $(agent_test))
$(call host_test,test_agent,tests/unit/test_agent.c $(agent_test))
$(call host_test,test_agent_console,tests/unit/test_agent_console.c $(agent_test))
$(call host_test,test_agent_bundle,tests/unit/test_agent_bundle.c $(agent_test))
$(call host_test,test_agent_restart,tests/unit/test_agent_restart.c $(agent_test))
$(call host_test,test_agent_guests,tests/unit/test_agent_guests.c $(agent_test))

include hypervisor/service/net.mk

# SPDX-License-Identifier: Apache-2.0
# The small controller of make sim and the tests.
peer_http := $(addprefix netboot/sim/peer/,request.c fault.c http.c http_reply.c catalog.c event.c)
peer_node := $(addprefix netboot/sim/peer/,node.c console.c link.c flood.c status.c)
$(call tool,peer,$(addprefix netboot/sim/peer/,main.c command.c control.c) $(peer_http) $(peer_node) $(wire) $(wire_messages_tool) \
	$(libfdt_rw) $(mbedtls_sha256),-lnettle)
all += $(O)/bin/peer
$(call host_test,test_peer,tests/unit/test_peer.c $(addprefix netboot/sim/peer/,request.c fault.c console.c node.c event.c \
	catalog.c) $(wire) $(wire_messages) $(libfdt_rw) $(mbedtls_sha256))
# What its scripts cannot do themselves: the people's socket, requests, power.
$(call tool,sim-tool,$(wildcard netboot/sim/tool/*.c))
all += $(O)/bin/sim-tool $(O)/bin/aether-monitor $(O)/bin/aetherd $(O)/bin/aether-lease

# SPDX-License-Identifier: Apache-2.0
# The service's network. $(lwip) is what of lwIP is built, for the service and for tests.
lwip_core := $(addprefix third/lwip/src/core/,def.c inet_chksum.c init.c ip.c mem.c memp.c netif.c pbuf.c stats.c tcp.c tcp_in.c \
	tcp_out.c timeouts.c udp.c $(addprefix ipv4/,dhcp.c etharp.c icmp.c ip4.c ip4_addr.c)) third/lwip/src/netif/ethernet.c
lwip_flags := -isystem $(THIRD)/src/lwip/src/include -I hypervisor/service/lwip
flags.svc += $(lwip_flags)
flags.host += $(lwip_flags)

net := $(addprefix hypervisor/service/,net.c net_counters.c net_dhcp.c net_port.c nic.c nic_virtio.c http.c http_parse.c fetch.c)
$(call srcs,svc,$(net) hypervisor/service/nic_window.c $(lwip_core))
# The compiler names no file as needed that a fetched header includes.
$(foreach d,svc host,$(call objs,$(d),$(net) $(lwip_core) $(addprefix tests/unit/,test_net.c test_http.c small_lan.c \
	small_tcp.c) tests/fuzz/fuzz_dhcp.c)): $(wildcard hypervisor/service/lwip/*.h hypervisor/service/lwip/arch/*.h)

$(call host_test,test_http_parse,tests/unit/test_http_parse.c hypervisor/service/http_parse.c)
$(call host_test,test_fetch,tests/unit/test_fetch.c hypervisor/service/fetch.c hypervisor/lib/fmt.c)
$(call host_test,test_nic_virtio,tests/unit/test_nic_virtio.c tests/unit/small_card.c hypervisor/service/nic.c \
	hypervisor/service/nic_virtio.c)
$(call host_test,test_http,tests/unit/test_http.c tests/unit/small_tcp.c hypervisor/lib/fmt.c \
	$(addprefix hypervisor/service/,http.c http_parse.c) third/lwip/src/core/def.c)
# The stack on a fake card, with a scripted peer.
small_lan := $(addprefix tests/unit/,small_lan.c small_card.c) $(addprefix hypervisor/service/,net.c net_counters.c net_dhcp.c \
	net_port.c nic.c nic_virtio.c log.c digest.c) hypervisor/lib/fmt.c $(lwip_core) $(mbedtls_sha256)
$(call host_test,test_net,tests/unit/test_net.c $(small_lan))

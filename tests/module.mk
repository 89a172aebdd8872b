# SPDX-License-Identifier: Apache-2.0
# Tests are declared beside what they test, or in tests/*/module.mk; tests/suites lists what `make test` runs.
# Programs that the suites in e2e use.
$(call tool,fakenode,tests/e2e/fakenode.c $(wire_messages_tool) netboot/wire/error.c $(mbedtls_sha256),-lnettle)
$(call tool,relay,tests/e2e/relay.c)
$(call tool,observer,tests/e2e/observer.c tests/e2e/said.c $(foreach d,observe leases store base,$(wildcard controller/$(d)/*.c)) \
	$(store_migrations),-lsqlite3 -lsodium -lpthread -lm)
$(call tool,netclient,tests/e2e/netclient.c controller/observe/dhcp.c controller/observe/frame.c)
$(call tool,render-controller,tests/e2e/render_controller.c $(provisioner_c))
$(call tool,kills,$(wildcard tests/e2e/kills/*.c) tests/e2e/dhcp_frame.c tests/bench/controller/beats.c \
	$(addprefix tests/unit/controller/,client.c virtual_node.c) controller/base/clock.c $(addprefix controller/observe/,dhcp.c frame.c) \
	$(wire_messages_tool) netboot/wire/error.c $(mbedtls_sha256),-ljansson -lsqlite3 -lnettle -lpthread)

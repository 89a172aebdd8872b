# SPDX-License-Identifier: Apache-2.0
# The bed of these tests is the real store, blobs, fleet, link and node listener.
link_c := $(foreach part,base bus store blobs fleet link nodehttp,$(wildcard controller/$(part)/*.c)) controller/http/guard.c $(store_migrations) \
	$(wire_messages) $(wire) $(libfdt_rw) $(mbedtls_sha256)
link_bed := $(addprefix tests/unit/controller/,link_bed.c virtual_node.c small_store.c) tests/unit/wire_samples.c $(link_c)
link_libs := -lmicrohttpd -lsqlite3 -lsodium -ljansson -lpthread -lm
$(call host_test,test_link,tests/unit/controller/test_link.c $(link_bed),$(link_libs))
$(call host_test,test_link_console,tests/unit/controller/test_link_console.c $(link_bed),$(link_libs))
$(call host_test,test_link_replay,tests/unit/controller/test_link_replay.c $(link_bed),$(link_libs))
$(call host_test,test_nodehttp,tests/unit/controller/test_nodehttp.c $(link_bed),$(link_libs))

# SPDX-License-Identifier: Apache-2.0
# Each folder is a part of the daemon; all of its sources are linked.
controller_libs := -lmicrohttpd -lsqlite3 -ljansson -lsodium -lnettle -lconfig -lfdt -lpthread -lm
controller_parts := base store blobs bus release fleet attempts rollout link nodehttp http api observe leases power conf main
store_migrations := $(O)/controller/store/migrations.c
aetherd_srcs := $(foreach part,$(controller_parts),$(wildcard controller/$(part)/*.c controller/$(part)/*.S)) $(store_migrations) \
	$(O)/ui/assets.c
$(call tool,aetherd,$(aetherd_srcs) $(provisioner_c) \
	$(wire) netboot/wire/newc.c $(wire_messages_tool) $(mbedtls_sha256),$(controller_libs))

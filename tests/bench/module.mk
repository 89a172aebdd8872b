# SPDX-License-Identifier: Apache-2.0
# What `make bench` boots beside the guest of tests/guest/module.mk; tests/bench/README.md.
# Process 1 of the measured Linux, alone in an initramfs.
guest_images += $(O)/bench/initramfs.cpio
$(O)/bench/init: tests/bench/init.c $(O)/guest/flags
	@mkdir -p $(@D); $(call say,CC,$<)
	$(Q)$(cc.guest) $(flags.guest) $(warn) -nostdlib -static -Wl,-e,start -Wl,--build-id=none $< -o $@
$(O)/bench/initramfs.cpio: tests/bench/initramfs $(O)/bin/initramfs $(O)/bench/init
	@$(call say,CPIO,$@)
	$(Q)$(O)/bin/initramfs $< $@ init=$(O)/bench/init

# The controller's: a real aetherd, virtual nodes and readers; tests/bench/controller/README.md.
$(O)/tool/tests/% $(O)/syntax/tool/tests/%: flags.tool += -I tests
$(call tool,controller-bench,$(wildcard tests/bench/controller/*.c) tests/e2e/dhcp_frame.c tests/unit/controller/virtual_node.c \
	controller/ctl/call.c controller/ctl/follow.c controller/ctl/ask.c controller/ctl/show.c \
	controller/base/clock.c controller/base/text.c controller/base/fail.c controller/observe/open.c $(wire_messages_tool) netboot/wire/error.c $(mbedtls_sha256),\
	-ljansson -lsodium -lnettle -lpthread -lm)

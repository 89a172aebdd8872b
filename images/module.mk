# SPDX-License-Identifier: Apache-2.0
# The guest that a node boots when nobody asks for another: Debian's kernel, an initramfs, one bundle.

# The tools and their tests read device trees with the libfdt that a node has.
third.host := $(third_src)
third.tool := $(third_src)
flags.host += -isystem $(THIRD)/src/libfdt
flags.tool += -isystem $(THIRD)/src/libfdt

$(call tool,bundle,$(addprefix images/bundle/,main.c pack.c show.c kernel.c file.c) $(wire) $(libfdt_rw) $(mbedtls_sha256))
$(call tool,initramfs,images/initramfs/cpio.c images/bundle/file.c netboot/wire/newc.c)

guest_initramfs := init=images/initramfs/init busybox=$(THIRD)/guest/busybox
$(O)/initramfs.cpio: images/initramfs/list images/initramfs/init $(O)/bin/initramfs $(third_guest)
	@$(call say,CPIO,$@)
	$(Q)$(O)/bin/initramfs $< $@ $(guest_initramfs)

# A guest of two vCPUs also runs on a node of one CPU. 512 MiB leave half of the simulator's smallest node.
guest_options := --name debian --guest linux --vcpus 2 --memory-mib 512 --bootargs "console=ttyAMA0"
$(O)/guest.bundle: $(O)/bin/bundle $(O)/initramfs.cpio images/module.mk $(third_guest)
	@$(call say,BUNDLE,$@)
	$(Q)$(O)/bin/bundle pack --output $@ $(guest_options) --kernel $(THIRD)/guest/vmlinuz --initrd $(O)/initramfs.cpio \
		--initrd-version "busybox $$(cat $(THIRD)/guest/busybox.version)"
all += $(O)/guest.bundle

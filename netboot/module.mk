# SPDX-License-Identifier: Apache-2.0
uboot_boot := $(O)/netboot/uboot.env.bin $(O)/netboot/boot.scr.uimg
all += $(uboot_boot)

# The second flash's environment; 0x40000 is CONFIG_ENV_SIZE of Debian's qemu_arm64 builds.
$(O)/netboot/uboot.env.bin: netboot/uboot/aether.env
	@mkdir -p $(@D); $(call say,MKENV,$@)
	$(Q)mkenvimage -s 0x40000 -o $@ $<
# The same variables as a script, for a U-Boot that has its stock environment.
$(O)/netboot/boot.cmd: netboot/uboot/aether.env
	@mkdir -p $(@D); $(call say,GEN,$@)
	$(Q)if grep -n "^[^#].*'" $<; then echo "$<: a single quote in a value (above) cannot be scripted" >&2; exit 1; fi
	$(Q)sed -n "s/^\([a-z_]*\)=\(.*\)$$/setenv \1 '\2'/p" $< >$@
	$(Q)echo 'run bootcmd' >>$@
$(O)/netboot/boot.scr.uimg: $(O)/netboot/boot.cmd
	@$(call say,MKIMAGE,$@)
	$(Q)mkimage -q -A arm64 -O linux -T script -C none -n aether -d $< $@ >/dev/null

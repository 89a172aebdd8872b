# SPDX-License-Identifier: Apache-2.0
# Tiny EL1 kernels that test the machine under them; README.md. Their images run at any address.
$(O)/guest/%.elf: ldflags += -pie -z notext --no-dynamic-linker

guest_lib := $(addprefix tests/guest/lib/,entry.S mmu.S vectors.S smccc.S start.c trap.c report.c uart.c dt.c gic.c) \
	hypervisor/lib/fmt.c hypervisor/lib/string.c
guest_regs := $(addprefix tests/guest/,regs_fill.c regs_sysreg.c regs_switch.S)

$(call guest_image,boot,tests/guest/boot.c $(guest_lib))
$(call guest_image,psci,$(addprefix tests/guest/,psci.c psci_smccc.c) $(guest_lib))
$(call guest_image,reset,tests/guest/reset.c $(guest_lib))
$(call guest_image,gic,$(addprefix tests/guest/,gic.c gic_registers.c gic_delivery.c gic_priority.c gic_smp.c) $(guest_lib))
$(call guest_image,timer,tests/guest/timer.c $(guest_lib))
$(call guest_image,regs,tests/guest/regs.c $(guest_regs) $(guest_lib))
$(call guest_image,contain,$(addprefix tests/guest/,contain.c contain_memory.c contain_calls.c contain_devices.c \
	contain_storm.c contain_el0.c el0.S) $(guest_lib))
$(call guest_image,two,tests/guest/two.c $(guest_regs) $(guest_lib))
$(call guest_image,echo,tests/guest/echo.c $(guest_lib))
$(call guest_image,rtc,tests/guest/rtc.c $(guest_lib))
$(call guest_image,crash,tests/guest/crash.c $(guest_lib))
$(call guest_image,stream,tests/guest/stream.c $(guest_lib))
# These stand here because they are made of the same library.
$(call guest_image,bench,tests/bench/bench.c tests/bench/measure.S $(guest_lib))
$(call guest_image,busy,tests/bench/busy.c $(guest_lib))

# SPDX-License-Identifier: Apache-2.0
flags.hv += -Ihypervisor/arch/hal
$(call srcs,hv,$(mbedtls_sha256))
$(call srcs,hv,$(addprefix hypervisor/,\
	arch/entry.S arch/vectors.S arch/fp.S arch/service_blob.S \
	arch/boot_map.c arch/mmu.c arch/cache.c arch/vcpu_state.c arch/debug_state.c arch/hal_cpu.c \
	drivers/hal_gic.c drivers/gicv2.c drivers/gicv3.c drivers/hal_uart.c drivers/nic_virtio.c drivers/pl011.c \
	drivers/uart8250.c \
	plat/fdt_walk.c plat/machine.c plat/dma_reset.c \
	core/chaos.c core/console.c core/console_ring.c core/crash.c core/hvc.c core/keep.c core/nic.c core/pages.c \
	core/pages_bank.c core/pages_pool.c core/pgtable.c core/psci.c core/reload.c core/sched.c \
	core/sched_service.c core/sched_share.c core/sched_time.c core/smccc.c \
	core/supervise.c core/sysreg.c core/telemetry.c core/trap.c core/update.c core/vcpu.c core/vgic.c core/vgic_lr.c \
	core/vgic_mmio.c core/vgic_mmio_v2.c core/vgic_mmio_v3.c core/vgic_overflow.c core/vm.c core/vm_memory.c \
	core/vm_pause.c core/vm_reserve.c core/vm_service.c core/vrtc.c core/vuart.c lib/crc32.c lib/fmt.c lib/kdf.c \
	lib/sha256.c lib/string.c main.c))

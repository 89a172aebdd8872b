# SPDX-License-Identifier: Apache-2.0
# One program a module, alone in its process. Keep one block a program: others are added beside it.
pages_c := $(addprefix hypervisor/core/,pages.c pages_bank.c pages_pool.c)

$(call host_test,test_addr,tests/unit/test_addr.c)

$(call host_test,test_pages,tests/unit/test_pages.c $(pages_c) $(fake))

$(call host_test,test_pgtable,tests/unit/test_pgtable.c hypervisor/core/pgtable.c $(pages_c) $(fake))

$(call host_test,test_hal_fake,tests/unit/test_hal_fake.c hypervisor/core/pgtable.c $(pages_c) $(fake))

$(call host_test,test_psci,tests/unit/test_psci.c hypervisor/core/psci.c)

$(call host_test,test_smccc,tests/unit/test_smccc.c hypervisor/core/smccc.c hypervisor/core/psci.c $(fake))

$(call host_test,test_esr,tests/unit/test_esr.c hypervisor/core/esr.c)

$(call host_test,test_sysreg,tests/unit/test_sysreg.c hypervisor/core/sysreg.c)

$(call host_test,test_vuart,tests/unit/test_vuart.c hypervisor/core/vuart.c)

$(call host_test,test_vrtc,tests/unit/test_vrtc.c hypervisor/core/vrtc.c $(fake))

# The core as a whole on the fake machine (small_node.h).
core_c := $(addprefix hypervisor/core/,console.c console_ring.c crash.c hvc.c keep.c nic.c pgtable.c psci.c reload.c \
	sched.c sched_service.c sched_share.c sched_time.c smccc.c supervise.c sysreg.c telemetry.c trap.c vcpu.c vgic.c vgic_lr.c vgic_mmio.c vgic_mmio_v2.c \
	vgic_mmio_v3.c vgic_overflow.c vm.c vm_memory.c vm_pause.c vm_reserve.c vm_service.c vrtc.c vuart.c) $(pages_c) \
	$(addprefix hypervisor/lib/,crc32.c fmt.c kdf.c) \
	$(mbedtls_sha256)
small_node := tests/unit/small_node.c $(core_c) $(fake)

$(call host_test,test_vm,tests/unit/test_vm.c $(small_node))
$(call host_test,test_vm_undo,tests/unit/test_vm_undo.c $(small_node))
$(call host_test,test_trap,tests/unit/test_trap.c $(small_node))
$(call host_test,test_crash,tests/unit/test_crash.c $(small_node))
$(call host_test,test_containment,tests/unit/test_containment.c tests/model/random.c $(small_node))
$(call host_test,test_sched,tests/unit/test_sched.c $(small_node))
$(call host_test,test_reserve,tests/unit/test_reserve.c $(small_node))
$(call host_test,model_sched,tests/model/model_sched.c tests/model/random.c $(small_node))
$(call host_test,test_supervise,tests/unit/test_supervise.c $(small_node))
$(call host_sim_test,test_chaos,tests/unit/test_chaos.c $(small_node) $(addprefix hypervisor/,core/chaos.c core/update.c lib/sha256.c))

vgic_machine := tests/unit/vgic_machine.c $(filter hypervisor/core/vgic%,$(core_c)) $(fake)
$(call host_test,test_vgic,tests/unit/test_vgic.c $(vgic_machine))
$(call host_test,test_vgic_timer,tests/unit/test_vgic_timer.c $(vgic_machine))
$(call host_test,test_vgic_registers,tests/unit/test_vgic_registers.c $(vgic_machine))

$(call host_test,test_machine,tests/unit/test_machine.c tests/model/random.c hypervisor/plat/machine.c \
	hypervisor/plat/fdt_walk.c $(libfdt_rw))
$(O)/tests/test_machine: | $(third_rpi)
$(call host_test,test_console,tests/unit/test_console.c $(small_node))
$(call host_test,test_nic,tests/unit/test_nic.c $(small_node))
$(call host_test,test_hvc,tests/unit/test_hvc.c tests/unit/service_calls.c tests/model/random.c $(small_node))
$(call host_test,test_calls,tests/unit/test_calls.c tests/unit/service_calls.c $(small_node))
$(call host_test,test_console_calls,tests/unit/test_console_calls.c tests/unit/service_calls.c $(small_node))
$(call host_test,test_service_death,tests/unit/test_service_death.c tests/unit/service_calls.c $(small_node))
$(call host_test,test_kdf,tests/unit/test_kdf.c hypervisor/lib/kdf.c $(mbedtls_sha256))
$(call host_test,test_trace_print,tests/unit/test_trace_print.c hypervisor/tools/trace_print.c \
	hypervisor/tools/elf_symbols.c hypervisor/lib/crc32.c)

# The controller's threads under ThreadSanitizer: the unit tests that have some, and aetherd under the bench's load.
tsan_tests := $(addprefix test_,bus store leases link link_console nodehttp http_server api_use api_stream fleet_clash fleet_flood)
tsan_build = $(MAKE) O=$(O)/tsan SANITIZE=thread cc.tool='$(cc.native) -fsanitize=thread'
.PHONY: tsan
tsan: $(O)/bin/controller-bench $(O)/guest.bundle ## the controller under ThreadSanitizer: two minutes, not part of the tests
	$(Q)$(tsan_build) $(tsan_tests:%=$(O)/tsan/tests/%) $(O)/tsan/bin/aetherd
	$(Q)for test in $(tsan_tests); do $(O)/tsan/tests/$$test || exit; done
	$(Q)rm -f $(O)/tsan/race.*
	$(Q)TSAN_OPTIONS=log_path=$(abspath $(O))/tsan/race BENCH_SECONDS=5 $(O)/bin/controller-bench \
		$(abspath $(O))/tsan/bin/aetherd $(abspath $(O))/guest.bundle 1000
	$(Q)! cat $(O)/tsan/race.* 2>/dev/null

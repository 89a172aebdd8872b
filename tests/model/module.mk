# SPDX-License-Identifier: Apache-2.0
# Modules against naive models: SEED= and N= in the environment, printed by each run. One block a program.

$(call host_test,model_pages,tests/model/model_pages.c tests/model/random.c \
	hypervisor/core/pages.c hypervisor/core/pages_bank.c hypervisor/core/pages_pool.c $(fake))

$(call host_test,model_pgtable,tests/model/model_pgtable.c tests/model/random.c \
	hypervisor/core/pgtable.c hypervisor/core/pages.c hypervisor/core/pages_bank.c hypervisor/core/pages_pool.c $(fake))

$(call host_test,model_psci,tests/model/model_psci.c hypervisor/core/psci.c,-pthread)

vgic_c := $(addprefix hypervisor/core/,vgic.c vgic_lr.c vgic_overflow.c vgic_mmio.c vgic_mmio_v2.c vgic_mmio_v3.c)

$(call host_test,model_vgic,$(addprefix tests/model/,model_vgic.c vgic_naive.c vgic_guest.c random.c) $(vgic_c) $(fake))

# SPDX-License-Identifier: Apache-2.0
# The machine that host tests of the core run on; README.md. `$(fake)` are its sources.
fake := $(addprefix tests/fake/,check_fake.c hal_fake.c hal_fake_crash.c hal_fake_gic.c hal_fake_nic.c hal_fake_tables.c hal_fake_vcpu.c)
flags.host += -I tests/fake -I tests/fake/hal -DAETHER_DEBUG

# SPDX-License-Identifier: Apache-2.0
# A --wrap puts a clock that tests move before the real one.
fleet_c := $(wildcard controller/fleet/*.c) controller/bus/bus.c $(wildcard controller/store/*.c) $(store_migrations) \
	$(wildcard controller/base/*.c) $(wire_messages) netboot/wire/error.c $(mbedtls_sha256)
fleet_libs := -lsqlite3 -lsodium -ljansson -lpthread -lm
fleet_wrap := -Wl,--wrap=clock_ms -Wl,--wrap=clock_wall_ms
fleet_bed := $(addprefix tests/unit/controller/,fleet_bed.c small_store.c) tests/unit/wire_samples.c
fleet_tables := $(addprefix controller/fleet/,admission.c stage.c contact.c shown.c boot.c index.c ring.c cpu.c)
$(call host_test,test_fleet_tables,tests/unit/controller/test_fleet_tables.c tests/model/random.c $(fleet_tables) \
	$(wildcard controller/base/*.c),-lsodium -ljansson -lm)
$(foreach t,life boot clash flood guard many,$(call host_test,test_fleet_$(t),tests/unit/controller/test_fleet_$(t).c $(fleet_bed) \
	tests/model/random.c $(fleet_c),$(fleet_libs) $(fleet_wrap)))

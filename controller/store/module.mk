# SPDX-License-Identifier: Apache-2.0
# The migrations become C texts; $(store_migrations) stands in controller/module.mk.
$(store_migrations): controller/store/embed-migrations $(sort $(wildcard controller/store/migrations/*.sql))
	@mkdir -p $(@D); $(call say,GEN,$@)
	$(Q)$^ >$@

store_c := $(wildcard controller/store/*.c) $(store_migrations) $(wildcard controller/base/*.c)
store_wrap := -Wl,--wrap=calloc
store_libs := -lsqlite3 -lsodium -lpthread -lm
small_store := tests/unit/controller/small_store.c $(store_c)
$(call host_test,test_store,tests/unit/controller/test_store.c $(small_store),$(store_libs))
$(call host_test,test_store_open,tests/unit/controller/test_store_open.c $(small_store),$(store_libs))
$(call host_test,test_store_power,$(addprefix tests/unit/controller/,test_store_power.c vfs_shim.c) $(store_c),$(store_libs))
$(call host_test,test_store_faults,$(addprefix tests/unit/controller/,test_store_faults.c vfs_shim.c) tests/model/random.c $(store_c),\
	$(store_libs) $(store_wrap))

# SPDX-License-Identifier: Apache-2.0
# The migrations become C texts; $(store_migrations) stands in controller/module.mk.
$(store_migrations): controller/store/embed-migrations $(sort $(wildcard controller/store/migrations/*.sql))
	@mkdir -p $(@D); $(call say,GEN,$@)
	$(Q)$^ >$@

store_c := $(wildcard controller/store/*.c) $(store_migrations) $(wildcard controller/base/*.c)
store_libs := -lsqlite3 -lsodium -lpthread -lm
$(call host_test,test_store,tests/unit/controller/test_store.c $(store_c),$(store_libs))

# SPDX-License-Identifier: Apache-2.0
$(call host_test,test_leases,tests/unit/controller/test_leases.c tests/unit/controller/small_store.c \
	$(foreach d,leases store base,$(wildcard controller/$(d)/*.c)) $(store_migrations),-lsqlite3 -lsodium -lpthread -lm)

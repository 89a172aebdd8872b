# SPDX-License-Identifier: Apache-2.0
$(O)/tool/controller/api/openapi.S.o $(O)/host/controller/api/openapi.S.o: controller/api/openapi.json
api_c := $(wildcard controller/api/*.c) controller/api/openapi.S $(wildcard controller/http/*.c)
# Lists of other parts are not read yet where this is: the programs' sources are named here.
api_needs := $(wildcard controller/fleet/*.c) controller/bus/bus.c $(wildcard controller/store/*.c) $(store_migrations) \
	$(wildcard controller/base/*.c) netboot/wire/error.c
api_bed := $(addprefix tests/unit/controller/,api_bed.c client.c)
api_libs := -lmicrohttpd -ljansson -lsqlite3 -lsodium -lpthread -lm
api_needed := $(api_bed) $(api_c) $(api_needs) $(wire_messages) $(mbedtls_sha256)
api_tests := $(filter-out test_api_memory,$(patsubst tests/unit/controller/%.c,%,$(wildcard tests/unit/controller/test_api*.c)))
$(foreach t,$(api_tests),$(call host_test,$(t),tests/unit/controller/$(t).c $(api_needed),$(api_libs)))
api_wrap := -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc
$(call host_test,test_api_memory,tests/unit/controller/test_api_memory.c $(api_needed),$(api_libs) $(api_wrap))

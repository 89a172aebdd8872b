# SPDX-License-Identifier: Apache-2.0
http_pure := $(addprefix controller/http/,uri.c route.c guard.c assets.c)
http_c := $(wildcard controller/http/*.c)
http_libs := -lmicrohttpd -ljansson
# So that the server of a test takes itself for another user.
http_wrap := -Wl,--wrap=geteuid
$(call host_test,test_http_parts,tests/unit/controller/test_http_parts.c $(http_pure) controller/base/fail.c)
$(call host_test,test_http_server,tests/unit/controller/test_http_server.c tests/unit/controller/client.c \
	$(http_c) $(wildcard controller/store/*.c) $(store_migrations) $(wildcard controller/base/*.c),\
	$(http_libs) -lsqlite3 -lsodium -lpthread -lm $(http_wrap))
# The dashboard as it is built.
$(call host_test,test_http_assets,tests/unit/controller/test_http_assets.c tests/unit/controller/client.c \
	$(O)/ui/assets.c $(http_c) $(wildcard controller/store/*.c) $(store_migrations) $(wildcard controller/base/*.c),\
	$(http_libs) -lsqlite3 -lsodium -lpthread -lm)

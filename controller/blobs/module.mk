# SPDX-License-Identifier: Apache-2.0
# A --wrap puts the tests' own write(), fsync() and so on before the C library's.
blobs_c := $(wildcard controller/blobs/*.c) $(wildcard controller/store/*.c) $(store_migrations) \
	$(wildcard controller/base/*.c) $(wire) $(libfdt_rw)
blobs_wrap := -Wl,--wrap=openat -Wl,--wrap=write -Wl,--wrap=pread -Wl,--wrap=fchmod -Wl,--wrap=fsync -Wl,--wrap=renameat
$(call host_test,test_blobs,$(addprefix tests/unit/controller/,test_blobs.c faulty_io.c) $(wildcard controller/blobs/blobs.c) \
	$(wildcard controller/base/*.c),-lsodium -lm $(blobs_wrap))
$(call host_test,test_release,$(addprefix tests/unit/controller/,test_release.c faulty_io.c) tests/unit/small_bundle.c \
	hypervisor/service/digest.c $(blobs_c) $(mbedtls_sha256),-lsqlite3 -lsodium -lpthread -lm $(blobs_wrap))

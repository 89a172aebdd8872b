# SPDX-License-Identifier: Apache-2.0
release_c := $(wildcard controller/release/*.c) $(wildcard controller/base/*.c) $(wire) netboot/wire/newc.c $(libfdt_rw) \
	third/libfdt/fdt_overlay.c
release_libs := -ljansson -lsodium -lm
release_bed := tests/unit/controller/release_samples.c
$(call host_test,test_release_document,tests/unit/controller/test_release_document.c $(release_bed) $(release_c),$(release_libs))
$(call host_test,test_release_overlays,tests/unit/controller/test_release_overlays.c $(release_bed) hypervisor/service/guest_fdt.c \
	$(release_c),$(release_libs))
$(call host_test,test_release_effective,tests/unit/controller/test_release_effective.c $(release_bed) $(release_c),$(release_libs))
$(call host_test,test_release_diff,tests/unit/controller/test_release_diff.c $(release_bed) $(release_c),$(release_libs))

# SPDX-License-Identifier: Apache-2.0
# Fuzz targets. `make check` replays each corpus; `make fuzz T=manifest F=60` looks for more for F seconds.
$(call host_test,fuzz_bundle,tests/fuzz/fuzz_bundle.c tests/fuzz/replay.c $(payload))
$(call host_test,fuzz_manifest,tests/fuzz/fuzz_manifest.c tests/fuzz/replay.c $(payload))

fuzz_sources := $(patsubst third/%,$(THIRD)/src/%,$(payload))
$(O)/fuzz/%: tests/fuzz/fuzz_%.c $(payload:third/%=) $(third_src)
	@mkdir -p $(@D); $(call say,FUZZ,$@)
	$(Q)clang $(flags.hosted) -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -I tests \
		-isystem $(THIRD)/src/mbedtls/include -isystem $(THIRD)/src/libfdt -w $< $(fuzz_sources) -o $@
T ?= bundle
F ?= 60
.PHONY: fuzz
fuzz: $(O)/fuzz/$(T)
	@mkdir -p $(O)/fuzz/$(T).new
	$(O)/fuzz/$(T) -max_total_time=$(F) -artifact_prefix=$(O)/fuzz/ $(O)/fuzz/$(T).new tests/fuzz/corpus/$(T)

# SPDX-License-Identifier: Apache-2.0
# Fuzz targets. `make check` replays each corpus; `make fuzz T=manifest F=60` looks for more for F seconds.
fuzz_http := hypervisor/service/http_parse.c
fuzz_api := $(addprefix controller/,http/uri.c http/route.c http/guard.c http/assets.c api/topics.c api/params.c) \
	$(wildcard controller/base/*.c) tests/fuzz/fuzz_api_stub.c

$(call host_test,fuzz_bundle,tests/fuzz/fuzz_bundle.c tests/fuzz/replay.c $(payload))
$(call host_test,fuzz_manifest,tests/fuzz/fuzz_manifest.c tests/fuzz/replay.c $(payload))
$(call host_test,fuzz_hello,tests/fuzz/fuzz_hello.c tests/fuzz/replay.c $(payload) $(wire_messages))
$(call host_test,fuzz_beat,tests/fuzz/fuzz_beat.c tests/fuzz/replay.c $(payload) $(wire_messages))
$(call host_test,fuzz_ack,tests/fuzz/fuzz_ack.c tests/fuzz/replay.c $(payload) $(wire_messages))
$(call host_test,fuzz_console,tests/fuzz/fuzz_console.c tests/fuzz/replay.c $(payload) $(wire_messages))
$(call host_test,fuzz_http,tests/fuzz/fuzz_http.c tests/fuzz/replay.c $(fuzz_http))
$(call host_test,fuzz_dhcp,tests/fuzz/fuzz_dhcp.c tests/fuzz/replay.c $(small_lan))
$(call host_test,fuzz_frames,tests/fuzz/fuzz_frames.c tests/fuzz/replay.c $(observe_pure) $(observe_base))
$(call host_test,fuzz_lines,tests/fuzz/fuzz_lines.c tests/fuzz/replay.c controller/observe/dnsmasq_log.c \
	controller/observe/frame.c)
fuzz_requests := $(api_bed) $(api_c) $(api_needs) $(wire_messages) $(mbedtls_sha256)
$(call host_test,fuzz_requests,tests/fuzz/fuzz_requests.c tests/fuzz/replay.c $(fuzz_requests),$(api_libs))
$(call host_test,fuzz_api,tests/fuzz/fuzz_api.c tests/fuzz/replay.c $(fuzz_api),-ljansson -lsodium -lm)
$(call host_test,fuzz_release,tests/fuzz/fuzz_release.c tests/fuzz/replay.c $(release_c),$(release_libs))

fuzz_sources := $(patsubst third/%,$(THIRD)/src/%,$(payload) $(wire_messages))
# These bring all that they need.
$(O)/fuzz/http: $(fuzz_http)
$(O)/fuzz/http: fuzz_sources_of = $(fuzz_http)
$(O)/fuzz/api: $(fuzz_api)
$(O)/fuzz/api: fuzz_sources_of = $(fuzz_api) -ljansson -lsodium
$(O)/fuzz/requests: $(filter-out third/%,$(fuzz_requests))
$(O)/fuzz/requests: fuzz_sources_of = $(patsubst third/%,$(THIRD)/src/%,$(fuzz_requests)) $(api_libs)
$(O)/fuzz/release: $(filter-out third/%,$(release_c))
$(O)/fuzz/release: fuzz_sources_of = $(patsubst third/%,$(THIRD)/src/%,$(release_c)) $(release_libs)
$(O)/fuzz/dhcp: $(filter-out third/%,$(small_lan))
$(O)/fuzz/dhcp: fuzz_sources_of = $(patsubst third/%,$(THIRD)/src/%,$(small_lan))
$(O)/fuzz/frames $(O)/fuzz/lines: $(observe_pure) $(observe_base)
$(O)/fuzz/frames $(O)/fuzz/lines: fuzz_sources_of = $(observe_pure) $(observe_base)
fuzz_sources_of = $(fuzz_sources)
$(O)/fuzz/%: tests/fuzz/fuzz_%.c $(payload:third/%=) $(wire_messages) $(third_src)
	@mkdir -p $(@D); $(call say,FUZZ,$@)
	$(Q)clang $(flags.hosted) -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -I tests \
		-isystem $(THIRD)/src/mbedtls/include -isystem $(THIRD)/src/libfdt $(lwip_flags) -w \
		$< $(fuzz_sources_of) -lcmocka -o $@
T ?= bundle
F ?= 60
.PHONY: fuzz
fuzz: $(O)/fuzz/$(T)
	@mkdir -p $(O)/fuzz/$(T).new
	$(O)/fuzz/$(T) -max_total_time=$(F) -artifact_prefix=$(O)/fuzz/ $(O)/fuzz/$(T).new tests/fuzz/corpus/$(T)

# SPDX-License-Identifier: Apache-2.0
#
# One graph for everything that is built. A folder's module.mk is a list made of these calls (paths from the root;
# `third/NAME/file.c` means a fetched source below build/third/src):
#
#   $(call srcs,DOMAIN,FILES)            adds to what the domain links: hv -> aether.elf, svc -> service.elf
#   $(call host_test,NAME,FILES[,LIBS])  a cmocka program $(O)/tests/NAME, run by `make check`; LIBS like -lfdt
#   $(call host_sim_test,NAME,FILES)     the same, of the sources as SIMULATION=1 builds them
#   $(call tool,NAME,FILES[,LIBS])       a native program $(O)/bin/NAME
#   $(call guest_image,NAME,FILES)       a tiny EL1 kernel $(O)/guest/NAME.img, linked by tests/guest/guest.lds
#   $(call test_service,NAME,FILES)      the core around another service image: $(O)/service/NAME/aether.img
#   all += FILE ...                      something that `make` builds; its rule stands in the module.mk
#   $(third_src) $(third_guest) $(third_uboot) $(third_rpi)   stamps to depend on for what is below build/third
#
# A domain is a compiler, its flags and an object folder, so that one source may be built for several machines:
# `x/y.c` becomes $(O)/DOMAIN/x/y.c.o. Includes are written from the roots -I hypervisor -I netboot -I provisioner
# -I controller; host and guest also see -I tests. More flags for one domain: `flags.DOMAIN += ...`.

MAKEFLAGS += -rR --no-print-directory
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

# SIMULATION=1: the image can be ended at will by a test (hypervisor/abi/chaos.h), and says so. Never for a node.
O ?= build$(if $(filter 1,$(SIMULATION)),/simulation)
THIRD := build/third
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V))$(findstring s,$(firstword -$(MAKEFLAGS))),:,printf '  %-9s %s\n' '$(1)' '$(2)')
JOBS ?= $(shell nproc)
export O
export LC_ALL := C.UTF-8
export PATH := $(PATH):/usr/sbin:/sbin
# One date for every archive: a payload whose content did not change keeps its hash.
export SOURCE_DATE_EPOCH ?= 1767225600

# Under sudo only these goals keep root's rights, the rest runs as the user who called; so does the building inside
# them, by $(user_make), which starts anew: command line variables travel in the environment.
root_goals := deps sim sim-stop test soak fresh
sudo_user := $(if $(filter 0,$(shell id -u)),$(filter-out root,$(SUDO_USER)))
as_user := $(if $(sudo_user),runuser -u $(sudo_user) -- env HOME=$(shell getent passwd '$(sudo_user)' | cut -d: -f6))
user_make = $(as_user) env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL $(MAKE) -j$(JOBS)
# Nothing that root wrote into the object folder stays root's.
hand_over = $(if $(sudo_user),chown -Rh --from=0 $(SUDO_UID):$(SUDO_GID) $(O))
goals := $(or $(MAKECMDGOALS),all)

ifneq ($(and $(sudo_user),$(filter-out $(root_goals),$(goals))),)
.NOTPARALLEL:
.PHONY: $(goals)
$(goals):
	@$(if $(filter $@,$(root_goals)),env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL $(MAKE),$(user_make)) $@
else

# Toolchains: GCC by default, LLVM=1 for clang and lld.
ifeq ($(LLVM),1)
cc.arm64 := clang --target=aarch64-linux-gnu
cc.native := clang
ld.arm64 := ld.lld
objcopy := llvm-objcopy
readelf := llvm-readelf
size := llvm-size
else
cc.arm64 := aarch64-linux-gnu-gcc
cc.native := gcc
ld.arm64 := aarch64-linux-gnu-ld
objcopy := aarch64-linux-gnu-objcopy
readelf := aarch64-linux-gnu-readelf
size := aarch64-linux-gnu-size
flags.freestanding := -fno-tree-loop-distribute-patterns
endif

# What the core, the service, the daemons and the tools report.
AETHER_VERSION := 0.1.0

domains := hv svc guest host hostsim tool
warn := -Wall -Wextra -Werror -Wshadow -Wconversion -Wmissing-prototypes -Wstrict-prototypes -Wundef -Wvla -Wcast-qual
flags.all := -std=c11 -fno-common -g -ffile-prefix-map=$(CURDIR)=. -ffile-prefix-map=$(abspath $(O))=./build \
	-DAETHER_VERSION='"$(AETHER_VERSION)"' -I hypervisor -I netboot -I provisioner -I controller
flags.freestanding += $(flags.all) -O2 -march=armv8-a -ffreestanding -mgeneral-regs-only -mstrict-align -fno-pic -fno-pie \
	-mno-outline-atomics -fno-omit-frame-pointer -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
flags.hosted := $(flags.all) -D_GNU_SOURCE
cc.hv := $(cc.arm64)
cc.svc := $(cc.arm64)
cc.guest := $(cc.arm64)
cc.host := $(cc.native)
cc.tool := $(cc.native)
flags.hv := $(flags.freestanding) -fstack-protector-strong -Wframe-larger-than=1024 -I $(O) -isystem $(THIRD)/src/libfdt \
	-isystem $(THIRD)/src/mbedtls/include -DMBEDTLS_CONFIG_FILE='"lib/mbedtls_config.h"'
# The service's memory is normal memory always, which takes words at any address.
flags.svc := $(filter-out -mstrict-align,$(flags.freestanding)) -fstack-protector-strong -isystem $(THIRD)/src/libfdt \
	-isystem $(THIRD)/src/mbedtls/include -DMBEDTLS_CONFIG_FILE='"service/mbedtls_config.h"'
flags.guest := $(flags.freestanding) -I tests
ifeq ($(SIMULATION),1)
flags.hv += -DAETHER_SIMULATION
flags.svc += -DAETHER_SIMULATION
endif
SANITIZE := address,undefined
flags.host := $(flags.hosted) -O1 -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -I tests \
	-isystem $(THIRD)/src/mbedtls/include
# The core as a build for simulation has it, on this machine.
cc.hostsim := $(cc.native)
flags.hostsim = $(flags.host) -DAETHER_SIMULATION
# A hundred programs, linked in half the time.
ld.host := -fuse-ld=lld
ld.hostsim := -fuse-ld=lld
# Tags by Nettle there: netboot/wire/hmac.h.
flags.tool := $(flags.hosted) -O2 -DWIRE_NETTLE -isystem $(THIRD)/src/mbedtls/include
ldflags := -nostdlib -static --fatal-warnings --build-id=none --gc-sections -z noexecstack -z max-page-size=4096
# What of the fetched sources is linked where. The core only reads the firmware's tree.
libfdt_ro := $(addprefix third/libfdt/,fdt.c fdt_ro.c fdt_addresses.c fdt_check.c)
libfdt_rw := $(libfdt_ro) $(addprefix third/libfdt/,fdt_wip.c fdt_rw.c fdt_sw.c fdt_strerror.c fdt_empty_tree.c)
mbedtls_sha256 := $(addprefix third/mbedtls/library/,sha256.c platform_util.c)

third_src := $(THIRD)/stamp/src
third_guest := $(THIRD)/stamp/guest
third_uboot := $(THIRD)/stamp/uboot
third_rpi := $(THIRD)/stamp/rpi
third.hv := $(third_src)
third.svc := $(third_src)

# Our own C sources of a domain, each as a check.
syntax = $(sort $(patsubst $(O)/$(1)/%.o,$(O)/syntax/$(1)/%.ok,$(filter-out $(O)/$(1)/third/%,$(filter %.c.o,$(obj.$(1)) $(used.$(1))))))

# The calls of module.mk.
objs = $(patsubst %,$(O)/$(1)/%.o,$(2))
srcs = $(eval obj.$(1) += $(call objs,$(1),$(2)))
host_test = $(eval $(call program,host,$(strip $(1)),$(O)/tests,$(2),$(3) -lcmocka,host_tests))
host_sim_test = $(eval $(call program,hostsim,$(strip $(1)),$(O)/tests,$(2),$(3) -lcmocka,host_tests))
tool = $(eval $(call program,tool,$(strip $(1)),$(O)/bin,$(2),$(3),tools))
define program
$(6) += $(3)/$(2)
used.$(1) += $(call objs,$(1),$(4))
$(3)/$(2): $(call objs,$(1),$(4))
	@mkdir -p $$(@D); $$(call say,LINK,$$@)
	$$(Q)$$(cc.$(1)) $$(flags.$(1)) $$(ld.$(1)) $$^ -o $$@ $(5)
endef
test_service = $(eval test_services += $(strip $(1)))$(eval used.svc += $(call objs,svc,$(2)))$(eval files.service.$(strip $(1)) := $(2))
guest_image = $(eval $(call guest_image_rules,$(strip $(1)),$(2)))
define guest_image_rules
guest_images += $(O)/guest/$(1).img
used.guest += $(call objs,guest,$(2))
$(O)/guest/$(1).elf: tests/guest/guest.lds $(call objs,guest,$(2))
	$$(link_elf)
endef
# The build id names the core in a crash record (abi/crash.h).
define link_elf
@mkdir -p $(@D); $(call say,LINK,$@)
$(Q)$(ld.arm64) $(ldflags) $(if $(filter %/aether.elf,$@),--build-id=sha1) -T $< $(filter %.o,$^) -o $@
$(Q)if $(readelf) -lW $@ | grep -E '^ +LOAD.* RWE '; then \
	echo "$@: a segment is both writable and executable: see $<" >&2; rm -f $@; exit 1; fi
endef

host_tests :=
tools :=
guest_images :=
test_services :=
all := $(if $(wildcard hypervisor/main.c),$(O)/aether.img)
$(call srcs,hv,$(libfdt_ro))
$(call srcs,svc,$(libfdt_rw) $(mbedtls_sha256))
include $(wildcard $(foreach d,hypervisor netboot provisioner controller images tests,$(d)/module.mk $(d)/*/module.mk))

# Objects.
define domain_rules
$(O)/$(1)/flags: FORCE
	@mkdir -p $$(@D)
	@command -v $$(firstword $$(cc.$(1))) >/dev/null || \
		{ echo "$$(firstword $$(cc.$(1))) is not installed; next step: make deps (make doctor shows all)" >&2; exit 1; }
	@{ $$(cc.$(1)) --version | head -n 1; printf '%s ' $$(cc.$(1)) $$(flags.$(1)) $$(warn); } >$$@.new
	@if cmp -s $$@.new $$@; then rm $$@.new; else mv $$@.new $$@; fi
$(O)/$(1)/third/%.c.o: $(O)/$(1)/flags $(third_src)
	@mkdir -p $$(@D); $$(call say,CC $(1),third/$$*.c)
	$$(Q)$$(cc.$(1)) $$(flags.$(1)) -std=gnu11 -w -MMD -MP -c $(THIRD)/src/$$*.c -o $$@
$(O)/$(1)/%.c.o: %.c $(O)/$(1)/flags $(third.$(1))
	@mkdir -p $$(@D); $$(call say,CC $(1),$$<)
	$$(Q)$$(cc.$(1)) $$(flags.$(1)) $$(warn) -MMD -MP -c $$< -o $$@
# What the compiler says of a source, without the object.
$(O)/syntax/$(1)/%.ok: % $(O)/$(1)/flags $(third.$(1))
	@mkdir -p $$(@D); $$(call say,CHECK $(1),$$<)
	$$(Q)$$(cc.$(1)) $$(flags.$(1)) $$(warn) -fsyntax-only -MMD -MP -MT $$@ -MF $$@.d $$<
	$$(Q)touch $$@
$(O)/$(1)/%.S.o: %.S $(O)/$(1)/flags
	@mkdir -p $$(@D); $$(call say,AS $(1),$$<)
	$$(Q)$$(cc.$(1)) $$(flags.$(1)) $$(warn) -MMD -MP -c $$< -o $$@
-include $(patsubst %.o,%.d,$(sort $(obj.$(1)) $(used.$(1))))
-include $(addsuffix .d,$(call syntax,$(1)))
endef
$(foreach d,$(domains),$(eval $(call domain_rules,$(d))))
# SHA-256 reads its words by memcpy(), which is one instruction where the compiler may know what memcpy() is. Not for our
# own lib/string.c, which a compiler that knows it makes call itself.
$(O)/svc/third/%: flags.svc += -fbuiltin
# Half the time to compile: what checks, and what computes little. The warnings that need an optimizer come of `tool`.
$(O)/host/tests/unit/%: private flags.host += -O0
$(O)/host/tests/fuzz/%: private flags.host += -O0
$(O)/host/controller/%: private flags.host += -O0
$(O)/host/provisioner/%: private flags.host += -O0
$(O)/hostsim/hypervisor/%: private flags.hostsim += -O0
$(O)/hostsim/tests/%: private flags.hostsim += -O0
FORCE:

# The service image, and the core that carries it.
$(O)/service.elf: hypervisor/service/service.lds $(obj.svc)
	$(link_elf)
$(O)/hyp.lds: hypervisor/hyp.lds.S $(O)/hv/flags
	@$(call say,CPP,$<)
	$(Q)$(cc.hv) $(flags.hv) -E -P -x assembler-with-cpp -MMD -MP -MT $@ -MF $@.d $< -o $@
-include $(O)/hyp.lds.d
$(O)/hv/hypervisor/arch/service_blob.S.o: $(O)/service.bin $(O)/service.sha256
$(O)/aether.elf: $(O)/hyp.lds $(obj.hv)
	$(link_elf)
$(O)/%.bin: $(O)/%.elf
	@$(call say,OBJCOPY,$@)
	$(Q)$(objcopy) -O binary $< $@
# 32 bytes, as they stand in the core and in its boot information.
$(O)/%.sha256: $(O)/%.bin
	@$(call say,SHA256,$@)
	$(Q)printf "$$(sha256sum $< | cut -c 1-64 | sed 's/../\\x&/g')" >$@
$(O)/guest/%.img: $(O)/guest/%.elf
	@$(call say,OBJCOPY,$@)
	$(Q)$(objcopy) -O binary $< $@
$(O)/config-default.dtb: netboot/config-default.dts
	@mkdir -p $(@D); $(call say,DTC,$@)
	$(Q)dtc -q -I dts -O dtb -o $@ $<
# The header's res2 (abi/image.h) says where the trailer stands; the linker script makes the file end there.
define pack_image
@$(call say,IMAGE,$@)
$(Q)at=$$(od --endian=little -An -tu8 -j32 -N8 $< | tr -d ' '); have=$$(stat -c %s $<); \
	if [ "$$have" -gt "$$at" ]; then echo "$<: $$have bytes reach over the trailer at $$at" >&2; exit 1; fi; \
	if [ $$(stat -c %s $(word 2,$^)) -gt 16384 ]; then echo "$(word 2,$^): over 16 KiB" >&2; exit 1; fi; \
	cp $< $@; truncate -s "$$at" $@; cat $(word 2,$^) >>$@
endef
$(O)/aether.img: $(O)/aether.bin $(O)/config-default.dtb
	$(pack_image)

# The same core around a service that is a test: $(O)/service/NAME/aether.img.
define test_service_rules
$(O)/service/$(1)/service.elf: hypervisor/service/service.lds $(call objs,svc,$(2))
	$$(link_elf)
$(O)/service/$(1)/blob.o: hypervisor/arch/service_blob.S $(O)/service/$(1)/service.bin $(O)/service/$(1)/service.sha256 $(O)/hv/flags
	@$$(call say,AS hv,$$@)
	$$(Q)$$(cc.hv) -I $$(@D) $$(flags.hv) $$(warn) -c $$< -o $$@
$(O)/service/$(1)/aether.elf: $(O)/hyp.lds $(O)/service/$(1)/blob.o $(filter-out %/service_blob.S.o,$(obj.hv))
	$$(link_elf)
$(O)/service/$(1)/aether.img: $(O)/service/$(1)/aether.bin $(O)/config-default.dtb
	$$(pack_image)
endef
$(foreach s,$(test_services),$(eval $(call test_service_rules,$(s),$(files.service.$(s)))))
.PRECIOUS: $(O)/%.bin $(O)/%.sha256 $(O)/%.elf $(O)/guest/%.elf

# Fetched sources and packages; images/deps/README.md.
$(third_src) $(third_guest) $(third_uboot) $(third_rpi): $(THIRD)/stamp/%: images/deps/lock images/deps/third
	$(Q)images/deps/fetch $*

.PHONY: all everything simulation
all: $(all) ## the image, the guest and what boots them (the default)
everything: all simulation $(third_uboot) $(third_rpi) $(tools) $(host_tests) $(guest_images) ## all, and every test program
simulation: ## the image that tests may end at will, in $(O)/simulation
	@$(MAKE) SIMULATION=1 O=$(O)/simulation $(O)/simulation/aether.img $(patsubst %,$(O)/simulation/service/%/aether.img,$(test_services))

# What the second compiler has to say: whole images for the node, the objects of nothing that would run here. The
# simulation's C differs by a few lines; its assembly is assembled.
.PHONY: compiles compiles-simulation
compiles: $(O)/aether.img $(guest_images) $(foreach d,host hostsim tool,$(call syntax,$(d)))
	@$(MAKE) SIMULATION=1 O=$(O)/simulation compiles-simulation
compiles-simulation: $(foreach d,hv svc,$(call syntax,$(d)) $(filter-out %/service_blob.S.o,$(filter %.S.o,$(obj.$(d)) $(used.$(d)))))

# What a user types.
.PHONY: sim sim-stop run test check soak bench deps deps-update doctor lint format size clean distclean fresh help
sim: deps ## the controller and NODES=3 QEMU nodes, as root (APPROVE=auto CPUS= MEM= GIC= UNTIL= TIMEOUT=)
	@$(user_make) all $(third_uboot)
	@trap '$(hand_over)' EXIT; netboot/sim/sim
sim-stop: ## ends what a `make sim` left behind
	@netboot/sim/sim stop
run: ## one node, guest console here (KERNEL= INITRD= CMDLINE= SMP= MEM= GIC=2|3 CPU= QEMU_ARGS=)
	@$(user_make) -s all
	@exec netboot/sim/run
test: deps ## installs what is missing, builds, runs every test
	@$(user_make) everything
	@tests/run
check: lint all $(tools) $(host_tests) $(guest_images) ## the fast part: lint, both compilers, unit and model tests; no root, no emulator
	@$(MAKE) LLVM=1 O=$(O)/llvm compiles
	@HOST_TESTS='$(sort $(host_tests))' tests/run host
soak: deps ## half an hour each (SOAK=1800 seconds, SEED=1) of a service, then of a controller that is killed, as root
	@$(user_make) everything
	@trap '$(hand_over)' EXIT; export SOAK=$(or $(SOAK),1800) SEED=$(or $(SEED),1); \
		tests/e2e/service --soak && tests/e2e/kill
bench: ## the measurements, as a table; as root those of the service too
	@$(user_make) everything
	@trap '$(hand_over)' EXIT; tests/bench/run
deps: ## installs the Debian packages that are missing (as root)
	@images/deps/install
deps-update: ## moves the lock file of what is fetched to what the mirror has now
	@images/deps/fetch --update
doctor: ## which tools are there, and what each is for
	@images/deps/install --doctor
lint: headers ## style, include direction, headers that stand alone
	@tests/style
	@tests/layers
format: ## clang-format over FILES="...", in place
	@clang-format -i $(or $(FILES),$(error FILES= names the files to format))
size: $(O)/aether.elf ## the image by section and by object
	@$(size) -A -d $<; $(size) -d --totals $(obj.hv) | sort -n
clean: ## removes what was built; what was fetched stays
	rm -rf $(filter-out $(THIRD),$(wildcard $(O)/* $(O)/.[!.]*))
distclean: ## removes what was built and fetched
	rm -rf $(O) build
fresh: ## the README's commands in a debootstrapped root, as root (DIST=bookworm|trixie)
	@tests/fresh $(DIST)
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(filter %Makefile %module.mk,$(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 14

# Every header compiles alone.
headers.hv := $(wildcard hypervisor/abi/*.h hypervisor/lib/*.h hypervisor/core/*.h)
headers.host := $(shell find netboot provisioner controller hypervisor/tools -name '*.h' 2>/dev/null | sort)
define header_rules
$(O)/headers/$(1)/%.ok: % $(O)/$(1)/flags $(third.$(1))
	@mkdir -p $$(@D)
	$$(Q)$$(cc.$(1)) $$(flags.$(1)) $$(warn) -fsyntax-only -MMD -MP -MT $$@ -MF $$@.d -include $$< -x c /dev/null
	$$(Q)touch $$@
headers: $(headers.$(1):%=$(O)/headers/$(1)/%.ok)
-include $(headers.$(1):%=$(O)/headers/$(1)/%.ok.d)
endef
.PHONY: headers
$(foreach d,hv host,$(eval $(call header_rules,$(d))))

endif

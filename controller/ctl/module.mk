# SPDX-License-Identifier: Apache-2.0
# aetherctl is a program of its own: of the daemon it has the texts and the clock, and speaks with it over HTTP alone.
ctl_c := $(filter-out %/main.c,$(wildcard controller/ctl/*.c)) $(addprefix controller/base/,clock.c text.c)
ctl_libs := -ljansson -lsodium
$(call tool,aetherctl,controller/ctl/main.c $(ctl_c),$(ctl_libs))

# The manual, of the same table as the help.
all += $(O)/share/man/man1/aetherctl.1
$(O)/share/man/man1/aetherctl.1: $(O)/bin/aetherctl
	@mkdir -p $(@D); $(call say,MAN,$@)
	$(Q)$< manual >$@

$(call host_test,test_ctl,$(addprefix tests/unit/controller/,test_ctl.c ctl_run.c) $(ctl_c),$(ctl_libs) -lpthread)
$(call host_test,test_ctl_use,$(addprefix tests/unit/controller/,test_ctl_use.c ctl_run.c api_bed.c client.c) $(ctl_c) \
	$(filter-out $(ctl_c),$(foreach part,base bus store fleet http api,$(wildcard controller/$(part)/*.c))) \
	controller/api/openapi.S $(store_migrations) $(wire_messages) netboot/wire/error.c $(mbedtls_sha256),\
	-lmicrohttpd -ljansson -lsqlite3 -lsodium -lpthread -lm)

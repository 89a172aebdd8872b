# SPDX-License-Identifier: Apache-2.0
# Services that are tests of the core under them; README.md. They run in a build for simulation (make simulation).
test_service_lib := tests/service/guests.c hypervisor/service/crt.S hypervisor/service/chaos.S hypervisor/lib/fmt.c hypervisor/lib/string.c

$(call test_service,restart,$(addprefix tests/service/,restart.c restart_deaths.c guest.S) $(test_service_lib))
$(call test_service,time,$(addprefix tests/service/,time.c guest.S) $(test_service_lib))
$(call test_service,hostile,$(addprefix tests/service/,hostile.c hostile_reach.c hostile_calls.c canary.S) $(test_service_lib))

# SPDX-License-Identifier: Apache-2.0
# Services that are tests of the core under them; README.md. They run in a build for simulation (make simulation).
$(call test_service,restart,tests/service/restart.c tests/service/guest.S hypervisor/service/crt.S hypervisor/service/chaos.S \
	hypervisor/lib/fmt.c hypervisor/lib/string.c)
$(call test_service,time,tests/service/time.c tests/service/guest.S hypervisor/service/crt.S hypervisor/service/chaos.S \
	hypervisor/lib/fmt.c hypervisor/lib/string.c)
$(call test_service,hostile,$(addprefix tests/service/,hostile.c hostile_reach.c hostile_calls.c canary.S) hypervisor/service/crt.S \
	hypervisor/service/chaos.S hypervisor/lib/fmt.c hypervisor/lib/string.c)

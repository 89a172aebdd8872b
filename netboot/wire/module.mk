# SPDX-License-Identifier: Apache-2.0
# The codec's tests; which of its sources the service links stands in hypervisor/service/module.mk.
wire_test := $(wire_messages) netboot/wire/error.c $(mbedtls_sha256) tests/unit/wire_samples.c
$(call host_test,test_wire_golden,tests/unit/test_wire_golden.c $(wire_test))

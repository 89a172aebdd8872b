# SPDX-License-Identifier: Apache-2.0
# The codec's tests; which of its sources the service links stands in hypervisor/service/module.mk.
wire_test := $(wire_messages) netboot/wire/error.c $(mbedtls_sha256) tests/unit/wire_samples.c
$(call host_test,test_wire_datagram,tests/unit/test_wire_datagram.c $(wire_test))
$(call host_test,test_wire_beat,tests/unit/test_wire_beat.c tests/model/random.c $(wire_test))
$(call host_test,test_wire_ack,tests/unit/test_wire_ack.c $(wire_test))
$(call host_test,test_wire_hello,tests/unit/test_wire_hello.c $(wire_test))
$(call host_test,test_wire_golden,tests/unit/test_wire_golden.c $(wire_test))
$(call host_test,test_hmac,$(addprefix tests/unit/,test_hmac.c hmac_nettle_beside.c) tests/model/random.c netboot/wire/hmac_mbedtls.c \
	$(mbedtls_sha256),-lnettle)

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Mbed TLS as the service and the packing tool build it: SHA-256 in portable C, nothing else. No
 * allocation, no file, no clock, no FP or SIMD register. digest.c has the one function that the library
 * wants from its platform.
 */
#define MBEDTLS_SHA256_C
#define MBEDTLS_PLATFORM_NO_STD_FUNCTIONS
#define MBEDTLS_PLATFORM_ZEROIZE_ALT

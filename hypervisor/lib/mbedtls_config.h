/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Mbed TLS as the core builds it, for lib/kdf.c alone: SHA-256 in portable C, nothing else. */
#define MBEDTLS_SHA256_C
#define MBEDTLS_PLATFORM_NO_STD_FUNCTIONS
#define MBEDTLS_PLATFORM_ZEROIZE_ALT

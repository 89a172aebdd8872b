/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * CHECK is for the core's own invariants, never for a value that a guest or the service chose: it stops the
 * node. It is always compiled in. ASSERT is for the same, on paths too hot to pay for it outside tests.
 */
#include <stdbool.h>

_Noreturn void check_failed(const char *expression, const char *file, int line);

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (__builtin_expect(!(x), 0)) {                                                   \
			check_failed(#x, __FILE__, __LINE__);                                      \
		}                                                                                  \
	} while (0)

#ifdef AETHER_DEBUG
#define ASSERT(x) CHECK(x)
#else
#define ASSERT(x) ((void)sizeof(x))
#endif

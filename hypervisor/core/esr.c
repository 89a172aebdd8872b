/* SPDX-License-Identifier: Apache-2.0 */
/* Words for exception classes: for a crash record, not for the path of an exit. */
#include "core/esr.h"

const char *esr_class_name(unsigned ec)
{
	switch (ec) {
#define X(value, symbol, words)                                                                    \
	case ESR_EC_##symbol:                                                                      \
		return words;
		ESR_CLASSES(X)
#undef X
	default:
		return "reserved class";
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What aetherd may ask of the monitor: one word a message; and hears from it: whether dnsmasq runs. A word that is not
 * here is dropped with a line in the log; nothing has an argument.
 */

/* X(symbol, word) */
#define MONITOR_ASKS(X)                                                                                                \
	X(READY, "ready") /* aetherd serves */                                                                         \
	X(RESTART, "restart") /* dnsmasq is to run with the configuration as it stands now */                         \
	X(RELOAD, "reload") /* dnsmasq is to read its host files again */                                              \
	X(STOP, "stop") /* dnsmasq is not to run */

enum monitor_ask {
	MONITOR_ASK_NONE,
#define X(symbol, word) MONITOR_ASK_##symbol,
	MONITOR_ASKS(X)
#undef X
};

#define MONITOR_SAYS_UP "up" /* dnsmasq was started */
#define MONITOR_SAYS_DOWN "dnsmasq ended; it is started again" /* or another sentence of why it does not run */
enum { MONITOR_WORD_BYTES = 16 };

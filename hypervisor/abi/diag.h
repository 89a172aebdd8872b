/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Why the core stopped a VM, and what it counts of every exit. Numbers are part of the ABI: append only. */
#include <stdint.h>

/* Why a VM stopped (AETHER_EVENT_VM_STOPPED, AETHER_HVC_VM_INFO). X(number, symbol, words) */
#define AETHER_STOP_REASONS(X)                                                                     \
	X(0, NONE, "running")                                                                      \
	X(1, POWER_OFF, "powered off")                                                             \
	X(2, RESET, "asked for a reset")                                                           \
	X(3, SERVICE, "ended by the service")                                                      \
	X(4, SERROR, "took a system error")                                                        \
	X(5, BAD_STATE, "left a state that the architecture does not have")                        \
	X(6, EXIT_STORM, "made no progress")

enum aether_stop_reason {
#define X(number, symbol, words) AETHER_STOP_##symbol = number,
	AETHER_STOP_REASONS(X)
#undef X
};

/* Why the core started a new instance of the service. X(number, symbol, words) */
#define AETHER_SERVICE_FAILURES(X)                                                                 \
	X(0, NONE, "has not failed")                                                               \
	X(1, ABORT, "reached for memory that is not its own")                                      \
	X(2, FAULT, "took an exception or gave up")                                                \
	X(3, SILENT, "did not report in time")                                                     \
	X(4, UPDATE, "was replaced by a newer image")                                              \
	X(5, CHAOS, "was ended by a test")                                                         \
	X(6, TRAP, "did what a service may not")

enum aether_service_failure {
#define X(number, symbol, words) AETHER_SERVICE_##symbol = number,
	AETHER_SERVICE_FAILURES(X)
#undef X
};

/* Causes of an exit, counted per VM with the time spent. X(number, symbol, name) */
#define AETHER_EXIT_CAUSES(X)                                                                      \
	X(0, IRQ, "irq")                                                                           \
	X(1, HVC, "hvc")                                                                           \
	X(2, SMC, "smc")                                                                           \
	X(3, WFX, "wfx")                                                                           \
	X(4, SYSREG, "sysreg")                                                                     \
	X(5, MMIO_GIC, "gic")                                                                      \
	X(6, MMIO_UART, "uart")                                                                    \
	X(7, ABORT, "abort")                                                                       \
	X(8, FP, "fp")                                                                             \
	X(9, OTHER, "other")                                                                       \
	X(10, MMIO_RTC, "rtc")

enum aether_exit_cause {
#define X(number, symbol, name) AETHER_EXIT_##symbol = number,
	AETHER_EXIT_CAUSES(X)
#undef X
		AETHER_EXIT_COUNT
};

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The measured loops, in assembly so that every compiler counts the same. Each returns counter ticks; the caller has
 * warmed up what it measures. Interrupts are masked but where a name says otherwise.
 */
#include <stdint.h>

/* `count` times: HVC with the function id; 4 instructions a round. */
uint64_t measure_hvc(uint64_t count, uint64_t id);
/* `count` times: a 32-bit read at `address`; 3 instructions a round. */
uint64_t measure_read(uint64_t count, uint64_t address);
/* The same where nothing is: measure_vectors steps over the abort. */
uint64_t measure_abort(uint64_t count, uint64_t address);
/* `count` times: flag register until there is room, data register. */
uint64_t measure_console(uint64_t count, uint64_t uart, uint64_t byte);
/* `count` times ID_AA64ISAR0_EL1. */
uint64_t measure_id(uint64_t count);
/* Virtual timer at `cval`, unmasks and spins: counter at the vector's first instruction minus cval. */
uint64_t measure_timer_spin(uint64_t cval);
/* The same asleep in WFI. */
uint64_t measure_timer_wfi(uint64_t cval);
/* Stores `value` at `address` (GICD_SGIR) unmasked: ticks from before the store to the vector's first instruction. */
uint64_t measure_sgi_v2(uint64_t address, uint64_t value);
/* The same by ICC_SGI1R_EL1. */
uint64_t measure_sgi_v3(uint64_t value);
/* One write of the end-of-interrupt register. */
uint64_t measure_eoi_v2(uint64_t address, uint64_t iar);
uint64_t measure_eoi_v3(uint64_t iar);
/* Two reads of the counter, one behind the other: what the measure itself costs. */
uint64_t measure_nothing(void);

/* Vectors for these loops: a synchronous exception steps over its instruction; an IRQ keeps the counter for the
 * measure_*_spin, _wfi and _sgi loops, with IRQs masked at its return. */
extern uint8_t measure_vectors[];

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The two generic timers of EL1. A timer's interrupt is a level: it stays until the timer is stopped or moved. */
#include <stdbool.h>
#include <stdint.h>

#include "guest/lib/cpu.h"

enum timer { TIMER_VIRTUAL, TIMER_PHYSICAL };

#define TIMER_CTL_ENABLE UINT64_C(1)
#define TIMER_CTL_MASK UINT64_C(2)
#define TIMER_CTL_STATUS UINT64_C(4)

static inline unsigned timer_intid(enum timer timer)
{
	return timer == TIMER_VIRTUAL ? 27 : 30;
}

static inline uint64_t timer_count(enum timer timer)
{
	isb();
	return timer == TIMER_VIRTUAL ? read_sysreg(cntvct_el0) : read_sysreg(cntpct_el0);
}

static inline void timer_set_ctl(enum timer timer, uint64_t ctl)
{
	if (timer == TIMER_VIRTUAL) {
		write_sysreg(cntv_ctl_el0, ctl);
	} else {
		write_sysreg(cntp_ctl_el0, ctl);
	}
	isb();
}

static inline uint64_t timer_get_ctl(enum timer timer)
{
	isb();
	return timer == TIMER_VIRTUAL ? read_sysreg(cntv_ctl_el0) : read_sysreg(cntp_ctl_el0);
}

static inline void timer_set_cval(enum timer timer, uint64_t cval)
{
	if (timer == TIMER_VIRTUAL) {
		write_sysreg(cntv_cval_el0, cval);
	} else {
		write_sysreg(cntp_cval_el0, cval);
	}
	isb();
}

static inline uint64_t timer_get_cval(enum timer timer)
{
	return timer == TIMER_VIRTUAL ? read_sysreg(cntv_cval_el0) : read_sysreg(cntp_cval_el0);
}

static inline void timer_set_tval(enum timer timer, int32_t tval)
{
	if (timer == TIMER_VIRTUAL) {
		write_sysreg(cntv_tval_el0, (uint32_t)tval);
	} else {
		write_sysreg(cntp_tval_el0, (uint32_t)tval);
	}
	isb();
}

static inline int32_t timer_get_tval(enum timer timer)
{
	isb();
	return (int32_t)(timer == TIMER_VIRTUAL ? read_sysreg(cntv_tval_el0)
						: read_sysreg(cntp_tval_el0));
}

/* Fires at `cval` on that timer's own counter. */
static inline void timer_start(enum timer timer, uint64_t cval)
{
	timer_set_cval(timer, cval);
	timer_set_ctl(timer, TIMER_CTL_ENABLE);
}

static inline void timer_stop(enum timer timer)
{
	timer_set_ctl(timer, 0);
}

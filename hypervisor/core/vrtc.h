/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A guest's PL031 real-time clock (DDI 0224): seconds since 1970, and an interrupt at a match. The time is the wall
 * clock that the service tells the core, the same for all guests; 0, and standing still, until it has. A guest that
 * sets its clock has its own from then on, until it resets. Hostile input: offsets, widths, values; of the service: the
 * time.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/exit_action.h"
#include "core/spinlock.h"

struct vrtc_clock {
	bool is_set;
	uint64_t ns; /* since 1970, when the counter stood at `ticks` */
	uint64_t ticks;
};

struct vrtc {
	struct spinlock lock;
	uint32_t vm;
	struct vrtc_clock own; /* set by the guest */
	uint32_t load, match; /* RTCLR, RTCMR */
	uint64_t alarm; /* the match in hand as seconds of 64 bits */
	bool is_armed, is_raw, is_enabled, is_line_high; /* RTCRIS, RTCIMSC, the line */
	_Atomic uint64_t alarm_ticks; /* when to look for the match; 0: there is none to come */
};

/* The wall clock of all guests: `ns` since 1970 at counter value `ticks`, which has been. vrtc_poll() of each guest
 * follows. */
void vrtc_set_time(uint64_t ns, uint64_t ticks);

void vrtc_init(struct vrtc *rtc, unsigned vm);
/* One access at `offset` in the 4 KiB page; bytes 1, 2, 4 (8: EXIT_INJECT_ABORT). Reads fill *value. */
enum exit_action vrtc_access(struct vrtc *rtc, uint64_t offset, unsigned bytes, bool is_write, uint64_t *value);
/* When vrtc_poll() has to be called (ticks), ~0 for never; it may change with each access and each poll. */
uint64_t vrtc_alarm(const struct vrtc *rtc);
/* Looks whether the match has come. Any CPU. */
void vrtc_poll(struct vrtc *rtc);

/* Provided by the owner: the interrupt line. Called for changes, with the clock's lock held. */
void vrtc_set_line(struct vrtc *rtc, bool is_high);

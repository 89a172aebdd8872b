/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's PL031 (DDI 0224). It runs from reset, as RTCCR says, and a guest cannot stop it.
 *
 * The match is the next moment at which RTCDR is RTCMR, counted from the last write of RTCMR or RTCLR; if the wall
 * clock is moved over it, it has come. RTCMR as it is at reset matches nothing. The interrupt is latched, and level.
 *
 * Invariants, whenever the lock is free: (1) the line is is_raw && is_enabled; (2) alarm_ticks is not 0 exactly while
 * a match is armed and the clock is running, and no later than the match, so whoever polls then loses none.
 *
 * Locks: the clock's own, before the wall clock's and the interrupt controller's.
 */
#include "core/vrtc.h"

#include "core/hal.h"
#include "lib/bits.h"

#define RTCDR 0x000u
#define RTCMR 0x004u
#define RTCLR 0x008u
#define RTCCR 0x00cu
#define RTCIMSC 0x010u
#define RTCRIS 0x014u
#define RTCMIS 0x018u
#define RTCICR 0x01cu
#define RTC_ID_FIRST 0xfe0u

#define NS_PER_S UINT64_C(1000000000)

/* RTCPeriphID0 to 3, RTCPCellID0 to 3: part 0x031 by Arm, revision as QEMU's. */
static const uint8_t id_registers[8] = {0x31, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

static struct {
	struct spinlock lock;
	struct vrtc_clock clock;
} wall;

void vrtc_set_time(uint64_t ns, uint64_t ticks)
{
	spin_lock(&wall.lock);
	wall.clock = (struct vrtc_clock){true, ns, ticks};
	spin_unlock(&wall.lock);
}

/* A moment of a guest's clock: whole seconds, and how long ago they began. */
struct moment {
	bool is_running;
	uint64_t seconds;
	uint64_t ticks_into;
};

static struct moment moment_of(const struct vrtc *rtc, uint64_t now)
{
	struct vrtc_clock clock = rtc->own;
	if (!clock.is_set) {
		spin_lock(&wall.lock);
		clock = wall.clock;
		spin_unlock(&wall.lock);
	}
	if (!clock.is_set) {
		return (struct moment){0};
	}
	const uint64_t hz = hal_ticks_per_second();
	/* Another CPU may have set the clock since `now` was read. */
	const uint64_t since = now > clock.ticks ? now - clock.ticks : 0;
	/* In ticks, below two seconds: neither product comes near 64 bits with a counter of up to 9 GHz. */
	const uint64_t part = since % hz + clock.ns % NS_PER_S * hz / NS_PER_S;
	return (struct moment){true, clock.ns / NS_PER_S + since / hz + part / hz, part % hz};
}

/* Brings match and line up to date. With the lock held. */
static void update(struct vrtc *rtc, const struct moment *at, uint64_t now)
{
	uint64_t alarm_ticks = 0;
	if (rtc->is_armed && at->is_running) {
		const uint64_t left = rtc->alarm - at->seconds;
		if (rtc->alarm <= at->seconds) {
			rtc->is_armed = false;
			rtc->is_raw = true;
		} else {
			/* It may be as far as 2^32 s: then it is looked for once in a while. */
			const uint64_t seconds = left < 0x10000 ? left : 0x10000;
			alarm_ticks = now + seconds * hal_ticks_per_second() - at->ticks_into;
		}
	}
	atomic_store_explicit(&rtc->alarm_ticks, alarm_ticks, memory_order_relaxed);
	const bool is_high = rtc->is_raw && rtc->is_enabled;
	if (is_high != rtc->is_line_high) {
		rtc->is_line_high = is_high;
		vrtc_set_line(rtc, is_high);
	}
}

void vrtc_init(struct vrtc *rtc, unsigned vm)
{
	*rtc = (struct vrtc){.vm = vm};
}

/* The match is so far ahead as its 32 bits say. */
static void arm(struct vrtc *rtc, uint64_t seconds)
{
	rtc->alarm = seconds + (uint32_t)(rtc->match - (uint32_t)seconds);
	rtc->is_armed = true;
}

static uint32_t read_register(const struct vrtc *rtc, uint64_t offset, uint64_t seconds)
{
	switch (offset) {
	case RTCDR:
		return (uint32_t)seconds;
	case RTCMR:
		return rtc->match;
	case RTCLR:
		return rtc->load;
	case RTCCR:
		return 1;
	case RTCIMSC:
		return rtc->is_enabled;
	case RTCRIS:
		return rtc->is_raw;
	case RTCMIS:
		return rtc->is_raw && rtc->is_enabled;
	default:
		return offset >= RTC_ID_FIRST ? id_registers[(offset - RTC_ID_FIRST) / 4] : 0;
	}
}

static void write_register(struct vrtc *rtc, uint64_t offset, uint32_t value, struct moment *at, uint64_t now)
{
	switch (offset) {
	case RTCMR:
		rtc->match = value;
		arm(rtc, at->seconds);
		break;
	case RTCLR:
		rtc->load = value;
		rtc->own = (struct vrtc_clock){true, value * NS_PER_S, now};
		*at = (struct moment){true, value, 0};
		if (rtc->is_armed) {
			arm(rtc, value);
		}
		break;
	case RTCIMSC:
		rtc->is_enabled = (value & 1) != 0;
		break;
	case RTCICR:
		rtc->is_raw = rtc->is_raw && (value & 1) == 0;
		break;
	default: /* RTCCR: once started it cannot be stopped; the rest is read-only, or not there */
		break;
	}
}

enum exit_action vrtc_access(struct vrtc *rtc, uint64_t offset, unsigned bytes, bool is_write, uint64_t *value)
{
	if (bytes > 4 || (offset & (bytes - 1)) != 0) {
		return EXIT_INJECT_ABORT;
	}
	/* Of a register's parts reads see any, and writes but the first have no effect. */
	const unsigned byte = offset & 3;
	spin_lock(&rtc->lock);
	const uint64_t now = hal_ticks();
	struct moment at = moment_of(rtc, now);
	update(rtc, &at, now);
	if (!is_write) {
		const uint64_t whole = read_register(rtc, offset & 0xffc, at.seconds);
		*value = whole >> (byte * 8) & BITS(bytes * 8 - 1, 0);
	} else if (byte == 0) {
		write_register(rtc, offset, (uint32_t)*value, &at, now);
		update(rtc, &at, now);
	}
	spin_unlock(&rtc->lock);
	return EXIT_ADVANCE;
}

uint64_t vrtc_alarm(const struct vrtc *rtc)
{
	const uint64_t ticks = atomic_load_explicit(&rtc->alarm_ticks, memory_order_relaxed);
	return ticks != 0 ? ticks : UINT64_MAX;
}

void vrtc_poll(struct vrtc *rtc)
{
	spin_lock(&rtc->lock);
	const uint64_t now = hal_ticks();
	const struct moment at = moment_of(rtc, now);
	update(rtc, &at, now);
	spin_unlock(&rtc->lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that never sleeps, and measures what is taken from it: it reads the counter over and over; where more passed
 * between two readings than its own loop takes, somebody else had the CPU: a gap. Each PERIOD_MS it writes one line
 *
 *     busy N: TICKS of TICKS, GAPS gaps, longest TICKS, most TICKS in 10 ms, ticks TICKS
 *
 * of that period alone: what was taken of what passed, and the counter at its end. Its own output is left out.
 */
#include "guest/lib/cpu.h"
#include "guest/lib/report.h"

#define PERIOD_MS 250u
#define WINDOW_MS 10u
#define RECENT 1024u /* gaps of one window; a power of two */

struct gap {
	uint64_t end;
	uint64_t ticks;
};

static struct gap recent[RECENT];

struct period {
	uint64_t taken;
	uint64_t gaps;
	uint64_t longest;
	uint64_t most; /* in any window that ends with a gap: no other has more */
};

uint64_t busy_read(void);

/* The counter, after some 200 instructions. */
__asm__(".text\n\t.balign 64\n\t.global busy_read\nbusy_read:\n\tmov x1, #100\n1:\tsubs x1, x1, #1\n"
	"\tb.ne 1b\n\tisb\n\t"
	"mrs x0, cntvct_el0\n\tret");

/* What one reading takes when nobody disturbs: the least of many. */
static uint64_t find_step(void)
{
	uint64_t least = UINT64_MAX;
	uint64_t last = busy_read();

	for (unsigned i = 0; i < 1000; i++) {
		const uint64_t now = busy_read();
		least = now - last < least ? now - last : least;
		last = now;
	}
	return least;
}

static void add_gap(struct period *period, uint64_t end, uint64_t ticks, uint64_t window)
{
	static uint64_t head, tail, sum;

	if (head - tail == RECENT) { /* on a machine that is shared: then `most` is too little */
		sum -= recent[tail++ % RECENT].ticks;
	}
	recent[head++ % RECENT] = (struct gap){end, ticks};
	sum += ticks;
	while (end - recent[tail % RECENT].end >= window) {
		sum -= recent[tail++ % RECENT].ticks;
	}
	/* Of the oldest only what lies in the window. */
	const uint64_t begin = recent[tail % RECENT].end - recent[tail % RECENT].ticks;
	const uint64_t before = end - begin > window ? end - begin - window : 0;
	period->taken += ticks;
	period->gaps++;
	period->longest = ticks > period->longest ? ticks : period->longest;
	period->most = sum - before > period->most ? sum - before : period->most;
}

void guest_main(void)
{
	const uint64_t step = find_step();
	const uint64_t length = ticks_from_ms(PERIOD_MS);

	for (uint64_t number = 0;; number++) {
		struct period period = {.taken = 0};
		const uint64_t begin = busy_read();
		uint64_t last = begin;
		while (last - begin < length) {
			const uint64_t now = busy_read();
			/* The loop around it takes some instructions more in some rounds. */
			if (now - last >= step + step / 2) {
				add_gap(&period, now, now - last - step, ticks_from_ms(WINDOW_MS));
			}
			last = now;
		}
		report_note("busy %lu: %lu of %lu, %lu gaps, longest %lu, most %lu in 10 ms, ticks %lu", number,
			    period.taken, last - begin, period.gaps, period.longest, period.most, last);
	}
}

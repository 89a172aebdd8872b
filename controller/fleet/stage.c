/* SPDX-License-Identifier: Apache-2.0 */
/* One row a stage, one column an event. */
#include "fleet/stage.h"

#define OFF STAGE_OFF
#define BOOTING STAGE_BOOTING
#define RUNNING STAGE_RUNNING
#define FAILED STAGE_FAILED

enum stage stage_after(enum stage from, enum stage_event event)
{
	/*
	 * A node that runs and asks for an address as a boot loader does has started again, whatever its beats said.
	 * A problem that is told late (dnsmasq's log lags) ends neither what runs already nor what was powered off.
	 */
	static const enum stage table[STAGE_COUNT][STAGE_EVENT_COUNT] = {
		/* DHCP     FILE     HELLO    BUSY     UP       G-FAILED PROBLEM POWER_OFF */
		{BOOTING, BOOTING, BOOTING, BOOTING, RUNNING, FAILED, OFF, OFF}, /* off */
		{BOOTING, BOOTING, BOOTING, BOOTING, RUNNING, FAILED, FAILED, OFF}, /* booting */
		{BOOTING, BOOTING, BOOTING, BOOTING, RUNNING, FAILED, RUNNING, OFF}, /* running */
		{BOOTING, BOOTING, BOOTING, BOOTING, RUNNING, FAILED, FAILED, OFF}, /* failed */
	};
	return table[from][event];
}

const char *stage_text(enum stage stage)
{
	static const char *const words[] = {
#define X(symbol, word) word,
		STAGES(X)
#undef X
	};
	return (unsigned)stage < STAGE_COUNT ? words[stage] : "?";
}

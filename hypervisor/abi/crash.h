/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The crash record: what the core leaves in memory before it resets a node that broke one of its own invariants, for
 * the next boot to find. It lies at a fixed offset of the image's 2 MiB, behind all that a boot loader writes there
 * (abi/image.h), so loading the same image again leaves it alone. Never guest memory, never a key.
 *
 * A record counts only with magic, length, CRC (of everything behind the crc field, CRC-32 as in IEEE 802.3) and
 * version right: memory after a power cycle is anything. Each boot copies what it finds and hands it to the service as
 * opaque bytes, until AETHER_HVC_CRASH_DONE says that the controller has it.
 *
 * A row of crashes goes on when the boot that comes right after one crashes too, before it has lived for
 * AETHER_CRASH_LIVED_S; any other end of that boot ends the row, and so does a boot that lived longer.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/bootinfo.h"

#define AETHER_CRASH_OFFSET UINT64_C(0x1fc000) /* from the image's first byte */
#define AETHER_CRASH_BYTES UINT64_C(0x4000)
#define AETHER_CRASH_MAGIC UINT64_C(0x3148535248544541) /* "AETHRSH1" */
#define AETHER_CRASH_VERSION 1u
#define AETHER_CRASH_STREAK_WAIT 3u /* so many in a row: the node waits before it boots on */
#define AETHER_CRASH_WAIT_S 60u
#define AETHER_CRASH_LIVED_S 600u

#define AETHER_CRASH_STACK_BYTES 2048u
#define AETHER_CRASH_TRACE_ENTRIES 128u /* of the CPU that failed, newest last */

struct aether_crash_trace {
	uint64_t ticks;
	uint64_t who; /* event << 32 | VM << 8 | vCPU (core/trace.h) */
	uint64_t a;
	uint64_t b;
};

struct aether_crash {
	uint64_t magic;
	uint32_t length; /* sizeof(struct aether_crash) */
	uint32_t crc;
	uint32_t version;
	uint32_t streak; /* crashes in a row, this one included */
	uint32_t is_told; /* 1: the controller has it; only the streak still counts */
	uint32_t boots; /* that have found it */
	uint32_t cpu;
	uint32_t reserved;
	uint8_t build_id[32]; /* the core's, as in aether.elf's note; rest zero */
	char core_version[16];
	char reason[160]; /* the line that the console got, NUL terminated */
	uint64_t boot_id;
	uint64_t ticks; /* physical counter */
	uint64_t counter_hz;
	uint64_t image_va; /* where the image is linked and, on this boot, lies */
	uint64_t image_pa;
	/* At a fault the registers as they were; where a check failed only x29, x30, SP and ELR, of the check. */
	uint64_t x[31];
	uint64_t sp, elr, esr, far, spsr, hcr, vttbr;
	uint64_t stack_va; /* of the first byte of stack[] */
	uint32_t stack_bytes;
	uint32_t trace_count;
	uint8_t stack[AETHER_CRASH_STACK_BYTES];
	struct aether_crash_trace trace[AETHER_CRASH_TRACE_ENTRIES];
};
static_assert(sizeof(struct aether_crash) <= AETHER_CRASH_BYTES, "fits its place");
static_assert(sizeof(struct aether_crash) % 8 == 0 && offsetof(struct aether_crash, x) % 8 == 0, "no padding");

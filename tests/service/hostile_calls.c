/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls with values that have no sense, at random too, and the network card's window with any access and any post.
 * None of it ends the instance, which counts what was refused and ends itself.
 */
#include "hostile.h"

#include "abi/bootinfo.h"
#include "abi/diag.h"
#include "abi/nic.h"
#include "abi/telemetry.h"
#include "call.h"
#include "guests.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MIB (UINT64_C(1) << 20)
#define ALL (~UINT64_C(0))
#define RANDOM_CALLS 5000u
#define RANDOM_ACCESSES 20000u
#define RANDOM_POSTS 5000u
#define STATUS 0x070u /* virtio 1.2 s4.2.2 */
#define QUEUE_NOTIFY 0x050u

static const volatile struct aether_telemetry *const page = (const void *)(uintptr_t)AETHER_IPA_TELEMETRY;

/* xorshift64: the same in every run. */
static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

static uint64_t random_u64(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static uint64_t below(uint64_t limit)
{
	return random_u64() % limit;
}

/* --- each call by its number --- */

static const struct {
	uint32_t call;
	uint64_t x1, x2, x3, x4;
} absurd[] = {
	{AETHER_HVC_VM_CREATE, 0, 1, 0, 0},
	{AETHER_HVC_VM_CREATE, 2 * MIB + 1, 1, 0, 0},
	{AETHER_HVC_VM_CREATE, ALL, 1, 0, 0},
	{AETHER_HVC_VM_CREATE, AETHER_IPA_LOAD_STRIDE + 2 * MIB, 1, 0, 0},
	{AETHER_HVC_VM_CREATE, AETHER_IPA_LOAD_STRIDE, 1, 0, 0},
	{AETHER_HVC_VM_CREATE, 2 * MIB, 0, 0, 0},
	{AETHER_HVC_VM_CREATE, 2 * MIB, AETHER_VCPU_MAX + 1, 0, 0},
	{AETHER_HVC_VM_CREATE, 2 * MIB, 1 + (UINT64_C(1) << 32), 0, 0},
	{AETHER_HVC_VM_CREATE, 2 * MIB, ALL, 0, 0},
	{AETHER_HVC_VM_CREATE, 2 * MIB, 1, UINT64_C(1) << 63, 0},
	{AETHER_HVC_VM_CREATE, 2 * MIB, 1, ALL, 0},
	{AETHER_HVC_VM_CREATE, 2 * MIB, 1, AETHER_VM_STORE, 0},
	{AETHER_HVC_VM_START, HOSTILE_GUEST, AETHER_GUEST_RAM_BASE, 0, 0},
	{AETHER_HVC_VM_RESET, HOSTILE_GUEST, 0, 0, 0},
	{AETHER_HVC_VM_DESTROY, HOSTILE_GUEST, 0, 0, 0},
	{AETHER_HVC_VM_RESUME, HOSTILE_GUEST, 0, 0, 0},
	{AETHER_HVC_VM_RESERVE, HOSTILE_GUEST, ALL, 1000, 100},
	{AETHER_HVC_VM_RESERVE, HOSTILE_GUEST, 1000, 0, 100},
	{AETHER_HVC_VM_RESERVE, HOSTILE_GUEST, 1000, 1000, 100},
	{AETHER_HVC_VM_RESERVE, HOSTILE_GUEST, 100, 1000, 0},
	{AETHER_HVC_VM_RESERVE, HOSTILE_GUEST, 100, ALL, ALL},
	{AETHER_HVC_LOG, 0, 0, 0, 0},
	{AETHER_HVC_LOG, 49, 0, 0, 0},
	{AETHER_HVC_LOG, ALL, 0, 0, 0},
	{AETHER_HVC_COUNTER, AETHER_COUNTER_SCRUB_TICKS + 1, 0, 0, 0},
	{AETHER_HVC_COUNTER, ALL, 0, 0, 0},
	{AETHER_HVC_COUNTER, AETHER_COUNTER_EXITS, ALL, 0, 0},
	{AETHER_HVC_COUNTER, AETHER_COUNTER_EXITS, 9, 0, 0},
	{AETHER_HVC_COUNTER, AETHER_COUNTER_EXITS, 0, AETHER_EXIT_COUNT, 0},
	{AETHER_HVC_COUNTER, AETHER_COUNTER_LONGEST_TICKS, AETHER_PCPU_MAX, 0, 0},
	{AETHER_HVC_CONSOLE_INPUT, HOSTILE_GUEST, 0, 0, 0},
	{AETHER_HVC_CONSOLE_INPUT, HOSTILE_GUEST, 0, 33, 0},
	{AETHER_HVC_CONSOLE_INPUT, HOSTILE_GUEST, 0, ALL, 0},
	{AETHER_HVC_CONSOLE_INPUT, HOSTILE_GUEST, 1, 1, 0},
	{AETHER_HVC_CONSOLE_INPUT, HOSTILE_GUEST, ALL, 32, 0},
	{AETHER_HVC_CONSOLE_INPUT, AETHER_VM_MAX - 1, 0, 1, 0}, /* there is none */
	{AETHER_HVC_KEEP_SET, AETHER_KEEP_RECORDS | 1 << 8, 0, 0, 0},
	{AETHER_HVC_KEEP_SET, 255 | 1 << 8, 0, 0, 0},
	{AETHER_HVC_KEEP_SET, 1, 0, 0, 0},
	{AETHER_HVC_KEEP_SET, 9 | 1 << 8, 1, 2, 3}, /* hostile.c's note, of that generation */
	{AETHER_HVC_KEEP_GET, AETHER_KEEP_RECORDS, 0, 0, 0},
	{AETHER_HVC_KEEP_GET, ALL, 0, 0, 0},
	{AETHER_HVC_KEY_GET, 0, 0, 0, 0}, /* none is set */
	{AETHER_HVC_TIME_SET, 0, ALL, 0, 0},
	{AETHER_HVC_SERVICE_UPDATE, AETHER_IPA_LOAD(HOSTILE_GUEST), 4096, 0, 0},
	{AETHER_HVC_SERVICE_UPDATE, AETHER_IPA_TELEMETRY, 4096, 0, 0},
	{AETHER_HVC_SERVICE_UPDATE, AETHER_IPA_SERVICE, 4096, 0, 0},
	{AETHER_HVC_SERVICE_UPDATE, AETHER_IPA_NIC_BUFFERS, 4096, 0, 0},
	{AETHER_HVC_SERVICE_UPDATE, ALL, ALL, 0, 0},
	{AETHER_HVC_NIC_POST, 0, 0, 0, 0},
	{AETHER_HVC_NIC_POST, AETHER_NIC_POST_MAX + 1, 0, 0, 0},
	{AETHER_HVC_NIC_POST, ALL, 0, 0, 0},
	{AETHER_HVC_NIC_POST, 1, AETHER_NIC_BUFFERS, 0, 0},
	{AETHER_HVC_NIC_POST, 1, 0xffff, 0, 0},
	{AETHER_HVC_NIC_POST, 1, AETHER_NIC_RX_BUFFERS, 0, 0}, /* to send nothing */
	{AETHER_HVC_NIC_POST, 1, AETHER_NIC_RX_BUFFERS | (AETHER_NIC_BUFFER_BYTES + 1) << 16, 0, 0},
	{AETHER_HVC_NIC_POST, 1, AETHER_NIC_RX_BUFFERS | UINT64_C(0xffff) << 16, 0, 0},
	{AETHER_HVC_NIC_POST, 2, UINT64_C(0xffffffff) << 32, 0, 0}, /* the first is sound */
	{AETHER_HVC(AETHER_HVC_COUNT), 0, 0, 0, 0},
	{AETHER_HVC(255), 0, 0, 0, 0},
	{0, 0, 0, 0, 0},
	{0x84000008, 0, 0, 0, 0}, /* SYSTEM_OFF */
	{0xc4000003, 0, AETHER_IPA_SERVICE, 0, 0}, /* CPU_ON */
};

static const uint32_t calls_of_a_vm[] = {
	AETHER_HVC_VM_START, AETHER_HVC_VM_RESET, AETHER_HVC_VM_DESTROY, AETHER_HVC_VM_STOP,	   AETHER_HVC_VM_INFO,
	AETHER_HVC_VM_PAUSE, AETHER_HVC_VM_RESUME, AETHER_HVC_VM_RESERVE, AETHER_HVC_CONSOLE_INPUT,
};
static const uint64_t no_vms[] = {
	AETHER_VM_MAX, AETHER_STORE_FIRST + AETHER_STORE_MAX, 31, 255, UINT64_C(1) << 32, ALL,
};

static void asks_for_what_there_is_not(void)
{
	unsigned refused = 0;
	unsigned asked = 0;
	for (unsigned i = 0; i < COUNT(absurd); i++, asked++) {
		hostile_lives();
		struct hvcall_registers c = {.x = {0, absurd[i].x1, absurd[i].x2, absurd[i].x3, absurd[i].x4}};
		if (call(absurd[i].call, &c) < 0) {
			refused++;
		} else {
			SAY("aether: test: accepted: call %x, line %u\n", absurd[i].call, i);
		}
	}
	for (unsigned i = 0; i < COUNT(calls_of_a_vm); i++) {
		for (unsigned k = 0; k < COUNT(no_vms); k++, asked++) {
			hostile_lives();
			struct hvcall_registers c = {.x = {0, no_vms[k], 1000, 10000, 1}};
			if (call(calls_of_a_vm[i], &c) < 0) {
				refused++;
			} else {
				SAY("aether: test: accepted: call %x of VM %lx\n", calls_of_a_vm[i], no_vms[k]);
			}
		}
	}
	SAY("aether: test: refused %u of %u\n", refused, asked);
	hostile_end();
}

/* --- anything with anything --- */

static uint64_t anything(void)
{
	static const uint64_t values[] = {
		0,
		1,
		2,
		5,
		8,
		9,
		31,
		48,
		ALL,
		ALL >> 1,
		UINT64_C(1) << 32,
		UINT64_C(1) << 63,
		2 * MIB,
		4 * MIB,
		16 * MIB,
		2 * MIB + 1,
		AETHER_IPA_LOAD_STRIDE,
		AETHER_GUEST_RAM_BASE,
		AETHER_IPA_SERVICE,
		AETHER_IPA_LOAD(0),
		AETHER_IPA_NIC_BUFFERS,
	};
	switch (below(4)) {
	case 0:
		return random_u64() >> below(64);
	case 1:
		return below(10);
	default:
		return values[below(COUNT(values))];
	}
}

/* Calls that would end the node, the guest that watches, or this test, or fill the console. */
static bool is_spared(uint32_t id, uint64_t x1)
{
	switch (id) {
	case AETHER_HVC_NODE_OFF:
	case AETHER_HVC_FAIL:
	case AETHER_HVC_CHAOS:
	case AETHER_HVC_LOG:
		return true;
	case AETHER_HVC_VM_STOP:
	case AETHER_HVC_VM_PAUSE:
	case AETHER_HVC_VM_RESERVE:
		return x1 == HOSTILE_GUEST;
	case AETHER_HVC_KEEP_SET:
		return (x1 & 0xff) == 9; /* hostile.c's note */
	default:
		return false;
	}
}

static void random_call(void)
{
	const uint32_t id = AETHER_HVC((uint32_t)below(AETHER_HVC_COUNT + 1));
	struct hvcall_registers c;
	for (unsigned i = 0; i < 8; i++) {
		c.x[i] = anything();
	}
	if (id == AETHER_HVC_VM_CREATE && below(2) == 0) {
		c.x[1] = 2 * MIB * (1 + below(4));
		c.x[3] = below(4);
		c.x[2] = (c.x[3] & AETHER_VM_STORE) != 0 ? 0 : 1 + below(AETHER_VCPU_MAX);
	}
	if (id == AETHER_HVC_EVENT_WAIT) {
		c.x[1] = ticks() + 1000;
	}
	if (!is_spared(id, c.x[1])) {
		(void)call(id, &c);
	}
}

static void clear_all(void)
{
	unsigned left = 0;
	for (uint64_t vm = 1; vm < AETHER_STORE_FIRST + AETHER_STORE_MAX; vm++) {
		left += vm != AETHER_VM_MAX && !guest_clear(vm) ? 1 : 0;
	}
	SAY("aether: test: %u VMs stayed\n", left);
}

static void calls_anything(void)
{
	unsigned seen[AETHER_VM_PAUSED + 1] = {0};
	for (unsigned i = 0; i < RANDOM_CALLS; i++) {
		random_call();
		hostile_lives();
		const uint32_t now = guest_state(1 + below(AETHER_VM_MAX - 1));
		seen[now <= AETHER_VM_PAUSED ? now : AETHER_VM_NONE]++;
	}
	SAY("aether: test: seen %u %u %u %u\n", seen[AETHER_VM_NONE], seen[AETHER_VM_LOADING], seen[AETHER_VM_RUNNING],
	    seen[AETHER_VM_STOPPED]);
	clear_all();
	hostile_end();
}

/* --- the card --- */

static uint64_t refused_by_the_card(void)
{
	(void)call3(AETHER_HVC_TELEMETRY, 0, 0, 0);
	return page->nic_refused;
}

static volatile uint32_t *card(uint64_t offset)
{
	return (volatile uint32_t *)(uintptr_t)(AETHER_IPA_NIC + offset);
}

/* One plain access of 1, 2, 4 or 8 bytes. */
static void touch(uint64_t address, unsigned shift, bool is_write, uint64_t value)
{
	switch (shift * 2 + (is_write ? 1 : 0)) {
	case 0:
		(void)*(volatile uint8_t *)(uintptr_t)address;
		break;
	case 1:
		*(volatile uint8_t *)(uintptr_t)address = (uint8_t)value;
		break;
	case 2:
		(void)*(volatile uint16_t *)(uintptr_t)address;
		break;
	case 3:
		*(volatile uint16_t *)(uintptr_t)address = (uint16_t)value;
		break;
	case 4:
		(void)*(volatile uint32_t *)(uintptr_t)address;
		break;
	case 5:
		*(volatile uint32_t *)(uintptr_t)address = (uint32_t)value;
		break;
	case 6:
		(void)*(volatile uint64_t *)(uintptr_t)address;
		break;
	default:
		*(volatile uint64_t *)(uintptr_t)address = value;
		break;
	}
}

/* Every register of the page, its neighbours' behind it too, written with addresses, sizes and ones. */
static void writes_every_register(void)
{
	static const uint64_t values[] = {0, 1, ALL, AETHER_GUEST_RAM_BASE, 0x40000, 0x8000};
	const uint32_t status = *card(STATUS);
	const uint64_t before = refused_by_the_card();
	unsigned writes = 0;
	for (uint64_t offset = 0; offset < 0x1000; offset += 4) {
		hostile_lives();
		for (unsigned i = 0; i < COUNT(values) && offset != QUEUE_NOTIFY; i++, writes++) {
			*card(offset) = (uint32_t)values[i];
		}
	}
	const uint64_t refused = refused_by_the_card() - before;
	SAY("aether: test: %u writes, %lu refused\n", writes, refused);
	SAY("aether: test: status %x, now %x\n", status, *card(STATUS));
	for (unsigned i = 0; i < RANDOM_ACCESSES; i++) {
		const unsigned shift = (unsigned)below(4);
		const uint64_t offset = below(0x1000 >> shift) << shift;
		touch(AETHER_IPA_NIC + offset, shift, below(2) == 0, anything());
		if (i % 256 == 0) {
			hostile_lives();
		}
	}
	SAY("aether: test: status %x, now %x\n", status, *card(STATUS));
	hostile_end();
}

/* Sound posts and others, buffers twice and all at once, of garbage; the card does with the buffers what it likes. */
static void posts_any_buffer(void)
{
	volatile uint64_t *buffers = (volatile uint64_t *)(uintptr_t)AETHER_IPA_NIC_BUFFERS;
	unsigned accepted = 0;
	for (unsigned i = 0; i < AETHER_NIC_BUFFERS * AETHER_NIC_BUFFER_BYTES / 8; i++) {
		buffers[i] = random_u64();
		if (i % 8192 == 0) {
			hostile_lives();
		}
	}
	for (unsigned i = 0; i < RANDOM_POSTS; i++) {
		hostile_lives();
		struct hvcall_registers c = {.x = {0, 1 + below(AETHER_NIC_POST_MAX)}};
		const uint64_t mask = below(4) == 0 ? ALL : UINT64_C(0x07ff00ff07ff00ff);
		for (unsigned k = 2; k < 8; k++) {
			c.x[k] = random_u64() & mask;
		}
		accepted += call(AETHER_HVC_NIC_POST, &c) == 0 ? 1 : 0;
		*card(QUEUE_NOTIFY) = (uint32_t)below(3);
		if (i % 64 == 0) {
			(void)call3(AETHER_HVC_EVENT_WAIT, ticks() + 1000, 0, 0);
		}
	}
	SAY("aether: test: %u posts accepted of %u\n", accepted, RANDOM_POSTS);
	hostile_end();
}

/* --- its own CPU --- */

/* Its timers and interrupts, with vectors of its own: nothing comes, or an exception of its own. */
static void unmasks_interrupts(void)
{
	__asm__ volatile("msr cntv_cval_el0, xzr\n\tmov x1, #1\n\tmsr cntv_ctl_el0, x1\n\tmsr cntp_cval_el0, xzr\n\t"
			 "msr cntp_ctl_el0, x1\n\tisb\n\tmsr daifclr, #15"
			 :
			 :
			 : "x1", "memory");
	const uint64_t start = ticks();
	while (ticks() - start < 1000000) {
		(void)call3(AETHER_HVC_ALIVE, 0, 0, 0);
	}
	hostile_end();
}

/* A stage 1 of its own, over what stage 2 leaves it. */
static void turns_on_its_mmu(void)
{
	__asm__ volatile("msr ttbr0_el1, %0\n\tmsr tcr_el1, %1\n\tisb\n\tmrs x1, sctlr_el1\n\torr x1, x1, #1\n\t"
			 "msr sctlr_el1, x1\n\tisb\n\ttlbi vmalle1\n\tdsb sy\n\tisb"
			 :
			 : "r"(AETHER_IPA_LOAD(HOSTILE_GUEST)), "r"(UINT64_C(24))
			 : "x1", "memory");
	hostile_end();
}

const struct hostile_attack hostile_calls[] = {
	HOSTILE(asks_for_what_there_is_not, FAULT),
	HOSTILE(calls_anything, FAULT),
	HOSTILE(writes_every_register, FAULT),
	HOSTILE(posts_any_buffer, FAULT),
	HOSTILE(unmasks_interrupts, FAULT),
	HOSTILE(turns_on_its_mmu, FAULT),
};
const uint64_t hostile_calls_count = sizeof(hostile_calls) / sizeof(hostile_calls[0]);

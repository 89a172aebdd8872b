/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The GIC's virtual CPU interface in software, from the pseudocode of IHI 0069 s12.10 and IHI 0048
 * s5: list registers (LRs), active priorities, priority mask, binary point, EOI mode, EOI count,
 * maintenance causes. One per CPU. Both versions share it: the layouts of GICH_HCR, GICH_VMCR and
 * ICH_HCR_EL2, ICH_VMCR_EL2 agree in what is used here.
 *
 * Five bits of priority and of preemption, as on GIC-400 and on most GICv3 CPUs: what the core
 * writes in the lower three bits of a priority reads back as zero.
 */
#include <stdint.h>
#include <string.h>

#include "core/vgic.h"
#include "fake_private.h"
#include "lib/bits.h"

#define VMCR_ENABLE_GROUP0 UINT64_C(0x1)
#define VMCR_ENABLE_GROUP1 UINT64_C(0x2)
#define VMCR_ACK_CTL UINT64_C(0x4)
#define VMCR_CBPR UINT64_C(0x10)
#define VMCR_EOI_MODE UINT64_C(0x200)
#define VMCR_BPR1 BITS(20, 18)
#define VMCR_BPR0 BITS(23, 21)
#define VMCR_PMR BITS(31, 24)
#define HCR_EOICOUNT BITS(31, 27)
#define LR_STATE (VGIC_LR_PENDING | VGIC_LR_ACTIVE)
#define LR_V3_RES0 BITS(31, 10) /* no INTID of this project reaches that far */

enum { PRIORITY_SHIFT = 3, PRIORITY_MASK = 0xf8, BPR_MIN = 2, PHYSICAL_COUNT = 1020, PPI_END = 32 };

struct fake_gic {
	uint64_t lr[VGIC_LR_MAX];
	uint64_t hcr, vmcr, sre;
	uint64_t apr[2][4];
	bool is_ppi_active[PPI_END];
};

static struct fake_gic gics[FAKE_CPU_MAX];
static bool is_spi_active[PHYSICAL_COUNT];
static unsigned gic_version, gic_lr_count;

static struct fake_gic *this_gic(void)
{
	return &gics[fake_cpu()];
}

void fake_gic_reset(void)
{
	fake_gic_init(2, 4);
}

void fake_gic_init(unsigned version, unsigned lr_count)
{
	struct vgic_hw_state first;

	if ((version != 2 && version != 3) || lr_count < 1 || lr_count > VGIC_LR_MAX) {
		fake_fail("fake_gic_init(%u, %u): no such machine", version, lr_count);
	}
	gic_version = version;
	gic_lr_count = lr_count;
	memset(gics, 0, sizeof(gics));
	memset(is_spi_active, 0, sizeof(is_spi_active));
	hal_vgic_reset_state(&first);
	for (unsigned cpu = 0; cpu < FAKE_CPU_MAX; cpu++) {
		gics[cpu].vmcr = first.vmcr;
		gics[cpu].sre = first.sre;
	}
}

/* --- core/hal.h --- */

unsigned hal_vgic_lr_count(void)
{
	return gic_lr_count;
}

uint64_t hal_vgic_read_lr(unsigned lr)
{
	if (lr >= gic_lr_count) {
		fake_fail("read of list register %u of %u", lr, gic_lr_count);
	}
	return this_gic()->lr[lr];
}

void hal_vgic_write_lr(unsigned lr, uint64_t value)
{
	if (lr >= gic_lr_count) {
		fake_fail("write of list register %u of %u", lr, gic_lr_count);
	}
	if (gic_version == 3 && (value & LR_V3_RES0) != 0) {
		fake_fail("LR %u: %#llx has a source CPU, which GICv3 does not", lr,
			  (unsigned long long)value);
	}
	fake_log(FAKE_OP_WRITE_LR, value, lr, 0);
	this_gic()->lr[lr] =
		(value & ~VGIC_LR_PRIORITY) |
		FIELD_PREP(VGIC_LR_PRIORITY, FIELD_GET(VGIC_LR_PRIORITY, value) & PRIORITY_MASK);
}

static bool has_ended_with_eoi(uint64_t lr)
{
	return (lr & (LR_STATE | VGIC_LR_HW)) == 0 && (lr & VGIC_LR_EOI) != 0;
}

/* As ICH_ELRSR_EL2: an LR whose end still asks for maintenance is not empty either. */
uint64_t hal_vgic_empty_lrs(void)
{
	uint64_t empty = 0;

	for (unsigned i = 0; i < gic_lr_count; i++) {
		const uint64_t lr = this_gic()->lr[i];
		if ((lr & LR_STATE) == 0 && !has_ended_with_eoi(lr)) {
			empty |= BIT(i);
		}
	}
	return empty;
}

uint64_t hal_vgic_read_hcr(void)
{
	return this_gic()->hcr;
}

void hal_vgic_write_hcr(uint64_t value)
{
	fake_log(FAKE_OP_WRITE_HCR, value, 0, 0);
	this_gic()->hcr = value;
}

void hal_vgic_save(struct vgic_hw_state *state)
{
	const struct fake_gic *gic = this_gic();

	fake_log(FAKE_OP_VGIC_SAVE, 0, 0, 0);
	state->hcr = gic->hcr;
	state->vmcr = gic->vmcr;
	state->sre = gic->sre;
	memcpy(state->apr, gic->apr, sizeof(state->apr));
}

void hal_vgic_restore(const struct vgic_hw_state *state)
{
	struct fake_gic *gic = this_gic();

	fake_log(FAKE_OP_VGIC_RESTORE, 0, 0, 0);
	gic->hcr = state->hcr;
	gic->vmcr = state->vmcr;
	gic->sre = state->sre;
	memcpy(gic->apr, state->apr, sizeof(gic->apr));
}

void hal_vgic_reset_state(struct vgic_hw_state *state)
{
	memset(state, 0, sizeof(*state));
	state->vmcr = FIELD_PREP(VMCR_BPR0, BPR_MIN) | FIELD_PREP(VMCR_BPR1, BPR_MIN + 1);
	if (gic_version == 3) {
		state->sre = 7; /* SRE, DFB, DIB: RAO/WI without the legacy interface */
	}
}

bool hal_vgic_cpu_interface(pa_t *base)
{
	if (gic_version != 2) {
		return false;
	}
	*base = PA(FAKE_GICV_BASE);
	return true;
}

static bool *physical_active(unsigned pintid)
{
	if (pintid < 16 || pintid >= PHYSICAL_COUNT) {
		fake_fail("INTID %u has no active state that may be touched", pintid);
	}
	return pintid < PPI_END ? &this_gic()->is_ppi_active[pintid] : &is_spi_active[pintid];
}

void hal_irq_set_active(unsigned pintid, bool is_active)
{
	fake_log(FAKE_OP_IRQ_SET_ACTIVE, pintid, is_active ? 1 : 0, 0);
	*physical_active(pintid) = is_active;
}

bool fake_gic_is_physical_active(unsigned pintid)
{
	return *physical_active(pintid);
}

void fake_gic_set_physical_active(unsigned pintid, bool is_active)
{
	*physical_active(pintid) = is_active;
}

/* --- the guest's side --- */

static uint32_t lr_intid(uint64_t lr)
{
	return (uint32_t)(lr & VGIC_LR_VINTID);
}

/* What identifies an interrupt to the guest: the INTID, and the source CPU of a GICv2 SGI. */
static uint32_t lr_value(uint64_t lr)
{
	const bool has_source = gic_version == 2 && lr_intid(lr) < 16 && (lr & VGIC_LR_HW) == 0;

	return (uint32_t)(lr & (VGIC_LR_VINTID | (has_source ? VGIC_LR_SOURCE : 0)));
}

static unsigned lr_group(uint64_t lr)
{
	return (lr & VGIC_LR_GROUP1) != 0 ? 1 : 0;
}

static void check_lr(unsigned i)
{
	const struct fake_gic *gic = this_gic();
	const uint64_t lr = gic->lr[i];

	if ((lr & LR_STATE) == 0) {
		return;
	}
	if (lr_intid(lr) >= 1020) {
		fake_fail("LR %u holds special INTID %u", i, lr_intid(lr));
	}
	if ((lr & VGIC_LR_HW) != 0 && (lr & LR_STATE) == LR_STATE) {
		fake_fail("LR %u: INTID %u is pending and active and tied to hardware", i,
			  lr_intid(lr));
	}
	if ((lr & VGIC_LR_HW) != 0 && !*physical_active((unsigned)FIELD_GET(VGIC_LR_PINTID, lr))) {
		fake_fail("LR %u: INTID %u is tied to physical %u, which is not active", i,
			  lr_intid(lr), (unsigned)FIELD_GET(VGIC_LR_PINTID, lr));
	}
	for (unsigned j = 0; j < i; j++) {
		if ((gic->lr[j] & LR_STATE) != 0 && lr_value(gic->lr[j]) == lr_value(lr)) {
			fake_fail("INTID %u stands in LR %u and LR %u", lr_intid(lr), j, i);
		}
	}
}

void fake_gic_check(void)
{
	for (unsigned i = 0; i < gic_lr_count; i++) {
		check_lr(i);
	}
}

static unsigned group_mask(const struct fake_gic *gic, unsigned group)
{
	unsigned bpr = (unsigned)FIELD_GET(VMCR_BPR0, gic->vmcr);

	if (bpr < BPR_MIN) {
		bpr = BPR_MIN;
	}
	if (group == 1 && (gic->vmcr & VMCR_CBPR) == 0) {
		bpr = (unsigned)FIELD_GET(VMCR_BPR1, gic->vmcr);
		bpr = bpr <= BPR_MIN ? BPR_MIN : bpr - 1;
	}
	return 0xffu & ~((2u << bpr) - 1);
}

static unsigned lowest_active(const struct fake_gic *gic)
{
	const uint64_t all = (gic->apr[0][0] | gic->apr[1][0]) & 0xffffffff;

	return all == 0 ? FAKE_GIC_IDLE_PRIORITY : (unsigned)__builtin_ctzll(all) << PRIORITY_SHIFT;
}

uint8_t fake_gic_running_priority(void)
{
	return (uint8_t)lowest_active(this_gic());
}

/* Index of the LR of the most urgent pending interrupt of an enabled group, masks not looked at;
 * -1: none. An LR that is pending and active waits for its end. */
static int most_urgent(void)
{
	const struct fake_gic *gic = this_gic();
	int best = -1;

	fake_gic_check();
	if ((gic->hcr & VGIC_HCR_EN) == 0) {
		return -1;
	}
	for (unsigned i = 0; i < gic_lr_count; i++) {
		const uint64_t lr = gic->lr[i];
		const uint64_t enable = lr_group(lr) == 1 ? VMCR_ENABLE_GROUP1 : VMCR_ENABLE_GROUP0;
		if ((lr & LR_STATE) != VGIC_LR_PENDING || (gic->vmcr & enable) == 0) {
			continue;
		}
		if (best < 0 || (lr & VGIC_LR_PRIORITY) < (gic->lr[best] & VGIC_LR_PRIORITY)) {
			best = (int)i;
		}
	}
	return best;
}

static bool can_preempt(uint64_t lr)
{
	const struct fake_gic *gic = this_gic();
	const unsigned priority = (unsigned)FIELD_GET(VGIC_LR_PRIORITY, lr);
	const unsigned mask = group_mask(gic, lr_group(lr));
	const unsigned running = lowest_active(gic);

	if (priority >= FIELD_GET(VMCR_PMR, gic->vmcr)) {
		return false;
	}
	return running == FAKE_GIC_IDLE_PRIORITY || (priority & mask) < (running & mask);
}

bool fake_gic_is_signalled(void)
{
	const int best = most_urgent();

	return best >= 0 && can_preempt(this_gic()->lr[best]);
}

uint32_t fake_gic_hppir(void)
{
	const int best = most_urgent();

	return best < 0 ? FAKE_GIC_SPURIOUS : lr_value(this_gic()->lr[best]);
}

static uint32_t acknowledge(int index)
{
	struct fake_gic *gic = this_gic();
	const uint64_t lr = gic->lr[index];
	const unsigned priority =
		(unsigned)FIELD_GET(VGIC_LR_PRIORITY, lr) & group_mask(gic, lr_group(lr));
	const unsigned file = gic_version == 2 ? 0 : lr_group(lr);

	gic->lr[index] = (lr & ~VGIC_LR_PENDING) | VGIC_LR_ACTIVE;
	gic->apr[file][0] |= BIT(priority >> PRIORITY_SHIFT);
	return lr_value(lr);
}

uint32_t fake_gic_ack_group(unsigned group)
{
	const int best = most_urgent();

	if (best < 0 || !can_preempt(this_gic()->lr[best]) ||
	    lr_group(this_gic()->lr[best]) != group) {
		return FAKE_GIC_SPURIOUS;
	}
	return acknowledge(best);
}

uint32_t fake_gic_ack(void)
{
	const int best = most_urgent();

	if (gic_version == 3) {
		return fake_gic_ack_group(1);
	}
	if (best < 0 || !can_preempt(this_gic()->lr[best])) {
		return FAKE_GIC_SPURIOUS;
	}
	if (lr_group(this_gic()->lr[best]) == 1 && (this_gic()->vmcr & VMCR_ACK_CTL) == 0) {
		return FAKE_GIC_OTHER_GROUP;
	}
	return acknowledge(best);
}

static void deactivate(uint32_t value)
{
	struct fake_gic *gic = this_gic();

	for (unsigned i = 0; i < gic_lr_count; i++) {
		const uint64_t lr = gic->lr[i];
		if ((lr & VGIC_LR_ACTIVE) == 0 || lr_value(lr) != value) {
			continue;
		}
		gic->lr[i] = lr & ~VGIC_LR_ACTIVE;
		if ((lr & VGIC_LR_HW) != 0) {
			*physical_active((unsigned)FIELD_GET(VGIC_LR_PINTID, lr)) = false;
		}
		return;
	}
	const uint64_t count = (FIELD_GET(HCR_EOICOUNT, gic->hcr) + 1) & 0x1f;
	gic->hcr = (gic->hcr & ~HCR_EOICOUNT) | FIELD_PREP(HCR_EOICOUNT, count);
}

void fake_gic_eoi(uint32_t value)
{
	struct fake_gic *gic = this_gic();
	const unsigned running = lowest_active(gic);

	fake_gic_check();
	if ((value & VGIC_LR_VINTID) >= 1020 || running == FAKE_GIC_IDLE_PRIORITY) {
		return;
	}
	const uint64_t bit = BIT(running >> PRIORITY_SHIFT);
	gic->apr[(gic->apr[0][0] & bit) != 0 ? 0 : 1][0] &= ~bit;
	if ((gic->vmcr & VMCR_EOI_MODE) == 0) {
		deactivate(value);
	}
}

void fake_gic_dir(uint32_t value)
{
	fake_gic_check();
	if ((this_gic()->vmcr & VMCR_EOI_MODE) != 0) {
		deactivate(value);
	}
}

static void set_vmcr(uint64_t mask, uint64_t field)
{
	struct fake_gic *gic = this_gic();

	gic->vmcr = (gic->vmcr & ~mask) | FIELD_PREP(mask, field);
}

void fake_gic_set_enable(unsigned groups)
{
	set_vmcr(VMCR_ENABLE_GROUP0 | VMCR_ENABLE_GROUP1, groups);
}

void fake_gic_set_pmr(uint8_t priority_mask)
{
	set_vmcr(VMCR_PMR, priority_mask & PRIORITY_MASK);
}

void fake_gic_set_eoi_mode(bool is_split)
{
	set_vmcr(VMCR_EOI_MODE, is_split ? 1 : 0);
}

void fake_gic_set_bpr(unsigned group, unsigned bpr)
{
	set_vmcr(group == 0 ? VMCR_BPR0 : VMCR_BPR1, bpr);
}

/* --- maintenance and what tests look at --- */

uint64_t fake_gic_eisr(void)
{
	uint64_t ended = 0;

	for (unsigned i = 0; i < gic_lr_count; i++) {
		if (has_ended_with_eoi(this_gic()->lr[i])) {
			ended |= BIT(i);
		}
	}
	return ended;
}

uint32_t fake_gic_misr(void)
{
	const struct fake_gic *gic = this_gic();
	unsigned valid = 0, pending = 0;
	uint32_t misr = 0;

	if ((gic->hcr & VGIC_HCR_EN) == 0) {
		return 0;
	}
	for (unsigned i = 0; i < gic_lr_count; i++) {
		valid += (gic->lr[i] & LR_STATE) != 0 ? 1 : 0;
		pending += (gic->lr[i] & LR_STATE) == VGIC_LR_PENDING ? 1 : 0;
	}
	misr |= fake_gic_eisr() != 0 ? FAKE_GIC_MISR_EOI : 0;
	misr |= (gic->hcr & VGIC_HCR_UIE) != 0 && valid <= 1 ? FAKE_GIC_MISR_U : 0;
	misr |= (gic->hcr & VGIC_HCR_LRENPIE) != 0 && (gic->hcr & HCR_EOICOUNT) != 0
			? FAKE_GIC_MISR_LRENP
			: 0;
	misr |= (gic->hcr & VGIC_HCR_NPIE) != 0 && pending == 0 ? FAKE_GIC_MISR_NP : 0;
	/* VGrp0E, VGrp0D, VGrp1E, VGrp1D stand at the bits that ask for them. */
	misr |= (uint32_t)(gic->hcr & ((gic->vmcr & VMCR_ENABLE_GROUP0) != 0 ? VGIC_HCR_VGRP0EIE
									     : VGIC_HCR_VGRP0DIE));
	misr |= (uint32_t)(gic->hcr & ((gic->vmcr & VMCR_ENABLE_GROUP1) != 0 ? VGIC_HCR_VGRP1EIE
									     : VGIC_HCR_VGRP1DIE));
	return misr;
}

uint64_t fake_gic_lr(unsigned lr)
{
	return hal_vgic_read_lr(lr);
}

uint64_t fake_gic_hcr(void)
{
	return this_gic()->hcr;
}

int fake_gic_find(uint32_t intid)
{
	for (unsigned i = 0; i < gic_lr_count; i++) {
		const uint64_t lr = this_gic()->lr[i];
		if ((lr & LR_STATE) != 0 && lr_intid(lr) == intid) {
			return (int)i;
		}
	}
	return -1;
}

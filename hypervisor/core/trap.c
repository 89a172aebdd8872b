/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exits: decode the cause, let one handler decide, carry its answer out.
 *
 * Hostile input: everything that the syndrome, the addresses and the registers say. A handler returns what is to
 * happen (core/exit_action.h) and changes nothing but its own module's state; finish() alone moves the PC, injects
 * exceptions, blocks or stops. The worst answer is EXIT_KILL_VM.
 *
 * The path from trap_sync() to its end is the core's hottest: every exit is counted by cause with its time.
 */
#include "core/trap.h"

#include "abi/smccc.h"
#include "core/chaos.h"
#include "core/check.h"
#include "core/console.h"
#include "core/esr.h"
#include "core/hal.h"
#include "core/hvc.h"
#include "core/nic.h"
#include "core/sched.h"
#include "core/smccc.h"
#include "core/supervise.h"
#include "core/sysreg.h"
#include "lib/bits.h"

#include "hal_fast.h"

#define ABORT_STREAK_LIMIT 100000u /* well under a second */
#define GICC_DIR 0x1000u /* IHI 0048 s4.4.16 */

/*
 * What a handler says: an enum exit_action, and above it the enum aether_exit_cause to count it under. A plain number,
 * so that it travels in one register.
 */
typedef uint32_t outcome_t;
/* Out of the way of what guests do most. */
#define COLD __attribute__((noinline))
#define OUTCOME(action, cause) ((outcome_t)(action) | (outcome_t)AETHER_EXIT_##cause << 8)
#define OUTCOME_ACTION(outcome) ((enum exit_action)((outcome)&0xff))
#define OUTCOME_CAUSE(outcome) ((outcome) >> 8)

/* The longest stretch without taking an interrupt, or without looking whether there is one to take. */
static void note_stretch(struct percpu *cpu, uint64_t entered, uint64_t now)
{
	const uint64_t since = cpu->polled_at > entered ? cpu->polled_at : entered;
	if (now - since > cpu->longest_ticks) {
		cpu->longest_ticks = now - since;
	}
}

void trap_note_poll(struct percpu *cpu)
{
	if (cpu->current != NULL) { /* not at boot */
		const uint64_t now = hal_fast_ticks();
		note_stretch(cpu, trace_last_ticks(&cpu->trace), now);
		cpu->polled_at = now;
	}
}

static inline void account(struct percpu *cpu, struct vcpu *vcpu, unsigned cause, uint64_t entered)
{
	const uint64_t now = hal_fast_ticks();
	const uint64_t spent = now - entered;
	vcpu->exits[cause].count++;
	vcpu->exits[cause].ticks += spent;
	if (__builtin_expect(spent > cpu->longest_ticks, 0)) {
		note_stretch(cpu, entered, now);
	}
}

/* What a guest pays with its end, the service pays with a new instance. */
static void stop_vm(struct vcpu *vcpu, enum aether_stop_reason reason, uint64_t detail)
{
	if (vcpu->is_service) {
		supervise_fail(reason == AETHER_STOP_SERROR ? AETHER_SERVICE_FAULT : AETHER_SERVICE_TRAP, detail, 0);
		return;
	}
	vm_stop(vcpu->vm, reason, detail);
}

static void block(struct vcpu *vcpu)
{
	/* An interrupt that came in the meantime has set a request, or is pending here and now. */
	vcpu_resample_timers(vcpu);
	if (!vgic_has_pending(&vcpu->vm->gic, vcpu->index)) {
		sched_block(vcpu);
	}
}

/*
 * A guest whose vectors, stack or tables are where nothing is takes one abort inside the other for ever. That is its
 * right, but nobody can help it any more: it is stopped, with the syndrome as the record of why.
 */
static void inject_abort(struct vcpu *vcpu)
{
	const uint64_t syndrome = hal_exit_syndrome();
	vcpu->abort_streak = hal_inject_abort(vcpu, syndrome) ? vcpu->abort_streak + 1 : 0;
	if (vcpu->abort_streak == ABORT_STREAK_LIMIT) {
		stop_vm(vcpu, AETHER_STOP_EXIT_STORM, syndrome);
	}
}

static inline void carry_out(struct vcpu *vcpu, enum exit_action action)
{
	switch (action) {
	case EXIT_ADVANCE:
		vcpu->pc += 4;
		break;
	case EXIT_RETRY:
	case EXIT_RESUME:
		break;
	case EXIT_INJECT_UNDEF:
		hal_inject_undef(vcpu);
		break;
	case EXIT_INJECT_ABORT:
		inject_abort(vcpu);
		break;
	case EXIT_BLOCK:
		block(vcpu);
		break;
	case EXIT_OFF:
		sched_turn_off(vcpu);
		break;
	case EXIT_KILL_VM:
		stop_vm(vcpu, AETHER_STOP_BAD_STATE, hal_exit_syndrome());
		break;
	}
}

/* The service takes no exception of the core's making: what it may not do ends it. */
static COLD void finish_service(struct vcpu *vcpu, enum exit_action action)
{
	switch (action) {
	case EXIT_INJECT_ABORT:
		supervise_fail(AETHER_SERVICE_ABORT, hal_exit_syndrome(), hal_exit_ipa());
		break;
	case EXIT_INJECT_UNDEF:
	case EXIT_OFF:
	case EXIT_KILL_VM:
		supervise_fail(AETHER_SERVICE_TRAP, hal_exit_syndrome(), 0);
		break;
	case EXIT_RESUME:
	case EXIT_ADVANCE:
	case EXIT_RETRY:
	case EXIT_BLOCK:
		carry_out(vcpu, action);
		break;
	}
}

static inline void finish(struct vcpu *vcpu, enum exit_action action)
{
	if (vcpu->is_service) {
		finish_service(vcpu, action);
	} else {
		carry_out(vcpu, action);
	}
}

static void finish_call(struct vcpu *vcpu)
{
	const enum aether_stop_reason reason = vcpu->asked_stop;
	if (reason != AETHER_STOP_NONE) {
		vcpu->asked_stop = AETHER_STOP_NONE;
		stop_vm(vcpu, reason, 0);
	}
}

/* An SMC or HVC of a guest; the instruction is behind it. */
static inline enum exit_action trap_call(struct vcpu *vcpu, uint64_t immediate)
{
	if (immediate != 0) {
		vcpu->x[0] = (uint64_t)SMCCC_NOT_SUPPORTED;
		return EXIT_RESUME;
	}
	const enum exit_action action = smccc_call(&vcpu->vm->psci, vcpu->index, vcpu->x, &vcpu->asked_stop);
	if (action != EXIT_RESUME) {
		finish_call(vcpu);
	}
	return action;
}

static COLD enum exit_action service_call(struct vcpu *vcpu)
{
	const uint64_t call = vcpu->x[0];
	if (chaos_at_call(call, true)) {
		return EXIT_RESUME;
	}
	const enum exit_action action = hvc_call(vcpu);
	if (action == EXIT_RETRY) {
		vcpu->pc -= 4; /* HVC returns behind itself: once more from the start */
	}
	if (action == EXIT_RETRY || call == AETHER_HVC_EVENT_WAIT) {
		supervise_alive();
	}
	if (action == EXIT_RESUME) {
		(void)chaos_at_call(call, false);
	}
	return action;
}

static inline outcome_t trap_hvc(struct vcpu *vcpu, uint64_t esr)
{
	if (vcpu->is_service) {
		return OUTCOME(service_call(vcpu), HVC);
	}
	return OUTCOME(trap_call(vcpu, ESR_ISS_IMM16(esr)), HVC);
}

static outcome_t trap_smc(struct vcpu *vcpu, uint64_t esr)
{
	if (vcpu->is_service) {
		return OUTCOME(EXIT_KILL_VM, SMC); /* it has nothing to ask of the firmware */
	}
	vcpu->pc += 4; /* a trapped SMC returns to itself (Arm ARM D1.3.5) */
	return OUTCOME(trap_call(vcpu, ESR_ISS_IMM16(esr)), SMC);
}

static outcome_t trap_wfx(struct vcpu *vcpu, uint64_t esr)
{
	if (vcpu->is_service) {
		return OUTCOME(EXIT_KILL_VM, WFX); /* it sleeps in EVENT_WAIT: here nothing would wake it */
	}
	vcpu->pc += 4;
	if (ESR_WFX_IS_WFE(esr) || ESR_WFX_HAS_TIMEOUT(esr)) {
		/* It waits for a lock, an event or a time: let somebody else have the CPU meanwhile. */
		sched_give_way(vcpu);
		return OUTCOME(EXIT_RESUME, WFX);
	}
	return OUTCOME(EXIT_BLOCK, WFX);
}

static outcome_t trap_sysreg(struct vcpu *vcpu, uint64_t esr)
{
	return OUTCOME(sysreg_trap(vcpu, esr), SYSREG);
}

/* The devices of a guest, by address. Each takes one access of `bytes`, its value in vcpu->mmio_value. */

static outcome_t access_dist(struct vcpu *vcpu, uint64_t offset, unsigned bytes, bool is_write)
{
	struct vgic *gic = &vcpu->vm->gic;
	if ((offset & 0xff00) == 0x200) {
		vcpu_resample_timers(vcpu); /* GICD_ISPENDR: what the timers assert now */
	}
	const enum exit_action action =
		vgic_dist_access(gic, vcpu->index, offset, bytes, is_write, &vcpu->mmio_value);
	if (is_write) {
		vgic_flush(gic, vcpu->index);
	}
	return OUTCOME(action, MMIO_GIC);
}

static outcome_t access_redist(struct vcpu *vcpu, uint64_t offset, unsigned bytes, bool is_write)
{
	struct vgic *gic = &vcpu->vm->gic;
	vcpu_resample_timers(vcpu);
	const enum exit_action action =
		vgic_redist_access(gic, vcpu->index, offset, bytes, is_write, &vcpu->mmio_value);
	if (is_write) {
		vgic_flush(gic, vcpu->index);
	}
	return OUTCOME(action, MMIO_GIC);
}

static outcome_t access_uart(struct vcpu *vcpu, uint64_t offset, unsigned bytes, bool is_write)
{
	const enum exit_action action =
		vuart_access(&vcpu->vm->uart, offset, bytes, is_write, &vcpu->mmio_value);
	vgic_flush(&vcpu->vm->gic, vcpu->index); /* its interrupt line may have moved */
	return OUTCOME(action, MMIO_UART);
}

static COLD outcome_t access_rtc(struct vcpu *vcpu, uint64_t offset, unsigned bytes, bool is_write)
{
	struct vrtc *rtc = &vcpu->vm->rtc;
	const uint64_t alarm = vrtc_alarm(rtc);
	const enum exit_action action = vrtc_access(rtc, offset, bytes, is_write, &vcpu->mmio_value);
	if (vrtc_alarm(rtc) != alarm) {
		vcpu_request(vcpu->vm->vcpus[0], VCPU_REQUEST_SYNC); /* its CPU keeps the alarm's time */
	}
	vgic_flush(&vcpu->vm->gic, vcpu->index);
	return OUTCOME(action, MMIO_RTC);
}

/* All that the service has instead is the window of its card. */
static COLD outcome_t access_of_service(struct vcpu *vcpu, uint64_t ipa, unsigned bytes, bool is_write)
{
	const uint64_t offset = ipa - AETHER_IPA_NIC;
	if (offset >= PAGE_BYTES) {
		return OUTCOME(EXIT_INJECT_ABORT, ABORT);
	}
	return OUTCOME(nic_window_access(offset, bytes, is_write, &vcpu->mmio_value), OTHER);
}

/* At its two callers in line, or each access is one call more. */
static inline __attribute__((always_inline)) outcome_t mmio_access(struct vcpu *vcpu, uint64_t ipa, unsigned bytes,
								   bool is_write)
{
	if (vcpu->is_service) {
		return access_of_service(vcpu, ipa, bytes, is_write);
	}
	if (ipa - AETHER_GUEST_GICD_BASE < 0x10000) {
		return access_dist(vcpu, ipa - AETHER_GUEST_GICD_BASE, bytes, is_write);
	}
	if (ipa - AETHER_GUEST_UART_BASE < PAGE_BYTES) {
		return access_uart(vcpu, ipa - AETHER_GUEST_UART_BASE, bytes, is_write);
	}
	if (vcpu->vm->gic_version == 2 && ipa == AETHER_GUEST_GICC_BASE + GICC_DIR && is_write) {
		return OUTCOME(vcpu_deactivate(vcpu, vcpu->mmio_value & 0x3ff), MMIO_GIC);
	}
	if (vcpu->vm->gic_version == 3 &&
	    ipa - AETHER_GUEST_GICR_BASE < AETHER_GUEST_GICR_STRIDE * vcpu->vm->vcpu_count) {
		return access_redist(vcpu, ipa - AETHER_GUEST_GICR_BASE, bytes, is_write);
	}
	if (ipa - AETHER_GUEST_RTC_BASE < PAGE_BYTES) {
		return access_rtc(vcpu, ipa - AETHER_GUEST_RTC_BASE, bytes, is_write);
	}
	return OUTCOME(EXIT_INJECT_ABORT, ABORT);
}

static outcome_t trap_data_abort(struct vcpu *vcpu, uint64_t esr)
{
	/* Without a syndrome the instruction is not decoded: what is not RAM takes plain loads and stores only. */
	if ((esr & ESR_ISS_ISV) == 0 || (esr & ESR_ISS_S1PTW) != 0 || !esr_is_stage2_fault(esr)) {
		return OUTCOME(EXIT_INJECT_ABORT, ABORT);
	}
	const uint64_t ipa = hal_exit_ipa();
	const unsigned bytes = esr_access_bytes(esr);
	const unsigned srt = esr_srt(esr);
	if (esr & ESR_ISS_WNR) {
		const uint64_t value = srt != 31 ? vcpu->x[srt] : 0;
		vcpu->mmio_value = value & (~UINT64_C(0) >> (64 - 8 * bytes));
		return mmio_access(vcpu, ipa, bytes, true);
	}
	const outcome_t outcome = mmio_access(vcpu, ipa, bytes, false);
	if (OUTCOME_ACTION(outcome) == EXIT_ADVANCE && srt != 31) {
		vcpu->x[srt] = esr_mmio_result(esr, vcpu->mmio_value);
	}
	return outcome;
}

static outcome_t trap_instruction_abort(struct vcpu *vcpu, uint64_t esr)
{
	(void)vcpu;
	(void)esr;
	return OUTCOME(EXIT_INJECT_ABORT, ABORT);
}

/* Whatever else is trapped is hidden from the guest: it is undefined there. */
static outcome_t trap_undef(struct vcpu *vcpu, uint64_t esr)
{
	(void)vcpu;
	(void)esr;
	return OUTCOME(EXIT_INJECT_UNDEF, OTHER);
}

typedef outcome_t (*trap_handler)(struct vcpu *vcpu, uint64_t esr);

/* NULL: trap_undef. */
static const trap_handler handlers[64] = {
	[ESR_EC_WFX] = trap_wfx,
	[ESR_EC_SMC64] = trap_smc,
	[ESR_EC_SYS64] = trap_sysreg,
	[ESR_EC_DATA_ABORT_LOWER] = trap_data_abort,
	[ESR_EC_INSTRUCTION_ABORT_LOWER] = trap_instruction_abort,
};

struct vcpu *trap_sync(struct vcpu *vcpu)
{
	const uint64_t entered = hal_fast_ticks();
	struct percpu *cpu = hal_this_cpu();
	const uint64_t esr = hal_exit_syndrome();
	outcome_t outcome;
	trace_write(&cpu->trace, TRACE_EXIT, entered, vcpu->who, esr, vcpu->pc);
	if (ESR_EC(esr) == ESR_EC_HVC64) {
		outcome = trap_hvc(vcpu, esr); /* the most frequent, in line */
	} else {
		const trap_handler handler = handlers[ESR_EC(esr)];
		outcome = handler != NULL ? handler(vcpu, esr) : trap_undef(vcpu, esr);
	}
	if (OUTCOME_ACTION(outcome) == EXIT_ADVANCE) {
		vcpu->pc += 4;
	} else if (OUTCOME_ACTION(outcome) != EXIT_RESUME) {
		finish(vcpu, OUTCOME_ACTION(outcome));
	}
	account(cpu, vcpu, OUTCOME_CAUSE(outcome), entered);
	if (__builtin_expect(cpu->must_reschedule, 0)) {
		return sched_next(cpu);
	}
	return vcpu;
}

/* One of the guest's own timers: it stays active until the guest ends it. */
static void take_guest_timer(struct percpu *cpu, unsigned intid, unsigned pintid)
{
	struct vcpu *vcpu = cpu->current;
	if (vcpu == NULL) {
		/* Its vCPU has just been taken off, and its timer with it. */
		hal_irq_set_active(pintid, false);
		return;
	}
	vgic_raise_hw(&vcpu->vm->gic, vcpu->index, intid, pintid);
	sched_backstop(cpu);
}

static void take_maintenance(struct percpu *cpu)
{
	struct vcpu *vcpu = cpu->current;
	if (vcpu != NULL) {
		vgic_sync(&vcpu->vm->gic, vcpu->index);
	}
}

unsigned trap_take_interrupts(struct percpu *cpu)
{
	unsigned first = 0;
	/* Bounded: what is still pending then is taken on the next exit. */
	for (unsigned i = 0; i < 8; i++) {
		unsigned pintid = 0;
		const enum hal_irq irq = hal_irq_take(&pintid);
		cpu->interrupts += irq != HAL_IRQ_NONE ? 1 : 0;
		first = i == 0 ? pintid : first;
		switch (irq) {
		case HAL_IRQ_NONE:
			break;
		case HAL_IRQ_VTIMER:
			take_guest_timer(cpu, AETHER_GUEST_VTIMER_INTID, pintid);
			break;
		case HAL_IRQ_PTIMER:
			take_guest_timer(cpu, AETHER_GUEST_PTIMER_INTID, pintid);
			break;
		case HAL_IRQ_KICK:
			/* Requests are served before the next entry. */
			cpu->must_reschedule = true;
			break;
		case HAL_IRQ_TIMER:
			sched_timer(cpu);
			break;
		case HAL_IRQ_MAINTENANCE:
			take_maintenance(cpu);
			break;
		case HAL_IRQ_CONSOLE:
			console_interrupt();
			break;
		case HAL_IRQ_NIC:
			nic_interrupt();
			break;
		case HAL_IRQ_OTHER:
			break;
		}
		if (!hal_is_interrupt_pending()) {
			break;
		}
	}
	if (cpu->current != NULL) {
		vgic_flush(&cpu->current->vm->gic, cpu->current->index);
	}
	return first;
}

struct vcpu *trap_irq(struct vcpu *vcpu)
{
	const uint64_t entered = hal_fast_ticks();
	struct percpu *cpu = hal_this_cpu();
	struct trace_entry *entry = trace_write(&cpu->trace, TRACE_IRQ, entered, vcpu->who, 0, vcpu->pc);
	entry->a = trap_take_interrupts(cpu);
	account(cpu, vcpu, AETHER_EXIT_IRQ, entered);
	if (cpu->must_reschedule) {
		return sched_next(cpu);
	}
	return vcpu;
}

/* The core gives no interrupt to FIQ; the firmware's are not for us. */
struct vcpu *trap_fiq(struct vcpu *vcpu)
{
	return trap_irq(vcpu);
}

struct vcpu *trap_serror(struct vcpu *vcpu)
{
	const uint64_t entered = hal_fast_ticks();
	struct percpu *cpu = hal_this_cpu();
	stop_vm(vcpu, AETHER_STOP_SERROR, hal_exit_syndrome());
	account(cpu, vcpu, AETHER_EXIT_OTHER, entered);
	return sched_next(cpu);
}

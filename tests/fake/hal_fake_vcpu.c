/* SPDX-License-Identifier: Apache-2.0 */
/* The rest of the fake machine: which vCPU is loaded where, physical interrupts as a script, the
 * console, power. */
#include <stdlib.h>
#include <string.h>

#include "core/vcpu.h"
#include "core/vm.h"
#include "fake_private.h"

enum { SCRIPT_MAX = 256, CONSOLE_MAX = 65536, STORAGE_BYTES = 64, ID_REGISTER_MAX = 64 };

uint64_t fake_exit_syndrome, fake_exit_ipa;

static uint64_t storage[VM_COUNT][AETHER_VCPU_MAX][STORAGE_BYTES / sizeof(uint64_t)];

static struct {
	struct vcpu *loaded[FAKE_CPU_MAX];
	uint64_t unload_deadline;
	uint64_t asserting; /* timers' INTIDs 0..31 */
	bool is_changed, is_on, needs_backstop;
	struct {
		enum hal_irq irq;
		unsigned pintid;
	} script[SCRIPT_MAX];
	size_t script_count, script_next;
	uint64_t id_registers[ID_REGISTER_MAX];
	fake_wait_fn *wait;
	char output[CONSOLE_MAX];
	size_t output_count, room;
	const char *input;
} state;

void fake_vcpu_reset(void)
{
	memset(&state, 0, sizeof(state));
	memset(storage, 0, sizeof(storage));
	state.unload_deadline = FAKE_NEVER;
	state.room = SIZE_MAX;
	state.input = "";
	fake_exit_syndrome = 0;
	fake_exit_ipa = 0;
}

/* --- vCPUs --- */

static void log_vcpu(enum fake_op_kind kind, const struct vcpu *vcpu, uint64_t c)
{
	fake_log(kind, vcpu->index, vcpu->vm != NULL ? vcpu->vm->id : 0, c);
}

struct vcpu *fake_loaded_vcpu(unsigned cpu)
{
	return state.loaded[cpu];
}

void fake_set_unload_deadline(uint64_t ticks)
{
	state.unload_deadline = ticks;
}

void fake_set_timer_asserts(unsigned intid, bool is_asserting)
{
	const uint64_t bit = UINT64_C(1) << intid;

	state.asserting = is_asserting ? state.asserting | bit : state.asserting & ~bit;
}

void fake_set_memory_control(bool is_changed, bool is_on)
{
	state.is_changed = is_changed;
	state.is_on = is_on;
}

struct arch_vcpu *hal_vcpu_storage(unsigned vm, unsigned index)
{
	if (vm >= VM_COUNT || index >= AETHER_VCPU_MAX) {
		fake_fail("storage of vCPU %u of VM %u: there is none", index, vm);
	}
	return (struct arch_vcpu *)(void *)storage[vm][index];
}

void hal_vcpu_reset(struct vcpu *vcpu)
{
	log_vcpu(FAKE_OP_VCPU_RESET, vcpu, 0);
}

void hal_vcpu_load(struct vcpu *vcpu)
{
	log_vcpu(FAKE_OP_VCPU_LOAD, vcpu, 0);
	for (unsigned cpu = 0; cpu < FAKE_CPU_MAX; cpu++) {
		if (state.loaded[cpu] == vcpu || (cpu == fake_cpu() && state.loaded[cpu] != NULL)) {
			fake_fail("load of a vCPU that is loaded, or onto another (CPU %u)", cpu);
		}
	}
	state.loaded[fake_cpu()] = vcpu;
}

uint64_t hal_vcpu_unload(struct vcpu *vcpu)
{
	log_vcpu(FAKE_OP_VCPU_UNLOAD, vcpu, 0);
	if (state.loaded[fake_cpu()] != vcpu) {
		fake_fail("unload of a vCPU that CPU %u does not hold", fake_cpu());
	}
	state.loaded[fake_cpu()] = NULL;
	return state.unload_deadline;
}

bool hal_vcpu_timer_asserts(const struct vcpu *vcpu, unsigned intid)
{
	(void)vcpu;
	return (state.asserting >> intid & 1) != 0;
}

bool hal_timer_asserts(unsigned intid)
{
	return (state.asserting >> intid & 1) != 0;
}

unsigned hal_guest_timer_pintid(unsigned intid)
{
	return intid; /* QEMU's virt: the same */
}

void hal_vcpu_trap_wfi(bool is_trapped)
{
	fake_log(FAKE_OP_TRAP_WFI, is_trapped ? 1 : 0, 0, 0);
}

void hal_inject_undef(struct vcpu *vcpu)
{
	log_vcpu(FAKE_OP_INJECT_UNDEF, vcpu, 0);
}

bool hal_inject_abort(struct vcpu *vcpu, uint64_t syndrome)
{
	log_vcpu(FAKE_OP_INJECT_ABORT, vcpu, syndrome);
	return false; /* it makes progress */
}

void hal_vcpu_trap_memory_control(struct vcpu *vcpu, bool is_trapped)
{
	(void)vcpu;
	fake_log(FAKE_OP_TRAP_MEMORY_CONTROL, is_trapped ? 1 : 0, 0, 0);
}

bool hal_vcpu_write_memory_control(struct vcpu *vcpu, unsigned crn, unsigned crm, unsigned op2,
				   uint64_t value, bool *is_on)
{
	(void)vcpu;
	(void)crn;
	(void)crm;
	(void)op2;
	(void)value;
	*is_on = state.is_on;
	return state.is_changed;
}

void fake_set_id_register(unsigned index, uint64_t value)
{
	if (index >= ID_REGISTER_MAX) {
		fake_fail("ID register %u of %d", index, ID_REGISTER_MAX);
	}
	state.id_registers[index] = value;
}

uint64_t hal_read_id_register(unsigned index)
{
	return index < ID_REGISTER_MAX ? state.id_registers[index] : 0;
}

/* --- physical interrupts --- */

void fake_irq_push(enum hal_irq irq, unsigned pintid)
{
	if (state.script_count == SCRIPT_MAX) {
		fake_fail("more than %d interrupts in a script", SCRIPT_MAX);
	}
	state.script[state.script_count].irq = irq;
	state.script[state.script_count++].pintid = pintid;
}

void fake_irq_script_clear(void)
{
	state.script_count = 0;
	state.script_next = 0;
}

enum hal_irq hal_irq_take(unsigned *pintid)
{
	if (state.script_next == state.script_count) {
		return HAL_IRQ_NONE;
	}
	const enum hal_irq irq = state.script[state.script_next].irq;
	*pintid = state.script[state.script_next++].pintid;
	if (irq == HAL_IRQ_VTIMER || irq == HAL_IRQ_PTIMER) {
		fake_gic_set_physical_active(*pintid, true);
	}
	return irq;
}

void fake_set_backstop(bool is_needed)
{
	state.needs_backstop = is_needed;
}

bool hal_irq_needs_backstop(void)
{
	return state.needs_backstop;
}

void fake_set_wait(fake_wait_fn *wait)
{
	state.wait = wait;
}

void hal_wait_for_interrupt(void)
{
	fake_log(FAKE_OP_WAIT, 0, 0, 0);
	if (state.wait == NULL) {
		fake_fail("CPU %u waits for an interrupt that will not come", fake_cpu());
	}
	state.wait();
}

/* --- console, power --- */

void fake_console_set_room(size_t bytes)
{
	state.room = bytes;
}

const char *fake_console_output(void)
{
	return state.output;
}

void fake_console_input(const char *text)
{
	state.input = text;
}

bool hal_console_put(uint8_t byte)
{
	if (state.room == 0 || state.output_count == CONSOLE_MAX - 1) {
		return false;
	}
	state.room -= state.room == SIZE_MAX ? 0 : 1;
	state.output[state.output_count++] = (char)byte;
	return true;
}

int hal_console_get(void)
{
	return *state.input == 0 ? -1 : (uint8_t)*state.input++;
}

void hal_console_tx_interrupt(bool is_enabled)
{
	fake_log(FAKE_OP_CONSOLE_TX_INTERRUPT, is_enabled ? 1 : 0, 0, 0);
}

void hal_console_rx_interrupt(bool is_enabled)
{
	fake_log(FAKE_OP_CONSOLE_RX_INTERRUPT, is_enabled ? 1 : 0, 0, 0);
}

void hal_node_off(bool is_reset)
{
	fake_log(FAKE_OP_NODE_OFF, is_reset ? 1 : 0, 0, 0);
	check_fake_expect(EXPECT_CHECK, "hal_node_off");
	const size_t shown = state.output_count < 200 ? state.output_count : 200;
	fake_fail("the node was turned off; its console ends: %s",
		  state.output + state.output_count - shown);
}

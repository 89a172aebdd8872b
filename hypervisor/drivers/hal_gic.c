/* SPDX-License-Identifier: Apache-2.0 */
/* hal.h's interrupt part over the GIC that the machine has. */
#include "core/hal.h"
#include "drivers/gic.h"

static struct gic_config gic;
static const struct gic_ops *ops;
static uint32_t console_intid;
static uint32_t nic_intid;
static bool needs_backstop;

void gic_init(const struct gic_config *config)
{
	gic = *config;
	ops = gic.version == 3 ? &gicv3_ops : &gicv2_ops;
	ops->init_dist(&gic);
	needs_backstop = ops->loses_levels();
}

bool gic_init_cpu(unsigned cpu)
{
	return ops->init_cpu(&gic, cpu);
}

void gic_enable_console(unsigned intid)
{
	console_intid = intid;
	ops->enable_spi(intid);
}

void gic_set_nic(unsigned intid)
{
	nic_intid = intid;
}

void hal_nic_interrupt_enable(bool is_enabled)
{
	if (nic_intid != 0) {
		(is_enabled ? ops->enable_spi : ops->disable_spi)(nic_intid);
	}
}

enum hal_irq hal_irq_take(unsigned *pintid)
{
	const uint32_t iar = ops->acknowledge();
	const uint32_t intid = iar & 0x3ff;
	if (intid >= 1020) {
		return HAL_IRQ_NONE;
	}
	*pintid = intid;
	ops->drop_priority(iar);
	if (intid == gic.virtual_timer) {
		return HAL_IRQ_VTIMER;
	}
	if (intid == gic.physical_timer) {
		return HAL_IRQ_PTIMER;
	}
	ops->deactivate(iar);
	if (intid == GIC_KICK_SGI) {
		return HAL_IRQ_KICK;
	}
	if (intid == gic.hyp_timer) {
		return HAL_IRQ_TIMER;
	}
	if (intid == gic.maintenance) {
		return HAL_IRQ_MAINTENANCE;
	}
	if (intid == console_intid) {
		return HAL_IRQ_CONSOLE;
	}
	return intid == nic_intid ? HAL_IRQ_NIC : HAL_IRQ_OTHER;
}

bool hal_irq_needs_backstop(void)
{
	return needs_backstop;
}

unsigned hal_guest_timer_pintid(unsigned intid)
{
	return intid == AETHER_GUEST_VTIMER_INTID ? gic.virtual_timer : gic.physical_timer;
}

void hal_kick_cpu(unsigned cpu)
{
	ops->send_kick(cpu);
}

void hal_irq_set_active(unsigned pintid, bool is_active)
{
	ops->set_active(pintid, is_active);
}

bool hal_vgic_cpu_interface(pa_t *base)
{
	*base = gic.guest_interface;
	return gic.version == 2;
}

unsigned hal_vgic_lr_count(void)
{
	return ops->lr_count();
}

uint64_t hal_vgic_read_lr(unsigned lr)
{
	return ops->read_lr(lr);
}

void hal_vgic_write_lr(unsigned lr, uint64_t value)
{
	ops->write_lr(lr, value);
}

uint64_t hal_vgic_empty_lrs(void)
{
	return ops->empty_lrs();
}

uint64_t hal_vgic_read_hcr(void)
{
	return ops->read_hcr();
}

void hal_vgic_write_hcr(uint64_t value)
{
	ops->write_hcr(value);
}

void hal_vgic_save(struct vgic_hw_state *state)
{
	ops->save(state);
}

void hal_vgic_restore(const struct vgic_hw_state *state)
{
	ops->restore(state);
}

void hal_vgic_reset_state(struct vgic_hw_state *state)
{
	ops->reset_state(state);
}

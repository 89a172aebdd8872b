/* SPDX-License-Identifier: Apache-2.0 */
/* The fake machine itself: each of its rules catches the mistake it is there for, and its GIC does
 * what a guest sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/pages.h"
#include "core/vgic.h"
#include "hal_fake.h"
#include "lib/bits.h"

#define POOL_PAGES 16u
#define TABLE UINT64_C(3)
#define GIB (UINT64_C(1) << 30)
#define GUEST_PAGE (FAKE_RAM_BASE + GIB)

static struct pgtable table;
static uint64_t *root;

static int setup(void **state)
{
	(void)state;
	fake_reset();
	pages_pool_init(PA(FAKE_RAM_BASE), POOL_PAGES * PAGE_BYTES);
	assert_int_equal(pgtable_init(&table, PGTABLE_STAGE2, 1), HV_OK);
	root = hal_core_page(table.root);
	return 0;
}

static void assert_says(const char *words)
{
	if (strstr(check_fake.text, words) == NULL) {
		fail_msg("\"%s\" does not say \"%s\"", check_fake.text, words);
	}
}

static void invalidate(uint64_t addr, uint64_t bytes)
{
	hal_stage2_invalidate(1, table.root, IPA(addr), bytes);
}

/* --- page tables: written by hand, with one mistake each --- */

static void valid_to_valid_is_caught(void **state)
{
	(void)state;
	fake_watch_table(&table);
	root[1] = GIB | 0x7fd;
	hal_tables_publish();
	root[1] = 2 * GIB | 0x7fd;
	assert_fake_fails(hal_tables_publish());
	assert_says("break-before-make: valid to valid");
}

static void make_before_invalidate_is_caught(void **state)
{
	(void)state;
	fake_watch_table(&table);
	root[1] = GIB | 0x7fd;
	hal_tables_publish();
	root[1] = 0;
	hal_tables_publish();
	root[1] = GIB | 0x7fd;
	assert_fake_fails(hal_tables_publish());
	assert_says("break-before-make: valid again");
}

static void a_short_invalidate_does_not_count(void **state)
{
	(void)state;
	fake_watch_table(&table);
	root[1] = GIB | 0x7fd;
	hal_tables_publish();
	root[1] = 0;
	hal_tables_publish();
	invalidate(GIB, GIB - PAGE_BYTES);
	assert_fake_fails(fake_watch_check());
	assert_says("cleared and not invalidated");
	invalidate(GIB, GIB);
	fake_watch_check();
}

static void invalidate_before_publish_is_caught(void **state)
{
	(void)state;
	fake_watch_table(&table);
	root[1] = GIB | 0x7fd;
	hal_tables_publish();
	root[1] = 0;
	assert_fake_fails(invalidate(GIB, GIB));
	assert_says("invalidated before it is published");
}

static void a_forgotten_publish_is_caught(void **state)
{
	(void)state;
	fake_watch_table(&table);
	root[1] = GIB | 0x7fd;
	assert_fake_fails(fake_watch_check());
	assert_says("written and not published");
}

static void another_tables_root_is_caught(void **state)
{
	(void)state;
	fake_watch_table(&table);
	assert_fake_fails(hal_stage2_invalidate_all(1, PA(table.root.v + 0x1000)));
	assert_says("invalidate of VMID 1");
	hal_stage2_invalidate_all(2, PA(0)); /* a VM that is not under watch */
}

static void linking_before_publishing_is_caught(void **state)
{
	pa_t child;

	(void)state;
	fake_watch_table(&table);
	assert_int_equal(pages_pool_alloc(1, &child), HV_OK);
	root[0] = child.v | TABLE;
	assert_fake_fails(hal_tables_publish());
	assert_says("linked before its content is published");
}

/* A table with one page in it, and the pointer to its entries. */
static uint64_t *link_child(pa_t *child)
{
	assert_int_equal(pages_pool_alloc(1, child), HV_OK);
	uint64_t *entries = hal_core_page(*child);
	hal_tables_publish();
	root[0] = child->v | TABLE;
	hal_tables_publish();
	return entries;
}

static void freeing_a_linked_table_is_caught(void **state)
{
	pa_t child;

	(void)state;
	fake_watch_table(&table);
	(void)link_child(&child);
	assert_int_equal(fake_watched_pages(), 3);
	pages_pool_free(child, 1);
	assert_fake_fails(hal_tables_publish());
	assert_says("freed while a walker reaches it");
}

static void freeing_before_invalidating_is_caught(void **state)
{
	pa_t child;

	(void)state;
	fake_watch_table(&table);
	(void)link_child(&child);
	root[0] = 0;
	hal_tables_publish();
	pages_pool_free(child, 1);
	assert_fake_fails(invalidate(0, GIB));
	assert_says("freed while a walker reaches it");
}

static void writing_to_an_unlinked_table_is_caught(void **state)
{
	pa_t child;

	(void)state;
	fake_watch_table(&table);
	uint64_t *entries = link_child(&child);
	root[0] = 0;
	hal_tables_publish();
	entries[5] = GUEST_PAGE | 0x7fd;
	assert_fake_fails(hal_tables_publish());
	assert_says("unlinked but not invalidated");
}

static void using_a_table_twice_is_caught(void **state)
{
	pa_t child;

	(void)state;
	fake_watch_table(&table);
	(void)link_child(&child);
	root[1] = child.v | TABLE;
	assert_fake_fails(hal_tables_publish());
	assert_says("in use already");
}

static void a_root_that_is_freed_full_is_caught(void **state)
{
	(void)state;
	fake_watch_table(&table);
	root[1] = GIB | 0x7fd;
	hal_tables_publish();
	assert_fake_fails(pages_pool_free(table.root, 2));
	assert_says("freed while it is not empty");
}

/* --- who reaches a page --- */

static void map_gib(struct pgtable *of, uint64_t pa)
{
	uint64_t done;

	assert_int_equal(pgtable_map(of, 0, PA(pa), GIB, PGTABLE_READ | PGTABLE_WRITE, &done),
			 HV_OK);
}

static void scrub_gib(uint64_t pa)
{
	for (uint64_t at = 0; at < GIB; at += BLOCK_2M_BYTES) {
		hal_scrub(PA(pa + at), BLOCK_2M_BYTES);
	}
}

static void a_page_with_old_bytes_is_caught(void **state)
{
	struct pgtable other;

	(void)state;
	assert_int_equal(pgtable_init(&other, PGTABLE_STAGE2, 2), HV_OK);
	fake_watch_ownership(5);
	fake_watch_table(&table);
	fake_watch_table(&other);
	scrub_gib(GUEST_PAGE);
	map_gib(&table, GUEST_PAGE);
	assert_fake_fails(map_gib(&other, GUEST_PAGE));
	assert_says("reaches VMID 2 unscrubbed");
}

static void handing_a_page_on_in_order_is_allowed(void **state)
{
	struct pgtable other;
	uint64_t done;

	(void)state;
	assert_int_equal(pgtable_init(&other, PGTABLE_STAGE2, 2), HV_OK);
	fake_watch_ownership(5);
	fake_watch_table(&table);
	fake_watch_table(&other);
	scrub_gib(GUEST_PAGE);
	map_gib(&table, GUEST_PAGE);
	assert_int_equal(pgtable_unmap(&table, 0, GIB, &done), HV_OK);
	scrub_gib(GUEST_PAGE);
	map_gib(&other, GUEST_PAGE);
	assert_fake_fails(hal_scrub(PA(GUEST_PAGE), PAGE_BYTES));
	assert_says("while VMID 2 reaches it");
}

static void the_firmwares_bytes_are_for_the_service_only(void **state)
{
	struct pgtable service;
	uint64_t done;

	(void)state;
	assert_int_equal(pgtable_init(&service, PGTABLE_STAGE2, 5), HV_OK);
	fake_watch_ownership(5);
	fake_watch_table(&table);
	fake_watch_table(&service);
	map_gib(&service, GUEST_PAGE);
	assert_int_equal(pgtable_unmap(&service, 0, GIB, &done), HV_OK);
	assert_fake_fails(map_gib(&table, GUEST_PAGE));
	assert_says("unscrubbed");
}

static void two_vms_with_one_page_are_caught(void **state)
{
	struct pgtable service;

	(void)state;
	assert_int_equal(pgtable_init(&service, PGTABLE_STAGE2, 5), HV_OK);
	fake_watch_ownership(5);
	fake_watch_table(&table);
	fake_watch_table(&service);
	scrub_gib(GUEST_PAGE);
	map_gib(&service, GUEST_PAGE);
	assert_fake_fails(map_gib(&table, GUEST_PAGE));
	assert_says("while VMID 5 has it");
}

static void a_vm_that_reaches_a_table_is_caught(void **state)
{
	(void)state;
	fake_watch_table(&table);
	assert_fake_fails(map_gib(&table, FAKE_RAM_BASE));
	assert_says("a VM reaches a translation table");
}

static void memory_operations_are_bounded(void **state)
{
	uint8_t byte = 1;

	(void)state;
	assert_fake_fails(hal_scrub(PA(FAKE_RAM_BASE + 1), PAGE_BYTES));
	assert_says("not whole pages");
	assert_fake_fails(hal_scrub(PA(FAKE_RAM_BASE + PAGE_BYTES), BLOCK_2M_BYTES));
	assert_says("two blocks");
	assert_fake_fails(hal_clean_invalidate(PA(FAKE_RAM_BASE - PAGE_BYTES), PAGE_BYTES));
	assert_says("not RAM");
	assert_fake_fails(hal_copy_to(PA(FAKE_RAM_BASE + FAKE_RAM_BYTES), &byte, 1));
	assert_fake_fails((void)hal_core_page(PA(FAKE_RAM_BASE + 8)));
	hal_copy_to(PA(GUEST_PAGE + 7), &byte, 1);
	assert_int_equal(*(uint8_t *)fake_ram(PA(GUEST_PAGE + 7)), 1);
	hal_scrub(PA(GUEST_PAGE), PAGE_BYTES);
	assert_int_equal(*(uint8_t *)fake_ram(PA(GUEST_PAGE + 7)), 0);
	assert_int_equal(fake_log_count_of(FAKE_OP_SCRUB), 1);
}

static void interrupts_follow_the_script(void **state)
{
	(void)state;
	assert_false(hal_is_interrupt_pending());
	fake_interrupt_after(2);
	assert_false(hal_is_interrupt_pending());
	assert_false(hal_is_interrupt_pending());
	assert_true(hal_is_interrupt_pending());
	assert_true(hal_is_interrupt_pending());
	fake_interrupt_every(1);
	assert_true(hal_is_interrupt_pending());
	fake_interrupt_every(3);
	unsigned count = 0;
	for (unsigned i = 0; i < 9; i++) {
		count += hal_is_interrupt_pending() ? 1 : 0;
	}
	assert_int_equal(count, 3);
}

/* --- GIC --- */

static uint64_t lr(uint32_t intid, unsigned priority)
{
	return VGIC_LR_PENDING | FIELD_PREP(VGIC_LR_PRIORITY, priority) | intid;
}

static void gic_on(unsigned version, unsigned groups)
{
	fake_gic_init(version, 4);
	fake_gic_set_enable(groups);
	fake_gic_set_pmr(0xf8);
	hal_vgic_write_hcr(VGIC_HCR_EN);
}

static void the_most_urgent_interrupt_comes_first_and_nests(void **state)
{
	(void)state;
	gic_on(2, 1);
	hal_vgic_write_lr(0, lr(40, 0xa0));
	hal_vgic_write_lr(1, lr(41, 0x80));
	hal_vgic_write_lr(2, lr(3 | 2 << 10, 0xa0)); /* SGI 3 from CPU 2 */
	assert_true(fake_gic_is_signalled());
	assert_int_equal(fake_gic_ack(), 41);
	assert_int_equal(fake_gic_running_priority(), 0x80);
	assert_int_equal(fake_gic_ack(), FAKE_GIC_SPURIOUS);
	hal_vgic_write_lr(3, lr(42, 0x47)); /* reads back as 0x40 */
	assert_int_equal(fake_gic_ack(), 42);
	assert_int_equal(fake_gic_running_priority(), 0x40);
	fake_gic_eoi(42);
	fake_gic_eoi(41);
	assert_int_equal(fake_gic_running_priority(), FAKE_GIC_IDLE_PRIORITY);
	assert_int_equal(fake_gic_ack(), 40);
	fake_gic_eoi(40);
	assert_int_equal(fake_gic_ack(), 0x803);
	fake_gic_eoi(0x803);
	assert_false(fake_gic_is_signalled());
	assert_int_equal(hal_vgic_empty_lrs(), 0xf);
}

static void masks_and_groups_are_obeyed(void **state)
{
	(void)state;
	gic_on(2, 1);
	hal_vgic_write_lr(0, lr(40, 0x80));
	fake_gic_set_pmr(0x80);
	assert_false(fake_gic_is_signalled());
	fake_gic_set_pmr(0x88);
	assert_true(fake_gic_is_signalled());
	hal_vgic_write_hcr(0);
	assert_false(fake_gic_is_signalled());
	hal_vgic_write_hcr(VGIC_HCR_EN);
	hal_vgic_write_lr(1, lr(41, 0x40) | VGIC_LR_GROUP1);
	assert_int_equal(fake_gic_hppir(), 40);
	fake_gic_set_enable(3);
	assert_int_equal(fake_gic_ack(), FAKE_GIC_OTHER_GROUP);
	assert_int_equal(fake_gic_ack_group(1), 41);
	gic_on(3, 2);
	hal_vgic_write_lr(0, lr(40, 0x80));
	assert_false(fake_gic_is_signalled());
	hal_vgic_write_lr(1, lr(41, 0x80) | VGIC_LR_GROUP1);
	assert_int_equal(fake_gic_ack(), 41);
	assert_fake_fails(hal_vgic_write_lr(2, lr(3 | 2 << 10, 0)));
}

static void ends_reach_hardware_and_maintenance(void **state)
{
	(void)state;
	gic_on(2, 1);
	fake_gic_set_physical_active(27, true);
	hal_vgic_write_lr(0, lr(27, 0x80) | VGIC_LR_HW | FIELD_PREP(VGIC_LR_PINTID, 27));
	assert_int_equal(fake_gic_ack(), 27);
	assert_true(fake_gic_is_physical_active(27));
	fake_gic_eoi(27);
	assert_false(fake_gic_is_physical_active(27));
	assert_int_equal(fake_gic_misr(), 0);
	hal_vgic_write_lr(0, lr(33, 0x80) | VGIC_LR_EOI);
	fake_gic_set_eoi_mode(true);
	assert_int_equal(fake_gic_ack(), 33);
	fake_gic_eoi(33);
	assert_int_equal(fake_gic_misr(), 0);
	assert_int_equal(fake_gic_running_priority(), FAKE_GIC_IDLE_PRIORITY);
	fake_gic_dir(33);
	assert_int_equal(fake_gic_misr(), FAKE_GIC_MISR_EOI);
	assert_int_equal(fake_gic_eisr(), 1);
	assert_int_equal(hal_vgic_empty_lrs(), 0xe);
	hal_vgic_write_lr(0, 0);
	hal_vgic_write_hcr(VGIC_HCR_EN | VGIC_HCR_UIE | VGIC_HCR_NPIE | VGIC_HCR_LRENPIE);
	assert_int_equal(fake_gic_misr(), FAKE_GIC_MISR_U | FAKE_GIC_MISR_NP);
	hal_vgic_write_lr(1, lr(40, 0));
	hal_vgic_write_lr(2, lr(41, 0));
	assert_int_equal(fake_gic_misr(), 0);
	fake_gic_dir(99);
	assert_int_equal(fake_gic_misr(), FAKE_GIC_MISR_LRENP);
	assert_int_equal(hal_vgic_read_hcr() >> VGIC_HCR_EOICOUNT_SHIFT, 1);
}

static void forbidden_list_registers_are_caught(void **state)
{
	(void)state;
	gic_on(2, 1);
	assert_fake_fails(hal_vgic_write_lr(4, 0));
	assert_fake_fails((void)hal_vgic_read_lr(4));
	hal_vgic_write_lr(0, lr(40, 0x80));
	hal_vgic_write_lr(3, lr(40, 0x90));
	assert_fake_fails(fake_gic_check());
	assert_says("INTID 40 stands in LR 0 and LR 3");
	hal_vgic_write_lr(3, lr(27, 0) | VGIC_LR_HW | FIELD_PREP(VGIC_LR_PINTID, 27));
	assert_fake_fails(fake_gic_check());
	assert_says("which is not active");
	fake_gic_set_physical_active(27, true);
	fake_gic_check();
	hal_vgic_write_lr(3, fake_gic_lr(3) | VGIC_LR_ACTIVE);
	assert_fake_fails(fake_gic_check());
	assert_says("pending and active");
}

static void each_cpu_has_its_own_interface(void **state)
{
	struct vgic_hw_state saved;

	(void)state;
	gic_on(2, 1);
	hal_vgic_write_lr(0, lr(40, 0x80));
	assert_int_equal(fake_gic_ack(), 40);
	hal_vgic_save(&saved);
	fake_set_cpu(1);
	assert_int_equal(fake_gic_find(40), -1);
	assert_int_equal(fake_gic_running_priority(), FAKE_GIC_IDLE_PRIORITY);
	hal_vgic_restore(&saved);
	hal_vgic_write_lr(2, lr(40, 0x80) & ~VGIC_LR_PENDING);
	hal_vgic_write_lr(2, fake_gic_lr(2) | VGIC_LR_ACTIVE);
	assert_int_equal(fake_gic_running_priority(), 0x80);
	assert_int_equal(fake_gic_find(40), 2);
	fake_gic_eoi(40);
	assert_int_equal(fake_gic_find(40), -1);
	fake_set_cpu(0);
	assert_int_equal(fake_gic_find(40), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		T(valid_to_valid_is_caught),
		T(make_before_invalidate_is_caught),
		T(a_short_invalidate_does_not_count),
		T(invalidate_before_publish_is_caught),
		T(a_forgotten_publish_is_caught),
		T(another_tables_root_is_caught),
		T(linking_before_publishing_is_caught),
		T(freeing_a_linked_table_is_caught),
		T(freeing_before_invalidating_is_caught),
		T(writing_to_an_unlinked_table_is_caught),
		T(using_a_table_twice_is_caught),
		T(a_root_that_is_freed_full_is_caught),
		T(a_page_with_old_bytes_is_caught),
		T(handing_a_page_on_in_order_is_allowed),
		T(the_firmwares_bytes_are_for_the_service_only),
		T(two_vms_with_one_page_are_caught),
		T(a_vm_that_reaches_a_table_is_caught),
		T(memory_operations_are_bounded),
		T(interrupts_follow_the_script),
		T(the_most_urgent_interrupt_comes_first_and_nests),
		T(masks_and_groups_are_obeyed),
		T(ends_reach_hardware_and_maintenance),
		T(forbidden_list_registers_are_caught),
		T(each_cpu_has_its_own_interface),
	};

	return cmocka_run_group_tests_name("hal_fake", tests, NULL, NULL);
}

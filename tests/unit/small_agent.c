/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/small_agent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "abi/image.h"
#include "abi/nic.h"

struct aether_bootinfo info;
struct service service;
const void *small_agent_trailer;
const uint8_t *small_agent_bundle;

static uint32_t generations;

int small_agent_set_up(void **state)
{
	(void)state;
	small_core_reset();
	core.is_endless = true;
	core.is_obliging = true;
	small_net_reset();
	small_core_info(&info);
	info.nic_kind = AETHER_NIC_VIRTIO;
	info.nic_header_bytes = 12;
	small_agent_trailer = NULL;
	small_agent_bundle = NULL;
	generations = 0;
	return 0;
}

int small_agent_tear_down(void **state)
{
	(void)state;
	small_core_reset();
	return 0;
}

/* --- releases --- */

void small_release_seal(struct small_release *release)
{
	struct wire_error error;

	assert_true(manifest_encode(&release->manifest, release->fdt, sizeof(release->fdt), &release->fdt_bytes,
				    &error));
	digest_sha256(release->fdt, release->fdt_bytes, release->sha256);
}

static struct small_file *serve(const char *kind, const uint8_t sha256[DIGEST_BYTES], const uint8_t *bytes, size_t size)
{
	char path[HTTP_PATH_MAX_BYTES];
	char hex[DIGEST_HEX_BYTES];

	digest_hex(sha256, hex);
	snprintf(path, sizeof(path), "/v1/%s/sha256/%s", kind, hex);
	return small_net_serve(path, bytes, size);
}

void small_release_serve(struct small_release *release)
{
	const struct manifest *m = &release->manifest;

	release->manifest_file = serve("manifests", release->sha256, release->fdt, release->fdt_bytes);
	for (uint32_t i = 0; i < m->guest_count; i++) {
		release->kernel_files[i] =
			serve("blobs", m->guests[i].kernel.sha256, release->kernels[i], SMALL_AGENT_KERNEL_BYTES);
	}
	release->initramfs_file =
		serve("blobs", m->guests[0].initramfs.sha256, release->initramfs, SMALL_AGENT_INITRAMFS_BYTES);
}

void small_release_make(struct small_release *release, uint32_t guest_count, enum manifest_reset reset, uint8_t seed)
{
	const struct arm64_image_header header = {.image_size = 0x40000, .magic = ARM64_IMAGE_MAGIC};
	struct manifest *m = &release->manifest;

	memset(release, 0, sizeof(*release));
	snprintf(m->name, sizeof(m->name), "release");
	snprintf(m->version, sizeof(m->version), "%u", seed);
	m->guest_count = guest_count;
	memset(release->initramfs, 0x5a ^ seed, sizeof(release->initramfs));
	for (uint32_t i = 0; i < guest_count; i++) {
		struct manifest_guest *guest = &m->guests[i];
		snprintf(guest->name, sizeof(guest->name), "guest%u", i);
		guest->vcpu_count = 1;
		guest->memory_mib = 6;
		guest->reset = reset;
		for (size_t at = 0; at < SMALL_AGENT_KERNEL_BYTES; at++) {
			release->kernels[i][at] = (uint8_t)(at * 7 + at / 251 + i + seed);
		}
		memcpy(release->kernels[i], &header, sizeof(header));
		guest->kernel.size_bytes = SMALL_AGENT_KERNEL_BYTES;
		digest_sha256(release->kernels[i], SMALL_AGENT_KERNEL_BYTES, guest->kernel.sha256);
		guest->has_initramfs = i == 0;
		if (guest->has_initramfs) {
			guest->initramfs.size_bytes = SMALL_AGENT_INITRAMFS_BYTES;
			digest_sha256(release->initramfs, SMALL_AGENT_INITRAMFS_BYTES, guest->initramfs.sha256);
		}
	}
	small_release_seal(release);
	small_release_serve(release);
}

/* --- the service --- */

void small_agent_start(void)
{
	static uint8_t crash[64];
	const struct service_inputs inputs = {
		.info = &info,
		.trailer = small_agent_trailer,
		.bundle = small_agent_bundle,
		.crash = crash,
	};

	memset(crash, 0xc4, sizeof(crash));
	service_start(&service, &inputs);
}

void small_agent_restart(void)
{
	core.instance++;
	info.instance = core.instance;
	info.restart_ticks = core.ticks;
	info.restart_cause = AETHER_SERVICE_CHAOS;
	info.entropy[0]++;
	core.script_at = core.script_count; /* what was told is told once */
	small_net_restart();
	small_agent_start();
}

void small_agent_turns(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		assert_true(service_turn(&service));
	}
}

void small_agent_pass(uint32_t ms)
{
	const uint64_t end = core.ticks + (uint64_t)ms * SMALL_CORE_HZ / 1000;

	for (unsigned int i = 0; core.ticks < end; i++) {
		assert_true(i < 100 * SMALL_AGENT_TURNS);
		assert_true(service_turn(&service));
	}
}

void small_agent_until(uint32_t slot, enum wire_guest_state state)
{
	for (unsigned int i = 0; i < SMALL_AGENT_TURNS; i++) {
		if (guests_state(&service.guests, slot) == state) {
			return;
		}
		small_agent_turns(1);
	}
	print_message("console: %s\n", core.console);
	assert_int_equal(guests_state(&service.guests, slot), state);
}

void small_agent_want(uint32_t slot, enum ack_want want, const struct small_release *release, uint32_t restart)
{
	struct ack ack = {.acked_sequence = 1};

	ack.guests[slot].generation = ++generations;
	ack.guests[slot].want = want;
	ack.guests[slot].place = (uint8_t)slot;
	ack.guests[slot].restart_generation = restart;
	if (release != NULL) {
		memcpy(ack.guests[slot].manifest, release->sha256, DIGEST_BYTES);
	}
	small_net_ack(&ack);
}

struct small_core_vm *small_agent_vm(uint32_t slot)
{
	assert_true(service.guests.slots[slot].has_vm);
	return &core.vms[service.guests.slots[slot].vm];
}

void assert_loaded(uint32_t slot, const struct small_release *release, uint32_t place)
{
	const struct small_core_vm *vm = small_agent_vm(slot);

	assert_int_equal(vm->state, AETHER_VM_RUNNING);
	assert_int_equal(vm->tag & 0xff, slot);
	assert_int_equal(vm->entry, 0x40200000);
	assert_memory_equal(vm->ram + 0x200000, release->kernels[place], SMALL_AGENT_KERNEL_BYTES);
	if (release->manifest.guests[place].has_initramfs) {
		assert_memory_equal(vm->ram + 0x240000, release->initramfs, SMALL_AGENT_INITRAMFS_BYTES);
	}
}

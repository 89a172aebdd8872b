/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A guest's VM and store: the calls to the core, and what the console hears of them. */
#include <stdbool.h>
#include <stdint.h>

#include "service/guests.h"
#include "wire/manifest.h"

/* What a VM and a store are told apart by: the slot in the lowest byte, a digest above. */
uint64_t guest_vm_tag(const struct manifest_guest *definition, uint32_t slot);
uint64_t guest_vm_store_tag(const struct manifest_guest *definition, uint32_t slot);
uint32_t guest_vm_slot(uint64_t tag);

const char *guest_vm_error_words(int64_t status);

/* What GUEST_CALL_CREATE and GUEST_CALL_CREATE_STORE will ask for. */
void guest_vm_plan(struct guest *guest, const struct manifest_guest *definition, bool has_others);
void guest_vm_plan_store(struct guest *guest, const struct manifest_guest *definition);
/* A slice of guest->call. AETHER_EAGAIN: it goes on. Else it is over, and the console knows what went wrong. */
int64_t guest_vm_go_on(struct guest *guest);
/* Tells the console what went wrong. */
bool guest_vm_stop(struct guest *guest);
/* A store is whole when its last bytes say so; VM_CREATE leaves zero there. */
void guest_vm_mark_store(struct guest *guest, const struct manifest_guest *definition);
bool guest_vm_store_is_marked(const struct guest *guest);

/* Why a VM stopped: says it, and gives what the beats say. */
enum wire_guest_reason guest_vm_say_stop(const struct guest *guest, uint32_t reason);
/* Takes over every VM and store that an earlier instance left. What is of no use is destroyed later, a slice at a time:
 * false when nothing is left of it. */
void guest_vm_adopt(struct guests *guests);
bool guest_vm_destroy_doomed(struct guests *guests);

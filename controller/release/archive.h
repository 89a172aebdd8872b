/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The files of a guest's overlays, merged, and the archive that they travel in. */
#include "release/effective.h"

/* Lays `overlay` over what the guest has. False: *fail; two of them want a path as a file and as a directory, or there
 * are too many. */
bool archive_add(struct effective_guest *guest, const struct file_overlay *overlay, enum effective_layer layer,
		 struct fail *fail);
/* The same for one file, whose content has to live as long as the guest. */
bool archive_add_file(struct effective_guest *guest, const struct effective_file *file, struct fail *fail);

/* Sorts the files, adds the directories that they stand in, and writes the archive behind `base_bytes` of an initramfs:
 * zeros up to a multiple of four bytes, then one entry each, every time 0, every owner root. */
bool archive_make(struct effective_guest *guest, uint64_t base_bytes, struct fail *fail);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A rollout and its cells as rows: what is stored of each, little-endian behind a version, nothing of what is told
 * anew. A row that was damaged is refused: no field is believed that its table does not have.
 */
#include <stddef.h>

#include "rollout/rollout.h"

enum { ROLLOUT_VERSION = 1, ROLLOUT_ROW_BYTES = 2048, ROLLOUT_CELL_ROW_BYTES = 96 };

/* Returns the row's bytes. */
size_t rollout_encode(const struct rollout *rollout, uint8_t row[ROLLOUT_ROW_BYTES]);
size_t rollout_encode_cell(const struct rollout_cell *cell, uint8_t row[ROLLOUT_CELL_ROW_BYTES]);

/* Cells come behind it, in the order of their places; rollout_decoded() last. */
bool rollout_decode(struct rollout *rollout, const uint8_t *row, size_t size, struct rollout_cell *cells, unsigned room,
		    struct fail *fail);
bool rollout_decode_cell(struct rollout *rollout, const uint8_t *row, size_t size, struct fail *fail);
/* All is there: false when it does not fit together. Nothing is known of the nodes until rollout_feed(). */
bool rollout_decoded(struct rollout *rollout, struct fail *fail);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A device tree overlay (a .dtbo) for the guests of nodes of some boards: what is wired to a board and a guest is to
 * know. Immutable; its id is the SHA-256 of its canonical text.
 *
 *     {
 *       "name": "leds", "boards": ["raspberrypi,4-model-b"],      // the node's board, as it says it itself
 *       "dtbo": BASE64,
 *       "notes": "..."
 *     }
 *
 * It is laid over the tree that the service makes for a guest (hypervisor/service), so it may not touch what describes
 * the machine: memory, CPUs, interrupt controller, timer, UART, clock, PSCI, and what a node itself writes into
 * /chosen. It may add nodes below the root, and properties of its own to /chosen and /aliases. Targets are paths, as
 * that tree has no labels.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "release/member.h"
#include "wire/hello.h"
#include "wire/manifest.h"

enum {
	TREE_DTBO_MAX_BYTES = 64 << 10,
	TREE_DOCUMENT_MAX_BYTES = 128 << 10,
	TREE_BOARD_MAX = 8,
	TREE_FRAGMENT_MAX = 32,
	TREE_NOTES_BYTES = 1024,
};

struct tree_overlay {
	char id[MEMBER_SHA256_BYTES];
	char name[MANIFEST_NAME_BYTES];
	char notes[TREE_NOTES_BYTES];
	unsigned board_count;
	char boards[TREE_BOARD_MAX][HELLO_BOARD_BYTES]; /* sorted */
	uint8_t *dtbo; /* owned */
	size_t bytes;
};

/* False: *fail names the member and says what would be right; there is nothing to free then. */
bool tree_overlay_parse(struct tree_overlay *overlay, const char *text, size_t bytes, struct fail *fail);
void tree_overlay_free(struct tree_overlay *overlay);
/* The canonical text, the caller's to free(); NULL: *fail. */
char *tree_overlay_print(const struct tree_overlay *overlay, struct fail *fail);
bool tree_overlay_is_for(const struct tree_overlay *overlay, const char *board);

/* A blob that was checked is sound, touches only what it may, and can be applied by libfdt. False: *fail says what is
 * wrong, and where. */
bool tree_check_dtbo(const void *dtbo, size_t bytes, struct fail *fail);

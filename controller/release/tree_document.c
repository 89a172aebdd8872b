/* SPDX-License-Identifier: Apache-2.0 */
/* The document around a device tree overlay, read and written. Hostile input: the text. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "release/tree.h"

static int compare_boards(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool read_boards(const struct member *in, struct tree_overlay *overlay)
{
	const struct member m = member_of(in, "boards");

	if (!member_array(&m, 1, TREE_BOARD_MAX, &overlay->board_count)) {
		return false;
	}
	for (unsigned i = 0; i < overlay->board_count; i++) {
		const struct member element = member_at(&m, i);
		if (!member_text(&element, MEMBER_BOARD, 1, overlay->boards[i], sizeof(overlay->boards[i]))) {
			return false;
		}
	}
	qsort(overlay->boards, overlay->board_count, sizeof(overlay->boards[0]), compare_boards);
	for (unsigned i = 1; i < overlay->board_count; i++) {
		if (strcmp(overlay->boards[i - 1], overlay->boards[i]) == 0) {
			return member_refuse(&m, "has \"%s\" twice: name each board once", overlay->boards[i]);
		}
	}
	return true;
}

static bool read_overlay(const struct member *m, struct tree_overlay *overlay)
{
	static const char *const keys[] = {"name", "boards", "dtbo", "notes", NULL};
	const struct member name = member_of(m, "name");
	const struct member dtbo = member_of(m, "dtbo");
	const struct member notes = member_of(m, "notes");

	return member_object(m, keys) && member_text(&name, MEMBER_NAME, 1, overlay->name, sizeof(overlay->name)) &&
	       read_boards(m, overlay) &&
	       (!member_is_there(&notes) ||
		member_text(&notes, MEMBER_PROSE, 0, overlay->notes, sizeof(overlay->notes))) &&
	       member_base64(&dtbo, TREE_DTBO_MAX_BYTES, &overlay->dtbo, &overlay->bytes) &&
	       tree_check_dtbo(overlay->dtbo, overlay->bytes, m->fail);
}

bool tree_overlay_parse(struct tree_overlay *overlay, const char *text, size_t bytes, struct fail *fail)
{
	struct member document;

	memset(overlay, 0, sizeof(*overlay));
	if (!member_document(&document, "overlay", text, bytes, TREE_DOCUMENT_MAX_BYTES, fail)) {
		return false;
	}
	const bool is_good = read_overlay(&document, overlay);
	json_decref(document.value);
	if (!is_good || !member_id(tree_overlay_print(overlay, fail), overlay->id)) {
		tree_overlay_free(overlay);
		return false;
	}
	return true;
}

void tree_overlay_free(struct tree_overlay *overlay)
{
	free(overlay->dtbo);
	overlay->dtbo = NULL;
	overlay->bytes = 0;
}

char *tree_overlay_print(const struct tree_overlay *overlay, struct fail *fail)
{
	const size_t room = sodium_base64_ENCODED_LEN(overlay->bytes, sodium_base64_VARIANT_ORIGINAL);
	char *text = malloc(room);
	json_t *boards = json_array();
	json_t *json = NULL;
	bool is_short = text == NULL;

	for (unsigned i = 0; i < overlay->board_count; i++) {
		is_short |= json_array_append_new(boards, json_string(overlay->boards[i])) != 0;
	}
	if (is_short) {
		json_decref(boards);
	} else {
		(void)sodium_bin2base64(text, room, overlay->dtbo, overlay->bytes, sodium_base64_VARIANT_ORIGINAL);
		json = json_pack("{s:s, s:o, s:s, s:s*}", "name", overlay->name, "boards", boards, "dtbo", text,
				 "notes", overlay->notes[0] != '\0' ? overlay->notes : NULL);
	}
	free(text);
	return member_print(json, fail);
}

bool tree_overlay_is_for(const struct tree_overlay *overlay, const char *board)
{
	for (unsigned i = 0; i < overlay->board_count; i++) {
		if (strcmp(overlay->boards[i], board) == 0) {
			return true;
		}
	}
	return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A store in a folder of its own, and a change that is easy to see: one setting more. */
#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

extern char small_folder[64];
extern char small_path[128]; /* of the database */

/* cmocka's: *state is the open store (NULL it when it was closed). */
int small_store_make(void **state);
int small_store_remove(void **state);
struct store *small_store_open(struct fail *fail);

struct put {
	const char *name, *value;
	bool is_refused; /* undo it although the statement went well */
	int told; /* times that `done` came */
	int order; /* which of all it was */
	bool was_durable;
};
extern int told_count;

bool put_setting(struct sql *sql, void *argument, struct fail *fail);
void note_told(void *argument, const struct fail *fail);
/* A setting of 800 kB. */
bool put_large(struct sql *sql, void *argument, struct fail *fail);

struct count {
	int64_t rows;
	char last[64];
};
bool count_settings(struct sql *sql, void *argument, struct fail *fail);
int64_t rows_of(struct store *store);

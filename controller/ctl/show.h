/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Tables and single values for people. Cells are cleaned: no byte of them steers the terminal. */
#include "ctl/ctl.h"

enum { SHOW_COLUMNS_MOST = 10, SHOW_CELL_BYTES = 400 };

/* X(symbol, SGR) */
#define SHOW_COLORS(X)                                                                             \
	X(PLAIN, "") X(GOOD, "32") X(BUSY, "33") X(BAD, "31") X(FAINT, "2") X(STRONG, "1")

enum show_color {
#define X(symbol, sgr) SHOW_##symbol,
	SHOW_COLORS(X)
#undef X
};

struct table {
	unsigned columns;
	const char *heads[SHOW_COLUMNS_MOST];
	unsigned rows, room;
	char **cells; /* rows * columns; owned */
	unsigned char *colors; /* one a cell */
	unsigned filled; /* cells */
	bool is_broken; /* memory was short */
};

/* Control characters and broken UTF-8 become '?'. */
void show_clean(char *to, size_t room, const char *from);
/* Columns that it takes in a terminal. */
unsigned show_width(const char *text);

void table_begin(struct table *table, unsigned columns, const char *const *heads);
/* The next cell, of the next row after a row's last. NULL and "" become "-". */
void table_put(struct table *table, enum show_color color, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Prints and frees it. On a terminal the last column is cut to what is left of the line. Lines that were printed. */
unsigned table_end(struct table *table, const struct ctl *ctl);

/* A member as a text: "" where it is none. */
const char *show_text(const json_t *json, const char *name);
double show_number(const json_t *json, const char *name);
enum show_color show_state_color(const char *state);
/* "12 s", "3 min", "4 h", "5 d". */
void show_span(char *to, size_t room, int64_t ms);
/* "12 s ago" of an RFC 3339 time; "never" where it is none. */
void show_ago(char *to, size_t room, const char *time);
void show_bytes(char *to, size_t room, double bytes);
/* RFC 3339 with Z. */
bool show_parse_time(const char *text, int64_t *wall_ms);
/* --ends: such a time, or a span from now. *time is room for one. */
bool show_read_ends(const char *text, char time[32]);
/* "  key  value" with the key faint; a value of "" is left out. */
void show_field(const struct ctl *ctl, const char *key, enum show_color color, const char *format,
		...) __attribute__((format(printf, 4, 5)));
/* "name=value name=value" of an object of texts. */
void show_labels(char *to, size_t room, const json_t *labels);

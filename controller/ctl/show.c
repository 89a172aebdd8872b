/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/show.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "base/clock.h"
#include "base/text.h"

static const char *const sgr[] = {
#define X(symbol, code) code,
	SHOW_COLORS(X)
#undef X
};

void show_clean(char *to, size_t room, const char *from)
{
	size_t at = 0;
	size_t left = strlen(from);

	while (left > 0) {
		const unsigned length = text_utf8(from, left);
		const unsigned step = length == 0 ? 1 : length;

		if (at + step >= room) {
			break;
		}
		if (length == 0 || text_is_control(from, length)) {
			to[at++] = '?';
		} else {
			memcpy(to + at, from, length);
			at += length;
		}
		from += step;
		left -= step;
	}
	to[at] = '\0';
}

/* Columns of the character there, and its bytes. */
static unsigned width_of(const char *text, size_t left, unsigned *length)
{
	wchar_t wide = L'?';
	mbstate_t state = {0};

	*length = text_utf8(text, left);
	*length = *length == 0 ? 1 : *length;
	if (*length == 1 || mbrtowc(&wide, text, *length, &state) > *length) {
		return 1;
	}
	const int width = wcwidth(wide);
	return width < 0 ? 1 : (unsigned)width;
}

unsigned show_width(const char *text)
{
	unsigned width = 0;
	unsigned length;

	for (size_t left = strlen(text); left > 0; left -= length, text += length) {
		width += width_of(text, left, &length);
	}
	return width;
}

void table_begin(struct table *table, unsigned columns, const char *const *heads)
{
	*table = (struct table){.columns = columns};
	for (unsigned i = 0; i < columns; i++) {
		table->heads[i] = heads[i];
	}
}

static bool grow(struct table *table)
{
	const unsigned room = table->room == 0 ? 16 : table->room * 2;
	char **cells = realloc(table->cells, (size_t)room * table->columns * sizeof(*cells));

	if (cells == NULL) {
		return false;
	}
	table->cells = cells;
	unsigned char *colors = realloc(table->colors, (size_t)room * table->columns);
	if (colors == NULL) {
		return false;
	}
	table->colors = colors;
	table->room = room;
	return true;
}

void table_put(struct table *table, enum show_color color, const char *format, ...)
{
	char text[SHOW_CELL_BYTES];
	char clean[SHOW_CELL_BYTES];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	show_clean(clean, sizeof(clean), text);
	if (table->is_broken || (table->filled == table->room * table->columns && !grow(table))) {
		table->is_broken = true;
		return;
	}
	char *cell = strdup(clean[0] == '\0' ? "-" : clean);
	if (cell == NULL) {
		table->is_broken = true;
		return;
	}
	table->cells[table->filled] = cell;
	table->colors[table->filled] = (unsigned char)color;
	table->filled++;
	table->rows = table->filled / table->columns;
}

static void measure(const struct table *table, unsigned widths[SHOW_COLUMNS_MOST])
{
	for (unsigned c = 0; c < table->columns; c++) {
		widths[c] = show_width(table->heads[c]);
		for (unsigned r = 0; r < table->rows; r++) {
			const unsigned width = show_width(table->cells[r * table->columns + c]);
			widths[c] = width > widths[c] ? width : widths[c];
		}
	}
}

/* At most `room` columns of it, the last of them an ellipsis where something is missing. */
static void put_cut(const char *text, unsigned room, FILE *out)
{
	unsigned width = 0;
	unsigned length;
	const bool fits = show_width(text) <= room;

	for (size_t left = strlen(text); left > 0; left -= length, text += length) {
		width += width_of(text, left, &length);
		if (!fits && width >= room) {
			fputs("…", out);
			return;
		}
		fwrite(text, 1, length, out);
	}
}

static void put_line(const struct table *table, const struct ctl *ctl, const unsigned *widths,
		     char *const *cells, const unsigned char *colors)
{
	unsigned at = 0;

	for (unsigned c = 0; c < table->columns; c++) {
		const bool is_last = c + 1 == table->columns;
		const char *color = !ctl->has_color  ? ""
				    : colors == NULL ? sgr[SHOW_FAINT]
						     : sgr[colors[c]];
		const unsigned left = ctl->columns > at + 8 ? ctl->columns - at : 8;

		if (color[0] != '\0') {
			fprintf(ctl->out, "\033[%sm", color);
		}
		put_cut(cells[c], is_last && ctl->is_terminal && ctl->columns > 0 ? left : 10000,
			ctl->out);
		if (color[0] != '\0') {
			fputs("\033[0m", ctl->out);
		}
		if (!is_last) {
			fprintf(ctl->out, "%*s", (int)(widths[c] - show_width(cells[c]) + 2), "");
		}
		at += widths[c] + 2;
	}
	fputc('\n', ctl->out);
}

unsigned table_end(struct table *table, const struct ctl *ctl)
{
	unsigned widths[SHOW_COLUMNS_MOST] = {0};
	char *heads[SHOW_COLUMNS_MOST];

	measure(table, widths);
	for (unsigned c = 0; c < table->columns; c++) {
		heads[c] = (char *)(uintptr_t)table->heads[c];
	}
	put_line(table, ctl, widths, heads, NULL);
	for (unsigned r = 0; r < table->rows; r++) {
		put_line(table, ctl, widths, table->cells + (size_t)r * table->columns,
			 table->colors + (size_t)r * table->columns);
	}
	if (table->is_broken) {
		fputs("aetherctl: memory was short, some rows are missing\n", ctl->err);
	}
	for (unsigned i = 0; i < table->filled; i++) {
		free(table->cells[i]);
	}
	free(table->cells);
	free(table->colors);
	return table->rows + 1;
}

void show_field(const struct ctl *ctl, const char *key, enum show_color color, const char *format,
		...)
{
	char text[1024];
	char clean[1024];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	show_clean(clean, sizeof(clean), text);
	if (clean[0] == '\0') {
		return;
	}
	if (ctl->has_color) {
		fprintf(ctl->out, "\033[2m%-14s\033[0m\033[%sm%s\033[0m\n", key, sgr[color], clean);
	} else {
		fprintf(ctl->out, "%-14s%s\n", key, clean);
	}
}

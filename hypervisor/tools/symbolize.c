/* SPDX-License-Identifier: Apache-2.0 */
/*
 * symbolize ELF ADDRESS...   prints each address (hexadecimal, or a symbol) with the function or object that holds it
 * symbolize ELF              copies standard input and puts the name behind every number that is such an address
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/elf_symbols.h"

#define DIGITS_MIN 6 /* of a number within text */

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "symbolize: %s: %s\n", what, why);
	return 2;
}

static void filter(const struct elf_symbols *elf)
{
	char word[17];
	char name[256];
	size_t digits = 0;
	bool is_word = false; /* longer, or with other letters: not a number */
	for (int c = getchar(); c != EOF; c = getchar()) {
		if (c == 'x' && digits == 1 && word[0] == '0') {
			digits = 0;
		} else if (isxdigit(c) && !is_word && digits < sizeof(word) - 1) {
			word[digits++] = (char)c;
		} else if (isalnum(c) || c == '_') {
			is_word = true;
		} else {
			word[digits] = '\0';
			if (!is_word && digits >= DIGITS_MIN &&
			    *elf_symbol_words(elf, strtoull(word, NULL, 16), name, sizeof(name)) != '\0') {
				printf(" <%s>", name);
			}
			digits = 0;
			is_word = false;
		}
		putchar(c);
	}
}

/* Of "7000000131f0", "0x7000000131f0" or "vm_start". */
static bool address_of(const struct elf_symbols *elf, const char *text, uint64_t *address)
{
	char *end = NULL;
	for (size_t i = 0; i < elf->count; i++) {
		if (strcmp(elf->symbols[i].name, text) == 0) {
			*address = elf->symbols[i].address;
			return true;
		}
	}
	*address = strtoull(text, &end, 16);
	return end != text && *end == '\0';
}

int main(int argc, char **argv)
{
	struct elf_symbols elf;
	const char *problem = NULL;
	size_t bytes = 0;
	char name[256];
	int status = 0;
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		return puts("symbolize " AETHER_VERSION) < 0;
	}
	const bool is_help = argc == 2 && strcmp(argv[1], "--help") == 0;
	if (argc < 2 || is_help) {
		fprintf(is_help ? stdout : stderr,
			"usage: symbolize ELF [ADDRESS...]; without one: names into the text of its input\n");
		return is_help ? 0 : 2;
	}
	uint8_t *file = elf_read_file(argv[1], &bytes, &problem);
	if (file == NULL) {
		return fail(argv[1], problem);
	}
	problem = elf_symbols_parse(&elf, file, bytes);
	if (problem != NULL) {
		elf_symbols_free(&elf);
		return fail(argv[1], problem);
	}
	for (int i = 2; i < argc; i++) {
		uint64_t address = 0;
		if (!address_of(&elf, argv[i], &address)) {
			status = fail(argv[i], "neither a hexadecimal address nor a symbol");
			continue;
		}
		elf_symbol_words(&elf, address, name, sizeof(name));
		printf("0x%llx %s\n", (unsigned long long)address, *name != '\0' ? name : "?");
		status = *name != '\0' || status != 0 ? status : 1;
	}
	if (argc == 2) {
		filter(&elf);
	}
	elf_symbols_free(&elf);
	return status;
}

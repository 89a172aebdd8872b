/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The symbols and the build id of an ELF64 file, little-endian: aether.elf, or any other. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_BUILD_ID_MAX 32u

struct elf_symbol {
	uint64_t address, bytes;
	const char *name; /* within the file's copy */
};

struct elf_symbols {
	uint8_t *file;
	size_t file_bytes;
	struct elf_symbol *symbols; /* by address */
	size_t count;
	uint8_t build_id[ELF_BUILD_ID_MAX]; /* the rest zero */
	size_t build_id_bytes; /* 0: it has none */
};

/* Takes `file` (from malloc), also when it fails. NULL, or what is wrong with it. */
const char *elf_symbols_parse(struct elf_symbols *elf, uint8_t *file, size_t bytes);
/* A file's bytes from malloc, at most 64 MiB; NULL: *problem says why. */
uint8_t *elf_read_file(const char *path, size_t *bytes, const char **problem);
void elf_symbols_free(struct elf_symbols *elf);
/* The function or object that holds the address; NULL: none. One without a size reaches to the next. */
const struct elf_symbol *elf_symbol_at(const struct elf_symbols *elf, uint64_t address);
/* "name+0x1c" or "" for an address outside; `text` holds it. */
const char *elf_symbol_words(const struct elf_symbols *elf, uint64_t address, char *text, size_t bytes);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads an ELF file's symbol table (gABI, AAELF64). Nothing in the file is trusted: every offset is checked before it
 * is used, and a name ends within its table.
 */
#include "tools/elf_symbols.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)64 << 20)

uint8_t *elf_read_file(const char *path, size_t *bytes, const char **problem)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = NULL;
	size_t room = 0;
	*bytes = 0;
	*problem = NULL;
	if (file == NULL) {
		*problem = strerror(errno);
		return NULL;
	}
	do {
		room = room == 0 ? (size_t)1 << 16 : 2 * room;
		uint8_t *more = room <= FILE_MAX ? realloc(data, room) : NULL;
		if (more == NULL) {
			*problem = "too large";
			break;
		}
		data = more;
		*bytes += fread(data + *bytes, 1, room - *bytes, file);
	} while (*bytes == room);
	if (*problem == NULL && ferror(file)) {
		*problem = "cannot be read";
	}
	(void)fclose(file);
	if (*problem != NULL) {
		free(data);
		return NULL;
	}
	return data;
}

static bool is_within(const struct elf_symbols *elf, uint64_t offset, uint64_t bytes)
{
	return offset <= elf->file_bytes && bytes <= elf->file_bytes - offset;
}

static bool section_at(const struct elf_symbols *elf, const Elf64_Ehdr *header, uint64_t index, Elf64_Shdr *section)
{
	if (index >= header->e_shnum) {
		return false;
	}
	memcpy(section, elf->file + header->e_shoff + index * sizeof(*section), sizeof(*section));
	return section->sh_type == SHT_NOBITS || is_within(elf, section->sh_offset, section->sh_size);
}

static int by_address(const void *a, const void *b)
{
	const struct elf_symbol *one = a, *other = b;
	if (one->address != other->address) {
		return one->address < other->address ? -1 : 1;
	}
	/* Of several names the one with a size comes last, and is the one that is found. */
	if (one->bytes != other->bytes) {
		return one->bytes < other->bytes ? -1 : 1;
	}
	return strcmp(other->name, one->name);
}

static bool is_wanted(const Elf64_Sym *symbol, const char *name)
{
	const unsigned type = ELF64_ST_TYPE(symbol->st_info);
	/* "$x" and its like mark code and data. */
	return symbol->st_shndx != SHN_UNDEF && symbol->st_shndx != SHN_ABS && name[0] != '\0' && name[0] != '$' &&
	       (type == STT_FUNC || type == STT_OBJECT || type == STT_NOTYPE);
}

static const char *take_symbols(struct elf_symbols *elf, const Elf64_Shdr *table, const Elf64_Shdr *names)
{
	const size_t count = table->sh_size / sizeof(Elf64_Sym);
	const char *text = (const char *)elf->file + names->sh_offset;
	if (names->sh_size == 0 || text[names->sh_size - 1] != '\0') {
		return "its string table has no end";
	}
	elf->symbols = calloc(count + 1, sizeof(*elf->symbols));
	if (elf->symbols == NULL) {
		return "out of memory";
	}
	for (size_t i = 0; i < count; i++) {
		Elf64_Sym symbol;
		memcpy(&symbol, elf->file + table->sh_offset + i * sizeof(symbol), sizeof(symbol));
		if (symbol.st_name < names->sh_size && is_wanted(&symbol, text + symbol.st_name)) {
			elf->symbols[elf->count++] =
				(struct elf_symbol){symbol.st_value, symbol.st_size, text + symbol.st_name};
		}
	}
	qsort(elf->symbols, elf->count, sizeof(*elf->symbols), by_address);
	return NULL;
}

static void take_build_id(struct elf_symbols *elf, const Elf64_Shdr *section)
{
	Elf64_Nhdr note;
	const uint64_t name_at = section->sh_offset + sizeof(note);
	if (section->sh_size < sizeof(note) + 4) {
		return;
	}
	memcpy(&note, elf->file + section->sh_offset, sizeof(note));
	if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(elf->file + name_at, "GNU", 4) == 0 &&
	    note.n_descsz <= section->sh_size - sizeof(note) - 4 && note.n_descsz <= ELF_BUILD_ID_MAX) {
		memcpy(elf->build_id, elf->file + name_at + 4, note.n_descsz);
		elf->build_id_bytes = note.n_descsz;
	}
}

const char *elf_symbols_parse(struct elf_symbols *elf, uint8_t *file, size_t bytes)
{
	Elf64_Ehdr header;
	Elf64_Shdr section, names;
	const char *problem = NULL;
	memset(elf, 0, sizeof(*elf));
	elf->file = file;
	elf->file_bytes = bytes;
	if (bytes < sizeof(header)) {
		return "not an ELF file";
	}
	memcpy(&header, file, sizeof(header));
	if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_shentsize != sizeof(section)) {
		return "not an ELF64 file, little-endian";
	}
	if (!is_within(elf, header.e_shoff, (uint64_t)header.e_shnum * sizeof(section))) {
		return "its section headers are cut off";
	}
	for (uint64_t i = 0; i < header.e_shnum && problem == NULL; i++) {
		if (!section_at(elf, &header, i, &section)) {
			problem = "a section is cut off";
		} else if (section.sh_type == SHT_SYMTAB && elf->symbols == NULL) {
			problem = section_at(elf, &header, section.sh_link, &names) && names.sh_type == SHT_STRTAB ?
					  take_symbols(elf, &section, &names) :
					  "its symbols have no names";
		} else if (section.sh_type == SHT_NOTE && elf->build_id_bytes == 0) {
			take_build_id(elf, &section);
		}
	}
	return problem != NULL ? problem : elf->count == 0 ? "it has no symbols" : NULL;
}

void elf_symbols_free(struct elf_symbols *elf)
{
	free(elf->symbols);
	free(elf->file);
	memset(elf, 0, sizeof(*elf));
}

const struct elf_symbol *elf_symbol_at(const struct elf_symbols *elf, uint64_t address)
{
	size_t low = 0, high = elf->count;
	/* The last one at or below. */
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		if (elf->symbols[middle].address <= address) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	if (low == 0) {
		return NULL;
	}
	const struct elf_symbol *symbol = &elf->symbols[low - 1];
	const bool is_last = low == elf->count;
	const bool is_in = symbol->bytes != 0 ? address - symbol->address < symbol->bytes :
						!is_last || address == symbol->address;
	return is_in ? symbol : NULL;
}

const char *elf_symbol_words(const struct elf_symbols *elf, uint64_t address, char *text, size_t bytes)
{
	const struct elf_symbol *symbol = elf_symbol_at(elf, address);
	if (symbol == NULL) {
		(void)snprintf(text, bytes, "%s", "");
	} else if (symbol->address == address) {
		(void)snprintf(text, bytes, "%s", symbol->name);
	} else {
		(void)snprintf(text, bytes, "%s+0x%llx", symbol->name, (unsigned long long)(address - symbol->address));
	}
	return text;
}

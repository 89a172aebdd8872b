/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace [-e ELF] [-f HZ] FILE   prints a crash record, or one CPU's trace ring as a debugger dumped it (HZ: the
 *                               counter's, 62500000 if not said); names come from ELF, the aether.elf of that build
 *
 * Status 1: the record is damaged.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/trace_print.h"

#define QEMU_HZ 62500000u

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "trace: %s: %s\n", what, why);
	return 2;
}

static int print(const char *path, const struct elf_symbols *elf, uint64_t hz)
{
	const char *problem = NULL;
	size_t bytes = 0;
	bool is_damaged = false;
	uint8_t *data = elf_read_file(path, &bytes, &problem);
	if (data == NULL) {
		return fail(path, problem);
	}
	problem = trace_print(stdout, elf, data, bytes, hz, &is_damaged);
	free(data);
	return problem != NULL ? fail(path, problem) : is_damaged ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct elf_symbols elf = {0};
	const char *elf_path = NULL;
	const char *problem = NULL;
	uint64_t hz = QEMU_HZ;
	size_t bytes = 0;
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		return puts("trace " AETHER_VERSION) < 0;
	}
	const bool is_help = argc == 2 && strcmp(argv[1], "--help") == 0;
	for (int option; !is_help && (option = getopt(argc, argv, "e:f:")) != -1;) {
		if (option == 'e') {
			elf_path = optarg;
		} else if (option == 'f') {
			hz = strtoull(optarg, NULL, 10);
		} else {
			optind = argc + 1;
		}
	}
	if (optind != argc - 1 || is_help) {
		fprintf(is_help ? stdout : stderr, "usage: trace [-e ELF] [-f HZ] FILE\n");
		return is_help ? 0 : 2;
	}
	if (elf_path != NULL) {
		uint8_t *file = elf_read_file(elf_path, &bytes, &problem);
		problem = file != NULL ? elf_symbols_parse(&elf, file, bytes) : problem;
	}
	const int status = problem != NULL ? fail(elf_path, problem) :
					     print(argv[optind], elf_path != NULL ? &elf : NULL, hz);
	elf_symbols_free(&elf);
	return status;
}

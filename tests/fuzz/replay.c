/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target without a fuzzer, as TAP: every file of its corpus, and of each a number of
 * mutations that are the same in every run (N= for more). `NAME FILE...` runs the files that are named, once each:
 * the way to repeat what a fuzzer found.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"

enum { INPUT_MAX_BYTES = 1 << 20 };

/* A target whose one run is slow has its own. */
__attribute__((weak)) const unsigned fuzz_mutations = 3000;

static uint8_t input[INPUT_MAX_BYTES];
static uint8_t mutant[INPUT_MAX_BYTES];

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static size_t read_input(const char *path)
{
	FILE *file = fopen(path, "re");

	if (file == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	const size_t size = fread(input, 1, sizeof(input), file);
	fclose(file);
	return size;
}

/* Changes a few bytes, most often to values that make sizes and offsets extreme; sometimes cuts the end. */
static size_t mutate(size_t size, uint32_t *seed)
{
	static const uint8_t extremes[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
	const uint32_t changes = 1 + next_random(seed) % 4;

	memcpy(mutant, input, size);
	for (uint32_t i = 0; i < changes && size != 0; i++) {
		const uint32_t r = next_random(seed);
		uint8_t *byte = &mutant[next_random(seed) % size];
		*byte = r % 2 == 0 ? extremes[(r >> 1) % sizeof(extremes)] : (uint8_t)(r >> 8);
	}
	return next_random(seed) % 8 == 0 ? next_random(seed) % (size + 1) : size;
}

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	struct dirent **entries = NULL;
	char path[512];
	const char *n = getenv("N");
	const unsigned long mutations = n != NULL ? strtoul(n, NULL, 10) : fuzz_mutations;

	for (int i = 1; i < argc; i++) {
		LLVMFuzzerTestOneInput(input, read_input(argv[i]));
	}
	if (argc > 1) {
		return 0;
	}
	const int count = scandir(fuzz_corpus, &entries, is_input, alphasort);
	if (count <= 0) {
		fprintf(stderr, "%s: no inputs; run from the root of the repository\n",
			fuzz_corpus);
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%d\n", count);
	for (int i = 0; i < count; i++) {
		uint32_t seed = 0x2545f491u + (uint32_t)i;
		snprintf(path, sizeof(path), "%s/%s", fuzz_corpus, entries[i]->d_name);
		const size_t size = read_input(path);
		LLVMFuzzerTestOneInput(input, size);
		for (unsigned long m = 0; m < mutations; m++) {
			LLVMFuzzerTestOneInput(mutant, mutate(size, &seed));
		}
		printf("ok %d - %s and %lu mutations\n", i + 1, entries[i]->d_name, mutations);
		free(entries[i]);
	}
	free(entries);
	return 0;
}

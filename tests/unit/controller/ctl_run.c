/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/controller/ctl_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *ctl_out, *ctl_err;

void ctl_run_end(void)
{
	free(ctl_out);
	free(ctl_err);
	ctl_out = ctl_err = NULL;
}

enum ctl_exit ctl_run(const char *line, const char *input)
{
	char *copy = strdup(line);
	char *rest = copy;
	char *words[64] = {(char *)(uintptr_t) "aetherctl"};
	int count = 1;
	int pipes[2];
	size_t out_bytes;
	size_t err_bytes;

	ctl_run_end();
	assert_non_null(copy);
	for (char *word = strsep(&rest, " "); word != NULL && line[0] != '\0';
	     word = strsep(&rest, " ")) {
		words[count++] = word;
		assert_true(count < 64);
	}
	FILE *out = open_memstream(&ctl_out, &out_bytes);
	FILE *err = open_memstream(&ctl_err, &err_bytes);
	assert_int_equal(pipe(pipes), 0);
	if (input != NULL) {
		assert_int_equal(write(pipes[1], input, strlen(input)), strlen(input));
	}
	close(pipes[1]);
	const enum ctl_exit how = ctl_main(count, words, out, err, pipes[0]);
	close(pipes[0]);
	fclose(out);
	fclose(err);
	free(copy);
	return how;
}

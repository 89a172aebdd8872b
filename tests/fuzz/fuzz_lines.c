/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of dnsmasq's log, whose names are hostile: what comes out is clean and inside its bounds. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "observe/dnsmasq_log.h"

const char fuzz_corpus[] = "tests/fuzz/corpus/lines";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct dnsmasq_line line;
	char *copy = malloc(size);

	if (copy == NULL) {
		return 0;
	}
	memcpy(copy, bytes, size);
	const bool is_known = dnsmasq_parse(copy, size, &line);

	if (is_known != (line.says != DNSMASQ_OTHER) || line.code < 0 ||
	    strnlen(line.text, sizeof(line.text)) == sizeof(line.text) ||
	    strnlen(line.network, sizeof(line.network)) == sizeof(line.network)) {
		abort();
	}
	for (const char *c = line.text; *c != '\0'; c++) {
		if (*c < 0x20 || *c > 0x7e) {
			abort();
		}
	}
	free(copy);
	return 0;
}

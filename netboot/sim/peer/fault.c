/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/peer/fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *word;
	unsigned value_count;
} kinds[] = {
#define X(symbol, word, values, does) {word, values},
	FAULT_KINDS(X)
#undef X
};

const char *fault_word(enum fault_kind kind)
{
	return kinds[kind].word;
}

static bool parse_value(const char *text, int64_t *value)
{
	char *end = NULL;

	errno = 0;
	*value = strtoll(text, &end, 10);
	return errno == 0 && end != text && *end == '\0';
}

static bool parse_kind(const char *text, enum fault_kind *kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(text, kinds[i].word) == 0) {
			*kind = (enum fault_kind)i;
			return true;
		}
	}
	return false;
}

static bool parse_setting(const char *text, struct fault *fault)
{
	int64_t number;

	if (strncmp(text, "count=", 6) == 0) {
		if (!parse_value(text + 6, &number) || number < 0 || number > UINT32_MAX) {
			return false;
		}
		fault->count_left = (uint32_t)number;
		return true;
	}
	return strncmp(text, "path=", 5) == 0 &&
	       snprintf(fault->path, sizeof(fault->path), "%s", text + 5) < (int)sizeof(fault->path);
}

bool fault_add(struct fault_rules *rules, const char *text)
{
	struct fault fault = {.count_left = 1, .path = "/v1/blobs/"};
	char copy[256];
	char *rest = NULL;
	unsigned values = 0;

	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy)) {
		return false;
	}
	char *word = strtok_r(copy, " ", &rest);
	if (word == NULL || !parse_kind(word, &fault.kind)) {
		return false;
	}
	while ((word = strtok_r(NULL, " ", &rest)) != NULL) {
		if (strchr(word, '=') != NULL ? !parse_setting(word, &fault)
					      : values == 2 || !parse_value(word, &fault.value[values++])) {
			return false;
		}
	}
	if (values != kinds[fault.kind].value_count) {
		return false;
	}
	if (fault.kind == FAULT_NONE) {
		rules->count = 0;
		return true;
	}
	if (rules->count == FAULT_RULES_MAX) {
		return false;
	}
	rules->rules[rules->count++] = fault;
	return true;
}

static bool does_fit(const struct fault *fault, const char *path, uint64_t first, uint64_t end)
{
	if (strncmp(path, fault->path, strlen(fault->path)) != 0) {
		return false;
	}
	const uint64_t at = fault->value[0] > 0 ? (uint64_t)fault->value[0] : 0;

	switch (fault->kind) {
	case FAULT_FLIP:
		return at >= first && at < end;
	case FAULT_CUT:
	case FAULT_DIE:
		return at < end - first;
	default:
		return true;
	}
}

struct fault fault_take(struct fault_rules *rules, const char *path, uint64_t first, uint64_t end)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct fault fault = rules->rules[i];

		if (!does_fit(&fault, path, first, end)) {
			continue;
		}
		if (fault.count_left == 1) {
			memmove(&rules->rules[i], &rules->rules[i + 1],
				(rules->count - i - 1) * sizeof(rules->rules[0]));
			rules->count--;
		} else if (fault.count_left > 1) {
			rules->rules[i].count_left--;
		}
		return fault;
	}
	return (struct fault){.kind = FAULT_NONE};
}

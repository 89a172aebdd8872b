/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A good message, one field of it overwritten, and the words that its reader must then find. Include cmocka before. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct wire_mistake {
	size_t at;
	size_t count;
	uint8_t value; /* of each of these bytes */
	const char *words;
};

/* make() writes the message to `bytes`, of that size each time; words() reads it, NULL: it is taken. */
static inline void expect_mistakes(const struct wire_mistake *mistakes, size_t count, uint8_t *bytes, size_t size,
				   size_t (*make)(void), const char *(*words)(size_t size))
{
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(make(), size);
		assert_null(words(size));
		memset(bytes + mistakes[i].at, mistakes[i].value, mistakes[i].count);
		assert_string_equal(words(size), mistakes[i].words);
	}
}

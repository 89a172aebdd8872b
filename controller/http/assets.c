/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the dashboard's files a path means, and in which encoding it is sent. */
#include "http/assets.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct http_asset *exact(const struct http_asset *assets, size_t count,
				      const char *path)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(assets[i].path, path) == 0) {
			return &assets[i];
		}
	}
	return NULL;
}

static bool is_page(const char *path)
{
	return strncmp(path, "/api", 4) != 0 &&
	       strchr(strrchr(path, '/') != NULL ? strrchr(path, '/') : path, '.') == NULL;
}

const struct http_asset *asset_find(const struct http_asset *assets, size_t count, const char *path)
{
	const struct http_asset *asset = exact(assets, count, path);

	return asset != NULL || !is_page(path) ? asset : exact(assets, count, "/index.html");
}

/* RFC 9110 12.5.3: listed, and not with a weight of zero. */
static bool accepts(const char *header, const char *coding)
{
	const size_t length = strlen(coding);

	while (header != NULL && *header != '\0') {
		header += strspn(header, " ,\t");
		const size_t item = strcspn(header, ",");
		const size_t name = strcspn(header, ",; \t");
		if (name == length && strncasecmp(header, coding, length) == 0) {
			const char *weight = memchr(header, '=', item);
			return weight == NULL || strtod(weight + 1, NULL) > 0;
		}
		header += item;
	}
	return false;
}

struct asset_body asset_choose(const struct http_asset *asset, const char *accept_encoding)
{
	if (asset->br != NULL && accepts(accept_encoding, "br")) {
		return (struct asset_body){asset->br, asset->br_size, "br"};
	}
	if (asset->gz != NULL && accepts(accept_encoding, "gzip")) {
		return (struct asset_body){asset->gz, asset->gz_size, "gzip"};
	}
	return (struct asset_body){asset->bytes, asset->size, NULL};
}

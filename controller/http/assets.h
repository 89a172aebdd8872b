/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The files of the dashboard, in the program's own memory. The table is made when the dashboard is built. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_asset {
	const char *path; /* "/index.html", "/app-3f2a.js" */
	const char *type; /* "text/html; charset=utf-8" */
	const uint8_t *bytes;
	size_t size;
	const uint8_t *gz; /* NULL: there is none, or it would be larger */
	size_t gz_size;
	const uint8_t *br;
	size_t br_size;
	const char *etag; /* with its quotes: "\"3f2a...\"" */
	bool is_hashed; /* the name changes with the content: kept for ever */
};

/* The built dashboard's. */
extern const struct http_asset http_assets[];
extern const size_t http_asset_count;

/* NULL: none. A path that looks like a page (no '.' in its last segment, not below /api) gets /index.html. */
const struct http_asset *asset_find(const struct http_asset *assets, size_t count,
				    const char *path);

struct asset_body {
	const uint8_t *bytes;
	size_t size;
	const char *encoding; /* NULL: as it is */
};
/* By Accept-Encoding (NULL: absent): br before gzip before none. */
struct asset_body asset_choose(const struct http_asset *asset, const char *accept_encoding);

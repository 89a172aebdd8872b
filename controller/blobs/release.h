/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The built-in release: the bundle (netboot/wire/bundle.h) that the controller was installed with. Its manifest and its
 * blobs become files of the store of blobs, then rows of `blob` and `release` in one change.
 */
#include <stdbool.h>

#include "blobs/blobs.h"
#include "store/store.h"

/*
 * Makes the bundle's release the built-in one. May be called at every start: what is there already and sound is kept,
 * what was damaged is written again. `manifest_hex` is the release's name. False: *fail; the release that was the
 * built-in one still is.
 */
bool release_import(struct store *store, struct blobs *blobs, const char *bundle_path,
		    char manifest_hex[BLOB_HEX_BYTES], struct fail *fail);
/* The built-in release of an earlier import; FAIL_NOT_FOUND: there was none. */
bool release_builtin(struct store *store, char manifest_hex[BLOB_HEX_BYTES], struct fail *fail);

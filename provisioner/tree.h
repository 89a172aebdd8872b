/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The TFTP tree: the folder whose files nodes can ask for, and nothing else. */
#include "error.h"

/*
 * Makes `source`'s content available as `name` in the folder `root`, which exists, readable for the
 * TFTP server. A reader sees the old file or the new one, never a part. `name` is one path component
 * of letters, digits and . _ - that does not start with a dot; `source` a regular file that is not
 * empty. On error -1, and the file that was there before stays.
 */
int tree_install(
	const char *root, const char *name, const char *source, struct provision_error *error);

/*
 * tree_install() of every file of the folder `from`, under its own name: what a Raspberry Pi's firmware asks for.
 * Folders in it, and names that start with a dot, are passed over. On error, also where there is no file or more
 * than TREE_FILES_MAX, -1; some may be there then.
 */
enum { TREE_FILES_MAX = 256 };
int tree_install_all(const char *root, const char *from, struct provision_error *error);

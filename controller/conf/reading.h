/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A group of the file whose keys stand in a table, for conf/ alone. */
#include <libconfig.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/fail.h"
#include "conf/conf.h"

struct key {
	const char *name;
	const char *is; /* what its value must be, for the sentence of one who wrote something else */
	bool (*take)(const config_setting_t *setting, void *into);
};

/* Each setting of `group` is taken by the key of its name. False: *fail has file, line and what is known. */
bool reading_group(const char *path, const config_setting_t *group, const struct key *keys, size_t count, void *into,
		   struct fail *fail);
/* *fail: "FILE:LINE: ..." of that setting; false. */
bool reading_failed(const char *path, const config_setting_t *setting, struct fail *fail, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* An integer within bounds. */
bool reading_number(const config_setting_t *setting, int least, int most, int *value);
/* The string, NULL: it is none. */
const char *reading_string(const config_setting_t *setting);
/* An array or list of addresses. */
bool reading_addresses(const config_setting_t *setting, uint32_t *addresses, unsigned *count);

bool network_read(const char *path, const config_setting_t *group, struct conf_network *network, struct fail *fail);

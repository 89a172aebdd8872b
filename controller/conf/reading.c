/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of the configuration file by tables of keys; errors with file and line. */
#include "conf/reading.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf/value.h"

bool reading_failed(const char *path, const config_setting_t *setting, struct fail *fail, const char *format, ...)
{
	char why[FAIL_TEXT_BYTES];
	const char *file = config_setting_source_file(setting);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	return fail_set(fail, FAIL_INVALID, "%s:%u: %s", file != NULL ? file : path,
			(unsigned)config_setting_source_line(setting), why);
}

static const struct key *find(const struct key *keys, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(keys[i].name, name) == 0) {
			return &keys[i];
		}
	}
	return NULL;
}

bool reading_group(const char *path, const config_setting_t *group, const struct key *keys, size_t count, void *into,
		   struct fail *fail)
{
	for (unsigned i = 0; i < (unsigned)config_setting_length(group); i++) {
		const config_setting_t *setting = config_setting_get_elem(group, i);
		const struct key *key = find(keys, count, config_setting_name(setting));

		if (key == NULL) {
			struct text known = {.most = FAIL_TEXT_BYTES};

			for (size_t k = 0; k < count; k++) {
				text_printf(&known, "%s%s", k == 0 ? "" : " ", keys[k].name);
			}
			reading_failed(path, setting, fail, "'%.32s' is not known; known are: %s",
				       config_setting_name(setting), known.bytes != NULL ? known.bytes : "");
			text_free(&known);
			return false;
		}
		if (!key->take(setting, into)) {
			return reading_failed(path, setting, fail, "'%s' must be %s", key->name, key->is);
		}
	}
	return true;
}

bool reading_number(const config_setting_t *setting, int least, int most, int *value)
{
	if (config_setting_type(setting) != CONFIG_TYPE_INT) {
		return false;
	}
	*value = config_setting_get_int(setting);
	return *value >= least && *value <= most;
}

const char *reading_string(const config_setting_t *setting)
{
	return config_setting_type(setting) == CONFIG_TYPE_STRING ? config_setting_get_string(setting) : NULL;
}

bool reading_addresses(const config_setting_t *setting, uint32_t *addresses, unsigned *count)
{
	const int type = config_setting_type(setting);

	if (type != CONFIG_TYPE_ARRAY && type != CONFIG_TYPE_LIST) {
		return false;
	}
	*count = 0;
	for (unsigned i = 0; i < (unsigned)config_setting_length(setting); i++) {
		const char *text = reading_string(config_setting_get_elem(setting, i));

		if (i == CONF_SERVERS_MOST || text == NULL || !value_address(text, &addresses[i])) {
			return false;
		}
		*count = i + 1;
	}
	return true;
}

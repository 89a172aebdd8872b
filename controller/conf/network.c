/* SPDX-License-Identifier: Apache-2.0 */
/* One group of `networks`: keys, then what must hold between them. */
#include <string.h>

#include "conf/reading.h"
#include "conf/value.h"

static bool take_interface(const config_setting_t *setting, void *into)
{
	struct conf_network *network = into;
	const char *text = reading_string(setting);

	return text != NULL && value_name(text, network->interface, sizeof(network->interface));
}

static bool take_mode(const config_setting_t *setting, void *into)
{
	struct conf_network *network = into;
	const char *text = reading_string(setting);

#define X(symbol, word)                                                                                                \
	if (text != NULL && strcmp(text, word) == 0) {                                                                 \
		network->mode = CONF_MODE_##symbol;                                                                    \
		return true;                                                                                           \
	}
	CONF_MODES(X)
#undef X
	return false;
}

static bool take_address(const config_setting_t *setting, void *into)
{
	struct conf_network *network = into;
	const char *text = reading_string(setting);

	return text != NULL && value_subnet(text, &network->address, &network->prefix_bits) &&
	       network->prefix_bits >= 8 && network->prefix_bits <= 30;
}

static bool take_range(const config_setting_t *setting, void *into)
{
	struct conf_network *network = into;
	const char *text = reading_string(setting);

	return text != NULL && value_range(text, &network->range_first, &network->range_last);
}

static bool take_router(const config_setting_t *setting, void *into)
{
	const char *text = reading_string(setting);

	return text != NULL && value_address(text, &((struct conf_network *)into)->router);
}

static bool take_dns(const config_setting_t *setting, void *into)
{
	struct conf_network *network = into;

	return reading_addresses(setting, network->dns, &network->dns_count);
}

static bool take_ntp(const config_setting_t *setting, void *into)
{
	struct conf_network *network = into;

	return reading_addresses(setting, network->ntp, &network->ntp_count);
}

static bool take_unknown(const config_setting_t *setting, void *into)
{
	struct conf_network *network = into;
	const char *text = reading_string(setting);

#define X(symbol, word)                                                                                                \
	if (text != NULL && strcmp(text, word) == 0) {                                                                 \
		network->unknown = CONF_UNKNOWN_##symbol;                                                              \
		return true;                                                                                           \
	}
	CONF_UNKNOWN(X)
#undef X
	return false;
}

static bool take_force(const config_setting_t *setting, void *into)
{
	if (config_setting_type(setting) != CONFIG_TYPE_BOOL) {
		return false;
	}
	((struct conf_network *)into)->is_forced = config_setting_get_bool(setting) != 0;
	return true;
}

static bool take_lease(const config_setting_t *setting, void *into)
{
	int seconds;

	if (!reading_number(setting, 120, 7 * 24 * 3600, &seconds)) {
		return false;
	}
	((struct conf_network *)into)->lease_s = (uint32_t)seconds;
	return true;
}

static const struct key keys[] = {
	{"interface", "the name of a network interface, like \"eth1\"", take_interface},
	{"mode", "\"authoritative\": the controller alone answers DHCP there", take_mode},
	{"address", "this host's address with the prefix, /8 to /30, like \"10.77.0.1/24\"", take_address},
	{"range", "the first and last address to lease, like \"10.77.0.10-10.77.0.200\"", take_range},
	{"router", "an IPv4 address", take_router},
	{"dns", "a list of at most 4 IPv4 addresses", take_dns},
	{"ntp", "a list of at most 4 IPv4 addresses", take_ntp},
	{"unknown", "\"enroll\", \"observe\" or \"ignore\"", take_unknown},
	{"force", "true or false", take_force},
	{"lease", "a number of seconds, 120 to 604800", take_lease},
};

static bool is_host(const struct conf_network *network, uint32_t address)
{
	const uint32_t hosts = UINT32_MAX >> network->prefix_bits;

	return (address & ~hosts) == (network->address & ~hosts) && (address & hosts) != 0 &&
	       (address & hosts) != hosts;
}

static bool check(const char *path, const config_setting_t *group, const struct conf_network *network,
		  struct fail *fail)
{
	static const char *const needed[] = {"interface", "mode", "address", "range"};

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (config_setting_get_member(group, needed[i]) == NULL) {
			return reading_failed(path, group, fail, "a network needs '%s'", needed[i]);
		}
	}
	if (!is_host(network, network->address)) {
		return reading_failed(path, group, fail, "'address' is the network's own or its broadcast address");
	}
	if (!is_host(network, network->range_first) || !is_host(network, network->range_last)) {
		return reading_failed(path, config_setting_get_member(group, "range"), fail,
				      "'range' reaches out of the network of 'address'");
	}
	if (network->address >= network->range_first && network->address <= network->range_last) {
		return reading_failed(path, config_setting_get_member(group, "range"), fail,
				      "'range' has this host's own address in it");
	}
	if (network->router != 0 && !is_host(network, network->router)) {
		return reading_failed(path, config_setting_get_member(group, "router"), fail,
				      "'router' is not in the network of 'address'");
	}
	return true;
}

bool network_read(const char *path, const config_setting_t *group, struct conf_network *network, struct fail *fail)
{
	*network = (struct conf_network){.lease_s = 3600};
	if (config_setting_type(group) != CONFIG_TYPE_GROUP) {
		return reading_failed(path, group, fail, "a network is a group: { interface = \"eth1\"; ... }");
	}
	return reading_group(path, group, keys, sizeof(keys) / sizeof(keys[0]), network, fail) &&
	       check(path, group, network, fail);
}

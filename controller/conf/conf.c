/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file as a whole. */
#include "conf/conf.h"

#include <stdio.h>
#include <string.h>

#include "conf/reading.h"
#include "conf/value.h"

enum { LOOPBACK = 127 };

const char *conf_unknown_text(enum conf_unknown unknown)
{
	static const char *const words[] = {
#define X(symbol, word) word,
		CONF_UNKNOWN(X)
#undef X
	};

	return words[unknown];
}

void conf_default(struct conf *conf)
{
	*conf = (struct conf){
		.state = "/var/lib/aether",
		.user = "aether",
		.dnsmasq_user = "aether-dhcp",
		.people_address = 0x7f000001,
		.people_port = 8080,
		.node_port = 7480,
		.interval_ms = 1000,
		.nodes = 64,
		.dnsmasq = "/usr/sbin/dnsmasq",
	};
}

static bool path(const config_setting_t *setting, char into[CONF_PATH_BYTES])
{
	const char *text = reading_string(setting);

	if (text != NULL && text[0] == '\0') {
		into[0] = '\0';
		return true;
	}
	return text != NULL && value_path(text, into, CONF_PATH_BYTES);
}

#define TAKE_PATH(field)                                                                                               \
	static bool take_##field(const config_setting_t *setting, void *into)                                          \
	{                                                                                                              \
		return path(setting, ((struct conf *)into)->field);                                                    \
	}
TAKE_PATH(power)
TAKE_PATH(image)
TAKE_PATH(boot_script)
TAKE_PATH(pi_files)
TAKE_PATH(bundle)
TAKE_PATH(programs)

static bool take_state(const config_setting_t *setting, void *into)
{
	struct conf *conf = into;

	/* A socket's name in it has 107 bytes at most. */
	return path(setting, conf->state) && conf->state[0] != '\0' && strlen(conf->state) <= 90;
}

static bool take_dnsmasq(const config_setting_t *setting, void *into)
{
	struct conf *conf = into;

	return path(setting, conf->dnsmasq) && conf->dnsmasq[0] != '\0';
}

static bool user(const config_setting_t *setting, char *into, size_t bytes)
{
	const char *text = reading_string(setting);

	if (text != NULL && text[0] == '\0') {
		into[0] = '\0';
		return true;
	}
	return text != NULL && value_name(text, into, bytes);
}

static bool take_user(const config_setting_t *setting, void *into)
{
	struct conf *conf = into;

	return user(setting, conf->user, sizeof(conf->user));
}

static bool take_dnsmasq_user(const config_setting_t *setting, void *into)
{
	struct conf *conf = into;

	return user(setting, conf->dnsmasq_user, sizeof(conf->dnsmasq_user));
}

static bool take_people(const config_setting_t *setting, void *into)
{
	struct conf *conf = into;
	const char *text = reading_string(setting);

	return text != NULL && value_endpoint(text, &conf->people_address, &conf->people_port) &&
	       conf->people_address >> 24 == LOOPBACK;
}

static bool take_node_port(const config_setting_t *setting, void *into)
{
	int port;

	if (!reading_number(setting, 1, UINT16_MAX, &port)) {
		return false;
	}
	((struct conf *)into)->node_port = (uint16_t)port;
	return true;
}

static bool take_hosts(const config_setting_t *setting, void *into)
{
	struct conf *conf = into;
	const int type = config_setting_type(setting);

	if (type != CONFIG_TYPE_ARRAY && type != CONFIG_TYPE_LIST) {
		return false;
	}
	for (unsigned i = 0; i < (unsigned)config_setting_length(setting); i++) {
		const char *text = reading_string(config_setting_get_elem(setting, i));

		if (i == CONF_HOSTS_MOST || text == NULL || !value_name(text, conf->hosts[i], CONF_HOST_BYTES)) {
			return false;
		}
		conf->host_count = i + 1;
	}
	return true;
}

static bool take_interval(const config_setting_t *setting, void *into)
{
	int value;

	if (!reading_number(setting, 100, 60000, &value)) {
		return false;
	}
	((struct conf *)into)->interval_ms = (uint32_t)value;
	return true;
}

static bool take_nodes(const config_setting_t *setting, void *into)
{
	int value;

	if (!reading_number(setting, 1, CONF_NODES_MOST, &value)) {
		return false;
	}
	((struct conf *)into)->nodes = (uint32_t)value;
	return true;
}

static bool take_networks(const config_setting_t *setting, void *into)
{
	(void)into; /* network_read() has more to say: see networks() */
	return config_setting_type(setting) == CONFIG_TYPE_LIST && config_setting_length(setting) <= CONF_NETWORKS_MOST;
}

static const struct key keys[] = {
	{"state", "the absolute path of the state directory, at most 90 bytes", take_state},
	{"user", "the name of aetherd's user; \"\" is whoever starts it", take_user},
	{"dnsmasq_user", "the name of dnsmasq's user; \"\" is whoever starts it", take_dnsmasq_user},
	{"people",
	 "a loopback address and a port, like \"127.0.0.1:8080\" (elsewhere needs HTTPS, which is not there yet)",
	 take_people},
	{"node_port", "a port, 1 to 65535", take_node_port},
	{"hosts", "a list of at most 16 host names", take_hosts},
	{"networks", "a list of at most 4 groups: ( { interface = \"eth1\"; ... } )", take_networks},
	{"interval", "a number of milliseconds, 100 to 60000", take_interval},
	{"nodes", "the expected number of nodes, 1 to 10000", take_nodes},
	{"power", "the absolute path of the power driver, or \"\"", take_power},
	{"image", "the absolute path of aether.img, or \"\"", take_image},
	{"boot_script", "the absolute path of boot.scr.uimg, or \"\"", take_boot_script},
	{"pi_files", "the absolute path of a folder with a Raspberry Pi's firmware files, or \"\"", take_pi_files},
	{"bundle", "the absolute path of the built-in release, or \"\"", take_bundle},
	{"dnsmasq", "the absolute path of the dnsmasq program", take_dnsmasq},
	{"programs", "the absolute path of the folder with aetherd and aether-lease, or \"\"", take_programs},
};

static bool do_overlap(const struct conf_network *a, const struct conf_network *b)
{
	const unsigned bits = a->prefix_bits < b->prefix_bits ? a->prefix_bits : b->prefix_bits;

	return (a->address ^ b->address) >> (32 - bits) == 0;
}

static bool networks(const config_setting_t *list, struct conf *conf, struct fail *fail)
{
	if (list == NULL) {
		return true;
	}
	for (unsigned i = 0; i < (unsigned)config_setting_length(list); i++) {
		const config_setting_t *group = config_setting_get_elem(list, i);
		struct conf_network *network = &conf->networks[i];

		if (!network_read(conf->path, group, network, fail)) {
			return false;
		}
		for (unsigned j = 0; j < i; j++) {
			if (strcmp(conf->networks[j].interface, network->interface) == 0) {
				return reading_failed(conf->path, group, fail, "interface '%s' has a network already",
						      network->interface);
			}
			if (do_overlap(&conf->networks[j], network)) {
				return reading_failed(conf->path, group, fail, "the network overlaps that of '%s'",
						      conf->networks[j].interface);
			}
		}
		conf->network_count = i + 1;
	}
	return true;
}

static bool parse_failed(const config_t *config, const char *name, struct fail *fail)
{
	if (config_error_type(config) == CONFIG_ERR_FILE_IO) {
		return fail_set(fail, FAIL_NOT_FOUND, "%s cannot be read: write it, or name another with -c", name);
	}
	return fail_set(fail, FAIL_INVALID, "%s:%d: %s",
			config_error_file(config) != NULL ? config_error_file(config) : name,
			config_error_line(config), config_error_text(config));
}

bool conf_read(const char *name, struct conf *conf, struct fail *fail)
{
	config_t config;
	bool is_good = false;

	conf_default(conf);
	if (strlen(name) >= sizeof(conf->path)) {
		return fail_set(fail, FAIL_INVALID, "the name of the configuration file is too long");
	}
	strcpy(conf->path, name);
	config_init(&config);
	if (config_read_file(&config, name) != CONFIG_TRUE) {
		parse_failed(&config, name, fail);
	} else {
		is_good = reading_group(name, config_root_setting(&config), keys, sizeof(keys) / sizeof(keys[0]), conf,
					fail) &&
			  networks(config_lookup(&config, "networks"), conf, fail);
	}
	config_destroy(&config);
	return is_good;
}

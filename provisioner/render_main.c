/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provision-render: options in, dnsmasq.conf and the TFTP tree out. It starts nothing; whoever calls
 * it runs dnsmasq. Parsing is strict: an argument is taken whole or refused with its name.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "render.h"
#include "tree.h"

#define FILES_MAX 16u
#define TEXT_BYTES (1u << 20)

static const char usage[] =
	"usage: provision-render --interface NAME --server IP/PREFIX --range FIRST-LAST\n"
	"           --tftp-root DIR --lease-file FILE --log-file FILE [option]...\n"
	"  --host MAC,IP[,NAME]   this node always gets this address (repeatable)\n"
	"  --file NAME=SOURCE     put a copy of SOURCE into the TFTP root (repeatable)\n"
	"  --boot-file NAME       what U-Boot is told to load (aether.img)\n"
	"  --pxe-config NAME      pxelinux-style configuration (option 209)\n"
	"  --bundle NAME          U-Boot is to load this too, as the initrd (none: the controller has it)\n"
	"  --router IP            the network's router (none)\n"
	"  --lease SECONDS        length of a lease (3600)\n"
	"  --tftp-max N           transfers at a time (256)\n"
	"  --user NAME            whom dnsmasq runs as after its start\n"
	"  --output FILE          where to write the configuration (standard output)\n";

struct tree_file {
	const char *name;
	const char *source;
};

struct arguments {
	struct render_conf conf;
	struct render_network network; /* conf.networks points here */
	struct render_host *hosts; /* RENDER_HOSTS_MAX of them; conf.hosts points here */
	struct tree_file files[FILES_MAX];
	size_t file_count;
	const char *output;
};

/* The decimal number at *text, at most `max`, which is then passed. */
static bool parse_number(const char **text, uint32_t max, uint32_t *number)
{
	uint64_t value = 0;
	const char *c = *text;

	for (; *c >= '0' && *c <= '9'; c++) {
		value = value * 10 + (uint64_t)(*c - '0');
		if (value > max) {
			return false;
		}
	}
	if (c == *text) {
		return false;
	}
	*number = (uint32_t)value;
	*text = c;
	return true;
}

static bool parse_ipv4(const char **text, ipv4_t *address)
{
	const char *c = *text;
	uint32_t bits = 0;

	for (int i = 0; i < 4; i++) {
		uint32_t byte = 0;

		if ((i > 0 && *c++ != '.') || !parse_number(&c, 255, &byte)) {
			return false;
		}
		bits = bits << 8 | byte;
	}
	address->bits = bits;
	*text = c;
	return true;
}

static bool parse_mac(const char **text, uint8_t mac[static 6])
{
	static const char digits[] = "0123456789abcdef";
	const char *c = *text;

	for (int i = 0; i < 6; i++) {
		if (i > 0 && *c++ != ':') {
			return false;
		}
		unsigned byte = 0;
		for (int nibble = 0; nibble < 2; nibble++, c++) {
			const char *digit = *c != '\0' ? strchr(digits, *c | 0x20) : NULL;
			if (digit == NULL) {
				return false;
			}
			byte = byte << 4 | (unsigned)(digit - digits);
		}
		mac[i] = (uint8_t)byte;
	}
	*text = c;
	return true;
}

static bool parse_server(struct render_network *network, const char *c)
{
	return parse_ipv4(&c, &network->server) && *c++ == '/' &&
	       parse_number(&c, 32, &network->prefix_bits) && *c == '\0';
}

static bool parse_range(struct render_network *network, const char *c)
{
	return parse_ipv4(&c, &network->range_first) && *c++ == '-' &&
	       parse_ipv4(&c, &network->range_last) && *c == '\0';
}

static bool parse_host(struct arguments *arguments, const char *c)
{
	if (arguments->conf.host_count == RENDER_HOSTS_MAX) {
		return false;
	}
	struct render_host *host = &arguments->hosts[arguments->conf.host_count];

	*host = (struct render_host){.name = NULL};
	if (!parse_mac(&c, host->mac) || *c++ != ',' || !parse_ipv4(&c, &host->address)) {
		return false;
	}
	if (*c == ',') {
		host->name = c + 1;
	} else if (*c != '\0') {
		return false;
	}
	arguments->conf.host_count++;
	return true;
}

static bool parse_file(struct arguments *arguments, char *text)
{
	char *equals = strchr(text, '=');

	if (equals == NULL || arguments->file_count == FILES_MAX) {
		return false;
	}
	*equals = '\0';
	arguments->files[arguments->file_count++] =
		(struct tree_file){.name = text, .source = equals + 1};
	return true;
}

enum cli_option {
	OPTION_INTERFACE = 1,
	OPTION_SERVER,
	OPTION_RANGE,
	OPTION_ROUTER,
	OPTION_LEASE,
	OPTION_BOOT_FILE,
	OPTION_PXE_CONFIG,
	OPTION_BUNDLE,
	OPTION_TFTP_ROOT,
	OPTION_LEASE_FILE,
	OPTION_LOG_FILE,
	OPTION_USER,
	OPTION_TFTP_MAX,
	OPTION_HOST,
	OPTION_FILE,
	OPTION_OUTPUT,
	OPTION_HELP,
	OPTION_VERSION,
};

static const struct option options[] = {
	{"interface", required_argument, NULL, OPTION_INTERFACE},
	{"server", required_argument, NULL, OPTION_SERVER},
	{"range", required_argument, NULL, OPTION_RANGE},
	{"router", required_argument, NULL, OPTION_ROUTER},
	{"lease", required_argument, NULL, OPTION_LEASE},
	{"boot-file", required_argument, NULL, OPTION_BOOT_FILE},
	{"pxe-config", required_argument, NULL, OPTION_PXE_CONFIG},
	{"bundle", required_argument, NULL, OPTION_BUNDLE},
	{"tftp-root", required_argument, NULL, OPTION_TFTP_ROOT},
	{"lease-file", required_argument, NULL, OPTION_LEASE_FILE},
	{"log-file", required_argument, NULL, OPTION_LOG_FILE},
	{"user", required_argument, NULL, OPTION_USER},
	{"tftp-max", required_argument, NULL, OPTION_TFTP_MAX},
	{"host", required_argument, NULL, OPTION_HOST},
	{"file", required_argument, NULL, OPTION_FILE},
	{"output", required_argument, NULL, OPTION_OUTPUT},
	{"help", no_argument, NULL, OPTION_HELP},
	{"version", no_argument, NULL, OPTION_VERSION},
	{NULL, 0, NULL, 0},
};

/* Takes one option's value; false if it is malformed. */
static bool take(struct arguments *arguments, int option, char *value)
{
	struct render_conf *conf = &arguments->conf;
	struct render_network *network = &arguments->network;
	const char *c = value;

	switch (option) {
	case OPTION_SERVER:
		return parse_server(network, c);
	case OPTION_RANGE:
		return parse_range(network, c);
	case OPTION_ROUTER:
		return parse_ipv4(&c, &network->router) && *c == '\0';
	case OPTION_LEASE:
		return parse_number(&c, UINT32_MAX, &network->lease_s) && *c == '\0';
	case OPTION_TFTP_MAX:
		return parse_number(&c, UINT32_MAX, &conf->tftp_max) && *c == '\0';
	case OPTION_HOST:
		return parse_host(arguments, c);
	case OPTION_FILE:
		return parse_file(arguments, value);
	case OPTION_INTERFACE:
		network->interface = value;
		return true;
	case OPTION_BOOT_FILE:
		conf->boot_file = value;
		return true;
	case OPTION_PXE_CONFIG:
		conf->pxe_config = value;
		return true;
	case OPTION_BUNDLE:
		conf->bundle = value;
		return true;
	case OPTION_TFTP_ROOT:
		conf->tftp_root = value;
		return true;
	case OPTION_LEASE_FILE:
		conf->lease_file = value;
		return true;
	case OPTION_LOG_FILE:
		conf->log_file = value;
		return true;
	case OPTION_USER:
		conf->user = value;
		return true;
	case OPTION_OUTPUT:
		arguments->output = value;
		return true;
	default:
		return false;
	}
}

static int write_output(const char *path, const char *text, struct provision_error *error)
{
	FILE *file = path != NULL ? fopen(path, "we") : stdout;
	const char *name = path != NULL ? path : "standard output";

	if (file == NULL) {
		return provision_fail(error, "%s: %s", name, strerror(errno));
	}
	bool is_written = fputs(text, file) >= 0;
	if (fclose(file) != 0 || !is_written) {
		return provision_fail(error, "%s: %s", name, strerror(errno));
	}
	return 0;
}

static int run(const struct arguments *arguments, char *text, struct provision_error *error)
{
	if (arguments->conf.tftp_max == 0 || arguments->conf.lease_file == NULL || arguments->conf.log_file == NULL) {
		return provision_fail(error, "--lease-file, --log-file and a --tftp-max above 0 are needed");
	}
	if (render_dnsmasq(&arguments->conf, text, TEXT_BYTES, error) < 0) {
		return -1;
	}
	for (size_t i = 0; i < arguments->file_count; i++) {
		const struct tree_file *file = &arguments->files[i];

		if (tree_install(arguments->conf.tftp_root, file->name, file->source, error) < 0) {
			return -1;
		}
	}
	return write_output(arguments->output, text, error);
}

int main(int argc, char **argv)
{
	static struct render_host hosts[RENDER_HOSTS_MAX];
	static char text[TEXT_BYTES];
	struct arguments arguments = {
		.conf = {.boot_file = "aether.img", .tftp_max = 256, .hosts = hosts, .network_count = 1},
		.network = {.lease_s = 3600},
		.hosts = hosts,
	};
	struct provision_error error = {.text = ""};
	int index = 0;

	arguments.conf.networks = &arguments.network;
	for (int option; (option = getopt_long(argc, argv, "", options, &index)) != -1;) {
		if (option == OPTION_HELP) {
			return fputs(usage, stdout) < 0;
		}
		if (option == OPTION_VERSION) {
			return puts("provision-render " AETHER_VERSION) < 0;
		}
		if (option == '?') {
			(void)fputs(usage, stderr);
			return 2;
		}
		if (!take(&arguments, option, optarg)) {
			(void)fprintf(stderr, "provision-render: --%s: cannot read '%s'\n",
				options[index].name, optarg);
			return 2;
		}
	}
	if (optind < argc) {
		(void)fprintf(stderr, "provision-render: '%s' is not an option\n", argv[optind]);
		return 2;
	}
	if (run(&arguments, text, &error) < 0) {
		(void)fprintf(stderr, "provision-render: %s\n", error.text);
		return 1;
	}
	return 0;
}

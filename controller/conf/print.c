/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration as it was understood, in the syntax of the file. */
#include "conf/conf.h"
#include "conf/value.h"

static void addresses(struct text *to, const char *key, const uint32_t *list, unsigned count)
{
	char text[VALUE_ADDRESS_BYTES];

	text_printf(to, "\t\t%s = (", key);
	for (unsigned i = 0; i < count; i++) {
		text_printf(to, "%s\"%s\"", i == 0 ? " " : ", ", value_print(list[i], text));
	}
	text_puts(to, count == 0 ? ");\n" : " );\n");
}

static void print_network(struct text *to, const struct conf_network *network)
{
	static const char *const modes[] = {
#define X(symbol, word) word,
		CONF_MODES(X)
#undef X
	};
	char first[VALUE_ADDRESS_BYTES], last[VALUE_ADDRESS_BYTES];

	text_printf(to, "\t{\n\t\tinterface = \"%s\";\n\t\tmode = \"%s\";\n", network->interface, modes[network->mode]);
	text_printf(to, "\t\taddress = \"%s/%u\";\n", value_print(network->address, first), network->prefix_bits);
	text_printf(to, "\t\trange = \"%s-%s\";\n", value_print(network->range_first, first),
		    value_print(network->range_last, last));
	if (network->router != 0) {
		text_printf(to, "\t\trouter = \"%s\";\n", value_print(network->router, first));
	}
	addresses(to, "dns", network->dns, network->dns_count);
	addresses(to, "ntp", network->ntp, network->ntp_count);
	text_printf(to, "\t\tunknown = \"%s\";\n\t\tforce = %s;\n\t\tlease = %u;\n\t}",
		    conf_unknown_text(network->unknown), network->is_forced ? "true" : "false", network->lease_s);
}

void conf_print(const struct conf *conf, struct text *to)
{
	char address[VALUE_ADDRESS_BYTES];

	text_printf(to, "state = \"%s\";\nuser = \"%s\";\ndnsmasq_user = \"%s\";\n", conf->state, conf->user,
		    conf->dnsmasq_user);
	text_printf(to, "people = \"%s:%u\";\nnode_port = %u;\nhosts = (", value_print(conf->people_address, address),
		    conf->people_port, conf->node_port);
	for (unsigned i = 0; i < conf->host_count; i++) {
		text_printf(to, "%s\"%s\"", i == 0 ? " " : ", ", conf->hosts[i]);
	}
	text_puts(to, conf->host_count == 0 ? ");\nnetworks = (" : " );\nnetworks = (");
	for (unsigned i = 0; i < conf->network_count; i++) {
		text_puts(to, i == 0 ? "\n" : ",\n");
		print_network(to, &conf->networks[i]);
	}
	text_puts(to, conf->network_count == 0 ? ");\n" : "\n);\n");
	text_printf(to, "interval = %u;\nnodes = %u;\n", conf->interval_ms, conf->nodes);
	text_printf(to, "power = \"%s\";\nimage = \"%s\";\nboot_script = \"%s\";\n", conf->power,
		    conf->image, conf->boot_script);
	text_printf(to, "pi_files = \"%s\";\nbundle = \"%s\";\n", conf->pi_files, conf->bundle);
	text_printf(to, "dnsmasq = \"%s\";\nprograms = \"%s\";\n", conf->dnsmasq, conf->programs);
}

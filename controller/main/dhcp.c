/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renders what dnsmasq is told. Files are written beside and renamed, so that dnsmasq, which may start at any moment, sees
 * a whole one.
 */
#include "main/dhcp.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/value.h"
#include "monitor/word.h"
#include "render.h"
#include "tree.h"

enum { RENDERED_BYTES = 1 << 20, SAYS_BYTES = FAIL_TEXT_BYTES };

struct dhcp_service {
	const struct conf *conf;
	struct fleet *fleet;
	int monitor;
	char *rendered; /* what dnsmasq runs with; "": nothing yet */
	pthread_mutex_t lock; /* of what follows */
	bool is_up;
	char why[SAYS_BYTES]; /* it is not */
};

struct dhcp_service *dhcp_new(const struct conf *conf, struct fleet *fleet, int monitor, struct fail *fail)
{
	struct dhcp_service *dhcp = calloc(1, sizeof(*dhcp));
	char *rendered = calloc(1, RENDERED_BYTES);

	if (dhcp == NULL || rendered == NULL) {
		free(dhcp);
		free(rendered);
		fail_set(fail, FAIL_INTERNAL, "no memory for dnsmasq's configuration");
		return NULL;
	}
	*dhcp = (struct dhcp_service){.conf = conf, .fleet = fleet, .monitor = monitor, .rendered = rendered};
	pthread_mutex_init(&dhcp->lock, NULL);
	snprintf(dhcp->why, sizeof(dhcp->why), "%s",
		 conf->network_count == 0 ? "no network is configured"
		 : monitor < 0		  ? "aetherd was started without its monitor"
					  : "it was not started yet");
	return dhcp;
}

void dhcp_free(struct dhcp_service *dhcp)
{
	if (dhcp != NULL) {
		pthread_mutex_destroy(&dhcp->lock);
		free(dhcp->rendered);
		free(dhcp);
	}
}

static void ask(struct dhcp_service *dhcp, const char *word)
{
	if (dhcp->monitor >= 0 && send(dhcp->monitor, word, strlen(word), MSG_NOSIGNAL) < 0) {
		log_error("dhcp", "the monitor does not hear: %s", strerror(errno));
	}
}

static bool write_whole(const char *path, const char *text, struct fail *fail)
{
	char fresh[CONF_PATH_BYTES + 64];
	const size_t length = strlen(text);

	snprintf(fresh, sizeof(fresh), "%s.new", path);
	const int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	bool is_good = fd >= 0 && fchmod(fd, 0644) == 0 && write(fd, text, length) == (ssize_t)length;
	if (fd >= 0) {
		is_good &= close(fd) == 0;
	}
	return (is_good && rename(fresh, path) == 0) ||
	       fail_set(fail, FAIL_UNAVAILABLE, "cannot write %s: %s", path, strerror(errno));
}

/* The TFTP tree: what the configuration names, under the names that nodes ask for. */
static bool fill_tree(const struct conf *conf, const char *root, struct fail *fail)
{
	const struct {
		const char *name, *source;
	} files[] = {{"aether.img", conf->image}, {"boot.scr.uimg", conf->boot_script}};
	struct provision_error error;

	if (mkdir(root, 0755) < 0 && errno != EEXIST) {
		return fail_set(fail, FAIL_UNAVAILABLE, "cannot make %s: %s", root, strerror(errno));
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (files[i].source[0] != '\0' && tree_install(root, files[i].name, files[i].source, &error) < 0) {
			return fail_set(fail, FAIL_UNAVAILABLE, "%s", error.text);
		}
	}
	return true;
}

static bool render(const struct conf *conf, const char *root, char *text, struct fail *fail)
{
	const struct conf_network *network = &conf->networks[0];
	char leases[CONF_PATH_BYTES + 16];
	struct provision_error error;

	snprintf(leases, sizeof(leases), "%s/leases", conf->state);
	const struct render_conf order = {
		.interface = network->interface,
		.server = {network->address},
		.prefix_bits = network->prefix_bits,
		.range_first = {network->range_first},
		.range_last = {network->range_last},
		.router = {network->router},
		.lease_s = network->lease_s,
		.boot_file = "aether.img",
		.tftp_root = root,
		.lease_file = leases,
		.log_file = "/dev/stderr",
		.user = conf->dnsmasq_user[0] != '\0' ? conf->dnsmasq_user : "root",
		.tftp_max = conf->nodes < 50 ? 50 : conf->nodes,
	};
	return render_dnsmasq(&order, text, RENDERED_BYTES, &error) >= 0 ||
	       fail_set(fail, FAIL_INVALID, "%s", error.text);
}

bool dhcp_apply(struct dhcp_service *dhcp, bool is_forced, struct fail *fail)
{
	char path[CONF_PATH_BYTES + 32], root[CONF_PATH_BYTES + 32];

	if (dhcp->conf->network_count == 0) {
		return true;
	}
	snprintf(path, sizeof(path), "%s/dnsmasq.conf", dhcp->conf->state);
	snprintf(root, sizeof(root), "%s/tftp", dhcp->conf->state);
	char *text = malloc(RENDERED_BYTES);
	if (text == NULL) {
		return fail_set(fail, FAIL_UNAVAILABLE, "no memory for dnsmasq's configuration; try again");
	}
	if (!fill_tree(dhcp->conf, root, fail) || !render(dhcp->conf, root, text, fail)) {
		free(text);
		return false;
	}
	if (!is_forced && strcmp(text, dhcp->rendered) == 0) {
		free(text);
		return true;
	}
	if (!write_whole(path, text, fail)) {
		free(text);
		return false;
	}
	free(dhcp->rendered);
	dhcp->rendered = text;
	ask(dhcp, "restart");
	return true;
}

void dhcp_hear(struct dhcp_service *dhcp)
{
	char word[SAYS_BYTES];
	ssize_t count;

	while (dhcp->monitor >= 0 && (count = recv(dhcp->monitor, word, sizeof(word) - 1, MSG_DONTWAIT)) > 0) {
		word[count] = '\0';
		const bool is_up = strcmp(word, MONITOR_SAYS_UP) == 0;

		pthread_mutex_lock(&dhcp->lock);
		dhcp->is_up = is_up;
		snprintf(dhcp->why, sizeof(dhcp->why), "%s", is_up ? "" : word);
		pthread_mutex_unlock(&dhcp->lock);
		fleet_tell(dhcp->fleet, is_up ? "dhcp.up" : "dhcp.down", "", NULL,
			   is_up ? "DHCP and TFTP are served." : word);
	}
}

void dhcp_ready(struct dhcp_service *dhcp)
{
	ask(dhcp, "ready");
}

void dhcp_show(void *argument, struct json *json)
{
	struct dhcp_service *dhcp = argument;
	char address[VALUE_ADDRESS_BYTES], text[64];

	json_begin_array(json, "networks");
	for (unsigned i = 0; i < dhcp->conf->network_count; i++) {
		const struct conf_network *network = &dhcp->conf->networks[i];

		json_begin_object(json, NULL);
		json_text(json, "interface", network->interface);
		json_text(json, "mode", "authoritative");
		snprintf(text, sizeof(text), "%s/%u", value_print(network->address, address), network->prefix_bits);
		json_text(json, "address", text);
		json_text(json, "first", value_print(network->range_first, address));
		json_text(json, "last", value_print(network->range_last, address));
		json_text(json, "unknown", conf_unknown_text(network->unknown));
		json_end_object(json);
	}
	json_end_array(json);
	pthread_mutex_lock(&dhcp->lock);
	json_begin_object(json, "dhcp");
	json_text(json, "state", dhcp->is_up ? "up" : "down");
	json_text(json, "why", dhcp->is_up ? NULL : dhcp->why);
	json_end_object(json);
	pthread_mutex_unlock(&dhcp->lock);
}

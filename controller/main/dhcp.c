/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renders what dnsmasq is told. Files are written beside and renamed, so that dnsmasq, which may start at any moment,
 * sees a whole one.
 */
#include "main/dhcp.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/value.h"
#include "monitor/word.h"
#include "render.h"
#include "tree.h"

enum { RENDERED_BYTES = 1 << 20, SAYS_BYTES = FAIL_TEXT_BYTES, FILE_BYTES = CONF_PATH_BYTES + 32 };
enum { FULL_BYTES = 64 << 10, HOSTS_MS = 200, FULL_MS = 1000, FAILED_MS = 5000 };

struct dhcp_service {
	const struct conf *conf;
	struct fleet *fleet;
	int monitor;
	char *rendered, *hosts; /* what dnsmasq runs with; "": nothing yet */
	bool knows_hosts; /* some network has nothing for strangers */
	bool is_due; /* it could not be written for want of room */
	uint64_t next_ms; /* not before this are the hosts written again */
	uint64_t admissions; /* fleet_admissions() of those that dnsmasq has */
	bool is_over; /* more are approved than it can be told of, and that was said */
	char programs[CONF_PATH_BYTES]; /* where aether-lease is */
	char user[33]; /* our own */
	pthread_mutex_t lock; /* of what follows */
	bool is_up;
	char why[SAYS_BYTES]; /* it is not */
};

/* Where our own program is, so are its siblings. */
static void find_programs(const struct conf *conf, char programs[CONF_PATH_BYTES])
{
	char own[CONF_PATH_BYTES];
	const ssize_t count = readlink("/proc/self/exe", own, sizeof(own) - 1);

	own[count > 0 ? count : 0] = '\0';
	if (strrchr(own, '/') != NULL) {
		*strrchr(own, '/') = '\0';
	}
	snprintf(programs, CONF_PATH_BYTES, "%s", conf->programs[0] != '\0' ? conf->programs : own);
}

struct dhcp_service *dhcp_new(const struct conf *conf, struct fleet *fleet, int monitor, struct fail *fail)
{
	struct dhcp_service *dhcp = calloc(1, sizeof(*dhcp));
	const struct passwd *user = getpwuid(geteuid());

	if (dhcp == NULL || (dhcp->rendered = calloc(1, RENDERED_BYTES)) == NULL ||
	    (dhcp->hosts = calloc(1, RENDERED_BYTES)) == NULL) {
		dhcp_free(dhcp);
		fail_set(fail, FAIL_INTERNAL, "no memory for dnsmasq's configuration");
		return NULL;
	}
	dhcp->conf = conf;
	dhcp->fleet = fleet;
	dhcp->monitor = monitor;
	pthread_mutex_init(&dhcp->lock, NULL);
	find_programs(conf, dhcp->programs);
	snprintf(dhcp->user, sizeof(dhcp->user), "%s", user != NULL ? user->pw_name : "root");
	for (unsigned i = 0; i < conf->network_count; i++) {
		dhcp->knows_hosts |= conf->networks[i].unknown != CONF_UNKNOWN_ENROLL;
	}
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
		free(dhcp->hosts);
		free(dhcp);
	}
}

static void ask(struct dhcp_service *dhcp, const char *word)
{
	if (dhcp->monitor >= 0 && send(dhcp->monitor, word, strlen(word), MSG_NOSIGNAL) < 0) {
		log_error("dhcp", "the monitor does not hear: %s", strerror(errno));
	}
}

/* What an earlier run wrote needs no room again. */
static bool is_written(const char *path, const char *text, size_t length)
{
	char *old = malloc(length + 1);
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	const bool is_same = old != NULL && fd >= 0 && read(fd, old, length + 1) == (ssize_t)length &&
			     memcmp(old, text, length) == 0;

	if (fd >= 0) {
		close(fd);
	}
	free(old);
	return is_same;
}

static bool write_whole(const char *path, const char *text, struct fail *fail)
{
	char fresh[FILE_BYTES + 32];
	const size_t length = strlen(text);

	if (is_written(path, text, length)) {
		return true;
	}
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	const int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	bool is_good = fd >= 0 && fchmod(fd, 0644) == 0 && write(fd, text, length) == (ssize_t)length;
	if (fd >= 0) {
		is_good &= close(fd) == 0;
	}
	return (is_good && rename(fresh, path) == 0) ||
	       fail_set(fail, FAIL_UNAVAILABLE, "cannot write %s: %s", path, strerror(errno));
}

/*
 * The firmware of a Raspberry Pi looks for its files by itself: first in a folder named by its serial, then, when that
 * has no start4.elf or start.elf, in the root. Where the folder says nothing else, it is told to start the image as
 * 64-bit code, which is at EL2, with a console (raspberrypi.com/documentation, config.txt).
 */
static bool fill_pi_tree(const struct conf *conf, const char *root, struct fail *fail)
{
	static const char config[] = "arm_64bit=1\nenable_uart=1\nkernel=aether.img\n";
	char path[FILE_BYTES + 16];
	struct provision_error error;

	snprintf(path, sizeof(path), "%s/config.txt", conf->pi_files);
	const bool has_own = access(path, F_OK) == 0;

	snprintf(path, sizeof(path), "%s/config.txt", root);
	if (!has_own && !write_whole(path, config, fail)) {
		return false;
	}
	return tree_install_all(root, conf->pi_files, &error) == 0 ||
	       fail_set(fail, FAIL_UNAVAILABLE, "pi_files: %s", error.text);
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
	return conf->pi_files[0] == '\0' || fill_pi_tree(conf, root, fail);
}

/* What is rendered, with all that it points to. */
struct order {
	struct render_conf conf;
	struct render_network networks[CONF_NETWORKS_MOST];
	ipv4_t dns[CONF_NETWORKS_MOST][CONF_SERVERS_MOST], ntp[CONF_NETWORKS_MOST][CONF_SERVERS_MOST];
	struct render_host hosts[RENDER_HOSTS_MAX];
	uint8_t macs[RENDER_HOSTS_MAX][6];
	char tftp[FILE_BYTES], hosts_file[FILE_BYTES], script[FILE_BYTES];
};

static void order_network(struct order *order, const struct conf_network *from, unsigned place)
{
	static const enum render_unknown unknown[] = {
		[CONF_UNKNOWN_ENROLL] = RENDER_ENROLL,
		[CONF_UNKNOWN_OBSERVE] = RENDER_OBSERVE,
		[CONF_UNKNOWN_IGNORE] = RENDER_IGNORE,
	};

	for (unsigned i = 0; i < CONF_SERVERS_MOST; i++) {
		order->dns[place][i].bits = from->dns[i];
		order->ntp[place][i].bits = from->ntp[i];
	}
	order->networks[place] = (struct render_network){
		.interface = from->interface,
		.server = {from->address},
		.prefix_bits = from->prefix_bits,
		.range_first = {from->range_first},
		.range_last = {from->range_last},
		.router = {from->router},
		.dns = order->dns[place],
		.ntp = order->ntp[place],
		.dns_count = from->dns_count,
		.ntp_count = from->ntp_count,
		.lease_s = from->lease_s,
		.unknown = unknown[from->unknown],
	};
}

/* The rest would not be answered: rather say so than fail for all. */
static void limit_hosts(struct dhcp_service *dhcp, struct order *order)
{
	const size_t count = order->conf.host_count;
	char sentence[200];

	order->conf.host_count = count < RENDER_HOSTS_MAX ? count : RENDER_HOSTS_MAX;
	if (count > RENDER_HOSTS_MAX && !dhcp->is_over) {
		(void)snprintf(sentence, sizeof(sentence),
			       "%zu MAC addresses are approved, and networks that do not answer unknown nodes know %u: "
			       "the others get no address there. Set unknown = \"enroll\", or retire nodes.",
			       count, RENDER_HOSTS_MAX);
		log_error("dhcp", "%s", sentence);
		fleet_tell(dhcp->fleet, "dhcp.full", "", NULL, sentence);
	}
	dhcp->is_over = count > RENDER_HOSTS_MAX;
}

static void make_order(struct dhcp_service *dhcp, struct order *order)
{
	const struct conf *conf = dhcp->conf;

	snprintf(order->tftp, sizeof(order->tftp), "%s/tftp", conf->state);
	snprintf(order->hosts_file, sizeof(order->hosts_file), "%s/dnsmasq.hosts", conf->state);
	snprintf(order->script, sizeof(order->script), "%s/aether-lease", dhcp->programs);
	order->conf = (struct render_conf){
		.networks = order->networks,
		.network_count = conf->network_count,
		.nodes = conf->nodes,
		.boot_file = "aether.img",
		.tftp_root = order->tftp,
		.has_pi_files = conf->pi_files[0] != '\0',
		.lease_script = order->script,
		.hosts_file = order->hosts_file,
		.user = conf->dnsmasq_user[0] != '\0' ? conf->dnsmasq_user : dhcp->user,
		.hosts = order->hosts,
	};
	for (unsigned i = 0; i < conf->network_count; i++) {
		order_network(order, &conf->networks[i], i);
	}
	/* Only where strangers get nothing must dnsmasq know who is none. */
	if (dhcp->knows_hosts) {
		order->conf.host_count = fleet_approved_macs(dhcp->fleet, order->macs, RENDER_HOSTS_MAX);
		limit_hosts(dhcp, order);
	}
	for (size_t i = 0; i < order->conf.host_count; i++) {
		memcpy(order->hosts[i].mac, order->macs[i], 6);
	}
}

static bool render(struct dhcp_service *dhcp, char *text, char *hosts, struct fail *fail)
{
	struct order *order = calloc(1, sizeof(*order));
	struct provision_error error;

	if (order == NULL) {
		return fail_set(fail, FAIL_UNAVAILABLE, "no memory for dnsmasq's configuration; try again");
	}
	make_order(dhcp, order);
	const bool is_good = render_dnsmasq(&order->conf, text, RENDERED_BYTES, &error) >= 0 &&
			     render_hosts(&order->conf, hosts, RENDERED_BYTES, &error) >= 0;
	free(order);
	return is_good || fail_set(fail, FAIL_INVALID, "%s", error.text);
}

/* Writes what has changed; *is_changed: the file is another one now. */
static bool renew(const struct dhcp_service *dhcp, const char *name, char **kept, char **fresh, bool is_forced,
		  bool *is_changed, struct fail *fail)
{
	char path[FILE_BYTES];

	*is_changed = is_forced || strcmp(*kept, *fresh) != 0;
	if (!*is_changed) {
		return true;
	}
	snprintf(path, sizeof(path), "%s/%s", dhcp->conf->state, name);
	if (!write_whole(path, *fresh, fail)) {
		return false;
	}
	char *old = *kept;
	*kept = *fresh;
	*fresh = old;
	return true;
}

/* It goes on without DHCP, and tries again: a full disk is no reason to show nothing. */
static bool is_full(struct dhcp_service *dhcp, struct fail *fail)
{
	const struct fail why = *fail;
	struct statvfs disk;

	if (statvfs(dhcp->conf->state, &disk) != 0 || disk.f_bavail * disk.f_frsize > FULL_BYTES) {
		return false;
	}
	fail_set(fail, FAIL_LIMIT, "%.300s; the disk that holds %.200s is full: free some space", why.text,
		 dhcp->conf->state);
	pthread_mutex_lock(&dhcp->lock);
	snprintf(dhcp->why, sizeof(dhcp->why), "%s", fail->text);
	pthread_mutex_unlock(&dhcp->lock);
	return true;
}

bool dhcp_is_due(const struct dhcp_service *dhcp)
{
	return dhcp->is_due;
}

bool dhcp_apply(struct dhcp_service *dhcp, bool is_forced, struct fail *fail)
{
	char root[FILE_BYTES], *text = calloc(1, RENDERED_BYTES), *hosts = calloc(1, RENDERED_BYTES);
	bool is_good = true, has_new_text = false, has_new_hosts = false;

	snprintf(root, sizeof(root), "%s/tftp", dhcp->conf->state);
	if (text == NULL || hosts == NULL) {
		is_good = fail_set(fail, FAIL_UNAVAILABLE, "no memory for dnsmasq's configuration; try again");
	} else if (dhcp->conf->network_count > 0) {
		is_good = (!is_forced || fill_tree(dhcp->conf, root, fail)) && render(dhcp, text, hosts, fail) &&
			  renew(dhcp, "dnsmasq.hosts", &dhcp->hosts, &hosts, is_forced, &has_new_hosts, fail) &&
			  renew(dhcp, "dnsmasq.conf", &dhcp->rendered, &text, is_forced, &has_new_text, fail);
	}
	free(text);
	free(hosts);
	dhcp->is_due = !is_good && is_full(dhcp, fail);
	if (is_good && has_new_text) {
		ask(dhcp, "restart");
	} else if (is_good && has_new_hosts) {
		ask(dhcp, "reload");
	}
	return is_good;
}

void dhcp_tick(struct dhcp_service *dhcp)
{
	const uint64_t now_ms = clock_ms();
	const uint64_t admissions = dhcp->knows_hosts ? fleet_admissions(dhcp->fleet) : 0;
	struct fail fail = {0};

	const bool was_due = dhcp->is_due;

	if ((admissions == dhcp->admissions && !was_due) || now_ms < dhcp->next_ms) {
		return;
	}
	if (dhcp_apply(dhcp, was_due, &fail)) {
		dhcp->admissions = admissions; /* read before: what was changed meanwhile is looked at again */
		dhcp->next_ms = now_ms + HOSTS_MS;
		return;
	}
	dhcp->next_ms = now_ms + (dhcp->is_due ? FULL_MS : FAILED_MS);
	if (!was_due) {
		log_error("dhcp", "%s; what was there stays, and it is tried again", fail.text);
	}
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

/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the start: what is durable, then what is known, then who speaks with whom. */
#include "main/daemon.h"

#include <arpa/inet.h>
#include <assert.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "http/listen.h"
#include "main/inherited.h"


static_assert((int)CONF_NETWORKS_MOST <= (int)LINK_SOCKETS_MOST, "a socket for each network");

enum { FILE_BYTES = CONF_PATH_BYTES + 32 };

static struct sockaddr_in endpoint(uint32_t address, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(address),
	};
}

static const char *in_state(const struct conf *conf, const char *name, char path[FILE_BYTES])
{
	snprintf(path, FILE_BYTES, "%s/%s", conf->state, name);
	return path;
}

static bool start_store(struct daemon *daemon, struct fail *fail)
{
	const struct conf *conf = daemon->conf;
	char path[FILE_BYTES];
	const struct store_options options = {.path = in_state(conf, "aether.db", path)};

	daemon->store = store_open(&options, fail);
	if (daemon->store == NULL) {
		return false;
	}
	daemon->blobs = blobs_open(conf->state, fail);
	return daemon->blobs != NULL && release_start(&daemon->release, daemon->store, daemon->blobs,
						      conf->bundle[0] != '\0' ? conf->bundle : NULL, fail);
}

static bool start_fleet(struct daemon *daemon, struct fail *fail)
{
	uint64_t index = 0;

	if (!fleet_first_index(daemon->store, &index, fail)) {
		return false;
	}
	daemon->bus = bus_new(index);
	if (daemon->bus == NULL) {
		return fail_set(fail, FAIL_INTERNAL, "no memory for the bus");
	}
	const struct fleet_options options = {
		.store = daemon->store,
		.bus = daemon->bus,
		.interval_ms = daemon->conf->interval_ms,
		.udp_port = daemon->conf->node_port,
		.guests_of = release_guests,
		.argument = &daemon->release,
	};
	daemon->fleet = fleet_new(&options, fail);
	return daemon->fleet != NULL &&
	       (!daemon->release.is_there || fleet_set_release(daemon->fleet, daemon->release.manifest, fail));
}

/* The monitor's socket, else one of our own. */
static int node_socket(const struct conf *conf, unsigned place, struct fail *fail)
{
	const struct sockaddr_in address = endpoint(conf->networks[place].address, conf->node_port);
	const int fd = inherited("nodes.%u", place);

	return fd >= 0 ? fd : nodehttp_socket(&address, fail);
}

/* Datagrams are taken on the provisioning addresses alone: a socket for each network. */
static bool start_datagrams(struct daemon *daemon, struct fail *fail)
{
	const struct conf *conf = daemon->conf;
	struct link_options options = {.fleet = daemon->fleet};

	for (unsigned i = 0; i < conf->network_count; i++) {
		const struct sockaddr_in address = endpoint(conf->networks[i].address, conf->node_port);
		int fd = inherited("link.%u", i);

		if (fd < 0 && (fd = link_socket(&address, fail)) < 0) {
			return false; /* the start has failed, and the process with it */
		}
		if (i == 0) {
			options.fd = fd;
		} else {
			options.more[options.more_count++] = fd;
		}
	}
	daemon->link = link_start(&options, fail);
	return daemon->link != NULL && (daemon->bridge = bridge_new(daemon->link, fail)) != NULL;
}

static bool start_link(struct daemon *daemon, struct fail *fail)
{
	const struct conf *conf = daemon->conf;

	if (conf->network_count == 0) {
		return true;
	}
	if (!start_datagrams(daemon, fail)) {
		return false;
	}
	for (unsigned i = 0; i < conf->network_count; i++) {
		const int listening = node_socket(conf, i, fail);
		const struct nodehttp_options options = {
			.fleet = daemon->fleet,
			.blobs = daemon->blobs,
			.fd = listening,
			.connections_most = conf->nodes < 1024 ? 4096 : 4 * conf->nodes,
		};

		if (listening < 0 || (daemon->nodes[i] = nodehttp_start(&options, fail)) == NULL) {
			return false;
		}
	}
	return true;
}

static bool knows(void *argument, const uint8_t mac[6])
{
	const struct daemon *daemon = argument;

	return fleet_knows(daemon->fleet, mac);
}

static void on_lease(void *argument, const struct observe_lease *seen)
{
	const struct daemon *daemon = argument;
	struct lease lease = {.address = seen->address, .expires_ms = seen->expires_ms};

	memcpy(lease.mac, seen->mac, sizeof(lease.mac));
	snprintf(lease.network, sizeof(lease.network), "%s", seen->interface);
	leases_seen(daemon->store, &lease);
}

static bool start_observer(struct daemon *daemon, struct fail *fail)
{
	const struct conf *conf = daemon->conf;
	struct observe_network networks[CONF_NETWORKS_MOST];
	const struct observe_options options = {
		.fleet = daemon->fleet,
		.networks = networks,
		.network_count = conf->network_count,
		.log_fd = inherited("dnsmasq", 0),
		.knows = knows,
		.leased = on_lease,
		.argument = daemon,
	};

	if (conf->network_count == 0 || inherited("observer.%u", 0) < 0) {
		return true;
	}
	for (unsigned i = 0; i < conf->network_count; i++) {
		networks[i] = (struct observe_network){
			.fd = inherited("observer.%u", i),
			.server = conf->networks[i].address,
			.is_closed = conf->networks[i].unknown != CONF_UNKNOWN_ENROLL,
			.ignores_unknown = conf->networks[i].unknown == CONF_UNKNOWN_IGNORE,
		};
		strcpy(networks[i].interface, conf->networks[i].interface);
	}
	daemon->observe = observe_start(&options, fail);
	return daemon->observe != NULL;
}

static void on_sent(void *argument, struct in_addr client, const char *path, uint64_t bytes)
{
	struct daemon *daemon = argument;

	if (daemon->observe != NULL) {
		observe_sent(daemon->observe, client, path, bytes);
	}
}

/* Whose a transfer is, is known by its address: also of a client that has had it since an earlier run. */
static void on_leased(void *argument, const struct lease *lease, bool is_gone)
{
	struct daemon *daemon = argument;

	if (daemon->observe != NULL) {
		observe_leased(daemon->observe, lease->mac, lease->address, is_gone);
	}
}

static bool start_leases(struct daemon *daemon, struct fail *fail)
{
	char path[FILE_BYTES];
	const struct passwd *user =
		daemon->conf->dnsmasq_user[0] != '\0' ? getpwnam(daemon->conf->dnsmasq_user) : NULL;
	const struct leases_options options = {
		.store = daemon->store,
		.path = in_state(daemon->conf, "lease.sock", path),
		.uid = user != NULL ? user->pw_uid : geteuid(),
		.leased = on_leased,
		.sent = on_sent,
		.argument = daemon,
	};

	if (daemon->conf->network_count == 0) {
		return true;
	}
	daemon->leases = leases_start(&options, fail);
	return daemon->leases != NULL;
}

static bool start_power(struct daemon *daemon, struct fail *fail)
{
	const struct power_options options = {
		.program = daemon->conf->power,
		.fleet = daemon->fleet,
		.keep_fd = inherited_lock(),
	};

	if (daemon->conf->power[0] == '\0') {
		return true;
	}
	daemon->power = power_new(&options, fail);
	return daemon->power != NULL;
}

static bool open_people(struct daemon *daemon, struct fail *fail)
{
	const struct sockaddr_in address = endpoint(daemon->conf->people_address, daemon->conf->people_port);
	char text[VALUE_ADDRESS_BYTES];

	daemon->people_fd = listen_inherited("people", fail);
	if (daemon->people_fd < 0 && fail->kind == FAIL_NOT_FOUND) {
		*fail = (struct fail){0};
		daemon->people_fd = listen_for_people(&address, fail);
	}
	if (daemon->people_fd < 0 || !listen_is_for_people(daemon->people_fd, fail)) {
		return false;
	}
	snprintf(daemon->base_url, sizeof(daemon->base_url), "http://%s:%u",
		 value_print(daemon->conf->people_address, text), listen_port(daemon->people_fd));
	return true;
}

static bool start_api(struct daemon *daemon, struct fail *fail)
{
	struct api_options options = {
		.store = daemon->store,
		.fleet = daemon->fleet,
		.bus = daemon->bus,
		.version = AETHER_VERSION,
		.base_url = daemon->base_url,
		.outside = {.system = daemon->dhcp, .system_show = dhcp_show},
	};

	daemon->auth = http_auth_new(daemon->store, NULL, fail);
	if (daemon->auth == NULL) {
		return false;
	}
	options.auth = daemon->auth;
	if (daemon->power != NULL) {
		options.outside.power = daemon->power;
		options.outside.power_act = power_act;
	}
	if (daemon->bridge != NULL) {
		options.outside.consoles = daemon->bridge;
		options.outside.console_read = bridge_read;
		options.outside.console_write = bridge_write;
		options.outside.console_watch = bridge_watch;
	}
	daemon->api = api_new(&options, fail);
	if (daemon->api != NULL && daemon->bridge != NULL) {
		bridge_set_api(daemon->bridge, daemon->api);
	}
	return daemon->api != NULL;
}

static bool start_server(struct daemon *daemon, struct fail *fail)
{
	const struct conf *conf = daemon->conf;
	char path[FILE_BYTES];
	const int unix_fd = listen_unix(in_state(conf, "aether.sock", path), fail);

	if (unix_fd < 0) {
		return false;
	}
	for (unsigned i = 0; i < conf->host_count; i++) {
		daemon->hosts[i] = conf->hosts[i];
	}
	daemon->hosts[conf->host_count] = value_print(conf->people_address, daemon->people_host);
	const struct http_server_options options = {
		.app = daemon->api,
		.routes = api_routes,
		.route_count = api_route_count,
		.around = api_around,
		.fd = daemon->people_fd,
		.unix_fd = unix_fd,
		.owner = geteuid(),
		.auth = daemon->auth,
		.hosts = daemon->hosts,
		.host_count = conf->host_count + 1,
		.assets = http_assets,
		.asset_count = http_asset_count,
	};
	daemon->server = http_server_start(&options, fail);
	daemon->people_fd = -1;
	if (daemon->server != NULL) {
		api_set_server(daemon->api, daemon->server);
	}
	return daemon->server != NULL;
}

bool daemon_start(struct daemon *daemon, const struct conf *conf, struct fail *fail)
{
	*daemon = (struct daemon){.conf = conf, .people_fd = -1, .monitor_fd = inherited("monitor", 0)};
	if (!start_store(daemon, fail) || !start_fleet(daemon, fail) || !start_link(daemon, fail) ||
	    !start_power(daemon, fail) || !open_people(daemon, fail)) {
		return false;
	}
	daemon->dhcp = dhcp_new(conf, daemon->fleet, daemon->monitor_fd, fail);
	if (daemon->dhcp == NULL || !start_api(daemon, fail) || !start_server(daemon, fail) ||
	    !start_observer(daemon, fail) || !start_leases(daemon, fail)) {
		return false;
	}
	if (!dhcp_apply(daemon->dhcp, true, fail)) {
		if (!dhcp_is_due(daemon->dhcp)) {
			return false;
		}
		log_error("main", "no DHCP for now: %s", fail->text);
	}
	dhcp_ready(daemon->dhcp);
	log_info("main", "serving people on %s and nodes on port %u of %u networks", daemon->base_url, conf->node_port,
		 conf->network_count);
	return true;
}

void daemon_stop(struct daemon *daemon)
{
	char path[FILE_BYTES];

	if (daemon->server != NULL) {
		http_server_stop(daemon->server);
		unlink(in_state(daemon->conf, "aether.sock", path));
	}
	if (daemon->people_fd >= 0) {
		close(daemon->people_fd);
	}
	leases_stop(daemon->leases);
	observe_stop(daemon->observe);
	api_free(daemon->api);
	for (unsigned i = 0; i < CONF_NETWORKS_MOST; i++) {
		nodehttp_stop(daemon->nodes[i]);
	}
	bridge_free(daemon->bridge);
	link_stop(daemon->link);
	power_free(daemon->power);
	dhcp_free(daemon->dhcp);
	/* Nobody submits any more; what was submitted is committed, and told to those who are freed below. */
	store_close(daemon->store);
	http_auth_free(daemon->auth);
	fleet_free(daemon->fleet);
	bus_free(daemon->bus);
	blobs_close(daemon->blobs);
}

static bool has_signed_in(struct sql *sql, void *argument, struct fail *fail)
{
	struct sql_row row;

	sql_query(sql, &row, "SELECT count(*) FROM session", "");
	if (sql_next(&row)) {
		*(bool *)argument = sql_i64(&row, 0) > 0;
	}
	return sql_end(&row, fail);
}

void daemon_welcome(struct daemon *daemon)
{
	struct text link = {0};
	struct fail fail = {0};
	int64_t ends_ms;
	bool is_known = false;

	if (!store_read(daemon->store, has_signed_in, &is_known, &fail) || is_known) {
		return;
	}
	if (!api_sign_in_link(daemon->api, &link, &ends_ms, &fail) || link.bytes == NULL) {
		log_error("main", "no sign-in link: %s", fail.text);
	} else {
		/* The console is root's, and this the one way in. */
		dprintf(STDERR_FILENO, "Sign in (once, within 15 minutes): %s\n", link.bytes);
	}
	text_free(&link);
}

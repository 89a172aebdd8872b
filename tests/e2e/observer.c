/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests/e2e/provisioner: the daemon's parts that stand beside dnsmasq, around a fleet that prints what it is told.
 *     observer INTERFACE SERVER FOLDER   store, leases and observer until SIGTERM; dnsmasq's log is standard input
 *     observer --rival INTERFACE         whether another DHCP server is there: exit status 3, and its name
 *     observer --lines                   what is understood of dnsmasq's log on standard input
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fleet/fleet.h"
#include "leases/leases.h"
#include "observe/observe.h"
#include "observe/open.h"
#include "observe/rival.h"
#include "said.h"

void fleet_see(struct fleet *fleet, const struct fleet_sighting *sighting)
{
	(void)fleet;
	(void)printf("see %02x %s arch=%x class=%s\n", sighting->mac[5], sighting->network, sighting->arch,
		     sighting->vendor_class);
}

void fleet_step_by_mac(struct fleet *fleet, const uint8_t mac[6], const struct fleet_step *step)
{
	(void)fleet;
	(void)printf("%s %02x %s %s bytes=%llu %s\n", step->kind, mac[5], step->detail,
		     step->end_ms != 0 ? "ended" : "goes", (unsigned long long)step->bytes,
		     step->problem == NULL ? "" : step->problem);
}

void fleet_tell(struct fleet *fleet, const char *kind, const char *node, const struct fleet_who *who,
		const char *sentence)
{
	(void)fleet;
	(void)who;
	(void)printf("tell %s %s%s\n", kind, node, sentence);
}

static void leased(void *argument, const struct lease *lease, bool is_gone)
{
	observe_leased(*(struct observe **)argument, lease->mac, lease->address, is_gone);
	(void)printf("lease %02x %u.%u.%u.%u %s\n", lease->mac[5], lease->address >> 24, lease->address >> 16 & 255,
		     lease->address >> 8 & 255, lease->address & 255, is_gone ? "gone" : "held");
}

static void sent(void *argument, struct in_addr client, const char *path, uint64_t bytes)
{
	observe_sent(*(struct observe **)argument, client, path, bytes);
}

static int failed(const struct fail *fail)
{
	(void)fprintf(stderr, "observer: %s\n", fail->text);
	return 1;
}

static int rival(const char *interface)
{
	struct rival found;
	struct fail fail;

	if (!rival_search(interface, RIVAL_WAIT_MS, &found, &fail)) {
		return failed(&fail);
	}
	if (found.is_there) {
		(void)rival_refuse(interface, &found, &fail);
		(void)puts(fail.text);
		return 3;
	}
	return 0;
}

static int lines(void)
{
	char text[1024], said[SAID_BYTES];
	struct dnsmasq_line line;

	while (fgets(text, sizeof(text), stdin) != NULL) {
		(void)dnsmasq_parse(text, strcspn(text, "\n"), &line);
		if (said_describe(&line, said)) {
			(void)puts(said);
		}
	}
	return 0;
}

static int run(const char *interface, const char *server, const char *folder)
{
	struct observe_network network = {.ignores_unknown = false};
	const struct observe_options watched = {.networks = &network, .network_count = 1, .log_fd = 0};
	struct observe *observe = NULL;
	char path[256], socket[256];
	const struct store_options stored = {.path = path};
	const struct leases_options leases_wanted = {
		.path = socket, .leased = leased, .sent = sent, .argument = &observe};
	struct leases_options options = leases_wanted;
	struct fail fail;
	sigset_t ends;
	int which;

	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &ends, NULL);
	(void)snprintf(path, sizeof(path), "%s/aether.db", folder);
	(void)snprintf(socket, sizeof(socket), "%s/lease.sock", folder);
	(void)snprintf(network.interface, sizeof(network.interface), "%s", interface);
	network.server = ntohl(inet_addr(server));
	network.fd = observe_open(interface, &fail);
	if (network.fd < 0) {
		return failed(&fail);
	}
	options.store = store_open(&stored, &fail);
	observe = options.store == NULL ? NULL : observe_start(&watched, &fail);
	struct leases *leases = observe == NULL ? NULL : leases_start(&options, &fail);

	if (leases == NULL) {
		return failed(&fail);
	}
	(void)puts("ready");
	(void)sigwait(&ends, &which);
	leases_stop(leases);
	observe_stop(observe);
	store_close(options.store);
	return 0;
}

int main(int argc, char **argv)
{
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && strcmp(argv[1], "--rival") == 0) {
		return rival(argv[2]);
	}
	if (argc == 2 && strcmp(argv[1], "--lines") == 0) {
		return lines();
	}
	if (argc == 4) {
		return run(argv[1], argv[2], argv[3]);
	}
	(void)fprintf(stderr, "usage: observer INTERFACE SERVER FOLDER | --rival INTERFACE | --lines\n");
	return 2;
}

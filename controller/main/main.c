/* SPDX-License-Identifier: Apache-2.0 */
/* aetherd: the controller. The main thread starts all others, then ticks, and ends them in order. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/start.h"
#include "main/daemon.h"

enum { TICK_MS = 100 };

static const char usage[] = "usage: aetherd [-c FILE] [-d] [-n [-v]]\n"
			    "  -c FILE  the configuration (" CONF_DEFAULT_PATH ")\n"
			    "  -d       log more\n"
			    "  -n       check it, and start nothing\n"
			    "  -v       with -n: print what was understood\n"
			    "  --help, --version\n"
			    "aether-monitor starts it; by itself it serves no DHCP.\n";

/* Before any thread: they inherit the mask. */
static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -1 : signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* False: it is time to end. */
static bool take_signals(struct daemon *daemon, int signals)
{
	struct signalfd_siginfo info;
	struct fail fail = {0};

	while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGHUP) {
			log_info("main", "ending");
			return false;
		}
		log_info("main", "SIGHUP: writing dnsmasq's configuration again");
		if (!dhcp_apply(daemon->dhcp, true, &fail)) {
			log_error("main", "%s; what was there stays", fail.text);
		}
	}
	return true;
}

static int tick(struct daemon *daemon, int signals)
{
	for (;;) {
		struct pollfd wait[] = {
			{.fd = signals, .events = POLLIN},
			{.fd = daemon->monitor_fd, .events = POLLIN},
		};

		if (poll(wait, 2, TICK_MS) < 0 && errno != EINTR) {
			log_error("main", "poll: %s", strerror(errno));
			return 1;
		}
		if (!take_signals(daemon, signals)) {
			return 0;
		}
		if ((wait[1].revents & (POLLHUP | POLLERR)) != 0) {
			log_error("main", "the monitor is gone: ending");
			return 1;
		}
		dhcp_hear(daemon->dhcp);
		fleet_tick(daemon->fleet);
		dhcp_tick(daemon->dhcp);
	}
}

static int run(const struct conf *conf)
{
	static struct daemon daemon;
	struct fail fail = {0};
	const int signals = open_signals();
	int status = 1;

	if (signals < 0 || sodium_init() < 0) {
		log_error("main", "cannot begin: %s", strerror(errno));
		return 1;
	}
	if (daemon_start(&daemon, conf, &fail)) {
		daemon_welcome(&daemon);
		status = tick(&daemon, signals);
	} else {
		log_error("main", "%s", fail.text);
	}
	daemon_stop(&daemon);
	return status;
}

int main(int argc, char **argv)
{
	static const struct start start = {.name = "aetherd", .letters = "c:dnvh", .usage = usage};
	static struct conf conf;
	const int status = start_read(&start, argc, argv, &conf);

	return status < 0 ? run(&conf) : status;
}

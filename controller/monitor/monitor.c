/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread, one poll(): signals, aetherd's words, the children's clocks. aetherd is not trusted: its words are few
 * and have no argument. dnsmasq runs only while the aetherd lives that asked for it, since leases are kept by aetherd.
 */
#include "monitor/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "monitor/child.h"
#include "monitor/dnsmasq_conf.h"
#include "monitor/handed.h"
#include "monitor/search.h"
#include "monitor/word.h"

enum { WHICH_AETHERD, WHICH_DNSMASQ };
enum { HELPER_LOOK_MS = 50, HELPER_MOST_MS = 8000 };
#define LEASE_VARIABLE "AETHER_LEASE_SOCKET"

struct monitor {
	struct lock lock;
	struct handed handed;
	int signals; /* signalfd */
	int words[2]; /* ours, aetherd's */
	int dnsmasq_log[2]; /* read by aetherd, written by dnsmasq; both ends stay open here */
	struct child_user user, dnsmasq_user;
	char program[CONF_PATH_BYTES + 16], dnsmasq_conf[CONF_PATH_BYTES + 32], lease_socket[CONF_PATH_BYTES + 32];
	char lease_program[CONF_PATH_BYTES + 16]; /* beside aetherd: the one that dnsmasq may run */
	const char *state;
	const char *aetherd_argv[4], *dnsmasq_argv[4];
	struct child aetherd, dnsmasq;
	struct search search;
	bool is_asked; /* aetherd wants dnsmasq */
	uint64_t dnsmasq_since_ms; /* since when its helper is waited for; 0: it is not */
	bool is_ending;
};

static bool place_aetherd(void *argument)
{
	struct monitor *monitor = argument;

	return handed_give(&monitor->handed, monitor->lock.children_fd);
}

static bool place_dnsmasq(void *argument)
{
	struct monitor *monitor = argument;
	struct fail fail = {0};
	const int conf =
		dnsmasq_conf_copy(monitor->dnsmasq_conf, monitor->lease_program, monitor->state, &fail);

	if (conf < 0) {
		log_error("monitor", "dnsmasq is not started: %s", fail.text);
		return false;
	}
	if (dup2(conf, STDIN_FILENO) < 0 || dup2(monitor->dnsmasq_log[1], STDERR_FILENO) < 0 ||
	    dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
		return false;
	}
	return setenv(LEASE_VARIABLE, monitor->lease_socket, 1) == 0 &&
	       handed_give(&(struct handed){0}, monitor->lock.children_fd);
}

/* The folder of this program, where its siblings are. */
static bool find_programs(const struct conf *conf, char program[CONF_PATH_BYTES + 16])
{
	char own[CONF_PATH_BYTES];
	const ssize_t count = readlink("/proc/self/exe", own, sizeof(own) - 1);

	if (conf->programs[0] != '\0') {
		snprintf(program, CONF_PATH_BYTES + 16, "%s/aetherd", conf->programs);
		return true;
	}
	if (count <= 0) {
		return false;
	}
	own[count] = '\0';
	*strrchr(own, '/') = '\0';
	snprintf(program, CONF_PATH_BYTES + 16, "%s/aetherd", own);
	return true;
}

static void define_children(struct monitor *monitor, const struct conf *conf)
{
	monitor->aetherd_argv[0] = monitor->program;
	monitor->aetherd_argv[1] = "-c";
	monitor->aetherd_argv[2] = conf->path;
	monitor->aetherd = (struct child){
		.name = "aetherd",
		.which = WHICH_AETHERD,
		.argv = monitor->aetherd_argv,
		.user = &monitor->user,
		.place = place_aetherd,
		.argument = monitor,
		.is_wanted = true,
	};
	snprintf(monitor->dnsmasq_conf, sizeof(monitor->dnsmasq_conf), "%s/dnsmasq.conf", conf->state);
	snprintf(monitor->lease_program, sizeof(monitor->lease_program), "%.*s/aether-lease",
		 (int)(strrchr(monitor->program, '/') - monitor->program), monitor->program);
	monitor->state = conf->state;
	monitor->dnsmasq_argv[0] = conf->dnsmasq;
	monitor->dnsmasq_argv[1] = "--keep-in-foreground";
	monitor->dnsmasq_argv[2] = "--conf-file=-"; /* standard input: place_dnsmasq() */
	monitor->dnsmasq = (struct child){
		.name = "dnsmasq",
		.which = WHICH_DNSMASQ,
		.argv = monitor->dnsmasq_argv,
		.user = &monitor->dnsmasq_user,
		.has_network_rights = true,
		.place = place_dnsmasq,
		.argument = monitor,
	};
}

/* Everybody may pass through, for dnsmasq's user has files below; what is secret there is its owner's alone. */
static bool prepare_state(const struct monitor *monitor, const struct conf *conf, struct fail *fail)
{
	struct stat status;

	if (mkdir(conf->state, 0711) < 0 && errno != EEXIST) {
		return fail_set(fail, FAIL_UNAVAILABLE, "cannot make %s: %s; 'state' in %s names it", conf->state,
				strerror(errno), conf->path);
	}
	const int fd = open(conf->state, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool is_good = fd >= 0 && fstat(fd, &status) == 0;
	if (is_good && monitor->user.is_set && geteuid() == 0) {
		is_good = fchown(fd, monitor->user.uid, monitor->user.gid) == 0 && fchmod(fd, 0711) == 0;
	}
	if (!is_good) {
		fail_set(fail, FAIL_UNAVAILABLE,
			 "%s is not a folder that can be used: %s; make it one that can be written, or name another "
			 "with 'state' in %s",
			 conf->state, strerror(errno), conf->path);
	}
	if (fd >= 0) {
		close(fd);
	}
	return is_good;
}

static bool open_channels(struct monitor *monitor, struct fail *fail)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ||
	    (monitor->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, monitor->words) < 0 ||
	    pipe2(monitor->dnsmasq_log, O_CLOEXEC) < 0) {
		return fail_set(fail, FAIL_UNAVAILABLE, "cannot begin: %s", strerror(errno));
	}
	/* The reader polls; the writer may wait for it: aetherd reads or is started again. */
	fcntl(monitor->dnsmasq_log[0], F_SETFL, O_NONBLOCK);
	return handed_add(&monitor->handed, monitor->dnsmasq_log[0], "dnsmasq", 0) &&
	       handed_add(&monitor->handed, monitor->words[1], "monitor", 0);
}

static void say(struct monitor *monitor, const char *word)
{
	/* Who does not read them misses them. */
	send(monitor->words[0], word, strlen(word), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static enum monitor_ask ask_of(const char *word, size_t length)
{
#define X(symbol, text)                                                                                                \
	if (length == sizeof(text) - 1 && memcmp(word, text, length) == 0) {                                           \
		return MONITOR_ASK_##symbol;                                                                           \
	}
	MONITOR_ASKS(X)
#undef X
	return MONITOR_ASK_NONE;
}

static void hear(struct monitor *monitor, uint64_t now_ms)
{
	char word[MONITOR_WORD_BYTES];
	const ssize_t count = recv(monitor->words[0], word, sizeof(word), MSG_DONTWAIT | MSG_TRUNC);

	if (count < 0 || monitor->is_ending) {
		return;
	}
	switch (ask_of(word, (size_t)count)) {
	case MONITOR_ASK_READY:
		log_info("monitor", "aetherd is ready");
		break;
	case MONITOR_ASK_RESTART:
		monitor->is_asked = true;
		child_end(&monitor->dnsmasq, now_ms);
		break;
	case MONITOR_ASK_RELOAD:
		child_signal(&monitor->dnsmasq, SIGHUP);
		break;
	case MONITOR_ASK_STOP:
		monitor->is_asked = false;
		break;
	case MONITOR_ASK_NONE:
		log_warn("monitor", "aetherd asked for something that is not known");
		break;
	}
}

static void drain_words(struct monitor *monitor)
{
	char word[MONITOR_WORD_BYTES];

	while (recv(monitor->words[0], word, sizeof(word), MSG_DONTWAIT) >= 0) {
	}
}

static void reap(struct monitor *monitor, uint64_t now_ms)
{
	char why[FAIL_TEXT_BYTES];
	int status;
	pid_t pid;

	/* Also grandchildren that lost their parent, which become ours. */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == monitor->aetherd.pid) {
			child_ended(&monitor->aetherd, &monitor->lock, status, now_ms);
			monitor->is_asked = false;
			drain_words(monitor);
		} else if (pid == monitor->dnsmasq.pid) {
			child_ended(&monitor->dnsmasq, &monitor->lock, status, now_ms);
			say(monitor, MONITOR_SAYS_DOWN);
		} else if (pid == monitor->search.pid && !search_ended(&monitor->search, status, now_ms, why)) {
			log_error("monitor", "dnsmasq is not started: %s", why);
			say(monitor, why);
		}
	}
}

static void take_signals(struct monitor *monitor, uint64_t now_ms)
{
	struct signalfd_siginfo info;

	while (read(monitor->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			reap(monitor, now_ms);
			break;
		case SIGHUP:
			log_info("monitor", "SIGHUP: aetherd is to write dnsmasq's configuration again");
			child_signal(&monitor->aetherd, SIGHUP);
			break;
		default:
			log_info("monitor", "ending");
			monitor->is_ending = true;
			break;
		}
	}
}

static int next_due(const struct monitor *monitor, uint64_t now_ms)
{
	const int a = child_due(&monitor->aetherd, now_ms), b = child_due(&monitor->dnsmasq, now_ms);

	const int c = search_due(&monitor->search, now_ms);
	int least = a < 0 || (b >= 0 && b < a) ? b : a;

	least = least < 0 || (c >= 0 && c < least) ? c : least;
	return monitor->dnsmasq_since_ms != 0 && (least < 0 || least > HELPER_LOOK_MS) ? HELPER_LOOK_MS : least;
}

/* Nothing of an earlier dnsmasq hands over leases any more: another may read them, and aetherd may end. */
static bool has_settled(struct monitor *monitor, uint64_t now_ms)
{
	if (lock_dnsmasq_is_over(&monitor->lock)) {
		monitor->dnsmasq_since_ms = 0;
		return true;
	}
	if (monitor->dnsmasq_since_ms == 0) {
		monitor->dnsmasq_since_ms = now_ms;
	} else if (now_ms - monitor->dnsmasq_since_ms > HELPER_MOST_MS) {
		log_warn("monitor", "dnsmasq's helper does not finish: ending it; leases may be asked for again");
		lock_end_dnsmasq(&monitor->lock);
	}
	return false;
}

/* dnsmasq goes first: no address is given that nobody would remember. */
static void step(struct monitor *monitor, uint64_t now_ms)
{
	const bool is_needed = monitor->is_asked && monitor->search.is_free && !monitor->is_ending;
	const bool is_off = monitor->dnsmasq.state == CHILD_OFF;

	search_step(&monitor->search, now_ms);
	monitor->dnsmasq.is_wanted = is_needed && (!is_off || has_settled(monitor, now_ms));
	if (monitor->is_ending && monitor->aetherd.is_wanted) {
		monitor->aetherd.is_wanted =
			monitor->aetherd.state == CHILD_RUNNING && !(is_off && has_settled(monitor, now_ms));
	}
	child_step(&monitor->aetherd, &monitor->lock, now_ms);
	if (child_step(&monitor->dnsmasq, &monitor->lock, now_ms)) {
		say(monitor, MONITOR_SAYS_UP);
	}
}

static void loop(struct monitor *monitor)
{
	while (!monitor->is_ending || monitor->aetherd.state != CHILD_OFF || monitor->dnsmasq.state != CHILD_OFF) {
		step(monitor, clock_ms());
		struct pollfd wait[] = {
			{.fd = monitor->signals, .events = POLLIN},
			{.fd = monitor->words[0], .events = POLLIN},
		};
		if (monitor->is_ending && monitor->aetherd.state == CHILD_OFF && monitor->dnsmasq.state == CHILD_OFF) {
			break;
		}
		if (poll(wait, 2, next_due(monitor, clock_ms())) < 0 && errno != EINTR) {
			log_error("monitor", "poll: %s", strerror(errno));
			return;
		}
		const uint64_t now_ms = clock_ms();
		take_signals(monitor, now_ms);
		if (wait[1].revents != 0) {
			hear(monitor, now_ms);
		}
	}
}

static void tell_users(const struct monitor *monitor)
{
	if (!monitor->user.is_set || !monitor->dnsmasq_user.is_set || geteuid() != 0) {
		log_warn("monitor",
			 "%s and %s run as the user who started this (uid %u) with all that it may do: for trying "
			 "out, not for a network that matters",
			 monitor->user.is_set ? monitor->user.name : "aetherd",
			 monitor->dnsmasq_user.is_set ? monitor->dnsmasq_user.name : "dnsmasq", (unsigned)geteuid());
	}
}

int monitor_run(const struct conf *conf, struct fail *fail)
{
	struct monitor monitor = {.signals = -1};

	if (!child_user_find(conf->user, &monitor.user, fail) ||
	    !child_user_find(conf->dnsmasq_user, &monitor.dnsmasq_user, fail)) {
		return 1;
	}
	if (!find_programs(conf, monitor.program)) {
		fail_set(fail, FAIL_UNAVAILABLE, "cannot find aetherd: name its folder with 'programs' in %s",
			 conf->path);
		return 1;
	}
	if (!prepare_state(&monitor, conf, fail) || !lock_take(&monitor.lock, conf->state, fail) ||
	    !handed_open(&monitor.handed, conf, fail) || !open_channels(&monitor, fail)) {
		return 1;
	}
	snprintf(monitor.lease_socket, sizeof(monitor.lease_socket), "%s/lease.sock", conf->state);
	snprintf(monitor.lock.dnsmasq_mark, sizeof(monitor.lock.dnsmasq_mark), LEASE_VARIABLE "=%s",
		 monitor.lease_socket);
	monitor.lock.dnsmasq_uid = monitor.dnsmasq_user.is_set ? monitor.dnsmasq_user.uid : geteuid();
	tell_users(&monitor);
	search_init(&monitor.search, conf);
	define_children(&monitor, conf);
	loop(&monitor);
	lock_end_dnsmasq(&monitor.lock);
	if (!lock_end_holders(&monitor.lock)) {
		log_error("monitor", "something that aetherd started does not end");
		return 1;
	}
	return 0;
}

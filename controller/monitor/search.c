/* SPDX-License-Identifier: Apache-2.0 */
/* Looks for other DHCP servers in a child, which tells by its status, and by a sentence on a pipe. */
#include "monitor/search.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "observe/rival.h"

enum { EXIT_FREE, EXIT_RIVAL };

void search_init(struct search *search, const struct conf *conf)
{
	*search = (struct search){.conf = conf, .is_free = true, .pipe = -1};
	for (unsigned i = 0; i < conf->network_count; i++) {
		search->is_free &= conf->networks[i].is_forced;
	}
}

static _Noreturn void look(const struct conf *conf, int pipe)
{
	for (unsigned i = 0; i < conf->network_count; i++) {
		const struct conf_network *network = &conf->networks[i];
		struct rival rival;
		struct fail fail = {0};

		if (!network->is_forced && (!rival_search(network->interface, RIVAL_WAIT_MS, &rival, &fail) ||
					    (rival.is_there && !rival_refuse(network->interface, &rival, &fail)))) {
			(void)!write(pipe, fail.text, strlen(fail.text));
			_exit(EXIT_RIVAL);
		}
	}
	_exit(EXIT_FREE);
}

void search_step(struct search *search, uint64_t now_ms)
{
	const pid_t monitor = getpid();
	int ends[2];

	if (search->is_free || search->pid != 0 || now_ms < search->not_before_ms) {
		return;
	}
	search->not_before_ms = now_ms + SEARCH_AGAIN_MS;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		return;
	}
	const pid_t pid = fork();
	if (pid == 0) {
		sigset_t none;

		sigemptyset(&none);
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == monitor &&
		    sigprocmask(SIG_SETMASK, &none, NULL) == 0) {
			look(search->conf, ends[1]);
		}
		_exit(EXIT_RIVAL);
	}
	close(ends[1]);
	if (pid < 0) {
		log_error("monitor", "cannot look for other DHCP servers: %s", strerror(errno));
		close(ends[0]);
		return;
	}
	search->pid = pid;
	search->pipe = ends[0];
}

int search_due(const struct search *search, uint64_t now_ms)
{
	if (search->is_free || search->pid != 0) {
		return -1;
	}
	return search->not_before_ms <= now_ms ? 0 : (int)(search->not_before_ms - now_ms);
}

bool search_ended(struct search *search, int status, uint64_t now_ms, char why[FAIL_TEXT_BYTES])
{
	const ssize_t count = read(search->pipe, why, FAIL_TEXT_BYTES - 1);

	why[count > 0 ? count : 0] = '\0';
	close(search->pipe);
	search->pid = 0;
	search->pipe = -1;
	search->is_free = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FREE;
	search->not_before_ms = now_ms + SEARCH_AGAIN_MS;
	if (!search->is_free && count <= 0) {
		strcpy(why, "the look for other DHCP servers failed");
	}
	return search->is_free;
}

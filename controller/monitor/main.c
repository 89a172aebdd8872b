/* SPDX-License-Identifier: Apache-2.0 */
/* aether-monitor: the small process with root's rights that starts the controller's two others and outlives neither. */
#include <sys/resource.h>

#include "base/log.h"
#include "conf/start.h"
#include "monitor/monitor.h"

enum { DESCRIPTORS = 131072 };

static const char usage[] = "usage: aether-monitor [-c FILE] [-n [-v]]\n"
			    "  -c FILE  the configuration (" CONF_DEFAULT_PATH ")\n"
			    "  -n       check it, and start nothing\n"
			    "  -v       with -n: print what was understood\n"
			    "  --help, --version\n";

/* A node's transfer and a browser's stream hold a descriptor each, and a shell's limit is often 1024. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = DESCRIPTORS;
		limit.rlim_max = limit.rlim_max < DESCRIPTORS ? DESCRIPTORS : limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
			(void)getrlimit(RLIMIT_NOFILE, &limit);
			limit.rlim_cur = limit.rlim_max; /* who is not root has what there is */
			(void)setrlimit(RLIMIT_NOFILE, &limit);
		}
	}
}

int main(int argc, char **argv)
{
	static const struct start start = {.name = "aether-monitor", .letters = "c:nvh", .usage = usage};
	static struct conf conf;
	struct fail fail = {0};
	int status = start_read(&start, argc, argv, &conf);

	if (status >= 0) {
		return status;
	}
	raise_limit();
	status = monitor_run(&conf, &fail);
	if (fail.kind != FAIL_NONE && status != 0) {
		log_error("monitor", "%s", fail.text);
	}
	return status;
}

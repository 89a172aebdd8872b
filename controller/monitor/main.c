/* SPDX-License-Identifier: Apache-2.0 */
/* aether-monitor: the small process with root's rights that starts the controller's two others and outlives neither. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "conf/conf.h"
#include "monitor/monitor.h"

enum { DESCRIPTORS = 131072 };

static const char usage[] = "usage: aether-monitor [-c FILE] [-n [-v]]\n"
			    "  -c FILE  the configuration (" CONF_DEFAULT_PATH ")\n"
			    "  -n       check it, and start nothing\n"
			    "  -v       with -n: print what was understood\n"
			    "  --help, --version\n";

static int check(const struct conf *conf, bool is_shown)
{
	struct text text = {0};

	if (is_shown) {
		conf_print(conf, &text);
		fputs(text.bytes != NULL ? text.bytes : "", stdout);
		text_free(&text);
	}
	return 0;
}

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
	static const struct option words[] = {
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {NULL, 0, NULL, 0}};
	static struct conf conf;
	struct fail fail = {0};
	const char *path = CONF_DEFAULT_PATH;
	bool is_check = false, is_shown = false;

	for (int option; (option = getopt_long(argc, argv, "c:nvh", words, NULL)) >= 0;) {
		switch (option) {
		case 'c':
			path = optarg;
			break;
		case 'n':
			is_check = true;
			break;
		case 'v':
			is_shown = true;
			break;
		case 'V':
			return puts("aether-monitor " AETHER_VERSION) < 0;
		default:
			fputs(usage, option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "aether-monitor: '%s' is not understood\n%s", argv[optind], usage);
		return 2;
	}
	if (!conf_read(path, &conf, &fail)) {
		fprintf(stderr, "aether-monitor: %s\n", fail.text);
		return 1;
	}
	if (is_check) {
		return check(&conf, is_shown);
	}
	raise_limit();
	const int status = monitor_run(&conf, &fail);
	if (fail.kind != FAIL_NONE && status != 0) {
		log_error("monitor", "%s", fail.text);
	}
	return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The beginning that aetherd and aether-monitor share. */
#include "conf/start.h"

#include <getopt.h>
#include <stdio.h>

#include "base/log.h"

enum { WRONG_FILE = 1, WRONG_USE = 2 };

static void show(const struct conf *conf)
{
	struct text text = {0};

	conf_print(conf, &text);
	fputs(text.bytes != NULL ? text.bytes : "", stdout);
	text_free(&text);
}

int start_read(const struct start *start, int argc, char **argv, struct conf *conf)
{
	static const struct option words[] = {
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {NULL, 0, NULL, 0}};
	struct fail fail = {0};
	const char *path = CONF_DEFAULT_PATH;
	bool is_check = false, is_shown = false;

	for (int option; (option = getopt_long(argc, argv, start->letters, words, NULL)) >= 0;) {
		switch (option) {
		case 'c':
			path = optarg;
			break;
		case 'd':
			log_set_level(LOG_DEBUG);
			break;
		case 'n':
			is_check = true;
			break;
		case 'v':
			is_shown = true;
			break;
		case 'V':
			return printf("%s %s\n", start->name, AETHER_VERSION) < 0;
		default:
			fputs(start->usage, option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : WRONG_USE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: '%s' is not understood\n%s", start->name, argv[optind], start->usage);
		return WRONG_USE;
	}
	if (!conf_read(path, conf, &fail)) {
		fprintf(stderr, "%s: %s\n", start->name, fail.text);
		return WRONG_FILE;
	}
	if (is_check && is_shown) {
		show(conf);
	}
	return is_check ? 0 : -1;
}

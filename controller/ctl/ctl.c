/* SPDX-License-Identifier: Apache-2.0 */
/* From the command line to the command: where the controller is, where output goes, help. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl/command.h"

#define SOCKET_DEFAULT "/run/aether/aether.sock"

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0';
}

static const char *either(const struct ctl *ctl, enum ctl_option option, const char *variable)
{
	return ctl_has(ctl, option) ? ctl->values[option]
	       : is_set(variable)   ? getenv(variable)
				    : NULL;
}

/* One line, of printable characters. */
static enum ctl_exit read_token(struct ctl *ctl, const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t count = fd < 0 ? -1 : read(fd, ctl->token, sizeof(ctl->token));
	const int error = errno;

	if (fd >= 0) {
		close(fd);
	}
	if (count < 0) {
		ctl->token[0] = '\0';
		return ctl_say(ctl, CTL_USAGE, "--token-file %.200s: %s", path, strerror(error));
	}
	while (count > 0 && (ctl->token[count - 1] == '\n' || ctl->token[count - 1] == '\r')) {
		count--;
	}
	if (count == 0 || count == (ssize_t)sizeof(ctl->token)) {
		ctl->token[0] = '\0';
		return ctl_say(
			ctl, CTL_USAGE,
			"--token-file %.200s holds no token; `aetherctl token add NAME` makes one",
			path);
	}
	ctl->token[count] = '\0';
	for (ssize_t i = 0; i < count; i++) {
		if (ctl->token[i] <= ' ' || ctl->token[i] > '~') {
			ctl->token[0] = '\0';
			return ctl_say(ctl, CTL_USAGE,
				       "--token-file %.200s holds more than a token", path);
		}
	}
	return CTL_OK;
}

/* --socket wins over AETHER_URL, --url over AETHER_SOCKET: the line over the environment. */
static enum ctl_exit find_place(struct ctl *ctl)
{
	const char *file = either(ctl, OPT_TOKEN_FILE, "AETHER_TOKEN_FILE");

	if (ctl_has(ctl, OPT_SOCKET) && ctl_has(ctl, OPT_URL)) {
		return ctl_say(ctl, CTL_USAGE, "--socket and --url are two places; name one");
	}
	ctl->socket = either(ctl, OPT_SOCKET, "AETHER_SOCKET");
	ctl->url = ctl_has(ctl, OPT_SOCKET) ? NULL : either(ctl, OPT_URL, "AETHER_URL");
	if (ctl->socket == NULL) {
		ctl->socket = SOCKET_DEFAULT;
	}
	if (ctl->url != NULL && file == NULL) {
		return ctl_say(ctl, CTL_USAGE,
			       "--url needs --token-file; `aetherctl token add NAME` on the "
			       "controller makes a token");
	}
	return ctl->url != NULL ? read_token(ctl, file) : CTL_OK;
}

static void find_terminal(struct ctl *ctl)
{
	struct winsize size = {0};
	const int out = fileno(ctl->out);
	const char *term = getenv("TERM");

	ctl->is_terminal = out >= 0 && isatty(out) == 1;
	ctl->can_ask =
		isatty(ctl->input) == 1 && fileno(ctl->err) >= 0 && isatty(fileno(ctl->err)) == 1;
	ctl->has_color = ctl->is_terminal && !is_set("NO_COLOR") && !ctl_has(ctl, OPT_NO_COLOR) &&
			 term != NULL && strcmp(term, "dumb") != 0;
	ctl->columns = ctl->is_terminal && ioctl(out, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static enum ctl_exit say_help(struct ctl *ctl, int argc, char *const *argv)
{
	const struct noun *noun = argc > 0 ? noun_find(argv[0]) : NULL;

	if (argc == 0) {
		help_all(ctl->out);
		return CTL_OK;
	}
	if (noun == NULL) {
		return ctl_say(ctl, CTL_USAGE,
			       "there is no command \"%.40s\"; `aetherctl help` shows all",
			       argv[0]);
	}
	if (argc == 1) {
		help_noun(ctl->out, noun);
		return CTL_OK;
	}
	const struct command *command = command_find(argv[0], argv[1]);
	if (command == NULL) {
		return ctl_say(ctl, CTL_USAGE,
			       "%s has no verb \"%.40s\"; `aetherctl help %s` shows all", argv[0],
			       argv[1], argv[0]);
	}
	help_command(ctl->out, command);
	return CTL_OK;
}

/* Words that need no controller. True: *how is the end. */
static bool run_alone(struct ctl *ctl, int argc, char *const *argv, enum ctl_exit *how)
{
	const char *word = argc > 1 ? argv[1] : "--help";

	*how = CTL_OK;
	if (strcmp(word, "help") == 0) {
		*how = say_help(ctl, argc - 2, argv + 2);
	} else if (strcmp(word, "manual") == 0) {
		help_manual(ctl->out);
	} else if (strcmp(word, "--version") == 0) {
		fprintf(ctl->out, "aetherctl %s\n", AETHER_VERSION);
	} else if (strcmp(word, "completion") == 0) {
		if (argc < 3 || !help_completion(ctl->out, argv[2])) {
			*how = ctl_say(
				ctl, CTL_USAGE,
				"completion is for bash, zsh or fish: aetherctl completion bash");
		}
	} else if (argc < 2) {
		help_all(ctl->err);
		*how = CTL_USAGE;
	} else {
		return false;
	}
	return true;
}

enum ctl_exit ctl_main(int argc, char *const *argv, FILE *out, FILE *err, int input)
{
	struct ctl *ctl = calloc(1, sizeof(*ctl));
	enum ctl_exit how;

	if (ctl == NULL) {
		fputs("aetherctl: no memory\n", err);
		return CTL_FAILED;
	}
	ctl->out = out;
	ctl->err = err;
	ctl->input = input;
	if (!run_alone(ctl, argc, argv, &how)) {
		how = args_parse(ctl, argc, argv);
		find_terminal(ctl);
		if (how == CTL_OK && ctl->command == NULL) {
			how = say_help(ctl, argc > 1 && argv[1][0] != '-' ? 1 : 0, argv + 1);
		} else if (how == CTL_OK && ctl_has(ctl, OPT_HELP)) {
			help_command(out, ctl->command);
		} else if (how == CTL_OK) {
			how = find_place(ctl);
			how = how == CTL_OK ? ctl->command->run(ctl) : how;
		}
	}
	if (how == CTL_OK && (fflush(out) != 0 || ferror(out))) {
		how = CTL_FAILED;
	}
	free(ctl);
	return how;
}

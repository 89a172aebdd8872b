/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the command line by the table. Options stand anywhere; `--x V` and `--x=V` are the same, `--` ends them. Words
 * are bounded: none becomes part of a request unchecked.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"

static int option_find(const char *name, size_t count)
{
	for (int i = 0; i < OPT_COUNT; i++) {
		if (strlen(option_texts[i].name) == count &&
		    memcmp(option_texts[i].name, name, count) == 0) {
			return i;
		}
	}
	return -1;
}

static enum ctl_exit keep_value(struct ctl *ctl, int option, const char *value)
{
	if (strlen(value) > CTL_WORD_MOST) {
		return ctl_say(ctl, CTL_USAGE, "--%s has more than %d bytes",
			       option_texts[option].name, CTL_WORD_MOST);
	}
	if (option == OPT_LABEL) {
		if (ctl->label_count == CTL_LABELS_MOST) {
			return ctl_say(ctl, CTL_USAGE, "more than %d labels", CTL_LABELS_MOST);
		}
		ctl->labels[ctl->label_count++] = value;
	}
	ctl->values[option] = value;
	return CTL_OK;
}

/* `*i` is the place of the option, and moves over its value. */
static enum ctl_exit take_option(struct ctl *ctl, int argc, char *const *argv, int *i)
{
	const char *name = argv[*i] + 2;
	const size_t count = strcspn(name, "=");
	const int option = option_find(name, count);

	if (option < 0) {
		return ctl_say(ctl, CTL_USAGE,
			       "there is no option --%.*s; `aetherctl help` shows all",
			       (int)(count < 40 ? count : 40), name);
	}
	if (option_texts[option].value == NULL) {
		if (name[count] == '=') {
			return ctl_say(ctl, CTL_USAGE, "--%s takes no value",
				       option_texts[option].name);
		}
		ctl->values[option] = "";
		return CTL_OK;
	}
	if (name[count] == '=') {
		return keep_value(ctl, option, name + count + 1);
	}
	if (*i + 1 >= argc) {
		return ctl_say(ctl, CTL_USAGE, "--%s needs a value: --%s %s",
			       option_texts[option].name, option_texts[option].name,
			       option_texts[option].value);
	}
	return keep_value(ctl, option, argv[++*i]);
}

static enum ctl_exit find_command(struct ctl *ctl, const char *const *words, unsigned count,
				  unsigned *used)
{
	const struct noun *noun = noun_find(words[0]);
	const char *near;

	if (noun == NULL) {
		near = command_near(NULL, words[0]);
		return ctl_say(ctl, CTL_USAGE,
			       "there is no command \"%.40s\"%s%s%s; `aetherctl help` shows all",
			       words[0], near == NULL ? "" : ": did you mean ",
			       near == NULL ? "" : near, near == NULL ? "" : "?");
	}
	*used = 2;
	ctl->command = count > 1 ? command_find(noun->name, words[1]) : NULL;
	if (ctl->command == NULL && noun->alone != NULL) {
		*used = 1;
		ctl->command = command_find(noun->name, noun->alone);
	}
	if (ctl->command != NULL || (count == 1 && ctl_has(ctl, OPT_HELP))) {
		return CTL_OK;
	}
	if (count == 1) {
		return ctl_say(ctl, CTL_USAGE, "%s needs a verb; `aetherctl help %s` shows them",
			       noun->name, noun->name);
	}
	near = command_near(noun->name, words[1]);
	return ctl_say(ctl, CTL_USAGE,
		       "%s has no verb \"%.40s\"%s%s%s; `aetherctl help %s` shows all", noun->name,
		       words[1], near == NULL ? "" : ": did you mean ", near == NULL ? "" : near,
		       near == NULL ? "" : "?", noun->name);
}

static enum ctl_exit check(const struct ctl *ctl)
{
	const struct command *command = ctl->command;

	for (int i = 0; i < OPT_COUNT; i++) {
		if (ctl->values[i] != NULL && ((command->options | OPT_GENERAL) >> i & 1) == 0) {
			return ctl_say(
				ctl, CTL_USAGE,
				"%s %s takes no --%s; `aetherctl help %s %s` shows its options",
				command->noun, command->verb, option_texts[i].name, command->noun,
				command->verb);
		}
	}
	if (ctl_has(ctl, OPT_HELP)) {
		return CTL_OK;
	}
	if (ctl->argument_count < command->least || ctl->argument_count > command->most) {
		return ctl_say(ctl, CTL_USAGE, "too %s arguments: aetherctl %s %s%s%s",
			       ctl->argument_count < command->least ? "few" : "many", command->noun,
			       command->verb, command->arguments[0] == '\0' ? "" : " ",
			       command->arguments);
	}
	for (unsigned i = 0; i < ctl->argument_count; i++) {
		if (strlen(ctl->arguments[i]) > CTL_WORD_MOST) {
			return ctl_say(ctl, CTL_USAGE, "argument %u has more than %d bytes", i + 1,
				       CTL_WORD_MOST);
		}
	}
	const char *timeout = ctl->values[OPT_TIMEOUT];
	if (timeout != NULL &&
	    (strlen(timeout) > 6 || strspn(timeout, "0123456789") != strlen(timeout) ||
	     atoi(timeout) < 1)) {
		return ctl_say(ctl, CTL_USAGE,
			       "--timeout takes a number of seconds from 1 to 999999");
	}
	return CTL_OK;
}

enum ctl_exit args_parse(struct ctl *ctl, int argc, char *const *argv)
{
	const char *words[2 + CTL_ARGUMENTS_MOST];
	unsigned count = 0;
	unsigned used = 0;
	bool is_open = true;
	enum ctl_exit how = CTL_OK;

	for (int i = 1; i < argc && how == CTL_OK; i++) {
		if (is_open && strcmp(argv[i], "--") == 0) {
			is_open = false;
		} else if (is_open && (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "-y") == 0)) {
			ctl->values[argv[i][1] == 'h' ? OPT_HELP : OPT_YES] = "";
		} else if (is_open && strncmp(argv[i], "--", 2) == 0) {
			how = take_option(ctl, argc, argv, &i);
		} else if (is_open && argv[i][0] == '-' && argv[i][1] != '\0') {
			how = ctl_say(ctl, CTL_USAGE,
				      "there is no option %.40s; `aetherctl help` shows all",
				      argv[i]);
		} else if (count == sizeof(words) / sizeof(words[0])) {
			how = ctl_say(ctl, CTL_USAGE, "more than %d words", CTL_ARGUMENTS_MOST);
		} else {
			words[count++] = argv[i];
		}
	}
	if (how != CTL_OK || count == 0) {
		return how;
	}
	how = find_command(ctl, words, count, &used);
	if (how != CTL_OK || ctl->command == NULL) {
		return how;
	}
	for (unsigned i = used; i < count; i++) {
		ctl->arguments[ctl->argument_count++] = words[i];
	}
	return check(ctl);
}

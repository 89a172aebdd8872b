/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The table of commands: help, completion, the manual and the parser are made from it alone. */
#include "ctl/ctl.h"

struct command {
	const char *noun, *verb;
	const char *arguments; /* as help shows them; "" */
	unsigned least, most; /* of them */
	uint32_t options; /* beside OPT_GENERAL */
	const char *summary;
	const char *more; /* further sentences; NULL */
	const char *example;
	enum ctl_exit (*run)(struct ctl *ctl);
};
extern const struct command commands[];
extern const unsigned command_count;

struct noun {
	const char *name, *summary;
	const char *alone; /* the verb that is meant when none is given; NULL */
};
extern const struct noun nouns[];
extern const unsigned noun_count;

extern const struct ctl_option_text {
	const char *name, *value, *what;
} option_texts[OPT_COUNT];

const struct noun *noun_find(const char *name);
const struct command *command_find(const char *noun, const char *verb);
/* The command that a person may have meant; NULL. */
const char *command_near(const char *noun, const char *word);

/* Reads the line into *ctl. Not CTL_OK: it was said. A line of help leaves `command` NULL or has OPT_HELP. */
enum ctl_exit args_parse(struct ctl *ctl, int argc, char *const *argv);

void help_all(FILE *out);
void help_noun(FILE *out, const struct noun *noun);
void help_command(FILE *out, const struct command *command);
void help_manual(FILE *out);
/* False: there is no such shell. */
bool help_completion(FILE *out, const char *shell);

/* The commands. */
enum ctl_exit node_list(struct ctl *ctl);
enum ctl_exit node_show(struct ctl *ctl);
enum ctl_exit node_boots(struct ctl *ctl);
enum ctl_exit node_approve(struct ctl *ctl);
enum ctl_exit node_reject(struct ctl *ctl);
enum ctl_exit node_retire(struct ctl *ctl);
enum ctl_exit node_rename(struct ctl *ctl);
enum ctl_exit node_label(struct ctl *ctl);
enum ctl_exit node_cordon(struct ctl *ctl);
enum ctl_exit node_uncordon(struct ctl *ctl);
enum ctl_exit node_reboot(struct ctl *ctl);
enum ctl_exit node_restart_guests(struct ctl *ctl);
enum ctl_exit node_locate(struct ctl *ctl);
enum ctl_exit node_power(struct ctl *ctl);
enum ctl_exit node_console(struct ctl *ctl);
enum ctl_exit event_list(struct ctl *ctl);
enum ctl_exit event_follow(struct ctl *ctl);
enum ctl_exit rule_list(struct ctl *ctl);
enum ctl_exit rule_add(struct ctl *ctl);
enum ctl_exit rule_remove(struct ctl *ctl);
enum ctl_exit token_list(struct ctl *ctl);
enum ctl_exit token_add(struct ctl *ctl);
enum ctl_exit token_remove(struct ctl *ctl);
enum ctl_exit setting_list(struct ctl *ctl);
enum ctl_exit setting_set(struct ctl *ctl);
enum ctl_exit sign_in_make(struct ctl *ctl);
enum ctl_exit system_show(struct ctl *ctl);
enum ctl_exit release_show(struct ctl *ctl);
enum ctl_exit operation_show(struct ctl *ctl);

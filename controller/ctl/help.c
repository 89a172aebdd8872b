/* SPDX-License-Identifier: Apache-2.0 */
/* Help, the manual page (man(7)) and completion, all from the table of commands. */
#include <string.h>

#include "ctl/command.h"

enum { HELP_INDENT = 26 };

/* Words from column `from` on, in lines of 80. */
static void put_wrapped(FILE *out, const char *text, int from)
{
	int at = from;

	while (*text != '\0') {
		const int length = (int)strcspn(text, " ");
		if (at > from && at + 1 + length > 80) {
			fprintf(out, "\n%*s", from, "");
			at = from;
		}
		fprintf(out, "%s%.*s", at > from ? " " : "", length, text);
		at += length + (at > from ? 1 : 0);
		text += length;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void put_pair(FILE *out, const char *left, const char *right)
{
	fprintf(out, "  %-*s", HELP_INDENT - 2, left);
	if (strlen(left) > HELP_INDENT - 3) {
		fprintf(out, "\n%*s", HELP_INDENT, "");
	}
	put_wrapped(out, right, HELP_INDENT);
}

static void put_options(FILE *out, uint32_t options)
{
	char left[64];

	for (unsigned i = 0; i < OPT_COUNT; i++) {
		const struct ctl_option_text *option = &option_texts[i];
		if ((options >> i & 1) != 0) {
			snprintf(left, sizeof(left), "--%s%s%s", option->name,
				 option->value == NULL ? "" : " ",
				 option->value == NULL ? "" : option->value);
			put_pair(out, left, option->what);
		}
	}
}

void help_all(FILE *out)
{
	fputs("aetherctl: the controller of Aether EdgeCloud, from the command line\n\n"
	      "usage: aetherctl NOUN [VERB] [ARGUMENT...] [--OPTION...]\n\n",
	      out);
	for (unsigned i = 0; i < noun_count; i++) {
		char verbs[256] = "";
		for (unsigned j = 0; j < command_count; j++) {
			const size_t at = strlen(verbs);
			if (strcmp(commands[j].noun, nouns[i].name) == 0) {
				snprintf(verbs + at, sizeof(verbs) - at, "%s%s",
					 at == 0 ? "" : ", ", commands[j].verb);
			}
		}
		put_pair(out, nouns[i].name, nouns[i].summary);
		fprintf(out, "%*s", HELP_INDENT, "");
		put_wrapped(out, verbs, HELP_INDENT);
	}
	fputs("\n", out);
	put_pair(out, "help [NOUN [VERB]]", "says more");
	put_pair(out, "completion SHELL", "prints the completion for bash, zsh or fish");
	put_pair(out, "manual", "prints the manual page, as roff");
	put_pair(out, "--version", "prints the version");
	fputs("\nevery command takes\n", out);
	put_options(out, OPT_GENERAL);
	fputs("\nA node is named by its id, the beginning of its id, its name or a MAC address.\n",
	      out);
}

void help_noun(FILE *out, const struct noun *noun)
{
	char left[160];

	fprintf(out, "aetherctl %s: %s\n\n", noun->name, noun->summary);
	for (unsigned i = 0; i < command_count; i++) {
		const struct command *command = &commands[i];
		if (strcmp(command->noun, noun->name) == 0) {
			snprintf(left, sizeof(left), "%s%s%s", command->verb,
				 command->arguments[0] == '\0' ? "" : " ", command->arguments);
			put_pair(out, left, command->summary);
		}
	}
	if (noun->alone != NULL) {
		fprintf(out, "\n`aetherctl %s` alone is `aetherctl %s %s`.\n", noun->name,
			noun->name, noun->alone);
	}
}

void help_command(FILE *out, const struct command *command)
{
	fprintf(out, "aetherctl %s %s: ", command->noun, command->verb);
	put_wrapped(out, command->summary,
		    (int)(strlen(command->noun) + strlen(command->verb)) + 13);
	fprintf(out, "\nusage: aetherctl %s %s%s%s%s\n", command->noun, command->verb,
		command->arguments[0] == '\0' ? "" : " ", command->arguments,
		command->options != 0 ? " [--OPTION...]" : "");
	if (command->more != NULL) {
		fputc('\n', out);
		put_wrapped(out, command->more, 0);
	}
	if (command->options != 0) {
		fputc('\n', out);
		put_options(out, command->options);
	}
	fputs("\nevery command takes\n", out);
	put_options(out, OPT_GENERAL);
	fprintf(out, "\nexample: aetherctl %s\n", command->example);
}

/* A backslash and a hyphen mean something to roff; so does a dot or a quote at a line's beginning. */
static void put_roff(FILE *out, const char *text)
{
	if (*text == '.' || *text == '\'') {
		fputs("\\&", out);
	}
	for (; *text != '\0'; text++) {
		if (*text == '-') {
			fputs("\\-", out);
		} else if (*text == '\\') {
			fputs("\\e", out);
		} else {
			fputc(*text, out);
		}
	}
	fputc('\n', out);
}

static void put_roff_options(FILE *out, uint32_t options)
{
	for (unsigned i = 0; i < OPT_COUNT; i++) {
		if ((options >> i & 1) != 0) {
			fprintf(out, ".TP\n\\fB\\-\\-");
			for (const char *c = option_texts[i].name; *c != '\0'; c++) {
				fprintf(out, *c == '-' ? "\\-" : "%c", *c);
			}
			fprintf(out, "\\fR");
			if (option_texts[i].value != NULL) {
				fprintf(out, " \\fI%s\\fR", option_texts[i].value);
			}
			fputc('\n', out);
			put_roff(out, option_texts[i].what);
		}
	}
}

static void put_roff_command(FILE *out, const struct command *command)
{
	fprintf(out, ".SS aetherctl ");
	fprintf(out, "%s %s", command->noun, command->verb);
	fputs(command->arguments[0] == '\0' ? "" : " ", out);
	put_roff(out, command->arguments);
	put_roff(out, command->summary);
	if (command->more != NULL) {
		fputs(".PP\n", out);
		put_roff(out, command->more);
	}
	put_roff_options(out, command->options);
	fputs(".PP\nExample:\n.EX\naetherctl ", out);
	put_roff(out, command->example);
	fputs(".EE\n", out);
}

void help_manual(FILE *out)
{
	static const struct {
		int status;
		const char *what;
	} exits[] = {
#define X(symbol, status, what) {status, what},
		CTL_EXITS(X)
#undef X
	};

	fputs(".TH AETHERCTL 1 \"\" \"Aether EdgeCloud\" \"User Commands\"\n.SH NAME\naetherctl "
	      "\\- the controller of Aether "
	      "EdgeCloud, from the command line\n.SH SYNOPSIS\n.B aetherctl\n.I NOUN\n.RI [ VERB "
	      "]\n.RI [ ARGUMENT ...]\n"
	      ".RB [ \\-\\-\\fIOPTION\\fR ...]\n.SH DESCRIPTION\nSpeaks with aetherd over its Unix "
	      "socket, as root or as the "
	      "user that aetherd runs as, or over HTTP on this host with a token.\nA node is named "
	      "by its id, the beginning "
	      "of its id, its name or a MAC address.\n.SH OPTIONS\nOptions stand anywhere on the "
	      "line; every command takes "
	      "these.\n",
	      out);
	put_roff_options(out, OPT_GENERAL);
	fputs(".SH COMMANDS\n", out);
	for (unsigned i = 0; i < command_count; i++) {
		put_roff_command(out, &commands[i]);
	}
	fputs(".SH EXIT STATUS\n", out);
	for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
		fprintf(out, ".TP\n%d\n", exits[i].status);
		put_roff(out, exits[i].what);
	}
	fputs(".SH ENVIRONMENT\n.TP\nAETHER_SOCKET\nThe Unix socket, where \\-\\-socket does not "
	      "name it.\n.TP\nAETHER_URL\n"
	      "The same for \\-\\-url.\n.TP\nAETHER_TOKEN_FILE\nThe same for "
	      "\\-\\-token\\-file.\n.TP\nNO_COLOR\nNo colours.\n"
	      ".SH FILES\n.TP\n/run/aether/aether.sock\nThe controller's Unix socket.\n",
	      out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion for three shells. Each script knows the words of the table; a node is completed by asking the controller
 * for ids and names (`aetherctl node list --ids`), and silently not at all where it does not answer.
 */
#include <stdbool.h>
#include <string.h>

#include "ctl/command.h"

static void put_verbs(FILE *out, const char *noun)
{
	const char *between = "";

	for (unsigned i = 0; i < command_count; i++) {
		if (strcmp(commands[i].noun, noun) == 0) {
			fprintf(out, "%s%s", between, commands[i].verb);
			between = " ";
		}
	}
}

static void put_nouns(FILE *out)
{
	for (unsigned i = 0; i < noun_count; i++) {
		fprintf(out, "%s ", nouns[i].name);
	}
	fputs("help completion manual", out);
}

static void put_option_words(FILE *out, uint32_t options)
{
	const char *between = "";

	for (unsigned i = 0; i < OPT_COUNT; i++) {
		if ((options >> i & 1) != 0) {
			fprintf(out, "%s--%s", between, option_texts[i].name);
			between = " ";
		}
	}
}

#define ASK_NODES "aetherctl node list --ids --timeout 2 2>/dev/null"

/* The first argument of this is a node. */
static bool takes_node(const struct command *command)
{
	return strstr(command->arguments, "NODE") != NULL;
}

static void put_words(FILE *out, const struct command *command)
{
	put_option_words(out, command->options | OPT_GENERAL);
	fputs(strcmp(command->verb, "power") == 0 ? " on off reset" : "", out);
}

static void bash(FILE *out)
{
	fputs("# bash completion of aetherctl: source <(aetherctl completion bash)\n_aetherctl() "
	      "{\n"
	      "\tlocal word=${COMP_WORDS[COMP_CWORD]} noun=${COMP_WORDS[1]:-} "
	      "verb=${COMP_WORDS[2]:-} words= nodes=\n"
	      "\tif [ \"$COMP_CWORD\" = 1 ]; then\n\t\twords='",
	      out);
	put_nouns(out);
	fputs("'\n\telif [ \"$COMP_CWORD\" = 2 ]; then\n\t\tcase $noun in\n", out);
	for (unsigned i = 0; i < noun_count; i++) {
		fprintf(out, "\t\t%s) words='", nouns[i].name);
		put_verbs(out, nouns[i].name);
		fprintf(out, "'%s ;;\n", strcmp(nouns[i].name, "console") == 0 ? " nodes=1" : "");
	}
	fputs("\t\thelp) words='", out);
	put_nouns(out);
	fputs("' ;;\n\t\tcompletion) words='bash zsh fish' ;;\n\t\tesac\n\telse\n\t\tcase \"$noun "
	      "$verb\" in\n",
	      out);
	for (unsigned i = 0; i < command_count; i++) {
		fprintf(out, "\t\t'%s %s') words='", commands[i].noun, commands[i].verb);
		put_words(out, &commands[i]);
		fprintf(out, "'%s ;;\n", takes_node(&commands[i]) ? " nodes=1" : "");
	}
	fputs("\t\tesac\n\tfi\n\tif [ -n \"$nodes\" ] && [ \"${word:0:1}\" != - ]; then\n"
	      "\t\twords+=\" $(" ASK_NODES ")\"\n\tfi\n\tCOMPREPLY=($(compgen -W \"$words\" -- "
	      "\"$word\"))\n}\ncomplete -F _aetherctl aetherctl\n",
	      out);
}

static void zsh(FILE *out)
{
	fputs("#compdef aetherctl\n# zsh completion of aetherctl: source <(aetherctl completion "
	      "zsh), behind compinit; or as the file _aetherctl in a folder of $fpath\n"
	      "_aetherctl() {\n"
	      "\tlocal nodes=\n\tlocal -a choices\n\tif (( CURRENT == 2 )); then\n\t\tchoices=(",
	      out);
	put_nouns(out);
	fputs(")\n\telif (( CURRENT == 3 )); then\n\t\tcase $words[2] in\n", out);
	for (unsigned i = 0; i < noun_count; i++) {
		fprintf(out, "\t\t%s) choices=(", nouns[i].name);
		put_verbs(out, nouns[i].name);
		fprintf(out, ")%s ;;\n", strcmp(nouns[i].name, "console") == 0 ? " nodes=1" : "");
	}
	fputs("\t\thelp) choices=(", out);
	put_nouns(out);
	fputs(") ;;\n\t\tcompletion) choices=(bash zsh fish) ;;\n\t\tesac\n\telse\n\t\tcase "
	      "\"$words[2] $words[3]\" in\n",
	      out);
	for (unsigned i = 0; i < command_count; i++) {
		fprintf(out, "\t\t'%s %s') choices=(", commands[i].noun, commands[i].verb);
		put_words(out, &commands[i]);
		fprintf(out, ")%s ;;\n", takes_node(&commands[i]) ? " nodes=1" : "");
	}
	fputs("\t\tesac\n\tfi\n\t[[ -n $nodes && $words[CURRENT] != -* ]] && choices+=(${(f)\"$(" ASK_NODES
	      ")\"})\n"
	      "\tcompadd -- $choices\n}\n"
	      "if [[ ${funcstack[1]:-} == _aetherctl ]]; then\n\t_aetherctl \"$@\"\nelse\n"
	      "\tcompdef _aetherctl aetherctl\nfi\n",
	      out);
}

/* fish wants \' and \\ inside single quotes. */
static void put_fish(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		fprintf(out, *text == '\'' || *text == '\\' ? "\\%c" : "%c", *text);
	}
}

static void fish(FILE *out)
{
	fputs("# fish completion of aetherctl: aetherctl completion fish | source\ncomplete -c "
	      "aetherctl -f\n"
	      "complete -c aetherctl -n __fish_use_subcommand -a 'help completion manual'\n",
	      out);
	for (unsigned i = 0; i < noun_count; i++) {
		fprintf(out, "complete -c aetherctl -n __fish_use_subcommand -a %s -d '",
			nouns[i].name);
		put_fish(out, nouns[i].summary);
		fputs("'\n", out);
	}
	for (unsigned i = 0; i < command_count; i++) {
		const struct command *command = &commands[i];
		fprintf(out,
			"complete -c aetherctl -n '__fish_seen_subcommand_from %s; and test (count "
			"(commandline -opc)) = 2' -a %s -d '",
			command->noun, command->verb);
		put_fish(out, command->summary);
		fputs("'\n", out);
		if (takes_node(command)) {
			fprintf(out,
				"complete -c aetherctl -n '__fish_seen_subcommand_from %s; and "
				"__fish_seen_subcommand_from %s' -a \"(" ASK_NODES ")%s\"\n",
				command->noun, command->verb,
				strcmp(command->verb, "power") == 0 ? " on off reset" : "");
		}
		for (unsigned o = 0; o < OPT_COUNT; o++) {
			if (((command->options | OPT_GENERAL) >> o & 1) != 0) {
				fprintf(out,
					"complete -c aetherctl -n '__fish_seen_subcommand_from %s; "
					"and __fish_seen_subcommand_from %s' "
					"-l %s %s-d '",
					command->noun, command->verb, option_texts[o].name,
					option_texts[o].value != NULL ? "-r " : "");
				put_fish(out, option_texts[o].what);
				fputs("'\n", out);
			}
		}
	}
	fputs("complete -c aetherctl -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n"
	      "complete -c aetherctl -n '__fish_seen_subcommand_from console; and test (count "
	      "(commandline -opc)) -ge 2' -a \"(" ASK_NODES ")\"\n",
	      out);
}

bool help_completion(FILE *out, const char *shell)
{
	static const struct {
		const char *name;
		void (*put)(FILE *out);
	} shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};

	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(shells[i].name, shell) == 0) {
			shells[i].put(out);
			return true;
		}
	}
	return false;
}

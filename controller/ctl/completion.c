/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion for three shells. Each script knows the words of the table; a node is completed by asking the controller
 * for ids and names (`aetherctl node list --json`), and silently not at all where it does not answer.
 */
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

#define ASK_NODES                                                                                  \
	"aetherctl node list --json --timeout 2 2>/dev/null | tr ',{' '\\n\\n' | "                 \
	"sed -n 's/^\"\\(id\\|name\\)\":\"\\([A-Za-z0-9._-]*\\)\"$/\\2/p'"

static void bash(FILE *out)
{
	fputs("# bash completion of aetherctl: source <(aetherctl completion bash)\n_aetherctl() "
	      "{\n"
	      "\tlocal word=${COMP_WORDS[COMP_CWORD]} noun=${COMP_WORDS[1]:-} "
	      "verb=${COMP_WORDS[2]:-} words=\n"
	      "\tif [ \"$COMP_CWORD\" = 1 ]; then\n\t\twords='",
	      out);
	put_nouns(out);
	fputs("'\n\telif [ \"$COMP_CWORD\" = 2 ]; then\n\t\tcase $noun in\n", out);
	for (unsigned i = 0; i < noun_count; i++) {
		fprintf(out, "\t\t%s) words='", nouns[i].name);
		put_verbs(out, nouns[i].name);
		fputs("' ;;\n", out);
	}
	fputs("\t\thelp) words='", out);
	put_nouns(out);
	fputs("' ;;\n\t\tcompletion) words='bash zsh fish' ;;\n\t\tesac\n\telse\n\t\tcase \"$noun "
	      "$verb\" in\n",
	      out);
	for (unsigned i = 0; i < command_count; i++) {
		fprintf(out, "\t\t'%s %s') words='", commands[i].noun, commands[i].verb);
		put_option_words(out, commands[i].options | OPT_GENERAL);
		fputs(strcmp(commands[i].verb, "power") == 0 ? " on off reset' ;;\n" : "' ;;\n",
		      out);
	}
	fputs("\t\tesac\n\t\tcase \"$noun ${word:0:1}\" in 'node '|'node n'|'console "
	      "'*)\n\t\t\twords+=\" $(" ASK_NODES
	      ")\" ;;\n\t\tesac\n\tfi\n\tCOMPREPLY=($(compgen -W \"$words\" -- "
	      "\"$word\"))\n}\ncomplete -F _aetherctl aetherctl\n",
	      out);
}

static void zsh(FILE *out)
{
	fputs("#compdef aetherctl\n# zsh completion of aetherctl: source <(aetherctl completion "
	      "zsh)\n_aetherctl() {\n"
	      "\tlocal -a words\n\tif (( CURRENT == 2 )); then\n\t\twords=(",
	      out);
	put_nouns(out);
	fputs(")\n\telif (( CURRENT == 3 )); then\n\t\tcase $words_line[2] in\n", out);
	for (unsigned i = 0; i < noun_count; i++) {
		fprintf(out, "\t\t%s) words=(", nouns[i].name);
		put_verbs(out, nouns[i].name);
		fputs(") ;;\n", out);
	}
	fputs("\t\tcompletion) words=(bash zsh fish) ;;\n\t\tesac\n\telse\n\t\tcase "
	      "\"$words_line[2] $words_line[3]\" in\n",
	      out);
	for (unsigned i = 0; i < command_count; i++) {
		fprintf(out, "\t\t'%s %s') words=(", commands[i].noun, commands[i].verb);
		put_option_words(out, commands[i].options | OPT_GENERAL);
		fputs(strcmp(commands[i].verb, "power") == 0 ? " on off reset) ;;\n" : ") ;;\n",
		      out);
	}
	fputs("\t\tesac\n\t\t[[ $words_line[2] == (node|console) ]] && words+=(${(f)\"$(" ASK_NODES
	      ")\"})\n\tfi\n"
	      "\tcompadd -- $words\n}\n_aetherctl_words() {\n\tlocal -a "
	      "words_line=($words)\n\t_aetherctl\n}\n"
	      "compdef _aetherctl_words aetherctl\n",
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
	fputs("complete -c aetherctl -n '__fish_seen_subcommand_from node console; and test (count "
	      "(commandline -opc)) -ge 3' -a "
	      "\"(aetherctl node list --json --timeout 2 2>/dev/null | string match -ra "
	      "'\\\"id\\\":\\\"(n-[a-z0-9]+)' | string match "
	      "'n-*')\"\n",
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

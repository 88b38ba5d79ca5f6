/* vitrine completion: what a shell needs to finish a command that was begun, made from the table of
 * commands and what it says of their options. */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/command.h"

/* Options that most commands take, and that the table leaves out. */
static const char common[] = "--data --url --token --help";

typedef void (*word_fn)(const char *word, size_t n, void *data);

/* The options in a usage, each as often as it stands there. */
static void each_option(const char *usage, word_fn fn, void *data)
{
	for (const char *p = usage; *p; p++) {
		const char *name = p + strspn(p, "-");
		size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz-");

		if (*p != '-' || (p > usage && isalnum((unsigned char)p[-1])) || n == 0)
			continue;
		fn(p, (size_t)(name - p) + n, data);
		p = name + n - 1;
	}
}

/* What may stand first: "create NAME | list" has two such words. */
static void each_verb(const char *usage, word_fn fn, void *data)
{
	for (const char *p = usage; p; p = strstr(p, " | ")) {
		size_t n;

		p += !strncmp(p, " | ", 3) ? 3 : 0;
		n = strspn(p, "abcdefghijklmnopqrstuvwxyz");
		if (n > 0 && (p[n] == ' ' || p[n] == '\0'))
			fn(p, n, data);
	}
}

static void print_word(const char *word, size_t n, void *data)
{
	(void)data;
	printf("%.*s ", (int)n, word);
}

static void print_words(const struct command *c)
{
	each_verb(c->usage, print_word, NULL);
	each_option(c->usage, print_word, NULL);
	printf("%s", common);
}

/* In single quotes; escaped is how a quote is told inside of them. */
static void print_quoted(const char *words, const char *escaped)
{
	for (; *words; words++)
		if (*words == '\'')
			printf("%s", escaped);
		else
			putchar(*words);
}

static void print_bash(const struct command *commands, size_t n)
{
	printf("_vitrine() {\n\tlocal words\n\tif [ \"$COMP_CWORD\" = 1 ]; then\n\t\twords='");
	for (size_t i = 0; i < n; i++)
		printf("%s ", commands[i].name);
	printf("help version'\n\telse\n\t\tcase \"${COMP_WORDS[1]}\" in\n");
	for (size_t i = 0; i < n; i++) {
		printf("\t\t%s) words='", commands[i].name);
		print_words(&commands[i]);
		printf("' ;;\n");
	}
	printf("\t\tesac\n\tfi\n"
	       "\tCOMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
	       "}\ncomplete -o default -F _vitrine vitrine\n");
}

static void print_zsh(const struct command *commands, size_t n)
{
	printf("#compdef vitrine\n_vitrine() {\n\tlocal -a choices\n\tif (( CURRENT == 2 )); "
	       "then\n\t\tchoices=(\n");
	for (size_t i = 0; i < n; i++) {
		printf("\t\t\t'%s:", commands[i].name);
		print_quoted(commands[i].help, "'\\''");
		printf("'\n");
	}
	printf("\t\t)\n\t\t_describe -t commands command choices\n\t\treturn\n\tfi\n"
	       "\tcase $words[2] in\n");
	for (size_t i = 0; i < n; i++) {
		printf("\t%s) choices=(", commands[i].name);
		print_words(&commands[i]);
		printf(") ;;\n");
	}
	printf("\tesac\n\tcompadd -a choices\n\t_files\n}\ncompdef _vitrine vitrine\n");
}

static void print_fish_word(const char *word, size_t n, void *data)
{
	printf("complete -c vitrine -n '__fish_seen_subcommand_from %s' -a '%.*s'\n",
		((const struct command *)data)->name, (int)n, word);
}

static void print_fish_option(const char *word, size_t n, void *data)
{
	bool is_long = n > 2 && word[1] == '-';

	printf("complete -c vitrine -n '__fish_seen_subcommand_from %s' %s %.*s\n",
		((const struct command *)data)->name, is_long ? "-l" : "-s",
		(int)(n - (is_long ? 2 : 1)), word + (is_long ? 2 : 1));
}

static void print_fish(const struct command *commands, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		void *command = (void *)&commands[i];

		printf("complete -c vitrine -n __fish_use_subcommand -f -a %s -d '",
			commands[i].name);
		print_quoted(commands[i].help, "\\'");
		printf("'\n");
		each_verb(commands[i].usage, print_fish_word, command);
		each_option(commands[i].usage, print_fish_option, command);
		each_option(common, print_fish_option, command);
	}
}

int cmd_completion(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*print)(const struct command *commands, size_t n);
	} shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
	size_t n;
	const struct command *commands = command_table(&n);

	for (size_t i = 0; argc == 2 && i < sizeof(shells) / sizeof(shells[0]); i++)
		if (!strcmp(shells[i].name, argv[1])) {
			shells[i].print(commands, n);
			return 0;
		}
	fprintf(stderr, "usage: vitrine completion bash|zsh|fish\n");
	return ASK_USAGE;
}

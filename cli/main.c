/* vitrine: what an operator and a developer type. `vitrine up` is the supervisor. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"

static const struct command commands[] = {
	{"new", "[--template NAME] DIR | --list", "a folder with a Space in it, ready to be pushed",
		cmd_new},
	{"dev", "[--port N] [--fetch-allow-private CIDR] [DIR]",
		"a folder as a Space, every change of it as you save it", cmd_dev},
	{"test", "[DIR]", "run a folder's test.lua in the box where a push would run it", cmd_test},
	{"up",
		"[--data DIR] [--listen ADDR] [--port N] [--token-file FILE] "
		"[--class NAME=MEMORY,CPU]... [--pool NAME=N,...] "
		"[--isolation full|dense] [--local-metrics] [--open-models] [--proxy ADDRESS] "
		"[--log-format text|json] [--log-limits MIB,DAYS,MIB] "
		"[--quota user=SECONDS,owner=SECONDS,network=SECONDS] "
		"[--uploads FILE_MIB,SPACE_MIB] "
		"[--model-memory MIB] [--device NAME=MIB]... [--disk-warn MIB] [--disk-reserve "
		"MIB] [--large-files MIB] "
		"[--repo-size MIB] "
		"[--data-limits MIB,KEYS,MIB] "
		"[--sign-up invite|open|closed] "
		"[--spaces-domain DOMAIN] [--custom-domains] "
		"[--fetch-allow HOST]... [--fetch-allow-private CIDR]... "
		"[--limit NAME=N]... "
		"[--tls CERT,KEY]... [--tls-ca] [--tls-acme HOST]... "
		"[--tls-acme-directory URL] [--tls-acme-contact MAIL] [--tls-acme-eab FILE] "
		"[--tls-port N] [--host NAME]",
		"start the platform and keep it running", cmd_up},
	{"login", "[--user NAME] URL | --list [--json]",
		"sign in to a platform: token, or with --user the password, on standard input",
		cmd_login},
	{"logout", "[URL]", "forget its token; one that login made is revoked", cmd_logout},
	{"push", "[-m MESSAGE] [--to OWNER/NAME] [--type space|model|dataset] [DIR]",
		"commit what a folder holds and push it: to its remote, or to that repo", cmd_push},
	{"open", "[--type space|model|dataset] [--branch BRANCH] [--sign-in] [--json] OWNER/NAME",
		"the address of a repo's page, opened in the browser where there is a screen",
		cmd_open},
	{"ps", "[--json] [OWNER/NAME]", "what Spaces are doing", cmd_ps},
	{"pause", "[--json] OWNER/NAME", "end a Space's workers and start none", cmd_pause},
	{"restart", "[--factory] [--json] OWNER/NAME",
		"start a Space's workers anew, also of a paused one; or build it again first",
		cmd_restart},
	{"hardware", "[--json] OWNER/NAME [FLAVOUR]",
		"what a Space may run on; with FLAVOUR it asks for that", cmd_hardware},
	{"secrets",
		"list OWNER/NAME | set OWNER/NAME KEY[=VALUE] [--description WORDS] | "
		"remove OWNER/NAME KEY | audit OWNER/NAME [--json]",
		"what only a Space's app can read; without =VALUE it comes on standard input",
		cmd_secrets},
	{"variables",
		"list OWNER/NAME | set OWNER/NAME KEY[=VALUE] [--description WORDS] | "
		"remove OWNER/NAME KEY [--json]",
		"what a Space's app and its owner can read", cmd_variables},
	{"data",
		"usage OWNER/NAME [--json] | export OWNER/NAME -o FILE [--snapshot N] | "
		"import OWNER/NAME FILE [--replace] | snapshot OWNER/NAME | "
		"snapshots OWNER/NAME [--json] | forget OWNER/NAME N",
		"what a Space's app keeps in vitrine.store, out of the platform and into it again",
		cmd_data},
	{"repo",
		"create OWNER/NAME [--type space|model|dataset] [--sdk lua|static] [--private] | "
		"move OWNER/NAME OWNER/NAME | private OWNER/NAME | public OWNER/NAME | "
		"delete OWNER/NAME | restore OWNER/NAME | "
		"takedown OWNER/NAME --reason WORDS | lift OWNER/NAME | takedowns [--json]",
		"repos of all kinds", cmd_repo, true},
	{"domain",
		"list [OWNER/NAME] | add OWNER/NAME HOST [--proved] | remove OWNER/NAME HOST "
		"[--json]",
		"hosts of your own for a Space", cmd_domain, true},
	{"export", "[KIND/]OWNER/NAME... -o FILE [--type space|model|dataset] [--json]",
		"whole repos as one file: history, large files, variables, and no secret",
		cmd_export},
	{"import", "FILE [--owner NAME] [--replace] [--json]",
		"what an export holds, each repo whole or not at all", cmd_import},
	{"duplicate",
		"[--type space|model|dataset] [--private|--public] [--json] OWNER/NAME OWNER/NAME",
		"a repo made of another one: all but its secrets", cmd_duplicate},
	{"status", "[--json]", "what runs, for whom", cmd_status, true},
	{"logs",
		"[-f] [-n N] [--since 10m] [--level LEVEL] [--session REF] [--ref REF] "
		"[--commit ID] [--build[=ID]] [--branch BRANCH] [--json] OWNER/NAME",
		"what a Space printed, or its builds said", cmd_logs},
	{"events", "[-f] [-n N] [--since 10m] [--json] [OWNER/NAME]",
		"what happened to a Space, or to all: pushes, builds, workers", cmd_events},
	{"builds", "[--json] OWNER/NAME", "versions of a Space, newest first", cmd_builds},
	{"rollback", "[--build ID] [--json] OWNER/NAME",
		"make an earlier version live again, without a build", cmd_rollback},
	{"promote", "[--json] OWNER/NAME BRANCH",
		"make a branch of a Space main, with what its preview shows, without a build",
		cmd_promote},
	{"top", "[--once] [--json]", "what each device does now, for whom, and what waits and why",
		cmd_top, true},
	{"device",
		"list | show NAME | drain NAME [--reason WORDS] [--yes] | exclude NAME --reason "
		"WORDS [--yes] | return NAME [--json]",
		"what models run on, and which of it is in service", cmd_device, true},
	{"usage", "[--all] [--days N] [--json]", "what models have cost, and what is left",
		cmd_usage, true},
	{"policy",
		"check FILE | plan FILE | apply FILE --reason WORDS | show [--version N] | history "
		"[--json]",
		"who may use how much compute: tiers, and who has which", cmd_policy, true},
	{"credit", "NAME SECONDS --reason WORDS [--days N] [--owner]",
		"seconds of compute beside somebody's tier", cmd_credit, true},
	{"token",
		"create NAME [--user USER] [--read-only] [--repo [KIND/]OWNER/NAME]... [--days N] "
		"| "
		"list [--json] | revoke ID",
		"access tokens for git and the API", cmd_token, true},
	{"user", "add NAME | list [--json]", "people", cmd_user, true},
	{"invite", "", "a link with which one person makes an account, once", cmd_invite, true},
	{"org",
		"list | create NAME | delete NAME | members NAME | add NAME USER [--role ROLE] | "
		"remove NAME USER",
		"organisations and their members", cmd_org, true},
	{"model",
		"import [--name OWNER/NAME] [--replace] FOLDER|FILE.gguf | "
		"import --repo OWNER/NAME [--private] FOLDER|FILE.gguf | list [--json] | "
		"remove OWNER/NAME",
		"models of your own for all Spaces", cmd_model, true},
	{"audit",
		"list [-n N] [--json] | verify [--head N:HASH] [FILE] | export | "
		"prune --before DAY FILE",
		"who did what to people, tokens, secrets and repos, whether that log is whole, and "
		"its "
		"beginning taken out",
		cmd_audit, true},
	{"tls",
		"acme [--directory URL] [--contact MAIL] [--eab FILE] HOST... | ca [HOST]... | "
		"install [--name NAME] CERT [KEY] | list | remove NAME | renew [--now] [--data "
		"DIR]",
		"certificates for this machine's platform: of a public authority, of one of its "
		"own, or "
		"yours",
		cmd_tls, true},
	{"upgrade", "[--data DIR]",
		"replace the services of vitrine up by the programs that are on the disk now",
		cmd_upgrade, true},
	{"backup", "FILE|DIR [--keep N]", "all data as one file, also while the platform runs",
		cmd_backup, true},
	{"restore", "FILE [--secrets-key FILE | --without-secrets]",
		"what a backup holds, into an empty folder", cmd_restore, true},
	{"doctor", "[--json] [--verbose] [--require full|user] [--bin DIR]",
		"what this host enforces, tried out in real boxes", cmd_doctor, true},
	{"admin", "[COMMAND...]",
		"is anything wrong, who waits, how long the disk lasts; or one of what "
		"administrators do",
		cmd_admin},
	{"completion", "bash|zsh|fish", "what a shell needs to complete these", cmd_completion},
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct command *command_table(size_t *ret_n)
{
	*ret_n = N_COMMANDS;
	return commands;
}

const char *default_data_dir(void)
{
	static char dir[4096];
	const char *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

	if (geteuid() == 0)
		return "/var/lib/vitrine";
	if (xdg && *xdg)
		(void)snprintf(dir, sizeof(dir), "%s/vitrine", xdg);
	else
		(void)snprintf(dir, sizeof(dir), "%s/.local/share/vitrine", home ? home : ".");
	return dir;
}

void command_print(FILE *out, const struct command *c)
{
	fprintf(out, "  vitrine %s %s\n      %s\n", c->name, c->usage, c->help);
}

static void print_usage(FILE *out)
{
	fprintf(out, "vitrine %s: a platform for interactive machine-learning demos\n\n",
		VITRINE_VERSION);
	for (size_t i = 0; i < N_COMMANDS; i++)
		command_print(out, &commands[i]);
	fprintf(out,
		"\nEvery command but dev, test, up, doctor and completion takes --data DIR "
		"(the platform on this machine) or --url URL --token TOKEN; without them it is "
		"about the platform of vitrine login, or else this machine's.\n");
}

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	return NULL;
}

static int help(const char *name)
{
	const struct command *c = name ? command_find(name) : NULL;

	if (name && !c) {
		fprintf(stderr, "vitrine: '%s' is no command; see vitrine help\n", name);
		return 2;
	}
	if (c)
		command_print(stdout, c);
	else
		print_usage(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		print_usage(stderr);
		return 2;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "version")) {
		printf("vitrine %s\n", VITRINE_VERSION);
		return 0;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))
		return help(argv[2]);
	c = command_find(argv[1]);
	if (!c) {
		fprintf(stderr, "vitrine: '%s' is no command; see vitrine help\n", argv[1]);
		return 2;
	}
	if (argc == 3 && !strcmp(argv[2], "--help"))
		return help(argv[1]);
	return c->run(argc - 1, argv + 1);
}

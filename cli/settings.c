/* vitrine secrets, vitrine variables */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/ask.h"
#include "cli/command.h"

#define VALUE_MAX (64u << 10)

/* argv of one of the two, taken apart. */
struct plan {
	struct client_options client;
	const char *what; /* "secrets" or "variables" */
	const char *verb, *space, *name, *description;
	bool json;
};

static bool takes_name(const char *verb)
{
	return !strcmp(verb, "set") || !strcmp(verb, "remove");
}

static bool is_verb(const struct plan *p)
{
	return !strcmp(p->verb, "list") || takes_name(p->verb) ||
	       (!strcmp(p->verb, "audit") && !strcmp(p->what, "secrets"));
}

static int parse(struct plan *p, int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS, {"json", no_argument, NULL, 'j'},
		{"description", required_argument, NULL, 'd'}, {0}};
	int opt, n;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt == 'j')
			p->json = true;
		else if (opt == 'd')
			p->description = optarg;
		else if (!client_option(&p->client, opt, optarg))
			return ASK_USAGE;
	}
	n = argc - optind;
	p->verb = n > 0 ? argv[optind] : "";
	if (!is_verb(p) || n != (takes_name(p->verb) ? 3 : 2)) {
		fprintf(stderr, "usage: see vitrine help %s\n", p->what);
		return ASK_USAGE;
	}
	p->space = argv[optind + 1];
	p->name = n > 2 ? argv[optind + 2] : NULL;
	return ask_repo_id(p->space) ? 0 : ASK_USAGE;
}

static void print_all(const struct plan *p, const json_t *answer)
{
	const char *name;
	const json_t *one;

	if (p->json) {
		ask_print(answer);
		return;
	}
	json_object_foreach((json_t *)answer, name, one)
	{
		const char *value = json_string_value(json_object_get(one, "value"));

		if (value)
			printf("%s=%s\n", name, value);
		else
			printf("%-32s %s  %s\n", name, ask_text(one, "updatedAt"),
				ask_text(one, "description"));
	}
}

static void print_audit(const struct plan *p, const json_t *answer)
{
	const json_t *one;
	size_t i;

	if (p->json) {
		ask_print(answer);
		return;
	}
	json_array_foreach(answer, i, one)
		printf("%s  %-8s %-16s %s  %s\n", ask_text(one, "time"), ask_text(one, "what"),
			ask_text(one, "who"), ask_text(one, "names"), ask_text(one, "why"));
}

/* NAME=VALUE, or NAME and a value on standard input, where no list of processes shows it. */
static int set(const struct plan *p)
{
	CLEANUP(json_unrefp) json_t *answer = NULL;
	CLEANUP(json_unrefp) json_t *body = NULL;
	size_t n = strcspn(p->name, "=");
	static char typed[VALUE_MAX];
	int r;

	if (!p->name[n] && !ask_hidden("value", typed, sizeof(typed))) {
		fprintf(stderr, "vitrine: no value was given\n");
		return ASK_USAGE;
	}
	body = json_pack("{s:s%, s:s, s:s*}", "key", p->name, n, "value",
		p->name[n] ? p->name + n + 1 : typed, "description", p->description);
	if (!body) {
		fprintf(stderr, "vitrine: the value is no text (UTF-8)\n");
		return ASK_USAGE;
	}
	r = ask(&p->client, "POST", body, &answer, "/api/spaces/%s/%s", p->space, p->what);
	explicit_bzero(typed, sizeof(typed));
	if (r == 0)
		print_all(p, answer);
	return r;
}

static int run(struct plan *p, int argc, char **argv)
{
	CLEANUP(json_unrefp) json_t *answer = NULL;
	CLEANUP(json_unrefp) json_t *body = NULL;
	bool audit;
	int r = parse(p, argc, argv);

	if (r != 0 || !strcmp(p->verb, "set"))
		return r ? r : set(p);
	audit = !strcmp(p->verb, "audit");
	if (p->name)
		body = json_pack("{s:s}", "key", p->name);
	r = ask(&p->client, p->name ? "DELETE" : "GET", body, &answer, "/api/spaces/%s/%s%s",
		p->space, p->what, audit ? "/audit" : "");
	if (r == 0 && audit)
		print_audit(p, answer);
	else if (r == 0)
		print_all(p, answer);
	return r;
}

int cmd_secrets(int argc, char **argv)
{
	struct plan p = {.what = "secrets"};

	return run(&p, argc, argv);
}

int cmd_variables(int argc, char **argv)
{
	struct plan p = {.what = "variables"};

	return run(&p, argc, argv);
}

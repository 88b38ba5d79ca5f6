/* vitrine repo: repos of all kinds, made, moved, hidden, deleted and brought back. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/ask.h"
#include "cli/command.h"

struct plan {
	struct client_options client;
	const char *type; /* "space", "model", "dataset" */
	const char *sdk;
	const char *reason;
	bool json, private;
	const char *verb, *id, *to;
};

static json_t *name_body(const struct plan *p, bool whole)
{
	const char *slash = strchr(p->id, '/');

	return json_pack("{s:s, s:s%, s:s, s:s*, s:o*}", "name", slash + 1, "organization", p->id,
		(size_t)(slash - p->id), "type", p->type, "sdk", whole ? p->sdk : NULL, "private",
		whole ? json_boolean(p->private) : NULL);
}

static int create(const struct plan *p, json_t **ret)
{
	CLEANUP(json_unrefp) json_t *body = name_body(p, true);
	int r = ask(&p->client, "POST", body, ret, "/api/repos/create");

	if (r == 0 && !p->json)
		printf("%s\n", ask_text(*ret, "url"));
	return r;
}

static int delete (const struct plan *p, json_t **ret)
{
	CLEANUP(json_unrefp) json_t *body = name_body(p, false);
	int r = ask(&p->client, "DELETE", body, ret, "/api/repos/delete");

	if (r == 0 && !p->json)
		printf("%s is deleted; vitrine repo restore brings it back for a time\n", p->id);
	return r;
}

static int restore(const struct plan *p, json_t **ret)
{
	CLEANUP(json_unrefp) json_t *body = name_body(p, false);
	int r = ask(&p->client, "POST", body, ret, "/api/repos/restore");

	if (r == 0 && !p->json)
		printf("%s is there again\n", p->id);
	return r;
}

static int move(const struct plan *p, json_t **ret)
{
	CLEANUP(json_unrefp)
	json_t *body =
		json_pack("{s:s, s:s, s:s}", "fromRepo", p->id, "toRepo", p->to, "type", p->type);
	int r = ask_repo_id(p->to) ? ask(&p->client, "POST", body, ret, "/api/repos/move")
				   : ASK_USAGE;

	if (r == 0 && !p->json)
		printf("%s is %s now; the old name leads there\n", p->id, p->to);
	return r;
}

static int show(const struct plan *p, bool private, json_t **ret)
{
	CLEANUP(json_unrefp) json_t *body = json_pack("{s:b}", "private", private);
	int r = ask(&p->client, "PUT", body, ret, "/api/%ss/%s/settings", p->type, p->id);

	if (r == 0 && !p->json)
		printf("%s is %s\n", p->id, private ? "private" : "public");
	return r;
}

static int hide_it(const struct plan *p, json_t **ret)
{
	return show(p, true, ret);
}

static int show_it(const struct plan *p, json_t **ret)
{
	return show(p, false, ret);
}

/* --- for administrators --- */

static int take_down(const struct plan *p, json_t **ret)
{
	CLEANUP(json_unrefp) json_t *body = json_pack("{s:s}", "reason", p->reason);
	int r = ask(&p->client, "POST", body, ret, "/api/%ss/%s/takedown", p->type, p->id);

	if (r == 0 && !p->json)
		printf("%s is taken down; its owner reads why\n", p->id);
	return r;
}

static int lift(const struct plan *p, json_t **ret)
{
	int r = ask(&p->client, "DELETE", NULL, ret, "/api/%ss/%s/takedown", p->type, p->id);

	if (r == 0 && !p->json)
		printf("%s is what it was before\n", p->id);
	return r;
}

static int list_taken_down(const struct plan *p, json_t **ret)
{
	const json_t *row;
	size_t i;
	int r = ask(&p->client, "GET", NULL, ret, "/api/takedowns");

	if (r == 0 && !p->json)
		json_array_foreach(*ret, i, row) printf("%-8s %-40s %s (%s, %s)\n",
			ask_text(row, "kind"), ask_text(row, "id"), ask_text(row, "reason"),
			ask_text(row, "by"), ask_text(row, "at"));
	return r;
}

static const struct verb {
	const char *name;
	int arguments;
	int (*run)(const struct plan *p, json_t **ret);
} verbs[] = {
	{"create", 1, create},
	{"delete", 1, delete},
	{"restore", 1, restore},
	{"move", 2, move},
	{"private", 1, hide_it},
	{"public", 1, show_it},
	{"takedown", 1, take_down},
	{"lift", 1, lift},
	{"takedowns", 0, list_taken_down},
};
#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static const struct verb *find_verb(const char *name, int arguments)
{
	for (size_t i = 0; i < N_VERBS; i++)
		if (!strcmp(verbs[i].name, name) && verbs[i].arguments == arguments)
			return &verbs[i];
	return NULL;
}

static bool is_type(const char *type)
{
	return !strcmp(type, "space") || !strcmp(type, "model") || !strcmp(type, "dataset");
}

static const struct verb *parse(struct plan *p, int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS, {"json", no_argument, NULL, 'j'},
		{"type", required_argument, NULL, 't'}, {"sdk", required_argument, NULL, 's'},
		{"private", no_argument, NULL, 'p'}, {"reason", required_argument, NULL, 'r'}, {0}};
	const struct verb *verb;
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt == 'j')
			p->json = true;
		else if (opt == 'p')
			p->private = true;
		else if (opt == 't')
			p->type = optarg;
		else if (opt == 's')
			p->sdk = optarg;
		else if (opt == 'r')
			p->reason = optarg;
		else if (!client_option(&p->client, opt, optarg))
			return NULL;
	}
	verb = optind < argc ? find_verb(argv[optind], argc - optind - 1) : NULL;
	if (!verb || !is_type(p->type) || (verb->run == take_down) != (p->reason != NULL)) {
		fprintf(stderr, "usage: see vitrine help repo\n");
		return NULL;
	}
	if (verb->arguments == 0)
		return verb;
	p->id = argv[optind + 1];
	p->to = verb->arguments > 1 ? argv[optind + 2] : NULL;
	return ask_repo_id(p->id) ? verb : NULL;
}

int cmd_repo(int argc, char **argv)
{
	CLEANUP(json_unrefp) json_t *answer = NULL;
	struct plan p = {.type = "space"};
	const struct verb *verb = parse(&p, argc, argv);
	int r = verb ? verb->run(&p, &answer) : ASK_USAGE;

	if (r == 0 && p.json)
		ask_print(answer);
	return r;
}

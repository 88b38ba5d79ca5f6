/* vitrine ps, vitrine pause, vitrine restart: whether Spaces run, and whether they should. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/ask.h"
#include "cli/command.h"

struct plan {
	struct client_options client;
	bool json, factory;
	const char *space; /* NULL: all */
};

static int parse(struct plan *p, int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS, {"json", no_argument, NULL, 'j'},
		{"factory", no_argument, NULL, 'f'}, {0}};
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt == 'j')
			p->json = true;
		else if (opt == 'f')
			p->factory = true;
		else if (!client_option(&p->client, opt, optarg))
			return ASK_USAGE;
	}
	p->space = optind < argc ? argv[optind] : NULL;
	if (optind + 1 < argc || (!p->space && strcmp(argv[0], "ps") != 0)) {
		fprintf(stderr, "usage: see vitrine help %s\n", argv[0]);
		return ASK_USAGE;
	}
	return !p->space || ask_repo_id(p->space) ? 0 : ASK_USAGE;
}

static void print_space(const char *id, const json_t *runtime)
{
	printf("%-40s %-20s %-14s %3lld visitors  %.10s\n", id, ask_text(runtime, "stage"),
		ask_text(json_object_get(runtime, "hardware"), "requested"),
		(long long)json_integer_value(json_object_get(runtime, "sessions")),
		ask_text(runtime, "sha"));
}

static void print_previews(const json_t *previews)
{
	const json_t *one;
	size_t i;

	json_array_foreach(previews, i, one)
		printf("  preview of %-27s %-35s %3lld visitors  %.10s  ends %.10s\n",
			ask_text(one, "branch"), ask_text(one, "stage"),
			(long long)json_integer_value(json_object_get(one, "sessions")),
			ask_text(one, "commit"), ask_text(one, "endsAt"));
}

/* What a Space does, its previews with it. */
static int ask_runtime(const struct plan *p, const char *id, json_t **ret)
{
	json_t *previews = NULL;
	int r = ask(&p->client, "GET", NULL, ret, "/api/spaces/%s/runtime", id);

	if (r == 0)
		r = ask(&p->client, "GET", NULL, &previews, "/api/spaces/%s/previews", id);
	if (r == 0)
		(void)json_object_set_new(*ret, "previews", previews);
	return r;
}

static void print_all(const char *id, const json_t *runtime)
{
	print_space(id, runtime);
	print_previews(json_object_get(runtime, "previews"));
}

static int show(const struct plan *p, const char *method, const char *action)
{
	CLEANUP(json_unrefp) json_t *runtime = NULL;
	int r = ask(&p->client, method, NULL, &runtime, "/api/spaces/%s/%s", p->space, action);

	if (r != 0)
		return r;
	if (p->json)
		ask_print(runtime);
	else
		print_space(p->space, runtime);
	return 0;
}

static int show_all(const struct plan *p)
{
	CLEANUP(json_unrefp) json_t *spaces = NULL;
	CLEANUP(json_unrefp) json_t *all = json_object();
	const json_t *one;
	size_t i;
	int r = ask(&p->client, "GET", NULL, &spaces, "/api/spaces");

	json_array_foreach(spaces, i, one)
	{
		const char *id = ask_text(one, "id");
		json_t *runtime = NULL;

		if (r == 0)
			r = ask_runtime(p, id, &runtime);
		if (r == 0 && !p->json)
			print_all(id, runtime);
		if (runtime)
			(void)json_object_set_new(all, id, runtime);
	}
	if (r == 0 && p->json)
		ask_print(all);
	return r;
}

static int show_one(const struct plan *p)
{
	CLEANUP(json_unrefp) json_t *runtime = NULL;
	int r = ask_runtime(p, p->space, &runtime);

	if (r != 0)
		return r;
	if (p->json)
		ask_print(runtime);
	else
		print_all(p->space, runtime);
	return 0;
}

int cmd_ps(int argc, char **argv)
{
	struct plan p = {0};
	int r = parse(&p, argc, argv);

	if (r != 0)
		return r;
	return p.space ? show_one(&p) : show_all(&p);
}

int cmd_pause(int argc, char **argv)
{
	struct plan p = {0};
	int r = parse(&p, argc, argv);

	return r ? r : show(&p, "POST", "pause");
}

int cmd_restart(int argc, char **argv)
{
	struct plan p = {0};
	int r = parse(&p, argc, argv);

	return r ? r : show(&p, "POST", p.factory ? "restart?factory=true" : "restart");
}

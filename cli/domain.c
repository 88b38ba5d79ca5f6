/* vitrine domain: hosts that a Space's owner brings for it. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/ask.h"
#include "cli/command.h"

struct plan {
	struct client_options client;
	bool json, proved;
	const char *verb, *space, *host; /* space NULL: of all */
};

static void show(const json_t *list)
{
	const json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
	{
		const char *words = ask_text(row, "message");

		printf("%-40s %-8s%s%s\n", ask_text(row, "domain"), ask_text(row, "stage"),
			*words ? " " : "", words);
	}
}

static void show_all(const json_t *list)
{
	const json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
		printf("%-40s %s\n", ask_text(row, "domain"), ask_text(row, "space"));
}

static int run(const struct plan *p)
{
	CLEANUP(json_unrefp) json_t *body = NULL;
	CLEANUP(json_unrefp) json_t *answer = NULL;
	const char *method = !strcmp(p->verb, "add")      ? "POST"
			     : !strcmp(p->verb, "remove") ? "DELETE"
							  : "GET";
	int r;

	if (p->host)
		body = json_pack(
			"{s:s, s:o*}", "domain", p->host, "proved", p->proved ? json_true() : NULL);
	r = p->space ? ask(&p->client, method, body, &answer, "/api/spaces/%s/domains", p->space)
		     : ask(&p->client, method, body, &answer, "/api/domains");
	if (r == 0 && p->json)
		ask_print(answer);
	else if (r == 0 && p->space)
		show(answer);
	else if (r == 0)
		show_all(answer);
	return r;
}

static bool parse(struct plan *p, int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS, {"json", no_argument, NULL, 'j'},
		{"proved", no_argument, NULL, 'p'}, {0}};
	int opt, n;
	bool list;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt == 'j')
			p->json = true;
		else if (opt == 'p')
			p->proved = true;
		else if (!client_option(&p->client, opt, optarg))
			return false;
	}
	n = argc - optind;
	p->verb = n > 0 ? argv[optind] : "";
	p->space = n > 1 ? argv[optind + 1] : NULL;
	p->host = n > 2 ? argv[optind + 2] : NULL;
	list = !strcmp(p->verb, "list");
	if ((list ? n > 2 : n != 3 || (strcmp(p->verb, "add") && strcmp(p->verb, "remove"))) ||
		(p->proved && strcmp(p->verb, "add") != 0)) {
		fprintf(stderr, "usage: see vitrine help domain\n");
		return false;
	}
	return !p->space || ask_repo_id(p->space);
}

int cmd_domain(int argc, char **argv)
{
	struct plan p = {.json = false};

	return parse(&p, argc, argv) ? run(&p) : ASK_USAGE;
}

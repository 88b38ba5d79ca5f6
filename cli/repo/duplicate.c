/* vitrine duplicate: a repo made of another one, without its secrets. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/ask.h"
#include "cli/command.h"

struct plan {
	struct client_options client;
	const char *type;
	int private; /* -1: as the other one is */
	bool json;
};

static bool take_option(struct plan *p, int opt, const char *value)
{
	switch (opt) {
	case 'j':
		p->json = true;
		return true;
	case 'p':
		p->private = 1;
		return true;
	case 'P':
		p->private = 0;
		return true;
	case 't':
		p->type = value;
		return true;
	default:
		return client_option(&p->client, opt, value);
	}
}

static int run(const struct plan *p, const char *from, const char *to)
{
	CLEANUP(json_unrefp) json_t *body = json_pack("{s:s}", "repository", to);
	CLEANUP(json_unrefp) json_t *answer = NULL;

	if (p->private >= 0)
		(void)json_object_set_new(
			body, "visibility", json_string(p->private ? "private" : "public"));
	if (ask(&p->client, "POST", body, &answer, "/api/%ss/%s/duplicate", p->type, from) != 0)
		return ASK_FAILED;
	if (p->json)
		ask_print(answer);
	else
		printf("%s\n", ask_text(answer, "url"));
	return 0;
}

int cmd_duplicate(int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS, {"json", no_argument, NULL, 'j'},
		{"private", no_argument, NULL, 'p'}, {"public", no_argument, NULL, 'P'},
		{"type", required_argument, NULL, 't'}, {0}};
	struct plan p = {.type = "space", .private = -1};
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1)
		if (!take_option(&p, opt, optarg))
			return ASK_USAGE;
	if (strcmp(p.type, "space") != 0 && strcmp(p.type, "model") != 0 &&
		strcmp(p.type, "dataset") != 0) {
		fprintf(stderr, "vitrine: --type: space, model or dataset\n");
		return ASK_USAGE;
	}
	if (optind != argc - 2 || !ask_repo_id(argv[optind]) || !ask_repo_id(argv[optind + 1])) {
		fprintf(stderr, "usage: see vitrine help duplicate\n");
		return ASK_USAGE;
	}
	return run(&p, argv[optind], argv[optind + 1]);
}

/* vitrine builds, vitrine rollback */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/ask.h"
#include "cli/command.h"

struct plan {
	struct client_options client;
	const char *build; /* NULL: not named */
	const char *space;
	bool json;
};

static int parse_space(struct plan *p, int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS,
		{"build", required_argument, NULL, 'b'}, {"json", no_argument, NULL, 'j'}, {0}};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 'b' && !strcmp(argv[0], "rollback"))
			p->build = optarg;
		else if (c == 'j')
			p->json = true;
		else if (!client_option(&p->client, c, optarg))
			return -1;
	}
	if (optind != argc - 1 || !ask_repo_id(argv[optind])) {
		fprintf(stderr, "usage: vitrine %s OWNER/NAME\n", argv[0]);
		return -1;
	}
	p->space = argv[optind];
	return 0;
}

int cmd_builds(int argc, char **argv)
{
	CLEANUP(json_unrefp) json_t *builds = NULL;
	struct plan p = {0};
	const json_t *b;
	size_t i;

	if (parse_space(&p, argc, argv) < 0)
		return ASK_USAGE;
	if (ask(&p.client, "GET", NULL, &builds, "/api/spaces/%s/builds", p.space) != 0)
		return ASK_FAILED;
	if (p.json)
		ask_print(builds);
	else
		json_array_foreach(builds, i, b) printf("%-28s %-8s %.10s  %s\n", ask_text(b, "id"),
			ask_text(b, "state"), ask_text(b, "commit"), ask_text(b, "message"));
	return 0;
}

int cmd_rollback(int argc, char **argv)
{
	CLEANUP(json_unrefp) json_t *body = json_object();
	CLEANUP(json_unrefp) json_t *answer = NULL;
	struct plan p = {0};

	if (parse_space(&p, argc, argv) < 0)
		return ASK_USAGE;
	if (p.build)
		(void)json_object_set_new(body, "build", json_string(p.build));
	if (ask(&p.client, "POST", body, &answer, "/api/spaces/%s/rollback", p.space) != 0)
		return ASK_FAILED;
	if (p.json)
		ask_print(answer);
	else
		printf("%s: version %.10s is live again\n", p.space, ask_text(answer, "commit"));
	return 0;
}

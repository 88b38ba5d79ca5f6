/* vitrine promote: a branch of a Space becomes main, with what its preview shows. */
#include <getopt.h>
#include <stdio.h>

#include "base/json.h"
#include "cli/ask.h"
#include "cli/command.h"

int cmd_promote(int argc, char **argv)
{
	static const struct option known[] = {
		CLIENT_OPTIONS, {"json", no_argument, NULL, 'j'}, {0}};
	CLEANUP(json_unrefp) json_t *body = NULL;
	CLEANUP(json_unrefp) json_t *answer = NULL;
	struct client_options o = {0};
	bool json = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt == 'j')
			json = true;
		else if (!client_option(&o, opt, optarg))
			return ASK_USAGE;
	}
	if (optind != argc - 2 || !ask_repo_id(argv[optind])) {
		fprintf(stderr, "usage: vitrine promote [--json] OWNER/NAME BRANCH\n");
		return ASK_USAGE;
	}
	body = json_pack("{s:s}", "branch", argv[optind + 1]);
	if (!body) {
		fprintf(stderr, "vitrine: '%s' is no name of a branch\n", argv[optind + 1]);
		return ASK_USAGE;
	}
	if (ask(&o, "POST", body, &answer, "/api/spaces/%s/promote", argv[optind]) != 0)
		return ASK_FAILED;
	if (json)
		ask_print(answer);
	else
		printf("%s: version %.10s of branch %s is live\n", argv[optind],
			ask_text(answer, "commit"), argv[optind + 1]);
	return 0;
}

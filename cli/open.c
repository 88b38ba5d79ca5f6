/* vitrine open: a repo's page in the browser. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/ask.h"
#include "cli/command.h"
#include "cli/program.h"

static const char *prefix_of(const char *type)
{
	static const struct {
		const char *type, *prefix;
	} prefixes[] = {{"space", "/spaces"}, {"model", ""}, {"dataset", "/datasets"}};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strcmp(prefixes[i].type, type))
			return prefixes[i].prefix;
	fprintf(stderr, "vitrine: --type: space, model or dataset\n");
	return NULL;
}

/* A link that signs in whoever opens it, once. */
static int make_link(const struct client_options *o, const char *page, char ret[1024])
{
	CLEANUP(json_unrefp) json_t *body = json_pack("{s:s}", "next", page);
	CLEANUP(json_unrefp) json_t *answer = NULL;
	int r = ask(o, "POST", body, &answer, "/api/login/links");

	(void)snprintf(ret, 1024, "%s", ask_text(answer, "url"));
	return r;
}

/* Only where there is a screen; the address is printed anyway. */
static void show(const char *url)
{
	char *const argv[] = {"xdg-open", (char *)url, NULL};
	const struct program_plan plan = {0};
	struct err e = {0};

	if (getenv("DISPLAY") || getenv("WAYLAND_DISPLAY"))
		(void)program_run(&plan, argv, &e);
}

int cmd_open(int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS, {"json", no_argument, NULL, 'j'},
		{"type", required_argument, NULL, 't'}, {"branch", required_argument, NULL, 'b'},
		{"sign-in", no_argument, NULL, 's'}, {0}};
	struct client_options o = {0};
	const char *type = "space", *branch = NULL, *prefix, *id;
	bool json = false, sign_in = false;
	char base[512], page[320], url[1024], preview[256];
	int opt, r;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt == 'j')
			json = true;
		else if (opt == 't')
			type = optarg;
		else if (opt == 'b')
			branch = optarg;
		else if (opt == 's')
			sign_in = true;
		else if (!client_option(&o, opt, optarg))
			return ASK_USAGE;
	}
	if (optind != argc - 1) {
		fprintf(stderr, "usage: see vitrine help open\n");
		return ASK_USAGE;
	}
	prefix = prefix_of(type);
	id = argv[optind];
	if (!prefix || !ask_repo_id(id))
		return ASK_USAGE;
	if (branch && ask_preview(&o, id, branch, preview) != 0)
		return ASK_FAILED;
	(void)snprintf(page, sizeof(page), "%s/%s", prefix, branch ? preview : id);
	r = ask_base(&o, base);
	(void)snprintf(url, sizeof(url), "%s%s", base, page);
	if (r == 0 && sign_in)
		r = make_link(&o, page, url);
	if (r != 0)
		return r;
	if (json) {
		CLEANUP(json_unrefp) json_t *answer = json_pack("{s:s}", "url", url);

		ask_print(answer);
		return 0;
	}
	printf("%s\n", url);
	show(url);
	return 0;
}

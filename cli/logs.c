/* vitrine logs */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/stream.h"

static const struct {
	const char *level, *words, *colour;
} levels[] = {
	{"debug", "debug ", "\033[2m"},
	{"warn", "warn ", "\033[33m"},
	{"error", "error ", "\033[31m"},
};

static void print_line(const json_t *event, void *data)
{
	const struct stream *s = data;
	const char *level = stream_text(event, "level"), *colour = "";

	if (!json_object_get(event, "line"))
		return;
	stream_print_time(s, event);
	if (*stream_text(event, "session"))
		printf(s->colour ? "\033[36m%s\033[0m " : "%s ", stream_text(event, "session"));
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (!strcmp(levels[i].level, level)) {
			colour = s->colour ? levels[i].colour : "";
			printf("%s%s", colour, levels[i].words);
		}
	stream_print_words(stream_text(event, "line"));
	if (*stream_text(event, "ref"))
		printf(" (reference %s)", stream_text(event, "ref"));
	printf(*colour ? "\033[0m\n" : "\n");
}

/* build: of builds instead of the app; one: of one of them. */
static bool take_option(struct stream *s, int opt, const char *value, bool *build, bool *one)
{
	static const struct {
		int opt;
		const char *option, *name;
	} words[] = {{'l', "--level", "level"}, {'S', "--session", "session"},
		{'r', "--ref", "ref"}, {'c', "--commit", "commit"}, {'b', "--build", "build"}};

	*build = *build || opt == 'b';
	*one = *one || (opt == 'b' && value);
	if (opt == 'b' && !value)
		return true;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].opt == opt)
			return stream_ask(s, words[i].option, words[i].name, value);
	return stream_option(s, opt, value);
}

static const struct option known[] = {CLIENT_OPTIONS, STREAM_OPTIONS,
	{"build", optional_argument, NULL, 'b'}, {"level", required_argument, NULL, 'l'},
	{"session", required_argument, NULL, 'S'}, {"ref", required_argument, NULL, 'r'},
	{"commit", required_argument, NULL, 'c'}, {"branch", required_argument, NULL, 'B'}, {0}};

int cmd_logs(int argc, char **argv)
{
	struct client_options o = {0};
	struct stream s = {.print = print_line};
	bool build = false, one = false;
	const char *branch = NULL, *id;
	char preview[256];
	int opt;

	stream_init(&s);
	while ((opt = getopt_long(argc, argv, "fn:", known, NULL)) != -1)
		if (opt == 'B')
			branch = optarg;
		else if (!client_option(&o, opt, optarg) &&
			 !take_option(&s, opt, optarg, &build, &one))
			return 2;
	if (optind != argc - 1) {
		fprintf(stderr, "usage: vitrine logs [-f] [-n N] [--since 10m] [--level LEVEL] "
				"[--session REF] [--ref REF] [--commit ID] [--build[=ID]] "
				"[--branch BRANCH] [--json] OWNER/NAME\n");
		return 2;
	}
	id = argv[optind];
	if (branch && (!ask_repo_id(id) || ask_preview(&o, id, branch, preview) != 0))
		return ASK_FAILED;
	if (one)
		s.follow = false; /* it has ended, or its lines come when it does */
	return stream_run(&s, &o, "/api/spaces/%.200s/logs/%s", branch ? preview : id,
		build ? "build" : "run");
}

/* vitrine events */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/stream.h"

/* What stands in front of the line already, or is of no use to a reader. */
static bool is_head(const char *name)
{
	static const char *const heads[] = {"id", "time", "type", "space"};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		if (!strcmp(heads[i], name))
			return true;
	return false;
}

static void print_field(const char *name, const json_t *value)
{
	if (json_is_string(value)) {
		printf(" %s=", name);
		stream_print_words(json_string_value(value));
	} else if (json_is_integer(value)) {
		printf(" %s=%lld", name, (long long)json_integer_value(value));
	} else if (json_is_real(value)) {
		printf(" %s=%.1f", name, json_real_value(value));
	}
}

static void print_event(const json_t *event, void *data)
{
	const struct stream *s = data;
	const char *name;
	json_t *value;

	stream_print_time(s, event);
	printf(s->colour ? "\033[36m%s\033[0m \033[1m%s\033[0m" : "%s %s",
		stream_text(event, "space"), stream_text(event, "type"));
	json_object_foreach((json_t *)event, name, value)
	{
		if (!is_head(name))
			print_field(name, value);
	}
	putchar('\n');
}

static const struct option known[] = {CLIENT_OPTIONS, STREAM_OPTIONS, {0}};

int cmd_events(int argc, char **argv)
{
	struct client_options o = {0};
	struct stream s = {.print = print_event};
	int opt;

	stream_init(&s);
	while ((opt = getopt_long(argc, argv, "fn:", known, NULL)) != -1)
		if (!client_option(&o, opt, optarg) && !stream_option(&s, opt, optarg))
			return 2;
	if (optind < argc - 1) {
		fprintf(stderr, "usage: vitrine events [-f] [-n N] [--since 10m] [--json] "
				"[OWNER/NAME]\n");
		return 2;
	}
	if (optind == argc)
		return stream_run(&s, &o, "/api/events");
	return stream_run(&s, &o, "/api/spaces/%.200s/events", argv[optind]);
}

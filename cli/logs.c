/* vitrine logs */
#include <getopt.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/command.h"

/* Log lines come from an app: what a terminal would obey is shown, not sent. */
static void print_line(const json_t *event, void *data)
{
	const char *line = json_string_value(json_object_get(event, "line"));
	json_int_t usec = json_integer_value(json_object_get(event, "time"));
	time_t sec = (time_t)(usec / (json_int_t)USEC_PER_SEC);
	struct tm tm;
	char when[32] = "";

	(void)data;
	if (!line)
		return;
	if (usec && localtime_r(&sec, &tm))
		(void)strftime(when, sizeof(when), "%F %T ", &tm);
	fputs(when, stdout);
	for (const char *p = line; *p; p++)
		putchar((unsigned char)*p < 0x20 && *p != '\t' ? '?' : *p);
	putchar('\n');
	fflush(stdout);
}

int cmd_logs(int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS, {"follow", no_argument, NULL, 'f'},
		{"build", no_argument, NULL, 'b'}, {0}};
	CLEANUP(client_freep) struct client *c = NULL;
	struct client_options o = {0};
	bool follow = false, build = false;
	struct err e = {0};
	char path[256];
	int opt;

	while ((opt = getopt_long(argc, argv, "f", known, NULL)) != -1) {
		if (opt == 'f')
			follow = true;
		else if (opt == 'b')
			build = true;
		else if (!client_option(&o, opt, optarg))
			return 2;
	}
	if (optind != argc - 1) {
		fprintf(stderr, "usage: vitrine logs [-f] [--build] OWNER/NAME\n");
		return 2;
	}
	c = client_or_complain(&o);
	if (!c)
		return 1;
	(void)snprintf(path, sizeof(path), "/api/spaces/%.200s/logs/%s%s", argv[optind],
		build ? "build" : "run", follow ? "?follow=1" : "");
	if (client_follow(c, path, print_line, NULL, &e) < 0) {
		fprintf(stderr, "vitrine: %s\n", e.text);
		return 1;
	}
	return 0;
}

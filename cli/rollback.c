/* vitrine builds, vitrine rollback */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/client.h"
#include "cli/command.h"

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static bool is_space_id(const char *id)
{
	const char *slash = strchr(id, '/');

	return slash && slash != id && slash[1] && !strchr(slash + 1, '/');
}

static int parse_space(int argc, char **argv, struct client_options *o, const char **ret_build,
	const char **ret_space)
{
	static const struct option known[] = {
		CLIENT_OPTIONS, {"build", required_argument, NULL, 'b'}, {0}};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 'b' && ret_build)
			*ret_build = optarg;
		else if (!client_option(o, c, optarg))
			return -1;
	}
	if (optind != argc - 1 || !is_space_id(argv[optind])) {
		fprintf(stderr, "usage: vitrine %s OWNER/NAME\n", argv[0]);
		return -1;
	}
	*ret_space = argv[optind];
	return 0;
}

int cmd_builds(int argc, char **argv)
{
	CLEANUP(client_freep) struct client *c = NULL;
	CLEANUP(json_unrefp) json_t *builds = NULL;
	struct client_options o = {0};
	struct err e = {0};
	const char *space;
	char path[256];
	const json_t *b;
	size_t i;

	if (parse_space(argc, argv, &o, NULL, &space) < 0)
		return 2;
	c = client_or_complain(&o);
	if (!c)
		return 1;
	(void)snprintf(path, sizeof(path), "/api/spaces/%s/builds", space);
	if (client_request(c, "GET", path, NULL, &builds, &e) < 0) {
		fprintf(stderr, "vitrine: %s\n", e.text);
		return 1;
	}
	json_array_foreach(builds, i, b) printf("%-28s %-8s %.10s  %s\n", text_of(b, "id"),
		text_of(b, "state"), text_of(b, "commit"), text_of(b, "message"));
	return 0;
}

int cmd_rollback(int argc, char **argv)
{
	CLEANUP(client_freep) struct client *c = NULL;
	CLEANUP(json_unrefp) json_t *body = json_object();
	CLEANUP(json_unrefp) json_t *answer = NULL;
	const char *space, *build = NULL;
	struct client_options o = {0};
	struct err e = {0};
	char path[256];

	if (parse_space(argc, argv, &o, &build, &space) < 0)
		return 2;
	c = client_or_complain(&o);
	if (!c)
		return 1;
	if (build)
		(void)json_object_set_new(body, "build", json_string(build));
	(void)snprintf(path, sizeof(path), "/api/spaces/%s/rollback", space);
	if (client_request(c, "POST", path, body, &answer, &e) < 0) {
		fprintf(stderr, "vitrine: %s\n", e.text);
		return 1;
	}
	printf("%s: version %.10s is live again\n", space, text_of(answer, "commit"));
	return 0;
}

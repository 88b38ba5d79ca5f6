/* vitrine org, vitrine invite */
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

static int ask(
	struct client *c, const char *method, const char *path, json_t *body, const char *done)
{
	CLEANUP(json_unrefp) json_t *sent = body;
	CLEANUP(json_unrefp) json_t *answer = NULL;
	struct err e = {0};

	if (client_request(c, method, path, sent, &answer, &e) < 0) {
		fprintf(stderr, "vitrine: %s\n", e.text);
		return 1;
	}
	printf("%s\n", done);
	return 0;
}

/* Rows of an answer: two columns of each, by key. */
static int show(
	struct client *c, const char *path, const char *list, const char *first, const char *second)
{
	CLEANUP(json_unrefp) json_t *answer = NULL;
	struct err e = {0};
	const json_t *row;
	size_t i;

	if (client_request(c, "GET", path, NULL, &answer, &e) < 0) {
		fprintf(stderr, "vitrine: %s\n", e.text);
		return 1;
	}
	json_array_foreach(list ? json_object_get(answer, list) : answer, i, row)
		printf("%-40s %s\n", text_of(row, first), text_of(row, second));
	return 0;
}

static int run(
	struct client *c, const char *verb, const char *org, const char *user, const char *role)
{
	char path[256];

	if (!strcmp(verb, "list"))
		return show(c, "/api/whoami-v2", "orgs", "name", "roleInOrg");
	if (!strcmp(verb, "create"))
		return ask(c, "POST", "/api/organizations", json_pack("{s:s}", "name", org),
			"created; you are its admin");
	(void)snprintf(path, sizeof(path), "/api/organizations/%.64s", org);
	if (!strcmp(verb, "delete"))
		return ask(c, "DELETE", path, NULL, "deleted");
	(void)snprintf(path, sizeof(path), "/api/organizations/%.64s/members%s%.64s", org,
		user ? "/" : "", user ? user : "");
	if (!strcmp(verb, "members"))
		return show(c, path, NULL, "user", "role");
	if (!strcmp(verb, "add"))
		return ask(c, "PUT", path, json_pack("{s:s}", "role", role), "done");
	return ask(c, "DELETE", path, NULL, "removed");
}

/* How many names each verb takes. */
static int names_of(const char *verb)
{
	static const struct {
		const char *verb;
		int names;
	} verbs[] = {{"list", 0}, {"create", 1}, {"delete", 1}, {"members", 1}, {"add", 2},
		{"remove", 2}};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verbs[i].verb, verb))
			return verbs[i].names;
	return -1;
}

int cmd_org(int argc, char **argv)
{
	static const struct option known[] = {
		CLIENT_OPTIONS, {"role", required_argument, NULL, 'r'}, {0}};
	CLEANUP(client_freep) struct client *c = NULL;
	struct client_options o = {0};
	const char *verb, *role = "read";
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt == 'r')
			role = optarg;
		else if (!client_option(&o, opt, optarg))
			return 2;
	}
	verb = optind < argc ? argv[optind] : "";
	if (names_of(verb) != argc - optind - 1) {
		fprintf(stderr,
			"usage: vitrine org list | create NAME | delete NAME | members NAME |\n"
			"       add NAME USER [--role read|contributor|write|admin] | "
			"remove NAME USER\n");
		return 2;
	}
	c = client_or_complain(&o);
	if (!c)
		return 1;
	return run(c, verb, optind + 1 < argc ? argv[optind + 1] : NULL,
		optind + 2 < argc ? argv[optind + 2] : NULL, role);
}

int cmd_invite(int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS, {0}};
	CLEANUP(client_freep) struct client *c = NULL;
	CLEANUP(json_unrefp) json_t *answer = NULL;
	struct client_options o = {0};
	struct err e = {0};
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1)
		if (!client_option(&o, opt, optarg))
			return 2;
	if (optind < argc) {
		fprintf(stderr, "usage: vitrine invite\n");
		return 2;
	}
	c = client_or_complain(&o);
	if (!c)
		return 1;
	if (client_request(c, "POST", "/api/invitations", NULL, &answer, &e) < 0) {
		fprintf(stderr, "vitrine: %s\n", e.text);
		return 1;
	}
	printf("%s\n", text_of(answer, "url"));
	return 0;
}

/* vitrine token, vitrine user */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/ask.h"
#include "cli/command.h"

static bool as_json; /* --json */

static int complain(const struct err *e)
{
	fprintf(stderr, "vitrine: %s\n", e->text);
	return 1;
}

/* What --user, --read-only, --repo and --days say of a new token. */
struct token_wish {
	const char *user;
	bool read_only;
	json_t *repos; /* owned; NULL: all */
	long days;     /* 0: it does not end */
};

static int token_create(struct client *c, const char *name, const struct token_wish *w)
{
	CLEANUP(json_unrefp) json_t *body = json_pack("{s:s}", "name", name);
	CLEANUP(json_unrefp) json_t *answer = NULL;
	struct err e = {0};

	if (w->user)
		(void)json_object_set_new(body, "user", json_string(w->user));
	if (w->read_only)
		(void)json_object_set_new(body, "scope", json_string("read"));
	if (w->repos)
		(void)json_object_set(body, "repos", w->repos);
	if (w->days)
		(void)json_object_set_new(body, "expiresInDays", json_integer(w->days));
	if (client_request(c, "POST", "/api/tokens", body, &answer, &e) < 0)
		return complain(&e);
	if (as_json)
		ask_print(answer);
	else
		printf("%s\n", ask_text(answer, "token"));
	return 0;
}

static void print_token(const json_t *t)
{
	const json_t *repos = json_object_get(t, "repos"), *repo;
	size_t i;

	printf("%-28s %-24s %-5s last used %s", ask_text(t, "id"), ask_text(t, "name"),
		ask_text(t, "scope"),
		*ask_text(t, "lastUsedAt") ? ask_text(t, "lastUsedAt") : "never");
	if (*ask_text(t, "expiresAt"))
		printf(", ends %s", ask_text(t, "expiresAt"));
	if (repos)
		printf(", only for");
	json_array_foreach(repos, i, repo) printf(" %s", json_string_value(repo));
	printf("\n");
}

static int token_list(struct client *c)
{
	CLEANUP(json_unrefp) json_t *tokens = NULL;
	struct err e = {0};
	const json_t *t;
	size_t i;

	if (client_request(c, "GET", "/api/tokens", NULL, &tokens, &e) < 0)
		return complain(&e);
	if (as_json)
		ask_print(tokens);
	else
		json_array_foreach(tokens, i, t) print_token(t);
	return 0;
}

static int token_revoke(struct client *c, const char *id)
{
	CLEANUP(json_unrefp) json_t *answer = NULL;
	struct err e = {0};
	char path[256];

	(void)snprintf(path, sizeof(path), "/api/tokens/%.200s", id);
	if (client_request(c, "DELETE", path, NULL, &answer, &e) < 0)
		return complain(&e);
	printf("revoked\n");
	return 0;
}

static int token_usage(void)
{
	fprintf(stderr,
		"usage: vitrine token create NAME [--user USER] [--read-only] "
		"[--repo [spaces/|datasets/]OWNER/NAME]... [--days N] | list | revoke ID\n");
	return 2;
}

static bool take_wish(struct token_wish *w, int opt, const char *value)
{
	char *end;

	if (opt == 'u') {
		w->user = value;
	} else if (opt == 'r') {
		w->read_only = true;
	} else if (opt == 'o') {
		if (!w->repos)
			w->repos = json_array();
		return json_array_append_new(w->repos, json_string(value)) == 0;
	} else if (opt == 'd') {
		w->days = strtol(value, &end, 10);
		return end > value && !*end && w->days > 0;
	} else {
		return false;
	}
	return true;
}

int cmd_token(int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS,
		{"user", required_argument, NULL, 'u'}, {"read-only", no_argument, NULL, 'r'},
		{"repo", required_argument, NULL, 'o'}, {"days", required_argument, NULL, 'd'},
		{"json", no_argument, NULL, 'j'}, {0}};
	CLEANUP(client_freep) struct client *c = NULL;
	CLEANUP(json_unrefp) json_t *repos = NULL;
	struct client_options o = {0};
	struct token_wish wish = {0};
	const char *verb, *what;
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		bool ours = opt == 'u' || opt == 'r' || opt == 'o' || opt == 'd';
		bool good = ours ? take_wish(&wish, opt, optarg) : client_option(&o, opt, optarg);

		repos = wish.repos;
		as_json = as_json || opt == 'j';
		if (!good && opt != 'j')
			return ours ? token_usage() : 2;
	}
	verb = optind < argc ? argv[optind] : "";
	what = optind + 1 < argc ? argv[optind + 1] : NULL;
	if (!(!strcmp(verb, "list") ||
		    (what && (!strcmp(verb, "create") || !strcmp(verb, "revoke")))))
		return token_usage();
	c = client_or_complain(&o);
	if (!c)
		return 1;
	if (!strcmp(verb, "create"))
		return token_create(c, what, &wish);
	return *verb == 'l' ? token_list(c) : token_revoke(c, what);
}

static int user_add(struct client *c, const char *name)
{
	CLEANUP(json_unrefp) json_t *body = NULL;
	CLEANUP(json_unrefp) json_t *answer = NULL;
	char password[512] = "";
	struct err e = {0};

	if (!ask_hidden("password", password, sizeof(password))) {
		fprintf(stderr, "vitrine: no password was given\n");
		return 1;
	}
	body = json_pack("{s:s, s:s}", "name", name, "password", password);
	explicit_bzero(password, sizeof(password));
	if (client_request(c, "POST", "/api/users", body, &answer, &e) < 0)
		return complain(&e);
	printf("%s may sign in now\n", name);
	return 0;
}

static int user_list(struct client *c)
{
	CLEANUP(json_unrefp) json_t *users = NULL;
	struct err e = {0};
	const json_t *u;
	size_t i;

	if (client_request(c, "GET", "/api/users", NULL, &users, &e) < 0)
		return complain(&e);
	if (as_json)
		ask_print(users);
	else
		json_array_foreach(users, i, u) printf("%-24s %s\n", ask_text(u, "name"),
			json_is_true(json_object_get(u, "admin")) ? "administrator" : "");
	return 0;
}

int cmd_user(int argc, char **argv)
{
	static const struct option known[] = {
		CLIENT_OPTIONS, {"json", no_argument, NULL, 'j'}, {0}};
	CLEANUP(client_freep) struct client *c = NULL;
	struct client_options o = {0};
	const char *verb;
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1)
		if (opt == 'j')
			as_json = true;
		else if (!client_option(&o, opt, optarg))
			return 2;
	verb = optind < argc ? argv[optind] : "";
	if (strcmp(verb, "list") != 0 && !(!strcmp(verb, "add") && optind + 1 < argc)) {
		fprintf(stderr, "usage: vitrine user add NAME (the password comes on standard "
				"input) | list\n");
		return 2;
	}
	c = client_or_complain(&o);
	if (!c)
		return 1;
	return *verb == 'a' ? user_add(c, argv[optind + 1]) : user_list(c);
}

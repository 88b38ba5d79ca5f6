/* vitrine token, vitrine user */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>

#include "base/json.h"
#include "cli/client.h"
#include "cli/command.h"

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static int complain(const struct err *e)
{
	fprintf(stderr, "vitrine: %s\n", e->text);
	return 1;
}

static int token_create(struct client *c, const char *name, const char *user, bool read_only)
{
	CLEANUP(json_unrefp) json_t *body = json_pack("{s:s}", "name", name);
	CLEANUP(json_unrefp) json_t *answer = NULL;
	struct err e = {0};

	if (user)
		(void)json_object_set_new(body, "user", json_string(user));
	if (read_only)
		(void)json_object_set_new(body, "scope", json_string("read"));
	if (client_request(c, "POST", "/api/tokens", body, &answer, &e) < 0)
		return complain(&e);
	printf("%s\n", text_of(answer, "token"));
	return 0;
}

static int token_list(struct client *c)
{
	CLEANUP(json_unrefp) json_t *tokens = NULL;
	struct err e = {0};
	const json_t *t;
	size_t i;

	if (client_request(c, "GET", "/api/tokens", NULL, &tokens, &e) < 0)
		return complain(&e);
	json_array_foreach(tokens, i, t) printf("%-28s %-24s last used %s\n", text_of(t, "id"),
		text_of(t, "name"), *text_of(t, "lastUsedAt") ? text_of(t, "lastUsedAt") : "never");
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

int cmd_token(int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS,
		{"user", required_argument, NULL, 'u'}, {"read-only", no_argument, NULL, 'r'}, {0}};
	CLEANUP(client_freep) struct client *c = NULL;
	struct client_options o = {0};
	const char *verb, *what, *user = NULL;
	bool read_only = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt == 'u')
			user = optarg;
		else if (opt == 'r')
			read_only = true;
		else if (!client_option(&o, opt, optarg))
			return 2;
	}
	verb = optind < argc ? argv[optind] : "";
	what = optind + 1 < argc ? argv[optind + 1] : NULL;
	if (!(!strcmp(verb, "list") ||
		    (what && (!strcmp(verb, "create") || !strcmp(verb, "revoke"))))) {
		fprintf(stderr,
			"usage: vitrine token create NAME [--user USER] [--read-only] | list | "
			"revoke ID\n");
		return 2;
	}
	c = client_or_complain(&o);
	if (!c)
		return 1;
	if (!strcmp(verb, "create"))
		return token_create(c, what, user, read_only);
	return *verb == 'l' ? token_list(c) : token_revoke(c, what);
}

/* Reads a line from the terminal without showing it; from a pipe as it comes. */
static int read_password(char *ret, size_t size)
{
	struct termios old, quiet;
	bool terminal = tcgetattr(STDIN_FILENO, &old) == 0;
	bool got;

	if (terminal) {
		fputs("password: ", stderr);
		quiet = old;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	got = fgets(ret, (int)size, stdin) != NULL;
	if (terminal) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
		fputc('\n', stderr);
	}
	if (!got)
		return -1;
	ret[strcspn(ret, "\n")] = '\0';
	return 0;
}

static int user_add(struct client *c, const char *name)
{
	CLEANUP(json_unrefp) json_t *body = NULL;
	CLEANUP(json_unrefp) json_t *answer = NULL;
	char password[512] = "";
	struct err e = {0};

	if (read_password(password, sizeof(password)) < 0) {
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
	json_array_foreach(users, i, u) printf("%-24s %s\n", text_of(u, "name"),
		json_is_true(json_object_get(u, "admin")) ? "administrator" : "");
	return 0;
}

int cmd_user(int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS, {0}};
	CLEANUP(client_freep) struct client *c = NULL;
	struct client_options o = {0};
	const char *verb;
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1)
		if (!client_option(&o, opt, optarg))
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

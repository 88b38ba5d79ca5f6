/* vitrine login, vitrine logout */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/ask.h"
#include "cli/command.h"
#include "cli/hosts.h"

static int complain(const struct err *e)
{
	fprintf(stderr, "vitrine: %s\n", e->text);
	return ASK_FAILED;
}

static int list(bool json)
{
	struct err e = {0};
	CLEANUP(json_unrefp) json_t *hosts = hosts_list(&e);
	const json_t *one;
	size_t i;

	if (!hosts)
		return complain(&e);
	if (json)
		ask_print(hosts);
	else
		json_array_foreach(hosts, i, one) printf("%s %s as %s\n", i ? " " : "*",
			ask_text(one, "url"), ask_text(one, "user"));
	return 0;
}

/* Signs in as the web page does, and has a token made that is logout's to revoke. */
static int use_password(struct host *h, const char *user, const char *password)
{
	const struct client_options o = {.url = h->url, .nobody = true};
	CLEANUP(client_freep) struct client *c = client_or_complain(&o);
	CLEANUP(json_unrefp)
	json_t *who = json_pack("{s:s, s:s}", "username", user, "password", password);
	CLEANUP(json_unrefp) json_t *signed_in = NULL;
	CLEANUP(json_unrefp) json_t *made = NULL;
	CLEANUP(json_unrefp) json_t *gone = NULL;
	CLEANUP(json_unrefp) json_t *body = NULL;
	char host[64] = "somewhere";
	struct err e = {0};
	int r;

	if (!c)
		return ASK_FAILED;
	(void)gethostname(host, sizeof(host) - 1);
	body = json_pack("{s:o}", "name", json_sprintf("vitrine login, %s", host));
	r = client_request(c, "POST", "/api/login", who, &signed_in, &e);
	if (r == 0)
		r = client_add_header(c, "X-CSRF-Token", ask_text(signed_in, "csrf"), &e);
	if (r == 0)
		r = client_request(c, "POST", "/api/tokens", body, &made, &e);
	if (r < 0)
		return complain(&e);
	(void)snprintf(h->token, sizeof(h->token), "%s", ask_text(made, "token"));
	(void)snprintf(h->token_id, sizeof(h->token_id), "%s", ask_text(made, "id"));
	(void)client_request(c, "POST", "/api/logout", NULL, &gone, &e);
	return 0;
}

static int keep(struct host *h)
{
	const struct client_options o = {.url = h->url, .token = h->token};
	CLEANUP(json_unrefp) json_t *who = NULL;
	struct err e = {0};
	int r = ask(&o, "GET", NULL, &who, "/api/whoami-v2");

	if (r != 0)
		return r;
	(void)snprintf(h->user, sizeof(h->user), "%s", ask_text(who, "name"));
	if (hosts_put(h, &e) < 0)
		return complain(&e);
	printf("signed in to %s as %s\n", h->url, h->user);
	return 0;
}

/* What stands in the browser, without slashes at its end. */
static bool take_url(struct host *h, const char *url)
{
	size_t n = strlen(url);

	while (n && url[n - 1] == '/')
		n--;
	if ((strncmp(url, "http://", 7) && strncmp(url, "https://", 8)) || n >= sizeof(h->url)) {
		fprintf(stderr, "vitrine: '%s' is no address: https://HOST\n", url);
		return false;
	}
	(void)snprintf(h->url, sizeof(h->url), "%.*s", (int)n, url);
	return true;
}

int cmd_login(int argc, char **argv)
{
	static const struct option known[] = {{"user", required_argument, NULL, 'u'},
		{"list", no_argument, NULL, 'l'}, {"json", no_argument, NULL, 'j'}, {0}};
	bool json = false, only_list = false;
	const char *user = NULL;
	char typed[512] = "";
	struct host h = {0};
	int opt, r = 0;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		json = json || opt == 'j';
		only_list = only_list || opt == 'l';
		if (opt == 'u')
			user = optarg;
		else if (opt == '?')
			return ASK_USAGE;
	}
	if (optind != argc - (only_list ? 0 : 1)) {
		fprintf(stderr, "usage: see vitrine help login\n");
		return ASK_USAGE;
	}
	if (only_list)
		return list(json);
	if (!take_url(&h, argv[optind]))
		return ASK_USAGE;
	if (!user && isatty(STDIN_FILENO))
		fprintf(stderr, "Make an access token on %s/-/tokens.\n", h.url);
	if (!ask_hidden(user ? "password" : "token", typed, sizeof(typed))) {
		fprintf(stderr, "vitrine: nothing was given\n");
		return ASK_USAGE;
	}
	if (user)
		r = use_password(&h, user, typed);
	else
		(void)snprintf(h.token, sizeof(h.token), "%s", typed);
	explicit_bzero(typed, sizeof(typed));
	return r ? r : keep(&h);
}

int cmd_logout(int argc, char **argv)
{
	struct client_options o = {0};
	CLEANUP(json_unrefp) json_t *answer = NULL;
	struct err e = {0};
	struct host h;

	if (argc > 2 || (argc == 2 && *argv[1] == '-')) {
		fprintf(stderr, "usage: see vitrine help logout\n");
		return ASK_USAGE;
	}
	if (hosts_find(argc == 2 ? argv[1] : NULL, &h, &e) < 0)
		return complain(&e);
	o.url = h.url;
	o.token = h.token;
	/* Whether the platform hears of it or not, this machine forgets the token. */
	if (*h.token_id)
		(void)ask(&o, "DELETE", NULL, &answer, "/api/tokens/%s", h.token_id);
	if (hosts_remove(h.url, &e) < 0)
		return complain(&e);
	printf("signed out of %s\n", h.url);
	return 0;
}

#include "cli/repo/pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/ask.h"

int pass_get(struct pass *ret, const char *name)
{
	CLEANUP(json_unrefp)
	json_t *body = json_pack("{s:s, s:i}", "name", name, "expiresInDays", 1);
	CLEANUP(json_unrefp) json_t *made = NULL;
	const struct client_options *o = ret->client;
	CLEANUP(client_freep) struct client *c = client_or_complain(o);
	int r;

	if (!c)
		return ASK_FAILED;
	if (*client_token(c)) {
		(void)snprintf(ret->token, sizeof(ret->token), "%s", client_token(c));
		return 0;
	}
	r = ask(o, "POST", body, &made, "/api/tokens");
	(void)snprintf(ret->id, sizeof(ret->id), "%s", ask_text(made, "id"));
	(void)snprintf(ret->token, sizeof(ret->token), "%s", ask_text(made, "token"));
	return r;
}

void pass_drop(struct pass *pass)
{
	json_t *answer = NULL;

	if (*pass->id)
		(void)ask(pass->client, "DELETE", NULL, &answer, "/api/tokens/%s", pass->id);
	json_decref(answer);
	explicit_bzero(pass, sizeof(*pass));
}

/* git's settings in the environment: a list of processes would show an argument. For that address
 * only: git follows redirects, also to other hosts. */
void pass_show_git(const struct pass *pass, const char *base)
{
	char header[256], key[600];

	(void)snprintf(header, sizeof(header), "Authorization: Bearer %s", pass->token);
	(void)setenv("GIT_CONFIG_COUNT", "1", 1);
	(void)snprintf(key, sizeof(key), "http.%s/.extraHeader", base);
	(void)setenv("GIT_CONFIG_KEY_0", key, 1);
	(void)setenv("GIT_CONFIG_VALUE_0", header, 1);
}

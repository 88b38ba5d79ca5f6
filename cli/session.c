#include "cli/session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/ask.h"

int session_open(struct session *s, const struct client_options *o, const char *name)
{
	int r;

	*s = (struct session){.pass = {.client = o}};
	r = ask_base(o, s->base);
	if (r == 0)
		r = pass_get(&s->pass, name);
	if (r != 0)
		return r;
	s->options = (struct client_options){.url = s->base, .token = s->pass.token};
	s->client = client_or_complain(&s->options);
	pass_show_git(&s->pass, s->base);
	return s->client ? 0 : ASK_FAILED;
}

void session_close(struct session *s)
{
	s->client = client_free(s->client);
	pass_drop(&s->pass);
}

static int code_of(long status)
{
	switch (status) {
	case 401:
	case 403:
		return -EACCES;
	case 404:
		return -ENOENT;
	case 409:
		return -EEXIST;
	default:
		return -EREMOTEIO;
	}
}

int session_ask(struct session *s, const char *method, const json_t *body, json_t **ret,
	struct err *e, const char *fmt, ...)
{
	CLEANUP(json_unrefp) json_t *answer = NULL;
	char path[1024];
	va_list ap;
	int r;

	va_start(ap, fmt);
	(void)vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	r = client_request(s->client, method, path, body, &answer, e);
	if (r == -EREMOTEIO)
		r = e->code = code_of(client_status(s->client));
	if (r == 0 && ret)
		*ret = TAKE_PTR(answer);
	return r;
}

const char *session_prefix(const char *kind)
{
	static const char *const prefixes[][2] = {
		{"space", "spaces/"}, {"model", ""}, {"dataset", "datasets/"}};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strcmp(prefixes[i][0], kind))
			return prefixes[i][1];
	return NULL;
}

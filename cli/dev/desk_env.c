#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/dev/desk.h"
#include "cli/dev/env_file.h"

struct setting {
	struct client *client;
	const struct desk *desk;
	int n;
};

/* Where it stands in the file is what its author wants to know. */
static int put(struct setting *s, const char *kind, const char *key, const char *value, int line,
	struct err *e)
{
	CLEANUP(json_unrefp) json_t *body = json_pack("{s:s, s:s}", "key", key, "value", value);
	CLEANUP(json_unrefp) json_t *answer = NULL;
	char path[SPACE_NAME_MAX + 64];
	struct err why = {0};
	int r;

	if (!body)
		return err_set(e, -EINVAL, ".env:%d: the value of %s is not UTF-8", line, key);
	(void)snprintf(path, sizeof(path), "/api/spaces/admin/%s/%s", s->desk->space, kind);
	r = client_request(s->client, "POST", path, body, &answer, &why);
	return r < 0 ? err_set(e, r, ".env:%d: %s", line, why.text) : 0;
}

/* Which of them the app asks for is its own affair: it finds each in both places. */
static int on_setting(const char *key, const char *value, int line, void *data, struct err *e)
{
	struct setting *s = data;
	int r = put(s, "variables", key, value, line, e);

	if (r == 0)
		r = put(s, "secrets", key, value, line, e);
	s->n++;
	return r;
}

static int make_space(struct setting *s, struct err *e)
{
	CLEANUP(json_unrefp)
	json_t *body =
		json_pack("{s:s, s:s, s:s}", "type", "space", "name", s->desk->space, "sdk", "lua");
	CLEANUP(json_unrefp) json_t *answer = NULL;

	return client_request(s->client, "POST", "/api/repos/create", body, &answer, e);
}

int desk_env(struct desk *d, struct err *e)
{
	const struct client_options o = {.url = d->url, .token = d->token};
	CLEANUP(client_freep) struct client *c = NULL;
	CLEANUP(buf_done) struct buf text;
	struct setting s = {.desk = d};
	char path[DESK_PATH + 16];
	int r;

	buf_init(&text, ENV_FILE_MAX);
	(void)snprintf(path, sizeof(path), "%s/.env", d->dir);
	r = fs_read(AT_FDCWD, path, &text, e);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = client_new(&o, &c, e);
	s.client = c;
	if (r == 0 && !d->made && !d->pushed)
		r = make_space(&s, e);
	if (r < 0)
		return r;
	d->made = true;
	r = env_file_parse(buf_str(&text), text.len, on_setting, &s, e);
	return r < 0 ? r : s.n;
}

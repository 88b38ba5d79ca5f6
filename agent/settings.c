#include "agent/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PER_TEXT 64 /* bytes beside the text itself, about */

struct settings_held {
	struct settings **all; /* owned references */
	size_t n;
	size_t bytes;
	uint64_t uses;
};

int settings_held_new(struct settings_held **ret)
{
	struct settings_held *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->all = calloc(SETTINGS_SPACES_MAX, sizeof(struct settings *));
	if (!h->all) {
		free(h);
		return -ENOMEM;
	}
	*ret = h;
	return 0;
}

struct settings *settings_unref(struct settings *s)
{
	if (!s || --s->refs > 0)
		return NULL;
	json_decref(s->variables);
	json_decref(s->secrets);
	(void)redaction_free(s->redaction);
	free(s);
	return NULL;
}

static void drop(struct settings_held *h, size_t i)
{
	h->bytes -= h->all[i]->bytes;
	(void)settings_unref(h->all[i]);
	h->all[i] = h->all[--h->n];
}

struct settings_held *settings_held_free(struct settings_held *h)
{
	if (!h)
		return NULL;
	while (h->n)
		drop(h, h->n - 1);
	free(h->all);
	free(h);
	return NULL;
}

static size_t find(const struct settings_held *h, const char *space)
{
	size_t i = 0;

	while (i < h->n && strcmp(h->all[i]->space, space) != 0)
		i++;
	return i;
}

static void make_room(struct settings_held *h, size_t bytes)
{
	while (h->n == SETTINGS_SPACES_MAX || (h->n && h->bytes + bytes > SETTINGS_HELD_MAX)) {
		size_t oldest = 0;

		for (size_t i = 1; i < h->n; i++)
			if (h->all[i]->used < h->all[oldest]->used)
				oldest = i;
		drop(h, oldest);
	}
}

/* Of an object of texts; its bytes, about. -EINVAL. */
static int measure(const char *what, json_t *texts, size_t *bytes, struct err *e)
{
	const char *name;
	json_t *v;

	if (texts && !json_is_object(texts))
		return err_set(e, -EINVAL, "agent.SETTINGS: %s are no object", what);
	json_object_foreach(texts, name, v)
	{
		if (!json_is_string(v))
			return err_set(e, -EINVAL, "agent.SETTINGS: %s: a value is no text", what);
		*bytes += strlen(name) + json_string_length(v) + PER_TEXT;
	}
	return 0;
}

int settings_put(struct settings_held *h, const struct agent_settings *m, struct err *e)
{
	CLEANUP(settings_unrefp) struct settings *s = calloc(1, sizeof(*s));
	size_t i = find(h, m->space), bytes = sizeof(*s);
	int r = s ? measure("variables", m->variables, &bytes, e) : -ENOMEM;

	if (r == 0)
		r = measure("secrets", m->secrets, &bytes, e);
	if (s)
		*s = (struct settings){.refs = 1,
			.version = m->version,
			.variables = m->variables ? json_incref(m->variables) : json_object(),
			.secrets = m->secrets ? json_incref(m->secrets) : json_object(),
			.bytes = bytes};
	if (r == 0)
		r = redaction_new(s->secrets, &s->redaction);
	if (r < 0)
		return r;
	(void)snprintf(s->space, sizeof(s->space), "%s", m->space);
	if (i < h->n)
		drop(h, i);
	if (m->version == 0)
		return 0;
	make_room(h, bytes);
	s->used = ++h->uses;
	h->bytes += bytes;
	h->all[h->n++] = TAKE_PTR(s);
	return 0;
}

struct settings *settings_find(struct settings_held *h, const char *space, int64_t version)
{
	size_t i = find(h, space);

	if (i == h->n || h->all[i]->version < version)
		return NULL;
	h->all[i]->used = ++h->uses;
	h->all[i]->refs++;
	return h->all[i];
}

#include "sdk-lua/host/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "sdk-lua/host/session.h"

static void close_upload(struct worker *w, struct upload *u)
{
	free(u->held);
	u->held = NULL;
	if (u->fd < 0)
		return;
	close(u->fd);
	u->fd = -1;
	w->files_open--;
}

/* The oldest open file of any session makes room: lists are newest first. */
static void close_oldest(struct worker *w)
{
	struct upload *oldest = NULL;
	size_t depth = 0;

	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		for (struct session *s = w->buckets[i]; s; s = s->next) {
			size_t at = 0;

			for (struct upload *u = s->uploads; u; u = u->next, at++)
				if (u->fd >= 0 && (!oldest || at > depth)) {
					oldest = u;
					depth = at;
				}
		}
	if (oldest)
		close_upload(w, oldest);
}

static void forget_last(struct session *s)
{
	size_t n = 0;

	for (struct upload **at = &s->uploads; *at; at = &(*at)->next) {
		struct upload *u = *at;

		if (++n <= UPLOADS_SESSION_MAX)
			continue;
		*at = NULL;
		close_upload(s->worker, u);
		free(u);
		return;
	}
}

static struct upload *remember(
	struct session *s, const char *id, const char *name, const char *type, uint64_t size)
{
	struct upload *u = (struct upload *)upload_find(s, id);

	if (!u) {
		u = calloc(1, sizeof(*u));
		if (!u)
			return NULL;
		u->fd = -1;
		u->next = s->uploads;
		s->uploads = u;
		forget_last(s);
	}
	(void)snprintf(u->id, sizeof(u->id), "%s", id);
	(void)snprintf(u->name, sizeof(u->name), "%s", name);
	(void)snprintf(u->type, sizeof(u->type), "%s", type);
	u->size = size;
	return u;
}

int upload_on_file(struct worker *w, const struct frame *f, struct link_files *files, struct err *e)
{
	struct session *s = session_find(w, f->channel);
	struct app_file m;
	struct upload *u = NULL;
	int r = app_file_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	if (s)
		u = remember(s, m.id, m.name, m.type, (uint64_t)m.size);
	if (u) {
		close_upload(w, u);
		if (w->files_open >= FILES_OPEN_MAX)
			close_oldest(w);
		u->fd = link_files_take(files, 0);
		w->files_open += u->fd >= 0;
	}
	app_file_done(&m);
	return 0;
}

int upload_hold(struct session *s, const struct frame *f, const void *bytes, size_t n)
{
	struct app_file m;
	struct upload *u;
	uint8_t *held;

	if (app_file_read(&m, f->value, f->length, NULL) < 0)
		return -EINVAL;
	u = (struct upload *)upload_find(s, m.id);
	app_file_done(&m);
	held = u ? malloc(n + 1) : NULL;
	if (!held)
		return -ENOMEM;
	if (n)
		memcpy(held, bytes, n);
	free(u->held);
	u->held = held;
	u->size = n;
	return 0;
}

static int learn_one(struct session *s, const json_t *file, struct err *e)
{
	const char *id, *name, *type;
	int64_t size;
	int r = json_get_str(file, "id", 32, &id, e);

	if (r == 0)
		r = json_get_str(file, "name", 255, &name, e);
	if (r == 0)
		r = json_get_str(file, "type", 100, &type, e);
	if (r == 0)
		r = json_get_int(file, "size", 0, 1ll << 40, &size, e);
	if (r < 0)
		return r;
	return remember(s, id, name, type, (uint64_t)size) ? 0 : -ENOMEM;
}

int uploads_learn(struct session *s, json_t *files, struct err *e)
{
	for (size_t i = 0; i < json_array_size(files); i++)
		if (learn_one(s, json_array_get(files, i), e) < 0) {
			(void)err_wrap(e, "app.OPEN files[%zu]", i);
			return -EINVAL;
		}
	return 0;
}

const struct upload *upload_find(const struct session *s, const char *id)
{
	for (const struct upload *u = s->uploads; u; u = u->next)
		if (strcmp(u->id, id) == 0)
			return u;
	return NULL;
}

void uploads_free(struct session *s)
{
	while (s->uploads) {
		struct upload *u = s->uploads;

		s->uploads = u->next;
		close_upload(s->worker, u);
		free(u);
	}
}

/* What sessions need of the outside: their visitor, their worker, files of the Space. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "gateway/files.h"
#include "gateway/grants.h"
#include "gateway/place.h"
#include "gateway/replica.h"
#include "gateway/visit.h"
#include "gateway/wake.h"
#include "gateway/worker_link.h"

static uint64_t now_usec(void *data)
{
	(void)data;
	return clock_mono_usec();
}

static int64_t wall_sec(void *data)
{
	(void)data;
	return (int64_t)(clock_wall_usec() / USEC_PER_SEC);
}

static void show(
	struct session *s, const uint8_t *frames, size_t n, bool fails, bool lazy, void *data)
{
	(void)data;
	visit_show(s->live->visit, frames, n, fails, lazy);
}

static void show_all(struct session *s, void *data)
{
	(void)data;
	if (!s->live->visit)
		return;
	visit_show_phase(s->live->visit, "deployed", NULL);
	visit_show_all(s->live->visit);
}

/* What a page does by itself is the Space's business; it was no gesture. */
static bool is_gesture(const struct frame *f)
{
	return f->type == APP_CALL || (f->type == APP_EVENT && f->op != EVENT_LOAD &&
					      f->op != EVENT_TICK && f->op != EVENT_UNLOAD);
}

static void send_grant(
	struct session *s, struct replica *r, const struct frame *event, struct gateway *g)
{
	struct frame f = {.type = APP_GRANT, .channel = s->number, .seq = event->seq};
	char text[GRANT_MAX + 1];

	if (!grants_mint(g->grants, s, r->id, event, text))
		return; /* the owner pays rather than that nothing works */
	f.value = (const uint8_t *)text;
	f.length = strlen(text);
	worker_link_send(r, &f, NULL, 0);
}

/* What the visitor stops, or a worker no longer has, costs nobody anything from now on. */
static void take_back(struct session *s, const struct replica *r, uint32_t n, struct gateway *g)
{
	for (const struct pending *p = s->pending; p; p = p->next)
		if (p->state == EVENT_SENT && (n == 0 || p->n == n))
			grants_revoke(g->grants, r->id, s->number, p->n);
}

static void send_frame(struct session *s, const struct frame *f, void *data)
{
	struct replica *r = s->live->replica;

	if (f->type == APP_EVENT || f->type == APP_CALL)
		queue_sent(r->space, s, f);
	if (is_gesture(f))
		send_grant(s, r, f, data);
	if (f->type == APP_CANCEL || f->type == APP_CLOSE)
		take_back(s, r, f->type == APP_CANCEL ? f->seq : 0, data);
	worker_link_send(r, f, NULL, 0);
	if (f->type == APP_CALL && s->live->visit)
		visit_show_started(s->live->visit, f->seq, f->node);
}

static void cork(struct session *s, bool on, void *data)
{
	(void)data;
	worker_link_cork(s->live->replica, on);
}

static void send_file(struct session *s, struct gateway *g, const char *id)
{
	struct file_info info;
	CLEANUP(closep) int fd = files_open(g->files, s->space, id, &info);
	struct app_file m = {
		.id = info.id, .name = info.name, .type = info.type, .size = (int64_t)info.size};
	struct frame f = {.type = APP_FILE, .channel = s->number};
	struct buf value;

	if (fd < 0)
		return;
	buf_init(&value, 4096);
	if (app_file_write(&m, &value) == 0) {
		f.value = value.data;
		f.length = value.len;
		worker_link_send(s->live->replica, &f, &fd, 1);
	}
	buf_done(&value);
}

#define FILES_AT_ONCE 16
#define FILES_LISTED 256
#define FILES_TRIED 1024

/*
 * The next "file":"ID" in the bytes, found without parsing; what only looks like one names no
 * file. False: there is none left.
 */
static bool next_file_id(const uint8_t **at, const uint8_t *end, char ret[ID_LEN + 1])
{
	static const char mark[] = "\"file\"";

	while ((*at = memmem(*at, (size_t)(end - *at), mark, sizeof(mark) - 1))) {
		const uint8_t *p = *at + sizeof(mark) - 1;

		*at = p;
		while (p < end && (*p == ' ' || *p == ':'))
			p++;
		if (end - p < ID_LEN + 2 || *p != '"' || p[ID_LEN + 1] != '"')
			continue;
		memcpy(ret, p + 1, ID_LEN);
		ret[ID_LEN] = '\0';
		return true;
	}
	return false;
}

static void send_files(struct session *s, const uint8_t *bytes, size_t n, void *data)
{
	const uint8_t *at = bytes;
	char id[ID_LEN + 1];

	for (int sent = 0; sent < FILES_AT_ONCE && next_file_id(&at, bytes + n, id); sent++)
		send_file(s, data, id);
}

static int list_files(struct session *s, const uint8_t *bytes, size_t n, struct buf *b, void *data)
{
	struct gateway *g = data;
	json_t *list = json_array();
	char id[ID_LEN + 1];
	int r = list ? 0 : -ENOMEM;
	const uint8_t *at = bytes;

	/* What only looks like a file costs a look as well. */
	for (int tried = 0; list && tried < FILES_TRIED && json_array_size(list) < FILES_LISTED &&
			    next_file_id(&at, bytes + n, id);
		tried++) {
		struct file_info info;
		CLEANUP(closep) int fd = files_open(g->files, s->space, id, &info);

		if (fd >= 0)
			(void)json_array_append_new(
				list, json_pack("{ss ss ss sI}", "id", info.id, "name", info.name,
					      "type", info.type, "size", (json_int_t)info.size));
	}
	if (r == 0)
		r = json_write(b, list); /* b may be where bytes lie: read before this */
	json_decref(list);
	return r;
}

static int keep_blob(struct session *s, const struct frame *f, struct err *e, void *data)
{
	struct gateway *g = data;
	const uint8_t *nul = memchr(f->value, 0, f->length);
	const uint8_t *second =
		nul ? memchr(nul + 1, 0, f->length - (size_t)(nul + 1 - f->value)) : NULL;
	struct upload *u = NULL;
	struct file_info info;
	struct err why = {0};
	const char *name;
	size_t n;
	int r;

	if (!second || !file_id_is_valid((const char *)f->value, (size_t)(nul - f->value)))
		return err_set(e, -EBADMSG, "BLOB: must begin with id, NUL, media type, NUL");
	n = f->length - (size_t)(second + 1 - f->value);
	name = strstr((const char *)nul + 1, ";name=");
	r = upload_new(
		g->files, s->space, (const char *)f->value, name ? name + 6 : "file", &u, &why);
	if (r == 0)
		r = upload_write(u, second + 1, n, f->length, &why);
	if (r == 0)
		r = upload_finish(TAKE_PTR(u), &info, &why);
	(void)upload_free(u);
	/* A full disk costs the picture, not the worker; sent twice it is there already. */
	if (r < 0 && r != -EEXIST)
		log_warn("space=%s session=%u a file is lost: %s", s->space, s->number, why.text);
	return 0;
}

static void want_worker(struct session *s, void *data)
{
	struct gateway *g = data;
	struct route *route = route_by_space(g->routes, s->space);
	struct space *space = route ? space_of(g->spaces, route) : NULL;

	if (space)
		space_place(space, s);
}

static bool may_retry(const struct session *s, uint32_t node, uint8_t kind, void *data)
{
	struct gateway *g = data;
	struct space *space = space_by_id(g->spaces, s->space);
	struct page *page = space ? space_page(space, s->bundle) : NULL;

	return page && page_may_retry(page, node, kind);
}

static bool may_send(struct session *s, struct pending *p, bool behind, void *data)
{
	struct replica *r = s->live->replica;

	(void)data;
	return r ? queue_may_send(r->space, s, p, behind) : !behind;
}

static bool wants_presence(const struct session *s, void *data)
{
	const struct replica *r = s->live->replica;

	(void)data;
	return r && r->page && !session_is_program(s) && page_wants_presence(r->page);
}

static void settled(struct session *s, void *data)
{
	(void)data;
	if (s->live->replica)
		place_settled(s->live->replica, s);
}

static void acks_due(void *data)
{
	spaces_acks_soon(((struct gateway *)data)->spaces);
}

static void forgotten(struct session *s, void *data)
{
	struct space *space = space_by_id(((struct gateway *)data)->spaces, s->space);
	struct visit *v = s->live->visit;

	if (space)
		queue_forget(space, s);
	if (v) {
		v->session = NULL;
		visit_end(v, true, "This session has ended.");
	}
}

static void tell_owner(struct session *s, const char *words, void *data)
{
	wake_note(((struct gateway *)data)->wake, ((struct replica *)s->live->replica)->id, words);
}

const struct sessions_ops space_sessions_ops = {
	.now_usec = now_usec,
	.wall_sec = wall_sec,
	.show = show,
	.show_all = show_all,
	.send = send_frame,
	.cork = cork,
	.send_files = send_files,
	.list_files = list_files,
	.keep_blob = keep_blob,
	.want_worker = want_worker,
	.may_retry = may_retry,
	.may_send = may_send,
	.wants_presence = wants_presence,
	.settled = settled,
	.acks_due = acks_due,
	.tell_owner = tell_owner,
	.forgotten = forgotten,
};

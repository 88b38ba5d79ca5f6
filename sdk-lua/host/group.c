#include "sdk-lua/host/group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sdk-lua/host/stage.h"

#define PENDING_KEEP 4096 /* bytes of an idle session's buffer that are kept */

/* Does this record only lengthen the APPEND at the end of pending? */
static bool same_append(const struct session *s, uint8_t type, uint8_t op, uint32_t node,
	const void *head, size_t n_head)
{
	struct group_record last;
	const uint8_t *at;

	if (type != APP_PATCH || op != PATCH_APPEND || s->last_append == 0)
		return false;
	at = s->pending.data + s->last_append - 1;
	memcpy(&last, at, sizeof(last));
	return last.node == node && last.length >= n_head &&
	       memcmp(at + sizeof(last), head, n_head) == 0;
}

int group_add(struct session *s, uint8_t type, uint8_t op, uint32_t node, const void *head,
	size_t n_head, const void *tail, size_t n_tail)
{
	bool grown = same_append(s, type, op, node, head, n_head);
	size_t spare = type == APP_IMAGE || type == APP_FAIL ? GROUP_SPARE : 0;
	size_t value = grown ? n_tail : n_head + n_tail;
	struct group_record r = {.type = type, .op = op, .node = node, .length = (uint32_t)value};
	struct worker *w = s->worker;
	size_t before = s->pending.len;
	int code;

	if (s->pending.len + sizeof(r) + value > GROUP_MAX + spare ||
		(!grown && !spare && s->pending_records >= GROUP_RECORDS_MAX))
		return -EFBIG;
	/* What is over with a handler's end, its table and why it failed, always has a place. */
	if (!spare && w->shown_bytes + sizeof(r) + value > SHOWN_WORKER_MAX)
		return -ENOBUFS;
	code = buf_reserve(&s->pending, sizeof(r) + value);
	if (code < 0)
		return code;
	if (grown) {
		uint8_t *at = s->pending.data + s->last_append - 1;

		memcpy(&r, at, sizeof(r));
		r.length += (uint32_t)n_tail;
		memcpy(at, &r, sizeof(r));
		w->shown_bytes += n_tail;
		return buf_add(&s->pending, tail, n_tail);
	}
	s->last_append = type == APP_PATCH && op == PATCH_APPEND ? s->pending.len + 1 : 0;
	s->pending_records++;
	(void)buf_add(&s->pending, &r, sizeof(r)); /* reserved above */
	(void)buf_add(&s->pending, head, n_head);
	(void)buf_add(&s->pending, tail, n_tail);
	w->shown_bytes += s->pending.len - before;
	return 0;
}

static int send_records(struct session *s, const struct group *g)
{
	struct link *l = s->worker->app;
	size_t at = 0;
	int r = 0;

	while (r == 0 && at < g->length) {
		struct group_record head;
		struct frame f;

		memcpy(&head, g->bytes + at, sizeof(head));
		at += sizeof(head);
		f = (struct frame){.type = head.type,
			.op = head.op,
			.channel = s->channel,
			.node = head.node,
			.value = g->bytes + at,
			.length = head.length};
		at += head.length;
		r = link_send(l, &f);
	}
	return r;
}

/* A group whose beginning went out and whose end found the queue full is sent again whole: the
 * gateway takes what follows a COMMIT as one group, so a beginning twice is patches twice. Hence
 * the room is looked for first. */
static void send_group(struct session *s, struct group *g)
{
	struct worker *w = s->worker;
	const struct frame commit = {.type = APP_COMMIT,
		.op = g->op,
		.channel = s->channel,
		.node = g->node,
		.seq = g->seq};
	size_t room = g->length + g->length / 2 + 2 * FRAME_PACKET_MAX; /* and its headers */
	int r;

	if (w->stage && !g->sent) {
		stage_take(w, s->channel, g);
		g->sent = true;
	}
	if (!w->app || g->sent || link_queued(w->app) + room > LINK_QUEUE)
		return;
	link_cork(w->app);
	r = send_records(s, g);
	if (r == 0)
		r = link_send(w->app, &commit);
	link_uncork(w->app);
	g->sent = r == 0;
	if (r == -ENOMEM)
		worker_end(w, 1);
}

int group_commit(struct session *s, uint32_t n, uint8_t op)
{
	struct group *g = malloc(sizeof(*g) + s->pending.len);

	if (!g)
		return -ENOMEM;
	*g = (struct group){.seq = s->seq + 1, .node = n, .op = op, .length = s->pending.len};
	if (s->pending.len)
		memcpy(g->bytes, s->pending.data, s->pending.len);
	s->seq++;
	*s->groups_tail = g;
	s->groups_tail = &g->next;
	s->unacked += sizeof(*g) + g->length;
	s->last_append = 0;
	s->pending_records = 0;
	if (s->pending.cap > PENDING_KEEP)
		buf_done(&s->pending);
	else
		buf_clear(&s->pending);
	/* Behind an unsent one it must wait: groups go out in order. */
	groups_send_rest(s);
	return 0;
}

void groups_send_rest(struct session *s)
{
	for (struct group *g = s->groups; g; g = g->next) {
		if (!g->sent)
			send_group(s, g);
		if (!g->sent)
			return;
	}
}

void groups_acked(struct session *s, uint32_t seq)
{
	while (s->groups && s->groups->seq <= seq) {
		struct group *g = s->groups;

		s->groups = g->next;
		if (!s->groups)
			s->groups_tail = &s->groups;
		s->unacked -= sizeof(*g) + g->length;
		s->worker->shown_bytes -= g->length;
		free(g);
	}
}

void groups_resend(struct session *s, uint32_t seq)
{
	groups_acked(s, seq);
	for (struct group *g = s->groups; g; g = g->next)
		g->sent = false;
	groups_send_rest(s);
}

void groups_free(struct session *s)
{
	groups_acked(s, UINT32_MAX);
	s->worker->shown_bytes -= s->pending.len;
	buf_done(&s->pending);
}

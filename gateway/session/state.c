#include "gateway/session/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "gateway/session/frames.h"
#include "proto/messages.h"

int session_new(uint32_t number, struct session **ret)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->number = number;
	overlay_init(&s->overlay);
	image_init(&s->image);
	outbox_init(&s->outbox, 0);
	*ret = s;
	return 0;
}

static void drop_pending(struct session *s, struct pending **at)
{
	struct pending *p = *at;

	*at = p->next;
	s->pending_bytes -= p->length;
	explicit_bzero(p->frames, p->length); /* a password may have been among them */
	free(p);
}

static void clear(struct session *s)
{
	while (s->pending)
		drop_pending(s, &s->pending);
	overlay_done(&s->overlay);
	image_done(&s->image);
	outbox_done(&s->outbox);
	free(s->query);
	s->query = NULL;
}

struct session *session_free(struct session *s)
{
	if (!s)
		return NULL;
	clear(s);
	free(s);
	return NULL;
}

struct pending *session_pending(const struct session *s, uint32_t n)
{
	struct pending *p = s->pending;

	while (p && p->n != n)
		p = p->next;
	return p;
}

size_t session_count_pending(const struct session *s, enum event_state state)
{
	size_t n = 0;

	for (const struct pending *p = s->pending; p; p = p->next)
		n += p->state == state;
	return n;
}

bool session_is_program(const struct session *s)
{
	return s->visitor[0] == SESSION_PROGRAM;
}

bool session_is_untouched(const struct session *s)
{
	return s->last_event == 0 && s->last_seq == 0;
}

size_t session_weight(const struct session *s)
{
	return 512 + s->overlay.bytes + s->image.bytes + s->pending_bytes +
	       (s->query ? strlen(s->query) : 0);
}

/* --- BEGIN --- */

static int copy_field(char *dest, size_t size, const json_t *o, const char *key, struct err *e)
{
	const char *text;
	int r = json_opt_str(o, key, size - 1, "", &text, e);

	if (r == 0)
		memcpy(dest, text, strlen(text) + 1);
	return r;
}

static int copy_query(struct session *s, const json_t *o, struct err *e)
{
	const char *text;
	int r = json_opt_str(o, "query", 8192, NULL, &text, e);

	if (r < 0 || !text)
		return r;
	free(s->query);
	s->query = strdup(text);
	return s->query ? 0 : -ENOMEM;
}

static int read_head(struct session *s, const json_t *o, struct err *e)
{
	struct {
		char *at;
		size_t size;
		const char *key;
	} fields[] = {
		{s->id, sizeof(s->id), "id"},
		{s->space, sizeof(s->space), "space"},
		{s->visitor, sizeof(s->visitor), "visitor"},
		{s->user, sizeof(s->user), "user"},
		{s->bundle, sizeof(s->bundle), "bundle"},
		{s->replica_id, sizeof(s->replica_id), "replica"},
	};
	int64_t last_event, last_seq;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(fields) / sizeof(*fields); i++)
		r = copy_field(fields[i].at, fields[i].size, o, fields[i].key, e);
	if (r == 0)
		r = copy_query(s, o, e);
	if (r == 0)
		r = json_opt_int(o, "time", 0, INT64_MAX, 0, &s->begun_sec, e);
	if (r == 0)
		r = json_opt_int(o, "event", 0, UINT32_MAX, 0, &last_event, e);
	if (r == 0)
		r = json_opt_int(o, "seq", 0, UINT32_MAX, 0, &last_seq, e);
	if (r < 0)
		return r;
	s->last_event = (uint32_t)last_event;
	s->last_seq = (uint32_t)last_seq;
	return s->id[0] ? 0 : err_set(e, -EBADMSG, "session without an id");
}

static int write_head(const struct session *s, struct buf *b)
{
	json_t *o = json_pack("{ss ss ss ss ss* sI sI sI ss ss}", "id", s->id, "space", s->space,
		"visitor", s->visitor, "user", s->user, "query", s->query, "time",
		(json_int_t)s->begun_sec, "event", (json_int_t)s->last_event, "seq",
		(json_int_t)s->last_seq, "bundle", s->bundle, "replica", s->replica_id);
	int r = o ? json_write(b, o) : -ENOMEM;

	json_decref(o);
	return r;
}

int session_write_begin(const struct session *s, struct buf *b)
{
	return write_head(s, b);
}

int session_apply_begin(struct session *s, const uint8_t *value, size_t n, struct err *e)
{
	json_t *o;
	int r = json_parse(value, n, 64 << 10, &o, e);

	if (r < 0)
		return r;
	r = read_head(s, o, e);
	json_decref(o);
	return r;
}

/* --- IN --- */

struct in_context {
	struct session *session;
	uint32_t node;
	uint8_t kind;
	bool event; /* an EVENT or CALL was among them */
	bool call;
};

static int take_value(struct session *s, const struct frame *f)
{
	struct patch p = {
		.node = f->node,
		.op = PATCH_SET,
		.path = "value",
		.path_length = 5,
		.value = f->value,
		.length = f->length,
	};

	return overlay_apply(&s->overlay, &p);
}

static int on_in_frame(const struct frame *f, void *data, struct err *e)
{
	struct in_context *c = data;

	if (f->type == APP_VALUE)
		return take_value(c->session, f);
	if (f->type != APP_EVENT && f->type != APP_CALL)
		return err_set(e, -EBADMSG, "IN record holds frame type %u", f->type);
	c->call = f->type == APP_CALL;
	c->node = f->node;
	c->kind = f->op;
	c->event = true;
	return 0;
}

static void insert_pending(struct session *s, struct pending *p)
{
	struct pending **at = &s->pending;

	while (*at && (*at)->n < p->n)
		at = &(*at)->next;
	p->next = *at;
	*at = p;
	s->pending_bytes += p->length;
}

int session_apply_in(
	struct session *s, uint32_t n, const uint8_t *frames, size_t length, struct err *e)
{
	struct in_context c = {.session = s};
	struct pending *p;
	int r;

	if (length == 0) {
		session_apply_retry(s, n);
		return 0;
	}
	if (n <= s->last_event)
		return 0; /* the same record twice: the first one counts */
	p = malloc(sizeof(*p) + length);
	if (!p)
		return -ENOMEM;
	r = frames_each(frames, length, SESSION_VALUE_MAX, on_in_frame, &c, e);
	if (r == 0 && !c.event)
		r = err_set(e, -EBADMSG, "IN record without an EVENT");
	if (r < 0) {
		free(p);
		return r;
	}
	*p = (struct pending){.n = n,
		.node = c.node,
		.kind = c.kind,
		.state = s->replica_id[0] ? EVENT_SENT : EVENT_HELD,
		.call = c.call,
		.length = length};
	memcpy(p->frames, frames, length);
	insert_pending(s, p);
	s->last_event = n;
	return 0;
}

int session_add_secret(struct session *s, uint32_t n, const uint8_t *frames, size_t length)
{
	struct pending **at = &s->pending;
	struct pending *old, *p;

	while (*at && (*at)->n != n)
		at = &(*at)->next;
	old = *at;
	if (!old)
		return -ENOENT;
	p = malloc(sizeof(*p) + length + old->length);
	if (!p)
		return -ENOMEM;
	*p = *old;
	p->secret_length = length;
	p->length = length + old->length;
	memcpy(p->frames, frames, length);
	memcpy(p->frames + length, old->frames, old->length);
	s->pending_bytes += length;
	*at = p;
	explicit_bzero(old->frames, old->length);
	free(old);
	return 0;
}

/* --- OUT --- */

static int try_image(const struct frame *f, void *data, struct err *e)
{
	return f->type == APP_IMAGE ? image_apply(data, f, e) : 0;
}

static int apply_patch(const struct frame *f, void *data, struct err *e)
{
	struct patch p;
	int r;

	if (f->type != APP_PATCH)
		return 0;
	r = patch_read(&p, f, e);
	return r < 0 ? r : overlay_apply(data, &p);
}

/* Near its limit the overlay is tried on a copy; far from it a bound is enough. */
static int try_overlay(const struct session *s, const uint8_t *visible, size_t n,
	struct out_trial *ret, struct err *e)
{
	size_t cost = n + n / FRAME_HEADER * 64; /* a frame is no shorter than its header */
	int r;

	if (s->overlay.bytes + cost <= OVERLAY_MAX &&
		s->overlay.n + n / FRAME_HEADER <= OVERLAY_CELLS_MAX)
		return 0;
	r = overlay_copy(&ret->overlay, &s->overlay);
	if (r < 0)
		return r;
	ret->has_overlay = true;
	r = frames_each(visible, n, SESSION_VALUE_MAX, apply_patch, &ret->overlay, e);
	if (r == -ENOSPC)
		return err_set(e, -EMSGSIZE, "session's components: over the limit of %d changes",
			OVERLAY_CELLS_MAX);
	if (r == 0 && ret->overlay.bytes > OVERLAY_MAX)
		return err_set(e, -EMSGSIZE, "session's components: over the limit of %d bytes",
			OVERLAY_MAX);
	return r;
}

int session_try_out(const struct session *s, const uint8_t *image, size_t image_length,
	const uint8_t *visible, size_t visible_length, struct out_trial *ret, struct err *e)
{
	int r = 0;

	*ret = (struct out_trial){0};
	if (image_length > 0) {
		r = image_copy(&ret->image, &s->image);
		if (r < 0)
			return r;
		ret->has_image = true;
		r = frames_each(image, image_length, SESSION_VALUE_MAX, try_image, &ret->image, e);
	}
	if (r == 0)
		r = try_overlay(s, visible, visible_length, ret, e);
	if (r < 0)
		out_trial_done(ret);
	return r;
}

void out_trial_done(struct out_trial *t)
{
	if (t->has_image)
		image_done(&t->image);
	if (t->has_overlay)
		overlay_done(&t->overlay);
	*t = (struct out_trial){0};
}

static void finish_event(struct session *s, uint32_t n)
{
	for (struct pending **at = &s->pending; *at; at = &(*at)->next) {
		if ((*at)->n == n) {
			drop_pending(s, at);
			return;
		}
	}
}

int session_apply_out(struct session *s, uint32_t seq, uint32_t event, uint8_t op,
	const uint8_t *visible, size_t visible_length, struct out_trial *trial, struct err *e)
{
	int r = 0;

	if (trial->has_image) {
		image_done(&s->image);
		s->image = trial->image;
		trial->has_image = false;
	}
	if (trial->has_overlay) {
		overlay_done(&s->overlay);
		s->overlay = trial->overlay;
		trial->has_overlay = false;
	} else {
		r = frames_each(
			visible, visible_length, SESSION_VALUE_MAX, apply_patch, &s->overlay, e);
	}
	s->last_seq = seq;
	if (op == COMMIT_FINISH && event > 0)
		finish_event(s, event);
	return r;
}

static int replay_frame(const struct frame *f, void *data, struct err *e)
{
	struct session *s = data;

	if (f->type == APP_IMAGE)
		return image_apply(&s->image, f, e);
	if (f->type == APP_COMMIT && f->op == COMMIT_FINISH && f->node > 0)
		finish_event(s, f->node);
	return apply_patch(f, &s->overlay, e);
}

int session_replay_out(
	struct session *s, uint32_t seq, const uint8_t *frames, size_t n, struct err *e)
{
	if (seq <= s->last_seq)
		return 0;
	s->last_seq = seq;
	return frames_each(frames, n, SESSION_VALUE_MAX, replay_frame, s, e);
}

/* --- MOVE, retry, dismiss --- */

int session_write_move(const char *bundle, const char *replica, struct buf *b)
{
	int r = buf_add(b, bundle, strlen(bundle) + 1);

	return r < 0 ? r : buf_add_str(b, replica);
}

/* The worker that had the session is gone: what ran there has no one to finish it. */
static void lose_worker(struct session *s)
{
	bool lost = false;

	for (struct pending *p = s->pending; p; p = p->next) {
		if (p->state != EVENT_SENT)
			continue;
		p->state = EVENT_INTERRUPTED;
		lost = true;
	}
	if (lost)
		overlay_drop(&s->overlay, 0, "progress");
}

int session_apply_move(struct session *s, const uint8_t *value, size_t n, struct err *e)
{
	const uint8_t *nul = memchr(value, 0, n);
	size_t bundle_length = nul ? (size_t)(nul - value) : 0;
	size_t replica_length = nul ? n - bundle_length - 1 : 0;

	if (!nul || bundle_length >= sizeof(s->bundle) || replica_length >= sizeof(s->replica_id))
		return err_set(e, -EBADMSG, "MOVE record is malformed");
	if (s->replica_id[0] && (strlen(s->replica_id) != replica_length ||
					memcmp(s->replica_id, nul + 1, replica_length)))
		lose_worker(s);
	memcpy(s->bundle, value, bundle_length + 1);
	memcpy(s->replica_id, nul + 1, replica_length);
	s->replica_id[replica_length] = '\0';
	for (struct pending *p = s->pending; p && replica_length; p = p->next) {
		if (p->state != EVENT_HELD)
			continue;
		p->state = EVENT_SENT;
		p->retried = false; /* to this worker every event is new */
	}
	return 0;
}

void session_apply_retry(struct session *s, uint32_t n)
{
	struct pending *p = session_pending(s, n);

	if (!p)
		return;
	if (p->state == EVENT_INTERRUPTED)
		p->state = s->replica_id[0] ? EVENT_SENT : EVENT_HELD;
	p->retried = true;
}

void session_apply_dismiss(struct session *s, uint32_t n)
{
	struct pending *p = session_pending(s, n);

	if (p && p->state == EVENT_INTERRUPTED)
		finish_event(s, n);
}

void session_apply_withdraw(struct session *s, uint32_t n)
{
	finish_event(s, n); /* for a replay it may have been sent */
}

/* --- STATE --- */

#define STATE_RETRIED 0x80 /* beside the state of an event */

enum state_part { PART_HEAD = 1, PART_FRAMES, PART_EVENT };

static int write_part(struct buf *b, enum state_part part, uint32_t n, uint8_t state,
	const void *bytes, size_t length)
{
	uint8_t tag[2] = {(uint8_t)part, state};
	int r = buf_add(b, tag, sizeof(tag));

	if (r == 0)
		r = buf_add_u32(b, n);
	if (r == 0)
		r = buf_add_u32(b, (uint32_t)length);
	return r < 0 ? r : buf_add(b, bytes, length);
}

int session_write_state(const struct session *s, struct buf *b)
{
	struct buf part;
	int r;

	buf_init(&part, SESSION_STATE_MAX);
	r = write_head(s, &part);
	if (r == 0)
		r = write_part(b, PART_HEAD, 0, 0, part.data, part.len);
	buf_clear(&part);
	if (r == 0)
		r = image_write_frames(&s->image, &part);
	if (r == 0)
		r = overlay_write_frames(&s->overlay, &part);
	if (r == 0)
		r = write_part(b, PART_FRAMES, 0, 0, part.data, part.len);
	for (const struct pending *p = s->pending; r == 0 && p; p = p->next)
		r = write_part(b, PART_EVENT, p->n,
			(uint8_t)(p->state | (p->retried ? STATE_RETRIED : 0)),
			p->frames + p->secret_length, p->length - p->secret_length);
	buf_done(&part);
	return r;
}

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int restore_event(struct session *s, uint32_t n, uint8_t state, const uint8_t *frames,
	size_t length, struct err *e)
{
	struct in_context c = {.session = s};
	struct overlay values = s->overlay;
	struct pending *p;
	int r;

	if ((state & ~STATE_RETRIED) > EVENT_INTERRUPTED)
		return err_set(e, -EBADMSG, "STATE record: event state %u", state);
	/* Its values are in the overlay already; a later group may have changed them since. */
	overlay_init(&s->overlay);
	r = frames_each(frames, length, SESSION_VALUE_MAX, on_in_frame, &c, e);
	overlay_done(&s->overlay);
	s->overlay = values;
	if (r < 0 || !c.event)
		return r < 0 ? r : err_set(e, -EBADMSG, "STATE record: event without EVENT");
	p = malloc(sizeof(*p) + length);
	if (!p)
		return -ENOMEM;
	*p = (struct pending){.n = n,
		.node = c.node,
		.kind = c.kind,
		.state = (enum event_state)(state & ~STATE_RETRIED),
		.retried = state & STATE_RETRIED,
		.call = c.call,
		.length = length};
	memcpy(p->frames, frames, length);
	insert_pending(s, p);
	return 0;
}

static int restore_frame(const struct frame *f, void *data, struct err *e)
{
	struct session *s = data;

	if (f->type == APP_IMAGE)
		return image_apply(&s->image, f, e);
	return apply_patch(f, &s->overlay, e);
}

static int restore_part(
	struct session *s, const uint8_t *head, const uint8_t *bytes, size_t n, struct err *e)
{
	switch (head[0]) {
	case PART_HEAD:
		return session_apply_begin(s, bytes, n, e);
	case PART_FRAMES:
		return frames_each(bytes, n, SESSION_VALUE_MAX, restore_frame, s, e);
	case PART_EVENT:
		return restore_event(s, get_u32(head + 2), head[1], bytes, n, e);
	default:
		return err_set(e, -EBADMSG, "STATE record: part %u", head[0]);
	}
}

#define PART_HEADER 10

int session_apply_state(struct session *s, const uint8_t *value, size_t n, struct err *e)
{
	clear(s);
	while (n > 0) {
		size_t length;
		int r;

		if (n < PART_HEADER)
			return err_set(e, -EBADMSG, "STATE record ends early");
		length = get_u32(value + 6);
		if (length > n - PART_HEADER)
			return err_set(e, -EBADMSG, "STATE record: part over its end");
		r = restore_part(s, value, value + PART_HEADER, length, e);
		if (r < 0)
			return r;
		value += PART_HEADER + length;
		n -= PART_HEADER + length;
	}
	outbox_init(&s->outbox, s->last_seq);
	return 0;
}

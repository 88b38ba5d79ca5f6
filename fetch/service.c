#include "fetch/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/link.h"
#include "base/log.h"
#include "fetch/spaces.h"
#include "proto/messages.h"

#define QUEUE_MAX (64u << 20)
#define FAILED_BYTES_MAX 2048
#define ANSWER_HEAD_MAX (256u << 10)

/* A request under way, or one that was refused and is about to be told. */
struct job {
	struct peer *peer; /* borrowed */
	struct job *next, **at;
	struct request *request; /* owned */
	struct source *later;    /* owned; tells of a refusal */
	struct verdict verdict;
	uint32_t seq;
	char space[SPACE_ID_MAX + 1];
	bool entered;
};

/* A gateway. There may be two for a moment, when one takes over from another. */
struct peer {
	struct service *service; /* borrowed */
	struct peer *next, **at;
	struct link *link; /* owned */
	struct job *jobs;  /* owned */
};

struct service {
	struct loop *loop;           /* borrowed */
	struct request_world *world; /* borrowed */
	struct spaces *spaces;       /* owned */
	struct peer *peers;          /* owned */
};

/* --- jobs --- */

static void job_free(struct job *j)
{
	*j->at = j->next;
	if (j->next)
		j->next->at = j->at;
	if (j->entered)
		spaces_leave(j->peer->service->spaces, j->space);
	(void)source_free(j->later);
	(void)request_free(j->request);
	free(j);
}

static struct job *job_find(struct peer *p, uint32_t seq)
{
	struct job *j = p->jobs;

	while (j && j->seq != seq)
		j = j->next;
	return j;
}

static int job_add(struct peer *p, uint32_t seq, const char *space, struct job **ret)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->peer = p;
	j->seq = seq;
	(void)snprintf(j->space, sizeof(j->space), "%s", space);
	j->next = p->jobs;
	j->at = &p->jobs;
	if (j->next)
		j->next->at = &j->next;
	p->jobs = j;
	*ret = j;
	return 0;
}

static uint64_t age_ms(const struct job *j)
{
	return j->request ? request_age_usec(j->request) / USEC_PER_MSEC : 0;
}

/* A server's bytes, and what was cut within a character, have no form as JSON. */
static void make_plain(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

static void tell_failed(struct job *j, const struct verdict *v)
{
	struct err words = v->words;
	const struct fetch_failed m = {.code = v->code,
		.rule = v->rule,
		.message = words.text,
		.host = j->request && *request_host(j->request) ? request_host(j->request) : NULL,
		.ms = age_ms(j)};
	CLEANUP(buf_done) struct buf value;
	struct frame f = {.type = FETCH_FAILED, .seq = j->seq};

	buf_init(&value, FAILED_BYTES_MAX);
	if (fetch_failed_write(&m, &value) < 0) {
		buf_clear(&value);
		make_plain(words.text);
		if (fetch_failed_write(&m, &value) < 0)
			return;
	}
	f.value = value.data;
	f.length = value.len;
	(void)link_send(j->peer->link, &f);
}

static int write_answer(const struct job *j, const struct answer *a, struct buf *b)
{
	const struct fetch_answer m = {.status = (uint64_t)a->status,
		.headers = (json_t *)a->headers,
		.url = a->url,
		.redirects = a->redirects,
		.host = request_host(j->request),
		.ms = age_ms(j)};
	int r = fetch_answer_write(&m, b);

	if (r == 0)
		r = buf_add(b, "", 1);
	return r < 0 ? r : buf_add(b, a->body, a->body_len);
}

static void on_done(struct request *r, const struct answer *a, const struct verdict *v, void *data)
{
	struct job *j = data;
	CLEANUP(buf_done) struct buf value;
	struct frame f = {.type = FETCH_ANSWER, .seq = j->seq};
	struct verdict full;

	(void)r;
	buf_init(&value, REQUEST_ANSWER_MAX + ANSWER_HEAD_MAX);
	if (a && write_answer(j, a, &value) < 0) {
		(void)verdict_set(&full, "failed", NULL, "out of memory");
		v = &full;
		a = NULL;
	}
	f.value = value.data;
	f.length = value.len;
	if (a && link_send(j->peer->link, &f) < 0) {
		(void)verdict_set(&full, "busy", "memory", "too many answers wait to be taken");
		v = &full;
		a = NULL;
	}
	if (!a)
		tell_failed(j, v);
	job_free(j);
}

static void on_later(void *data)
{
	struct job *j = data;

	j->later = NULL;
	tell_failed(j, &j->verdict);
	job_free(j);
}

/* --- what the gateway says --- */

/* Where JSON ends and the body begins. */
static size_t split(const struct frame *f, struct ask *ask)
{
	const uint8_t *nul = f->length ? memchr(f->value, 0, f->length) : NULL;

	if (!nul)
		return f->length;
	ask->has_body = true;
	ask->body = nul + 1;
	ask->body_len = f->length - (size_t)(nul + 1 - f->value);
	return (size_t)(nul - f->value);
}

static int begin(
	struct peer *p, uint32_t seq, const struct fetch_request *m, struct ask *ask, struct err *e)
{
	struct service *s = p->service;
	struct job *j;
	int r = job_add(p, seq, m->space, &j);

	if (r < 0)
		return err_set(e, r, "out of memory");
	ask->method = m->method;
	ask->url = m->url;
	ask->headers = m->headers;
	ask->allow = m->allow;
	ask->prove = m->prove;
	ask->timeout_ms = m->timeout_ms;
	r = spaces_enter(s->spaces, m->space, clock_mono_usec(), &j->verdict);
	j->entered = r == 0;
	if (r == 0)
		r = request_new(s->world, ask, on_done, j, &j->request, &j->verdict);
	if (r < 0 && loop_defer(s->loop, on_later, j, &j->later) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	return 0;
}

static int on_request(struct peer *p, const struct frame *f, struct err *e)
{
	struct fetch_request m;
	struct ask ask = {0};
	size_t n = split(f, &ask);
	int r = fetch_request_read(&m, f->value, n, e);

	if (r < 0)
		return r;
	if (job_find(p, f->seq))
		r = err_set(e, -EPROTO, "REQUEST with the number of one under way");
	else if (!json_is_array(m.allow))
		r = err_set(e, -EPROTO, "allow is no array");
	else
		r = begin(p, f->seq, &m, &ask, e);
	fetch_request_done(&m);
	return r;
}

static int on_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	struct peer *p = data;
	struct job *j;

	(void)l;
	(void)files;
	if (f->type == FETCH_REQUEST)
		return on_request(p, f, e);
	j = job_find(p, f->seq);
	if (j)
		job_free(j);
	return 0;
}

static void peer_free(struct peer *p)
{
	while (p->jobs)
		job_free(p->jobs);
	*p->at = p->next;
	if (p->next)
		p->next->at = p->at;
	(void)link_free(p->link);
	free(p);
}

static void on_closed(struct link *l, const struct err *reason, void *data)
{
	(void)l;
	if (reason->code)
		log_warn("the gateway's link has ended: %s", reason->text);
	peer_free(data);
}

static long value_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_FETCH, PROTO_UP, type);
}

void service_add(struct service *s, int fd)
{
	static const struct link_ops ops = {
		.on_frame = on_frame, .on_closed = on_closed, .value_max = value_max};
	static const struct link_limits limits = {.queue_max = QUEUE_MAX};
	struct peer *p = calloc(1, sizeof(*p));

	if (!p) {
		close(fd);
		return;
	}
	p->service = s;
	if (link_new(s->loop, fd, &ops, &limits, p, &p->link) < 0) {
		free(p);
		return;
	}
	p->next = s->peers;
	p->at = &s->peers;
	if (p->next)
		p->next->at = &p->next;
	s->peers = p;
}

int service_new(struct loop *loop, struct request_world *world, struct service **ret)
{
	CLEANUP(service_freep) struct service *s = calloc(1, sizeof(*s));

	if (!s || spaces_new(&s->spaces) < 0)
		return -ENOMEM;
	s->loop = loop;
	s->world = world;
	*ret = TAKE_PTR(s);
	return 0;
}

struct service *service_free(struct service *s)
{
	if (!s)
		return NULL;
	while (s->peers)
		peer_free(s->peers);
	(void)spaces_free(s->spaces);
	free(s);
	return NULL;
}

/*
 * What the gateway's rooms link against here: a clock, chance, timers, links, and its three peers
 * by name. Everything that leaves the gateway goes through gateway_effect.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/link.h"
#include "base/log.h"
#include "base/loop.h"
#include "gateway/edge.h"
#include "tests/sim/sim.h"

uint64_t sim_now;
bool sim_traces;
jmp_buf gateway_death;
bool gateway_inside;
long gateway_effects_left = -1;

/* --- chance --- */

static uint64_t chance;

void sim_seed(uint32_t seed)
{
	chance = seed * 0x9e3779b97f4a7c15ull + 1;
}

static uint32_t draw(void)
{
	/* splitmix64 */
	uint64_t z = (chance += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (uint32_t)(z >> 32);
}

uint32_t dice(uint32_t sides)
{
	return (uint32_t)(((uint64_t)draw() * sides) >> 32);
}

void random_bytes(void *dest, size_t n)
{
	uint8_t *p = dest;

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)draw();
}

void random_id(char ret[ID_LEN + 1])
{
	static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";

	for (int i = 0; i < ID_LEN; i++)
		ret[i] = letters[dice(32)];
	ret[ID_LEN] = '\0';
}

/* --- words --- */

void trace(const char *fmt, ...)
{
	va_list args;

	if (!sim_traces)
		return;
	printf("%9.3f  ", (double)sim_now / 1e6);
	va_start(args, fmt);
	(void)vprintf(fmt, args);
	va_end(args);
	printf("\n");
}

void broken(const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "at %.3f s: ", (double)sim_now / 1e6);
	va_start(args, fmt);
	(void)vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
	fflush(stderr);
	_exit(1);
}

void log_init(const char *program)
{
	(void)program;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char text[512];
	va_list args;

	if (level == LOG_DEBUG && !sim_traces)
		return;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	trace("          gateway: %s", text);
	/* The gateway has no reason for an error in a world that only kills. */
	if (level == LOG_ERROR)
		broken("the gateway said: %s", text);
}

/* --- time --- */

uint64_t clock_mono_usec(void)
{
	return sim_now;
}

uint64_t clock_wall_usec(void)
{
	return sim_now + 1700000000ull * USEC_PER_SEC;
}

uint64_t clock_cpu_usec(void)
{
	return 0;
}

struct source {
	struct source *next;
	loop_timer_fn fn;
	void *data;
	uint64_t deadline; /* 0: disarmed */
	bool freed;
};

static struct source *timers;

int loop_add_timer(struct loop *l, loop_timer_fn fn, void *data, struct source **ret)
{
	struct source *s = calloc(1, sizeof(*s));

	(void)l;
	if (!s)
		return -ENOMEM;
	*s = (struct source){.next = timers, .fn = fn, .data = data};
	timers = s;
	*ret = s;
	return 0;
}

void timer_arm_after(struct source *s, uint64_t delay_usec)
{
	s->deadline = sim_now + delay_usec;
}

struct source *source_free(struct source *s)
{
	if (s)
		s->freed = true;
	return NULL;
}

void timers_forget(void)
{
	timers = NULL;
}

void timers_fire(void)
{
	for (struct source *s = timers; s; s = s->next) {
		if (s->freed || !s->deadline || s->deadline > sim_now)
			continue;
		s->deadline = 0;
		s->fn(s->data);
	}
	for (struct source **at = &timers; *at;) {
		struct source *s = *at;

		if (!s->freed) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		free(s);
	}
}

/* --- death --- */

static void die(void)
{
	gateway_effects_left = -1;
	gateway_inside = false;
	longjmp(gateway_death, 1);
}

static bool is_last(void)
{
	return gateway_inside && gateway_effects_left >= 0 && gateway_effects_left-- == 0;
}

void gateway_effect(void)
{
	if (is_last())
		die();
}

ssize_t __real_writev(int fd, const struct iovec *parts, int n);
ssize_t __wrap_writev(int fd, const struct iovec *parts, int n);

/* A record of the log. A killed process leaves nothing, all, or (power) a part of it. */
ssize_t __wrap_writev(int fd, const struct iovec *parts, int n)
{
	struct buf whole;
	size_t keep;

	if (!is_last())
		return __real_writev(fd, parts, n);
	buf_init(&whole, 32u << 20);
	for (int i = 0; i < n; i++)
		if (buf_add(&whole, parts[i].iov_base, parts[i].iov_len) < 0)
			broken("out of memory");
	keep = dice(3) == 0 ? 0 : dice(2) == 0 ? whole.len : dice((uint32_t)whole.len + 1);
	if (write(fd, whole.data, keep) != (ssize_t)keep)
		broken("the log cannot be written");
	buf_done(&whole);
	die();
	return 0;
}

/* --- links to workers --- */

#define FD_BASE 100000 /* no real fd: worker i is FD_BASE + i */

struct link {
	struct sim_worker *worker;
	const struct link_ops *ops;
	void *data;
	struct frame_joiner joiner;
};

int link_new(struct loop *loop, int fd, const struct link_ops *ops,
	const struct link_limits *limits, void *data, struct link **ret)
{
	struct link *l = calloc(1, sizeof(*l));

	(void)loop;
	(void)limits;
	if (!l)
		return -ENOMEM;
	l->worker = &workers[fd - FD_BASE];
	l->ops = ops;
	l->data = data;
	frame_joiner_init(&l->joiner);
	l->worker->reader = l;
	l->worker->cork = false;
	buf_clear(&l->worker->corked);
	*ret = l;
	return 0;
}

struct link *link_free(struct link *l)
{
	if (!l)
		return NULL;
	if (l->worker->reader == l)
		l->worker->reader = NULL;
	frame_joiner_done(&l->joiner);
	free(l);
	return NULL;
}

static void flush(struct sim_worker *w)
{
	if (w->corked.len == 0)
		return;
	gateway_effect();
	if (w->alive)
		queue_put(&w->down, w->corked.data, w->corked.len);
	buf_clear(&w->corked);
}

int link_send_files(struct link *l, const struct frame *f, const int *fds, size_t n)
{
	struct sim_worker *w = l->worker;

	(void)fds;
	(void)n;
	if (frame_write(&w->corked, f) < 0)
		broken("out of memory");
	/* A packet may be full at any frame. */
	if (!w->cork || dice(8) == 0)
		flush(w);
	return 0;
}

int link_send(struct link *l, const struct frame *f)
{
	return link_send_files(l, f, NULL, 0);
}

void link_cork(struct link *l)
{
	l->worker->cork = true;
}

void link_uncork(struct link *l)
{
	l->worker->cork = false;
	flush(l->worker);
}

void link_hold(struct link *l)
{
	(void)l;
}

void link_release(struct link *l)
{
	(void)l;
}

size_t link_queued(const struct link *l)
{
	return l->worker->down.bytes;
}

uint64_t link_stalled_usec(const struct link *l, uint64_t now_usec)
{
	(void)l;
	(void)now_usec;
	return 0;
}

int link_unread(const struct link *l)
{
	(void)l;
	return 0;
}

int link_fd(const struct link *l)
{
	(void)l;
	return -1;
}

static void hear(struct link *l, const struct packet *p)
{
	struct sim_worker *w = l->worker;
	struct link_files none = {.n = 0};
	const uint8_t *at = p->bytes;
	size_t left = p->n;

	while (left > 0 && w->reader == l) {
		struct err e = {0};
		struct frame f;
		int used = frame_read(&f, at, left, &e);

		if (used < 0)
			broken("a worker sent half a frame");
		at += used;
		left -= (size_t)used;
		if (frame_join(&l->joiner, &f, 64u << 20, &e) <= 0)
			continue;
		if (l->ops->on_frame(l, &f, &none, &e, l->data) < 0)
			broken("the gateway refused a worker that kept the protocol: %s", e.text);
	}
}

static void hear_end(struct link *l)
{
	struct err why = {0};

	l->ops->on_closed(l, &why, l->data);
}

void worker_deliver(struct sim_worker *w)
{
	struct packet *p = queue_take(&w->up);

	if (p)
		GATEWAY(hear(w->reader, p));
	else if (!w->alive)
		GATEWAY(hear_end(w->reader));
	free(p);
}

/* --- the orchestrator --- */

int edge_identify(struct edge *e, const char *cookie, size_t n, struct identity *ret,
	identify_fn fn, void *data, struct identify **ret_wait)
{
	(void)e;
	(void)cookie;
	(void)n;
	(void)fn;
	(void)data;
	(void)ret_wait;
	*ret = (struct identity){0};
	return 1;
}

struct identify *identify_cancel(struct identify *i)
{
	(void)i;
	return NULL;
}

int edge_balance_of(struct edge *e, uint32_t session, const char *payer)
{
	(void)e;
	(void)session;
	(void)payer;
	return -ENOTCONN;
}

bool edge_is_up(const struct edge *e)
{
	(void)e;
	return false;
}

void edge_worker_up(struct edge *e, const char *space, const char *replica, uint64_t wake_usec)
{
	(void)e;
	(void)space;
	(void)replica;
	(void)wake_usec;
}

void edge_activity(
	struct edge *e, const char *space, const char *phase, size_t sessions, uint64_t visits)
{
	(void)e;
	(void)space;
	(void)phase;
	(void)sessions;
	(void)visits;
}

/* --- queues --- */

void *sim_malloc(size_t n)
{
	void *p = malloc(n);

	if (!p)
		broken("out of memory");
	return p;
}

void queue_put(struct queue *q, const uint8_t *bytes, size_t n)
{
	struct packet *p = sim_malloc(sizeof(*p) + n);

	*p = (struct packet){.n = n};
	memcpy(p->bytes, bytes, n);
	if (q->last)
		q->last->next = p;
	else
		q->first = p;
	q->last = p;
	q->n++;
	q->bytes += n;
}

struct packet *queue_take(struct queue *q)
{
	struct packet *p = q->first;

	if (!p)
		return NULL;
	q->first = p->next;
	if (!q->first)
		q->last = NULL;
	q->n--;
	q->bytes -= p->n;
	return p;
}

void queue_clear(struct queue *q)
{
	struct packet *p;

	while ((p = queue_take(q)))
		free(p);
}

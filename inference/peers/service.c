#include "inference/peers/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/link.h"
#include "base/log.h"
#include "base/tell.h"
#include "inference/metrics.h"
#include "inference/peers/call.h"
#include "proto/messages.h"

#define REPLICA_MAX 32
#define TENANT_MAX 72 /* a Space's id, or PAYER_PREFIX and a payer */
#define PAYER_PREFIX "user/"
#define WORKER_QUEUE_MAX (4u << 20)
#define CALLER_QUEUE_MAX (64u << 20) /* many users' results at once */
#define CONTROL_QUEUE_MAX (1u << 20)
#define RESULT_MAX (1u << 20)
/*
 * Reading a call costs time too, tokenizing above all, and one that is cancelled at once costs
 * nothing else: a worker may have a tenth of it, after a burst.
 */
#define READING_SHARE 0.1
#define READING_BURST_USEC 400000.0
#define TELL_USEC 2000000ull /* between two METRICS */
#define ROUND_USEC 2000      /* of one worker's messages, then others have their turn */

struct call {
	struct call *next;
	struct worker *worker;
	struct tenant *tenant;   /* counted in its calls */
	struct request *request; /* NULL while it is being started */
	struct job job;
	uint32_t seq;
	uint32_t channel, node; /* session and event it serves, for the account */
};

/*
 * Whose calls they are: a Space's, where a blank box is one of its own, or a payer's whom the
 * gateway names. It is there while it has workers or calls.
 */
struct tenant {
	struct tenant *next;
	uint32_t group; /* the engine's name for it */
	unsigned int workers;
	size_t calls;
	char space[TENANT_MAX + 1]; /* or payer */
};

struct worker {
	struct worker *next;
	struct service *service;
	bool caller;           /* the gateway, trusted to name who pays for each call */
	struct tenant *tenant; /* counted in its workers */
	double reading_usec;   /* left to read calls with */
	uint64_t since_usec;   /* when that was true */
	struct source *held;   /* owned; armed while it is not read; NULL: never was */
	struct link *link;     /* owned */
	struct call *calls;    /* owned */
	char replica[REPLICA_MAX + 1];
};

struct control {
	struct control *next;
	struct service *service;
	struct link *link; /* owned */
};

struct service {
	struct loop *loop;         /* borrowed */
	struct engine *engine;     /* borrowed */
	const struct shelf *shelf; /* borrowed */
	struct source *step;       /* owned; armed while there is work */
	struct source *tell;       /* owned */
	struct control *controls;  /* owned */
	struct worker *workers;    /* owned */
	struct tenant *tenants;    /* owned */
	uint32_t last_group;
	size_t n_controls, n_workers;
};

static void on_step(void *data)
{
	struct service *s = data;

	if (engine_step(s->engine))
		timer_arm_after(s->step, 0);
}

static void tell(struct service *s);

static void on_tell(void *data)
{
	struct service *s = data;

	timer_arm_after(s->tell, TELL_USEC);
	tell(s);
}

int service_new(
	struct loop *loop, struct engine *engine, const struct shelf *shelf, struct service **ret)
{
	struct service *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	*s = (struct service){.loop = loop, .engine = engine, .shelf = shelf};
	r = loop_add_timer(loop, on_step, s, &s->step);
	if (r == 0)
		r = loop_add_timer(loop, on_tell, s, &s->tell);
	if (r < 0) {
		(void)source_free(s->step);
		free(s);
		return r;
	}
	timer_arm_after(s->tell, TELL_USEC);
	*ret = s;
	return 0;
}

/* --- tenants --- */

static void tenant_settle(struct service *s, struct tenant *t)
{
	struct tenant **at = &s->tenants;

	if (t->workers > 0 || t->calls > 0)
		return;
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	free(t);
}

static void tenant_leave(struct service *s, struct tenant *t)
{
	if (!t)
		return;
	t->workers--;
	tenant_settle(s, t);
}

static struct tenant *tenant_find(const struct service *s, const char *space)
{
	struct tenant *t = s->tenants;

	while (t && strcmp(t->space, space) != 0)
		t = t->next;
	return t;
}

/* space: "" for one that nobody else is. Nothing is counted yet. NULL: out of memory. */
static struct tenant *tenant_of(struct service *s, const char *space)
{
	struct tenant *t = space[0] ? tenant_find(s, space) : NULL;

	if (!t) {
		t = calloc(1, sizeof(*t));
		if (!t)
			return NULL;
		t->next = s->tenants;
		t->group = ++s->last_group;
		(void)snprintf(t->space, sizeof(t->space), "%s", space);
		s->tenants = t;
	}
	return t;
}

static struct tenant *tenant_join(struct service *s, const char *space)
{
	struct tenant *t = tenant_of(s, space);

	if (t)
		t->workers++;
	return t;
}

static struct worker *worker_free(struct worker *w)
{
	struct worker **at = &w->service->workers;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	w->service->n_workers--;
	while (w->calls) {
		struct call *c = w->calls;

		w->calls = c->next;
		c->tenant->calls--;
		tenant_settle(w->service, c->tenant);
		if (c->request)
			request_cancel(c->request);
		free(c);
	}
	tenant_leave(w->service, w->tenant);
	(void)source_free(w->held);
	(void)link_free(w->link);
	free(w);
	return NULL;
}

static struct control *control_free(struct control *c)
{
	struct control **at = &c->service->controls;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->service->n_controls--;
	(void)link_free(c->link);
	free(c);
	return NULL;
}

struct service *service_free(struct service *s)
{
	if (!s)
		return NULL;
	while (s->workers)
		(void)worker_free(s->workers);
	while (s->controls)
		(void)control_free(s->controls);
	(void)source_free(s->step);
	(void)source_free(s->tell);
	free(s);
	return NULL;
}

/* --- calls --- */

static void call_forget(struct call *c)
{
	struct call **at = &c->worker->calls;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->tenant->calls--;
	tenant_settle(c->worker->service, c->tenant);
	free(c);
}

static struct call *find_call(const struct worker *w, uint32_t seq)
{
	struct call *c = w->calls;

	while (c && c->seq != seq)
		c = c->next;
	return c;
}

static int send_error(struct worker *w, uint32_t seq, const char *code, const char *words)
{
	CLEANUP(buf_done) struct buf value;
	struct infer_error m = {.code = code, .message = words};
	struct frame f = {.type = INFER_ERROR, .seq = seq};
	int r;

	buf_init(&value, proto_infer_error.value_max);
	r = infer_error_write(&m, &value);
	if (r == -EINVAL) { /* words cut in the middle of a character */
		m.message = "refused";
		r = infer_error_write(&m, &value);
	}
	if (r < 0)
		return r;
	f.value = value.data;
	f.length = value.len;
	return link_send(w->link, &f);
}

static int send_result(struct worker *w, const struct call *c, const struct outcome *o)
{
	CLEANUP(buf_done) struct buf text;
	CLEANUP(json_decrefp) json_t *value = c->job.task->value(&c->job, o);
	struct infer_result m = {.value = value,
		.device_usec = (int64_t)o->usage.device_usec,
		.queue_usec = (int64_t)o->usage.queue_usec,
		.tokens_in = o->usage.tokens_in,
		.tokens_out = o->usage.tokens_out};
	struct frame f = {.type = INFER_RESULT, .seq = c->seq};
	int r;

	buf_init(&text, RESULT_MAX);
	r = value ? infer_result_write(&m, &text) : -ENOMEM;
	if (r < 0)
		return send_error(w, c->seq, "failed", "the result is over its limit of 1 MiB");
	f.value = text.data;
	f.length = text.len;
	return link_send(w->link, &f);
}

/* Ends a worker that does not take what it asked for; only from a step, never from its link. */
static void drop_slow(struct worker *w)
{
	log_warn("replica=%s space=%s its link is full; closed", w->replica, w->tenant->space);
	(void)worker_free(w);
}

static void on_text(const char *text, size_t n, void *data)
{
	struct call *c = data;
	struct worker *w = c->worker;
	size_t max = (size_t)proto_value_max(PROTO_INFER, PROTO_DOWN, INFER_TOKEN);

	while (n > 0) {
		size_t part = n > max ? max : n;
		struct frame f = {
			.type = INFER_TOKEN, .seq = c->seq, .value = (const uint8_t *)text};
		int r;

		while (part < n && ((uint8_t)text[part] & 0xc0) == 0x80)
			part--; /* not in the middle of a character */
		f.length = part;
		r = link_send(w->link, &f);
		if (r == -ENOBUFS) {
			drop_slow(w);
			return;
		}
		if (r < 0)
			return; /* the link is closing; on_closed cancels the call */
		text += part;
		n -= part;
	}
}

static void count_end(const struct outcome *o)
{
	inference_count(o->r < 0 ? INFERENCE_FAILED : INFERENCE_DONE, 1);
	inference_count(INFERENCE_TOKENS_IN, o->usage.tokens_in);
	inference_count(INFERENCE_TOKENS_OUT, o->usage.tokens_out);
	inference_observe(INFERENCE_QUEUE, o->usage.queue_usec);
	inference_observe(INFERENCE_DEVICE, o->usage.device_usec);
}

static void on_end(const struct outcome *o, void *data)
{
	struct call *c = data;
	struct worker *w = c->worker;
	int r;

	c->request = NULL;
	count_end(o);
	r = o->r < 0 ? send_error(w, c->seq, call_code(o->r), o->error.text) : send_result(w, c, o);
	log_debug("space=%s session=%u event=%u model=%s device_usec=%llu queue_usec=%llu in=%u "
		  "out=%u a call ended",
		c->tenant->space, c->channel, c->node, c->job.model->id,
		(unsigned long long)o->usage.device_usec, (unsigned long long)o->usage.queue_usec,
		o->usage.tokens_in, o->usage.tokens_out);
	call_forget(c);
	if (r == -ENOBUFS)
		drop_slow(w);
}

static const struct request_ops call_ops = {on_text, on_end};

static const char busy_words[] = "32 calls are under way already, the limit of one Space or user";

/* Whose call it is. -EINVAL, -ENOMEM, -EBUSY: a payer has too many. */
static int find_tenant(
	struct worker *w, const struct infer_call *m, struct tenant **ret, struct err *e)
{
	char name[TENANT_MAX + 1];

	*ret = w->tenant;
	if (!w->caller)
		return m->payer ? err_set(e, -EINVAL, "payer: only the gateway names one") : 0;
	if (!m->payer || !m->payer[0])
		return err_set(e, -EINVAL, "payer: missing");
	(void)snprintf(name, sizeof(name), PAYER_PREFIX "%s", m->payer);
	*ret = tenant_of(w->service, name);
	if (!*ret)
		return err_set(e, -ENOMEM, "out of memory");
	return (*ret)->calls >= SERVICE_CALLS_MAX ? err_set(e, -EBUSY, "%s", busy_words) : 0;
}

/* Adds the call to the tenant and the engine; on failure nothing is left of it. */
static int begin_call(struct worker *w, const struct frame *f, const struct infer_call *m,
	struct tenant *t, const char **ret_code, struct err *e)
{
	struct call *c = calloc(1, sizeof(*c));
	int r;

	*ret_code = "failed";
	if (!c)
		return err_set(e, -ENOMEM, "out of memory");
	*c = (struct call){.next = w->calls,
		.worker = w,
		.tenant = t,
		.seq = f->seq,
		.channel = f->channel,
		.node = f->node};
	r = call_start(m, w->service->engine, w->service->shelf, &call_ops, c, &c->job, &c->request,
		ret_code, e);
	if (r < 0) {
		free(c);
		return r;
	}
	request_set_group(c->request, t->group);
	w->calls = c;
	t->calls++;
	timer_arm_after(w->service->step, 0);
	return 0;
}

static int start_call(struct worker *w, const struct frame *f)
{
	struct tenant *t = NULL;
	struct err e = {0};
	struct infer_call m;
	const char *code;
	int r;

	if (!w->caller && w->tenant->calls >= SERVICE_CALLS_MAX) { /* not even read */
		inference_count(INFERENCE_REFUSED, 1);
		return send_error(w, f->seq, "busy", busy_words);
	}
	r = infer_call_read(&m, f->value, f->length, &e);
	if (r < 0)
		return send_error(w, f->seq, "bad_input", e.text);
	r = find_tenant(w, &m, &t, &e);
	code = call_code(r);
	if (r == 0)
		r = begin_call(w, f, &m, t, &code, &e);
	infer_call_done(&m);
	if (t)
		tenant_settle(w->service, t);
	if (r == 0)
		return 0;
	inference_count(INFERENCE_REFUSED, 1);
	return send_error(w, f->seq, code, e.text);
}

static void on_held_enough(void *data)
{
	struct worker *w = data;

	link_release(w->link);
}

static void charge_reading(struct worker *w, uint64_t began_usec)
{
	uint64_t now = clock_mono_usec();

	w->reading_usec += (double)(now - w->since_usec) * READING_SHARE;
	if (w->reading_usec > READING_BURST_USEC)
		w->reading_usec = READING_BURST_USEC;
	w->since_usec = now;
	w->reading_usec -= (double)(now - began_usec);
	/* The gateway's link is everybody's: there each user's calls have limits of their own. */
	if (w->reading_usec > 0 || w->caller)
		return;
	if (!w->held && loop_add_timer(w->service->loop, on_held_enough, w, &w->held) < 0)
		return;
	link_hold(w->link);
	timer_arm_after(w->held, (uint64_t)(-w->reading_usec / READING_SHARE) + 1);
}

static int on_call(struct worker *w, const struct frame *f, struct err *e)
{
	uint64_t began = clock_mono_usec();
	int r;

	if (find_call(w, f->seq))
		return err_set(e, -EPROTO, "call id %u is in use", f->seq);
	r = start_call(w, f);
	if (r == 0)
		charge_reading(w, began);
	return r;
}

static int on_stop(struct worker *w, const struct frame *f, struct err *e)
{
	struct call *c = find_call(w, f->seq);

	(void)e;
	if (!c)
		return 0; /* it had ended */
	request_cancel(c->request);
	call_forget(c);
	return send_error(w, f->seq, "cancelled", "stopped by the caller");
}

/* --- worker links --- */

static const struct worker_handler {
	uint8_t type;
	int (*handle)(struct worker *w, const struct frame *f, struct err *e);
} worker_handlers[] = {
	{INFER_CALL, on_call},
	{INFER_STOP, on_stop},
};

static int on_worker_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	(void)l;
	(void)files;
	for (size_t i = 0; i < sizeof(worker_handlers) / sizeof(worker_handlers[0]); i++)
		if (worker_handlers[i].type == f->type)
			return worker_handlers[i].handle(data, f, e);
	return err_set(e, -EPROTO, "%s is not for inference", proto_name(PROTO_INFER, f->type));
}

static void on_worker_closed(struct link *l, const struct err *reason, void *data)
{
	struct worker *w = data;

	(void)l;
	if (reason->code)
		log_warn("replica=%s space=%s infer link ended: %s", w->replica, w->tenant->space,
			reason->text);
	(void)worker_free(w);
}

static long worker_value_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_INFER, PROTO_UP, type);
}

static const struct link_ops worker_ops = {
	.on_frame = on_worker_frame,
	.on_closed = on_worker_closed,
	.value_max = worker_value_max,
};

static struct worker *find_worker(const struct service *s, const char *replica)
{
	struct worker *w = s->workers;

	while (w && strcmp(w->replica, replica) != 0)
		w = w->next;
	return w;
}

static int add_worker(
	struct service *s, const char *replica, const char *space, bool caller, int fd)
{
	const struct link_limits limits = {
		.queue_max = caller ? CALLER_QUEUE_MAX : WORKER_QUEUE_MAX,
		.round_usec = ROUND_USEC};
	struct worker *w = calloc(1, sizeof(*w));
	int r;

	if (w)
		w->tenant = tenant_join(s, space);
	if (!w || !w->tenant) {
		free(w);
		close(fd);
		return -ENOMEM;
	}
	w->service = s;
	w->caller = caller;
	w->reading_usec = READING_BURST_USEC;
	w->since_usec = clock_mono_usec();
	(void)snprintf(w->replica, sizeof(w->replica), "%s", replica);
	r = link_new(s->loop, fd, &worker_ops, &limits, w, &w->link);
	if (r < 0) {
		tenant_leave(s, w->tenant);
		free(w);
		return r;
	}
	w->next = s->workers;
	s->workers = w;
	s->n_workers++;
	return 0;
}

/* --- control links --- */

/* A worker that cannot be served is refused by closing its link: its calls fail with words. */
static int on_attach(
	struct control *c, const struct frame *f, struct link_files *files, struct err *e)
{
	struct models_attach m;
	struct worker *old;
	int fd = link_files_take(files, 0), r;

	if (fd < 0)
		return err_set(e, -EPROTO, "ATTACH without its file");
	r = models_attach_read(&m, f->value, f->length, e);
	if (r < 0) {
		close(fd);
		return r;
	}
	old = find_worker(c->service, m.replica);
	if (old)
		(void)worker_free(old);
	if (c->service->n_workers == SERVICE_WORKERS_MAX) {
		log_warn("replica=%s not attached: %d workers, the limit", m.replica,
			SERVICE_WORKERS_MAX);
		close(fd);
	} else {
		r = add_worker(c->service, m.replica, m.space, false, fd);
		if (r < 0)
			log_warn("replica=%s not attached: %s", m.replica, strerror(-r));
	}
	models_attach_done(&m);
	return 0;
}

/* There may be two for a moment, when a gateway has just taken over from another one. */
static int on_caller(
	struct control *c, const struct frame *f, struct link_files *files, struct err *e)
{
	int fd = link_files_take(files, 0), r;

	(void)f;
	if (fd < 0)
		return err_set(e, -EPROTO, "CALLER without its file");
	r = add_worker(c->service, "gateway", "", true, fd);
	if (r < 0)
		log_warn("the gateway was not attached: %s", strerror(-r));
	return 0;
}

/* Calls of a blank box there are none; if there were, they would go with it. */
static void move_to_tenant(struct worker *w, const char *space)
{
	struct tenant *to = tenant_join(w->service, space);

	if (!to) {
		log_error("replica=%s cannot be assigned: out of memory", w->replica);
		return;
	}
	for (struct call *c = w->calls; c; c = c->next) {
		c->tenant->calls--;
		c->tenant = to;
		to->calls++;
		request_set_group(c->request, to->group);
	}
	tenant_leave(w->service, w->tenant);
	w->tenant = to;
}

static int on_assign(
	struct control *c, const struct frame *f, struct link_files *files, struct err *e)
{
	struct models_assign m;
	struct worker *w;
	int r = models_assign_read(&m, f->value, f->length, e);

	(void)files;
	if (r < 0)
		return r;
	w = find_worker(c->service, m.replica);
	if (w) /* it may have died meanwhile */
		move_to_tenant(w, m.space);
	models_assign_done(&m);
	return 0;
}

static const struct control_handler {
	uint8_t type;
	int (*handle)(
		struct control *c, const struct frame *f, struct link_files *files, struct err *e);
} control_handlers[] = {
	{MODELS_ATTACH, on_attach},
	{MODELS_ASSIGN, on_assign},
	{MODELS_CALLER, on_caller},
};

static int on_control_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	(void)l;
	for (size_t i = 0; i < sizeof(control_handlers) / sizeof(control_handlers[0]); i++)
		if (control_handlers[i].type == f->type)
			return control_handlers[i].handle(data, f, files, e);
	return err_set(e, -EPROTO, "%s is not for inference", proto_name(PROTO_MODELS, f->type));
}

static void on_control_closed(struct link *l, const struct err *reason, void *data)
{
	(void)l;
	if (reason->code)
		log_warn("control link ended: %s", reason->text);
	(void)control_free(data);
}

static long control_value_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_MODELS, PROTO_UP, type);
}

static const struct link_ops control_ops = {
	.on_frame = on_control_frame,
	.on_closed = on_control_closed,
	.value_max = control_value_max,
};

static int send_list(struct control *c)
{
	CLEANUP(json_decrefp) json_t *models = shelf_list(c->service->shelf);
	CLEANUP(buf_done) struct buf value;
	struct models_list m = {.models = models, .files_refused = (int64_t)links_files_refused()};
	struct frame f = {.type = MODELS_LIST};
	int r;

	buf_init(&value, proto_models_list.value_max);
	r = models ? models_list_write(&m, &value) : -ENOMEM;
	if (r < 0)
		return r;
	f.value = value.data;
	f.length = value.len;
	return link_send(c->link, &f);
}

void service_add_control(struct service *s, int fd)
{
	static const struct link_limits limits = {.queue_max = CONTROL_QUEUE_MAX, .files = true};
	struct control *c;
	int r;

	if (s->n_controls == SERVICE_CONTROLS_MAX) {
		log_warn(
			"a control link was refused: %d are open, the limit", SERVICE_CONTROLS_MAX);
		close(fd);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return;
	}
	c->service = s;
	r = link_new(s->loop, fd, &control_ops, &limits, c, &c->link);
	if (r < 0) {
		log_error("control link: %s", strerror(-r));
		free(c);
		return;
	}
	c->next = s->controls;
	s->controls = c;
	s->n_controls++;
	r = send_list(c);
	if (r < 0)
		log_error("the list of models was not sent: %s", strerror(-r));
}

static void fill_gauges(const struct service *s)
{
	size_t n = shelf_count(s->shelf), broken = 0;

	for (size_t i = 0; i < n; i++)
		broken += shelf_at(s->shelf, i)->net == NULL;
	inference_gauge(INFERENCE_MODELS, n - broken);
	inference_gauge(INFERENCE_MODELS_BROKEN, broken);
	inference_gauge(INFERENCE_WORKERS, s->n_workers);
	inference_gauge(INFERENCE_REQUESTS, engine_requests(s->engine));
	inference_gauge(INFERENCE_BUSY, engine_busy_usec(s->engine));
	inference_gauge(INFERENCE_FILES_REFUSED, links_files_refused());
}

static void tell(struct service *s)
{
	CLEANUP(buf_done) struct buf text;
	struct frame f = {.type = MODELS_METRICS};

	buf_init(&text, (size_t)proto_value_max(PROTO_MODELS, PROTO_DOWN, MODELS_METRICS));
	fill_gauges(s);
	if (tell_write(inference_metrics, INFERENCE_METRICS_N, "vitrine_inference_", &text) < 0)
		return;
	f.value = text.data;
	f.length = text.len;
	for (struct control *c = s->controls; c; c = c->next)
		(void)link_send(c->link, &f); /* the next ones say more */
}

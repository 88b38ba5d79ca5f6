#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "inference/metrics.h"
#include "inference/peers/inside.h"
#include "inference/peers/waits.h"
#include "proto/messages.h"

#define RESULT_MAX (1u << 20)
/*
 * Reading a call costs time too, tokenizing above all, and one that is cancelled at once costs
 * nothing else: a worker may have a tenth of it, after a burst.
 */
#define READING_SHARE 0.1

static void drop_held(struct call *c)
{
	c->worker->service->held_bytes -= c->held_n;
	c->tenant->held_bytes -= c->held_n;
	free(c->held);
	c->held = NULL;
	c->held_n = 0;
}

/* Its tenant stays, even without calls. */
static void call_free(struct call *c)
{
	call_wait_over(c);
	c->tenant->calls--;
	call_leave_event(c);
	charge_end(&c->again, &(struct usage){0}, "again");
	job_done(&c->job);
	drop_held(c);
	free(c);
}

static void call_forget(struct call *c)
{
	struct account *account = c->charge.account;
	struct service *s = c->worker->service;
	struct call **at = &c->worker->calls;
	struct tenant *t = c->tenant;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (account && account_calls_next(account))
		service_look_after(s, 0);
	call_free(c);
	tenant_settle(s, t);
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

static int send_value(struct worker *w, uint32_t seq, json_t *value, const struct usage *usage)
{
	CLEANUP(buf_done) struct buf text;
	struct infer_result m = {.value = value,
		.device_usec = (int64_t)usage->device_usec,
		.queue_usec = (int64_t)usage->queue_usec,
		.tokens_in = usage->tokens_in,
		.tokens_out = usage->tokens_out};
	struct frame f = {.type = INFER_RESULT, .seq = seq};
	int r;

	buf_init(&text, RESULT_MAX);
	r = value ? infer_result_write(&m, &text) : -ENOMEM;
	if (r < 0)
		return send_error(w, seq, "failed", "the result is over its limit of 1 MiB");
	f.value = text.data;
	f.length = text.len;
	return link_send(w->link, &f);
}

static int send_result(struct worker *w, const struct call *c, const struct outcome *o)
{
	CLEANUP(json_decrefp) json_t *value = c->job.task->value(&c->job, o);

	return send_value(w, c->seq, value, &o->usage);
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

static const char *outcome_of(const struct outcome *o)
{
	if (o->r == -EDQUOT || (o->finish_reason && !strcmp(o->finish_reason, "quota")))
		return "quota";
	return o->r < 0 ? "failed" : "done";
}

static void on_end(const struct outcome *o, void *data)
{
	struct call *c = data;
	struct worker *w = c->worker;
	struct err e = o->error;
	int r;

	c->request = NULL;
	count_end(o);
	if (o->r == -EDQUOT)
		call_say_quota(c, &e);
	charge_end(&c->charge, &o->usage, outcome_of(o)); /* before anybody hears of it */
	r = o->r < 0 ? send_error(w, c->seq, call_code(o->r), e.text) : send_result(w, c, o);
	log_debug("space=%s session=%u event=%u model=%s device_usec=%llu queue_usec=%llu in=%u "
		  "out=%u a call ended",
		c->tenant->space, c->channel, c->node, c->job.model->id,
		(unsigned long long)o->usage.device_usec, (unsigned long long)o->usage.queue_usec,
		o->usage.tokens_in, o->usage.tokens_out);
	call_forget(c);
	if (r == -ENOBUFS)
		drop_slow(w);
}

static const struct request_ops call_ops = {on_text, on_end, call_spend, call_spend_again};

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

/* What its tier lets all texts of the account keep on the device. -EMSGSIZE: it can never fit. */
static int limit_memory(
	struct call *c, const struct account *account, const char **ret_code, struct err *e)
{
	int r = request_limit_memory(c->request, account->memory_bytes, e);

	if (r == 0)
		return 0;
	request_cancel(c->request);
	c->request = NULL;
	*ret_code = call_code(r);
	return r;
}

/* What is said of the Space whose call it is; NULL: nothing. */
static const struct space_place *find_place(const struct call *c)
{
	return c->worker->caller ? NULL : places_find(c->worker->service->places, c->tenant->space);
}

/* Its model is on the device that the Space's flavour says, or comes there (-EAGAIN). -ENODEV: that
 * is not there, or not in service, or too small. */
static int check_device(const struct call *c, const struct infer_call *m, struct err *e)
{
	const struct space_place *place = find_place(c);
	struct shelf *shelf = c->worker->service->shelf;
	struct model *model = shelf_find(shelf, m->model);
	struct bay *bay;

	if (!place || !place->device[0] || !model)
		return 0;
	bay = rack_find(shelf_rack(shelf), place->device);
	if (bay && bay->state == BAY_SERVING)
		return shelf_use_on(shelf, model, bay, e);
	return err_set(e, -ENODEV,
		"this Space's hardware runs models on the device %s, which is %s", place->device,
		bay ? bay_state_name(bay->state) : "not here");
}

static const char *pool_of(const struct call *c, const struct account *a)
{
	const struct space_place *place = find_place(c);

	return place && place->pool[0] ? place->pool : a ? a->pool : "";
}

/* -EAGAIN: its model is being loaded, or its payer has no lease yet. */
static int begin_request(struct call *c, const struct infer_call *m, const struct raw *raw,
	const char **ret_code, struct err *e)
{
	struct service *s = c->worker->service;
	struct account *account = NULL;
	int r;

	if (!strcmp(m->task, CALL_DESCRIBE))
		return -EAGAIN; /* or it would have been answered */
	/* Whoever may not call moves no model either. */
	r = call_find_account(c, m, &account, e);
	if (r == 0)
		r = check_device(c, m, e);
	*ret_code = call_code(r);
	if (r == 0)
		r = call_start(m, raw, s->engine, s->shelf, &call_ops, c, &c->job, &c->request,
			ret_code, e);
	if (r == 0 && account)
		r = limit_memory(c, account, ret_code, e);
	if (r < 0)
		return r;
	call_begin_charge(c, account);
	request_set_group(c->request, c->tenant->group);
	/* An owner is one payer, whichever of their Spaces asks. */
	request_set_payer(c->request, pool_of(c, account),
		account && account_name(account)[0] ? account_name(account) : c->payer,
		account ? account->weight : 1);
	service_step(s);
	return 0;
}

/* How far its model is, where that is more than it was told. What sending returned. */
static int tell_loading(struct call *c, const char *id)
{
	struct worker *w = c->worker;
	const struct model *model = shelf_find(w->service->shelf, id);
	unsigned percent = model ? (unsigned)(100 * shelf_progress(w->service->shelf, model)) : 0;
	struct infer_loading m = {.percent = percent};
	struct frame f = {.type = INFER_LOADING, .seq = c->seq};
	CLEANUP(buf_done) struct buf value;
	int r;

	buf_init(&value, proto_infer_loading.value_max);
	if (w->caller || c->unpaid || c->crowded || percent < c->told_percent)
		return 0;
	r = infer_loading_write(&m, &value);
	if (r < 0)
		return r;
	c->told_percent = percent + 1;
	f.value = value.data;
	f.length = value.len;
	return link_send(w->link, &f);
}

/* Keeps the message until its model is there, since callers would only ask again and again. */
static int hold(struct call *c, const struct frame *f, const char **ret_code, struct err *e)
{
	struct service *s = c->worker->service;

	*ret_code = "busy";
	if (f->length > SERVICE_HELD_MAX - s->held_bytes)
		return err_set(e, -EBUSY, "%u MiB of calls wait for models already, the limit",
			SERVICE_HELD_MAX >> 20);
	if (f->length > SERVICE_HELD_SHARE - c->tenant->held_bytes)
		return err_set(e, -EBUSY,
			"%u MiB of calls wait already, the limit of one Space or user",
			SERVICE_HELD_SHARE >> 20);
	c->held = malloc(f->length + 1);
	if (!c->held)
		return err_set(e, -ENOMEM, "out of memory");
	memcpy(c->held, f->value, f->length);
	c->held_n = f->length;
	c->held_until_usec = clock_mono_usec() +
			     (c->unpaid ? ACCOUNT_WAIT_SEC : SERVICE_HOLD_SEC) * USEC_PER_SEC;
	s->held_bytes += c->held_n;
	c->tenant->held_bytes += c->held_n;
	service_look_after(s, MODELS_USEC);
	return 0;
}

/* Adds the call to the tenant and the engine; on failure nothing is left of it. */
static int begin_call(struct worker *w, const struct frame *f, const struct infer_call *m,
	const struct raw *raw, struct tenant *t, const char **ret_code, struct err *e)
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
		.node = f->node,
		.since_usec = clock_mono_usec()};
	waits_begin(w->service);
	t->calls++;
	r = begin_request(c, m, raw, ret_code, e);
	if (r == -EAGAIN)
		r = hold(c, f, ret_code, e);
	if (r == 0 && c->held)
		(void)tell_loading(c, m->model); /* a link that is full is told of the end */
	if (r < 0) {
		call_free(c);
		return r;
	}
	w->calls = c;
	return 0;
}

static int describe(struct worker *w, uint32_t seq, const struct infer_call *m,
	const char **ret_code, struct err *e)
{
	CLEANUP(json_decrefp) json_t *value = NULL;
	int r = call_describe(m, w->service->shelf, &value, ret_code, e);

	return r < 0 ? r : send_value(w, seq, value, &(struct usage){0});
}

/* Why its model has not come. */
static void say_late(const struct call *c, const char *id, struct err *e)
{
	const struct space_place *place = find_place(c);
	const struct shelf *shelf = c->worker->service->shelf;
	const struct model *model = shelf_find(shelf, id);
	const struct bay *on = model ? shelf_bay(shelf, model) : NULL;

	if (place && place->device[0] && on && strcmp(on->name, place->device) != 0)
		(void)err_set(e, -EBUSY,
			"model: others use it on the device %s; it did not come to %s, where this "
			"Space's models run, within %llu s, the limit",
			on->name, place->device, SERVICE_HOLD_SEC);
	else
		(void)err_set(e, -EBUSY, "model: it is still being loaded after %llu s, the limit",
			SERVICE_HOLD_SEC);
}

/* Begins with a held call if its model is there, ends it if that cannot be. Returns what sending
 * returned. */
static int resume(struct call *c)
{
	struct worker *w = c->worker;
	uint32_t seq = c->seq;
	struct err e = {0};
	struct infer_call m;
	struct raw raw;
	const char *code = "failed";
	bool describes = false, unpaid = c->unpaid;
	int told = 0, r;

	if (call_is_crowded(c))
		return 0;
	r = infer_call_read(&m, c->held, call_split(c->held, c->held_n, &raw), &e);
	if (r == 0) {
		describes = !strcmp(m.task, CALL_DESCRIBE);
		r = describes ? describe(w, seq, &m, &code, &e)
			      : begin_request(c, &m, &raw, &code, &e);
		told = r == -EAGAIN ? tell_loading(c, m.model) : 0;
		if (r == -EAGAIN && !c->unpaid && !c->crowded)
			say_late(c, m.model, &e);
		infer_call_done(&m);
	}
	if (r == 0 && describes) {
		call_forget(c);
		return 0;
	}
	if (r == -EAGAIN && unpaid && !c->unpaid)
		c->held_until_usec = clock_mono_usec() + SERVICE_HOLD_SEC * USEC_PER_SEC;
	if (r == -EAGAIN && clock_mono_usec() < c->held_until_usec)
		return told;
	if (r == 0) {
		drop_held(c);
		return 0;
	}
	if (r == -EAGAIN)
		code = "busy";
	call_forget(c);
	inference_count(INFERENCE_REFUSED, 1);
	return send_error(w, seq, code, e.text);
}

void worker_resume_calls(struct worker *w)
{
	struct call *next;

	for (struct call *c = w->calls; c; c = next) {
		next = c->next;
		if (c->held && resume(c) == -ENOBUFS) {
			drop_slow(w);
			return;
		}
	}
}

static int start_call(struct worker *w, const struct frame *f)
{
	struct tenant *t = NULL;
	struct err e = {0};
	struct infer_call m;
	struct raw raw;
	const char *code;
	int r;

	if (!w->caller && w->tenant->calls >= SERVICE_CALLS_MAX) { /* not even read */
		inference_count(INFERENCE_REFUSED, 1);
		return send_error(w, f->seq, "busy", busy_words);
	}
	r = infer_call_read(&m, f->value, call_split(f->value, f->length, &raw), &e);
	if (r < 0)
		return send_error(w, f->seq, "bad_input", e.text);
	r = find_tenant(w, &m, &t, &e);
	code = call_code(r);
	if (r == 0 && !strcmp(m.task, CALL_DESCRIBE))
		r = describe(w, f->seq, &m, &code, &e);
	else if (r == 0)
		r = begin_call(w, f, &m, &raw, t, &code, &e);
	if (r == -EAGAIN) /* not even known yet */
		r = begin_call(w, f, &m, &raw, t, &code, &e);
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

int worker_on_call(struct worker *w, const struct frame *f, struct err *e)
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

/* What it has had so far is charged. */
static void stop_request(struct call *c)
{
	struct usage usage;

	if (!c->request)
		return;
	request_usage(c->request, &usage);
	charge_end(&c->charge, &usage, "cancelled");
	request_cancel(c->request);
	c->request = NULL;
}

static int cancel(struct call *c, const char *words)
{
	struct worker *w = c->worker;
	uint32_t seq = c->seq;

	stop_request(c);
	call_forget(c);
	return send_error(w, seq, "cancelled", words);
}

int worker_on_stop(struct worker *w, const struct frame *f, struct err *e)
{
	struct call *c = find_call(w, f->seq);

	(void)e;
	if (!c)
		return 0; /* it had ended */
	return cancel(c, "stopped by the caller");
}

uint64_t worker_end_event(struct worker *w, uint32_t session, uint32_t n)
{
	struct event *event = events_get(&w->events, session, n, clock_mono_usec());
	struct call *next;
	uint64_t spent;

	if (!event)
		return 0; /* its deadline ends it */
	spent = event->revoked ? 0 : event->spent_nsec;
	event->revoked = true;
	for (struct call *c = w->calls; c && event->calls > 0; c = next) {
		next = c->next;
		if (c->event != event)
			continue;
		if (cancel(c, "the event that it belongs to has ended") == -ENOBUFS) {
			drop_slow(w);
			break;
		}
	}
	return spent;
}

void worker_drop_calls(struct worker *w)
{
	while (w->calls) {
		stop_request(w->calls);
		call_forget(w->calls);
	}
}

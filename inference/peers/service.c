#include "inference/peers/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/tell.h"
#include "inference/metrics.h"
#include "inference/peers/devices.h"
#include "inference/peers/inside.h"
#include "inference/peers/top.h"
#include "inference/peers/waits.h"
#include "proto/messages.h"

#define TELL_USEC 2000000ull /* between two METRICS */

static void on_step(void *data)
{
	struct service *s = data;
	uint64_t before = engine_busy_usec(s->engine), busy;

	/* What is begun in the step is among the requests that it tells of. */
	s->step_due = engine_step(s->engine);
	busy = engine_busy_usec(s->engine);
	if (busy > before)
		inference_observe(INFERENCE_STEP, busy - before);
	if (s->step_due)
		timer_arm_after(s->step, engine_pause_usec(s->engine));
	devices_check(s);
}

/* Arming replaces a deadline, and fds come before timers: were it armed with every call, a stream
 * of calls would put the step off for ever. The same below. */
void service_step(struct service *s)
{
	if (!s->step_due)
		timer_arm_after(s->step, 0);
	s->step_due = true;
}

void service_look_after(struct service *s, uint64_t usec)
{
	uint64_t at = clock_mono_usec() + usec;

	if (s->models_usec && s->models_usec <= at)
		return;
	s->models_usec = at;
	timer_arm(s->models, at);
}

static void tell(struct service *s);

static void on_tell(void *data)
{
	struct service *s = data;

	timer_arm_after(s->tell, TELL_USEC);
	tell(s);
	top_tell(s);
}

static void on_models(void *data)
{
	struct service *s = data;
	bool loading = shelf_is_loading(s->shelf);
	struct worker *next;

	s->models_usec = 0;
	devices_check(s); /* loading finds faults too */
	if (s->models_changed || loading)
		for (struct control *c = s->controls; c; c = c->next)
			control_send_list(c);
	s->models_changed = false;
	for (struct worker *w = s->workers; w && s->held_bytes > 0; w = next) {
		next = w->next;
		worker_resume_calls(w);
	}
	if (loading || s->held_bytes > 0)
		service_look_after(s, MODELS_USEC);
}

void service_models_changed(struct service *s)
{
	s->models_changed = true;
	service_look_after(s, 0);
	service_step(s); /* requests may have waited for one that is there again */
}

void service_set_ledger(struct service *s, struct ledger *ledger)
{
	s->ledger = ledger;
}

void service_set_gpus(struct service *s, const struct gpus *gpus)
{
	s->gpus = gpus;
}

void service_lease_came(struct service *s)
{
	if (s->held_bytes > 0)
		service_look_after(s, 0);
}

void service_strand_model(struct service *s, const struct model *m, const struct err *why)
{
	struct err words = {0};

	(void)err_set(&words, why->code, "model '%s': its device went out of service, and %s",
		m->id, why->text);
	engine_strand(s->engine, m, &words);
	service_step(s);
}

bool service_release_model(struct service *s, struct model *m)
{
	if (engine_requests_of(s->engine, m) > 0)
		return false;
	engine_forget(s->engine, m);
	return true;
}

int service_new(struct loop *loop, struct engine *engine, struct shelf *shelf, struct service **ret)
{
	struct service *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	*s = (struct service){.loop = loop, .engine = engine, .shelf = shelf};
	r = places_new(&s->places);
	if (r == 0)
		r = loop_add_timer(loop, on_step, s, &s->step);
	if (r == 0)
		r = loop_add_timer(loop, on_tell, s, &s->tell);
	if (r == 0)
		r = loop_add_timer(loop, on_models, s, &s->models);
	if (r == 0)
		r = loop_add_timer(loop, waits_look, s, &s->waits_timer);
	if (r < 0) {
		(void)source_free(s->models);
		(void)source_free(s->tell);
		(void)source_free(s->step);
		(void)places_free(s->places);
		free(s);
		return r;
	}
	timer_arm_after(s->tell, TELL_USEC);
	*ret = s;
	return 0;
}

/* --- tenants --- */

void tenant_settle(struct service *s, struct tenant *t)
{
	struct tenant **at = &s->tenants;

	if (t->workers > 0 || t->calls > 0)
		return;
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	free(t);
}

void tenant_leave(struct service *s, struct tenant *t)
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
struct tenant *tenant_of(struct service *s, const char *space)
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

struct tenant *tenant_join(struct service *s, const char *space)
{
	struct tenant *t = tenant_of(s, space);

	if (t)
		t->workers++;
	return t;
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
	(void)source_free(s->models);
	(void)source_free(s->waits_timer);
	json_decref(s->waits);
	(void)places_free(s->places);
	free(s);
	return NULL;
}

static size_t count_bays(const struct rack *r, enum bay_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->bays[i].state == state;
	return n;
}

static void fill_gauges(const struct service *s)
{
	static const enum inference_metric gauges[] = {
		[BAY_SERVING] = INFERENCE_DEVICES_SERVING,
		[BAY_DRAINING] = INFERENCE_DEVICES_DRAINING,
		[BAY_EXCLUDED] = INFERENCE_DEVICES_EXCLUDED,
		[BAY_FAILED] = INFERENCE_DEVICES_FAILED,
	};
	size_t n = shelf_count(s->shelf), broken = 0;

	for (size_t i = 0; i < n; i++)
		broken += shelf_at(s->shelf, i)->error.code != 0;
	inference_gauge(INFERENCE_MODELS, n - broken);
	inference_gauge(INFERENCE_MODELS_BROKEN, broken);
	inference_gauge(INFERENCE_WORKERS, s->n_workers);
	inference_gauge(INFERENCE_REQUESTS, engine_requests(s->engine));
	for (enum bay_state state = BAY_SERVING; state <= BAY_FAILED; state++)
		inference_gauge(gauges[state], count_bays(shelf_rack(s->shelf), state));
	inference_gauge(INFERENCE_BUSY, engine_busy_usec(s->engine));
	if (s->ledger)
		inference_gauge(INFERENCE_USAGE_WAITING, ledger_waiting(s->ledger));
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

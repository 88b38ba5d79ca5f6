#include "inference/peers/top.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "inference/devices/gpus.h"
#include "inference/peers/inside.h"
#include "inference/peers/waits.h"
#include "proto/messages.h"

#define WORDS_MAX 200
#define ROWS_MAX 48 /* of each list; the rest is counted */

static json_t *describe_call(const struct call *c)
{
	return json_pack("{s:s, s:s, s:i, s:i, s:I}", "payer", c->payer, "space",
		c->worker->caller ? "" : c->tenant->space, "session", c->channel, "event", c->node,
		"ageMs", (json_int_t)((clock_mono_usec() - c->since_usec) / USEC_PER_MSEC));
}

static void set_running(json_t *row, const struct call *c)
{
	struct usage usage;

	request_usage(c->request, &usage);
	(void)json_object_set_new(
		row, "deviceMs", json_integer((json_int_t)(usage.device_usec / 1000)));
	(void)json_object_set_new(
		row, "waitedMs", json_integer((json_int_t)(usage.queue_usec / 1000)));
	(void)json_object_set_new(row, "tokensIn", json_integer(usage.tokens_in));
	(void)json_object_set_new(row, "tokensOut", json_integer(usage.tokens_out));
}

static void set_waiting(json_t *row, const struct wait *w, const char *words)
{
	(void)json_object_set_new(row, "place", json_integer(w->place));
	(void)json_object_set_new(row, "of", json_integer(w->of));
	(void)json_object_set_new(
		row, "expectedMs", json_integer((json_int_t)(w->expected_nsec / 1000000)));
	(void)json_object_set_new(row, "reason", json_string(words));
}

struct waiting {
	const struct call *c;
	struct wait wait;
};

struct lists {
	json_t *running;
	struct waiting waiting[ROWS_MAX]; /* those that come first, by place */
	size_t n, n_running, n_waiting;
};

static void note_waiting(struct lists *l, const struct call *c, const struct wait *wait)
{
	size_t at = l->n;

	l->n_waiting++;
	while (at > 0 && l->waiting[at - 1].wait.place > wait->place)
		at--;
	if (at == ROWS_MAX)
		return;
	if (l->n < ROWS_MAX)
		l->n++;
	memmove(l->waiting + at + 1, l->waiting + at, (l->n - 1 - at) * sizeof(l->waiting[0]));
	l->waiting[at] = (struct waiting){c, *wait};
}

static void name_model(json_t *row, const struct call *c)
{
	if (!c->request)
		return;
	(void)json_object_set_new(row, "model", json_string(c->job.model->id));
	(void)json_object_set_new(row, "task", json_string(c->job.task->name));
}

static void note_running(struct lists *l, const struct call *c)
{
	json_t *row;

	l->n_running++;
	if (json_array_size(l->running) == ROWS_MAX || !(row = describe_call(c)))
		return;
	name_model(row, c);
	set_running(row, c);
	(void)json_array_append_new(l->running, row);
}

static void note_call(struct lists *l, const struct call *c)
{
	struct wait wait;
	char words[256];

	if (call_waits(c, &wait, words, sizeof(words)))
		note_waiting(l, c, &wait);
	else if (c->request)
		note_running(l, c);
}

static json_t *list_waiting(const struct lists *l)
{
	json_t *list = json_array();

	for (size_t i = 0; i < l->n; i++) {
		struct wait wait;
		char words[256];
		json_t *row = describe_call(l->waiting[i].c);

		if (!row)
			continue;
		(void)call_waits(l->waiting[i].c, &wait, words, sizeof(words));
		name_model(row, l->waiting[i].c);
		set_waiting(row, &wait, words);
		(void)json_array_append_new(list, row);
	}
	return list;
}

static size_t count_models(const struct service *s, const struct device *d)
{
	size_t n = 0;

	for (size_t i = 0; i < shelf_count(s->shelf); i++) {
		const struct model *m = shelf_at(s->shelf, i);

		n += m->net && m->net->device == d;
	}
	return n;
}

/* A driver's words may be cut in the middle of a character. */
static json_t *words_of(const char *text)
{
	json_t *words = json_string(text);

	return words ? words : json_string("its words are not text");
}

static const struct gpu *find_gpu(const struct gpus_report *r, const char *uuid)
{
	for (size_t i = 0; r && *uuid && i < r->n; i++)
		if (!strcmp(r->list[i].uuid, uuid))
			return &r->list[i];
	return NULL;
}

/* What it is, and what is wrong with it, where somebody says. */
static void set_hardware(json_t *row, const struct gpus_report *r, const struct gpu *g)
{
	char words[WORDS_MAX], warning[WORDS_MAX];

	if (!g)
		return;
	gpu_words(g, words, sizeof(words));
	gpu_warning(g, r->stuck_sec, warning, sizeof(warning));
	(void)json_object_set_new(row, "hardware", json_string(words));
	(void)json_object_set_new(row, "warning", json_string(warning));
}

static void set_processors(json_t *row, const struct device *d)
{
	char words[WORDS_MAX];

	(void)snprintf(words, sizeof(words), "%ld processors, %llu MiB of memory",
		sysconf(_SC_NPROCESSORS_ONLN),
		(unsigned long long)(d->ops->memory((struct device *)d) >> 20));
	(void)json_object_set_new(row, "hardware", json_string(words));
}

static json_t *describe_device(const struct service *s, const struct bay *b)
{
	const struct model *now = engine_model_now(s->engine);
	bool here = now && now->net && now->net->device == b->device;

	return json_pack("{s:s, s:s, s:o, s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "name",
		b->name, "state", bay_state_name(b->state), "reason", words_of(b->reason), "since",
		(json_int_t)(b->since_usec / USEC_PER_SEC), "models",
		(json_int_t)count_models(s, b->device), "model", here ? now->id : "", "memoryBytes",
		(json_int_t)b->memory, "memoryMaxBytes", (json_int_t)b->memory_max, "keysBytes",
		(json_int_t)engine_kv_bytes_on(s->engine, b->device), "keysMaxBytes",
		(json_int_t)engine_kv_max(s->engine), "busyMs",
		(json_int_t)(b->device->busy_nsec / 1000000), "steps",
		(json_int_t)engine_steps(s->engine));
}

static json_t *describe_devices(struct service *s)
{
	const struct gpus_report *r = gpus_look(s->gpus);
	const struct rack *rack = shelf_rack(s->shelf);
	json_t *list = json_array();

	for (size_t i = 0; i < rack->n; i++) {
		const struct device *d = rack->bays[i].device;
		json_t *row = describe_device(s, &rack->bays[i]);

		if (!strcmp(d->ops->name, "cpu"))
			set_processors(row, d);
		set_hardware(row, r, find_gpu(r, d->uuid));
		(void)json_array_append_new(list, row);
	}
	return list;
}

static bool is_used(struct service *s, const struct gpu *g)
{
	const struct rack *rack = shelf_rack(s->shelf);

	for (size_t i = 0; i < rack->n; i++)
		if (*g->uuid && !strcmp(rack->bays[i].device->uuid, g->uuid))
			return true;
	return false;
}

/* GPUs that no model runs on. */
static json_t *describe_others(struct service *s)
{
	const struct gpus_report *r = gpus_look(s->gpus);
	json_t *list = json_array();

	for (size_t i = 0; r && i < r->n; i++) {
		json_t *row = is_used(s, &r->list[i]) ? NULL
						      : json_pack("{s:s}", "uuid", r->list[i].uuid);

		set_hardware(row, r, &r->list[i]);
		(void)json_array_append_new(list, row);
	}
	return list;
}

static json_t *describe(struct service *s)
{
	struct lists l = {.running = json_array()};

	engine_rank(s->engine);
	for (struct worker *w = s->workers; w; w = w->next)
		for (struct call *c = w->calls; c; c = c->next)
			note_call(&l, c);
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:I}", "devices", describe_devices(s),
		"gpus", describe_others(s), "pools", pools_describe(s), "running", l.running,
		"waiting", list_waiting(&l), "runningAll", (json_int_t)l.n_running, "waitingAll",
		(json_int_t)l.n_waiting);
}

void top_tell(struct service *s)
{
	CLEANUP(json_unrefp) json_t *top = NULL;
	CLEANUP(buf_done) struct buf value;
	struct models_top m = {0};
	struct frame f = {.type = MODELS_TOP};

	buf_init(&value, proto_models_top.value_max);
	for (struct control *c = s->controls; c; c = c->next) {
		if (!c->orchestrator)
			continue;
		if (!top) {
			m.top = top = describe(s);
			if (!top || models_top_write(&m, &value) < 0) {
				log_error("what the device does was not told: out of memory");
				return;
			}
			f.value = value.data;
			f.length = value.len;
		}
		(void)link_send(c->link, &f); /* the next one says more */
	}
}

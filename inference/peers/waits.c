/* What calls wait for, told to the gateway in words while they do. */
#include "inference/peers/waits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "inference/peers/inside.h"
#include "proto/messages.h"

#define LOOK_USEC (USEC_PER_SEC / 2)
#define QUIET_USEC (300 * USEC_PER_MSEC) /* who waits no longer is told nothing */
#define AGAIN_USEC (2 * USEC_PER_SEC)    /* seconds have passed, and the words name some */
#define ROWS_MAX 64                      /* of one message */

static void rank(char *words, size_t max, const struct wait *w)
{
	if (w->place <= 1)
		(void)snprintf(words, max, "; you are next");
	else
		(void)snprintf(words, max, "; %u before you", w->place - 1);
}

static void lack_words(const struct wait *w, const char *place, char *words, size_t max)
{
	double mib = (double)w->lack_bytes / (1 << 20), all = (double)w->lack_max / (1 << 20);
	double sec = (double)w->held_nsec / 1e9;
	const char *s = w->others == 1 ? "" : "s";

	if (w->lack == LACK_OWN)
		(void)snprintf(words, max,
			"waits for %.3g MiB of the %.4g MiB that you may keep on the device, held "
			"by %u text%s of yours for %.1f s%s",
			mib, all, w->others, s, sec, place);
	else
		(void)snprintf(words, max,
			"waits for %.3g MiB of %s, held by %u other%s for %.1f s%s", mib,
			w->lack == LACK_SPACE ? "what this Space may keep on the device"
					      : "the device's memory",
			w->others, s, sec, place);
}

/* False: its pool is not why. */
static bool pool_words(const struct wait *w, const char *place, char *words, size_t max)
{
	const struct pool_terms *t = &w->pool.terms;
	const char *name = t->name[0] ? t->name : "of all others";

	if (w->hold == POOL_OWN)
		(void)snprintf(words, max,
			"waits for the pool %s, which has had its %u %% of the device and borrows "
			"nothing%s",
			name, t->percent, place);
	else if (w->hold == POOL_KEPT)
		(void)snprintf(words, max,
			"waits for the pool %s, which has had its %u %% of the device; what others "
			"leave they do not lend%s",
			name, t->percent, place);
	else if (w->hold == POOL_AHEAD)
		(void)snprintf(words, max,
			"waits for the pool %s, which has %u %% of the device while others have "
			"work%s",
			name, t->percent, place);
	return w->hold != POOL_GOES;
}

/* Counts others and names nobody: what Spaces there are is not everybody's to know. */
static void engine_words(const struct call *c, const struct wait *w, char *words, size_t max)
{
	const char *model = c->job.model->id;
	const char *s = w->others == 1 ? "" : "s";
	double sec = (double)w->held_nsec / 1e9;
	char place[40];

	rank(place, sizeof(place), w);
	if (!c->job.model->net)
		(void)snprintf(words, max,
			"waits for the model %s, which is loaded anew: its device went out of "
			"service%s",
			model, place);
	else if (w->lack)
		lack_words(w, place, words, max);
	else if (pool_words(w, place, words, max))
		return;
	else if (w->elsewhere)
		(void)snprintf(words, max,
			"waits for the device, which works on another model for %u other%s, since "
			"%.1f s%s",
			w->others, s, sec, place);
	else if (w->others > 0)
		(void)snprintf(words, max,
			"waits for the model %s, held by %u other%s for %.1f s%s", model, w->others,
			s, sec, place);
	else
		(void)snprintf(words, max, "waits for the model %s%s", model, place);
}

bool call_waits(const struct call *c, struct wait *ret, char *words, size_t max)
{
	*ret = (struct wait){.place = 1, .of = 1};
	if (!c->held) {
		if (!c->request || !request_wait(c->request, ret))
			return false;
		engine_words(c, ret, words, max);
	} else if (c->crowded) {
		(void)snprintf(words, max,
			"waits for another of your own calls to end: no more of "
			"them may run at once");
	} else if (c->unpaid) {
		(void)snprintf(words, max, "waits to hear what you may still use");
	} else {
		(void)snprintf(words, max, "waits for the model to be loaded, %u %% is there",
			c->told_percent ? c->told_percent - 1 : 0);
	}
	return true;
}

/* --- telling --- */

static void add_row(struct service *s, const struct worker *w, uint32_t session, uint32_t n,
	const struct wait *wait, const char *words)
{
	json_t *row = json_pack("{s:s, s:i, s:i, s:i, s:i, s:I, s:s}", "replica", w->replica,
		"session", session, "event", n, "place", wait->place, "of", wait->of, "expected_ms",
		(json_int_t)(wait->expected_nsec / 1000000), "reason", words);

	if (!s->waits)
		s->waits = json_array();
	if (!row || !s->waits || json_array_append_new(s->waits, row) < 0)
		log_error("what a call waits for was not told: out of memory");
	if (s->waits && json_array_size(s->waits) >= ROWS_MAX)
		waits_send(s);
}

void waits_send(struct service *s)
{
	CLEANUP(buf_done) struct buf value;
	struct models_waits m = {.rows = s->waits};
	struct frame f = {.type = MODELS_WAITS};

	buf_init(&value, proto_models_waits.value_max);
	if (!s->waits)
		return;
	if (models_waits_write(&m, &value) == 0) {
		f.value = value.data;
		f.length = value.len;
		for (struct control *c = s->controls; c; c = c->next)
			if (c->gateway)
				(void)link_send(c->link, &f); /* the next ones say it anew */
	}
	json_decref(s->waits);
	s->waits = NULL;
}

/* The gateway's own calls are known by their number. */
static uint32_t name_of(const struct call *c)
{
	return c->worker->caller ? c->seq : c->node;
}

void call_wait_over(struct call *c)
{
	static const struct wait over;

	if (c->told_usec)
		add_row(c->worker->service, c->worker, c->channel, name_of(c), &over, "");
	c->told_usec = 0;
}

static void look(struct call *c, uint64_t now)
{
	struct wait wait;
	char words[256];

	if (!call_waits(c, &wait, words, sizeof(words))) {
		call_wait_over(c);
		return;
	}
	if (now - c->since_usec < QUIET_USEC || name_of(c) == 0)
		return;
	if (c->unpaid && c->worker->caller)
		return; /* the answer may still be a refusal */
	if (c->told_usec && c->told_place == wait.place && now - c->told_usec < AGAIN_USEC)
		return;
	c->told_usec = now;
	c->told_place = wait.place;
	add_row(c->worker->service, c->worker, c->channel, name_of(c), &wait, words);
}

void waits_look(void *data)
{
	struct service *s = data;
	uint64_t now = clock_mono_usec();
	bool calls = false;

	engine_rank(s->engine);
	for (struct worker *w = s->workers; w; w = w->next)
		for (struct call *c = w->calls; c; c = c->next) {
			calls = true;
			look(c, now);
		}
	waits_send(s);
	s->waits_due = calls;
	if (calls)
		timer_arm_after(s->waits_timer, LOOK_USEC);
}

void waits_begin(struct service *s)
{
	if (s->waits_due)
		return;
	s->waits_due = true;
	timer_arm_after(s->waits_timer, LOOK_USEC);
}

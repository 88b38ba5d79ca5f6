/*
 * Workers, following the rules that sdk-lua/host keeps (inbox.c, group.c): events are known by
 * their n, groups are kept until ACK, RESUME sends them again, what is unknown is LOST. The app
 * notes every event that it finishes in the image, in "done".
 */
#include <stdlib.h>
#include <string.h>

#include "proto/constants.h"
#include "proto/messages.h"
#include "tests/sim/sim.h"

#define UNACKED_MAX 6 /* groups; then no handler goes on */

struct sim_worker workers[WORKERS_MAX];
size_t n_workers;

/* --- sessions --- */

static void free_input(struct worker_input *i)
{
	if (!i)
		return;
	json_decref(i->said);
	free(i);
}

static void drop_groups(struct worker_session *s, uint32_t seq)
{
	while (s->groups && s->groups->seq <= seq) {
		struct worker_group *g = s->groups;

		s->groups = g->next;
		buf_done(&g->frames);
		free(g);
	}
}

static void session_drop(struct worker_session *s)
{
	for (struct worker_session **at = &s->worker->sessions; *at; at = &(*at)->next) {
		if (*at == s) {
			*at = s->next;
			break;
		}
	}
	drop_groups(s, UINT32_MAX);
	while (s->inputs) {
		struct worker_input *i = s->inputs;

		s->inputs = i->next;
		free_input(i);
	}
	free_input(s->values);
	buf_done(&s->group);
	json_decref(s->comps);
	free(s->done);
	free(s);
}

static struct worker_session *find(const struct sim_worker *w, uint32_t channel)
{
	struct worker_session *s = w->sessions;

	while (s && s->channel != channel)
		s = s->next;
	return s;
}

struct worker_session *worker_session_of(const char *replica, uint32_t channel)
{
	for (size_t i = 0; i < n_workers; i++)
		if (workers[i].alive && !strcmp(workers[i].id, replica))
			return find(&workers[i], channel);
	return NULL;
}

/* --- groups --- */

static void say(struct worker_session *s, uint8_t type, uint8_t op, uint32_t node, uint32_t seq,
	const void *value, size_t n)
{
	struct frame f = {.type = type,
		.op = op,
		.channel = s->channel,
		.node = node,
		.seq = seq,
		.value = value,
		.length = n};

	if (frame_write(&s->group, &f) < 0)
		broken("out of memory");
}

static void patch(
	struct worker_session *s, uint32_t node, uint8_t op, const char *path, const char *value)
{
	char bytes[256];
	size_t n = strlen(path), length = strlen(value);

	memcpy(bytes, path, n + 1);
	memcpy(bytes + n + 1, value, length);
	say(s, APP_PATCH, op, node, 0, bytes, n + 1 + length);
	comps_apply(s->comps, node, op, path, n, (const uint8_t *)value, length);
}

static void image(struct worker_session *s, const char *key, uint32_t keep, const char *json)
{
	char bytes[512];
	size_t n = strlen(key), length = strlen(json);

	memcpy(bytes, key, n + 1);
	memcpy(bytes + n + 1, json, length);
	say(s, APP_IMAGE, IMAGE_SET, keep, 0, bytes, n + 1 + length);
}

/* "done" grows by its suffix: the closing quote goes, the rest is added. */
static void note_done(struct worker_session *s, uint32_t n)
{
	size_t length = strlen(s->done);
	char more[16], suffix[24];

	(void)snprintf(more, sizeof(more), "%u,", n);
	(void)snprintf(suffix, sizeof(suffix), "%s%s\"", length ? "" : "\"", more);
	image(s, "done", length ? (uint32_t)length + 1 : 0, suffix);
	s->done = realloc(s->done, length + strlen(more) + 1);
	if (!s->done)
		broken("out of memory");
	memcpy(s->done + length, more, strlen(more) + 1);
}

/* A group travels in one packet or in several; a killed gateway may have read some of them. */
static void send_group(struct worker_session *s, const struct worker_group *g)
{
	const uint8_t *from = g->frames.data, *at = from, *end = from + g->frames.len;

	while (at < end) {
		struct frame f;
		int used = frame_read(&f, at, (size_t)(end - at), NULL);

		if (used < 0)
			broken("a worker made half a frame");
		at += used;
		if (at == end || dice(6) == 0) {
			queue_put(&s->worker->up, from, (size_t)(at - from));
			from = at;
		}
	}
}

static void commit(struct worker_session *s, uint32_t n, uint8_t op)
{
	struct worker_group *g = sim_malloc(sizeof(*g));
	struct worker_group **at = &s->groups;

	say(s, APP_COMMIT, op, n, s->seq + 1, NULL, 0);
	*g = (struct worker_group){.seq = ++s->seq, .frames = s->group};
	buf_init(&s->group, 1 << 20);
	while (*at)
		at = &(*at)->next;
	*at = g;
	trace("  %s session %u group %u of event %u%s", s->worker->id, s->channel, g->seq, n,
		op == COMMIT_FINISH ? ", its end" : "");
	send_group(s, g);
}

static size_t count_groups(const struct worker_session *s)
{
	size_t n = 0;

	for (const struct worker_group *g = s->groups; g; g = g->next)
		n++;
	return n;
}

static void fail(struct worker_session *s, uint32_t n, uint8_t op, const char *words)
{
	char value[128];

	(void)snprintf(value, sizeof(value), "{\"message\":\"%s\"}", words);
	say(s, APP_FAIL, op, n, 0, value, strlen(value));
	commit(s, n, COMMIT_FINISH);
}

/* --- what the gateway says --- */

static void lost(struct sim_worker *w, uint32_t channel, uint32_t node)
{
	struct frame f = {.type = APP_LOST, .channel = channel, .node = node};
	struct buf b;

	buf_init(&b, 64);
	(void)frame_write(&b, &f);
	queue_put(&w->up, b.data, b.len);
	buf_done(&b);
	trace("  %s does not know session %u", w->id, channel);
}

static void learn_overlay(struct worker_session *s, const json_t *overlay)
{
	size_t i;
	json_t *cell;

	json_array_foreach(overlay, i, cell)
	{
		json_t *value = json_array_get(cell, 3);
		const char *path = json_string_value(json_array_get(cell, 1));
		uint8_t op = (uint8_t)json_integer_value(json_array_get(cell, 2));
		char *text = op == PATCH_APPEND ? strdup(json_string_value(value))
						: json_dumps(value, JSON_ENCODE_ANY);

		comps_apply(s->comps, (uint32_t)json_integer_value(json_array_get(cell, 0)), op,
			path, strlen(path), (uint8_t *)text, text ? strlen(text) : 0);
		free(text);
	}
}

static void learn_image(struct worker_session *s, const json_t *table)
{
	const char *done = json_string_value(json_object_get(table, "done"));
	const char *upgrades = json_string_value(json_object_get(table, "upgrades"));

	s->done = strdup(done ? done : "");
	s->count = json_integer_value(json_object_get(table, "count"));
	(void)snprintf(s->upgrades, sizeof(s->upgrades), "%s", upgrades ? upgrades : "");
}

static void on_open(struct sim_worker *w, const struct frame *f)
{
	struct worker_session *s = find(w, f->channel);
	struct app_open m;

	if (s)
		session_drop(s);
	if (app_open_read(&m, f->value, f->length, NULL) < 0)
		broken("OPEN makes no sense");
	s = calloc(1, sizeof(*s));
	if (!s)
		broken("out of memory");
	*s = (struct worker_session){.next = w->sessions,
		.worker = w,
		.channel = f->channel,
		.seq = f->seq,
		.moving = m.from != NULL,
		.comps = comps_new()};
	w->sessions = s;
	w->opened = true;
	buf_init(&s->group, 1 << 20);
	learn_overlay(s, m.overlay);
	learn_image(s, m.image);
	PROMISE(!m.from || w->bundle->upgrades, "a move to an app that has no upgrade was asked");
	trace("  %s opens session %u at group %u%s%s", w->id, f->channel, f->seq,
		m.from ? ", from " : "", m.from ? m.from : "");
	app_open_done(&m);
}

static void on_value(struct worker_session *s, const struct frame *f)
{
	if (f->seq <= s->last_n)
		return;
	if (!s->values)
		s->values = calloc(1, sizeof(*s->values));
	if (!s->values)
		broken("out of memory");
	if (f->node == NODE_PASSWORD)
		(void)snprintf(s->values->password, sizeof(s->values->password), "%.*s",
			(int)f->length, (const char *)f->value);
	else
		s->values->said =
			json_loadb((const char *)f->value, f->length, JSON_DECODE_ANY, NULL);
}

static void on_event(struct worker_session *s, const struct frame *f)
{
	struct worker_input **at = &s->inputs;
	struct worker_input *i;

	if (f->seq <= s->last_n)
		return;
	i = s->values ? s->values : calloc(1, sizeof(*i));
	if (!i)
		broken("out of memory");
	s->values = NULL;
	i->n = s->last_n = f->seq;
	i->node = f->node;
	i->kind = f->op;
	while (*at)
		at = &(*at)->next;
	*at = i;
}

static void on_cancel(struct worker_session *s, uint32_t n)
{
	for (struct worker_input **at = &s->inputs; *at; at = &(*at)->next) {
		struct worker_input *i = *at;

		if (i->n != n)
			continue;
		if (i == s->inputs)
			s->step = 0;
		*at = i->next;
		free_input(i);
		fail(s, n, FAIL_CANCELLED, "cancelled");
		return;
	}
}

static void hello(struct sim_worker *w)
{
	json_t *tree = tree_new(w->bundle->hash);
	struct app_hello m = {.tree = tree, .upgrade = w->bundle->upgrades};
	struct frame f = {.type = APP_HELLO, .op = !w->opened, .seq = w->hello_seq};
	struct buf value, b;

	buf_init(&value, 1 << 20);
	buf_init(&b, 1 << 20);
	m.api = json_array();
	if (app_hello_write(&m, &value) < 0)
		broken("HELLO cannot be written");
	f.value = value.data;
	f.length = value.len;
	(void)frame_write(&b, &f);
	queue_put(&w->up, b.data, b.len);
	json_decref(m.api);
	json_decref(tree);
	buf_done(&value);
	buf_done(&b);
	w->loading = false;
	trace("  %s says HELLO", w->id);
}

static void on_resume(struct sim_worker *w, const struct frame *f)
{
	struct worker_session *s = find(w, f->channel);

	if (f->channel == 0) {
		w->hello_seq = f->seq;
		if (!w->loading)
			hello(w);
		return;
	}
	if (s && f->seq > s->seq) {
		session_drop(s);
		s = NULL;
	}
	if (!s) {
		lost(w, f->channel, f->node);
		return;
	}
	drop_groups(s, f->seq);
	for (const struct worker_group *g = s->groups; g; g = g->next)
		send_group(s, g);
}

static void take_frame(struct sim_worker *w, const struct frame *f)
{
	struct worker_session *s = find(w, f->channel);

	switch (f->type) {
	case APP_OPEN:
		on_open(w, f);
		return;
	case APP_RESUME:
		on_resume(w, f);
		return;
	case APP_EVENT:
		if (!s)
			lost(w, f->channel, 0);
		break;
	case APP_ACK:
		PROMISE(!s || f->seq <= s->seq, "ACK %u, but group %u is the last", f->seq,
			s ? s->seq : 0);
		break;
	default:
		break;
	}
	if (!s)
		return;
	if (f->type == APP_VALUE)
		on_value(s, f);
	else if (f->type == APP_EVENT)
		on_event(s, f);
	else if (f->type == APP_ACK)
		drop_groups(s, f->seq);
	else if (f->type == APP_CANCEL && !s->moving)
		on_cancel(s, f->seq);
	else if (f->type == APP_CLOSE)
		session_drop(s);
}

void worker_take(struct sim_worker *w)
{
	struct packet *p = queue_take(&w->down);
	struct frame_joiner joiner;
	size_t at = 0;

	frame_joiner_init(&joiner);
	while (p && at < p->n) {
		struct frame f;
		int used = frame_read(&f, p->bytes + at, p->n - at, NULL);

		if (used < 0)
			broken("the gateway sent half a frame");
		at += (size_t)used;
		if (frame_join(&joiner, &f, 64u << 20, NULL) > 0)
			take_frame(w, &f);
	}
	frame_joiner_done(&joiner);
	free(p);
}

/* --- the app --- */

static void upgrade(struct worker_session *s)
{
	char text[300];
	size_t n = strlen(s->upgrades);

	if (s->worker->bundle->refuses) {
		fail(s, 0, FAIL_ERROR, "upgrade raised");
		session_drop(s);
		return;
	}
	s->moving = false;
	(void)snprintf(s->upgrades + n, sizeof(s->upgrades) - n, ">");
	(void)snprintf(text, sizeof(text), "\"%s\"", s->upgrades);
	image(s, "upgrades", 0, text);
	commit(s, 0, COMMIT_FINISH);
}

static void count(struct worker_session *s)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%lld", (long long)++s->count);
	image(s, "count", 0, text);
	patch(s, NODE_COUNT, PATCH_SET, "value", text);
}

static void add_item(struct worker_session *s, uint32_t n)
{
	size_t have = json_array_size(comps_value(s->comps, NODE_LIST));
	char path[32], text[32];

	if (have >= 4) {
		patch(s, NODE_LIST, PATCH_REMOVE, "value/1", "");
		have = 1;
	}
	(void)snprintf(path, sizeof(path), "value/%zu", have);
	(void)snprintf(text, sizeof(text), "\"item \"");
	patch(s, NODE_LIST, PATCH_SET, path, text);
	(void)snprintf(text, sizeof(text), "of %u", n);
	patch(s, NODE_LIST, PATCH_APPEND, path, text);
}

static void echo(struct worker_session *s)
{
	char *text = json_dumps(comps_value(s->comps, NODE_SAID), JSON_ENCODE_ANY);

	patch(s, NODE_HEARD, PATCH_SET, "value", text ? text : "\"\"");
	free(text);
}

/* One step of a handler. True: it has ended. */
static bool stream(struct worker_session *s, const struct worker_input *i)
{
	char text[32];

	if (s->step == 1)
		patch(s, NODE_TEXT, PATCH_SET, "value", "\"\"");
	(void)snprintf(text, sizeof(text), "%u.%u ", i->n, s->step);
	patch(s, NODE_TEXT, PATCH_APPEND, "value", text);
	if (s->step++ == s->steps)
		return true;
	if (dice(3) == 0) { /* session:save() in the middle */
		(void)snprintf(text, sizeof(text), "%u", s->step);
		image(s, "partial", 0, text);
	}
	commit(s, i->n, COMMIT_INTERIM);
	return false;
}

static void check_password(const struct worker_input *i)
{
	PROMISE(world_loses_power || strstr(i->password, SECRET_MARK),
		"event %u came to its handler without its password", i->n);
}

static bool run_step(struct worker_session *s, const struct worker_input *i)
{
	switch (i->node) {
	case NODE_ADD:
	case NODE_SAFE:
		count(s);
		return true;
	case NODE_STREAM:
		return stream(s, i);
	case NODE_ECHO:
		echo(s);
		return true;
	case NODE_LIST_ADD:
		add_item(s, i->n);
		return true;
	case NODE_PASSWORD:
		check_password(i);
		return true;
	default:
		return true;
	}
}

static void work(struct worker_session *s)
{
	struct worker_input *i = s->inputs;

	if (s->moving) {
		upgrade(s);
		return;
	}
	if (!i || count_groups(s) > UNACKED_MAX)
		return;
	if (s->step == 0) {
		s->step = 1;
		s->steps = 1 + dice(4);
		if (i->said) {
			char *said = json_dumps(i->said, JSON_ENCODE_ANY);

			comps_apply(s->comps, NODE_SAID, PATCH_SET, "value", 5, (uint8_t *)said,
				strlen(said));
			free(said);
		}
	}
	if (!run_step(s, i))
		return;
	s->step = 0;
	s->inputs = i->next;
	if (i->node == NODE_FAIL) {
		fail(s, i->n, FAIL_ERROR, "raised");
	} else {
		note_done(s, i->n);
		commit(s, i->n, COMMIT_FINISH);
	}
	free_input(i);
}

void worker_work(struct sim_worker *w)
{
	struct worker_session *s = w->sessions;
	size_t n = 0;

	if (w->loading) {
		hello(w);
		return;
	}
	for (struct worker_session *each = s; each; each = each->next)
		n++;
	if (n == 0)
		return;
	for (n = dice((uint32_t)n); n > 0; n--)
		s = s->next;
	work(s);
}

bool worker_is_idle(const struct sim_worker *w)
{
	if (w->loading || w->down.n || w->up.n)
		return false;
	for (const struct worker_session *s = w->sessions; s; s = s->next)
		if (s->moving || s->inputs)
			return false;
	return true;
}

/* --- life --- */

struct sim_worker *worker_start(const struct bundle *b)
{
	struct sim_worker *w;

	if (n_workers == WORKERS_MAX)
		broken("more than %d workers in one history", WORKERS_MAX);
	w = &workers[n_workers];
	*w = (struct sim_worker){.alive = true, .loading = true, .bundle = b};
	buf_init(&w->corked, 64u << 20);
	(void)snprintf(w->id, sizeof(w->id), "w%zu", n_workers++);
	trace("  %s starts with %s", w->id, b->hash);
	return w;
}

void worker_kill(struct sim_worker *w)
{
	if (!w->alive)
		return;
	trace("  %s dies", w->id);
	w->alive = false;
	while (w->sessions)
		session_drop(w->sessions);
	queue_clear(&w->down);
	agent_worker_died(w);
}

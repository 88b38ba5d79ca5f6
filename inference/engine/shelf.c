#include "inference/engine/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "inference/engine/guard.h"
#include "inference/engine/shelf_inside.h"

#define ROOM_USEC 100000        /* between two tries to find room for a model that waits for it */
#define CLAIM_USEC USEC_PER_SEC /* in which those who waited for a model must have called it */

static const char *const state_names[] = {"new", "cold", "waiting", "loading", "ready", "failed"};

void slot_set(struct slot *s, enum state to)
{
	log_debug("model=%s %s → %s", s->model->id, state_names[s->state], state_names[to]);
	s->state = to;
}

void shelf_tell(struct shelf *s)
{
	if (s->loading)
		s->ops.changed(s->data);
}

/* --- what there is --- */

static struct slot *find_slot(const struct shelf *s, const char *id)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->slots[i].model->id, id))
			return (struct slot *)&s->slots[i];
	return NULL;
}

static struct slot *slot_of(struct shelf *s, const struct model *m)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->slots[i].model == m)
			return &s->slots[i];
	return NULL;
}

/* Where there is no further one: of a model that is gone, and that nobody uses any more. */
static bool reuse_slot(struct shelf *s, const struct found *f)
{
	for (size_t i = 0; i < s->n; i++) {
		struct slot *slot = &s->slots[i];

		if (!slot->gone || slot->state != NEW || slot == s->at)
			continue;
		(void)snprintf(slot->model->id, sizeof(slot->model->id), "%s", f->id);
		slot->model->task = "";
		*slot = (struct slot){.model = slot->model, .at = *f, .state = NEW};
		return true;
	}
	return false;
}

static int add_slot(struct shelf *s, const struct found *f)
{
	struct slot *slot = &s->slots[s->n];
	struct model *m;

	if (s->n == SHELF_MODELS_MAX) {
		if (!reuse_slot(s, f))
			log_warn("model=%s is one too many; the limit is %d", f->id,
				SHELF_MODELS_MAX);
		return 0;
	}
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	(void)snprintf(m->id, sizeof(m->id), "%s", f->id);
	m->task = "";
	*slot = (struct slot){.model = m, .at = *f, .state = NEW};
	s->n++;
	return 0;
}

/* One whose folder has gone or changed is given up as soon as nobody uses it. */
static void settle(struct shelf *s, struct slot *slot)
{
	struct err changed = {-ENOENT, "the model has changed or gone while it was moved"};

	if (slot_is_leaving(slot))
		slot_leave(s, slot);
	if ((!slot->gone && !slot->stale) || slot == s->at || (slot->gone && slot->state == NEW))
		return;
	if (slot->state == READY) {
		if (s->loading && !s->ops.release(slot->model, s->data))
			return;
		slot_unload(slot);
	}
	if (!slot_end_moving(s, slot, &changed))
		return;
	slot->model->error = (struct err){0};
	slot->stale = false;
	slot->used_usec = 0;
	slot_set(slot, NEW);
}

static const struct found *find_found(const struct found_all *all, const char *id)
{
	for (size_t i = 0; i < all->n; i++)
		if (!strcmp(all->list[i].id, id))
			return &all->list[i];
	return NULL;
}

static int take_found(struct shelf *s, const struct found_all *all)
{
	for (size_t i = 0; i < s->n; i++) {
		struct slot *slot = &s->slots[i];
		const struct found *f = find_found(all, slot->model->id);

		if (!f && !slot->gone)
			log_info("model=%s removed", slot->model->id);
		slot->stale = slot->stale || (f && (slot->gone || f->stamp != slot->at.stamp));
		slot->gone = !f;
		if (f)
			slot->at = *f;
		settle(s, slot);
	}
	for (size_t i = 0; i < all->n; i++)
		if (!find_slot(s, all->list[i].id) && add_slot(s, &all->list[i]) < 0)
			return -ENOMEM;
	return 0;
}

static void look(const struct shelf *s, struct found_all *to)
{
	to->n = 0;
	for (size_t i = 0; i < s->n_dirs; i++)
		if (s->dirs[i] >= 0)
			(void)look_into(s->dirs[i], i, to);
}

/* --- one after the other, into the memory there is --- */

static void fail_too_large(struct shelf *s, struct slot *slot)
{
	struct model *m = slot->model;

	(void)err_set(&m->error, -EFBIG,
		"its weights need %llu MiB of memory, the limit for all models is %llu",
		(unsigned long long)((m->need + (1 << 20) - 1) >> 20),
		(unsigned long long)(rack_largest(&s->rack) >> 20));
	log_error("model=%s not loaded: %s", m->id, m->error.text);
	slot_set(slot, FAILED);
	slot->wanted = false;
}

static void log_loaded(const struct model *m)
{
	if (m->net->family->decoder && !m->template)
		log_warn("model=%s loaded, does not chat: %s", m->id, m->template_error.text);
	else
		log_info("model=%s parameters=%llu loaded", m->id,
			(unsigned long long)m->parameters);
}

static void fail(struct shelf *s, struct slot *slot)
{
	struct model *m = slot->model;

	log_error("model=%s not loaded: %s", m->id, m->error.text);
	slot_set(slot, FAILED);
	slot->wanted = false;
	slot_strand(s, slot, &m->error);
}

static void take_examined(struct shelf *s, struct slot *slot, struct model *fresh)
{
	struct model *m = slot->model;

	model_unload(m);
	*m = *fresh;
	free(fresh);
	if (m->error.code) {
		fail(s, slot);
		return;
	}
	slot_set(slot, COLD);
	if (m->need > rack_largest(&s->rack))
		fail_too_large(s, slot);
}

/* Requests that wait have the old tokenizer, which is the same. */
static void take_network(struct slot *slot, struct model *fresh)
{
	slot->model->net = fresh->net;
	slot->model->need = fresh->need;
	fresh->net = NULL;
	(void)model_free(fresh);
	slot->moving = false;
}

static void take_loaded(struct shelf *s, struct slot *slot, struct model *fresh)
{
	struct model *m = slot->model;
	struct bay *bay = slot->bay;

	slot_leave_bay(slot); /* set aside before; the file may have another size now */
	if (bay->state != BAY_SERVING || device_is_faulty(bay->device)) {
		/* That says nothing of the model: there may be another device. */
		(void)model_free(fresh);
		slot_set(slot, slot->wanted ? WAITING : COLD);
		return;
	}
	if (slot->moving && !fresh->error.code) {
		take_network(slot, fresh);
	} else if (slot->moving) {
		m->error = fresh->error;
		(void)model_free(fresh);
	} else {
		model_unload(m);
		*m = *fresh;
		free(fresh);
	}
	if (m->error.code) {
		fail(s, slot);
		return;
	}
	slot->bay = bay;
	bay->memory += m->need;
	slot->used_usec = clock_mono_usec();
	/* Or two models that are both wanted would unload each other for ever. */
	slot->claimed_until_usec = slot->wanted ? slot->used_usec + CLAIM_USEC : 0;
	slot->wanted = false;
	slot->stays_until_usec = bay == slot->prefer ? slot->used_usec + s->stay_usec : 0;
	slot->elsewhere_usec = 0;
	log_loaded(m);
	slot_set(slot, READY);
}

/* The outcome of examining or loading; fresh is freed, its content goes to the slot's model. */
static void take_model(struct shelf *s, struct slot *slot, struct model *fresh, bool examined)
{
	if (!fresh) {
		slot_leave_bay(slot);
		(void)err_set(&slot->model->error, -ENOMEM, "out of memory");
		fail(s, slot);
	} else if (examined) {
		take_examined(s, slot, fresh);
	} else {
		take_loaded(s, slot, fresh);
	}
}

/* False: it has ended this process before. */
static bool may_begin(struct shelf *s, struct slot *slot)
{
	struct model *m = slot->model;

	if (!guard_blames(s->guard, m->id, slot->at.stamp))
		return true;
	(void)err_set(&m->error, -EFAULT,
		"reading it ended the service %d times; it is tried again when it has changed",
		GUARD_DEATHS);
	fail(s, slot);
	return false;
}

/* What is loaded has a place, with room. */
static void begin(struct shelf *s, struct slot *slot, bool examine)
{
	struct bay *bay = examine ? &s->rack.bays[0] : slot_place(s, slot);
	struct loading_job job = {.dirfd = s->dirs[slot->at.dir],
		.device = bay->device,
		.limits = {.memory_max = examine ? UINT64_MAX : slot->model->need,
			.examine = examine}};
	struct model *fresh;

	memcpy(job.folder, slot->at.folder, sizeof(job.folder));
	memcpy(job.id, slot->at.id, sizeof(job.id));
	if (!examine) {
		slot->bay = bay;
		bay->memory += slot->model->need;
		slot_set(slot, LOADING);
	}
	if (s->loading) {
		s->at = slot;
		guard_begin(s->guard, slot->model->id, slot->at.stamp);
		(void)loading_begin(s->loading, &job);
		return;
	}
	fresh = model_load(job.dirfd, job.folder, job.id, job.device, &job.limits);
	take_model(s, slot, fresh, examine);
}

/* What the thread is to do next: what is waited for, then what is unknown, then what fits. */
static struct slot *next_slot(struct shelf *s)
{
	struct slot *unknown = NULL, *cold = NULL;

	for (size_t i = 0; i < s->n; i++) {
		struct slot *slot = &s->slots[i];

		if (slot->gone)
			continue;
		if (slot->wanted && (slot->state == NEW ||
					    (slot->state == WAITING && shelf_make_room(s, slot))))
			return slot;
		if (slot->state == NEW && !unknown)
			unknown = slot;
		/* Only what was never called: what was unloaded comes when it is called. */
		if (slot->state == COLD && slot->used_usec == 0 && slot_fits(s, slot) && !cold)
			cold = slot;
	}
	return unknown ? unknown : cold;
}

/* Gives the thread its next work, if it has none. */
static void pump(struct shelf *s)
{
	struct slot *slot;
	bool waits = false;

	if (s->at)
		return;
	for (size_t i = 0; i < s->n; i++) {
		settle(s, &s->slots[i]);
		slot_refuse_homeless(s, &s->slots[i]);
		if (s->slots[i].wanted && s->slots[i].state == COLD)
			slot_set(&s->slots[i], WAITING);
	}
	do
		slot = next_slot(s);
	while (slot && !may_begin(s, slot));
	if (slot)
		begin(s, slot, slot->state == NEW);
	for (size_t i = 0; i < s->n; i++)
		waits = waits || s->slots[i].state == WAITING || s->slots[i].stale ||
			slot_is_leaving(&s->slots[i]) ||
			(s->slots[i].gone && s->slots[i].state == READY);
	if (waits)
		timer_arm_after(s->room, ROOM_USEC);
}

/* --- in the background --- */

static void on_loaded(struct model *fresh, void *data)
{
	struct shelf *s = data;
	struct slot *slot = s->at;

	s->at = NULL;
	guard_end(s->guard);
	take_model(s, slot, fresh, slot->state == NEW);
	shelf_tell(s);
	pump(s);
}

/* In the thread. */
static bool on_look(void *data)
{
	struct shelf *s = data;
	struct found_all *now = calloc(1, sizeof(*now));
	bool changed;

	if (!now)
		return false;
	look(s, now);
	changed = now->n != s->seen->n ||
		  memcmp(now->list, s->seen->list, now->n * sizeof(now->list[0])) != 0;
	if (changed) {
		free(s->seen);
		s->seen = now;
	} else {
		free(now);
	}
	return changed;
}

static void on_look_done(void *data)
{
	struct shelf *s = data;

	(void)take_found(s, s->seen);
	shelf_tell(s);
	pump(s);
}

static void on_room(void *data)
{
	pump(data);
}

static const struct loading_ops loading_ops = {on_loaded, on_look, on_look_done};

/* --- for others --- */

int shelf_open(const char *const *dirs, size_t n, struct device *d, uint64_t memory_max,
	struct shelf **ret, struct err *e)
{
	CLEANUP(shelf_freep) struct shelf *s = calloc(1, sizeof(*s));
	size_t failed = 0;
	struct err first = {0};

	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	s->stay_usec = SHELF_STAY_USEC;
	rack_init(&s->rack);
	(void)rack_add(&s->rack, d, memory_max);
	for (; s->n_dirs < n && s->n_dirs < SHELF_DIRS_MAX; s->n_dirs++) {
		int fd = open(dirs[s->n_dirs], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0 && failed++ == 0)
			(void)err_set(&first, -errno, "%s: %s", dirs[s->n_dirs], strerror(errno));
		s->dirs[s->n_dirs] = fd;
	}
	if (n > 0 && failed == n)
		return err_set(e, first.code, "%s", first.text);
	s->seen = calloc(1, sizeof(*s->seen));
	if (!s->seen)
		return err_set(e, -ENOMEM, "out of memory");
	look(s, s->seen);
	if (take_found(s, s->seen) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	*ret = TAKE_PTR(s);
	return 0;
}

void shelf_set_guard(struct shelf *s, struct guard *g)
{
	s->guard = g;
}

int shelf_start(struct shelf *s, struct loop *loop, const struct shelf_ops *ops, void *data)
{
	int r = loop_add_timer(loop, on_room, s, &s->room);

	s->ops = *ops;
	s->data = data;
	if (r == 0)
		r = loading_new(loop, &loading_ops, s, &s->loading);
	if (r == 0)
		pump(s);
	return r;
}

struct shelf *shelf_free(struct shelf *s)
{
	if (!s)
		return NULL;
	(void)loading_free(s->loading);
	(void)source_free(s->room);
	for (size_t i = 0; i < s->n; i++)
		(void)model_free(s->slots[i].model);
	for (size_t i = 0; i < s->n_dirs; i++)
		if (s->dirs[i] >= 0)
			(void)close(s->dirs[i]);
	rack_done(&s->rack);
	free(s->seen);
	free(s);
	return NULL;
}

void shelf_examine_all(struct shelf *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->slots[i].state == NEW)
			begin(s, &s->slots[i], true);
}

void shelf_load_all(struct shelf *s)
{
	shelf_examine_all(s);
	for (size_t i = 0; i < s->n; i++) {
		if (s->slots[i].state == COLD && slot_fits(s, &s->slots[i]))
			begin(s, &s->slots[i], false);
	}
}

struct model *shelf_find(const struct shelf *s, const char *id)
{
	const struct slot *slot = find_slot(s, id);

	return slot && !slot->gone ? slot->model : NULL;
}

int shelf_use_on(struct shelf *s, struct model *m, struct bay *on, struct err *e)
{
	struct slot *slot = slot_of(s, m);

	if (on && slot->state != NEW && m->need > on->memory_max)
		return err_set(e, -ENODEV,
			"model: '%s' needs %llu MiB, and the device %s may take %llu", m->id,
			(unsigned long long)(m->need >> 20), on->name,
			(unsigned long long)(on->memory_max >> 20));
	if (on)
		slot_follow(s, slot, on);
	if (!s->loading && slot->state == NEW)
		begin(s, slot, true);
	if (!s->loading && slot->state == COLD && shelf_make_room(s, slot))
		begin(s, slot, false);
	if (slot->state == READY && !slot_is_leaving(slot) && (!on || slot->bay == on)) {
		if (slot_is_due_elsewhere(s, slot))
			return -EAGAIN;
		slot->used_usec = clock_mono_usec();
		slot->claimed_until_usec = 0;
		return 0;
	}
	if (slot->state == FAILED)
		return err_set(e, m->error.code == -EFBIG ? -EFBIG : -ENOENT,
			"model: '%s' could not be loaded: %s", m->id, m->error.text);
	if (slot->state != NEW && !rack_place(&s->rack, m->need)) {
		(void)rack_refuse(&s->rack, m->need, e);
		return err_wrap(e, "model '%s'", m->id);
	}
	slot->wanted = true;
	if (s->loading)
		pump(s);
	return -EAGAIN;
}

int shelf_use(struct shelf *s, struct model *m, struct err *e)
{
	return shelf_use_on(s, m, NULL, e);
}

bool shelf_is_loading(const struct shelf *s)
{
	return s->at != NULL;
}

size_t shelf_count(const struct shelf *s)
{
	return s->n;
}

struct model *shelf_at(const struct shelf *s, size_t i)
{
	return s->slots[i].model;
}

void shelf_settle(struct shelf *s)
{
	if (s->loading)
		pump(s);
	shelf_tell(s);
}

/* From 0 to 1. */
static double progress_of(const struct shelf *s, const struct slot *slot)
{
	if (slot->state == READY)
		return 1;
	if (slot->state != LOADING || slot != s->at || slot->model->need == 0)
		return 0;
	/* Some tensors are taken in parts, and counted so often. */
	return fmin(1, (double)loading_done_bytes(s->loading) / (double)slot->model->need);
}

double shelf_progress(const struct shelf *s, const struct model *m)
{
	return progress_of(s, slot_of((struct shelf *)s, m));
}

static json_t *row_of(const struct shelf *s, const struct slot *slot)
{
	const struct model *m = slot->model;
	bool chatless = m->net && m->net->family->decoder && !m->template;

	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:s, s:f, s:s}", "id", m->id, "task",
		m->task, "architecture", m->architecture, "parameters", (json_int_t)m->parameters,
		"bytes", (json_int_t)m->bytes, "loaded", m->net != NULL, "state",
		state_names[slot->state], "progress", progress_of(s, slot), "error",
		m->error.code ? m->error.text
		: chatless    ? m->template_error.text
			      : "");
}

json_t *shelf_list(const struct shelf *s)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < s->n; i++) {
		/* A folder whose name is not UTF-8 has no place in JSON. */
		json_t *row = s->slots[i].gone ? NULL : row_of(s, &s->slots[i]);

		if (row && json_array_append_new(list, row) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

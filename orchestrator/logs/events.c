#include "orchestrator/logs/events.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

#define DAY_USEC (86400 * USEC_PER_SEC)
#define EVENT_MAX 8192

struct events {
	struct journals *spaces, *all; /* owned */
};

enum kind { KIND_STR, KIND_INT, KIND_NUM };
enum need { REQUIRED, OPTIONAL };

struct field {
	enum event of;
	enum kind kind;
	enum need need;
	const char *name;
};

static const char *const types[] = {
#define EVENT(NAME, type, doc) [EVENT_##NAME] = type,
#define EVENT_FIELD(NAME, kind, name, need, doc)
#define END_EVENT(NAME)
#include "proto/events.def"
};

static const struct field fields_of[] = {
#define EVENT(NAME, type, doc)
#define EVENT_FIELD(NAME, kind, name, need, doc) {EVENT_##NAME, KIND_##kind, need, #name},
#define END_EVENT(NAME)
#include "proto/events.def"
};
#define N_FIELDS (sizeof(fields_of) / sizeof(fields_of[0]))

int events_new(struct loop *loop, const char *dir, struct events **ret, struct err *e)
{
	const struct journal_limits own = {.name_max = EVENTS_SPACE_MAX,
		.age_usec = EVENTS_AGE_DAYS * DAY_USEC,
		.total_max = EVENTS_TOTAL_MAX};
	const struct journal_limits all = {
		.name_max = EVENTS_ALL_MAX, .age_usec = EVENTS_AGE_DAYS * DAY_USEC};
	CLEANUP(events_freep) struct events *ev = calloc(1, sizeof(*ev));
	char path[4096];
	int r;

	if (!ev)
		return err_set(e, -ENOMEM, "out of memory");
	(void)snprintf(path, sizeof(path), "%s/spaces", dir);
	r = journals_new(loop, path, &own, &ev->spaces, e);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/platform", dir);
	r = journals_new(loop, path, &all, &ev->all, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(ev);
	return 0;
}

struct events *events_free(struct events *ev)
{
	if (!ev)
		return NULL;
	(void)journals_free(ev->spaces);
	(void)journals_free(ev->all);
	free(ev);
	return NULL;
}

/* --- the table --- */

static const struct field *find_field(enum event type, const char *name)
{
	for (size_t i = 0; i < N_FIELDS; i++)
		if (fields_of[i].of == type && !strcmp(fields_of[i].name, name))
			return &fields_of[i];
	return NULL;
}

static bool is_kind(enum kind kind, const json_t *v)
{
	switch (kind) {
	case KIND_STR:
		return json_is_string(v);
	case KIND_INT:
		return json_is_integer(v);
	default:
		return json_is_number(v);
	}
}

/* The name of a field that is wrong or missing; NULL: all are right. */
static const char *wrong_field(enum event type, json_t *fields)
{
	const char *name;
	json_t *v;

	json_object_foreach(fields, name, v)
	{
		const struct field *f = find_field(type, name);

		if (!f || !is_kind(f->kind, v))
			return name;
	}
	for (size_t i = 0; i < N_FIELDS; i++)
		if (fields_of[i].of == type && fields_of[i].need == REQUIRED &&
			!json_object_get(fields, fields_of[i].name))
			return fields_of[i].name;
	return NULL;
}

static void drop_nulls(json_t *fields)
{
	const char *name;
	json_t *v;
	void *next;

	json_object_foreach_safe(fields, next, name, v)
	{
		if (json_is_null(v))
			(void)json_object_del(fields, name);
	}
}

/* --- telling --- */

static int write_event(struct buf *b, enum event type, const char *space, const json_t *fields)
{
	CLEANUP(json_unrefp)
	json_t *o = json_pack("{s:I, s:s, s:s}", "time", (json_int_t)clock_wall_usec(), "type",
		types[type], "space", space);

	if (!o || json_object_update(o, (json_t *)fields) < 0)
		return -ENOMEM;
	return json_write(b, o);
}

int events_tell(struct events *ev, enum event type, const char *space_id, const char *space_name,
	json_t *taken)
{
	CLEANUP(json_unrefp) json_t *fields = taken;
	CLEANUP(buf_done) struct buf b;
	const char *wrong;
	int64_t at;
	int r;

	buf_init(&b, EVENT_MAX);
	if (!fields)
		return -EINVAL;
	drop_nulls(fields);
	wrong = wrong_field(type, fields);
	if (wrong) {
		log_error("event=%s field '%s' is not as proto/events.def has it", types[type],
			wrong);
		return -EINVAL;
	}
	r = write_event(&b, type, space_name, fields);
	if (r < 0) {
		log_warn("event=%s space=%s cannot be written: %s", types[type], space_name,
			strerror(-r));
		return r;
	}
	at = journal_append(ev->all, EVENTS_ALL_NAME, b.data, b.len);
	if (at >= 0 && space_id)
		at = journal_append(ev->spaces, space_id, b.data, b.len);
	return at < 0 ? (int)at : 0;
}

struct journals *events_of_spaces(struct events *ev)
{
	return ev->spaces;
}

struct journals *events_of_all(struct events *ev)
{
	return ev->all;
}

#include "proto/proto.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "proto/messages.h"

/* Every generated struct begins with this, so that proto_done needs no table. */
struct any_message {
	json_t *root;
};

static void *member(void *m, const struct proto_field *f)
{
	return (char *)m + f->offset;
}

static int read_field(const struct proto_field *f, void *m, const json_t *root, struct err *e)
{
	json_t *v = json_object_get(root, f->name);

	if (!v || json_is_null(v)) {
		/* A required JSON field may hold null: that is a value. */
		if (f->required && !(v && f->kind == PROTO_JSON))
			return err_set(e, -EINVAL, "%s: missing", f->name);
		if (f->kind == PROTO_JSON)
			*(json_t **)member(m, f) = v;
		return 0;
	}
	switch (f->kind) {
	case PROTO_STR:
		return json_get_str(root, f->name, f->max, member(m, f), e);
	case PROTO_INT:
		return json_get_int(root, f->name, 0, (int64_t)f->max, member(m, f), e);
	case PROTO_BOOL:
		if (!json_is_boolean(v))
			return err_set(e, -EINVAL, "%s: must be true or false", f->name);
		*(bool *)member(m, f) = json_is_true(v);
		return 0;
	case PROTO_JSON:
		*(json_t **)member(m, f) = v;
		return 0;
	}
	return 0;
}

int proto_read(
	const struct proto_message *d, void *m, const uint8_t *value, size_t n, struct err *e)
{
	struct any_message *any = m;
	json_t *root;
	int r = json_parse(value, n, (size_t)d->value_max, &root, e);

	if (r < 0) {
		(void)err_wrap(e, "%s", d->name);
		return r;
	}
	if (!json_is_object(root)) {
		json_decref(root);
		return err_set(e, -EINVAL, "%s: must be a JSON object", d->name);
	}
	for (size_t i = 0; i < d->n_fields; i++) {
		r = read_field(&d->fields[i], m, root, e);
		if (r < 0) {
			json_decref(root);
			(void)err_wrap(e, "%s", d->name);
			return r;
		}
	}
	any->root = root;
	return 0;
}

static json_t *field_value(const struct proto_field *f, const void *m)
{
	const void *at = (const char *)m + f->offset;

	switch (f->kind) {
	case PROTO_STR: {
		const char *s = *(const char *const *)at;

		return s ? json_string(s) : NULL;
	}
	case PROTO_INT: {
		int64_t v = *(const int64_t *)at;

		return v || f->required ? json_integer(v) : NULL;
	}
	case PROTO_BOOL: {
		bool v = *(const bool *)at;

		return v || f->required ? json_boolean(v) : NULL;
	}
	case PROTO_JSON: {
		json_t *v = *(json_t *const *)at;

		return v ? json_incref(v) : f->required ? json_null() : NULL;
	}
	}
	return NULL;
}

int proto_write(const struct proto_message *d, const void *m, struct buf *b)
{
	json_t *root = json_object();
	int r = 0;

	if (!root)
		return -ENOMEM;
	for (size_t i = 0; i < d->n_fields && r == 0; i++) {
		json_t *v = field_value(&d->fields[i], m);

		/* A string that is not UTF-8 has no JSON form: refused rather than dropped. */
		if (!v && d->fields[i].required)
			r = -EINVAL;
		else if (v && json_object_set_new_nocheck(root, d->fields[i].name, v) < 0)
			r = -ENOMEM;
	}
	if (r == 0)
		r = json_write(b, root);
	json_decref(root);
	return r;
}

void proto_done(void *m)
{
	struct any_message *any = m;

	json_decref(any->root);
	any->root = NULL;
}

long proto_value_max(enum proto_link link, enum proto_direction direction, uint8_t type)
{
	const struct proto_message *m = proto_find(link, direction, type);

	return m ? m->value_max : -1;
}

const char *proto_name(enum proto_link link, uint8_t type)
{
	static char unknown[16];
	const struct proto_message *m = proto_find(link, PROTO_UP, type);

	if (!m)
		m = proto_find(link, PROTO_DOWN, type);
	if (m)
		return m->name;
	(void)snprintf(unknown, sizeof(unknown), "type 0x%02x", type);
	return unknown;
}

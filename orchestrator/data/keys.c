/* Keys and values. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/utf8.h"
#include "orchestrator/data/ops.h"

#define ANSWER_SPARE 4096 /* of an answer's ceiling, for what stands around values */

static int refuse(struct op_call *c, const char *code, struct err *e)
{
	c->code = code;
	return e->code;
}

/* 1 to DATA_KEY_MAX bytes of UTF-8 without control characters. */
static int check_key(const char *name, const char *key, struct err *e)
{
	size_t n = strlen(key), step;

	if (n == 0)
		return err_set(e, -EINVAL, "%s: a key has 1 to %d bytes", name, DATA_KEY_MAX);
	for (size_t i = 0; i < n; i += step) {
		step = utf8_length((const unsigned char *)key + i, n - i);
		if (step == 0 || (unsigned char)key[i] < 0x20 || key[i] == 0x7f)
			return err_set(e, -EINVAL,
				"%s: a key is UTF-8 text without control characters", name);
	}
	return 0;
}

static int get_key(struct op_call *c, const char **ret, struct err *e)
{
	int r = c->scope ? json_get_str(c->args, "key", DATA_KEY_MAX, ret, e) : 0;

	if (!c->scope) {
		(void)err_set(e, -EINVAL, "there is no visitor here whose keys these could be");
		return refuse(c, "nobody", e);
	}
	if (r < 0)
		e->code = -EINVAL;
	return r < 0 ? -EINVAL : check_key("key", *ret, e);
}

/* What stands in the row; n_rows 0: nothing does. */
struct item {
	int64_t revision, bytes;
};

static int read_item(const struct store_row *row, void *data)
{
	*(struct item *)data = (struct item){store_int(row, 0), store_int(row, 1)};
	return 0;
}

struct space {
	int64_t revision, keys, bytes, files, file_bytes;
};

static int read_space(const struct store_row *row, void *data)
{
	*(struct space *)data = (struct space){store_int(row, 0), store_int(row, 1),
		store_int(row, 2), store_int(row, 3), store_int(row, 4)};
	return 0;
}

static int get_space(struct op_call *c, struct space *ret, struct err *e)
{
	int r = store_run(c->db, "space_get", read_space, ret, e, "s", c->space);

	return r < 0 ? r : 0;
}

/* --- get --- */

static int write_value(const struct store_row *row, void *data)
{
	struct buf *b = data;
	int r = buf_addf(b, "{\"revision\":%lld,\"value\":", (long long)store_int(row, 1));

	if (r == 0)
		r = buf_add_str(b, store_text(row, 0));
	return r < 0 ? r : buf_add_str(b, "}");
}

int op_get(struct op_call *c, struct err *e)
{
	const char *key;
	int r = get_key(c, &key, e);

	if (r == 0)
		r = store_run(
			c->db, "item_get", write_value, c->out, e, "sss", c->space, c->scope, key);
	if (r == 0)
		return buf_add_str(c->out, "{}");
	return r < 0 ? r : 0;
}

/* --- set and delete --- */

/* Whether the row is what the caller has seen. 1: it is; 0: the answer says what it is. */
static int is_expected(struct op_call *c, const struct item *now, struct err *e)
{
	int64_t wanted;
	int r = json_opt_int(c->args, "if", 0, INT64_MAX, -1, &wanted, e);

	if (r < 0)
		return r;
	if (wanted < 0 || wanted == now->revision)
		return 1;
	return buf_addf(c->out, "{\"conflict\":true,\"revision\":%lld}", (long long)now->revision);
}

static int check_quota(
	struct op_call *c, const struct space *s, int64_t keys, int64_t bytes, struct err *e)
{
	struct space own = {0};
	int r = 0;

	if (*c->scope && (keys > 0 || bytes > 0))
		r = store_run(c->db, "scope_get", read_space, &own, e, "ss", c->space, c->scope);
	if (r < 0)
		return r;
	if (keys > 0 && (uint64_t)(s->keys + keys) > c->limits->keys)
		r = err_set(e, -EINVAL, "the Space has %lld keys, the limit is %llu",
			(long long)s->keys, (unsigned long long)c->limits->keys);
	else if (bytes > 0 && (uint64_t)(s->bytes + bytes) > c->limits->bytes)
		r = err_set(e, -EINVAL,
			"the Space keeps %lld bytes and this would add %lld, the limit is %llu",
			(long long)s->bytes, (long long)bytes,
			(unsigned long long)c->limits->bytes);
	else if (*c->scope && keys > 0 && own.keys + keys > DATA_SCOPE_KEYS)
		r = err_set(e, -EINVAL, "the visitor has %lld keys, the limit is %d",
			(long long)own.keys, DATA_SCOPE_KEYS);
	else if (*c->scope && bytes > 0 && own.bytes + bytes > DATA_SCOPE_BYTES)
		r = err_set(e, -EINVAL,
			"the visitor's keys hold %lld bytes and this would add %lld, the limit is "
			"%u",
			(long long)own.bytes, (long long)bytes, DATA_SCOPE_BYTES);
	else
		return 0;
	return refuse(c, "quota", e);
}

static int put(struct op_call *c, const char *key, const struct buf *value, const struct item *now,
	bool is_new, struct err *e)
{
	struct space s = {0};
	int64_t bytes = (int64_t)(strlen(key) + value->len);
	int r = get_space(c, &s, e);

	if (r == 0)
		r = check_quota(c, &s, is_new, bytes - now->bytes, e);
	if (r < 0)
		return r;
	r = snapshot_keep_item(c, key, now->revision, s.revision + 1, e);
	if (r < 0)
		return r;
	r = store_run(c->db, "space_charge", NULL, NULL, e, "sii", c->space, (int64_t)is_new,
		bytes - now->bytes);
	if (r >= 0)
		r = store_run(c->db, "item_put", NULL, NULL, e, "ssssiii", c->space, c->scope, key,
			buf_str(value), s.revision + 1, bytes, (int64_t)clock_wall_usec());
	return r < 0 ? r : buf_addf(c->out, "{\"revision\":%lld}", (long long)s.revision + 1);
}

int op_set(struct op_call *c, struct err *e)
{
	const json_t *value = json_object_get(c->args, "value");
	CLEANUP(buf_done) struct buf text;
	struct item now = {0};
	const char *key;
	int r = get_key(c, &key, e), rows;

	buf_init(&text, DATA_VALUE_MAX);
	if (r == 0 && !value)
		r = err_set(e, -EINVAL, "value: is missing");
	if (r == 0 && json_write(&text, value) < 0) {
		(void)err_set(e, -EINVAL, "value: over %u bytes", DATA_VALUE_MAX);
		return refuse(c, "too_large", e);
	}
	if (r < 0)
		return r;
	rows = store_run(c->db, "item_size", read_item, &now, e, "sss", c->space, c->scope, key);
	if (rows < 0)
		return rows;
	r = is_expected(c, &now, e);
	return r == 1 ? put(c, key, &text, &now, rows == 0, e) : r;
}

int op_delete(struct op_call *c, struct err *e)
{
	struct space s = {0};
	struct item now = {0};
	const char *key;
	int r = get_key(c, &key, e), rows;

	if (r < 0)
		return r;
	rows = store_run(c->db, "item_size", read_item, &now, e, "sss", c->space, c->scope, key);
	if (rows < 0)
		return rows;
	r = is_expected(c, &now, e);
	if (r != 1)
		return r;
	if (rows == 0)
		return buf_add_str(c->out, "{\"deleted\":false}");
	r = get_space(c, &s, e);
	if (r == 0)
		r = snapshot_keep_item(c, key, now.revision, s.revision + 1, e);
	if (r >= 0)
		r = store_run(c->db, "item_delete", NULL, NULL, e, "sss", c->space, c->scope, key);
	if (r >= 0)
		r = store_run(c->db, "space_charge", NULL, NULL, e, "sii", c->space, (int64_t)-1,
			-now.bytes);
	return r < 0 ? r : buf_add_str(c->out, "{\"deleted\":true}");
}

/* --- list --- */

struct listing {
	struct buf *out;
	const char *prefix;
	int64_t n, limit;
	bool values, more;
	bool scopes; /* of all, which then stand in a column of their own */
};

static int write_key(const struct store_row *row, void *data)
{
	struct listing *l = data;
	CLEANUP(json_unrefp) json_t *key = json_string(store_text(row, 0));
	const char *value = l->values ? store_text(row, 3) : "";
	int r;

	if (!key)
		return -ENOMEM;
	if (strncmp(store_text(row, 0), l->prefix, strlen(l->prefix)) != 0)
		return 1;
	/* A page ends before it is full to the last byte; one item fits always. */
	if (l->n == l->limit ||
		(l->n > 0 && l->out->len + strlen(value) + ANSWER_SPARE > DATA_VALUE_MAX)) {
		l->more = true;
		return 1;
	}
	r = buf_add_str(l->out, l->n++ ? ",{\"key\":" : "{\"key\":");
	if (r == 0)
		r = json_write(l->out, key);
	if (r == 0)
		r = buf_addf(l->out, ",\"revision\":%lld,\"bytes\":%lld",
			(long long)store_int(row, 1), (long long)store_int(row, 2));
	if (r == 0 && l->scopes && *store_text(row, 4)) /* letters, digits and a colon */
		r = buf_addf(l->out, ",\"visitor\":\"%s\"", store_text(row, 4));
	if (r == 0 && l->values)
		r = buf_add_str(l->out, ",\"value\":");
	if (r == 0 && l->values)
		r = buf_add_str(l->out, value);
	return r < 0 ? r : buf_add_str(l->out, "}");
}

int op_list(struct op_call *c, struct err *e)
{
	struct listing l = {.out = c->out, .values = json_opt_bool(c->args, "values", false)};
	const char *after;
	int r;

	if (!c->scope) {
		(void)err_set(e, -EINVAL, "there is no visitor here whose keys these could be");
		return refuse(c, "nobody", e);
	}
	r = json_opt_str(c->args, "prefix", DATA_KEY_MAX, "", &l.prefix, e);
	if (r == 0)
		r = json_opt_str(c->args, "after", DATA_KEY_MAX, "", &after, e);
	if (r == 0)
		r = json_opt_int(c->args, "limit", 1, DATA_LIST_MAX, 100, &l.limit, e);
	if (r == 0)
		r = buf_add_str(c->out, "{\"items\":[");
	if (r == 0)
		r = store_run(c->db, l.values ? "item_list_values" : "item_list", write_key, &l, e,
			"ssssi", c->space, c->scope, l.prefix, after, l.limit + 1);
	return r < 0 ? r : buf_addf(c->out, "],\"more\":%s}", l.more ? "true" : "false");
}

int op_dump(struct op_call *c, struct err *e)
{
	struct listing l = {.out = c->out,
		.prefix = "",
		.limit = DATA_LIST_MAX,
		.values = true,
		.scopes = true};
	const char *visitor, *after;
	int64_t snapshot;
	int r = json_opt_str(c->args, "visitor", DATA_KEY_MAX, "", &visitor, e);

	if (r == 0)
		r = json_opt_str(c->args, "after", DATA_KEY_MAX, "", &after, e);
	if (r == 0)
		r = buf_add_str(c->out, "{\"items\":[");
	if (r == 0)
		r = json_opt_int(c->args, "snapshot", 0, INT64_MAX, -1, &snapshot, e);
	if (r == 0)
		r = snapshot < 0 ? store_run(c->db, "item_dump", write_key, &l, e, "sssi", c->space,
					   visitor, after, l.limit + 1)
				 : store_run(c->db, "old_item_dump", write_key, &l, e, "sssii",
					   c->space, visitor, after, l.limit + 1, snapshot);
	return r < 0 ? r : buf_addf(c->out, "],\"more\":%s}", l.more ? "true" : "false");
}

int op_usage(struct op_call *c, struct err *e)
{
	struct space s = {0};
	int r = get_space(c, &s, e);

	return r < 0 ? r
		     : buf_addf(c->out,
			       "{\"keys\":%lld,\"bytes\":%lld,\"keys_max\":%llu,\"bytes_max\":%"
			       "llu,\"files\":%lld,\"file_bytes\":%lld,\"file_bytes_max\":%llu}",
			       (long long)s.keys, (long long)s.bytes,
			       (unsigned long long)c->limits->keys,
			       (unsigned long long)c->limits->bytes, (long long)s.files,
			       (long long)s.file_bytes, (unsigned long long)c->limits->file_bytes);
}

#include "orchestrator/space/settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "orchestrator/audit/audit.h"

/* Who set or removed a secret stays for good; a worker reads them at each of its starts. */
#define READ_KEPT_USEC (400 * 86400 * USEC_PER_SEC)

/* Statements of a kind, alike but for the column that holds the value. */
static const struct {
	const char *what, *list, *size, *set, *remove;
} kinds[] = {
	[SETTING_VARIABLE] = {"variable", "variable_list", "variable_size", "variable_set",
		"variable_remove"},
	[SETTING_SECRET] = {"secret", "secret_list", "secret_size", "secret_set", "secret_remove"},
};

/* agent/settings.c sets them. */
static const char *const reserved[] = {"ACCELERATOR", "CPU_CORES", "MEMORY", "SPACE_AUTHOR_NAME",
	"SPACE_HOST", "SPACE_ID", "SPACE_REPO_NAME", "SPACE_TITLE"};

int setting_name_check(const char *name, struct err *e)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	size_t n = strlen(name);

	if (n == 0 || n > SETTING_NAME_BYTES)
		return err_set(
			e, -EINVAL, "key: has %zu bytes, 1 to %d are right", n, SETTING_NAME_BYTES);
	if (strspn(name, letters) != n || (*name >= '0' && *name <= '9'))
		return err_set(e, -EINVAL,
			"key: letters, digits and _ are right, and no digit at the beginning");
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (!strcmp(reserved[i], name))
			return err_set(e, -EINVAL, "key: %s is set by the platform", name);
	return 0;
}

static int check(const struct setting *v, struct err *e)
{
	int r = setting_name_check(v->name, e);

	if (r < 0)
		return r;
	if (strlen(v->value) > SETTING_VALUE_BYTES)
		return err_set(e, -EINVAL, "value: is over %u KiB", SETTING_VALUE_BYTES >> 10);
	if (strlen(v->words) > SETTING_WORDS_BYTES)
		return err_set(e, -EINVAL, "description: is over %d bytes", SETTING_WORDS_BYTES);
	return 0;
}

static int audit(struct store *s, const struct space *space, const char *what, const char *names,
	const char *who, const char *why, struct err *e)
{
	char id[ID_LEN + 1], full[OWNER_MAX + SPACE_NAME_MAX + 2];
	int r;

	random_id(id);
	(void)snprintf(full, sizeof(full), "%s/%s", space->owner, space->name);
	r = store_run(s, "secret_audit_add", NULL, NULL, e, "sissssss", id,
		(int64_t)clock_wall_usec(), space->id, full, what, names, who, why);
	/* What is set and removed is asked for by somebody, and in the log as that. The names of
	 * all of them must fit: a Space whose secrets cannot be audited does not start. */
	_Static_assert(SETTINGS_COUNT * (SETTING_NAME_BYTES + 1) + 512 <= AUDIT_DETAIL_MAX,
		"the names of a Space's secrets fit into a row");
	if (r >= 0)
		r = store_run(s, "secret_audit_prune", NULL, NULL, e, "si", space->id,
			(int64_t)(clock_wall_usec() - READ_KEPT_USEC));
	if (r >= 0 && !strcmp(what, "read")) {
		CLEANUP(json_unrefp)
		json_t *detail = json_pack("{s:s, s:s}", "names", names, "why", why);

		r = audit_add(s, who, "read secrets", full, detail, e);
	}
	return r < 0 ? r : 0;
}

int settings_touch(struct store *s, struct space *space, struct err *e)
{
	int r = store_run(s, "space_touch_settings", NULL, NULL, e, "s", space->id);

	if (r < 0)
		return r;
	space->settings++;
	space->epoch++;
	return 0;
}

/* --- changes, inside the caller's transaction --- */

struct size {
	int64_t count, bytes;
};

static int read_size(const struct store_row *row, void *data)
{
	*(struct size *)data =
		(struct size){.count = store_int(row, 0), .bytes = store_int(row, 1)};
	return 1;
}

/* Of the others: what is replaced does not count. */
static int check_room(struct store *s, const struct space *space, enum setting_kind kind,
	const struct setting *v, struct err *e)
{
	struct size others = {0};
	int r = store_run(s, kinds[kind].size, read_size, &others, e, "ss", space->id, v->name);

	if (r < 0)
		return r;
	if (others.count >= SETTINGS_COUNT)
		return err_set(
			e, -EEXIST, "a Space has at most %d %ss", SETTINGS_COUNT, kinds[kind].what);
	if ((size_t)others.bytes + strlen(v->name) + strlen(v->value) > SETTINGS_BYTES)
		return err_set(e, -EEXIST, "the %ss of a Space have at most %u KiB together",
			kinds[kind].what, SETTINGS_BYTES >> 10);
	return 0;
}

/* A row of one Space is of no use in another, nor under another name. */
static void about(char ret[ID_LEN + SETTING_NAME_BYTES + 2], const char *space, const char *name)
{
	(void)snprintf(ret, ID_LEN + SETTING_NAME_BYTES + 2, "%s/%s", space, name);
}

static int put(struct store *s, const struct seal_key *k, const struct space *space,
	enum setting_kind kind, const struct setting *v, struct err *e)
{
	char words[ID_LEN + SETTING_NAME_BYTES + 2];
	CLEANUP(freep) char *sealed = NULL;
	int r = 0;

	if (kind == SETTING_SECRET) {
		about(words, space->id, v->name);
		r = seal_close(k, words, v->value, &sealed, e);
	}
	if (r == 0)
		r = store_run(s, kinds[kind].set, NULL, NULL, e, "ssssii", space->id, v->name,
			sealed ? sealed : v->value, v->words, (int64_t)clock_wall_usec(),
			(int64_t)(strlen(v->name) + strlen(v->value)));
	return r < 0 ? r : 0;
}

int setting_set(struct store *s, const struct seal_key *k, struct space *space,
	enum setting_kind kind, const struct setting *new, const char *who, struct err *e)
{
	const struct space before = *space;
	int r = check(new, e);

	if (r == 0)
		r = store_begin(s, e);
	if (r == 0)
		r = check_room(s, space, kind, new, e);
	if (r == 0)
		r = put(s, k, space, kind, new, e);
	if (r == 0 && kind == SETTING_SECRET)
		r = audit(s, space, "set", new->name, who, "", e);
	if (r == 0)
		r = settings_touch(s, space, e);
	if (r == 0)
		r = store_commit(s, e);
	store_rollback(s);
	if (r < 0)
		*space = before;
	return r;
}

int setting_remove(struct store *s, struct space *space, enum setting_kind kind, const char *name,
	const char *who, struct err *e)
{
	const struct space before = *space;
	int r = store_begin(s, e);

	if (r == 0)
		r = store_run(s, kinds[kind].remove, NULL, NULL, e, "ss", space->id, name);
	if (r == 0)
		r = err_set(e, -ENOENT, "there is no %s '%.*s'", kinds[kind].what,
			SETTING_NAME_BYTES, name);
	if (r > 0 && kind == SETTING_SECRET)
		r = audit(s, space, "removed", name, who, "", e);
	if (r >= 0)
		r = settings_touch(s, space, e);
	if (r == 0)
		r = store_commit(s, e);
	store_rollback(s);
	if (r < 0)
		*space = before;
	return r;
}

int settings_copy_variables(struct store *s, const char *from_id, const char *to_id, struct err *e)
{
	int r = store_run(s, "variable_copy", NULL, NULL, e, "ss", from_id, to_id);

	return r < 0 ? r : 0;
}

/* --- reading --- */

struct walk {
	void (*fn)(const struct setting *v, void *data);
	void *data;
	enum setting_kind kind;
};

static int read_setting(const struct store_row *row, void *data)
{
	const struct walk *w = data;
	const struct setting v = {.name = store_text(row, 0),
		.value = w->kind == SETTING_VARIABLE ? store_text(row, 3) : NULL,
		.words = store_text(row, 1),
		.updated_usec = store_int(row, 2)};

	w->fn(&v, w->data);
	return 0;
}

int settings_each(struct store *s, const struct space *space, enum setting_kind kind,
	void (*fn)(const struct setting *v, void *data), void *data, struct err *e)
{
	struct walk w = {.fn = fn, .data = data, .kind = kind};
	int r = store_run(s, kinds[kind].list, read_setting, &w, e, "s", space->id);

	return r < 0 ? r : 0;
}

static void add_variable(const struct setting *v, void *data)
{
	(void)json_object_set_new(data, v->name, json_string(v->value));
}

int settings_variables(struct store *s, const struct space *space, json_t **ret, struct err *e)
{
	CLEANUP(json_unrefp) json_t *all = json_object();
	int r;

	if (!all)
		return err_set(e, -ENOMEM, "out of memory");
	r = settings_each(s, space, SETTING_VARIABLE, add_variable, all, e);
	if (r == 0)
		*ret = TAKE_PTR(all);
	return r;
}

struct opening {
	const struct seal_key *key;
	const struct space *space;
	json_t *all;
	struct buf names;
	size_t lost;
};

static int add_name(const struct store_row *row, void *data)
{
	struct opening *o = data;

	return buf_addf(&o->names, "%s%s", o->names.len ? "," : "", store_text(row, 0));
}

static int open_one(const struct store_row *row, void *data)
{
	char words[ID_LEN + SETTING_NAME_BYTES + 2];
	CLEANUP(buf_done) struct buf clear;
	struct opening *o = data;

	buf_init(&clear, SEAL_TEXT_MAX);
	about(words, o->space->id, store_text(row, 0));
	if (seal_open(o->key, words, store_text(row, 3), &clear, &(struct err){0}) < 0) {
		o->lost++;
		return 0;
	}
	(void)json_object_set_new(
		o->all, store_text(row, 0), json_stringn(buf_str(&clear), clear.len));
	if (clear.data)
		explicit_bzero(clear.data, clear.len);
	return 0;
}

int settings_open_secrets(struct store *s, const struct seal_key *k, const struct space *space,
	const char *reader, const char *why, json_t **ret, size_t *ret_lost, struct err *e)
{
	struct opening o = {.key = k, .space = space, .all = json_object()};
	int r;

	if (!o.all)
		return err_set(e, -ENOMEM, "out of memory");
	buf_init(&o.names, SETTINGS_COUNT * (SETTING_NAME_BYTES + 1));
	r = store_run(s, "secret_list", add_name, &o, e, "s", space->id);
	if (r > 0)
		r = audit(s, space, "read", buf_str(&o.names), reader, why, e);
	if (r == 0 && o.names.len)
		r = store_run(s, "secret_list", open_one, &o, e, "s", space->id);
	buf_done(&o.names);
	if (r < 0) {
		json_decref(o.all);
		return r;
	}
	*ret = o.all;
	*ret_lost = o.lost;
	return 0;
}

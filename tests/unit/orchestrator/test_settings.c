#include "orchestrator/space/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "orchestrator/store/text.h"
#include "tests/support/test.h"

struct fixture {
	char dir[64];
	struct store *store;
	struct seal_key *key;
	struct space space;
	struct err e;
};

static void setup(struct fixture *fx)
{
	char path[128];

	*fx = (struct fixture){.dir = "/tmp/vitrine-settings-XXXXXX"};
	CHECK(mkdtemp(fx->dir));
	(void)snprintf(path, sizeof(path), "%s/db", fx->dir);
	CHECK(store_open(path, &fx->store, NULL) == 0);
	(void)snprintf(path, sizeof(path), "%s/key", fx->dir);
	CHECK(seal_key_open(path, &fx->key, NULL) == 0);
	CHECK(space_ensure(fx->store, "ada", "demo", &fx->space, NULL) == 0);
}

static void teardown(struct fixture *fx)
{
	(void)seal_key_free(fx->key);
	(void)store_close(fx->store);
	CHECK(fs_remove_tree(fx->dir) == 0);
}

static int set(struct fixture *fx, enum setting_kind kind, const char *name, const char *value)
{
	const struct setting v = {.name = name, .value = value, .words = "why"};

	fx->e = (struct err){0};
	return setting_set(fx->store, fx->key, &fx->space, kind, &v, "ada", &fx->e);
}

/* The file of the database, whole, and what SQLite keeps beside it. */
static bool database_holds(const struct fixture *fx, const char *text)
{
	static const char *const parts[] = {"db", "db-wal"};
	bool found = false;

	for (size_t i = 0; i < 2; i++) {
		CLEANUP(buf_done) struct buf b;
		char path[128];

		buf_init(&b, 64u << 20);
		(void)snprintf(path, sizeof(path), "%s/%s", fx->dir, parts[i]);
		if (fs_read(AT_FDCWD, path, &b, NULL) == 0)
			found |= memmem(b.data, b.len, text, strlen(text)) != NULL;
	}
	return found;
}

static char *dump(json_t *v)
{
	char *text = json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS);

	json_decref(v);
	return text;
}

static char *open_all(struct fixture *fx, const char *why)
{
	json_t *all = NULL;
	size_t lost = 7;

	CHECK(settings_open_secrets(
		      fx->store, fx->key, &fx->space, "agent", why, &all, &lost, &fx->e) == 0);
	CHECK(lost == 0);
	return dump(all);
}

struct lines {
	char text[4096];
};

static void note_one(const struct setting *v, void *data)
{
	struct lines *l = data;
	size_t n = strlen(l->text);

	CHECK(v->updated_usec > 0);
	(void)snprintf(l->text + n, sizeof(l->text) - n, "%s=%s (%s)\n", v->name,
		v->value ? v->value : "-", v->words);
}

static int note_audit(const struct store_row *row, void *data)
{
	struct lines *l = data;
	size_t n = strlen(l->text);

	(void)snprintf(l->text + n, sizeof(l->text) - n, "%s %s by %s for %s\n", store_text(row, 1),
		store_text(row, 2), store_text(row, 3), store_text(row, 4));
	return 0;
}

TEST(a_secret_is_nowhere_in_the_database_and_opens_for_its_space)
{
	CLEANUP(freep) char *all = NULL;
	struct fixture fx;

	setup(&fx);
	CHECK(set(&fx, SETTING_SECRET, "TOKEN", "very-secret-value") == 0);
	CHECK(set(&fx, SETTING_SECRET, "EMPTY", "") == 0);
	CHECK(!database_holds(&fx, "very-secret-value"));
	CHECK(database_holds(&fx, "TOKEN"));
	all = open_all(&fx, "a start");
	CHECK(!strcmp(all, "{\"EMPTY\":\"\",\"TOKEN\":\"very-secret-value\"}"));
	teardown(&fx);
}

TEST(a_list_has_a_variables_value_and_no_secrets)
{
	struct lines l = {""};
	struct fixture fx;

	setup(&fx);
	CHECK(set(&fx, SETTING_SECRET, "B", "hidden") == 0);
	CHECK(set(&fx, SETTING_VARIABLE, "V", "shown") == 0);
	CHECK(set(&fx, SETTING_SECRET, "A", "hidden") == 0);
	CHECK(settings_each(fx.store, &fx.space, SETTING_SECRET, note_one, &l, NULL) == 0);
	CHECK(settings_each(fx.store, &fx.space, SETTING_VARIABLE, note_one, &l, NULL) == 0);
	CHECK(!strcmp(l.text, "A=- (why)\nB=- (why)\nV=shown (why)\n"));
	teardown(&fx);
}

TEST(each_change_counts_up_settings_and_epoch_and_a_refused_one_neither)
{
	struct space again;
	struct fixture fx;

	setup(&fx);
	CHECK(set(&fx, SETTING_VARIABLE, "V", "1") == 0);
	CHECK(set(&fx, SETTING_SECRET, "S", "1") == 0);
	CHECK(setting_remove(fx.store, &fx.space, SETTING_SECRET, "S", "ada", NULL) == 0);
	CHECK(settings_touch(fx.store, &fx.space, NULL) == 0);
	CHECK(fx.space.settings == 4 && fx.space.epoch == 4);
	CHECK(setting_remove(fx.store, &fx.space, SETTING_SECRET, "S", "ada", NULL) == -ENOENT);
	CHECK(set(&fx, SETTING_VARIABLE, "1V", "x") == -EINVAL);
	CHECK(space_by_id(fx.store, fx.space.id, &again, NULL) == 0);
	CHECK(again.settings == 4 && again.epoch == 4);
	CHECK(fx.space.settings == 4 && fx.space.epoch == 4);
	teardown(&fx);
}

TEST(names_and_values_have_limits_that_are_said)
{
	static char value[SETTING_VALUE_BYTES + 2], name[SETTING_NAME_BYTES + 2];
	struct fixture fx;

	setup(&fx);
	memset(value, 'x', sizeof(value) - 1);
	memset(name, 'N', sizeof(name) - 1);
	CHECK(set(&fx, SETTING_VARIABLE, "", "x") == -EINVAL && strstr(fx.e.text, "key: "));
	CHECK(set(&fx, SETTING_VARIABLE, "a-b", "x") == -EINVAL);
	CHECK(set(&fx, SETTING_VARIABLE, name, "x") == -EINVAL);
	CHECK(set(&fx, SETTING_VARIABLE, "SPACE_ID", "x") == -EINVAL &&
		strstr(fx.e.text, "set by the platform"));
	CHECK(set(&fx, SETTING_SECRET, "S", value) == -EINVAL && strstr(fx.e.text, "value: "));
	value[SETTING_VALUE_BYTES] = '\0';
	CHECK(set(&fx, SETTING_SECRET, "S0", value) == 0);
	CHECK(set(&fx, SETTING_SECRET, "S1", value) == 0);
	CHECK(set(&fx, SETTING_SECRET, "S2", value) == 0);
	CHECK(set(&fx, SETTING_SECRET, "S3", value) == -EEXIST && strstr(fx.e.text, "64 KiB"));
	/* What is replaced makes room for what replaces it. */
	CHECK(set(&fx, SETTING_SECRET, "S2", value) == 0);
	teardown(&fx);
}

TEST(a_space_has_so_many_and_no_more)
{
	struct fixture fx;
	char name[16];

	setup(&fx);
	for (int i = 0; i < SETTINGS_COUNT; i++) {
		(void)snprintf(name, sizeof(name), "V%d", i);
		CHECK(set(&fx, SETTING_VARIABLE, name, "x") == 0);
	}
	CHECK(set(&fx, SETTING_VARIABLE, "MORE", "x") == -EEXIST);
	CHECK(set(&fx, SETTING_VARIABLE, "V7", "y") == 0);
	CHECK(set(&fx, SETTING_SECRET, "MORE", "x") == 0);
	teardown(&fx);
}

TEST(every_opening_and_every_change_is_put_down_and_none_can_be_taken_back)
{
	static const char old_readings[] =
		"DELETE FROM secret_audit WHERE space_id = $1 AND what = "
		"'read' AND at_usec < $2";
	CLEANUP(freep) char *first = NULL;
	struct lines l = {""};
	const char *gone;
	struct fixture fx;

	setup(&fx);
	CHECK(set(&fx, SETTING_SECRET, "A", "x") == 0);
	CHECK(set(&fx, SETTING_SECRET, "B", "x") == 0);
	first = open_all(&fx, "a start");
	CHECK(setting_remove(fx.store, &fx.space, SETTING_SECRET, "A", "bob", NULL) == 0);
	CHECK(store_run(fx.store, "secret_audit_list", note_audit, &l, NULL, "si", fx.space.id,
		      (int64_t)100) == 4);
	CHECK(strstr(l.text, "read A,B by agent for a start\n"));
	CHECK(strstr(l.text, "removed A by bob for \n"));
	CHECK(strstr(l.text, "set A by ada for \n") && strstr(l.text, "set B by ada for \n"));
	CHECK(!strstr(store_statements_sql, "UPDATE secret_audit"));
	/* But for readings, when they are old. */
	gone = strstr(store_statements_sql, "DELETE FROM secret_audit");
	CHECK(gone && !strstr(gone + 1, "DELETE FROM secret_audit"));
	CHECK(!strncmp(gone, old_readings, sizeof(old_readings) - 1));
	teardown(&fx);
}

TEST(readings_are_put_down_for_four_hundred_days_and_changes_for_good)
{
	int64_t old = (int64_t)(clock_wall_usec() - 401 * 86400 * USEC_PER_SEC);
	CLEANUP(freep) char *all = NULL;
	struct lines l = {""};
	struct fixture fx;

	setup(&fx);
	CHECK(set(&fx, SETTING_SECRET, "A", "x") == 0);
	for (int i = 0; i < 2; i++)
		CHECK(store_run(fx.store, "secret_audit_add", NULL, NULL, NULL, "sissssss",
			      i ? "1" : "0", old, fx.space.id, "ada/demo", i ? "set" : "read",
			      "OLD", "ada", "") == 1);
	all = open_all(&fx, "a start");
	CHECK(store_run(fx.store, "secret_audit_list", note_audit, &l, NULL, "si", fx.space.id,
		      (int64_t)100) == 3);
	CHECK(strstr(l.text, "set OLD by ada") && !strstr(l.text, "read OLD"));
	teardown(&fx);
}

TEST(a_space_without_secrets_is_opened_without_a_word)
{
	CLEANUP(freep) char *all = NULL;
	struct lines l = {""};
	struct fixture fx;

	setup(&fx);
	all = open_all(&fx, "a start");
	CHECK(!strcmp(all, "{}"));
	CHECK(store_run(fx.store, "secret_audit_list", note_audit, &l, NULL, "si", fx.space.id,
		      (int64_t)100) == 0);
	teardown(&fx);
}

TEST(with_another_key_secrets_are_counted_as_lost_and_the_rest_goes_on)
{
	struct seal_key *other = NULL;
	json_t *all = NULL;
	struct fixture fx;
	char path[128];
	size_t lost = 0;

	setup(&fx);
	CHECK(set(&fx, SETTING_SECRET, "OLD", "x") == 0);
	(void)snprintf(path, sizeof(path), "%s/other", fx.dir);
	CHECK(seal_key_open(path, &other, NULL) == 0);
	(void)seal_key_free(fx.key);
	fx.key = other;
	CHECK(set(&fx, SETTING_SECRET, "NEW", "y") == 0);
	CHECK(settings_open_secrets(
		      fx.store, fx.key, &fx.space, "agent", "a start", &all, &lost, NULL) == 0);
	CHECK(lost == 1 && json_object_size(all) == 1);
	json_decref(all);
	teardown(&fx);
}

TEST(as_many_secrets_as_there_may_be_with_names_as_long_as_can_be_open)
{
	char name[SETTING_NAME_BYTES + 1];
	struct fixture fx;
	size_t lost = 0;
	json_t *all = NULL;

	setup(&fx);
	for (int i = 0; i < SETTINGS_COUNT; i++) {
		(void)snprintf(name, sizeof(name), "S%0*d", SETTING_NAME_BYTES - 1, i);
		CHECK(set(&fx, SETTING_SECRET, name, "x") == 0);
	}
	CHECK(settings_open_secrets(
		      fx.store, fx.key, &fx.space, "agent", "a start", &all, &lost, &fx.e) == 0);
	CHECK(lost == 0 && json_object_size(all) == SETTINGS_COUNT);
	json_decref(all);
	teardown(&fx);
}

TEST_MAIN()

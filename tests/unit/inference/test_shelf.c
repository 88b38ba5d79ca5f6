/* The shelf: what is loaded when, into how much memory, and what is told of it. */
#include "inference/engine/shelf.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "inference/engine/guard.h"
#include "inference/engine/shelf_look.h"
#include "tests/unit/inference/known.h"

#define MODEL "models/tiny-sentiment"
#define PATIENCE_USEC (30 * USEC_PER_SEC)

struct stand {
	char root[64];
	struct device *device;
	struct loop *loop;
	struct shelf *shelf;
	bool keep;            /* no model may be released */
	unsigned int changes; /* told so far */
	unsigned int released;
};

static void on_changed(void *data)
{
	((struct stand *)data)->changes++;
}

static bool on_release(struct model *m, void *data)
{
	struct stand *s = data;

	(void)m;
	s->released += !s->keep;
	return !s->keep;
}

static const struct shelf_ops ops = {on_changed, on_release};

/* A link to the shipped model, under another name. */
static void add_model(const struct stand *s, const char *name)
{
	char here[512], from[600], to[160];

	CHECK(getcwd(here, sizeof(here)));
	snprintf(from, sizeof(from), "%s/" MODEL, here);
	snprintf(to, sizeof(to), "%s/%s", s->root, name);
	CHECK(symlink(from, to) == 0);
}

static void begin(struct stand *s, const char *const *names)
{
	*s = (struct stand){0};
	snprintf(s->root, sizeof(s->root), "/tmp/vitrine-shelf-XXXXXX");
	CHECK(mkdtemp(s->root));
	for (; names && *names; names++)
		add_model(s, *names);
	CHECK(device_open("cpu", "scalar", &s->device, NULL) == 0 && loop_new(&s->loop) == 0);
}

static void open_shelf(struct stand *s, uint64_t memory_max, bool start)
{
	const char *dirs[] = {s->root};
	struct err e = {0};

	CHECK(shelf_open(dirs, 1, s->device, memory_max, &s->shelf, &e) == 0);
	if (start)
		CHECK(shelf_start(s->shelf, s->loop, &ops, s) == 0);
}

static void end(struct stand *s)
{
	shelf_free(s->shelf);
	loop_free(s->loop);
	device_close(s->device);
	CHECK(fs_remove_tree(s->root) == 0);
}

/* What the list says of a model. Owned by *ret_list. */
static const json_t *row_of(const struct stand *s, const char *id, json_t **ret_list)
{
	const json_t *row;
	size_t i;

	*ret_list = shelf_list(s->shelf);
	json_array_foreach(*ret_list, i,
		row) if (!strcmp(json_string_value(json_object_get(row, "id")), id)) return row;
	return NULL;
}

static bool is_in(const struct stand *s, const char *id, const char *state)
{
	json_t *list;
	const json_t *row = row_of(s, id, &list);
	bool same = row && !strcmp(json_string_value(json_object_get(row, "state")), state);

	json_decref(list);
	return same;
}

static void until_in(struct stand *s, const char *id, const char *state)
{
	uint64_t end_usec = clock_mono_usec() + PATIENCE_USEC;

	while (!is_in(s, id, state)) {
		CHECK(clock_mono_usec() < end_usec);
		CHECK(loop_dispatch(s->loop, 100) == 0);
	}
}

static int use(struct stand *s, const char *id, struct err *e)
{
	struct model *m = shelf_find(s->shelf, id);

	*e = (struct err){0};
	return m ? shelf_use(s->shelf, m, e) : -ENOENT;
}

/* The weights of one of these models. */
static uint64_t need_of_one(void)
{
	static uint64_t need;
	struct stand s;
	struct err e;

	if (need)
		return need;
	begin(&s, (const char *[]){"one", NULL});
	open_shelf(&s, UINT64_MAX, false);
	CHECK(use(&s, "vitrine/one", &e) == 0);
	need = shelf_memory(s.shelf);
	CHECK(need > 1 << 20);
	end(&s);
	return need;
}

TEST(without_a_start_a_model_is_loaded_where_it_is_used)
{
	struct stand s;
	struct err e;

	begin(&s, (const char *[]){"one", "two", NULL});
	open_shelf(&s, need_of_one() * 3 / 2, false);
	CHECK(shelf_memory(s.shelf) == 0);
	CHECK(use(&s, "vitrine/one", &e) == 0 && shelf_find(s.shelf, "vitrine/one")->net);
	CHECK(use(&s, "vitrine/two", &e) == 0 && !shelf_find(s.shelf, "vitrine/one")->net);
	CHECK(shelf_memory(s.shelf) == need_of_one());
	end(&s);
}

TEST(a_model_that_is_called_while_it_loads_is_there_a_little_later)
{
	struct stand s;
	struct err e;
	json_t *list;

	begin(&s, (const char *[]){"one", NULL});
	open_shelf(&s, UINT64_MAX, true);
	CHECK(use(&s, "vitrine/one", &e) == -EAGAIN);
	until_in(&s, "vitrine/one", "ready");
	CHECK(use(&s, "vitrine/one", &e) == 0 && s.changes > 0);

	const json_t *row = row_of(&s, "vitrine/one", &list);

	CHECK(json_is_true(json_object_get(row, "loaded")));
	CHECK(json_number_value(json_object_get(row, "progress")) == 1);
	CHECK(!strcmp(json_string_value(json_object_get(row, "task")), "text-classification"));
	json_decref(list);
	end(&s);
}

TEST(what_fits_is_loaded_unasked_and_the_rest_is_known)
{
	struct stand s;
	json_t *list;

	begin(&s, (const char *[]){"one", "two", NULL});
	open_shelf(&s, need_of_one() * 3 / 2, true);
	until_in(&s, "vitrine/one", "ready");
	until_in(&s, "vitrine/two", "cold");

	const json_t *row = row_of(&s, "vitrine/two", &list);

	CHECK(json_is_false(json_object_get(row, "loaded")));
	CHECK(!strcmp(json_string_value(json_object_get(row, "task")), "text-classification"));
	CHECK(json_integer_value(json_object_get(row, "parameters")) > 0);
	CHECK(json_string_length(json_object_get(row, "error")) == 0);
	json_decref(list);
	CHECK(s.released == 0);
	end(&s);
}

TEST(the_least_recently_used_one_makes_room)
{
	struct stand s;
	struct err e;

	begin(&s, (const char *[]){"a", "b", "c", NULL});
	open_shelf(&s, need_of_one() * 5 / 2, true);
	until_in(&s, "vitrine/a", "ready");
	until_in(&s, "vitrine/b", "ready");
	until_in(&s, "vitrine/c", "cold");
	CHECK(use(&s, "vitrine/a", &e) == 0);
	CHECK(use(&s, "vitrine/c", &e) == -EAGAIN);
	until_in(&s, "vitrine/c", "ready");
	CHECK(is_in(&s, "vitrine/a", "ready") && is_in(&s, "vitrine/b", "cold"));
	CHECK(shelf_memory(s.shelf) == 2 * need_of_one());
	CHECK(use(&s, "vitrine/b", &e) == -EAGAIN);
	until_in(&s, "vitrine/b", "ready");
	CHECK(is_in(&s, "vitrine/a", "cold"));
	end(&s);
}

TEST(a_model_in_use_is_not_unloaded_and_another_one_waits_for_it)
{
	struct stand s;
	struct err e;

	begin(&s, (const char *[]){"a", "b", NULL});
	open_shelf(&s, need_of_one() * 3 / 2, true);
	until_in(&s, "vitrine/a", "ready");
	until_in(&s, "vitrine/b", "cold");
	s.keep = true;
	CHECK(use(&s, "vitrine/b", &e) == -EAGAIN);
	for (int i = 0; i < 5; i++)
		CHECK(loop_dispatch(s.loop, 50) == 0);
	CHECK(is_in(&s, "vitrine/a", "ready") && is_in(&s, "vitrine/b", "waiting"));
	s.keep = false;
	until_in(&s, "vitrine/b", "ready");
	end(&s);
}

/* Each is called again only in the round after it was told to be there. */
TEST(two_that_are_wanted_at_once_do_not_unload_each_other_before_they_are_called)
{
	struct stand s;
	struct err e;
	bool done_a = false, done_b = false;
	uint64_t end_usec = clock_mono_usec() + PATIENCE_USEC;

	begin(&s, (const char *[]){"a", "b", NULL});
	open_shelf(&s, need_of_one() * 3 / 2, true);
	while (!done_a || !done_b) {
		CHECK(clock_mono_usec() < end_usec);
		done_a = done_a || use(&s, "vitrine/a", &e) == 0;
		done_b = done_b || use(&s, "vitrine/b", &e) == 0;
		CHECK(loop_dispatch(s.loop, 100) == 0);
	}
	end(&s);
}

TEST(one_that_never_fits_is_refused_with_both_numbers)
{
	struct stand s;
	struct err e;

	begin(&s, (const char *[]){"a", NULL});
	open_shelf(&s, 1 << 20, true);
	until_in(&s, "vitrine/a", "failed");
	CHECK(use(&s, "vitrine/a", &e) == -EFBIG);
	CHECK(strstr(e.text, "need 3 MiB of memory, the limit for all models is 1"));
	CHECK(shelf_memory(s.shelf) == 0 && !shelf_find(s.shelf, "vitrine/a")->net);
	end(&s);
}

TEST(folders_come_and_go_while_it_runs)
{
	struct stand s;
	struct err e;
	char path[160];

	begin(&s, NULL);
	open_shelf(&s, UINT64_MAX, true);
	CHECK(shelf_count(s.shelf) == 0);
	add_model(&s, "late");
	until_in(&s, "vitrine/late", "ready");
	snprintf(path, sizeof(path), "%s/late", s.root);
	CHECK(unlink(path) == 0);
	s.keep = true;
	for (uint64_t until = clock_mono_usec() + PATIENCE_USEC;
		shelf_find(s.shelf, "vitrine/late");) {
		CHECK(clock_mono_usec() < until && loop_dispatch(s.loop, 100) == 0);
	}
	CHECK(shelf_memory(s.shelf) > 0); /* a request holds it still */
	s.keep = false;
	for (uint64_t until = clock_mono_usec() + PATIENCE_USEC; shelf_memory(s.shelf) > 0;)
		CHECK(clock_mono_usec() < until && loop_dispatch(s.loop, 100) == 0);
	CHECK(use(&s, "vitrine/late", &e) == -ENOENT);
	add_model(&s, "late");
	until_in(&s, "vitrine/late", "ready");
	end(&s);
}

TEST(a_broken_folder_says_why_and_is_tried_again_when_it_has_changed)
{
	struct stand s;
	struct err e;
	char path[200];
	int fd;

	begin(&s, NULL);
	snprintf(path, sizeof(path), "%s/broken", s.root);
	CHECK(mkdir(path, 0755) == 0);
	snprintf(path, sizeof(path), "%s/broken/config.json", s.root);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	CHECK(fd >= 0 && write(fd, "{}", 2) == 2);
	close(fd);
	open_shelf(&s, UINT64_MAX, true);
	until_in(&s, "vitrine/broken", "failed");
	CHECK(use(&s, "vitrine/broken", &e) == -ENOENT);
	CHECK(strstr(e.text, "could not be loaded: model.safetensors"));
	CHECK(unlink(path) == 0);
	snprintf(path, sizeof(path), "%s/broken", s.root);
	CHECK(rmdir(path) == 0);
	add_model(&s, "broken");
	until_in(&s, "vitrine/broken", "ready");
	CHECK(use(&s, "vitrine/broken", &e) == 0);
	end(&s);
}

TEST(it_may_end_in_the_middle_of_a_model)
{
	struct stand s;
	struct err e;

	for (int i = 0; i < 10; i++) {
		begin(&s, (const char *[]){"a", "b", NULL});
		open_shelf(&s, UINT64_MAX, true);
		(void)use(&s, "vitrine/b", &e);
		CHECK(loop_dispatch(s.loop, i) == 0);
		end(&s);
	}
}

static uint64_t stamp_now(const struct stand *s)
{
	static struct found_all all;
	int fd = open(s->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	all.n = 0;
	CHECK(fd >= 0 && look_into(fd, 0, &all) == 0 && close(fd) == 0 && all.n == 1);
	return all.list[0].stamp;
}

TEST(a_file_that_was_written_is_another_one_and_a_blob_that_was_touched_is_not)
{
	const struct timespec then[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	char path[160], name[160];
	struct stand s;
	uint64_t before;

	begin(&s, NULL);
	snprintf(path, sizeof(path), "%s/one", s.root);
	CHECK(mkdir(path, 0755) == 0);
	snprintf(path, sizeof(path), "%s/one/config.json", s.root);
	CHECK(fs_write_durable(AT_FDCWD, path, "{}", 2, 0644, NULL) == 0);
	before = stamp_now(&s);
	CHECK(stamp_now(&s) == before);
	CHECK(utimensat(AT_FDCWD, path, then, 0) == 0 && stamp_now(&s) != before);
	snprintf(name, sizeof(name), "%s/.blob", s.root);
	CHECK(link(path, name) == 0);
	before = stamp_now(&s);
	CHECK(utimensat(AT_FDCWD, name, NULL, 0) == 0 && stamp_now(&s) == before);
	end(&s);
}

TEST(one_that_ended_the_process_is_left_alone_and_the_others_are_served)
{
	static struct found_all all;
	char home[64] = "/tmp/vitrine-guard-XXXXXX";
	const char *dirs[1];
	struct guard *g;
	struct stand s;
	int fd;

	begin(&s, (const char *[]){"bad", "good", NULL});
	fd = open(s.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	all.n = 0;
	CHECK(fd >= 0 && look_into(fd, 0, &all) == 0 && close(fd) == 0 && all.n == 2);
	CHECK(mkdtemp(home) && guard_open(home, &g, NULL) == 0);
	for (int i = 0; i < GUARD_DEATHS; i++)
		guard_begin(g, all.list[0].id, all.list[0].stamp);
	(void)guard_free(g);
	CHECK(guard_open(home, &g, NULL) == 0);
	dirs[0] = s.root;
	CHECK(shelf_open(dirs, 1, s.device, UINT64_MAX, &s.shelf, NULL) == 0);
	shelf_set_guard(s.shelf, g);
	CHECK(shelf_start(s.shelf, s.loop, &ops, &s) == 0);
	until_in(&s, "vitrine/good", "ready");
	CHECK(is_in(&s, "vitrine/bad", "failed"));
	CHECK(strstr(shelf_find(s.shelf, "vitrine/bad")->error.text, "ended the service 3 times"));
	end(&s);
	(void)guard_free(g);
	CHECK(fs_remove_tree(home) == 0);
}

TEST(a_folder_whose_config_is_a_folder_is_no_model)
{
	struct stand s;
	char path[160];

	begin(&s, NULL);
	for (const char *const *name =
			(const char *const[]){"ann", "ann/config.json", "ann/weights.gguf", NULL};
		*name; name++) {
		snprintf(path, sizeof(path), "%s/%s", s.root, *name);
		CHECK(mkdir(path, 0755) == 0);
	}
	add_model(&s, "ann/mood");
	open_shelf(&s, UINT64_MAX, false);
	CHECK(!shelf_find(s.shelf, "vitrine/ann") && shelf_find(s.shelf, "ann/mood"));
	CHECK(shelf_count(s.shelf) == 1);
	end(&s);
}

TEST(models_that_are_gone_make_room_for_others)
{
	struct stand s;
	char name[32], path[160];
	json_t *list;

	begin(&s, NULL);
	for (int i = 0; i < SHELF_MODELS_MAX; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		snprintf(path, sizeof(path), "%s/%s", s.root, name);
		CHECK(mkdir(path, 0755) == 0);
		snprintf(path, sizeof(path), "%s/%s/config.json", s.root, name);
		CHECK(fs_write_durable(AT_FDCWD, path, "{}", 2, 0644, NULL) == 0);
	}
	open_shelf(&s, UINT64_MAX, true);
	until_in(&s, "vitrine/m99", "failed");
	snprintf(path, sizeof(path), "%s/m7", s.root);
	CHECK(fs_remove_tree(path) == 0);
	add_model(&s, "late");
	until_in(&s, "vitrine/late", "ready");
	CHECK(!shelf_find(s.shelf, "vitrine/m7") && shelf_count(s.shelf) == SHELF_MODELS_MAX);
	list = shelf_list(s.shelf);
	CHECK(json_array_size(list) == SHELF_MODELS_MAX);
	json_decref(list);
	end(&s);
}

int main(void)
{
	if (access(MODEL "/model.safetensors", R_OK) < 0) {
		printf("SKIPPED: there is no " MODEL " here\n");
		return 77;
	}
	for (const struct test *t = __start_tests; t < __stop_tests; t++) {
		printf("%s\n", t->name);
		t->run();
	}
	return 0;
}

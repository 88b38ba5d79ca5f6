#include "agent/settings.h"

#include <errno.h>

#include "agent/variables.h"
#include "base/fs.h"
#include "base/json.h"
#include "tests/support/test.h"

static int put(struct settings_held *h, const char *space, int64_t version, const char *secrets)
{
	CLEANUP(json_unrefp) json_t *o = json_loads(secrets, 0, NULL);
	const struct agent_settings m = {.space = space, .version = version, .secrets = o};

	CHECK(o);
	return settings_put(h, &m, NULL);
}

TEST(a_start_finds_its_version_or_a_newer_one)
{
	CLEANUP(settings_held_freep) struct settings_held *h = NULL;
	CLEANUP(settings_unrefp) struct settings *s = NULL;

	CHECK(settings_held_new(&h) == 0);
	CHECK(!settings_find(h, "a", 1));
	CHECK(put(h, "a", 3, "{\"K\":\"v\"}") == 0);
	CHECK(!settings_find(h, "a", 4) && !settings_find(h, "b", 1));
	s = settings_find(h, "a", 2);
	CHECK(s && s->version == 3);
}

TEST(what_is_replaced_stays_with_whoever_has_it)
{
	CLEANUP(settings_held_freep) struct settings_held *h = NULL;
	CLEANUP(settings_unrefp) struct settings *old = NULL;
	CLEANUP(settings_unrefp) struct settings *now = NULL;

	CHECK(settings_held_new(&h) == 0);
	CHECK(put(h, "a", 1, "{\"K\":\"first\"}") == 0);
	old = settings_find(h, "a", 1);
	CHECK(put(h, "a", 2, "{\"K\":\"second\"}") == 0);
	now = settings_find(h, "a", 1);
	CHECK(!strcmp(json_string_value(json_object_get(old->secrets, "K")), "first"));
	CHECK(!strcmp(json_string_value(json_object_get(now->secrets, "K")), "second"));
}

TEST(a_space_that_is_no_more_is_forgotten)
{
	CLEANUP(settings_held_freep) struct settings_held *h = NULL;

	CHECK(settings_held_new(&h) == 0);
	CHECK(put(h, "a", 1, "{}") == 0);
	CHECK(put(h, "a", 0, "{}") == 0);
	CHECK(!settings_find(h, "a", 0));
}

TEST(values_that_are_no_texts_are_refused)
{
	CLEANUP(settings_held_freep) struct settings_held *h = NULL;

	CHECK(settings_held_new(&h) == 0);
	CHECK(put(h, "a", 1, "{\"K\":1}") == -EINVAL);
	CHECK(put(h, "a", 1, "[]") == -EINVAL);
	CHECK(!settings_find(h, "a", 0));
}

TEST(beyond_the_ceiling_those_used_longest_ago_go)
{
	CLEANUP(settings_held_freep) struct settings_held *h = NULL;
	CLEANUP(freep) char *secrets = malloc(100000);
	char space[16];

	CHECK(settings_held_new(&h) == 0);
	(void)snprintf(secrets, 100000, "{\"K\":\"%090000d\"}", 1);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(space, sizeof(space), "s%d", i);
		CHECK(put(h, space, 1, secrets) == 0);
		/* The first one is used all the time. */
		(void)settings_unref(settings_find(h, "s0", 1));
	}
	CHECK(!settings_find(h, "s1", 1));
	(void)settings_unref(settings_find(h, "s0", 1));
	(void)settings_unref(settings_find(h, "s999", 1));
}

static json_t *file_of(const struct settings *s, const char *title)
{
	struct job j = {.class = BOX_SMALL, .owner = "ada", .name = "demo"};
	CLEANUP(buf_done) struct buf b;
	CLEANUP(closep) int fd = -1;
	struct app_place p;
	json_t *all;

	(void)snprintf(j.title, sizeof(j.title), "%s", title);
	app_place_init(&p, "https://spaces.example:8443/", &box_classes_default);
	fd = app_settings_file(&p, &j, s, NULL);
	CHECK(fd >= 0 && fs_is_sealed(fd) == 1);
	buf_init(&b, 1u << 20);
	CHECK(fs_read_fd(fd, &b, NULL) == 0);
	CHECK(json_parse(b.data, b.len, 1u << 20, &all, NULL) == 0);
	return all;
}

static const char *variable(json_t *all, const char *name)
{
	const char *v = json_string_value(json_object_get(json_object_get(all, "variables"), name));

	return v ? v : "";
}

TEST(an_app_is_told_where_it_runs)
{
	CLEANUP(json_unrefp) json_t *all = file_of(NULL, "A title");

	CHECK(!strcmp(variable(all, "SPACE_ID"), "ada/demo"));
	CHECK(!strcmp(variable(all, "SPACE_AUTHOR_NAME"), "ada"));
	CHECK(!strcmp(variable(all, "SPACE_REPO_NAME"), "demo"));
	CHECK(!strcmp(variable(all, "SPACE_TITLE"), "A title"));
	CHECK(!strcmp(variable(all, "SPACE_HOST"), "spaces.example:8443"));
	CHECK(!strcmp(variable(all, "ACCELERATOR"), "none"));
	CHECK(!strcmp(variable(all, "CPU_CORES"), "0.5"));
	CHECK(!strcmp(variable(all, "MEMORY"), "64Mi"));
	CHECK(!json_object_get(all, "secrets"));
}

TEST(its_own_variables_stand_beside_those_and_the_held_ones_stay_as_they_are)
{
	CLEANUP(settings_held_freep) struct settings_held *h = NULL;
	CLEANUP(settings_unrefp) struct settings *s = NULL;
	CLEANUP(json_unrefp) json_t *own = json_loads("{\"MODE\":\"fast\"}", 0, NULL);
	CLEANUP(json_unrefp) json_t *hidden = json_loads("{\"KEY\":\"x\"}", 0, NULL);
	CLEANUP(json_unrefp) json_t *all = NULL;
	const struct agent_settings m = {
		.space = "a", .version = 1, .variables = own, .secrets = hidden};

	CHECK(settings_held_new(&h) == 0 && settings_put(h, &m, NULL) == 0);
	s = settings_find(h, "a", 1);
	all = file_of(s, "");
	CHECK(!strcmp(variable(all, "MODE"), "fast"));
	CHECK(!strcmp(variable(all, "SPACE_TITLE"), "demo"));
	CHECK(json_object_size(s->variables) == 1);
	CHECK(json_object_size(json_object_get(all, "secrets")) == 1);
}

TEST_MAIN()

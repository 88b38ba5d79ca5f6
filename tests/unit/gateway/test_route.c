#include "gateway/route.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/support/test.h"

static char dir[64];

static struct route_table *open_table(void)
{
	struct route_table *t;

	CHECK(route_table_new(dir, &t, NULL) == 0);
	return t;
}

static struct route_table *fresh(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/vitrine-route-XXXXXX");
	CHECK(mkdtemp(dir));
	return open_table();
}

static int put(struct route_table *t, const char *space, const char *name, int epoch,
	const char *more, struct route **ret)
{
	struct err e = {0};
	char text[1024];
	int n = snprintf(text, sizeof(text),
		"{\"space\":\"%s\",\"owner\":\"alice\",\"name\":\"%s\",\"epoch\":%d,\"title\":"
		"\"T\","
		"\"class\":\"small\",\"sleep_sec\":300%s}",
		space, name, epoch, more);

	return route_table_put(t, (uint8_t *)text, (size_t)n, ret, &e);
}

#define TREE ",\"bundle\":\"b1\",\"tree\":{\"root\":{\"n\":5,\"type\":\"column\"}}"

TEST(a_space_is_found_by_name_and_by_id)
{
	struct route_table *t = fresh();
	struct route *r, *other;

	CHECK(put(t, "s1", "one", 1, TREE, &r) == 1);
	CHECK(put(t, "s2", "two", 1, "", &other) == 1);
	CHECK(route_by_name(t, "alice", "one") == r && route_by_space(t, "s1") == r);
	CHECK(!strcmp(r->bundle, "b1") && r->page && r->sleep_sec == 300);
	CHECK(other->bundle[0] == '\0' && !other->page);
	CHECK(!route_by_name(t, "bob", "one") && !route_by_name(t, "alice", "on"));
	route_table_drop(t, r);
	CHECK(!route_by_name(t, "alice", "one") && route_table_count(t) == 1);
	(void)route_table_free(t);
	CHECK(fs_remove_tree(dir) == 0);
}

TEST(an_older_epoch_and_a_repetition_change_nothing)
{
	struct route_table *t = fresh();
	struct route *r, *same;

	CHECK(put(t, "s1", "one", 5, TREE, &r) == 1);
	CHECK(put(t, "s1", "one", 5, TREE, &same) == 0 && same == r);
	CHECK(put(t, "s1", "one", 4, "", &same) == 0 && r->bundle[0]);
	CHECK(put(t, "s1", "renamed", 6, "", &same) == 1 && same == r);
	CHECK(route_by_name(t, "alice", "renamed") == r && !route_by_name(t, "alice", "one"));
	(void)route_table_free(t);
	CHECK(fs_remove_tree(dir) == 0);
}

TEST(the_last_known_world_survives_a_restart)
{
	struct route_table *t = fresh();
	struct route *r;
	char path[128];
	int fd;

	CHECK(put(t, "s1", "one", 5, TREE, &r) == 1 && put(t, "s2", "two", 5, "", &r) == 1);
	(void)route_table_free(t);
	/* A file that a power loss has emptied is passed over. */
	(void)snprintf(path, sizeof(path), "%s/s3.json", dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	close(fd);
	t = open_table();
	CHECK(route_table_count(t) == 2);
	r = route_by_name(t, "alice", "one");
	CHECK(r && r->epoch == 5 && r->page && strstr(page_tree(r->page), "column"));
	route_table_drop(t, r);
	(void)route_table_free(t);
	t = open_table();
	CHECK(route_table_count(t) == 1);
	(void)route_table_free(t);
	CHECK(fs_remove_tree(dir) == 0);
}

static void drop(struct route *r, void *data)
{
	route_table_drop(data, r);
}

TEST(what_a_synchronisation_does_not_name_is_gone)
{
	struct route_table *t = fresh();
	struct route *r;

	CHECK(put(t, "s1", "one", 5, TREE, &r) == 1 && put(t, "s2", "two", 5, "", &r) == 1);
	route_table_sync_begin(t);
	CHECK(put(t, "s2", "two", 5, "", &r) == 0);
	CHECK(put(t, "s3", "three", 1, "", &r) == 1);
	route_table_sync_end(t, drop, t);
	CHECK(route_table_count(t) == 2 && !route_by_space(t, "s1") && route_by_space(t, "s2"));
	(void)route_table_free(t);
	CHECK(fs_remove_tree(dir) == 0);
}

TEST(names_that_mean_something_to_a_path_are_refused)
{
	struct route_table *t = fresh();
	struct route *r;

	CHECK(put(t, "../etc", "one", 1, "", &r) == -EINVAL);
	CHECK(put(t, "", "one", 1, "", &r) == -EINVAL);
	CHECK(put(t, "s1", "a/b", 1, "", &r) == -EINVAL);
	CHECK(put(t, "s1", ".git", 1, "", &r) == -EINVAL);
	CHECK(put(t, "s1", "one", 1, ",\"bundle\":\"../x\"", &r) == -EINVAL);
	CHECK(route_table_put(t, (uint8_t *)"{}", 2, &r, NULL) < 0);
	CHECK(route_table_count(t) == 0);
	(void)route_table_free(t);
	CHECK(fs_remove_tree(dir) == 0);
}

TEST_MAIN()

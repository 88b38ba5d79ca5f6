#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "cli/dev/watch.h"
#include "tests/support/test.h"

struct seen {
	char paths[256]; /* each with a ';' */
	unsigned int n;
};

static void on_change(const char *path, uint64_t first_usec, void *data)
{
	struct seen *s = data;
	size_t len = strlen(s->paths);

	CHECK(first_usec <= clock_mono_usec());
	(void)snprintf(s->paths + len, sizeof(s->paths) - len, "%s;", path);
	s->n++;
}

struct bench {
	char dir[64];
	struct loop *loop;
	struct watch *watch;
	struct seen seen;
};

static void bench_start(struct bench *b)
{
	*b = (struct bench){.dir = "/tmp/vitrine-watch-XXXXXX"};
	CHECK(mkdtemp(b->dir));
	CHECK(loop_new(&b->loop) == 0);
}

static void bench_watch(struct bench *b)
{
	CHECK(watch_new(b->loop, b->dir, on_change, &b->seen, &b->watch, NULL) == 0);
}

static void bench_end(struct bench *b)
{
	b->watch = watch_free(b->watch);
	b->loop = loop_free(b->loop);
	(void)fs_remove_tree(b->dir);
}

static void path_in(const struct bench *b, const char *name, char ret[256])
{
	(void)snprintf(ret, 256, "%s/%s", b->dir, name);
}

static void write_file(const struct bench *b, const char *name)
{
	char path[256];
	int fd;

	path_in(b, name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
}

static void rename_file(const struct bench *b, const char *from, const char *to)
{
	char old[256], new[256];

	path_in(b, from, old);
	path_in(b, to, new);
	CHECK(rename(old, new) == 0);
}

static void make_folder(const struct bench *b, const char *name)
{
	char path[256];

	path_in(b, name, path);
	CHECK(mkdir(path, 0700) == 0);
}

/* Until something more was told, or, where nothing should be, for some settling times. */
static void settle(struct bench *b, bool expected)
{
	uint64_t until = clock_mono_usec() + (expected ? 10 * USEC_PER_SEC : 4 * WATCH_SETTLE_USEC);
	unsigned int before = b->seen.n;

	while (b->seen.n == before && clock_mono_usec() < until)
		CHECK(loop_dispatch(b->loop, 20) == 0);
}

TEST(a_save_in_several_steps_is_told_once)
{
	struct bench b;

	bench_start(&b);
	write_file(&b, "app.lua");
	bench_watch(&b);
	write_file(&b, "app.lua");
	write_file(&b, "new");
	rename_file(&b, "new", "app.lua");
	settle(&b, true);
	CHECK(b.seen.n == 1 && !strcmp(b.seen.paths, "app.lua;"));
	settle(&b, false);
	CHECK(b.seen.n == 1);
	bench_end(&b);
}

TEST(files_of_folders_that_come_later_are_watched_and_removals_are_told)
{
	char path[256];
	struct bench b;

	bench_start(&b);
	make_folder(&b, "lib");
	bench_watch(&b);
	make_folder(&b, "lib/deep");
	settle(&b, true);
	write_file(&b, "lib/deep/words.lua");
	settle(&b, true);
	CHECK(!strcmp(b.seen.paths, "lib/deep;lib/deep/words.lua;"));
	path_in(&b, "lib/deep/words.lua", path);
	CHECK(unlink(path) == 0);
	settle(&b, true);
	CHECK(b.seen.n == 3);
	bench_end(&b);
}

TEST(what_is_an_editors_or_gits_own_is_not_told)
{
	struct bench b;

	bench_start(&b);
	make_folder(&b, ".git");
	bench_watch(&b);
	write_file(&b, ".git/index");
	write_file(&b, ".app.lua.swp");
	write_file(&b, "app.lua~");
	write_file(&b, "4913");
	settle(&b, false);
	CHECK(b.seen.n == 0);
	bench_end(&b);
}

TEST(a_folder_that_is_gone_cannot_be_watched)
{
	struct bench b;
	struct err e = {0};

	bench_start(&b);
	CHECK(rmdir(b.dir) == 0);
	CHECK(watch_new(b.loop, b.dir, on_change, &b.seen, &b.watch, &e) == -ENOENT);
	CHECK(strstr(e.text, b.dir) != NULL);
	bench_end(&b);
}

TEST_MAIN()

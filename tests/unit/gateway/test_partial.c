#include "gateway/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/support/test.h"

#define SHARE 1000u
#define ADA "adaadaadaadaadaadaadaadaad"
#define BOB "bobbobbobbobbobbobbobbobbo"

static char dir[64];
static struct files *files;
static struct partials *partials;
static int64_t now;

static void start(void)
{
	CHECK(files_new(dir, SHARE, &files, NULL) == 0);
	CHECK(partials_new(files, now, &partials) == 0);
}

static void fresh(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/vitrine-partial-XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	now = time(NULL);
	start();
}

/* What is in memory is gone, as after kill -9: nothing is written on the way out. */
static void restart(void)
{
	(void)partials_free(partials);
	(void)files_free(files);
	start();
}

static void end(void)
{
	(void)partials_free(partials);
	(void)files_free(files);
	CHECK(fs_remove_tree(dir) == 0);
}

static struct partial *make(const char *name, uint64_t length)
{
	struct partial *u = NULL;
	struct err e = {0};

	CHECK(partial_new(partials, "s1", ADA, name, length, now, &u, &e) == 0);
	return u;
}

static int put(struct partial *u, uint64_t offset, const char *bytes)
{
	struct partial *holder = NULL;
	struct err e = {0};
	int r = partial_claim(u, offset, now, &holder, &e);

	if (r < 0)
		return r;
	CHECK(holder == u);
	r = partial_write(u, bytes, strlen(bytes), now, &e);
	partial_rest(u);
	CHECK(holder == NULL);
	return r;
}

static bool file_holds(const struct file_info *info, const char *bytes)
{
	struct file_info found;
	char got[64] = "";
	int fd = files_open(files, "s1", info->id, &found);
	ssize_t n = fd < 0 ? -1 : read(fd, got, sizeof(got) - 1);

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)strlen(bytes) && !memcmp(got, bytes, (size_t)n) &&
	       !strcmp(found.name, info->name) && !strcmp(found.type, info->type);
}

TEST(an_upload_in_pieces_becomes_the_file)
{
	struct file_info info;
	struct partial *u;

	fresh();
	u = make("../n.txt", 10);
	CHECK(partial_offset(u) == 0 && partial_length(u) == 10 && !partial_is_whole(u));
	CHECK(put(u, 0, "hello") == 0 && put(u, 5, "world") == 0 && partial_is_whole(u));
	CHECK(partial_finish(u, &info, NULL) == 0);
	CHECK(!strcmp(info.name, "n.txt") && !strcmp(info.type, "text/plain") && info.size == 10);
	CHECK(file_holds(&info, "helloworld"));
	CHECK(!partial_find(partials, "s1", info.id, ADA));
	end();
}

TEST(after_a_kill_it_goes_on_where_the_disk_is)
{
	struct file_info info;
	char id[ID_LEN + 1];
	struct partial *u;

	fresh();
	u = make("n", 10);
	memcpy(id, partial_id(u), sizeof(id));
	CHECK(put(u, 0, "he\x01lo") == 0);
	restart();
	u = partial_find(partials, "s1", id, ADA);
	CHECK(u && partial_offset(u) == 5 && partial_length(u) == 10);
	CHECK(put(u, 5, "world") == 0);
	restart(); /* before anybody made a file of it */
	u = partial_find(partials, "s1", id, ADA);
	CHECK(u && partial_is_whole(u) && partial_finish(u, &info, NULL) == 0);
	/* What it is was seen in the first half. */
	CHECK(!strcmp(info.type, "application/octet-stream") && file_holds(&info, "he\x01loworld"));
	end();
}

TEST(only_its_visitor_in_its_space_finds_it)
{
	struct partial *u;

	fresh();
	u = make("n", 1);
	CHECK(partial_find(partials, "s1", partial_id(u), ADA) == u);
	CHECK(!partial_find(partials, "s1", partial_id(u), BOB));
	CHECK(!partial_find(partials, "s2", partial_id(u), ADA));
	end();
}

TEST(one_request_writes_at_a_time_and_a_stalled_one_gives_way)
{
	struct partial *first = NULL, *second = NULL, *u;
	struct err e = {0};

	fresh();
	u = make("n", 10);
	CHECK(partial_claim(u, 0, now, &first, &e) == 0);
	CHECK(partial_write(u, "123", 3, now, &e) == 0);
	CHECK(partial_claim(u, 3, now, &second, &e) == -EBUSY && first == u && !second);
	now += PARTIAL_STALL_SEC;
	CHECK(partial_claim(u, 3, now, &second, &e) == 0 && !first && second == u);
	CHECK(partial_write(u, "456", 3, now, &e) == 0 && partial_offset(u) == 6);
	partial_drop(u);
	CHECK(!second);
	end();
}

TEST(a_wrong_offset_and_a_byte_too_many_change_nothing)
{
	struct partial *u;

	fresh();
	u = make("n", 5);
	CHECK(put(u, 1, "x") == -ESTALE);
	CHECK(put(u, 0, "123456") == -EMSGSIZE && partial_offset(u) == 0);
	CHECK(put(u, 0, "123") == 0 && put(u, 3, "456") == -EMSGSIZE && partial_offset(u) == 3);
	CHECK(put(u, 3, "45") == 0 && put(u, 5, "6") == -EMSGSIZE && partial_is_whole(u));
	end();
}

TEST(the_share_of_the_space_is_set_aside_from_the_start)
{
	struct file_info info;
	struct partial *u, *v;
	struct err e = {0};

	fresh();
	u = make("a", 600);
	CHECK(partial_new(partials, "s1", BOB, "b", 401, now, &v, &e) == -ENOSPC && e.text[0]);
	CHECK(partial_new(partials, "s2", BOB, "b", 401, now, &v, NULL) == 0);
	restart();
	CHECK(partial_new(partials, "s1", BOB, "b", 401, now, &v, NULL) == -ENOSPC);
	partials_expire(partials, now + PARTIAL_KEEP_SEC);
	CHECK(partial_new(partials, "s1", BOB, "b", 1000, now, &v, NULL) == 0);
	partial_drop(v);
	u = make("c", 5);
	CHECK(put(u, 0, "12345") == 0 && partial_finish(u, &info, NULL) == 0);
	CHECK(partial_new(partials, "s1", BOB, "b", 996, now, &v, NULL) == -ENOSPC);
	CHECK(partial_new(partials, "s1", BOB, "b", 995, now, &v, NULL) == 0);
	end();
}

TEST(who_announces_much_and_sends_nothing_makes_room)
{
	struct partial *idle, *busy, *holder = NULL, *v;
	char id[ID_LEN + 1];

	fresh();
	busy = make("busy", 400);
	CHECK(partial_claim(busy, 0, now, &holder, NULL) == 0);
	idle = make("idle", 600);
	memcpy(id, partial_id(idle), sizeof(id));
	now += PARTIAL_YIELD_SEC - 1;
	CHECK(partial_new(partials, "s1", BOB, "b", 500, now, &v, NULL) == -ENOSPC);
	CHECK(partial_find(partials, "s1", id, ADA) == idle);
	now++;
	CHECK(partial_new(partials, "s1", BOB, "b", 500, now, &v, NULL) == 0);
	CHECK(!partial_find(partials, "s1", id, ADA) && holder == busy);
	now += PARTIAL_YIELD_SEC;
	CHECK(partial_new(partials, "s1", BOB, "b", 700, now, &v, NULL) == -ENOSPC);
	CHECK(holder == busy); /* whoever writes is never pushed out */
	end();
}

TEST(unfinished_ones_of_a_visitor_are_counted)
{
	struct partial *u;
	struct err e = {0};

	fresh();
	for (int i = 0; i < PARTIALS_PER_VISITOR; i++)
		u = make("n", 1);
	CHECK(partial_new(partials, "s2", ADA, "n", 1, now, &u, &e) == -EDQUOT && e.text[0]);
	CHECK(partial_new(partials, "s2", BOB, "n", 1, now, &u, NULL) == 0);
	end();
}

TEST(what_rests_too_long_leaves_nothing_behind)
{
	char id[ID_LEN + 1], path[160];
	struct timespec old[2] = {{0}};
	struct partial *u;

	fresh();
	u = make("a", 5);
	memcpy(id, partial_id(u), sizeof(id));
	CHECK(put(u, 0, "123") == 0);
	partials_expire(partials, now + PARTIAL_KEEP_SEC - 1);
	CHECK(partial_find(partials, "s1", id, ADA));
	partials_expire(partials, now + PARTIAL_KEEP_SEC);
	CHECK(!partial_find(partials, "s1", id, ADA));
	u = make("b", 5);
	memcpy(id, partial_id(u), sizeof(id));
	(void)snprintf(path, sizeof(path), "%s/s1/.%s.kept", dir, id);
	old[0].tv_sec = old[1].tv_sec = now - PARTIAL_KEEP_SEC;
	CHECK(utimensat(AT_FDCWD, path, old, 0) == 0);
	restart();
	CHECK(!partial_find(partials, "s1", id, ADA));
	(void)snprintf(path, sizeof(path), "%s/s1", dir);
	CHECK(rmdir(path) == 0); /* empty */
	end();
}

TEST(a_space_takes_its_uploads_with_it)
{
	struct partial *holder = NULL, *u, *v;

	fresh();
	u = make("n", 900);
	CHECK(partial_claim(u, 0, now, &holder, NULL) == 0);
	partials_drop_space(partials, "s1");
	files_drop_space(files, "s1");
	CHECK(!holder);
	CHECK(partial_new(partials, "s1", BOB, "b", 900, now, &v, NULL) == 0);
	end();
}

TEST_MAIN()

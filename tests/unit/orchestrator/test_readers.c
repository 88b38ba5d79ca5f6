#include "orchestrator/repo/readers.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/json.h"
#include "tests/support/git.h"
#include "tests/support/test.h"

#define MAIN "refs/heads/main"

struct fixture {
	struct git_fixture git;
	struct loop *loop;
	struct readers *readers;
};

static void setup(struct fixture *fx)
{
	struct readers_config config = {.program = VITRINE_READER};

	git_fixture_init(&fx->git);
	git_fixture_commit(&fx->git, MAIN, "one", "a.txt", "content", NULL);
	CHECK(loop_new(&fx->loop) == 0);
	config.loop = fx->loop;
	config.repos = config.spool = fx->git.dir;
	CHECK(readers_new(&config, &fx->readers) == 0);
}

static void teardown(struct fixture *fx)
{
	(void)readers_free(fx->readers);
	(void)loop_free(fx->loop);
	git_fixture_done(&fx->git);
}

struct got {
	int answers;
	char body[256], head[512];
	int code;
};

static void on_answer(struct reading_answer *a, void *data)
{
	struct got *got = data;
	struct buf b;
	ssize_t n;

	got->answers++;
	got->code = a->head ? 0 : a->e->code;
	if (!a->head)
		return;
	buf_init(&b, sizeof(got->head) - 1);
	CHECK(json_write(&b, a->head) == 0);
	(void)snprintf(got->head, sizeof(got->head), "%s", buf_str(&b));
	buf_done(&b);
	n = pread(a->body, got->body, sizeof(got->body) - 1, 0);
	CHECK(n >= 0 && (uint64_t)n == a->size);
	got->body[n] = '\0';
}

static struct reading *ask(struct fixture *fx, struct got *got, json_t *args, bool heavy)
{
	const struct reading_plan plan = {
		.repo = fx->git.path, .args = args, .heavy = heavy, .content = !heavy, .input = -1};
	struct reading *r = NULL;

	CHECK(readers_ask(fx->readers, &plan, on_answer, got, &r, NULL) == 0 && r);
	return r;
}

static json_t *content_of(const char *rest)
{
	return json_pack("{s:s, s:s}", "op", "content", "rest", rest);
}

static void until(struct fixture *fx, const int *answers, int n)
{
	while (*answers < n)
		CHECK(loop_dispatch(fx->loop, 1000) == 0);
}

TEST(a_job_is_answered_from_the_loop)
{
	struct fixture fx;
	struct got got = {0};

	setup(&fx);
	(void)ask(&fx, &got, content_of("main/a.txt"), false);
	CHECK(got.answers == 0);
	until(&fx, &got.answers, 1);
	CHECK(got.code == 0 && !strcmp(got.body, "content") && strstr(got.head, "\"size\":7"));
	(void)ask(&fx, &got, content_of("main/none"), false);
	until(&fx, &got.answers, 2);
	CHECK(got.code == 0 && strstr(got.head, "EntryNotFound"));
	teardown(&fx);
}

TEST(many_jobs_are_all_answered_light_ones_beside_heavy_ones)
{
	struct fixture fx;
	struct got got = {0};

	setup(&fx);
	for (int i = 0; i < 60; i++)
		(void)ask(&fx, &got,
			i % 2 ? content_of("main/a.txt")
			      : json_pack("{s:s, s:s, s:i, s:i}", "op", "commits", "rest", "main",
					"skip", 0, "limit", 10),
			i % 2 == 0);
	until(&fx, &got.answers, 60);
	CHECK(got.code == 0);
	teardown(&fx);
}

TEST(what_is_cancelled_is_not_answered)
{
	struct fixture fx;
	struct got gone = {0}, got = {0};

	setup(&fx);
	reading_cancel(ask(&fx, &gone, content_of("main/a.txt"), false));
	(void)ask(&fx, &got, content_of("main/a.txt"), false);
	reading_cancel(ask(&fx, &gone, content_of("main/a.txt"), false));
	until(&fx, &got.answers, 1);
	CHECK(gone.answers == 0);
	teardown(&fx);
}

TEST(a_repo_that_cannot_be_read_fails_its_job_alone)
{
	struct fixture fx;
	struct got got = {0};
	char head[256], away[256];
	int fd;

	setup(&fx);
	(void)snprintf(head, sizeof(head), "%s/HEAD", fx.git.path);
	(void)snprintf(away, sizeof(away), "%s/away", fx.git.dir);
	CHECK(rename(head, away) == 0);
	(void)ask(&fx, &got, content_of("main/a.txt"), false);
	until(&fx, &got.answers, 1);
	CHECK(strstr(got.head, "\"error\":\"\"") || got.code < 0);
	fd = open(head, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && write(fd, "ref: refs/heads/main\n", 21) == 21);
	close(fd);
	(void)ask(&fx, &got, content_of("HEAD/a.txt"), false);
	until(&fx, &got.answers, 2);
	CHECK(got.code == 0 && !strcmp(got.body, "content"));
	teardown(&fx);
}

TEST(a_reader_that_has_died_is_started_again)
{
	struct fixture fx;
	struct got got = {0};

	setup(&fx);
	(void)ask(&fx, &got, content_of("main/a.txt"), false);
	until(&fx, &got.answers, 1);
	CHECK(kill(readers_pid(fx.readers), SIGKILL) == 0);
	for (int i = 2; i < 5; i++) {
		(void)ask(&fx, &got, content_of("main/a.txt"), false);
		until(&fx, &got.answers, i);
	}
	CHECK(got.code == 0 && !strcmp(got.body, "content"));
	teardown(&fx);
}

TEST(a_program_that_is_not_there_is_told_in_words)
{
	struct fixture fx;
	struct got got = {0};
	struct readers_config config = {.program = "/nonexistent/vitrine-reader"};

	setup(&fx);
	(void)readers_free(fx.readers);
	config.loop = fx.loop;
	config.repos = config.spool = fx.git.dir;
	CHECK(readers_new(&config, &fx.readers) == 0);
	(void)ask(&fx, &got, content_of("main/a.txt"), false);
	until(&fx, &got.answers, 1);
	CHECK(got.code == -ENOENT);
	teardown(&fx);
}

TEST_MAIN()

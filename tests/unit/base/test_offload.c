#include "base/offload.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "tests/support/test.h"

static struct loop *loop;
static struct offload *offload;
static int calls, outcomes[32];

static void on_done(int outcome, void *data)
{
	outcomes[*(int *)data] = outcome;
	if (++calls == 8)
		loop_stop(loop, 0);
}

static int file(void)
{
	char path[] = "/tmp/vitrine-offload-XXXXXX";
	int fd = mkstemp(path);

	CHECK(fd >= 0 && write(fd, "x", 1) == 1 && unlink(path) == 0);
	return fd;
}

static void start(void)
{
	calls = 0;
	CHECK(loop_new(&loop) == 0 && offload_new(loop, &offload) == 0);
}

static void end(void)
{
	(void)offload_free(offload);
	(void)loop_free(loop);
}

TEST(each_is_told_from_the_loop_how_it_went)
{
	int numbers[8], ends[2], fd;
	struct offload_job *job;

	start();
	CHECK(pipe(ends) == 0);
	for (int i = 0; i < 8; i++) {
		numbers[i] = i;
		outcomes[i] = 1;
		fd = i == 3 ? ends[1] : file(); /* fsync(2): EINVAL for a pipe */
		CHECK(offload_sync(offload, &fd, 1, on_done, &numbers[i], &job) == 1);
	}
	CHECK(calls == 0);
	CHECK(loop_run(loop) == 0 && calls == 8);
	for (int i = 0; i < 8; i++)
		CHECK(outcomes[i] == (i == 3 ? -EINVAL : 0));
	CHECK(fcntl(ends[1], F_GETFD) < 0 && errno == EBADF);
	close(ends[0]);
	end();
}

TEST(who_has_gone_is_not_called)
{
	struct offload_job *job;
	int number = 0, fd = file();

	start();
	CHECK(offload_sync(offload, &fd, 1, on_done, &number, &job) == 1);
	CHECK(!offload_forget(job));
	offload_settle(offload);
	CHECK(calls == 0);
	end();
}

TEST(the_end_waits_for_all_and_what_comes_later_is_done_at_once)
{
	struct offload_job *job;
	int numbers[6], fd;

	start();
	for (int i = 0; i < 6; i++) {
		numbers[i] = i;
		fd = file();
		CHECK(offload_sync(offload, &fd, 1, on_done, &numbers[i], &job) == 1);
	}
	offload_settle(offload);
	CHECK(calls == 6);
	fd = file();
	CHECK(offload_sync(offload, &fd, 1, on_done, &numbers[0], &job) == 0);
	CHECK(fcntl(fd, F_GETFD) < 0);
	end();
}

static char hash_seen[SHA256_HEX + 1];

static void on_hash(int outcome, const char hash[SHA256_HEX + 1], void *data)
{
	*(int *)data = outcome;
	(void)snprintf(hash_seen, sizeof(hash_seen), "%s", hash);
	loop_stop(loop, 0);
}

TEST(a_file_is_hashed_whole_wherever_its_position_is)
{
	struct offload_job *job;
	char want[SHA256_HEX + 1];
	int outcome = 1, fd;

	start();
	fd = file(); /* at its end */
	sha256_hex("x", 1, want);
	CHECK(offload_hash(offload, fd, on_hash, &outcome, &job) == 0);
	CHECK(loop_run(loop) == 0);
	CHECK(outcome == 0 && !strcmp(hash_seen, want));
	fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(fd >= 0 && offload_hash(offload, fd, on_hash, &outcome, &job) == 0);
	CHECK(loop_run(loop) == 0);
	CHECK(outcome < 0 && !hash_seen[0]);
	end();
}

static int endless(void)
{
	int fd = file();

	CHECK(ftruncate(fd, (off_t)1 << 43) == 0); /* holes: hours of reading */
	return fd;
}

TEST(hashes_leave_places_to_syncs_and_end_once_nobody_waits)
{
	struct offload_job *jobs[6], *sync;
	int outcomes_of[6], number = 0, fds[6], fd = file();

	start();
	calls = 7; /* the first sync to be done stops the loop */
	for (int i = 0; i < 6; i++) {
		outcomes_of[i] = 1;
		fds[i] = endless();
		CHECK(offload_hash(offload, fds[i], on_hash, &outcomes_of[i], &jobs[i]) == 0);
	}
	CHECK(offload_sync(offload, &fd, 1, on_done, &number, &sync) == 1);
	CHECK(loop_run(loop) == 0 && calls == 8 && outcomes[0] == 0);
	(void)offload_forget(jobs[5]); /* it has not begun */
	CHECK(fcntl(fds[5], F_GETFD) < 0 && errno == EBADF);
	(void)offload_forget(jobs[0]); /* it has */
	offload_settle(offload);
	CHECK(outcomes_of[0] == 1 && outcomes_of[5] == 1);
	for (int i = 1; i < 5; i++)
		CHECK(outcomes_of[i] == -ECANCELED);
	end();
}

TEST(freed_while_hashes_wait_it_calls_nobody)
{
	struct offload_job *jobs[4];
	int outcome = 1;

	start();
	for (int i = 0; i < 4; i++)
		CHECK(offload_hash(offload, endless(), on_hash, &outcome, &jobs[i]) == 0);
	end();
	CHECK(outcome == 1);
}

TEST_MAIN()

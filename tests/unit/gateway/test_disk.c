#include "gateway/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "tests/support/test.h"

static struct loop *loop;
static struct disk *disk;
static int calls, outcomes[32];

static void on_done(int outcome, void *data)
{
	outcomes[*(int *)data] = outcome;
	if (++calls == 8)
		loop_stop(loop, 0);
}

static int file(void)
{
	char path[] = "/tmp/vitrine-disk-XXXXXX";
	int fd = mkstemp(path);

	CHECK(fd >= 0 && write(fd, "x", 1) == 1 && unlink(path) == 0);
	return fd;
}

static void start(void)
{
	calls = 0;
	CHECK(loop_new(&loop) == 0 && disk_new(loop, &disk) == 0);
}

static void end(void)
{
	(void)disk_free(disk);
	(void)loop_free(loop);
}

TEST(each_is_told_from_the_loop_how_it_went)
{
	int numbers[8], ends[2], fd;
	struct disk_job *job;

	start();
	CHECK(pipe(ends) == 0);
	for (int i = 0; i < 8; i++) {
		numbers[i] = i;
		outcomes[i] = 1;
		fd = i == 3 ? ends[1] : file(); /* fsync(2): EINVAL for a pipe */
		CHECK(disk_sync(disk, &fd, 1, on_done, &numbers[i], &job) == 1);
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
	struct disk_job *job;
	int number = 0, fd = file();

	start();
	CHECK(disk_sync(disk, &fd, 1, on_done, &number, &job) == 1);
	CHECK(!disk_forget(job));
	disk_settle(disk);
	CHECK(calls == 0);
	end();
}

TEST(the_end_waits_for_all_and_what_comes_later_is_done_at_once)
{
	struct disk_job *job;
	int numbers[6], fd;

	start();
	for (int i = 0; i < 6; i++) {
		numbers[i] = i;
		fd = file();
		CHECK(disk_sync(disk, &fd, 1, on_done, &numbers[i], &job) == 1);
	}
	disk_settle(disk);
	CHECK(calls == 6);
	fd = file();
	CHECK(disk_sync(disk, &fd, 1, on_done, &numbers[0], &job) == 0);
	CHECK(fcntl(fd, F_GETFD) < 0);
	end();
}

TEST_MAIN()

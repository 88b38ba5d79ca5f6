/* What NVIDIA's library says of GPUs, told by a process of its own: with a double of the library,
 * which answers, lies, hangs and crashes. */
#include "inference/devices/gpus.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/test.h"

#define PATIENCE_MSEC 30000

static int start_with(const char *mode, unsigned patience_sec)
{
	int fd;

	CHECK(setenv("NVML_DOUBLE", mode, 1) == 0);
	CHECK(gpus_fork(NVML_DOUBLE_PATH, 1, patience_sec, &fd) == 0);
	return fd;
}

static int start(const char *mode)
{
	return start_with(mode, 1);
}

/* The next report; false: there will be none. */
static bool next(int fd, struct gpus_report *ret)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	char bytes[sizeof(*ret)];
	ssize_t n;

	CHECK(poll(&ready, 1, PATIENCE_MSEC) == 1);
	n = read(fd, bytes, sizeof(bytes));
	if (n <= 0)
		return false;
	CHECK(gpus_read(bytes, (size_t)n, ret) == 0);
	return true;
}

TEST(each_gpu_is_told_with_what_it_has_and_what_is_wrong_with_it)
{
	struct gpus_report r;
	char words[160], warning[160];
	int fd = start("well");

	CHECK(next(fd, &r) && r.n == 2 && r.stuck_sec == 0);
	gpu_words(&r.list[0], words, sizeof(words));
	gpu_warning(&r.list[0], 0, warning, sizeof(warning));
	CHECK(!strcmp(words,
		"NVIDIA H100 80GB HBM3, 1024 of 81559 MiB used by all programs, 12 % in "
		"use, 41 °C"));
	CHECK(!strcmp(r.list[0].uuid, "GPU-1") && !strcmp(warning, "2 uncorrected memory errors"));
	gpu_words(&r.list[1], words, sizeof(words));
	gpu_warning(&r.list[1], 0, warning, sizeof(warning));
	CHECK(!strcmp(
		words, "NVIDIA L4, 12 % in use, 41 °C")); /* what it does not say is left out */
	CHECK(!strcmp(warning, "the driver reported Xid 79"));
	CHECK(next(fd, &r) && r.list[1].xid == 79);
	close(fd);
}

TEST(without_the_library_or_with_one_that_cannot_begin_nothing_is_told)
{
	struct gpus_report r;
	int fd;

	CHECK(gpus_fork("libnvidia-ml-that-is-not-there.so.1", 1, 1, &fd) == 0);
	CHECK(!next(fd, &r));
	close(fd);
	fd = start("broken");
	CHECK(!next(fd, &r));
	close(fd);
}

TEST(a_library_that_hangs_is_said_to_and_is_started_anew)
{
	struct gpus_report r = {0};
	char warning[160];
	int fd = start("hangs");

	while (r.stuck_sec == 0)
		CHECK(next(fd, &r));
	gpu_warning(&r.list[1], r.stuck_sec, warning, sizeof(warning));
	CHECK(r.n == 2); /* as it was known last */
	CHECK(!strncmp(warning, "NVIDIA's library has not answered for ", 38));
	while (r.stuck_sec > 0)
		CHECK(next(fd, &r));
	close(fd);
}

TEST(a_library_that_crashes_is_started_anew)
{
	struct gpus_report r;
	int fd = start("crashes");

	for (int i = 0; i < 5; i++)
		CHECK(next(fd, &r) && r.n == 2);
	close(fd);
}

TEST(a_library_that_ends_again_and_again_is_said_not_to_answer)
{
	struct gpus_report r = {0};
	int fd = start_with("ends", 20);

	while (r.stuck_sec == 0)
		CHECK(next(fd, &r) && r.n == 2);
	while (r.stuck_sec > 0)
		CHECK(next(fd, &r) && r.n == 2);
	close(fd);
}

TEST(a_gpu_that_is_lost_is_told_by_its_name_with_a_warning_and_the_others_as_before)
{
	struct gpus_report r = {0};
	char warning[160];
	int fd = start_with("lost", 20);

	while (!r.list[0].lost)
		CHECK(next(fd, &r) && r.n == 2);
	gpu_warning(&r.list[0], 0, warning, sizeof(warning));
	CHECK(!strcmp(r.list[0].uuid, "GPU-1") && !strcmp(r.list[0].name, "NVIDIA H100 80GB HBM3"));
	CHECK(!strcmp(warning, "it does not answer its driver"));
	gpu_warning(&r.list[1], 0, warning, sizeof(warning));
	CHECK(!r.list[1].lost && r.list[1].celsius == 41);
	CHECK(!strcmp(warning, "the driver reported Xid 79"));
	close(fd);
}

TEST(what_was_told_last_is_old_once_nobody_tells_any_more)
{
	const struct gpus_report sent = {.n = 1, .list = {{.name = "NVIDIA L4"}}};
	CLEANUP(gpus_freep) struct gpus *g = NULL;
	CLEANUP(loop_freep) struct loop *loop = NULL;
	char warning[160];
	int fds[2];

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
	CHECK(loop_new(&loop) == 0 && gpus_new(loop, fds[0], &g) == 0);
	CHECK(send(fds[1], &sent, sizeof(sent), 0) == sizeof(sent));
	while (!gpus_look(g))
		CHECK(loop_dispatch(loop, 100) == 0);
	CHECK(gpus_look(g)->stuck_sec == 0);
	close(fds[1]);
	while (gpus_look(g)->stuck_sec == 0)
		CHECK(loop_dispatch(loop, 100) == 0);
	gpu_warning(&gpus_look(g)->list[0], gpus_look(g)->stuck_sec, warning, sizeof(warning));
	CHECK(!strcmp(warning, "NVIDIA's library is not heard any more"));
	g = gpus_free(g); /* before its loop */
}

TEST(what_is_no_report_is_none_and_names_are_bounded_and_printable)
{
	struct gpus_report r = {.n = GPUS_MAX + 1}, got;
	int fd = start("junk");

	CHECK(gpus_read(&r, sizeof(r), &got) == -EBADMSG);
	r.n = 1;
	CHECK(gpus_read(&r, sizeof(r) - 1, &got) == -EBADMSG);
	CHECK(gpus_read(&r, sizeof(r), &got) == 0);
	CHECK(next(fd, &got) && strlen(got.list[0].name) == GPUS_TEXT_MAX);
	CHECK(strspn(got.list[0].name, "?") == GPUS_TEXT_MAX);
	close(fd);
	fd = start("many");
	CHECK(next(fd, &got) && got.n == GPUS_MAX);
	close(fd);
}

TEST_MAIN()

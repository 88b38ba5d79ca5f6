#include "base/entry.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/support/test.h"

struct seen {
	struct loop *loop;
	int fds[8];
	size_t n;
};

static void take(int fd, const struct sockaddr_storage *peer, socklen_t length, void *data)
{
	struct seen *s = data;

	CHECK(peer->ss_family == AF_INET && length == sizeof(struct sockaddr_in));
	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
	s->fds[s->n++] = fd;
	loop_stop(s->loop, 0);
}

static int listening(struct sockaddr_in *ret)
{
	socklen_t length = sizeof(*ret);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*ret = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	CHECK(fd >= 0 && bind(fd, (struct sockaddr *)ret, length) == 0 && listen(fd, 8) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)ret, &length) == 0);
	return fd;
}

static int knock(const struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0);
	return fd;
}

static void end(struct seen *s, struct entry *e)
{
	(void)entry_free(e);
	for (size_t i = 0; i < s->n; i++)
		close(s->fds[i]);
	(void)loop_free(s->loop);
}

TEST(whoever_knocks_at_any_of_the_sockets_is_let_in)
{
	struct sockaddr_in at[2];
	int fds[] = {listening(&at[0]), listening(&at[1])}, clients[2];
	struct seen s = {.n = 0};
	struct entry *e;

	CHECK(loop_new(&s.loop) == 0);
	CHECK(entry_new(s.loop, fds, 2, take, &s, &e) == 0);
	for (int i = 0; i < 2; i++) {
		clients[i] = knock(&at[i]);
		CHECK(loop_run(s.loop) == 0 && s.n == (size_t)i + 1);
		close(clients[i]);
	}
	end(&s, e);
	CHECK(fcntl(fds[0], F_GETFD) < 0 && errno == EBADF);
}

static void give_more(void *data)
{
	struct rlimit *limit = data;

	limit->rlim_cur += 8;
	CHECK(setrlimit(RLIMIT_NOFILE, limit) == 0);
}

TEST(without_descriptors_whoever_knocks_waits_and_nothing_spins)
{
	struct sockaddr_in at;
	int fd = listening(&at), client = knock(&at), next;
	uint64_t cpu_usec;
	struct rlimit limit, before;
	struct source *timer;
	struct seen s = {.n = 0};
	struct entry *e;

	CHECK(loop_new(&s.loop) == 0);
	CHECK(entry_new(s.loop, &fd, 1, take, &s, &e) == 0);
	CHECK(loop_add_timer(s.loop, give_more, &limit, &timer) == 0);
	CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
	next = dup(fd);
	close(next);
	limit = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	timer_arm_after(timer, 300 * USEC_PER_MSEC);
	cpu_usec = clock_cpu_usec();
	CHECK(loop_run(s.loop) == 0 && s.n == 1);
	CHECK(clock_cpu_usec() - cpu_usec < 150 * USEC_PER_MSEC);
	CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
	(void)source_free(timer);
	close(client);
	end(&s, e);
}

TEST(more_sockets_than_there_are_places_for_are_refused)
{
	int fds[ENTRY_SOCKETS_MAX + 1] = {0};
	struct seen s = {.n = 0};
	struct entry *e;

	CHECK(loop_new(&s.loop) == 0);
	CHECK(entry_new(s.loop, fds, ENTRY_SOCKETS_MAX + 1, take, &s, &e) == -E2BIG);
	end(&s, NULL);
}

TEST_MAIN()

/* Each allocation of base/ fails in turn: the call says so, and nothing leaks or breaks (the
 * sanitized build proves the latter). */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/dial.h"
#include "base/frame.h"
#include "base/fs.h"
#include "base/link.h"
#include "base/loop.h"
#include "tests/support/fault.h"
#include "tests/support/test.h"

/* Runs scenario with allocation 0, 1, 2 … failing, until it gets by without reaching one. */
static void with_each_failure(int (*scenario)(void))
{
	for (long n = 0; n < 1000; n++) {
		int r;

		fault_arm(n);
		r = scenario();
		if (!fault_hit()) {
			fault_arm(-1);
			CHECK(r == 0 && n > 0);
			return;
		}
		fault_arm(-1);
		CHECK(r < 0);
	}
	CHECK(!"the scenario never ends");
}

static int build_buffer(void)
{
	struct buf b;
	int r = 0;

	buf_init(&b, 100000);
	for (int i = 0; i < 2000 && r == 0; i++) {
		size_t before = b.len;

		r = buf_addf(&b, "line %d\n", i);
		CHECK(r == 0 || b.len == before);
	}
	buf_done(&b);
	return r;
}

TEST(a_buffer_that_cannot_grow_keeps_what_it_has)
{
	with_each_failure(build_buffer);
}

static int join_frames(void)
{
	static const uint8_t value[1000];
	struct frame f = {.type = 1, .value = value, .length = sizeof(value), .more = true};
	struct frame_joiner j;
	int r = 0;

	frame_joiner_init(&j);
	for (int i = 0; i < 10 && r == 0; i++)
		r = frame_join(&j, &f, 100000, NULL);
	frame_joiner_done(&j);
	return r;
}

TEST(a_joiner_that_cannot_grow_refuses)
{
	with_each_failure(join_frames);
}

static void nothing(void *data)
{
	(void)data;
}

static void no_event(int fd, uint32_t events, void *data)
{
	(void)fd;
	(void)events;
	(void)data;
}

static int build_loop(void)
{
	CLEANUP(loop_freep) struct loop *l = NULL;
	struct source *s;
	int r = loop_new(&l);

	for (int i = 0; i < 40 && r == 0; i++) {
		r = loop_add_timer(l, nothing, NULL, &s);
		if (r == 0)
			timer_arm(s, (uint64_t)(40 - i));
	}
	if (r == 0)
		r = loop_defer(l, nothing, NULL, NULL);
	if (r == 0) {
		int fds[2];

		CHECK(pipe2(fds, O_CLOEXEC) == 0);
		r = loop_add_fd(l, fds[0], EPOLLIN, no_event, NULL, &s);
		if (r == 0)
			source_free(s);
		close(fds[0]);
		close(fds[1]);
	}
	if (r == 0)
		r = loop_dispatch(l, 0);
	return r;
}

TEST(a_loop_says_when_it_cannot_hold_another_source)
{
	with_each_failure(build_loop);
}

static int take(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	(void)l;
	(void)f;
	(void)files;
	(void)e;
	(void)data;
	return 0;
}

static void closed(struct link *l, const struct err *reason, void *data)
{
	(void)l;
	*(int *)data = reason->code ? reason->code : -EPIPE;
}

static long any_size(uint8_t type, void *data)
{
	(void)type;
	(void)data;
	return 1 << 20;
}

static int use_link(void)
{
	static const struct link_ops ops = {take, closed, any_size, NULL};
	static const struct link_limits limits = {4 << 20, true};
	static const uint8_t value[100000];
	CLEANUP(loop_freep) struct loop *loop = NULL;
	CLEANUP(link_freep) struct link *a = NULL;
	CLEANUP(link_freep) struct link *b = NULL;
	struct frame f = {.type = 1, .value = value, .length = sizeof(value)};
	int fds[2], end = 0, r = loop_new(&loop);

	if (r < 0)
		return r;
	CHECK(link_pair(fds) == 0);
	r = link_new(loop, fds[0], &ops, &limits, &end, &a);
	if (r < 0) {
		close(fds[1]);
		return r;
	}
	r = link_new(loop, fds[1], &ops, &limits, &end, &b);
	for (int i = 0; i < 8 && r == 0; i++)
		r = link_send_files(a, &f, fds, i & 1);
	for (int i = 0; i < 50 && r == 0 && end == 0; i++)
		r = loop_dispatch(loop, 0);
	return r < 0 ? r : end;
}

TEST(a_link_out_of_memory_refuses_or_ends_with_a_reason)
{
	with_each_failure(use_link);
}

static void connected(int fd, void *data)
{
	(void)data;
	close(fd);
}

static void accepted(int fd, uid_t uid, void *data)
{
	(void)uid;
	(void)data;
	close(fd);
}

static int meet(void)
{
	char root[] = "/tmp/vitrine-fault-XXXXXX", path[64];
	CLEANUP(loop_freep) struct loop *loop = NULL;
	CLEANUP(listener_freep) struct listener *listener = NULL;
	CLEANUP(dialer_freep) struct dialer *dialer = NULL;
	int r, fd;

	CHECK(mkdtemp(root));
	(void)snprintf(path, sizeof(path), "%s/s", root);
	fd = listen_unix(path, SOCK_SEQPACKET, NULL);
	CHECK(fd >= 0);
	r = loop_new(&loop);
	if (r < 0)
		close(fd);
	else
		r = listener_new(loop, fd, NULL, 0, accepted, NULL, &listener);
	if (r == 0)
		r = dialer_new(loop, path, connected, NULL, &dialer);
	(void)unlink(path);
	(void)rmdir(root);
	return r;
}

TEST(a_meeting_that_lacks_memory_leaves_nothing_open)
{
	with_each_failure(meet);
}

TEST_MAIN()

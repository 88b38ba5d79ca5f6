#include "base/loop.h"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/support/test.h"

struct seen {
	struct loop *loop;
	struct source *source, *other;
	int calls, stop_after, fd_calls;
	int order[8];
};

static void count(void *data)
{
	struct seen *s = data;

	if (++s->calls == s->stop_after)
		loop_stop(s->loop, s->calls);
}

TEST(a_run_returns_the_code_it_was_stopped_with)
{
	CLEANUP(loop_freep) struct loop *l = NULL;
	struct seen s = {.stop_after = 1};

	CHECK(loop_new(&l) == 0);
	s.loop = l;
	CHECK(loop_defer(l, count, &s, NULL) == 0);
	CHECK(s.calls == 0); /* never from inside the call that registered it */
	CHECK(loop_run(l) == 1);
}

TEST(a_deferred_call_that_was_freed_never_comes)
{
	CLEANUP(loop_freep) struct loop *l = NULL;
	struct source *cancelled = NULL;
	struct seen s = {0};

	CHECK(loop_new(&l) == 0);
	CHECK(loop_defer(l, count, &s, &cancelled) == 0);
	source_free(cancelled);
	CHECK(loop_dispatch(l, 0) == 0);
	CHECK(s.calls == 0);
}

struct timed {
	struct seen *seen;
	int number;
};

static void note_order(void *data)
{
	struct timed *t = data;

	t->seen->order[t->seen->calls] = t->number;
	count(t->seen);
}

TEST(timers_fire_in_order_of_their_deadlines_whatever_order_they_were_armed_in)
{
	static const int delays_ms[] = {5, 1, 4, 2, 3, 0};
	CLEANUP(loop_freep) struct loop *l = NULL;
	struct seen s = {.stop_after = 6};
	struct timed timed[6];
	struct source *timers[6];
	uint64_t now = clock_mono_usec();

	CHECK(loop_new(&l) == 0);
	s.loop = l;
	for (int i = 0; i < 6; i++) {
		timed[i] = (struct timed){&s, delays_ms[i]};
		CHECK(loop_add_timer(l, note_order, &timed[i], &timers[i]) == 0);
		timer_arm(timers[i], now + (uint64_t)delays_ms[i] * 1000);
	}
	CHECK(loop_run(l) == 6);
	for (int i = 0; i < 6; i++)
		CHECK(s.order[i] == i);
	CHECK(clock_mono_usec() >= now + 5000);
}

TEST(a_timer_is_born_disarmed_and_can_be_disarmed_and_armed_anew)
{
	CLEANUP(loop_freep) struct loop *l = NULL;
	struct seen s = {0};
	struct source *t = NULL;

	CHECK(loop_new(&l) == 0);
	CHECK(loop_add_timer(l, count, &s, &t) == 0);
	CHECK(loop_dispatch(l, 0) == 0 && s.calls == 0);
	timer_arm(t, 1);
	timer_disarm(t);
	timer_disarm(t);
	CHECK(loop_dispatch(l, 0) == 0 && s.calls == 0);
	timer_arm_after(t, 3600 * USEC_PER_SEC);
	timer_arm(t, 1); /* replaces */
	CHECK(loop_dispatch(l, 0) == 0 && s.calls == 1);
	CHECK(loop_dispatch(l, 0) == 0 && s.calls == 1); /* once */
}

TEST(hundreds_of_timers_survive_being_armed_freed_and_rearmed)
{
	CLEANUP(loop_freep) struct loop *l = NULL;
	struct source *timers[500];
	struct seen s = {0};

	CHECK(loop_new(&l) == 0);
	for (int i = 0; i < 500; i++) {
		CHECK(loop_add_timer(l, count, &s, &timers[i]) == 0);
		timer_arm(timers[i], (uint64_t)(i * 7919 % 500 + 1));
	}
	for (int i = 0; i < 500; i += 3)
		source_free(timers[i]);
	for (int i = 1; i < 500; i += 3)
		timer_arm(timers[i], clock_mono_usec() + 3600 * USEC_PER_SEC);
	CHECK(loop_dispatch(l, 0) == 0);
	CHECK(s.calls == 166);
}

static void rearm_self(void *data)
{
	struct seen *s = data;

	s->calls++;
	timer_arm(s->source, 1);
}

static void read_byte(int fd, uint32_t events, void *data)
{
	struct seen *s = data;
	char byte;

	CHECK(events & EPOLLIN);
	CHECK(read(fd, &byte, 1) == 1);
	s->fd_calls++;
}

TEST(a_timer_that_is_always_due_does_not_starve_a_file)
{
	CLEANUP(loop_freep) struct loop *l = NULL;
	struct seen s = {0};
	struct source *io = NULL;
	int ends[2];

	CHECK(loop_new(&l) == 0);
	CHECK(pipe(ends) == 0);
	CHECK(loop_add_timer(l, rearm_self, &s, &s.source) == 0);
	CHECK(loop_add_fd(l, ends[0], EPOLLIN, read_byte, &s, &io) == 0);
	timer_arm(s.source, 1);
	CHECK(write(ends[1], "x", 1) == 1);
	for (int i = 0; i < 100000 && s.calls < 3; i++)
		CHECK(loop_dispatch(l, 0) == 0);
	CHECK(s.fd_calls == 1);
	CHECK(s.calls == 3);
	source_free(io);
	close(ends[0]);
	close(ends[1]);
}

static void free_both(int fd, uint32_t events, void *data)
{
	struct seen *s = data;

	(void)fd;
	(void)events;
	s->calls++;
	s->source = source_free(s->source);
	s->other = source_free(s->other);
}

TEST(a_source_may_free_itself_and_its_neighbour_which_is_then_not_called)
{
	CLEANUP(loop_freep) struct loop *l = NULL;
	struct seen s = {0};
	int a[2], b[2];

	CHECK(loop_new(&l) == 0);
	CHECK(pipe(a) == 0 && pipe(b) == 0);
	CHECK(loop_add_fd(l, a[0], EPOLLIN, free_both, &s, &s.source) == 0);
	CHECK(loop_add_fd(l, b[0], EPOLLIN, free_both, &s, &s.other) == 0);
	CHECK(write(a[1], "x", 1) == 1 && write(b[1], "x", 1) == 1);
	CHECK(loop_dispatch(l, 0) == 0);
	CHECK(loop_dispatch(l, 0) == 0);
	CHECK(s.calls == 1);
	close(a[0]), close(a[1]), close(b[0]), close(b[1]);
}

static void defer_again(void *data)
{
	struct seen *s = data;

	if (++s->calls < 5)
		CHECK(loop_defer(s->loop, defer_again, s, NULL) == 0);
}

TEST(a_call_deferred_from_a_deferred_call_comes_in_a_later_round)
{
	CLEANUP(loop_freep) struct loop *l = NULL;
	struct seen s = {0};

	CHECK(loop_new(&l) == 0);
	s.loop = l;
	CHECK(loop_defer(l, defer_again, &s, NULL) == 0);
	CHECK(loop_dispatch(l, 0) == 0);
	CHECK(s.calls == 1);
	for (int i = 0; i < 100000 && s.calls < 5; i++)
		CHECK(loop_dispatch(l, 0) == 0);
	CHECK(s.calls == 5);
}

static void on_signal(int signo, void *data)
{
	struct seen *s = data;

	CHECK(signo == SIGUSR1);
	count(s);
}

TEST(a_signal_arrives_as_a_call_from_the_loop)
{
	CLEANUP(loop_freep) struct loop *l = NULL;
	struct seen s = {.stop_after = 1};
	struct source *source = NULL;

	CHECK(loop_new(&l) == 0);
	s.loop = l;
	CHECK(loop_add_signal(l, SIGUSR1, on_signal, &s, &source) == 0);
	CHECK(kill(getpid(), SIGUSR1) == 0);
	CHECK(s.calls == 0);
	CHECK(loop_run(l) == 1);
}

static void on_child(pid_t pid, int status, void *data)
{
	struct seen *s = data;

	CHECK(pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 7);
	count(s);
}

TEST(a_child_is_reaped_and_its_status_told_once)
{
	CLEANUP(loop_freep) struct loop *l = NULL;
	struct seen s = {.stop_after = 1};
	pid_t pid;

	CHECK(loop_new(&l) == 0);
	s.loop = l;
	pid = fork();
	if (pid == 0)
		_exit(7);
	CHECK(loop_add_child(l, pid, on_child, &s, NULL) == 0);
	CHECK(loop_run(l) == 1);
	CHECK(waitpid(pid, NULL, WNOHANG) == -1); /* reaped */
}

TEST(a_pid_that_is_nobodys_is_refused)
{
	CLEANUP(loop_freep) struct loop *l = NULL;

	CHECK(loop_new(&l) == 0);
	CHECK(loop_add_child(l, 0x3ffffff, on_child, NULL, NULL) < 0);
}

TEST(a_nested_loop_shows_its_work_on_its_fd)
{
	CLEANUP(loop_freep) struct loop *l = NULL;
	struct seen s = {0};
	struct source *t = NULL;
	struct pollfd p = {.events = POLLIN};

	CHECK(loop_new(&l) == 0);
	p.fd = loop_fd(l);
	CHECK(p.fd >= 0);
	CHECK(poll(&p, 1, 0) == 0);
	CHECK(loop_add_timer(l, count, &s, &t) == 0);
	timer_arm_after(t, 1000);
	CHECK(poll(&p, 1, 10000) == 1);
	CHECK(loop_dispatch(l, 0) == 0);
	CHECK(s.calls == 1);
	CHECK(poll(&p, 1, 0) == 0);
}

TEST(a_deferred_call_shows_on_the_fd_of_a_nested_loop)
{
	CLEANUP(loop_freep) struct loop *l = NULL;
	struct seen s = {0};
	struct pollfd p = {.events = POLLIN};

	CHECK(loop_new(&l) == 0);
	p.fd = loop_fd(l);
	CHECK(loop_defer(l, count, &s, NULL) == 0);
	CHECK(poll(&p, 1, 10000) == 1);
	CHECK(loop_dispatch(l, 0) == 0 && s.calls == 1);
}

TEST_MAIN()

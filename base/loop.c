#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define EVENTS_PER_ROUND 64
#define ROUNDS_AT_ONCE 3
#define NOT_IN_HEAP SIZE_MAX

enum source_kind { SOURCE_FD, SOURCE_TIMER, SOURCE_SIGNAL, SOURCE_CHILD };

struct source {
	struct loop *loop;
	struct source *prev, *next; /* all live sources, or the dead list */
	enum source_kind kind;
	bool dead;
	bool one_shot;     /* deferred: frees itself after the call */
	int fd;            /* borrowed for SOURCE_FD, owned for signal and child, -1 for timers */
	int number;        /* signal number or pid */
	uint64_t deadline; /* µs, monotonic; timers only */
	size_t heap_index; /* place in the timer heap or NOT_IN_HEAP */
	void *data;
	union {
		loop_fd_fn on_fd;
		loop_timer_fn on_timer;
		loop_signal_fn on_signal;
		loop_child_fn on_child;
	};
};

struct loop {
	int epoll_fd;
	int timer_fd;         /* -1 until the loop is nested */
	uint64_t timer_at;    /* what timer_fd is set to, µs; 0: disarmed */
	struct source *live;  /* owned */
	struct source *dead;  /* owned; freed between rounds */
	struct source **heap; /* armed timers, earliest first; borrowed */
	size_t heap_len, heap_cap;
	uint64_t round_usec; /* when this round began: what is armed in it fires in a later one */
	bool dispatching, stopping;
	int stop_code;
};

int loop_new(struct loop **ret)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->timer_fd = -1;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0) {
		int r = -errno;

		free(l);
		return r;
	}
	*ret = l;
	return 0;
}

static void bury(struct loop *l)
{
	while (l->dead) {
		struct source *s = l->dead;

		l->dead = s->next;
		free(s);
	}
}

struct loop *loop_free(struct loop *l)
{
	if (!l)
		return NULL;
	while (l->live)
		source_free(l->live);
	bury(l);
	if (l->timer_fd >= 0)
		close(l->timer_fd);
	close(l->epoll_fd);
	free(l->heap);
	free(l);
	return NULL;
}

/* --- timer heap --- */

static void heap_put(struct loop *l, size_t i, struct source *s)
{
	l->heap[i] = s;
	s->heap_index = i;
}

static void heap_up(struct loop *l, size_t i)
{
	struct source *s = l->heap[i];

	while (i > 0) {
		size_t parent = (i - 1) / 2;

		if (l->heap[parent]->deadline <= s->deadline)
			break;
		heap_put(l, i, l->heap[parent]);
		i = parent;
	}
	heap_put(l, i, s);
}

static void heap_down(struct loop *l, size_t i)
{
	struct source *s = l->heap[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= l->heap_len)
			break;
		if (child + 1 < l->heap_len &&
			l->heap[child + 1]->deadline < l->heap[child]->deadline)
			child++;
		if (l->heap[child]->deadline >= s->deadline)
			break;
		heap_put(l, i, l->heap[child]);
		i = child;
	}
	heap_put(l, i, s);
}

static void heap_remove(struct loop *l, struct source *s)
{
	size_t i = s->heap_index;
	struct source *last;

	if (i == NOT_IN_HEAP)
		return;
	s->heap_index = NOT_IN_HEAP;
	last = l->heap[--l->heap_len];
	if (last == s)
		return;
	heap_put(l, i, last);
	heap_up(l, i);
	heap_down(l, last->heap_index);
}

/* Room for every timer is made when the timer is added, so arming cannot fail. */
static int heap_reserve(struct loop *l)
{
	size_t timers = 0;
	struct source **grown;

	for (struct source *s = l->live; s; s = s->next)
		timers += s->kind == SOURCE_TIMER;
	if (timers < l->heap_cap)
		return 0;
	grown = reallocarray(l->heap, l->heap_cap ? l->heap_cap * 2 : 32, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	l->heap = grown;
	l->heap_cap = l->heap_cap ? l->heap_cap * 2 : 32;
	return 0;
}

/* --- sources --- */

static struct source *source_new(struct loop *l, enum source_kind kind, void *data)
{
	struct source *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	*s = (struct source){
		.loop = l, .kind = kind, .fd = -1, .heap_index = NOT_IN_HEAP, .data = data};
	s->next = l->live;
	if (l->live)
		l->live->prev = s;
	l->live = s;
	return s;
}

struct source *source_free(struct source *s)
{
	struct loop *l;

	if (!s || s->dead)
		return NULL;
	l = s->loop;
	if (s->fd >= 0)
		(void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
	if (s->fd >= 0 && s->kind != SOURCE_FD)
		close(s->fd);
	heap_remove(l, s);

	if (s->prev)
		s->prev->next = s->next;
	else
		l->live = s->next;
	if (s->next)
		s->next->prev = s->prev;

	s->dead = true;
	s->prev = NULL;
	s->next = l->dead;
	l->dead = s;
	if (!l->dispatching)
		bury(l);
	return NULL;
}

static int watch(struct source *s, int op, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = s};

	return epoll_ctl(s->loop->epoll_fd, op, s->fd, &ev) < 0 ? -errno : 0;
}

static int start_watching(struct source *s, uint32_t events, struct source **ret)
{
	int r = watch(s, EPOLL_CTL_ADD, events);

	if (r < 0) {
		source_free(s);
		return r;
	}
	if (ret)
		*ret = s;
	return 0;
}

int loop_add_fd(
	struct loop *l, int fd, uint32_t events, loop_fd_fn fn, void *data, struct source **ret)
{
	struct source *s = source_new(l, SOURCE_FD, data);

	if (!s)
		return -ENOMEM;
	s->fd = fd;
	s->on_fd = fn;
	return start_watching(s, events, ret);
}

int source_set_events(struct source *s, uint32_t events)
{
	assert(s->kind == SOURCE_FD);
	return watch(s, EPOLL_CTL_MOD, events);
}

int loop_add_timer(struct loop *l, loop_timer_fn fn, void *data, struct source **ret)
{
	struct source *s = source_new(l, SOURCE_TIMER, data);

	if (!s)
		return -ENOMEM;
	s->on_timer = fn;
	if (heap_reserve(l) < 0) {
		source_free(s);
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}

/* A nested loop is watched through its epoll fd alone, so the earliest deadline must show there. */
static void rearm_timer_fd(struct loop *l)
{
	struct itimerspec spec = {0};
	uint64_t at = 0;

	if (l->timer_fd < 0)
		return;
	if (l->heap_len > 0)
		at = l->heap[0]->deadline ? l->heap[0]->deadline : 1; /* all zero would disarm */
	/* A round seldom changes the earliest deadline; then the system call is saved. */
	if (at == l->timer_at)
		return;
	/* Neither does it matter that it fires too early: then nothing is due. */
	if (l->timer_at > l->round_usec && (at > l->timer_at || !at))
		return;
	l->timer_at = at;
	spec.it_value.tv_sec = (time_t)(at / USEC_PER_SEC);
	spec.it_value.tv_nsec = (long)(at % USEC_PER_SEC * 1000);
	(void)timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

void timer_arm(struct source *s, uint64_t deadline_usec)
{
	struct loop *l = s->loop;

	assert(s->kind == SOURCE_TIMER);
	heap_remove(l, s);
	if (l->dispatching && deadline_usec <= l->round_usec)
		deadline_usec = l->round_usec + 1;
	s->deadline = deadline_usec;
	heap_put(l, l->heap_len++, s);
	heap_up(l, s->heap_index);
	if (!l->dispatching && l->heap[0] == s)
		rearm_timer_fd(l);
}

void timer_arm_after(struct source *s, uint64_t delay_usec)
{
	timer_arm(s, clock_mono_usec() + delay_usec);
}

void timer_disarm(struct source *s)
{
	assert(s->kind == SOURCE_TIMER);
	heap_remove(s->loop, s);
}

int loop_defer(struct loop *l, loop_timer_fn fn, void *data, struct source **ret)
{
	struct source *s;
	int r = loop_add_timer(l, fn, data, &s);

	if (r < 0)
		return r;
	s->one_shot = true;
	timer_arm(s, 0);
	if (ret)
		*ret = s;
	return 0;
}

int loop_add_signal(struct loop *l, int signo, loop_signal_fn fn, void *data, struct source **ret)
{
	struct source *s = source_new(l, SOURCE_SIGNAL, data);
	sigset_t set;

	if (!s)
		return -ENOMEM;
	sigemptyset(&set);
	sigaddset(&set, signo);
	s->number = signo;
	s->on_signal = fn;
	s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->fd < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0) {
		int r = -errno;

		source_free(s);
		return r;
	}
	return start_watching(s, EPOLLIN, ret);
}

int loop_add_child(struct loop *l, pid_t pid, loop_child_fn fn, void *data, struct source **ret)
{
	struct source *s = source_new(l, SOURCE_CHILD, data);

	if (!s)
		return -ENOMEM;
	s->number = pid;
	s->on_child = fn;
	s->fd = pidfd_open(pid, 0); /* close-on-exec by birth, pidfd_open(2) */
	if (s->fd < 0) {
		int r = -errno;

		source_free(s);
		return r;
	}
	return start_watching(s, EPOLLIN, ret);
}

/* --- dispatching --- */

static void dispatch_signal(struct source *s)
{
	struct signalfd_siginfo info;

	while (!s->dead && read(s->fd, &info, sizeof(info)) == sizeof(info))
		s->on_signal((int)info.ssi_signo, s->data);
}

static void dispatch_child(struct source *s)
{
	loop_child_fn fn = s->on_child;
	void *data = s->data;
	pid_t pid = s->number;
	int status = 0;

	if (waitpid(pid, &status, WNOHANG) != pid)
		return;
	source_free(s);
	fn(pid, status, data);
}

static void dispatch_source(struct source *s, uint32_t events)
{
	switch (s->kind) {
	case SOURCE_FD:
		s->on_fd(s->fd, events, s->data);
		break;
	case SOURCE_SIGNAL:
		dispatch_signal(s);
		break;
	case SOURCE_CHILD:
		dispatch_child(s);
		break;
	case SOURCE_TIMER:
		break;
	}
}

/* Only timers due when the round began fire, so one that re-arms itself cannot starve the fds. */
static void dispatch_timers(struct loop *l)
{
	while (l->heap_len > 0 && l->heap[0]->deadline <= l->round_usec && !l->stopping) {
		struct source *s = l->heap[0];
		loop_timer_fn fn = s->on_timer;
		void *data = s->data;

		heap_remove(l, s);
		if (s->one_shot)
			source_free(s);
		fn(data);
	}
}

static int wait_ms(const struct loop *l, int timeout_ms)
{
	uint64_t now, left;

	if (l->heap_len == 0 || timeout_ms == 0)
		return timeout_ms;
	now = clock_mono_usec();
	if (l->heap[0]->deadline <= now)
		return 0;
	left = (l->heap[0]->deadline - now + 999) / 1000;
	if (left > 60000)
		left = 60000;
	return timeout_ms < 0 || (uint64_t)timeout_ms > left ? (int)left : timeout_ms;
}

int loop_dispatch(struct loop *l, int timeout_ms)
{
	struct epoll_event events[EVENTS_PER_ROUND];
	int n = epoll_wait(l->epoll_fd, events, EVENTS_PER_ROUND, wait_ms(l, timeout_ms));

	if (n < 0 && errno != EINTR)
		return -errno;

	l->dispatching = true;
	l->round_usec = clock_mono_usec();
	for (int i = 0; i < n; i++) {
		struct source *s = events[i].data.ptr;
		uint64_t expirations;

		if (!s)
			l->timer_at = read(l->timer_fd, &expirations, sizeof(expirations)) < 0
					      ? l->timer_at
					      : 0; /* a timer that has fired is disarmed */
		else if (!s->dead)
			dispatch_source(s, events[i].events);
	}
	dispatch_timers(l);
	/* What was put off to the next round: out of a nested loop it would take two system calls
	 * to come back for it, each time a piece of a body is passed on. */
	for (int i = 0; i < ROUNDS_AT_ONCE && l->timer_fd >= 0 && l->heap_len > 0 && !l->stopping &&
			l->heap[0]->deadline <= l->round_usec + 1;
		i++) {
		l->round_usec++;
		dispatch_timers(l);
	}
	l->dispatching = false;
	bury(l);
	rearm_timer_fd(l);
	return 0;
}

int loop_run(struct loop *l)
{
	l->stopping = false;
	while (!l->stopping) {
		int r = loop_dispatch(l, -1);

		if (r < 0)
			return r;
	}
	return l->stop_code;
}

void loop_stop(struct loop *l, int code)
{
	l->stopping = true;
	l->stop_code = code;
}

int loop_fd(struct loop *l)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};

	if (l->timer_fd < 0) {
		l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
		if (l->timer_fd < 0)
			return -errno;
		if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->timer_fd, &ev) < 0)
			return -errno;
		rearm_timer_fd(l);
	}
	return l->epoll_fd;
}

#include "sdk-lua/host/task.h"

#include <assert.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "sdk-lua/host/coro.h"
#include "sdk-lua/host/infer.h"
#include "sdk-lua/host/publish.h"
#include "sdk-lua/host/reply.h"
#include "sdk-lua/host/service.h"
#include "sdk-lua/host/session.h"

static void queue_add(struct task_queue *q, struct task *t)
{
	t->next = NULL;
	*q->tail = t;
	q->tail = &t->next;
}

static struct task *queue_take(struct task_queue *q)
{
	struct task *t = q->head;

	if (!t)
		return NULL;
	q->head = t->next;
	if (!q->head)
		q->tail = &q->head;
	return t;
}

/* --- whose turn at the processor --- */

/* Sessions that compute get the same each, with however many handlers: the next slice is for the
 * one that has had the least. One that begins to compute begins where the others are. */
static void busy_add(struct worker *w, struct task *t)
{
	struct session *s = t->session;

	if (s && s->served_usec < w->served_usec)
		s->served_usec = w->served_usec;
	queue_add(&w->busy, t);
}

static void queue_remove(struct task_queue *q, struct task *t)
{
	for (struct task **at = &q->head; *at; at = &(*at)->next) {
		if (*at != t)
			continue;
		*at = t->next;
		if (!*at)
			q->tail = at;
		return;
	}
}

static struct task *busy_take(struct worker *w)
{
	struct task *next = w->busy.head;

	for (struct task *t = next; t && next->session; t = t->next)
		if (!t->session || t->session->served_usec < next->session->served_usec)
			next = t;
	queue_remove(&w->busy, next);
	if (next->session)
		w->served_usec = next->session->served_usec;
	return next;
}

static void on_timer(void *data)
{
	struct task *t = data;
	uint64_t now = clock_mono_usec();
	char words[96];

	if (t->state == TASK_FREE)
		return;
	if (now >= t->deadline_usec) {
		(void)snprintf(words, sizeof(words), "it ran for %llu s, the limit",
			(unsigned long long)(t->wall_usec / USEC_PER_SEC));
		task_stop(t, END_LIMIT, words);
		return;
	}
	if (t->wait == WAIT_TIME && t->wake_usec && now >= t->wake_usec)
		task_wake(t);
	timer_arm(t->timer, t->deadline_usec);
}

int tasks_init(struct worker *w)
{
	w->quick = (struct task_queue){NULL, &w->quick.head};
	w->busy = (struct task_queue){NULL, &w->busy.head};
	for (size_t i = 0; i < TASKS_MAX; i++) {
		struct task *t = &w->tasks[i];
		int r = loop_add_timer(w->loop, on_timer, t, &t->timer);

		if (r < 0)
			return r;
		t->worker = w;
		buf_init(&t->result, GROUP_MAX);
		t->thread_ref = LUA_NOREF;
	}
	return 0;
}

void tasks_done(struct worker *w)
{
	for (size_t i = 0; i < TASKS_MAX; i++) {
		calls_free(&w->tasks[i]);
		service_free(&w->tasks[i]);
		buf_done(&w->tasks[i].result);
		w->tasks[i].timer = source_free(w->tasks[i].timer);
	}
}

struct task *task_get(struct worker *w)
{
	struct task *t = NULL;

	for (size_t i = 0; i < TASKS_MAX && !t; i++)
		if (w->tasks[i].state == TASK_FREE)
			t = &w->tasks[i];
	if (t && !t->thread) {
		t->thread = lua_newthread(w->L);
		coro_claim(t->thread);
		t->thread_ref = luaL_ref(w->L, LUA_REGISTRYINDEX);
	}
	return t;
}

void task_start(struct task *t)
{
	t->state = TASK_READY;
	t->cpu_usec = 0;
	t->wait = WAIT_NOTHING;
	t->wake_usec = 0;
	queue_add(&t->worker->quick, t);
	task_limit(t, t->worker->options.handler_wall_usec);
}

void task_limit(struct task *t, uint64_t wall_usec)
{
	t->wall_usec = wall_usec;
	t->deadline_usec = clock_mono_usec() + wall_usec;
	timer_arm(t->timer, t->deadline_usec);
}

void task_wake(struct task *t)
{
	if (t->state != TASK_WAITING)
		return;
	t->state = TASK_READY;
	t->wait = WAIT_NOTHING;
	t->wait_call = NULL;
	t->wake_usec = 0;
	queue_add(&t->worker->quick, t);
}

/* A coroutine that did not return cannot be used again, and must not be resumed. */
static void drop_thread(struct task *t)
{
	luaL_unref(t->worker->L, LUA_REGISTRYINDEX, t->thread_ref);
	t->thread = NULL;
	t->thread_ref = LUA_NOREF;
}

static void end(struct task *t, enum task_end how)
{
	struct worker *w = t->worker;
	struct session *s = t->session;

	timer_disarm(t->timer);
	calls_free(t);
	service_free(t);
	t->state = TASK_FREE;
	/* The error's value and its stack are read by whoever is told. */
	if (s)
		session_task_ended(s, t, how);
	else
		worker_loaded(w, t, how);
	if (how != END_RETURNED) {
		drop_thread(t);
		worker_collect(w);
	}
	reply_forget(t);
	t->grant.n = 0;
	t->session = NULL;
	t->handler = NULL;
	w->pump_all = true;
}

void task_stop(struct task *t, enum task_end how, const char *words)
{
	assert(t->state == TASK_READY || t->state == TASK_WAITING);
	if (t->state == TASK_READY) {
		queue_remove(&t->worker->quick, t);
		queue_remove(&t->worker->busy, t);
	}
	(void)snprintf(t->words, sizeof(t->words), "%s", words ? words : "");
	end(t, how);
}

bool tasks_ready(const struct worker *w)
{
	return w->quick.head || w->busy.head;
}

static uint64_t cpu_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

static void stop_for_cpu(struct task *t)
{
	(void)snprintf(t->words, sizeof(t->words), "it used %llu s of processor time, the limit",
		(unsigned long long)(t->worker->options.handler_cpu_usec / USEC_PER_SEC));
	end(t, END_LIMIT);
}

static void stop_for_stall(struct task *t)
{
	(void)snprintf(t->words, sizeof(t->words),
		"it ran for too long inside a library function, where it cannot be paused");
	end(t, END_LIMIT);
}

static void after_yield(struct task *t)
{
	struct worker *w = t->worker;

	if (preempt_raised()) {
		stop_for_stall(t); /* it caught what was raised */
		return;
	}
	if (t->cpu_usec > w->options.handler_cpu_usec) {
		stop_for_cpu(t);
		return;
	}
	if (t->called)
		reply_soon(t);
	if (t->session)
		publish_soon(t->session);
	if (preempt_why() == YIELD_SLICE) {
		t->state = TASK_READY;
		busy_add(w, t);
		return;
	}
	assert(preempt_why() == YIELD_WAIT);
	t->state = TASK_WAITING;
	if (t->wait == WAIT_TIME) {
		uint64_t at = t->wake_usec < t->deadline_usec ? t->wake_usec : t->deadline_usec;

		timer_arm(t->timer, at);
	} else if (t->wait == WAIT_CALL && call_has_news(t->wait_call)) {
		task_wake(t);
	}
}

static void after_return(struct task *t, int status)
{
	if (preempt_raised()) {
		stop_for_stall(t);
	} else if (status == LUA_OK) {
		end(t, END_RETURNED);
	} else if (status == LUA_ERRMEM) {
		(void)snprintf(t->words, sizeof(t->words), "the app's memory is full: %zu MiB",
			t->worker->options.heap_max >> 20);
		end(t, END_LIMIT);
	} else {
		end(t, END_ERROR);
	}
}

static void run(struct task *t)
{
	struct worker *w = t->worker;
	int n_args = t->n_args, n_results = 0, status;
	uint64_t before = cpu_now();

	t->state = TASK_RUNNING;
	t->n_args = 0;
	w->current = t;
	preempt_begin(t->thread, t->session == NULL);
	status = lua_resume(t->thread, NULL, n_args, &n_results);
	preempt_end();
	w->current = NULL;
	before = cpu_now() - before;
	t->cpu_usec += before;
	if (t->session)
		t->session->served_usec += before;
	if (status == LUA_YIELD) {
		after_yield(t);
		return;
	}
	if (status == LUA_OK)
		lua_settop(t->thread, 0);
	after_return(t, status);
}

void tasks_run(struct worker *w)
{
	/* What becomes ready meanwhile runs in the next round, after the links were looked at. */
	size_t n = 0;

	for (const struct task *t = w->quick.head; t; t = t->next)
		n++;
	while (n-- > 0 && w->quick.head)
		run(queue_take(&w->quick));
	if (w->busy.head)
		run(busy_take(w));
}

int task_wait(lua_State *L, enum task_wait wait, lua_KFunction k, lua_KContext context)
{
	struct task *t = worker_of(L)->current;

	if (!t)
		return luaL_error(L, "cannot wait outside a handler");
	if (!lua_isyieldable(L))
		return luaL_error(L, "cannot wait inside a library function that calls back");
	t->wait = wait;
	preempt_yield(YIELD_WAIT);
	return lua_yieldk(L, 0, context, k);
}

/*
 * The event loop: file descriptors, timers, signals, children and deferred calls on one epoll fd.
 *
 * Single-threaded. Every callback runs from loop_run or loop_dispatch, never from inside the call
 * that registered it. A source may free itself or any other source in a callback; it is never
 * called after source_free. Timers are a heap beside the epoll timeout, so a loop inside a sealed
 * process needs no timerfd; only a loop that is nested in another one (loop_fd) makes one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct loop;
struct source;

typedef void (*loop_fd_fn)(int fd, uint32_t events, void *data);
typedef void (*loop_timer_fn)(void *data);
typedef void (*loop_signal_fn)(int signo, void *data);
/* status as from waitpid(2): test with WIFEXITED and so on. */
typedef void (*loop_child_fn)(pid_t pid, int status, void *data);

/* -ENOMEM, or the errno of epoll_create1. Caller owns *ret. */
int loop_new(struct loop **ret);

/* Frees the loop; sources still registered are freed with it. NULL is fine. Returns NULL. */
struct loop *loop_free(struct loop *l);
DEFINE_CLEANUP(struct loop *, loop_free)

/* Dispatches until loop_stop. Returns the code given to loop_stop, or a negative errno. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l, int code);

/* One round: waits at most timeout_ms (-1: until something happens), then calls back. 0 or -errno.
 */
int loop_dispatch(struct loop *l, int timeout_ms);

/*
 * The fd that is readable whenever loop_dispatch(l, 0) has work, for nesting in a foreign loop.
 * Borrowed. Negative errno when the timer fd cannot be made.
 */
int loop_fd(struct loop *l);

/* Watches fd for EPOLLIN, EPOLLOUT, … The fd stays the caller's, who frees the source first. */
int loop_add_fd(
	struct loop *l, int fd, uint32_t events, loop_fd_fn fn, void *data, struct source **ret);
int source_set_events(struct source *s, uint32_t events);

/* A timer, born disarmed. timer_arm: fires once at that CLOCK_MONOTONIC time, replacing an
 * earlier deadline. */
int loop_add_timer(struct loop *l, loop_timer_fn fn, void *data, struct source **ret);
void timer_arm(struct source *s, uint64_t deadline_usec);
void timer_arm_after(struct source *s, uint64_t delay_usec);
void timer_disarm(struct source *s);

/* Blocks the signal and receives it through a signalfd. */
int loop_add_signal(struct loop *l, int signo, loop_signal_fn fn, void *data, struct source **ret);

/* Reaps pid when it ends, calls back once. Takes a pidfd of its own. -ESRCH: no such child. */
int loop_add_child(struct loop *l, pid_t pid, loop_child_fn fn, void *data, struct source **ret);

/* Calls back once, in the next round. The source frees itself then; free it to cancel. */
int loop_defer(struct loop *l, loop_timer_fn fn, void *data, struct source **ret);

/* Unregisters and frees. NULL is fine. Returns NULL. */
struct source *source_free(struct source *s);
DEFINE_CLEANUP(struct source *, source_free)

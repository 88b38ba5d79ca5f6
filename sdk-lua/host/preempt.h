/*
 * Taking the processor back from Lua code that does not give it.
 *
 * A timer of user CPU time (ITIMER_VIRTUAL: no ticks while idle) signals every 4 ms; once the
 * running slice is over, its handler sets a count hook on the innermost running coroutine, and the
 * hook yields. A permanent hook would slow every loop 2.2 to 2.6 times.
 *
 * Inside a C function that calls back into Lua (a metamethod of a library call, load's reader) a
 * yield is impossible. There the code runs on for at most stall_usec, then the hook raises, and
 * raises again on every later instruction until the C function has been left.
 *
 * One per process: signals are. Knows no session.
 */
#pragma once

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

/* Why a coroutine came back without having called coroutine.yield. */
enum preempt_yield {
	YIELD_APP,   /* it did call it: values are on its stack */
	YIELD_SLICE, /* its slice was over */
	YIELD_WAIT,  /* it waits for the host: a model, a timer, the gateway */
};

struct preempt_limits {
	uint64_t slice_usec; /* wall time a slice lasts at least */
	uint64_t stall_usec; /* in code that cannot yield */
	uint64_t hang_usec;  /* CPU in code that reaches no hook: the process ends */
	int64_t look_steps;  /* of a loop in C between two looks at the clock; 0: 8192 */
};

/* Installs the signal's handler and arms the timer, which must happen before the seal. */
int preempt_arm(const struct preempt_limits *limits);

/* Stops the timer; only unsealed (tests). */
void preempt_disarm(void);

/* A slice begins or ends in coroutine L of the scheduler. lines: remember the line of the app that
 * ran last; slows Lua, so only while an app loads. */
void preempt_begin(lua_State *L, bool lines);
void preempt_end(void);

/* L is the innermost running coroutine from now on; returns the one before. */
lua_State *preempt_swap(lua_State *L);

/*
 * The line of the app that ran last in a slice with lines: "return ui.page(…)" is a tail call,
 * after which the app has no frame on the stack. 0: unknown. File: borrowed until the next line.
 */
int preempt_last_line(const char **ret_file);

/* Set by whoever yields for the host, read by whoever resumed. */
void preempt_yield(enum preempt_yield why);
enum preempt_yield preempt_why(void);

/* The running slice is over and cannot be yielded since more than stall_usec. */
bool preempt_stalled(void);

/* From now to the end of this slice every hook raises; see preempt_raised. [-0, +0, v] */
int preempt_raise(lua_State *L);

/*
 * For loops in C that an app can make long. preempt_due is true once the slice is over and L can
 * yield: then leave by preempt_pause, which goes on in k. Where L cannot yield it raises after the
 * stall. Look every preempt_look_steps() steps of a few ns. [-0, +0, v]
 */
int64_t preempt_look_steps(void);
bool preempt_due(lua_State *L);
int preempt_pause(lua_State *L, lua_KContext context, lua_KFunction k);

/* The slice was ended by raising: whatever error came out of it, the reason is the stall. */
bool preempt_raised(void);

#include "sdk-lua/host/preempt.h"

#include <errno.h>
#include <lauxlib.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"

#define TICK_USEC 4000
#define LOOK_STEPS 8192
#define ASK_AGAIN 8 /* ticks */

/* Written by the handler's victim and read by the handler, in one thread. */
static struct {
	struct preempt_limits limits;
	lua_State *volatile running;
	lua_State *volatile asked;    /* its hook is set, and has not come yet, */
	volatile uint64_t asked_at;   /* since this tick */
	volatile uint64_t began_usec; /* of the slice, monotonic */
	volatile uint64_t ticks;      /* of the slice */
	volatile bool raising;
	enum preempt_yield why;
	volatile bool lines;
	int line; /* of file */
	char file[256];
} now;

static uint64_t slice_age(void)
{
	return clock_mono_usec() - now.began_usec;
}

static void on_hook(lua_State *L, lua_Debug *ar);

/* The hook between preemptions: none, or the one that follows the lines. */
static void rest_hook(lua_State *L)
{
	now.asked = NULL;
	lua_sethook(L, now.lines ? on_hook : NULL, now.lines ? LUA_MASKLINE : 0, 0);
}

static void keep_line(lua_State *L, lua_Debug *ar)
{
	if (!now.lines) {
		rest_hook(L); /* a coroutine made while the app loaded */
		return;
	}
	lua_getinfo(L, "Sl", ar);
	if (ar->source[0] != '@')
		return;
	now.line = ar->currentline;
	(void)snprintf(now.file, sizeof(now.file), "%s", ar->source + 1);
}

static void on_hook(lua_State *L, lua_Debug *ar)
{
	if (ar->event == LUA_HOOKLINE) {
		keep_line(L, ar);
		return;
	}
	if (lua_isyieldable(L)) {
		rest_hook(L);
		now.why = YIELD_SLICE;
		(void)lua_yield(L, 0); /* returns inside a hook, then yields */
		return;
	}
	if (now.raising || preempt_stalled()) {
		(void)preempt_raise(L);
		return;
	}
	rest_hook(L); /* the next tick looks again */
}

/* Nothing can interrupt a C function that never returns to Lua (a pattern that explodes, say):
 * other visitors wait behind it, so the worker ends and the platform starts another. */
static void end_hung(void)
{
	static const char words[] = "error a library function ran for too long without a pause; "
				    "the worker ends\n";

	(void)!write(STDERR_FILENO, words, sizeof(words) - 1);
	_exit(3);
}

static void on_tick(int signo)
{
	lua_State *L = now.running;
	int saved = errno;

	(void)signo;
	if (!L)
		return;
	now.ticks++;
	if (now.ticks * TICK_USEC > now.limits.hang_usec)
		end_hung();
	/* Not at every tick: it goes over all frames, which may take longer than one. And not only
	 * once: beside a line hook, Lua can count down just before it looks whether to count. */
	if (slice_age() >= now.limits.slice_usec &&
		(now.asked != L || now.ticks - now.asked_at >= ASK_AGAIN)) {
		now.asked = L;
		now.asked_at = now.ticks;
		lua_sethook(L, on_hook, LUA_MASKCOUNT | (now.lines ? LUA_MASKLINE : 0), 1);
	}
	errno = saved;
}

int preempt_arm(const struct preempt_limits *limits)
{
	const struct itimerval every = {{0, TICK_USEC}, {0, TICK_USEC}};
	struct sigaction sa = {.sa_handler = on_tick, .sa_flags = SA_RESTART};

	now.limits = *limits;
	now.running = NULL;
	sigemptyset(&sa.sa_mask);
	if (sigaction(SIGVTALRM, &sa, NULL) < 0 || setitimer(ITIMER_VIRTUAL, &every, NULL) < 0)
		return -errno;
	return 0;
}

void preempt_disarm(void)
{
	const struct itimerval never = {0};

	(void)setitimer(ITIMER_VIRTUAL, &never, NULL);
}

void preempt_begin(lua_State *L, bool lines)
{
	now.began_usec = clock_mono_usec();
	now.ticks = 0;
	now.raising = false;
	now.asked = NULL;
	now.why = YIELD_APP;
	now.lines = lines;
	if (lines || lua_gethookmask(L))
		rest_hook(L);
	now.running = L;
}

int preempt_last_line(const char **ret_file)
{
	*ret_file = now.file;
	return now.lines ? now.line : 0;
}

void preempt_end(void)
{
	now.running = NULL;
}

lua_State *preempt_swap(lua_State *L)
{
	lua_State *before = now.running;

	now.asked = NULL;
	now.running = L;
	return before;
}

void preempt_yield(enum preempt_yield why)
{
	now.why = why;
}

enum preempt_yield preempt_why(void)
{
	return now.why;
}

bool preempt_stalled(void)
{
	return slice_age() > now.limits.stall_usec;
}

int preempt_raise(lua_State *L)
{
	now.raising = true;
	lua_sethook(L, on_hook, LUA_MASKCOUNT, 1);
	return luaL_error(
		L, "ran for too long inside a library function, where it cannot be paused");
}

int64_t preempt_look_steps(void)
{
	return now.limits.look_steps ? now.limits.look_steps : LOOK_STEPS;
}

bool preempt_due(lua_State *L)
{
	if (!now.running || slice_age() < now.limits.slice_usec)
		return false;
	if (lua_isyieldable(L))
		return true;
	if (now.raising || preempt_stalled())
		(void)preempt_raise(L);
	return false;
}

int preempt_pause(lua_State *L, lua_KContext context, lua_KFunction k)
{
	rest_hook(L); /* set by the tick; the next slice begins with k */
	now.why = YIELD_SLICE;
	return lua_yieldk(L, 0, context, k);
}

bool preempt_raised(void)
{
	return now.raising;
}

/*
 * What is left when boxd ends, of its own or not: no process, no mount, no cgroup.
 *
 * This test is the reaper of every orphan that boxd leaves (PR_SET_CHILD_SUBREAPER), so none can
 * hide. On a calm machine all are gone after a few milliseconds, which is printed; what a test may
 * wait is far longer, since a busy machine lets the dying run late.
 */
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/steps/cgroup.h"
#include "tests/peer/boxd.h"
#include "tests/support/test.h"

#define WITHIN_MS 10000
#define ROUNDS 24
#define ROUND_USEC 400 /* later in each round */
#define AT_ONCE 8

static void become_reaper(void)
{
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
}

/* Waits for the end of every process that is or becomes our child. */
static bool all_are_gone(int within_ms)
{
	static int longest = -1;

	for (int ms = 0; ms < within_ms; ms++) {
		pid_t pid;

		do
			pid = waitpid(-1, NULL, WNOHANG | __WALL);
		while (pid > 0);
		if (pid < 0 && errno == ECHILD) {
			if (ms > longest)
				printf("  all gone after %d ms\n", longest = ms);
			return true;
		}
		(void)poll(NULL, 0, 1);
	}
	return false;
}

/* --- kill -9 --- */

static void kill_in_each_state(uid_t uid)
{
	struct worker unsealed, sealed, busy, stopped;
	struct boxd b;

	boxd_start(&b, uid);
	unsealed = worker_start(&b, 0, BOX_SMALL);
	sealed = worker_sealed(&b, 1);
	busy = worker_sealed(&b, 2);
	worker_order(&busy, "storm epoll");
	stopped = worker_sealed(&b, 3);
	if (geteuid() == 0)
		CHECK(kill(stopped.pid, SIGSTOP) == 0);
	CHECK(kill(b.pid, SIGKILL) == 0);
	CHECK(all_are_gone(WITHIN_MS));
	worker_done(&unsealed);
	worker_done(&sealed);
	worker_done(&busy);
	worker_done(&stopped);
	boxd_done(&b);
}

/* catalogue 86 */
TEST(no_worker_outlives_boxd)
{
	become_reaper();
	if (geteuid() == 0)
		kill_in_each_state(0);
	kill_in_each_state(boxd_plain_uid());
}

static void kill_while_building(uid_t uid, uint64_t after_usec)
{
	struct worker w[AT_ONCE];
	uint64_t until;
	struct boxd b;

	boxd_start(&b, uid);
	for (unsigned int i = 0; i < AT_ONCE; i++)
		w[i] = worker_request(b.agent, i, BOX_SMALL);
	/* Shorter than what poll can wait. */
	for (until = now_usec() + after_usec; now_usec() < until;)
		;
	CHECK(kill(b.pid, SIGKILL) == 0);
	CHECK(all_are_gone(WITHIN_MS));
	for (unsigned int i = 0; i < AT_ONCE; i++)
		worker_done(&w[i]);
	boxd_done(&b);
}

/* catalogue 86, 87 */
TEST(no_half_built_box_outlives_boxd)
{
	become_reaper();
	for (unsigned int round = 0; round < ROUNDS; round++)
		kill_while_building(round % 2 == 0 && geteuid() == 0 ? 0 : boxd_plain_uid(),
			(uint64_t)round * ROUND_USEC);
}

/* --- what else may be left --- */

/* A box's root has the source "box" (sandbox/steps/root.c). */
static bool has_mount_of_a_box(void)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[1024];
	bool found = false;

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f))
		found |= strstr(line, " - tmpfs box ") != NULL;
	(void)fclose(f);
	return found;
}

/* nftw(3) passes nothing on. */
static char home_name[32];
static size_t homes, slots;

static int count_folder(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	const char *home = strstr(path, home_name);

	(void)st;
	(void)at;
	if (kind != FTW_D || !home)
		return 0;
	if (home[strlen(home_name)] == '\0')
		homes++;
	else if (home[strlen(home_name)] == '/' && strcmp(home + strlen(home_name), "/boxd") != 0)
		slots++;
	return 0;
}

static void count_cgroups(pid_t pid)
{
	(void)snprintf(home_name, sizeof(home_name), "/vitrine-%d", pid);
	homes = slots = 0;
	(void)nftw("/sys/fs/cgroup", count_folder, 16, FTW_PHYS);
}

/* Starts one, runs two boxes, ends it by that signal. Returns its pid. */
static pid_t live_and_end(uid_t uid, int signo)
{
	struct worker one, two;
	struct boxd b;
	int status;

	boxd_start(&b, uid);
	one = worker_sealed(&b, 0);
	two = worker_start(&b, 1, BOX_SMALL);
	CHECK(kill(b.pid, signo) == 0);
	CHECK(waitpid(b.pid, &status, 0) == b.pid);
	CHECK(signo == SIGKILL ? WIFSIGNALED(status)
			       : WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(all_are_gone(WITHIN_MS));
	worker_done(&one);
	worker_done(&two);
	boxd_done(&b);
	return b.pid;
}

static void leave_nothing(uid_t uid)
{
	pid_t stopped = live_and_end(uid, SIGTERM), killed;

	count_cgroups(stopped);
	CHECK(slots == 0);
	/* boxd may not remove the folder that holds the slots'; whoever started it may. */
	CHECK(cgroup_home_remove(stopped) == 0);
	count_cgroups(stopped);
	CHECK(homes == 0);
	/* A killed one leaves all of it, to the next boxd at the latest. */
	killed = live_and_end(uid, SIGKILL);
	CHECK(cgroup_home_remove(live_and_end(uid, SIGTERM)) == 0);
	count_cgroups(killed);
	CHECK(homes == 0 && slots == 0);
	CHECK(!has_mount_of_a_box());
}

TEST(no_process_no_mount_and_no_cgroup_of_a_box_is_left_behind)
{
	become_reaper();
	if (geteuid() == 0)
		leave_nothing(0);
	leave_nothing(boxd_plain_uid());
}

TEST_MAIN()

#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fs.h"
#include "tests/support/test.h"

static char *const no_environment[] = {"PATH=/usr/bin:/bin", NULL};

/* Runs a shell script with a pipe as fd 1 and what else the plan says; its output into text. */
static int run_script(struct spawn_plan *plan, const char *script, char *text, size_t max)
{
	char *argv[] = {"sh", "-c", (char *)script, NULL};
	int ends[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	plan->path = plan->path ? plan->path : "/bin/sh";
	plan->argv = argv;
	plan->envp = no_environment;
	plan->fds[1] = ends[1];
	pid = spawn_program(plan, NULL);
	CHECK(pid > 0);
	close(ends[1]);
	while (len < max - 1 && (n = read(ends[0], text + len, max - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(ends[0]);
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

TEST(the_child_has_exactly_the_named_files)
{
	struct spawn_plan plan = SPAWN_PLAN_INIT;
	int leak = open("/dev/zero", O_RDONLY); /* no CLOEXEC, as a careless library would */
	int memory = fs_memfd_sealed("five", "5", 1, NULL);
	char text[1024];

	CHECK(leak >= 0 && memory >= 0);
	plan.fds[4] = memory;
	plan.n_fds = 5;
	CHECK(run_script(&plan,
		      "cat <&4; for f in 0 3; do readlink /proc/self/fd/$f; done; "
		      "ls -1 /proc/$$/fd; :",
		      text, sizeof(text)) == 0);
	CHECK(strcmp(text, "5/dev/null\n/dev/null\n0\n1\n2\n3\n4\n") == 0);
	close(leak);
	close(memory);
}

TEST(files_that_swap_places_arrive_where_they_were_meant)
{
	struct spawn_plan plan = SPAWN_PLAN_INIT;
	int a = fs_memfd_sealed("a", "A", 1, NULL), b = fs_memfd_sealed("b", "B", 1, NULL);
	int three, four;
	char text[64];

	/* Our 3 shall be the child's 4 and the other way round. */
	three = fcntl(a, F_DUPFD_CLOEXEC, 30);
	four = fcntl(b, F_DUPFD_CLOEXEC, 31);
	CHECK(dup2(three, 3) == 3 && dup2(four, 4) == 4);
	plan.fds[3] = 4;
	plan.fds[4] = 3;
	plan.n_fds = 5;
	CHECK(run_script(&plan, "cat <&3; cat <&4", text, sizeof(text)) == 0);
	CHECK(strcmp(text, "BA") == 0);
}

TEST(a_program_that_is_not_there_is_reported_by_the_call)
{
	struct spawn_plan plan = SPAWN_PLAN_INIT;
	char *argv[] = {"none", NULL};
	struct err e = {0};

	plan.path = "/nonexistent/program";
	plan.argv = argv;
	CHECK(spawn_program(&plan, &e) == -ENOENT);
	CHECK(strstr(e.text, "/nonexistent/program: exec: No such file"));
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD); /* nothing is left behind */
}

TEST(a_program_can_be_started_from_an_open_file)
{
	struct spawn_plan plan = SPAWN_PLAN_INIT;
	char text[64];

	plan.exec_fd = open("/bin/sh", O_RDONLY | O_CLOEXEC);
	CHECK(plan.exec_fd >= 0);
	CHECK(run_script(&plan, "echo started", text, sizeof(text)) == 0);
	CHECK(strcmp(text, "started\n") == 0);
	close(plan.exec_fd);
}

TEST(signals_blocked_by_the_parent_are_open_in_the_child)
{
	struct spawn_plan plan = SPAWN_PLAN_INIT;
	sigset_t set, old;
	char text[64];
	int status;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	status = run_script(&plan, "kill -TERM $$; echo survived", text, sizeof(text));
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
}

TEST(the_environment_and_the_folder_are_those_of_the_plan)
{
	struct spawn_plan plan = SPAWN_PLAN_INIT;
	char text[256];

	setenv("VITRINE_SECRET", "x", 1);
	plan.cwd_fd = open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(run_script(&plan, "pwd; echo secret=$VITRINE_SECRET", text, sizeof(text)) == 0);
	CHECK(strcmp(text, "/usr\nsecret=\n") == 0);
	close(plan.cwd_fd);
}

TEST(a_child_with_a_death_signal_ends_with_its_parent)
{
	int ends[2];
	char byte;
	pid_t middle;

	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	middle = fork();
	if (middle == 0) {
		struct spawn_plan plan = SPAWN_PLAN_INIT;
		char *argv[] = {"sleep", "1000", NULL};

		plan.path = "/bin/sleep";
		plan.argv = argv;
		plan.fds[3] = ends[1]; /* held by the grandchild: end of file tells its death */
		plan.n_fds = 4;
		plan.death_signal = SIGKILL;
		_exit(spawn_program(&plan, NULL) > 0 ? 0 : 1);
	}
	close(ends[1]);
	CHECK(waitpid(middle, NULL, 0) == middle);
	CHECK(read(ends[0], &byte, 1) == 0);
	close(ends[0]);
}

static int refuse(void *data)
{
	*(int *)data = 1; /* in the child: the parent's stays */
	return -EPERM;
}

TEST(a_child_that_cannot_prepare_itself_is_told_to_the_parent)
{
	struct spawn_plan plan = SPAWN_PLAN_INIT;
	char *argv[] = {"true", NULL};
	struct err e = {0};
	int called = 0;

	plan.path = "/bin/true";
	plan.argv = argv;
	plan.before_exec = refuse;
	plan.before_exec_data = &called;
	CHECK(spawn_program(&plan, &e) == -EPERM);
	CHECK(strstr(e.text, "prepare itself") && called == 0);
}

TEST_MAIN()

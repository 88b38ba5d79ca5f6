/* What only root can check: becoming another user, and turning one away. Skipped otherwise. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/dial.h"
#include "base/fs.h"
#include "base/spawn.h"
#include "tests/support/test.h"

#define OTHER_UID 61999

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

TEST(another_user_has_no_groups_and_only_the_capabilities_kept)
{
	static const int kept[] = {CAP_KILL};
	struct spawn_plan plan = SPAWN_PLAN_INIT;
	char text[256];

	plan.uid = plan.gid = 61999;
	CHECK(run_script(&plan, "id -u; id -G; grep CapEff /proc/self/status", text,
		      sizeof(text)) == 0);
	CHECK(strcmp(text, "61999\n61999\nCapEff:\t0000000000000000\n") == 0);

	plan.path = NULL;
	plan.keep_caps = kept;
	plan.n_keep_caps = 1;
	CHECK(run_script(&plan, "id -u; grep -E 'CapEff|CapPrm|CapAmb' /proc/self/status", text,
		      sizeof(text)) == 0);
	CHECK(strcmp(text, "61999\nCapPrm:\t0000000000000020\nCapEff:\t0000000000000020\n"
			   "CapAmb:\t0000000000000020\n") == 0);
}

static char root[64], path[128];

static void fresh(void)
{
	(void)snprintf(root, sizeof(root), "/tmp/vitrine-users-XXXXXX");
	CHECK(mkdtemp(root));
	CHECK(chmod(root, 0711) == 0);
	(void)snprintf(path, sizeof(path), "%s/x.sock", root);
}

struct door {
	struct loop *loop;
	int accepted;
};

static void on_peer(int fd, uid_t uid, void *data)
{
	struct door *d = data;

	CHECK(uid == OTHER_UID);
	d->accepted++;
	close(fd);
}

/* Connects as another user; exits 0 when the other side closed without a word. */
static pid_t knock_as(uid_t uid)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct sockaddr_un a = {.sun_family = AF_UNIX};
		int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
		char byte;

		memcpy(a.sun_path, path, strlen(path) + 1);
		if (setresuid(uid, uid, uid) < 0 ||
			connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
			_exit(1);
		_exit(read(fd, &byte, 1) == 0 ? 0 : 2);
	}
	return pid;
}

static void on_knocker_done(pid_t pid, int status, void *data)
{
	struct door *m = data;

	(void)pid;
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	loop_stop(m->loop, 0);
}

/* Returns how many connections of OTHER_UID got through. */
static int knocks_through(const uid_t *uids, size_t n)
{
	CLEANUP(loop_freep) struct loop *l = NULL;
	CLEANUP(listener_freep) struct listener *listener = NULL;
	struct door m = {0};

	fresh();
	CHECK(loop_new(&l) == 0);
	m.loop = l;
	CHECK(listener_new(l, listen_unix(path, SOCK_SEQPACKET, NULL), uids, n, on_peer, &m,
		      &listener) == 0);
	CHECK(loop_add_child(l, knock_as(OTHER_UID), on_knocker_done, &m, NULL) == 0);
	CHECK(loop_run(l) == 0);
	CHECK(fs_remove_tree(root) == 0);
	return m.accepted;
}

TEST(another_user_is_turned_away_unless_named)
{
	uid_t named = OTHER_UID, wrong = OTHER_UID + 1;

	CHECK(knocks_through(NULL, 0) == 0);
	CHECK(knocks_through(&wrong, 1) == 0);
	CHECK(knocks_through(&named, 1) == 1);
}

int main(void)
{
	if (geteuid() != 0) {
		printf("only root can become another user\n");
		return 77;
	}
	for (const struct test *t = __start_tests; t < __stop_tests; t++) {
		printf("%s\n", t->name);
		t->run();
	}
	return 0;
}

/*
 * vitrine-reader: reads repos for the orchestrator, each job in a process of its own.
 *
 * I hold: nothing. A job's process holds the files of that job and may read that job's repo.
 * Talks to me: the orchestrator, which starts me, on fd 3.
 * I never see: the database, the blobs of others, a secret.
 * I give up after start: nothing more, I was started confined to the repos; each job's process
 *   gives up all but its repo, and starting programs (confine_further), before it reads a byte.
 *
 * A process per job, because what it reads was packed by strangers and is parsed in C, and because
 * it may take long: the orchestrator's loop waits for nobody. Forked from here, because to start
 * libgit2 anew takes longer than most jobs.
 */
#include <errno.h>
#include <git2.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "orchestrator/reader/job.h"
#include "orchestrator/reader/jobs.h"
#include "orchestrator/repo/library.h"
#include "sandbox/confine.h"

#define SOCKET_FD 3

/* --- a job's process --- */

static int confine(const char *repo, struct err *e)
{
	const struct landlock_path paths[] = {{repo, LANDLOCK_READ}};

	return confine_further(CONFINE_GIT, paths, 1, e);
}

static void answer(int fd, const json_t *head)
{
	struct buf b;

	buf_init(&b, HEAD_MAX);
	if (json_write(&b, head) == 0)
		(void)fs_write_all(fd, b.data, b.len);
	buf_done(&b);
}

static void do_job(const int fds[JOB_FILES])
{
	FILE *body = fdopen(fds[BODY_FILE], "w");
	json_t *args = NULL, *head = NULL;
	struct err e = {0};
	struct buf b;

	buf_init(&b, JOB_MAX);
	if (!body || fs_read_fd(fds[JOB_FILE], &b, &e) < 0 ||
		json_parse(b.data, b.len, JOB_MAX, &args, &e) < 0) {
		log_error("a job cannot be read: %s", e.text);
		_exit(1);
	}
	job_do(args, body, fds[INPUT_FILE], confine, &head);
	answer(fds[HEAD_FILE], head);
	_exit(0);
}

/* --- all of them --- */

struct child {
	pid_t pid; /* 0: free */
	uint64_t deadline_usec;
};

static struct child children[JOBS_MAX];

static void on_child(int signo)
{
	(void)signo; /* ends ppoll */
}

static void close_all(int fds[JOB_FILES])
{
	for (int i = 0; i < JOB_FILES; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void reap(void)
{
	uint64_t now = clock_mono_usec();

	for (int i = 0; i < JOBS_MAX; i++) {
		int status;

		if (!children[i].pid)
			continue;
		if (waitpid(children[i].pid, &status, WNOHANG) == children[i].pid) {
			if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
				log_warn("a job ended with status %d", status);
			children[i].pid = 0;
		} else if (now >= children[i].deadline_usec) {
			(void)kill(children[i].pid, SIGKILL);
			children[i].deadline_usec = UINT64_MAX;
		}
	}
}

static int until_next_ms(void)
{
	uint64_t now = clock_mono_usec(), next = UINT64_MAX;

	for (int i = 0; i < JOBS_MAX; i++)
		if (children[i].pid && children[i].deadline_usec < next)
			next = children[i].deadline_usec;
	if (next == UINT64_MAX)
		return -1;
	return next <= now ? 0 : (int)((next - now) / USEC_PER_MSEC) + 1;
}

static struct child *free_child(void)
{
	for (int i = 0; i < JOBS_MAX; i++)
		if (!children[i].pid)
			return &children[i];
	return NULL;
}

/* Whoever waits at the other end of HEAD is told by its end when there is no room. */
static void start(int fds[JOB_FILES])
{
	struct child *c = free_child();
	pid_t pid = c ? fork() : -1;

	if (pid == 0) {
		sigset_t none;

		(void)close(SOCKET_FD);
		(void)signal(SIGCHLD, SIG_DFL);
		(void)sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		do_job(fds);
	}
	if (pid > 0)
		*c = (struct child){pid, clock_mono_usec() + JOB_SEC * USEC_PER_SEC};
	else
		log_warn("a job cannot be started: %s", c ? strerror(errno) : "too many");
	close_all(fds);
}

/* False: the orchestrator is gone. */
static bool receive(void)
{
	char byte, space[CMSG_SPACE(sizeof(int) * JOB_FILES)];
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = space,
		.msg_controllen = sizeof(space)};
	int fds[JOB_FILES] = {-1, -1, -1, -1};
	ssize_t n = recvmsg(SOCKET_FD, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	if (fds[BODY_FILE] >= 0)
		start(fds);
	else
		close_all(fds);
	return true;
}

int main(void)
{
	struct pollfd socket = {SOCKET_FD, POLLIN, 0};
	struct err e = {0};
	sigset_t child, none;

	log_init("reader");
	if (library_init(&e) < 0) {
		log_error("%s", e.text);
		return 1;
	}
	/* What is read was checked when it was pushed (receive.fsckObjects). */
	(void)git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD, on_child);
	(void)sigemptyset(&none);
	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &child, NULL);
	do {
		int timeout_ms = until_next_ms();
		const struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};

		(void)ppoll(&socket, 1, timeout_ms < 0 ? NULL : &timeout, &none);
		reap();
	} while (receive());
	for (int i = 0; i < JOBS_MAX; i++)
		if (children[i].pid)
			(void)kill(children[i].pid, SIGKILL);
	return 0;
}

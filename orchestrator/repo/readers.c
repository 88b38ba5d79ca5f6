#include "orchestrator/repo/readers.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/link.h"
#include "base/log.h"
#include "base/spawn.h"
#include "orchestrator/reader/job.h"
#include "orchestrator/repo/git.h"
#include "sandbox/confine.h"

#define RUNNING_MAX 16
#define HEAVY_MAX 2
#define WAITING_MAX 512
#define GIVE_UP_USEC ((JOB_SEC + 5) * USEC_PER_SEC)
/* A file of CONTENT_MAX, and what it is a difference to. */
#define MEMORY_MAX (768ul << 20)

struct reading {
	struct reading *next;
	struct readers *rs;
	reading_fn fn; /* NULL: nobody waits any more */
	void *data;
	bool heavy, running;
	int files[JOB_FILES]; /* owned; HEAD_FILE: the writing end until it was sent */
	int head_fd;          /* owned; our end */
	struct source *source, *timer;
	struct buf head;
};

struct readers {
	struct loop *loop;
	char *program, *repos, *spool;
	pid_t pid;  /* 0: not running */
	int socket; /* -1 */
	struct source *child;
	struct reading *first; /* all, in order of arrival */
	size_t n, running, heavy;
	struct source *soon;
};

/* --- the program --- */

static void stop_program(struct readers *rs)
{
	rs->child = source_free(rs->child);
	if (rs->socket >= 0)
		close(rs->socket);
	rs->socket = -1;
	rs->pid = 0;
}

static void on_program_end(pid_t pid, int status, void *data)
{
	struct readers *rs = data;

	log_warn("reader pid=%d ended with status %d", pid, status);
	rs->child = NULL;
	stop_program(rs);
}

/* In the child, before exec: the repos, and nothing else of the orchestrator's. */
static int confine_program(void *data)
{
	const struct readers *rs = data;
	const struct landlock_path paths[] = {
		{rs->repos, LANDLOCK_READ},
		{rs->program, LANDLOCK_EXECUTE},
		GIT_NEEDS,
	};
	struct err e = {0};

#ifndef __SANITIZE_ADDRESS__
	const struct rlimit memory = {MEMORY_MAX, MEMORY_MAX};

	(void)setrlimit(RLIMIT_DATA, &memory);
#endif
	return confine_further(CONFINE_ORCHESTRATOR, paths, sizeof(paths) / sizeof(paths[0]), &e);
}

static int start_program(struct readers *rs, struct err *e)
{
	char *const argv[] = {"vitrine-reader", NULL};
	char *const envp[] = {"LANG=C.UTF-8", "HOME=/nonexistent", NULL};
	struct spawn_plan plan = SPAWN_PLAN_INIT;
	int pair[2], r;

	r = link_pair(pair);
	if (r < 0)
		return err_set(e, r, "cannot make a socket: %s", strerror(-r));
	plan.path = rs->program;
	plan.argv = argv;
	plan.envp = envp;
	plan.fds[3] = pair[1];
	plan.n_fds = 4;
	plan.death_signal = SIGKILL;
	plan.before_exec = confine_program;
	plan.before_exec_data = rs;
	rs->pid = spawn_program(&plan, e);
	close(pair[1]);
	if (rs->pid < 0) {
		close(pair[0]);
		r = rs->pid;
		rs->pid = 0;
		return r;
	}
	rs->socket = pair[0];
	r = loop_add_child(rs->loop, rs->pid, on_program_end, rs, &rs->child);
	return r < 0 ? err_set(e, r, "cannot watch the reader: %s", strerror(-r)) : 0;
}

/* --- a job --- */

static void destroy(struct reading *r)
{
	struct readers *rs = r->rs;

	for (struct reading **p = &rs->first; *p; p = &(*p)->next)
		if (*p == r) {
			*p = r->next;
			rs->n--;
			break;
		}
	if (r->running) {
		rs->running--;
		rs->heavy -= r->heavy;
	}
	(void)source_free(r->source);
	(void)source_free(r->timer);
	for (int i = 0; i < JOB_FILES; i++)
		if (r->files[i] >= 0)
			close(r->files[i]);
	if (r->head_fd >= 0)
		close(r->head_fd);
	buf_done(&r->head);
	free(r);
}

static void start_waiting(struct readers *rs);

static void on_soon(void *data)
{
	struct readers *rs = data;

	rs->soon = NULL;
	start_waiting(rs);
}

static void end(struct reading *r, const json_t *head, const struct err *e)
{
	struct readers *rs = r->rs;
	struct reading_answer a = {.head = head, .body = r->files[BODY_FILE], .e = e};
	struct stat st;

	if (head && fstat(a.body, &st) == 0)
		a.size = (uint64_t)st.st_size;
	r->files[BODY_FILE] = -1;
	if (r->fn)
		r->fn(&a, r->data);
	if (a.body >= 0)
		close(a.body);
	destroy(r);
	if (!rs->soon)
		(void)loop_defer(rs->loop, on_soon, rs, &rs->soon);
}

static void fail(struct reading *r, int code, const char *words)
{
	struct err e = {0};

	(void)err_set(&e, code, "%s", words);
	end(r, NULL, &e);
}

static void on_head(int fd, uint32_t events, void *data)
{
	struct reading *r = data;
	CLEANUP(json_unrefp) json_t *head = NULL;
	struct err e = {0};
	char bytes[4096];
	ssize_t n;

	(void)events;
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		if (buf_add(&r->head, bytes, (size_t)n) < 0) {
			fail(r, -EIO, "the repository could not be read");
			return;
		}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (json_parse(r->head.data, r->head.len, HEAD_MAX, &head, &e) < 0 || !json_is_object(head))
		fail(r, -EIO, "the repository could not be read: it took too much time or memory");
	else
		end(r, head, NULL);
}

static void on_late(void *data)
{
	fail(data, -EIO, "the repository could not be read in time");
}

static int send_job(struct reading *r, struct err *e)
{
	struct readers *rs = r->rs;
	size_t n = r->files[INPUT_FILE] >= 0 ? JOB_FILES : JOB_FILES - 1;
	char byte = 0, space[CMSG_SPACE(sizeof(int) * JOB_FILES)] = {0};
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = space,
		.msg_controllen = CMSG_SPACE(sizeof(int) * n)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int code;

	if (!rs->pid && (code = start_program(rs, e)) < 0)
		return code;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * n);
	memcpy(CMSG_DATA(c), r->files, sizeof(int) * n);
	if (sendmsg(rs->socket, &m, MSG_NOSIGNAL) < 0)
		return err_set(e, -errno, "cannot ask the reader: %s", strerror(errno));
	return 0;
}

static void close_sent(struct reading *r)
{
	static const enum job_file sent[] = {JOB_FILE, HEAD_FILE, INPUT_FILE};

	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
		if (r->files[sent[i]] >= 0)
			close(r->files[sent[i]]);
		r->files[sent[i]] = -1;
	}
}

static void start(struct reading *r)
{
	struct readers *rs = r->rs;
	struct err e = {0};
	int code;

	r->running = true;
	rs->running++;
	rs->heavy += r->heavy;
	code = send_job(r, &e);
	if (code == -EPIPE || code == -ECONNRESET) {
		/* It has died, and its end is still to be heard of. */
		(void)waitpid(rs->pid, NULL, WNOHANG);
		stop_program(rs);
		code = send_job(r, &e);
	}
	close_sent(r);
	if (code == 0)
		code = loop_add_fd(rs->loop, r->head_fd, EPOLLIN, on_head, r, &r->source);
	if (code == 0)
		code = loop_add_timer(rs->loop, on_late, r, &r->timer);
	if (code < 0)
		fail(r, code, e.text[0] ? e.text : strerror(-code));
	else
		timer_arm_after(r->timer, GIVE_UP_USEC);
}

static struct reading *next_waiting(struct readers *rs, bool heavy)
{
	for (struct reading *r = rs->first; r; r = r->next)
		if (!r->running && r->heavy == heavy)
			return r;
	return NULL;
}

static void start_waiting(struct readers *rs)
{
	while (rs->running < RUNNING_MAX) {
		struct reading *r = next_waiting(rs, false);

		if (!r && rs->heavy < HEAVY_MAX)
			r = next_waiting(rs, true);
		if (!r)
			return;
		start(r);
	}
}

/* --- asking --- */

static int make_body(const struct readers *rs, bool content, struct err *e)
{
	int fd = content ? open(rs->spool, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)
			 : memfd_create("answer", MFD_CLOEXEC);

	return fd < 0 ? err_set(e, -errno, "cannot make a file: %s", strerror(errno)) : fd;
}

static int make_files(
	struct reading *r, const struct reading_plan *plan, json_t *args, struct err *e)
{
	CLEANUP(buf_done) struct buf b;
	int pipe_fds[2];

	buf_init(&b, JOB_MAX);
	(void)json_object_set_new(args, "repo", json_string(plan->repo));
	if (json_write(&b, args) < 0)
		return err_set(e, -EMSGSIZE, "over the limit of %u bytes", JOB_MAX);
	r->files[JOB_FILE] = fs_memfd_sealed("job", b.data, b.len, e);
	if (r->files[JOB_FILE] < 0)
		return r->files[JOB_FILE];
	r->files[BODY_FILE] = make_body(r->rs, plan->content, e);
	if (r->files[BODY_FILE] < 0)
		return r->files[BODY_FILE];
	if (plan->input >= 0)
		r->files[INPUT_FILE] = fcntl(plan->input, F_DUPFD_CLOEXEC, 3);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_set(e, -errno, "cannot make a pipe: %s", strerror(errno));
	r->head_fd = pipe_fds[0];
	r->files[HEAD_FILE] = pipe_fds[1];
	(void)fcntl(r->head_fd, F_SETFL, O_NONBLOCK);
	return 0;
}

int readers_ask(struct readers *rs, const struct reading_plan *plan, reading_fn fn, void *data,
	struct reading **ret, struct err *e)
{
	CLEANUP(json_unrefp) json_t *args = plan->args;
	struct reading *r, **last = &rs->first;
	int code;

	if (rs->n >= WAITING_MAX)
		return err_set(e, -EBUSY, "too many read repositories at once; try again");
	r = calloc(1, sizeof(*r));
	if (!r || !args) {
		free(r);
		return err_set(e, -ENOMEM, "out of memory");
	}
	*r = (struct reading){.rs = rs,
		.fn = fn,
		.data = data,
		.heavy = plan->heavy,
		.files = {-1, -1, -1, -1},
		.head_fd = -1};
	buf_init(&r->head, HEAD_MAX);
	code = make_files(r, plan, args, e);
	if (code < 0) {
		destroy(r);
		return code;
	}
	while (*last)
		last = &(*last)->next;
	*last = r;
	rs->n++;
	*ret = r;
	/* Not from here: what goes wrong at once is told from the loop, too. */
	if (!rs->soon)
		(void)loop_defer(rs->loop, on_soon, rs, &rs->soon);
	return 0;
}

void reading_cancel(struct reading *r)
{
	if (!r)
		return;
	r->fn = NULL;
	if (!r->running)
		destroy(r);
}

int readers_new(const struct readers_config *config, struct readers **ret)
{
	CLEANUP(readers_freep) struct readers *rs = calloc(1, sizeof(*rs));

	if (!rs)
		return -ENOMEM;
	rs->loop = config->loop;
	rs->socket = -1;
	rs->program = strdup(config->program);
	rs->repos = strdup(config->repos);
	rs->spool = strdup(config->spool);
	if (!rs->program || !rs->repos || !rs->spool)
		return -ENOMEM;
	*ret = TAKE_PTR(rs);
	return 0;
}

pid_t readers_pid(const struct readers *rs)
{
	return rs->pid;
}

struct readers *readers_free(struct readers *rs)
{
	if (!rs)
		return NULL;
	while (rs->first)
		destroy(rs->first);
	(void)source_free(rs->soon);
	if (rs->pid)
		(void)kill(rs->pid, SIGKILL);
	stop_program(rs);
	free(rs->program);
	free(rs->repos);
	free(rs->spool);
	free(rs);
	return NULL;
}

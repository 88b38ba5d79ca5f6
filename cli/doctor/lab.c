#include "cli/doctor/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/link.h"
#include "base/spawn.h"
#include "cli/host/layout.h"
#include "proto/constants.h"
#include "proto/messages.h"
#include "proto/proto.h"
#include "sandbox/steps/cgroup.h"

#define QUEUE_MAX (64 * 1024)
#define HOST_MAX 4096
#define SAID_MAX 8192
#define ANSWER_MS 30000
#define PATIENCE_MS 60000 /* longer than a box may be silent, on a machine that is busy */
#define ENDING_MS 5000
#define CGROUP_TRIES 50

/* A box under trial. */
struct place {
	struct lab *lab; /* borrowed */
	unsigned int slot;
	struct trial *trial; /* borrowed; NULL: free */
	int app, infer;      /* owned: our ends */
	struct source *watch, *deadline;
	size_t next; /* order to send */
	bool ending; /* KILL is sent */
};

struct lab {
	struct lab_options options;
	pid_t pid;
	struct link *link; /* owned; NULL once boxd is gone */
	int log[2];        /* owned: what workers write, read by nobody */
	int said_fd;       /* owned: boxd's stderr */
	struct source *said_watch, *patience;
	char host[HOST_MAX + 1];
	unsigned int slots;
	size_t greetings;
	bool late;
	char said[SAID_MAX + 1];
	size_t said_length;
	struct place places[LAB_SLOTS];
	struct trial *trials; /* borrowed, of the run under way */
	size_t n_trials, begun, ended;
};

/* --- one trial --- */

static void kill_box(struct place *p)
{
	const struct frame f = {.type = BOX_KILL, .node = p->slot};

	if (!p->ending && p->lab->link)
		(void)link_send(p->lab->link, &f);
	p->ending = true;
	p->watch = source_free(p->watch);
	timer_disarm(p->deadline);
}

static void end_trial(struct place *p, enum trial_end end)
{
	if (p->trial->end == TRIAL_NONE)
		p->trial->end = end;
	kill_box(p);
}

static void vacate(struct place *p)
{
	p->watch = source_free(p->watch);
	p->deadline = source_free(p->deadline);
	closep(&p->app);
	closep(&p->infer);
	p->app = p->infer = -1;
	p->trial = NULL;
	p->lab->ended++;
}

static void send_order(struct place *p)
{
	struct trial *t = p->trial;
	const char *order = t->orders[p->next];

	if (!order) {
		end_trial(p, TRIAL_LIVED);
		return;
	}
	p->next++;
	timer_arm_after(
		p->deadline, (t->limit_ms ? t->limit_ms : ANSWER_MS) * (uint64_t)USEC_PER_MSEC);
	/* A box that is gone by now says so itself. */
	(void)!send(p->app, order, strlen(order), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void on_overdue(void *data)
{
	struct place *p = data;

	if (p->trial->on_overdue)
		p->trial->on_overdue(p->trial);
	end_trial(p, TRIAL_OVERDUE);
}

/* False: nothing more will come. */
static bool take_answer(struct place *p)
{
	struct trial *t = p->trial;
	ssize_t n = recv(p->app, t->answer, TRIAL_ANSWER, MSG_DONTWAIT);

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	t->answer[n] = '\0';
	t->answer_length = (size_t)n;
	t->answers++;
	if (t->on_answer)
		t->on_answer(t, p->next ? p->next - 1 : 0);
	send_order(p);
	return true;
}

static void on_app(int fd, uint32_t events, void *data)
{
	struct place *p = data;

	(void)fd;
	(void)events;
	/* Its end is reported by boxd, with the status. */
	if (!take_answer(p))
		p->watch = source_free(p->watch);
}

static int request_box(struct place *p)
{
	struct lab *lab = p->lab;
	const struct frame f = {.type = BOX_SPAWN, .op = BOX_SMALL, .node = p->slot};
	int app[2] = {-1, -1}, infer[2] = {-1, -1}, fds[3], r = 0;

	/* The probe waits in plain receives, so the worker's ends block. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, app) < 0)
		return -errno;
	p->app = app[0];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, infer) < 0)
		r = -errno;
	p->infer = infer[0];
	fds[0] = lab->log[1];
	fds[1] = app[1];
	fds[2] = infer[1];
	if (r == 0)
		r = loop_add_timer(lab->options.loop, on_overdue, p, &p->deadline);
	if (r == 0)
		timer_arm_after(p->deadline, ANSWER_MS * (uint64_t)USEC_PER_MSEC);
	if (r == 0)
		r = link_send_files(lab->link, &f, fds, 3);
	closep(&app[1]);
	closep(&infer[1]);
	return r;
}

static void start_trial(struct place *p, struct trial *t)
{
	int r;

	p->trial = t;
	p->next = 0;
	p->ending = false;
	t->slot = p->slot;
	r = request_box(p);
	if (r == 0)
		return;
	t->end = TRIAL_REFUSED;
	(void)snprintf(t->words, sizeof(t->words), "%s", strerror(-r));
	vacate(p);
}

static void start_trials(struct lab *lab)
{
	for (unsigned int i = 0; lab->link && i < LAB_SLOTS && i < lab->slots; i++)
		if (!lab->places[i].trial && lab->begun < lab->n_trials)
			start_trial(&lab->places[i], &lab->trials[lab->begun++]);
}

/* --- what boxd says --- */

static void keep_words(const struct frame *f, char *ret, size_t n)
{
	(void)snprintf(ret, n, "%.*s", (int)f->length, f->value ? (const char *)f->value : "");
}

static void on_spawned(struct place *p, const struct frame *f)
{
	struct trial *t = p->trial;
	int r;

	t->pid = (pid_t)f->seq;
	if (p->ending)
		return; /* it came too late */
	r = loop_add_fd(p->lab->options.loop, p->app, EPOLLIN, on_app, p, &p->watch);
	if (r < 0)
		end_trial(p, TRIAL_OVERDUE);
	else if (!t->greets)
		send_order(p);
}

static bool has_packet(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void on_exited(struct place *p, const struct frame *f)
{
	struct trial *t = p->trial;

	/* What it said last may still be on its way to us. */
	while (p->watch && !p->ending && has_packet(p->app) && take_answer(p))
		;
	t->status = (int)f->seq;
	keep_words(f, t->words, sizeof(t->words));
	if (t->end == TRIAL_NONE)
		t->end = TRIAL_DIED;
	vacate(p);
	start_trials(p->lab);
}

static void on_refused(struct place *p, const struct frame *f)
{
	keep_words(f, p->trial->words, sizeof(p->trial->words));
	p->trial->end = TRIAL_REFUSED;
	vacate(p);
	start_trials(p->lab);
}

static int on_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	struct lab *lab = data;
	struct place *p;

	(void)l;
	(void)files;
	timer_arm_after(lab->patience, PATIENCE_MS * (uint64_t)USEC_PER_MSEC);
	if (f->type == BOX_HOST) {
		lab->greetings++;
		lab->slots = f->node;
		keep_words(f, lab->host, sizeof(lab->host));
		return 0;
	}
	if (f->node >= LAB_SLOTS || !lab->places[f->node].trial)
		return err_set(e, -EPROTO, "boxd speaks of slot %u, which is free", f->node);
	p = &lab->places[f->node];
	if (f->type == BOX_SPAWNED)
		on_spawned(p, f);
	else if (f->type == BOX_EXITED)
		on_exited(p, f);
	else if (f->type == BOX_REFUSED)
		on_refused(p, f);
	return 0;
}

static long value_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_BOX, PROTO_DOWN, type);
}

static void on_silence(void *data)
{
	struct lab *lab = data;

	lab->late = true;
}

static void on_closed(struct link *l, const struct err *reason, void *data)
{
	struct lab *lab = data;

	(void)l;
	(void)reason;
	lab->link = link_free(lab->link);
}

static const struct link_ops box_ops = {
	.on_frame = on_frame, .on_closed = on_closed, .value_max = value_max};

/* The latest of what it logs; reading it all keeps boxd from waiting. False: it is gone. */
static bool take_said(struct lab *lab)
{
	char bytes[1024];
	ssize_t n = read(lab->said_fd, bytes, sizeof(bytes));

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	if (lab->said_length + (size_t)n > SAID_MAX) {
		size_t keep = SAID_MAX / 2;

		if (lab->said_length > keep) {
			memmove(lab->said, lab->said + lab->said_length - keep, keep);
			lab->said_length = keep;
		}
	}
	memcpy(lab->said + lab->said_length, bytes, (size_t)n);
	lab->said_length += (size_t)n;
	lab->said[lab->said_length] = '\0';
	return true;
}

static void on_said(int fd, uint32_t events, void *data)
{
	struct lab *lab = data;

	(void)fd;
	(void)events;
	if (!take_said(lab))
		lab->said_watch = source_free(lab->said_watch);
}

/* Its last error, else its last line; lines are "level program words". */
static const char *last_words(struct lab *lab)
{
	static char words[256];
	char *rest = lab->said, *line;
	bool error = false;

	while (lab->said_watch && take_said(lab))
		if (poll(&(struct pollfd){.fd = lab->said_fd, .events = POLLIN}, 1, 0) <= 0)
			break;
	(void)snprintf(words, sizeof(words), "it said nothing");
	while ((line = strsep(&rest, "\n"))) {
		bool is_error = strncmp(line, "error ", 6) == 0;
		char *at = is_error ? strstr(line, "boxd ") : NULL;

		if (!*line || (error && !is_error))
			continue;
		(void)snprintf(words, sizeof(words), "%s", at ? at + strlen("boxd ") : line);
		error = is_error;
	}
	return words;
}

/* --- boxd's life --- */

/*
 * A listening socket without a name in the file system: unix(7), autobind. And a connection that
 * waits in its queue, so nobody else needs to find it.
 */
static int make_socket(int *ret_listener, int *ret_connection)
{
	CLEANUP(closep) int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	CLEANUP(closep) int connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t length = sizeof(address);

	if (listener < 0 || connection < 0 ||
		bind(listener, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
		listen(listener, 4) < 0 ||
		getsockname(listener, (struct sockaddr *)&address, &length) < 0 ||
		connect(connection, (struct sockaddr *)&address, length) < 0)
		return -errno;
	*ret_listener = TAKE_FD(listener);
	*ret_connection = TAKE_FD(connection);
	return 0;
}

static int open_program(const char *bin, const char *name, struct err *e)
{
	char path[LAYOUT_PATH + 64];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", bin, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_set(e, -errno, "cannot open %s: %s", path, strerror(errno)) : fd;
}

static int spawn_boxd(
	struct lab *lab, int program, int worker, int listener, int said, struct err *e)
{
	char slots[16], uids[16], own[16], agent[16];
	char *argv[] = {(char *)"vitrine-boxd", (char *)"--worker-fd", (char *)"3",
		(char *)"--listen-fd", (char *)"4", (char *)"--slots", slots, (char *)"--slot-uids",
		uids, (char *)"--agent-uid", agent, (char *)"--uid", own, NULL};
	char *envp[] = {(char *)"PATH=/usr/local/bin:/usr/bin:/bin", (char *)"LANG=C.UTF-8", NULL};
	struct spawn_plan plan = SPAWN_PLAN_INIT;

	(void)snprintf(slots, sizeof(slots), "%d", LAB_SLOTS);
	(void)snprintf(uids, sizeof(uids), "%u", LAB_SLOT_UIDS);
	(void)snprintf(agent, sizeof(agent), "%u", geteuid());
	(void)snprintf(own, sizeof(own), "%d", UID_DOCTOR);
	plan.exec_fd = program;
	plan.argv = argv;
	plan.envp = envp;
	plan.fds[2] = said;
	plan.fds[3] = worker;
	plan.fds[4] = listener;
	plan.n_fds = 5;
	plan.death_signal = SIGKILL;
	lab->pid = spawn_program(&plan, e);
	return lab->pid < 0 ? lab->pid : 0;
}

static int start_boxd(struct lab *lab, struct err *e)
{
	static const struct link_limits limits = {.queue_max = QUEUE_MAX};
	CLEANUP(closep) int program = open_program(lab->options.bin, "vitrine-boxd", e);
	CLEANUP(closep) int worker = -1;
	CLEANUP(closep) int listener = -1;
	CLEANUP(closep) int said = -1;
	int connection = -1, pair[2], r;

	if (program < 0)
		return program;
	worker = open_program(lab->options.bin, lab->options.program, e);
	if (worker < 0)
		return worker;
	if (pipe2(lab->log, O_CLOEXEC) < 0 || pipe2(pair, O_CLOEXEC) < 0)
		return err_set(e, -errno, "cannot make a pipe: %s", strerror(errno));
	lab->said_fd = pair[0];
	said = pair[1];
	(void)fcntl(lab->said_fd, F_SETFL, O_NONBLOCK);
	r = make_socket(&listener, &connection);
	if (r < 0)
		return err_set(e, r, "cannot make a socket for boxd: %s", strerror(-r));
	r = link_new(lab->options.loop, connection, &box_ops, &limits, lab, &lab->link);
	if (r == 0)
		r = loop_add_fd(
			lab->options.loop, lab->said_fd, EPOLLIN, on_said, lab, &lab->said_watch);
	if (r < 0)
		return err_set(e, r, "cannot listen to boxd: %s", strerror(-r));
	return spawn_boxd(lab, program, worker, listener, said, e);
}

/* Dispatches until the counter is there, or a stop, or boxd's end. */
static int wait_for(struct lab *lab, const size_t *count, size_t want, struct err *e)
{
	while (*count < want) {
		if (*lab->options.stop)
			return err_set(e, -EINTR, "stopped");
		if (!lab->link)
			return err_set(e, -EPIPE, "vitrine-boxd ended: %s", last_words(lab));
		if (lab->late)
			return err_set(e, -ETIMEDOUT, "vitrine-boxd said nothing for %d s",
				PATIENCE_MS / 1000);
		(void)loop_dispatch(lab->options.loop, -1);
	}
	return 0;
}

static struct lab *lab_new(const struct lab_options *options)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	if (!lab)
		return NULL;
	lab->options = *options;
	lab->log[0] = lab->log[1] = lab->said_fd = -1;
	for (unsigned int i = 0; i < LAB_SLOTS; i++)
		lab->places[i] = (struct place){.lab = lab, .slot = i, .app = -1, .infer = -1};
	if (loop_add_timer(options->loop, on_silence, lab, &lab->patience) < 0)
		return lab_free(lab);
	return lab;
}

int lab_start(const struct lab_options *options, struct lab **ret, struct err *e)
{
	CLEANUP(lab_freep) struct lab *lab = lab_new(options);
	int r;

	if (!lab)
		return err_set(e, -ENOMEM, "out of memory");
	r = start_boxd(lab, e);
	if (r < 0)
		return r;
	timer_arm_after(lab->patience, PATIENCE_MS * (uint64_t)USEC_PER_MSEC);
	r = wait_for(lab, &lab->greetings, 1, e);
	if (r < 0)
		return r;
	if (lab->slots == 0)
		return err_set(e, -EMFILE, "vitrine-boxd has room for no box");
	*ret = TAKE_PTR(lab);
	return 0;
}

int lab_run(struct lab *lab, struct trial *trials, size_t n, struct err *e)
{
	lab->trials = trials;
	lab->n_trials = n;
	lab->begun = lab->ended = 0;
	timer_arm_after(lab->patience, PATIENCE_MS * (uint64_t)USEC_PER_MSEC);
	start_trials(lab);
	return wait_for(lab, &lab->ended, n, e);
}

/* SIGTERM and 5 s to end its boxes; SIGKILL then, which ends them too. */
static void end_boxd(struct lab *lab)
{
	uint64_t give_up = clock_mono_usec() + ENDING_MS * USEC_PER_MSEC;

	(void)kill(lab->pid, SIGTERM);
	while (waitpid(lab->pid, NULL, WNOHANG) == 0) {
		if (clock_mono_usec() > give_up)
			(void)kill(lab->pid, SIGKILL);
		/* Its log must go on being read, or it may never come to its end. */
		(void)take_said(lab);
		(void)poll(NULL, 0, 2);
	}
	for (int i = 0; i < CGROUP_TRIES && cgroup_home_remove(lab->pid) == -EBUSY; i++)
		(void)poll(NULL, 0, 10);
}

struct lab *lab_free(struct lab *lab)
{
	if (!lab)
		return NULL;
	lab->link = link_free(lab->link);
	lab->said_watch = source_free(lab->said_watch);
	lab->patience = source_free(lab->patience);
	for (unsigned int i = 0; i < LAB_SLOTS; i++)
		if (lab->places[i].trial)
			vacate(&lab->places[i]);
	if (lab->pid > 0)
		end_boxd(lab);
	closep(&lab->log[0]);
	closep(&lab->log[1]);
	closep(&lab->said_fd);
	free(lab);
	return NULL;
}

const char *lab_host(const struct lab *lab)
{
	return lab->host;
}

pid_t lab_pid(const struct lab *lab)
{
	return lab->pid;
}

#include "sandbox/box.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/filters.h"
#include "sandbox/steps/caps.h"
#include "sandbox/steps/clone.h"
#include "sandbox/steps/fds.h"
#include "sandbox/steps/ids.h"
#include "sandbox/steps/landlock.h"
#include "sandbox/steps/lockdown.h"
#include "sandbox/steps/process.h"
#include "sandbox/steps/program.h"
#include "sandbox/steps/rlimits.h"
#include "sandbox/steps/root.h"
#include "sandbox/steps/seccomp.h"

#define TRIAL_MS 5000

/* --- inside the child --- */

struct child {
	const struct box_plan *plan;
	const struct host *host;
	const struct cgroup_folder *cgroup;
	int sync_fd;
};

static int wait_for_maps(const struct child *c)
{
	char go;
	ssize_t n = recv(c->sync_fd, &go, sizeof(go), 0);

	return n == 1 ? 0 : n < 0 ? -errno : -EPIPE;
}

static int enter_cgroup(const struct child *c)
{
	return cgroup_enter(c->cgroup);
}

static int assume_ids(const struct child *c)
{
	(void)c;
	return ids_assume();
}

static int die_with_parent(const struct child *c)
{
	return process_die_with_parent(c->host->self_fd);
}

static int empty_root(const struct child *c)
{
	return c->host->rooted ? 0 : root_empty();
}

static int settle(const struct child *c)
{
	(void)c;
	return process_settle();
}

static int place_files(const struct child *c)
{
	const struct box_fds fds = {.null = c->host->null_fd,
		.log = c->plan->log_fd,
		.app = c->plan->app_fd,
		.infer = c->plan->infer_fd,
		.exec = c->host->worker_fd,
		.sync = c->sync_fd};

	return fds_place(&fds);
}

static int limit_resources(const struct child *c)
{
	return rlimits_apply(box_class_address_bytes(&c->host->classes.of[c->plan->class]));
}

static int drop_capabilities(const struct child *c)
{
	(void)c;
	process_limit_speculation();
	return caps_drop_all();
}

static int lock_down(const struct child *c)
{
	(void)c;
	return lockdown_self();
}

static int deny_files(const struct child *c)
{
	int abi = landlock_deny_all();

	(void)c;
	return abi < 0 ? abi : 0;
}

static int filter_calls(const struct child *c)
{
	(void)c;
	return seccomp_load(&filter_start);
}

/*
 * The order is forced: cgroup files compare uids, so they come before the change; a tmpfs of its
 * own needs mapped ids (EOVERFLOW otherwise); the change of uid clears the death signal; mounting
 * and the bounding set need the namespace's capabilities; Landlock and the filter need
 * no_new_privs.
 */
static const struct step {
	const char *words;
	int (*take)(const struct child *c);
} steps[] = {
	{"wait for its ids", wait_for_maps},
	{"enter its cgroup", enter_cgroup},
	{"take its ids", assume_ids},
	{"ask to die with boxd", die_with_parent},
	{"empty its file system", empty_root},
	{"settle its session", settle},
	{"place its files", place_files},
	{"limit its resources", limit_resources},
	{"drop capabilities", drop_capabilities},
	{"lock its privileges", lock_down},
	{"put on Landlock", deny_files},
	{"put on the call filter", filter_calls},
};

#define STEPS (sizeof(steps) / sizeof(steps[0]))
#define STEP_EXEC STEPS       /* in a report: exec itself */
#define STEP_DONE (STEPS + 1) /* a trial box took every step */

/* From child to boxd when a step failed; exec closes the socket instead. */
struct outcome {
	uint32_t step;
	int32_t code;
};

static void answer(int fd, size_t step, int code)
{
	const struct outcome o = {.step = (uint32_t)step, .code = code};

	(void)!write(fd, &o, sizeof(o)); /* boxd is gone then, and so are we */
}

static void __attribute__((noreturn)) run_child(struct child *c)
{
	for (size_t i = 0; i < STEPS; i++) {
		int r = steps[i].take(c);

		if (steps[i].take == place_files)
			c->sync_fd = BOX_SYNC_FD;
		if (r < 0) {
			answer(c->sync_fd, i, r);
			_exit(127);
		}
	}
	if (c->plan->trial)
		answer(c->sync_fd, STEP_DONE, 0);
	else
		answer(c->sync_fd, STEP_EXEC, program_exec(BOX_EXEC_FD, c->plan->refill));
	_exit(127);
}

/* --- boxd's side --- */

/* The words of a step that failed, with a hint where an administrator can change it. */
static int tell(const struct host *host, const char *what, int code, struct err *e)
{
	return err_set(e, code, "cannot %s: %s%s", what, strerror(-code), host_hint(host, code));
}

int box_finish(const struct host *host, struct box *box, struct err *e)
{
	struct outcome o;
	ssize_t n = recv(box->sync_fd, &o, sizeof(o), MSG_DONTWAIT);

	close(TAKE_FD(box->sync_fd));
	if (n == 0)
		return 0; /* exec closed it, or it died: then the pidfd says so */
	if (n != sizeof(o) || o.step > STEP_DONE)
		return err_set(e, -EPROTO, "the box ended while it was built");
	if (o.step == STEP_DONE)
		return 1;
	return tell(
		host, o.step == STEP_EXEC ? "start the worker" : steps[o.step].words, o.code, e);
}

static int lead_child(
	const struct host *host, const struct box_plan *plan, pid_t pid, int fd, struct err *e)
{
	int r = ids_write_maps(host->proc_fd, pid, host_slot_uid(host, plan->slot),
		host_slot_gid(host, plan->slot));

	if (r < 0)
		return tell(host, "map its ids", r, e);
	if (send(fd, "", 1, MSG_NOSIGNAL) != 1)
		return err_set(e, -errno, "the box ended while it was built");
	return 0;
}

/*
 * The files in /proc of a process that is not dumpable belong to root, so the child would be born
 * with id maps that boxd may not write. It inherits the mark at clone and takes it off again
 * itself with its change of uid.
 */
static pid_t clone_mappable(
	const struct host *host, const struct cgroup_folder *cgroup, int *ret_pidfd)
{
	pid_t pid;

	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	pid = clone_boxed(cgroup_born_fd(&host->cgroups, cgroup), host->dense, ret_pidfd);
	if (pid != 0)
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return pid;
}

static int start_child(const struct host *host, const struct box_plan *plan,
	const struct cgroup_folder *cgroup, struct box *ret, struct err *e)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(e, -errno, "cannot make a socket: %s", strerror(errno));
	ret->pid = clone_mappable(host, cgroup, &ret->pidfd);
	if (ret->pid == 0) {
		struct child c = {.plan = plan, .host = host, .cgroup = cgroup, .sync_fd = pair[1]};

		close(pair[0]);
		run_child(&c);
	}
	close(pair[1]);
	ret->sync_fd = pair[0];
	if (ret->pid < 0)
		return tell(host, "make its namespaces", ret->pid, e);
	return lead_child(host, plan, ret->pid, pair[0], e);
}

void box_discard(struct host *host, struct box *box)
{
	if (box->pid > 0) {
		box_promote(host, box); /* it takes the processor to die, too */
		box_kill(box);
		(void)waitpid(box->pid, NULL, 0);
	}
	closep(&box->pidfd);
	closep(&box->sync_fd);
	box->pidfd = box->sync_fd = -1;
	cgroup_drop(&host->cgroups, box->cgroup);
}

int box_begin(struct host *host, const struct box_plan *plan, struct box *ret, struct err *e)
{
	struct cgroup_folder cgroup = CGROUP_FOLDER_NONE;
	struct box box = {.slot = plan->slot, .class = plan->class, .pidfd = -1, .sync_fd = -1};
	int r = cgroup_take(
		&host->cgroups, &host->classes.of[plan->class], plan->refill, &cgroup, e);

	if (r < 0)
		return r;
	box.cgroup = cgroup.number;
	r = start_child(host, plan, &cgroup, &box, e);
	cgroup_folder_close(&cgroup);
	if (r < 0) {
		box_discard(host, &box);
		return r;
	}
	*ret = box;
	return 0;
}

/* A box that takes every step and ends. */
static int try_steps(struct host *host, struct err *e)
{
	const struct box_plan plan = {
		.class = BOX_SMALL, .log_fd = -1, .app_fd = -1, .infer_fd = -1, .trial = true};
	struct pollfd p = {.events = POLLIN};
	struct box box;
	int r = box_begin(host, &plan, &box, e);

	if (r < 0)
		return r;
	p.fd = box.sync_fd;
	if (poll(&p, 1, TRIAL_MS) == 1)
		r = box_finish(host, &box, e);
	else
		r = err_set(e, -ETIMEDOUT, "the box did not come up within %d s", TRIAL_MS / 1000);
	if (r == 0)
		r = err_set(e, -EPROTO, "the box ended while it was built");
	box_discard(host, &box);
	return r;
}

int box_try(struct host *host, struct err *e)
{
	int abi = landlock_abi();
	int r = try_steps(host, e);

	if (r < 0) {
		host_note(host, false, "anything: boxes cannot be built here: %s", e->text);
		return r;
	}
	if (host->dense)
		host_note(host, true,
			"namespaces: user, mount, pid, ipc, uts, cgroup; all boxes share one empty "
			"network namespace (isolation dense)");
	else
		host_note(host, true, "namespaces: user, mount, pid, net, ipc, uts, cgroup");
	host_note(host, true, "empty read-only root, no capabilities, no new privileges");
	host_note(host, true, "call filter (seccomp)");
	if (abi > 0)
		host_note(host, true, "Landlock, ABI %d", abi);
	else
		host_note(host, false, "Landlock: this kernel has none, or keeps it off");
	if (lockdown_has_mdwe())
		host_note(host, true, "no memory that is or becomes executable (MDWE)");
	else
		host_note(host, false,
			"MDWE: this kernel is older than 6.3; the call filter forbids the same");
	return 0;
}

void box_promote(const struct host *host, const struct box *box)
{
	cgroup_promote(&host->cgroups, box->cgroup);
}

void box_kill(const struct box *box)
{
	(void)pidfd_send_signal(box->pidfd, SIGKILL, NULL, 0);
}

static void say_why(const struct host *host, const struct box *box, int status, char *ret, size_t n)
{
	ret[0] = '\0';
	if (cgroup_ran_out(&host->cgroups, box->cgroup))
		(void)snprintf(ret, n, "it used more than the %llu MiB of memory of a %s box",
			(unsigned long long)(host->classes.of[box->class].memory_bytes >> 20),
			box_class_name(box->class));
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		(void)snprintf(ret, n, "it tried a system call that no worker may make");
}

int box_reap(struct host *host, struct box *box, int *ret_status, char *words, size_t n)
{
	int status;

	if (waitpid(box->pid, &status, WNOHANG) != box->pid)
		return 0;
	say_why(host, box, status, words, n);
	closep(&box->pidfd);
	box->pidfd = -1;
	cgroup_drop(&host->cgroups, box->cgroup);
	*ret_status = status;
	return 1;
}

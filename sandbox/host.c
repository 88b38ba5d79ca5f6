#include "sandbox/host.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "sandbox/steps/caps.h"
#include "sandbox/steps/ids.h"
#include "sandbox/steps/program.h"
#include "sandbox/steps/root.h"
#include "sandbox/steps/timens.h"
#include "sandbox/steps/write_at.h"

#define REPORT_MAX 4096 /* box.HOST */
#define FDS_BESIDE_BOXES 64
#define KEPT (CAPS_BIT(CAP_SETUID) | CAPS_BIT(CAP_SETGID) | CAPS_BIT(CAP_KILL))

void host_note(struct host *host, bool in_force, const char *fmt, ...)
{
	char words[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	/* A line that does not fit is lost to the agent; it is on stderr all the same. */
	(void)buf_addf(&host->report, "%s: %s\n", in_force ? "in force" : "not enforced", words);
}

static int open_files(struct host *host, int worker_fd, struct err *e)
{
	host->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (host->proc_fd < 0)
		return err_set(e, -errno, "cannot open /proc: %s", strerror(errno));
	host->self_fd = pidfd_open(getpid(), 0);
	if (host->self_fd < 0)
		return err_set(e, -errno, "cannot open a pidfd: %s", strerror(errno));
	host->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (host->null_fd < 0)
		return err_set(e, -errno, "cannot open /dev/null: %s", strerror(errno));
	host->worker_fd = program_seal(worker_fd, e);
	close(worker_fd);
	return host->worker_fd < 0 ? host->worker_fd : 0;
}

/* One pidfd per box stays open. */
static int raise_file_limit(struct host *host, struct err *e)
{
	rlim_t need = host->slots + FDS_BESIDE_BOXES;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= need)
		return 0;
	files.rlim_cur = files.rlim_max < need ? files.rlim_max : need;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur <= FDS_BESIDE_BOXES)
		return err_set(e, -EMFILE,
			"%lu open files (ulimit -n) are too few: %d and one per box",
			(unsigned long)files.rlim_cur, FDS_BESIDE_BOXES);
	if (files.rlim_cur < need)
		host->slots = (unsigned int)files.rlim_cur - FDS_BESIDE_BOXES;
	return 0;
}

static void note_cgroups(struct host *host)
{
	static const struct {
		const char *what, *instead;
	} limits[LIMITS] = {
		[LIMIT_MEMORY] = {"memory", "its address space is limited"},
		[LIMIT_PROCESSES] = {"number of processes",
			"RLIMIT_NPROC and the call filter hold"},
		[LIMIT_CPU] = {"CPU share", "a busy box can take whole cores"},
	};

	for (int i = 0; i < LIMITS; i++) {
		if (cgroup_home_limits(&host->cgroups, i))
			host_note(host, true, "limit on %s (cgroup v%d)", limits[i].what,
				host->cgroups.kind == CGROUP_V2 ? 2 : 1);
		else
			host_note(host, false, "limit on %s by cgroup (%s); %s", limits[i].what,
				strerror(-host->cgroups.fds[i]), limits[i].instead);
	}
}

static void note_time(struct host *host, int r)
{
	if (r == 0)
		host_note(host, true, "time namespace: a box does not see the host's uptime");
	else
		host_note(host, false, "time namespace: %s; a box sees the host's uptime",
			strerror(-r));
}

static int become(struct host *host, uid_t uid, struct err *e)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
		setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
		return err_set(e, -errno,
			"cannot become uid %u: %s (in a container that maps few uids, start as an "
			"ordinary user)",
			uid, strerror(errno));
	host->uid = uid;
	host->gid = uid;
	return 0;
}

/* The network, and System V IPC, are of no use to boxd. Nothing depends on it, so it may fail. */
static void leave_shared_namespaces(void)
{
	(void)unshare(CLONE_NEWNET);
	(void)unshare(CLONE_NEWIPC);
}

/* A root of our own with nothing in it, which every box inherits. */
static int own_root(void)
{
	if (unshare(CLONE_NEWNS) < 0)
		return -errno;
	return root_empty();
}

static void note_root(struct host *host, int r)
{
	host->rooted = r == 0;
	if (r < 0)
		log_info("boxd sees the host's files: %s", strerror(-r));
}

static int give_up_as_root(struct host *host, uid_t uid, struct err *e)
{
	int r;

	note_time(host, timens_own(host->proc_fd));
	leave_shared_namespaces();
	note_root(host, own_root());
	r = become(host, uid, e);
	if (r < 0)
		return r;
	r = caps_keep(KEPT);
	if (r < 0)
		return err_set(e, r, "cannot give up capabilities: %s", strerror(-r));
	host->uid_per_slot = true;
	return 0;
}

/* Started by a service manager as its own uid, with just the three capabilities. */
static int give_up_as_service(struct host *host, struct err *e)
{
	int r = caps_keep(KEPT);

	host_note(host, false, "time namespace: not started as root; a box sees the host's uptime");
	host->uid_per_slot = true;
	return r < 0 ? err_set(e, r, "cannot give up capabilities: %s", strerror(-r)) : 0;
}

/* An own user namespace is the only way to a time namespace without privilege. */
static int enter_own_userns(struct host *host)
{
	int r;

	if (unshare(CLONE_NEWUSER) < 0)
		return -errno;
	r = ids_map_self(host->proc_fd, host->uid, host->gid);
	if (r == 0)
		r = timens_own(host->proc_fd);
	leave_shared_namespaces();
	return r;
}

static int give_up_as_user(struct host *host, struct err *e)
{
	int r;

	host_note(host, false,
		"one host uid per box: not started as root; every box runs as uid %u", host->uid);
	note_time(host, enter_own_userns(host));
	note_root(host, own_root());
	r = caps_keep(0);
	return r < 0 ? err_set(e, r, "cannot give up capabilities: %s", strerror(-r)) : 0;
}

static int give_up(struct host *host, const struct host_options *options, struct err *e)
{
	int death_signal = 0, r;

	/* prctl(2): a change of ids clears what the supervisor has set. */
	(void)prctl(PR_GET_PDEATHSIG, &death_signal);
	if (host->uid == 0)
		r = give_up_as_root(host, options->uid, e);
	else if (caps_have(CAPS_BIT(CAP_SETUID) | CAPS_BIT(CAP_SETGID)))
		r = give_up_as_service(host, e);
	else
		r = give_up_as_user(host, e);
	if (r < 0)
		return r;
	(void)prctl(PR_SET_PDEATHSIG, death_signal);
	if (host->uid_per_slot)
		host_note(host, true, "one host uid per box: %u to %u", host->slot_uids,
			host->slot_uids + host->slots - 1);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_set(e, -errno, "cannot close myself off: %s", strerror(errno));
	return 0;
}

/* Whether our network namespace is one that boxes may share: it has no interface but the loopback.
 */
static bool network_is_empty(const struct host *host)
{
	char text[4096], *line = text, *rest;
	int interfaces = 0;

	if (read_at(host->proc_fd, "self/net/dev", text, sizeof(text)) < 0)
		return false;
	for (; *line; line = rest) {
		char *end = strchrnul(line, '\n');

		rest = *end ? end + 1 : end;
		*end = '\0';
		if (!strchr(line, ':'))
			continue; /* one of two lines of headings */
		interfaces++;
		if (strncmp(line + strspn(line, " "), "lo:", 3) != 0)
			return false;
	}
	return interfaces == 1;
}

static int check_isolation(const struct host *host, struct err *e)
{
	if (!host->dense || network_is_empty(host))
		return 0;
	return err_set(e, -EPERM,
		"--isolation dense: boxd could not get an empty network namespace for the boxes to "
		"share; start it as root, allow user namespaces, or use --isolation full");
}

int host_prepare(struct host *ret, const struct host_options *options, struct err *e)
{
	uid_t owner = geteuid() == 0 ? options->uid : geteuid();
	int r;

	*ret = (struct host){.slots = options->slots,
		.classes = options->classes,
		.dense = options->dense,
		.slot_uids = options->slot_uids,
		.uid = geteuid(),
		.gid = getegid(),
		.proc_fd = -1,
		.null_fd = -1,
		.self_fd = -1,
		.worker_fd = -1,
		.cgroups = {.fds = {-1, -1, -1}}};
	buf_init(&ret->report, REPORT_MAX);
	r = raise_file_limit(ret, e);
	if (r == 0)
		r = open_files(ret, options->worker_fd, e);
	if (r == 0) {
		cgroup_home_open(&ret->cgroups, owner);
		note_cgroups(ret);
		r = give_up(ret, options, e);
	}
	if (r == 0)
		r = check_isolation(ret, e);
	if (r < 0)
		host_done(ret);
	return r;
}

void host_done(struct host *host)
{
	closep(&host->proc_fd);
	closep(&host->null_fd);
	closep(&host->self_fd);
	closep(&host->worker_fd);
	cgroup_home_close(&host->cgroups);
	buf_done(&host->report);
}

uid_t host_slot_uid(const struct host *host, unsigned int slot)
{
	return host->uid_per_slot ? host->slot_uids + slot : host->uid;
}

gid_t host_slot_gid(const struct host *host, unsigned int slot)
{
	return host->uid_per_slot ? host->slot_uids + slot : host->gid;
}

static bool setting_is(const struct host *host, const char *path, char value)
{
	char text[8];

	return read_at(host->proc_fd, path, text, sizeof(text)) > 0 && text[0] == value;
}

const char *host_hint(const struct host *host, int code)
{
	if (code != -EPERM && code != -EACCES && code != -ENOSPC && code != -EUSERS)
		return "";
	if (!host->uid_per_slot &&
		setting_is(host, "sys/kernel/apparmor_restrict_unprivileged_userns", '1'))
		return " (AppArmor restricts user namespaces of ordinary users here: set "
		       "kernel.apparmor_restrict_unprivileged_userns=0, load a profile for "
		       "vitrine-boxd that has \"userns,\", or start as root)";
	if (!host->uid_per_slot && setting_is(host, "sys/kernel/unprivileged_userns_clone", '0'))
		return " (kernel.unprivileged_userns_clone is 0: set it to 1, or start as root)";
	if (setting_is(host, "sys/user/max_user_namespaces", '0'))
		return " (user.max_user_namespaces is 0: user namespaces are off on this host)";
	return " (a container or its seccomp profile may forbid user namespaces)";
}

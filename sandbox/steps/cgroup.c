#include "sandbox/steps/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sandbox/steps/write_at.h"

#define ROOT "/sys/fs/cgroup"
#define HOME_PREFIX "vitrine-"
#define ROOM "vitrine-services" /* where others move who stand in the way of homes */
#define MOVE_ROUNDS 16
#define CPU_PERIOD_USEC 100000u
/* All boxes together, beside the host's other processes: not as one, which is what a folder weighs
 * by itself, but as four. Each has its own limit below. */
#define HOME_SHARES "4096"
#define HOME_WEIGHT "400"

static const char *const controllers[LIMITS] = {"memory", "pids", "cpu"};

/* --- where we are --- */

/* The path of this process in that v1 hierarchy ("memory"), or in v2 (""). proc(5), cgroups(7). */
static int own_path(const char *controller, char ret[PATH_MAX])
{
	CLEANUP(fclosep) FILE *f = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX + 64];

	while (f && fgets(line, sizeof(line), f)) {
		char *names = strchr(line, ':');
		char *path = names ? strchr(names + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		path[strcspn(path, "\n")] = '\0';
		/* "cpu,cpuacct" is one hierarchy; its mount is reachable under each name. */
		for (char *rest = names + 1, *name; (name = strsep(&rest, ","));) {
			if (strcmp(name, controller) != 0)
				continue;
			(void)snprintf(ret, PATH_MAX, "%s", path);
			return 0;
		}
	}
	return -ENOENT;
}

/* The own folder of that hierarchy, or its top where the path is not visible from here. */
static int open_own(const char *mount, const char *controller)
{
	char path[PATH_MAX], full[PATH_MAX + 64];
	int fd;

	if (own_path(controller, path) < 0)
		return -ENOENT;
	(void)snprintf(full, sizeof(full), "%s%s", mount, path);
	fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fd = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* --- homes --- */

static void home_name(char *ret, size_t n, pid_t pid)
{
	(void)snprintf(ret, n, HOME_PREFIX "%d", pid);
}

/* A folder that is not there is fine. */
static int remove_home(int parent_fd, const char *name)
{
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	while (dir && (d = readdir(dir)))
		if (d->d_type == DT_DIR && d->d_name[0] != '.')
			(void)unlinkat(fd, d->d_name, AT_REMOVEDIR);
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	return unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

/* A killed boxd leaves empty folders behind; the next one that may, removes them. */
static void remove_stale(int parent_fd)
{
	int copy = openat(parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		int pid;

		if (sscanf(d->d_name, HOME_PREFIX "%d", &pid) == 1 && kill(pid, 0) < 0 &&
			errno == ESRCH)
			(void)remove_home(parent_fd, d->d_name);
	}
	if (dir)
		closedir(dir);
	else if (copy >= 0)
		close(copy);
}

static int make_home(int parent_fd)
{
	char name[32];
	int fd;

	remove_stale(parent_fd);
	home_name(name, sizeof(name), getpid());
	if (mkdirat(parent_fd, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_v1(enum cgroup_limit limit, uid_t owner)
{
	char mount[64];
	CLEANUP(closep) int own = -1;
	CLEANUP(closep) int home = -1;

	(void)snprintf(mount, sizeof(mount), ROOT "/%s", controllers[limit]);
	own = open_own(mount, controllers[limit]);
	if (own < 0)
		return own;
	home = make_home(own);
	if (home < 0)
		return home;
	if (limit == LIMIT_CPU)
		(void)write_at(home, "cpu.shares", HOME_SHARES);
	/* Owning the folder is enough: the files of folders made in it belong to their maker. */
	if (fchown(home, owner, (gid_t)-1) < 0)
		return -errno;
	return TAKE_FD(home);
}

static bool has_word(int dir_fd, const char *file, const char *word)
{
	char line[256], *rest = line, *got;

	if (read_at(dir_fd, file, line, sizeof(line)) < 0)
		return false;
	while ((got = strsep(&rest, " \n")))
		if (strcmp(got, word) == 0)
			return true;
	return false;
}

static void enable_controllers(int dir_fd)
{
	for (int i = 0; i < LIMITS; i++) {
		char line[16];

		(void)snprintf(line, sizeof(line), "+%s", controllers[i]);
		(void)write_at(dir_fd, "cgroup.subtree_control", line);
	}
}

static int give_away(int home, uid_t owner)
{
	static const char *const files[] = {
		"cgroup.procs", "cgroup.subtree_control", "cgroup.threads"};

	if (fchown(home, owner, (gid_t)-1) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (fchownat(home, files[i], owner, (gid_t)-1, 0) < 0)
			return -errno;
	return 0;
}

/*
 * cgroup-v2.rst: a folder that hands controllers down may hold no process, and whoever moves a
 * process needs write access to the common ancestor. So boxd itself moves into home/boxd.
 */
static int settle_v2(int home, uid_t owner)
{
	char line[16];
	int r;

	enable_controllers(home);
	(void)write_at(home, "cpu.weight", HOME_WEIGHT);
	if (!has_word(home, "cgroup.subtree_control", "memory"))
		return -EOPNOTSUPP;
	if (mkdirat(home, "boxd", 0755) < 0 && errno != EEXIST)
		return -errno;
	(void)snprintf(line, sizeof(line), "%d", getpid());
	r = write_at(home, "boxd/cgroup.procs", line);
	return r < 0 ? r : give_away(home, owner);
}

static int open_v2_below(int parent_fd, uid_t owner)
{
	CLEANUP(closep) int home = -1;
	char name[32];
	int r;

	enable_controllers(parent_fd);
	home = make_home(parent_fd);
	if (home < 0)
		return home;
	r = settle_v2(home, owner);
	if (r < 0) {
		home_name(name, sizeof(name), getpid());
		(void)remove_home(parent_fd, name);
		return r;
	}
	return TAKE_FD(home);
}

/* systemd marks what it hands over: CGROUP_DELEGATION.md. The first name is there for everybody. */
static bool is_delegated(int dir_fd)
{
	static const char *const names[] = {"user.delegate", "trusted.delegate"};
	char value[2];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (fgetxattr(dir_fd, names[i], value, sizeof(value)) == 1 && value[0] == '1')
			return true;
	return false;
}

/* Everybody in that folder moves one down: it can hand no controllers on while it holds a process.
 * In a delegated folder they are all of one service, and its owner may. */
static int make_room(int dir_fd)
{
	char pids[4096], path[] = ROOM "/cgroup.procs";

	if (mkdirat(dir_fd, ROOM, 0755) < 0 && errno != EEXIST)
		return -errno;
	/* Whoever forks meanwhile leaves a child behind. */
	for (int i = 0; i < MOVE_ROUNDS; i++) {
		char *rest = pids, *pid;
		int n = read_at(dir_fd, "cgroup.procs", pids, sizeof(pids)), r = 0;

		if (n <= 0)
			return n;
		/* Of more than fits, the last number may be cut: only whole lines. */
		*(strrchr(pids, '\n') ? strrchr(pids, '\n') : pids) = '\0';
		while (r == 0 && (pid = strsep(&rest, "\n")) && *pid) {
			r = write_at(dir_fd, path, pid);
			r = r == -ESRCH ? 0 : r; /* it has ended */
		}
		if (r < 0)
			return r;
	}
	return -EBUSY;
}

/* The delegated folder that we are in, with room for homes; also when a boxd before us made it. */
static int open_delegated(int own)
{
	CLEANUP(closep) int above = openat(own, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat ours, room;
	int r;

	if (!is_delegated(own)) {
		if (above < 0 || !is_delegated(above) || fstat(own, &ours) < 0 ||
			fstatat(above, ROOM, &room, 0) < 0 || room.st_ino != ours.st_ino)
			return -ENOENT;
		return TAKE_FD(above);
	}
	r = make_room(own);
	return r < 0 ? r : openat(own, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Below the folder that is delegated to us, else below our own or the top, where we may. */
static int open_v2(uid_t owner)
{
	CLEANUP(closep) int own = open_own(ROOT, "");
	CLEANUP(closep) int top = open(ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(closep) int delegated = own < 0 ? own : open_delegated(own);
	int home;

	if (delegated >= 0)
		return open_v2_below(delegated, owner);
	home = own < 0 ? own : open_v2_below(own, owner);
	return home < 0 && top >= 0 ? open_v2_below(top, owner) : home;
}

static bool is_v2(void)
{
	struct statfs fs;

	return statfs(ROOT, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

static void open_home_v2(struct cgroup_home *ret, uid_t owner)
{
	int home = open_v2(owner);

	for (int i = 0; i < LIMITS; i++) {
		if (home < 0)
			ret->fds[i] = home;
		else if (has_word(home, "cgroup.subtree_control", controllers[i]))
			ret->fds[i] = fcntl(home, F_DUPFD_CLOEXEC, 3);
		else
			ret->fds[i] = -EOPNOTSUPP;
	}
	closep(&home);
}

void cgroup_home_open(struct cgroup_home *ret, uid_t owner)
{
	enum cgroup_kind kind = is_v2() ? CGROUP_V2 : CGROUP_V1;

	*ret = (struct cgroup_home){.kind = CGROUP_NONE};
	for (size_t i = 0; i < CGROUP_SPARES; i++)
		ret->spares[i] = (struct cgroup_folder)CGROUP_FOLDER_NONE;
	if (kind == CGROUP_V2)
		open_home_v2(ret, owner);
	else
		for (int i = 0; i < LIMITS; i++)
			ret->fds[i] = open_v1(i, owner);
	for (int i = 0; i < LIMITS; i++)
		if (ret->fds[i] >= 0)
			ret->kind = kind;
}

static int remove_home_of(pid_t pid, const char *mount, const char *controller)
{
	CLEANUP(closep) int own = open_own(mount, controller);
	CLEANUP(closep)
	int above = own < 0 ? -1 : openat(own, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(closep) int top = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const int parents[] = {own, above, top};
	char name[32];
	int r = 0;

	home_name(name, sizeof(name), pid);
	for (size_t i = 0; r == 0 && i < sizeof(parents) / sizeof(parents[0]); i++)
		if (parents[i] >= 0)
			r = remove_home(parents[i], name);
	return r;
}

int cgroup_home_remove(pid_t pid)
{
	char mount[64];
	int r = 0;

	if (is_v2())
		return remove_home_of(pid, ROOT, "");
	for (int i = 0; i < LIMITS; i++) {
		int one;

		(void)snprintf(mount, sizeof(mount), ROOT "/%s", controllers[i]);
		one = remove_home_of(pid, mount, controllers[i]);
		r = r < 0 ? r : one;
	}
	return r;
}

bool cgroup_home_limits(const struct cgroup_home *home, enum cgroup_limit limit)
{
	return home->fds[limit] >= 0;
}

/* --- folders of boxes --- */

struct setting {
	enum cgroup_kind kind;
	enum cgroup_limit limit;
	const char *file;
	char line[48];
	bool optional; /* kernels built without swap accounting, say, lack the file */
};

#define SETTINGS 8

static void settings_of(const struct box_class *c, struct setting ret[SETTINGS])
{
	const struct setting all[SETTINGS] = {
		{CGROUP_V1, LIMIT_MEMORY, "memory.limit_in_bytes", "", false},
		{CGROUP_V1, LIMIT_MEMORY, "memory.memsw.limit_in_bytes", "", true},
		{CGROUP_V1, LIMIT_PROCESSES, "pids.max", "1", false},
		{CGROUP_V1, LIMIT_CPU, "cpu.cfs_quota_us", "", false},
		{CGROUP_V2, LIMIT_MEMORY, "memory.max", "", false},
		{CGROUP_V2, LIMIT_MEMORY, "memory.swap.max", "0", true},
		{CGROUP_V2, LIMIT_PROCESSES, "pids.max", "1", false},
		{CGROUP_V2, LIMIT_CPU, "cpu.max", "", false},
	};
	unsigned int quota = c->cpu_percent * (CPU_PERIOD_USEC / 100);

	memcpy(ret, all, sizeof(all));
	for (int i = 0; i < SETTINGS; i++) {
		if (ret[i].line[0] != '\0')
			continue;
		if (ret[i].limit == LIMIT_MEMORY)
			(void)snprintf(
				ret[i].line, sizeof(ret[i].line), "%" PRIu64, c->memory_bytes);
		else if (ret[i].kind == CGROUP_V1)
			(void)snprintf(ret[i].line, sizeof(ret[i].line), "%u", quota);
		else
			(void)snprintf(
				ret[i].line, sizeof(ret[i].line), "%u %u", quota, CPU_PERIOD_USEC);
	}
}

static int write_settings(const struct cgroup_home *home, const int *dirs,
	const struct box_class *class, struct err *e)
{
	struct setting settings[SETTINGS];

	settings_of(class, settings);
	for (int i = 0; i < SETTINGS; i++) {
		const struct setting *s = &settings[i];
		int r;

		if (s->kind != home->kind || dirs[s->limit] < 0)
			continue;
		r = write_at(dirs[s->limit], s->file, s->line);
		if (r < 0 && !(s->optional && (r == -ENOENT || r == -EOPNOTSUPP)))
			return err_set(e, r, "cannot set %s: %s", s->file, strerror(-r));
	}
	return 0;
}

static int make_folder(int home_fd, const char *name)
{
	int fd;

	if (mkdirat(home_fd, name, 0755) < 0)
		return -errno;
	fd = openat(home_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* v2 has one folder for all limits, v1 one in each hierarchy. */
static int make_folders(
	const struct cgroup_home *home, const char *name, int dirs[LIMITS], struct err *e)
{
	int made = -1;

	for (int i = 0; i < LIMITS; i++) {
		if (home->fds[i] < 0)
			continue;
		if (home->kind == CGROUP_V2 && made >= 0) {
			dirs[i] = fcntl(made, F_DUPFD_CLOEXEC, 3);
			if (dirs[i] < 0)
				dirs[i] = -errno;
		} else {
			dirs[i] = made = make_folder(home->fds[i], name);
		}
		if (dirs[i] < 0)
			return err_set(e, dirs[i], "cannot make a cgroup for %s: %s",
				controllers[i], strerror(-dirs[i]));
	}
	return 0;
}

static int open_tasks(const int dirs[LIMITS], int tasks[LIMITS], struct err *e)
{
	for (int i = 0; i < LIMITS; i++) {
		if (dirs[i] < 0)
			continue;
		tasks[i] = openat(dirs[i], "tasks", O_WRONLY | O_CLOEXEC);
		if (tasks[i] < 0)
			return err_set(e, -errno, "cannot open a cgroup: %s", strerror(errno));
	}
	return 0;
}

static int make(struct cgroup_home *home, struct cgroup_folder *ret, struct err *e)
{
	struct cgroup_folder f = CGROUP_FOLDER_NONE;
	char name[16];
	int r;

	f.number = ++home->last;
	(void)snprintf(name, sizeof(name), "%u", f.number);
	r = make_folders(home, name, f.dirs, e);
	if (r == 0 && home->kind == CGROUP_V1)
		r = open_tasks(f.dirs, f.tasks, e);
	if (r < 0) {
		cgroup_folder_close(&f);
		cgroup_drop(home, f.number);
		return r;
	}
	*ret = f;
	return 0;
}

static bool remove_folders(const struct cgroup_home *home, unsigned int number)
{
	bool gone = true;
	char name[16];

	(void)snprintf(name, sizeof(name), "%u", number);
	for (int i = 0; i < LIMITS; i++)
		if (home->fds[i] >= 0 && unlinkat(home->fds[i], name, AT_REMOVEDIR) < 0 &&
			errno != ENOENT)
			gone = false;
	return gone;
}

void cgroup_home_stock(struct cgroup_home *home)
{
	for (size_t i = 0; i < CGROUP_STALE; i++)
		if (home->stale[i] && remove_folders(home, home->stale[i]))
			home->stale[i] = 0;
	for (size_t i = 0; i < CGROUP_SPARES; i++)
		if (home->kind != CGROUP_NONE && !home->spares[i].number)
			(void)make(home, &home->spares[i], NULL);
}

void cgroup_home_close(struct cgroup_home *home)
{
	for (size_t i = 0; i < CGROUP_SPARES; i++) {
		unsigned int number = home->spares[i].number;

		cgroup_folder_close(&home->spares[i]);
		if (number)
			(void)remove_folders(home, number);
	}
	for (size_t i = 0; i < CGROUP_STALE; i++)
		if (home->stale[i])
			(void)remove_folders(home, home->stale[i]);
	for (int i = 0; i < LIMITS; i++) {
		if (home->fds[i] >= 0)
			close(home->fds[i]);
		home->fds[i] = -1;
	}
	home->kind = CGROUP_NONE;
}

static bool take_spare(struct cgroup_home *home, struct cgroup_folder *ret)
{
	for (size_t i = 0; i < CGROUP_SPARES; i++)
		if (home->spares[i].number) {
			*ret = home->spares[i];
			home->spares[i] = (struct cgroup_folder)CGROUP_FOLDER_NONE;
			return true;
		}
	return false;
}

int cgroup_take(struct cgroup_home *home, const struct box_class *class, bool idle,
	struct cgroup_folder *ret, struct err *e)
{
	struct cgroup_folder f = CGROUP_FOLDER_NONE;
	int r = 0;

	if (!take_spare(home, &f))
		r = make(home, &f, e);
	if (r < 0)
		return r;
	r = write_settings(home, f.dirs, class, e);
	if (r < 0) {
		cgroup_folder_close(&f);
		cgroup_drop(home, f.number);
		return r;
	}
	if (idle && f.dirs[LIMIT_CPU] >= 0)
		(void)write_at(f.dirs[LIMIT_CPU], "cpu.idle", "1");
	*ret = f;
	return 0;
}

void cgroup_folder_close(struct cgroup_folder *folder)
{
	for (int i = 0; i < LIMITS; i++) {
		closep(&folder->dirs[i]);
		closep(&folder->tasks[i]);
		folder->dirs[i] = folder->tasks[i] = -1;
	}
}

int cgroup_born_fd(const struct cgroup_home *home, const struct cgroup_folder *folder)
{
	for (int i = 0; home->kind == CGROUP_V2 && i < LIMITS; i++)
		if (folder->dirs[i] >= 0)
			return folder->dirs[i];
	return -1;
}

int cgroup_enter(const struct cgroup_folder *folder)
{
	for (int i = 0; i < LIMITS; i++)
		if (folder->tasks[i] >= 0 && write(folder->tasks[i], "0", 1) != 1)
			return -errno;
	return 0;
}

void cgroup_promote(const struct cgroup_home *home, unsigned int number)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%u/cpu.idle", number);
	if (home->fds[LIMIT_CPU] >= 0)
		(void)write_at(home->fds[LIMIT_CPU], path, "0");
}

bool cgroup_ran_out(const struct cgroup_home *home, unsigned int number)
{
	char path[64], text[512];
	const char *count;

	if (home->fds[LIMIT_MEMORY] < 0)
		return false;
	(void)snprintf(path, sizeof(path), "%u/%s", number,
		home->kind == CGROUP_V2 ? "memory.events" : "memory.oom_control");
	if (read_at(home->fds[LIMIT_MEMORY], path, text, sizeof(text)) < 0)
		return false;
	count = strstr(text, "oom_kill ");
	return count && count[strlen("oom_kill ")] != '0';
}

/* Too early for the kernel, now and then: it is tried again. */
void cgroup_drop(struct cgroup_home *home, unsigned int number)
{
	if (!number || remove_folders(home, number))
		return;
	for (size_t i = 0; i < CGROUP_STALE; i++)
		if (!home->stale[i]) {
			home->stale[i] = number;
			return;
		}
}

#include "cli/doctor/look.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sandbox/steps/caps.h"
#include "sandbox/steps/write_at.h"

#define CGROUPS "/sys/fs/cgroup"
#define TEXT_MAX 8192
#define FILTERS_OF_A_WORKER 2 /* the start filter and the sealed one */
#define FILES_OF_A_WORKER 5

/* --- /proc --- */

static int read_proc(pid_t pid, const char *file, char ret[TEXT_MAX])
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	return read_at(AT_FDCWD, path, ret, TEXT_MAX);
}

/* The rest of the line that begins with key; NULL: there is none. Borrowed from text. */
static const char *line_of(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, n) == 0)
			return line + n + strspn(line + n, " \t");
	}
	return NULL;
}

static uint64_t number_of(const char *text, const char *key, int base)
{
	const char *at = line_of(text, key);

	return at ? strtoull(at, NULL, base) : UINT64_MAX;
}

/* --- one layer each --- */

/* 1: it is ours, or there is none of that kind; 0: it is another. */
static int share_namespace(pid_t pid, const char *kind)
{
	char path[64], ours[64] = "", theirs[64] = "";

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kind);
	if (readlink(path, theirs, sizeof(theirs) - 1) < 0)
		return errno == ENOENT ? 1 : -errno;
	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
	if (readlink(path, ours, sizeof(ours) - 1) < 0)
		return -errno;
	return strcmp(ours, theirs) == 0;
}

static void look_at_namespaces(struct layer all[LAYERS], pid_t pid)
{
	static const char *const kinds[] = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (share_namespace(pid, kinds[i]) > 0)
			layer_note(all, LAYER_NAMESPACES, false,
				"a box is in the host's own %s namespace", kinds[i]);
	if (share_namespace(pid, "time") > 0)
		layer_note(all, LAYER_TIME, false,
			"a box is in the host's time namespace and sees its uptime");
}

/* Entries of one of the process's folders in /proc; -errno: it is not ours to see. */
static int count_entries(pid_t pid, const char *name, int *ret_highest)
{
	char path[64];
	struct dirent *d;
	int n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0) {
			int number = (int)strtol(d->d_name, NULL, 10);

			*ret_highest = number > *ret_highest ? number : *ret_highest;
			n++;
		}
	closedir(dir);
	return n;
}

static void look_at_root(struct layer all[LAYERS], pid_t pid)
{
	char mounts[TEXT_MAX];
	int highest = 0, n = count_entries(pid, "root", &highest);

	if (n < 0 || read_proc(pid, "mountinfo", mounts) < 0)
		return;
	if (n > 0 || strchr(mounts, '\n') != strrchr(mounts, '\n') ||
		!strstr(mounts, " / / ro,nosuid,nodev,noexec"))
		layer_note(all, LAYER_ROOT, false,
			"a box's root has %d entries, and these mounts: %.200s", n, mounts);
	else
		layer_note(all, LAYER_ROOT, true, "one mount, read-only, with nothing in it");
}

static void look_at_files(struct layer all[LAYERS], pid_t pid)
{
	int highest = -1, n = count_entries(pid, "fd", &highest);

	if (n < 0)
		layer_note(all, LAYER_FILES, true,
			"boxd closes all but five (only root can look and count)");
	else
		layer_note(all, LAYER_FILES, n == FILES_OF_A_WORKER && highest == n - 1,
			"%d open in a box, up to number %d: /dev/null, log, its two links", n,
			highest);
}

static void look_at_privileges(struct layer all[LAYERS], const char *status)
{
	static const char *const sets[] = {"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"};

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		if (number_of(status, sets[i], 16) != 0)
			layer_note(all, LAYER_PRIVILEGES, false,
				"a box holds capabilities: %s %.16s", sets[i],
				line_of(status, sets[i]) ? line_of(status, sets[i]) : "?");
	if (number_of(status, "NoNewPrivs:", 10) != 1)
		layer_note(all, LAYER_PRIVILEGES, false, "a box can gain privileges by exec");
	layer_note(all, LAYER_PRIVILEGES, true,
		"no capability in any set, and no way to one (no_new_privs)");
}

static void look_at_filter(struct layer all[LAYERS], const char *status)
{
	uint64_t filters = number_of(status, "Seccomp_filters:", 10);

	if (number_of(status, "Seccomp:", 10) != 2)
		layer_note(all, LAYER_FILTER, false, "a sealed box is under no call filter");
	else if (filters != UINT64_MAX && filters < FILTERS_OF_A_WORKER)
		layer_note(all, LAYER_FILTER, false,
			"a sealed box is under %" PRIu64 " call filter instead of two", filters);
	else
		layer_note(all, LAYER_FILTER, true,
			"two (seccomp): from the box's birth, and after the seal");
}

static void look_at_uid(struct layer all[LAYERS], const char *status, uid_t slot_uid)
{
	uint64_t uid = number_of(status, "Uid:", 10);

	if (uid == 0)
		layer_note(all, LAYER_UID, false, "a box runs as root of this host");
	else if (geteuid() == 0 && uid != slot_uid)
		layer_note(all, LAYER_UID, false,
			"a box runs as uid %" PRIu64 " instead of its slot's, %u", uid, slot_uid);
}

static void look_at_rlimits(struct layer all[LAYERS], pid_t pid)
{
	static const struct {
		const char *key;
		uint64_t most;
	} limits[] = {{"Max core file size", 0}, {"Max file size", 0}, {"Max processes", 1},
		{"Max open files", 32}, {"Max locked memory", 0},
		{"Max address space", UINT64_MAX - 1}};
	char text[TEXT_MAX];

	if (read_proc(pid, "limits", text) < 0)
		return;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		const char *at = line_of(text, limits[i].key);

		/* The first column is the soft limit, "unlimited" is no number. */
		if (!at || *at < '0' || *at > '9' || strtoull(at, NULL, 10) > limits[i].most)
			layer_note(all, LAYER_RLIMITS, false, "%s is not limited in a box",
				limits[i].key);
	}
	layer_note(all, LAYER_RLIMITS, true,
		"no core, no file to write, no locked memory, 32 open files, bounded address "
		"space");
}

/* --- cgroups --- */

/* The folder of the process in that controller's hierarchy. */
static int cgroup_folder(pid_t pid, const char *controller, char *ret, size_t n)
{
	struct statfs fs;
	bool v2 = statfs(CGROUPS, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
	char text[TEXT_MAX], *rest = text, *line;

	if (read_proc(pid, "cgroup", text) < 0)
		return -EACCES;
	while ((line = strsep(&rest, "\n"))) {
		char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL,
		     *name;

		if (!path)
			continue;
		*path++ = '\0';
		names++;
		if (v2 && *names == '\0') {
			(void)snprintf(ret, n, CGROUPS "%s", path);
			return 0;
		}
		while ((name = strsep(&names, ",")))
			if (!v2 && strcmp(name, controller) == 0) {
				(void)snprintf(ret, n, CGROUPS "/%s%s", controller, path);
				return 0;
			}
	}
	return -ENOENT;
}

/* The first of the files that is there. */
static int read_cgroup(
	pid_t pid, const char *controller, const char *v1, const char *v2, char *ret, size_t n)
{
	char folder[PATH_MAX], path[PATH_MAX + 64];
	int r = cgroup_folder(pid, controller, folder, sizeof(folder));

	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/%s", folder, v2);
	r = read_at(AT_FDCWD, path, ret, n);
	if (r >= 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/%s", folder, v1);
	return read_at(AT_FDCWD, path, ret, n);
}

uint64_t look_memory_limit(pid_t pid)
{
	char text[64];

	if (read_cgroup(pid, "memory", "memory.limit_in_bytes", "memory.max", text, sizeof(text)) <
		0)
		return 0;
	return strtoull(text, NULL, 10);
}

int look_at_cpu(pid_t pid, struct cpu_look *ret)
{
	char text[TEXT_MAX];
	uint64_t quota, period = 0;
	const char *at;
	char *end;

	if (read_cgroup(pid, "cpu", "cpu.stat", "cpu.stat", text, sizeof(text)) < 0 ||
		!(at = line_of(text, "nr_throttled")))
		return -ENODATA;
	ret->throttled = strtoll(at, NULL, 10);
	/* v2: "quota period" in one file. */
	if (read_cgroup(pid, "cpu", "cpu.cfs_quota_us", "cpu.max", text, sizeof(text)) < 0)
		return -ENODATA;
	quota = strtoull(text, &end, 10);
	period = strtoull(end, NULL, 10);
	if (period == 0 && read_cgroup(pid, "cpu", "cpu.cfs_period_us", "cpu.cfs_period_us", text,
				   sizeof(text)) >= 0)
		period = strtoull(text, NULL, 10);
	/* proc(5): nanoseconds on a CPU come first. */
	if (period == 0 || read_proc(pid, "schedstat", text) < 0)
		return -ENODATA;
	ret->percent = (unsigned int)(quota * 100 / period);
	ret->used_usec = strtoull(text, NULL, 10) / 1000;
	return 0;
}

/* boxd's word is compared with the kernel's, where that can be read. */
static void look_at_cgroups(struct layer all[LAYERS], pid_t pid)
{
	static const struct {
		enum layer_name layer;
		const char *controller, *v1, *v2;
	} limits[] = {
		{LAYER_MEMORY, "memory", "memory.limit_in_bytes", "memory.max"},
		{LAYER_PROCESSES, "pids", "pids.max", "pids.max"},
		{LAYER_CPU, "cpu", "cpu.cfs_quota_us", "cpu.max"},
	};
	char text[64];

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (all[limits[i].layer].state != FINDING_OK ||
			read_cgroup(pid, limits[i].controller, limits[i].v1, limits[i].v2, text,
				sizeof(text)) < 0)
			continue;
		text[strcspn(text, "\n")] = '\0';
		/* "max", "-1" and a number of 19 digits are the kernel's words for none. */
		if (*text < '0' || *text > '9' || strcspn(text, " ") >= 19)
			layer_note(all, limits[i].layer, false,
				"boxd says it is in force, but the kernel's %s says %s",
				limits[i].controller, text);
		else
			layer_note(all, limits[i].layer, true, "%s of a small box: %s",
				limits[i].v2, text);
	}
}

/* --- all of it --- */

void look_at_box(struct layer all[LAYERS], pid_t pid, uid_t slot_uid)
{
	char status[TEXT_MAX];

	if (read_proc(pid, "status", status) < 0) {
		layer_note(all, LAYER_BOX, false, "its process cannot be seen in /proc");
		return;
	}
	look_at_namespaces(all, pid);
	look_at_root(all, pid);
	look_at_files(all, pid);
	look_at_privileges(all, status);
	look_at_filter(all, status);
	look_at_uid(all, status, slot_uid);
	look_at_rlimits(all, pid);
	look_at_cgroups(all, pid);
}

int look_at_boxd(pid_t pid, char *words, size_t n)
{
	const uint64_t kept = CAPS_BIT(CAP_SETUID) | CAPS_BIT(CAP_SETGID) | CAPS_BIT(CAP_KILL);
	char status[TEXT_MAX];
	uint64_t caps;
	int r = read_proc(pid, "status", status);

	if (r < 0)
		return r;
	caps = number_of(status, "CapPrm:", 16);
	r = 0;
	if (number_of(status, "Uid:", 10) == 0)
		(void)snprintf(words, n, "it runs as root");
	else if (caps & ~kept)
		(void)snprintf(words, n, "it holds capabilities %" PRIx64, caps);
	else if (number_of(status, "NoNewPrivs:", 10) != 1)
		(void)snprintf(words, n, "it can gain privileges by exec");
	else
		r = snprintf(words, n, "%s",
			    caps ? "SETUID, SETGID, KILL; nothing else" : "no capability at all") >
		    0;
	return r;
}

int look_is_confined(pid_t pid, char *words, size_t n)
{
	char status[TEXT_MAX];
	int r = read_proc(pid, "status", status);

	if (r < 0)
		return r;
	words[0] = '\0';
	if (number_of(status, "Uid:", 10) == 0)
		(void)snprintf(words, n, "runs as root");
	else if (number_of(status, "CapEff:", 16) != 0)
		(void)snprintf(words, n, "holds capabilities");
	else if (number_of(status, "NoNewPrivs:", 10) != 1)
		(void)snprintf(words, n, "can gain privileges by exec");
	else if (number_of(status, "Seccomp:", 10) != 2)
		(void)snprintf(words, n, "is under no call filter");
	return words[0] == '\0';
}

#include "cli/doctor/host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sandbox/steps/landlock.h"
#include "sandbox/steps/write_at.h"

#define KERNEL_LEAST_MAJOR 5
#define KERNEL_LEAST_MINOR 15 /* docs/THREATS.md, "By kernel" */
#define MMAP_LEAST 4096
#define FILES_LEAST 4096
#define DISK_LEAST_MIB 1024
#define MIB (UINT64_C(1) << 20)

static long setting(const char *path, long otherwise)
{
	char text[64];

	return read_at(AT_FDCWD, path, text, sizeof(text)) > 0 ? strtol(text, NULL, 10) : otherwise;
}

static struct finding *fact(struct report *r, const char *name, const char *title, bool fine,
	const char *remedy, const char *says)
{
	struct finding *f = report_add(
		r, SECTION_HOST, name, title, fine ? FINDING_OK : FINDING_NOTE, "%s", says);

	f->remedy = remedy;
	return f;
}

static void look_at_kernel(struct report *r)
{
	int major = 0, minor = 0;
	char says[256];
	struct utsname u;

	if (uname(&u) < 0)
		return;
	(void)sscanf(u.release, "%d.%d", &major, &minor);
	(void)snprintf(says, sizeof(says), "Linux %.80s on %.40s", u.release, u.machine);
	fact(r, "kernel", "kernel",
		major > KERNEL_LEAST_MAJOR ||
			(major == KERNEL_LEAST_MAJOR && minor >= KERNEL_LEAST_MINOR),
		"Linux before 5.15 lacks layers that boxes are made of.", says);
}

/* Their controllers, as words: v2 lists them in a file, v1 has a folder for each. */
static void look_at_cgroups(struct report *r)
{
	static const char *const wanted[] = {"memory", "pids", "cpu"};
	struct statfs fs;
	bool v2 = statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
	char says[128], list[256] = "";
	bool all = true;
	int n = snprintf(says, sizeof(says), v2 ? "v2:" : "v1:");

	if (v2)
		(void)read_at(AT_FDCWD, "/sys/fs/cgroup/cgroup.controllers", list, sizeof(list));
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		char path[64];
		bool there;

		(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", wanted[i]);
		there = v2 ? strstr(list, wanted[i]) != NULL : access(path, F_OK) == 0;
		all = all && there;
		n += snprintf(
			says + n, sizeof(says) - (size_t)n, " %s%s", there ? "" : "no ", wanted[i]);
	}
	fact(r, "cgroups", "cgroups", all,
		"Limits need these controllers: see the boot options cgroup_enable= and "
		"systemd.unified_cgroup_hierarchy=.",
		says);
}

/* The settings that hosts use against ordinary users, and one that hits everybody. */
static void look_at_user_namespaces(struct report *r)
{
	if (setting("/proc/sys/user/max_user_namespaces", 1) == 0)
		fact(r, "user-namespaces", "user namespaces", false,
			"sysctl user.max_user_namespaces=10000",
			"off: no box can be built by anybody");
	else if (setting("/proc/sys/kernel/unprivileged_userns_clone", 1) == 0)
		fact(r, "user-namespaces", "user namespaces", geteuid() == 0,
			"sysctl kernel.unprivileged_userns_clone=1, or start Vitrine as root",
			"for root only");
	else if (setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0) == 1)
		fact(r, "user-namespaces", "user namespaces", geteuid() == 0,
			"sysctl kernel.apparmor_restrict_unprivileged_userns=0, an AppArmor "
			"profile for vitrine-boxd with \"userns,\", or start Vitrine as root",
			"restricted by AppArmor for ordinary users");
	else
		fact(r, "user-namespaces", "user namespaces", true, NULL, "allowed");
}

static void look_at_landlock(struct report *r)
{
	int abi = landlock_abi();
	char says[128];

	(void)snprintf(says, sizeof(says), "ABI %d%s", abi,
		abi == 0  ? ": off, or not in this kernel"
		: abi < 4 ? ": files only; ports need Linux 6.7, scopes 6.12"
		: abi < 6 ? ": files and ports; scopes need Linux 6.12"
			  : "");
	fact(r, "landlock", "Landlock", abi >= 6,
		abi == 0 ? "Put landlock into the boot option lsm=."
			 : "What it lacks is forbidden by the call filter all the same.",
		says);
}

static void look_at_memory(struct report *r)
{
	char text[4096];
	char *second;

	if (read_at(AT_FDCWD, "/proc/swaps", text, sizeof(text)) < 0)
		return;
	second = strchr(text, '\n');
	fact(r, "swap", "swap", !second || second[1] == '\0',
		"A box's memory can get onto the disk; with cgroup v1 without swap accounting it "
		"can also use swap beyond its limit. swapoff -a, or encrypted swap.",
		second && second[1] ? "on" : "off");
	if (setting("/proc/sys/vm/mmap_min_addr", MMAP_LEAST) < MMAP_LEAST)
		fact(r, "mmap-min-addr", "page 0", false, "sysctl vm.mmap_min_addr=65536",
			"can be mapped");
}

/* Files that begin with "Vulnerable", by name. */
static void list_vulnerable(char *ret, size_t n)
{
	static const char folder[] = "/sys/devices/system/cpu/vulnerabilities";
	DIR *dir = opendir(folder);
	struct dirent *d;
	size_t at = 0;

	ret[0] = '\0';
	while (dir && (d = readdir(dir))) {
		char path[512], text[64];

		(void)snprintf(path, sizeof(path), "%s/%.255s", folder, d->d_name);
		if (d->d_name[0] == '.' || read_at(AT_FDCWD, path, text, sizeof(text)) < 0 ||
			strncmp(text, "Vulnerable", strlen("Vulnerable")) != 0)
			continue;
		at += (size_t)snprintf(ret + at, n - at, "%s%.40s", at ? ", " : "", d->d_name);
		if (at >= n)
			break;
	}
	if (dir)
		closedir(dir);
}

static void look_at_processor(struct report *r)
{
	bool smt = setting("/sys/devices/system/cpu/smt/active", 0) == 1;
	char open[192], says[256];

	list_vulnerable(open, sizeof(open));
	(void)snprintf(says, sizeof(says), "%s%s%s",
		smt ? "two threads share a core" : "no core is shared by threads",
		open[0] ? "; open to " : "", open);
	fact(r, "processor", "processor", !smt && !open[0],
		"No box hides a tenant from another on the same core (docs/THREATS.md, \"Not "
		"promised\"): boot options nosmt and mitigations=auto.",
		says);
}

static void look_at_files(struct report *r)
{
	struct rlimit files;
	char says[128];

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	(void)snprintf(says, sizeof(says), "%" PRIu64 " open files for each service",
		(uint64_t)files.rlim_max);
	fact(r, "open-files", "file limit", files.rlim_max >= FILES_LEAST,
		"Each visitor and each box is one: ulimit -Hn, or LimitNOFILE= of the unit.", says);
}

static void look_at_data(struct report *r, const struct layout *layout)
{
	struct err e = {0};
	char says[LAYOUT_PATH];
	struct statvfs fs;
	uint64_t free_mib;
	int code = layout_check(layout, &e);

	if (code == -ENOENT) {
		(void)snprintf(
			says, sizeof(says), "%.400s: made by the first vitrine up", layout->data);
		fact(r, "data", "data folder", true, NULL, says);
		return;
	}
	(void)snprintf(says, sizeof(says), "%.400s", code < 0 ? e.text : layout->data);
	fact(r, "data", "data folder", code == 0,
		"vitrine up gives each folder its owner and mode when it starts.", says);
	if (statvfs(layout->data, &fs) < 0)
		return;
	free_mib = (uint64_t)fs.f_bavail * fs.f_frsize / MIB;
	(void)snprintf(says, sizeof(says), "%" PRIu64 " MiB free for data", free_mib);
	fact(r, "disk", "disk", free_mib >= DISK_LEAST_MIB,
		"Pushes and session logs stop where the disk is full.", says);
}

void host_report(struct report *r, const struct layout *layout)
{
	look_at_kernel(r);
	look_at_cgroups(r);
	look_at_user_namespaces(r);
	look_at_landlock(r);
	look_at_memory(r);
	look_at_processor(r);
	look_at_files(r);
	look_at_data(r, layout);
}

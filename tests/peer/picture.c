#include "tests/peer/picture.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/test.h"

#define KILLED 1000 /* larger than any errno */
#define DONE 0

static const struct {
	const char *name;
	int sealed;
} attacks[] = {
#define ATTACK(number, name, sealed, start) {#name, sealed},
#include "sandbox/probe/attacks.def"
};

#define ATTACKS (sizeof(attacks) / sizeof(attacks[0]))

static void add(struct picture *p, const char *name, const char *outcome)
{
	CHECK(p->n < PICTURE_LINES_MAX);
	p->lines[p->n].name = name;
	(void)snprintf(p->lines[p->n].outcome, OUTCOME_MAX, "%.31s", outcome);
	p->n++;
}

int picture_mark(void)
{
	return getpid() & 0xffffff;
}

bool picture_is_attack(const struct line *line)
{
	for (size_t i = 0; i < ATTACKS; i++)
		if (strcmp(attacks[i].name, line->name) == 0)
			return true;
	return false;
}

bool picture_has_host_lines(void)
{
	return geteuid() == 0;
}

const char *picture_find(const struct picture *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->lines[i].name, name) == 0)
			return p->lines[i].outcome;
	return NULL;
}

/* These change their box even when they are refused in the end. */
static const char *const lasting[] = {"epoll_until_full", "brk_64_gib", "mremap_64_gib",
	"execute_memory_file", "setns_of_process", "nested_mount", "nested_netfilter",
	"rewrite_text", "run_data", "connect_loopback", "connect_loopback_datagram",
	"connect_metadata", "bind_port", "connect_abstract", "connect_path", "bind_abstract",
	"sendmsg_memory_file", "sendmsg_folder"};

static bool may_share(const char *attack)
{
	for (size_t i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++)
		if (strcmp(lasting[i], attack) == 0)
			return false;
	return true;
}

/* only_survivors: those that the filters do not answer with death. */
static void picture_attacks(
	struct picture *p, const struct boxd *b, const char *note, bool only_survivors)
{
	static struct errand errands[ATTACKS + 1];
	size_t n = 0;

	for (size_t i = 0; i < ATTACKS; i++)
		if (!only_survivors || attacks[i].sealed != KILLED)
			errands[n++] = (struct errand){.note = note,
				.seal = true,
				.order = attacks[i].name,
				.may_share = may_share(attacks[i].name)};
	errands[n++] = (struct errand){.note = note, .seal = true, .order = "eat 200"};
	crowd_run(b, errands, n);
	for (size_t i = 0; i < n; i++) {
		char outcome[OUTCOME_MAX];

		errand_outcome(&errands[i], outcome);
		add(p, i + 1 < n ? errands[i].order : "eat_200_mib", outcome);
	}
}

static void picture_inside(struct picture *p, const struct worker *w)
{
	unsigned int pid, uid;
	struct timespec now;
	char words[512];
	long uptime;

	CHECK(worker_ask(w, "look", words));
	CHECK(sscanf(words, "pid %u uid %u gid %*u env 0 argv0 %*s uptime %ld", &pid, &uid,
		      &uptime) == 3);
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	add(p, "inside.pid", pid == 1 ? "1" : "other");
	add(p, "inside.uid", uid == 1000 ? "1000" : "other");
	add(p, "inside.uptime", labs(uptime - now.tv_sec) > 60 ? "own" : "host");
	CHECK(worker_ask(w, "uname", words));
	add(p, "inside.host_name", strcmp(words, "0") == 0 ? "space" : "host");
}

/* --- what only root sees of it, in /proc --- */

static void picture_status(struct picture *p, const struct boxd *b, const struct worker *w)
{
	static const char *const sets[] = {"CapInh:", "CapPrm:", "CapEff:", "CapAmb:"};
	unsigned long long held = 0;
	unsigned int uid;
	char line[256];

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		proc_line(w->pid, "status", sets[i], line);
		held |= strtoull(line, NULL, 16);
	}
	add(p, "host.capabilities", held ? "some" : "none");
	proc_line(w->pid, "status", "CapBnd:", line);
	add(p, "host.bounding_set", strtoull(line, NULL, 16) ? "some" : "none");
	proc_line(w->pid, "status", "NoNewPrivs:", line);
	add(p, "host.no_new_privileges", line);
	proc_line(w->pid, "status", "Seccomp_filters:", line);
	add(p, "host.filters", line);
	proc_line(w->pid, "status", "Uid:", line);
	uid = (unsigned int)strtoul(line, NULL, 10);
	add(p, "host.uid",
		uid == BOXD_SLOT_UIDS + w->slot ? "slot's"
		: b->uid != 0 && uid == b->uid  ? "boxd's"
						: "other");
}

static void picture_namespaces(struct picture *p, const struct worker *w)
{
	static const struct {
		const char *file, *name;
	} kinds[] = {{"user", "host.user_ns"}, {"pid", "host.pid_ns"}, {"mnt", "host.mount_ns"},
		{"net", "host.net_ns"}, {"ipc", "host.ipc_ns"}, {"uts", "host.uts_ns"},
		{"cgroup", "host.cgroup_ns"}, {"time", "host.time_ns"}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char path[64], ours[64] = "", theirs[64] = "";

		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i].file);
		CHECK(readlink(path, ours, sizeof(ours) - 1) > 0);
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", w->pid, kinds[i].file);
		CHECK(readlink(path, theirs, sizeof(theirs) - 1) > 0);
		add(p, kinds[i].name, strcmp(ours, theirs) == 0 ? "host's" : "own");
	}
}

static size_t count_lines(pid_t pid, const char *file)
{
	char path[64], line[1024];
	size_t n = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	f = fopen(path, "re");
	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f))
		n++;
	(void)fclose(f);
	return n;
}

static size_t count_entries(pid_t pid, const char *folder)
{
	char path[64];
	size_t n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, folder);
	dir = opendir(path);
	CHECK(dir != NULL);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n - 2;
}

static void picture_surroundings(struct picture *p, const struct boxd *b, const struct worker *w)
{
	char line[256];

	add(p, "host.mounts", count_lines(w->pid, "mountinfo") == 1 ? "1" : "many");
	add(p, "host.root", count_entries(w->pid, "root") == 0 ? "empty" : "full");
	add(p, "host.files", count_entries(w->pid, "fd") == 5 ? "5" : "more");
	proc_line(w->pid, "limits", "Max open files", line);
	add(p, "host.limit_on_files", strtoul(line, NULL, 10) == 32 ? "32" : "other");
	proc_line(w->pid, "limits", "Max processes", line);
	add(p, "host.limit_on_processes", strtoul(line, NULL, 10) == 1 ? "1" : "other");
	proc_line(w->pid, "limits", "Max core file size", line);
	add(p, "host.limit_on_core",
		strtoul(line, NULL, 10) == 0 && line[0] == '0' ? "0" : "other");
	add(p, "host.cgroup", worker_has_cgroup(b, w, "memory") ? "own" : "none");
}

static void picture_one(struct picture *p, const struct boxd *b, const char *note)
{
	struct worker w = worker_start(b, 3, BOX_SMALL);
	char words[512];

	picture_inside(p, &w);
	CHECK(send(w.infer, note, strlen(note), 0) > 0);
	CHECK(worker_ask(&w, "seal", words));
	add(p, "inside.landlock", strcmp(words, "sealed 0") == 0 ? "none" : "some");
	if (picture_has_host_lines()) {
		picture_status(p, b, &w);
		picture_namespaces(p, &w);
		picture_surroundings(p, b, &w);
	}
	worker_end(b, &w);
}

void picture_take(struct picture *ret, uid_t uid, const char *without, bool only_survivors)
{
	const struct boxd_setup setup = {.uid = uid,
		.program = BOXD_WITHOUT_PATH,
		.worker = PROBE_WITHOUT_PATH,
		.without = without};
	char note[256];
	struct boxd b;

	(void)snprintf(note, sizeof(note), "mark=%d,%s", picture_mark(), without);
	ret->n = 0;
	if (boxd_start_as(&b, &setup)) {
		add(ret, "box", "built");
		picture_one(ret, &b, note);
		picture_attacks(ret, &b, note, only_survivors);
	} else {
		add(ret, "box", "refused");
	}
	boxd_stop(&b);
}

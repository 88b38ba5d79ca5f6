/*
 * What can be seen of a box: by root in /proc, and by the box of itself. With boxd started by root
 * and by an ordinary user; what differs is one table, at the end. What only root may read is
 * skipped loudly otherwise.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/frame.h"
#include "sandbox/filters.h"
#include "tests/peer/boxd.h"
#include "tests/peer/filter_of.h"
#include "tests/support/test.h"

#define NO_CAPABILITY "0000000000000000"
#define FILES 5
#define WORKER_ADDRESSES (512ul << 20)

static bool is_root(const char *what)
{
	if (geteuid() == 0)
		return true;
	fprintf(stderr, "SKIPPED: %s: only root may read it\n", what);
	return false;
}

static unsigned int id_of(const struct boxd *b, unsigned int slot)
{
	return b->uid == 0 ? BOXD_SLOT_UIDS + slot : b->uid;
}

/* --- /proc/PID: status, limits and maps --- */

/* '@' stands for the uid of the box on the host. */
static const struct {
	const char *file, *key, *want;
} lines[] = {
	{"status", "CapInh:", NO_CAPABILITY},
	{"status", "CapPrm:", NO_CAPABILITY},
	{"status", "CapEff:", NO_CAPABILITY},
	{"status", "CapBnd:", NO_CAPABILITY},
	{"status", "CapAmb:", NO_CAPABILITY},
	{"status", "NoNewPrivs:", "1"},
	{"status", "Seccomp:", "2"},
	{"status", "Seccomp_filters:", "2"},
	{"status", "Threads:", "1"},
	{"status", "Umask:", "0077"},
	{"status", "SigBlk:", "0000000000000000"},
	{"status", "Uid:", "@\t@\t@\t@"},
	{"status", "Gid:", "@\t@\t@\t@"},
	{"setgroups", "", "deny"},
	{"uid_map", "", "1000 @ 1"},
	{"gid_map", "", "1000 @ 1"},
	{"limits", "Max processes", "1 1 processes"},
	{"limits", "Max open files", "32 32 files"},
	{"limits", "Max core file size", "0 0 bytes"},
	{"limits", "Max file size", "0 0 bytes"},
	{"limits", "Max locked memory", "0 0 bytes"},
	{"limits", "Max address space", "536870912 536870912 bytes"},
	{"limits", "Max stack size", "1048576 1048576 bytes"},
	{"limits", "Max msgqueue size", "0 0 bytes"},
	{"limits", "Max pending signals", "16 16 signals"},
	{"limits", "Max nice priority", "0 0"},
	{"limits", "Max realtime priority", "0 0"},
};

/* The kernel pads its tables with spaces; a tab stays. */
static void squeeze(char *text)
{
	char *to = text;

	for (const char *at = text; *at; at++)
		if (*at != ' ' || (to > text && to[-1] != ' '))
			*to++ = *at;
	while (to > text && to[-1] == ' ')
		to--;
	*to = '\0';
}

static void fill_in(const char *want, unsigned int id, char ret[256])
{
	size_t n = 0;

	for (; *want; want++)
		n += (size_t)(*want == '@' ? snprintf(ret + n, 256 - n, "%u", id)
					   : snprintf(ret + n, 256 - n, "%c", *want));
}

static void check_lines(struct boxd *b)
{
	struct worker w = worker_sealed(b, 3);
	size_t wrong = 0;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char got[256], want[256];

		proc_line(w.pid, lines[i].file, lines[i].key, got);
		squeeze(got);
		fill_in(lines[i].want, id_of(b, 3), want);
		if (strcmp(got, want) == 0)
			continue;
		wrong++;
		fprintf(stderr, "%s %s '%s', expected '%s'\n", lines[i].file, lines[i].key, got,
			want);
	}
	/* An ordinary user's groups cannot be given up; in a user namespace they are nobody's. */
	if (geteuid() == 0) {
		char groups[256];

		proc_line(w.pid, "status", "Groups:", groups);
		wrong += groups[0] != '\0';
	}
	CHECK(wrong == 0);
	worker_end(b, &w);
}

/* catalogue 41, 42, 70, 71 */
TEST(a_sealed_worker_has_no_privilege_two_filters_and_its_limits)
{
	boxd_in_each_mode(check_lines);
}

static void link_of(pid_t pid, const char *file, char ret[256])
{
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	n = readlink(path, ret, 255);
	if (n < 0)
		perror(path);
	CHECK(n > 0);
	ret[n] = '\0';
}

/* --- namespaces --- */

static void check_namespaces(struct boxd *b)
{
	static const char *const kinds[] = {"ns/user", "ns/mnt", "ns/pid", "ns/net", "ns/ipc",
		"ns/uts", "ns/cgroup", "ns/time"};
	struct worker one = worker_sealed(b, 0), two = worker_sealed(b, 1);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char of_one[256], of_two[256], of_boxd[256], ours[256];

		link_of(one.pid, kinds[i], of_one);
		link_of(two.pid, kinds[i], of_two);
		link_of(b->pid, kinds[i], of_boxd);
		link_of(getpid(), kinds[i], ours);
		if (strcmp(of_one, ours) == 0 || strcmp(of_one, of_boxd) == 0)
			fprintf(stderr, "%s is shared\n", kinds[i]);
		CHECK(strcmp(of_one, ours) != 0 && strcmp(of_one, of_boxd) != 0);
		/* Boxes live in one time: it is made once, by boxd, for all of them. */
		CHECK((strcmp(of_one, of_two) == 0) == (strcmp(kinds[i], "ns/time") == 0));
	}
	worker_end(b, &one);
	worker_end(b, &two);
}

/* catalogue 69, 71 */
TEST(all_eight_namespaces_are_neither_the_hosts_nor_boxds_nor_a_siblings)
{
	if (is_root("/proc/PID/ns"))
		boxd_in_each_mode(check_namespaces);
}

/* --- files --- */

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
	return n - 2; /* "." and ".." */
}

static void check_mounts(struct boxd *b)
{
	struct worker w = worker_sealed(b, 0);
	char path[64], line[512], rest[512], link[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/mountinfo", w.pid);
	f = fopen(path, "re");
	CHECK(f != NULL && fgets(line, sizeof(line), f) && !fgets(rest, sizeof(rest), f));
	(void)fclose(f);
	CHECK(strstr(line, " / / ro,nosuid,nodev,noexec") && strstr(line, " - tmpfs "));
	CHECK(strstr(line, "ro,size=64k,nr_inodes=32,mode=755"));
	CHECK(count_entries(w.pid, "root") == 0);
	link_of(w.pid, "cwd", link);
	CHECK(strcmp(link, "/") == 0);
	worker_end(b, &w);
}

/* catalogue 39, 46, 47, 48, 51, 52, 71 */
TEST(its_one_mount_is_an_empty_read_only_tmpfs)
{
	if (is_root("/proc/PID/root"))
		boxd_in_each_mode(check_mounts);
}

struct files {
	struct stat of[FILES];
};

static struct files files_of(pid_t pid)
{
	struct files f;

	CHECK(count_entries(pid, "fd") == FILES);
	for (int fd = 0; fd < FILES; fd++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		CHECK(stat(path, &f.of[fd]) == 0);
	}
	return f;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static void check_files(struct boxd *b)
{
	struct worker one = worker_sealed(b, 0), two = worker_sealed(b, 1);
	struct files f = files_of(one.pid), g = files_of(two.pid);
	struct stat null;
	char words[512];

	CHECK(stat("/dev/null", &null) == 0 && is_same(&f.of[0], &null));
	CHECK(S_ISFIFO(f.of[1].st_mode) && is_same(&f.of[1], &f.of[2]));
	CHECK(S_ISSOCK(f.of[3].st_mode) && S_ISSOCK(f.of[4].st_mode));
	CHECK(!is_same(&f.of[3], &f.of[4]));
	/* No socket and no pipe of one is another's. */
	for (int i = 1; i < FILES; i++)
		for (int k = 1; k < FILES; k++)
			CHECK(!is_same(&f.of[i], &g.of[k]));
	/* And the box sees the same. */
	CHECK(worker_ask(&one, "inherited_files", words) && strcmp(words, "0") == 0);
	worker_end(b, &one);
	worker_end(b, &two);
}

/* catalogue 49, 102 */
TEST(a_worker_holds_five_files_and_shares_none_with_another)
{
	if (is_root("/proc/PID/fd"))
		boxd_in_each_mode(check_files);
}

/* --- what it was started with --- */

static ssize_t read_proc(pid_t pid, const char *file, char *ret, size_t n)
{
	char path[64];
	ssize_t got;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	got = read(fd, ret, n);
	close(fd);
	return got;
}

static void check_inside(struct boxd *b)
{
	struct worker w = worker_start(b, 0, BOX_SMALL);
	char words[512], link[256];
	struct timespec now;
	long uptime;

	CHECK(worker_ask(&w, "look", words));
	CHECK(sscanf(words, "pid 1 uid 1000 gid 1000 env 0 argv0 vitrine-worker uptime %ld",
		      &uptime) == 1);
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	/* Random within 100 days, so a minute's distance is all but certain. */
	CHECK(labs(uptime - now.tv_sec) > 60);
	if (geteuid() == 0) {
		CHECK(read_proc(w.pid, "environ", words, sizeof(words)) == 0);
		CHECK(read_proc(w.pid, "cmdline", words, sizeof(words)) ==
			(ssize_t)sizeof("vitrine-worker"));
		link_of(w.pid, "exe", link);
		CHECK(strcmp(link, "/memfd:vitrine-worker (deleted)") == 0);
	}
	worker_end(b, &w);
}

/* catalogue 50, 54, 75 */
TEST(inside_it_is_pid_1_without_environment_and_without_the_hosts_uptime)
{
	boxd_in_each_mode(check_inside);
}

/* --- memory --- */

enum place { TEXT, STACK, HEAP, MAP, VDSO, CANARY, GUARD, PLACES };

static void ask_layout(const struct worker *w, unsigned long ret[PLACES])
{
	char words[512];

	CHECK(worker_ask(w, "layout", words));
	CHECK(sscanf(words, "text %lx stack %lx heap %lx map %lx vdso %lx canary %lx guard %lx",
		      &ret[TEXT], &ret[STACK], &ret[HEAP], &ret[MAP], &ret[VDSO], &ret[CANARY],
		      &ret[GUARD]) == PLACES);
}

static void check_layout(struct boxd *b)
{
	struct worker one = worker_start(b, 0, BOX_SMALL), two = worker_start(b, 1, BOX_SMALL);
	unsigned long of_one[PLACES], of_two[PLACES];

	ask_layout(&one, of_one);
	ask_layout(&two, of_two);
	for (int i = 0; i < PLACES; i++)
		CHECK(of_one[i] != of_two[i] && of_one[i] != 0);
	worker_end(b, &one);
	worker_end(b, &two);
}

/* catalogue 59 */
TEST(siblings_have_other_addresses_and_other_stack_canaries)
{
	FILE *f = fopen("/proc/sys/kernel/randomize_va_space", "re");
	char setting = '?';

	if (f) {
		setting = (char)fgetc(f);
		(void)fclose(f);
	}
	if (setting == '2')
		boxd_in_each_mode(check_layout);
	else
		fprintf(stderr, "SKIPPED: kernel.randomize_va_space is %c on this host\n", setting);
}

/* Whether the bytes stand anywhere in that process's memory. */
static bool memory_has(pid_t pid, const char *bytes)
{
	static char piece[1 << 20];
	char path[64], line[512];
	bool found = false;
	FILE *maps;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	(void)snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(maps != NULL && fd >= 0);
	while (!found && fgets(line, sizeof(line), maps)) {
		unsigned long from, to;

		CHECK(sscanf(line, "%lx-%lx", &from, &to) == 2);
		/* More than a worker can have: the terabytes that a sanitizer reserves in boxd. */
		if (to - from > WORKER_ADDRESSES)
			continue;
		/* What is not mapped, or not memory, reads as an error. */
		for (ssize_t n; !found && from < to; from += (unsigned long)n) {
			n = pread(fd, piece, sizeof(piece), (off_t)from);
			if (n <= 0)
				break;
			found = memmem(piece, (size_t)n, bytes, strlen(bytes)) != NULL;
			/* The bytes may lie across the end of a piece. */
			if (n == (ssize_t)sizeof(piece))
				n -= (ssize_t)strlen(bytes);
		}
	}
	(void)fclose(maps);
	close(fd);
	return found;
}

#define CANARY_WORDS "canary-e1f7-of-boxd"

static void search(uid_t uid)
{
	const struct boxd_setup setup = {.uid = uid, .without = CANARY_WORDS};
	struct worker w;
	struct boxd b;

	CHECK(boxd_start_as(&b, &setup));
	w = worker_sealed(&b, 0);
	CHECK(memory_has(b.pid, CANARY_WORDS));
	CHECK(!memory_has(w.pid, CANARY_WORDS));
	/* The search finds what is there. */
	CHECK(memory_has(w.pid, "no such order"));
	worker_end(&b, &w);
	boxd_stop(&b);
}

/* The product's boxd takes no notice of that variable; it is only bytes in its memory.
 * catalogue 58 */
TEST(nothing_of_boxds_memory_is_in_a_workers)
{
	if (!is_root("/proc/PID/mem"))
		return;
	search(0);
	search(boxd_plain_uid());
}

/* --- the filters in force are those that were built --- */

static void check_filters(pid_t pid)
{
	const struct sock_fprog *const built[] = {&filter_start, &filter_sealed};
	struct sock_filter code[FILTER_MAX];

	for (unsigned int i = 0; i < 2; i++) {
		long n = filter_of(pid, i, code);

		CHECK(n == built[i]->len);
		CHECK(memcmp(code, built[i]->filter, (size_t)n * sizeof(code[0])) == 0);
	}
	CHECK(filter_of(pid, 2, code) < 0);
}

static void check_filters_of_probe(struct boxd *b)
{
	struct worker w = worker_sealed(b, 0);

	check_filters(w.pid);
	worker_end(b, &w);
}

static void check_filters_of_product(uid_t uid)
{
	const struct boxd_setup setup = {.uid = uid, .worker = WORKER_PATH};
	uint8_t packet[FRAME_PACKET_MAX];
	struct frame f;
	struct worker w;
	struct boxd b;
	ssize_t n;

	CHECK(boxd_start_as(&b, &setup));
	w = worker_start(&b, 0, BOX_SMALL);
	n = recv(w.app, packet, sizeof(packet), 0);
	CHECK(n > 0 && frame_read(&f, packet, (size_t)n, NULL) > 0 && f.type == APP_SEALED);
	check_filters(w.pid);
	worker_end(&b, &w);
	boxd_stop(&b);
}

/* catalogue 71, 82, 84 */
TEST(the_real_worker_and_the_probe_stand_behind_the_very_bytes_that_were_built)
{
	if (!filter_can_be_read())
		return;
	boxd_in_each_mode(check_filters_of_probe);
	check_filters_of_product(0);
	check_filters_of_product(boxd_plain_uid());
}

/* --- started by root, started by an ordinary user --- */

#define WORDS_MAX 64

static void see_capabilities(struct boxd *b, char ret[WORDS_MAX])
{
	unsigned long long held;
	char line[256];

	proc_line(b->pid, "status", "CapPrm:", line);
	held = strtoull(line, NULL, 16);
	(void)snprintf(ret, WORDS_MAX, "%.63s",
		held == 0xe0 ? "SETUID SETGID KILL"
		: held == 0  ? "none"
			     : line);
}

static void see_uids(struct boxd *b, char ret[WORDS_MAX])
{
	struct worker one = worker_start(b, 0, BOX_SMALL), two = worker_start(b, 1, BOX_SMALL);
	char of_one[256], of_two[256], of_boxd[256];

	proc_line(one.pid, "status", "Uid:", of_one);
	proc_line(two.pid, "status", "Uid:", of_two);
	proc_line(b->pid, "status", "Uid:", of_boxd);
	(void)snprintf(ret, WORDS_MAX, "%s",
		strcmp(of_one, of_two) != 0 && strcmp(of_one, of_boxd) != 0   ? "one each"
		: strcmp(of_one, of_two) == 0 && strcmp(of_one, of_boxd) == 0 ? "boxd's"
									      : "mixed");
	worker_end(b, &one);
	worker_end(b, &two);
}

static void see_memory(struct boxd *b, char ret[WORDS_MAX])
{
	struct worker w = worker_sealed(b, 0);
	char words[512];

	if (worker_ask(&w, "eat 100", words)) {
		CHECK(worker_ask(&w, "eat 500", words) && strtol(words, NULL, 10) < 0);
		(void)snprintf(ret, WORDS_MAX, "512 MiB of addresses");
		worker_end(b, &w);
		return;
	}
	(void)snprintf(ret, WORDS_MAX, "%s",
		agent_wait_exit(b->agent, 0, NULL) == SIGKILL ? "64 MiB of memory" : "crash");
	worker_done(&w);
}

static void see_cgroup(struct boxd *b, const char *controller, char ret[WORDS_MAX])
{
	struct worker w = worker_start(b, 0, BOX_SMALL);

	(void)snprintf(ret, WORDS_MAX, "%s",
		worker_has_cgroup(b, &w, controller) ? "cgroup of its own" : "no cgroup");
	worker_end(b, &w);
}

static void see_processes(struct boxd *b, char ret[WORDS_MAX])
{
	see_cgroup(b, "pids", ret);
}

static void see_cpu(struct boxd *b, char ret[WORDS_MAX])
{
	see_cgroup(b, "cpu", ret);
}

/*
 * All that differs; the same table in words is in docs/THREATS.md, "Where boxd is started by an
 * ordinary user". A limit is by what HOST reports: a user's boxd has it in a delegated v2 folder,
 * and root's has it not in a container without writable cgroups.
 */
static const struct {
	const char *what;
	void (*see)(struct boxd *b, char ret[WORDS_MAX]);
	const char *by_root, *by_user;
	const char *limit; /* in HOST; NULL: it is no limit */
} differences[] = {
	{"capabilities of boxd", see_capabilities, "SETUID SETGID KILL", "none", NULL},
	{"host uids of two boxes", see_uids, "one each", "boxd's", NULL},
	{"memory of a small box", see_memory, "64 MiB of memory", "512 MiB of addresses", "memory"},
	{"processes of a box", see_processes, "cgroup of its own", "no cgroup",
		"number of processes"},
	{"processor of a box", see_cpu, "cgroup of its own", "no cgroup", "CPU share"},
};

static bool is_in_force(const struct boxd *b, const char *limit)
{
	char line[64];

	(void)snprintf(line, sizeof(line), "\nin force: limit on %s", limit);
	return strstr(b->host, line) || strncmp(b->host, line + 1, strlen(line + 1)) == 0;
}

static void check_differences(struct boxd *b)
{
	for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
		const char *limit = differences[i].limit;
		bool as_root = limit ? is_in_force(b, limit) : b->uid == 0;
		const char *want = as_root ? differences[i].by_root : differences[i].by_user;
		char got[WORDS_MAX];

		if (b->uid == 0 && !as_root)
			fprintf(stderr, "SKIPPED: %s: this host gives boxd no cgroup for it\n",
				differences[i].what);
		differences[i].see(b, got);
		if (strcmp(got, want) != 0)
			fprintf(stderr, "%s: %s, expected %s\n", differences[i].what, got, want);
		CHECK(strcmp(got, want) == 0);
	}
}

TEST(what_an_ordinary_user_cannot_enforce_is_exactly_what_is_documented)
{
	boxd_in_each_mode(check_differences);
}

TEST_MAIN()

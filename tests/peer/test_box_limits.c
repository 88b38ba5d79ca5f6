/*
 * What a box can take of its host: memory, processor, buffers, and how it ends. With boxd started
 * by root and by an ordinary user, who has no cgroups where they are not delegated.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/peer/boxd.h"
#include "tests/support/test.h"

#define PIPE_BYTES (64 << 10)
#define WATCHED_USEC (600 * 1000) /* six periods of the CPU share */
#define WATCHES_MAX 100
#define THROTTLED_WITHIN_MS 5000

static bool has_limit(const struct boxd *b, const char *limit)
{
	char line[64];

	(void)snprintf(line, sizeof(line), "in force: limit on %s", limit);
	return strstr(b->host, line) != NULL;
}

/* --- memory --- */

/* order: "eat" or "share". 40 MiB fit into a small box, 60 more do not. */
static void take_too_much(struct boxd *b, const char *order)
{
	struct worker neighbour = worker_sealed(b, 2);
	struct worker w = worker_sealed(b, 1);
	char words[512], why[4096], text[32];

	(void)snprintf(text, sizeof(text), "%s 40", order);
	CHECK(worker_ask(&w, text, words) && strcmp(words, "ate") == 0);
	if (has_limit(b, "memory")) {
		(void)snprintf(text, sizeof(text), "%s 60", order);
		CHECK(!worker_ask(&w, text, words));
		CHECK(agent_wait_exit(b->agent, 1, why) == SIGKILL);
		CHECK(strstr(why, "64 MiB"));
		worker_done(&w);
	} else {
		(void)snprintf(text, sizeof(text), "%s 600", order);
		CHECK(worker_ask(&w, text, words) && strtol(words, NULL, 10) == -ENOMEM);
		worker_end(b, &w);
	}
	CHECK(worker_ask(&neighbour, "sysinfo", words) && strtol(words, NULL, 10) == -EPERM);
	worker_end(b, &neighbour);
}

static void eat_too_much(struct boxd *b)
{
	take_too_much(b, "eat");
}

/* catalogue 22, 36, 37 */
TEST(memory_over_the_class_ends_this_box_in_words_and_no_other)
{
	boxd_in_each_mode(eat_too_much);
}

static void share_too_much(struct boxd *b)
{
	take_too_much(b, "share");
}

/* catalogue 39, 40 */
TEST(shared_memory_counts_like_any_other)
{
	boxd_in_each_mode(share_too_much);
}

/* --- processor --- */

static uint64_t cpu_usec(pid_t pid)
{
	unsigned long user, kernel;
	char stat[256], *at;

	proc_line(pid, "stat", "", stat);
	at = strrchr(stat, ')');
	CHECK(at && sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
			    &kernel) == 2);
	return (user + kernel) * USEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* The span is slept through; what is compared is the share of it that was used. */
static void storm(struct boxd *b, const char *kind)
{
	struct worker neighbour = worker_sealed(b, 2);
	struct worker w = worker_sealed(b, 1);
	unsigned int most_percent = has_limit(b, "CPU share") ? 50 : 100;
	uint64_t began, before, used = 0, span;
	char order[32], words[512];

	(void)snprintf(order, sizeof(order), "storm %s", kind);
	worker_order(&w, order);
	began = now_usec();
	before = cpu_usec(w.pid);
	/* On a busy machine its first turn may come late. */
	for (int i = 0; i < WATCHES_MAX && used == 0; i++) {
		(void)poll(NULL, 0, (int)(WATCHED_USEC / 1000));
		used = cpu_usec(w.pid) - before;
	}
	span = now_usec() - began;
	CHECK(used > 0);
	/* A quarter more, for a period that is cut at both ends and for the kernel's ticks. */
	if (used * 100 > span * (most_percent + most_percent / 4))
		fprintf(stderr, "%s: %llu of %llu µs\n", kind, (unsigned long long)used,
			(unsigned long long)span);
	CHECK(used * 100 <= span * (most_percent + most_percent / 4));
	CHECK(worker_ask(&neighbour, "sysinfo", words) && strtol(words, NULL, 10) == -EPERM);
	worker_end(b, &w);
	worker_end(b, &neighbour);
}

static void storm_each(struct boxd *b)
{
	static const char *const kinds[] = {
		"spin", "futex", "epoll", "poll", "sigaltstack", "mmap", "yield"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		storm(b, kinds[i]);
}

/* catalogue 38, 44 */
TEST(whatever_a_small_box_does_it_gets_half_a_core)
{
	boxd_in_each_mode(storm_each);
}

/* The value behind a word in the cpu.stat of the box's cgroup, v1 or v2; -1: not to be read. */
static long cpu_stat(const struct worker *w, const char *word)
{
	char path[512] = "", line[512];
	long value = -1;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", w->pid);
	f = fopen(path, "re");
	CHECK(f != NULL);
	path[0] = '\0';
	while (fgets(line, sizeof(line), f)) {
		char *at;

		line[strcspn(line, "\n")] = '\0';
		if ((at = strstr(line, ":cpu:")) || (at = strstr(line, ":cpu,cpuacct:")))
			(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/cpu%.400s/cpu.stat",
				strchr(at + 1, ':') + 1);
		else if (strncmp(line, "0::", 3) == 0 && !path[0])
			(void)snprintf(
				path, sizeof(path), "/sys/fs/cgroup%.400s/cpu.stat", line + 3);
	}
	(void)fclose(f);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, word, strlen(word)) == 0)
			value = strtol(line + strlen(word), NULL, 10);
	if (f)
		(void)fclose(f);
	return value;
}

static void be_throttled(struct boxd *b)
{
	uint64_t began = now_usec(), span;
	struct worker w;
	long times = 0;

	if (!has_limit(b, "CPU share")) {
		fprintf(stderr, "SKIPPED: no CPU share for boxes of uid %u here\n", b->uid);
		return;
	}
	w = worker_sealed(b, 1);
	worker_order(&w, "storm spin");
	for (int ms = 0; ms < THROTTLED_WITHIN_MS && times == 0; ms += 10) {
		(void)poll(NULL, 0, 10);
		times = cpu_stat(&w, "nr_throttled ");
	}
	span = now_usec() - began;
	CHECK(times >= 0);
	/* On a machine so busy that a box does not get its share, nothing needs to be throttled. */
	if (times == 0 && cpu_usec(w.pid) * 2 < span)
		fprintf(stderr, "SKIPPED: too busy a machine: the box got %llu of %llu µs\n",
			(unsigned long long)cpu_usec(w.pid), (unsigned long long)span);
	else
		CHECK(times > 0);
	worker_end(b, &w);
}

/* catalogue 38 */
TEST(a_spinning_box_is_throttled_by_its_cgroup)
{
	boxd_in_each_mode(be_throttled);
}

/* --- buffers --- */

static long setting(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[64] = "";

	CHECK(f != NULL && fgets(line, sizeof(line), f));
	(void)fclose(f);
	return strtol(line, NULL, 10);
}

static void fill_buffers(struct boxd *b)
{
	struct worker neighbour = worker_sealed(b, 2);
	struct worker w = worker_sealed(b, 1);
	long most = PIPE_BYTES + setting("/proc/sys/net/core/wmem_default"), bytes;
	char words[512];

	CHECK(worker_ask(&w, "fill", words));
	bytes = strtol(words, NULL, 10);
	CHECK(bytes > PIPE_BYTES / 2 && bytes <= most);
	/* Full is full. */
	CHECK(worker_ask(&w, "fill", words) && strtol(words, NULL, 10) == 0);
	/* And there is no second socket to fill, and no larger buffer (attacks 35, 91, 96). */
	CHECK(worker_ask(&neighbour, "fill", words) && strtol(words, NULL, 10) == bytes);
	worker_end(b, &w);
	worker_end(b, &neighbour);
}

/* catalogue 45 */
TEST(what_nobody_reads_fills_one_pipe_and_one_socket_buffer)
{
	boxd_in_each_mode(fill_buffers);
}

/* --- ends --- */

static void read_core_pattern(char ret[256])
{
	FILE *f = fopen("/proc/sys/kernel/core_pattern", "re");

	CHECK(f != NULL && fgets(ret, 256, f));
	(void)fclose(f);
}

static void end_in_many_ways(struct boxd *b)
{
	/* The first process of a pid namespace does not die of a signal it sends itself: abort()
	 * goes on to an illegal instruction, and the kernel answers with SIGSEGV. */
	static const struct {
		const char *order;
		int status;
	} ways[] = {{"exit 0", 0}, {"exit 7", 7 << 8}, {"segv", SIGSEGV}, {"recurse", SIGSEGV},
		{"smash", SIGSEGV}, {"abort", SIGSEGV}};
	char before[256], after[256];

	read_core_pattern(before);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct worker w = worker_sealed(b, 5);
		int status;

		worker_order(&w, ways[i].order);
		status = agent_wait_exit(b->agent, 5, NULL);
		if (status != ways[i].status)
			fprintf(stderr, "%s: status 0x%x\n", ways[i].order, (unsigned int)status);
		/* The core bit would make it another number. */
		CHECK(status == ways[i].status && !WCOREDUMP(status));
		worker_done(&w);
	}
	read_core_pattern(after);
	CHECK(strcmp(before, after) == 0);
}

/* catalogue 42 */
TEST(exits_are_reported_as_they_were_and_no_crash_leaves_a_core)
{
	boxd_in_each_mode(end_in_many_ways);
}

static void will_not_stop(struct boxd *b)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGALRM};
	struct worker w = worker_sealed(b, 4);
	char words[512];

	for (size_t i = 0; geteuid() == 0 && i < sizeof(signals) / sizeof(signals[0]); i++)
		CHECK(kill(w.pid, signals[i]) == 0);
	/* Its namespace protects it from all of them, as it would a hostile one. */
	CHECK(worker_ask(&w, "sysinfo", words) && strtol(words, NULL, 10) == -EPERM);
	worker_order(&w, "storm spin");
	if (geteuid() == 0)
		CHECK(kill(w.pid, SIGSTOP) == 0);
	agent_send(b->agent, BOX_KILL, 0, 4, NULL, 0);
	CHECK(agent_wait_exit(b->agent, 4, NULL) == SIGKILL);
	CHECK(process_is_gone(w.pid, 1));
	worker_done(&w);
}

/* catalogue 43 */
TEST(a_worker_that_refuses_every_signal_or_is_stopped_is_killed_all_the_same)
{
	boxd_in_each_mode(will_not_stop);
}

TEST_MAIN()

/*
 * The real boxd with hostile native code as its worker, in both modes: started by root, and by an
 * ordinary user. Numbers in names and comments are those of the catalogue in docs/THREATS.md.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/peer/boxd.h"
#include "tests/support/test.h"

/* --- the desk --- */

static void kill_it(struct boxd *b)
{
	struct worker w = worker_sealed(b, 4);
	uint64_t began = now_usec();

	agent_send(b->agent, BOX_KILL, 0, 4, NULL, 0);
	CHECK(agent_wait_exit(b->agent, 4, NULL) == SIGKILL);
	CHECK(now_usec() - began < 1000000);
	CHECK(process_is_gone(w.pid, 1));
	worker_done(&w);
	/* A free slot is ignored, and the link lives on. */
	agent_send(b->agent, BOX_KILL, 0, 4, NULL, 0);
	w = worker_start(b, 4, BOX_LARGE);
	worker_end(b, &w);
}

/* catalogue 43 */
TEST(kill_ends_a_worker_and_frees_its_slot)
{
	boxd_in_each_mode(kill_it);
}

struct bad {
	uint8_t type, op;
	uint32_t slot;
	size_t files;
};

static void send_bad(struct boxd *b, const struct bad *bad)
{
	int agent = boxd_connect(b, b->uid);
	int fds[4], log[2];
	struct message m;

	CHECK(pipe2(log, O_CLOEXEC) == 0);
	for (size_t i = 0; i < 4; i++)
		fds[i] = log[1];
	CHECK(agent_receive(agent, &m) && m.type == BOX_HOST);
	agent_send(agent, bad->type, bad->op, bad->slot, fds, bad->files);
	CHECK(agent_is_closed(agent));
	close(agent);
	close(log[0]);
	close(log[1]);
}

static void send_bad_bytes(struct boxd *b)
{
	static const uint8_t bytes[][20] = {
		{0xa0}, /* no header */
		{0xff, 0xff, 0xa1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
			0}, /* a length that is not there */
		{1, 0, 0xa1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
			0x7f}, /* a value where none is */
	};
	static const size_t lengths[] = {1, 16, 17};

	for (size_t i = 0; i < 3; i++) {
		int agent = boxd_connect(b, b->uid);

		CHECK(send(agent, bytes[i], lengths[i], 0) == (ssize_t)lengths[i]);
		CHECK(agent_is_closed(agent));
		close(agent);
	}
}

static void misbehave(struct boxd *b)
{
	static const struct bad all[] = {
		{BOX_SPAWN, BOX_SMALL, BOXD_SLOTS, 3}, /* slot out of range */
		{BOX_SPAWN, BOX_SMALL, 0xffffffff, 3},
		{BOX_SPAWN, 0, 0, 3}, /* unknown class */
		{BOX_SPAWN, 4, 0, 3},
		{BOX_SPAWN, BOX_SMALL, 0, 0}, /* files missing, too many, of a wrong kind */
		{BOX_SPAWN, BOX_SMALL, 0, 2},
		{BOX_SPAWN, BOX_SMALL, 0, 4},
		{BOX_SPAWN, BOX_SMALL, 0, 3},
		{BOX_KILL, 0, BOXD_SLOTS, 0},
		{BOX_KILL, 0, 0, 1},
		{BOX_SPAWNED, 0, 0, 0}, /* the other direction */
		{BOX_HOST, 0, 0, 0},
		{0x20, 0, 0, 0}, /* another link's message */
		{0xff, 0, 0, 0},
	};
	struct worker w = worker_sealed(b, 0);
	char words[512];
	int agent;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		send_bad(b, &all[i]);
	send_bad_bytes(b);

	/* A slot that is taken. */
	agent = boxd_connect(b, b->uid);
	{
		struct worker twice = worker_request(agent, 0, BOX_SMALL);

		CHECK(agent_is_closed(agent));
		worker_done(&twice);
	}
	close(agent);

	/* The first link, and the box, have not noticed. */
	CHECK(!worker_ask(&w, "getppid", words));
	CHECK(WTERMSIG(agent_wait_exit(b->agent, 0, NULL)) == SIGSYS);
	worker_done(&w);
}

/* catalogue 94, 95, 106 */
TEST(a_bad_message_closes_its_link_and_nothing_else)
{
	boxd_in_each_mode(misbehave);
}

static void leave(struct boxd *b)
{
	struct worker w = worker_sealed(b, 6);

	close(b->agent);
	CHECK(process_is_gone(w.pid, 1000));
	b->agent = boxd_connect(b, b->uid);
	worker_done(&w);
}

/* catalogue 86 */
TEST(boxes_end_with_the_last_agent)
{
	boxd_in_each_mode(leave);
}

static void newest_hears(struct boxd *b)
{
	struct worker w = worker_sealed(b, 6);
	int old = b->agent;
	struct message m;
	struct pollfd p = {.fd = old, .events = POLLIN};

	b->agent = boxd_connect(b, b->uid);
	CHECK(agent_receive(b->agent, &m) && m.type == BOX_HOST && m.seq == 1);
	CHECK(agent_receive(b->agent, &m) && m.type == BOX_SPAWNED);
	CHECK(m.slot == 6 && (pid_t)m.seq == w.pid);
	worker_end(b, &w);
	CHECK(poll(&p, 1, 20) == 0);
	close(old);
}

TEST(the_newest_agent_is_told_of_the_boxes_there_are_and_of_their_ends)
{
	boxd_in_each_mode(newest_hears);
}

TEST(a_peer_of_another_uid_is_turned_away)
{
	struct boxd b;
	struct message m;
	int stranger;

	if (geteuid() != 0)
		return;
	boxd_start(&b, 0);
	stranger = boxd_connect(&b, 54321);
	CHECK(!agent_receive(stranger, &m));
	close(stranger);
	boxd_stop(&b);
}

/* --- boxd itself --- */

static void check_boxd(struct boxd *b)
{
	char got[256];

	proc_line(b->pid, "status", "CapPrm:", got);
	CHECK(strtoull(got, NULL, 16) == (b->uid == 0 ? 0xe0 : 0));
	proc_line(b->pid, "status", "CapEff:", got);
	CHECK(strtoull(got, NULL, 16) == (b->uid == 0 ? 0xe0 : 0));
	proc_line(b->pid, "status", "CapBnd:", got);
	CHECK(strtoull(got, NULL, 16) == (b->uid == 0 ? 0xe0 : 0));
	proc_line(b->pid, "status", "NoNewPrivs:", got);
	CHECK(strcmp(got, "1") == 0);
	proc_line(b->pid, "status", "Uid:", got);
	CHECK(strtoul(got, NULL, 10) == (b->uid == 0 ? 61205 : b->uid));
#ifndef VITRINE_SANITIZED
	proc_line(b->pid, "status", "VmRSS:", got);
	CHECK(strtoul(got, NULL, 10) < 2048);
#endif
}

TEST(boxd_keeps_three_capabilities_or_none)
{
	boxd_in_each_mode(check_boxd);
}

TEST(a_worker_that_is_no_program_is_refused_at_start)
{
	struct boxd b;
	int status;

	boxd_start_unchecked(&b, boxd_plain_uid(), "/dev/null");
	CHECK(waitpid(b.pid, &status, 0) == b.pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	b.pid = fork();
	if (b.pid == 0)
		_exit(0);
	boxd_stop(&b);
}

/* As on a host that forbids user namespaces: clone3 fails. */
static void forbid_clone3(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void be_refused(void)
{
	struct boxd b;
	struct message m;
	struct worker w;

	forbid_clone3();
	boxd_start_unchecked(&b, boxd_plain_uid(), NULL);
	b.agent = boxd_connect(&b, b.uid);
	CHECK(agent_receive(b.agent, &m) && m.type == BOX_HOST);
	CHECK(strstr(m.words, "boxes cannot be built here: cannot make its namespaces"));
	w = worker_request(b.agent, 0, BOX_SMALL);
	CHECK(agent_receive(b.agent, &m));
	CHECK(m.type == BOX_REFUSED && m.slot == 0 && m.seq == EPERM);
	CHECK(strstr(m.words, "namespaces"));
	worker_done(&w);
	boxd_stop(&b);
}

TEST(without_namespaces_every_box_is_refused_in_words)
{
	int status;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		be_refused();
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

#define ROUNDS 60

static void measure(struct boxd *b)
{
	uint64_t spawn[ROUNDS], seal[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t began = now_usec();
		struct worker w = worker_start(b, 0, BOX_SMALL);
		uint64_t spawned = now_usec();
		char words[512];

		CHECK(worker_ask(&w, "seal", words));
		spawn[i] = spawned - began;
		seal[i] = now_usec() - began;
		worker_end(b, &w);
		(void)poll(NULL, 0, 5);
	}
	qsort(spawn, ROUNDS, sizeof(spawn[0]), compare);
	qsort(seal, ROUNDS, sizeof(seal[0]), compare);
	printf("  %s: spawn p10 %llu p50 %llu p90 %llu µs, sealed p50 %llu µs\n",
		b->uid == 0 ? "by root" : "by a user", (unsigned long long)spawn[ROUNDS / 10],
		(unsigned long long)spawn[ROUNDS / 2], (unsigned long long)spawn[ROUNDS * 9 / 10],
		(unsigned long long)seal[ROUNDS / 2]);
}

/* Figures for people; a busy machine may not fail it. */
TEST(how_long_a_box_takes)
{
	boxd_in_each_mode(measure);
}

/* Bytes charged to the box's memory cgroup; 0: there is none of its own that we can read. */
static unsigned long long charged_bytes(pid_t pid)
{
	char path[512], line[256], *at;
	unsigned long long bytes = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	f = fopen(path, "re");
	CHECK(f != NULL);
	path[0] = '\0';
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if ((at = strstr(line, ":memory:")))
			(void)snprintf(path, sizeof(path),
				"/sys/fs/cgroup/memory%s/memory.usage_in_bytes",
				at + strlen(":memory:"));
		else if ((at = strstr(line, "0::")) == line && !path[0])
			(void)snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.current",
				at + strlen("0::"));
	}
	(void)fclose(f);
	f = fopen(path, "re");
	if (!f)
		return 0;
	CHECK(fscanf(f, "%llu", &bytes) == 1);
	(void)fclose(f);
	return bytes;
}

#define IDLE_MOST 1500000

static void weigh(struct boxd *b)
{
	struct worker w[BOXD_SLOTS];
	unsigned long long sum = 0, most = 0;
	char rss[256];

	if (!strstr(b->host, "in force: limit on memory"))
		return;
	for (unsigned int i = 0; i < BOXD_SLOTS; i++)
		w[i] = worker_sealed(b, i);
	for (unsigned int i = 0; i < BOXD_SLOTS; i++) {
		unsigned long long bytes = charged_bytes(w[i].pid);

		sum += bytes;
		most = bytes > most ? bytes : most;
	}
	proc_line(b->pid, "status", "VmRSS:", rss);
	printf("  an idle box: %llu KiB charged on average, %llu at most; boxd: %s resident\n",
		sum / BOXD_SLOTS / 1024, most / 1024, rss);
	CHECK(most <= IDLE_MOST);
	for (unsigned int i = 0; i < BOXD_SLOTS; i++)
		worker_end(b, &w[i]);
}

TEST(an_idle_box_costs_less_than_a_megabyte_and_a_half)
{
	boxd_in_each_mode(weigh);
}

TEST_MAIN()

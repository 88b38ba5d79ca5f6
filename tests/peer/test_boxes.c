/*
 * The real boxd as an operator configures it, with the probe and with the real worker inside, in
 * both modes: started by root, and by an ordinary user.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/box_class.h"
#include "tests/peer/boxd.h"
#include "tests/peer/worker.h"
#include "tests/support/test.h"

static void in_each_mode(const char *worker_path, char *const *options, void (*fn)(struct boxd *b))
{
	const uid_t uids[] = {0, boxd_plain_uid()};

	for (size_t i = geteuid() == 0 ? 0 : 1; i < 2; i++) {
		struct boxd b;

		boxd_start_with(&b, uids[i], worker_path, options);
		boxd_greet(&b);
		fn(&b);
		boxd_stop(&b);
	}
}

static void end(const struct boxd *b, struct worker *w)
{
	agent_send(b->agent, BOX_KILL, 0, w->slot, NULL, 0);
	CHECK(agent_wait_exit(b->agent, w->slot, NULL) == SIGKILL);
	worker_done(w);
}

/* --- classes --- */

static char *const configured[] = {
	"--class", "small=32M,20%", "--class", "medium=96M", "--class", "large=150%", NULL};

static void check_address_space(const struct boxd *b, uint8_t class, unsigned int mib)
{
	struct worker w = worker_start(b, 0, class);
	const struct box_class as = {(uint64_t)mib << 20, 0};
	char want[64], got[256];

	(void)snprintf(
		want, sizeof(want), "%llu ", (unsigned long long)box_class_address_bytes(&as));
	proc_line(w.pid, "limits", "Max address space", got);
	CHECK(strncmp(got, want, strlen(want)) == 0);
	end(b, &w);
}

static void check_limits(struct boxd *b)
{
	struct worker w = worker_start(b, 1, BOX_SMALL);
	char words[512], why[4096];

	check_address_space(b, BOX_SMALL, 32);
	check_address_space(b, BOX_MEDIUM, 96);
	check_address_space(b, BOX_LARGE, 1024);
	CHECK(worker_ask(&w, "eat 20", words) && strcmp(words, "ate") == 0);
	if (strstr(b->host, "in force: limit on memory")) {
		CHECK(!worker_ask(&w, "eat 20", words));
		CHECK(agent_wait_exit(b->agent, 1, why) == SIGKILL);
		CHECK(strstr(why, "32 MiB of memory of a small box"));
		worker_done(&w);
	} else {
		CHECK(worker_ask(&w, "eat 480", words) && strtol(words, NULL, 10) == -ENOMEM);
		end(b, &w);
	}
}

TEST(a_box_is_held_to_what_the_operator_gave_its_class)
{
	in_each_mode(NULL, configured, check_limits);
}

/* The µs in 100 ms that its cgroup allows; -1: it has none that we can read. */
static long quota_of(pid_t pid)
{
	char path[512], line[256], *at;
	long usec = -1;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	f = fopen(path, "re");
	CHECK(f != NULL);
	path[0] = '\0';
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if ((at = strstr(line, ":cpu:")) || (at = strstr(line, ":cpu,cpuacct:")))
			(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/cpu%s/cpu.cfs_quota_us",
				strchr(at + 1, ':') + 1);
		else if (strncmp(line, "0::", 3) == 0 && !path[0])
			(void)snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cpu.max", line + 3);
	}
	(void)fclose(f);
	f = fopen(path, "re");
	if (!f)
		return -1;
	CHECK(fscanf(f, "%ld", &usec) == 1);
	(void)fclose(f);
	return usec;
}

static void check_shares(struct boxd *b)
{
	static const long want[] = {
		[BOX_SMALL] = 20000, [BOX_MEDIUM] = 100000, [BOX_LARGE] = 150000};

	if (!strstr(b->host, "in force: limit on CPU"))
		return;
	for (uint8_t class = BOX_SMALL; class <= BOX_LARGE; class ++) {
		struct worker w = worker_start(b, 2, class);

		CHECK(quota_of(w.pid) == want[class]);
		end(b, &w);
	}
}

TEST(a_box_gets_the_share_of_a_core_that_its_class_has)
{
	in_each_mode(NULL, configured, check_shares);
}

/* --- the real worker --- */

/* A worker in a box as a peer of tests/peer/worker.h: it has said SEALED. */
static struct worker start_real(
	const struct boxd *b, unsigned int slot, uint8_t class, struct peer *p)
{
	struct worker w = worker_start(b, slot, class);
	struct frame f;

	*p = (struct peer){.pid = w.pid, .app = w.app, .infer = w.infer, .log = w.log};
	frame_joiner_init(&p->joiner);
	CHECK(peer_receive(p, &f) && f.type == APP_SEALED);
	return w;
}

/* Loads an app that needs 24 MiB of Lua heap at once. */
static bool loads_24_mib(const struct boxd *b, uint8_t class)
{
	static const char app[] =
		"local ui = require 'vitrine.ui'\n"
		"local much = ('x'):rep(24 << 20)\n"
		"return ui.page({ title = 'M' }, function() return ui.column {} end)\n";
	struct peer p;
	struct worker w = start_real(b, 3, class, &p);
	struct frame f;
	bool loaded;

	CHECK(peer_give(&p, app, &f));
	loaded = f.type == APP_HELLO;
	if (!loaded)
		CHECK(f.type == APP_LOAD_FAILED && memmem(f.value, f.length, "memory", 6));
	frame_joiner_done(&p.joiner);
	agent_send(b->agent, BOX_KILL, 0, w.slot, NULL, 0);
	(void)agent_wait_exit(b->agent, w.slot, NULL); /* killed, or ended by itself before */
	worker_done(&w);
	return loaded;
}

static void check_heaps(struct boxd *b)
{
	CHECK(!loads_24_mib(b, BOX_SMALL)); /* 32 MiB: 16 for Lua */
	CHECK(loads_24_mib(b, BOX_MEDIUM));
}

TEST(the_lua_heap_follows_the_memory_of_the_class)
{
	in_each_mode(WORKER_PROGRAM, configured, check_heaps);
}

TEST(boxd_refuses_a_class_out_of_range_at_start)
{
	char *const wrong[] = {"--class", "small=1M", NULL};
	struct boxd b;
	int status;

	boxd_start_with(&b, boxd_plain_uid(), NULL, wrong);
	CHECK(waitpid(b.pid, &status, 0) == b.pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 2);
	b.pid = fork();
	if (b.pid == 0)
		_exit(0);
	boxd_stop(&b);
}

TEST_MAIN()

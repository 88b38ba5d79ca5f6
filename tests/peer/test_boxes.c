/*
 * The real boxd as an operator configures it, with the probe and with the real worker inside, in
 * both modes: started by root, and by an ordinary user.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

/* The number in that file of the process's cpu cgroup; -1: there is none that we can read. */
static long cpu_setting(pid_t pid, const char *v1, const char *v2)
{
	char path[512], line[256], *at;
	long value = -1;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	f = fopen(path, "re");
	CHECK(f != NULL);
	path[0] = '\0';
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if ((at = strstr(line, ":cpu:")) || (at = strstr(line, ":cpu,cpuacct:")))
			(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/cpu%s/%s",
				strchr(at + 1, ':') + 1, v1);
		else if (strncmp(line, "0::", 3) == 0 && !path[0])
			(void)snprintf(path, sizeof(path), "/sys/fs/cgroup%s/%s", line + 3, v2);
	}
	(void)fclose(f);
	f = fopen(path, "re");
	if (!f)
		return -1;
	CHECK(fscanf(f, "%ld", &value) == 1);
	(void)fclose(f);
	return value;
}

static void check_shares(struct boxd *b)
{
	static const long want[] = {
		[BOX_SMALL] = 20000, [BOX_MEDIUM] = 100000, [BOX_LARGE] = 150000};

	if (!strstr(b->host, "in force: limit on CPU"))
		return;
	for (uint8_t class = BOX_SMALL; class <= BOX_LARGE; class ++) {
		struct worker w = worker_start(b, 2, class);

		CHECK(cpu_setting(w.pid, "cpu.cfs_quota_us", "cpu.max") == want[class]);
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

/* Loads an app that needs 24 MiB of Lua heap, twice for a moment. */
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

/* --- boxd's own root --- */

static int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	CHECK(dir != NULL);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static void check_roots(struct boxd *b)
{
	struct worker one = worker_start(b, 0, BOX_SMALL), other = worker_start(b, 1, BOX_SMALL);
	const pid_t pids[] = {b->pid, one.pid, other.pid};

	/* Links in /proc of boxes are root's to follow. */
	for (size_t i = 0; geteuid() == 0 && i < 3; i++) {
		char path[64], line[256];

		(void)snprintf(path, sizeof(path), "/proc/%d/root", pids[i]);
		CHECK(count_entries(path) == 0);
		(void)snprintf(path, sizeof(path), "/proc/%d/root/file", pids[i]);
		CHECK(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 && errno == EROFS);
		(void)snprintf(path, sizeof(path), "/proc/%d/cwd", pids[i]);
		CHECK(count_entries(path) == 0);
		proc_line(pids[i], "mountinfo", "", line);
		CHECK(strstr(line, " / / ro,nosuid,nodev,noexec") && strstr(line, " - tmpfs "));
	}
	end(b, &one);
	end(b, &other);
}

/* catalogue 46, 47, 48 */
TEST(the_root_of_boxd_and_of_every_box_is_empty_and_read_only)
{
	in_each_mode(NULL, NULL, check_roots);
}

/* --- isolation --- */

static void namespace_of(pid_t pid, const char *kind, char ret[64])
{
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kind);
	n = readlink(path, ret, 63);
	CHECK(n > 0);
	ret[n] = '\0';
}

static bool share(pid_t a, pid_t b, const char *kind)
{
	char one[64], other[64];

	namespace_of(a, kind, one);
	namespace_of(b, kind, other);
	return strcmp(one, other) == 0;
}

static const char *const own_kinds[] = {"user", "mnt", "pid", "ipc", "uts", "cgroup"};

/* Interfaces as the network namespace of that process has them. */
static void check_only_loopback(pid_t pid)
{
	char path[64], line[512];
	int interfaces = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/net/dev", pid);
	f = fopen(path, "re");
	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f))
		if (strchr(line, ':')) {
			interfaces++;
			CHECK(strstr(line, " lo:"));
		}
	(void)fclose(f);
	CHECK(interfaces == 1);
}

static void compare_boxes(struct boxd *b, bool dense)
{
	struct worker one = worker_start(b, 0, BOX_SMALL), other = worker_start(b, 1, BOX_MEDIUM);
	char words[512];

	/* Links in /proc of boxes are root's to read. */
	if (geteuid() == 0) {
		for (size_t i = 0; i < sizeof(own_kinds) / sizeof(own_kinds[0]); i++)
			CHECK(!share(one.pid, other.pid, own_kinds[i]));
		CHECK(share(one.pid, other.pid, "net") == dense);
		CHECK(!share(one.pid, getpid(), "net"));
		CHECK(share(one.pid, b->pid, "net") == dense);
		check_only_loopback(one.pid);
	}
	CHECK((strstr(b->host, "isolation dense") != NULL) == dense);
	/* The filter is the same. */
	CHECK(worker_ask(&one, "seal", words) && strncmp(words, "sealed", 6) == 0);
	CHECK(!worker_ask(&one, "socket_unix", words));
	CHECK(WTERMSIG(agent_wait_exit(b->agent, 0, NULL)) == SIGSYS);
	worker_done(&one);
	CHECK(!worker_ask(&other, "socket_unix", words)); /* before the seal as well */
	CHECK(WTERMSIG(agent_wait_exit(b->agent, 1, NULL)) == SIGSYS);
	worker_done(&other);
}

static void compare_dense(struct boxd *b)
{
	compare_boxes(b, true);
}

static void compare_full(struct boxd *b)
{
	compare_boxes(b, false);
}

/* catalogue 89, 91 */
TEST(in_dense_isolation_boxes_share_one_empty_network_and_nothing_else)
{
	char *const options[] = {"--isolation", "dense", NULL};

	in_each_mode(NULL, options, compare_dense);
}

TEST(in_full_isolation_boxes_share_no_namespace)
{
	char *const options[] = {"--isolation", "full", NULL};

	in_each_mode(NULL, options, compare_full);
	in_each_mode(NULL, NULL, compare_full);
}

static void check_loads(struct boxd *b)
{
	CHECK(loads_24_mib(b, BOX_MEDIUM));
}

TEST(a_real_worker_seals_itself_and_loads_its_app_in_dense_isolation)
{
	char *const options[] = {"--isolation", "dense", NULL};

	in_each_mode(WORKER_PROGRAM, options, check_loads);
}

/* --- refills --- */

static struct worker start_refill(const struct boxd *b, unsigned int slot)
{
	struct worker w = worker_request_as(b->agent, slot, BOX_SMALL, BOX_REFILL);
	struct message m;

	CHECK(agent_receive(b->agent, &m) && m.type == BOX_SPAWNED && m.slot == slot);
	w.pid = (pid_t)m.seq;
	return w;
}

static long idle_of(const struct worker *w)
{
	return cpu_setting(w->pid, "cpu.idle", "cpu.idle");
}

static void promote(struct boxd *b)
{
	struct worker now = worker_start(b, 1, BOX_SMALL), refill = start_refill(b, 2);
	char words[512];

	CHECK(worker_ask(&refill, "seal", words)); /* whatever its priority, it goes on */
	if (strstr(b->host, "in force: limit on CPU") && idle_of(&now) >= 0) {
		CHECK(idle_of(&now) == 0 && idle_of(&refill) == 1);
		agent_send(b->agent, BOX_PROMOTE, 0, 2, NULL, 0);
		for (int i = 0; i < 5000 && idle_of(&refill) != 0; i++)
			(void)poll(NULL, 0, 1);
		CHECK(idle_of(&refill) == 0);
	}
	/* A free slot and one that is no refill are no mistakes. */
	agent_send(b->agent, BOX_PROMOTE, 0, 1, NULL, 0);
	agent_send(b->agent, BOX_PROMOTE, 0, 3, NULL, 0);
	CHECK(worker_ask(&now, "seal", words));
	end(b, &now);
	end(b, &refill);
}

TEST(a_refill_runs_when_nobody_else_wants_to_until_it_is_promoted)
{
	in_each_mode(NULL, NULL, promote);
}

static void ask_wrongly(struct boxd *b)
{
	static const struct {
		uint8_t type;
		uint32_t slot, kind;
		size_t files;
	} all[] = {
		{BOX_PROMOTE, BOXD_SLOTS, 0, 0},
		{BOX_PROMOTE, 0, 0, 1},
		{BOX_SPAWN, 0, BOX_REFILL + 1, 3},
		{BOX_SPAWN, 0, 0xffffffff, 3},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int agent = boxd_connect(b, b->uid), log[2];
		struct message m;

		CHECK(agent_receive(agent, &m) && m.type == BOX_HOST);
		CHECK(pipe2(log, O_CLOEXEC) == 0);
		if (all[i].type == BOX_SPAWN) {
			struct worker w =
				worker_request_as(agent, all[i].slot, BOX_SMALL, all[i].kind);

			CHECK(agent_is_closed(agent));
			worker_done(&w);
		} else {
			agent_send(agent, all[i].type, 0, all[i].slot, log, all[i].files);
			CHECK(agent_is_closed(agent));
		}
		close(agent);
		close(log[0]);
		close(log[1]);
	}
}

/* catalogue 95, 106 */
TEST(a_wrong_promotion_or_an_unknown_kind_of_spawn_ends_its_link)
{
	in_each_mode(NULL, NULL, ask_wrongly);
}

/* Its HELLO to that app, without the time it took. */
static void hello_of(const struct boxd *b, uint32_t kind, char *ret, size_t size)
{
	static const char app[] = "local ui = require 'vitrine.ui'\n"
				  "return ui.page({ title = 'T' }, function()\n"
				  "  local go = ui.button { 'Go', id = 'go' }\n"
				  "  go:on_click(function() end)\n"
				  "  return ui.column { ui.textbox { label = 'L' }, go }\n"
				  "end)\n";
	struct worker w = kind == BOX_REFILL ? start_refill(b, 0) : worker_start(b, 0, BOX_SMALL);
	struct peer p = {.pid = w.pid, .app = w.app};
	struct frame f;
	char *usec;

	frame_joiner_init(&p.joiner);
	CHECK(peer_receive(&p, &f) && f.type == APP_SEALED);
	CHECK(peer_give(&p, app, &f) && f.type == APP_HELLO);
	(void)snprintf(ret, size, "%.*s", (int)f.length, (const char *)f.value);
	usec = strstr(ret, "\"load_usec\":");
	CHECK(usec);
	for (usec += strlen("\"load_usec\":"); *usec >= '0' && *usec <= '9'; usec++)
		*usec = 'N';
	*strchrnul(ret, '\n') = '\0';
	frame_joiner_done(&p.joiner);
	end(b, &w);
}

static void compare_hellos(struct boxd *b)
{
	char first[4096], rehearsed[4096];

	hello_of(b, BOX_NOW, first, sizeof(first));
	hello_of(b, BOX_REFILL, rehearsed, sizeof(rehearsed));
	/* The digits of load_usec are as many as they are. */
	for (char *text = first; text; text = text == first ? rehearsed : NULL) {
		char *n = strchr(text, 'N'), *rest = n + strspn(n, "N");

		memmove(n, rest, strlen(rest) + 1);
	}
	if (strcmp(first, rehearsed) != 0)
		fprintf(stderr, "%s\n%s\n", first, rehearsed);
	CHECK(strcmp(first, rehearsed) == 0);
}

TEST(a_rehearsal_leaves_no_trace_in_the_app_that_comes_after_it)
{
	in_each_mode(WORKER_PROGRAM, NULL, compare_hellos);
}

TEST_MAIN()

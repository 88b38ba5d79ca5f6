/*
 * bench_box: how soon a box is there, and what a waiting one holds. Between a real boxd, a real
 * agent and real workers; this program is the gateway, and the orchestrator that has one bundle.
 *
 *	bench_box times ROUNDS full|dense APP_LUA
 *	    everything below once per round, in turn; prints "NAME µs" for each
 *	        pool       WAKE at the agent → HELLO from a box that waited
 *	        demand     the same where no box waits
 *	        built      SPAWN at boxd → SPAWNED: namespaces, limits, steps, exec
 *	        sealed     the same → SEALED: and Lua, the SDK, the filter
 *	        loaded     APP to that box → HELLO
 *	        clone      a bare clone of eight namespaces → its child's first byte
 *	        lua        lua5.4 -e '', started and ended
 *	        bwrap      the same in bwrap --unshare-all with a read-only /usr
 *	bench_box memory COUNT full|dense APP_LUA
 *	    that many boxes at once; prints "NAME BYTES" per box, blank, then with the app loaded
 *	bench_box storm SECONDS
 *	    one visitor clicks all the time; prints for each click "calm µs", "now µs" while boxes
 *	    are built and ended without a pause, "refill µs" while that is done at a refill's
 *	    priority; SECONDS of each, in turn
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/dial.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/link.h"
#include "base/spawn.h"
#include "proto/box_class.h"
#include "proto/bundle.h"
#include "tests/peer/boxd.h"
#include "tests/peer/worker.h"
#include "tests/support/test.h"

#define PATIENCE_MS 10000
#define REFILL_PATIENCE_MS 2000
#define PAUSE_MS 40 /* what a round leaves behind is cleaned up before the next begins */

extern char **environ;

/* Text of app.lua, and the bundle that holds it. */
static char app_text[64 << 10];
static struct buf bundle;
static char bundle_hash[SHA256_HEX + 1];

static void read_app(const char *path)
{
	struct buf text;

	buf_init(&text, sizeof(app_text) - 1);
	CHECK(fs_read(AT_FDCWD, path, &text, NULL) == 0);
	memcpy(app_text, text.data, text.len);
	buf_done(&text);
	buf_init(&bundle, BUNDLE_MAX);
	CHECK(bundle_begin(&bundle, 1, NULL) == 0);
	CHECK(bundle_add(&bundle, "app.lua", app_text, strlen(app_text), NULL) == 0);
	sha256_hex(bundle.data, bundle.len, bundle_hash);
}

static void pause_ms(int ms)
{
	(void)poll(NULL, 0, ms);
}

/* --- an agent, and we around it --- */

struct around {
	struct boxd boxd;
	pid_t agent;
	int wake_listener, orchestrator_listener, inference_listener;
	int wake, orchestrator, inference;
	uint32_t seq;
};

static int accept_one(int listener)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};
	int fd;

	CHECK(poll(&p, 1, PATIENCE_MS) == 1);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK(fd >= 0);
	return fd;
}

static int connect_to(const char *dir, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", dir, name);
	CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

static int listen_in(const char *dir, const char *name)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = listen_unix(path, SOCK_SEQPACKET, NULL);
	CHECK(fd >= 0);
	return fd;
}

static void start_agent(struct around *a)
{
	char data[128];
	char *argv[] = {"vitrine-agent", "--data", data, "--run", a->boxd.dir, "--pool",
		"small=2,medium=0,large=0", NULL};
	struct spawn_plan plan = SPAWN_PLAN_INIT;
	struct err e = {0};

	(void)snprintf(data, sizeof(data), "%s/data", a->boxd.dir);
	plan.path = AGENT_PROGRAM;
	plan.argv = argv;
	plan.death_signal = SIGKILL;
	plan.fds[plan.n_fds++] = a->wake_listener;
	a->agent = spawn_program(&plan, &e);
	CHECK(a->agent > 0);
}

static void around_start(struct around *a, char *const *options)
{
	*a = (struct around){0};
	boxd_start_with(&a->boxd, geteuid(), WORKER_PROGRAM, options);
	a->wake_listener = listen_in(a->boxd.dir, "wake.sock");
	a->orchestrator_listener = listen_in(a->boxd.dir, "agent.sock");
	a->inference_listener = listen_in(a->boxd.dir, "infer.sock");
	start_agent(a);
	a->orchestrator = accept_one(a->orchestrator_listener);
	a->inference = accept_one(a->inference_listener);
	a->wake = connect_to(a->boxd.dir, "wake.sock");
}

static void around_stop(struct around *a)
{
	(void)kill(a->agent, SIGTERM);
	CHECK(waitpid(a->agent, NULL, 0) == a->agent);
	close(a->wake);
	close(a->orchestrator);
	close(a->inference);
	close(a->wake_listener);
	close(a->orchestrator_listener);
	close(a->inference_listener);
	boxd_stop(&a->boxd);
	CHECK(fs_remove_tree(a->boxd.dir) == 0);
}

/* One packet with at most one file (-1: none came). 0: nothing within the time. */
static size_t receive(int fd, uint8_t *bytes, size_t n, int *ret_file, int timeout_ms)
{
	union {
		char bytes[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {bytes, n};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control)};
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct cmsghdr *c;
	ssize_t got;

	*ret_file = -1;
	if (poll(&p, 1, timeout_ms) != 1)
		return 0;
	got = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	CHECK(got > 0);
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(ret_file, CMSG_DATA(c), sizeof(int));
	return (size_t)got;
}

/* What lies in a link is taken out and forgotten. */
static void drain(int fd)
{
	static uint8_t packet[FRAME_PACKET_MAX];
	int file;

	while (receive(fd, packet, sizeof(packet), &file, 0) > 0)
		if (file >= 0)
			close(file);
}

static void send_json(int fd, uint8_t type, uint32_t seq, const char *json, int file)
{
	const struct frame f = {
		.type = type, .seq = seq, .value = (const uint8_t *)json, .length = strlen(json)};

	CHECK(link_post(fd, &f, &file, file >= 0) == 0);
}

/* Waits for that message; its value goes to words. Returns its file, or -1. */
static int await(int fd, uint8_t type, uint32_t seq, char *words, size_t size)
{
	static uint8_t packet[FRAME_PACKET_MAX];

	for (;;) {
		int file;
		size_t n = receive(fd, packet, sizeof(packet), &file, PATIENCE_MS), at = 0;
		struct frame f;

		CHECK(n > 0);
		for (; at < n; at += (size_t)frame_read(&f, packet + at, n - at, NULL)) {
			CHECK(frame_read(&f, packet + at, n - at, NULL) > 0);
			if (f.type == WAKE_WAKE_FAILED)
				fprintf(stderr, "%.*s\n", (int)f.length, (const char *)f.value);
			CHECK(f.type != WAKE_WAKE_FAILED);
			if (f.type != type || f.seq != seq)
				continue;
			(void)snprintf(words, size, "%.*s", (int)f.length, (const char *)f.value);
			return file;
		}
		if (file >= 0)
			close(file);
	}
}

/* The agent's first WAKE asks for the bundle; later ones find it. */
static void serve_bundle(struct around *a)
{
	char words[256], json[128];
	int file = fs_memfd_sealed("bundle", bundle.data, bundle.len, NULL);

	CHECK(file >= 0);
	(void)await(a->orchestrator, AGENT_WANT_BUNDLE, 0, words, sizeof(words));
	(void)snprintf(json, sizeof(json), "{\"bundle\":\"%s\"}", bundle_hash);
	send_json(a->orchestrator, AGENT_BUNDLE, 0, json, file);
	close(file);
}

/* WAKE → HELLO in µs; the worker is ended again. */
static uint64_t wake(struct around *a, const char *class, bool first)
{
	char json[512], words[512], *replica;
	uint64_t began, took;
	struct peer p = {0};
	struct frame f;

	(void)snprintf(json, sizeof(json),
		"{\"space\":\"s-%s\",\"owner\":\"ada\",\"name\":\"demo\",\"bundle\":\"%s\","
		"\"entry\":\"app.lua\",\"class\":\"%s\",\"epoch\":1}",
		class, bundle_hash, class);
	frame_joiner_init(&p.joiner);
	began = clock_mono_usec();
	send_json(a->wake, WAKE_WAKE, ++a->seq, json, -1);
	if (first)
		serve_bundle(a);
	p.app = await(a->wake, WAKE_LINK, a->seq, words, sizeof(words));
	CHECK(p.app >= 0 && peer_receive(&p, &f));
	took = clock_mono_usec() - began;
	CHECK(f.type == APP_HELLO);
	replica = strstr(words, "\"replica\":\"");
	CHECK(replica);
	(void)snprintf(json, sizeof(json), "{%.44s}", replica);
	json[strcspn(json + strlen("{\"replica\":\""), "\"") + strlen("{\"replica\":\"")] = '\0';
	(void)strncat(json, "\"}", sizeof(json) - strlen(json) - 1);
	send_json(a->wake, WAKE_SLEEP, 0, json, -1);
	(void)await(a->wake, WAKE_GONE, 0, words, sizeof(words));
	close(p.app);
	frame_joiner_done(&p.joiner);
	drain(a->orchestrator);
	drain(a->inference);
	return took;
}

/* --- straight at boxd --- */

/* As a peer of worker.h: it has said SEALED. */
static struct worker start_sealed(
	const struct boxd *b, unsigned int slot, uint8_t class, struct peer *p)
{
	struct worker w = worker_start(b, slot, class);
	struct frame f;

	*p = (struct peer){.pid = w.pid, .app = w.app, .infer = w.infer, .log = w.log};
	frame_joiner_init(&p->joiner);
	CHECK(peer_receive(p, &f) && f.type == APP_SEALED);
	return w;
}

static void end_box(const struct boxd *b, struct worker *w, struct peer *p)
{
	frame_joiner_done(&p->joiner);
	agent_send(b->agent, BOX_KILL, 0, w->slot, NULL, 0);
	CHECK(agent_wait_exit(b->agent, w->slot, NULL) == SIGKILL);
	worker_done(w);
}

static void show(const char *name, uint64_t usec)
{
	printf("%s %llu\n", name, (unsigned long long)usec);
}

static void time_phases(const struct boxd *b)
{
	uint64_t began = clock_mono_usec(), built, sealed, load;
	struct worker w = worker_start(b, 0, BOX_SMALL);
	struct peer p = {.pid = w.pid, .app = w.app};
	struct frame f;

	built = clock_mono_usec() - began;
	frame_joiner_init(&p.joiner);
	CHECK(peer_receive(&p, &f) && f.type == APP_SEALED);
	sealed = clock_mono_usec() - began;
	pause_ms(PAUSE_MS);
	load = peer_load(&p, app_text);
	show("built", built);
	show("sealed", sealed);
	show("loaded", load);
	end_box(b, &w, &p);
}

/* --- peers --- */

static uint64_t time_program(char *const *argv)
{
	uint64_t began = clock_mono_usec();
	int status = -1;
	pid_t pid;

	CHECK(posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) == 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0);
	return clock_mono_usec() - began;
}

static uint64_t time_clone(void)
{
	struct clone_args args = {.flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS |
					   CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
					   CLONE_NEWCGROUP | CLONE_NEWTIME,
		.exit_signal = SIGCHLD};
	uint64_t began, took;
	int fds[2];
	char byte;
	long pid;

	CHECK(pipe2(fds, O_CLOEXEC) == 0);
	began = clock_mono_usec();
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		(void)!write(fds[1], "", 1);
		_exit(0);
	}
	CHECK(pid > 0 && read(fds[0], &byte, 1) == 1);
	took = clock_mono_usec() - began;
	CHECK(waitpid((pid_t)pid, NULL, 0) == pid);
	close(fds[0]);
	close(fds[1]);
	return took;
}

static int do_times(int argc, char **argv)
{
	char *const lua[] = {"lua5.4", "-e", "", NULL};
	char *const bwrap[] = {"bwrap", "--unshare-all", "--ro-bind", "/usr", "/usr", "--symlink",
		"usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "lua5.4", "-e", "", NULL};
	char *const options[] = {"--isolation", argc == 3 ? argv[1] : NULL, NULL};
	struct around a;
	struct boxd b;
	long rounds;

	if (argc != 3)
		return 2;
	rounds = strtol(argv[0], NULL, 10);
	read_app(argv[2]);
	around_start(&a, options);
	boxd_start_with(&b, geteuid(), WORKER_PROGRAM, options);
	boxd_greet(&b);
	/* The first ones warm the file caches of both sides. */
	for (long i = -3; i < rounds; i++) {
		const struct {
			const char *name;
			uint64_t usec;
		} taken[] = {
			{"pool", (pause_ms(PAUSE_MS), wake(&a, "small", i == -3))},
			{"lua", (pause_ms(2 * PAUSE_MS), time_program(lua))},
			{"demand", (pause_ms(PAUSE_MS), wake(&a, "medium", false))},
			{"bwrap", (pause_ms(PAUSE_MS), time_program(bwrap))},
			{"clone", (pause_ms(PAUSE_MS), time_clone())},
		};

		pause_ms(PAUSE_MS);
		for (size_t k = 0; i >= 0 && k < sizeof(taken) / sizeof(taken[0]); k++)
			show(taken[k].name, taken[k].usec);
		if (i >= 0)
			time_phases(&b);
	}
	boxd_stop(&b);
	around_stop(&a);
	return 0;
}

/* --- memory --- */

/* Bytes charged to the box's memory cgroup; 0: there is none of its own that we can read. */
static uint64_t charged_bytes(pid_t pid)
{
	char path[640], line[512], *at;
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
		else if (strncmp(line, "0::", 3) == 0 && !path[0])
			(void)snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.current",
				line + strlen("0::"));
	}
	(void)fclose(f);
	/* "vitrine-PID/SLOT": a folder that boxd made for this box alone. */
	if (!strstr(path, "/vitrine-"))
		return 0;
	f = fopen(path, "re");
	if (!f)
		return 0;
	CHECK(fscanf(f, "%llu", &bytes) == 1);
	(void)fclose(f);
	return bytes;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* What the whole machine could still give: the median of a few looks, others work here too. */
static uint64_t available_bytes(void)
{
	uint64_t seen[15];

	for (size_t i = 0; i < 15; i++) {
		FILE *f = fopen("/proc/meminfo", "re");
		unsigned long long kib = 0;
		char line[128];

		CHECK(f != NULL);
		while (kib == 0 && fgets(line, sizeof(line), f))
			(void)sscanf(line, "MemAvailable: %llu kB", &kib);
		(void)fclose(f);
		seen[i] = kib * 1024;
		pause_ms(100);
	}
	qsort(seen, 15, sizeof(seen[0]), compare);
	return seen[7];
}

static void weigh(const char *state, const struct worker *w, long count, uint64_t before)
{
	uint64_t after = available_bytes(), sum = 0;

	for (long i = 0; i < count; i++)
		sum += charged_bytes(w[i].pid);
	printf("%s_cgroup %llu\n", state, (unsigned long long)(sum / (uint64_t)count));
	printf("%s_machine %llu\n", state,
		(unsigned long long)(before > after ? (before - after) / (uint64_t)count : 0));
}

static int do_memory(int argc, char **argv)
{
	char slots[16];
	char *const options[] = {"--slots", slots, "--isolation", argc == 3 ? argv[1] : NULL, NULL};
	static struct worker w[BOX_SLOTS_MAX];
	struct rlimit files;
	uint64_t before;
	struct boxd b;
	long count;

	if (argc != 3)
		return 2;
	count = strtol(argv[0], NULL, 10);
	if (count < 1 || count > BOX_SLOTS_MAX)
		return 2;
	read_app(argv[2]);
	CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
	files.rlim_cur = files.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
	(void)snprintf(slots, sizeof(slots), "%ld", count);
	boxd_start_with(&b, geteuid(), WORKER_PROGRAM, options);
	boxd_greet(&b);
	before = available_bytes();
	for (long i = 0; i < count; i++) {
		struct peer p;

		w[i] = start_sealed(&b, (unsigned int)i, BOX_SMALL, &p);
		frame_joiner_done(&p.joiner);
	}
	weigh("blank", w, count, before);
	for (long i = 0; i < count; i++) {
		struct peer p = {.pid = w[i].pid, .app = w[i].app};

		frame_joiner_init(&p.joiner);
		(void)peer_load(&p, app_text);
		frame_joiner_done(&p.joiner);
	}
	weigh("loaded", w, count, before);
	boxd_stop(&b);
	return 0;
}

/* --- refills beside a visitor --- */

/* Boxes one after the other, as for a pool that is never full. */
static void storm(const struct boxd *b, uint32_t kind)
{
	const struct timespec now = {0};
	sigset_t term;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	CHECK(sigprocmask(SIG_BLOCK, &term, NULL) == 0);
	while (sigtimedwait(&term, NULL, &now) < 0) {
		struct worker w = worker_request_as(b->agent, 1, BOX_SMALL, kind);
		struct pollfd came = {.fd = b->agent, .events = POLLIN};
		struct peer p = {.app = w.app};
		struct message m;
		struct frame f;

		frame_joiner_init(&p.joiner);
		/* As the agent does: one that gets no processor at all is promoted. */
		if (kind == BOX_REFILL && poll(&came, 1, REFILL_PATIENCE_MS) == 0)
			agent_send(b->agent, BOX_PROMOTE, 0, w.slot, NULL, 0);
		CHECK(agent_receive(b->agent, &m) && m.type == BOX_SPAWNED);
		CHECK(peer_receive(&p, &f) && f.type == APP_SEALED);
		if (kind == BOX_REFILL)
			agent_send(b->agent, BOX_PROMOTE, 0, w.slot, NULL, 0);
		end_box(b, &w, &p);
	}
}

/* Clicks for that long beside nothing (kind -1), or beside a storm. */
static void click_beside(const struct boxd *b, struct peer *visitor, int kind, const char *name,
	uint64_t usec, uint32_t *n)
{
	uint32_t node = crc32c(0, "go", 2);
	uint64_t until;
	pid_t pid = 0;

	(void)fflush(stdout);
	if (kind >= 0)
		pid = fork();
	CHECK(pid >= 0);
	if (kind >= 0 && pid == 0) {
		storm(b, (uint32_t)kind);
		_exit(0);
	}
	pause_ms(PAUSE_MS);
	until = clock_mono_usec() + usec;
	while (clock_mono_usec() < until) {
		uint64_t began = clock_mono_usec();

		peer_click(visitor, node, ++*n);
		show(name, clock_mono_usec() - began);
	}
	if (pid > 0) {
		int status;

		CHECK(kill(pid, SIGTERM) == 0);
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	}
}

static int do_storm(int argc, char **argv)
{
	static const char echo[] =
		"local ui = require 'vitrine.ui'\n"
		"return ui.page({ title = 'Echo' }, function()\n"
		"  local text, out = ui.textbox { id = 'text' }, ui.textbox { id = 'out' }\n"
		"  local go = ui.button { 'Go', id = 'go' }\n"
		"  go:on_click { inputs = { text }, fn = function(t) out:set(t) end }\n"
		"  return ui.column { text, out, go }\n"
		"end)\n";
	struct worker w;
	struct boxd b;
	struct peer p;
	uint32_t n = 0;
	long seconds;

	if (argc != 1)
		return 2;
	seconds = strtol(argv[0], NULL, 10);
	boxd_start_with(&b, geteuid(), WORKER_PROGRAM, NULL);
	boxd_greet(&b);
	w = start_sealed(&b, 0, BOX_MEDIUM, &p);
	(void)peer_load(&p, echo);
	peer_open(&p);
	for (; seconds > 0; seconds--) {
		click_beside(&b, &p, -1, "calm", USEC_PER_SEC, &n);
		click_beside(&b, &p, BOX_NOW, "now", USEC_PER_SEC, &n);
		click_beside(&b, &p, BOX_REFILL, "refill", USEC_PER_SEC, &n);
	}
	end_box(&b, &w, &p);
	boxd_stop(&b);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} verbs[] = {{"times", do_times}, {"memory", do_memory}, {"storm", do_storm}};
	int r = 2;

	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(argv[1], verbs[i].name))
			r = verbs[i].run(argc - 2, argv + 2);
	if (r == 2)
		fprintf(stderr, "usage: see the head of tests/bench/box.c\n");
	return r;
}

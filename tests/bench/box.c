/*
 * bench_box: how soon a box is there, and what a waiting one holds. Between a real boxd, a real
 * agent and real workers; this program is the gateway, and the orchestrator that has the bundles.
 *
 *	bench_box times ROUNDS full|dense APP_LUA
 *	    everything below once per round, in turn; prints "NAME µs" for each
 *	        pool       WAKE at the agent → HELLO from a box that waited, of an app of one line
 *	        demand     the same where no box waits
 *	        pool_template, demand_template   the same of APP_LUA
 *	        assigned, assigned_template      APP straight to a box that waited → HELLO
 *	        built      SPAWN at boxd → SPAWNED: namespaces, limits, steps, exec
 *	        sealed     the same → SEALED: and Lua, the SDK, the filter
 *	        loaded     APP_LUA to that box → HELLO
 *	        clone      a bare clone of eight namespaces → its child's first byte
 *	        lua        lua5.4 -e '', started and ended
 *	        bwrap      the same in bwrap --unshare-all with a read-only /usr
 *	bench_box memory COUNT full|dense APP_LUA
 *	    that many boxes at once; prints bytes for each box, "bare" with a sealed program that
 *has no Lua in it, "blank" as they wait in the pool, "loaded" with the app: NAME_cgroup as the
 *	    memory cgroup counts (0: none here), NAME_all with the kernel memory beside it
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

/* An app of one file. */
struct app {
	char text[16 << 10];
	struct buf bundle;
	char hash[SHA256_HEX + 1];
	bool served; /* the agent has it */
};

static struct app one_line, template;

static void app_make(struct app *a, const char *text)
{
	CHECK(strlen(text) < sizeof(a->text));
	memcpy(a->text, text, strlen(text) + 1);
	buf_init(&a->bundle, BUNDLE_MAX);
	CHECK(bundle_begin(&a->bundle, 1, NULL) == 0);
	CHECK(bundle_add(&a->bundle, "app.lua", a->text, strlen(a->text), NULL) == 0);
	sha256_hex(a->bundle.data, a->bundle.len, a->hash);
}

static void read_apps(const char *path)
{
	CLEANUP(buf_done) struct buf text;

	buf_init(&text, sizeof(template.text));
	CHECK(fs_read(AT_FDCWD, path, &text, NULL) == 0);
	app_make(&template, buf_str(&text));
	app_make(&one_line, "return require('vitrine.ui').page({ title = 'Hello' }, "
			    "function() return require('vitrine.ui').markdown 'Hello' end)\n");
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
	pause_ms(1000); /* until boxd has tried a box, answered the agent, and the pool is full */
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
static void serve_bundle(struct around *a, struct app *app)
{
	char words[256], json[128];
	int file = fs_memfd_sealed("bundle", app->bundle.data, app->bundle.len, NULL);

	CHECK(file >= 0);
	(void)await(a->orchestrator, AGENT_WANT_BUNDLE, 0, words, sizeof(words));
	(void)snprintf(json, sizeof(json), "{\"bundle\":\"%s\"}", app->hash);
	send_json(a->orchestrator, AGENT_BUNDLE, 0, json, file);
	close(file);
	app->served = true;
}

/* Ends the worker that the words of that LINK name. */
static void put_to_sleep(struct around *a, const char *link)
{
	static const char key[] = "\"replica\":\"";
	const char *replica = strstr(link, key);
	char json[128], words[512];

	CHECK(replica);
	replica += strlen(key);
	(void)snprintf(json, sizeof(json), "{%s%.*s\"}", key, (int)strcspn(replica, "\""), replica);
	send_json(a->wake, WAKE_SLEEP, 0, json, -1);
	(void)await(a->wake, WAKE_GONE, 0, words, sizeof(words));
	drain(a->orchestrator);
	drain(a->inference);
}

/* WAKE → HELLO in µs; the worker is ended again. */
static uint64_t wake(struct around *a, const char *class, struct app *app)
{
	char json[512], words[512];
	uint64_t began, took;
	struct peer p = {0};
	struct frame f;

	pause_ms(PAUSE_MS);
	(void)snprintf(json, sizeof(json),
		"{\"space\":\"s-%s\",\"owner\":\"ada\",\"name\":\"demo\",\"bundle\":\"%s\","
		"\"entry\":\"app.lua\",\"class\":\"%s\",\"epoch\":1}",
		class, app->hash, class);
	frame_joiner_init(&p.joiner);
	began = clock_mono_usec();
	send_json(a->wake, WAKE_WAKE, ++a->seq, json, -1);
	if (!app->served)
		serve_bundle(a, app);
	p.app = await(a->wake, WAKE_LINK, a->seq, words, sizeof(words));
	CHECK(p.app >= 0 && peer_receive(&p, &f));
	took = clock_mono_usec() - began;
	CHECK(f.type == APP_HELLO);
	put_to_sleep(a, words);
	close(p.app);
	frame_joiner_done(&p.joiner);
	return took;
}

/* --- straight at boxd --- */

/* As a peer of worker.h: it has said SEALED. */
static struct worker start_sealed(
	const struct boxd *b, unsigned int slot, uint8_t class, uint32_t kind, struct peer *p)
{
	struct worker started = worker_request_as(b->agent, slot, class, kind);
	struct message m;
	struct frame f;

	CHECK(agent_receive(b->agent, &m) && m.type == BOX_SPAWNED && m.slot == slot);
	started.pid = (pid_t)m.seq;
	*p = (struct peer){
		.pid = started.pid, .app = started.app, .infer = started.infer, .log = started.log};
	frame_joiner_init(&p->joiner);
	CHECK(peer_receive(p, &f) && f.type == APP_SEALED);
	if (kind == BOX_REFILL)
		agent_send(b->agent, BOX_PROMOTE, 0, slot, NULL, 0);
	return started;
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

/* APP to a box that waited → HELLO, without the agent. */
static uint64_t assign(const struct boxd *b, struct app *app)
{
	int bundle = fs_memfd_sealed("bundle", app->bundle.data, app->bundle.len, NULL);
	struct frame f, m = {.type = APP_APP};
	uint64_t began, took;
	char json[256];
	struct peer p;
	struct worker w = start_sealed(b, 1, BOX_SMALL, BOX_REFILL, &p);

	CHECK(bundle >= 0);
	(void)snprintf(json, sizeof(json),
		"{\"space\":\"s\",\"owner\":\"ada\",\"name\":\"demo\",\"bundle\":\"%s\","
		"\"entry\":\"app.lua\"}",
		app->hash);
	m.value = (const uint8_t *)json;
	m.length = strlen(json);
	pause_ms(PAUSE_MS);
	began = clock_mono_usec();
	CHECK(link_post(p.app, &m, &bundle, 1) == 0);
	CHECK(peer_receive(&p, &f));
	took = clock_mono_usec() - began;
	CHECK(f.type == APP_HELLO);
	close(bundle);
	end_box(b, &w, &p);
	return took;
}

static void time_phases(const struct boxd *b, bool shown)
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
	load = peer_load(&p, template.text);
	if (shown) {
		show("built", built);
		show("sealed", sealed);
		show("loaded", load);
	}
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

static void one_round(struct around *a, const struct boxd *b, bool shown)
{
	char *const lua[] = {"lua5.4", "-e", "", NULL};
	char *const bwrap[] = {"bwrap", "--unshare-all", "--ro-bind", "/usr", "/usr", "--symlink",
		"usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "lua5.4", "-e", "", NULL};
	/* One after the other, as an initializer's commas do. */
	const struct {
		const char *name;
		uint64_t usec;
	} taken[] = {
		{"pool", wake(a, "small", &one_line)},
		{"lua", (pause_ms(2 * PAUSE_MS), time_program(lua))},
		{"demand", wake(a, "medium", &one_line)},
		{"bwrap", (pause_ms(PAUSE_MS), time_program(bwrap))},
		{"pool_template", (pause_ms(PAUSE_MS), wake(a, "small", &template))},
		{"clone", (pause_ms(2 * PAUSE_MS), time_clone())},
		{"demand_template", wake(a, "medium", &template)},
		{"assigned", assign(b, &one_line)},
		{"assigned_template", (pause_ms(PAUSE_MS), assign(b, &template))},
	};

	for (size_t k = 0; shown && k < sizeof(taken) / sizeof(taken[0]); k++)
		show(taken[k].name, taken[k].usec);
	pause_ms(PAUSE_MS);
	time_phases(b, shown);
}

static int do_times(int argc, char **argv)
{
	char *const options[] = {"--isolation", argc == 3 ? argv[1] : NULL, NULL};
	struct around a;
	struct boxd b;
	long rounds;

	if (argc != 3)
		return 2;
	rounds = strtol(argv[0], NULL, 10);
	read_apps(argv[2]);
	around_start(&a, options);
	boxd_start_with(&b, geteuid(), WORKER_PROGRAM, options);
	boxd_greet(&b);
	/* The first ones warm the file caches of both sides. */
	for (long i = -3; i < rounds; i++)
		one_round(&a, &b, i >= 0);
	boxd_stop(&b);
	around_stop(&a);
	return 0;
}

/* --- memory --- */

/* The folder of the box's own memory cgroup; "": there is none that we can read. */
static void memory_folder(pid_t pid, char ret[640])
{
	char path[64], line[512], *at;
	FILE *f;

	ret[0] = '\0';
	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	f = fopen(path, "re");
	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if ((at = strstr(line, ":memory:")))
			(void)snprintf(
				ret, 640, "/sys/fs/cgroup/memory%s", at + strlen(":memory:"));
		else if (strncmp(line, "0::", 3) == 0 && !ret[0])
			(void)snprintf(ret, 640, "/sys/fs/cgroup%s", line + strlen("0::"));
	}
	(void)fclose(f);
	/* "vitrine-PID/N": made by boxd for this box alone. */
	if (!strstr(ret, "/vitrine-"))
		ret[0] = '\0';
}

/* The number behind the key (NULL: the first one) in that file; 0: not there. */
static uint64_t number_in(const char *folder, const char *file, const char *key)
{
	char path[700], line[256];
	unsigned long long n = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, file);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		size_t skip = key ? strlen(key) : 0;

		if (key && strncmp(line, key, skip) != 0)
			continue;
		(void)sscanf(line + skip, " %llu", &n);
		break;
	}
	if (f)
		(void)fclose(f);
	return n;
}

struct charges {
	uint64_t all, kernel; /* bytes */
};

static struct charges charges_of(pid_t pid)
{
	struct charges c = {0};
	char folder[640];

	memory_folder(pid, folder);
	if (!folder[0])
		return c;
	c.all = number_in(folder, "memory.usage_in_bytes", NULL);
	c.kernel = number_in(folder, "memory.kmem.usage_in_bytes", NULL);
	if (c.all == 0) {
		c.all = number_in(folder, "memory.current", NULL);
		c.kernel = number_in(folder, "memory.stat", "kernel ");
	}
	return c;
}

/* What the whole machine holds in kernel memory that boxes cause, and in anonymous pages. */
struct machine {
	uint64_t kernel, anonymous; /* bytes */
};

static struct machine look_at_machine(void)
{
	static const char *const kernel[] = {"SUnreclaim:", "KernelStack:", "PageTables:",
		"SecPageTables:", "VmallocUsed:", "Percpu:"};
	struct machine m = {0};

	for (size_t i = 0; i < sizeof(kernel) / sizeof(kernel[0]); i++)
		m.kernel += 1024 * number_in("/proc", "meminfo", kernel[i]);
	m.anonymous = 1024 * number_in("/proc", "meminfo", "AnonPages:");
	return m;
}

static uint64_t growth(uint64_t before, uint64_t after)
{
	return after > before ? after - before : 0;
}

/*
 * Bytes for each of count boxes: STATE_cgroup, what their memory cgroups are charged with, and
 * STATE_all, with the kernel memory that no cgroup is charged with (most of a network namespace).
 */
static void weigh(
	const char *state, const struct worker *w, uint64_t count, const struct machine *before)
{
	struct machine now;
	struct charges sum = {0};
	uint64_t own;

	pause_ms(1000);
	now = look_at_machine();
	for (uint64_t i = 0; i < count; i++) {
		struct charges c = charges_of(w[i].pid);

		sum.all += c.all;
		sum.kernel += c.kernel;
	}
	own = sum.all ? sum.all - sum.kernel : growth(before->anonymous, now.anonymous);
	printf("%s_cgroup %llu\n", state, (unsigned long long)(sum.all / count));
	printf("%s_all %llu\n", state,
		(unsigned long long)((growth(before->kernel, now.kernel) + own) / count));
}

static struct worker held[BOX_SLOTS_MAX];

static void weigh_probes(const struct boxd *b, uint64_t count)
{
	struct machine before = look_at_machine();
	char words[512];

	for (uint64_t i = 0; i < count; i++) {
		held[i] = worker_start(b, (unsigned int)i, BOX_SMALL);
		CHECK(worker_ask(&held[i], "seal", words) && strncmp(words, "sealed", 6) == 0);
	}
	weigh("bare", held, count, &before);
}

static void weigh_workers(const struct boxd *b, uint64_t count)
{
	struct machine before = look_at_machine();

	for (uint64_t i = 0; i < count; i++) {
		struct peer p;

		held[i] = start_sealed(b, (unsigned int)i, BOX_SMALL, BOX_REFILL, &p);
		frame_joiner_done(&p.joiner);
	}
	weigh("blank", held, count, &before);
	for (uint64_t i = 0; i < count; i++) {
		struct peer p = {.pid = held[i].pid, .app = held[i].app};

		frame_joiner_init(&p.joiner);
		(void)peer_load(&p, template.text);
		frame_joiner_done(&p.joiner);
	}
	weigh("loaded", held, count, &before);
}

static int do_memory(int argc, char **argv)
{
	char slots[16];
	char *const options[] = {"--slots", slots, "--isolation", argc == 3 ? argv[1] : NULL, NULL};
	struct rlimit files;
	struct boxd b;
	uint64_t count;

	if (argc != 3)
		return 2;
	count = strtoul(argv[0], NULL, 10);
	if (count < 1 || count > BOX_SLOTS_MAX)
		return 2;
	read_apps(argv[2]);
	CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
	files.rlim_cur = files.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
	(void)snprintf(slots, sizeof(slots), "%llu", (unsigned long long)count);
	for (int real = 0; real < 2; real++) {
		boxd_start_with(&b, geteuid(), real ? WORKER_PROGRAM : PROBE_PATH, options);
		boxd_greet(&b);
		(real ? weigh_workers : weigh_probes)(&b, count);
		boxd_stop(&b);
		for (uint64_t i = 0; i < count; i++)
			worker_done(&held[i]);
		pause_ms(2000); /* network namespaces go one after the other */
	}
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
	struct worker visitor;
	struct boxd b;
	struct peer p;
	uint32_t n = 0;
	long seconds;

	if (argc != 1)
		return 2;
	seconds = strtol(argv[0], NULL, 10);
	boxd_start_with(&b, geteuid(), WORKER_PROGRAM, NULL);
	boxd_greet(&b);
	visitor = start_sealed(&b, 0, BOX_MEDIUM, BOX_NOW, &p);
	(void)peer_load(&p, echo);
	peer_open(&p);
	for (; seconds > 0; seconds--) {
		click_beside(&b, &p, -1, "calm", USEC_PER_SEC, &n);
		click_beside(&b, &p, BOX_NOW, "now", USEC_PER_SEC, &n);
		click_beside(&b, &p, BOX_REFILL, "refill", USEC_PER_SEC, &n);
	}
	end_box(&b, &visitor, &p);
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

#include "tests/peer/boxd.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dial.h"
#include "base/frame.h"
#include "base/spawn.h"
#include "tests/support/test.h"

#define PATIENCE_MS 60000
#define PLAIN_UID 61999

uint64_t now_usec(void)
{
	return clock_mono_usec();
}

uid_t boxd_plain_uid(void)
{
	return geteuid() == 0 ? PLAIN_UID : geteuid();
}

#define OWN_ARGS 9
#define ARGS_MAX 32

static void start_program(struct boxd *b, const struct boxd_setup *setup, int worker, int listener)
{
	char slots[16], uids[16], without[256];
	char *argv[ARGS_MAX] = {(char *)"vitrine-boxd", (char *)"--worker-fd", (char *)"3",
		(char *)"--listen-fd", (char *)"4", (char *)"--slots", slots, (char *)"--slot-uids",
		uids};
	char *const envp[] = {without, NULL};
	struct spawn_plan plan = SPAWN_PLAN_INIT;
	struct err e = {0};

	(void)snprintf(slots, sizeof(slots), "%d", BOXD_SLOTS);
	(void)snprintf(uids, sizeof(uids), "%u", BOXD_SLOT_UIDS);
	(void)snprintf(without, sizeof(without), "VITRINE_WITHOUT=%s",
		setup->without ? setup->without : "");
	for (size_t i = 0; setup->options && setup->options[i]; i++) {
		CHECK(OWN_ARGS + i + 1 < ARGS_MAX);
		argv[OWN_ARGS + i] = setup->options[i];
	}
	plan.exec_fd = open(setup->program ? setup->program : BOXD_PATH, O_RDONLY | O_CLOEXEC);
	CHECK(plan.exec_fd >= 0);
	plan.argv = argv;
	if (setup->without)
		plan.envp = envp;
	plan.fds[3] = worker;
	plan.fds[4] = listener;
	plan.n_fds = 5;
	plan.death_signal = SIGKILL;
	if (b->uid != geteuid()) {
		plan.uid = b->uid;
		plan.gid = b->uid;
	}
	b->pid = spawn_program(&plan, &e);
	if (b->pid < 0)
		fprintf(stderr, "%s\n", e.text);
	CHECK(b->pid > 0);
	close(plan.exec_fd);
}

static void start(struct boxd *b, const struct boxd_setup *setup)
{
	struct err e = {0};
	char path[96];
	int worker, listener;

	*b = (struct boxd){.uid = setup->uid, .agent = -1};
	(void)snprintf(b->dir, sizeof(b->dir), "/tmp/vitrine-boxd-XXXXXX");
	CHECK(mkdtemp(b->dir) != NULL);
	CHECK(chmod(b->dir, 0755) == 0);
	(void)snprintf(path, sizeof(path), "%s/box.sock", b->dir);
	worker = open(setup->worker ? setup->worker : PROBE_PATH, O_RDONLY | O_CLOEXEC);
	listener = listen_unix(path, SOCK_SEQPACKET, &e);
	CHECK(worker >= 0 && listener >= 0);
	start_program(b, setup, worker, listener);
	close(worker);
	close(listener);
}

void boxd_start_with(struct boxd *b, uid_t uid, const char *worker_path, char *const *options)
{
	start(b, &(struct boxd_setup){.uid = uid, .worker = worker_path, .options = options});
}

void boxd_start_unchecked(struct boxd *b, uid_t uid, const char *worker_path)
{
	boxd_start_with(b, uid, worker_path, NULL);
}

static bool greet(struct boxd *b)
{
	struct message m;

	b->agent = boxd_connect(b, b->uid);
	CHECK(agent_receive(b->agent, &m));
	CHECK(m.type == BOX_HOST && m.slot > 0);
	memcpy(b->host, m.words, sizeof(b->host));
	return !strstr(b->host, "boxes cannot be built");
}

bool boxd_start_as(struct boxd *b, const struct boxd_setup *setup)
{
	start(b, setup);
	return greet(b);
}

void boxd_start(struct boxd *b, uid_t uid)
{
	boxd_start_unchecked(b, uid, NULL);
	boxd_greet(b);
}

void boxd_greet(struct boxd *b)
{
	if (greet(b))
		return;
	fprintf(stderr, "SKIPPED: this machine builds no boxes:\n%s", b->host);
	boxd_stop(b);
	exit(77);
}

void boxd_stop(struct boxd *b)
{
	(void)kill(b->pid, SIGTERM);
	CHECK(waitpid(b->pid, NULL, 0) == b->pid);
	boxd_done(b);
}

void boxd_done(struct boxd *b)
{
	char path[96];

	if (b->agent >= 0)
		close(b->agent);
	(void)snprintf(path, sizeof(path), "%s/box.sock", b->dir);
	(void)unlink(path);
	(void)rmdir(b->dir);
}

void boxd_in_each_mode(void (*fn)(struct boxd *b))
{
	struct boxd b;

	if (geteuid() == 0) {
		boxd_start(&b, 0);
		fn(&b);
		boxd_stop(&b);
	}
	boxd_start(&b, boxd_plain_uid());
	fn(&b);
	boxd_stop(&b);
}

int boxd_connect(const struct boxd *b, uid_t uid)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/box.sock", b->dir);
	/* SO_PEERCRED is what the caller was when it connected. */
	if (uid != geteuid())
		CHECK(seteuid(uid) == 0);
	CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	if (getuid() == 0)
		CHECK(seteuid(0) == 0);
	return fd;
}

static void send_frame(int agent, const struct frame *f, const int *fds, size_t n)
{
	union {
		char bytes[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr msg = {.msg_iovlen = 1};
	struct iovec iov;
	struct buf b;

	buf_init(&b, 64);
	CHECK(frame_write(&b, f) == 0);
	iov = (struct iovec){b.data, b.len};
	msg.msg_iov = &iov;
	if (n > 0) {
		struct cmsghdr *c = (struct cmsghdr *)control.bytes;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	CHECK(sendmsg(agent, &msg, MSG_NOSIGNAL) == (ssize_t)b.len);
	buf_done(&b);
}

void agent_send(int agent, uint8_t type, uint8_t op, uint32_t slot, const int *fds, size_t n)
{
	send_frame(agent, &(struct frame){.type = type, .op = op, .node = slot}, fds, n);
}

static ssize_t receive_packet(int fd, void *bytes, size_t n)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (poll(&p, 1, PATIENCE_MS) != 1) {
		fprintf(stderr, "nothing came within %d ms\n", PATIENCE_MS);
		exit(1);
	}
	return recv(fd, bytes, n, 0);
}

bool agent_receive(int agent, struct message *ret)
{
	uint8_t packet[8192];
	ssize_t n = receive_packet(agent, packet, sizeof(packet));
	struct frame f;

	if (n <= 0)
		return false;
	CHECK(frame_read(&f, packet, (size_t)n, NULL) == n);
	CHECK(f.length < sizeof(ret->words));
	*ret = (struct message){.type = f.type, .slot = f.node, .seq = f.seq};
	memcpy(ret->words, f.value, f.length);
	return true;
}

bool agent_is_closed(int agent)
{
	struct message m;

	while (agent_receive(agent, &m))
		;
	return true;
}

struct worker worker_request(int agent, unsigned int slot, uint8_t class)
{
	return worker_request_as(agent, slot, class, BOX_NOW);
}

struct worker worker_request_as(int agent, unsigned int slot, uint8_t class, uint32_t kind)
{
	const struct frame f = {.type = BOX_SPAWN, .op = class, .node = slot, .seq = kind};
	struct worker w = {.slot = slot};
	int log[2], app[2], infer[2], theirs[3];

	CHECK(pipe2(log, O_CLOEXEC) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, app) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, infer) == 0);
	w.log = log[0];
	w.app = app[0];
	w.infer = infer[0];
	theirs[0] = log[1];
	theirs[1] = app[1];
	theirs[2] = infer[1];
	send_frame(agent, &f, theirs, 3);
	for (int i = 0; i < 3; i++)
		close(theirs[i]);
	return w;
}

struct worker worker_start(const struct boxd *b, unsigned int slot, uint8_t class)
{
	struct worker w = worker_request(b->agent, slot, class);
	struct message m;

	CHECK(agent_receive(b->agent, &m));
	if (m.type != BOX_SPAWNED)
		fprintf(stderr, "type 0x%x: %s\n", m.type, m.words);
	CHECK(m.type == BOX_SPAWNED && m.slot == slot);
	w.pid = (pid_t)m.seq;
	return w;
}

void worker_done(struct worker *w)
{
	close(w->log);
	close(w->app);
	close(w->infer);
}

struct worker worker_sealed(const struct boxd *b, unsigned int slot)
{
	struct worker w = worker_start(b, slot, BOX_SMALL);
	char words[512];

	CHECK(worker_ask(&w, "seal", words));
	if (strncmp(words, "sealed", 6) != 0)
		fprintf(stderr, "%s\n", words);
	CHECK(strncmp(words, "sealed", 6) == 0);
	return w;
}

void worker_end(const struct boxd *b, struct worker *w)
{
	agent_send(b->agent, BOX_KILL, 0, w->slot, NULL, 0);
	CHECK(agent_wait_exit(b->agent, w->slot, NULL) == SIGKILL);
	worker_done(w);
}

void worker_order(const struct worker *w, const char *order)
{
	CHECK(send(w->app, order, strlen(order), MSG_NOSIGNAL) == (ssize_t)strlen(order));
}

bool worker_ask(const struct worker *w, const char *order, char ret[512])
{
	ssize_t n;

	worker_order(w, order);
	n = receive_packet(w->app, ret, 511);
	if (n <= 0)
		return false;
	ret[n] = '\0';
	return true;
}

int agent_wait_exit(int agent, unsigned int slot, char words[4096])
{
	struct message m;

	CHECK(agent_receive(agent, &m));
	CHECK(m.type == BOX_EXITED && m.slot == slot);
	if (words)
		memcpy(words, m.words, sizeof(m.words));
	return (int)m.seq;
}

/* "4:cpu,cpuacct:/path" in v1; v2 has the one line "0::/path". cgroups(7). */
static bool is_hierarchy(const char *line, const char *controller)
{
	char copy[512], *rest = copy, *name;

	(void)snprintf(copy, sizeof(copy), "%.511s", line);
	(void)strsep(&rest, ":");
	if (strncmp(line, "0::", 3) == 0 || !rest)
		return rest != NULL;
	for (char *names = strsep(&rest, ":"); (name = strsep(&names, ","));)
		if (strcmp(name, controller) == 0)
			return true;
	return false;
}

/* Ends in the folder of a box, which has a number, below that boxd's home. */
static bool is_box_folder(const char *line, int boxd)
{
	char home[32];
	const char *at;

	(void)snprintf(home, sizeof(home), "/vitrine-%d/", boxd);
	at = strstr(line, home);
	if (!at)
		return false;
	at += strlen(home);
	return strspn(at, "0123456789") > 0 && at[strspn(at, "0123456789")] == '\n';
}

bool worker_has_cgroup(const struct boxd *b, const struct worker *w, const char *controller)
{
	char path[64], line[1024];
	bool found = false;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", w->pid);
	f = fopen(path, "re");
	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f))
		found |= is_hierarchy(line, controller) && is_box_folder(line, b->pid);
	(void)fclose(f);
	return found;
}

void proc_line(pid_t pid, const char *file, const char *key, char ret[256])
{
	char path[64], line[512];
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	f = fopen(path, "re");
	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f)) {
		char *at = line + strlen(key);

		if (strncmp(line, key, strlen(key)) != 0)
			continue;
		at += strspn(at, " \t");
		at[strcspn(at, "\n")] = '\0';
		(void)snprintf(ret, 256, "%s", at);
		(void)fclose(f);
		return;
	}
	fprintf(stderr, "%s has no line %s\n", path, key);
	exit(1);
}

/* Dead but not reaped counts: an orphan is reaped when init finds the time. */
static bool is_dead(pid_t pid)
{
	char path[64], stat[512] = "";
	const char *end;
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	n = read(fd, stat, sizeof(stat) - 1);
	close(fd);
	end = n > 0 ? strrchr(stat, ')') : NULL;
	return !end || end[2] == 'Z' || end[2] == 'X';
}

bool process_is_gone(pid_t pid, int within_ms)
{
	for (int i = 0; i < within_ms; i++) {
		if (is_dead(pid))
			return true;
		(void)poll(NULL, 0, 1);
	}
	return false;
}

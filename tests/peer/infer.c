#include "tests/peer/infer.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/dial.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/spawn.h"
#include "proto/messages.h"
#include "tests/support/test.h"

/* --- frames --- */

void peer_init(struct peer *p, int fd)
{
	memset(p, 0, sizeof(*p));
	p->fd = fd;
	frame_joiner_init(&p->joiner);
}

void peer_done(struct peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	frame_joiner_done(&p->joiner);
	json_decref(p->value);
	free(p->metrics);
	memset(p, 0, sizeof(*p));
	p->fd = -1;
}

void send_frame(struct peer *p, const struct frame *head, const void *value, size_t n, int file)
{
	const uint8_t *at = value;

	do {
		size_t part = n > FRAME_VALUE_MAX ? FRAME_VALUE_MAX : n;
		char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0};
		struct frame f = *head;
		struct iovec iov;
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
		struct buf b;

		f.more = n > part;
		f.value = at;
		f.length = part;
		buf_init(&b, FRAME_PACKET_MAX);
		CHECK(frame_write(&b, &f) == 0);
		iov = (struct iovec){b.data, b.len};
		if (file >= 0) {
			msg.msg_control = control;
			msg.msg_controllen = sizeof(control);
			CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
			CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
			CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), &file, sizeof(int));
		}
		CHECK(sendmsg(p->fd, &msg, MSG_NOSIGNAL) == (ssize_t)b.len);
		buf_done(&b);
		at += part;
		n -= part;
	} while (n > 0);
}

void send_message(struct peer *p, uint8_t type, uint32_t seq, const char *value, int file)
{
	const struct frame head = {.type = type, .seq = seq, .channel = 7, .node = 3};

	send_frame(p, &head, value, strlen(value), file);
}

bool has_message(struct peer *p)
{
	struct pollfd ready = {.fd = p->fd, .events = POLLIN};

	return p->at < p->length || poll(&ready, 1, 0) == 1;
}

static void note_metrics(struct peer *p)
{
	free(p->metrics);
	p->metrics = strndup((const char *)p->f.value, p->f.length);
	CHECK(p->metrics);
}

/* It comes further each time. */
static void note_loading(struct peer *p)
{
	json_t *v = json_loadb((const char *)p->f.value, p->f.length, 0, NULL);
	json_int_t percent = json_integer_value(json_object_get(v, "percent"));

	CHECK(json_is_integer(json_object_get(v, "percent")) && percent <= 100);
	CHECK(p->loadings == 0 || p->loading != p->f.seq || percent > p->percent);
	p->loadings++;
	p->percent = percent;
	p->loading = p->f.seq;
	json_decref(v);
}

int next_frame(struct peer *p)
{
	int used, r;

	if (p->at == p->length) {
		struct pollfd ready = {.fd = p->fd, .events = POLLIN};
		ssize_t n;

		CHECK(poll(&ready, 1, PATIENCE_MS) == 1);
		n = recv(p->fd, p->packet, sizeof(p->packet), 0);
		if (n <= 0)
			return -1;
		p->length = (size_t)n;
		p->at = 0;
	}
	used = frame_read(&p->f, p->packet + p->at, p->length - p->at, NULL);
	CHECK(used > 0);
	p->at += (size_t)used;
	r = frame_join(&p->joiner, &p->f, 8 << 20, NULL);
	CHECK(r >= 0);
	if (r == 0)
		return 0;
	json_decref(p->value);
	p->value = json_loadb((const char *)p->f.value, p->f.length, 0, NULL);
	if (p->f.type == INFER_LOADING)
		note_loading(p);
	else if (p->f.type == MODELS_METRICS)
		note_metrics(p);
	else
		return p->f.type;
	return 0;
}

int next_message(struct peer *p)
{
	int type;

	do
		type = next_frame(p);
	while (type == 0);
	return type;
}

const char *text_of(const struct peer *p, const char *key)
{
	const char *s = json_string_value(json_object_get(p->value, key));

	return s ? s : "";
}

/* --- the program --- */

static char dir[64];
static const char *memory, *data;
static pid_t program;
static int listen_fd = -1;

static void spawn_it(void)
{
	char models[128];
	char *argv[] = {"vitrine-inference", "--listen-fd", "3", "--models", "models", "--models",
		models, "--peer-uid", "12345", "--memory", (char *)memory, data ? "--data" : NULL,
		(char *)data, NULL};
	struct spawn_plan plan = SPAWN_PLAN_INIT;
	struct err e = {0};

	(void)snprintf(models, sizeof(models), "%s/models", dir);
	plan.path = INFERENCE_PROGRAM;
	plan.argv = argv;
	plan.fds[3] = listen_fd;
	plan.n_fds = 4;
	plan.death_signal = SIGKILL; /* a failed check leaves nothing running */
	program = spawn_program(&plan, &e);
	if (program < 0)
		fprintf(stderr, "%s\n", e.text);
	CHECK(program > 0);
}

void inference_start(const char *mib, const char *where)
{
	char path[128];
	struct err e = {0};

	memory = mib;
	data = where;
	(void)snprintf(dir, sizeof(dir), "/tmp/vitrine-infer-XXXXXX");
	CHECK(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/models/ann/broken", dir);
	CHECK(fs_mkdirs(path, 0755, &e) == 0);
	(void)snprintf(path, sizeof(path), "%s/models/ann/broken/config.json", dir);
	CHECK(fs_write_durable(AT_FDCWD, path, "{}", 2, 0644, &e) == 0);
	(void)snprintf(path, sizeof(path), "%s/infer.sock", dir);
	listen_fd = listen_unix(path, SOCK_SEQPACKET, &e);
	CHECK(listen_fd >= 0);
	spawn_it();
}

pid_t inference_pid(void)
{
	return program;
}

void inference_kill_and_start(void)
{
	CHECK(kill(program, SIGKILL) == 0 && waitpid(program, NULL, 0) == program);
	spawn_it();
}

void dial(struct peer *p)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/infer.sock", dir);
	CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	peer_init(p, fd);
	CHECK(next_message(p) == MODELS_LIST);
}

/* A worker of this Space, whose other end the agent hands over. */
void attach_as(struct peer *agent, struct peer *w, const char *replica, const char *space)
{
	char value[128];
	int pair[2];

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	snprintf(value, sizeof(value), "{\"replica\":\"%s\",\"space\":\"\"}", replica);
	send_message(agent, MODELS_ATTACH, 0, value, pair[0]);
	close(pair[0]);
	snprintf(value, sizeof(value), "{\"replica\":\"%s\",\"space\":\"%s\"}", replica, space);
	send_message(agent, MODELS_ASSIGN, 0, value, -1);
	peer_init(w, pair[1]);
}

/* Each replica is a Space of its own. */
void attach(struct peer *agent, struct peer *w, const char *replica)
{
	char space[40];

	snprintf(space, sizeof(space), "s-%s", replica);
	attach_as(agent, w, replica, space);
}

void inference_stop(void)
{
	int status;

	CHECK(waitpid(program, &status, WNOHANG) == 0); /* it survived all of it */
	CHECK(kill(program, SIGTERM) == 0 && waitpid(program, &status, 0) == program);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(listen_fd);
	(void)fs_remove_tree(dir);
}

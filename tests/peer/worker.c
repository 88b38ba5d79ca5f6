#include "tests/peer/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/link.h"
#include "base/spawn.h"
#include "proto/bundle.h"
#include "proto/constants.h"
#include "proto/messages.h"
#include "tests/support/test.h"

#define PATIENCE_MS 30000

void peer_start(struct peer *p, const char *program)
{
	char *argv[] = {"vitrine-worker", NULL};
	struct spawn_plan plan = SPAWN_PLAN_INIT;
	int app[2], infer[2], log[2];
	struct err e = {0};
	struct frame f;
	uint64_t began;

	*p = (struct peer){0};
	frame_joiner_init(&p->joiner);
	CHECK(link_pair(app) == 0 && link_pair(infer) == 0 && pipe2(log, O_CLOEXEC) == 0);
	p->app = app[0];
	p->infer = infer[0];
	p->log = log[0];
	plan.path = program;
	plan.exec_fd = -1;
	plan.argv = argv;
	plan.fds[1] = log[1];
	plan.fds[2] = log[1];
	plan.fds[3] = app[1];
	plan.fds[4] = infer[1];
	plan.n_fds = 5;
	began = clock_mono_usec();
	p->pid = spawn_program(&plan, &e);
	if (p->pid < 0)
		fprintf(stderr, "%s\n", e.text);
	CHECK(p->pid > 0);
	close(app[1]);
	close(infer[1]);
	close(log[1]);
	CHECK(peer_receive(p, &f) && f.type == APP_SEALED);
	p->sealed_usec = clock_mono_usec() - began;
}

static void send_part(struct peer *p, const struct frame *f, int fd)
{
	int r;

	while ((r = link_post(p->app, f, &fd, fd >= 0)) == -EAGAIN) {
		struct pollfd wait = {.fd = p->app, .events = POLLOUT};

		(void)poll(&wait, 1, PATIENCE_MS);
	}
	CHECK(r == 0);
}

void peer_send(struct peer *p, const struct frame *f, int fd)
{
	struct frame part = *f;
	size_t left = f->length;

	for (; left > FRAME_VALUE_MAX; left -= FRAME_VALUE_MAX) {
		part.length = FRAME_VALUE_MAX;
		part.more = true;
		send_part(p, &part, -1);
		part.value += FRAME_VALUE_MAX;
	}
	part.length = left;
	part.more = false;
	send_part(p, &part, fd);
}

bool peer_receive(struct peer *p, struct frame *ret)
{
	struct err e = {0};

	for (;;) {
		struct pollfd wait = {.fd = p->app, .events = POLLIN};
		ssize_t n;

		while (p->at < p->length) {
			int used = frame_read(ret, p->packet + p->at, p->length - p->at, &e);
			long max = proto_value_max(PROTO_APP, PROTO_UP, ret->type);

			CHECK(used > 0 && max >= 0);
			p->at += (size_t)used;
			if (frame_join(&p->joiner, ret, (size_t)max, &e) == 1)
				return true;
		}
		CHECK(poll(&wait, 1, 3 * PATIENCE_MS) == 1);
		n = recv(p->app, p->packet, sizeof(p->packet), 0);
		if (n <= 0)
			return false;
		p->at = 0;
		p->length = (size_t)n;
	}
}

bool peer_give(struct peer *p, const char *app, struct frame *ret)
{
	const struct app_app m = {.space = "space0",
		.owner = "ada",
		.name = "demo",
		.bundle = "0000000000000000000000000000000000000000000000000000000000000000",
		.entry = "app.lua"};
	struct frame f = {.type = APP_APP};
	struct buf bundle, value;
	struct err e = {0};
	int fd;

	buf_init(&bundle, BUNDLE_MAX);
	buf_init(&value, 4096);
	CHECK(bundle_begin(&bundle, 1, &e) == 0);
	CHECK(bundle_add(&bundle, "app.lua", app, strlen(app), &e) == 0);
	CHECK(app_app_write(&m, &value) == 0);
	fd = fs_memfd_sealed("bundle", bundle.data, bundle.len, &e);
	CHECK(fd >= 0);
	f.value = value.data;
	f.length = value.len;
	peer_send(p, &f, fd);
	close(fd);
	buf_done(&bundle);
	buf_done(&value);
	return peer_receive(p, ret);
}

uint64_t peer_load(struct peer *p, const char *app)
{
	uint64_t began = clock_mono_usec();
	struct frame f;

	CHECK(peer_give(p, app, &f));
	if (f.type != APP_HELLO)
		fprintf(stderr, "%.*s\n", (int)f.length, (const char *)f.value);
	CHECK(f.type == APP_HELLO);
	return clock_mono_usec() - began;
}

void peer_open(struct peer *p)
{
	static const char value[] = "{\"session\":\"s7\",\"image\":{},\"overlay\":[]}";
	const struct frame f = {.type = APP_OPEN,
		.channel = 7,
		.value = (const uint8_t *)value,
		.length = sizeof(value) - 1};

	peer_send(p, &f, -1);
}

void peer_click(struct peer *p, uint32_t node, uint32_t n)
{
	const struct frame f = {.type = APP_EVENT,
		.op = EVENT_CLICK,
		.channel = 7,
		.node = node,
		.seq = n,
		.value = (const uint8_t *)"null",
		.length = 4};
	struct frame in;

	peer_send(p, &f, -1);
	do {
		CHECK(peer_receive(p, &in));
		if (in.type == APP_FAIL)
			fprintf(stderr, "%.*s\n", (int)in.length, (const char *)in.value);
		CHECK(in.type != APP_FAIL);
	} while (in.type != APP_COMMIT || in.op != COMMIT_FINISH || in.node != n);
	peer_send(p, &(struct frame){.type = APP_ACK, .channel = 7, .seq = in.seq}, -1);
}

int peer_end(struct peer *p)
{
	int status = -1;

	close(p->app);
	close(p->infer);
	CHECK(waitpid(p->pid, &status, 0) == p->pid);
	close(p->log);
	frame_joiner_done(&p->joiner);
	return status;
}

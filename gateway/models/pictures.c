#include "gateway/models/pictures.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/link.h"
#include "base/spawn.h"
#include "picture/job.h"

#define WAIT_SEC 30
#define WORDS_MAX 256

struct pictures {
	struct loop *loop;             /* borrowed */
	int control;                   /* owned; -1: none */
	struct picture_reading *first; /* borrowed */
	size_t n;
};

struct picture_reading {
	struct picture_reading *next, **at;
	struct pictures *pictures;
	int fd;
	struct source *source, *timer;
	struct buf out;
	size_t sent; /* of out */
	struct buf in;
	size_t pixels; /* bytes of them that must come */
	pictures_fn fn;
	void *data;
};

int pictures_start(const char *program, struct err *e)
{
	char *argv[] = {"vitrine-picture", NULL};
	struct spawn_plan plan = SPAWN_PLAN_INIT;
	int pair[2], r = link_pair(pair);
	pid_t pid;

	if (r < 0)
		return err_set(e, r, "vitrine-picture: %s", strerror(-r));
	/* It waits in it. */
	(void)fcntl(pair[1], F_SETFL, fcntl(pair[1], F_GETFL) & ~O_NONBLOCK);
	plan.path = program;
	plan.argv = argv;
	plan.fds[3] = pair[1];
	plan.n_fds = 4;
	plan.death_signal = SIGKILL;
	pid = spawn_program(&plan, e);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return err_wrap(e, "vitrine-picture");
	}
	return pair[0];
}

int pictures_new(struct loop *loop, int control, struct pictures **ret)
{
	struct pictures *p = calloc(1, sizeof(*p));

	if (!p) {
		if (control >= 0)
			close(control);
		return -ENOMEM;
	}
	*p = (struct pictures){.loop = loop, .control = control};
	*ret = p;
	return 0;
}

struct pictures *pictures_free(struct pictures *p)
{
	if (!p)
		return NULL;
	assert(!p->first);
	if (p->control >= 0)
		close(p->control);
	free(p);
	return NULL;
}

/* --- one picture --- */

struct picture_reading *picture_reading_drop(struct picture_reading *r)
{
	if (!r)
		return NULL;
	if (r->at) {
		*r->at = r->next;
		if (r->next)
			r->next->at = r->at;
		r->pictures->n--;
	}
	(void)source_free(r->source);
	(void)source_free(r->timer);
	if (r->fd >= 0)
		close(r->fd);
	buf_done(&r->out);
	buf_done(&r->in);
	free(r);
	return NULL;
}

static void finish(struct picture_reading *r, const uint8_t *rgb, const char *words)
{
	r->fn(rgb, rgb ? r->pixels : 0, words, r->data);
	(void)picture_reading_drop(r);
}

static void tell(struct picture_reading *r)
{
	char words[WORDS_MAX + 1];
	int32_t status;

	if (r->in.len < sizeof(status)) {
		finish(r, NULL, "the picture could not be read within its limits");
		return;
	}
	memcpy(&status, r->in.data, sizeof(status));
	if (status == 0 && r->in.len == sizeof(status) + r->pixels) {
		finish(r, r->in.data + sizeof(status), NULL);
		return;
	}
	(void)snprintf(words, sizeof(words), "%s",
		status < 0 ? buf_str(&r->in) + sizeof(status) : "the picture could not be read");
	finish(r, NULL, words);
}

static void on_late(void *data)
{
	finish(data, NULL, "the picture could not be read within 30 seconds, the limit");
}

static void send_some(struct picture_reading *r)
{
	while (r->sent < r->out.len) {
		ssize_t n = send(r->fd, r->out.data + r->sent, r->out.len - r->sent,
			MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) /* it reads no more: what it says of it is still to come */
			break;
		r->sent += (size_t)n;
	}
	buf_done(&r->out);
	(void)shutdown(r->fd, SHUT_WR);
	(void)source_set_events(r->source, EPOLLIN);
}

/* 1: all of it has come. */
static int receive_some(struct picture_reading *r)
{
	uint8_t part[16384];

	for (;;) {
		ssize_t n = recv(r->fd, part, sizeof(part), MSG_DONTWAIT);

		if (n < 0)
			return errno == EAGAIN ? 0 : 1;
		if (n == 0 || buf_add(&r->in, part, (size_t)n) < 0)
			return 1;
	}
}

static void on_ready(int fd, uint32_t events, void *data)
{
	struct picture_reading *r = data;

	(void)fd;
	if (events & EPOLLOUT)
		send_some(r);
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && receive_some(r) == 1)
		tell(r);
}

static int hand_over(const struct pictures *p, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0};
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	return sendmsg(p->control, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ? 0 : -errno;
}

static int start(struct picture_reading *r)
{
	struct pictures *p = r->pictures;
	int pair[2], n;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	r->fd = pair[0];
	n = hand_over(p, pair[1]);
	close(pair[1]);
	if (n == 0)
		n = loop_add_fd(p->loop, r->fd, EPOLLIN | EPOLLOUT, on_ready, r, &r->source);
	if (n == 0)
		n = loop_add_timer(p->loop, on_late, r, &r->timer);
	if (n < 0)
		return n == -EAGAIN ? -EBUSY : n == -EPIPE ? -ENOTCONN : n;
	timer_arm_after(r->timer, WAIT_SEC * USEC_PER_SEC);
	r->next = p->first;
	r->at = &p->first;
	if (r->next)
		r->next->at = &r->next;
	p->first = r;
	p->n++;
	return 0;
}

static int check(const struct pictures *p, const struct picture_job *how, struct err *e)
{
	if (p->control < 0)
		return err_set(e, -ENOTCONN, "pictures are not read here");
	if (how->n == 0)
		return err_set(e, -EINVAL, "the body is empty, and no picture");
	if (how->n > PICTURE_FILE_MAX)
		return err_set(e, -EMSGSIZE, "the picture is over the limit of %u bytes",
			PICTURE_FILE_MAX);
	if (how->width == 0 || how->width > PICTURE_SIDE_MAX || how->height == 0 ||
		how->height > PICTURE_SIDE_MAX)
		return err_set(e, -EINVAL, "the model wants %u x %u pixels, the limit is %u",
			how->width, how->height, PICTURE_SIDE_MAX);
	return p->n < PICTURES_UNDER_WAY_MAX
		       ? 0
		       : err_set(e, -EBUSY, "too many pictures are being read just now");
}

int picture_read_begin(struct pictures *p, const struct picture_job *how, const uint8_t *bytes,
	pictures_fn fn, void *data, struct picture_reading **ret, struct err *e)
{
	struct picture_reading *r;
	int n = check(p, how, e);

	if (n < 0)
		return n;
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_set(e, -ENOMEM, "out of memory");
	*r = (struct picture_reading){.pictures = p,
		.fd = -1,
		.fn = fn,
		.data = data,
		.pixels = (size_t)how->width * how->height * 3};
	buf_init(&r->out, sizeof(*how) + PICTURE_FILE_MAX);
	buf_init(&r->in, sizeof(int32_t) + (r->pixels > WORDS_MAX ? r->pixels : WORDS_MAX));
	n = buf_add(&r->out, how, sizeof(*how));
	if (n == 0)
		n = buf_add(&r->out, bytes, how->n);
	if (n == 0)
		n = start(r);
	if (n < 0) {
		(void)picture_reading_drop(r);
		return err_set(e, n, "the picture cannot be read just now: %s", strerror(-n));
	}
	*ret = r;
	return 0;
}

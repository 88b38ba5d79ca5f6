#include "base/link.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define PACKETS_PER_ROUND 32 /* so that one busy link does not starve the others */
#define LAST_WORDS_ROUNDS 64

/* One packet that the kernel did not take yet. */
struct packet {
	struct packet *next;
	size_t length;
	struct link_files files; /* owned */
	uint8_t bytes[];
};

struct link {
	struct loop *loop;
	struct source *source;   /* owned */
	struct source *deferred; /* owned; reports a failure found while sending */
	const struct link_ops *ops;
	void *data;
	struct link_limits limits;
	int fd; /* owned; -1 once closed */
	int corked;
	struct buf gather; /* frames of the packet being filled */
	struct packet *head, **tail;
	size_t queued;
	uint64_t taken_usec;   /* when the kernel last took a packet of the queue */
	struct source *resume; /* owned; made when rest first needs it */
	struct buf rest;       /* of a packet: what its turn or a hold left unheard, from rest_at */
	size_t rest_at;
	uint64_t turn_ends_usec; /* 0: it has no end */
	bool held;
	bool was_high;    /* on_drained is due when the queue empties */
	bool dispatching; /* link_free from inside a callback waits */
	bool freed;
	struct frame_joiner joiner;
	struct err reason;
};

static uint64_t files_refused;

static void on_ready(int fd, uint32_t events, void *data);

int link_pair(int ret[2])
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	ret[0] = pair[0];
	ret[1] = pair[1];
	return 0;
}

int link_new(struct loop *loop, int fd, const struct link_ops *ops,
	const struct link_limits *limits, void *data, struct link **ret)
{
	struct link *l = calloc(1, sizeof(*l));
	int flags = fcntl(fd, F_GETFL);
	int r = -ENOMEM;

	if (!l)
		goto fail;
	*l = (struct link){.loop = loop, .ops = ops, .data = data, .limits = *limits, .fd = fd};
	l->tail = &l->head;
	buf_init(&l->gather, FRAME_PACKET_MAX);
	buf_init(&l->rest, FRAME_PACKET_MAX);
	frame_joiner_init(&l->joiner);
	if (flags < 0 || (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)) {
		r = -errno;
		goto fail;
	}
	r = loop_add_fd(loop, fd, EPOLLIN, on_ready, l, &l->source);
	if (r < 0)
		goto fail;
	*ret = l;
	return 0;
fail:
	close(fd);
	free(l);
	return r;
}

int link_files_take(struct link_files *files, size_t i)
{
	return i < files->n ? TAKE_FD(files->fd[i]) : -1;
}

static void close_files(struct link_files *files)
{
	for (size_t i = 0; i < files->n; i++)
		if (files->fd[i] >= 0)
			close(files->fd[i]);
	files->n = 0;
}

static void drop_queue(struct link *l)
{
	while (l->head) {
		struct packet *p = l->head;

		l->head = p->next;
		close_files(&p->files);
		free(p);
	}
	l->tail = &l->head;
	l->queued = 0;
}

static void link_shut(struct link *l)
{
	l->source = source_free(l->source);
	l->deferred = source_free(l->deferred);
	l->resume = source_free(l->resume);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	drop_queue(l);
}

struct link *link_free(struct link *l)
{
	if (!l)
		return NULL;
	link_shut(l);
	if (l->dispatching) {
		l->freed = true;
		return NULL;
	}
	buf_done(&l->gather);
	buf_done(&l->rest);
	frame_joiner_done(&l->joiner);
	free(l);
	return NULL;
}

/* Ends the link and tells the owner. Only from the loop. */
static void link_end(struct link *l)
{
	bool outermost = !l->dispatching;

	l->dispatching = true;
	link_shut(l);
	l->ops->on_closed(l, &l->reason, l->data);
	if (!outermost)
		return;
	l->dispatching = false;
	if (l->freed)
		(void)link_free(l);
}

static int receive(struct link *l);

static void report_end(void *data)
{
	struct link *l = data;
	int r = 0;

	l->deferred = NULL; /* it frees itself after this call */
	l->dispatching = true;
	l->held = false;
	/* What the peer said before it died still lies in the socket. Bounded, because one that
	 * only shut its reading side can go on talking. */
	for (int i = 0; i < LAST_WORDS_ROUNDS && r == 0 && l->fd >= 0 && l->reason.code == 0; i++)
		r = receive(l);
	if (l->fd >= 0)
		link_end(l);
	l->dispatching = false;
	if (l->freed)
		(void)link_free(l);
}

/* A failure found inside link_send is told from the loop, never from inside that call. */
static int link_fail_later(struct link *l, int code, const char *what)
{
	(void)err_set(&l->reason, code == -EPIPE || code == -ECONNRESET ? 0 : code, "%s: %s", what,
		strerror(-code));
	l->source = source_free(l->source);
	if (!l->deferred)
		(void)loop_defer(l->loop, report_end, l, &l->deferred);
	return -EPIPE;
}

/* --- sending --- */

static ssize_t send_packet(int sock, const uint8_t *bytes, size_t n, const struct link_files *files)
{
	union {
		char bytes[CMSG_SPACE(LINK_FILES_MAX * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = (void *)bytes, .iov_len = n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;

	/* Without a file a plain send: the sealed worker may not call sendmsg. */
	if (files->n == 0)
		return send(sock, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	msg.msg_control = control.bytes;
	msg.msg_controllen = CMSG_SPACE(files->n * sizeof(int));
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(files->n * sizeof(int));
	memcpy(CMSG_DATA(c), files->fd, files->n * sizeof(int));
	return sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Waits for what the link can use now. A packet's rest comes before the next packet. */
static void watch(struct link *l)
{
	uint32_t events = l->head ? EPOLLOUT : 0;

	if (!l->held && l->rest_at == l->rest.len)
		events |= EPOLLIN;
	if (l->source)
		(void)source_set_events(l->source, events);
}

static int enqueue(struct link *l, const uint8_t *bytes, size_t n, const struct link_files *files)
{
	struct packet *p = malloc(sizeof(*p) + n);

	if (!p)
		return -ENOMEM;
	*p = (struct packet){.length = n};
	for (size_t i = 0; i < files->n; i++) {
		int copy = fcntl(files->fd[i], F_DUPFD_CLOEXEC, 3);

		if (copy < 0) {
			int r = -errno;

			close_files(&p->files);
			free(p);
			return r;
		}
		p->files.fd[p->files.n++] = copy;
	}
	memcpy(p->bytes, bytes, n);
	if (!l->head)
		l->taken_usec = clock_mono_usec();
	*l->tail = p;
	l->tail = &p->next;
	l->queued += n;
	if (p == l->head)
		watch(l);
	if (l->queued > l->limits.queue_max / 2)
		l->was_high = true;
	return 0;
}

static int put_packet(
	struct link *l, const uint8_t *bytes, size_t n, const struct link_files *files)
{
	if (!l->head) {
		ssize_t put = send_packet(l->fd, bytes, n, files);

		if (put >= 0)
			return 0;
		if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
			return link_fail_later(l, -errno, "send");
	}
	return enqueue(l, bytes, n, files);
}

static int flush_gather(struct link *l, const struct link_files *files)
{
	int r = 0;

	if (l->gather.len > 0)
		r = put_packet(l, l->gather.data, l->gather.len, files);
	buf_clear(&l->gather);
	return r;
}

static const struct link_files no_files;

/* Files go with the last packet of a split value, which the receiver joins into one message. */
static int send_split(struct link *l, const struct frame *f, const struct link_files *files)
{
	const uint8_t *value = f->value;
	size_t left = f->length;

	do {
		struct frame part = *f;
		int r;

		part.value = value;
		part.length = left > FRAME_VALUE_MAX ? FRAME_VALUE_MAX : left;
		part.more = left > part.length;
		r = frame_write(&l->gather, &part);
		if (r < 0)
			return r;
		left -= part.length;
		if (left > 0)
			value += part.length; /* a value without bytes may be NULL */
		if (l->corked == 0 || left > 0 || files->n > 0) {
			r = flush_gather(l, left > 0 ? &no_files : files);
			if (r < 0)
				return r;
		}
	} while (left > 0);
	return 0;
}

int link_send_files(struct link *l, const struct frame *f, const int *fds, size_t n)
{
	size_t wire = f->length + FRAME_HEADER * (f->length / FRAME_VALUE_MAX + 1);
	struct link_files files = {.n = n};

	assert(n <= LINK_FILES_MAX);
	for (size_t i = 0; i < n; i++)
		files.fd[i] = fds[i];
	if (l->fd < 0 || !l->source)
		return -EPIPE;
	if (l->queued + wire > l->limits.queue_max)
		return -ENOBUFS;
	if (n > 0 || l->gather.len + wire > FRAME_PACKET_MAX) {
		int r = flush_gather(l, &no_files);

		if (r < 0)
			return r;
	}
	return send_split(l, f, &files);
}

int link_send(struct link *l, const struct frame *f)
{
	return link_send_files(l, f, NULL, 0);
}

int link_post(int fd, const struct frame *f, const int *fds, size_t n)
{
	struct link_files files = {.n = n};
	struct buf packet;
	int r;

	assert(n <= LINK_FILES_MAX && f->length <= FRAME_VALUE_MAX);
	for (size_t i = 0; i < n; i++)
		files.fd[i] = fds[i];
	buf_init(&packet, FRAME_PACKET_MAX);
	r = frame_write(&packet, f);
	if (r == 0 && send_packet(fd, packet.data, packet.len, &files) < 0)
		r = -errno;
	buf_done(&packet);
	return r;
}

void link_cork(struct link *l)
{
	l->corked++;
}

void link_uncork(struct link *l)
{
	assert(l->corked > 0);
	if (--l->corked == 0 && l->fd >= 0 && l->source)
		(void)flush_gather(l, &no_files);
}

static int send_queued(struct link *l)
{
	while (l->head) {
		struct packet *p = l->head;
		ssize_t put = send_packet(l->fd, p->bytes, p->length, &p->files);

		if (put < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS))
			return 0;
		if (put < 0)
			return -errno;
		l->head = p->next;
		if (!l->head)
			l->tail = &l->head;
		l->queued -= p->length;
		l->taken_usec = clock_mono_usec();
		close_files(&p->files);
		free(p);
	}
	watch(l);
	return 0;
}

/* --- receiving --- */

/* Collects the files of a packet; what has no room here the kernel has dropped. */
static void take_files(struct msghdr *msg, struct link_files *ret)
{
	if (msg->msg_flags & MSG_CTRUNC)
		files_refused++;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(ret->fd, CMSG_DATA(c), n * sizeof(int));
		ret->n = n;
	}
}

static bool turn_is_over(const struct link *l)
{
	return l->held || (l->turn_ends_usec && clock_mono_usec() >= l->turn_ends_usec);
}

/* One message of a packet: the bytes it took, or why to end the link (l->reason). */
static int take_message(struct link *l, const uint8_t *bytes, size_t n, struct link_files *files)
{
	struct frame f;
	int used = frame_read(&f, bytes, n, &l->reason);
	long max;
	int r;

	if (used < 0)
		return used;
	max = l->ops->value_max(f.type, l->data);
	if (max < 0)
		return err_set(
			&l->reason, -EPROTO, "frame type %u is not known on this link", f.type);
	r = frame_join(&l->joiner, &f, (size_t)max, &l->reason);
	if (r <= 0)
		return r < 0 ? r : used;
	/* A packet with files holds one message, so the files are that message's. */
	r = l->ops->on_frame(l, &f, files, &l->reason, l->data);
	if (r < 0 && l->fd >= 0 && l->reason.code == 0)
		(void)err_set(&l->reason, r, "message type %u refused", f.type);
	return r < 0 ? r : used;
}

/* Hands over the messages of a packet. Returns the bytes heard before the turn was over or the
 * link was freed. Negative: end the link for l->reason. */
static ssize_t take_packet(struct link *l, const uint8_t *bytes, size_t n, struct link_files *files)
{
	size_t at = 0;

	while (at < n) {
		int used = take_message(l, bytes + at, n - at, files);

		if (l->fd < 0)
			return (ssize_t)n; /* freed by the callback */
		if (used < 0)
			return used;
		at += (size_t)used;
		if (turn_is_over(l))
			break;
	}
	return (ssize_t)at;
}

static void on_resume(void *data);

/* The rest of a packet is heard in a later round. */
static int keep_rest(struct link *l, const uint8_t *bytes, size_t n)
{
	int r = buf_add(&l->rest, bytes, n);

	if (r == 0 && !l->resume)
		r = loop_add_timer(l->loop, on_resume, l, &l->resume);
	if (r < 0)
		return err_set(&l->reason, r, "receive: %s", strerror(-r));
	watch(l);
	if (!l->held)
		timer_arm(l->resume, 0);
	return 0;
}

static int take_rest(struct link *l)
{
	struct link_files none = {0};
	ssize_t used = take_packet(l, l->rest.data + l->rest_at, l->rest.len - l->rest_at, &none);

	if (used < 0 || l->fd < 0)
		return used < 0 ? (int)used : 0;
	l->rest_at += (size_t)used;
	if (l->rest_at < l->rest.len) {
		if (!l->held)
			timer_arm(l->resume, 0);
		return 0;
	}
	buf_clear(&l->rest);
	l->rest_at = 0;
	watch(l);
	return 0;
}

/* A packet without bytes and the end of the peer look alike, but only one of them hangs up. */
static int take_nothing(struct link *l)
{
	struct pollfd p = {.fd = l->fd, .events = POLLRDHUP};

	if (poll(&p, 1, 0) == 0)
		return err_set(&l->reason, -EBADMSG, "a packet without bytes");
	return -EPIPE; /* the reason stays empty */
}

static int receive_one(struct link *l)
{
	static uint8_t bytes[FRAME_PACKET_MAX]; /* single-threaded; handed over before reuse */
	union {
		char bytes[CMSG_SPACE(LINK_FILES_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct link_files files = {0};
	ssize_t n, used;

	/* Without room for them, files of a stranger never become ours, not even to be closed. */
	if (l->limits.files) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
	}
	n = recvmsg(l->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0 && errno == ECONNRESET)
		return -EPIPE;
	if (n < 0)
		return err_set(&l->reason, -errno, "receive: %s", strerror(errno));
	take_files(&msg, &files);
	if (n == 0)
		used = take_nothing(l);
	else if (msg.msg_flags & MSG_TRUNC)
		used = err_set(&l->reason, -EMSGSIZE, "packet is over the limit of %d bytes",
			FRAME_PACKET_MAX);
	else
		used = take_packet(l, bytes, (size_t)n, &files);
	for (size_t i = 0; i < files.n; i++)
		files_refused += files.fd[i] >= 0;
	close_files(&files);
	if (used < 0)
		return (int)used;
	if (used < n)
		used = keep_rest(l, bytes + used, (size_t)(n - used));
	return used < 0 ? (int)used : 1;
}

/* One turn of the peer. */
static int receive(struct link *l)
{
	int heard = 0, r = 0;

	l->turn_ends_usec = l->limits.round_usec ? clock_mono_usec() + l->limits.round_usec : 0;
	if (l->rest_at < l->rest.len) {
		r = take_rest(l);
		heard++;
	}
	for (; r >= 0 && l->fd >= 0 && heard < PACKETS_PER_ROUND; heard++) {
		if (l->rest_at < l->rest.len || (heard > 0 && turn_is_over(l)))
			break;
		r = receive_one(l);
		if (r == 0)
			break;
	}
	return r < 0 ? r : 0;
}

/* Ends the link when the turn went wrong; the last thing a callback from the loop does. */
static void end_turn(struct link *l, int r)
{
	if (r < 0 && l->fd >= 0)
		link_end(l);
	l->dispatching = false;
	if (l->freed)
		(void)link_free(l);
}

static void on_resume(void *data)
{
	struct link *l = data;

	l->dispatching = true;
	end_turn(l, l->held ? 0 : receive(l));
}

void link_hold(struct link *l)
{
	l->held = true;
	if (l->resume)
		timer_disarm(l->resume);
	watch(l);
}

void link_release(struct link *l)
{
	l->held = false;
	watch(l);
	if (l->rest_at < l->rest.len)
		timer_arm(l->resume, 0);
}

static void on_ready(int fd, uint32_t events, void *data)
{
	struct link *l = data;
	int r = 0;

	(void)fd;
	l->dispatching = true;
	if (events & EPOLLOUT) {
		r = send_queued(l);
		if (r < 0 && r != -EPIPE && r != -ECONNRESET)
			(void)err_set(&l->reason, r, "send: %s", strerror(-r));
		if (r == 0 && !l->head && l->was_high) {
			l->was_high = false;
			if (l->ops->on_drained)
				l->ops->on_drained(l, l->data);
		}
	}
	/* A peer that has hung up can add nothing: what it left is heard without holding it back.
	 */
	if (events & (EPOLLHUP | EPOLLERR))
		l->held = false;
	if (r == 0 && l->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		r = receive(l);
	end_turn(l, r);
}

size_t link_queued(const struct link *l)
{
	return l->queued + l->gather.len;
}

uint64_t link_stalled_usec(const struct link *l, uint64_t now_usec)
{
	return l->head && now_usec > l->taken_usec ? now_usec - l->taken_usec : 0;
}

int link_unread(const struct link *l)
{
	int n = 0;

	/* unix(7): what the peer has not read yet counts as not sent */
	return l->fd >= 0 && ioctl(l->fd, SIOCOUTQ, &n) == 0 ? n : 0;
}

int link_fd(const struct link *l)
{
	return l->fd;
}

uint64_t links_files_refused(void)
{
	return files_refused;
}

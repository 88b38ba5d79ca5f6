#include "tls/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "proto/proxy.h"
#include "tls/metrics.h"

#define ROUNDS 8 /* records in a row, then others have their turn */
#define DIAL_SEC 10
#define DIAL_AGAIN_USEC (20 * USEC_PER_MSEC)
#define FLUSH_SEC 30 /* the gateway has ended: for the client to take what is left */
#define LINGER_SEC 2 /* for it to hang up then */

/*
 *	           handshake          first byte            connected
 *	SHAKING ------------> QUIET ------------> DIALLING -----------> OPEN
 *	   |                    |                     |                   | the gateway ended and
 *	   | time, failure      | time, hang-up       | time              v all is sent
 *	   +--------------------+---------------------+--> freed <---- LINGERING
 *	                                                    time, hang-up
 */
enum stream_state { SHAKING, QUIET, DIALLING, OPEN, LINGERING };

/* What one side has sent and the other has not taken. */
struct held {
	uint8_t *bytes; /* owned; NULL: nothing */
	size_t at, n;
};

struct stream {
	struct stream *next, *prev; /* in the list of its state */
	struct streams *all;        /* borrowed */
	enum stream_state state;
	int fd, gateway;                                /* owned; -1: not there */
	SSL *ssl;                                       /* owned */
	struct source *source, *gateway_source, *timer; /* owned */
	struct address *address;
	struct sockaddr_storage peer;
	struct held up, down;
	uint32_t events, gateway_events; /* that are waited for */
	uint64_t deadline_usec;          /* of dialling */
	bool wants_write;                /* TLS has to write before it goes on */
	bool client_ended;               /* it sends no more */
	bool told_gateway;               /* that it does not */
	bool gateway_ended;              /* the same of the gateway, */
	bool gateway_deaf;               /* which reads no more either */
	bool flushing;
};

/* --- lists, life --- */

static void list_add(struct stream *s)
{
	struct streams *all = s->all;

	s->next = s->prev = NULL;
	if (s->state == SHAKING) {
		s->prev = all->last;
		if (all->last)
			all->last->next = s;
		else
			all->first = s;
		all->last = s;
		all->shaking++;
		return;
	}
	s->next = all->others;
	if (s->next)
		s->next->prev = s;
	all->others = s;
}

static void list_take(struct stream *s)
{
	struct streams *all = s->all;

	if (s->state == SHAKING) {
		all->shaking--;
		if (all->last == s)
			all->last = s->prev;
	}
	if (s->prev)
		s->prev->next = s->next;
	else if (s->state == SHAKING)
		all->first = s->next;
	else
		all->others = s->next;
	if (s->next)
		s->next->prev = s->prev;
}

static void stream_free(struct stream *s)
{
	list_take(s);
	(void)source_free(s->source);
	(void)source_free(s->gateway_source);
	(void)source_free(s->timer);
	SSL_free(s->ssl);
	close(s->fd);
	if (s->gateway >= 0)
		close(s->gateway);
	if (s->address)
		limits_leave(s->all->limits, s->address);
	free(s->up.bytes);
	free(s->down.bytes);
	s->all->open--;
	free(s);
}

static void move_on(struct stream *s, enum stream_state to, uint64_t sec)
{
	if (s->state == SHAKING) {
		list_take(s);
		s->state = to;
		list_add(s);
	}
	s->state = to;
	if (sec)
		timer_arm_after(s->timer, sec * USEC_PER_SEC);
	else
		timer_disarm(s->timer);
}

static int hold(struct held *h, const uint8_t *bytes, size_t n)
{
	h->bytes = malloc(n);
	if (!h->bytes)
		return -ENOMEM;
	memcpy(h->bytes, bytes, n);
	h->at = 0;
	h->n = n;
	return 0;
}

static void release(struct held *h)
{
	free(h->bytes);
	*h = (struct held){0};
}

/* --- the client's side --- */

/* What came of a call on ssl that returned r. 0: wait. -EPIPE: it sends no more. -EIO: it is over.
 */
static int judge(struct stream *s, int r)
{
	switch (SSL_get_error(s->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return 0;
	case SSL_ERROR_WANT_WRITE:
		s->wants_write = true;
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		return -EPIPE;
	default:
		return -EIO;
	}
}

static int shake(struct stream *s)
{
	int r;

	ERR_clear_error();
	r = SSL_accept(s->ssl);
	if (r == 1) {
		tls_count(SSL_session_reused(s->ssl) ? TLS_RESUMED : TLS_DONE, 1);
		move_on(s, QUIET, FIRST_BYTE_SEC);
		return 0;
	}
	r = judge(s, r);
	if (r < 0) {
		tls_count(TLS_FAILED, 1);
		log_debug("handshake failed: %s",
			ERR_peek_error() ? ERR_reason_error_string(ERR_peek_error()) : "hung up");
	}
	return r;
}

/* Reads one record into room. Returns its length, 0: none now, or -EIO. */
static int read_client(struct stream *s)
{
	int r;

	ERR_clear_error();
	r = SSL_read(s->ssl, s->all->room, STREAM_ROOM);
	if (r > 0)
		return r;
	r = judge(s, r);
	if (r == -EPIPE)
		s->client_ended = true;
	return r == -EIO ? -EIO : 0;
}

/* Returns how much was taken of it, or -EIO. */
static ssize_t write_client(struct stream *s, const uint8_t *bytes, size_t n)
{
	size_t taken = 0;

	while (taken < n) {
		int r;

		ERR_clear_error();
		r = SSL_write(s->ssl, bytes + taken, (int)(n - taken));
		if (r > 0)
			taken += (size_t)r;
		else
			return judge(s, r) < 0 ? -EIO : (ssize_t)taken;
	}
	return (ssize_t)taken;
}

/* --- the gateway's side --- */

/* Returns how much was taken. What it has answered before it went deaf is still to be read. */
static size_t write_gateway(struct stream *s, const uint8_t *bytes, size_t n)
{
	ssize_t r;

	if (s->gateway < 0)
		return 0;
	r = send(s->gateway, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (r >= 0)
		return (size_t)r;
	s->gateway_deaf = errno != EAGAIN && errno != EINTR;
	return s->gateway_deaf ? n : 0;
}

/* Returns the bytes, 0: none now, or -EIO. */
static ssize_t read_gateway(struct stream *s)
{
	ssize_t r = recv(s->gateway, s->all->room, STREAM_ROOM, MSG_DONTWAIT);

	if (r > 0)
		return r;
	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	s->gateway_ended = true;
	return 0;
}

static void say_busy(struct stream *s)
{
	static const char words[] = "the platform is restarting; try again in a moment\n";
	char text[256];
	int n = snprintf(text, sizeof(text),
		"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
		"Retry-After: 1\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
		sizeof(words) - 1, words);

	(void)SSL_write(s->ssl, text, n);
	(void)SSL_shutdown(s->ssl);
}

static void on_either(int fd, uint32_t events, void *data);

/* 1: connected, and told whose connection it is. 0: its row is full, or nobody listens yet. */
static int try_dial(struct stream *s)
{
	uint8_t header[PROXY_HEADER_MAX];
	struct sockaddr_storage local = {0};
	socklen_t length = sizeof(local);
	int n, fd;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&s->all->gateway, sizeof(s->all->gateway)) < 0) {
		close(fd);
		return 0;
	}
	s->gateway = fd;
	if (getsockname(s->fd, (struct sockaddr *)&local, &length) < 0)
		return -errno;
	n = proxy_header_write((struct sockaddr *)&s->peer, (struct sockaddr *)&local, header);
	/* The first bytes into an empty socket: they fit. */
	return n >= 0 && write_gateway(s, header, (size_t)n) == (size_t)n ? 1 : -EIO;
}

static int dial(struct stream *s)
{
	int r = try_dial(s);

	if (r == 1) {
		move_on(s, OPEN, 0);
	} else if (r == 0 && clock_mono_usec() < s->deadline_usec) {
		timer_arm_after(s->timer, DIAL_AGAIN_USEC);
	} else {
		tls_count(TLS_BUSY, 1);
		say_busy(s);
		return -ETIMEDOUT;
	}
	return 0;
}

/* --- between the two --- */

static int pump_up(struct stream *s)
{
	for (int i = 0; i < ROUNDS; i++) {
		size_t taken;
		int n;

		if (s->up.bytes) {
			s->up.at += write_gateway(s, s->up.bytes + s->up.at, s->up.n - s->up.at);
			if (s->up.at == s->up.n)
				release(&s->up);
		}
		if (s->up.bytes || s->client_ended || s->gateway_deaf)
			break;
		n = read_client(s);
		if (n <= 0)
			return n;
		taken = write_gateway(s, s->all->room, (size_t)n);
		if (taken < (size_t)n && hold(&s->up, s->all->room + taken, (size_t)n - taken) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int pump_down(struct stream *s)
{
	for (int i = 0; i < ROUNDS; i++) {
		ssize_t n, taken;

		if (s->down.bytes) {
			taken = write_client(s, s->down.bytes + s->down.at, s->down.n - s->down.at);
			if (taken < 0)
				return -EIO;
			s->down.at += (size_t)taken;
			if (s->down.at == s->down.n)
				release(&s->down);
		}
		if (s->down.bytes || s->gateway_ended)
			break;
		n = read_gateway(s);
		if (n <= 0)
			break;
		taken = write_client(s, s->all->room, (size_t)n);
		if (taken < 0)
			return -EIO;
		if (taken < n && hold(&s->down, s->all->room + taken, (size_t)(n - taken)) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Closing at once could take the last bytes away from the client: it is given time to hang up. */
static void linger(struct stream *s)
{
	ERR_clear_error();
	(void)SSL_shutdown(s->ssl);
	(void)shutdown(s->fd, SHUT_WR);
	s->gateway_source = source_free(s->gateway_source);
	close(TAKE_FD(s->gateway));
	move_on(s, LINGERING, LINGER_SEC);
}

static int pump_open(struct stream *s)
{
	int r = pump_up(s);

	if (r == 0 && s->client_ended && !s->up.bytes && !s->told_gateway) {
		s->told_gateway = true;
		(void)shutdown(s->gateway, SHUT_WR);
	}
	if (r == 0)
		r = pump_down(s);
	if (r < 0 || !s->gateway_ended)
		return r;
	if (!s->down.bytes) {
		linger(s);
	} else if (!s->flushing) {
		s->flushing = true;
		timer_arm_after(s->timer, FLUSH_SEC * USEC_PER_SEC);
	}
	return 0;
}

static int pump(struct stream *s)
{
	int r = 0;

	if (s->state == QUIET) {
		r = pump_up(s);
		if (r < 0 || !s->up.bytes)
			return r == 0 && s->client_ended ? -EPIPE : r;
		s->deadline_usec = clock_mono_usec() + DIAL_SEC * USEC_PER_SEC;
		move_on(s, DIALLING, DIAL_SEC);
	}
	if (s->state == DIALLING)
		r = dial(s);
	return r == 0 && s->state == OPEN ? pump_open(s) : r;
}

static int discard(struct stream *s)
{
	ssize_t n = recv(s->fd, s->all->room, STREAM_ROOM, MSG_DONTWAIT);

	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)) ? 0 : -EPIPE;
}

/* A hang-up is told even to those who wait for nothing, again and again: so they do not listen. */
static int watch_gateway(struct stream *s, uint32_t events)
{
	int r = 0;

	if (!events)
		s->gateway_source = source_free(s->gateway_source);
	else if (!s->gateway_source)
		r = loop_add_fd(s->all->loop, s->gateway, events, on_either, s, &s->gateway_source);
	else if (events != s->gateway_events)
		r = source_set_events(s->gateway_source, events);
	s->gateway_events = events;
	return r;
}

static int set_events(struct stream *s)
{
	bool hears = s->state == SHAKING || s->state == LINGERING ||
		     (!s->up.bytes && !s->client_ended && !s->gateway_deaf);
	uint32_t events = (hears ? EPOLLIN : 0) | (s->wants_write || s->down.bytes ? EPOLLOUT : 0);
	int r = events == s->events ? 0 : source_set_events(s->source, events);

	s->events = events;
	if (r == 0 && s->gateway >= 0)
		r = watch_gateway(s, (!s->down.bytes && !s->gateway_ended ? EPOLLIN : 0) |
					     (s->up.bytes ? EPOLLOUT : 0));
	return r;
}

static void go_on(struct stream *s)
{
	int r = 0;

	s->wants_write = false;
	if (s->state == SHAKING)
		r = shake(s);
	if (r == 0 && (s->state == QUIET || s->state == DIALLING || s->state == OPEN))
		r = pump(s);
	else if (r == 0 && s->state == LINGERING)
		r = discard(s);
	if (r < 0 || set_events(s) < 0)
		stream_free(s);
}

static void on_either(int fd, uint32_t events, void *data)
{
	struct stream *s = data;

	/* Nobody is there any more to read what is left for the client. */
	if (fd == s->fd && (events & (EPOLLERR | EPOLLHUP)) && s->state != SHAKING)
		stream_free(s);
	else
		go_on(s);
}

static void on_time(void *data)
{
	struct stream *s = data;

	if (s->state == DIALLING) {
		go_on(s);
		return;
	}
	if (s->state == SHAKING)
		tls_count(TLS_LATE, 1);
	stream_free(s);
}

int stream_new(struct streams *all, int fd, const struct sockaddr *peer, struct address *address)
{
	SSL_CTX *ctx = shelf_any(all->shelf);
	struct stream *s = ctx ? calloc(1, sizeof(*s)) : NULL;
	int r;

	if (!s) {
		close(fd);
		limits_leave(all->limits, address);
		return ctx ? -ENOMEM : -EAGAIN;
	}
	*s = (struct stream){.all = all, .fd = fd, .gateway = -1, .address = address};
	memcpy(&s->peer, peer,
		peer->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					    : sizeof(struct sockaddr_in));
	list_add(s);
	all->open++;
	s->ssl = SSL_new(ctx);
	r = s->ssl && SSL_set_fd(s->ssl, fd) == 1 ? 0 : -ENOMEM;
	if (r == 0)
		r = loop_add_timer(all->loop, on_time, s, &s->timer);
	if (r == 0)
		r = loop_add_fd(all->loop, fd, EPOLLIN, on_either, s, &s->source);
	if (r < 0) {
		stream_free(s);
		return r;
	}
	s->events = EPOLLIN;
	timer_arm_after(s->timer, HANDSHAKE_SEC * USEC_PER_SEC);
	if (all->shaking > HANDSHAKES_MAX)
		stream_free(all->first);
	return 0;
}

void streams_end(struct streams *all)
{
	while (all->first)
		stream_free(all->first);
	while (all->others)
		stream_free(all->others);
}

#include "gateway/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/entry.h"
#include "base/log.h"
#include "gateway/head.h"
#include "gateway/host_door.h"
#include "gateway/http/http.h"
#include "gateway/limits.h"
#include "gateway/metrics.h"
#include "gateway/route.h"
#include "gateway/space.h"
#include "gateway/tls_report.h"
#include "gateway/ws/ws.h"
#include "proto/cookie.h"
#include "proto/proxy.h"

#define HEAD_USEC (HEAD_SEC * USEC_PER_SEC)

/* A socket that has not said yet what it wants. In order of arrival, hence of deadline. */
struct knock {
	struct knock *next, *prev;
	struct doorman *doorman;
	struct source *source;   /* owned */
	int fd;                  /* owned */
	bool tls;                /* from vitrine-tls, which says first whose it is */
	struct address *address; /* NULL: it has not said yet */
	struct sockaddr_storage peer;
	socklen_t peer_length;
	uint64_t deadline_usec;
};

struct doorman {
	struct gateway *gateway;
	struct entry *entry;        /* owned */
	struct knock *first, *last; /* owned */
	struct source *timer;       /* owned */
};

static void forget(struct knock *k)
{
	struct doorman *d = k->doorman;

	if (k->prev)
		k->prev->next = k->next;
	else
		d->first = k->next;
	if (k->next)
		k->next->prev = k->prev;
	else
		d->last = k->prev;
	(void)source_free(k->source);
	free(k);
}

static void turn_away(struct knock *k)
{
	struct limits *l = k->doorman->gateway->limits;

	close(k->fd);
	if (k->address)
		limits_leave(l, k->address);
	forget(k);
}

/* One small packet into an empty buffer; a client that does not take it is no loss. */
static void refuse(int fd, const char *status, const char *why)
{
	char text[1024];
	int n = snprintf(text, sizeof(text),
		"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
		"Content-Length: %zu\r\nX-Content-Type-Options: nosniff\r\n"
		"Connection: close\r\n\r\n%s\n",
		status, strlen(why) + 1, why);
	char unread[4096];

	(void)send(fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	/* Closing with unread bytes would reset the connection before the words arrive. */
	while (recv(fd, unread, sizeof(unread), MSG_DONTWAIT) > 0)
		;
	(void)shutdown(fd, SHUT_WR);
}

static void refuse_knock(struct knock *k, const char *status, const char *why)
{
	refuse(k->fd, status, why);
	turn_away(k);
}

/* --- WebSockets --- */

/* host: a Space's own, or "". */
static void fill_visitor(struct gateway *g, const struct head *h, const struct space_path *path,
	const char *host, struct ws_offer *offer)
{
	static char opened[SIGN_IN_MAX + 1];
	size_t n = 0;
	const char *cookie;

	offer->visitor_cookie = *host ? hosts_visitor_cookie(&g->hosts) : VISITOR_COOKIE;
	offer->secure = offer->tls || (*host && g->hosts.https);
	cookie = h->cookie.at ? cookie_find(h->cookie.at, h->cookie.n, offer->visitor_cookie, &n)
			      : NULL;

	if (path->visitor.at) {
		/* Whoever else sits behind this browser's cookies is not meant. */
		if (!visitor_check(&g->key, path->visitor.at, path->visitor.n, offer->visitor))
			visitor_new(&g->key, offer->visitor, (char[VISITOR_COOKIE_LEN + 1]){0});
		return;
	}
	if (!cookie || !visitor_check(&g->key, cookie, n, offer->visitor))
		visitor_new(&g->key, offer->visitor, offer->set_cookie);
	if (*host)
		offer->cookie = host_door_open(g, host, &h->cookie, opened, &offer->cookie_length)
					? opened
					: NULL;
	else if (h->cookie.at)
		offer->cookie = cookie_find(h->cookie.at, h->cookie.n,
			SIGN_IN_COOKIE(g->hosts.https), &offer->cookie_length);
}

/* From here on the socket is the visitor's, and not the proxy's. False: refused. */
static bool look_behind(struct knock *k, const struct head *h)
{
	struct limits *l = k->doorman->gateway->limits;
	struct address *behind;

	if (!address_is_proxy(k->address))
		return true;
	behind = limits_enter_behind(
		l, k->address, h->forwarded_for.at, h->forwarded_for.at ? h->forwarded_for.n : 0);
	if (!behind) {
		gateway_count(GATEWAY_REFUSED_SOCKETS, 1);
		refuse_knock(k, "503 Service Unavailable",
			"too many connections from your address, or in all");
		return false;
	}
	limits_leave(l, k->address);
	k->address = behind;
	return true;
}

/* False: refused. */
static bool check_upgrade(struct knock *k, const struct head *h)
{
	if (h->origin.at && !origin_matches(&h->origin, &h->host)) {
		refuse_knock(k, "403 Forbidden", "Origin: not the host that serves this page");
		return false;
	}
	if (k->doorman->gateway->https_port && !k->tls && !address_is_proxy(k->address)) {
		refuse_knock(k, "403 Forbidden", "this platform is reached by https only");
		return false;
	}
	return true;
}

static void upgrade(
	struct knock *k, const struct head *h, const struct space_path *path, const char *host)
{
	struct gateway *g = k->doorman->gateway;
	struct route *route = route_by_name(g->routes, path->owner, path->name);
	struct ws_offer offer = {0};

	if (!check_upgrade(k, h))
		return;
	offer.space = route ? space_of(g->spaces, route) : NULL;
	if (!offer.space) {
		refuse_knock(k, "404 Not Found", "There is no such Space.");
		return;
	}
	if (!look_behind(k, h))
		return;
	offer.address = k->address;
	offer.tls = k->tls;
	fill_visitor(g, h, path, host, &offer);
	/* The worker starts while the socket is still shaking hands. */
	if (!route->private)
		space_expect(offer.space);
	k->source = source_free(k->source);
	(void)ws_adopt(g->ws, k->fd, &offer);
	forget(k);
}

/* Whether WebSockets get through; see gateway/ws/echo.h. */
static void upgrade_probe(struct knock *k, const struct head *h)
{
	if (!check_upgrade(k, h))
		return;
	if (!look_behind(k, h))
		return;
	k->source = source_free(k->source);
	(void)ws_adopt_echo(k->doorman->gateway->ws, k->fd, k->address);
	forget(k);
}

static bool asks_for_socket(const struct head *h)
{
	return h->upgrade_websocket && h->method.n == 3 && !memcmp(h->method.at, "GET", 3);
}

static bool is_upgrade(const struct span *target, struct space_path *path)
{
	return space_path_parse(target->at, target->n, path) && path->rest_length == 5 &&
	       !memcmp(path->rest, "/-/ws", 5);
}

/* The target as it is below /spaces: at a Space's own host every one is that Space's. host is
 * filled in there. False: nobody's. room: of the target. */
static bool find_target(struct gateway *g, const struct head *h, char host[DOMAIN_NAME_MAX + 1],
	char room[HEAD_MAX], struct span *ret)
{
	/* A page has no token to show. */
	const struct shown shown = {.cookie = h->cookie};
	struct route *route;
	enum host_kind kind = host_door_find(g, &h->host, &shown, host, &route);
	int n;

	*ret = h->target;
	if (kind == HOST_PLATFORM)
		return true;
	/* What does not begin so would go on with the Space's name, and be another's. */
	if (kind != HOST_SPACE || h->target.n == 0 || h->target.at[0] != '/')
		return false;
	n = snprintf(room, HEAD_MAX, "/spaces/%s/%s%.*s", route->owner, route->name,
		(int)h->target.n, h->target.at);
	*ret = (struct span){room, (size_t)n};
	return n > 0 && n < HEAD_MAX;
}

static bool is_probe(const struct head *h)
{
	return asks_for_socket(h) && h->target.n == strlen(PROBE_WS_PATH) &&
	       !memcmp(h->target.at, PROBE_WS_PATH, h->target.n);
}

/* --- everyone --- */

static void direct(struct knock *k, const struct head *h)
{
	static char room[HEAD_MAX];
	struct gateway *g = k->doorman->gateway;
	char host[DOMAIN_NAME_MAX + 1] = "";
	struct space_path path;
	struct span target;

	if (asks_for_socket(h) && find_target(g, h, host, room, &target) &&
		is_upgrade(&target, &path)) {
		upgrade(k, h, &path, host);
		return;
	}
	if (is_probe(h) && !*host) {
		upgrade_probe(k, h);
		return;
	}
	k->source = source_free(k->source);
	http_adopt(g->http, k->fd, (struct sockaddr *)&k->peer, k->peer_length, k->address, k->tls);
	forget(k);
}

/* Takes who is behind vitrine-tls from the socket. False: not all of it is there, or k is gone. */
static bool take_proxy_header(struct knock *k)
{
	struct sockaddr_storage peer;
	uint8_t bytes[PROXY_HEADER_MAX];
	ssize_t n = recv(k->fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
	struct err e = {0};
	socklen_t length;
	int r;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n > 0 && proxy_is_report(bytes, (size_t)n)) {
		k->source = source_free(k->source);
		tls_report_take(k->doorman->gateway, k->fd);
		forget(k);
		return false;
	}
	r = n > 0 ? proxy_header_read(bytes, (size_t)n, &peer, &length, &e) : -EPIPE;
	if (r < 0 && e.code)
		log_warn("%s", e.text);
	if (r < 0 || (r > 0 && recv(k->fd, bytes, (size_t)r, MSG_DONTWAIT) != r)) {
		turn_away(k);
		return false;
	}
	if (r == 0)
		return false;
	k->address = limits_enter(k->doorman->gateway->limits, (struct sockaddr *)&peer);
	if (!k->address) {
		gateway_count(GATEWAY_REFUSED_SOCKETS, 1);
		refuse_knock(k, "503 Service Unavailable",
			"too many connections from your address, or in all");
		return false;
	}
	return true;
}

static void on_bytes(int fd, uint32_t events, void *data)
{
	static char bytes[HEAD_MAX];
	struct knock *k = data;
	struct err e = {0};
	struct head h;
	ssize_t n;
	int r;

	if (!k->address && !take_proxy_header(k))
		return;
	n = recv(fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || (events & (EPOLLERR | EPOLLHUP))) {
		turn_away(k);
		return;
	}
	r = head_parse(bytes, (size_t)n, &h, &e);
	if (r == 0 && (events & EPOLLRDHUP))
		turn_away(k); /* no more will come */
	else if (r > 0)
		direct(k, &h);
	else if (r == -EMSGSIZE)
		refuse_knock(k, "431 Request Header Fields Too Large", e.text);
	else if (r < 0)
		refuse_knock(k, "400 Bad Request", e.text);
}

static void on_deadline(void *data)
{
	struct doorman *d = data;
	uint64_t now = clock_mono_usec();

	while (d->first && d->first->deadline_usec <= now)
		refuse_knock(d->first, "408 Request Timeout", "the request's head took too long");
	if (d->first)
		timer_arm(d->timer, d->first->deadline_usec);
}

static int admit(struct doorman *d, struct knock *k)
{
	/* Edge-triggered: peeked bytes stay, and would wake us for ever. */
	int r = loop_add_fd(
		d->gateway->loop, k->fd, EPOLLIN | EPOLLRDHUP | EPOLLET, on_bytes, k, &k->source);

	if (r < 0)
		return r;
	k->deadline_usec = clock_mono_usec() + HEAD_USEC;
	if (!d->first)
		timer_arm(d->timer, k->deadline_usec);
	k->prev = d->last;
	if (d->last)
		d->last->next = k;
	else
		d->first = k;
	d->last = k;
	return 0;
}

static void take(int fd, const struct sockaddr_storage *peer, socklen_t length, void *data)
{
	struct doorman *d = data;
	bool tls = peer->ss_family == AF_UNIX;
	struct address *a =
		tls ? NULL : limits_enter(d->gateway->limits, (const struct sockaddr *)peer);
	struct knock *k = a || tls ? calloc(1, sizeof(*k)) : NULL;
	int on = 1;

	if (!k) {
		gateway_count(GATEWAY_REFUSED_SOCKETS, 1);
		refuse(fd, "503 Service Unavailable",
			"too many connections from your address, or in all");
		close(fd);
		if (a)
			limits_leave(d->gateway->limits, a);
		return;
	}
	if (!tls)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	*k = (struct knock){.doorman = d,
		.fd = fd,
		.tls = tls,
		.address = a,
		.peer = *peer,
		.peer_length = length};
	if (admit(d, k) < 0) {
		close(fd);
		if (a)
			limits_leave(d->gateway->limits, a);
		free(k);
	}
}

int doorman_new(struct gateway *g, const int *fds, size_t n, struct doorman **ret)
{
	CLEANUP(doorman_freep) struct doorman *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->gateway = g;
	r = loop_add_timer(g->loop, on_deadline, d, &d->timer);
	if (r == 0)
		r = entry_new(g->loop, fds, n, take, d, &d->entry);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(d);
	return 0;
}

struct doorman *doorman_free(struct doorman *d)
{
	if (!d)
		return NULL;
	while (d->first)
		turn_away(d->first);
	(void)entry_free(d->entry);
	(void)source_free(d->timer);
	free(d);
	return NULL;
}

#include "gateway/ws/ws.h"

#include <errno.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/log.h"
#include "gateway/backlog.h"
#include "gateway/metrics.h"
#include "gateway/visit.h"
#include "gateway/ws/echo.h"

#define MESSAGE_MAX (4u << 20) /* one WebSocket message from a page */
#define LAZY_MAX 4096
#define LAZY_USEC (3 * USEC_PER_MSEC)
#define JOIN_SEC 10                        /* from upgrade to JOIN */
#define LEAVE_USEC (300 * USEC_PER_MSEC)   /* for pages to hear that we go … */
#define LEAVE_EACH_USEC USEC_PER_MSEC      /* … and more, the more there are */
#define LEAVE_LAST_USEC (3 * USEC_PER_SEC) /* however many still answer */
#define CLOSE_SEC 5                        /* from BYE to the end, for a page that does not read */
#define RECEIVE_BYTES (64 * 1024)
#define RATE_BYTES 4e6   /* per second from one page … */
#define BURST_BYTES 16e6 /* … after so many at once */

struct message {
	struct message *next;
	size_t length;
	uint8_t bytes[]; /* LWS_PRE of room, then length */
};

struct ws_socket {
	enum ws_kind kind;
	struct ws *ws;
	struct lws *wsi;
	struct space *space;
	struct address *address;
	char visitor[ID_LEN + 1];
	char set_cookie[VISITOR_COOKIE_LEN + 1];
	const char *visitor_cookie;
	bool secure;  /* that cookie goes over TLS only */
	char *cookie; /* owned */
	size_t cookie_length;
	struct visit *visit;          /* owned; NULL before the upgrade */
	struct buf partial;           /* a message under way */
	struct message *head, **tail; /* owned */
	struct backlog backlog;       /* with what the library keeps of the last write */
	size_t kept;                  /* that, while it keeps something */
	struct buf lazy;
	struct ws_socket *next_lazy;
	bool lazy_listed;
	bool overflowed, ending, retry;
	double tokens;
	uint64_t tokens_usec;
	struct ws_socket *next_slow;
	bool slow; /* reading is paused */
};

struct ws {
	struct gateway *gateway;
	struct lws_context *context; /* owned */
	uv_loop_t uv;                /* the library's own loop polls every socket at every turn */
	bool has_uv;
	struct source *lazy_timer;  /* owned */
	struct source *slow_timer;  /* owned */
	struct source *leave_timer; /* owned */
	struct ws_socket *lazy_list, *slow_list;
	size_t count;
	uint64_t leave_usec; /* since when we go */
	size_t leave_count;  /* at the last look */
	bool lazy_armed, leaving, stopping;
	uint8_t scratch[LWS_PRE + RECEIVE_BYTES];
};

/* --- sending --- */

/* The library keeps what the kernel did not take of a message, and passes it on by itself. */
static void count_kept(struct ws_socket *s, size_t n)
{
	bool keeps = lws_partial_buffered(s->wsi);

	if (s->kept && !keeps) {
		backlog_take(&s->backlog, s->kept);
		s->kept = 0;
	}
	if (keeps && n) {
		s->kept += n;
		backlog_add(&s->backlog, n);
		lws_callback_on_writable(s->wsi);
	}
}

static int write_now(struct ws_socket *s, const uint8_t *a, size_t na, const uint8_t *b, size_t nb)
{
	uint8_t *room = s->ws->scratch;
	size_t n = na + nb;
	int r;

	if (n > RECEIVE_BYTES) {
		room = malloc(LWS_PRE + n);
		if (!room)
			return -ENOMEM;
	}
	if (na)
		memcpy(room + LWS_PRE, a, na);
	memcpy(room + LWS_PRE + na, b, nb);
	r = lws_write(s->wsi, room + LWS_PRE, n, LWS_WRITE_BINARY);
	gateway_count(GATEWAY_BYTES_OUT, n);
	if (room != s->ws->scratch)
		free(room);
	count_kept(s, n);
	return r < (int)n ? -EPIPE : 0;
}

static int enqueue(struct ws_socket *s, const uint8_t *a, size_t na, const uint8_t *b, size_t nb)
{
	struct message *m = malloc(sizeof(*m) + LWS_PRE + na + nb);

	if (!m)
		return -ENOBUFS;
	*m = (struct message){.length = na + nb};
	if (na)
		memcpy(m->bytes + LWS_PRE, a, na);
	memcpy(m->bytes + LWS_PRE + na, b, nb);
	*s->tail = m;
	s->tail = &m->next;
	backlog_add(&s->backlog, m->length);
	lws_callback_on_writable(s->wsi);
	return 0;
}

/* The message together with what was lazy, straight to the kernel when nothing is in the way. */
static int put(struct ws_socket *s, const uint8_t *bytes, size_t n)
{
	size_t lazy = s->lazy.len;
	int r;

	if (!s->head && !lws_partial_buffered(s->wsi)) {
		r = write_now(s, s->lazy.data, lazy, bytes, n);
		/* The library tells of a broken socket itself. */
		r = r == -ENOMEM ? -ENOBUFS : 0;
	} else {
		r = enqueue(s, s->lazy.data, lazy, bytes, n);
	}
	if (r == 0)
		buf_clear(&s->lazy);
	return r;
}

static void flush_lazy(void *data)
{
	struct ws *w = data;

	w->lazy_armed = false;
	while (w->lazy_list) {
		struct ws_socket *s = w->lazy_list;

		w->lazy_list = s->next_lazy;
		s->lazy_listed = false;
		if (s->lazy.len > 0 && !s->ending)
			(void)put(s, (const uint8_t *)"", 0);
	}
}

static int put_lazy(struct ws_socket *s, const uint8_t *bytes, size_t n)
{
	struct ws *w = s->ws;

	if (buf_add(&s->lazy, bytes, n) < 0)
		return put(s, bytes, n);
	if (!s->lazy_listed) {
		s->lazy_listed = true;
		s->next_lazy = w->lazy_list;
		w->lazy_list = s;
	}
	if (!w->lazy_armed) {
		w->lazy_armed = true;
		timer_arm_after(w->lazy_timer, LAZY_USEC);
	}
	return 0;
}

static void forget_first(struct ws_socket *s)
{
	struct message *m = s->head;

	s->head = m->next;
	if (!s->head)
		s->tail = &s->head;
	backlog_take(&s->backlog, m->length);
	free(m);
}

static int socket_send(void *transport, const uint8_t *frames, size_t n, bool lazy, bool forced)
{
	struct ws_socket *s = transport;

	if (s->ending)
		return 0;
	if (lazy && !s->head)
		return put_lazy(s, frames, n);
	if (backlog_is_stuck(&s->backlog, n)) {
		s->ending = true;
		lws_set_timeout(s->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
		return 0;
	}
	/* Who has taken everything gets any message that there is. */
	if (!forced && backlog_is_full(&s->backlog, n)) {
		s->overflowed = true;
		return -ENOBUFS;
	}
	return put(s, frames, n);
}

static void socket_end(void *transport, bool retry)
{
	struct ws_socket *s = transport;

	s->ending = true;
	s->retry = retry;
	lws_set_timeout(s->wsi, PENDING_TIMEOUT_USER_REASON_BASE, CLOSE_SEC);
	lws_callback_on_writable(s->wsi);
}

static const struct visit_ops visit_ops = {.send = socket_send, .end = socket_end};

/*
 * Nothing of the socket's is buffered. By hand, because under a foreign loop libwebsockets 4.1 goes
 * without a word when a callback asks it to close. RFC 6455, 5.5.1.
 */
static int say_close(struct ws_socket *s, unsigned code)
{
	const uint8_t frame[] = {0x88, 2, (uint8_t)(code >> 8), (uint8_t)code};

	(void)send(lws_get_socket_fd(s->wsi), frame, sizeof(frame), MSG_DONTWAIT | MSG_NOSIGNAL);
	return -1;
}

static int on_writable(struct ws_socket *s)
{
	count_kept(s, 0);
	while (s->head && !lws_partial_buffered(s->wsi)) {
		struct message *m = s->head;
		int r = lws_write(s->wsi, m->bytes + LWS_PRE, m->length, LWS_WRITE_BINARY);
		bool failed = r < (int)m->length;

		size_t n = m->length;

		gateway_count(GATEWAY_BYTES_OUT, n);
		forget_first(s);
		count_kept(s, n);
		if (failed)
			return -1;
	}
	if (s->head || lws_partial_buffered(s->wsi)) {
		lws_callback_on_writable(s->wsi);
		return 0;
	}
	/* 7.4.1 and the registry: 1012 service restart, 1013 try again later, 1008 policy */
	if (s->ws->leaving)
		return say_close(s, 1012);
	if (s->ending)
		return say_close(s, s->retry ? 1013 : 1008);
	if (s->overflowed) {
		s->overflowed = false;
		visit_drained(s->visit);
	}
	return 0;
}

/* --- receiving --- */

static void end_with(struct ws_socket *s, const char *why)
{
	visit_end(s->visit, false, why);
}

static void resume_slow(void *data)
{
	struct ws *w = data;

	while (w->slow_list) {
		struct ws_socket *s = w->slow_list;

		w->slow_list = s->next_slow;
		s->slow = false;
		lws_rx_flow_control(s->wsi, 1);
	}
}

/* A page that sends more than anyone types is read more slowly, not refused. */
static void charge(struct ws_socket *s, size_t n)
{
	uint64_t now = clock_mono_usec();

	s->tokens += (double)(now - s->tokens_usec) / 1e6 * RATE_BYTES;
	if (s->tokens > BURST_BYTES)
		s->tokens = BURST_BYTES;
	s->tokens_usec = now;
	s->tokens -= (double)n;
	if (s->tokens >= 0 || s->slow)
		return;
	s->slow = true;
	lws_rx_flow_control(s->wsi, 0);
	if (!s->ws->slow_list)
		timer_arm_after(s->ws->slow_timer, 100 * USEC_PER_MSEC);
	s->next_slow = s->ws->slow_list;
	s->ws->slow_list = s;
}

static void take(struct ws_socket *s, const uint8_t *bytes, size_t n)
{
	struct err e = {0};

	if (visit_take(s->visit, bytes, n, &e) < 0)
		log_debug("visitor=%.6s… closed: %s", s->visitor, e.text);
	else if (s->visit->phase != VISIT_CONNECTED && s->visit->phase != VISIT_ENDED)
		lws_set_timeout(s->wsi, NO_PENDING_TIMEOUT, 0);
}

static void on_receive(struct ws_socket *s, const uint8_t *bytes, size_t n)
{
	bool last = lws_is_final_fragment(s->wsi) && lws_remaining_packet_payload(s->wsi) == 0;

	gateway_count(GATEWAY_BYTES_IN, n);
	if (s->ending)
		return;
	charge(s, n);
	if (!lws_frame_is_binary(s->wsi)) {
		end_with(s, "only binary messages are spoken here");
		return;
	}
	if (last && s->partial.len == 0) {
		take(s, bytes, n);
		return;
	}
	if (buf_add(&s->partial, bytes, n) < 0) {
		end_with(s, "message: over the limit of 4 MiB");
		return;
	}
	if (!last)
		return;
	take(s, s->partial.data, s->partial.len);
	buf_done(&s->partial);
}

/* --- a socket's life --- */

static void socket_free(struct ws_socket *s)
{
	struct ws *w = s->ws;

	for (struct ws_socket **at = &w->lazy_list; *at; at = &(*at)->next_lazy) {
		if (*at == s) {
			*at = s->next_lazy;
			break;
		}
	}
	for (struct ws_socket **at = &w->slow_list; *at; at = &(*at)->next_slow) {
		if (*at == s) {
			*at = s->next_slow;
			break;
		}
	}
	s->ending = true; /* nothing is sent while the visit goes */
	(void)visit_free(s->visit);
	while (s->head)
		forget_first(s);
	backlog_drop(&s->backlog); /* kept by the library, and gone with it */
	buf_done(&s->partial);
	buf_done(&s->lazy);
	limits_leave(w->gateway->limits, s->address);
	if (s->cookie)
		explicit_bzero(s->cookie, s->cookie_length);
	free(s->cookie);
	free(s);
	if (--w->count == 0 && w->leaving)
		w->stopping = true;
}

static int on_established(struct ws_socket *s, struct lws *wsi)
{
	struct visit_start start = {
		.gateway = s->ws->gateway,
		.space = s->space,
		.ops = &visit_ops,
		.transport = s,
		.address = s->address,
		.visitor = s->visitor,
		.cookie = s->cookie,
		.cookie_length = s->cookie_length,
	};

	s->wsi = wsi;
	if (visit_new(&start, &s->visit) < 0)
		return -1;
	lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, JOIN_SEC);
	return 0;
}

static int add_headers(struct ws_socket *s, struct lws *wsi, struct lws_process_html_args *args)
{
	char text[VISITOR_COOKIE_LEN + 128];
	uint8_t *at = (uint8_t *)args->p;
	int n;

	if (!s->set_cookie[0])
		return 0;
	n = snprintf(text, sizeof(text),
		"%s=%s; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax%s", s->visitor_cookie,
		s->set_cookie, s->secure ? "; Secure" : "");
	if (lws_add_http_header_by_name(wsi, (const uint8_t *)"set-cookie:", (const uint8_t *)text,
		    n, &at, at + args->max_len))
		return 1;
	args->p = (char *)at;
	return 0;
}

static int on_page(
	struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
	struct ws_socket *s = wsi ? lws_get_opaque_user_data(wsi) : NULL;

	(void)user;
	if (!s)
		return 0;
	if (s->kind == WS_ECHO)
		return ws_echo_on((struct ws_echo *)s, wsi, reason, in, length);
	switch (reason) {
	case LWS_CALLBACK_ADD_HEADERS:
		return add_headers(s, wsi, in);
	case LWS_CALLBACK_ESTABLISHED:
		return on_established(s, wsi);
	case LWS_CALLBACK_RECEIVE:
		on_receive(s, in, length);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return s->visit ? on_writable(s) : 0;
	case LWS_CALLBACK_CLOSED:
		s->ending = true;
		s->visit = visit_free(s->visit);
		return 0;
	case LWS_CALLBACK_WSI_DESTROY:
		lws_set_opaque_user_data(wsi, NULL);
		socket_free(s);
		return 0;
	case LWS_CALLBACK_HTTP:
		return -1; /* only upgrades are sent here */
	default:
		return 0;
	}
}

static int on_loop(
	struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
	struct ws *w = wsi && lws_get_context(wsi) ? lws_context_user(lws_get_context(wsi)) : NULL;

	(void)user;
	(void)in;
	(void)length;
	if (reason == LWS_CALLBACK_RAW_RX_FILE && w)
		(void)loop_dispatch(w->gateway->loop, 0);
	return 0;
}

/* A thousand pages take longer to hear it than one; some that never will hold up nobody for long.
 */
static void await_leaving(struct ws *w)
{
	w->leave_count = w->count;
	timer_arm_after(w->leave_timer, LEAVE_USEC + w->count * LEAVE_EACH_USEC);
}

static void on_leave(void *data)
{
	struct ws *w = data;

	if (w->count < w->leave_count && clock_mono_usec() - w->leave_usec < LEAVE_LAST_USEC) {
		await_leaving(w);
		return;
	}
	w->stopping = true;
	lws_cancel_service(w->context);
}

static const struct lws_protocols protocols[] = {
	{"vitrine", on_page, 0, RECEIVE_BYTES, 0, NULL, 0},
	{"loop", on_loop, 0, 0, 0, NULL, 0},
	{NULL, NULL, 0, 0, 0, NULL, 0},
};

int ws_adopt(struct ws *w, int fd, const struct ws_offer *offer)
{
	struct ws_socket *s = calloc(1, sizeof(*s));
	lws_adopt_desc_t desc = {
		.vh = lws_get_vhost_by_name(w->context, "default"),
		.type = LWS_ADOPT_HTTP | LWS_ADOPT_SOCKET,
		.fd.sockfd = fd,
		.opaque = s,
	};

	if (!s) {
		close(fd);
		limits_leave(w->gateway->limits, offer->address);
		return -ENOMEM;
	}
	*s = (struct ws_socket){.ws = w,
		.space = offer->space,
		.address = offer->address,
		.backlog.space = offer->space,
		.tokens = BURST_BYTES,
		.tokens_usec = clock_mono_usec()};
	s->tail = &s->head;
	memcpy(s->visitor, offer->visitor, sizeof(s->visitor));
	memcpy(s->set_cookie, offer->set_cookie, sizeof(s->set_cookie));
	s->visitor_cookie = offer->visitor_cookie;
	s->secure = offer->secure;
	buf_init(&s->partial, MESSAGE_MAX);
	buf_init(&s->lazy, LAZY_MAX);
	if (offer->cookie) {
		s->cookie = strndup(offer->cookie, offer->cookie_length);
		s->cookie_length = s->cookie ? offer->cookie_length : 0;
	}
	w->count++;
	s->wsi = lws_adopt_descriptor_vhost_via_info(&desc);
	/* On failure the library has closed the fd and, where it got that far, destroyed s. */
	return s->wsi ? 0 : -EIO;
}

int ws_adopt_echo(struct ws *w, int fd, struct address *address)
{
	struct ws_echo *s = ws_echo_new(w->gateway, address);
	lws_adopt_desc_t desc = {
		.vh = lws_get_vhost_by_name(w->context, "default"),
		.type = LWS_ADOPT_HTTP | LWS_ADOPT_SOCKET,
		.fd.sockfd = fd,
		.opaque = s,
	};

	if (!s) {
		close(fd);
		limits_leave(w->gateway->limits, address);
		return -ENOMEM;
	}
	return lws_adopt_descriptor_vhost_via_info(&desc) ? 0 : -EIO;
}

size_t ws_count(const struct ws *w)
{
	return w->count;
}

static void on_library_line(int level, const char *line)
{
	size_t n = strlen(line);

	while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		n--;
	log_line(level == LLL_ERR ? LOG_WARN : LOG_DEBUG, "libwebsockets: %.*s", (int)n, line);
}

int ws_load(struct ws **ret)
{
	/* Under the shortest idle time that proxies are seen to have, which is 10 s. */
	static const lws_retry_bo_t keepalive = {
		.secs_since_valid_ping = 8, .secs_since_valid_hangup = 50};
	CLEANUP(ws_freep) struct ws *w = calloc(1, sizeof(*w));
	void *loops[1];
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.protocols = protocols,
		.user = w,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.vhost_name = "default",
		.timeout_secs = 10,
		.pt_serv_buf_size = RECEIVE_BYTES,
		.max_http_header_data2 = 16384,
		.max_http_header_pool2 = 256,
		.retry_and_idle_policy = &keepalive,
		.foreign_loops = loops,
		.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS |
			   LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME,
	};
	int r;

	if (!w)
		return -ENOMEM;
	r = uv_loop_init(&w->uv);
	if (r < 0)
		return r;
	w->has_uv = true;
	loops[0] = &w->uv;
	info.pcontext = &w->context; /* set to NULL when it is gone */
	lws_set_log_level(LLL_ERR | LLL_WARN, on_library_line);
	w->context = lws_create_context(&info);
	if (!w->context)
		return -EIO;
	*ret = TAKE_PTR(w);
	return 0;
}

int ws_begin(struct ws *w, struct gateway *g)
{
	lws_sock_file_fd_type fd;
	int r;

	w->gateway = g;
	r = loop_add_timer(g->loop, flush_lazy, w, &w->lazy_timer);
	if (r == 0)
		r = loop_add_timer(g->loop, resume_slow, w, &w->slow_timer);
	if (r == 0)
		r = loop_add_timer(g->loop, on_leave, w, &w->leave_timer);
	if (r < 0)
		return r;
	fd.filefd = loop_fd(g->loop);
	if (fd.filefd < 0)
		return fd.filefd;
	/* The library closes what it has adopted, and the loop closes its own. */
	fd.filefd = dup(fd.filefd);
	if (fd.filefd < 0)
		return -errno;
	return lws_adopt_descriptor_vhost(lws_get_vhost_by_name(w->context, "default"),
		       LWS_ADOPT_RAW_FILE_DESC, fd, "loop", NULL)
		       ? 0
		       : -EIO;
}

struct ws *ws_free(struct ws *w)
{
	if (!w)
		return NULL;
	if (w->context)
		lws_context_destroy(w->context);
	if (w->has_uv) {
		(void)uv_run(&w->uv, UV_RUN_DEFAULT); /* what the library closes … */
		if (w->context)
			lws_context_destroy(w->context); /* … before it lets go of the rest */
		(void)uv_loop_close(&w->uv);
	}
	(void)source_free(w->lazy_timer);
	(void)source_free(w->slow_timer);
	(void)source_free(w->leave_timer);
	free(w);
	return NULL;
}

void ws_run(struct ws *w)
{
	while (!w->stopping)
		(void)uv_run(&w->uv, UV_RUN_ONCE);
}

void ws_stop(struct ws *w)
{
	w->leaving = true;
	w->stopping = w->count == 0;
	w->leave_usec = clock_mono_usec();
	await_leaving(w);
	/* By name: the library works with a copy of the table. */
	(void)lws_callback_on_writable_all_protocol(
		w->context, lws_vhost_name_to_protocol(lws_get_vhost_by_name(w->context, "default"),
				    protocols[0].name));
	lws_cancel_service(w->context);
}

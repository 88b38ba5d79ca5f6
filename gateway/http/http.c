#include "gateway/http/http.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/link.h"
#include "base/log.h"
#include "base/offload.h"
#include "gateway/http/request.h"
#include "gateway/http/site.h"
#include "gateway/http/upstream.h"
#include "gateway/session/sessions.h"
#include "gateway/space.h"
#include "gateway/tus.h"
#include "gateway/wake.h"

#define CONNECTION_MEMORY (64 * 1024)
#define CONNECTION_TIMEOUT_SEC 60
#define CONNECTIONS_MAX 8192

struct http {
	struct gateway *gateway;
	struct MHD_Daemon *daemon;     /* owned */
	struct source *source;         /* owned; the daemon's epoll fd */
	struct source *timer;          /* owned; the daemon's deadlines */
	struct source *kick;           /* owned; a turn that is due */
	struct site *site;             /* owned */
	struct upstreams *upstreams;   /* owned */
	struct offload *offload;       /* owned */
	struct request *suspended;     /* borrowed; all of them */
	struct mcp_request *mcp_calls; /* borrowed; those that run */
	bool running, ending;
	bool resumed; /* a request, while running: MHD_get_timeout does not know */
};

/* --- nesting --- */

static void turn(struct http *h)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;

	h->running = true;
	do {
		h->resumed = false;
		(void)MHD_run(h->daemon);
		/* 0: it has more to do at once, and its epoll fd would not say so. */
	} while (h->resumed || (MHD_get_timeout(h->daemon, &wait_ms) == MHD_YES && wait_ms == 0));
	h->running = false;
	if (MHD_get_timeout(h->daemon, &wait_ms) == MHD_YES)
		timer_arm_after(h->timer, (uint64_t)wait_ms * USEC_PER_MSEC);
	else
		timer_disarm(h->timer);
}

static void on_epoll(int fd, uint32_t events, void *data)
{
	(void)fd;
	(void)events;
	turn(data);
}

static void on_timer(void *data)
{
	turn(data);
}

static void on_kick(void *data)
{
	struct http *h = data;

	h->kick = NULL;
	turn(h);
}

static void kick(struct http *h)
{
	if (!h->kick && !h->running)
		(void)loop_defer(h->gateway->loop, on_kick, h, &h->kick);
}

void request_suspend(struct request *r)
{
	struct http *h = r->http;

	if (r->suspended || h->ending)
		return;
	r->suspended = true;
	r->next = h->suspended;
	r->at = &h->suspended;
	if (r->next)
		r->next->at = &r->next;
	h->suspended = r;
	MHD_suspend_connection(r->connection);
}

void request_resume(struct request *r)
{
	if (!r->suspended)
		return;
	r->suspended = false;
	*r->at = r->next;
	if (r->next)
		r->next->at = r->at;
	MHD_resume_connection(r->connection);
	r->http->resumed = true;
	kick(r->http);
}

/* --- what handlers ask of a request --- */

struct gateway *request_gateway(const struct request *r)
{
	return r->http->gateway;
}

struct site *request_site(const struct request *r)
{
	return r->http->site;
}

struct upstreams *request_upstreams(const struct request *r)
{
	return r->http->upstreams;
}

struct mcp_request **request_mcp_calls(const struct request *r)
{
	return &r->http->mcp_calls;
}

const char *request_header(const struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

const char *request_argument(const struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* counted: the connection comes from a proxy of ours. */
const char *request_scheme(const struct request *r)
{
	const char *proto = request_header(r, "X-Forwarded-Proto");

	return r->tls || (r->counted && proto && !strcmp(proto, "https")) ? "https" : "http";
}

const char *request_host(const struct request *r)
{
	const char *name = r->counted ? request_header(r, "X-Forwarded-Host") : NULL;

	return name && host_is_sane(name, strlen(name)) ? name : request_header(r, "Host");
}

bool request_is_same_origin(const struct request *r)
{
	const char *origin = request_header(r, "Origin");
	const char *host = request_header(r, "Host");
	struct span o, h;

	if (!origin)
		return true;
	if (!host)
		return false;
	o = (struct span){origin, strlen(origin)};
	h = (struct span){host, strlen(host)};
	return origin_matches(&o, &h);
}

void request_refuse(struct request *r, unsigned status, const char *fmt, ...)
{
	va_list ap;

	if (r->refusal)
		return;
	r->refusal = status;
	va_start(ap, fmt);
	(void)vsnprintf(r->refusal_words, sizeof(r->refusal_words), fmt, ap);
	va_end(ap);
}

static void on_identity(const struct identity *who, void *data)
{
	struct request *r = data;

	r->asking = NULL;
	r->who = *who;
	request_resume(r);
}

bool request_identify(struct request *r)
{
	const char *cookie;
	size_t n = 0;

	if (r->asked_who)
		return true;
	r->asked_who = true;
	cookie = request_sign_in(r, &n);
	if (!cookie || edge_identify(r->http->gateway->edge, cookie, n, &r->who, on_identity, r,
			       &r->asking) != 0)
		return true;
	request_suspend(r);
	return false;
}

/* Gradio's Python client has a header of its own for it. */
static const char *find_token(const struct request *r)
{
	const char *header = request_header(r, "Authorization");

	if (!header)
		header = request_header(r, "X-HF-Authorization");
	return header && !strncasecmp(header, "Bearer ", 7) ? header + 7 : NULL;
}

bool request_has_token(const struct request *r)
{
	return find_token(r);
}

bool request_identify_program(struct request *r, bool *ret_token)
{
	const char *token = find_token(r);

	*ret_token = token != NULL;
	if (r->asked_who)
		return true;
	if (!token)
		return !request_is_same_origin(r) || request_identify(r);
	r->asked_who = true;
	if (edge_identify(r->http->gateway->edge, token, strlen(token), &r->who, on_identity, r,
		    &r->asking) != 0)
		return true;
	request_suspend(r);
	return false;
}

bool request_owns(const struct request *r, const struct route *route)
{
	return identity_knows(&r->who, route->owner, route->space);
}

const char *request_visitor_cookie(const struct request *r)
{
	return *r->host ? hosts_visitor_cookie(&r->http->gateway->hosts) : VISITOR_COOKIE;
}

void request_visitor(struct request *r)
{
	const struct visitor_key *key = &r->http->gateway->key;
	const char *header = request_header(r, "Cookie");
	const char *cookie;
	size_t n = 0;

	if (r->visitor[0])
		return;
	if (r->path.visitor.at) {
		if (!visitor_check(key, r->path.visitor.at, r->path.visitor.n, r->visitor))
			visitor_new(key, r->visitor, (char[VISITOR_COOKIE_LEN + 1]){0});
		return;
	}
	cookie = header ? cookie_find(header, strlen(header), request_visitor_cookie(r), &n) : NULL;
	if (!cookie || !visitor_check(key, cookie, n, r->visitor))
		visitor_new(key, r->visitor, r->set_cookie);
}

static void on_settled(int outcome, void *data)
{
	struct settling *s = data;

	s->job = NULL;
	s->outcome = outcome;
	request_resume(s->request);
}

bool request_settle(struct request *r, struct settling *s, const int *fds, size_t n)
{
	int done;

	s->request = r;
	done = offload_sync(r->http->offload, fds, n, on_settled, s, &s->job);
	if (done == 1) {
		request_suspend(r);
		return false;
	}
	s->outcome = done;
	return true;
}

static void on_settled_ahead(int outcome, void *data)
{
	struct settling *s = data;

	s->job = NULL;
	if (s->outcome == 0)
		s->outcome = outcome;
}

void request_settle_ahead(struct request *r, struct settling *s, int fd)
{
	int done;

	if (fd < 0)
		return;
	done = offload_sync(r->http->offload, &fd, 1, on_settled_ahead, s, &s->job);
	if (done < 0)
		s->outcome = done;
}

void request_settle_end(struct settling *s)
{
	s->job = offload_forget(s->job);
}

/* --- health --- */

/* What visitors have to do without, in words; NULL: out of memory. */
static json_t *list_missing(const struct gateway *g)
{
	json_t *list = json_array();

	if (list && !edge_is_up(g->edge))
		(void)json_array_append_new(list,
			json_string("the orchestrator is away: no sign-in and no push; Spaces "
				    "are served as they were"));
	if (list && !wake_is_synced(g->wake))
		(void)json_array_append_new(
			list, json_string("the agent is away: Spaces that sleep cannot be woken"));
	return list;
}

static json_t *health_object(const struct gateway *g, bool *ret_ready)
{
	json_t *missing = list_missing(g);
	json_t *o = json_pack("{ss s{ss ss} so? sI sI sI sI}", "status",
		json_array_size(missing) == 0 ? "ok" : "degraded", "links", "orchestrator",
		edge_is_up(g->edge) ? "up" : "away", "agent",
		wake_is_synced(g->wake) ? "up" : "away", "missing", missing, "spaces",
		(json_int_t)route_table_count(g->routes), "awake",
		(json_int_t)spaces_awake(g->spaces), "sessions",
		(json_int_t)sessions_count(g->sessions), "filesRefused",
		(json_int_t)links_files_refused());

	*ret_ready = missing && json_array_size(missing) == 0;
	return o;
}

/* The process answers, so it lives: 200. Whether it can do all of its work is asked with ?ready. */
static enum MHD_Result health_finish(struct request *r)
{
	bool asked = MHD_lookup_connection_value_n(r->connection, MHD_GET_ARGUMENT_KIND, "ready", 5,
			     NULL, NULL) == MHD_YES;
	bool ready;
	json_t *o = health_object(r->http->gateway, &ready);
	struct buf b;
	enum MHD_Result done;

	buf_init(&b, 4096);
	if (o)
		(void)json_write(&b, o);
	json_decref(o);
	done = answer_bytes(r, asked && !ready ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK,
		"application/json", buf_str(&b), b.len);
	buf_done(&b);
	return done;
}

const struct handler health_handler = {.name = "healthz", .finish = health_finish};

static enum MHD_Result upgrade_finish(struct request *r)
{
	struct MHD_Response *response;
	static char words[] = "{\"error\":\"this path speaks WebSocket only\"}";

	response =
		MHD_create_response_from_buffer(sizeof(words) - 1, words, MHD_RESPMEM_PERSISTENT);
	if (!response)
		return MHD_NO;
	response_header(response, "Content-Type", "application/json");
	response_header(response, "Upgrade", "websocket");
	return answer(r, MHD_HTTP_UPGRADE_REQUIRED, response);
}

const struct handler upgrade_handler = {.name = "upgrade", .finish = upgrade_finish};

/* --- libmicrohttpd's callbacks --- */

/* The target as it came, before anything is decoded, is what goes upstream. */
static void *on_target(void *data, const char *target, struct MHD_Connection *connection)
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->http = data;
	r->connection = connection;
	r->target = strdup(target);
	r->handler = &missing_handler;
	return r;
}

static enum MHD_Result last_value(
	void *data, enum MHD_ValueKind kind, const char *name, const char *value)
{
	const char **last = data;

	(void)kind;
	if (value && !strcasecmp(name, "X-Forwarded-For"))
		*last = value;
	return MHD_YES;
}

static void look_behind(struct request *r)
{
	const char *list = "";
	struct address *behind;

	(void)MHD_get_connection_values(r->connection, MHD_HEADER_KIND, last_value, &list);
	behind = limits_enter_behind(r->http->gateway->limits, r->address, list, strlen(list));
	if (!behind) {
		request_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE,
			"too many connections from your address, or in all");
		return;
	}
	r->address = behind;
	r->counted = true;
}

struct socket {
	struct address *address; /* counted */
	bool tls;
	void (*closed)(void *data, const char *note);
	void *data; /* borrowed, outlives the sockets */
	char note[64];
};

static struct socket *socket_of(const struct request *r)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

void request_when_closed(struct request *r, void (*closed)(void *data, const char *note),
	void *data, const char *note)
{
	struct socket *s = socket_of(r);

	if (!s)
		return;
	s->closed = closed;
	s->data = data;
	(void)snprintf(s->note, sizeof(s->note), "%s", note);
}

static void socket_close(struct http *h, struct socket *s)
{
	if (s->closed && !h->ending)
		s->closed(s->data, s->note);
	limits_leave(h->gateway->limits, s->address);
	free(s);
}

static void begin(struct request *r, const char *method, const char *version)
{
	const struct socket *socket = socket_of(r);
	const char *host = request_header(r, "Host");
	const struct handler *found;

	r->begun = true;
	r->method = method;
	r->version = version;
	r->address = socket ? socket->address : NULL;
	r->tls = socket && socket->tls;
	if (r->address && address_is_proxy(r->address))
		look_behind(r);
	if (r->refusal)
		return;
	if (!r->target || r->target[0] != '/') {
		request_refuse(r, MHD_HTTP_BAD_REQUEST, "request line: the target must be a path");
		return;
	}
	if (strlen(r->target) > 8192) {
		request_refuse(
			r, MHD_HTTP_URI_TOO_LONG, "request line: the target is over 8192 bytes");
		return;
	}
	if (host && !host_is_sane(host, strlen(host))) {
		request_refuse(r, MHD_HTTP_BAD_REQUEST, "Host: malformed");
		return;
	}
	found = request_find_host(r);
	if (!r->refusal)
		request_count(r);
	if (r->refusal)
		return;
	if (!found)
		found = *r->host ? request_choose_at_host(r) : request_choose(r);
	r->handler = request_must_move(r) ? &move_handler : found;
	if (r->handler->begin)
		r->handler->begin(r);
}

static enum MHD_Result take_body(struct request *r, const char *bytes, size_t *n)
{
	if (r->handler->feed && !r->refusal) {
		*n -= r->handler->feed(r, bytes, *n);
		return MHD_YES;
	}
	/* An answer in the middle of a body would never be read: swallow the rest first. */
	r->swallowed += *n;
	*n = 0;
	return r->swallowed <= SWALLOW_MAX ? MHD_YES : MHD_NO;
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *bytes, size_t *n, void **context)
{
	struct request *r = *context;

	(void)data;
	(void)connection;
	(void)url;
	if (!r)
		return MHD_NO;
	if (!r->begun) {
		begin(r, method, version);
		return MHD_YES;
	}
	if (*n > 0)
		return take_body(r, bytes, n);
	if (r->refusal)
		return answer_error(r, r->refusal, r->refusal_words);
	return r->handler->finish(r);
}

static void on_completed(void *data, struct MHD_Connection *connection, void **context,
	enum MHD_RequestTerminationCode why)
{
	struct request *r = *context;

	(void)data;
	(void)connection;
	(void)why;
	if (!r)
		return;
	*context = NULL;
	r->gone = true;
	r->asking = identify_cancel(r->asking);
	if (r->handler->done)
		r->handler->done(r);
	if (r->counted)
		limits_leave(r->http->gateway->limits, r->address);
	free(r->target);
	free(r->asked);
	explicit_bzero(r->sign_in, sizeof(r->sign_in));
	free(r);
}

/* Between MHD_add_connection and its first callback. */
static struct address *arriving;
static bool arriving_tls;

static void on_connection(void *data, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	struct http *h = data;

	(void)connection;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		struct socket *s = calloc(1, sizeof(*s));

		/* Without memory nobody takes the address; what is asked there is refused. */
		if (s) {
			s->address = TAKE_PTR(arriving);
			s->tls = arriving_tls;
		}
		*context = s;
	} else if (*context) {
		socket_close(h, TAKE_PTR(*context));
	}
}

/* A NUL in a path ends it for everybody behind us, so it is never decoded into one. */
static size_t keep_encoded(void *data, struct MHD_Connection *connection, char *text)
{
	(void)data;
	(void)connection;
	return strstr(text, "%00") ? strlen(text) : MHD_http_unescape(text);
}

void http_adopt(struct http *h, int fd, const struct sockaddr *peer, socklen_t length,
	struct address *address, bool tls)
{
	arriving = address;
	arriving_tls = tls;
	/* On failure the fd has been closed and, when it got no connection, nobody took address. */
	(void)MHD_add_connection(h->daemon, fd, peer, length);
	if (arriving)
		limits_leave(h->gateway->limits, address);
	arriving = NULL;
	kick(h);
}

static void on_library_line(void *data, const char *fmt, va_list ap)
{
	char line[512];

	(void)data;
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = '\0';
	log_debug("libmicrohttpd: %s", line);
}

static int start_daemon(struct http *h)
{
	const union MHD_DaemonInfo *info;

	h->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME |
					     MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG,
		0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_library_line, h,
		MHD_OPTION_URI_LOG_CALLBACK, on_target, h, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_encoded, h, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)CONNECTION_TIMEOUT_SEC, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)CONNECTIONS_MAX, MHD_OPTION_END);
	if (!h->daemon)
		return -EIO;
	info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return -EIO;
	return loop_add_fd(h->gateway->loop, info->epoll_fd, EPOLLIN, on_epoll, h, &h->source);
}

int http_new(struct gateway *g, const char *ui_dir, const char *run_dir, struct http **ret,
	struct err *e)
{
	CLEANUP(http_freep) struct http *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->gateway = g;
	r = site_new(ui_dir, &h->site, e);
	if (r == 0)
		r = upstreams_new(g->loop, run_dir, &h->upstreams);
	if (r == 0)
		r = offload_new(g->loop, &h->offload);
	if (r == 0)
		r = loop_add_timer(g->loop, on_timer, h, &h->timer);
	if (r == 0)
		r = start_daemon(h);
	if (r < 0)
		return e && e->code ? r : err_set(e, r, "HTTP cannot start: %s", strerror(-r));
	*ret = TAKE_PTR(h);
	return 0;
}

struct http *http_free(struct http *h)
{
	if (!h)
		return NULL;
	(void)source_free(h->kick);
	(void)source_free(h->source);
	(void)source_free(h->timer);
	if (h->daemon) {
		/* It insists that nothing is suspended when it stops. */
		upstreams_abandon(h->upstreams);
		offload_settle(h->offload);
		h->running = h->ending = true;
		while (h->suspended)
			request_resume(h->suspended);
		(void)MHD_run(h->daemon);
		MHD_stop_daemon(h->daemon);
	}
	(void)upstreams_free(h->upstreams);
	(void)offload_free(h->offload);
	(void)site_free(h->site);
	free(h);
	return NULL;
}

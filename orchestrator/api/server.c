#include "orchestrator/api/server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "orchestrator/api/private.h"
#include "orchestrator/api/routes.h"
#include "orchestrator/metrics.h"

#define CONNECTIONS_MAX 4096
#define CONNECTION_MEMORY 65536
#define CONNECTION_IDLE_SEC 600
#define ROUNDS_MAX 64
/*
 * A refused request's body is read to its end before the answer, which most clients would not see
 * otherwise; one that is longer than this ends the connection.
 */
#define REFUSED_BODY_MAX (256u << 20)
/* All bodies together; small ones are always taken, so that everything but large ones goes on. */
#define BODIES_MAX (128u << 20)

#define LOGIN_BURST 10
#define LOGIN_REFILL_USEC (30 * USEC_PER_SEC)
#define LOGIN_KEYS_MAX 2048

/* --- nesting --- */

static void run(struct server *s)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms = 0;
	int rounds = 0;

	/* libmicrohttpd may have work that no fd tells of: until its timeout is not 0. */
	do
		(void)MHD_run(s->daemon);
	while (MHD_get_timeout(s->daemon, &timeout_ms) == MHD_YES && timeout_ms == 0 &&
		++rounds < ROUNDS_MAX);
	if (rounds == ROUNDS_MAX)
		server_soon(s);
	else if (MHD_get_timeout(s->daemon, &timeout_ms) == MHD_YES)
		timer_arm_after(s->timer, timeout_ms * USEC_PER_MSEC);
	else
		timer_disarm(s->timer);
}

static void on_ready(int fd, uint32_t events, void *data)
{
	(void)fd;
	(void)events;
	run(data);
}

static void on_timer(void *data)
{
	run(data);
}

static void on_soon(void *data)
{
	struct server *s = data;

	s->soon = NULL;
	run(s);
}

void server_soon(struct server *s)
{
	if (!s->soon && !s->ending)
		(void)loop_defer(s->world->loop, on_soon, s, &s->soon);
}

/* --- a request's life --- */

static struct request *request_new(
	struct server *s, struct MHD_Connection *conn, const char *target)
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->world = s->world;
	r->server = s;
	r->conn = conn;
	r->target = strdup(target);
	r->rest = "";
	random_id(r->number);
	buf_init(&r->body, BODY_MAX);
	r->next = s->requests;
	if (r->next)
		r->next->prev = r;
	s->requests = r;
	return r;
}

static void drop_body(struct request *r)
{
	if (r->body.data)
		explicit_bzero(r->body.data, r->body.len);
	r->server->held_bytes -= r->body.len;
	buf_done(&r->body);
}

static void request_free(struct request *r)
{
	if (r->on_end)
		r->on_end(r);
	if (r->prev)
		r->prev->next = r->next;
	else
		r->server->requests = r->next;
	if (r->next)
		r->next->prev = r->prev;
	if (r->response)
		MHD_destroy_response(r->response);
	json_decref(r->json);
	drop_body(r);
	free(r->target);
	free(r);
}

static bool peer_is_welcome(const struct server *s, struct MHD_Connection *conn)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (!info || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	return peer.uid == 0 || peer.uid == getuid() || peer.uid == s->gateway_uid;
}

static bool has_csrf_token(struct request *r)
{
	const char *token = request_header(r, "X-CSRF-Token");
	unsigned char differ = 0;

	if (!token || strlen(token) != ID_LEN)
		return false;
	for (int i = 0; i < ID_LEN; i++)
		differ |= (unsigned char)(token[i] ^ r->who.csrf[i]);
	return differ == 0;
}

/* Whoever is on this machine, where the operator allows it: through a proxy that is everybody. */
static bool may_measure(const struct request *r)
{
	return r->server->measure_local &&
	       (!strncmp(r->remote, "127.", 4) || !strcmp(r->remote, "::1"));
}

/* A page elsewhere asks whether it may ask. */
static void answer_options(struct request *r, const char *allow)
{
	const char *headers = request_header(r, MHD_HTTP_HEADER_ACCESS_CONTROL_REQUEST_HEADERS);

	r->readable_elsewhere = true;
	request_empty(r, MHD_HTTP_NO_CONTENT);
	request_add_header(r, MHD_HTTP_HEADER_ALLOW, allow);
	request_add_header(r, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_METHODS, allow);
	if (headers)
		request_add_header(r, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_HEADERS, headers);
	request_add_header(r, MHD_HTTP_HEADER_ACCESS_CONTROL_MAX_AGE, "3600");
}

/*
 * What may be done to a repo is asked by its handler, once it is known whether the repo is there
 * for this person at all.
 */
static bool asks_itself(const struct request *r)
{
	return *r->name != '\0';
}

/* Route, identity, right to act: what can be said before the body. */
static void admit(struct request *r, const char *method)
{
	char allow[64];
	struct err e = {0};
	int code;

	r->route = route_find(method, r->target, r, allow);
	if (!r->route && *allow && !strcmp(method, MHD_HTTP_METHOD_OPTIONS)) {
		answer_options(r, allow);
		return;
	}
	r->readable_elsewhere = r->route && r->route->action != ACTION_MEASURE;
	if (!r->route && *allow) {
		request_error(r, MHD_HTTP_METHOD_NOT_ALLOWED, "method", "%.16s: this path takes %s",
			method, allow);
		request_add_header(r, MHD_HTTP_HEADER_ALLOW, allow);
		return;
	}
	if (!r->route) {
		request_error(r, MHD_HTTP_NOT_FOUND, "path", "there is nothing here");
		return;
	}
	r->body.max = r->route->body_max ? r->route->body_max : BODY_MAX;
	code = request_identify(r, &e);
	if (code == 0 && !asks_itself(r) && !(r->route->action == ACTION_MEASURE && may_measure(r)))
		code = permit_some(&r->who, r->route->action, *r->owner ? r->owner : NULL, &e);
	if (code < 0) {
		request_fail(r, code, &e);
		return;
	}
	if (r->who.via == VIA_COOKIE && strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0 &&
		!r->route->before_sign_in && !has_csrf_token(r))
		request_error(r, MHD_HTTP_FORBIDDEN, "X-CSRF-Token",
			"the header X-CSRF-Token is missing or stale; whoami-v2 tells it");
}

static void parse_body(struct request *r)
{
	const char *type = request_header(r, MHD_HTTP_HEADER_CONTENT_TYPE);
	struct err e = {0};

	/* No HTML form can send these types, so no foreign page can post here unasked. */
	if (!type || (strncasecmp(type, "application/json", 16) != 0 &&
			     strncasecmp(type, "application/vnd.git-lfs+json", 28) != 0))
		request_error(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "Content-Type",
			"the body must be application/json");
	else if (json_parse(r->body.data, r->body.len, r->body.max, &r->json, &e) < 0)
		request_error(r, MHD_HTTP_BAD_REQUEST, "body", "%s", e.text);
	else if (!json_is_object(r->json))
		request_error(r, MHD_HTTP_BAD_REQUEST, "body", "must be a JSON object");
}

static void dispatch(struct request *r)
{
	r->dispatched = true;
	if (r->response)
		return;
	if (r->route->kind == ROUTE_STREAM) {
		r->route->finish(r);
		return;
	}
	if (r->route->kind == ROUTE_JSON && r->body.len > 0)
		parse_body(r);
	if (r->response)
		return;
	audit_begin(r);
	r->route->handle(r);
	audit_end(r);
}

static enum MHD_Result send_answer(struct request *r)
{
	enum MHD_Result result;

	audit_request(r);
	result = MHD_queue_response(r->conn, r->status, r->response);
	orchestrator_count(r->status < 300   ? ORCHESTRATOR_REQUESTS_OK
			   : r->status < 400 ? ORCHESTRATOR_REQUESTS_MOVED
			   : r->status < 500 ? ORCHESTRATOR_REQUESTS_REFUSED
					     : ORCHESTRATOR_REQUESTS_FAILED,
		1);

	MHD_destroy_response(r->response);
	r->response = NULL;
	return result;
}

static bool body_is_small(struct request *r)
{
	const char *length = request_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return !length || strtoull(length, NULL, 10) <= REFUSED_BODY_MAX;
}

/* The target as it came, before anything is decoded. */
static void *on_target(void *data, const char *target, struct MHD_Connection *conn)
{
	return request_new(data, conn, target);
}

static enum MHD_Result begin(struct request *r, const char *method)
{
	const char *remote;

	r->begun = true;
	r->head = !strcmp(method, MHD_HTTP_METHOD_HEAD);
	if (r->server->ending || !r->target || !peer_is_welcome(r->server, r->conn))
		return MHD_NO;
	remote = request_header(r, "X-Vitrine-Remote");
	(void)snprintf(r->remote, sizeof(r->remote), "%s", remote ? remote : "local");
	admit(r, method);
	if (!r->response && r->route->kind == ROUTE_STREAM)
		r->route->handle(r);
	if (r->response && !body_is_small(r)) {
		r->ended_early = true;
		return send_answer(r);
	}
	return MHD_YES;
}

/* Whoever it is: what anybody may send is kept in memory before it is known who may send it. */
static void keep_body(struct request *r, const char *bytes, size_t n)
{
	struct server *s = r->server;

	if (s->held_bytes + n > BODIES_MAX && r->body.len + n > BODY_MAX) {
		request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "body",
			"too many large requests at once; try again");
		request_add_header(r, MHD_HTTP_HEADER_RETRY_AFTER, "1");
	} else if (buf_add(&r->body, bytes, n) < 0) {
		request_error(r, MHD_HTTP_CONTENT_TOO_LARGE, "body", "the limit is %zu bytes",
			r->body.max);
	} else {
		s->held_bytes += n;
		return;
	}
	drop_body(r);
}

/* False: too much of it comes for a request that is refused. */
static bool take_body(struct request *r, const char *bytes, size_t *n)
{
	if (r->response) {
		r->thrown_away += *n;
		*n = 0;
		return r->thrown_away <= REFUSED_BODY_MAX;
	}
	if (r->route->kind == ROUTE_STREAM) {
		*n -= (size_t)r->route->take(r, bytes, *n);
		return true;
	}
	keep_body(r, bytes, *n);
	*n = 0;
	return true;
}

static enum MHD_Result on_access(void *data, struct MHD_Connection *conn, const char *path,
	const char *method, const char *version, const char *bytes, size_t *n, void **state)
{
	struct request *r = *state;

	(void)data;
	(void)conn;
	(void)path;
	(void)version;
	if (!r)
		return MHD_NO;
	if (!r->begun)
		return begin(r, method);
	if (*n > 0) {
		return take_body(r, bytes, n) ? MHD_YES : MHD_NO;
	}
	if (r->ended_early)
		return MHD_YES;
	if (!r->dispatched)
		dispatch(r);
	if (r->response)
		return send_answer(r);
	if (!r->parked)
		request_park(r);
	return MHD_YES;
}

static void on_completed(
	void *data, struct MHD_Connection *conn, void **state, enum MHD_RequestTerminationCode code)
{
	(void)data;
	(void)conn;
	(void)code;
	if (*state)
		request_free(*state);
	*state = NULL;
}

/* --- life --- */

int server_new(
	struct world *w, const struct server_config *config, struct server **ret, struct err *e)
{
	CLEANUP(server_freep) struct server *s = calloc(1, sizeof(*s));
	const union MHD_DaemonInfo *info;
	int r;

	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	s->world = w;
	s->gateway_uid = config->gateway_uid;
	s->measure_local = config->measure_local;
	(void)snprintf(s->ctl_key, sizeof(s->ctl_key), "%s", config->ctl_key);
	s->logins = throttle_new(LOGIN_BURST, LOGIN_REFILL_USEC, LOGIN_KEYS_MAX);
	s->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
		on_access, s, MHD_OPTION_LISTEN_SOCKET, (MHD_socket)config->listen_fd,
		MHD_OPTION_URI_LOG_CALLBACK, on_target, s, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, s, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_IDLE_SEC, MHD_OPTION_END);
	s->links = links_new();
	if (!s->daemon || !s->logins || !s->links)
		return err_set(e, -EIO, "the HTTP server cannot start");
	info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	r = loop_add_fd(w->loop, info->epoll_fd, EPOLLIN, on_ready, s, &s->source);
	if (r == 0)
		r = loop_add_timer(w->loop, on_timer, s, &s->timer);
	if (r < 0)
		return err_set(e, r, "the HTTP server cannot start: %s", strerror(-r));
	*ret = TAKE_PTR(s);
	return 0;
}

struct server *server_free(struct server *s)
{
	if (!s)
		return NULL;
	s->ending = true;
	s->source = source_free(s->source);
	s->timer = source_free(s->timer);
	s->soon = source_free(s->soon);
	/* libmicrohttpd refuses to stop while a connection is suspended. */
	for (struct request *r = s->requests; r; r = r->next)
		if (r->parked)
			request_wake(r);
	if (s->daemon)
		MHD_stop_daemon(s->daemon);
	(void)links_free(s->links);
	(void)throttle_free(s->logins);
	free(s);
	return NULL;
}

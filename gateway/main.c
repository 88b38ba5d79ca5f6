/*
 * vitrine-gateway: the one public port.
 *
 * Holds: the listening sockets, session logs, uploads, the key that signs visitors' cookies, those
 *   that seal what an event may spend on models.
 * May talk to it: everybody, over HTTP and WebSocket; workers, over app links.
 * Never sees: the database, a password hash, a tenant's code.
 * Gives up after start: every file but its own and the UI's, sockets but AF_UNIX, other programs
 *   (confine_self); it is started as its own uid without capabilities.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/entry.h"
#include "base/fs.h"
#include "base/log.h"
#include "gateway/adapters/gradio/session.h"
#include "gateway/call/call.h"
#include "gateway/costs.h"
#include "gateway/edge.h"
#include "gateway/fetch_link.h"
#include "gateway/files.h"
#include "gateway/gateway.h"
#include "gateway/grant_link.h"
#include "gateway/grants.h"
#include "gateway/host.h"
#include "gateway/http/http.h"
#include "gateway/limits.h"
#include "gateway/listener.h"
#include "gateway/models/models.h"
#include "gateway/models/pictures.h"
#include "gateway/partial.h"
#include "gateway/pass.h"
#include "gateway/price.h"
#include "gateway/prove.h"
#include "gateway/report.h"
#include "gateway/route.h"
#include "gateway/session/sessions.h"
#include "gateway/session/sync.h"
#include "gateway/space.h"
#include "gateway/stream/stream.h"
#include "gateway/visitor.h"
#include "gateway/wake.h"
#include "gateway/worker_link.h"
#include "gateway/ws/ws.h"
#include "proto/constants.h"
#include "sandbox/confine.h"

/* libwebsockets makes tables as large as the limit, so it is not simply the hard one. */
#define FDS_WANTED 65536
#define SOCKETS_PER_ADDRESS 1024
#define SOCKETS_TOTAL 20000
#define SESSIONS_MIB_PER_SPACE 256
#define FILES_SWEEP_USEC (3600ull * 1000 * 1000)
#define FILES_MIB_PER_SPACE 4096
#define PARTIALS_SWEEP_USEC (60ull * 1000 * 1000)
#define MIB_MAX (1ll << 40)        /* what any disk may have, and still counts in bytes */
#define FILES_KEEP_SEC (8 * 86400) /* a day longer than the sessions that name them */

struct settings {
	const char *data, *run, *ui;
	char challenges[4096]; /* below run */
	const char *picture;   /* vitrine-picture; NULL: nobody reads pictures */
	int64_t keep_sec;
	int64_t sockets_per_address;
	int64_t sessions_mib;            /* of memory, for those of a Space */
	int64_t upload_mib;              /* of one file of a visitor */
	int64_t files_mib;               /* of the disk, for those of a Space */
	int64_t https_port;              /* 0: http is served as it comes */
	const char *url, *spaces_domain; /* as hosts_init takes them */
	bool open_models;
	const char *proxies[LIMITS_PROXIES_MAX];
	size_t n_proxies;
	struct space_limits space;
	struct watch_limits watch;
};

struct program {
	struct settings settings;
	struct gateway gateway;
	struct log_sync *sync;
	struct grant_link *grant_link;
	struct report *report;
	struct doorman *doorman;
	struct source *signals[2];
	int pictures; /* the link to vitrine-picture; -1: there is none */
	struct source *sweep, *partials_sweep;
};

static int usage(const struct err *e)
{
	if (e->code)
		log_error("%s", e->text);
	fprintf(stderr, "usage: vitrine-gateway --data DIR --run DIR --ui DIR\n"
			"         [--session-keep-sec N] [--sockets-per-address N]\n"
			"         [--sessions-mib-per-space N] [--files-mib-per-space N]\n"
			"         [--upload-mib N] [--open-models] [--picture PROGRAM]\n"
			"         [--proxy ADDRESS]... [--https-port N]\n"
			"         [--url URL] [--spaces-domain DOMAIN]\n"
			"         [--limit replicas|sessions|visitor-sessions=N]...\n"
			"         [--limit session-events|space-events=PER_SECOND]...\n"
			"         [--limit calm|stall|silent|event|idle=SECONDS]...\n"
			"fds from 3: the listening sockets, TCP, and one of AF_UNIX for\n"
			"vitrine-tls\n");
	return 2;
}

static int64_t number(const char *text)
{
	char *end;
	long long v = strtoll(text, &end, 10);

	return *text && !*end && v > 0 ? v : -1;
}

static int set_limit(struct settings *s, const char *text, struct err *e)
{
	int r = space_limits_set(&s->space, text, e);

	return r == -ENOENT ? watch_limits_set(&s->watch, text, e) : r;
}

static int parse(int argc, char **argv, struct settings *s, struct err *e)
{
	static const struct option options[] = {
		{"data", required_argument, NULL, 'd'},
		{"run", required_argument, NULL, 'r'},
		{"ui", required_argument, NULL, 'u'},
		{"session-keep-sec", required_argument, NULL, 'k'},
		{"sockets-per-address", required_argument, NULL, 's'},
		{"sessions-mib-per-space", required_argument, NULL, 'm'},
		{"files-mib-per-space", required_argument, NULL, 'f'},
		{"upload-mib", required_argument, NULL, 'p'},
		{"open-models", no_argument, NULL, 'o'},
		{"picture", required_argument, NULL, 'i'},
		{"limit", required_argument, NULL, 'l'},
		{"proxy", required_argument, NULL, 'x'},
		{"https-port", required_argument, NULL, 'h'},
		{"url", required_argument, NULL, 'b'},
		{"spaces-domain", required_argument, NULL, 'e'},
		{NULL, 0, NULL, 0},
	};
	int c;

	*s = (struct settings){.keep_sec = SESSION_KEEP_SEC,
		.url = "",
		.spaces_domain = "",
		.sockets_per_address = SOCKETS_PER_ADDRESS,
		.sessions_mib = SESSIONS_MIB_PER_SPACE,
		.upload_mib = UPLOAD_MAX >> 20,
		.files_mib = FILES_MIB_PER_SPACE};
	space_limits_default(&s->space);
	watch_limits_default(&s->watch);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'd')
			s->data = optarg;
		else if (c == 'r')
			s->run = optarg;
		else if (c == 'u')
			s->ui = optarg;
		else if (c == 'k')
			s->keep_sec = number(optarg);
		else if (c == 'x' && s->n_proxies < LIMITS_PROXIES_MAX)
			s->proxies[s->n_proxies++] = optarg;
		else if (c == 'h')
			s->https_port = number(optarg);
		else if (c == 'b')
			s->url = optarg;
		else if (c == 'e')
			s->spaces_domain = optarg;
		else if (c == 's')
			s->sockets_per_address = number(optarg);
		else if (c == 'm')
			s->sessions_mib = number(optarg);
		else if (c == 'o')
			s->open_models = true;
		else if (c == 'i')
			s->picture = optarg;
		else if (c == 'f')
			s->files_mib = number(optarg);
		else if (c == 'p')
			s->upload_mib = number(optarg);
		else if (c != 'l' || set_limit(s, optarg, e) < 0)
			return -EINVAL;
	}
	(void)snprintf(
		s->challenges, sizeof(s->challenges), "%s/tls/challenges", s->run ? s->run : "");
	return s->data && s->run && s->ui && s->keep_sec > 0 && s->sockets_per_address > 0 &&
			       s->sessions_mib > 0 && s->upload_mib > 0 && s->https_port >= 0 &&
			       s->https_port <= UINT16_MAX && s->upload_mib < MIB_MAX &&
			       s->files_mib > 0 && s->files_mib < MIB_MAX && optind == argc
		       ? 0
		       : -EINVAL;
}

static void on_signal(int signo, void *data)
{
	struct program *p = data;

	log_info("ending on signal %d", signo);
	/* Whoever knocks from now on waits in the supervisor's listening socket. */
	p->doorman = doorman_free(p->doorman);
	ws_stop(p->gateway.ws);
}

static void on_sweep(void *data)
{
	struct program *p = data;

	files_expire(p->gateway.files, space_sessions_ops.wall_sec(NULL), FILES_KEEP_SEC);
	timer_arm_after(p->sweep, FILES_SWEEP_USEC);
}

static void on_partials_sweep(void *data)
{
	struct program *p = data;

	partials_expire(p->gateway.partials, space_sessions_ops.wall_sec(NULL));
	timer_arm_after(p->partials_sweep, PARTIALS_SWEEP_USEC);
}

/* The kernel's id of this boot tells nobody anything, but it need not travel as it is. */
static void name_boot(char ret[17])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	char id[64];
	ssize_t n = fd < 0 ? -1 : read(fd, id, sizeof(id));

	if (fd >= 0)
		close(fd);
	if (n > 0)
		(void)snprintf(ret, 17, "%08x", crc32c(0, (uint8_t *)id, (size_t)n));
}

/* Before anything is read: session logs hold what visitors sent. */
static int confine(const struct settings *s, struct err *e)
{
	const struct landlock_path paths[] = {
		{s->data, LANDLOCK_WRITE}, {s->ui, LANDLOCK_READ}, {s->challenges, LANDLOCK_READ}};
	int r = fs_mkdirs(s->data, 0700, e);

	return r < 0 ? r
		     : confine_self(CONFINE_GATEWAY, paths, sizeof(paths) / sizeof(paths[0]), e);
}

static const char *below(const struct settings *s, const char *name, char ret[4096])
{
	(void)snprintf(ret, 4096, "%s/%s", s->data, name);
	return ret;
}

static int make_stores(struct program *p, struct err *e)
{
	struct gateway *g = &p->gateway;
	struct sessions_limits limits = {.per_space = g->space_limits.of[LIMIT_SESSIONS],
		.per_visitor = g->space_limits.of[LIMIT_VISITOR_SESSIONS],
		.space_bytes = g->session_bytes,
		.keep_sec = (uint64_t)p->settings.keep_sec,
		.leave_sec = g->space_limits.of[LIMIT_LEAVE],
		.untouched_sec = SESSION_UNTOUCHED_SEC,
		.program_sec = SESSION_PROGRAM_SEC};
	char path[4096];
	int r;

	if (limits.untouched_sec > limits.keep_sec)
		limits.untouched_sec = limits.keep_sec;
	if (limits.program_sec > limits.keep_sec)
		limits.program_sec = limits.keep_sec;
	r = visitor_key_load(below(&p->settings, "visitor.key", path), &g->key, e);
	if (r == 0)
		r = passes_new(&g->key, &g->passes);
	if (r == 0)
		r = limits_new((size_t)p->settings.sockets_per_address, SOCKETS_TOTAL, &g->limits);
	for (size_t i = 0; r == 0 && i < p->settings.n_proxies; i++)
		if (limits_trust(g->limits, p->settings.proxies[i]) < 0)
			r = err_set(
				e, -EINVAL, "--proxy: '%s' is no address", p->settings.proxies[i]);
	if (r == 0)
		r = files_new(below(&p->settings, "files", path),
			(uint64_t)p->settings.files_mib << 20, &g->files, e);
	if (r == 0)
		r = partials_new(g->files, space_sessions_ops.wall_sec(NULL), &g->partials);
	if (r == 0)
		r = route_table_new(below(&p->settings, "routes", path), &g->routes, e);
	if (r == 0)
		r = sessions_new(below(&p->settings, "sessions", path), &space_sessions_ops,
			&limits, g, &g->sessions, e);
	return r;
}

static int make_grants(struct program *p)
{
	const struct grants_config config = {.loop = p->gateway.loop,
		.visitors = &p->gateway.key,
		.classes = &p->gateway.classes,
		.costs = p->gateway.costs,
		.spent = price_spent,
		.gateway = &p->gateway,
		.send = grant_link_send,
		.data = p->grant_link};
	int r = grants_new(&config, &p->gateway.grants);

	if (r == 0)
		grant_link_serve(p->grant_link, p->gateway.grants);
	return r;
}

static int edge_of_host(const struct frame *f, void *data)
{
	struct gateway *g = data;

	return edge_host_send(f, g->edge);
}

static int fetch_of_host(const struct frame *f, void *data)
{
	struct gateway *g = data;

	return fetch_link_send(g->fetch, f);
}

static void on_proved(const char *host, const char *token, const char *words, void *data)
{
	struct gateway *g = data;

	edge_proved(g->edge, host, token, words);
}

static int make_proofs(struct gateway *g)
{
	const struct proofs_config config = {.key = &g->key,
		.hosts = &g->hosts,
		.fetch = fetch_of_host,
		.done = on_proved,
		.data = g};

	return proofs_new(&config, &g->proofs);
}

static int make_host(struct gateway *g)
{
	const struct host_config config = {.loop = g->loop,
		.answer = worker_link_answer,
		.edge = edge_of_host,
		.fetch = fetch_of_host,
		.note = worker_link_note,
		.untaken = worker_link_untaken,
		.data = g};

	return host_new(&config, &g->host);
}

static int make_links(struct program *p, struct err *e)
{
	struct gateway *g = &p->gateway;
	char path[4096];
	int r = spaces_new(g, &g->spaces);

	if (r == 0)
		r = log_sync_new(g->loop, sessions_log(g->sessions), &p->sync);
	if (r == 0)
		r = make_host(g);
	if (r == 0)
		r = make_proofs(g);
	if (r == 0)
		r = edge_new(g, p->settings.run, &g->edge);
	if (r == 0)
		r = wake_new(g, p->settings.run, &g->wake);
	if (r == 0)
		r = models_new(g, p->settings.run, &g->models);
	if (r == 0)
		r = pictures_new(g->loop, p->pictures, &g->pictures);
	if (r == 0)
		r = grant_link_new(g->loop, p->settings.run, &p->grant_link);
	if (r == 0)
		r = costs_new(g->loop, below(&p->settings, "costs.json", path), &g->costs);
	if (r == 0)
		r = fetch_link_new(g->loop, p->settings.run, g->host, &g->fetch);
	if (r == 0)
		fetch_link_prove(g->fetch, g->proofs);
	if (r == 0)
		r = make_grants(p);
	if (r == 0)
		r = streams_new(g, &g->streams);
	if (r == 0)
		r = callers_new(g, &g->callers);
	if (r == 0)
		r = gradio_new(g, &g->gradio);
	if (r == 0)
		r = http_new(g, p->settings.ui, p->settings.run, &g->http, e);
	if (r == 0)
		r = ws_begin(g->ws, g);
	if (r == 0)
		r = report_new(g, &p->report);
	return r;
}

static int make_door(struct program *p, struct err *e)
{
	struct gateway *g = &p->gateway;
	int fds[ENTRY_SOCKETS_MAX];
	size_t n = entry_inherited(fds);
	int r;

	if (n == 0)
		return err_set(e, -EBADF, "fd 3 is no listening socket");
	r = loop_add_signal(g->loop, SIGTERM, on_signal, p, &p->signals[0]);
	if (r == 0)
		r = loop_add_signal(g->loop, SIGINT, on_signal, p, &p->signals[1]);
	if (r == 0)
		r = loop_add_timer(g->loop, on_sweep, p, &p->sweep);
	if (r == 0)
		r = loop_add_timer(g->loop, on_partials_sweep, p, &p->partials_sweep);
	if (r == 0)
		r = doorman_new(g, fds, n, &p->doorman);
	if (r == 0) {
		timer_arm_after(p->sweep, 0);
		timer_arm_after(p->partials_sweep, PARTIALS_SWEEP_USEC);
	}
	return r;
}

static void take_down(struct program *p)
{
	struct gateway *g = &p->gateway;

	(void)doorman_free(p->doorman);
	(void)report_free(p->report);
	(void)ws_free(g->ws);
	gradio_stop(g->gradio);
	(void)http_free(g->http);
	(void)streams_free(g->streams);
	(void)gradio_free(g->gradio);
	(void)callers_free(g->callers);
	(void)edge_free(g->edge);
	(void)wake_free(g->wake);
	(void)models_free(g->models);
	(void)pictures_free(g->pictures);
	(void)grant_link_free(p->grant_link);
	g->grants = grants_free(g->grants);
	g->costs = costs_free(g->costs);
	(void)log_sync_free(p->sync);
	(void)sessions_free(g->sessions);
	(void)spaces_free(g->spaces);
	g->fetch = fetch_link_free(g->fetch);
	g->host = host_free(g->host);
	g->proofs = proofs_free(g->proofs);
	(void)route_table_free(g->routes);
	(void)partials_free(g->partials);
	(void)files_free(g->files);
	(void)limits_free(g->limits);
	g->passes = passes_free(g->passes);
	(void)loop_free(g->loop);
}

int main(int argc, char **argv)
{
	struct program p = {0};
	struct err e = {0};
	int r;

	log_init("gateway");
	if (parse(argc, argv, &p.settings, &e) < 0 ||
		hosts_init(&p.gateway.hosts, p.settings.url, p.settings.spaces_domain, &e) < 0)
		return usage(&e);
	p.gateway.watch = p.settings.watch;
	p.gateway.challenges = p.settings.challenges;
	p.gateway.https_port = (unsigned int)p.settings.https_port;
	p.gateway.open_models = p.settings.open_models;
	p.gateway.upload_bytes = (uint64_t)p.settings.upload_mib << 20;
	p.gateway.space_limits = p.settings.space;
	name_boot(p.gateway.boot);
	p.gateway.session_bytes = (size_t)p.settings.sessions_mib << 20;
	(void)signal(SIGPIPE, SIG_IGN);
	entry_raise_limit(FDS_WANTED);
	r = ws_load(&p.gateway.ws);
	p.pictures = -1;
	if (r == 0 && p.settings.picture)
		p.pictures = pictures_start(p.settings.picture, &e);
	if (p.pictures < 0 && e.code) { /* everything else goes on */
		log_error("%s; programs can send no pictures", e.text);
		e = (struct err){0};
	}
	if (r == 0)
		r = confine(&p.settings, &e);
	if (r == 0)
		r = loop_new(&p.gateway.loop);
	if (r == 0)
		r = make_stores(&p, &e);
	if (r == 0)
		r = make_links(&p, &e);
	if (r == 0)
		r = make_door(&p, &e);
	if (r == 0) {
		log_info("serving; %zu sessions and %zu Spaces from last time",
			sessions_count(p.gateway.sessions), route_table_count(p.gateway.routes));
		ws_run(p.gateway.ws);
	} else {
		log_error("cannot start: %s", e.code ? e.text : strerror(-r));
	}
	take_down(&p);
	return r == 0 ? 0 : 1;
}

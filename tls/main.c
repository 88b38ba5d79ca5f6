/*
 * vitrine-tls: the public port for TLS.
 *
 * Holds: the listening sockets for TLS, the hosts' keys and certificates, the keys of tickets.
 * May talk to it: everybody, in TLS; it talks to the gateway, over run/front.sock.
 * Never sees: the database, a session log, a cookie's key; requests only as bytes that it passes
 * on. Gives up after start: every file but those of its certificates, to write any, sockets but
 * AF_UNIX, other programs (confine_self); it is started as its own uid without capabilities.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/entry.h"
#include "base/fs.h"
#include "base/log.h"
#include "sandbox/confine.h"
#include "tls/door.h"
#include "tls/metrics.h"
#include "tls/report.h"

#define FDS_WANTED 65536
#define SOCKETS_PER_ADDRESS 1024
#define SOCKETS_TOTAL 20000               /* as the gateway's */
#define RELOAD_USEC (200 * USEC_PER_MSEC) /* after the last change */
#define ROTATE_USEC (12 * 3600 * USEC_PER_SEC)
#define LOOK_AGAIN_USEC (24 * 3600 * USEC_PER_SEC) /* who expires soon is said each day */

struct program {
	const char *certs, *gateway;
	int64_t sockets_per_address;
	struct loop *loop;
	struct tickets *tickets;
	struct shelf *shelf;
	struct streams streams;
	struct door *door;
	struct report *report;
	int watch; /* owned; inotify */
	struct source *watch_source, *signals[3], *reload, *rotate;
	uint8_t room[STREAM_ROOM];
};

static int usage(void)
{
	fprintf(stderr,
		"usage: vitrine-tls --certs DIR --gateway SOCKET [--sockets-per-address N]\n"
		"DIR holds a NAME.pem for each certificate: it, its issuers, its key\n"
		"fds from 3: the listening TCP sockets\n");
	return 2;
}

static int parse(int argc, char **argv, struct program *p)
{
	static const struct option options[] = {{"certs", required_argument, NULL, 'c'},
		{"gateway", required_argument, NULL, 'g'},
		{"sockets-per-address", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'c')
			p->certs = optarg;
		else if (c == 'g')
			p->gateway = optarg;
		else if (c == 's')
			p->sockets_per_address = strtoll(optarg, NULL, 10);
		else
			return -EINVAL;
	}
	return p->certs && p->gateway && p->sockets_per_address > 0 &&
			       strlen(p->gateway) < sizeof(p->streams.gateway.sun_path) &&
			       optind == argc
		       ? 0
		       : -EINVAL;
}

/* --- certificates that change --- */

static void load(struct program *p)
{
	struct err e = {0};
	int n = shelf_load(p->shelf, &e);

	if (n < 0)
		log_error("%s; the certificates stay as they were", e.text);
	else if (n == 0)
		log_warn(
			"there is no certificate in %s: nobody is served until there is", p->certs);
	else
		log_info("serving %d certificate%s", n, n == 1 ? "" : "s");
	timer_arm_after(p->reload, LOOK_AGAIN_USEC);
}

static void on_reload(void *data)
{
	load(data);
}

static void on_change(int fd, uint32_t events, void *data)
{
	struct program *p = data;
	char unread[4096];

	(void)events;
	while (read(fd, unread, sizeof(unread)) > 0)
		;
	timer_arm_after(p->reload, RELOAD_USEC);
}

static int watch_certs(struct program *p, struct err *e)
{
	int r = fs_mkdirs(p->certs, 0700, e);

	if (r < 0)
		return r;
	p->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (p->watch < 0 || inotify_add_watch(p->watch, p->certs,
				    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE) < 0)
		return err_set(e, -errno, "cannot watch %s: %s", p->certs, strerror(errno));
	return 0;
}

static void on_rotate(void *data)
{
	struct program *p = data;

	if (tickets_rotate(p->tickets) < 0)
		log_error("no random bytes: tickets keep their key");
	timer_arm_after(p->rotate, ROTATE_USEC);
}

/* --- life --- */

static void on_signal(int signo, void *data)
{
	struct program *p = data;

	if (signo == SIGHUP) {
		load(p);
		return;
	}
	log_info("ending on signal %d; %llu handshakes done, %llu failed", signo,
		(unsigned long long)(tls_metrics[TLS_DONE].value + tls_metrics[TLS_RESUMED].value),
		(unsigned long long)tls_metrics[TLS_FAILED].value);
	loop_stop(p->loop, 0);
}

static int make_sources(struct program *p)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	int r = loop_add_timer(p->loop, on_reload, p, &p->reload);

	if (r == 0)
		r = loop_add_timer(p->loop, on_rotate, p, &p->rotate);
	if (r == 0)
		r = loop_add_fd(p->loop, p->watch, EPOLLIN, on_change, p, &p->watch_source);
	for (size_t i = 0; r == 0 && i < sizeof(signals) / sizeof(signals[0]); i++)
		r = loop_add_signal(p->loop, signals[i], on_signal, p, &p->signals[i]);
	if (r == 0)
		timer_arm_after(p->rotate, ROTATE_USEC);
	return r;
}

static int make_streams(struct program *p, struct err *e)
{
	struct limits *limits;
	int fds[ENTRY_SOCKETS_MAX];
	size_t n = entry_inherited(fds);
	int r;

	if (n == 0)
		return err_set(e, -EBADF, "fd 3 is no listening socket");
	r = limits_new((size_t)p->sockets_per_address, SOCKETS_TOTAL, &limits);
	if (r < 0)
		return r;
	p->streams = (struct streams){
		.loop = p->loop, .shelf = p->shelf, .limits = limits, .room = p->room};
	p->streams.gateway.sun_family = AF_UNIX;
	memcpy(p->streams.gateway.sun_path, p->gateway, strlen(p->gateway) + 1);
	r = door_new(&p->streams, fds, n, &p->door);
	return r < 0 ? r : report_new(&p->streams, &p->report);
}

static int start(struct program *p, struct err *e)
{
	const struct landlock_path paths[] = {{p->certs, LANDLOCK_READ}};
	int r = watch_certs(p, e);

	if (r < 0)
		return r;
	/* It reads its configuration and loads what that names, which it could not do later. */
	if (OPENSSL_init_ssl(0, NULL) != 1)
		return err_set(e, -EIO, "OpenSSL cannot start");
	r = confine_self(CONFINE_TLS, paths, 1, e);
	if (r == 0)
		r = loop_new(&p->loop);
	if (r == 0)
		r = tickets_new(&p->tickets);
	if (r == 0)
		r = shelf_new(p->certs, p->tickets, &p->shelf);
	if (r == 0)
		r = make_sources(p);
	if (r == 0) {
		load(p);
		r = make_streams(p, e);
	}
	return r;
}

static void take_down(struct program *p)
{
	(void)report_free(p->report);
	(void)door_free(p->door);
	streams_end(&p->streams);
	(void)limits_free(p->streams.limits);
	(void)shelf_free(p->shelf);
	(void)tickets_free(p->tickets);
	(void)loop_free(p->loop);
	if (p->watch >= 0)
		close(p->watch);
}

int main(int argc, char **argv)
{
	static struct program p = {.watch = -1, .sockets_per_address = SOCKETS_PER_ADDRESS};
	struct err e = {0};
	int r;

	log_init("tls");
	if (parse(argc, argv, &p) < 0)
		return usage();
	(void)signal(SIGPIPE, SIG_IGN);
	entry_raise_limit(FDS_WANTED);
	r = start(&p, &e);
	if (r == 0)
		r = loop_run(p.loop);
	else
		log_error("cannot start: %s", e.code ? e.text : strerror(-r));
	take_down(&p);
	return r == 0 ? 0 : 1;
}

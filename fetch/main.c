/*
 * vitrine-fetch: outgoing HTTP of apps.
 *
 * I hold: the way into the network, and requests and answers of apps while they last.
 * Who may talk to me: the gateway, over fd 3's socket; it says for which Space. What I never see: a
 * visitor, a worker, a database. What I give up after start: every file but the certificates and
 * the resolver's settings, every path to another service, listening (confine_self).
 */
#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <nss.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/dial.h"
#include "base/log.h"
#include "fetch/service.h"
#include "sandbox/confine.h"

#define PEER_UIDS_MAX 4
#define MEMORY_MAX (1ull << 30)
#define STACK_BYTES (256u << 10) /* of a thread that looks up a name */

struct settings {
	struct request_world world;
	int listen_fd; /* -1: none */
	uid_t uids[PEER_UIDS_MAX];
	size_t n_uids;
};

static const char usage[] = "usage: vitrine-fetch --listen-fd FD --peer-uid UID [--allow HOST]... "
			    "[--allow-private CIDR]... [--prove]\n";

static int number(const char *s, long max, long *ret)
{
	char *end;

	errno = 0;
	*ret = strtol(s, &end, 10);
	return errno || *end || end == s || *ret < 0 || *ret > max ? -EINVAL : 0;
}

static int take_host(struct host_list *list, const char *pattern, struct err *e)
{
	if (list->n == HTTP_HOSTS_MAX)
		return err_set(e, -E2BIG, "--allow: more than %d hosts", HTTP_HOSTS_MAX);
	if (http_host_check(pattern, e) < 0)
		return err_wrap(e, "--allow");
	list->of[list->n++] = pattern;
	return 0;
}

static int take_option(struct settings *s, int option, const char *value, struct err *e)
{
	long n;

	switch (option) {
	case 'l':
		if (number(value, INT_MAX, &n) < 0)
			return err_set(e, -EINVAL, "--listen-fd takes a number");
		s->listen_fd = (int)n;
		return 0;
	case 'u':
		if (s->n_uids == PEER_UIDS_MAX || number(value, UINT_MAX - 1l, &n) < 0)
			return err_set(e, -EINVAL, "--peer-uid takes a number, four times at most");
		s->uids[s->n_uids++] = (uid_t)n;
		return 0;
	case 'a':
		return take_host(&s->world.hosts, value, e);
	case 'p':
		if (address_except(&s->world.except, value, e) < 0)
			return err_wrap(e, "--allow-private");
		return 0;
	case 'v':
		s->world.proves = true;
		return 0;
	default:
		return err_set(e, -EINVAL, "unknown option");
	}
}

static int read_settings(int argc, char **argv, struct settings *s, struct err *e)
{
	static const struct option options[] = {
		{"listen-fd", required_argument, NULL, 'l'},
		{"peer-uid", required_argument, NULL, 'u'},
		{"allow", required_argument, NULL, 'a'},
		{"allow-private", required_argument, NULL, 'p'},
		{"prove", no_argument, NULL, 'v'},
		{0},
	};
	int option, r = 0;

	*s = (struct settings){.listen_fd = -1};
	while (r == 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1)
		r = take_option(s, option, optarg, e);
	if (r == 0 && (optind != argc || s->listen_fd < 0))
		r = err_set(e, -EINVAL, "--listen-fd is missing, or words are left over");
	return r;
}

/* A thread's stack counts as memory in full, and libcurl starts one for every name: 128 stacks of
 * the usual 8 MiB would be all that there is. */
static int choose_stacks(void)
{
	pthread_attr_t attr;
	int r = pthread_attr_init(&attr);

	if (r != 0)
		return -r;
	r = pthread_attr_setstacksize(&attr, STACK_BYTES);
	if (r == 0)
		r = pthread_setattr_default_np(&attr);
	(void)pthread_attr_destroy(&attr);
	return -r;
}

/*
 * All that is read, loaded or asked for once: OpenSSL's configuration, libcurl's tables. Names come
 * from files and DNS only, which are part of glibc: what nsswitch.conf may list beside them would
 * be loaded as code.
 */
static int prepare(struct err *e)
{
	const struct rlimit memory = {MEMORY_MAX, MEMORY_MAX};

	(void)setenv("RES_OPTIONS", "timeout:3 attempts:2", 1);
	(void)unsetenv("LOCALDOMAIN");
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(e, -EIO, "libcurl cannot be started");
	if (__nss_configure_lookup("hosts", "files dns") < 0)
		return err_set(e, -errno, "cannot choose how names are looked up");
	if (choose_stacks() < 0)
		return err_set(e, -EINVAL, "cannot choose the size of a thread's stack");
#ifndef VITRINE_SANITIZED
	if (setrlimit(RLIMIT_DATA, &memory) < 0)
		return err_set(e, -errno, "cannot limit memory: %s", strerror(errno));
#else
	(void)memory;
#endif
	return 0;
}

/* All of /etc, since its resolv.conf is another file after each change; who runs this may read no
 * secret there. */
static int confine(const struct settings *s, struct err *e)
{
	static const struct landlock_path paths[] = {
		{"/etc", LANDLOCK_READ}, {"/run/systemd/resolve", LANDLOCK_READ},
		{"/run/resolvconf", LANDLOCK_READ}, {"/usr/share/ca-certificates", LANDLOCK_READ},
		{"/usr/local/share/ca-certificates", LANDLOCK_READ},
		{"/usr/lib/ssl", LANDLOCK_READ},
		{NULL, LANDLOCK_CONNECT}, /* last: not where nothing is allowed */
	};

	return confine_self(CONFINE_FETCH, paths,
		sizeof(paths) / sizeof(paths[0]) - (s->world.hosts.n == 0 && !s->world.proves), e);
}

static void on_peer(int fd, uid_t uid, void *data)
{
	(void)uid;
	service_add(data, fd);
}

static void on_signal(int signo, void *data)
{
	(void)signo;
	loop_stop(data, 0);
}

static int serve(struct settings *s, struct err *e)
{
	CLEANUP(loop_freep) struct loop *loop = NULL;
	CLEANUP(multi_freep) struct multi *multi = NULL;
	CLEANUP(service_freep) struct service *service = NULL;
	CLEANUP(listener_freep) struct listener *listener = NULL;
	int r = loop_new(&loop);

	if (r == 0)
		r = multi_new(loop, &multi);
	s->world.multi = multi;
	if (r == 0)
		r = service_new(loop, &s->world, &service);
	if (r == 0)
		r = listener_new(
			loop, s->listen_fd, s->uids, s->n_uids, on_peer, service, &listener);
	if (r == 0)
		r = loop_add_signal(loop, SIGTERM, on_signal, loop, NULL);
	if (r == 0)
		r = loop_add_signal(loop, SIGINT, on_signal, loop, NULL);
	return r < 0 ? err_set(e, r, "%s", strerror(-r)) : loop_run(loop);
}

int main(int argc, char **argv)
{
	struct settings s;
	struct err e = {0};

	log_init("fetch");
	if (read_settings(argc, argv, &s, &e) < 0) {
		(void)fprintf(stderr, "vitrine-fetch: %s\n%s", e.text, usage);
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	if (prepare(&e) < 0 || confine(&s, &e) < 0 || serve(&s, &e) < 0) {
		log_error("cannot start: %s", e.text);
		return 1;
	}
	return 0;
}

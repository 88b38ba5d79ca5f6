/*
 * vitrine-agent: what a node does on request.
 *
 * I hold: bundles, the log pipes of the boxes, duplicates of their app links, in memory the secrets
 *   of the Spaces that start here.
 * Talks to me: the gateway (wake.sock); I talk to boxd, inference and the orchestrator.
 * I never see: the database, what a visitor typed.
 * I give up after start: every file but my data, sockets but AF_UNIX, other programs
 *   (confine_self); I was started under my own uid.
 */
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>

#include "agent/meter.h"
#include "agent/node.h"
#include "agent/peers.h"
#include "agent/report.h"
#include "base/fs.h"
#include "base/log.h"
#include "sandbox/confine.h"

#define WAKE_FD 3

struct options {
	const char *data, *run, *url;
	struct box_pool pool;
	struct box_classes classes;
	uid_t gateway_uid;
};

static bool parse_number(const char *text, unsigned long max, unsigned long *ret)
{
	char *end;

	*ret = strtoul(text, &end, 10);
	return *text && !*end && *ret <= max;
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {{"data", required_argument, NULL, 'd'},
		{"run", required_argument, NULL, 'r'},
		{"gateway-uid", required_argument, NULL, 'g'},
		{"pool", required_argument, NULL, 'p'}, {"url", required_argument, NULL, 'u'},
		{"class", required_argument, NULL, 'c'}, {0}};
	struct err e = {0};
	unsigned long n;
	int c;

	*o = (struct options){
		.pool = box_pool_default, .classes = box_classes_default, .gateway_uid = getuid()};
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'd':
			o->data = optarg;
			break;
		case 'r':
			o->run = optarg;
			break;
		case 'g':
			if (!parse_number(optarg, 0xfffffffe, &n))
				return -1;
			o->gateway_uid = (uid_t)n;
			break;
		case 'u':
			o->url = optarg;
			break;
		case 'c':
		case 'p':
			if ((c == 'p' ? box_pool_set(&o->pool, optarg, &e)
				      : box_classes_set(&o->classes, optarg, &e)) < 0) {
				log_error("%s", e.text);
				return -1;
			}
			break;
		default:
			return -1;
		}
	}
	return o->data && o->run ? 0 : -1;
}

static void on_term(int signo, void *data)
{
	(void)signo;
	loop_stop(data, 0);
}

static int confine(const struct options *o, struct err *e)
{
	const struct landlock_path paths[] = {{o->data, LANDLOCK_WRITE}};
	int r = fs_mkdirs(o->data, 0700, e);

	return r < 0 ? r : confine_self(CONFINE_AGENT, paths, 1, e);
}

static void raise_file_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}

static int serve(const struct options *o, struct err *e)
{
	const struct peers_config config = {
		.run_dir = o->run, .wake_fd = WAKE_FD, .gateway_uid = o->gateway_uid};
	CLEANUP(loop_freep) struct loop *loop = NULL;
	CLEANUP(peers_freep) struct peers *peers = NULL;
	CLEANUP(node_freep) struct node *node = NULL;
	CLEANUP(meter_freep) struct meter *meter = NULL;
	CLEANUP(report_freep) struct report *report = NULL;
	struct app_place place;
	struct source *term;
	int r;

	r = loop_new(&loop);
	if (r < 0)
		return err_set(e, r, "cannot make the event loop: %s", strerror(-r));
	(void)loop_add_signal(loop, SIGTERM, on_term, loop, &term);
	(void)signal(SIGPIPE, SIG_IGN);
	app_place_init(&place, o->url, &o->classes);
	r = node_new(loop, o->data, &o->pool, &place, &node, e);
	if (r < 0)
		return r;
	r = peers_new(loop, node, &config, &peers, e);
	if (r < 0)
		return r;
	r = meter_new(node, &meter);
	if (r == 0)
		r = report_new(node, &report);
	if (r < 0)
		return err_set(e, r, "out of memory");
	return loop_run(loop);
}

int main(int argc, char **argv)
{
	struct options o;
	struct err e = {0};

	log_init("agent");
	if (parse_options(argc, argv, &o) < 0) {
		fprintf(stderr, "usage: vitrine-agent --data DIR --run DIR [--gateway-uid N] "
				"[--pool NAME=N,...]\n"
				"       [--class NAME=MEMORY,CPU]... [--url URL]\n"
				"fd 3: the listening wake.sock. Started by vitrine up.\n");
		return 2;
	}
	raise_file_limit();
	if (confine(&o, &e) < 0 || serve(&o, &e) < 0) {
		log_error("%s", e.text);
		return 1;
	}
	return 0;
}

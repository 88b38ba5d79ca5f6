/*
 * vitrine-boxd: builds boxes and starts workers in them.
 *
 * What I hold: the worker program, the slots, CAP_SETUID, CAP_SETGID and CAP_KILL (as an ordinary
 *   user: nothing).
 * Who may talk to me: the agent, on the listening socket; peers of other uids are turned away.
 * What I never see: a tenant's byte, a visitor, a secret. I read frame headers and pass files on.
 * What I give up after start: root, every other capability, the host's files, network and
 *   IPC (host_prepare).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "proto/constants.h"
#include "sandbox/box.h"
#include "sandbox/desk.h"

#define FIRST_SLOT_UID 1879048192u
#define OWN_UID 61205u
#define SLOTS 1024u

struct options {
	unsigned int worker_fd, listen_fd, uid, agent_uid, slot_uids, slots;
	struct box_classes classes;
	bool dense;
};

static const struct {
	const char *name;
	size_t offset;
	unsigned int least, most;
} known[] = {
	{"worker-fd", offsetof(struct options, worker_fd), 3, 1023},
	{"listen-fd", offsetof(struct options, listen_fd), 3, 1023},
	{"uid", offsetof(struct options, uid), 1, 0x7ffffffe},
	{"agent-uid", offsetof(struct options, agent_uid), 0, 0xfffffffe},
	{"slot-uids", offsetof(struct options, slot_uids), 1000, 0xfffffffe - BOX_SLOTS_MAX},
	{"slots", offsetof(struct options, slots), 1, BOX_SLOTS_MAX},
};

#define KNOWN (sizeof(known) / sizeof(known[0]))

/* getopt's values for what is no number. */
enum { CLASS = 'c', ISOLATION = 'i', WORKER = 'w' };

static int set_option(struct options *o, size_t i, const char *text)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || v < known[i].least ||
		v > known[i].most) {
		log_error("--%s takes a number from %u to %u, not '%s'", known[i].name,
			known[i].least, known[i].most, text);
		return -EINVAL;
	}
	*(unsigned int *)((char *)o + known[i].offset) = (unsigned int)v;
	return 0;
}

/* For service managers that pass sockets only. Opened before privilege is given up. */
static int open_worker(struct options *o, const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, -errno, "cannot open %s: %s", path, strerror(errno));
	o->worker_fd = (unsigned int)fd;
	return 0;
}

static int set_words(struct options *o, int which, const char *text)
{
	struct err e = {0};
	int r;

	if (which == CLASS)
		r = box_classes_set(&o->classes, text, &e);
	else if (which == ISOLATION)
		r = box_isolation_read(text, &o->dense, &e);
	else
		r = open_worker(o, text, &e);
	if (r < 0)
		log_error("%s", e.text);
	return r;
}

static int read_options(struct options *o, int argc, char **argv)
{
	struct option longs[KNOWN + 4] = {0};
	int i, c;

	for (size_t k = 0; k < KNOWN; k++)
		longs[k] = (struct option){known[k].name, required_argument, NULL, 0};
	longs[KNOWN] = (struct option){"class", required_argument, NULL, CLASS};
	longs[KNOWN + 1] = (struct option){"isolation", required_argument, NULL, ISOLATION};
	longs[KNOWN + 2] = (struct option){"worker", required_argument, NULL, WORKER};
	while ((c = getopt_long(argc, argv, "", longs, &i)) >= 0 && c != '?')
		if ((c == 0 ? set_option(o, (size_t)i, optarg) : set_words(o, c, optarg)) < 0)
			return -EINVAL;
	if (optind != argc || c == '?') {
		log_error("usage: vitrine-boxd --worker-fd N|--worker FILE --listen-fd N [--uid N] "
			  "[--agent-uid N] [--slot-uids FIRST] [--slots N] "
			  "[--class NAME=MEMORY,CPU]... [--isolation full|dense]");
		return -EINVAL;
	}
	return 0;
}

/* Files that the supervisor passed: no box may inherit them by accident. */
static int close_on_exec(const struct options *o)
{
	return fcntl((int)o->worker_fd, F_SETFD, FD_CLOEXEC) < 0 ||
			       fcntl((int)o->listen_fd, F_SETFD, FD_CLOEXEC) < 0
		       ? -errno
		       : 0;
}

/* Every line of the report, those not enforced as warnings. */
static void log_report(const struct host *host)
{
	const char *line = buf_str(&host->report);

	while (*line) {
		int n = (int)strcspn(line, "\n");

		log_line(strncmp(line, "not ", 4) == 0 ? LOG_WARN : LOG_INFO, "%.*s", n, line);
		line += n + (line[n] == '\n');
	}
}

#ifdef VITRINE_SANITIZED
/* The leak checker attaches to its own process, which a process that is not dumpable forbids. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

static void on_stop(int signo, void *data)
{
	(void)signo;
	loop_stop(data, 0);
}

static int serve(const struct options *o, struct host *host)
{
	CLEANUP(loop_freep) struct loop *loop = NULL;
	CLEANUP(desk_freep) struct desk *desk = NULL;
	struct source *term, *interrupt;
	int r = loop_new(&loop);

	if (r == 0)
		r = loop_add_signal(loop, SIGTERM, on_stop, loop, &term);
	if (r == 0)
		r = loop_add_signal(loop, SIGINT, on_stop, loop, &interrupt);
	if (r == 0)
		r = desk_new(loop, (int)o->listen_fd, o->agent_uid, host, &desk);
	return r < 0 ? r : loop_run(loop);
}

int main(int argc, char **argv)
{
	struct options o = {.worker_fd = 3,
		.listen_fd = 4,
		.uid = OWN_UID,
		.slot_uids = FIRST_SLOT_UID,
		.slots = SLOTS,
		.classes = box_classes_default};
	struct host host;
	struct err e = {0};
	int r;

	log_init("boxd");
	(void)signal(SIGPIPE, SIG_IGN);
	if (read_options(&o, argc, argv) < 0)
		return 2;
	r = close_on_exec(&o);
	if (r < 0) {
		log_error("the files that --worker-fd and --listen-fd name are not open: %s",
			strerror(-r));
		return 2;
	}
	r = host_prepare(&host,
		&(struct host_options){.worker_fd = (int)o.worker_fd,
			.slots = o.slots,
			.uid = o.uid,
			.slot_uids = o.slot_uids,
			.classes = o.classes,
			.dense = o.dense},
		&e);
	if (r < 0) {
		log_error("%s", e.text);
		return 1;
	}
	/* A host that cannot build boxes is served all the same: each request is refused in words.
	 */
	(void)box_try(&host, &e);
	log_report(&host);
	r = serve(&o, &host);
	host_done(&host);
	if (r < 0)
		log_error("%s", strerror(-r));
	return r < 0;
}

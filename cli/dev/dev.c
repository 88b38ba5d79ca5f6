/*
 * vitrine dev: a folder as a Space of a platform of its own; every save is a push.
 *
 * I hold: a platform's life (vitrine up), its token, a watch of the folder.
 * Talks to me: signals, the terminal, the folder.
 * I never see: a visitor's byte.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/dev/desk.h"
#include "cli/dev/watch.h"
#include "cli/paint.h"
#include "cli/program.h"

#define SAID_MAX (1u << 20)

struct dev {
	struct desk desk;
	struct loop *loop;
	struct watch *watch; /* owned */
	struct source *keys; /* owned; NULL: nobody types */
	pid_t logs;          /* vitrine logs -f; 0: none */
	bool refused;        /* the last save */
};

/* --- saves --- */

/* What the platform itself measured from the push on is less than what the author waited. */
static void tell(
	struct dev *d, const char *path, enum desk_push came, const char *said, uint64_t usec)
{
	const char *tested = strstr(said, "✓ tested (");
	int tests = tested ? (int)strtol(tested + strlen("✓ tested ("), NULL, 10) : 0;
	char passed[48] = "";
	unsigned long long ms = usec / USEC_PER_MSEC;
	bool again = d->refused && came == DESK_LIVE;

	if (tests)
		(void)snprintf(
			passed, sizeof(passed), ", %d test%s passed", tests, tests > 1 ? "s" : "");
	if (came == DESK_LIVE)
		paint_good("✓ %s: live in %llu ms%s%s", path, ms, passed,
			again ? ", the error is gone" : "");
	else
		paint_bad("✗ %s: refused after %llu ms, the version before serves on", path, ms);
	d->refused = came != DESK_LIVE;
}

static void save(struct dev *d, const char *path, uint64_t first_usec)
{
	CLEANUP(buf_done) struct buf said;
	enum desk_push came = DESK_SAME;
	struct err e = {0};

	buf_init(&said, SAID_MAX);
	if (desk_push(&d->desk, &said, &came, &e) < 0) {
		paint_bad("✗ %s", e.text);
		return;
	}
	if (came == DESK_SAME)
		return;
	paint_build(buf_str(&said), came != DESK_LIVE);
	tell(d, path, came, buf_str(&said), clock_mono_usec() - first_usec);
}

static void set_env(struct dev *d)
{
	struct err e = {0};
	int n = desk_env(&d->desk, &e);

	if (n < 0)
		paint_bad("✗ %s", e.text);
	else if (n > 0)
		paint_good("✓ .env: %d setting%s, for this machine alone", n, n > 1 ? "s" : "");
}

static void on_change(const char *path, uint64_t first_usec, void *data)
{
	struct dev *d = data;

	if (!strcmp(path, ".env"))
		set_env(d);
	else
		save(d, path, first_usec);
}

/* --- the way in --- */

static void print_link(struct dev *d)
{
	const struct client_options o = {.url = d->desk.url, .token = d->desk.token};
	CLEANUP(client_freep) struct client *c = NULL;
	CLEANUP(json_unrefp)
	json_t *body =
		json_pack("{s:o}", "next", json_sprintf("/spaces/admin/%s#dev", d->desk.space));
	CLEANUP(json_unrefp) json_t *made = NULL;
	const char *url = NULL;
	struct err e = {0};
	int r = client_new(&o, &c, &e);

	if (r == 0)
		r = client_request(c, "POST", "/api/login/links", body, &made, &e);
	if (r == 0)
		r = json_get_str(made, "url", 512, &url, &e);
	if (r < 0)
		paint_bad("no link to sign in: %s", e.text);
	else
		printf("\n  %s\n\n  opens %s once, as its owner; Enter makes another link, Ctrl-C "
		       "ends.\n\n",
			url, d->desk.space);
	fflush(stdout);
}

static void on_key(int fd, uint32_t events, void *data)
{
	struct dev *d = data;
	char bytes[256];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	(void)events;
	if (n > 0 && memchr(bytes, '\n', (size_t)n))
		print_link(d);
	else if (n == 0)
		d->keys = source_free(d->keys);
}

/* --- life --- */

static void on_end(int signo, void *data)
{
	struct dev *d = data;

	(void)signo;
	loop_stop(d->loop, 0);
}

static void on_up_ended(pid_t pid, int status, void *data)
{
	struct dev *d = data;

	(void)pid;
	(void)status;
	d->desk.up = 0;
	loop_stop(d->loop, -EPIPE);
}

/* What the app prints, in this terminal; a program of its own, because it follows. */
static void start_logs(struct dev *d)
{
	char self[4096], space[SPACE_NAME_MAX + 8];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *const argv[] = {self, "logs", "-f", "--data", d->desk.data, space, NULL};
	struct program_plan plan = {.apart = true};
	struct err e = {0};
	pid_t pid;

	self[n > 0 ? n : 0] = '\0';
	(void)snprintf(space, sizeof(space), "admin/%s", d->desk.space);
	pid = program_start(&plan, argv, STDOUT_FILENO, SIGTERM, &e);
	if (pid < 0)
		paint_bad("the app's log cannot be shown: %s", e.text);
	else
		d->logs = pid;
}

static int start(
	struct dev *d, const char *dir, const char *port, const char *private, struct err *e)
{
	struct source *source;
	int r = loop_new(&d->loop);

	/* Before anything is there to be cleaned up: a Ctrl-C waits until the loop runs. */
	if (r < 0 || loop_add_signal(d->loop, SIGINT, on_end, d, &source) < 0 ||
		loop_add_signal(d->loop, SIGTERM, on_end, d, &source) < 0 ||
		loop_add_signal(d->loop, SIGHUP, on_end, d, &source) < 0)
		return err_set(e, -ENOMEM, "cannot make the event loop");
	(void)signal(SIGPIPE, SIG_IGN);
	r = desk_start(&d->desk, dir, port, private, e);
	if (r == 0)
		r = watch_new(d->loop, d->desk.dir, on_change, d, &d->watch, e);
	if (r == 0 && loop_add_child(d->loop, d->desk.up, on_up_ended, d, &source) < 0)
		r = err_set(e, -ENOMEM, "cannot watch the platform");
	if (r == 0 && isatty(STDIN_FILENO))
		(void)loop_add_fd(d->loop, STDIN_FILENO, EPOLLIN, on_key, d, &d->keys);
	return r;
}

static int dev(const char *dir, const char *port, const char *private, struct err *e)
{
	struct dev d = {0};
	int r = start(&d, dir, port, private, e);

	if (r == 0) {
		set_env(&d);
		save(&d, "the folder", clock_mono_usec());
		print_link(&d);
		start_logs(&d);
		r = loop_run(d.loop);
		if (r == -EPIPE)
			(void)err_set(e, r, "the platform ended");
	}
	if (d.logs) {
		(void)kill(d.logs, SIGTERM);
		(void)waitpid(d.logs, NULL, 0);
	}
	d.keys = source_free(d.keys);
	d.watch = watch_free(d.watch);
	desk_stop(&d.desk);
	d.loop = loop_free(d.loop);
	return r;
}

int cmd_dev(int argc, char **argv)
{
	static const struct option known[] = {{"port", required_argument, NULL, 'p'},
		{"fetch-allow-private", required_argument, NULL, 'P'}, {0}};
	const char *port = "0", *private = NULL;
	struct err e = {0};
	int opt, r;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt == 'p')
			port = optarg;
		else if (opt == 'P')
		private = optarg;
		else return 2;
	}
	if (argc - optind > 1) {
		fprintf(stderr,
			"usage: vitrine dev [--port N] [--fetch-allow-private CIDR] [DIR]\n");
		return 2;
	}
	r = dev(optind < argc ? argv[optind] : ".", port, private, &e);
	if (r < 0)
		fprintf(stderr, "vitrine: %s\n", e.text);
	return r < 0;
}

/*
 * vitrine-inference: models, run for all Spaces of this machine.
 *
 * I hold: the models' weights, the prompts of calls while they run, and what was spent until the
 * orchestrator has it.
 * Who may talk to me: agent, orchestrator and gateway over fd 3's socket; workers over links the
 * agent brings. What I never see: who a visitor is but for whom
 * to charge, a Space's code and files, the network. What I
 * give up after start: every file but the models (confine_self), and those too but for the thread
 * that loads them, so that nothing can be opened or connected any more (confine_further).
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/dial.h"
#include "base/log.h"
#include "inference/budgets.h"
#include "inference/check.h"
#include "inference/devices/device.h"
#include "inference/devices/gpus.h"
#include "inference/devices/pool.h"
#include "inference/engine/engine.h"
#include "inference/engine/guard.h"
#include "inference/engine/shelf.h"
#include "inference/ledger/ledger.h"
#include "inference/peers/service.h"
#include "inference/run_once.h"
#include "sandbox/confine.h"

#define PEER_UIDS_MAX 4

struct settings {
	const char *dirs[SHELF_DIRS_MAX];
	size_t n_dirs;
	uid_t uids[PEER_UIDS_MAX];
	size_t n_uids;
	int listen_fd;    /* -1: none */
	unsigned threads; /* 0: as many as there are processors */
	uint64_t
		memory_max; /* bytes of weights, on each device of which nothing is said; 0: none */
	struct budgets budgets;
	const char *data; /* NULL: nothing is accounted for */
	bool gpu;         /* VITRINE_DEVICE=cuda */
	const char *run_model, *run_text;
	const char *check; /* a folder */
	bool list;
	int gpus_fd; /* reports of GPUs; -1: none */
};

static const char usage[] = "usage: vitrine-inference --listen-fd FD --models DIR [--models "
			    "DIR]... [--data DIR] [--peer-uid UID]... [--threads N] [--memory MIB] "
			    "[--device NAME=MIB]...\n"
			    "       vitrine-inference --models DIR --run MODEL TEXT\n"
			    "       vitrine-inference --models DIR [--models DIR]... --list\n"
			    "       vitrine-inference --check FOLDER\n";

static int number(const char *s, long max, long *ret)
{
	char *end;

	errno = 0;
	*ret = strtol(s, &end, 10);
	return errno || *end || end == s || *ret < 0 || *ret > max ? -EINVAL : 0;
}

static int take_budget(struct settings *s, const char *value)
{
	struct err e = {0};
	int r = budgets_read(&s->budgets, value, &e);

	if (r < 0)
		log_error("%s", e.text);
	return r;
}

static int take_option(struct settings *s, int option, const char *value)
{
	long n;

	switch (option) {
	case 'l':
		if (number(value, INT_MAX, &n) < 0)
			return -EINVAL;
		s->listen_fd = (int)n;
		return 0;
	case 'm':
		if (s->n_dirs == SHELF_DIRS_MAX)
			return -EINVAL;
		s->dirs[s->n_dirs++] = value;
		return 0;
	case 'u':
		if (s->n_uids == PEER_UIDS_MAX || number(value, UINT_MAX - 1l, &n) < 0)
			return -EINVAL;
		s->uids[s->n_uids++] = (uid_t)n;
		return 0;
	case 't':
		if (number(value, POOL_THREADS_MAX, &n) < 0)
			return -EINVAL;
		s->threads = (unsigned)n;
		return 0;
	case 'M':
		if (number(value, LONG_MAX >> 20, &n) < 0 || n == 0)
			return -EINVAL;
		s->memory_max = (uint64_t)n << 20;
		return 0;
	case 'D':
		return take_budget(s, value);
	case 'd':
		s->data = value;
		return 0;
	case 'c':
		s->check = value;
		return 0;
	case 'L':
		s->list = true;
		return 0;
	case 'r':
		s->run_model = value;
		return 0;
	default:
		return -EINVAL;
	}
}

/* From the environment, as VITRINE_KERNELS: what this machine has, not what it shall do. */
static int read_device(struct settings *s)
{
	const char *name = getenv("VITRINE_DEVICE");

	if (name && strcmp(name, "cpu") != 0 && strcmp(name, "cuda") != 0) {
		log_error("VITRINE_DEVICE: must be cpu or cuda");
		return -EINVAL;
	}
	s->gpu = name && !strcmp(name, "cuda") && !s->check && !s->list;
	return 0;
}

static int read_settings(int argc, char **argv, struct settings *s)
{
	static const struct option options[] = {
		{"listen-fd", required_argument, NULL, 'l'},
		{"data", required_argument, NULL, 'd'},
		{"device", required_argument, NULL, 'D'},
		{"models", required_argument, NULL, 'm'},
		{"check", required_argument, NULL, 'c'},
		{"list", no_argument, NULL, 'L'},
		{"memory", required_argument, NULL, 'M'},
		{"peer-uid", required_argument, NULL, 'u'},
		{"run", required_argument, NULL, 'r'},
		{"threads", required_argument, NULL, 't'},
		{0},
	};
	int option;

	*s = (struct settings){.listen_fd = -1, .gpus_fd = -1};
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (take_option(s, option, optarg) < 0)
			return -EINVAL;
	if (s->run_model && optind < argc)
		s->run_text = argv[optind++];
	if (optind != argc || (s->n_dirs == 0) != (s->check != NULL))
		return -EINVAL;
	if (read_device(s) < 0)
		return -EINVAL;
	if (s->check || s->list)
		return 0;
	return s->run_model ? (s->run_text ? 0 : -EINVAL) : (s->listen_fd >= 0 ? 0 : -EINVAL);
}

/* Each worker is a file: as many as the system lets this process have. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* Models are files by others: they too are parsed in confinement. */
static int confine(const struct settings *s, struct err *e)
{
	struct landlock_path paths[SHELF_DIRS_MAX + 1];
	size_t n = s->n_dirs;

	for (size_t i = 0; i < s->n_dirs; i++)
		paths[i] = (struct landlock_path){s->dirs[i], LANDLOCK_READ};
	if (s->check)
		paths[0] = (struct landlock_path){s->check, LANDLOCK_READ};
	n = s->check ? 1 : n;
	if (s->data)
		paths[n++] = (struct landlock_path){s->data, LANDLOCK_WRITE};
	return confine_self(s->gpu ? CONFINE_GPU_LOADER : CONFINE_LOADER, paths, n, e);
}

/* In the order in which models are placed: a GPU, then the processors. */
struct devices {
	struct device *of[2]; /* owned */
	size_t n;
};

static void devices_close(struct devices *d)
{
	for (size_t i = 0; i < d->n; i++)
		(void)device_close(d->of[i]);
	d->n = 0;
}

/* A driver reads what it likes of the system while it starts: a GPU is opened before anything that
 * somebody else wrote is read, and before the confinement. */
static int confine_and_open(struct settings *s, struct devices *ret, struct err *e)
{
	const char *kernels = getenv("VITRINE_KERNELS");
	int r = s->gpu ? device_open("cuda", NULL, &ret->of[0], e) : 0;

	ret->n = s->gpu && r == 0;
	budgets_look(&s->budgets);
	if (r == 0)
		r = confine(s, e);
	if (r == 0)
		r = device_open("cpu", kernels ? kernels : "fast", &ret->of[ret->n], e);
	ret->n += r == 0;
	return r;
}

/* Each device with what it may take. */
static int open_shelf(const struct settings *s, const struct devices *d, struct engine *engine,
	struct shelf **ret, struct err *e)
{
	uint64_t texts = ENGINE_KV_MAX;
	int r = 0;

	for (size_t i = 0; i < d->n && r == 0; i++) {
		struct budget b = {0};

		r = budget_of(&s->budgets, d->of[i], s->memory_max, &b, e);
		if (r == 0)
			r = i == 0 ? shelf_open(s->dirs, s->n_dirs, d->of[i], b.weights, ret, e)
				   : shelf_add_device(*ret, d->of[i], b.weights);
		texts = b.texts < texts ? b.texts : texts;
		if (r == 0)
			log_info("device=%s takes %llu MiB of weights, %llu of texts",
				d->of[i]->ops->name, (unsigned long long)(b.weights >> 20),
				(unsigned long long)(b.texts >> 20));
	}
	engine_limit_kv(engine, texts, texts < ENGINE_KV_GROUP_MAX ? texts : ENGINE_KV_GROUP_MAX);
	return r;
}

static void on_peer(int fd, uid_t uid, void *data)
{
	(void)uid;
	service_add_control(data, fd);
}

static void on_signal(int signo, void *data)
{
	(void)signo;
	loop_stop(data, 0);
}

static void on_models_changed(void *data)
{
	service_models_changed(data);
}

static bool may_release(struct model *m, void *data)
{
	return service_release_model(data, m);
}

static void on_stranded(struct model *m, const struct err *why, void *data)
{
	service_strand_model(data, m, why);
}

static void on_lease(void *data)
{
	service_lease_came(data);
}

/* Usage is accounted for where there is a place for it. */
static int begin_ledger(const struct settings *s, struct loop *loop, struct service *service,
	struct ledger **ret, struct err *e)
{
	static const struct ledger_ops ops = {on_lease};
	int r = s->data ? ledger_new(loop, s->data, s->gpu ? "cuda" : "cpu", &ops, service, ret, e)
			: 0;

	service_set_ledger(service, *ret);
	return r;
}

static void spread(const struct devices *d, unsigned threads)
{
	for (size_t i = 0; i < d->n; i++)
		device_spread(d->of[i], threads);
}

static int serve(const struct settings *s, const struct devices *devices, struct loop *loop,
	struct engine *engine, struct shelf *shelf)
{
	static const struct shelf_ops shelf_ops = {on_models_changed, may_release, on_stranded};
	CLEANUP(guard_freep) struct guard *guard = NULL;
	CLEANUP(ledger_freep) struct ledger *ledger = NULL;
	CLEANUP(gpus_freep) struct gpus *gpus = NULL;
	CLEANUP(service_freep) struct service *service = NULL;
	CLEANUP(listener_freep) struct listener *listener = NULL;
	struct err e = {0};
	int r = service_new(loop, engine, shelf, &service);

	if (r == 0 && s->gpus_fd >= 0)
		r = gpus_new(loop, s->gpus_fd, &gpus);
	if (r == 0)
		service_set_gpus(service, gpus);
	if (r == 0)
		r = begin_ledger(s, loop, service, &ledger, &e);
	if (r == 0 && s->data)
		r = guard_open(s->data, &guard, &e);
	if (r == 0 && s->data)
		r = rack_keep(shelf_rack(shelf), s->data, &e);
	shelf_set_guard(shelf, guard);
	if (r == 0)
		r = shelf_start(shelf, loop, &shelf_ops, service);
	if (r == 0)
		r = listener_new(
			loop, s->listen_fd, s->uids, s->n_uids, on_peer, service, &listener);
	if (r == 0)
		r = loop_add_signal(loop, SIGTERM, on_signal, loop, NULL);
	if (r == 0)
		r = loop_add_signal(loop, SIGINT, on_signal, loop, NULL);
	if (r == 0)
		r = confine_further(
			s->gpu ? CONFINE_GPU_INFERENCE : CONFINE_INFERENCE, NULL, 0, &e);
	if (r < 0) {
		log_error("cannot start: %s", e.code ? e.text : strerror(-r));
		return r;
	}
	spread(devices, s->threads);
	r = loop_run(loop);
	guard_end(guard); /* an end that was asked for is no death */
	return r;
}

int main(int argc, char **argv)
{
	CLEANUP(devices_close) struct devices devices = {0};
	CLEANUP(loop_freep) struct loop *loop = NULL;
	CLEANUP(shelf_freep) struct shelf *shelf = NULL;
	CLEANUP(engine_freep) struct engine *engine = NULL;
	struct settings s;
	struct err e = {0};

	log_init("inference");
	if (read_settings(argc, argv, &s) < 0) {
		(void)fputs(usage, stderr);
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD, SIG_IGN); /* who watches GPUs may end before this does */
	/* Before anything is held that it should not have. */
	if (s.listen_fd >= 0 &&
		gpus_fork(GPUS_LIBRARY, GPUS_EVERY_SEC, GPUS_PATIENCE_SEC, &s.gpus_fd) < 0)
		log_warn("GPUs are not watched: %s", strerror(errno));
	raise_file_limit();
	if (s.check)
		budgets_look(&s.budgets);
	if (s.check && confine(&s, &e) == 0)
		return check_folder(s.check, s.memory_max ? s.memory_max : s.budgets.host / 2);
	if (e.code || confine_and_open(&s, &devices, &e) < 0 || engine_new(&engine) < 0 ||
		open_shelf(&s, &devices, engine, &shelf, &e) < 0 || loop_new(&loop) < 0) {
		log_error("cannot start: %s", e.text);
		return 1;
	}
	if (s.list)
		return check_shelf(shelf);
	if (s.run_model)
		spread(&devices, s.threads);
	if (s.run_model)
		return run_once(engine, shelf, s.run_model, s.run_text);
	return serve(&s, &devices, loop, engine, shelf) < 0 ? 1 : 0;
}

#include "cli/host/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dial.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/spawn.h"
#include "sandbox/steps/cgroup.h"

#define RETRY_FIRST_USEC (20 * USEC_PER_MSEC)
#define RETRY_LAST_USEC (5 * USEC_PER_SEC)
#define SETTLED_USEC (10 * USEC_PER_SEC) /* alive this long: the next death is the first again */
#define TURN_NSEC 100000                 /* the shortest there is */
#define GRACE_USEC (5 * USEC_PER_SEC)
#define SWEEP_USEC (20 * USEC_PER_MSEC) /* the kernel lets go of a dead box's folder late */
#define SWEEPS_MAX 100
#define ARGS_MAX 128
#define WORKER "vitrine-worker"
#define FRONT_BACKLOG 1024 /* connections */

/*
 *	        spawn               died                  timer
 *	 DOWN --------> RUNNING ----------> WAITING ----------------> RUNNING
 *	                   |  stop             | stop
 *	                   v                   v
 *	                ENDING ------------> DOWN
 */
enum service_state { SERVICE_DOWN, SERVICE_RUNNING, SERVICE_WAITING, SERVICE_ENDING };

static const char *const state_names[] = {"down", "running", "restarting", "ending"};

enum service_name { INFERENCE, FETCH, BOXD, ORCHESTRATOR, AGENT, GATEWAY, TLS, SERVICES };

enum socket_name {
	SOCK_EDGE,
	SOCK_AGENT,
	SOCK_HTTP,
	SOCK_WAKE,
	SOCK_BOX,
	SOCK_INFER,
	SOCK_FETCH,
	SOCK_FRONT,
	SOCKETS
};

static const struct {
	const char *file;
	int type;
} socket_kinds[SOCKETS] = {
	[SOCK_EDGE] = {"edge.sock", SOCK_SEQPACKET},
	[SOCK_AGENT] = {"agent.sock", SOCK_SEQPACKET},
	[SOCK_HTTP] = {"http.sock", SOCK_STREAM},
	[SOCK_WAKE] = {"wake.sock", SOCK_SEQPACKET},
	[SOCK_BOX] = {"box.sock", SOCK_SEQPACKET},
	[SOCK_INFER] = {"infer.sock", SOCK_SEQPACKET},
	[SOCK_FETCH] = {"fetch.sock", SOCK_SEQPACKET},
	[SOCK_FRONT] = {"front.sock", SOCK_STREAM},
};

struct service {
	struct supervisor *all; /* borrowed */
	enum service_name name;
	enum service_state state;
	int program; /* owned fd of the executable */
	pid_t pid;
	struct source *child; /* owned */
	struct source *retry; /* owned; timer */
	uint64_t started_usec, delay_usec;
	unsigned int starts;
};

struct supervisor {
	struct loop *loop;           /* borrowed */
	const struct layout *layout; /* borrowed */
	struct supervisor_config config;
	int sockets[SOCKETS]; /* owned */
	int worker_program;   /* owned */
	struct service services[SERVICES];
	struct source *grace; /* owned; timer */
	struct source *sweep; /* owned; timer */
	pid_t dead_boxd;      /* whose cgroup folders are being removed; 0: none */
	unsigned int sweeps;
	bool stopping;
	void (*done)(void *data);
	void *done_data;
};

/* What a service is started with: arguments and the files from fd 3 on. */
struct start {
	char *argv[ARGS_MAX];
	size_t argc;
	char words[ARGS_MAX][LAYOUT_PATH + 64];
	int fds[8];
	size_t n_fds;
};

static void arg(struct start *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void arg(struct start *s, const char *fmt, ...)
{
	va_list ap;

	if (s->argc + 1 >= ARGS_MAX)
		abort(); /* a list below grew past its table */
	va_start(ap, fmt);
	(void)vsnprintf(s->words[s->argc], sizeof(s->words[0]), fmt, ap);
	va_end(ap);
	s->argv[s->argc] = s->words[s->argc];
	s->argv[++s->argc] = NULL;
}

static unsigned int uid_of(const struct supervisor *s, unsigned int uid)
{
	return s->layout->root ? uid : getuid();
}

static void start_inference(struct supervisor *s, struct start *p)
{
	arg(p, "--listen-fd");
	arg(p, "3");
	arg(p, "--data");
	arg(p, "%s/inference", s->layout->svc_data);
	arg(p, "--models");
	arg(p, "%s", s->layout->svc_models);
	arg(p, "--models");
	arg(p, "%s/models", s->layout->svc_data);
	arg(p, "--models");
	arg(p, "%s/served", s->layout->svc_data);
	if (s->config.model_memory) {
		arg(p, "--memory");
		arg(p, "%s", s->config.model_memory);
	}
	for (size_t i = 0; i < DEVICES_MAX && s->config.devices && s->config.devices[i]; i++) {
		arg(p, "--device");
		arg(p, "%s", s->config.devices[i]);
	}
	arg(p, "--peer-uid");
	arg(p, "%u", uid_of(s, UID_AGENT));
	arg(p, "--peer-uid");
	arg(p, "%u", uid_of(s, UID_ORCHESTRATOR));
	arg(p, "--peer-uid");
	arg(p, "%u", uid_of(s, UID_GATEWAY));
	p->fds[p->n_fds++] = s->sockets[SOCK_INFER];
}

static void start_fetch(struct supervisor *s, struct start *p)
{
	const struct fetch_policy *policy = &s->config.fetch;

	arg(p, "--listen-fd");
	arg(p, "3");
	arg(p, "--peer-uid");
	arg(p, "%u", uid_of(s, UID_GATEWAY));
	for (size_t i = 0; i < policy->n_hosts; i++)
		arg(p, "--allow=%s", policy->hosts[i]);
	for (size_t i = 0; i < policy->n_private; i++)
		arg(p, "--allow-private=%s", policy->private[i]);
	if (s->config.custom_domains)
		arg(p, "--prove");
	p->fds[p->n_fds++] = s->sockets[SOCK_FETCH];
}

static void pass_classes(struct supervisor *s, struct start *p)
{
	for (unsigned int class = BOX_SMALL; class < BOX_CLASSES; class ++) {
		char text[64];

		box_class_write(&s->config.classes, class, text);
		arg(p, "--class");
		arg(p, "%s", text);
	}
}

static void start_boxd(struct supervisor *s, struct start *p)
{
	arg(p, "--worker-fd");
	arg(p, "3");
	arg(p, "--listen-fd");
	arg(p, "4");
	arg(p, "--agent-uid");
	arg(p, "%u", uid_of(s, UID_AGENT));
	if (s->layout->root) {
		arg(p, "--uid");
		arg(p, "%u", UID_BOXD);
	}
	pass_classes(s, p);
	arg(p, "--isolation");
	arg(p, s->config.dense ? "dense" : "full");
	p->fds[p->n_fds++] = s->worker_program;
	p->fds[p->n_fds++] = s->sockets[SOCK_BOX];
}

static void start_orchestrator(struct supervisor *s, struct start *p)
{
	arg(p, "--data");
	arg(p, "%s/orchestrator", s->layout->svc_data);
	arg(p, "--run");
	arg(p, "%s", s->layout->run);
	arg(p, "--gateway-uid");
	arg(p, "%u", uid_of(s, UID_GATEWAY));
	arg(p, "--agent-uid");
	arg(p, "%u", uid_of(s, UID_AGENT));
	arg(p, "--url");
	arg(p, "%s", s->config.url);
	if (s->config.spaces_domain)
		arg(p, "--spaces-domain=%s", s->config.spaces_domain);
	if (s->config.custom_domains)
		arg(p, "--custom-domains");
	arg(p, "--hook");
	arg(p, "%s/vitrine-hook", s->layout->svc_bin);
	arg(p, "--served=%s/served", s->layout->svc_data);
	if (s->config.disk_warn)
		arg(p, "--disk-warn=%s", s->config.disk_warn);
	if (s->config.disk_reserve)
		arg(p, "--disk-reserve=%s", s->config.disk_reserve);
	if (s->config.log_limits)
		arg(p, "--log-limits=%s", s->config.log_limits);
	if (s->config.quota)
		arg(p, "--quota=%s", s->config.quota);
	if (s->config.large_files)
		arg(p, "--large-files=%s", s->config.large_files);
	if (s->config.repo_size)
		arg(p, "--repo-size=%s", s->config.repo_size);
	if (s->config.data_limits)
		arg(p, "--data-limits=%s", s->config.data_limits);
	if (s->config.sign_up)
		arg(p, "--sign-up=%s", s->config.sign_up);
	if (s->config.local_metrics)
		arg(p, "--local-metrics");
	pass_classes(s, p);
	p->fds[p->n_fds++] = s->sockets[SOCK_EDGE];
	p->fds[p->n_fds++] = s->sockets[SOCK_AGENT];
	p->fds[p->n_fds++] = s->sockets[SOCK_HTTP];
	if (s->config.token_fd >= 0) {
		arg(p, "--token-fd");
		arg(p, "6");
		p->fds[p->n_fds++] = s->config.token_fd;
	}
}

static void start_agent(struct supervisor *s, struct start *p)
{
	char pool[128];

	arg(p, "--data");
	arg(p, "%s/agent", s->layout->svc_data);
	arg(p, "--run");
	arg(p, "%s", s->layout->run);
	arg(p, "--gateway-uid");
	arg(p, "%u", uid_of(s, UID_GATEWAY));
	box_pool_write(&s->config.pool, pool);
	arg(p, "--pool");
	arg(p, "%s", pool);
	arg(p, "--url");
	arg(p, "%s", s->config.url);
	pass_classes(s, p);
	p->fds[p->n_fds++] = s->sockets[SOCK_WAKE];
}

/* Those that the operator has set. */
static void pass_limits(const struct space_limits *l, struct start *p)
{
	struct space_limits usual;

	space_limits_default(&usual);
	for (int i = 0; i < SPACE_LIMITS; i++) {
		char text[64];

		if (l->of[i] == usual.of[i])
			continue;
		space_limit_write(l, (enum space_limit)i, text);
		arg(p, "--limit");
		arg(p, "%s", text);
	}
}

static void start_gateway(struct supervisor *s, struct start *p)
{
	arg(p, "--data");
	arg(p, "%s/gateway", s->layout->svc_data);
	arg(p, "--run");
	arg(p, "%s", s->layout->run);
	arg(p, "--ui");
	arg(p, "%s", s->layout->svc_ui);
	arg(p, "--url=%s", s->config.url);
	if (s->config.spaces_domain)
		arg(p, "--spaces-domain=%s", s->config.spaces_domain);
	if (s->config.upload_mib) {
		arg(p, "--upload-mib");
		arg(p, "%lu", s->config.upload_mib);
		arg(p, "--files-mib-per-space");
		arg(p, "%lu", s->config.files_mib);
	}
	arg(p, "--picture");
	arg(p, "%s/vitrine-picture", s->layout->svc_bin);
	if (s->config.open_models)
		arg(p, "--open-models");
	if (s->config.proxy) {
		arg(p, "--proxy");
		arg(p, "%s", s->config.proxy);
	}
	pass_limits(&s->config.limits, p);
	if (s->config.https_port) {
		arg(p, "--https-port");
		arg(p, "%u", s->config.https_port);
	}
	for (size_t i = 0; i < s->config.n_public; i++)
		p->fds[p->n_fds++] = s->config.public_fds[i];
	if (s->config.n_tls)
		p->fds[p->n_fds++] = s->sockets[SOCK_FRONT];
}

static void start_tls(struct supervisor *s, struct start *p)
{
	arg(p, "--certs");
	arg(p, "%s/tls/certs", s->layout->svc_data);
	arg(p, "--gateway");
	arg(p, "%s/front.sock", s->layout->run);
	for (size_t i = 0; i < s->config.n_tls; i++)
		p->fds[p->n_fds++] = s->config.tls_fds[i];
}

static const struct {
	const char *name, *program;
	unsigned int uid; /* 0: starts as root and drops by itself */
	void (*fill)(struct supervisor *s, struct start *p);
} kinds[SERVICES] = {
	[INFERENCE] = {"inference", "vitrine-inference", UID_INFERENCE, start_inference},
	[FETCH] = {"fetch", "vitrine-fetch", UID_FETCH, start_fetch},
	[BOXD] = {"boxd", "vitrine-boxd", 0, start_boxd},
	[ORCHESTRATOR] = {"orchestrator", "vitrine-orchestrator", UID_ORCHESTRATOR,
		start_orchestrator},
	[AGENT] = {"agent", "vitrine-agent", UID_AGENT, start_agent},
	[GATEWAY] = {"gateway", "vitrine-gateway", UID_GATEWAY, start_gateway},
	[TLS] = {"tls", "vitrine-tls", UID_TLS, start_tls},
};

static bool is_wanted(const struct supervisor *s, enum service_name name)
{
	return name != TLS || s->config.n_tls > 0;
}

/* --- the file that vitrine status reads --- */

static void write_services(struct supervisor *s)
{
	CLEANUP(freep) char *text = NULL;
	json_t *list = json_array();
	char path[LAYOUT_PATH + 64], temp[LAYOUT_PATH + 64];
	CLEANUP(closep) int fd = -1;

	for (int i = 0; list && i < SERVICES; i++)
		if (is_wanted(s, i))
			(void)json_array_append_new(
				list, json_pack("{s:s, s:s, s:i, s:i}", "name", kinds[i].name,
					      "state", state_names[s->services[i].state], "pid",
					      (int)s->services[i].pid, "starts",
					      (int)s->services[i].starts));
	text = list ? json_dumps(list, JSON_COMPACT) : NULL;
	json_decref(list);
	(void)snprintf(path, sizeof(path), "%s/services.json", s->layout->run);
	(void)snprintf(temp, sizeof(temp), "%s/services.json.new", s->layout->run);
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || !text || fs_write_all(fd, text, strlen(text)) < 0 || rename(temp, path) < 0)
		log_warn("cannot write %s: %s", path, strerror(errno));
}

/* --- life of a service --- */

static void start_service(void *data);

static void set_state(struct service *v, enum service_state to)
{
	if (v->state != to)
		log_info("service=%s %s -> %s", kinds[v->name].name, state_names[v->state],
			state_names[to]);
	v->state = to;
	write_services(v->all);
}

static void check_all_ended(struct supervisor *s)
{
	if (!s->stopping || !s->done || s->dead_boxd)
		return;
	for (int i = 0; i < SERVICES; i++)
		if (s->services[i].state != SERVICE_DOWN)
			return;
	timer_disarm(s->grace);
	s->done(s->done_data);
}

/* boxd gave up the right to remove its folders, and a killed one would not have done it. */
static void on_sweep(void *data)
{
	struct supervisor *s = data;
	int r = cgroup_home_remove(s->dead_boxd);

	if (r == -EBUSY && ++s->sweeps < SWEEPS_MAX) {
		timer_arm_after(s->sweep, SWEEP_USEC);
		return;
	}
	if (r < 0)
		log_warn("cgroup folders of boxd pid=%d are left: %s", s->dead_boxd, strerror(-r));
	s->dead_boxd = 0;
	check_all_ended(s);
}

static void on_death(pid_t pid, int status, void *data)
{
	struct service *v = data;
	uint64_t lived = clock_mono_usec() - v->started_usec;

	v->child = NULL;
	v->pid = 0;
	if (v->name == BOXD) {
		v->all->dead_boxd = pid;
		v->all->sweeps = 0;
		timer_arm_after(v->all->sweep, 0);
	}
	if (v->all->stopping) {
		set_state(v, SERVICE_DOWN);
		check_all_ended(v->all);
		return;
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		log_error("service=%s pid=%d ended by its own filter: it made a system call that "
			  "it has given up (the kernel's log names it)",
			kinds[v->name].name, pid);
	else if (WIFSIGNALED(status))
		log_warn("service=%s pid=%d killed by signal %d", kinds[v->name].name, pid,
			WTERMSIG(status));
	else
		log_warn("service=%s pid=%d exited with status %d", kinds[v->name].name, pid,
			WEXITSTATUS(status));
	if (lived >= SETTLED_USEC)
		v->delay_usec = RETRY_FIRST_USEC;
	set_state(v, SERVICE_WAITING);
	timer_arm_after(v->retry, v->delay_usec);
	v->delay_usec = v->delay_usec * 2 > RETRY_LAST_USEC ? RETRY_LAST_USEC : v->delay_usec * 2;
}

static int open_program(const struct layout *l, const char *name, struct err *e)
{
	char path[LAYOUT_PATH + 64];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", l->bin, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, -errno, "cannot open %s: %s", path, strerror(errno));
	return fd;
}

/* What was replaced on the disk is started next, as systemd does it; what is not there any more is
 * started as it was. */
static void reopen_program(const struct layout *l, const char *name, int *fd)
{
	struct err e = {0};
	int now = open_program(l, name, &e);

	if (now < 0) {
		log_warn("%s; it is started as it was", e.text);
		return;
	}
	close(*fd);
	*fd = now;
}

static int spawn_service(struct service *v, struct err *e)
{
	struct supervisor *s = v->all;
	char home[LAYOUT_PATH + 16];
	char *envp[6] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", home};
	size_t n_env = 3;
	struct spawn_plan plan = SPAWN_PLAN_INIT;
	struct start p = {0};
	pid_t pid;

	(void)snprintf(home, sizeof(home), "HOME=%s", s->layout->svc_data);
	if (getenv("VITRINE_DEBUG"))
		envp[n_env++] = "VITRINE_DEBUG=1";
	if (log_is_json())
		envp[n_env++] = "VITRINE_LOG=json";
	reopen_program(s->layout, kinds[v->name].program, &v->program);
	if (v->name == BOXD)
		reopen_program(s->layout, WORKER, &s->worker_program);
	arg(&p, "%s", kinds[v->name].program);
	kinds[v->name].fill(s, &p);
	plan.path = kinds[v->name].program;
	plan.exec_fd = v->program;
	plan.argv = p.argv;
	plan.envp = envp;
	plan.fds[1] = 2; /* programs log to stderr; nothing is said on stdout */
	for (size_t i = 0; i < p.n_fds; i++)
		plan.fds[plan.n_fds++] = p.fds[i];
	plan.death_signal = SIGKILL;
	if (s->layout->root && kinds[v->name].uid) {
		plan.uid = kinds[v->name].uid;
		plan.gid = kinds[v->name].uid;
	}
	pid = spawn_program(&plan, e);
	if (pid < 0)
		return pid;
	v->pid = pid;
	v->starts++;
	v->started_usec = clock_mono_usec();
	return loop_add_child(s->loop, pid, on_death, v, &v->child);
}

static void start_service(void *data)
{
	struct service *v = data;
	struct err e = {0};

	if (v->all->stopping)
		return;
	if (spawn_service(v, &e) < 0) {
		log_error("service=%s %s", kinds[v->name].name, e.text);
		timer_arm_after(v->retry, RETRY_LAST_USEC);
		return;
	}
	set_state(v, SERVICE_RUNNING);
	/* The token is written once, by the first orchestrator. */
	if (v->name == ORCHESTRATOR && v->all->config.token_fd >= 0)
		close(TAKE_FD(v->all->config.token_fd));
}

/* Whoever could connect there could say to be anybody: so only vitrine-tls can open the file. And
 * all its clients arrive there. */
static int close_front(struct supervisor *s, struct err *e)
{
	char path[LAYOUT_PATH + 64];

	(void)snprintf(path, sizeof(path), "%s/front.sock", s->layout->run);
	if (chmod(path, 0600) < 0 || (s->layout->root && chown(path, UID_TLS, UID_TLS) < 0) ||
		listen(s->sockets[SOCK_FRONT], FRONT_BACKLOG) < 0)
		return err_set(e, -errno, "cannot close %s to others: %s", path, strerror(errno));
	return 0;
}

static int make_sockets(struct supervisor *s, struct err *e)
{
	for (int i = 0; i < SOCKETS; i++) {
		char path[LAYOUT_PATH + 64];

		(void)snprintf(path, sizeof(path), "%s/%s", s->layout->run, socket_kinds[i].file);
		s->sockets[i] = listen_unix(path, socket_kinds[i].type, e);
		if (s->sockets[i] < 0)
			return s->sockets[i];
	}
	return close_front(s, e);
}

static void on_grace_over(void *data)
{
	struct supervisor *s = data;

	for (int i = 0; i < SERVICES; i++)
		if (s->services[i].state == SERVICE_ENDING && s->services[i].pid > 0) {
			log_warn("service=%s did not end in time", kinds[i].name);
			(void)kill(s->services[i].pid, SIGKILL);
		}
}

/*
 * Shortens the turn of this process on a processor, and of all that come from it. A box that burns
 * would otherwise finish its turn of some milliseconds before a service or another box that has
 * been woken by a visitor gets its own. sched_setattr(2): a runtime of a normal process is its
 * slice, from Linux 6.12 on; before, it means nothing.
 */
static void shorten_turns(void)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime_nsec, deadline_nsec, period_nsec;
	} attributes = {.size = sizeof(attributes)};

	if (syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) < 0 ||
		attributes.policy != SCHED_OTHER)
		return;
	attributes.runtime_nsec = TURN_NSEC;
	attributes.flags = 0;
	(void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

int supervisor_new(struct loop *loop, const struct supervisor_config *config,
	struct supervisor **ret, struct err *e)
{
	CLEANUP(supervisor_freep) struct supervisor *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	s->loop = loop;
	s->layout = config->layout;
	s->config = *config;
	s->worker_program = -1;
	for (int i = 0; i < SOCKETS; i++)
		s->sockets[i] = -1;
	for (int i = 0; i < SERVICES; i++)
		s->services[i] = (struct service){
			.all = s, .name = i, .program = -1, .delay_usec = RETRY_FIRST_USEC};
	shorten_turns();
	r = make_sockets(s, e);
	if (r < 0)
		return r;
	s->worker_program = open_program(s->layout, WORKER, e);
	if (s->worker_program < 0)
		return s->worker_program;
	if (loop_add_timer(loop, on_grace_over, s, &s->grace) < 0 ||
		loop_add_timer(loop, on_sweep, s, &s->sweep) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	for (int i = 0; i < SERVICES; i++) {
		struct service *v = &s->services[i];

		if (!is_wanted(s, i))
			continue;
		v->program = open_program(s->layout, kinds[i].program, e);
		if (v->program < 0)
			return v->program;
		if (loop_add_timer(loop, start_service, v, &v->retry) < 0)
			return err_set(e, -ENOMEM, "out of memory");
		start_service(v);
	}
	*ret = TAKE_PTR(s);
	return 0;
}

void supervisor_stop(struct supervisor *s, void (*done)(void *data), void *data)
{
	s->stopping = true;
	s->done = done;
	s->done_data = data;
	/* Front to back: the gateway closes its sockets while the others still answer. */
	for (int i = SERVICES - 1; i >= 0; i--) {
		struct service *v = &s->services[i];

		if (v->retry)
			timer_disarm(v->retry);
		if (v->pid > 0) {
			(void)kill(v->pid, SIGTERM);
			set_state(v, SERVICE_ENDING);
		} else {
			set_state(v, SERVICE_DOWN);
		}
	}
	timer_arm_after(s->grace, GRACE_USEC);
	check_all_ended(s);
}

struct supervisor *supervisor_free(struct supervisor *s)
{
	if (!s)
		return NULL;
	for (int i = 0; i < SERVICES; i++) {
		struct service *v = &s->services[i];

		if (v->pid > 0) {
			(void)kill(v->pid, SIGKILL);
			(void)waitpid(v->pid, NULL, 0);
		}
		source_free(v->child);
		source_free(v->retry);
		if (v->program >= 0)
			close(v->program);
	}
	for (int i = 0; i < SOCKETS; i++)
		if (s->sockets[i] >= 0)
			close(s->sockets[i]);
	for (size_t i = 0; i < s->config.n_public; i++)
		close(s->config.public_fds[i]);
	for (size_t i = 0; i < s->config.n_tls; i++)
		close(s->config.tls_fds[i]);
	if (s->worker_program >= 0)
		close(s->worker_program);
	if (s->config.token_fd >= 0)
		close(s->config.token_fd);
	source_free(s->grace);
	source_free(s->sweep);
	free(s);
	return NULL;
}

/*
 * The real vitrine-agent between four fakes: a boxd that answers SPAWN, a worker behind the app
 * link it was given, an orchestrator, a gateway.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/dial.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/link.h"
#include "base/spawn.h"
#include "proto/bundle.h"
#include "proto/messages.h"
#include "tests/support/test.h"

#define PATIENCE_USEC (20 * USEC_PER_SEC)
#define SLOTS 8

struct fake {
	struct fixture *all;
	const char *name;
	struct listener *listener;
	struct dialer *dialer;
	struct link *link;
	enum proto_link kind;
	enum proto_direction incoming;
	uint8_t last_type; /* of the newest message but METRICS and LOG … */
	uint32_t last_seq;
	struct buf last; /* … its value */
	struct buf logs; /* values of LOG messages */
	int last_file;   /* of the newest message that had one */
	unsigned int frames, connections;
};

struct worker {
	struct link *app; /* the worker's end, as boxd would hand it on */
	int log;
	struct fixture *all;
	int got_app, got_infer;
	bool check;
	uint8_t class;
	bool refill, promoted;
	char settings[1024]; /* the file of its app */
};

struct fixture {
	char dir[64];
	struct loop *loop;
	pid_t pid;
	int wake_fd; /* kept open over restarts, as the supervisor does */
	struct fake boxd, orchestrator, inference, gateway;
	struct worker workers[SLOTS];
	unsigned int spawned, killed;
	bool seal_late;      /* boxes do not say SEALED by themselves */
	const char *pool;    /* --pool */
	pid_t worker_pid;    /* what boxd says of each; 0: nobody's */
	bool foreign[SLOTS]; /* holds a box of an earlier agent */
	const int *gift;     /* four files that go with HELLO */
	const char *on_app;  /* what a worker does with its app, see on_worker_frame */
	struct buf bundle;
	char hash[SHA256_HEX + 1];
};

/* --- fakes --- */

static long fake_max(uint8_t type, void *data)
{
	struct fake *f = data;

	return proto_value_max(f->kind, f->incoming, type);
}

static void tell_box(struct fixture *fx, uint8_t type, uint32_t slot, uint32_t seq)
{
	const struct frame f = {.type = type, .node = slot, .seq = seq};

	int r = link_send(fx->boxd.link, &f);

	/* An agent that was killed a moment ago hears nothing more. */
	CHECK(r == 0 || r == -EPIPE);
}

static void say(struct worker *w, uint8_t type, const char *json)
{
	const struct frame f = {
		.type = type, .value = (const uint8_t *)json, .length = strlen(json)};

	CHECK(link_send_files(w->app, &f, w->all->gift,
		      w->all->gift && type == APP_HELLO ? LINK_FILES_MAX : 0) == 0);
}

static int on_worker_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	struct worker *w = data;
	struct app_app m;

	(void)l;
	if (f->type == APP_INFER) {
		CHECK(files->n == 1);
		w->got_infer++;
		return 0;
	}
	CHECK(f->type == APP_APP && files->n == 2 && fs_is_sealed(files->fd[0]) == 1);
	CHECK(app_app_read(&m, f->value, f->length, e) == 0);
	w->check = m.check;
	app_app_done(&m);
	CHECK(pread(files->fd[1], w->settings, sizeof(w->settings) - 1, 0) > 0);
	w->got_app++;
	CHECK(fs_write_all(w->log, "loading\n", 8) == 0);
	if (!strcmp(w->all->on_app, "hello"))
		say(w, APP_HELLO, "{\"tree\":{\"title\":\"T\"},\"api\":[],\"load_usec\":42}");
	if (!strncmp(w->all->on_app, "tests", 5))
		say(w, APP_HELLO,
			"{\"tree\":{\"title\":\"T\"},\"api\":[],\"load_usec\":42,\"tests\":true}");
	if (!strcmp(w->all->on_app, "tests pass"))
		say(w, APP_TESTED,
			"{\"ok\":true,\"usec\":7,\"tests\":[{\"name\":\"a\",\"ok\":true,\"ms\":1}]"
			"}");
	if (!strcmp(w->all->on_app, "tests fail"))
		say(w, APP_TESTED,
			"{\"ok\":false,\"usec\":7,\"message\":\"bad\",\"file\":\"test.lua\","
			"\"line\":5}");
	if (!strcmp(w->all->on_app, "tests die"))
		tell_box(w->all, BOX_EXITED, (uint32_t)(w - w->all->workers), SIGKILL);
	if (!strcmp(w->all->on_app, "fail"))
		say(w, APP_LOAD_FAILED, "{\"message\":\"bad\",\"file\":\"app.lua\",\"line\":3}");
	if (!strcmp(w->all->on_app, "die"))
		tell_box(w->all, BOX_EXITED, (uint32_t)(w - w->all->workers), SIGKILL);
	return 0;
}

static void on_worker_closed(struct link *l, const struct err *reason, void *data)
{
	struct worker *w = data;

	(void)l;
	(void)reason;
	w->app = link_free(w->app);
}

static long worker_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_APP, PROTO_DOWN, type);
}

static const struct link_ops worker_ops = {
	.on_frame = on_worker_frame, .on_closed = on_worker_closed, .value_max = worker_max};

static void free_worker(struct worker *w)
{
	w->app = link_free(w->app);
	if (w->log > 0)
		close(w->log);
	w->log = 0;
}

static void play_boxd(struct fixture *fx, const struct frame *f, struct link_files *files)
{
	const struct link_limits limits = {.queue_max = 1 << 20, .files = true};
	struct worker *w = &fx->workers[f->node];

	CHECK(f->node < SLOTS);
	if (f->type == BOX_KILL) {
		fx->foreign[f->node] = false;
		fx->killed++;
		free_worker(w);
		tell_box(fx, BOX_EXITED, f->node, SIGKILL);
		return;
	}
	if (f->type == BOX_PROMOTE) {
		CHECK(w->app && w->refill && !w->promoted);
		w->promoted = true;
		return;
	}
	CHECK(f->type == BOX_SPAWN && files->n == 3);
	CHECK(!fx->foreign[f->node]);
	free_worker(w);
	*w = (struct worker){.all = fx,
		.log = link_files_take(files, 0),
		.class = f->op,
		.refill = f->seq == BOX_REFILL};
	CHECK(link_new(fx->loop, link_files_take(files, 1), &worker_ops, &limits, w, &w->app) == 0);
	fx->spawned++;
	tell_box(fx, BOX_SPAWNED, f->node,
		fx->worker_pid ? (uint32_t)fx->worker_pid : 1u << 29 | f->node);
	if (!fx->seal_late)
		say(w, APP_SEALED, "{\"version\":\"test\",\"landlock\":0}");
}

static int on_fake_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	struct fake *fake = data;

	(void)l;
	(void)e;
	if (fake->kind == PROTO_AGENT && f->type == AGENT_METRICS)
		return 0; /* comes by itself every other second */
	if (fake->kind == PROTO_AGENT && f->type == AGENT_LOG) {
		CHECK(buf_add(&fake->logs, f->value, f->length) == 0);
		return 0; /* comes when a pipe is read, before or after what a test waits for */
	}
	if (fake == &fake->all->boxd)
		play_boxd(fake->all, f, files);
	fake->frames++;
	fake->last_type = f->type;
	fake->last_seq = f->seq;
	buf_clear(&fake->last);
	CHECK(buf_add(&fake->last, f->value, f->length) == 0);
	if (files->n > 0) {
		if (fake->last_file >= 0)
			close(fake->last_file);
		fake->last_file = link_files_take(files, 0);
	}
	return 0;
}

static void on_fake_closed(struct link *l, const struct err *reason, void *data)
{
	struct fake *fake = data;

	(void)l;
	(void)reason;
	fake->link = link_free(fake->link);
	if (fake->dialer)
		dialer_again(fake->dialer);
}

static const struct link_ops fake_ops = {
	.on_frame = on_fake_frame, .on_closed = on_fake_closed, .value_max = fake_max};

static uint32_t count_foreign(const struct fixture *fx)
{
	uint32_t n = 0;

	for (int i = 0; i < SLOTS; i++)
		n += fx->foreign[i];
	return n;
}

static void adopt(struct fake *fake, int fd)
{
	const struct link_limits limits = {.queue_max = 1 << 20, .files = true};

	fake->link = link_free(fake->link);
	fake->connections++;
	CHECK(link_new(fake->all->loop, fd, &fake_ops, &limits, fake, &fake->link) == 0);
	if (fake != &fake->all->boxd)
		return;
	tell_box(fake->all, BOX_HOST, SLOTS, count_foreign(fake->all));
	for (uint32_t i = 0; i < SLOTS; i++)
		if (fake->all->foreign[i])
			tell_box(fake->all, BOX_SPAWNED, i, 1u << 29 | i);
}

static void on_knock(int fd, uid_t uid, void *data)
{
	(void)uid;
	adopt(data, fd);
}

static void on_dialled(int fd, void *data)
{
	adopt(data, fd);
}

/* --- running --- */

#define UNTIL(fx, cond)                                                                            \
	do {                                                                                       \
		uint64_t end_ = clock_mono_usec() + PATIENCE_USEC;                                 \
		while (!(cond)) {                                                                  \
			CHECK(clock_mono_usec() < end_ && #cond);                                  \
			CHECK(loop_dispatch((fx)->loop, 50) == 0);                                 \
		}                                                                                  \
	} while (0)

static void path_in(const struct fixture *fx, const char *name, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s/%s", fx->dir, name);
}

static void listen_as(struct fixture *fx, struct fake *fake, const char *file)
{
	char path[128];
	int fd;

	path_in(fx, file, path, sizeof(path));
	fd = listen_unix(path, SOCK_SEQPACKET, NULL);
	CHECK(fd >= 0 && listener_new(fx->loop, fd, NULL, 0, on_knock, fake, &fake->listener) == 0);
}

static void start_agent(struct fixture *fx)
{
	char data[128];
	char *argv[] = {"vitrine-agent", "--data", data, "--run", fx->dir, "--pool",
		(char *)fx->pool, NULL};
	struct spawn_plan plan = SPAWN_PLAN_INIT;
	struct err e = {0};

	path_in(fx, "data", data, sizeof(data));
	plan.path = AGENT_PROGRAM;
	plan.argv = argv;
	plan.fds[1] = 2;
	plan.death_signal = SIGKILL; /* a failed check leaves nothing running */
	plan.fds[plan.n_fds++] = fx->wake_fd;
	fx->pid = spawn_program(&plan, &e);
	CHECK(fx->pid > 0);
}

static void setup_with(struct fixture *fx, const char *pool, pid_t worker_pid)
{
	char path[128];

	*fx = (struct fixture){.dir = "/tmp/vitrine-agent-XXXXXX",
		.on_app = "",
		.pool = pool,
		.worker_pid = worker_pid};
	CHECK(mkdtemp(fx->dir));
	CHECK(loop_new(&fx->loop) == 0);
	fx->boxd = (struct fake){fx, "boxd", .kind = PROTO_BOX, .incoming = PROTO_UP};
	fx->orchestrator = (struct fake){fx, "orch", .kind = PROTO_AGENT, .incoming = PROTO_UP};
	fx->inference = (struct fake){fx, "inf", .kind = PROTO_MODELS, .incoming = PROTO_UP};
	fx->gateway = (struct fake){fx, "gw", .kind = PROTO_WAKE, .incoming = PROTO_DOWN};
	struct fake *fakes[] = {&fx->boxd, &fx->orchestrator, &fx->inference, &fx->gateway};
	for (size_t i = 0; i < 4; i++) {
		buf_init(&fakes[i]->last, 4 << 20);
		buf_init(&fakes[i]->logs, 4 << 20);
		fakes[i]->last_file = -1;
	}
	listen_as(fx, &fx->boxd, "box.sock");
	listen_as(fx, &fx->orchestrator, "agent.sock");
	listen_as(fx, &fx->inference, "infer.sock");
	path_in(fx, "wake.sock", path, sizeof(path));
	fx->wake_fd = listen_unix(path, SOCK_SEQPACKET, NULL);
	CHECK(fx->wake_fd >= 0);
	start_agent(fx);
	CHECK(dialer_new(fx->loop, path, on_dialled, &fx->gateway, &fx->gateway.dialer) == 0);
	UNTIL(fx, fx->boxd.link && fx->orchestrator.link && fx->inference.link && fx->gateway.link);

	buf_init(&fx->bundle, BUNDLE_MAX);
	CHECK(bundle_begin(&fx->bundle, 1, NULL) == 0);
	CHECK(bundle_add(&fx->bundle, "app.lua", "return 1", 8, NULL) == 0);
	sha256_hex(fx->bundle.data, fx->bundle.len, fx->hash);
}

static void setup(struct fixture *fx)
{
	setup_with(fx, "small=2", 0);
}

static void stop_agent(struct fixture *fx, int signo)
{
	int status;

	CHECK(kill(fx->pid, signo) == 0);
	CHECK(waitpid(fx->pid, &status, 0) == fx->pid);
	CHECK(signo == SIGKILL || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

static void teardown(struct fixture *fx)
{
	struct fake *fakes[] = {&fx->boxd, &fx->orchestrator, &fx->inference, &fx->gateway};

	stop_agent(fx, SIGTERM);
	for (size_t i = 0; i < SLOTS; i++)
		free_worker(&fx->workers[i]);
	for (size_t i = 0; i < 4; i++) {
		(void)link_free(fakes[i]->link);
		(void)listener_free(fakes[i]->listener);
		(void)dialer_free(fakes[i]->dialer);
		buf_done(&fakes[i]->last);
		buf_done(&fakes[i]->logs);
		if (fakes[i]->last_file >= 0)
			close(fakes[i]->last_file);
	}
	close(fx->wake_fd);
	buf_done(&fx->bundle);
	(void)loop_free(fx->loop);
	CHECK(fs_remove_tree(fx->dir) == 0);
}

static void send_json(struct fake *fake, uint8_t type, uint32_t seq, const char *json, int fd)
{
	const struct frame f = {
		.type = type, .seq = seq, .value = (const uint8_t *)json, .length = strlen(json)};

	CHECK(link_send_files(fake->link, &f, &fd, fd >= 0) == 0);
}

static void send_bundle(struct fixture *fx, uint8_t type, uint32_t seq, const char *json)
{
	int fd = fs_memfd_sealed("b", fx->bundle.data, fx->bundle.len, NULL);

	CHECK(fd >= 0);
	send_json(&fx->orchestrator, type, seq, json, fd);
	close(fd);
}

static void send_check(struct fixture *fx, uint32_t seq, const char *class)
{
	char json[512];

	(void)snprintf(json, sizeof(json),
		"{\"space\":\"s1\",\"owner\":\"o\",\"name\":\"n\",\"bundle\":\"%s\",\"entry\":"
		"\"app.lua\",\"class\":\"%s\"}",
		fx->hash, class);
	send_bundle(fx, AGENT_CHECK, seq, json);
}

static void check_build_as(struct fixture *fx, uint32_t seq, const char *class)
{
	send_check(fx, seq, class);
	UNTIL(fx, fx->orchestrator.last_type == AGENT_CHECKED && fx->orchestrator.last_seq == seq);
}

static void check_build(struct fixture *fx, uint32_t seq)
{
	check_build_as(fx, seq, "small");
}

static void wake_as(struct fixture *fx, uint32_t seq, const char *class)
{
	char json[512];

	(void)snprintf(json, sizeof(json),
		"{\"space\":\"s1\",\"owner\":\"o\",\"name\":\"n\",\"bundle\":\"%s\",\"entry\":"
		"\"app.lua\",\"class\":\"%s\",\"epoch\":7}",
		fx->hash, class);
	send_json(&fx->gateway, WAKE_WAKE, seq, json, -1);
}

static void wake(struct fixture *fx, uint32_t seq)
{
	wake_as(fx, seq, "small");
}

/* Boxes of that class that live and have no app. */
static size_t blank(const struct fixture *fx, uint8_t class)
{
	size_t n = 0;

	for (size_t i = 0; i < SLOTS; i++)
		n += fx->workers[i].app && fx->workers[i].class == class && !fx->workers[i].got_app;
	return n;
}

/* Long enough for a refill that should not come. */
static void stay(struct fixture *fx)
{
	for (int i = 0; i < 20; i++)
		CHECK(loop_dispatch(fx->loop, 10) == 0);
}

/* --- claims --- */

TEST(a_good_build_is_answered_with_its_tree_and_output)
{
	struct fixture fx;

	setup(&fx);
	fx.on_app = "hello";
	check_build(&fx, 11);
	CHECK(strstr(buf_str(&fx.orchestrator.last), "\"ok\":true"));
	CHECK(strstr(buf_str(&fx.orchestrator.last), "\"load_usec\":42"));
	CHECK(strstr(buf_str(&fx.orchestrator.last), "loading"));
	UNTIL(&fx, fx.killed > 0); /* a box that loaded one app is never used again */
	teardown(&fx);
}

TEST(a_build_that_fails_or_dies_is_answered_in_words)
{
	struct fixture fx;

	setup(&fx);
	fx.on_app = "fail";
	check_build(&fx, 1);
	CHECK(strstr(buf_str(&fx.orchestrator.last), "\"ok\":false"));
	CHECK(strstr(buf_str(&fx.orchestrator.last), "\"line\":3"));
	fx.on_app = "die";
	check_build(&fx, 2);
	CHECK(strstr(buf_str(&fx.orchestrator.last), "did not load"));
	teardown(&fx);
}

TEST(a_build_with_tests_is_answered_when_they_have_ended)
{
	struct fixture fx;

	setup(&fx);
	fx.on_app = "tests pass";
	check_build(&fx, 1);
	CHECK(strstr(buf_str(&fx.orchestrator.last), "\"ok\":true"));
	CHECK(strstr(buf_str(&fx.orchestrator.last), "\"test_usec\":7"));
	CHECK(strstr(buf_str(&fx.orchestrator.last), "\"name\":\"a\""));
	fx.on_app = "tests fail";
	check_build(&fx, 2);
	CHECK(strstr(buf_str(&fx.orchestrator.last), "\"ok\":false"));
	CHECK(strstr(buf_str(&fx.orchestrator.last), "\"file\":\"test.lua\""));
	CHECK(strstr(buf_str(&fx.orchestrator.last), "\"load_usec\":42"));
	fx.on_app = "tests die";
	check_build(&fx, 3);
	CHECK(strstr(buf_str(&fx.orchestrator.last), "the tests did not end"));
	teardown(&fx);
}

TEST(a_wake_fetches_the_bundle_and_hands_the_link_over)
{
	struct fixture fx;

	setup(&fx);
	wake(&fx, 5);
	UNTIL(&fx, fx.orchestrator.last_type == AGENT_WANT_BUNDLE);
	char json[128];
	(void)snprintf(json, sizeof(json), "{\"bundle\":\"%s\"}", fx.hash);
	send_bundle(&fx, AGENT_BUNDLE, 0, json);
	UNTIL(&fx, fx.gateway.last_type == WAKE_LINK);
	CHECK(fx.gateway.last_seq == 5 && fx.gateway.last_file >= 0);
	CHECK(strstr(buf_str(&fx.gateway.last), "\"epoch\":7"));
	teardown(&fx);
}

TEST(a_missing_bundle_fails_the_wake_in_words)
{
	struct fixture fx;
	char json[128];

	setup(&fx);
	wake(&fx, 6);
	UNTIL(&fx, fx.orchestrator.last_type == AGENT_WANT_BUNDLE);
	(void)snprintf(json, sizeof(json), "{\"bundle\":\"%s\",\"missing\":true}", fx.hash);
	send_json(&fx.orchestrator, AGENT_BUNDLE, 0, json, -1);
	UNTIL(&fx, fx.gateway.last_type == WAKE_WAKE_FAILED);
	CHECK(strstr(buf_str(&fx.gateway.last), "missing"));
	teardown(&fx);
}

static void wake_with_settings(struct fixture *fx, uint32_t seq, int version)
{
	char json[512];

	(void)snprintf(json, sizeof(json),
		"{\"space\":\"s1\",\"owner\":\"o\",\"name\":\"n\",\"bundle\":\"%s\",\"entry\":"
		"\"app.lua\",\"class\":\"small\",\"epoch\":7,\"title\":\"A "
		"title\",\"settings\":%d}",
		fx->hash, version);
	send_json(&fx->gateway, WAKE_WAKE, seq, json, -1);
}

static struct worker *started_worker(struct fixture *fx)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (fx->workers[i].app && fx->workers[i].got_app)
			return &fx->workers[i];
	return NULL;
}

TEST(a_wake_waits_for_settings_of_its_version_and_the_next_needs_nobody)
{
	static const char settings[] =
		"{\"space\":\"s1\",\"version\":3,\"variables\":{\"MODE\":\"fast\"},"
		"\"secrets\":{\"KEY\":\"very-secret\"}}";
	struct fixture fx;
	unsigned int frames;

	setup(&fx);
	fx.on_app = "hello";
	check_build(&fx, 1); /* the bundle is there from now on */
	fx.on_app = "";
	wake_with_settings(&fx, 5, 3);
	UNTIL(&fx, fx.orchestrator.last_type == AGENT_WANT_SETTINGS);
	CHECK(strstr(buf_str(&fx.orchestrator.last), "\"space\":\"s1\""));
	stay(&fx);
	CHECK(fx.gateway.last_type != WAKE_LINK);
	send_json(&fx.orchestrator, AGENT_SETTINGS, 0, settings, -1);
	UNTIL(&fx, fx.gateway.last_type == WAKE_LINK && started_worker(&fx));
	CHECK(strstr(buf_str(&fx.gateway.last), "\"settings\":3"));
	CHECK(strstr(started_worker(&fx)->settings, "\"MODE\":\"fast\""));
	CHECK(strstr(started_worker(&fx)->settings, "\"KEY\":\"very-secret\""));
	CHECK(strstr(started_worker(&fx)->settings, "\"SPACE_TITLE\":\"A title\""));

	frames = fx.gateway.frames;
	fx.orchestrator.link = link_free(fx.orchestrator.link);
	fx.orchestrator.listener = listener_free(fx.orchestrator.listener);
	wake_with_settings(&fx, 6, 3);
	UNTIL(&fx, fx.gateway.frames > frames);
	CHECK(fx.gateway.last_type == WAKE_LINK && fx.gateway.last_seq == 6);
	teardown(&fx);
}

TEST(a_wake_whose_settings_cannot_be_read_fails_with_the_reason)
{
	struct fixture fx;

	setup(&fx);
	fx.on_app = "hello";
	check_build(&fx, 1);
	fx.on_app = "";
	wake_with_settings(&fx, 5, 3);
	UNTIL(&fx, fx.orchestrator.last_type == AGENT_WANT_SETTINGS);
	send_json(&fx.orchestrator, AGENT_SETTINGS, 0,
		"{\"space\":\"s1\",\"version\":0,\"why\":\"the disk is full\"}", -1);
	UNTIL(&fx, fx.gateway.last_type == WAKE_WAKE_FAILED);
	CHECK(fx.gateway.last_seq == 5);
	CHECK(strstr(buf_str(&fx.gateway.last), "the disk is full"));
	CHECK(strstr(buf_str(&fx.gateway.last), "\"retry_ms\":5000"));
	teardown(&fx);
}

TEST(settings_that_do_not_come_are_asked_for_again_and_older_ones_do_only_as_an_answer)
{
	struct fixture fx;

	setup(&fx);
	fx.on_app = "hello";
	check_build(&fx, 1);
	fx.on_app = "";
	wake_with_settings(&fx, 5, 3);
	UNTIL(&fx, fx.orchestrator.last_type == AGENT_WANT_SETTINGS);
	send_json(&fx.orchestrator, AGENT_SETTINGS, 0, "{\"space\":\"s1\",\"version\":2}", -1);
	fx.orchestrator.last_type = 0;
	UNTIL(&fx, fx.orchestrator.last_type == AGENT_WANT_SETTINGS);
	CHECK(fx.gateway.last_type != WAKE_LINK);
	send_json(&fx.orchestrator, AGENT_SETTINGS, 0,
		"{\"space\":\"s1\",\"version\":2,\"answer\":true}", -1);
	UNTIL(&fx, fx.gateway.last_type == WAKE_LINK);
	CHECK(fx.gateway.last_seq == 5 && strstr(buf_str(&fx.gateway.last), "\"settings\":2"));
	teardown(&fx);
}

TEST(a_secret_in_a_line_or_in_what_a_build_prints_does_not_leave_the_node)
{
	struct fixture fx;
	struct worker *w;

	setup(&fx);
	fx.on_app = "fail";
	send_json(&fx.orchestrator, AGENT_SETTINGS, 0,
		"{\"space\":\"s1\",\"version\":1,\"secrets\":{\"KEY\":\"loading\"}}", -1);
	check_build(&fx, 1);
	CHECK(strstr(buf_str(&fx.orchestrator.last), "\"output\":\"[secret KEY]"));
	fx.on_app = "";
	wake_with_settings(&fx, 2, 1);
	UNTIL(&fx, fx.gateway.last_type == WAKE_LINK && (w = started_worker(&fx)));
	CHECK(fs_write_all(w->log, "was loading it\n", 15) == 0);
	UNTIL(&fx, fx.orchestrator.logs.len > 0 &&
			   strstr(buf_str(&fx.orchestrator.logs), "was [secret KEY] it"));
	CHECK(!memmem(fx.orchestrator.logs.data, fx.orchestrator.logs.len, "loading", 7));
	teardown(&fx);
}

TEST(a_new_gateway_gets_the_live_workers_and_inference_new_links)
{
	struct fixture fx;
	struct link *old;

	setup(&fx);
	fx.on_app = "hello";
	check_build(&fx, 1);
	fx.on_app = "";
	wake(&fx, 2);
	UNTIL(&fx, fx.gateway.last_type == WAKE_LINK);

	unsigned int frames = fx.gateway.frames;
	old = fx.gateway.link;
	fx.gateway.link = link_free(old);
	dialer_again(fx.gateway.dialer);
	UNTIL(&fx, fx.gateway.frames >= frames + 2 && fx.gateway.last_type == WAKE_SYNC);
	CHECK(fx.gateway.last_file >= 0);

	int renewed = 0;
	fx.inference.link = link_free(fx.inference.link);
	UNTIL(&fx, fx.inference.link && fx.inference.last_type == MODELS_ASSIGN);
	for (int i = 0; i < 20; i++)
		CHECK(loop_dispatch(fx.loop, 10) == 0);
	for (int i = 0; i < SLOTS; i++)
		renewed += fx.workers[i].got_app && fx.workers[i].got_infer;
	CHECK(renewed == 1);
	teardown(&fx);
}

/* catalogue 33 */
TEST(a_worker_that_keeps_dying_is_backed_off_and_its_owner_and_visitors_are_told)
{
	struct fixture fx;

	setup(&fx);
	fx.on_app = "hello";
	check_build(&fx, 1);
	fx.on_app = "die";
	for (uint32_t i = 0; i < 2; i++) {
		wake(&fx, 10 + i);
		UNTIL(&fx, fx.gateway.last_type == WAKE_GONE);
		fx.gateway.last_type = 0;
	}
	unsigned int spawned = fx.spawned;
	for (uint32_t i = 0; i < 50; i++) {
		wake(&fx, 20 + i);
		UNTIL(&fx,
			fx.gateway.last_type == WAKE_WAKE_FAILED && fx.gateway.last_seq == 20 + i);
	}
	CHECK(strstr(buf_str(&fx.gateway.last), "stopped several times in a row"));
	CHECK(strstr(buf_str(&fx.gateway.last), "retry_ms"));
	CHECK(strstr(buf_str(&fx.gateway.last), "\"crashing\":true"));
	CHECK(fx.spawned <= spawned + 1); /* one for the pool, none for fifty wishes */
	UNTIL(&fx, strstr(buf_str(&fx.orchestrator.logs), "keeps crashing"));
	CHECK(strstr(buf_str(&fx.orchestrator.logs), "[the worker ended: ended by signal 9"));
	teardown(&fx);
}

static void stop_worker(struct fixture *fx, const char *why)
{
	char replica[33], json[256];
	const char *at = strstr(buf_str(&fx->gateway.last), "\"replica\":\"");

	CHECK(at && sscanf(at + 11, "%32[a-z0-9]", replica) == 1);
	(void)snprintf(
		json, sizeof(json), "{\"replica\":\"%s\",\"line\":\"a \\u001bnote\"}", replica);
	send_json(&fx->gateway, WAKE_NOTE, 0, json, -1);
	(void)snprintf(json, sizeof(json), "{\"replica\":\"%s\",\"reason\":\"%s\"}", replica, why);
	send_json(&fx->gateway, WAKE_STOP, 0, json, -1);
	UNTIL(fx, fx->gateway.last_type == WAKE_GONE);
}

TEST(a_worker_that_is_stopped_for_a_fault_has_crashed_and_its_owner_reads_why)
{
	struct fixture fx;

	setup(&fx);
	fx.on_app = "hello";
	check_build(&fx, 1);
	fx.on_app = "";
	for (uint32_t i = 0; i < 2; i++) {
		wake(&fx, 10 + i);
		UNTIL(&fx, fx.gateway.last_type == WAKE_LINK);
		stop_worker(&fx, "it does not read");
		CHECK(strstr(buf_str(&fx.gateway.last), "it does not read"));
	}
	wake(&fx, 20);
	UNTIL(&fx, fx.gateway.last_type == WAKE_WAKE_FAILED);
	UNTIL(&fx, strstr(buf_str(&fx.orchestrator.logs), "[the worker ended: it does not read]"));
	CHECK(strstr(buf_str(&fx.orchestrator.logs), "[a  note]"));
	teardown(&fx);
}

TEST(a_worker_that_is_put_to_sleep_has_not_crashed)
{
	struct fixture fx;
	char replica[33], json[128];

	setup(&fx);
	fx.on_app = "hello";
	check_build(&fx, 1);
	fx.on_app = "";
	for (uint32_t i = 0; i < 5; i++) {
		wake(&fx, 10 + i);
		UNTIL(&fx, fx.gateway.last_type == WAKE_LINK);
		CHECK(sscanf(strstr(buf_str(&fx.gateway.last), "\"replica\":\"") + 11,
			      "%32[a-z0-9]", replica) == 1);
		(void)snprintf(json, sizeof(json), "{\"replica\":\"%s\"}", replica);
		send_json(&fx.gateway, WAKE_SLEEP, 0, json, -1);
		UNTIL(&fx, fx.gateway.last_type == WAKE_GONE);
	}
	CHECK(!strstr(buf_str(&fx.orchestrator.logs), "ended"));
	teardown(&fx);
}

/* catalogue 38 */
TEST(a_worker_that_uses_much_processor_time_is_reported_each_second)
{
	struct fixture fx;
	pid_t busy = fork();

	CHECK(busy >= 0);
	if (busy == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0) {
		/* Or a busy machine gives it too little to be worth a report. */
		(void)setpriority(PRIO_PROCESS, 0, -20);
		for (;;)
			;
	}
	setup_with(&fx, "small=2", busy);
	fx.on_app = "hello";
	check_build(&fx, 1);
	fx.on_app = "";
	wake(&fx, 10);
	UNTIL(&fx, fx.gateway.last_type == WAKE_CPU);
	CHECK(strstr(buf_str(&fx.gateway.last), "\"usec\":"));
	CHECK(kill(busy, SIGKILL) == 0 && waitpid(busy, NULL, 0) == busy);
	teardown(&fx);
}

static size_t write_some(int fd, const char *bytes, size_t n)
{
	ssize_t put = write(fd, bytes, n);

	return put > 0 ? (size_t)put : 0;
}

/* catalogue 26 */
TEST(a_flood_of_log_lines_is_cut_for_the_space_and_the_owner_is_told)
{
	struct fixture fx;
	struct worker *w = NULL;
	static char lines[60000];

	setup(&fx);
	fx.on_app = "hello";
	check_build(&fx, 1);
	fx.on_app = "";
	wake(&fx, 10);
	UNTIL(&fx, fx.gateway.last_type == WAKE_LINK);
	for (size_t i = 0; i < SLOTS; i++)
		if (fx.workers[i].got_app && !fx.workers[i].check)
			w = &fx.workers[i];
	CHECK(w);
	for (size_t i = 0; i < sizeof(lines); i++)
		lines[i] = i % 100 == 99 ? '\n' : 'x';
	CHECK(fcntl(w->log, F_SETFL, O_NONBLOCK) == 0);
	size_t written = 0;
	UNTIL(&fx, (written += write_some(w->log, lines, sizeof(lines))) >= 2 << 20);
	UNTIL(&fx, strstr(buf_str(&fx.orchestrator.logs), "lines dropped"));
	/* The burst and some seconds' worth, 300 bytes for each line of 100. */
	CHECK(fx.orchestrator.logs.len < 3 << 20);
	teardown(&fx);
}

TEST(lines_and_news_wait_in_order_while_the_orchestrator_is_away)
{
	static const char *const said[] = {
		"\x1eprint session=0a1b2c3d event=3\x1fone", "two \\ \"three\"", "last"};
	struct fixture fx;
	struct worker *w = NULL;
	const char *logs;

	setup(&fx);
	fx.on_app = "hello";
	check_build(&fx, 1);
	fx.on_app = "";
	wake(&fx, 10);
	UNTIL(&fx, fx.gateway.last_type == WAKE_LINK);
	for (size_t i = 0; i < SLOTS; i++)
		if (fx.workers[i].got_app && !fx.workers[i].check)
			w = &fx.workers[i];
	CHECK(w);
	UNTIL(&fx, fx.orchestrator.last_type == AGENT_WORKER);
	fx.orchestrator.listener = listener_free(fx.orchestrator.listener);
	fx.orchestrator.link = link_free(fx.orchestrator.link);
	/* The agent is slow to notice at worst: what it sent meanwhile is lost with the link. */
	for (int i = 0; i < 20; i++)
		CHECK(loop_dispatch(fx.loop, 10) == 0);
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		CHECK(write_some(w->log, said[i], strlen(said[i])) == strlen(said[i]));
		CHECK(write_some(w->log, "\n", 1) == 1);
	}
	for (int i = 0; i < 20; i++)
		CHECK(loop_dispatch(fx.loop, 10) == 0);
	listen_as(&fx, &fx.orchestrator, "agent.sock");
	UNTIL(&fx, strstr(buf_str(&fx.orchestrator.logs), "\"last\""));
	logs = strstr(buf_str(&fx.orchestrator.logs), "\"line\":\"one\"");
	CHECK(logs && strstr(logs, "\"session\":\"0a1b2c3d\"") && strstr(logs, "\"event\":3"));
	logs = strstr(logs, "two \\\\ \\\"three\\\"");
	CHECK(logs && strstr(logs, "\"last\""));
	/* Then it tells which workers run, as no news. */
	UNTIL(&fx, fx.orchestrator.last_type == AGENT_WORKER &&
			   strstr(buf_str(&fx.orchestrator.last), "\"again\":true"));
	teardown(&fx);
}

TEST(a_line_of_nothing_but_quotes_harms_no_link)
{
	struct fixture fx;
	struct worker *w = NULL;
	static char line[8193];
	unsigned int connections;

	setup(&fx);
	fx.on_app = "hello";
	check_build(&fx, 1);
	fx.on_app = "";
	wake(&fx, 10);
	UNTIL(&fx, fx.gateway.last_type == WAKE_LINK);
	for (size_t i = 0; i < SLOTS; i++)
		if (fx.workers[i].got_app && !fx.workers[i].check)
			w = &fx.workers[i];
	CHECK(w);
	connections = fx.orchestrator.connections;
	memset(line, '"', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	CHECK(write_some(w->log, line, sizeof(line)) == sizeof(line));
	UNTIL(&fx, fx.orchestrator.logs.len > 16384);
	CHECK(fx.orchestrator.connections == connections);
	teardown(&fx);
}

static void send_raw(struct link *l, const void *bytes, size_t n)
{
	CHECK(send(link_fd(l), bytes, n, MSG_NOSIGNAL) == (ssize_t)n);
}

static void send_head(struct link *l, uint16_t length, uint8_t type, uint8_t op, const char *value)
{
	uint8_t bytes[256] = {(uint8_t)length, (uint8_t)(length >> 8), type, op};

	memcpy(bytes + FRAME_HEADER, value, strlen(value));
	send_raw(l, bytes, FRAME_HEADER + strlen(value));
}

static void be_bad(struct link *l, int how, uint8_t known)
{
	switch (how) {
	case 0:
		send_raw(l, "", 0);
		break;
	case 1:
		send_raw(l, "abc", 3);
		break;
	case 2:
		send_head(l, 0, 0xee, 0, "");
		break;
	case 3:
		send_head(l, 65535, known, 0, "{}");
		break;
	case 4:
		send_head(l, 2, known, 0, "{}junk");
		break;
	case 5: /* begun, and never ended */
		send_head(l, 0, known, FRAME_MORE, "");
		send_head(l, 0, known, FRAME_MORE | 5, "");
		break;
	default:
		CHECK(how == 6);
		send_head(l, 0, APP_PATCH, 0, ""); /* of no link here */
	}
}

#define BAD_WAYS 7

static bool builds_are_good(const struct fixture *fx)
{
	return strstr(buf_str(&fx->orchestrator.last), "\"ok\":true") != NULL;
}

/* catalogue 94, 95 */
TEST(a_bad_frame_ends_that_link_only)
{
	struct fixture fx;

	setup(&fx);
	fx.on_app = "hello";
	for (int how = 0; how < BAD_WAYS; how++) {
		struct {
			struct fake *fake;
			uint8_t known;
		} ends[] = {{&fx.gateway, WAKE_SLEEP}, {&fx.orchestrator, AGENT_BUNDLE},
			{&fx.inference, MODELS_LIST}, {&fx.boxd, BOX_EXITED}};

		for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
			unsigned int before[4];

			for (size_t j = 0; j < 4; j++)
				before[j] = ends[j].fake->connections;
			be_bad(ends[i].fake->link, how, ends[i].known);
			UNTIL(&fx, ends[i].fake->connections == before[i] + 1);
			for (size_t j = 0; j < 4; j++)
				CHECK(j == i || ends[j].fake->connections == before[j]);
		}
		/* The agent may not have heard from the new boxd when it is asked first. */
		for (uint32_t try = 0; try == 0 || !builds_are_good(&fx); try++) {
			CHECK(try < 100);
			check_build(&fx, 100 + 100 * (uint32_t)how + try);
		}
	}
	teardown(&fx);
}

TEST(a_frame_out_of_turn_ends_that_link_only)
{
	struct fixture fx;

	setup(&fx);
	send_json(&fx.gateway, BOX_SPAWN, 0, "{}", -1);
	UNTIL(&fx, fx.gateway.connections == 2);
	fx.on_app = "hello";
	check_build(&fx, 3);
	send_json(&fx.gateway, WAKE_WAKE, 0, "{\"space\":3}", -1);
	UNTIL(&fx, fx.gateway.connections == 3);
	check_build(&fx, 4);
	teardown(&fx);
}

/* catalogue 94, 95, 96 */
TEST(a_worker_that_breaks_the_protocol_or_sends_files_harms_itself_only)
{
	struct pollfd held = {.events = POLLIN};
	struct fixture fx;
	int gift[2], four[4];

	setup(&fx);
	fx.on_app = "hello";
	for (int how = 0; how < BAD_WAYS; how++) {
		unsigned int killed = fx.killed;
		struct worker *w = NULL;

		for (size_t i = 0; !w; i = (i + 1) % SLOTS) {
			CHECK(loop_dispatch(fx.loop, 5) == 0);
			if (fx.workers[i].app)
				w = &fx.workers[i];
		}
		be_bad(w->app, how, APP_SEALED);
		UNTIL(&fx, fx.killed == killed + 1);
		check_build(&fx, 200 + (uint32_t)how);
	}
	CHECK(pipe2(gift, O_CLOEXEC) == 0);
	for (int i = 0; i < 4; i++)
		four[i] = gift[1];
	fx.gift = four;
	check_build(&fx, 300);
	CHECK(builds_are_good(&fx));
	close(gift[1]);
	held.fd = gift[0];
	CHECK(poll(&held, 1, 20000) == 1 && (held.revents & POLLHUP));
	close(gift[0]);
	teardown(&fx);
}

TEST(a_killed_agent_comes_back_to_the_same_world)
{
	struct fixture fx;

	setup(&fx);
	fx.on_app = "hello";
	check_build(&fx, 1);
	stop_agent(&fx, SIGKILL);
	UNTIL(&fx, !fx.boxd.link && !fx.orchestrator.link && !fx.gateway.link);
	memset(fx.foreign, true, 3);
	unsigned int killed = fx.killed;
	start_agent(&fx);
	UNTIL(&fx, fx.boxd.link && fx.orchestrator.link && fx.gateway.link);
	fx.on_app = "";
	wake(&fx, 9); /* the bundle is still in its cache: nothing is asked */
	UNTIL(&fx, fx.gateway.last_type == WAKE_LINK);
	UNTIL(&fx, fx.killed >= killed + 3); /* what the dead agent left */
	teardown(&fx);
}

TEST(each_class_has_as_many_blank_boxes_as_the_operator_says)
{
	struct fixture fx;

	setup_with(&fx, "small=1,large=2", 0);
	UNTIL(&fx, blank(&fx, BOX_SMALL) == 1 && blank(&fx, BOX_LARGE) == 2);
	stay(&fx);
	CHECK(blank(&fx, BOX_SMALL) == 1 && blank(&fx, BOX_LARGE) == 2);
	CHECK(blank(&fx, BOX_MEDIUM) == 0 && fx.spawned == 3);
	/* One is taken, and made good again. */
	fx.on_app = "hello";
	check_build_as(&fx, 1, "large");
	UNTIL(&fx, fx.spawned == 4 && blank(&fx, BOX_LARGE) == 2);
	teardown(&fx);
}

TEST(a_class_that_nobody_configured_is_kept_ready_once_it_was_used)
{
	struct fixture fx;

	setup(&fx);
	UNTIL(&fx, blank(&fx, BOX_SMALL) == 2);
	stay(&fx);
	CHECK(blank(&fx, BOX_MEDIUM) == 0);
	fx.on_app = "hello";
	check_build_as(&fx, 1, "medium");
	UNTIL(&fx, blank(&fx, BOX_MEDIUM) == 2);
	stay(&fx);
	CHECK(blank(&fx, BOX_MEDIUM) == 2 && blank(&fx, BOX_LARGE) == 0);
	teardown(&fx);
}

TEST(with_an_empty_pool_every_class_is_built_on_demand)
{
	static const char *const classes[] = {"small", "medium", "large"};
	struct fixture fx;

	setup_with(&fx, "small=0,medium=0,large=0", 0);
	fx.on_app = "hello";
	check_build(&fx, 1);
	stay(&fx);
	CHECK(fx.spawned == 1);
	fx.on_app = "";
	for (uint32_t i = 0; i < 3; i++) {
		wake_as(&fx, 10 + i, classes[i]);
		UNTIL(&fx, fx.gateway.last_type == WAKE_LINK && fx.gateway.last_seq == 10 + i);
		CHECK(fx.spawned == 2 + i);
	}
	CHECK(blank(&fx, BOX_SMALL) + blank(&fx, BOX_MEDIUM) + blank(&fx, BOX_LARGE) == 0);
	teardown(&fx);
}

static size_t count_promoted(const struct fixture *fx)
{
	size_t n = 0;

	for (size_t i = 0; i < SLOTS; i++)
		n += fx->workers[i].app && fx->workers[i].promoted;
	return n;
}

TEST(the_pool_is_refilled_at_idle_priority_and_a_start_never)
{
	struct fixture fx;

	setup_with(&fx, "small=2,large=0", 0);
	UNTIL(&fx, blank(&fx, BOX_SMALL) == 2 && count_promoted(&fx) == 2);
	for (size_t i = 0; i < SLOTS; i++)
		CHECK(!fx.workers[i].app || fx.workers[i].refill);
	fx.on_app = "hello";
	fx.seal_late = true;
	send_check(&fx, 1, "large");
	UNTIL(&fx, fx.spawned == 3);
	for (size_t i = 0; i < SLOTS; i++)
		CHECK(fx.workers[i].class != BOX_LARGE || !fx.workers[i].refill);
	teardown(&fx);
}

TEST(a_start_takes_over_a_refill_under_way_and_has_it_promoted)
{
	struct fixture fx;

	setup_with(&fx, "small=1", 0);
	UNTIL(&fx, blank(&fx, BOX_SMALL) == 1 && count_promoted(&fx) == 1);
	fx.on_app = "hello";
	fx.seal_late = true;
	check_build(&fx, 1); /* takes the one that waited */
	UNTIL(&fx, blank(&fx, BOX_SMALL) == 1 && fx.spawned == 2);
	CHECK(count_promoted(&fx) == 0);
	fx.on_app = "";
	wake(&fx, 5);
	UNTIL(&fx, count_promoted(&fx) == 1);
	CHECK(fx.spawned == 2);
	for (size_t i = 0; i < SLOTS; i++)
		if (fx.workers[i].promoted)
			say(&fx.workers[i], APP_SEALED, "{\"version\":\"test\",\"landlock\":0}");
	UNTIL(&fx, fx.gateway.last_type == WAKE_LINK && fx.gateway.last_seq == 5);
	teardown(&fx);
}

TEST(a_start_that_somebody_waits_for_gets_the_slot_of_a_box_that_waits)
{
	struct fixture fx;

	setup_with(&fx, "small=8", 0);
	UNTIL(&fx, blank(&fx, BOX_SMALL) == SLOTS);
	fx.on_app = "hello";
	check_build_as(&fx, 1, "large");
	UNTIL(&fx, fx.killed > 0);
	teardown(&fx);
}

TEST(a_node_whose_boxes_all_serve_says_so)
{
	struct fixture fx;

	setup_with(&fx, "small=0", 0);
	fx.on_app = "hello";
	check_build(&fx, 1);
	fx.on_app = "";
	UNTIL(&fx, fx.killed == 1);
	for (uint32_t i = 0; i < SLOTS; i++) {
		wake(&fx, 10 + i);
		UNTIL(&fx, fx.gateway.last_type == WAKE_LINK && fx.gateway.last_seq == 10 + i);
	}
	wake(&fx, 99);
	UNTIL(&fx, fx.gateway.last_type == WAKE_WAKE_FAILED && fx.gateway.last_seq == 99);
	CHECK(strstr(buf_str(&fx.gateway.last), "every box of this node is in use"));
	teardown(&fx);
}

/* A worker's link carries nothing before SEALED, whatever it says or does not say until then.
 * catalogue 87 */
TEST(no_byte_of_an_app_reaches_a_box_before_it_is_sealed)
{
	struct fixture fx;
	struct worker *w = &fx.workers[0];

	setup_with(&fx, "small=0", 0);
	fx.on_app = "hello";
	fx.seal_late = true;
	send_check(&fx, 1, "small");
	UNTIL(&fx, fx.spawned == 1);
	stay(&fx);
	CHECK(w->app && w->got_app == 0 && w->got_infer == 0 && fx.killed == 0);
	say(w, APP_SEALED, "{\"version\":\"test\",\"landlock\":0}");
	UNTIL(&fx, fx.orchestrator.last_type == AGENT_CHECKED && fx.orchestrator.last_seq == 1);
	CHECK(w->got_app == 1);
	UNTIL(&fx, fx.killed == 1);

	/* One that does as if it had its app is ended, and never gets it. */
	send_check(&fx, 2, "small");
	UNTIL(&fx, fx.spawned == 2 && w->app);
	say(w, APP_HELLO, "{\"tree\":{\"title\":\"T\"},\"api\":[],\"load_usec\":42}");
	UNTIL(&fx, fx.killed == 2);
	CHECK(w->got_app == 0);
	teardown(&fx);
}

TEST_MAIN()

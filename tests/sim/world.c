/* The gateway's life, the disturbances, and what must be true at the end. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "gateway/limits.h"
#include "gateway/route.h"
#include "gateway/session/frames.h"
#include "gateway/session/sync.h"
#include "proto/constants.h"
#include "proto/messages.h"
#include "tests/sim/sim.h"

#define SPACE "space"
#define STEPS 300
#define CALM_ROUNDS 20000
#define FIRST_FD 3

struct gateway *gateway;
char world_dir[64];
struct address *world_address;
extern struct address *world_address;

static struct bundle bundles[BUNDLES_MAX];
static size_t n_bundles;
const struct bundle *world_live;
static int64_t epoch;
bool world_loses_power;
static unsigned boots;
static bool calm;
/* What a power cut leaves of the log in any case: the segments before, and so much of this one. */
static int safe_segment;
static off_t safe_bytes;

/* --- bundles and routes --- */

const struct bundle *bundle_by_hash(const char *hash);

const struct bundle *bundle_by_hash(const char *hash)
{
	for (size_t i = 0; i < n_bundles; i++)
		if (!strcmp(bundles[i].hash, hash))
			return &bundles[i];
	broken("the gateway asks for bundle '%s', which was never built", hash);
}

static const struct bundle *build(void)
{
	struct bundle *b = &bundles[n_bundles % BUNDLES_MAX];

	if (n_bundles == BUNDLES_MAX)
		return &bundles[dice(BUNDLES_MAX)];
	*b = (struct bundle){.upgrades = dice(2) == 0};
	b->refuses = b->upgrades && dice(4) == 0;
	(void)snprintf(b->hash, sizeof(b->hash), "bundle-%zu", n_bundles++);
	return b;
}

/* Returns the route when it says something new. */
static struct route *put_route(void)
{
	json_t *tree = tree_new(world_live->hash);
	struct edge_route m = {.space = SPACE,
		.owner = "ada",
		.name = "demo",
		.bundle = world_live->hash,
		.entry = "app.lua",
		.epoch = epoch,
		.title = "Demo",
		.class = "small",
		.sleep_sec = 5,
		.tree = tree};
	struct route *route = NULL;
	struct err e = {0};
	struct buf value;

	buf_init(&value, 1 << 20);
	if (edge_route_write(&m, &value) < 0 ||
		route_table_put(gateway->routes, value.data, value.len, &route, &e) < 0)
		broken("the route is refused: %s", e.text);
	json_decref(tree);
	buf_done(&value);
	return route;
}

static void deploy(const struct bundle *b)
{
	struct route *route;

	world_live = b;
	epoch++;
	trace("%s is live%s%s", b->hash, b->upgrades ? ", with an upgrade" : "",
		b->refuses ? " that raises" : "");
	if (!gateway)
		return;
	route = put_route();
	GATEWAY(space_route_changed(gateway->spaces, route));
}

/* --- the gateway's life --- */

static const struct sessions_limits limits = {.per_space = 100,
	.per_visitor = 10,
	.keep_sec = 100000,
	.untouched_sec = 100000,
	.compact_bytes = 4096};

static void open_gateway(void)
{
	struct gateway *g = calloc(1, sizeof(*g));
	char path[128];
	struct err e = {0};

	if (!g)
		broken("out of memory");
	g->loop = (void *)g; /* never looked into */
	(void)snprintf(g->boot, sizeof(g->boot), "%u", boots);
	g->session_bytes = 256u << 20;
	space_limits_default(&g->space_limits);
	watch_limits_default(&g->watch);
	(void)snprintf(path, sizeof(path), "%s/routes", world_dir);
	if (route_table_new(path, &g->routes, &e) < 0)
		broken("routes: %s", e.text);
	(void)snprintf(path, sizeof(path), "%s/sessions", world_dir);
	if (sessions_new(path, &space_sessions_ops, &limits, g, &g->sessions, &e) < 0)
		broken("the log cannot be read: %s", e.text);
	if (spaces_new(g, &g->spaces) < 0)
		broken("out of memory");
	gateway = g;
}

static void start_gateway(bool power_lost)
{
	struct route *route;

	trace("the gateway starts");
	open_gateway();
	truth_check_log(gateway->sessions, power_lost);
	route = put_route();
	GATEWAY(space_route_changed(gateway->spaces, route));
}

/* Its memory is left behind, as when a process is killed: the batch of seeds ends soon (main.c). */
void gateway_died(void)
{
	trace("the gateway is dead");
	gateway = NULL;
	gateway_inside = false;
	gateway_effects_left = -1;
	timers_forget();
	(void)close_range(FIRST_FD, ~0u, 0);
	for (size_t i = 0; i < n_workers; i++) {
		workers[i].reader = NULL;
		buf_clear(&workers[i].corked);
		workers[i].cork = false;
	}
	agent_gateway_died();
	conns_gateway_died();
}

static int newest_segment(void)
{
	char path[128];
	int newest = 0;
	struct dirent *entry;
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/sessions", world_dir);
	d = opendir(path);
	while (d && (entry = readdir(d)))
		if (strstr(entry->d_name, ".log")) {
			int n = (int)strtol(entry->d_name, NULL, 10);

			newest = n > newest ? n : newest;
		}
	if (d)
		closedir(d);
	return newest;
}

static void segment_path(char ret[160], int number)
{
	(void)snprintf(ret, 160, "%s/sessions/%08d.log", world_dir, number);
}

/* What gateway/session/sync.c does, in no time. */
static void sync_log(void)
{
	int fds[LOG_DIRTY_MAX];
	size_t n = session_log_take_dirty(sessions_log(gateway->sessions), fds);
	char path[160];
	struct stat st;

	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	if (n == 0)
		return;
	session_log_synced(sessions_log(gateway->sessions));
	safe_segment = newest_segment();
	segment_path(path, safe_segment);
	safe_bytes = stat(path, &st) == 0 ? st.st_size : 0;
}

/* The machine loses power: everything dies, and the end of the log that was not synced with it. */
static void lose_power(void)
{
	char path[160];
	struct stat st;
	int newest;
	off_t lost;

	trace("the power fails");
	boots++;
	gateway_died();
	agent_kill();
	newest = newest_segment();
	segment_path(path, newest);
	if (stat(path, &st) == 0 && st.st_size > 0) {
		lost = (off_t)dice((uint32_t)st.st_size / 4 + 1);
		if (newest == safe_segment && lost > st.st_size - safe_bytes)
			lost = st.st_size - safe_bytes;
		(void)truncate(path, st.st_size - lost);
	}
	start_gateway(true);
}

/* --- steps --- */

static bool workers_have_work(void)
{
	for (size_t i = 0; i < n_workers; i++)
		if ((workers[i].alive && !worker_is_idle(&workers[i])) ||
			(workers[i].reader && (workers[i].up.n || !workers[i].alive)))
			return true;
	return false;
}

static void step_worker(void)
{
	struct sim_worker *w;

	if (n_workers == 0)
		return;
	/* Mostly the young ones: the old ones are dead. */
	w = &workers[n_workers - 1 - dice((uint32_t)(n_workers < 6 ? n_workers : 6))];
	if (w->reader && (w->up.n || !w->alive) && dice(2) == 0)
		worker_deliver(w);
	else if (w->alive && w->down.n && dice(2) == 0)
		worker_take(w);
	else if (w->alive)
		worker_work(w);
}

static void pass_time(uint64_t usec)
{
	uint64_t syncs = sim_now / SYNC_USEC;

	sim_now += usec;
	if (gateway && sim_now / SYNC_USEC != syncs)
		sync_log();
	if (gateway)
		GATEWAY(timers_fire());
}

static void disturb(void)
{
	unsigned i = dice(TABS);

	switch (dice(16)) {
	case 0:
	case 1:
	case 2:
		tab_cut(i);
		break;
	case 3:
	case 4:
		tab_reload(i);
		break;
	case 5:
		if (n_workers > 0)
			worker_kill(&workers[n_workers - 1 -
					     dice(n_workers < 3 ? (uint32_t)n_workers : 3)]);
		break;
	case 6:
	case 7:
	case 8:
	case 9:
		if (gateway_effects_left < 0)
			gateway_effects_left = (long)dice(10);
		break;
	case 10:
		if (dice(2) == 0)
			agent_kill();
		break;
	case 11:
		deploy(build());
		break;
	case 12:
		deploy(&bundles[dice((uint32_t)n_bundles)]);
		break;
	case 13: /* everything falls asleep */
		for (unsigned k = 0; k < TABS; k++)
			tab_cut(k);
		break;
	case 14:
		if (world_loses_power && dice(3) == 0)
			lose_power();
		break;
	default:
		pass_time(1000000 + dice(8000000));
	}
}

static void step(void)
{
	unsigned i = dice(TABS);

	pass_time(dice(20000));
	if (!gateway && dice(3) == 0)
		start_gateway(false);
	switch (dice(12)) {
	case 0:
	case 1:
		tab_act(i);
		break;
	case 2:
	case 3:
	case 4:
		conns_step();
		break;
	case 5:
	case 6:
	case 7:
	case 8:
		step_worker();
		break;
	case 9:
		agent_step();
		break;
	case 10:
		tab_reconnect(i);
		break;
	default:
		if (!calm && dice(2) == 0)
			disturb();
	}
}

/* --- the end --- */

static bool is_quiet(void)
{
	if (conns_have_work() || agent_has_work() || workers_have_work())
		return false;
	for (unsigned i = 0; i < TABS; i++) {
		struct session *s;

		if (!tab_is_settled(i))
			return false;
		s = sessions_by_id(gateway->sessions, tab_session(i));
		PROMISE(s, "tab %u shows a session that is not there", i);
		if (s->pending || s->live->phase != SESSION_OPEN)
			return false;
	}
	return true;
}

static void say_why_not_quiet(void)
{
	for (unsigned i = 0; i < TABS; i++) {
		struct session *s = sessions_by_id(gateway->sessions, tab_session(i));

		fprintf(stderr, "tab %u live %d settled %d", i, tab_is_live(i), tab_is_settled(i));
		if (s) {
			fprintf(stderr,
				" session %u phase %d bundle %s on %s refused %d stuck '%s' "
				"last_seq %u",
				s->number, s->live->phase, s->bundle, s->replica_id,
				s->live->refused, s->live->stuck, s->last_seq);
			for (const struct pending *p = s->pending; p; p = p->next)
				fprintf(stderr, " [event %u state %d]", p->n, p->state);
		}
		fprintf(stderr, "\n");
	}
	fprintf(stderr, "conns %d agent %d workers %d, live %s\n", conns_have_work(),
		agent_has_work(), workers_have_work(), world_live->hash);
}

static void calm_down(void)
{
	calm = true;
	gateway_effects_left = -1;
	if (!gateway)
		start_gateway(false);
	for (int round = 0; round < CALM_ROUNDS; round++) {
		unsigned i = dice(TABS);

		if (is_quiet())
			return;
		pass_time(dice(20000));
		tab_reconnect(i);
		tab_decide(i);
		conns_step();
		step_worker();
		agent_step();
		/* Nobody acts, but work may wait for a timer. */
		if (round % 50 == 49)
			pass_time(1000000);
	}
	say_why_not_quiet();
	broken("the world does not come to rest");
}

static int take_overlay_frame(const struct frame *f, void *data, struct err *e)
{
	(void)e;
	if (f->type == APP_PATCH)
		comps_apply_frame(data, f);
	return 0;
}

static json_t *overlay_comps(const struct session *s)
{
	json_t *comps = comps_new();
	struct buf b;

	buf_init(&b, 16u << 20);
	if (overlay_write_frames(&s->overlay, &b) < 0 ||
		frames_each(b.data, b.len, 8 << 20, take_overlay_frame, comps, NULL) < 0)
		broken("the overlay cannot be written");
	buf_done(&b);
	return comps;
}

static void check_same(
	const json_t *a, const json_t *b, unsigned tab, bool typed, const char *words)
{
	for (uint32_t n = NODE_COUNT; n <= NODE_LIST; n++) {
		json_t *x = comps_value(a, n), *y = comps_value(b, n);

		if ((x && y && json_equal(x, y)) || (n == NODE_SAID && !typed))
			continue;
		broken("tab %u, component %u: the page shows %s, %s %s", tab, n,
			x ? json_dumps(x, JSON_ENCODE_ANY) : "nothing", words,
			y ? json_dumps(y, JSON_ENCODE_ANY) : "nothing");
	}
}

static void check_effects(const struct session *s)
{
	static uint16_t counts[EVENTS_MAX];
	const struct truth *t = truth_of(s->id);
	struct buf b;
	json_t *table;
	const char *at;

	memset(counts, 0, sizeof(counts));
	buf_init(&b, 1 << 20);
	if (image_write_json(&s->image, &b) < 0)
		broken("out of memory");
	table = json_loadb((const char *)b.data, b.len, 0, NULL);
	PROMISE(table, "the image is not JSON: %.*s", (int)b.len, (const char *)b.data);
	at = json_string_value(json_object_get(table, "done"));
	for (; at && *at; at = strchr(at, ',') + 1)
		counts[strtoul(at, NULL, 10) % EVENTS_MAX]++;
	for (uint32_t n = 1; n <= s->last_event; n++) {
		PROMISE(counts[n] <= 1, "event %u of session %u had its effect %u times", n,
			s->number, counts[n]);
		PROMISE(counts[n] == 1 || t->may_miss[n] || t->failed[n],
			"event %u of session %u was accepted and had no effect", n, s->number);
	}
	json_decref(table);
	buf_done(&b);
}

static void check_end(void)
{
	for (unsigned i = 0; i < TABS; i++) {
		struct session *s = sessions_by_id(gateway->sessions, tab_session(i));
		const struct worker_session *w;
		json_t *overlay = overlay_comps(s);

		check_effects(s);
		check_same(tab_comps(i), overlay, i, true, "the gateway holds");
		json_decref(overlay);
		w = worker_session_of(s->replica_id, s->number);
		PROMISE(w, "session %u is on %s, which does not know it", s->number, s->replica_id);
		check_same(
			tab_comps(i), w->comps, i, !truth_of(s->id)->typed_late, "its worker has");
		/* Where the world stood still for longer than a move may take, it was given up. */
		PROMISE(!strcmp(s->bundle, world_live->hash) || world_live->refuses ||
				!strcmp(s->live->stuck, world_live->hash),
			"session %u stayed on %s, and %s is live", s->number, s->bundle,
			world_live->hash);
	}
}

/* A password may lie in a file of its own until its event is finished, and nowhere else. */
static void check_secrets(void)
{
	char path[160];
	struct dirent *entry;
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/sessions", world_dir);
	d = opendir(path);
	while (d && (entry = readdir(d))) {
		struct buf b;

		if (!strstr(entry->d_name, ".log"))
			continue;
		buf_init(&b, 64u << 20);
		if (fs_read(dirfd(d), entry->d_name, &b, NULL) < 0)
			broken("%s cannot be read", entry->d_name);
		PROMISE(!b.len || !memmem(b.data, b.len, SECRET_MARK, strlen(SECRET_MARK)),
			"a password stands in the log");
		buf_done(&b);
	}
	if (d)
		closedir(d);
	(void)snprintf(path, sizeof(path), "%s/sessions/secret", world_dir);
	d = opendir(path);
	while (d && (entry = readdir(d)))
		PROMISE(entry->d_name[0] == '.', "the password of a finished event is kept: %s",
			entry->d_name);
	if (d)
		closedir(d);
}

static void begin(uint32_t seed)
{
	struct sockaddr local = {.sa_family = AF_UNIX};
	static struct limits *addresses;

	addresses = limits_free(addresses);
	sim_seed(seed);
	sim_now = 1000000000;
	calm = false;
	world_loses_power = seed % 4 == 0;
	n_bundles = 0;
	n_workers = 0;
	epoch = 1;
	if (limits_new(1000, 1000, &addresses) < 0)
		broken("out of memory");
	world_address = limits_enter(addresses, &local);
	(void)snprintf(world_dir, sizeof(world_dir), "%s/vitrine-sim-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(world_dir))
		broken("%s: %s", world_dir, strerror(errno));
	world_live = build();
	agent_reset();
	tabs_start();
	start_gateway(false);
}

static void end(void)
{
	tabs_end();
	gateway_died();
	for (size_t i = 0; i < n_workers; i++) {
		worker_kill(&workers[i]);
		queue_clear(&workers[i].up);
		buf_done(&workers[i].corked);
	}
	truth_forget_all();
	if (fs_remove_tree(world_dir) < 0)
		broken("%s cannot be removed", world_dir);
}

void world_play(uint32_t seed)
{
	begin(seed);
	for (int i = 0; i < STEPS; i++)
		step();
	calm_down();
	check_end();
	check_secrets();
	end();
}

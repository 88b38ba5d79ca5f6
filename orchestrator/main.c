/*
 * vitrine-orchestrator: who exists, what they pushed, what is live.
 *
 * I hold: the database, the repos, the bundles, hashes of passwords and tokens,
 *   secrets and the key they are sealed with.
 * Talks to me: the gateway (edge.sock, http.sock), the agent (agent.sock), the CLI (http.sock);
 *   I talk to inference, and start git and, through it, vitrine-hook; and vitrine-reader.
 * I never see: a visitor's click; tenant code is never run here.
 * I give up after start: every file but my data, git and its libraries, sockets but AF_UNIX
 *   (confine_self, which git inherits); I was started under my own uid.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/offload.h"
#include "orchestrator/api/server.h"
#include "orchestrator/apps.h"
#include "orchestrator/data/data.h"
#include "orchestrator/disk.h"
#include "orchestrator/domains/prove.h"
#include "orchestrator/duplicate.h"
#include "orchestrator/history/sampler.h"
#include "orchestrator/hub/collect.h"
#include "orchestrator/hub/runs.h"
#include "orchestrator/live.h"
#include "orchestrator/manage.h"
#include "orchestrator/moves.h"
#include "orchestrator/notes.h"
#include "orchestrator/peers/told.h"
#include "orchestrator/promote.h"
#include "orchestrator/push.h"
#include "orchestrator/rebuild.h"
#include "orchestrator/repo/git.h"
#include "orchestrator/repo/hooks.h"
#include "orchestrator/repo/readers.h"
#include "orchestrator/repo/rounds.h"
#include "orchestrator/repo/tidy.h"
#include "orchestrator/served.h"
#include "orchestrator/space/seal.h"
#include "orchestrator/world.h"
#include "sandbox/confine.h"

#define EDGE_FD 3
#define AGENT_FD 4
#define HTTP_FD 5
#define STORAGE_MIB (100u << 10)
#define ROUNDS_FIRST_USEC (600 * USEC_PER_SEC) /* what happens at a start has happened */
#define REPO_MIB (10 << 10)
#define PART_MIB 64
#define PART_MIB_MAX 4096
#define DAY_USEC (86400 * USEC_PER_SEC)
#define START_TOKEN "vitrine up"

struct options {
	enum sign_up sign_up;
	const char *data, *run, *url, *hook, *spaces_domain;
	const char *served; /* NULL: models of repos are not */
	uid_t gateway_uid, agent_uid;
	int token_fd; /* -1: none */
	bool measure_local, custom_domains;
	struct journal_limits run_logs;
	struct disk_limits disk;
	const char *quota;
	unsigned int storage_mib, part_mib, grace_sec; /* of large files */
	unsigned int repo_mib;                         /* of a repo's objects */
	struct box_classes classes;
	struct data_limits data_limits;
};

static bool parse_number(const char *text, unsigned long max, unsigned long *ret)
{
	char *end;

	*ret = strtoul(text, &end, 10);
	return *text && !*end && *ret <= max;
}

/* MIB,DAYS,MIB: of one Space, of a line, of all Spaces. */
/* A search reads all of a Space's log while everybody else waits. */
#define SPACE_MIB_MAX 64

static int parse_log_limits(const char *text, struct journal_limits *ret)
{
	unsigned int space_mib, days, total_mib;
	char rest;

	if (sscanf(text, "%u,%u,%u%c", &space_mib, &days, &total_mib, &rest) != 3 ||
		space_mib < 1 || space_mib > SPACE_MIB_MAX || days < 1 || days > 3650 ||
		total_mib < space_mib)
		return -1;
	*ret = (struct journal_limits){.name_max = (size_t)space_mib << 20,
		.age_usec = days * DAY_USEC,
		.total_max = (uint64_t)total_mib << 20};
	return 0;
}

/* MIB[,MIB[,SECONDS]]: of an owner, of a part, that what nothing points to stays. */
static int parse_sign_up(const char *text, enum sign_up *ret)
{
	static const char *const words[] = {
		[SIGN_UP_INVITE] = "invite", [SIGN_UP_OPEN] = "open", [SIGN_UP_CLOSED] = "closed"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i], text)) {
			*ret = (enum sign_up)i;
			return 0;
		}
	return -1;
}

static int parse_large_files(const char *text, struct options *o)
{
	char rest;
	int n = sscanf(text, "%u,%u,%u%c", &o->storage_mib, &o->part_mib, &o->grace_sec, &rest);

	return n < 1 || n > 3 || strspn(text, "0123456789,") != strlen(text) || !o->part_mib ||
			       o->part_mib > PART_MIB_MAX || !o->grace_sec
		       ? -1
		       : 0;
}

/* MIB[,KEYS[,FILES_MIB]]: of what a Space's app keeps. */
static int parse_data_limits(const char *text, struct data_limits *ret)
{
	unsigned int mib, keys = DATA_KEYS, files = DATA_FILE_BYTES >> 20;
	char rest;
	int n = sscanf(text, "%u,%u,%u%c", &mib, &keys, &files, &rest);

	if (n < 1 || n > 3 || strspn(text, "0123456789,") != strlen(text) || !mib || !keys)
		return -1;
	*ret = (struct data_limits){
		.keys = keys, .bytes = (uint64_t)mib << 20, .file_bytes = (uint64_t)files << 20};
	return 0;
}

static int take_option(struct options *o, int c, const char *value)
{
	unsigned long n;

	switch (c) {
	case 'd':
		o->data = value;
		return 0;
	case 'r':
		o->run = value;
		return 0;
	case 'u':
		o->url = value;
		return 0;
	case 'h':
		o->hook = value;
		return 0;
	case 'e':
		o->spaces_domain = value;
		return 0;
	case 'j':
		o->custom_domains = true;
		return 0;
	case 'v':
		o->served = value;
		return 0;
	case 'g':
	case 'a':
		if (!parse_number(value, 0xfffffffe, &n))
			return -1;
		*(c == 'g' ? &o->gateway_uid : &o->agent_uid) = (uid_t)n;
		return 0;
	case 'w':
	case 's':
		if (!parse_number(value, 1ul << 40, &n) || n == 0)
			return -1;
		*(c == 'w' ? &o->disk.warn_bytes : &o->disk.reserve_bytes) = (uint64_t)n << 20;
		return 0;
	case 'm':
		o->measure_local = true;
		return 0;
	case 't':
		if (!parse_number(value, 1023, &n) || n <= HTTP_FD)
			return -1;
		o->token_fd = (int)n;
		return 0;
	case 'l':
		return parse_log_limits(value, &o->run_logs);
	case 'f':
		return parse_large_files(value, o);
	case 'z':
		if (!parse_number(value, UINT32_MAX, &n))
			return -1;
		o->repo_mib = (unsigned int)n;
		return 0;
	case 'k':
		return parse_data_limits(value, &o->data_limits);
	case 'n':
		return parse_sign_up(value, &o->sign_up);
	case 'q':
		o->quota = value;
		return usage_policy_usual(value, (char[POLICY_USUAL_MAX]){0}, NULL);
	case 'c':
		return box_classes_set(&o->classes, value, NULL);
	default:
		return -1;
	}
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {{"data", required_argument, NULL, 'd'},
		{"run", required_argument, NULL, 'r'}, {"url", required_argument, NULL, 'u'},
		{"hook", required_argument, NULL, 'h'},
		{"spaces-domain", required_argument, NULL, 'e'},
		{"custom-domains", no_argument, NULL, 'j'},
		{"served", required_argument, NULL, 'v'},
		{"gateway-uid", required_argument, NULL, 'g'},
		{"agent-uid", required_argument, NULL, 'a'},
		{"local-metrics", no_argument, NULL, 'm'},
		{"disk-warn", required_argument, NULL, 'w'},
		{"disk-reserve", required_argument, NULL, 's'},
		{"token-fd", required_argument, NULL, 't'},
		{"log-limits", required_argument, NULL, 'l'},
		{"large-files", required_argument, NULL, 'f'},
		{"data-limits", required_argument, NULL, 'k'},
		{"repo-size", required_argument, NULL, 'z'},
		{"sign-up", required_argument, NULL, 'n'}, {"quota", required_argument, NULL, 'q'},
		{"class", required_argument, NULL, 'c'}, {0}};
	int c;

	*o = (struct options){.gateway_uid = getuid(),
		.agent_uid = getuid(),
		.token_fd = -1,
		.quota = "",
		.spaces_domain = "",
		.storage_mib = STORAGE_MIB,
		.repo_mib = REPO_MIB,
		.part_mib = PART_MIB,
		.grace_sec = COLLECT_GRACE_SEC,
		.classes = box_classes_default,
		.data_limits = {.keys = DATA_KEYS,
			.bytes = DATA_BYTES,
			.file_bytes = DATA_FILE_BYTES},
		.run_logs = {.name_max = RUN_LOG_SPACE_MAX,
			.age_usec = RUN_LOG_AGE_DAYS * DAY_USEC,
			.total_max = RUN_LOG_TOTAL_MAX}};
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
		if (take_option(o, c, optarg) < 0)
			return -1;
	/* git starts it from the repo's folder: a relative one would be no hook, and no build. */
	return o->data && o->run && o->url && o->hook && o->hook[0] == '/' ? 0 : -1;
}

/* --- what is found at start --- */

struct paths {
	char db[4096], blobs[4096], repos[4096], hooks[4096], logs[4096], events[4096], data[4096],
		ctl_key[4096], lfs_key[4096], password[4096], reader[4096], seal_key[4096],
		history[4096], tls[4096], certificates[4096];
};

static int fill_paths(const struct options *o, struct paths *p, struct err *e)
{
	const char *data = o->data;
	char dir[3072];

	/* git runs in another folder. */
	if (!realpath(data, p->db))
		return err_set(e, -errno, "--data %s: %s", data, strerror(errno));
	if (snprintf(dir, sizeof(dir), "%s", p->db) >= (int)sizeof(dir))
		return err_set(e, -ENAMETOOLONG, "--data: path is too long");
	(void)snprintf(p->db, sizeof(p->db), "%s/vitrine.db", dir);
	(void)snprintf(p->blobs, sizeof(p->blobs), "%s/blobs", dir);
	(void)snprintf(p->repos, sizeof(p->repos), "%s/repos", dir);
	(void)snprintf(p->hooks, sizeof(p->hooks), "%s/hooks", dir);
	(void)snprintf(p->logs, sizeof(p->logs), "%s/logs", dir);
	(void)snprintf(p->data, sizeof(p->data), "%s/data", dir);
	(void)snprintf(p->events, sizeof(p->events), "%s/events", dir);
	(void)snprintf(p->history, sizeof(p->history), "%s/history", dir);
	(void)snprintf(p->seal_key, sizeof(p->seal_key), "%s/secrets.key", dir);
	(void)snprintf(p->ctl_key, sizeof(p->ctl_key), "%s/ctl.key", dir);
	(void)snprintf(p->lfs_key, sizeof(p->lfs_key), "%s/lfs.key", dir);
	(void)snprintf(p->password, sizeof(p->password), "%s/first-admin-password", dir);
	(void)snprintf(p->tls, sizeof(p->tls), "%s/tls", o->run);
	(void)snprintf(p->certificates, sizeof(p->certificates), "%s/tls/status.json", o->run);
	/* Our programs lie in one folder. */
	(void)snprintf(p->reader, sizeof(p->reader), "%.*s/vitrine-reader",
		(int)(strrchr(o->hook, '/') - o->hook), o->hook);
	return 0;
}

/*
 * git is found in /usr and finds its libraries there. Nothing of the data folder can be started: a
 * program that a push brought stays a file.
 */
static int confine(const struct options *o, const struct paths *p, struct err *e)
{
	const struct landlock_path paths[] = {
		{o->data, LANDLOCK_WRITE},
		{o->served ? o->served : o->data, LANDLOCK_WRITE},
		{o->hook, LANDLOCK_EXECUTE},
		{p->reader, LANDLOCK_EXECUTE},
		{p->tls, LANDLOCK_READ},
		GIT_NEEDS,
	};

	return confine_self(CONFINE_ORCHESTRATOR, paths, sizeof(paths) / sizeof(paths[0]), e);
}

/* Whoever can read this file runs the platform: root, or ourselves. */
static int read_ctl_key(const char *path, char ret[65], struct err *e)
{
	CLEANUP(buf_done) struct buf key;
	char made[2 * ID_LEN + 1];
	int r;

	buf_init(&key, 256);
	r = fs_read(AT_FDCWD, path, &key, e);
	if (r == 0 && key.len >= 2 * ID_LEN) {
		(void)snprintf(ret, 65, "%.*s", 2 * ID_LEN, buf_str(&key));
		return 0;
	}
	if (r < 0 && r != -ENOENT)
		return r;
	*e = (struct err){0};
	random_id(made);
	random_id(made + ID_LEN);
	(void)snprintf(ret, 65, "%s", made);
	return fs_write_durable(AT_FDCWD, path, made, sizeof(made) - 1, 0600, e);
}

static int make_first_admin(struct world *w, const char *path, struct err *e)
{
	char password[ID_LEN + 1];
	int r = people_first_password(w->people, password, e);

	if (r <= 0)
		return r;
	r = fs_write_durable(AT_FDCWD, path, password, strlen(password), 0600, e);
	if (r == 0)
		r = people_add_first_admin(w->people, password, e);
	explicit_bzero(password, sizeof(password));
	if (r == 0)
		log_info("made the first administrator 'admin'; the password is in "
			 "first-admin-password");
	return r;
}

static int hand_over_token(struct world *w, int fd, struct err *e)
{
	char token[TOKEN_LEN + 2];
	struct identity admin;
	int r = people_first_administrator(w->people, &admin, e);

	if (r == 0)
		r = people_token_replace(w->people, admin.user_id, START_TOKEN, token, e);
	if (r < 0)
		return r;
	token[TOKEN_LEN] = '\n';
	r = fs_write_all(fd, token, TOKEN_LEN + 1);
	explicit_bzero(token, sizeof(token));
	close(fd);
	return r < 0 ? err_set(e, r, "--token-fd: %s", strerror(-r)) : 0;
}

/* Empty repos are kept where a row knows of them. */
static bool is_known(const char *id, void *data)
{
	const struct world *w = data;
	struct hub_repo repo;

	return hub_by_id(w->store, id, &repo, &(struct err){0}) != -ENOENT;
}

static enum repo_move place_of(const char *owner, const char *name, char ret_id[64], void *data)
{
	const struct world *w = data;
	struct hub_repo repo;
	int r = hub_by_name(w->store, REPO_SPACE, owner, name, &repo, &(struct err){0});

	if (r < 0)
		return r == -ENOENT && hub_trash_holds(w->store, owner, name) ? REPO_GOES
									      : REPO_STAYS;
	(void)snprintf(ret_id, 64, "%s", repo.id);
	return REPO_MOVES;
}

/* --- life --- */

static void on_log(const struct agent_log *m, void *data)
{
	struct world *w = data;

	notes_take_line(w, m);
}

static void on_worker(const struct agent_worker *m, size_t replicas, void *data)
{
	notes_take_worker(data, m, replicas);
}

static void on_want_settings(const struct agent_want_settings *m, void *data)
{
	manage_answer(data, m);
}

static void on_begun(const char *space_id, int64_t begun, void *data)
{
	runs_told(((struct world *)data)->runs, space_id, begun);
}

static int balance(const char *payer, struct edge_balance *ret, char words[256], void *data)
{
	struct world *w = data;

	return accounts_peer_balance(w->accounts, payer, ret, words);
}

static void on_proved(const char *host, const char *token, const char *words, void *data)
{
	prove_take(data, host, token, words);
}

static const char *class_of(const struct space_wish *wish, void *data)
{
	struct world *w = data;
	struct space_flavour f;
	struct err e = {0};

	if (flavours_of(w->store, accounts_peer_policy(w->accounts), wish, &f, &e) == 0)
		return f.class;
	log_error("space=%s/%s has the box that it was built for: %s", wish->owner, wish->name,
		e.text);
	return wish->class;
}

static void on_worker_up(const struct edge_worker_up *m, void *data)
{
	notes_take_worker_up(data, m);
}

static uint64_t room_for_rounds(void *data)
{
	const struct world *w = data;

	return disk_room(w->disk);
}

static int open_rooms(
	struct world *w, const struct paths *p, const struct options *o, struct err *e)
{
	const struct readers_config readers = {
		.loop = w->loop, .program = p->reader, .repos = p->repos, .spool = p->repos};
	int r = store_open(p->db, &w->store, e);

	if (r == 0)
		r = seal_key_open(p->seal_key, &w->seal, e);
	if (r == 0)
		r = blob_store_open(p->blobs, &w->blobs, e);
	if (r == 0)
		r = repos_open(p->repos, &w->repos, e);
	if (r == 0)
		r = hooks_install(p->hooks, o->hook, e);
	if (r == 0)
		r = journals_new(w->loop, p->logs, &o->run_logs, &w->run_logs, e);
	if (r == 0)
		r = events_new(w->loop, p->events, &w->events, e);
	if (r == 0)
		r = history_open(p->history, &w->history, e);
	if (r < 0)
		return r;
	w->hooks_dir = p->hooks;
	r = people_new(w->loop, w->store, &w->people);
	if (r == 0)
		r = passwords_new(w->loop, &w->passwords);
	if (r == 0)
		r = reconciler_new(w, &w->reconciler);
	if (r == 0)
		r = runs_new(w->loop, w->store, &w->runs);
	if (r == 0)
		r = tidier_new(w->loop, TIDY_QUIET_USEC, &w->tidier);
	if (r == 0)
		r = rounds_new(
			w->loop, &w->repos, ROUNDS_FIRST_USEC, room_for_rounds, w, &w->rounds);
	if (r == 0)
		r = readers_new(&readers, &w->readers);
	return r < 0 ? err_set(e, r, "cannot start: %s", strerror(-r)) : 0;
}

static int open_large_files(
	struct world *w, const struct paths *p, const struct options *o, struct err *e)
{
	const struct collector_config config = {.loop = w->loop,
		.store = w->store,
		.blobs = w->blobs,
		.repos = &w->repos,
		.grace_sec = o->grace_sec};
	int r = signed_key_load(p->lfs_key, &w->lfs.key, e);

	if (r < 0)
		return r;
	w->lfs.storage_max = (uint64_t)o->storage_mib << 20;
	w->repo_bytes_max = (uint64_t)o->repo_mib << 20;
	w->lfs.part_bytes = (uint64_t)o->part_mib << 20;
	r = offload_new(w->loop, &w->offload);
	if (r == 0)
		r = collector_new(&config, &w->collector);
	return r < 0 ? err_set(e, r, "cannot start: %s", strerror(-r)) : 0;
}

static int open_data(struct world *w, const struct paths *p, const struct options *o, struct err *e)
{
	const struct data_config config = {
		.loop = w->loop, .offload = w->offload, .where = p->data, .limits = o->data_limits};
	int r = data_new(&config, &w->data, e);

	if (r == 0)
		data_sweep(w->data, is_known, w);
	return r;
}

static void on_disk(const struct disk_view *v, void *data)
{
	struct world *w = data;

	edge_peer_disk(w->edge, v->state == DISK_FULL ? v->words : "");
}

static int open_links(struct world *w, const struct options *o, struct err *e)
{
	const struct agent_peer_config agent = {.loop = w->loop,
		.listen_fd = AGENT_FD,
		.uid = o->agent_uid,
		.blobs = w->blobs,
		.on_log = on_log,
		.on_worker = on_worker,
		.on_want_settings = on_want_settings,
		.data = w};
	const struct edge_peer_config edge = {.loop = w->loop,
		.listen_fd = EDGE_FD,
		.uid = o->gateway_uid,
		.store = w->store,
		.people = w->people,
		.on_host_call = apps_take,
		.on_begun = on_begun,
		.on_worker_up = on_worker_up,
		.on_proved = on_proved,
		.balance = balance,
		.class_of = class_of,
		.data = w};
	int r = agent_peer_new(&agent, &w->agent);

	if (r == 0)
		r = edge_peer_new(&edge, &w->edge);
	if (r == 0)
		r = accounts_peer_new(w->loop, w->store, o->quota, &w->accounts, e);
	if (r == 0)
		edge_peer_networks(w->edge, accounts_peer_networks(w->accounts));
	if (r == 0)
		r = models_peer_new(w->loop, o->run, w->accounts, &w->models);
	if (r == 0)
		r = moves_new(w, &w->moves);
	if (r < 0 && e->code)
		return r;
	if (r < 0)
		return err_set(e, r, "cannot listen: %s", strerror(-r));
	r = disk_new(w->loop, o->data, &o->disk, on_disk, w, &w->disk, e);
	if (r == 0)
		r = sampler_new(w->loop, w->history, w->disk, &w->sampler);
	return r == 0 && o->served ? served_new(w, o->served, &w->served, e) : r;
}

static void close_world(struct world *w)
{
	(void)served_free(w->served);
	w->served = NULL;
	push_end_all();
	(void)collector_free(w->collector);
	rebuild_end_all();
	git_end_all();
	duplicate_end_all();
	promote_end_all();
	(void)data_free(w->data);
	(void)offload_free(w->offload);
	(void)tidier_free(w->tidier);
	(void)rounds_free(w->rounds);
	(void)readers_free(w->readers);
	(void)reconciler_free(w->reconciler);
	(void)sampler_free(w->sampler);
	(void)history_close(w->history);
	(void)disk_free(w->disk);
	(void)moves_free(w->moves);
	(void)models_peer_free(w->models);
	(void)accounts_peer_free(w->accounts);
	(void)edge_peer_free(w->edge);
	(void)runs_free(w->runs);
	(void)agent_peer_free(w->agent);
	told_done();
	(void)passwords_free(w->passwords);
	(void)people_free(w->people);
	(void)journals_free(w->run_logs);
	(void)events_free(w->events);
	(void)blob_store_close(w->blobs);
	(void)seal_key_free(w->seal);
	(void)store_close(w->store);
	(void)loop_free(w->loop);
}

static void on_term(int signo, void *data)
{
	(void)signo;
	loop_stop(data, 0);
}

static int start(struct world *w, const struct options *o, const struct paths *p,
	struct server **ret, struct err *e)
{
	struct server_config http = {.listen_fd = HTTP_FD,
		.gateway_uid = o->gateway_uid,
		.measure_local = o->measure_local};
	char ctl_key[65];
	int r = open_rooms(w, p, o, e);

	w->sign_up = o->sign_up;
	if (r == 0)
		r = read_ctl_key(p->ctl_key, ctl_key, e);
	if (r == 0)
		r = make_first_admin(w, p->password, e);
	if (r == 0)
		r = open_large_files(w, p, o, e);
	if (r == 0)
		r = open_data(w, p, o, e);
	if (r == 0)
		r = open_links(w, o, e);
	if (r < 0)
		return r;
	repos_migrate(&w->repos, place_of, w);
	repos_sweep(&w->repos, is_known, w);
	reconciler_wake(w->reconciler);
	http.ctl_key = ctl_key;
	r = server_new(w, &http, ret, e);
	if (r == 0 && o->token_fd >= 0)
		r = hand_over_token(w, o->token_fd, e);
	return r;
}

static int serve(const struct options *o, struct err *e)
{
	struct world w = {.url = o->url,
		.custom_domains = o->custom_domains,
		.spaces_domain = o->spaces_domain,
		.classes = o->classes,
		.started_usec = clock_wall_usec()};
	struct server *server = NULL;
	struct source *term;
	struct paths *p = calloc(1, sizeof(*p));
	int r = p ? loop_new(&w.loop) : -ENOMEM;

	if (r < 0) {
		free(p);
		return err_set(e, r, "cannot make the event loop: %s", strerror(-r));
	}
	(void)loop_add_signal(w.loop, SIGTERM, on_term, w.loop, &term);
	(void)signal(SIGPIPE, SIG_IGN);
	r = fill_paths(o, p, e);
	w.certificates = p->certificates;
	if (r == 0)
		r = confine(o, p, e);
	if (r == 0)
		r = start(&w, o, p, &server, e);
	if (r == 0) {
		log_info("ready");
		r = loop_run(w.loop);
	}
	(void)server_free(server);
	close_world(&w);
	free(p);
	return r;
}

int main(int argc, char **argv)
{
	struct options o;
	struct err e = {0};

	log_init("orchestrator");
	(void)umask(077);
	if (parse_options(argc, argv, &o) < 0) {
		fprintf(stderr,
			"usage: vitrine-orchestrator --data DIR --run DIR --url URL --hook /PATH\n"
			"       [--spaces-domain DOMAIN] [--custom-domains]\n"
			"       [--served DIR] [--gateway-uid N] [--agent-uid N] [--token-fd N] "
			"[--local-metrics]\n"
			"       [--log-limits SPACE_MIB,DAYS,TOTAL_MIB] [--quota KIND=SECONDS,…]\n"
			"       [--class NAME=MEMORY,CPU]…\n"
			"       [--disk-warn MIB] [--disk-reserve MIB] "
			"[--large-files MIB,PART_MIB,SECONDS] [--data-limits MIB,KEYS,MIB] "
			"[--repo-size MIB] "
			"[--sign-up WORD]\n"
			"fds 3 edge.sock, 4 agent.sock, 5 http.sock, listening. Started by vitrine "
			"up.\n");
		return 2;
	}
	if (serve(&o, &e) < 0) {
		log_error("%s", e.text);
		return 1;
	}
	return 0;
}

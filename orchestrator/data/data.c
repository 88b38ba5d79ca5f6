#include "orchestrator/data/data.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "orchestrator/data/files.h"
#include "orchestrator/data/ops.h"
#include "proto/constants.h"
#include "proto/messages.h"

#define PRUNE_USEC (60 * USEC_PER_SEC)
#define SCOPE_MAX 40
#define PATH_LONG 4200
#define TIDY_USEC (1800 * USEC_PER_SEC)
#define TIDY_STEP_USEC 20000
#define SWEEP_MAX 256 /* Spaces at one start */

struct answer {
	struct answer *next;
	uint64_t ticket;
	data_answer_fn fn;
	void *data; /* borrowed */
	uint8_t op;
	struct buf value; /* owned */
	char *doomed;     /* owned; path to remove once this is on the disk; NULL: none */
};

/* A file whose bytes go to the disk before its row says so. */
struct ending {
	struct ending *next;
	struct data *data;
	struct answer *answer;   /* owned */
	struct offload_job *job; /* owned */
	struct data_call call;   /* of texts below */
	char id[49], space[33], file[ID_LEN + 1];
	int64_t size;    /* that neither parts nor rows have; -1: they do */
	struct buf body; /* owned */
};

struct answers {
	struct answer *first, **last;
};

struct data {
	struct data_config config;
	struct store *db; /* owned */
	bool open;        /* a transaction is, with writes */
	/* Answers that the open transaction has, and those whose sync is under way. */
	struct answers open_answers, syncing;
	struct offload_job *sync; /* owned; NULL: none */
	struct ending *endings;   /* owned */
	struct source *commit;    /* owned; deferred */
	struct source *prune;     /* owned; timer */
	struct source *tidy;      /* owned; timer */
	DIR *tidying;             /* owned; of all Spaces' folders; NULL: not now */
	DIR *tidied;              /* owned; the one it is at; NULL: between two */
	char tidied_space[33];    /* whose it is */
};

/* --- answers --- */

static struct answer *answer_free(struct answer *a)
{
	buf_done(&a->value);
	free(a->doomed);
	free(a);
	return NULL;
}

static void answers_init(struct answers *l)
{
	*l = (struct answers){NULL, &l->first};
}

static void set_failure(struct answer *a, const char *code, const char *words)
{
	a->op = HOST_FAILED;
	buf_clear(&a->value);
	(void)buf_addf(&a->value, "%s%c%.1000s", code, '\0', words);
}

static void give(const struct answer *a)
{
	a->fn(a->ticket, a->op, a->value.data, a->value.len, a->data);
}

static void give_failure(struct answer *a, const char *words)
{
	set_failure(a, "unavailable", words);
	give(a);
	(void)answer_free(a);
}

/* why NULL: as they are. The list is empty then. */
static void give_all(struct answers *l, const char *why)
{
	struct answer *a = l->first, *next;

	answers_init(l);
	for (; a; a = next) {
		next = a->next;
		if (why)
			set_failure(a, "unavailable", why);
		else if (a->doomed)
			(void)unlink(a->doomed); /* or the tidying does */
		give(a);
		(void)answer_free(a);
	}
}

/* --- to the disk --- */

static void commit_soon(struct data *d);

static void on_synced(int outcome, void *data)
{
	struct data *d = data;

	d->sync = NULL;
	give_all(&d->syncing,
		outcome < 0 ? "the disk refused it; whether it was kept is not known" : NULL);
	if (d->open)
		commit_soon(d);
}

/* The writes so far are in the log: brings it to the disk. */
static void sync_log(struct data *d)
{
	int fds[2], r = store_log_open(d->db, fds);

	if (r == 0)
		r = offload_sync(d->config.offload, fds, 2, on_synced, d, &d->sync);
	if (r == 1)
		return;
	on_synced(r, d);
}

static void commit(void *data)
{
	struct data *d = data;
	struct err e = {0};

	d->commit = NULL;
	if (!d->open || d->sync)
		return;
	d->open = false;
	if (store_commit(d->db, &e) < 0) {
		log_error("data: %s", e.text);
		give_all(&d->open_answers, "the platform could not keep it; try again");
		return;
	}
	d->syncing.first = d->open_answers.first;
	d->syncing.last = d->open_answers.first ? d->open_answers.last : &d->syncing.first;
	answers_init(&d->open_answers);
	sync_log(d);
}

static void commit_soon(struct data *d)
{
	if (!d->commit && !d->sync && loop_defer(d->config.loop, commit, d, &d->commit) < 0)
		commit(d);
}

/* --- operations --- */

static const struct {
	const char *name;
	bool writes;
	op_fn run;
	bool owners; /* not the app's */
} ops[] = {
	{"get", false, op_get},
	{"set", true, op_set},
	{"delete", true, op_delete},
	{"list", false, op_list},
	{"dump", false, op_dump, true},
	{"snapshot.make", true, op_snapshot_make, true},
	{"snapshot.list", false, op_snapshot_list, true},
	{"snapshot.remove", true, op_snapshot_remove, true},
	{"usage", false, op_usage},
	{"file.begin", true, op_file_begin},
	{"file.write", false, op_file_write},
	{"file.end", true, op_file_end},
	{"file.read", false, op_file_read},
	{"file.stat", false, op_file_stat},
	{"file.list", false, op_file_list},
	{"file.remove", true, op_file_remove},
};

static int read_done(const struct store_row *row, void *data)
{
	return buf_add_str(data, store_text(row, 0));
}

/* Once: what a call was answered is kept with what it changed. */
static int run_write(
	struct data *d, const struct data_call *c, op_fn run, struct op_call *call, struct err *e)
{
	int r = store_run(d->db, "done_get", read_done, call->out, e, "s", c->id);

	if (r != 0)
		return r < 0 ? r : 0;
	r = run(call, e);
	if (r < 0)
		return r;
	r = store_run(d->db, "done_add", NULL, NULL, e, "ssi", c->id, buf_str(call->out),
		(int64_t)(clock_wall_usec() / USEC_PER_SEC));
	return r < 0 ? r : 0;
}

/* Whose keys: the Space's, or with "user" the visitor's. NULL: there is no visitor. */
static const char *scope_of(const struct data_call *c, const json_t *args, char own[SCOPE_MAX + 1])
{
	if (c->owner_scope)
		return c->owner_scope;
	if (!json_opt_bool(args, "user", false))
		return "";
	if (*c->user)
		(void)snprintf(own, SCOPE_MAX + 1, "u:%s", c->user);
	else if (*c->visitor)
		(void)snprintf(own, SCOPE_MAX + 1, "v:%s", c->visitor);
	else
		return NULL;
	return own;
}

/* Arguments, and in raw what is behind them. */
static int parse_args(
	const struct data_call *c, json_t **ret, const void **raw, size_t *n_raw, struct err *e)
{
	const uint8_t *nul = memchr(c->body, '\0', c->n);
	size_t n = nul ? (size_t)(nul - (const uint8_t *)c->body) : c->n;
	int r = json_parse(c->body, n, c->n, ret, e);

	*raw = nul ? nul + 1 : NULL;
	*n_raw = nul ? c->n - n - 1 : 0;

	if (r == 0 && !json_is_object(*ret))
		r = err_set(e, -EINVAL, "arguments: must be an object");
	if (r < 0)
		e->code = -EINVAL;
	return r < 0 ? -EINVAL : 0;
}

static void folder_of(const struct data *d, const char *space, char ret[PATH_LONG])
{
	(void)snprintf(ret, PATH_LONG, "%s/files/%s", d->config.where, space);
}

/* What it changed with others of its moment is undone: they hear it too. */
static void fail_batch(struct data *d, const struct err *e)
{
	log_error("data: %s", e->text);
	store_rollback(d->db);
	d->open = false;
	give_all(&d->open_answers, "the platform could not keep it; try again");
}

static void count_endings(const struct data *d, struct op_call *call)
{
	for (const struct ending *n = d->endings; n; n = n->next)
		if (n->size >= 0 && !strcmp(n->space, call->space)) {
			call->n_ending++;
			call->ending_bytes += n->size;
		}
}

static bool dooms(const struct answers *l, const char *path)
{
	for (const struct answer *a = l->first; a; a = a->next)
		if (a->doomed && !strcmp(a->doomed, path))
			return true;
	return false;
}

/* Its last row is gone, but that is not on the disk yet: no row may name it again. */
static bool is_doomed(const struct data *d, const char *dir, const char *id)
{
	char path[PATH_LONG + ID_LEN + 1];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, id);
	return dooms(&d->open_answers, path) || dooms(&d->syncing, path);
}

static int run_op(
	struct data *d, const struct data_call *c, size_t op, struct op_call *call, struct err *e)
{
	const char *id;
	int r = 0;

	if (ops[op].run == op_file_end && json_get_str(call->args, "id", ID_LEN, &id, NULL) == 0)
		call->gone = is_doomed(d, call->dir, id);
	if (!ops[op].writes)
		return ops[op].run(call, e);
	if (!d->open) {
		r = store_begin(d->db, e);
		d->open = r == 0;
	}
	return r < 0 ? r : run_write(d, c, ops[op].run, call, e);
}

/* One that only reads has changed nothing, and takes nobody else's writes along. */
static void fail_call(struct data *d, bool writes, const struct err *e, struct answer *a)
{
	if (writes)
		fail_batch(d, e);
	else
		log_error("data: %s", e->text);
	set_failure(a, "unavailable",
		writes ? "the platform could not keep it; try again"
		       : "the platform could not read it; try again");
}

static void answer_call(struct data *d, const struct data_call *c, struct answer *a)
{
	CLEANUP(json_unrefp) json_t *args = NULL;
	char own[SCOPE_MAX + 1], dir[PATH_LONG];
	struct op_call call = {.db = d->db,
		.limits = &d->config.limits,
		.space = c->space,
		.dir = dir,
		.out = &a->value,
		.code = "bad_input"};
	struct err e = {0};
	size_t i = 0;
	int r = parse_args(c, &args, &call.raw, &call.n_raw, &e);

	folder_of(d, c->space, dir);
	count_endings(d, &call);
	while (i < sizeof(ops) / sizeof(ops[0]) && strcmp(ops[i].name, c->op) != 0)
		i++;
	if (r == 0 && (i == sizeof(ops) / sizeof(ops[0]) || (ops[i].owners && !c->owner_scope)))
		r = err_set(&e, -EINVAL, "the store has no operation '%s'", c->op);
	call.args = args;
	if (r == 0)
		call.scope = scope_of(c, args, own);
	if (r == 0)
		r = run_op(d, c, i, &call, &e);
	if (r == -EINVAL)
		set_failure(a, call.code, e.text);
	else if (r < 0)
		fail_call(d, ops[i].writes, &e, a);
	else if (*call.doomed && asprintf(&a->doomed, "%s/%s", dir, call.doomed) < 0)
		a->doomed = NULL;
}

static void run_call(struct data *d, const struct data_call *c, struct answer *a)
{
	struct answers *list;

	answer_call(d, c, a);
	if (!d->open && !d->sync) {
		give(a);
		(void)answer_free(a);
		return;
	}
	/* It may have read what is not on the disk. */
	list = d->open ? &d->open_answers : &d->syncing;
	*list->last = a;
	list->last = &a->next;
	if (d->open)
		commit_soon(d);
}

/* --- the end of a file --- */

static void ending_unlink(struct ending *n)
{
	for (struct ending **at = &n->data->endings; *at; at = &(*at)->next)
		if (*at == n) {
			*at = n->next;
			break;
		}
}

static void ending_free(struct ending *n)
{
	ending_unlink(n);
	(void)offload_forget(n->job);
	if (n->answer)
		(void)answer_free(n->answer);
	buf_done(&n->body);
	free(n);
}

static void on_file_synced(int outcome, void *data)
{
	struct ending *n = data;
	struct answer *a = TAKE_PTR(n->answer);
	char dir[PATH_LONG];

	n->job = NULL;
	ending_unlink(n);
	if (outcome == 0)
		run_call(n->data, &n->call, a);
	else
		give_failure(a, "the disk refused the file");
	folder_of(n->data, n->space, dir);
	if (!is_doomed(n->data, dir, n->file)) /* whose removal may be undone yet */
		files_unsettle(n->data->db, n->space, dir, n->file);
	ending_free(n);
}

static struct ending *ending_new(struct data *d, const struct data_call *c, const char *file)
{
	struct ending *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->data = d;
	n->call = *c;
	n->size = -1;
	(void)snprintf(n->file, sizeof(n->file), "%s", file);
	(void)snprintf(n->id, sizeof(n->id), "%s", c->id);
	(void)snprintf(n->space, sizeof(n->space), "%s", c->space);
	n->call.id = n->id;
	n->call.space = n->space;
	n->call.user = n->call.visitor = "";
	n->call.owner_scope = NULL;
	n->call.op = "file.end";
	buf_init(&n->body, c->n);
	if (buf_add(&n->body, c->body, c->n) < 0) {
		free(n);
		return NULL;
	}
	n->call.body = n->body.data;
	n->next = d->endings;
	d->endings = n;
	return n;
}

/* The file is settled: brings it to the disk, for on_file_synced. Closes the fds. */
static void sync_settled(struct ending *n, const int fds[2], bool counts)
{
	struct stat st;
	int r;

	if (counts && fstat(fds[0], &st) == 0)
		n->size = st.st_size;
	r = offload_sync(n->data->config.offload, fds, 2, on_file_synced, n, &n->job);
	if (r != 1)
		on_file_synced(r, n);
}

/* True: it is answered, or on_file_synced goes on with it. */
static bool sync_file(struct data *d, const struct data_call *c, struct answer *a)
{
	CLEANUP(json_unrefp) json_t *args = NULL;
	char dir[PATH_LONG];
	const char *id = NULL;
	const void *raw;
	size_t n_raw;
	struct ending *n;
	struct err ignored = {0};
	int fds[2], r;

	folder_of(d, c->space, dir);
	if (parse_args(c, &args, &raw, &n_raw, &ignored) < 0 ||
		json_get_str(args, "id", ID_LEN, &id, &ignored) < 0)
		return false; /* which it is told in words */
	n = ending_new(d, c, id);
	r = n ? files_settle(dir, id, fds) : -ENOMEM;
	if (r >= 0) {
		n->answer = a;
		sync_settled(n, fds, r == 1);
		return true;
	}
	if (n)
		ending_free(n);
	if (r == -ENOENT)
		return false; /* likewise */
	log_error("data: %s/%s: %s", dir, id, strerror(-r));
	give_failure(a, "the platform cannot keep files now; try again");
	return true;
}

void data_take(
	struct data *d, const struct data_call *c, uint64_t ticket, data_answer_fn fn, void *data)
{
	struct answer *a = calloc(1, sizeof(*a));

	if (!a) {
		static const char words[] = "busy\0the platform is out of memory; try again";

		fn(ticket, HOST_FAILED, words, sizeof(words) - 1, data);
		return;
	}
	a->ticket = ticket;
	a->fn = fn;
	a->data = data;
	a->op = HOST_DONE;
	buf_init(&a->value, (size_t)proto_value_max(PROTO_EDGE, PROTO_DOWN, EDGE_HOST_RESULT));
	if (strcmp(c->op, "file.end") != 0 || !sync_file(d, c, a))
		run_call(d, c, a);
}

int data_forget(struct data *d, const char *space, struct err *e)
{
	char dir[PATH_LONG];
	bool own = !d->open;
	int r = own ? store_begin(d->db, e) : 0;

	if (r == 0)
		r = store_run(d->db, "item_delete_all", NULL, NULL, e, "s", space);
	if (r >= 0)
		r = store_run(d->db, "file_delete_all", NULL, NULL, e, "s", space);
	if (r >= 0)
		r = store_run(d->db, "snapshot_delete_all", NULL, NULL, e, "s", space);
	if (r >= 0)
		r = store_run(d->db, "old_item_delete_all", NULL, NULL, e, "s", space);
	if (r >= 0)
		r = store_run(d->db, "old_file_delete_all", NULL, NULL, e, "s", space);
	if (r >= 0)
		r = store_run(d->db, "space_delete", NULL, NULL, e, "s", space);
	if (own && r >= 0)
		r = store_commit(d->db, e);
	if (own)
		store_rollback(d->db);
	if (r < 0)
		return r;
	folder_of(d, space, dir);
	r = fs_remove_tree(dir);
	return r < 0 ? err_set(e, r, "%s: %s", dir, strerror(-r)) : 0;
}

struct sweep {
	bool (*known)(const char *space, void *data);
	void *data;
	char gone[SWEEP_MAX][33];
	size_t n;
};

static int look_at_space(const struct store_row *row, void *data)
{
	struct sweep *s = data;

	if (!s->known(store_text(row, 0), s->data))
		(void)snprintf(s->gone[s->n++], sizeof(s->gone[0]), "%s", store_text(row, 0));
	return s->n == SWEEP_MAX;
}

void data_sweep(struct data *d, bool (*known)(const char *space, void *data), void *data)
{
	struct sweep s = {.known = known, .data = data};
	struct err e = {0};
	int r = store_run(d->db, "space_list", look_at_space, &s, &e, "");

	for (size_t i = 0; i < s.n && r >= 0; i++)
		r = data_forget(d, s.gone[i], &e);
	if (r < 0)
		log_warn("data: what Spaces left behind is removed later: %s", e.text);
}

static void next_to_tidy(struct data *d)
{
	struct dirent *entry;
	char dir[PATH_LONG];

	while (!d->tidied && (entry = readdir(d->tidying))) {
		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= sizeof(d->tidied_space))
			continue;
		(void)snprintf(d->tidied_space, sizeof(d->tidied_space), "%.32s", entry->d_name);
		folder_of(d, d->tidied_space, dir);
		d->tidied = opendir(dir);
	}
}

static DIR *close_folder(DIR *d)
{
	if (d)
		(void)closedir(d);
	return NULL;
}

/* Files that were never ended, and those whose removal was cut short: a few at a time, as there may
 * be many, and clicks wait. */
static void on_tidy(void *data)
{
	struct data *d = data;
	char dir[PATH_LONG];

	folder_of(d, "", dir);
	if (!d->tidying)
		d->tidying = opendir(dir);
	if (d->tidying && !d->tidied)
		next_to_tidy(d);
	if (!d->tidied) {
		d->tidying = close_folder(d->tidying);
		timer_arm_after(d->tidy, TIDY_USEC);
		return;
	}
	if (!files_sweep(d->db, d->tidied_space, d->tidied,
		    (int64_t)(clock_wall_usec() / USEC_PER_SEC) - FILES_PART_SEC))
		d->tidied = close_folder(d->tidied);
	timer_arm_after(d->tidy, TIDY_STEP_USEC);
}

/* --- life --- */

static void on_prune(void *data)
{
	struct data *d = data;
	struct err e = {0};

	if (store_run(d->db, "done_prune", NULL, NULL, &e, "i",
		    (int64_t)(clock_wall_usec() / USEC_PER_SEC) - DATA_AGAIN_SEC) < 0)
		log_warn("data: %s", e.text);
	timer_arm_after(d->prune, PRUNE_USEC);
}

int data_new(const struct data_config *config, struct data **ret, struct err *e)
{
	CLEANUP(data_freep) struct data *d = calloc(1, sizeof(*d));
	char path[4200];
	int r;

	if (!d)
		return err_set(e, -ENOMEM, "out of memory");
	d->config = *config;
	answers_init(&d->open_answers);
	answers_init(&d->syncing);
	r = fs_mkdirs(config->where, 0700, e);
	(void)snprintf(path, sizeof(path), "%s/apps.db", config->where);
	if (r == 0)
		r = store_open_data(path, &d->db, e);
	if (r < 0)
		return r;
	r = loop_add_timer(config->loop, on_prune, d, &d->prune);
	if (r == 0)
		r = loop_add_timer(config->loop, on_tidy, d, &d->tidy);
	if (r < 0)
		return err_set(e, r, "cannot start: %s", strerror(-r));
	timer_arm_after(d->prune, PRUNE_USEC);
	timer_arm_after(d->tidy, 0);
	*ret = TAKE_PTR(d);
	return 0;
}

static void drop_all(struct answers *l)
{
	for (struct answer *a = l->first, *next; a; a = next) {
		next = a->next;
		(void)answer_free(a);
	}
}

struct data *data_free(struct data *d)
{
	if (!d)
		return NULL;
	d->sync = offload_forget(d->sync);
	d->commit = source_free(d->commit);
	d->prune = source_free(d->prune);
	d->tidy = source_free(d->tidy);
	d->tidied = close_folder(d->tidied);
	d->tidying = close_folder(d->tidying);
	while (d->endings)
		ending_free(d->endings);
	drop_all(&d->open_answers);
	drop_all(&d->syncing);
	if (d->db)
		store_rollback(d->db);
	(void)store_close(d->db);
	free(d);
	return NULL;
}

#include "orchestrator/served.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "orchestrator/disk.h"
#include "orchestrator/serving.h"

#define MARK ".vitrine" /* ID COMMIT DIGEST of what a folder was made from */
#define FRESH ".new"
#define OLD ".old"
#define SERVED_PATH 1024
#define QUEUE_MAX 64
#define AGAIN_USEC (2 * USEC_PER_SEC)
#define WALK_USEC (20 * USEC_PER_MSEC) /* between two repos that nobody has changed */
#define REFUSALS_MAX 64
#define WORDS_MAX 200

struct place {
	char id[ID_LEN + 1];
	char owner[OWNER_MAX + 1], name[REPO_NAME_MAX + 1];
	char commit[COMMIT_HEX + 1], digest[SHA256_HEX + 1];
};

struct refusal {
	char id[ID_LEN + 1];
	char words[WORDS_MAX + 1];
};

struct served {
	struct world *world;   /* borrowed */
	struct source *timer;  /* owned */
	char dir[SERVED_PATH]; /* absolute */
	struct place places[SERVED_MAX];
	size_t n;
	char queue[QUEUE_MAX][ID_LEN + 1];
	size_t n_queue;
	int64_t number; /* of the last repo that the walk over all has come to; -1: it is over */
	size_t recheck; /* places that it has not come to */
	bool waits;     /* something was left until the disk has room */
	uint64_t walk_usec;                    /* it does not go on before */
	struct refusal refusals[REFUSALS_MAX]; /* the oldest gives way */
	size_t next_refusal;
	/* The repo at work. */
	struct place at;
	struct serving *serving; /* owned */
};

static void soon(struct served *s, uint64_t usec)
{
	timer_arm_after(s->timer, usec);
}

/* --- what is known --- */

static struct place *find_place(struct served *s, const char *id)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->places[i].id, id))
			return &s->places[i];
	return NULL;
}

static struct refusal *find_refusal(const struct served *s, const char *id)
{
	for (size_t i = 0; i < REFUSALS_MAX; i++)
		if (!strcmp(s->refusals[i].id, id))
			return (struct refusal *)&s->refusals[i];
	return NULL;
}

static void keep_refusal(struct served *s, const char *id, const char *words)
{
	struct refusal *f = find_refusal(s, id);

	if (!f && !*words)
		return;
	if (!f)
		f = &s->refusals[s->next_refusal++ % REFUSALS_MAX];
	*f = (struct refusal){.id = ""};
	if (!*words)
		return;
	(void)snprintf(f->id, sizeof(f->id), "%s", id);
	(void)snprintf(f->words, sizeof(f->words), "%.*s", WORDS_MAX, words);
}

const char *served_refusal(const struct served *s, const struct hub_repo *repo)
{
	const struct refusal *f;

	if (!s)
		return "this platform serves no models of repositories";
	if (repo->private)
		return "only public models are served; this one is private";
	f = find_refusal(s, repo->id);
	return f ? f->words : "";
}

static size_t count_of(const struct served *s, const char *owner)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += !strcmp(s->places[i].owner, owner);
	return n;
}

/* --- folders --- */

static void path_of(const struct served *s, const struct place *p, char ret[SERVED_PATH])
{
	(void)snprintf(ret, SERVED_PATH, "%.700s/%s/%s", s->dir, p->owner, p->name);
}

static void path_at_top(const struct served *s, const char *name, char ret[SERVED_PATH])
{
	(void)snprintf(ret, SERVED_PATH, "%.700s/%s", s->dir, name);
}

/* At once for whoever looks, then its files. */
static void remove_folder(struct served *s, const char *path)
{
	char old[SERVED_PATH];

	path_at_top(s, OLD, old);
	(void)fs_remove_tree(old);
	if (rename(path, old) == 0)
		(void)fs_remove_tree(old);
}

static void drop_place(struct served *s, struct place *p)
{
	char path[SERVED_PATH];

	path_of(s, p, path);
	remove_folder(s, path);
	*strrchr(path, '/') = '\0';
	(void)rmdir(path); /* the owner's last one */
	log_info("model=%s/%s is not served any more", p->owner, p->name);
	*p = s->places[--s->n];
}

static int write_mark(const char *folder, const struct place *p, struct err *e)
{
	char path[SERVED_PATH + 16], text[256];
	int n = snprintf(text, sizeof(text), "%s %s %s\n", p->id, p->commit, p->digest);

	(void)snprintf(path, sizeof(path), "%s/" MARK, folder);
	return fs_write_durable(AT_FDCWD, path, text, (size_t)n, 0600, e);
}

static bool read_mark(const char *folder, struct place *ret)
{
	char path[SERVED_PATH + 16], format[48];
	CLEANUP(buf_done) struct buf text;

	buf_init(&text, 255);
	(void)snprintf(path, sizeof(path), "%s/" MARK, folder);
	(void)snprintf(format, sizeof(format), "%%%ds %%%ds %%%ds", ID_LEN, COMMIT_HEX, SHA256_HEX);
	return fs_read(AT_FDCWD, path, &text, &(struct err){0}) == 0 &&
	       sscanf(buf_str(&text), format, ret->id, ret->commit, ret->digest) == 3;
}

/* --- the repo at work --- */

static void end_work(struct served *s)
{
	char fresh[SERVED_PATH];

	path_at_top(s, FRESH, fresh);
	(void)fs_remove_tree(fresh);
	soon(s, 0);
}

static void refuse(struct served *s, const struct err *e)
{
	struct place *old = find_place(s, s->at.id);

	log_warn("model=%s/%s is not served: %s", s->at.owner, s->at.name, e->text);
	keep_refusal(s, s->at.id, e->text);
	if (old)
		drop_place(s, old);
	end_work(s);
}

/* What may be served, as the rows have it now; p gets all but the digest. */
static bool is_wanted(struct served *s, const char *id, struct place *p)
{
	char path[REPO_PATH_MAX];
	struct hub_repo repo;
	struct err e = {0};

	if (hub_by_id(s->world->store, id, &repo, &e) < 0 || repo.kind != REPO_MODEL ||
		repo.private || repo.deleted_usec)
		return false;
	*p = (struct place){.id = ""};
	(void)snprintf(p->id, sizeof(p->id), "%s", id);
	(void)snprintf(p->owner, sizeof(p->owner), "%s", repo.owner);
	(void)snprintf(p->name, sizeof(p->name), "%s", repo.name);
	repo_path(&s->world->repos, id, path);
	return repo_exists(path) && repo_main(path, p->commit, &e) == 0 && *p->commit;
}

static bool is_same_place(const struct place *a, const struct place *b)
{
	return !strcmp(a->owner, b->owner) && !strcmp(a->name, b->name);
}

/* The folder is whole: it takes its place, if the repo is still what it was made from. */
static void put_in_place(struct served *s)
{
	char fresh[SERVED_PATH], path[SERVED_PATH], above[SERVED_PATH];
	struct place *old = find_place(s, s->at.id), now;
	struct err e = {0};
	int r;

	path_at_top(s, FRESH, fresh);
	path_of(s, &s->at, path);
	path_at_top(s, s->at.owner, above);
	if (!is_wanted(s, s->at.id, &now) || !is_same_place(&now, &s->at)) {
		served_poke(s, s->at.id);
		end_work(s);
		return;
	}
	r = write_mark(fresh, &s->at, &e);
	if (r == 0)
		r = serving_make_folder(above, &e);
	if (r == 0 && renameat2(AT_FDCWD, fresh, AT_FDCWD, path, RENAME_NOREPLACE) < 0 &&
		(errno != EEXIST ||
			renameat2(AT_FDCWD, fresh, AT_FDCWD, path, RENAME_EXCHANGE) < 0))
		r = err_set(&e, -errno, "%s: %s", path, strerror(errno));
	if (r < 0) {
		refuse(s, &e);
		return;
	}
	if (!old)
		old = &s->places[s->n++];
	*old = s->at;
	log_info("model=%s/%s commit=%.12s can be called", old->owner, old->name, old->commit);
	keep_refusal(s, old->id, "");
	end_work(s);
}

/* --- one repo after the other --- */

static int check_room(struct served *s, struct err *e)
{
	if (find_place(s, s->at.id))
		return 0;
	if (s->n == SERVED_MAX)
		return err_set(e, -ENOSPC,
			"%d models of repositories are served already, as many as there may be",
			SERVED_MAX);
	if (count_of(s, s->at.owner) >= SERVED_OWNER_MAX)
		return err_set(e, -EDQUOT, "%s has %d models that are served, as many as one may",
			s->at.owner, SERVED_OWNER_MAX);
	return 0;
}

static void keep_mark(struct served *s)
{
	struct place *old = find_place(s, s->at.id);
	char path[SERVED_PATH];
	struct err e = {0};

	if (!old)
		return;
	memcpy(old->commit, s->at.commit, sizeof(old->commit));
	path_of(s, old, path);
	if (write_mark(path, old, &e) < 0)
		log_warn("model=%s/%s: %s", old->owner, old->name, e.text);
}

static void on_served(int outcome, const char *digest, const struct err *e, void *data)
{
	struct served *s = data;
	struct place *old = find_place(s, s->at.id);

	s->serving = NULL;
	(void)snprintf(s->at.digest, sizeof(s->at.digest), "%s", digest);
	if (outcome < 0) {
		refuse(s, e);
	} else if (outcome == SERVING_READY) {
		put_in_place(s);
	} else if (outcome == SERVING_SAME) {
		keep_mark(s);
		end_work(s);
	} else {
		keep_refusal(s, s->at.id, "it holds no config.json and no GGUF file");
		if (old)
			drop_place(s, old);
		end_work(s);
	}
}

static int begin(struct served *s, const struct place *now, struct err *e)
{
	const struct place *old = find_place(s, now->id);
	char fresh[SERVED_PATH];
	const struct serving_plan plan = {.repo_id = now->id,
		.commit = now->commit,
		.folder = fresh,
		.digest = old ? old->digest : ""};

	path_at_top(s, FRESH, fresh);
	return serving_start(s->world, &plan, on_served, s, &s->serving, e);
}

static bool is_full(const struct served *s)
{
	return disk_look(s->world->disk)->state == DISK_FULL;
}

static void look_at(struct served *s, const char *id)
{
	struct place *old = find_place(s, id), now;
	struct err e = {0};
	int r;

	if (!is_wanted(s, id, &now)) {
		if (old)
			drop_place(s, old);
		keep_refusal(s, id, "");
		return;
	}
	if (old && !is_same_place(old, &now)) {
		drop_place(s, old);
		old = NULL;
	}
	if (old && !strcmp(old->commit, now.commit))
		return;
	if (is_full(s)) {
		s->waits = true;
		return;
	}
	s->at = now;
	if (check_room(s, &e) < 0) {
		refuse(s, &e);
		return;
	}
	r = begin(s, &now, &e);
	if (r == 0)
		return;
	log_warn("model=%s/%s is looked at later: %s", now.owner, now.name, e.text);
	served_poke(s, id);
	soon(s, AGAIN_USEC);
}

static int take_next(const struct store_row *row, void *data)
{
	struct served *s = data;

	s->number = store_int(row, 1);
	served_poke(s, store_text(row, 0));
	return 1;
}

/* The next one that the start, or a full queue, left to be looked at. */
static void walk_on(struct served *s)
{
	char id[ID_LEN + 1];
	struct err e = {0};
	int r;

	if (s->recheck > s->n)
		s->recheck = s->n;
	if (s->recheck) {
		memcpy(id, s->places[--s->recheck].id, sizeof(id));
		served_poke(s, id);
		return;
	}
	if (s->n == SERVED_MAX) {
		s->number = -1;
		return;
	}
	s->walk_usec = clock_mono_usec() + WALK_USEC;
	r = store_run(s->world->store, "repo_next_model", take_next, s, &e, "i", s->number);
	if (r < 0)
		log_warn("models of repositories: %s", e.text);
	if (r <= 0)
		s->number = -1;
}

static void look_at_all(struct served *s)
{
	s->number = 0;
	s->recheck = s->n;
}

static void on_timer(void *data)
{
	struct served *s = data;
	char id[ID_LEN + 1];

	if (s->serving)
		return;
	/* What is to go goes all the same; only what would be made waits. */
	if (!s->n_queue && !s->recheck && is_full(s)) {
		soon(s, 10 * AGAIN_USEC);
		return;
	}
	if (s->waits && !is_full(s)) {
		s->waits = false;
		look_at_all(s);
	}
	if (!s->n_queue && s->number >= 0 && clock_mono_usec() < s->walk_usec) {
		timer_arm(s->timer, s->walk_usec);
		return;
	}
	if (!s->n_queue && s->number >= 0)
		walk_on(s);
	if (!s->n_queue)
		return;
	memcpy(id, s->queue[0], sizeof(id));
	memmove(s->queue, s->queue[1], --s->n_queue * sizeof(s->queue[0]));
	soon(s, 0);
	look_at(s, id);
}

void served_poke(struct served *s, const char *repo_id)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_queue; i++)
		if (!strcmp(s->queue[i], repo_id))
			return;
	soon(s, 0);
	if (s->n_queue == QUEUE_MAX) {
		look_at_all(s); /* once there is room */
		return;
	}
	(void)snprintf(s->queue[s->n_queue++], sizeof(s->queue[0]), "%s", repo_id);
}

/* --- start --- */

/* A folder that an earlier life made; what is none goes. */
static void take_folder(struct served *s, const char *owner, const char *name)
{
	struct place *p = &s->places[s->n];
	char path[SERVED_PATH];

	(void)snprintf(path, sizeof(path), "%.700s/%.64s/%.200s", s->dir, owner, name);
	*p = (struct place){.id = ""};
	(void)snprintf(p->owner, sizeof(p->owner), "%.*s", OWNER_MAX, owner);
	(void)snprintf(p->name, sizeof(p->name), "%.*s", REPO_NAME_MAX, name);
	if (s->n < SERVED_MAX && read_mark(path, p) && !find_place(s, p->id)) {
		s->n++;
		return;
	}
	*p = (struct place){.id = ""};
	(void)fs_remove_tree(path);
}

static void each_name(struct served *s, const char *folder, const char *owner)
{
	DIR *dir = opendir(folder);

	for (const struct dirent *d; dir && (d = readdir(dir));) {
		char path[SERVED_PATH];

		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		(void)snprintf(path, sizeof(path), "%.700s/%.255s", folder, d->d_name);
		if (d->d_name[0] == '.')
			(void)fs_remove_tree(path);
		else if (owner)
			take_folder(s, owner, d->d_name);
		else
			each_name(s, path, d->d_name);
	}
	if (dir)
		(void)closedir(dir);
}

int served_new(struct world *w, const char *dir, struct served **ret, struct err *e)
{
	CLEANUP(served_freep) struct served *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	s->world = w;
	if (strlen(dir) > SERVED_PATH / 2)
		return err_set(e, -ENAMETOOLONG, "--served: the path is too long");
	(void)snprintf(s->dir, sizeof(s->dir), "%s", dir);
	r = loop_add_timer(w->loop, on_timer, s, &s->timer);
	if (r < 0)
		return err_set(e, r, "cannot start: %s", strerror(-r));
	/* Its mode is that of whoever lets inference in: `vitrine up`, systemd. */
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return err_set(e, -errno, "%s: %s", dir, strerror(errno));
	each_name(s, s->dir, NULL);
	s->recheck = s->n;
	soon(s, 0);
	*ret = TAKE_PTR(s);
	return 0;
}

struct served *served_free(struct served *s)
{
	if (!s)
		return NULL;
	(void)serving_free(s->serving);
	(void)source_free(s->timer);
	free(s);
	return NULL;
}

#include "gateway/partial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "gateway/map.h"

#define RESUME_MAX 2048 /* bytes of .ID.resume */

struct partials {
	struct files *files; /* borrowed */
	struct map by_id;    /* owns them */
	struct partial *all;
	size_t n;
};

struct partial {
	struct partials *partials;
	struct partial *next, **at; /* among all */
	char id[ID_LEN + 1], visitor[ID_LEN + 1];
	char space[33];
	char name[FILE_NAME_MAX + 1];
	uint64_t length, offset;
	int64_t touched_sec;     /* wall clock */
	bool text;               /* as the disk knows it */
	struct upload *upload;   /* owned; NULL while it rests */
	struct partial **holder; /* who writes; NULL: nobody */
	bool settling;           /* the holder waits for the disk */
};

/* --- on the disk --- */

static int remember(struct partial *u)
{
	CLEANUP(closep) int dir_fd = files_folder(u->partials->files, u->space, NULL);
	CLEANUP(closep) int fd = -1;
	char name[ID_LEN + 16], fresh[ID_LEN + 16];
	json_t *o = json_pack("{ss ss sI sb}", "visitor", u->visitor, "name", u->name, "length",
		(json_int_t)u->length, "text", u->text);
	struct buf b;
	int r = o ? 0 : -EINVAL; /* the name is not UTF-8 */

	buf_init(&b, RESUME_MAX);
	if (r == 0)
		r = json_write(&b, o);
	json_decref(o);
	(void)snprintf(name, sizeof(name), ".%s.resume", u->id);
	(void)snprintf(fresh, sizeof(fresh), ".%s.part", u->id);
	if (r == 0) {
		fd = openat(dir_fd, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		r = fd < 0 ? -errno : fs_write_all(fd, b.data, b.len);
	}
	if (r == 0 && renameat(dir_fd, fresh, dir_fd, name) < 0)
		r = -errno;
	buf_done(&b);
	return r;
}

static void forget(const struct partial *u)
{
	CLEANUP(closep) int dir_fd = files_folder(u->partials->files, u->space, NULL);
	char name[ID_LEN + 16];

	(void)snprintf(name, sizeof(name), ".%s.resume", u->id);
	if (dir_fd >= 0)
		(void)unlinkat(dir_fd, name, 0);
}

/* Fills in what .ID.resume says. */
static int recall(struct partial *u, int dir_fd)
{
	char name[ID_LEN + 16];
	const char *text;
	json_t *o = NULL;
	int64_t length;
	struct buf b;
	int r;

	(void)snprintf(name, sizeof(name), ".%s.resume", u->id);
	buf_init(&b, RESUME_MAX);
	r = fs_read(dir_fd, name, &b, NULL);
	if (r == 0)
		r = json_parse(b.data, b.len, RESUME_MAX, &o, NULL);
	if (r == 0)
		r = json_get_str(o, "visitor", ID_LEN, &text, NULL);
	if (r == 0) {
		(void)snprintf(u->visitor, sizeof(u->visitor), "%s", text);
		r = json_get_str(o, "name", FILE_NAME_MAX, &text, NULL);
	}
	if (r == 0) {
		(void)snprintf(u->name, sizeof(u->name), "%s", text);
		r = json_get_int(o, "length", 0, INT64_MAX, &length, NULL);
	}
	if (r == 0) {
		u->length = (uint64_t)length;
		u->text = json_opt_bool(o, "text", false);
	}
	json_decref(o);
	buf_done(&b);
	return r;
}

/* --- the table --- */

static int insert(struct partials *p, struct partial *u)
{
	int r = map_put_str(&p->by_id, u->id, u);

	if (r < 0)
		return r;
	u->partials = p;
	u->next = p->all;
	u->at = &p->all;
	if (u->next)
		u->next->at = &u->next;
	p->all = u;
	p->n++;
	return 0;
}

static void let_go(struct partial *u)
{
	if (u->holder)
		*u->holder = NULL;
	u->holder = NULL;
	u->settling = false;
	u->upload = upload_rest(u->upload);
}

static void take_out(struct partial *u)
{
	struct partials *p = u->partials;

	let_go(u);
	(void)map_take_str(&p->by_id, u->id);
	*u->at = u->next;
	if (u->next)
		u->next->at = u->at;
	p->n--;
	free(u);
}

void partial_drop(struct partial *u)
{
	struct files *files = u->partials->files;

	let_go(u);
	upload_drop_kept(files, u->space, u->id);
	forget(u);
	files_release(files, u->space, u->length);
	take_out(u);
}

void partials_expire(struct partials *p, int64_t now_sec)
{
	for (struct partial *u = p->all, *next; u; u = next) {
		next = u->next;
		if (!u->holder && now_sec >= partial_expires_sec(u))
			partial_drop(u);
	}
}

void partials_drop_space(struct partials *p, const char *space)
{
	for (struct partial *u = p->all, *next; u; u = next) {
		next = u->next;
		if (!strcmp(u->space, space))
			partial_drop(u);
	}
}

/* --- from the last process --- */

struct loading {
	struct partials *partials;
	int64_t now_sec;
};

/* ".ID.END" → ID. */
static bool name_is(const char *name, const char *end, char ret[ID_LEN + 1])
{
	if (name[0] != '.' || strlen(name) != 1 + ID_LEN + strlen(end) ||
		strcmp(name + 1 + ID_LEN, end) != 0 || !file_id_is_valid(name + 1, ID_LEN))
		return false;
	memcpy(ret, name + 1, ID_LEN);
	ret[ID_LEN] = '\0';
	return true;
}

static int take_up(struct partials *p, const char *space, const char *id, int dir_fd,
	int64_t touched_sec, uint64_t size)
{
	struct partial *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return -ENOMEM;
	memcpy(u->id, id, ID_LEN + 1);
	(void)snprintf(u->space, sizeof(u->space), "%s", space);
	u->touched_sec = touched_sec;
	u->offset = size;
	r = recall(u, dir_fd);
	if (r == 0 && size > u->length)
		r = -EBADMSG;
	if (r == 0)
		r = files_reserve(p->files, space, u->length, NULL);
	if (r == 0) {
		r = insert(p, u);
		if (r < 0)
			files_release(p->files, space, u->length);
	}
	if (r < 0)
		free(u);
	return r;
}

static void load_one(struct loading *l, const char *space, int dir_fd, const char *name)
{
	char id[ID_LEN + 1], other[ID_LEN + 16];
	struct stat st;

	/* What is said about an upload, without its bytes: it was finished, or never begun. */
	if (name_is(name, ".resume", id)) {
		(void)snprintf(other, sizeof(other), ".%s.kept", id);
		if (faccessat(dir_fd, other, F_OK, 0) < 0)
			(void)unlinkat(dir_fd, name, 0);
		return;
	}
	if (!name_is(name, ".kept", id))
		return;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		st.st_mtim.tv_sec + PARTIAL_KEEP_SEC > l->now_sec &&
		take_up(l->partials, space, id, dir_fd, st.st_mtim.tv_sec, (uint64_t)st.st_size) ==
			0)
		return;
	(void)snprintf(other, sizeof(other), ".%s.resume", id);
	(void)unlinkat(dir_fd, name, 0);
	(void)unlinkat(dir_fd, other, 0);
}

static void load_space(const char *space, int dir_fd, void *data)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(d)))
		load_one(data, space, dir_fd, entry->d_name);
	closedir(d);
}

int partials_new(struct files *files, int64_t now_sec, struct partials **ret)
{
	struct partials *p = calloc(1, sizeof(*p));
	struct loading l = {p, now_sec};

	if (!p)
		return -ENOMEM;
	p->files = files;
	map_init(&p->by_id);
	files_each_space(files, load_space, &l);
	*ret = p;
	return 0;
}

struct partials *partials_free(struct partials *p)
{
	if (!p)
		return NULL;
	while (p->all)
		take_out(p->all);
	map_done(&p->by_id);
	free(p);
	return NULL;
}

/* --- one upload --- */

/* Of those that nobody writes and that have rested long enough, the one that rests longest. space:
 * NULL: of all. */
static struct partial *idlest(const struct partials *p, const char *space, int64_t now_sec)
{
	struct partial *found = NULL;

	for (struct partial *u = p->all; u; u = u->next)
		if (!u->holder && (!space || !strcmp(u->space, space)) && !partial_is_whole(u) &&
			now_sec >= u->touched_sec + PARTIAL_YIELD_SEC &&
			(!found || u->touched_sec < found->touched_sec))
			found = u;
	return found;
}

static int check_counts(
	struct partials *p, const char *space, const char *visitor, int64_t now_sec, struct err *e)
{
	size_t of_space = 0, of_visitor = 0;
	struct partial *idle;

	for (const struct partial *u = p->all; u; u = u->next) {
		of_space += !strcmp(u->space, space);
		of_visitor += !strcmp(u->visitor, visitor);
	}
	if (of_visitor >= PARTIALS_PER_VISITOR)
		return err_set(e, -EDQUOT,
			"you have %d uploads that are not finished; finish or cancel one first",
			PARTIALS_PER_VISITOR);
	if (of_space < PARTIALS_PER_SPACE && p->n < PARTIALS_MAX)
		return 0;
	idle = idlest(p, of_space >= PARTIALS_PER_SPACE ? space : NULL, now_sec);
	if (!idle)
		return err_set(
			e, -EDQUOT, "too many uploads are under way here; try again in a minute");
	partial_drop(idle);
	return 0;
}

static int reserve(
	struct partials *p, const char *space, uint64_t length, int64_t now_sec, struct err *e)
{
	struct partial *idle;
	int r;

	while ((r = files_reserve(p->files, space, length, e)) == -ENOSPC &&
		(idle = idlest(p, space, now_sec)))
		partial_drop(idle);
	return r;
}

int partial_new(struct partials *p, const char *space, const char *visitor, const char *name,
	uint64_t length, int64_t now_sec, struct partial **ret, struct err *e)
{
	struct partial *u;
	int r = check_counts(p, space, visitor, now_sec, e);

	if (r == 0)
		r = reserve(p, space, length, now_sec, e);
	if (r < 0)
		return r;
	u = calloc(1, sizeof(*u));
	r = u ? 0 : -ENOMEM;
	if (r == 0) {
		random_id(u->id);
		(void)snprintf(u->space, sizeof(u->space), "%s", space);
		(void)snprintf(u->visitor, sizeof(u->visitor), "%s", visitor);
		file_clean_name(name, u->name);
		u->length = length;
		u->touched_sec = now_sec;
		u->text = true;
		r = insert(p, u);
	}
	if (r < 0) {
		free(u);
		files_release(p->files, space, length);
		return r;
	}
	r = upload_begin_kept(p->files, space, u->id, length, &u->upload, e);
	if (r == 0)
		r = remember(u);
	if (r == -EINVAL) {
		memcpy(u->name, "file", 5);
		r = remember(u);
	}
	if (r < 0) {
		partial_drop(u);
		return e && e->code ? r : err_set(e, r, "cannot begin a file: %s", strerror(-r));
	}
	u->upload = upload_rest(u->upload);
	*ret = u;
	return 0;
}

struct partial *partial_find(
	struct partials *p, const char *space, const char *id, const char *visitor)
{
	struct partial *u = map_get_str(&p->by_id, id);

	return u && !strcmp(u->space, space) && !strcmp(u->visitor, visitor) ? u : NULL;
}

const char *partial_id(const struct partial *u)
{
	return u->id;
}

uint64_t partial_length(const struct partial *u)
{
	return u->length;
}

uint64_t partial_offset(const struct partial *u)
{
	return u->offset;
}

int64_t partial_expires_sec(const struct partial *u)
{
	return u->touched_sec + PARTIAL_KEEP_SEC;
}

bool partial_is_whole(const struct partial *u)
{
	return u->offset == u->length;
}

int partial_claim(
	struct partial *u, uint64_t offset, int64_t now_sec, struct partial **holder, struct err *e)
{
	int r;

	/* A telephone that changed its network comes back while its old connection still seems
	 * to be there; whoever brings bytes is not pushed aside. */
	if (u->holder && (u->settling || now_sec < u->touched_sec + PARTIAL_STALL_SEC))
		return err_set(e, -EBUSY, "another request is writing this upload");
	if (offset != u->offset)
		return err_set(e, -ESTALE, "Upload-Offset: the upload is at %llu",
			(unsigned long long)u->offset);
	let_go(u);
	r = upload_go_on(u->partials->files, u->space, u->id, u->length, u->text, &u->upload, e);
	if (r < 0)
		return r;
	u->touched_sec = now_sec;
	u->holder = holder;
	*holder = u;
	return 0;
}

int partial_write(struct partial *u, const void *bytes, size_t n, int64_t now_sec, struct err *e)
{
	int r = upload_write(u->upload, bytes, n, u->length, e);

	if (r < 0)
		return r;
	u->offset += n;
	u->touched_sec = now_sec;
	if (u->text && !upload_is_text(u->upload)) {
		u->text = false;
		r = remember(u);
		if (r < 0)
			log_warn("space=%s an upload's note cannot be kept: %s", u->space,
				strerror(-r));
	}
	return 0;
}

void partial_rest(struct partial *u)
{
	let_go(u);
}

int partial_dup(const struct partial *u)
{
	return upload_dup(u->upload);
}

void partial_settle(struct partial *u)
{
	u->settling = true;
}

int partial_finish(struct partial *u, struct file_info *ret, struct err *e)
{
	struct upload *whole;
	int r;

	let_go(u);
	r = upload_go_on(u->partials->files, u->space, u->id, u->length, u->text, &whole, e);
	if (r < 0)
		return r;
	upload_set_name(whole, u->name);
	r = upload_finish(whole, ret, e);
	if (r < 0)
		return r;
	forget(u);
	take_out(u);
	return 0;
}

#include "orchestrator/data/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/random.h"
#include "base/utf8.h"

#define PATH_LONG 4300
#define PARTS "parts/"
#define SWEEP_AT_ONCE 64 /* a stat and a query each, between clicks */

static int refuse(struct op_call *c, const char *code, struct err *e)
{
	c->code = code;
	return e->code;
}

/* --- names --- */

/* Segments between slashes, none of them empty, "." or "..". */
static bool has_good_segments(const char *name)
{
	for (const char *at = name;; at++) {
		size_t n = strcspn(at, "/");

		if (n == 0 || (n == 1 && at[0] == '.') || (n == 2 && at[0] == '.' && at[1] == '.'))
			return false;
		at += n;
		if (!*at)
			return true;
	}
}

static int check_name(const char *name, struct err *e)
{
	size_t n = strlen(name), step;

	for (size_t i = 0; i < n; i += step) {
		step = utf8_length((const unsigned char *)name + i, n - i);
		if (step == 0 || (unsigned char)name[i] < 0x20 || name[i] == 0x7f ||
			name[i] == '\\')
			return err_set(e, -EINVAL,
				"name: is UTF-8 text without control characters and backslashes");
	}
	if (!has_good_segments(name))
		return err_set(e, -EINVAL,
			"name: '%.80s' is no name of a file: like 'log.txt' or 'out/a.png'", name);
	return 0;
}

static int get_name(struct op_call *c, const char **ret, struct err *e)
{
	int r = json_get_str(c->args, "name", DATA_KEY_MAX, ret, e);

	if (r < 0)
		e->code = -EINVAL;
	return r < 0 ? -EINVAL : check_name(*ret, e);
}

static bool is_id(const char *id)
{
	return strlen(id) == ID_LEN && strspn(id, "0123456789abcdefghjkmnpqrstvwxyz") == ID_LEN;
}

static int get_id(struct op_call *c, const char **ret, struct err *e)
{
	int r = json_get_str(c->args, "id", ID_LEN, ret, e);

	if (r == 0 && !is_id(*ret))
		r = err_set(e, -EINVAL, "id: is none of a file that is being written");
	if (r < 0)
		e->code = -EINVAL;
	return r < 0 ? -EINVAL : 0;
}

static void path_of(const char *dir, const char *sub, const char *id, char ret[PATH_LONG])
{
	(void)snprintf(ret, PATH_LONG, "%s/%s%s", dir, sub, id);
}

/* --- rows --- */

struct file {
	char id[ID_LEN + 1];
	int64_t size, revision, written_usec;
};

static int read_file(const struct store_row *row, void *data)
{
	struct file *f = data;

	(void)snprintf(f->id, sizeof(f->id), "%s", store_text(row, 0));
	f->size = store_int(row, 1);
	f->revision = store_int(row, 2);
	f->written_usec = store_int(row, 3);
	return 0;
}

/* 1: it is there; 0: no such file. */
static int find(struct op_call *c, const char *name, struct file *ret, struct err *e)
{
	*ret = (struct file){.size = 0};
	return store_run(c->db, "file_get", read_file, ret, e, "ss", c->space, name);
}

struct used {
	int64_t revision, files, bytes;
};

static int read_used(const struct store_row *row, void *data)
{
	*(struct used *)data =
		(struct used){store_int(row, 0), store_int(row, 1), store_int(row, 2)};
	return 0;
}

static int get_used(struct op_call *c, struct used *ret, struct err *e)
{
	int r = store_run(c->db, "space_files", read_used, ret, e, "s", c->space);

	return r < 0 ? r : 0;
}

/* --- writing --- */

struct parts {
	size_t n;
	int64_t bytes;
};

/* Each write asks: they have a folder of their own, which stays small. */
static struct parts count_parts(const char *dir)
{
	char path[PATH_LONG];
	struct parts p = {0};
	struct dirent *entry;
	struct stat st;
	DIR *d;

	path_of(dir, PARTS, "", path);
	d = opendir(path);
	while (d && (entry = readdir(d)))
		if (fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(st.st_mode)) {
			p.n++;
			p.bytes += st.st_size;
		}
	if (d)
		(void)closedir(d);
	return p;
}

int op_file_begin(struct op_call *c, struct err *e)
{
	char id[ID_LEN + 1], path[PATH_LONG];
	CLEANUP(closep) int fd = -1;
	const char *name;
	int r = get_name(c, &name, e);

	if (r < 0)
		return r;
	if (count_parts(c->dir).n + c->n_ending >= FILES_PARTS) {
		(void)err_set(e, -EINVAL,
			"%d files are being written already; one that is left alone is forgotten "
			"after an hour",
			FILES_PARTS);
		return refuse(c, "busy", e);
	}
	path_of(c->dir, PARTS, "", path);
	r = fs_mkdirs(path, 0700, e);
	if (r < 0)
		return r;
	random_id(id);
	path_of(c->dir, PARTS, id, path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		(void)err_set(
			e, -EINVAL, "the platform's disk does not take it: %s", strerror(errno));
		return refuse(c, "unavailable", e);
	}
	return buf_addf(c->out, "{\"id\":\"%s\"}", id);
}

static int check_room(struct op_call *c, int64_t more, struct err *e)
{
	struct used u = {0};
	int r = get_used(c, &u, e);
	int64_t held = u.bytes + c->ending_bytes + count_parts(c->dir).bytes;

	if (r < 0)
		return r;
	if (more <= 0 || (uint64_t)(held + more) <= c->limits->file_bytes)
		return 0;
	(void)err_set(e, -EINVAL,
		"the Space's files hold %lld bytes and this would add %lld, the limit is %llu",
		(long long)held, (long long)more, (unsigned long long)c->limits->file_bytes);
	return refuse(c, "quota", e);
}

static int write_all_at(int fd, const uint8_t *bytes, size_t n, off_t at)
{
	while (n > 0) {
		ssize_t done = pwrite(fd, bytes, n, at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		bytes += done;
		at += done;
		n -= (size_t)done;
	}
	return 0;
}

int op_file_write(struct op_call *c, struct err *e)
{
	CLEANUP(closep) int fd = -1;
	char path[PATH_LONG];
	struct stat st;
	const char *id;
	int64_t at;
	int r = get_id(c, &id, e);

	if (r == 0)
		r = json_get_int(c->args, "offset", 0, INT64_MAX / 2, &at, e);
	if (r < 0) {
		e->code = -EINVAL;
		return -EINVAL;
	}
	path_of(c->dir, PARTS, id, path);
	fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, -EINVAL, "the file is not being written any more; begin again");
	if (at > st.st_size)
		return err_set(e, -EINVAL, "offset: %lld, but %lld bytes have come", (long long)at,
			(long long)st.st_size);
	r = check_room(c, at + (int64_t)c->n_raw - st.st_size, e);
	if (r < 0)
		return r;
	if (write_all_at(fd, c->raw, c->n_raw, at) < 0) {
		(void)err_set(
			e, -EINVAL, "the platform's disk does not take it: %s", strerror(errno));
		return refuse(c, "unavailable", e);
	}
	return buf_addf(c->out, "{\"size\":%lld}", (long long)(at + (int64_t)c->n_raw));
}

int files_settle(const char *dir, const char *id, int ret_fds[2])
{
	CLEANUP(closep) int file = -1, folder = -1;
	char part[PATH_LONG], path[PATH_LONG];
	int moved;

	if (!is_id(id))
		return -ENOENT;
	path_of(dir, PARTS, id, part);
	path_of(dir, "", id, path);
	folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return -errno;
	file = open(part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	moved = file >= 0;
	if (!moved && errno == ENOENT)
		file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (file < 0 || (moved && rename(part, path) < 0))
		return -errno;
	ret_fds[0] = TAKE_FD(file);
	ret_fds[1] = TAKE_FD(folder);
	return moved;
}

void files_unsettle(struct store *db, const char *space, const char *dir, const char *id)
{
	char part[PATH_LONG], path[PATH_LONG];

	if (store_run(db, "file_by_id", NULL, NULL, NULL, "ss", space, id) != 0)
		return;
	path_of(dir, PARTS, id, part);
	path_of(dir, "", id, path);
	(void)rename(path, part); /* or the sweep finds it */
}

static int write_file(struct op_call *c, const struct file *f, struct err *e)
{
	(void)e;
	return buf_addf(c->out, "{\"size\":%lld,\"revision\":%lld,\"written\":%lld}",
		(long long)f->size, (long long)f->revision,
		(long long)(f->written_usec / USEC_PER_SEC));
}

/* The row of the name says the new file from this commit on; the one before it is removed then. */
static int put_row(struct op_call *c, const char *name, struct file *f, struct err *e)
{
	struct file old;
	struct used u = {0};
	int rows = find(c, name, &old, e), r = rows < 0 ? rows : get_used(c, &u, e), kept;

	if (r < 0)
		return r;
	if (rows == 0 && u.files >= DATA_FILES) {
		(void)err_set(e, -EINVAL, "the Space has %lld files, the limit is %d",
			(long long)u.files, DATA_FILES);
		return refuse(c, "quota", e);
	}
	r = check_room(c, f->size - old.size, e);
	if (r < 0)
		return r;
	f->revision = u.revision + 1;
	f->written_usec = (int64_t)clock_wall_usec();
	kept = snapshot_keep_file(c, name, old.revision, f->revision, e);
	r = kept < 0 ? kept
		     : store_run(c->db, "file_charge", NULL, NULL, e, "sii", c->space,
			       (int64_t)(rows == 0), f->size - old.size);
	if (r >= 0)
		r = store_run(c->db, "file_put", NULL, NULL, e, "sssiii", c->space, name, f->id,
			f->size, f->revision, f->written_usec);
	if (kept == 0)
		(void)snprintf(c->doomed, sizeof(c->doomed), "%s", old.id);
	return r < 0 ? r : write_file(c, f, e);
}

int op_file_end(struct op_call *c, struct err *e)
{
	struct file f = {.size = 0};
	char path[PATH_LONG];
	struct stat st;
	const char *id, *name;
	int r = get_name(c, &name, e);

	if (r == 0)
		r = get_id(c, &id, e);
	if (r == 0)
		r = json_get_int(c->args, "size", 0, INT64_MAX / 2, &f.size, e);
	if (r < 0) {
		e->code = -EINVAL;
		return -EINVAL;
	}
	if (c->gone)
		return err_set(e, -EINVAL, "id: that file has been removed; begin again");
	path_of(c->dir, "", id, path);
	if (lstat(path, &st) < 0)
		return err_set(e, -EINVAL, "the file is not being written any more; begin again");
	if (st.st_size != f.size)
		return err_set(e, -EINVAL, "size: %lld, but %lld bytes have come",
			(long long)f.size, (long long)st.st_size);
	if (store_run(c->db, "file_by_id", NULL, NULL, e, "ss", c->space, id) != 0)
		return err_set(e, -EINVAL, "id: that file has a name already");
	(void)snprintf(f.id, sizeof(f.id), "%s", id);
	return put_row(c, name, &f, e);
}

int op_file_remove(struct op_call *c, struct err *e)
{
	struct used u = {0};
	struct file old;
	int kept;
	const char *name;
	int r = get_name(c, &name, e);

	if (r == 0)
		r = find(c, name, &old, e);
	if (r < 0)
		return r;
	if (r == 0)
		return buf_add_str(c->out, "{\"removed\":false}");
	r = get_used(c, &u, e);
	kept = r < 0 ? r : snapshot_keep_file(c, name, old.revision, u.revision + 1, e);
	r = kept < 0 ? kept : store_run(c->db, "file_delete", NULL, NULL, e, "ss", c->space, name);
	if (r >= 0)
		r = store_run(c->db, "file_charge", NULL, NULL, e, "sii", c->space, (int64_t)-1,
			-old.size);
	if (kept == 0)
		(void)snprintf(c->doomed, sizeof(c->doomed), "%s", old.id);
	return r < 0 ? r : buf_add_str(c->out, "{\"removed\":true}");
}

/* --- reading --- */

int op_file_stat(struct op_call *c, struct err *e)
{
	struct file f;
	const char *name;
	int r = get_name(c, &name, e);

	if (r == 0)
		r = find(c, name, &f, e);
	if (r < 0)
		return r;
	return r == 0 ? buf_add_str(c->out, "{}") : write_file(c, &f, e);
}

static int add_bytes(struct op_call *c, const struct file *f, int64_t at, int64_t n, struct err *e)
{
	CLEANUP(closep) int fd = -1;
	char path[PATH_LONG];
	ssize_t got = 0;
	int r;

	path_of(c->dir, "", f->id, path);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, -EIO, "%s: %s", path, strerror(errno));
	r = write_file(c, f, e);
	if (r == 0)
		r = buf_add(c->out, "", 1);
	if (r == 0)
		r = buf_reserve(c->out, (size_t)n);
	if (r < 0)
		return r;
	while (n > 0 && (got = pread(fd, c->out->data + c->out->len, (size_t)n, at)) != 0) {
		if (got < 0 && errno != EINTR)
			return err_set(e, -EIO, "%s: %s", path, strerror(errno));
		if (got < 0)
			continue;
		c->out->len += (size_t)got;
		at += got;
		n -= got;
	}
	c->out->data[c->out->len] = '\0';
	return 0;
}

int op_file_read(struct op_call *c, struct err *e)
{
	int64_t at, n, revision;
	struct file f;
	const char *name;
	int r = get_name(c, &name, e);

	if (r == 0)
		r = json_get_int(c->args, "offset", 0, INT64_MAX / 2, &at, e);
	if (r == 0)
		r = json_get_int(c->args, "n", 0, FILES_READ_MAX, &n, e);
	if (r == 0)
		r = json_opt_int(c->args, "revision", 0, INT64_MAX, 0, &revision, e);
	if (r < 0) {
		e->code = -EINVAL;
		return -EINVAL;
	}
	r = find(c, name, &f, e);
	if (r < 0)
		return r;
	if (revision && f.revision != revision) { /* one that a snapshot has */
		int old = store_run(
			c->db, "old_file_get", read_file, &f, e, "ssi", c->space, name, revision);

		if (old < 0)
			return old;
		r = r || old;
	}
	if (r == 0 || (revision && f.revision != revision))
		return buf_add_str(c->out, r == 0 ? "{}" : "{\"changed\":true}");
	return add_bytes(c, &f, at, n, e);
}

struct listing {
	struct buf *out;
	const char *prefix;
	int64_t n, limit;
	bool more;
};

static int write_name(const struct store_row *row, void *data)
{
	struct listing *l = data;
	CLEANUP(json_unrefp) json_t *name = json_string(store_text(row, 0));
	int r;

	if (!name)
		return -ENOMEM;
	if (strncmp(store_text(row, 0), l->prefix, strlen(l->prefix)) != 0)
		return 1;
	l->more = l->n == l->limit;
	if (l->more)
		return 1;
	r = buf_add_str(l->out, l->n++ ? ",{\"name\":" : "{\"name\":");
	if (r == 0)
		r = json_write(l->out, name);
	return r < 0 ? r
		     : buf_addf(l->out, ",\"size\":%lld,\"revision\":%lld,\"written\":%lld}",
			       (long long)store_int(row, 1), (long long)store_int(row, 2),
			       (long long)store_int(row, 3) / (long long)USEC_PER_SEC);
}

int op_file_list(struct op_call *c, struct err *e)
{
	struct listing l = {.out = c->out};
	const char *after;
	int64_t snapshot;
	int r = json_opt_str(c->args, "prefix", DATA_KEY_MAX, "", &l.prefix, e);

	if (r == 0)
		r = json_opt_str(c->args, "after", DATA_KEY_MAX, "", &after, e);
	if (r == 0)
		r = json_opt_int(c->args, "limit", 1, DATA_LIST_MAX, 100, &l.limit, e);
	if (r == 0)
		r = buf_add_str(c->out, "{\"items\":[");
	if (r == 0)
		r = json_opt_int(c->args, "snapshot", 0, INT64_MAX, -1, &snapshot, e);
	if (r == 0)
		r = snapshot < 0 ? store_run(c->db, "file_list", write_name, &l, e, "sssi",
					   c->space, l.prefix, after, l.limit + 1)
				 : store_run(c->db, "old_file_list", write_name, &l, e, "sssii",
					   c->space, l.prefix, after, l.limit + 1, snapshot);
	return r < 0 ? r : buf_addf(c->out, "],\"more\":%s}", l.more ? "true" : "false");
}

/* --- what was left behind --- */

/* Parts are few. */
static void sweep_parts(int dir, int64_t before_sec)
{
	int fd = openat(dir, PARTS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	struct stat st;

	if (!d && fd >= 0)
		close(fd);
	while (d && (entry = readdir(d)))
		if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(st.st_mode) && st.st_mtime < before_sec)
			(void)unlinkat(fd, entry->d_name, 0);
	if (d)
		(void)closedir(d);
}

bool files_sweep(struct store *db, const char *space, DIR *d, int64_t before_sec)
{
	struct dirent *entry = NULL;
	struct stat st;

	for (int i = 0; i < SWEEP_AT_ONCE && (entry = readdir(d)); i++) {
		if (fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && entry->d_name[0] != '.')
			sweep_parts(dirfd(d), before_sec);
		if (!S_ISREG(st.st_mode) || st.st_mtime >= before_sec)
			continue;
		/* One that is named otherwise is a part of an older version. */
		if (store_run(db, "file_by_id", NULL, NULL, NULL, "ss", space, entry->d_name) == 0)
			(void)unlinkat(dirfd(d), entry->d_name, 0);
	}
	return entry;
}

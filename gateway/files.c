#include "gateway/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "gateway/map.h"
#include "gateway/metrics.h"

#define SNIFF_BYTES 512

struct files {
	char *dir;       /* owned */
	int dir_fd;      /* owned */
	struct map used; /* Space → bytes, in the pointer itself */
};

struct upload {
	struct files *files; /* borrowed */
	int dir_fd, fd;      /* owned; the Space's folder, the part file */
	char space[33];
	char part[ID_LEN + 8];
	struct file_info info;
	uint8_t head[SNIFF_BYTES];
	size_t head_length;
	bool text; /* no byte so far that plain text does not hold */
};

/* --- what the bytes are --- */

static const struct {
	const char *bytes;
	size_t offset, length;
	const char *type;
	bool image;
} magics[] = {
	{"\x89PNG\r\n\x1a\n", 0, 8, "image/png", true},
	{"\xff\xd8\xff", 0, 3, "image/jpeg", true},
	{"GIF87a", 0, 6, "image/gif", true},
	{"GIF89a", 0, 6, "image/gif", true},
	{"WEBPVP8", 8, 7, "image/webp", true},
	{"%PDF-", 0, 5, "application/pdf", false},
	{"PK\x03\x04", 0, 4, "application/zip", false},
	{"\x1f\x8b", 0, 2, "application/gzip", false},
	{"WAVEfmt", 8, 7, "audio/wav", false},
	{"ID3", 0, 3, "audio/mpeg", false},
	{"\xff\xfb", 0, 2, "audio/mpeg", false},
	{"OggS", 0, 4, "audio/ogg", false},
	{"fLaC", 0, 4, "audio/flac", false},
	{"ftyp", 4, 4, "video/mp4", false},
	{"\x1a\x45\xdf\xa3", 0, 4, "video/webm", false},
};

static bool is_text(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((bytes[i] < 0x20 && !strchr("\t\n\r\f", bytes[i])) || bytes[i] == 0x7f ||
			bytes[i] == 0)
			return false;
	return true;
}

const char *file_type(const uint8_t *bytes, size_t n, bool *ret_image)
{
	for (size_t i = 0; i < sizeof(magics) / sizeof(*magics); i++) {
		if (n >= magics[i].offset + magics[i].length &&
			!memcmp(bytes + magics[i].offset, magics[i].bytes, magics[i].length)) {
			*ret_image = magics[i].image;
			return magics[i].type;
		}
	}
	*ret_image = false;
	return is_text(bytes, n) ? "text/plain" : "application/octet-stream";
}

void file_clean_name(const char *name, char ret[FILE_NAME_MAX + 1])
{
	const char *slash = strrchr(name, '/');
	const char *back = strrchr(name, '\\');
	size_t n = 0;

	if (slash)
		name = slash + 1;
	if (back && back + 1 > name)
		name = back + 1;
	for (; *name && n < FILE_NAME_MAX; name++)
		if ((unsigned char)*name >= 0x20 && *name != 0x7f)
			ret[n++] = *name;
	/* A cut in the middle of a UTF-8 sequence would not be text any more. */
	while (n == FILE_NAME_MAX && n > 0 && ((unsigned char)*name & 0xc0) == 0x80 &&
		((unsigned char)ret[n - 1] & 0xc0) == 0x80)
		n--;
	ret[n] = '\0';
	if (n == 0 || !strcmp(ret, ".") || !strcmp(ret, ".."))
		memcpy(ret, "file", 5);
}

bool file_id_is_valid(const char *id, size_t n)
{
	if (n != ID_LEN)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!((id[i] >= '0' && id[i] <= '9') || (id[i] >= 'a' && id[i] <= 'z')))
			return false;
	return true;
}

/* --- how much each Space has --- */

static uint64_t used_by(const struct files *f, const char *space)
{
	return (uint64_t)(uintptr_t)map_get_str(&f->used, space);
}

static void use(struct files *f, const char *space, uint64_t total)
{
	if (total == 0)
		(void)map_take_str(&f->used, space);
	else
		(void)map_put_str(&f->used, space, (void *)(uintptr_t)total);
}

typedef bool (*file_fn)(int dir_fd, const char *name, const struct stat *st, void *data);

/* Visits the files of one Space; where fn says true they are deleted. Returns the bytes left. */
static uint64_t walk_space(int dir_fd, const char *space, file_fn fn, void *data)
{
	int fd = openat(dir_fd, space, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	uint64_t left = 0;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while ((entry = readdir(d))) {
		struct stat st;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
			fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (fn && fn(fd, entry->d_name, &st, data))
			(void)unlinkat(fd, entry->d_name, 0);
		else
			left += (uint64_t)st.st_size;
	}
	closedir(d);
	return left;
}

static void walk_all(struct files *f, file_fn fn, void *data)
{
	int fd = openat(f->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(d)))
		if (entry->d_name[0] != '.')
			use(f, entry->d_name, walk_space(fd, entry->d_name, fn, data));
	closedir(d);
}

/* Part files of a process that was killed. */
static bool is_abandoned(int dir_fd, const char *name, const struct stat *st, void *data)
{
	(void)dir_fd;
	(void)st;
	(void)data;
	return name[0] == '.';
}

int files_new(const char *dir, struct files **ret, struct err *e)
{
	CLEANUP(files_freep) struct files *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->dir_fd = -1;
	map_init(&f->used);
	f->dir = strdup(dir);
	r = f->dir ? fs_mkdirs(dir, 0700, e) : -ENOMEM;
	if (r < 0)
		return r;
	f->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->dir_fd < 0)
		return err_set(e, -errno, "%s: %s", dir, strerror(errno));
	walk_all(f, is_abandoned, NULL);
	*ret = TAKE_PTR(f);
	return 0;
}

struct files *files_free(struct files *f)
{
	if (!f)
		return NULL;
	if (f->dir_fd >= 0)
		close(f->dir_fd);
	map_done(&f->used);
	free(f->dir);
	free(f);
	return NULL;
}

struct expiry {
	int64_t before_sec;
};

static bool is_expired(int dir_fd, const char *name, const struct stat *st, void *data)
{
	(void)dir_fd;
	(void)name;
	return st->st_mtim.tv_sec < ((struct expiry *)data)->before_sec;
}

void files_expire(struct files *f, int64_t now_sec, int64_t keep_sec)
{
	struct expiry x = {now_sec - keep_sec};

	walk_all(f, is_expired, &x);
}

void files_drop_space(struct files *f, const char *space)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/%s", f->dir, space);
	(void)fs_remove_tree(path);
	use(f, space, 0);
}

/* --- writing --- */

static int open_folder(struct files *f, const char *space, struct err *e)
{
	int fd;

	if (mkdirat(f->dir_fd, space, 0700) < 0 && errno != EEXIST)
		return err_set(e, -errno, "cannot make a folder: %s", strerror(errno));
	fd = openat(f->dir_fd, space, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_set(e, -errno, "cannot open a folder: %s", strerror(errno)) : fd;
}

int upload_new(struct files *f, const char *space, const char *id, const char *name,
	struct upload **ret, struct err *e)
{
	CLEANUP(upload_freep) struct upload *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	*u = (struct upload){.files = f, .dir_fd = -1, .fd = -1, .text = true};
	(void)snprintf(u->space, sizeof(u->space), "%s", space);
	if (id)
		memcpy(u->info.id, id, ID_LEN + 1);
	else
		random_id(u->info.id);
	file_clean_name(name, u->info.name);
	u->dir_fd = open_folder(f, space, e);
	if (u->dir_fd < 0)
		return u->dir_fd;
	if (id && faccessat(u->dir_fd, id, F_OK, 0) == 0)
		return err_set(e, -EEXIST, "a file has this id already");
	(void)snprintf(u->part, sizeof(u->part), ".%s.part", u->info.id);
	u->fd = openat(u->dir_fd, u->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (u->fd < 0)
		return err_set(e, -errno, "cannot write a file: %s", strerror(errno));
	*ret = TAKE_PTR(u);
	return 0;
}

int upload_write(struct upload *u, const void *bytes, size_t n, uint64_t max, struct err *e)
{
	size_t head = SNIFF_BYTES - u->head_length;
	int r;

	if (n > max || u->info.size > max - n)
		return err_set(e, -EMSGSIZE, "the file is over the limit of %llu bytes",
			(unsigned long long)max);
	if (used_by(u->files, u->space) + u->info.size + n > FILES_PER_SPACE_MAX)
		return err_set(e, -ENOSPC, "this Space's visitors have used all of its %llu MiB",
			(unsigned long long)(FILES_PER_SPACE_MAX >> 20));
	if (head > n)
		head = n;
	memcpy(u->head + u->head_length, bytes, head);
	u->head_length += head;
	u->text = u->text && is_text(bytes, n);
	r = fs_write_all(u->fd, bytes, n);
	if (r < 0)
		return err_set(e, r, "cannot write a file: %s", strerror(-r));
	u->info.size += n;
	return 0;
}

static int write_info(struct upload *u)
{
	char name[ID_LEN + 8];
	json_t *o = json_pack("{ss ss sI sb}", "name", u->info.name, "type", u->info.type, "size",
		(json_int_t)u->info.size, "image", u->info.image);
	CLEANUP(closep) int fd = -1;
	struct buf b;
	int r = o ? 0 : -EINVAL; /* the name is not UTF-8 */

	buf_init(&b, 4096);
	if (r == 0)
		r = json_write(&b, o);
	json_decref(o);
	(void)snprintf(name, sizeof(name), "%s.json", u->info.id);
	if (r == 0) {
		fd = openat(u->dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		r = fd < 0 ? -errno : fs_write_all(fd, b.data, b.len);
	}
	buf_done(&b);
	return r;
}

static int finish(struct upload *u)
{
	const char *type = file_type(u->head, u->head_length, &u->info.image);
	int r;

	if (!strcmp(type, "text/plain") && !u->text)
		type = "application/octet-stream";
	(void)snprintf(u->info.type, sizeof(u->info.type), "%s", type);
	r = write_info(u);
	if (r == -EINVAL) {
		memcpy(u->info.name, "file", 5);
		r = write_info(u);
	}
	if (r == 0 && renameat(u->dir_fd, u->part, u->dir_fd, u->info.id) < 0)
		r = -errno;
	if (r < 0)
		return r;
	u->part[0] = '\0';
	use(u->files, u->space, used_by(u->files, u->space) + u->info.size);
	return 0;
}

int upload_finish(struct upload *u, struct file_info *ret, struct err *e)
{
	int r = finish(u);

	if (r == 0) {
		*ret = u->info;
		gateway_count(GATEWAY_UPLOADS, 1);
		gateway_count(GATEWAY_UPLOAD_BYTES, u->info.size);
	}
	(void)upload_free(u);
	return r < 0 ? err_set(e, r, "cannot keep a file: %s", strerror(-r)) : 0;
}

struct upload *upload_free(struct upload *u)
{
	if (!u)
		return NULL;
	if (u->fd >= 0)
		close(u->fd);
	if (u->fd >= 0 && u->part[0])
		(void)unlinkat(u->dir_fd, u->part, 0);
	if (u->dir_fd >= 0)
		close(u->dir_fd);
	free(u);
	return NULL;
}

/* --- reading --- */

static int read_info(int dir_fd, const char *id, struct file_info *ret)
{
	char name[ID_LEN + 8];
	const char *text;
	json_t *o = NULL;
	struct buf b;
	int r;

	(void)snprintf(name, sizeof(name), "%s.json", id);
	buf_init(&b, 4096);
	r = fs_read(dir_fd, name, &b, NULL);
	if (r == 0)
		r = json_parse(b.data, b.len, 4096, &o, NULL);
	if (r == 0)
		r = json_get_str(o, "name", FILE_NAME_MAX, &text, NULL);
	if (r == 0)
		(void)snprintf(ret->name, sizeof(ret->name), "%s", text);
	if (r == 0)
		r = json_get_str(o, "type", sizeof(ret->type) - 1, &text, NULL);
	if (r == 0) {
		(void)snprintf(ret->type, sizeof(ret->type), "%s", text);
		ret->image = json_opt_bool(o, "image", false);
	}
	json_decref(o);
	buf_done(&b);
	return r;
}

/* A file in use does not expire: its time is moved on, at most once a day. */
static void touch(int dir_fd, const char *id, const struct stat *st)
{
	struct timespec now;
	char name[ID_LEN + 8];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec - st->st_mtim.tv_sec <= 86400)
		return;
	(void)snprintf(name, sizeof(name), "%s.json", id);
	(void)utimensat(dir_fd, id, NULL, AT_SYMLINK_NOFOLLOW);
	(void)utimensat(dir_fd, name, NULL, AT_SYMLINK_NOFOLLOW);
}

int files_open(struct files *f, const char *space, const char *id, struct file_info *ret)
{
	CLEANUP(closep) int dir_fd = -1;
	CLEANUP(closep) int fd = -1;
	struct stat st;

	if (!file_id_is_valid(id, strlen(id)))
		return -ENOENT;
	dir_fd = openat(f->dir_fd, space, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd < 0)
		return -ENOENT;
	fd = openat(dir_fd, id, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -ENOENT;
	*ret = (struct file_info){.size = (uint64_t)st.st_size};
	memcpy(ret->id, id, ID_LEN + 1);
	if (read_info(dir_fd, id, ret) < 0) {
		memcpy(ret->name, "file", 5);
		memcpy(ret->type, "application/octet-stream", 25);
	}
	touch(dir_fd, id, &st);
	return TAKE_FD(fd);
}

#include "gateway/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "gateway/map.h"
#include "gateway/metrics.h"

#define SNIFF_BYTES 512
#define RESERVE_STEP (1ull << 20)  /* while nobody said how long a file is */
#define DISK_MARGIN (256ull << 20) /* bytes that visitors leave to everything else */

struct files {
	char *dir;           /* owned */
	int dir_fd;          /* owned */
	uint64_t share;      /* bytes of one Space */
	struct map used;     /* Space → bytes of whole files, in the pointer itself */
	struct map reserved; /* the same for files on their way up */
};

struct upload {
	struct files *files; /* borrowed */
	int dir_fd, fd;      /* owned; the Space's folder, the part file */
	char space[33];
	char part[ID_LEN + 8];
	struct file_info info;
	uint64_t reserved; /* bytes of the Space's share */
	bool kept;         /* the bytes stay when it is freed */
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

bool file_is_text(const uint8_t *bytes, size_t n)
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
	return file_is_text(bytes, n) ? "text/plain" : "application/octet-stream";
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

static uint64_t bytes_of(const struct map *m, const char *space)
{
	return (uint64_t)(uintptr_t)map_get_str(m, space);
}

static void set_bytes(struct map *m, const char *space, uint64_t total)
{
	if (total == 0)
		(void)map_take_str(m, space);
	else
		(void)map_put_str(m, space, (void *)(uintptr_t)total);
}

int files_reserve(struct files *f, const char *space, uint64_t n, struct err *e)
{
	uint64_t reserved = bytes_of(&f->reserved, space);
	uint64_t have = bytes_of(&f->used, space) + reserved;

	if (have > f->share || n > f->share - have)
		return err_set(e, -ENOSPC,
			"this Space's visitors have no room for it: all their files together may "
			"have %llu MiB",
			(unsigned long long)(f->share >> 20));
	set_bytes(&f->reserved, space, reserved + n);
	return 0;
}

void files_release(struct files *f, const char *space, uint64_t n)
{
	uint64_t reserved = bytes_of(&f->reserved, space);

	set_bytes(&f->reserved, space, reserved > n ? reserved - n : 0);
}

typedef bool (*file_fn)(int dir_fd, const char *name, const struct stat *st, void *data);

static DIR *open_list(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0)
		close(fd);
	return d;
}

/* Visits the files of one Space; where fn says true they are deleted. Returns the bytes left. */
static uint64_t walk_space(int dir_fd, file_fn fn, void *data)
{
	DIR *d = open_list(dir_fd);
	struct dirent *entry;
	uint64_t left = 0;

	while (d && (entry = readdir(d))) {
		struct stat st;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
			fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (fn && fn(dir_fd, entry->d_name, &st, data))
			(void)unlinkat(dir_fd, entry->d_name, 0);
		else if (entry->d_name[0] != '.')
			left += (uint64_t)st.st_size;
	}
	if (d)
		closedir(d);
	return left;
}

void files_each_space(
	struct files *f, void (*fn)(const char *space, int dir_fd, void *data), void *data)
{
	DIR *d = open_list(f->dir_fd);
	struct dirent *entry;

	while (d && (entry = readdir(d))) {
		int fd = entry->d_name[0] == '.'
				 ? -1
				 : openat(f->dir_fd, entry->d_name,
					   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0)
			continue;
		fn(entry->d_name, fd, data);
		close(fd);
	}
	if (d)
		closedir(d);
}

struct walk {
	struct files *files;
	file_fn fn;
	void *data;
};

static void walk_one(const char *space, int dir_fd, void *data)
{
	struct walk *w = data;

	set_bytes(&w->files->used, space, walk_space(dir_fd, w->fn, w->data));
}

static void walk_all(struct files *f, file_fn fn, void *data)
{
	struct walk w = {f, fn, data};

	files_each_space(f, walk_one, &w);
}

/* Part files of a process that was killed; kept ones end otherwise. */
static bool is_abandoned(int dir_fd, const char *name, const struct stat *st, void *data)
{
	size_t n = strlen(name);

	(void)dir_fd;
	(void)st;
	(void)data;
	return name[0] == '.' && n > 5 && !strcmp(name + n - 5, ".part");
}

int files_new(const char *dir, uint64_t share, struct files **ret, struct err *e)
{
	CLEANUP(files_freep) struct files *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->dir_fd = -1;
	f->share = share;
	map_init(&f->used);
	map_init(&f->reserved);
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
	map_done(&f->reserved);
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
	set_bytes(&f->used, space, 0);
}

/* --- writing --- */

int files_folder(struct files *f, const char *space, struct err *e)
{
	int fd;

	if (mkdirat(f->dir_fd, space, 0700) < 0 && errno != EEXIST)
		return err_set(e, -errno, "cannot make a folder: %s", strerror(errno));
	fd = openat(f->dir_fd, space, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_set(e, -errno, "cannot open a folder: %s", strerror(errno)) : fd;
}

/* The part's name: one that goes on later is told from one that dies with its request. */
static struct upload *make(struct files *f, const char *space, const char *id, bool kept)
{
	struct upload *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	*u = (struct upload){.files = f, .dir_fd = -1, .fd = -1, .text = true, .kept = kept};
	(void)snprintf(u->space, sizeof(u->space), "%s", space);
	if (id)
		memcpy(u->info.id, id, ID_LEN + 1);
	else
		random_id(u->info.id);
	memcpy(u->info.name, "file", 5);
	(void)snprintf(u->part, sizeof(u->part), kept ? ".%s.kept" : ".%s.part", u->info.id);
	return u;
}

static int open_part(struct upload *u, int flags, struct err *e)
{
	u->dir_fd = files_folder(u->files, u->space, e);
	if (u->dir_fd < 0)
		return u->dir_fd;
	if ((flags & O_CREAT) && faccessat(u->dir_fd, u->info.id, F_OK, 0) == 0)
		return err_set(e, -EEXIST, "a file has this id already");
	u->fd = openat(u->dir_fd, u->part, O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
	return u->fd < 0 ? err_set(e, -errno, "cannot write a file: %s", strerror(errno)) : 0;
}

int upload_new(struct files *f, const char *space, const char *id, const char *name,
	struct upload **ret, struct err *e)
{
	CLEANUP(upload_freep) struct upload *u = make(f, space, id, false);
	int r;

	if (!u)
		return -ENOMEM;
	file_clean_name(name, u->info.name);
	r = open_part(u, O_CREAT | O_EXCL, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(u);
	return 0;
}

/* On a file system that cannot set room aside, what is free has to do. */
static int set_aside(int fd, uint64_t length, struct err *e)
{
	struct statvfs v;

	if (fstatvfs(fd, &v) == 0 && length + DISK_MARGIN > (uint64_t)v.f_bavail * v.f_frsize)
		return err_set(e, -ENOSPC, "the disk of this platform has no room for %llu bytes",
			(unsigned long long)length);
	if (length == 0 || fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)length) == 0 ||
		errno == EOPNOTSUPP || errno == ENOSYS)
		return 0;
	return err_set(e, -errno, "the disk of this platform has no room for %llu bytes: %s",
		(unsigned long long)length, strerror(errno));
}

int upload_begin_kept(struct files *f, const char *space, const char *id, uint64_t length,
	struct upload **ret, struct err *e)
{
	struct upload *u = make(f, space, id, true);
	int r = u ? open_part(u, O_CREAT | O_EXCL, e) : -ENOMEM;

	if (r == 0)
		r = set_aside(u->fd, length, e);
	if (r < 0) {
		if (u)
			u->kept = false;
		(void)upload_free(u);
		return r;
	}
	u->reserved = length;
	*ret = u;
	return 0;
}

int upload_go_on(struct files *f, const char *space, const char *id, uint64_t length, bool text,
	struct upload **ret, struct err *e)
{
	CLEANUP(upload_freep) struct upload *u = make(f, space, id, true);
	struct stat st;
	ssize_t n;
	int r = u ? open_part(u, 0, e) : -ENOMEM;

	if (r < 0)
		return r;
	n = pread(u->fd, u->head, sizeof(u->head), 0);
	if (n < 0 || fstat(u->fd, &st) < 0 || lseek(u->fd, 0, SEEK_END) < 0)
		return err_set(e, -errno, "cannot go on with a file: %s", strerror(errno));
	u->head_length = (size_t)n;
	u->text = text;
	u->info.size = (uint64_t)st.st_size;
	u->reserved = length;
	*ret = TAKE_PTR(u);
	return 0;
}

static struct upload *close_upload(struct upload *u, bool remove)
{
	if (!u)
		return NULL;
	if (u->fd >= 0)
		close(u->fd);
	if (u->fd >= 0 && u->part[0] && remove)
		(void)unlinkat(u->dir_fd, u->part, 0);
	if (u->dir_fd >= 0)
		close(u->dir_fd);
	if (!u->kept)
		files_release(u->files, u->space, u->reserved);
	free(u);
	return NULL;
}

struct upload *upload_rest(struct upload *u)
{
	return close_upload(u, false);
}

struct upload *upload_free(struct upload *u)
{
	return close_upload(u, u && !u->kept);
}

int upload_dup(const struct upload *u)
{
	int fd = fcntl(u->fd, F_DUPFD_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

uint64_t upload_size(const struct upload *u)
{
	return u->info.size;
}

bool upload_is_text(const struct upload *u)
{
	return u->text;
}

void upload_set_name(struct upload *u, const char *name)
{
	file_clean_name(name, u->info.name);
}

static const char *kept_path(const char *space, const char *id, char ret[128])
{
	(void)snprintf(ret, 128, "%s/.%s.kept", space, id);
	return ret;
}

void upload_drop_kept(struct files *f, const char *space, const char *id)
{
	char path[128];

	(void)unlinkat(f->dir_fd, kept_path(space, id, path), 0);
}

/* Nobody said how long it will be: its share grows a step ahead of it, or by what is left. */
static int reserve_more(struct upload *u, size_t n, struct err *e)
{
	uint64_t missing = u->info.size + n - u->reserved;
	uint64_t step = missing > RESERVE_STEP ? missing : RESERVE_STEP;
	int r = files_reserve(u->files, u->space, step, NULL);

	if (r < 0) {
		step = missing;
		r = files_reserve(u->files, u->space, step, e);
	}
	if (r == 0)
		u->reserved += step;
	return r;
}

int upload_write(struct upload *u, const void *bytes, size_t n, uint64_t max, struct err *e)
{
	size_t head = SNIFF_BYTES - u->head_length;
	int r = 0;

	if (n > max || u->info.size > max - n)
		return err_set(e, -EMSGSIZE, "the file is over the limit of %llu bytes",
			(unsigned long long)max);
	if (u->info.size + n > u->reserved)
		r = reserve_more(u, n, e);
	if (r < 0)
		return r;
	if (head > n)
		head = n;
	memcpy(u->head + u->head_length, bytes, head);
	u->head_length += head;
	u->text = u->text && file_is_text(bytes, n);
	r = fs_write_all(u->fd, bytes, n);
	if (r < 0) {
		/* Half of it may be there: the size is what is said to be there. */
		(void)ftruncate(u->fd, (off_t)u->info.size);
		(void)lseek(u->fd, (off_t)u->info.size, SEEK_SET);
		return err_set(e, r, "cannot write a file: %s", strerror(-r));
	}
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
	files_release(u->files, u->space, u->reserved);
	u->reserved = 0;
	set_bytes(&u->files->used, u->space, bytes_of(&u->files->used, u->space) + u->info.size);
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

int files_open_names(struct files *f, const char *space, const char *id, int ret[2])
{
	CLEANUP(closep) int dir_fd = files_folder(f, space, NULL);
	char name[ID_LEN + 8];
	int fd;

	(void)snprintf(name, sizeof(name), "%s.json", id);
	fd = dir_fd < 0 ? -1 : openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret[0] = fd;
	ret[1] = TAKE_FD(dir_fd);
	return 0;
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

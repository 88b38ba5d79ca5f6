#include "cli/repo/model_repo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/json.h"
#include "cli/ask.h"
#include "cli/host/sizes.h"
#include "cli/repo/large.h"
#include "cli/repo/transfer.h"
#include "cli/session.h"

#define FILES_MAX 512         /* as many as a served model may have */
#define IN_GIT_MAX (1u << 20) /* bytes; what is larger goes by git-lfs */
#define COMMIT_BODY_MAX (96u << 20)
#define NAME_LONG 512
#define DEPTH_MAX 2

struct file {
	char path[NAME_LONG]; /* in the repo */
	char oid[SHA256_HEX + 1];
	uint64_t size;
	bool large;
};

struct sending {
	struct session session;
	const struct model_repo_plan *plan;
	int dir;          /* owned; paths are relative to it */
	const char *only; /* the one file; NULL: all of the folder */
	struct file files[FILES_MAX];
	size_t n, n_large, sent;
	uint64_t bytes;
};

/* --- which files --- */

static bool ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), k = strlen(suffix);

	return n > k && !strcmp(name + n - k, suffix);
}

bool model_is_wanted(const char *name)
{
	static const char *const suffixes[] = {
		".json", ".safetensors", ".gguf", ".jinja", ".txt", ".md"};

	if (name[0] == '.')
		return false;
	if (!strncmp(name, "LICENSE", 7))
		return true;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (ends_with(name, suffixes[i]))
			return true;
	return false;
}

static bool is_weights(const char *name)
{
	return ends_with(name, ".safetensors") || ends_with(name, ".gguf") ||
	       ends_with(name, ".safetensors.index.json");
}

static int add_file(struct sending *s, const char *path, struct err *e)
{
	CLEANUP(closep) int fd = openat(s->dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct file *f = &s->files[s->n];
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, -errno, "%.200s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return 0;
	if (s->n == FILES_MAX)
		return err_set(e, -E2BIG, "over %d files", FILES_MAX);
	if (snprintf(f->path, sizeof(f->path), "%s", path) >= (int)sizeof(f->path))
		return err_set(e, -ENAMETOOLONG, "%.100s…: the path is too long", path);
	f->size = (uint64_t)st.st_size;
	f->large =
		f->size > IN_GIT_MAX || ends_with(path, ".safetensors") || ends_with(path, ".gguf");
	r = f->large ? sha256_fd_hex(fd, f->oid, e) : 0;
	if (r < 0)
		return err_wrap(e, "%.200s", path);
	s->n++;
	s->n_large += f->large;
	s->bytes += f->size;
	return 0;
}

/* Of folders only those that inference reads (docs/models.md). */
static bool is_inner(const char *path)
{
	return !strcmp(path, "1_Pooling") || !strcmp(path, "adapters") ||
	       !strncmp(path, "adapters/", 9);
}

static int add_folder(struct sending *s, const char *folder, int depth, struct err *e)
{
	int fd = openat(s->dir, *folder ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return err_set(e, -errno, "%.200s: %s", folder, strerror(errno));
	for (const struct dirent *d; r == 0 && (d = readdir(dir));) {
		char path[NAME_LONG];
		struct stat st;

		if (d->d_name[0] == '.' ||
			snprintf(path, sizeof(path), "%s%s%s", folder, *folder ? "/" : "",
				d->d_name) >= (int)sizeof(path) ||
			fstatat(fd, d->d_name, &st, 0) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX && is_inner(path))
			r = add_folder(s, path, depth + 1, e);
		else if (S_ISREG(st.st_mode) && model_is_wanted(d->d_name))
			r = add_file(s, path, e);
	}
	(void)closedir(dir);
	return r;
}

static const struct file *find_file(const struct sending *s, const char *path)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->files[i].path, path))
			return &s->files[i];
	return NULL;
}

static int list_files(struct sending *s, struct err *e)
{
	const char *source = s->plan->source, *last = strrchr(source, '/');
	char above[4096];
	int r;

	s->dir = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir >= 0) {
		r = add_folder(s, "", 0, e);
		if (r == 0 && !find_file(s, "config.json") && s->n_large == 0)
			r = err_set(e, -EINVAL, "%.200s: no folder of a model", source);
		return r;
	}
	if (errno != ENOTDIR || !ends_with(source, ".gguf"))
		return err_set(e, errno == ENOTDIR ? -EINVAL : -errno, "%.200s: %s", source,
			errno == ENOTDIR ? "must be a folder or a .gguf file" : strerror(errno));
	(void)snprintf(above, sizeof(above), "%.*s/", last ? (int)(last - source) : 1,
		last ? source : ".");
	s->dir = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return s->dir < 0 ? err_set(e, -errno, "%.200s: %s", above, strerror(errno))
			  : add_file(s, last ? last + 1 : source, e);
}

/* --- the repo --- */

static int find_or_make(struct sending *s, struct err *e)
{
	const char *id = s->plan->id, *slash = strchr(id, '/');
	struct err ignored = {0};
	int r = session_ask(&s->session, "GET", NULL, NULL, &ignored, "/api/models/%s", id);

	if (r == -ENOENT || r == -EACCES) {
		CLEANUP(json_unrefp)
		json_t *body = json_pack("{s:s, s:s, s:s%, s:b}", "type", "model", "name",
			slash + 1, "organization", id, (size_t)(slash - id), "private",
			(int)s->plan->private);

		return session_ask(&s->session, "POST", body, NULL, e, "/api/repos/create");
	}
	return r < 0 ? err_set(e, r, "%s", ignored.text) : 0;
}

static int send_large(const char *oid, uint64_t size, const char *href, void *data, struct err *e)
{
	struct sending *s = data;

	for (size_t i = 0; *href && i < s->n; i++) {
		CLEANUP(closep) int fd = -1;
		int r;

		if (!s->files[i].large || strcmp(s->files[i].oid, oid) != 0)
			continue;
		fd = openat(s->dir, s->files[i].path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return err_set(e, -errno, "%s: %s", s->files[i].path, strerror(errno));
		s->sent++;
		r = transfer_put(href, fd, 0, size, e);
		return r < 0 ? err_wrap(e, "%.200s", s->files[i].path) : 0;
	}
	return 0;
}

static int send_all_large(struct sending *s, struct err *e)
{
	CLEANUP(json_unrefp) json_t *objects = json_array();

	for (size_t i = 0; i < s->n; i++)
		if (s->files[i].large && json_array_append_new(objects,
						 json_pack("{s:s, s:I}", "oid", s->files[i].oid,
							 "size", (json_int_t)s->files[i].size)) < 0)
			return err_set(e, -ENOMEM, "out of memory");
	return large_each(&s->session, "", s->plan->id, true, objects, send_large, s, e);
}

/* --- the commit --- */

/* A line {key, value}; takes value. */
static int add_line(struct buf *b, const char *key, json_t *value, struct err *e)
{
	CLEANUP(json_unrefp) json_t *line = json_pack("{s:s, s:o}", "key", key, "value", value);

	if (!line || json_write(b, line) < 0 || buf_add_str(b, "\n") < 0)
		return err_set(e, -E2BIG, "the files that are not large are over %u MiB together",
			COMMIT_BODY_MAX >> 20);
	return 0;
}

static int add_small(struct sending *s, const struct file *f, struct buf *b, struct err *e)
{
	CLEANUP(buf_done) struct buf bytes;
	CLEANUP(buf_done) struct buf text;
	int r;

	buf_init(&bytes, IN_GIT_MAX + 1);
	buf_init(&text, 2 * (IN_GIT_MAX + 1));
	r = fs_read(s->dir, f->path, &bytes, e);
	if (r == 0 && base64_add(&text, bytes.data, bytes.len) < 0)
		r = err_set(e, -ENOMEM, "out of memory");
	return r < 0 ? err_wrap(e, "%.200s", f->path)
		     : add_line(b, "file",
			       json_pack("{s:s, s:s, s:s}", "path", f->path, "content",
				       buf_str(&text), "encoding", "base64"),
			       e);
}

/* Weights of the model that was there before would be read beside these. */
static int remove_others(struct sending *s, struct buf *b, struct err *e)
{
	CLEANUP(json_unrefp) json_t *tree = NULL;
	const json_t *one;
	size_t i;
	int r = session_ask(
		&s->session, "GET", NULL, &tree, e, "/api/models/%s/tree/main", s->plan->id);

	json_array_foreach(tree, i, one)
	{
		const char *path = ask_text(one, "path");

		if (r == 0 && !strcmp(ask_text(one, "type"), "file") && is_weights(path) &&
			!find_file(s, path))
			r = add_line(b, "deletedFile", json_pack("{s:s}", "path", path), e);
	}
	return r;
}

static int write_commit(struct sending *s, struct buf *b, struct err *e)
{
	const char *last = strrchr(s->plan->source, '/');
	int r = add_line(b, "header",
		json_pack("{s:o}", "summary",
			json_sprintf(
				"Import %.200s", last && last[1] ? last + 1 : s->plan->source)),
		e);

	for (size_t i = 0; r == 0 && i < s->n; i++) {
		const struct file *f = &s->files[i];

		r = f->large
			    ? add_line(b, "lfsFile",
				      json_pack("{s:s, s:s, s:s, s:I}", "path", f->path, "algo",
					      "sha256", "oid", f->oid, "size", (json_int_t)f->size),
				      e)
			    : add_small(s, f, b, e);
	}
	return r == 0 ? remove_others(s, b, e) : r;
}

static int commit(struct sending *s, struct err *e)
{
	CLEANUP(client_freep) struct client *c = NULL;
	CLEANUP(json_unrefp) json_t *answer = NULL;
	CLEANUP(buf_done) struct buf body;
	char path[512];
	int r;

	buf_init(&body, COMMIT_BODY_MAX);
	(void)snprintf(path, sizeof(path), "/api/models/%s/commit/main", s->plan->id);
	r = write_commit(s, &body, e);
	if (r == 0)
		r = client_new(&s->session.options, &c, e);
	if (r == 0)
		r = client_add_header(c, "Content-Type", "application/x-ndjson", e);
	return r == 0 ? client_post_text(c, path, buf_str(&body), &answer, e) : r;
}

/* --- all of it --- */

int model_to_repo(const struct model_repo_plan *plan)
{
	static struct sending s; /* one a command */
	struct err e = {0};
	char size[32];
	int r, status;

	s = (struct sending){.plan = plan, .dir = -1};
	r = list_files(&s, &e);
	status = r == 0 ? session_open(&s.session, &plan->client, "vitrine model import") : 0;
	if (r == 0 && status == 0)
		r = find_or_make(&s, &e);
	if (r == 0 && status == 0)
		r = send_all_large(&s, &e);
	if (r == 0 && status == 0)
		r = commit(&s, &e);
	if (r < 0)
		fprintf(stderr, "vitrine: %s\n", e.text);
	else if (status == 0)
		printf("%s: %zu files, %s, %zu of them large, %zu sent\n%s/%s says whether it can "
		       "be called here\n",
			plan->id, s.n, size_text(s.bytes, size), s.n_large, s.sent, s.session.base,
			plan->id);
	session_close(&s.session);
	if (s.dir >= 0)
		(void)close(s.dir);
	return r < 0 ? ASK_FAILED : status;
}

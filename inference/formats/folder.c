#include "inference/formats/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "inference/formats/gguf_model.h"

#define FILE_NAME_MAX 255

int folder_json(const struct folder *f, const char *name, size_t max, json_t **ret, struct err *e)
{
	CLEANUP(buf_done) struct buf text;
	json_t *v;
	int r;

	buf_init(&text, max);
	r = fs_read(f->fd, name, &text, e);
	if (r < 0)
		return r;
	r = json_parse(text.data, text.len, max, &v, e);
	if (r == 0 && !json_is_object(v)) {
		json_decref(v);
		r = err_set(e, -EBADMSG, "must be an object");
	}
	if (r < 0)
		return err_wrap(e, "%s", name);
	*ret = v;
	return 0;
}

static bool has_file(int fd, const char *name)
{
	struct stat st;

	return fstatat(fd, name, &st, 0) == 0 && S_ISREG(st.st_mode);
}

static bool is_gguf(const char *name)
{
	size_t n = strlen(name);

	return n > 5 && name[0] != '.' && !strcmp(name + n - 5, ".gguf");
}

/* How many GGUF files there are; the first one's name in ret. */
static int find_gguf(int fd, char ret[FILE_NAME_MAX + 1])
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);

	if (!dir && copy >= 0)
		(void)close(copy);
	for (const struct dirent *d; dir && (d = readdir(dir));) {
		if (!is_gguf(d->d_name) || !has_file(fd, d->d_name))
			continue;
		if (n++ == 0 || strcmp(d->d_name, ret) < 0)
			(void)snprintf(ret, FILE_NAME_MAX + 1, "%s", d->d_name);
	}
	if (dir)
		(void)closedir(dir);
	return n;
}

static int open_gguf(struct folder *f, const char *name, struct err *e)
{
	CLEANUP(gguf_freep) struct gguf *g = NULL;
	int r = gguf_open(f->fd, name, &g, e);

	if (r < 0)
		return r;
	if (gguf_has(g, "split.count")) {
		double n;

		if (gguf_get_number(g, "split.count", &n, e) < 0 || n > 1)
			return err_set(e, -ENOTSUP,
				"%s: one of several parts; join them with llama-gguf-split --merge",
				name);
	}
	r = gguf_config(g, &f->config, e);
	if (r == 0)
		r = gguf_tokenizer(g, &f->tokenizer, e);
	if (r == 0)
		r = gguf_tokenizer_config(g, &f->tokens, e);
	if (r == 0)
		r = gguf_weights(TAKE_PTR(g), &f->weights, e);
	return r < 0 ? err_wrap(e, "%s", name) : 0;
}

static int open_files(struct folder *f, struct err *e)
{
	/* These may be missing; what is there must be readable. */
	const struct part {
		const char *name;
		size_t max;
		json_t **to;
	} parts[] = {
		{"tokenizer.json", FOLDER_TOKENIZER_MAX, &f->tokenizer},
		{"tokenizer_config.json", FOLDER_JSON_MAX, &f->tokens},
		{"generation_config.json", FOLDER_JSON_MAX, &f->generation},
	};
	int r = folder_json(f, "config.json", FOLDER_JSON_MAX, &f->config, e);

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && r == 0; i++)
		if (has_file(f->fd, parts[i].name))
			r = folder_json(f, parts[i].name, parts[i].max, parts[i].to, e);
	return r < 0 ? r : weights_open(f->fd, &f->weights, e);
}

int folder_open(int dirfd, const char *path, struct folder *ret, struct err *e)
{
	char name[FILE_NAME_MAX + 1];
	int n;

	*ret = (struct folder){.fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	if (ret->fd < 0)
		return err_set(e, -errno, "%s", strerror(errno));
	if (weights_are_in(ret->fd))
		return open_files(ret, e);
	n = find_gguf(ret->fd, name);
	if (n == 0)
		return open_files(ret, e);
	if (n > 1)
		return err_set(e, -EBADMSG, "%d GGUF files; a model's folder holds one", n);
	return open_gguf(ret, name, e);
}

void folder_done(struct folder *f)
{
	if (f->fd >= 0)
		(void)close(f->fd);
	json_decref(f->config);
	json_decref(f->tokenizer);
	json_decref(f->tokens);
	json_decref(f->generation);
	(void)weights_free(f->weights);
	*f = (struct folder){.fd = -1};
}

bool folder_is_model(int dirfd, const char *path)
{
	CLEANUP(closep) int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[FILE_NAME_MAX + 1];

	return fd >= 0 && (has_file(fd, "config.json") || find_gguf(fd, name) > 0);
}

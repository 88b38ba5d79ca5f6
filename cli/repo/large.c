#include "cli/repo/large.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/ask.h"
#include "cli/program.h"
#include "orchestrator/repo/pointer.h"

#define BATCH 100

/* --- which there are --- */

static int temporary(struct err *e)
{
	char path[] = "/tmp/vitrine-large-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	if (fd < 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	(void)unlink(path);
	return fd;
}

/* A new file with what it says. */
static int run_git(const char *dir, int in, char *const argv[], struct err *e)
{
	const struct program_plan plan = {.dir = dir, .in = in, .aloud = true};
	CLEANUP(closep) int out = temporary(e);
	pid_t pid = out < 0 ? out : program_start(&plan, argv, out, 0, e);
	int status = pid < 0 ? pid : program_end(pid);

	if (status < 0)
		return status;
	if (status != 0)
		return err_set(e, -EIO, "git failed (%d)", status);
	if (lseek(out, 0, SEEK_SET) < 0)
		return err_set(e, -errno, "git's answer: %s", strerror(errno));
	return TAKE_FD(out);
}

/* The ids of files that may be pointers, one a line, in a new file. */
static int small_blobs(const char *dir, struct err *e)
{
	char *const argv[] = {"git", "cat-file", "--batch-all-objects",
		"--batch-check=%(objecttype) %(objectsize) %(objectname)", NULL};
	CLEANUP(closep) int all = run_git(dir, 0, argv, e);
	CLEANUP(closep) int ids = -1;
	FILE *in = all < 0 ? NULL : fdopen(TAKE_FD(all), "r"), *out;
	char line[256], oid[80];
	unsigned long long size;

	if (!in)
		return e->code ? e->code : err_set(e, -errno, "git: %s", strerror(errno));
	ids = temporary(e);
	out = ids < 0 ? NULL : fdopen(dup(ids), "w");
	while (out && fgets(line, sizeof(line), in))
		if (sscanf(line, "blob %llu %70[0-9a-f]", &size, oid) == 2 && size < POINTER_MAX)
			(void)fprintf(out, "%s\n", oid);
	(void)fclose(in);
	if (!out || fclose(out) != 0 || lseek(ids, 0, SEEK_SET) < 0)
		return err_set(e, -EIO, "a temporary file cannot be written");
	return TAKE_FD(ids);
}

struct known {
	json_t *list, *seen; /* owned by who asks */
};

static int keep(struct known *k, const struct pointer *p, struct err *e)
{
	if (json_object_get(k->seen, p->oid))
		return 0;
	if (json_array_size(k->list) == LARGE_MAX)
		return err_set(e, -E2BIG, "over %d large files", LARGE_MAX);
	if (json_object_set_new(k->seen, p->oid, json_true()) < 0 ||
		json_array_append_new(k->list,
			json_pack("{s:s, s:I}", "oid", p->oid, "size", (json_int_t)p->size)) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	return 0;
}

/* "ID blob SIZE", the bytes, a newline. */
static int take_pointers(FILE *in, struct known *k, struct err *e)
{
	char line[256], bytes[POINTER_MAX + 1];
	unsigned long long size;
	struct pointer p;
	int r = 0;

	while (r == 0 && fgets(line, sizeof(line), in)) {
		if (sscanf(line, "%*70[0-9a-f] blob %llu", &size) != 1 || size >= POINTER_MAX ||
			fread(bytes, 1, (size_t)size + 1, in) != size + 1)
			return err_set(e, -EIO, "git's answer is none");
		if (pointer_parse(bytes, (size_t)size, &p))
			r = keep(k, &p, e);
	}
	return r;
}

int large_list(const char *dir, json_t **ret, struct err *e)
{
	char *const argv[] = {"git", "cat-file", "--batch", NULL};
	CLEANUP(json_unrefp) json_t *list = json_array();
	CLEANUP(json_unrefp) json_t *seen = json_object();
	CLEANUP(closep) int ids = small_blobs(dir, e);
	CLEANUP(closep) int blobs = ids < 0 ? -1 : run_git(dir, ids, argv, e);
	struct known k = {list, seen};
	FILE *in;
	int r;

	if (ids < 0 || blobs < 0)
		return e->code;
	in = fdopen(TAKE_FD(blobs), "r");
	if (!in)
		return err_set(e, -errno, "git: %s", strerror(errno));
	r = take_pointers(in, &k, e);
	(void)fclose(in);
	if (r == 0)
		*ret = TAKE_PTR(list);
	return r;
}

/* --- the batch API --- */

static int take_object(const json_t *o, bool upload, large_fn fn, void *data, struct err *e)
{
	const json_t *error = json_object_get(o, "error");
	const json_t *actions = json_object_get(o, "actions");
	const char *oid = ask_text(o, "oid");
	const char *href =
		ask_text(json_object_get(actions, upload ? "upload" : "download"), "href");

	if (error)
		return err_set(
			e, -EREMOTEIO, "large file %.12s…: %s", oid, ask_text(error, "message"));
	if (!upload && !*href)
		return err_set(e, -EREMOTEIO, "large file %.12s… cannot be had", oid);
	return fn(oid, (uint64_t)json_integer_value(json_object_get(o, "size")), href, data, e);
}

static int one_batch(struct session *s, const char *prefix, const char *id, bool upload,
	json_t *objects, large_fn fn, void *data, struct err *e)
{
	CLEANUP(json_unrefp)
	json_t *body =
		json_pack("{s:s, s:[s], s:s, s:O}", "operation", upload ? "upload" : "download",
			"transfers", "basic", "hash_algo", "sha256", "objects", objects);
	CLEANUP(json_unrefp) json_t *answer = NULL;
	const json_t *o;
	size_t i;
	int r = session_ask(
		s, "POST", body, &answer, e, "/%s%s.git/info/lfs/objects/batch", prefix, id);

	if (r == 0 &&
		json_array_size(json_object_get(answer, "objects")) != json_array_size(objects))
		r = err_set(e, -EREMOTEIO, "the platform's answer about large files is none");
	json_array_foreach(json_object_get(answer, "objects"), i, o)
	{
		if (r == 0)
			r = take_object(o, upload, fn, data, e);
	}
	return r;
}

int large_each(struct session *s, const char *prefix, const char *id, bool upload,
	const json_t *objects, large_fn fn, void *data, struct err *e)
{
	size_t n = json_array_size(objects);
	int r = 0;

	for (size_t at = 0; r == 0 && at < n; at += BATCH) {
		CLEANUP(json_unrefp) json_t *some = json_array();

		for (size_t i = at; i < n && i < at + BATCH; i++)
			if (json_array_append(some, json_array_get(objects, i)) < 0)
				return err_set(e, -ENOMEM, "out of memory");
		r = one_batch(s, prefix, id, upload, some, fn, data, e);
	}
	return r;
}

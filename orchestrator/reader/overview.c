#include "orchestrator/reader/overview.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "orchestrator/repo/card.h"
#include "orchestrator/repo/safetensors.h"

#define SIBLINGS_MAX 100000
#define README_MAX (1u << 20)
#define WEIGHTS_IN_GIT_MAX (16u << 20)
#define WEIGHTS_NAME_MAX 200
#define WEIGHTS_MAX 64 /* files of one model */
/* Sizes of a hundred thousand files are not read for a sum that few look at. */
#define SUM_FILES_MAX 2000
#define TAGS_MAX 500

static bool wants(struct job *j, const char *what)
{
	return json_is_true(json_object_get(j->args, what));
}

/* --- files --- */

struct files {
	struct job *job;
	bool blobs;
	size_t n;
	uint64_t bytes;
	json_t *weights;
};

static json_t *sibling(const struct files *f, const struct entry *en)
{
	json_t *o = json_pack("{s:o}", "rfilename", look_words(en->path, strlen(en->path)));
	char oid[41];

	if (!o || !f->blobs)
		return o;
	(void)json_object_set_new(o, "size", json_integer((json_int_t)en->size));
	(void)json_object_set_new(
		o, "blobId", json_string(git_oid_tostr(oid, sizeof(oid), &en->oid)));
	if (en->lfs)
		(void)json_object_set_new(o, "lfs",
			json_pack("{s:s, s:I, s:I}", "sha256", en->pointer.oid, "size",
				(json_int_t)en->pointer.size, "pointerSize",
				(json_int_t)en->pointer_size));
	return o;
}

static bool is_weights(const char *path)
{
	size_t n = strlen(path);

	/* The head of the answer, where they are named, is small. */
	return n > 12 && n <= WEIGHTS_NAME_MAX && !strcmp(path + n - 12, ".safetensors") &&
	       !strchr(path, '/');
}

static int add_file(struct look *l, const struct entry *en, void *data)
{
	struct files *f = data;
	json_t *o;

	(void)l;
	if (entry_is_folder(en))
		return 0;
	f->bytes += en->size;
	o = sibling(f, en);
	if (!o)
		return -ENOMEM;
	if (f->n++)
		(void)fputc(',', f->job->body);
	(void)json_dumpf(o, f->job->body, JSON_COMPACT);
	json_decref(o);
	return f->n >= SIBLINGS_MAX ? 1 : 0;
}

static int count_file(struct look *l, const struct entry *en, void *data)
{
	size_t *n = data;

	(void)l;
	*n += !entry_is_folder(en);
	return *n > SUM_FILES_MAX;
}

static bool has_few_files(struct job *j)
{
	size_t n = 0;
	const struct listing how = {
		.recursive = true, .max = SIZE_MAX - 1, .on_entry = count_file, .data = &n};

	return look_list(&j->look, &j->root, "", &how, NULL) == 0 && n <= SUM_FILES_MAX;
}

/* Into the body as they are found. */
static int write_files(struct job *j, struct err *e)
{
	struct files f = {.job = j, .blobs = wants(j, "blobs")};
	bool sum = f.blobs || (wants(j, "storage") && has_few_files(j));
	const struct listing how = {.recursive = true,
		.sizes = sum,
		.max = SIZE_MAX - 1,
		.on_entry = add_file,
		.data = &f};
	int r;

	(void)fputs(",\"siblings\":[", j->body);
	r = look_list(&j->look, &j->root, "", &how, e);
	(void)fputc(']', j->body);
	if (sum)
		(void)fprintf(j->body, ",\"usedStorage\":%llu", (unsigned long long)f.bytes);
	return r < 0 ? r : 0;
}

static int note_weights(struct look *l, const struct entry *en, void *data)
{
	json_t *list = data;

	(void)l;
	if (entry_is_folder(en) || !is_weights(en->path))
		return 0;
	if (json_array_append_new(list, json_string(en->path)) < 0)
		return -ENOMEM;
	return json_array_size(list) >= WEIGHTS_MAX;
}

/* Of a file that lies in git. NULL: it is none, or not a small one. */
static json_t *sum_of(struct job *j, const struct entry *en)
{
	git_odb_object *object = NULL;
	json_t *sum = NULL;

	if (look_read(&j->look, &en->oid, WEIGHTS_IN_GIT_MAX, &object, NULL) == 0)
		(void)safetensors_parse(git_odb_object_data(object), git_odb_object_size(object),
			git_odb_object_size(object), 0, &sum, NULL);
	git_odb_object_free(object);
	(void)json_object_del(sum, "tensors");
	(void)json_object_del(sum, "metadata");
	return sum;
}

static void list_weights(struct job *j)
{
	json_t *paths = json_array(), *out = json_array(), *item;
	const struct listing how = {.max = 100000, .on_entry = note_weights, .data = paths};
	struct entry en;
	size_t i;

	(void)look_list(&j->look, &j->root, "", &how, NULL);
	json_array_foreach(paths, i, item)
	{
		const char *path = json_string_value(item);

		if (path && look_find(&j->look, &j->root, path, &en, NULL) == 0)
			(void)json_array_append_new(
				out, json_pack("{s:s, s:s*, s:o*, s:I}", "path", path, "oid",
					     en.lfs ? en.pointer.oid : NULL, "sum",
					     en.lfs ? NULL : sum_of(j, &en), "size",
					     (json_int_t)en.size));
	}
	json_decref(paths);
	(void)json_object_set_new(j->head, "weights", out);
}

/* --- the card --- */

static json_t *read_card(struct job *j)
{
	git_odb_object *object = NULL;
	struct entry en;
	json_t *card = NULL;

	/* A card that cannot be read is no card: the info object is not the place to say so. */
	if (look_find(&j->look, &j->root, "README.md", &en, NULL) == 0 &&
		look_read(&j->look, &en.oid, README_MAX, &object, NULL) == 0 &&
		card_read(git_odb_object_data(object), git_odb_object_size(object), &card, NULL) <
			0)
		card = NULL;
	git_odb_object_free(object);
	return card ? card : json_object();
}

static void add_tag(json_t *tags, const char *prefix, const json_t *value)
{
	char text[300];

	if (!json_is_string(value) || json_array_size(tags) >= TAGS_MAX)
		return;
	(void)snprintf(text, sizeof(text), "%s%s", prefix, json_string_value(value));
	(void)json_array_append_new(tags, look_words(text, strlen(text)));
}

static void add_tags(json_t *tags, const char *prefix, const json_t *value)
{
	const json_t *item;
	size_t i;

	add_tag(tags, prefix, value);
	json_array_foreach(value, i, item) add_tag(tags, prefix, item);
}

/* Fields of the card that clients read at the top, and only from a card that has them. */
static void lift(json_t *object, const json_t *card)
{
	static const char *const fields[] = {"pipeline_tag", "library_name", "title", "sdk", NULL};
	static const char *const lists[] = {"models", "datasets", NULL};
	json_t *tags = json_array();

	for (size_t i = 0; fields[i]; i++) {
		json_t *v = json_object_get(card, fields[i]);

		if (json_is_string(v) && json_object_get(object, fields[i]))
			(void)json_object_set(object, fields[i], v);
	}
	for (size_t i = 0; lists[i]; i++) {
		json_t *v = json_object_get(card, lists[i]);

		if (json_is_array(v) && json_object_get(object, lists[i]))
			(void)json_object_set(object, lists[i], v);
	}
	add_tags(tags, "", json_object_get(card, "tags"));
	add_tags(tags, "", json_object_get(card, "library_name"));
	add_tags(tags, "", json_object_get(card, "pipeline_tag"));
	add_tags(tags, "", json_object_get(card, "language"));
	add_tags(tags, "license:", json_object_get(card, "license"));
	add_tags(tags, "dataset:", json_object_get(card, "datasets"));
	(void)json_object_set_new(object, "tags", tags);
}

int overview(struct job *j, struct err *e)
{
	json_t *object = json_deep_copy(json_object_get(j->args, "object"));
	bool empty = !*j->revision.commit;
	struct buf b;
	int r;

	if (!json_is_object(object)) {
		json_decref(object);
		return err_set(e, -EINVAL, "object: must be a JSON object");
	}
	(void)json_object_set_new(
		object, "sha", empty ? json_null() : json_string(j->revision.commit));
	if (wants(j, "card")) {
		json_t *card = empty ? json_object() : read_card(j);

		lift(object, card);
		(void)json_object_set_new(object, "cardData", card);
	}
	if (!empty && wants(j, "weights"))
		list_weights(j);
	buf_init(&b, 4u << 20);
	r = json_write(&b, object);
	json_decref(object);
	if (r == 0) /* all but the last '}' */
		(void)fwrite(b.data, 1, b.len - 1, j->body);
	buf_done(&b);
	if (r < 0)
		return err_set(e, r, "the card is too large");
	if (empty)
		(void)fputs(",\"siblings\":[]", j->body);
	else if (wants(j, "siblings"))
		r = write_files(j, e);
	(void)fputc('}', j->body);
	return r;
}

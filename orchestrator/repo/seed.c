#include "orchestrator/repo/seed.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "orchestrator/repo/attributes.h"
#include "orchestrator/repo/repo.h"

#define README "README.md"
#define README_MAX 8192

/* What Hugging Face tracks from the start, so that clients decide the same here and there. */
static const char *const large[] = {"*.7z", "*.arrow", "*.avro", "*.bin", "*.bz2", "*.ckpt",
	"*.ftz", "*.gguf", "*.gz", "*.h5", "*.joblib", "*.lz4", "*.mlmodel", "*.model", "*.msgpack",
	"*.npy", "*.npz", "*.onnx", "*.ot", "*.parquet", "*.pb", "*.pickle", "*.pkl", "*.pt",
	"*.pth", "*.rar", "*.safetensors", "saved_model/**/*", "*.tar.*", "*.tar", "*.tflite",
	"*.tgz", "*.wasm", "*.xz", "*.zip", "*.zst", "*tfevents*"};

static int put(struct draft *d, const struct seed_file *f, struct err *e)
{
	struct spool content;
	int r;

	spool_init(&content, draft_quarantine(d));
	r = spool_add(&content, f->content, strlen(f->content), e);
	if (r == 0)
		r = draft_put(d, f->path, &content, f->base64, e);
	spool_done(&content);
	return r;
}

static bool brings(const struct seed *s, const char *path)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->files[i].path, path))
			return true;
	return false;
}

static int put_attributes(struct draft *d, struct err *e)
{
	CLEANUP(buf_done) struct buf b;
	int r = 0;

	buf_init(&b, README_MAX);
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]) && r == 0; i++) {
		r = buf_add_str(&b, large[i]);
		if (r == 0)
			r = buf_add_str(&b, " filter=lfs diff=lfs merge=lfs -text\n");
	}
	if (r < 0)
		return err_set(e, r, "out of memory");
	return put(d, &(struct seed_file){ATTRIBUTES_NAME, buf_str(&b), false}, e);
}

/* A double-quoted scalar: whatever the text is, it is one value. */
static int add_line(struct buf *b, const char *key, const char *value)
{
	int r = value ? buf_add_str(b, key) : 0;

	if (!value || r < 0)
		return r;
	r = buf_add_str(b, ": \"");
	for (; *value && r == 0; value++) {
		if (strchr("\"\\", *value))
			r = buf_add_str(b, "\\");
		if (r == 0 && (unsigned char)*value >= ' ')
			r = buf_add(b, value, 1);
	}
	return r < 0 ? r : buf_add_str(b, "\"\n");
}

static int put_readme(struct draft *d, const struct seed *s, struct err *e)
{
	CLEANUP(buf_done) struct buf b;
	int r;

	buf_init(&b, README_MAX);
	r = buf_add_str(&b, "---\n");
	if (r == 0)
		r = add_line(&b, "title", s->space ? s->title : NULL);
	if (r == 0)
		r = add_line(&b, "sdk", s->space ? s->sdk : NULL);
	if (r == 0)
		r = add_line(&b, "license", s->license);
	if (r == 0)
		r = buf_add_str(&b, "---\n\n# ");
	if (r == 0)
		r = buf_add_str(&b, s->title);
	if (r == 0)
		r = buf_add_str(&b, "\n");
	if (r < 0)
		return err_set(e, -EINVAL, "license: is too long");
	return put(d, &(struct seed_file){README, buf_str(&b), false}, e);
}

int seed_draft(const char *path, const struct seed *s, struct draft **ret, struct err *e)
{
	CLEANUP(draft_freep) struct draft *d = NULL;
	int r = draft_open(path, REPO_MAIN, &d, e);

	for (size_t i = 0; i < s->n && r == 0; i++)
		r = put(d, &s->files[i], e);
	if (r == 0 && !brings(s, ATTRIBUTES_NAME))
		r = put_attributes(d, e);
	/* A model without a word about it has no card; a Space says what it is made with. */
	if (r == 0 && !brings(s, README) && (s->space || s->license))
		r = put_readme(d, s, e);
	if (r == 0)
		r = draft_seal(d, s->user, "initial commit", e);
	if (r == 0)
		*ret = TAKE_PTR(d);
	return r;
}

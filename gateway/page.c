#include "gateway/page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/frame.h"
#include "base/json.h"
#include "gateway/paint/paint.h"
#include "proto/constants.h"
#include "proto/messages.h"

#define TREE_BYTES_MAX (2u << 20)

struct page {
	unsigned refs;
	char bundle[65];
	char *title;       /* owned */
	struct buf tree;   /* JSON text */
	struct buf frames; /* TREE */
	struct buf paint;  /* HTML of its first paint, once it was asked for */
	bool painted;
	uint32_t *secrets;        /* owned; n_secrets nodes */
	struct gesture *handlers; /* owned */
	size_t n_secrets, n_handlers, n_nodes;
	bool presence;
	struct function_table functions; /* owned */
	bool has_functions;
};

static const struct {
	const char *name;
	uint8_t kind;
} event_names[] = {
	{"click", EVENT_CLICK},
	{"submit", EVENT_SUBMIT},
	{"change", EVENT_CHANGE},
	{"input", EVENT_INPUT},
	{"load", EVENT_LOAD},
	{"select", EVENT_SELECT},
	{"clear", EVENT_CLEAR},
	{"upload", EVENT_UPLOAD},
	{"example", EVENT_EXAMPLE},
	{"stream", EVENT_STREAM},
	{"stop", EVENT_STOP},
	{"unload", EVENT_UNLOAD},
	{"tick", EVENT_TICK},
	{"like", EVENT_LIKE},
	{"retry", EVENT_RETRY},
	{"undo", EVENT_UNDO},
	{"edit", EVENT_EDIT},
	{"focus", EVENT_FOCUS},
	{"blur", EVENT_BLUR},
	{"navigate", EVENT_NAVIGATE},
	{"close", EVENT_CLOSE},
	{"call", EVENT_CALL},
};

/* Arrays of a page are built once and small; growing by one keeps this simple. */
static int note_secret(struct page *p, uint32_t node)
{
	uint32_t *grown = reallocarray(p->secrets, p->n_secrets + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	grown[p->n_secrets++] = node;
	p->secrets = grown;
	return 0;
}

static int note_handler(struct page *p, uint32_t node, uint8_t kind, const json_t *h)
{
	struct gesture *grown = reallocarray(p->handlers, p->n_handlers + 1, sizeof(*grown));
	json_int_t concurrency = json_integer_value(json_object_get(h, "concurrency"));
	const json_t *id = json_object_get(h, "concurrency_id");

	if (!grown)
		return -ENOMEM;
	p->handlers = grown;
	grown[p->n_handlers++] = (struct gesture){.node = node,
		.kind = kind,
		.retry = json_is_true(json_object_get(h, "retry")),
		.parallel = json_is_true(json_object_get(h, "parallel")),
		.cancels = json_array_size(json_object_get(h, "cancels")) > 0,
		.concurrency =
			concurrency > 0 && concurrency < TASKS_MAX ? (uint32_t)concurrency : 0,
		.group = json_is_string(id)
				 ? crc32c(0, json_string_value(id), json_string_length(id)) | 1
				 : 0};
	return 0;
}

static int note_handlers(struct page *p, uint32_t node, const json_t *on)
{
	for (size_t i = 0; i < sizeof(event_names) / sizeof(*event_names); i++) {
		const json_t *h = json_object_get(on, event_names[i].name);

		if (json_is_object(h) && note_handler(p, node, event_names[i].kind, h) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int walk(struct page *p, const json_t *node, int depth, struct err *e)
{
	uint32_t n = (uint32_t)json_integer_value(json_object_get(node, "n"));
	const json_t *children = json_object_get(node, "children");
	size_t i;
	json_t *child;
	int r = 0;

	if (!json_is_object(node))
		return err_set(e, -EINVAL, "tree: a node must be an object");
	if (depth > TREE_DEPTH_MAX)
		return err_set(e, -EINVAL, "tree: deeper than %d", TREE_DEPTH_MAX);
	if (++p->n_nodes > TREE_NODES_MAX)
		return err_set(e, -EINVAL, "tree: more than %d nodes", TREE_NODES_MAX);
	if (json_is_true(json_object_get(json_object_get(node, "props"), "password")))
		r = note_secret(p, n);
	if (r == 0)
		r = note_handlers(p, n, json_object_get(node, "on"));
	json_array_foreach(children, i, child)
	{
		if (r == 0)
			r = walk(p, child, depth + 1, e);
	}
	return r;
}

static int write_frames(struct page *p, const json_t *tree)
{
	struct wire_tree m = {.bundle = p->bundle, .title = p->title, .tree = (json_t *)tree};
	struct frame f = {.type = WIRE_TREE};
	struct buf value;
	int r;

	buf_init(&value, TREE_BYTES_MAX);
	r = wire_tree_write(&m, &value);
	f.value = value.data;
	f.length = value.len;
	if (r == 0)
		r = frame_write(&p->frames, &f);
	buf_done(&value);
	return r;
}

static int keep_title(struct page *p, const json_t *tree, const char *space_title, struct err *e)
{
	const char *own = json_string_value(json_object_get(tree, "title"));

	if (own && strlen(own) > TITLE_MAX)
		return err_set(e, -EINVAL, "tree: title over %d bytes", TITLE_MAX);
	p->title = strdup(own && *own ? own : space_title);
	return p->title ? 0 : -ENOMEM;
}

int page_new(const char *bundle, const char *space_title, const json_t *tree, struct page **ret,
	struct err *e)
{
	CLEANUP(page_unrefp) struct page *p = calloc(1, sizeof(*p));
	const json_t *root = json_object_get(tree, "root");
	int r;

	if (!p)
		return -ENOMEM;
	p->refs = 1;
	buf_init(&p->tree, TREE_BYTES_MAX);
	buf_init(&p->frames, TREE_BYTES_MAX * 2);
	buf_init(&p->paint, PAINT_MAX);
	(void)snprintf(p->bundle, sizeof(p->bundle), "%s", bundle);
	r = keep_title(p, tree, space_title, e);
	if (r < 0)
		return r;
	p->presence = json_is_true(json_object_get(tree, "presence"));
	r = root ? walk(p, root, 1, e) : err_set(e, -EINVAL, "tree: no root");
	if (r == 0)
		r = note_handlers(p, 0, json_object_get(tree, "on"));
	if (r < 0)
		return r;
	if (json_write(&p->tree, tree) < 0 || write_frames(p, tree) < 0)
		return err_set(e, -EINVAL, "tree: over the limit of %u bytes", TREE_BYTES_MAX);
	*ret = TAKE_PTR(p);
	return 0;
}

static uint8_t kind_of(const char *event)
{
	for (size_t i = 0; i < sizeof(event_names) / sizeof(*event_names); i++)
		if (!strcmp(event_names[i].name, event))
			return event_names[i].kind;
	return 0;
}

int page_set_functions(struct page *p, json_t *api)
{
	int r = functions_read(api, kind_of, &p->functions);

	for (size_t i = 0; r == 0 && i < p->functions.n; i++) {
		const struct function *f = &p->functions.list[i];

		if (!page_gesture(p, f->node, f->kind))
			r = note_handler(p, f->node, f->kind, f->entry);
	}
	p->has_functions = r == 0 && api;
	return r;
}

const struct function_table *page_functions(const struct page *p)
{
	return p->has_functions ? &p->functions : NULL;
}

struct page *page_ref(struct page *p)
{
	if (p)
		p->refs++;
	return p;
}

struct page *page_unref(struct page *p)
{
	if (!p || --p->refs > 0)
		return NULL;
	free(p->title);
	buf_done(&p->tree);
	buf_done(&p->frames);
	buf_done(&p->paint);
	free(p->secrets);
	free(p->handlers);
	functions_done(&p->functions);
	free(p);
	return NULL;
}

const char *page_bundle(const struct page *p)
{
	return p->bundle;
}

const char *page_tree(const struct page *p)
{
	return buf_str(&p->tree);
}

const struct buf *page_tree_frames(const struct page *p)
{
	return &p->frames;
}

/* Made when the first visitor comes: most pages of a large platform are seen by nobody today. */
const struct buf *page_paint(struct page *p)
{
	json_t *tree;

	if (p->painted)
		return &p->paint;
	p->painted = true;
	tree = json_loadb(buf_str(&p->tree), p->tree.len, JSON_ALLOW_NUL, NULL);
	if (tree && paint_tree(p->title, tree, &p->paint) < 0)
		buf_done(&p->paint);
	json_decref(tree);
	return &p->paint;
}

bool page_is_secret(const struct page *p, uint32_t node)
{
	for (size_t i = 0; i < p->n_secrets; i++)
		if (p->secrets[i] == node)
			return true;
	return false;
}

bool page_wants_presence(const struct page *p)
{
	return p->presence;
}

const struct gesture *page_gesture(const struct page *p, uint32_t node, uint8_t kind)
{
	for (size_t i = 0; i < p->n_handlers; i++)
		if (p->handlers[i].node == node && p->handlers[i].kind == kind)
			return &p->handlers[i];
	return NULL;
}

bool page_may_retry(const struct page *p, uint32_t node, uint8_t kind)
{
	const struct gesture *h = page_gesture(p, node, kind);

	return h && h->retry;
}

#include "gateway/session/overlay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "gateway/session/json_text.h"
#include "proto/constants.h"
#include "proto/messages.h"

#define CELL_COST 64 /* what a cell weighs beside its bytes */

int patch_read(struct patch *p, const struct frame *f, struct err *e)
{
	const uint8_t *nul = f->length ? memchr(f->value, 0, f->length) : NULL;
	size_t path_length = nul ? (size_t)(nul - f->value) : 0;

	if (f->op < PATCH_SET || f->op > PATCH_REMOVE)
		return err_set(e, -EBADMSG, "PATCH op: %u is not known", f->op);
	if (!nul || path_length == 0 || path_length > PATCH_PATH_MAX)
		return err_set(
			e, -EBADMSG, "PATCH path: must be 1 to %d bytes and a NUL", PATCH_PATH_MAX);
	*p = (struct patch){
		.node = f->node,
		.op = f->op,
		.path = (const char *)f->value,
		.path_length = path_length,
		.value = nul + 1,
		.length = f->length - path_length - 1,
	};
	return 0;
}

void overlay_init(struct overlay *o)
{
	*o = (struct overlay){0};
}

static size_t cell_bytes(const struct cell *c)
{
	return CELL_COST + c->path_length + c->base_length + c->tail_length;
}

static void cell_done(struct cell *c)
{
	free(c->path);
	free(c->base);
	free(c->tail);
}

void overlay_done(struct overlay *o)
{
	for (size_t i = 0; i < o->n; i++)
		cell_done(&o->cells[i]);
	free(o->cells);
	overlay_init(o);
}

/* --- finding --- */

static struct cell *find_value(struct overlay *o, const struct patch *p, uint32_t hash)
{
	/* The newest cells are the likeliest: a stream appends to one of them. */
	for (size_t i = o->n; i-- > 0;) {
		struct cell *c = &o->cells[i];

		if (c->node == p->node && c->hash == hash && !c->removal &&
			c->path_length == p->path_length &&
			!memcmp(c->path, p->path, p->path_length))
			return c;
	}
	return NULL;
}

static bool is_below(const struct cell *c, const struct patch *p)
{
	return c->path_length > p->path_length && c->path[p->path_length] == '/' &&
	       !memcmp(c->path, p->path, p->path_length);
}

static bool is_same(const struct cell *c, const struct patch *p)
{
	return c->path_length == p->path_length && !memcmp(c->path, p->path, p->path_length);
}

/* The array index that starts at s and ends at n or '/'; -1 when it is none. */
static long index_at(const char *s, size_t n)
{
	long v = 0;
	size_t i = 0;

	for (; i < n && s[i] != '/'; i++) {
		if (s[i] < '0' || s[i] > '9' || i > 8)
			return -1;
		v = v * 10 + (s[i] - '0');
	}
	return i > 0 ? v : -1;
}

static bool is_later_sibling(const struct cell *c, const struct patch *p)
{
	const char *slash = memrchr(p->path, '/', p->path_length);
	size_t parent;
	long cut, here;

	if (!slash)
		return false;
	parent = (size_t)(slash - p->path) + 1;
	if (c->path_length <= parent || memcmp(c->path, p->path, parent))
		return false;
	cut = index_at(slash + 1, p->path_length - parent);
	here = index_at(c->path + parent, c->path_length - parent);
	return cut >= 0 && here > cut;
}

static bool goes_with(const struct cell *c, const struct patch *p)
{
	if (c->node != p->node)
		return false;
	if (is_below(c, p))
		return true;
	return p->op == PATCH_REMOVE && (is_same(c, p) || is_later_sibling(c, p));
}

static void sweep(struct overlay *o, const struct patch *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < o->n; i++) {
		if (goes_with(&o->cells[i], p)) {
			o->bytes -= cell_bytes(&o->cells[i]);
			cell_done(&o->cells[i]);
			continue;
		}
		if (kept != i)
			o->cells[kept] = o->cells[i];
		kept++;
	}
	o->n = kept;
}

/* --- changing --- */

static int reserve_cell(struct overlay *o)
{
	size_t cap = o->cap ? o->cap * 2 : 4;
	struct cell *grown;

	if (o->n < o->cap)
		return 0;
	if (o->n >= OVERLAY_CELLS_MAX)
		return -ENOSPC;
	grown = reallocarray(o->cells, cap, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	o->cells = grown;
	o->cap = cap;
	return 0;
}

static void *copy_bytes(const void *bytes, size_t n)
{
	void *copy = malloc(n ? n : 1);

	if (copy && n)
		memcpy(copy, bytes, n);
	return copy;
}

static int new_cell(struct overlay *o, const struct patch *p, uint32_t hash, struct cell **ret)
{
	int r = reserve_cell(o);
	char *path;

	if (r < 0)
		return r;
	path = copy_bytes(p->path, p->path_length);
	if (!path)
		return -ENOMEM;
	o->cells[o->n] = (struct cell){.node = p->node,
		.hash = hash,
		.removal = p->op == PATCH_REMOVE,
		.path = path,
		.path_length = (uint8_t)p->path_length};
	o->bytes += CELL_COST + p->path_length;
	*ret = &o->cells[o->n++];
	return 0;
}

static int apply_set(struct overlay *o, const struct patch *p, uint32_t hash)
{
	uint8_t *base = copy_bytes(p->value, p->length);
	struct cell *c;
	int r = 0;

	if (!base)
		return -ENOMEM;
	if (!find_value(o, p, hash))
		r = new_cell(o, p, hash, &c);
	if (r < 0) {
		free(base);
		return r;
	}
	sweep(o, p); /* moves cells, so the cell is looked up after it */
	c = find_value(o, p, hash);
	o->bytes -= c->base_length + c->tail_length;
	free(c->base);
	free(c->tail);
	c->tail = NULL;
	c->tail_length = c->tail_cap = 0;
	c->base = base;
	c->base_length = p->length;
	o->bytes += p->length;
	return 0;
}

static int apply_append(struct overlay *o, const struct patch *p, uint32_t hash)
{
	struct cell *c = find_value(o, p, hash);

	if (!c) {
		int r = new_cell(o, p, hash, &c);

		if (r < 0)
			return r;
	}
	if (c->tail_length + p->length > c->tail_cap) {
		size_t cap = c->tail_cap * 2 > c->tail_length + p->length
				     ? c->tail_cap * 2
				     : c->tail_length + p->length + 32;
		uint8_t *grown = realloc(c->tail, cap);

		if (!grown)
			return -ENOMEM;
		c->tail = grown;
		c->tail_cap = cap;
	}
	if (p->length)
		memcpy(c->tail + c->tail_length, p->value, p->length);
	c->tail_length += p->length;
	o->bytes += p->length;
	return 0;
}

static int apply_remove(struct overlay *o, const struct patch *p, uint32_t hash)
{
	struct cell *c;
	int r = reserve_cell(o);

	if (r < 0)
		return r;
	sweep(o, p);
	return new_cell(o, p, hash, &c);
}

static bool is_transient(const struct patch *p)
{
	return p->node == 0 && p->path_length >= 5 && !memcmp(p->path, "toast", 5) &&
	       (p->path_length == 5 || p->path[5] == '/');
}

int overlay_apply(struct overlay *o, const struct patch *p)
{
	uint32_t hash = crc32c(0, p->path, p->path_length);

	if (is_transient(p))
		return 0;
	switch (p->op) {
	case PATCH_SET:
		return apply_set(o, p, hash);
	case PATCH_APPEND:
		return apply_append(o, p, hash);
	default:
		return apply_remove(o, p, hash);
	}
}

static int copy_cell(struct cell *dest, const struct cell *src)
{
	*dest = *src;
	dest->path = copy_bytes(src->path, src->path_length);
	dest->base = src->base ? copy_bytes(src->base, src->base_length) : NULL;
	dest->tail = src->tail ? copy_bytes(src->tail, src->tail_length) : NULL;
	dest->tail_cap = src->tail_length;
	if (dest->path && (dest->base || !src->base) && (dest->tail || !src->tail))
		return 0;
	cell_done(dest);
	return -ENOMEM;
}

int overlay_copy(struct overlay *dest, const struct overlay *src)
{
	overlay_init(dest);
	if (src->n == 0)
		return 0;
	dest->cells = calloc(src->n, sizeof(*dest->cells));
	if (!dest->cells)
		return -ENOMEM;
	dest->cap = src->n;
	for (; dest->n < src->n; dest->n++) {
		if (copy_cell(&dest->cells[dest->n], &src->cells[dest->n]) < 0) {
			overlay_done(dest);
			return -ENOMEM;
		}
	}
	dest->bytes = src->bytes;
	return 0;
}

void overlay_drop(struct overlay *o, uint32_t node, const char *property)
{
	struct patch p = {.node = node,
		.op = PATCH_REMOVE,
		.path = property,
		.path_length = strlen(property)};

	sweep(o, &p);
}

/* --- writing --- */

static int write_patch(
	struct buf *b, const struct cell *c, uint8_t op, const uint8_t *value, size_t n)
{
	struct buf text;
	struct frame f = {.type = APP_PATCH, .op = op, .node = c->node};
	int r;

	buf_init(&text, c->path_length + 1 + n);
	r = buf_add(&text, c->path, c->path_length);
	if (r == 0)
		r = buf_add(&text, "", 1);
	if (r == 0 && n)
		r = buf_add(&text, value, n);
	f.value = text.data;
	f.length = text.len;
	if (r == 0)
		r = frame_write(b, &f);
	buf_done(&text);
	return r;
}

int overlay_write_frames(const struct overlay *o, struct buf *b)
{
	for (size_t i = 0; i < o->n; i++) {
		const struct cell *c = &o->cells[i];
		int r = 0;

		if (c->removal)
			r = write_patch(b, c, PATCH_REMOVE, NULL, 0);
		if (r == 0 && c->base)
			r = write_patch(b, c, PATCH_SET, c->base, c->base_length);
		if (r == 0 && c->tail_length)
			r = write_patch(b, c, PATCH_APPEND, c->tail, c->tail_length);
		if (r < 0)
			return r;
	}
	return 0;
}

static int write_entry(struct buf *b, const struct cell *c, uint8_t op, bool *first)
{
	int r = buf_addf(b, "%s[%u,", *first ? "" : ",", c->node);

	*first = false;
	if (r == 0)
		r = json_text_quote(b, c->path, c->path_length);
	if (r == 0)
		r = buf_addf(b, ",%u,", op);
	if (r < 0)
		return r;
	if (op == PATCH_SET)
		r = buf_add(b, c->base, c->base_length);
	else if (op == PATCH_APPEND)
		r = json_text_quote(b, c->tail, c->tail_length);
	else
		r = buf_add_str(b, "null");
	return r < 0 ? r : buf_add(b, "]", 1);
}

int overlay_write_json(const struct overlay *o, struct buf *b)
{
	bool first = true;
	int r = buf_add(b, "[", 1);

	for (size_t i = 0; r == 0 && i < o->n; i++) {
		const struct cell *c = &o->cells[i];

		if (c->removal)
			r = write_entry(b, c, PATCH_REMOVE, &first);
		if (r == 0 && c->base)
			r = write_entry(b, c, PATCH_SET, &first);
		if (r == 0 && c->tail_length)
			r = write_entry(b, c, PATCH_APPEND, &first);
	}
	return r < 0 ? r : buf_add(b, "]", 1);
}

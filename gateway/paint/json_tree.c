#include "gateway/paint/json_tree.h"

#include <stdlib.h>

#include "proto/constants.h"

struct tree {
	struct out *o;
	unsigned left; /* values that may still be painted */
};

/* Where a value stands. */
struct at {
	const char *name; /* NULL: an item of a list, or the whole */
	size_t index;     /* of an item */
	bool item;
	int open, depth;
};

static void put_name(struct tree *t, const struct at *at)
{
	if (!at->name && !at->item)
		return;
	out_markup(t->o, "<span class=\"json-name\">");
	if (at->name)
		out_text(t->o, at->name);
	else
		out_markupf(t->o, "%zu", at->index);
	out_markup(t->o, ": </span>");
}

static const char *class_of(const json_t *v)
{
	return json_is_string(v)    ? "string"
	       : json_is_number(v)  ? "number"
	       : json_is_boolean(v) ? "boolean"
				    : "null";
}

static void paint_leaf(struct tree *t, const json_t *v, const struct at *at)
{
	char *text = json_dumps(v, JSON_ENCODE_ANY);

	out_markup(t->o, "<div class=\"json-leaf\">");
	put_name(t, at);
	out_markupf(t->o, "<span class=\"json-%s\">", class_of(v));
	out_text(t->o, text);
	out_markup(t->o, "</span></div>");
	free(text);
}

static void paint_value(struct tree *t, const json_t *v, const struct at *at);

static void paint_members(struct tree *t, const json_t *v, const struct at *at)
{
	struct at below = {.open = at->open - 1, .depth = at->depth + 1};
	const char *name;
	json_t *member;

	json_object_foreach((json_t *)v, name, member)
	{
		below.name = name;
		paint_value(t, member, &below);
	}
	below.item = true;
	below.name = NULL;
	json_array_foreach(v, below.index, member)
	{
		paint_value(t, member, &below);
	}
}

static void paint_value(struct tree *t, const json_t *v, const struct at *at)
{
	size_t n = json_is_array(v) ? json_array_size(v) : json_object_size(v);
	bool list = json_is_array(v);

	if (t->left == 0 || at->depth > SESSION_IMAGE_DEPTH_MAX || t->o->error < 0)
		return;
	t->left--;
	if (n == 0) {
		paint_leaf(t, v, at);
		return;
	}
	out_markup(t->o, at->open > 0 ? "<details open><summary>" : "<details><summary>");
	put_name(t, at);
	out_markupf(t->o, "<span class=\"json-null\">%s%zu%s</span></summary>", list ? "[" : "{", n,
		list ? "]" : "}");
	out_markup(t->o, "<div class=\"json-members\">");
	paint_members(t, v, at);
	out_markup(t->o, "</div></details>");
}

void json_tree_paint(struct out *o, const json_t *value, int open)
{
	struct tree t = {o, JSON_TREE_MAX};

	paint_value(&t, value, &(struct at){.open = open});
}

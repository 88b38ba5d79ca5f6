#include "gateway/paint/paint.h"

#include <math.h>
#include <string.h>

#include "gateway/paint/widgets.h"
#include "proto/constants.h"

/* Where a node stands among others. */
enum place { IN_COLUMN, IN_ROW };

static void paint_node(struct out *o, const json_t *node, enum place place, int depth);

static const char *type_of(const json_t *node)
{
	const char *type = json_string_value(json_object_get(node, "type"));

	return type ? type : "";
}

static bool has_type(const json_t *node, const char *type)
{
	return !strcmp(type_of(node), type);
}

static void paint_children(struct out *o, const json_t *node, enum place place, int depth)
{
	const json_t *children = json_object_get(node, "children");
	size_t i;
	json_t *child;

	json_array_foreach(children, i, child)
	{
		paint_node(o, child, place, depth);
	}
}

/* ui/src/widgets/row.tsx and column.tsx */
static const char *gap_of(const json_t *props)
{
	static const char *const gaps[] = {"none", "small", "medium", "large"};
	const char *gap = json_string_value(json_object_get(props, "gap"));

	for (size_t i = 0; gap && i < sizeof(gaps) / sizeof(*gaps); i++)
		if (!strcmp(gap, gaps[i]))
			return gaps[i];
	return "medium";
}

static void paint_row(struct out *o, const json_t *node, int depth)
{
	const json_t *children = json_object_get(node, "children");
	bool panels = false, buttons = json_array_size(children) > 0;
	size_t i;
	json_t *child;

	json_array_foreach(children, i, child)
	{
		panels = panels || has_type(child, "column");
		buttons = buttons && has_type(child, "button");
	}
	out_markupf(o, "<div class=\"row gap-%s%s%s\">", gap_of(json_object_get(node, "props")),
		panels ? " panels" : "", panels || buttons ? " even" : "");
	paint_children(o, node, IN_ROW, depth + 1);
	out_markup(o, "</div>");
}

static void paint_column(struct out *o, const json_t *node, int depth)
{
	out_markupf(o, "<div class=\"column gap-%s\">", gap_of(json_object_get(node, "props")));
	paint_children(o, node, IN_COLUMN, depth + 1);
	out_markup(o, "</div>");
}

/* Tabs, folds and the like lie open below each other, each with its name above. */
static void paint_container(struct out *o, const json_t *node, int depth)
{
	const char *label =
		json_string_value(json_object_get(json_object_get(node, "props"), "label"));

	if (label) {
		out_markup(o, "<p class=\"field-label\">");
		out_text(o, label);
		out_markup(o, "</p>");
	}
	paint_column(o, node, depth);
}

/* ui/src/widgets/pages.tsx: the first one; the others have addresses of their own. */
static void paint_pages(struct out *o, const json_t *node, int depth)
{
	const json_t *first = json_array_get(json_object_get(node, "children"), 0);

	if (first)
		paint_column(o, first, depth + 1);
}

/* ui/src/widgets/node.tsx: its share of a row. */
static void put_share(struct out *o, const json_t *node, const json_t *props)
{
	const json_t *scale = json_object_get(props, "scale");
	const json_t *min_width = json_object_get(props, "min_width");
	double grow = json_is_number(scale) ? fmin(json_number_value(scale), 10000) : 1,
	       width = 168;

	if (has_type(node, "column"))
		width = json_is_number(min_width) ? fmin(json_number_value(min_width), 10000) : 320;
	else if (has_type(node, "button"))
		width = 112;
	if (grow <= 0)
		out_markup(o, " style=\"flex: 0 0 auto\"");
	else
		out_markupf(o, " style=\"flex: %.4g 1 min(100%%, %.0fpx)\"", grow, width);
}

/* A word of ours as a class; anything else stays out of the markup. */
static bool is_word(const char *type)
{
	size_t n = strspn(type, "abcdefghijklmnopqrstuvwxyz_");

	return n > 0 && n < 32 && type[n] == '\0';
}

static void paint_node(struct out *o, const json_t *node, enum place place, int depth)
{
	const json_t *props = json_object_get(node, "props");
	struct widget w = {
		type_of(node), props, (unsigned)json_integer_value(json_object_get(node, "n"))};

	if (json_is_false(json_object_get(props, "visible")) || depth > TREE_DEPTH_MAX ||
		o->error < 0)
		return;
	out_markupf(o, "<div class=\"node is-%s\"", is_word(w.type) ? w.type : "unknown");
	if (place == IN_ROW)
		put_share(o, node, props);
	out_markup(o, ">");
	if (has_type(node, "row"))
		paint_row(o, node, depth);
	else if (has_type(node, "column"))
		paint_column(o, node, depth);
	else if (has_type(node, "pages"))
		paint_pages(o, node, depth);
	else if (json_array_size(json_object_get(node, "children")) > 0)
		paint_container(o, node, depth);
	else
		(void)widget_paint(o, &w);
	out_markup(o, "</div>");
}

int paint_tree(const char *title, const json_t *tree, struct buf *ret)
{
	struct out o = {ret, 0};
	size_t before = ret->len;

	if (title && *title) {
		out_markup(&o, "<h1 class=\"space-title\">");
		out_text(&o, title);
		out_markup(&o, "</h1>");
	}
	paint_node(&o, json_object_get(tree, "root"), IN_COLUMN, 1);
	if (o.error < 0 && ret->data) {
		ret->len = before;
		ret->data[before] = '\0';
	}
	return o.error;
}

static void paint_main(struct out *o, const struct buf *inside)
{
	out_markup(o,
		"<main id=\"main\" class=\"space\" tabindex=\"-1\"><noscript>"
		"<p class=\"note no-script\">This page is an app. You can read it; to use it, "
		"your browser needs JavaScript.</p></noscript>");
	if (o->error == 0 && inside && inside->len > 0)
		o->error = buf_add(o->html, inside->data, inside->len);
	out_markup(o, "</main>");
}

/* As ui/src/pages/preview_bar.tsx draws it, without what it learns later. */
static void paint_preview(struct out *o, const struct paint_place *place)
{
	out_markup(o, "<aside class=\"preview-bar\" aria-label=\"Preview\"><p><b>Preview</b> of "
		      "branch <code>");
	out_text(o, place->branch);
	out_markupf(o,
		"</code></p><p class=\"preview-acts\"><a href=\"%s/spaces/%s/%s\">Live Space</a>"
		"</p></aside>",
		place->platform, place->owner, place->of);
}

int paint_page(const struct paint_place *place, const struct buf *inside, struct buf *ret)
{
	const char *name = *place->of ? place->of : place->name;
	struct out o = {ret, 0};

	out_markup(&o,
		"<a class=\"skip\" href=\"#main\">Skip to the app</a><header class=\"header\">"
		"<a class=\"brand\" href=\"");
	out_text(&o, place->platform);
	out_markup(&o, "/\" aria-label=\"Vitrine: all Spaces\">"
		       "<svg class=\"mark\" viewBox=\"0 0 24 24\" aria-hidden=\"true\">"
		       "<path class=\"pane\" d=\"M4.5 4.5h15v15h-15z\"></path></svg>"
		       "<span class=\"brand-name narrow-hidden\">Vitrine</span></a>"
		       "<nav class=\"where\" aria-label=\"Space\"><span class=\"where-owner\">");
	out_text(&o, place->owner);
	out_markup(
		&o, "</span><span class=\"where-slash\" aria-hidden=\"true\">/</span><a href=\"");
	out_markupf(&o, "%s/spaces/%s/%s", place->platform, place->owner, name);
	out_markup(&o, "\" aria-current=\"page\">");
	out_text(&o, name);
	out_markup(&o,
		"</a></nav><div class=\"header-end\"><span class=\"icon-button\"></span></div>"
		"</header>");
	if (*place->of)
		paint_preview(&o, place);
	paint_main(&o, inside);
	return o.error;
}

int paint_embed(const struct buf *inside, struct buf *ret)
{
	struct out o = {ret, 0};

	paint_main(&o, inside);
	return o.error;
}

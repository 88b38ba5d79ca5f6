#include "gateway/paint/widgets.h"

#include <math.h>
#include <string.h>

#include "gateway/paint/json_tree.h"
#include "gateway/paint/prose.h"

/* --- properties --- */

static const char *text_of(const struct widget *w, const char *prop)
{
	return json_string_value(json_object_get(w->props, prop));
}

static double number_of(const struct widget *w, const char *prop, double otherwise)
{
	const json_t *v = json_object_get(w->props, prop);

	return json_is_number(v) ? json_number_value(v) : otherwise;
}

static bool is_true(const struct widget *w, const char *prop)
{
	return json_is_true(json_object_get(w->props, prop));
}

static const json_t *value_of(const struct widget *w)
{
	return json_object_get(w->props, "value");
}

/* The visitor may change it once the script is there: it looks as it will look then. */
static bool is_live(const struct widget *w)
{
	return !json_is_false(json_object_get(w->props, "interactive"));
}

/* A plain value in words; what is none is nothing. */
static void put_plain(struct out *o, const json_t *v)
{
	if (json_is_string(v))
		out_text(o, json_string_value(v));
	else if (json_is_integer(v))
		out_markupf(o, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_real(v))
		out_markupf(o, "%.15g", json_real_value(v));
	else if (json_is_boolean(v))
		out_markup(o, json_is_true(v) ? "Yes" : "No");
}

/* --- the frame: ui/src/widgets/field.tsx --- */

enum frame_kind { CONTROL, GROUP, COPIED /* a group with a button that copies */ };

static void begin_field(
	struct out *o, const struct widget *w, enum frame_kind kind, const char *class)
{
	const char *label = text_of(w, "label"), *info = text_of(w, "info");
	const char *tag = kind == CONTROL ? "label" : "div";

	out_markupf(o, "<div class=\"field%s%s\"", class ? " " : "", class ? class : "");
	if (kind != CONTROL)
		out_markup(o, " role=\"group\"");
	if (kind != CONTROL && label)
		out_markupf(o, " aria-labelledby=\"c%u-label\"", w->n);
	out_markup(o, ">");
	if (label) {
		out_markupf(o,
			"<div class=\"field-head\"><%s class=\"field-label\" id=\"c%u-label\"", tag,
			w->n);
		if (kind == CONTROL)
			out_markupf(o, " for=\"c%u\"", w->n);
		out_markup(o, ">");
		out_text(o, label);
		out_markupf(o, "</%s>%s</div>", tag,
			kind == COPIED ? "<span class=\"chip-button quiet\"></span>" : "");
	}
	if (info) {
		out_markupf(o, "<p class=\"field-info\" id=\"c%u-info\">", w->n);
		out_text(o, info);
		out_markup(o, "</p>");
	}
	out_markup(o, "<div class=\"field-body\">");
}

static void end_field(struct out *o)
{
	out_markup(o, "</div></div>");
}

/* What a control says about itself; its tag stays open. */
static void put_control(struct out *o, const struct widget *w)
{
	out_markupf(o, " id=\"c%u\"", w->n);
	if (!text_of(w, "label"))
		out_attribute(o, "aria-label", w->type);
}

static void put_nothing(struct out *o, const char *words)
{
	out_markupf(o, "<p class=\"nothing\">%s</p>", words);
}

/* --- inputs --- */

static void paint_textbox(struct out *o, const struct widget *w)
{
	bool submit = is_true(w, "submit"), secret = is_true(w, "password");
	int lines = (int)fmin(fmax(number_of(w, "lines", 1), 1), 100);

	begin_field(o, w, CONTROL, submit ? "composer" : NULL);
	if (!secret && (submit || lines > 1)) {
		out_markupf(o, "<textarea class=\"input%s\" readonly", is_live(w) ? " live" : "");
		put_control(o, w);
		out_markupf(o, " rows=\"%d\"", lines);
		out_attribute(o, "placeholder", text_of(w, "placeholder"));
		out_markup(o, ">\n");
		put_plain(o, value_of(w));
		out_markup(o, "</textarea>");
	} else {
		out_markupf(o, "<input type=\"%s\" class=\"input%s\" readonly",
			secret ? "password" : "text", is_live(w) ? " live" : "");
		put_control(o, w);
		out_attribute(o, "placeholder", text_of(w, "placeholder"));
		out_attribute(o, "value", secret ? NULL : json_string_value(value_of(w)));
		out_markup(o, ">");
	}
	end_field(o);
}

static void put_number_attribute(struct out *o, const char *name, const json_t *v)
{
	if (!json_is_number(v))
		return;
	out_markupf(o, " %s=\"", name);
	put_plain(o, v);
	out_markup(o, "\"");
}

static void paint_number(struct out *o, const struct widget *w)
{
	begin_field(o, w, CONTROL, NULL);
	out_markupf(o, "<input type=\"number\" class=\"input number%s\" step=\"any\" readonly",
		is_live(w) ? " live" : "");
	put_control(o, w);
	put_number_attribute(o, "value", value_of(w));
	out_markup(o, ">");
	end_field(o);
}

static void paint_slider(struct out *o, const struct widget *w)
{
	double min = number_of(w, "min", 0), max = number_of(w, "max", 100);
	double value = fmin(fmax(number_of(w, "value", min), min), max);
	double at = 100 * (value - min) / fmax(max - min, 1e-9);

	out_markup(o, "<div class=\"field\"><div class=\"field-head\">");
	if (text_of(w, "label")) {
		out_markupf(o, "<label class=\"field-label\" id=\"c%u-label\" for=\"c%u\">", w->n,
			w->n);
		out_text(o, text_of(w, "label"));
		out_markup(o, "</label>");
	}
	out_markupf(o,
		"<input type=\"number\" class=\"input slider-number live\" aria-label=\"value\" "
		"step=\"any\" "
		"value=\"%.15g\" disabled></div>",
		value);
	if (text_of(w, "info")) {
		out_markup(o, "<p class=\"field-info\">");
		out_text(o, text_of(w, "info"));
		out_markup(o, "</p>");
	}
	out_markup(
		o, "<div class=\"field-body\"><input type=\"range\" class=\"slider\" step=\"any\"");
	put_control(o, w);
	out_markupf(o,
		" min=\"%.15g\" max=\"%.15g\" value=\"%.15g\" style=\"--at: %.4f%%\" disabled>",
		min, max, value, at);
	out_markupf(o,
		"<div class=\"slider-ends\" "
		"aria-hidden=\"true\"><span>%.15g</span><span>%.15g</span>"
		"</div>",
		min, max);
	end_field(o);
}

static void paint_checkbox(struct out *o, const struct widget *w)
{
	out_markup(o, "<div class=\"field\"><label class=\"check\"><input type=\"checkbox\"");
	out_markup(o, is_live(w) ? " tabindex=\"-1\"" : " disabled");
	put_control(o, w);
	out_markup(o, json_is_true(value_of(w)) ? " checked><span>" : "><span>");
	out_text(o, text_of(w, "label"));
	out_markup(o, "</span></label>");
	if (text_of(w, "info")) {
		out_markup(o, "<p class=\"field-info\">");
		out_text(o, text_of(w, "info"));
		out_markup(o, "</p>");
	}
	out_markup(o, "</div>");
}

/* A choice is a text or {label, value}. */
static const char *choice_part(const json_t *choice, const char *part)
{
	const char *own = json_string_value(json_object_get(choice, part));

	return json_is_string(choice) ? json_string_value(choice) : own ? own : "";
}

/* What is chosen, as the keys of an object: an app may have as many values as choices, and each of
 * these is looked up. */
static json_t *chosen_of(const struct widget *w)
{
	const json_t *value = value_of(w);
	json_t *chosen = json_object(), *item;
	size_t i;

	if (json_is_string(value))
		(void)json_object_set_new(chosen, json_string_value(value), json_true());
	json_array_foreach(value, i, item)
	{
		if (i == PAINT_ITEMS_MAX)
			break;
		if (json_is_string(item))
			(void)json_object_set_new(chosen, json_string_value(item), json_true());
	}
	return chosen;
}

static bool is_chosen(const json_t *choice, const json_t *chosen)
{
	return json_object_get(chosen, choice_part(choice, "value"));
}

static void paint_radio(struct out *o, const struct widget *w)
{
	const json_t *choices = json_object_get(w->props, "choices");
	json_t *chosen = chosen_of(w), *choice;
	size_t i;

	begin_field(o, w, GROUP, NULL);
	out_markup(o, "<div class=\"radios\">");
	json_array_foreach(choices, i, choice)
	{
		if (i == PAINT_ITEMS_MAX)
			break;
		out_markupf(o, "<label class=\"radio\"><input type=\"radio\" %s%s><span>",
			is_live(w) ? "tabindex=\"-1\"" : "disabled",
			is_chosen(choice, chosen) ? " checked" : "");
		out_text(o, choice_part(choice, "label"));
		out_markup(o, "</span></label>");
	}
	json_decref(chosen);
	out_markup(o, "</div>");
	end_field(o);
}

static void put_chosen(struct out *o, const struct widget *w, const char *before, const char *after)
{
	const json_t *choices = json_object_get(w->props, "choices");
	json_t *chosen = chosen_of(w), *choice;
	size_t i, shown = 0;

	json_array_foreach(choices, i, choice)
	{
		if (shown == PAINT_ITEMS_MAX)
			break;
		if (!is_chosen(choice, chosen))
			continue;
		shown++;
		out_markup(o, before);
		out_text(o, choice_part(choice, "label"));
		out_markup(o, after);
	}
	json_decref(chosen);
	if (shown > 0)
		return;
	out_markup(o, before);
	out_text(o, text_of(w, "placeholder") ? text_of(w, "placeholder") : "Choose…");
	out_markup(o, after);
}

static void paint_dropdown(struct out *o, const struct widget *w)
{
	bool several = is_true(w, "multiple");

	begin_field(o, w, several ? GROUP : CONTROL, NULL);
	if (several) {
		out_markup(o, "<div class=\"several\"><div class=\"several-chosen\">");
		put_chosen(o, w, "<span class=\"chip\">", "</span>");
		out_markup(o, "</div></div>");
	} else {
		out_markup(o, "<div class=\"select\"><select class=\"input\" disabled");
		put_control(o, w);
		out_markup(o, ">");
		put_chosen(o, w, "<option>", "</option>");
		out_markup(o, "</select></div>");
	}
	end_field(o);
}

static void paint_button(struct out *o, const struct widget *w)
{
	const char *variant = text_of(w, "variant"), *words = json_string_value(value_of(w));

	if (!variant || (strcmp(variant, "primary") != 0 && strcmp(variant, "stop") != 0))
		variant = "secondary";
	out_markupf(o, "<div class=\"action\"><button type=\"button\" class=\"button %s\" disabled",
		variant);
	out_markupf(o, " id=\"c%u\"><span class=\"spinner\"></span><span>", w->n);
	out_text(o, words && *words ? words : text_of(w, "label") ? text_of(w, "label") : "Run");
	out_markup(o, "</span></button></div>");
}

static void put_example(struct out *o, const json_t *v)
{
	const char *name = json_string_value(json_object_get(v, "name"));

	if (name)
		out_text(o, name);
	else
		put_plain(o, v);
}

static void put_example_row(struct out *o, const json_t *row, size_t columns)
{
	out_markup(o, "<tr>");
	for (size_t i = 0; i < columns; i++) {
		out_markup(o, i == 0 ? "<td><button type=\"button\" disabled>" : "<td>");
		put_example(o, json_array_get(row, i));
		out_markup(o, i == 0 ? "</button></td>" : "</td>");
	}
	out_markup(o, "</tr>");
}

static void put_examples(struct out *o, const json_t *rows, size_t columns)
{
	size_t i;
	json_t *row;

	out_markup(o, columns > 1 ? "<div class=\"table-scroll\"><table class=\"examples\"><tbody>"
				  : "<div class=\"chips\">");
	json_array_foreach(rows, i, row)
	{
		if (i == PAINT_ITEMS_MAX)
			break;
		if (columns > 1) {
			put_example_row(o, row, columns);
			continue;
		}
		out_markup(o, "<button type=\"button\" class=\"chip\" disabled>");
		put_example(o, json_is_array(row) ? json_array_get(row, 0) : row);
		out_markup(o, "</button>");
	}
	out_markup(o, columns > 1 ? "</tbody></table></div>" : "</div>");
}

static void paint_examples(struct out *o, const struct widget *w)
{
	const json_t *rows = json_object_get(w->props, "rows");
	size_t columns = json_array_size(json_object_get(w->props, "inputs"));

	if (json_array_size(rows) == 0)
		return;
	out_markup(o, "<div class=\"field\" role=\"group\"><div class=\"field-head\">"
		      "<div class=\"field-label\">");
	out_text(o, text_of(w, "label") ? text_of(w, "label") : "Examples");
	out_markup(o, "</div></div><div class=\"field-body\">");
	put_examples(o, rows, columns < 20 ? columns : 20);
	end_field(o);
}

/* --- outputs --- */

static void paint_markdown(struct out *o, const struct widget *w)
{
	const char *text = json_string_value(value_of(w));

	begin_field(o, w, GROUP, "markdown");
	out_markup(o, "<div>");
	prose_paint(o, text ? text : "");
	out_markup(o, "</div>");
	end_field(o);
}

static void put_confidence(struct out *o, const json_t *row)
{
	double part = json_number_value(json_object_get(row, "confidence"));

	out_markup(o, "<li><span class=\"bar-label\">");
	put_plain(o, json_object_get(row, "label"));
	part = fmin(fmax(part, 0), 1);
	out_markupf(o,
		"</span><span class=\"bar-percent\">%.1f %%</span><span class=\"bar\">"
		"<span style=\"width: %.1f%%\"></span></span></li>",
		100 * part, 100 * part);
}

static void paint_label(struct out *o, const struct widget *w)
{
	const json_t *name = json_object_get(value_of(w), "label");
	const json_t *rows = json_object_get(value_of(w), "confidences");
	size_t top = (size_t)fmin(fmax(number_of(w, "top", 5), 0), PAINT_ITEMS_MAX), i;
	json_t *row;

	begin_field(o, w, GROUP, "verdict");
	out_markup(o, "<div>");
	if (name) {
		out_markup(o, "<p class=\"verdict-top\">");
		put_plain(o, name);
		out_markup(o, "</p><ul class=\"bars\">");
		json_array_foreach(rows, i, row)
		{
			if (i < top)
				put_confidence(o, row);
		}
		out_markup(o, "</ul>");
	} else {
		put_nothing(o, "No result yet");
	}
	out_markup(o, "</div>");
	end_field(o);
}

static void paint_json(struct out *o, const struct widget *w)
{
	const json_t *v = value_of(w);
	bool some = v && !json_is_null(v);

	begin_field(o, w, some ? COPIED : GROUP, NULL);
	out_markup(o, "<div class=\"json\">");
	if (some)
		json_tree_paint(o, v, (int)fmin(fmax(number_of(w, "open", 2), 0), 100));
	else
		put_nothing(o, "No value yet");
	out_markup(o, "</div>");
	end_field(o);
}

/* Paper to draw on, and a line of tools. */
static void paint_pad(struct out *o, const struct widget *w, double side, bool square)
{
	side = fmin(fmax(side, 0), 10000);
	begin_field(o, w, GROUP, NULL);
	out_markup(o, "<div class=\"pad\"><div class=\"pad-paper\" style=\"");
	if (square)
		out_markupf(o, "width: min(100%%, %.0fpx); aspect-ratio: 1", side);
	else
		out_markupf(o, "height: %.0fpx", side);
	out_markup(o, "\"></div><div class=\"pad-tools\"><span class=\"chip-button\"></span></div>"
		      "</div>");
	end_field(o);
}

static void paint_sketch(struct out *o, const struct widget *w)
{
	paint_pad(o, w, number_of(w, "height", 280), true);
}

/* Sound and film come with the visitor's session. */
static void paint_recording(struct out *o, const struct widget *w)
{
	bool sound = !strcmp(w->type, "audio");

	begin_field(o, w, GROUP, NULL);
	if (is_true(w, "upload") && is_live(w))
		out_markupf(o,
			"<div class=\"upload media-drop\"><span class=\"upload-hint\"><svg "
			"class=\"icon\"></svg><span><b>%s</b><br>or drop one "
			"here</span></span></div>",
			sound ? "Choose a sound" : "Choose a film");
	else if (!is_live(w) || !(is_true(w, "microphone") || is_true(w, "webcam")))
		put_nothing(o, sound ? "No sound yet" : "No film yet");
	end_field(o);
}

static void paint_image(struct out *o, const struct widget *w)
{
	bool upload = (is_true(w, "upload") || is_true(w, "webcam")) && is_live(w);
	double height = number_of(w, "height", 0);

	if (is_true(w, "sketch") && is_live(w)) {
		paint_pad(o, w, number_of(w, "height", 320), false);
		return;
	}

	begin_field(o, w, GROUP, NULL);
	out_markup(o, upload ? "<div class=\"upload\"" : "<figure class=\"picture\"");
	if (height > 0 && height < 10000)
		out_markupf(o, " style=\"height: %.0fpx\"", height);
	if (upload) {
		out_markup(o,
			"><span class=\"upload-hint\"><svg class=\"icon\"></svg><span>"
			"<b>Choose a picture</b><br>or drop or paste one here</span></span></div>");
	} else {
		out_markup(o, "><figcaption class=\"nothing\"><svg class=\"icon\"></svg>");
		out_text(o, text_of(w, "alt") ? text_of(w, "alt") : "No picture yet");
		out_markup(o, "</figcaption></figure>");
	}
	end_field(o);
}

static void put_words(struct out *o, const char *text, bool mine)
{
	if (!text)
		return;
	if (!mine) {
		prose_paint(o, text);
		return;
	}
	out_markup(o, "<p class=\"source\">");
	out_text(o, text);
	out_markup(o, "</p>");
}

static void put_turn(struct out *o, const json_t *turn)
{
	const char *role = json_string_value(json_object_get(turn, "role"));
	const char *content = json_string_value(json_object_get(turn, "content"));
	bool mine = role && !strcmp(role, "user");
	const json_t *part;
	size_t i;

	out_markup(
		o, mine ? "<article class=\"turn user\">" : "<article class=\"turn assistant\">");
	out_markup(o, "<div class=\"turn-body\"><div class=\"bubble\">");
	put_words(o, content, mine);
	json_array_foreach(json_object_get(turn, "content"), i, part)
	{
		/* What is folded, and files, wait for the script. */
		if (!json_object_get(part, "title"))
			put_words(o, json_string_value(json_object_get(part, "text")), mine);
	}
	out_markup(o, "</div></div></article>");
}

static void paint_chatbot(struct out *o, const struct widget *w)
{
	const json_t *turns = value_of(w);
	const char *placeholder = text_of(w, "placeholder");
	size_t i;
	json_t *turn;

	begin_field(o, w, GROUP, "chat");
	out_markupf(o, "<div class=\"chat-log\" style=\"height: min(%.0fpx, 70vh)\">",
		fmin(fmax(number_of(w, "height", 420), 0), 10000));
	out_markup(o, "<div class=\"chat-turns\">");
	if (json_array_size(turns) == 0) {
		out_markup(o, "<div class=\"chat-empty\">");
		if (placeholder)
			prose_paint(o, placeholder);
		else
			out_markup(o, "<p>Nothing said yet. Say something.</p>");
		out_markup(o, "</div>");
	}
	json_array_foreach(turns, i, turn)
	{
		if (i < PAINT_ITEMS_MAX)
			put_turn(o, turn);
	}
	out_markup(o, "</div></div>");
	end_field(o);
}

static void paint_code(struct out *o, const struct widget *w)
{
	begin_field(o, w, GROUP, NULL);
	out_markup(o, "<pre><code>");
	put_plain(o, value_of(w));
	out_markup(o, "</code></pre>");
	end_field(o);
}

/* What is not seen at all. */
static void paint_unseen(struct out *o, const struct widget *w)
{
	(void)o;
	(void)w;
}

/* A frame without its value, which is more than words. */
static void paint_frame(struct out *o, const struct widget *w)
{
	begin_field(o, w, GROUP, NULL);
	end_field(o);
}

static const struct {
	const char *type;
	void (*paint)(struct out *o, const struct widget *w);
} painters[] = {
	{"textbox", paint_textbox},
	{"number", paint_number},
	{"slider", paint_slider},
	{"checkbox", paint_checkbox},
	{"radio", paint_radio},
	{"checkbox_group", paint_radio},
	{"dropdown", paint_dropdown},
	{"button", paint_button},
	{"upload_button", paint_button},
	{"download_button", paint_button},
	{"examples", paint_examples},
	{"label", paint_label},
	{"markdown", paint_markdown},
	{"json", paint_json},
	{"image", paint_image},
	{"sketch", paint_sketch},
	{"audio", paint_recording},
	{"video", paint_recording},
	{"chatbot", paint_chatbot},
	{"code", paint_code},
	{"html", paint_frame},
	{"progress", paint_unseen},
	{"state", paint_unseen},
	{"timer", paint_unseen},
};

bool widget_paint(struct out *o, const struct widget *w)
{
	for (size_t i = 0; i < sizeof(painters) / sizeof(*painters); i++) {
		if (strcmp(painters[i].type, w->type) != 0)
			continue;
		painters[i].paint(o, w);
		return true;
	}
	begin_field(o, w, GROUP, NULL);
	if (json_is_string(value_of(w)) || json_is_number(value_of(w)))
		put_plain(o, value_of(w));
	end_field(o);
	return false;
}

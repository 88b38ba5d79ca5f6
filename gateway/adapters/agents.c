#include "gateway/adapters/agents.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "gateway/adapters/schema.h"

#define LINE_MAX_BYTES 2000 /* of an app's words in one line */

/* An app's words: one line, and nothing in it means more to a reader of Markdown than its letters.
 */
static int add_words(struct buf *b, const char *text)
{
	int r = 0;

	for (size_t n = 0; *text && n < LINE_MAX_BYTES && r == 0; text++, n++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f)
			r = buf_add(b, " ", 1);
		else if (strchr("\\`*_{}[]<>#|!~", c))
			r = buf_addf(b, "\\%c", c);
		else
			r = buf_add(b, text, 1);
	}
	return r;
}

/* [lowest, highest] where exactly two are wanted, otherwise one. Takes one over. */
static json_t *example_list(const json_t *schema, json_t *one)
{
	json_t *highest = json_object_get(json_object_get(schema, "items"), "maximum");

	if (json_integer_value(json_object_get(schema, "minItems")) == 2)
		return json_pack("[oO]", one, highest ? highest : one);
	return json_pack("[o]", one);
}

static json_t *example_value(const json_t *port)
{
	json_t *schema = schema_port(port, false), *value = json_object_get(schema, "default");
	json_t *items = schema_is_list(port) ? json_object_get(schema, "items") : schema;
	const char *type = json_string_value(json_object_get(items, "type"));
	json_t *first = json_array_get(json_object_get(items, "enum"), 0);
	json_t *ret;

	if (value)
		ret = json_incref(value);
	else if (schema_is_file(port))
		ret = json_pack("{ss}", "file", "ID");
	else if (first)
		ret = json_incref(first);
	else if (type && !strcmp(type, "number"))
		ret = json_incref(json_object_get(items, "minimum"));
	else if (type && !strcmp(type, "boolean"))
		ret = json_false();
	else if (type && !strcmp(type, "object"))
		ret = json_object();
	else
		ret = json_string(type && !strcmp(type, "array") ? "" : "Hello");
	if (!ret)
		ret = json_integer(1);
	if (!value && schema_is_list(port))
		ret = example_list(schema, ret);
	json_decref(schema);
	return ret;
}

json_t *agents_example(const json_t *function)
{
	const json_t *inputs = json_object_get(function, "inputs");
	json_t *names = schema_names(inputs), *o = json_object(), *port;
	size_t i;

	json_array_foreach(inputs, i, port)
	{
		const char *name = json_string_value(json_array_get(names, i));

		if (name)
			(void)json_object_set_new(o, name, example_value(port));
	}
	json_decref(names);
	return o;
}

/* Within a shell's '…'. */
static int add_quoted(struct buf *b, const char *text)
{
	int r = 0;

	for (; *text && r == 0; text++)
		r = *text == '\'' ? buf_add_str(b, "'\\''") : buf_add(b, text, 1);
	return r;
}

static int add_json(struct buf *b, const json_t *v, bool quoted)
{
	struct buf text;
	int r;

	buf_init(&text, 64 << 10);
	r = v ? json_write(&text, v) : -ENOMEM;
	if (r == 0)
		r = quoted ? add_quoted(b, buf_str(&text)) : buf_add(b, text.data, text.len);
	buf_done(&text);
	return r;
}

static int add_ports(struct buf *b, const char *heading, const json_t *ports, bool output)
{
	json_t *names = schema_names(ports), *port;
	int r = buf_addf(b, "%s:%s\n\n", heading, json_array_size(ports) ? "" : " none.");
	size_t i;

	json_array_foreach(ports, i, port)
	{
		json_t *schema = schema_port(port, output);
		const char *words = json_string_value(json_object_get(port, "label"));

		if (r == 0)
			r = buf_addf(b, "- `%s`", json_string_value(json_array_get(names, i)));
		if (r == 0 && !output)
			r = buf_add_str(
				b, schema_is_required(port) ? " (required)" : " (optional)");
		if (r == 0 && words && *words)
			r = buf_add_str(b, ": ");
		if (r == 0 && words && *words)
			r = add_words(b, words);
		(void)json_object_del(schema, "title");
		/* In a fence of its own line an app's strings cannot end it: JSON has no newline.
		 */
		if (r == 0)
			r = buf_add_str(b, "\n  ```json\n  ");
		if (r == 0)
			r = add_json(b, schema, false);
		if (r == 0)
			r = buf_add_str(b, "\n  ```\n");
		json_decref(schema);
	}
	json_decref(names);
	return r < 0 ? r : buf_add_str(b, "\n");
}

static int add_call(
	struct buf *b, const struct about *about, const json_t *function, const char *name)
{
	json_t *example = agents_example(function);
	int r = buf_addf(b, "```sh\ncurl -s %s/-/api/%s \\\n", about->url, name);

	if (r == 0 && about->private)
		r = buf_add_str(b, "  -H \"Authorization: Bearer $TOKEN\" \\\n");
	if (r == 0)
		r = buf_add_str(b, "  -H 'Content-Type: application/json' \\\n  -d '");
	if (r == 0)
		r = add_json(b, example, true);
	if (r == 0)
		r = buf_add_str(b, "'\n```\n\n");
	json_decref(example);
	return r;
}

static int add_function(struct buf *b, const struct about *about, const json_t *function)
{
	const char *name = schema_function_name(function);
	const char *words = json_string_value(json_object_get(function, "description"));
	int r;

	if (!name)
		return 0;
	r = buf_addf(b, "### %s\n\n", name);
	if (r == 0 && words && *words)
		r = add_words(b, words);
	if (r == 0 && words && *words)
		r = buf_add_str(b, "\n\n");
	if (r == 0)
		r = add_ports(b, "Arguments", json_object_get(function, "inputs"), false);
	if (r == 0)
		r = add_ports(b, "Results", json_object_get(function, "outputs"), true);
	return r < 0 ? r : add_call(b, about, function, name);
}

static const char how[] =
	"Errors are JSON, `{\"error\": words}`, with `field` where an argument was refused (400). "
	"500: "
	"the function\nfailed. 429 and 503 come with `Retry-After`.\n\n"
	"- **As it goes**: send `Accept: text/event-stream`; events `queue`, `progress`, `log`, "
	"`value`, then\n  `result` or `error`.\n"
	"- **With memory**: calls with the same `?session=WORD` share what the Space remembers of "
	"its visitor.\n"
	"- **Files**: `curl --data-binary @FILE 'URL/-/upload?name=NAME'` answers an object; pass "
	"it as the\n  argument. Small ones may be passed as `data:` URLs. Files in results have a "
	"`url`.\n";

static int add_ways(struct buf *b, const struct about *a)
{
	int r = buf_addf(b, "## Other ways in\n\n%s\n", how);

	if (r == 0)
		r = buf_addf(b,
			"- **MCP** (streamable HTTP): `%s/-/mcp`; each function is a tool.\n"
			"- **OpenAPI 3.1**: `%s/-/openapi.json`.\n"
			"- **Python**: `gradio_client.Client(\"%s\").predict(…, "
			"api_name=\"/NAME\")`.\n"
			"- **JavaScript**: `(await Client.connect(\"%s\")).predict(\"/NAME\", "
			"{…})` "
			"of `@gradio/client`.\n",
			a->url, a->url, a->url, a->url);
	if (r == 0 && a->private)
		r = buf_add_str(b, "\nThis Space is private: every request needs the header "
				   "`Authorization: Bearer TOKEN`.\n");
	return r;
}

int agents_write(struct buf *b, const struct about *about)
{
	size_t i;
	json_t *function;
	int r = buf_add_str(b, "# ");

	if (r == 0)
		r = add_words(b, about->title);
	if (r == 0)
		r = buf_addf(b,
			"\n\nA Space on Vitrine, for people at %s and for programs as below.\n\n"
			"## Functions\n\n",
			about->url);
	if (r == 0 && json_array_size(about->functions) == 0)
		r = buf_add_str(b, "This Space offers none to programs.\n\n");
	json_array_foreach(about->functions, i, function)
	{
		if (r == 0)
			r = add_function(b, about, function);
	}
	return r < 0 ? r : add_ways(b, about);
}

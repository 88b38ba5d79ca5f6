#include "gateway/adapters/mcp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "gateway/adapters/agents.h"
#include "gateway/adapters/schema.h"
#include "gateway/session/json_text.h"

#define PAGE_MAX (4u << 20) /* of agents.md */
#define SHOWN_MAX 16        /* files of one result that are shown or linked */

/* --- what comes --- */

static bool is_id(struct slice s)
{
	if (s.n == 0 || s.n > MCP_ID_MAX)
		return false;
	return *s.at == '"' || *s.at == '-' || (*s.at >= '0' && *s.at <= '9');
}

int mcp_read(const uint8_t *text, size_t n, struct mcp_message *ret, struct err *e)
{
	struct slice s = slice_of(text, n), id, method;

	*ret = (struct mcp_message){.kind = MCP_REQUEST};
	if (!json_text_valid_nul(text, n))
		return err_set(e, -EBADMSG, "the body is not JSON");
	if (*s.at != '{')
		return err_set(e, -EINVAL, "the body must be one JSON-RPC message");
	id = slice_member(s, "id");
	if (is_id(id))
		ret->id = id;
	if (!slice_is_string(slice_member(s, "jsonrpc"), "2.0"))
		return err_set(e, -EINVAL, "jsonrpc: must be \"2.0\"");
	method = slice_member(s, "method");
	ret->params = slice_member(s, "params");
	if (ret->params.at && *ret->params.at != '{')
		return err_set(e, -EINVAL, "params: must be an object");
	if (id.at && !ret->id.at)
		return err_set(e, -EINVAL, "id: must be a string or a number, of at most %d bytes",
			MCP_ID_MAX);
	if (!method.at && (slice_member(s, "result").at || slice_member(s, "error").at)) {
		ret->kind = MCP_RESPONSE;
		return 0;
	}
	if (!slice_text(method, ret->method, sizeof(ret->method)) || !ret->method[0])
		return err_set(e, -EINVAL, "method: must be a string");
	if (!id.at)
		ret->kind = MCP_NOTIFICATION;
	return 0;
}

static const char *const versions[] = {MCP_VERSION, "2025-03-26", "2024-11-05", "2025-11-25"};

bool mcp_speaks(const char *version)
{
	for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++)
		if (!strcmp(versions[i], version))
			return true;
	return false;
}

int mcp_read_call(const struct mcp_message *m, struct mcp_call *ret, struct err *e)
{
	*ret = (struct mcp_call){.arguments = slice_member(m->params, "arguments"),
		.token = slice_member(slice_member(m->params, "_meta"), "progressToken")};
	if (!slice_text(slice_member(m->params, "name"), ret->tool, sizeof(ret->tool)))
		return err_set(e, -EINVAL, "name: must be the name of a tool");
	if (slice_is_null(ret->arguments))
		ret->arguments = slice_of("{}", 2);
	if (*ret->arguments.at != '{')
		return err_set(e, -EINVAL, "arguments: must be an object");
	if (ret->token.at && !is_id(ret->token))
		return err_set(e, -EINVAL, "progressToken: must be a string or a number");
	return 0;
}

/* --- envelopes --- */

static int begin(struct buf *b, struct slice id, const char *what)
{
	int r = buf_add_str(b, "{\"jsonrpc\":\"2.0\",\"id\":");

	if (r == 0)
		r = id.at ? buf_add(b, id.at, id.n) : buf_add_str(b, "null");
	return r < 0 ? r : buf_addf(b, ",\"%s\":", what);
}

int mcp_error(struct buf *b, struct slice id, enum mcp_code code, const char *words)
{
	int r = begin(b, id, "error");

	if (r == 0)
		r = buf_addf(b, "{\"code\":%d,\"message\":", code);
	if (r == 0)
		r = json_text_quote(b, words, strlen(words));
	return r < 0 ? r : buf_add_str(b, "}}");
}

int mcp_result(struct buf *b, struct slice id, const char *result)
{
	int r = begin(b, id, "result");

	return r < 0 ? r : buf_addf(b, "%s}", result);
}

/* Takes o over. */
static int add_result(struct buf *b, struct slice id, json_t *o)
{
	int r = o ? begin(b, id, "result") : -ENOMEM;

	if (r == 0)
		r = json_write(b, o);
	json_decref(o);
	return r < 0 ? r : buf_add_str(b, "}");
}

/* --- what a Space is --- */

int mcp_initialize(struct buf *b, const struct mcp_message *m, const struct about *about)
{
	char asked[32], name[160];
	const char *version = MCP_VERSION;

	if (slice_text(slice_member(m->params, "protocolVersion"), asked, sizeof(asked)) &&
		mcp_speaks(asked))
		version = asked;
	(void)snprintf(name, sizeof(name), "%s/%s", about->owner, about->name);
	return add_result(b, m->id,
		json_pack("{ss s{s{sb} s{sb} s{}} s{ss ss ss} ss}", "protocolVersion", version,
			"capabilities", "tools", "listChanged", 0, "resources", "listChanged", 0,
			"logging", "serverInfo", "name", name, "title", about->title, "version",
			about->revision, "instructions",
			"The tools are the functions of a Space, an interactive demo. Files are "
			"passed as data: URLs or as handles from its upload path; the resource "
			"agents.md says how."));
}

static json_t *tool(const json_t *function, const char *name)
{
	const char *words = json_string_value(json_object_get(function, "description"));
	const char *title = json_string_value(json_object_get(function, "title"));
	json_t *o = json_pack("{ss ss so so}", "name", name, "description",
		words && *words ? words : name, "inputSchema", schema_inputs(function),
		"outputSchema", schema_outputs(function));

	if (title && *title)
		(void)json_object_set_new(o, "title", json_string(title));
	return o;
}

int mcp_tools(struct buf *b, struct slice id, const struct about *about)
{
	json_t *list = json_array(), *function;
	size_t i;

	json_array_foreach(about->functions, i, function)
	{
		const char *name = schema_function_name(function);

		if (name)
			(void)json_array_append_new(list, tool(function, name));
	}
	return add_result(b, id, json_pack("{so}", "tools", list));
}

static json_t *page_address(const struct about *about)
{
	return json_sprintf("%s/-/agents.md", about->url);
}

int mcp_resources(struct buf *b, struct slice id, const struct about *about)
{
	return add_result(b, id,
		json_pack("{s[{so ss ss ss}]}", "resources", "uri", page_address(about), "name",
			"agents.md", "description",
			"what the Space does, its functions and how to call them", "mimeType",
			"text/markdown"));
}

int mcp_read_resource(struct buf *b, const struct mcp_message *m, const struct about *about)
{
	struct slice uri = slice_member(m->params, "uri");
	json_t *address = page_address(about), *contents;
	struct buf page;
	int r;

	if (!address || !slice_is_string(uri, json_string_value(address))) {
		json_decref(address);
		return mcp_error(b, m->id, MCP_RESOURCE_NOT_FOUND, "there is no such resource");
	}
	buf_init(&page, PAGE_MAX);
	r = agents_write(&page, about);
	contents = json_pack("{s[{so ss ss}]}", "contents", "uri", address, "mimeType",
		"text/markdown", "text", buf_str(&page));
	if (r == 0)
		r = add_result(b, m->id, contents);
	else
		json_decref(contents);
	buf_done(&page);
	return r;
}

/* --- a call that is under way --- */

int mcp_progress(struct buf *b, struct slice token, double progress, double total,
	const char *message, size_t message_length)
{
	int r = buf_add_str(b, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\","
			       "\"params\":{\"progressToken\":");

	if (r == 0)
		r = buf_add(b, token.at, token.n);
	if (r == 0)
		r = buf_addf(b, ",\"progress\":%.15g", progress);
	if (r == 0 && total > 0)
		r = buf_addf(b, ",\"total\":%.15g", total);
	if (r == 0 && message)
		r = buf_add_str(b, ",\"message\":");
	if (r == 0 && message)
		r = json_text_quote(b, message, message_length);
	return r < 0 ? r : buf_add_str(b, "}}");
}

int mcp_log(struct buf *b, const char *level, struct slice data)
{
	int r = buf_addf(b,
		"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{"
		"\"level\":\"%s\",\"data\":",
		!strcmp(level, "warning") || !strcmp(level, "error") ? level : "info");

	if (r == 0)
		r = buf_add(b, data.at, data.n);
	return r < 0 ? r : buf_add_str(b, "}}");
}

/* --- its end --- */

static int add_text(struct buf *b, const void *text, size_t n)
{
	int r = buf_add_str(b, "{\"type\":\"text\",\"text\":");

	if (r == 0)
		r = json_text_quote(b, text, n);
	return r < 0 ? r : buf_add_str(b, "}");
}

static const char *field(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

/* One file of the result: shown where a model may look or listen, otherwise linked. */
static int add_file(struct buf *b, const struct mcp_given *given, const json_t *file)
{
	bool there;
	struct buf bytes;
	json_t *link;
	char type[64] = "";
	const char *kind;
	int r;

	buf_init(&bytes, 8u << 20);
	there = given->file && given->file(field(file, "file"), type, &bytes, given->data);
	kind = !strncmp(type, "image/", 6) ? "image" : !strncmp(type, "audio/", 6) ? "audio" : NULL;
	if (there && kind) {
		r = buf_addf(b, ",{\"type\":\"%s\",\"mimeType\":\"%s\",\"data\":\"", kind, type);
		if (r == 0)
			r = base64_add(b, bytes.data, bytes.len);
		if (r == 0)
			r = buf_add_str(b, "\"}");
	} else {
		link = json_pack("{ss ss ss}", "type", "resource_link", "uri", field(file, "url"),
			"name", *field(file, "name") ? field(file, "name") : "file");
		if (*field(file, "type"))
			(void)json_object_set(link, "mimeType", json_object_get(file, "type"));
		r = link ? buf_add_str(b, ",") : -ENOMEM;
		if (r == 0)
			r = json_write(b, link);
		json_decref(link);
	}
	buf_done(&bytes);
	return r;
}

static int add_files(struct buf *b, const struct mcp_given *given, const json_t *value, int *left)
{
	const char *key;
	json_t *part;
	size_t i;
	int r = 0;

	json_array_foreach(value, i, part) r = r == 0 ? add_files(b, given, part, left) : r;
	if (!json_is_object(value) || r < 0)
		return r;
	/* named.h has given a url to what is a file of ours */
	if (json_object_get(value, "url") && json_object_get(value, "file"))
		return (*left)-- > 0 ? add_file(b, given, value) : 0;
	json_object_foreach((json_t *)value, key, part) r =
		r == 0 ? add_files(b, given, part, left) : r;
	return r;
}

/* A function of one text: the text. Otherwise everything, as JSON. */
static int add_words(struct buf *b, const struct mcp_given *given)
{
	const json_t *outputs = json_object_get(given->function, "outputs");
	struct slice_walk walk;
	struct slice only;
	json_t *v = NULL;
	int r;

	if (json_array_size(outputs) == 1 && slice_walk_begin(given->named, &walk) &&
		slice_walk_next(&walk, NULL, &only) && *only.at == '"' &&
		json_parse(only.at, only.n, only.n, &v, NULL) == 0) {
		r = add_text(b, json_string_value(v), json_string_length(v));
		json_decref(v);
		return r;
	}
	return add_text(b, given->named.at, given->named.n);
}

int mcp_call_result(struct buf *b, struct slice id, const struct mcp_given *given)
{
	json_t *v = NULL;
	int left = SHOWN_MAX;
	int r = begin(b, id, "result");

	if (r == 0)
		r = buf_add_str(b, "{\"content\":[");
	if (r == 0)
		r = add_words(b, given);
	if (r == 0 && memmem(given->named.at, given->named.n, "\"url\"", 5) &&
		json_parse(given->named.at, given->named.n, given->named.n, &v, NULL) == 0)
		r = add_files(b, given, v, &left);
	json_decref(v);
	if (r == 0)
		r = buf_add_str(b, "],\"structuredContent\":");
	if (r == 0)
		r = buf_add(b, given->named.at, given->named.n);
	return r < 0 ? r : buf_add_str(b, "}}");
}

int mcp_call_failed(struct buf *b, struct slice id, const char *words)
{
	int r = begin(b, id, "result");

	if (r == 0)
		r = buf_add_str(b, "{\"isError\":true,\"content\":[");
	if (r == 0)
		r = add_text(b, words, strlen(words));
	return r < 0 ? r : buf_add_str(b, "]}}");
}

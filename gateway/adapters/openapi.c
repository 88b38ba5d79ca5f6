#include "gateway/adapters/openapi.h"

#include <stdio.h>

#include "gateway/adapters/schema.h"

/* {description, content: {type: {schema}}} */
static json_t *content(const char *words, const char *type, json_t *schema)
{
	return json_pack("{ss s{s{so}}}", "description", words, "content", type, "schema", schema);
}

static json_t *reference(const char *to)
{
	return json_pack("{ss}", "$ref", to);
}

static const struct {
	const char *status, *name, *words;
} problems[] = {
	{"400", "BadRequest", "An argument was refused; field says which."},
	{"401", "Unauthorized", "The token is not known."},
	{"404", "NotFound", "There is no such Space, or no such function, for whoever asks."},
	{"429", "TooMany", "Too much at once; Retry-After says when to come back."},
	{"500", "Failed", "The function failed. The number in error is for its owner's log."},
	{"503", "Unavailable", "The Space cannot be started now."},
};

static void add_problems(json_t *responses)
{
	for (size_t i = 0; i < sizeof(problems) / sizeof(*problems); i++) {
		char to[64];

		(void)snprintf(to, sizeof(to), "#/components/responses/%s", problems[i].name);
		(void)json_object_set_new(responses, problems[i].status, reference(to));
	}
}

static json_t *problem_responses(void)
{
	json_t *all = json_object();

	for (size_t i = 0; i < sizeof(problems) / sizeof(*problems); i++)
		(void)json_object_set_new(all, problems[i].name,
			content(problems[i].words, "application/json",
				reference("#/components/schemas/Error")));
	return all;
}

static const char stream_words[] =
	"With Accept: text/event-stream, how it goes: the events queue, progress, log and value, "
	"then result or error. The data of value and result are as the JSON answer.";

static json_t *operation(const json_t *function, const char *name)
{
	const char *words = json_string_value(json_object_get(function, "description"));
	json_t *done = content(
		"What the function returned.", "application/json", schema_outputs(function));
	json_t *responses = json_pack("{so}", "200", done);
	json_t *o = json_pack("{ss ss s{sb s{s{so}}} so}", "operationId", name, "summary", name,
		"requestBody", "required", 1, "content", "application/json", "schema",
		schema_inputs(function), "responses", responses);
	json_t *session = json_pack("{ss ss ss s{ss si ss}}", "name", "session", "in", "query",
		"description",
		"calls with the same one share the function's memory of its visitor; without it "
		"each stands alone",
		"schema", "type", "string", "maxLength", 64, "pattern", "^[A-Za-z0-9_-]{1,64}$");

	add_problems(responses);
	(void)json_object_set_new(json_object_get(done, "content"), "text/event-stream",
		json_pack("{s{ss ss}}", "schema", "type", "string", "description", stream_words));
	(void)json_object_set_new(o, "parameters", json_pack("[o]", session));
	if (words && *words)
		(void)json_object_set_new(o, "description", json_string(words));
	return o;
}

static void add_functions(json_t *paths, const json_t *functions)
{
	size_t i;
	json_t *function;

	json_array_foreach(functions, i, function)
	{
		const char *name = schema_function_name(function);
		char path[96];

		if (!name)
			continue;
		(void)snprintf(path, sizeof(path), "/-/api/%s", name);
		(void)json_object_set_new(
			paths, path, json_pack("{so}", "post", operation(function, name)));
	}
}

static json_t *binary(void)
{
	return json_pack("{ss ss}", "type", "string", "format", "binary");
}

static void add_files(json_t *paths)
{
	json_t *responses = json_pack("{so}", "200",
		content("The file's id and what was found in its bytes.", "application/json",
			reference("#/components/schemas/File")));

	add_problems(responses);
	(void)json_object_set_new(paths, "/-/upload",
		json_pack("{s{ss ss s[{ss ss s{ss}}] s{sb s{s{so}}} so}}", "post", "operationId",
			"uploadFile", "summary", "Upload a file, to be named in a call",
			"parameters", "name", "name", "in", "query", "schema", "type", "string",
			"requestBody", "required", 1, "content", "application/octet-stream",
			"schema", binary(), "responses", responses));
	responses = json_pack("{so so}", "200",
		content("Its bytes.", "application/octet-stream", binary()), "404",
		reference("#/components/responses/NotFound"));
	(void)json_object_set_new(paths, "/-/file/{id}",
		json_pack("{s{ss ss s[{ss ss sb s{ss}}] so}}", "get", "operationId", "getFile",
			"summary", "The bytes of a file", "parameters", "name", "id", "in", "path",
			"required", 1, "schema", "type", "string", "responses", responses));
}

static json_t *common_schemas(void)
{
	json_t *file = json_pack("{ss s{s{ss} s{ss} s{ss} s{ss}} s[s]}", "type", "object",
		"properties", "file", "type", "string", "name", "type", "string", "type", "type",
		"string", "size", "type", "integer", "required", "file");
	json_t *error = json_pack("{ss s{s{ss} s{ss}} s[s]}", "type", "object", "properties",
		"error", "type", "string", "field", "type", "string", "required", "error");

	return json_pack("{so so}", "File", file, "Error", error);
}

json_t *openapi_document(const struct about *about)
{
	json_t *paths = json_object();
	json_t *components = json_pack("{so so s{s{ss ss}}}", "schemas", common_schemas(),
		"responses", problem_responses(), "securitySchemes", "token", "type", "http",
		"scheme", "bearer");
	/* An empty requirement beside it: public Spaces take calls from anybody. */
	json_t *security =
		about->private ? json_pack("[{s[]}]", "token") : json_pack("[{}{s[]}]", "token");

	add_functions(paths, about->functions);
	add_files(paths);
	return json_pack("{ss s{ss ss ss} s[{ss}] so so so}", "openapi", "3.1.0", "info", "title",
		about->title, "version", about->revision, "description",
		"A Space on Vitrine. Every function takes named arguments as a JSON object and "
		"answers with its named results.",
		"servers", "url", about->url, "security", security, "paths", paths, "components",
		components);
}

/* The generator's half for those who write apps: LuaCATS annotations and docs/COMPONENTS.md. */
#include <stdio.h>
#include <string.h>

#include "proto/generate.h"

enum sdk_kind { SDK_METHOD, SDK_HANDLER, SDK_FUNCTION, SDK_EXAMPLE };

struct sdk_part {
	enum sdk_kind kind;
	const char *component, *name, *params, *result, *doc;
};

static const struct sdk_part sdk_parts[] = {
#define METHOD(c, n, p, r, d)                                                                      \
	{SDK_METHOD, .component = #c, .name = #n, .params = p, .result = r, .doc = d},
#define HANDLER(n, t, d) {SDK_HANDLER, .name = #n, .result = t, .doc = d},
#define FUNCTION(n, p, r, d) {SDK_FUNCTION, .name = #n, .params = p, .result = r, .doc = d},
#define EXAMPLE(c, s) {SDK_EXAMPLE, .component = #c, .doc = s},
#include "proto/sdk.def"
};
#define N_SDK_PARTS (sizeof(sdk_parts) / sizeof(sdk_parts[0]))

/* Of a property's kind; borrowed until the next call. */
static const char *lua_type(const char *kind)
{
	static char words[256];

	if (!strcmp(kind, "choices"))
		return "(string|{ label: string, value: string })[]";
	if (!strcmp(kind, "json"))
		return "any";
	if (strncmp(kind, "enum:", 5) != 0)
		return kind;
	/* enum:a|b → "a"|"b" */
	words[0] = '\0';
	for (const char *at = kind + 5; *at;) {
		size_t n = strcspn(at, "|"), used = strlen(words);

		(void)snprintf(words + used, sizeof(words) - used, "%s\"%.*s\"", used ? "|" : "",
			(int)n, at);
		at += n + (at[n] == '|');
	}
	return words;
}

/* Calls fn for each word of a list that is separated by spaces. */
static void each_word(
	const char *words, void (*fn)(const char *word, const char *data), const char *data)
{
	char copy[256];
	char *next = NULL;

	(void)snprintf(copy, sizeof(copy), "%s", words);
	for (char *w = strtok_r(copy, " ", &next); w; w = strtok_r(NULL, " ", &next))
		fn(w, data);
}

/* "a: integer; b?: string" as annotations, then as what stands between the parentheses. */
static void lua_function(const char *prefix, const struct sdk_part *f)
{
	char copy[256], names[256] = "";
	char *next = NULL;

	printf("\n---%s\n", f->doc);
	(void)snprintf(copy, sizeof(copy), "%s", f->params);
	for (char *p = strtok_r(copy, ";", &next); p; p = strtok_r(NULL, ";", &next)) {
		char *colon = strstr(p, ": ");

		if (!colon)
			continue;
		*colon = '\0';
		p += strspn(p, " ");
		printf("---@param %s %s\n", p, colon + 2);
		p[strcspn(p, "?")] = '\0';
		(void)snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
			*names ? ", " : "", p);
	}
	if (*f->result)
		printf("---@return %s\n", f->result);
	printf("function %s%s(%s) end\n", prefix, f->name, names);
}

static void lua_event_field(const char *event, const char *component)
{
	(void)component;
	printf("---@field on_%s? vitrine.Handler|fun(...): any\n", event);
}

static void lua_event_method(const char *event, const char *component)
{
	printf("\n---Runs on every %s.\n---@param handler vitrine.Handler|fun(...): "
	       "any\n---@return "
	       "vitrine.Chain\nfunction %s:on_%s(handler) end\n",
		event, component, event);
}

static void lua_methods(const char *component)
{
	char prefix[64];

	(void)snprintf(
		prefix, sizeof(prefix), "%s:", component[0] == '*' ? "Component" : component);
	for (size_t i = 0; i < N_SDK_PARTS; i++)
		if (sdk_parts[i].kind == SDK_METHOD && !strcmp(sdk_parts[i].component, component))
			lua_function(prefix, &sdk_parts[i]);
}

static void lua_common(void)
{
	puts("---@meta vitrine.ui\n-- Generated from proto/components.def and proto/sdk.def: types "
	     "for "
	     "editors.\n\nlocal ui = {}\n\n---@class vitrine.Bytes Content that an app has "
	     "made.\n\n"
	     "---@class vitrine.Message\n---@field role \"user\"|\"assistant\"|\"system\"\n"
	     "---@field content any\n\n---@class vitrine.Handler");
	for (size_t i = 0; i < N_SDK_PARTS; i++)
		if (sdk_parts[i].kind == SDK_HANDLER)
			printf("---@field %s? %s %s\n", sdk_parts[i].name, sdk_parts[i].result,
				sdk_parts[i].doc);
	puts("\n---@class vitrine.Common");
	for (size_t i = 0; i < parts_count; i++)
		if (parts[i].common)
			printf("---@field %s? %s %s\n", parts[i].name, lua_type(parts[i].kind),
				parts[i].doc);
	puts("\n---@class vitrine.Component : vitrine.Common\n---@field value any what this "
	     "visitor "
	     "sees\nlocal Component = {}");
	lua_methods("*");
	puts("\n---@class vitrine.Chain What declaring a handler returns.\nlocal chain = {}");
	lua_methods("chain");
}

/* A component: the fields its constructor takes, and the handle that it returns. */
static void lua_component(size_t at)
{
	const char *name = parts[at].name;

	printf("\n---@class vitrine.%s.fields : vitrine.Common\n", name);
	for (size_t p = at + 1; p < parts_count && !parts[p].component; p++)
		printf("---@field %s? %s %s (default %s)\n", parts[p].name, lua_type(parts[p].kind),
			parts[p].doc, parts[p].fallback);
	puts("---@field [integer] any what may stand without a name: children, or the first "
	     "property");
	each_word(parts[at].events, lua_event_field, name);
	printf("\n---@class vitrine.%s : vitrine.Component %s\nlocal %s = {}\n", name,
		parts[at].doc, name);
	lua_methods(name);
	each_word(parts[at].events, lua_event_method, name);
	printf("\n---%s\n---@param fields? vitrine.%s.fields|string\n---@return "
	       "vitrine.%s\nfunction "
	       "ui.%s(fields) end\n",
		parts[at].doc, name, name, name);
}

void lua_annotations(void)
{
	lua_common();
	for (size_t i = 0; i < parts_count; i++) {
		/* A function's locals are at most 200: each component has a block of its own. */
		if (!parts[i].component)
			continue;
		puts("\ndo");
		lua_component(i);
		puts("end");
	}
	for (size_t i = 0; i < N_SDK_PARTS; i++)
		if (sdk_parts[i].kind == SDK_FUNCTION)
			lua_function("ui.", &sdk_parts[i]);
	puts("\nreturn ui");
}

/* --- Markdown --- */

static void md_prop(const struct part *p)
{
	printf("| `%s` | %s | `%s` | %s |\n", p->name,
		!strncmp(p->kind, "enum:", 5) ? "one of the words" : p->kind, p->fallback, p->doc);
}

static void md_method(const struct sdk_part *m)
{
	printf("- `:%s(%s)`", m->name, m->params);
	if (*m->result)
		printf(" → `%s`", m->result);
	printf(": %s\n", m->doc);
}

static void md_methods(const char *component)
{
	for (size_t i = 0; i < N_SDK_PARTS; i++)
		if (sdk_parts[i].kind == SDK_METHOD && !strcmp(sdk_parts[i].component, component))
			md_method(&sdk_parts[i]);
}

static void md_event(const char *event, const char *component)
{
	(void)component;
	printf(" `on_%s`", event);
}

static void md_component(size_t at)
{
	const char *name = parts[at].name;

	printf("\n## `ui.%s`\n\n%s Value: %s. Events:", name, parts[at].doc, parts[at].kind);
	each_word(*parts[at].events ? parts[at].events : "", md_event, name);
	puts(*parts[at].events ? ".\n" : " none.\n");
	for (size_t i = 0; i < N_SDK_PARTS; i++)
		if (sdk_parts[i].kind == SDK_EXAMPLE && !strcmp(sdk_parts[i].component, name))
			printf("```lua\n%s\n```\n\n", sdk_parts[i].doc);
	puts("| field | kind | default | meaning |\n|---|---|---|---|");
	for (size_t p = at + 1; p < parts_count && !parts[p].component; p++)
		md_prop(&parts[p]);
	puts("");
	md_methods(name);
}

void components_md(void)
{
	puts("# Components\n\nWritten by the build from `proto/components.def` and "
	     "`proto/sdk.def`; edit "
	     "those. An editor with lua-language-server completes all of it from `annotations.lua` "
	     "in "
	     "the build's `proto` folder.\n\nEvery component also takes:\n\n| field | kind | "
	     "default | "
	     "meaning |\n|---|---|---|---|");
	for (size_t i = 0; i < parts_count; i++)
		if (parts[i].common)
			md_prop(&parts[i]);
	puts("\nand has:\n");
	md_methods("*");
	puts("\n## Handlers\n\nAn event takes a function, or a table:\n\n| field | kind | meaning "
	     "|\n|---|---|---|");
	for (size_t i = 0; i < N_SDK_PARTS; i++)
		if (sdk_parts[i].kind == SDK_HANDLER) {
			printf("| `%s` | `", sdk_parts[i].name);
			for (const char *c = sdk_parts[i].result; *c; c++)
				printf(*c == '|' ? "\\%c" : "%c", *c);
			printf("` | %s |\n", sdk_parts[i].doc);
		}
	puts("\nWhat declaring it returns takes the next one:\n");
	md_methods("chain");
	for (size_t i = 0; i < parts_count; i++)
		if (parts[i].component)
			md_component(i);
}

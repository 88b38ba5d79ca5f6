/*
 * Writes what other languages and readers need from the .def tables:
 *
 *	generate c-header | c-source | typescript | lua-components | lua-annotations |
 *		 protocol-md | components-md | events-md
 *
 * on standard output. Runs on the build machine only.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "proto/generate.h"

enum line_kind { LINE_LINK, LINE_MESSAGE, LINE_HEAD, LINE_FIELD, LINE_RAW, LINE_FILE, LINE_SHARED };

struct line {
	enum line_kind kind;
	const char *link, *name, *doc;
	const char *direction;  /* "UP" or "DOWN" */
	const char *field_kind; /* "STR", … */
	const char *need;
	const char *from; /* of SHARED */
	uint64_t number, max;
};

static const struct line lines[] = {
#define LINK(l, e, d) {LINE_LINK, .link = #l, .name = e, .doc = d},
#define MESSAGE(l, n, num, dir, m, d)                                                              \
	{LINE_MESSAGE, .link = #l, .name = #n, .number = num, .direction = #dir, .max = m,         \
		.doc = d},
#define HEAD(part, d) {LINE_HEAD, .name = #part, .doc = d},
#define FIELD(msg, k, n, m, nd, d)                                                                 \
	{LINE_FIELD, .field_kind = #k, .name = #n, .max = m, .need = #nd, .doc = d},
#define RAW(d) {LINE_RAW, .doc = d},
#define FILE_(d) {LINE_FILE, .doc = d},
#define END(msg)
#define SHARED(l, f, n, dir) {LINE_SHARED, .link = #l, .from = #f, .name = #n, .direction = #dir},
#include "proto/messages.def"
};
#define N_LINES (sizeof(lines) / sizeof(lines[0]))

struct constant {
	const char *group, *name, *doc;
	long value;
};

static const struct constant constants[] = {
#define CONSTANT(g, n, v, d) {#g, #n, d, v},
#include "proto/constants.def"
};
#define N_CONSTANTS (sizeof(constants) / sizeof(constants[0]))

const struct part parts[] = {
#define COMMON(n, k, f, d) {.common = true, .name = #n, .kind = k, .fallback = f, .doc = d},
#define COMPONENT(n, v, ev, d)                                                                     \
	{.component = true, .component_name = #n, .name = #n, .kind = v, .events = ev, .doc = d},
#define PROP(c, n, k, f, d) {.component_name = #c, .name = #n, .kind = k, .fallback = f, .doc = d},
#define END_COMPONENT(c)
#include "proto/components.def"
};
#define N_PARTS (sizeof(parts) / sizeof(parts[0]))
const size_t parts_count = N_PARTS;

struct event_part {
	bool event;
	const char *name, *type, *kind, *need, *doc;
};

static const struct event_part event_parts[] = {
#define EVENT(N, t, d) {.event = true, .name = #N, .type = t, .doc = d},
#define EVENT_FIELD(N, k, n, nd, d) {.name = #n, .kind = #k, .need = #nd, .doc = d},
#define END_EVENT(N)
#include "proto/events.def"
};
#define N_EVENT_PARTS (sizeof(event_parts) / sizeof(event_parts[0]))

static void lower(const char *s)
{
	for (; *s; s++)
		putchar(tolower((unsigned char)*s));
}

static void upper(const char *s)
{
	for (; *s; s++)
		putchar(toupper((unsigned char)*s));
}

static bool has_fields(size_t message)
{
	for (size_t i = message + 1; i < N_LINES && lines[i].kind != LINE_MESSAGE; i++)
		if (lines[i].kind == LINE_FIELD)
			return true;
	return false;
}

static const struct line *find_message(const char *link, const char *name)
{
	for (size_t i = 0; i < N_LINES; i++)
		if (lines[i].kind == LINE_MESSAGE && !strcmp(lines[i].link, link) &&
			!strcmp(lines[i].name, name))
			return &lines[i];
	return NULL;
}

/* Calls fn on the fields of the message at index. */
#define FOR_FIELDS(i, message)                                                                     \
	for (size_t i = (message) + 1;                                                             \
		i < N_LINES && lines[i].kind != LINE_MESSAGE && lines[i].kind != LINE_LINK; i++)   \
		if (lines[i].kind == LINE_FIELD)

static void c_header_message(size_t at)
{
	const struct line *m = &lines[at];

	printf("/* %s */\n#define ", m->doc);
	upper(m->link);
	printf("_%s 0x%02x\n", m->name, (unsigned int)m->number);
	if (!has_fields(at)) {
		puts("");
		return;
	}
	printf("struct %s_", m->link);
	lower(m->name);
	puts(" {\n\tjson_t *root; /* owns what the members borrow; NULL in a message to be written "
	     "*/");
	FOR_FIELDS(i, at)
	{
		const char *type = !strcmp(lines[i].field_kind, "STR")    ? "const char *"
				   : !strcmp(lines[i].field_kind, "INT")  ? "int64_t "
				   : !strcmp(lines[i].field_kind, "BOOL") ? "bool "
									  : "json_t *";

		printf("\t%s%s; /* %s%s */\n", type, lines[i].name,
			!strcmp(lines[i].need, "OPTIONAL") ? "optional: " : "", lines[i].doc);
	}
	puts("};");
	printf("extern const struct proto_message proto_%s_", m->link);
	lower(m->name);
	puts(";");
	for (int op = 0; op < 3; op++) {
		static const char *const ops[] = {"read", "write", "done"};

		printf("static inline %s %s_", op == 2 ? "void" : "int", m->link);
		lower(m->name);
		printf("_%s(%sstruct %s_", ops[op], op == 1 ? "const " : "", m->link);
		lower(m->name);
		printf(" *m%s)\n{\n\t", op == 0 ? ", const uint8_t *value, size_t n, struct err *e"
					: op == 1 ? ", struct buf *b"
						  : "");
		if (op == 2) {
			puts("proto_done(m);\n}");
			continue;
		}
		if (op == 0)
			printf("*m = (__typeof__(*m)){0};\n\treturn proto_read(&proto_");
		else
			printf("return proto_write(&proto_");
		printf("%s_", m->link);
		lower(m->name);
		puts(op == 0 ? ", m, value, n, e);\n}" : ", m, b);\n}");
	}
	puts("");
}

static void c_header(void)
{
	puts("/* Generated from proto/messages.def and proto/constants.def. */\n#pragma once\n\n"
	     "#include \"proto/constants.h\"\n#include \"proto/proto.h\"\n\n"
	     "/* The message of that number in that direction, or NULL. */\n"
	     "const struct proto_message *proto_find(enum proto_link link, "
	     "enum proto_direction direction, uint8_t type);\n");
	for (size_t i = 0; i < N_LINES; i++)
		if (lines[i].kind == LINE_MESSAGE)
			c_header_message(i);
}

static void c_constants(void)
{
	puts("/* Generated from proto/constants.def. */\n#pragma once\n");
	for (size_t i = 0; i < N_CONSTANTS; i++)
		printf("#define %s %ld /* %s */\n", constants[i].name, constants[i].value,
			constants[i].doc);
}

static void c_descriptor(const struct line *m, const char *link, const char *direction,
	const char *suffix, bool with_fields)
{
	printf("\t{\"%s.%s\", PROTO_", m->link, m->name);
	upper(link);
	printf(", PROTO_%s, 0x%02x, %ld, ", direction, (unsigned int)m->number, (long)m->max);
	if (with_fields) {
		printf("sizeof(fields_%s_", m->link);
		lower(m->name);
		printf(") / sizeof(struct proto_field), fields_%s_", m->link);
		lower(m->name);
	} else {
		printf("0, NULL");
	}
	printf("}%s", suffix);
}

static void c_source_message(size_t at)
{
	const struct line *m = &lines[at];

	if (!has_fields(at))
		return;
	printf("static const struct proto_field fields_%s_", m->link);
	lower(m->name);
	puts("[] = {");
	FOR_FIELDS(i, at)
	{
		printf("\t{\"%s\", PROTO_%s, %s, %lluull, offsetof(struct %s_", lines[i].name,
			lines[i].field_kind, !strcmp(lines[i].need, "REQUIRED") ? "true" : "false",
			(unsigned long long)lines[i].max, m->link);
		lower(m->name);
		printf(", %s)},\n", lines[i].name);
	}
	printf("};\nconst struct proto_message proto_%s_", m->link);
	lower(m->name);
	printf(" =\n");
	c_descriptor(m, m->link, m->direction, ";\n\n", true);
}

static void c_source(void)
{
	puts("/* Generated from proto/messages.def. */\n#include \"proto/messages.h\"\n");
	for (size_t i = 0; i < N_LINES; i++)
		if (lines[i].kind == LINE_MESSAGE)
			c_source_message(i);
	puts("static const struct proto_message all[] = {");
	for (size_t i = 0; i < N_LINES; i++) {
		const struct line *m = &lines[i];

		if (m->kind == LINE_SHARED)
			m = find_message(m->from, m->name);
		else if (m->kind != LINE_MESSAGE)
			continue;
		c_descriptor(m, lines[i].link, lines[i].direction, ",\n",
			has_fields((size_t)(m - lines)));
	}
	puts("};\n\nconst struct proto_message *proto_find(enum proto_link link, "
	     "enum proto_direction direction, uint8_t type)\n{\n"
	     "\tfor (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)\n"
	     "\t\tif (all[i].type == type && all[i].link == link && all[i].direction == "
	     "direction)\n"
	     "\t\t\treturn &all[i];\n\treturn NULL;\n}");
}

/* --- TypeScript --- */

static void ts_name(const char *link, const char *name)
{
	bool up = true;

	putchar(toupper((unsigned char)link[0]));
	printf("%s", link + 1);
	for (; *name; name++) {
		if (*name == '_') {
			up = true;
			continue;
		}
		putchar(up ? toupper((unsigned char)*name) : tolower((unsigned char)*name));
		up = false;
	}
}

/* The browser speaks the wire link and the app messages that it shares; nothing else is sent. */
static bool browser_knows(size_t at)
{
	if (!strcmp(lines[at].link, "wire"))
		return true;
	for (size_t i = 0; i < N_LINES; i++)
		if (lines[i].kind == LINE_SHARED && !strcmp(lines[i].link, "wire") &&
			!strcmp(lines[i].from, lines[at].link) &&
			!strcmp(lines[i].name, lines[at].name))
			return true;
	return false;
}

static void ts_messages(void)
{
	puts("export const MESSAGE = {");
	for (size_t i = 0; i < N_LINES; i++)
		if (lines[i].kind == LINE_MESSAGE && browser_knows(i))
			printf("  /** %s */\n  %s: 0x%02x,\n", lines[i].doc, lines[i].name,
				(unsigned int)lines[i].number);
	puts("} as const;\n");
	for (size_t i = 0; i < N_LINES; i++) {
		if (lines[i].kind != LINE_MESSAGE || !browser_knows(i) || !has_fields(i))
			continue;
		printf("/** %s */\nexport interface ", lines[i].doc);
		ts_name(lines[i].link, lines[i].name);
		puts(" {");
		FOR_FIELDS(f, i)
		{
			const char *type = !strcmp(lines[f].field_kind, "STR")    ? "string"
					   : !strcmp(lines[f].field_kind, "INT")  ? "number"
					   : !strcmp(lines[f].field_kind, "BOOL") ? "boolean"
										  : "unknown";

			printf("  /** %s */\n  %s%s: %s;\n", lines[f].doc, lines[f].name,
				!strcmp(lines[f].need, "OPTIONAL") ? "?" : "", type);
		}
		puts("}\n");
	}
}

static void ts_kind(const char *kind)
{
	if (!strcmp(kind, "integer"))
		printf("number");
	else if (!strcmp(kind, "choices"))
		printf("ReadonlyArray<Choice>");
	else if (!strcmp(kind, "json"))
		printf("unknown");
	else if (!strncmp(kind, "enum:", 5)) {
		printf("\"");
		for (const char *c = kind + 5; *c; c++) {
			if (*c == '|')
				printf("\" | \"");
			else
				putchar(*c);
		}
		printf("\"");
	} else
		printf("%s", kind);
}

static void ts_components(void)
{
	puts("export type Choice = string | { readonly label: string; readonly value: string };\n");
	puts("/** What every component takes. */\nexport interface CommonProps {");
	for (size_t i = 0; i < N_PARTS; i++) {
		if (!parts[i].common)
			continue;
		printf("  /** %s */\n  %s?: ", parts[i].doc, parts[i].name);
		ts_kind(parts[i].kind);
		puts(";");
	}
	puts("}\n");
	for (size_t i = 0; i < N_PARTS; i++) {
		if (!parts[i].component)
			continue;
		printf("/** %s */\nexport interface ", parts[i].doc);
		ts_name(parts[i].name, "props");
		puts(" extends CommonProps {");
		for (size_t p = i + 1; p < N_PARTS && !parts[p].component; p++) {
			printf("  /** %s; default %s */\n  %s?: ", parts[p].doc, parts[p].fallback,
				parts[p].name);
			ts_kind(parts[p].kind);
			puts(";");
		}
		puts("}\n");
	}
	puts("export interface ComponentProps {");
	for (size_t i = 0; i < N_PARTS; i++)
		if (parts[i].component) {
			printf("  %s: ", parts[i].name);
			ts_name(parts[i].name, "props");
			puts(";");
		}
	puts("}\nexport type ComponentType = keyof ComponentProps;");
}

static void ts_events(void)
{
	puts("\n/* --- events (proto/events.def) --- */\n\nexport interface SpaceEventHead {\n"
	     "  readonly id: number;\n  readonly time: number;\n  readonly space: string;\n}\n");
	printf("export type SpaceEvent = SpaceEventHead & (");
	for (size_t i = 0; i < N_EVENT_PARTS; i++) {
		const struct event_part *p = &event_parts[i];

		if (p->event)
			printf("%s\n  | { readonly type: \"%s\"", i ? " }" : "", p->type);
		else
			printf("; readonly %s%s: %s", p->name,
				!strcmp(p->need, "OPTIONAL") ? "?" : "",
				!strcmp(p->kind, "STR") ? "string" : "number");
	}
	puts(" }\n);");
}

static void typescript(void)
{
	puts("// Generated from proto/*.def. Do not edit.\n");
	for (size_t i = 0; i < N_CONSTANTS; i++)
		printf("/** %s */\nexport const %s = %ld;\n", constants[i].doc, constants[i].name,
			constants[i].value);
	puts("");
	ts_messages();
	ts_components();
	ts_events();
}

/* --- Lua --- */

static void lua_prop(const struct part *p, const char *indent)
{
	printf("%s%s = { kind = \"%s\", default = %s },\n", indent, p->name, p->kind, p->fallback);
}

static void lua_components(void)
{
	puts("-- Generated from proto/components.def and proto/constants.def.\nlocal M = {}\n\n"
	     "M.common = {");
	for (size_t i = 0; i < N_PARTS; i++)
		if (parts[i].common)
			lua_prop(&parts[i], "  ");
	puts("}\n\nM.components = {");
	for (size_t i = 0; i < N_PARTS; i++) {
		if (!parts[i].component)
			continue;
		printf("  %s = {\n    value = \"%s\",\n    events = \"%s\",\n    props = {\n",
			parts[i].name, parts[i].kind, parts[i].events);
		for (size_t p = i + 1; p < N_PARTS && !parts[p].component; p++)
			lua_prop(&parts[p], "      ");
		puts("    },\n  },");
	}
	puts("}\n\nM.constants = {");
	for (size_t i = 0; i < N_CONSTANTS; i++)
		printf("  %s = %ld,\n", constants[i].name, constants[i].value);
	puts("}\n\nreturn M");
}

/* --- Markdown --- */

static void md_message(size_t at)
{
	const struct line *m = &lines[at];

	printf("\n### %s `0x%02x` %s\n\n%s Value: at most %llu bytes.\n\n", m->name,
		(unsigned int)m->number, m->direction, m->doc, (unsigned long long)m->max);
	for (size_t i = at + 1; i < N_LINES; i++) {
		const struct line *l = &lines[i];

		if (l->kind == LINE_HEAD)
			printf("- header `%s`: %s\n", l->name, l->doc);
		else if (l->kind == LINE_FIELD && !strcmp(l->field_kind, "STR"))
			printf("- `%s` string, at most %llu bytes, %s: %s\n", l->name,
				(unsigned long long)l->max,
				!strcmp(l->need, "REQUIRED") ? "required" : "optional", l->doc);
		else if (l->kind == LINE_FIELD)
			printf("- `%s` %s, %s: %s\n", l->name,
				!strcmp(l->field_kind, "INT")    ? "integer"
				: !strcmp(l->field_kind, "BOOL") ? "boolean"
								 : "JSON",
				!strcmp(l->need, "REQUIRED") ? "required" : "optional", l->doc);
		else if (l->kind == LINE_RAW)
			printf("- value: %s\n", l->doc);
		else if (l->kind == LINE_FILE)
			printf("- file: %s\n", l->doc);
		else
			return;
	}
}

static void protocol_md(void)
{
	puts("# The protocol inside Vitrine\n\n"
	     "Written by the build from `proto/messages.def` and `proto/constants.def`; edit "
	     "those.\n\n"
	     "Every link carries frames with a 16-byte little-endian header: length u16, type u8, "
	     "op u8 (top bit: the value continues), channel u32, node u32, seq u32, then the value "
	     "(`base/frame.h`). Between processes frames travel in SOCK_SEQPACKET packets of at "
	     "most "
	     "60 KiB, to the browser in binary WebSocket messages. A message that is not legal on "
	     "its "
	     "link, out of turn, or over its size ends that link and nothing else. UP is towards "
	     "the "
	     "end named first.");
	for (size_t i = 0; i < N_LINES; i++) {
		if (lines[i].kind == LINE_LINK)
			printf("\n## %s: %s\n\n%s\n", lines[i].link, lines[i].name, lines[i].doc);
		else if (lines[i].kind == LINE_MESSAGE)
			md_message(i);
		else if (lines[i].kind == LINE_SHARED)
			printf("\n- `%s` of the %s link, %s\n", lines[i].name, lines[i].from,
				lines[i].direction);
	}
	puts("\n## Constants\n\n| name | value | meaning |\n|---|---|---|");
	for (size_t i = 0; i < N_CONSTANTS; i++)
		printf("| `%s` | %ld | %s |\n", constants[i].name, constants[i].value,
			constants[i].doc);
}

static void events_md(void)
{
	puts("# Events\n\nWritten by the build from `proto/events.def`; edit that.\n\n"
	     "`GET /api/spaces/OWNER/NAME/events` (owner) and `GET /api/events` (administrator: "
	     "all "
	     "Spaces) answer with `text/event-stream`: what is kept, and with `follow=1` what "
	     "comes. "
	     "Each `data:` line is one JSON object with `id`, `time` (µs since 1970), `type`, "
	     "`space` (OWNER/NAME) and the fields below. Whoever comes back with `Last-Event-ID` "
	     "(or "
	     "`after=ID`) goes on behind that event, also after a restart of the platform; when "
	     "events have gone by then, an event named `gap` says so. `tail=N` begins with the "
	     "last "
	     "N, `since=µs` at a time. A comment comes every 15 s. Kept are 14 days and at most "
	     "512 "
	     "KiB per Space. `vitrine events` shows them.");
	for (size_t i = 0; i < N_EVENT_PARTS; i++) {
		const struct event_part *p = &event_parts[i];

		if (p->event)
			printf("\n## `%s`\n\n%s\n\n", p->type, p->doc);
		else
			printf("- `%s` %s%s: %s\n", p->name,
				!strcmp(p->kind, "STR")   ? "string"
				: !strcmp(p->kind, "INT") ? "integer"
							  : "number",
				!strcmp(p->need, "OPTIONAL") ? ", optional" : "", p->doc);
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*write)(void);
	} outputs[] = {
		{"c-header", c_header},
		{"c-constants", c_constants},
		{"c-source", c_source},
		{"typescript", typescript},
		{"lua-components", lua_components},
		{"lua-annotations", lua_annotations},
		{"protocol-md", protocol_md},
		{"components-md", components_md},
		{"events-md", events_md},
	};

	for (size_t i = 0; argc == 2 && i < sizeof(outputs) / sizeof(outputs[0]); i++)
		if (!strcmp(argv[1], outputs[i].name)) {
			outputs[i].write();
			return 0;
		}
	fprintf(stderr, "usage: generate OUTPUT; see the head of proto/generate.c\n");
	return 2;
}

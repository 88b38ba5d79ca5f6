/* A JSON schema as a grammar: texts whose value the schema holds valid. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inference/grammars/build.h"

#define REFS_MAX 512
#define PLACE_MAX 200
#define DIGITS_MAX 15 /* of a whole number: every double holds it */
#define SPACES_MAX 16 /* after a line's end */

struct reference {
	const json_t *schema;
	uint32_t rule;
};

/* Rules that every schema may need; 0: not made yet. */
enum common {
	C_SPACE,
	C_CHARACTER, /* of a string */
	C_KEY_CHARACTER,
	C_STRING,
	C_INTEGER,
	C_NUMBER,
	C_VALUE,
	C_OBJECT,
	C_ARRAY,
	N_COMMON,
};

struct maker {
	struct grammar *g;
	const json_t *root;
	struct reference refs[REFS_MAX];
	size_t n_refs;
	uint32_t common[N_COMMON];
	char place[PLACE_MAX];
	unsigned depth;
};

static uint32_t make(struct maker *m, const json_t *schema);
static uint32_t common(struct maker *m, enum common what);

static bool ok(const struct maker *m)
{
	return m->g->r == 0;
}

/* Goes one place down, for words; returns what place_back takes. */
static size_t place_into(struct maker *m, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static size_t place_into(struct maker *m, const char *fmt, ...)
{
	size_t n = strlen(m->place);
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(m->place + n, sizeof(m->place) - n, fmt, args);
	va_end(args);
	return n;
}

static void place_back(struct maker *m, size_t n)
{
	if (ok(m)) /* a failure's place stays for its words */
		m->place[n] = '\0';
}

static void fail(struct maker *m, int r, const char *keyword, const char *what)
{
	build_fail(m->g, r, "schema%s: '%s' %s", m->place, keyword, what);
}

/* --- pieces --- */

static struct byte_set bytes_of(const char *all)
{
	struct byte_set s = {0};

	for (const unsigned char *c = (const unsigned char *)all; *c; c++)
		s.bits[*c / 32] |= 1u << *c % 32;
	return s;
}

static void add_any(struct maker *m, struct body *b, const char *all)
{
	struct byte_set s = bytes_of(all);

	body_set(m->g, b, &s);
}

static void add_text(struct maker *m, struct body *b, const char *text)
{
	body_bytes(m->g, b, text, strlen(text));
}

static uint32_t finish(struct maker *m, const char *name, struct body *b)
{
	uint32_t rule = build_rule(m->g, name);

	build_body(m->g, rule, b);
	return rule;
}

/* Repeats one byte of a set. */
static uint32_t repeat_any(struct maker *m, const char *all, uint32_t least, uint32_t most)
{
	struct body b = {0};

	add_any(m, &b, all);
	return build_repeat(m->g, finish(m, "byte", &b), least, most);
}

#define DIGITS "0123456789"
#define HEX DIGITS "abcdef"

/* Nothing, a blank, or a line's end and some blanks. */
static uint32_t make_space(struct maker *m)
{
	struct body b = {0};

	body_or(m->g, &b);
	add_text(m, &b, " ");
	body_or(m->g, &b);
	add_text(m, &b, "\n");
	body_rule(m->g, &b, repeat_any(m, " ", 0, SPACES_MAX));
	return finish(m, "space", &b);
}

static uint32_t make_character(struct maker *m, bool key)
{
	struct range not_these[] = {{0, 0x1f}, {'"', '"'}, {'\\', '\\'}};
	struct body b = {0};

	body_rule(m->g, &b, build_class(m->g, not_these, 3, true));
	if (key) /* a key without escapes is spelled in one way only */
		return finish(m, "character", &b);
	body_or(m->g, &b);
	add_text(m, &b, "\\");
	add_any(m, &b, "\"\\/bfnrt");
	/* Of \u only the controls that need it; not NUL, which no text of the platform holds. */
	body_or(m->g, &b);
	add_text(m, &b, "\\u000");
	add_any(m, &b, "123456789abcdef");
	body_or(m->g, &b);
	add_text(m, &b, "\\u001");
	add_any(m, &b, HEX);
	return finish(m, "character", &b);
}

static uint32_t make_string(struct maker *m, uint32_t least, uint32_t most)
{
	struct body b = {0};

	add_text(m, &b, "\"");
	body_rule(m->g, &b, build_repeat(m->g, common(m, C_CHARACTER), least, most));
	add_text(m, &b, "\"");
	return finish(m, "string", &b);
}

static uint32_t make_integer(struct maker *m)
{
	struct body b = {0}, whole = {0};
	uint32_t rule;

	add_text(m, &b, "0");
	body_or(m->g, &b);
	add_any(m, &b, "123456789");
	body_rule(m->g, &b, repeat_any(m, DIGITS, 0, DIGITS_MAX - 1));
	rule = finish(m, "digits", &b);
	body_rule(m->g, &whole, rule);
	body_or(m->g, &whole);
	add_text(m, &whole, "-");
	body_rule(m->g, &whole, rule);
	return finish(m, "integer", &whole);
}

static uint32_t make_number(struct maker *m)
{
	struct body b = {0}, fraction = {0}, power = {0};
	uint32_t digits = repeat_any(m, DIGITS, 1, DIGITS_MAX);

	add_text(m, &fraction, ".");
	body_rule(m->g, &fraction, digits);
	body_or(m->g, &fraction);
	add_any(m, &power, "eE");
	body_rule(m->g, &power, repeat_any(m, "+-", 0, 1));
	body_rule(m->g, &power, repeat_any(m, DIGITS, 1, 2));
	body_or(m->g, &power);
	body_rule(m->g, &b, common(m, C_INTEGER));
	body_rule(m->g, &b, finish(m, "fraction", &fraction));
	body_rule(m->g, &b, finish(m, "power", &power));
	return finish(m, "number", &b);
}

/* --- lists of members --- */

/* Nothing more, or "," and one more, as often as may be. */
static uint32_t make_more(struct maker *m, uint32_t one)
{
	struct body b = {0};

	add_text(m, &b, ",");
	body_rule(m->g, &b, common(m, C_SPACE));
	body_rule(m->g, &b, one);
	return build_repeat(m->g, finish(m, "next", &b), 0, UINT32_MAX);
}

/* Items between brackets. */
static uint32_t make_items(struct maker *m, uint32_t item, uint32_t least, uint32_t most)
{
	struct body b = {0}, next = {0};

	add_text(m, &b, "[");
	body_rule(m->g, &b, common(m, C_SPACE));
	if (least == 0) {
		add_text(m, &b, "]");
		if (most > 0) {
			body_or(m->g, &b);
			add_text(m, &b, "[");
			body_rule(m->g, &b, common(m, C_SPACE));
		}
	}
	if (most > 0) {
		add_text(m, &next, ",");
		body_rule(m->g, &next, common(m, C_SPACE));
		body_rule(m->g, &next, item);
		body_rule(m->g, &b, item);
		body_rule(m->g, &b,
			build_repeat(m->g, finish(m, "next", &next), least ? least - 1 : 0,
				most == UINT32_MAX ? most : most - 1));
		body_rule(m->g, &b, common(m, C_SPACE));
		add_text(m, &b, "]");
	}
	return finish(m, "array", &b);
}

/* A key, spelled by rule, and its value. */
static uint32_t make_pair(struct maker *m, uint32_t key, uint32_t value)
{
	struct body b = {0};

	body_rule(m->g, &b, key);
	add_text(m, &b, ":");
	body_rule(m->g, &b, common(m, C_SPACE));
	body_rule(m->g, &b, value);
	return finish(m, "pair", &b);
}

/* A value of an enum or a key, as JSON spells it. */
static uint32_t make_literal(struct maker *m, const json_t *v)
{
	char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	struct body b = {0};

	if (!text) {
		build_fail(m->g, -ENOMEM, "out of memory");
		return 0;
	}
	add_text(m, &b, text);
	free(text);
	return finish(m, "literal", &b);
}

static uint32_t make_literal_key(struct maker *m, const char *key)
{
	json_t *v = json_string(key);
	uint32_t rule = v ? make_literal(m, v) : 0;

	json_decref(v);
	return rule;
}

/* --- keys that no property has --- */

static size_t common_start(const char *const *names, size_t n, size_t at)
{
	size_t i = 1;

	while (i < n && names[i][at] == names[0][at])
		i++;
	return i;
}

/* The rest of a key and its quote, where the key is none of the sorted names, of which all are the
 * same before at. Other keys have no escapes, so names that need one are told apart by it. */
static uint32_t make_other_key(struct maker *m, const char *const *names, size_t n, size_t at)
{
	struct range not_these[260] = {{0, 0x1f}, {'"', '"'}, {'\\', '\\'}};
	size_t n_ranges = 3;
	struct body b = {0};

	if (n > 0 && !names[0][at]) {
		names++; /* it ends here: no other may */
		n--;
	} else {
		add_text(m, &b, "\"");
		body_or(m->g, &b);
	}
	for (size_t i = 0; i < n && ok(m);) {
		size_t same = common_start(names + i, n - i, at);
		unsigned char c = (unsigned char)names[i][at];

		not_these[n_ranges++] =
			c < 0x80 ? (struct range){c, c} : (struct range){0x80, 0x10ffff};
		if (c < 0x80 && at < GRAMMAR_DEPTH_MAX) {
			body_bytes(m->g, &b, &names[i][at], 1);
			body_rule(m->g, &b, make_other_key(m, names + i, same, at + 1));
			body_or(m->g, &b);
		}
		i += same;
	}
	if (ok(m))
		body_rule(m->g, &b, build_class(m->g, not_these, n_ranges, true));
	body_rule(m->g, &b, build_repeat(m->g, common(m, C_KEY_CHARACTER), 0, UINT32_MAX));
	add_text(m, &b, "\"");
	return finish(m, "key", &b);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* --- objects --- */

struct member {
	const char *name; /* borrowed from the schema */
	const json_t *schema;
	bool required;
	uint32_t pair;
};

struct members {
	struct member *of; /* owned */
	size_t n;
	uint32_t other; /* a pair of any other key; 0: none may come */
};

/* What may come from the i-th on: with (written) or without a comma before it. */
static uint32_t make_members(struct maker *m, const struct members *all)
{
	/* Backwards, so that each rule finds what follows it: after a member, and at the start. */
	uint32_t after = 0, start = 0;

	for (size_t i = all->n + 1; i-- > 0 && ok(m);) {
		const struct member *one = i < all->n ? &all->of[i] : NULL;
		struct body a = {0}, s = {0};

		if (!one && all->other) {
			uint32_t more = make_more(m, all->other);

			body_rule(m->g, &a, more);
			body_or(m->g, &s);
			body_rule(m->g, &s, all->other);
			body_rule(m->g, &s, more);
			body_rule(m->g, &s, common(m, C_SPACE));
		}
		if (!one && !all->other)
			body_rule(m->g, &a, common(m, C_SPACE));
		if (!one && all->other)
			body_rule(m->g, &a, common(m, C_SPACE));
		if (one) {
			add_text(m, &a, ",");
			body_rule(m->g, &a, common(m, C_SPACE));
			body_rule(m->g, &a, one->pair);
			body_rule(m->g, &a, after);
			body_rule(m->g, &s, one->pair);
			body_rule(m->g, &s, after);
			if (!one->required) {
				body_or(m->g, &a);
				body_rule(m->g, &a, after);
				body_or(m->g, &s);
				body_rule(m->g, &s, start);
			}
		}
		after = finish(m, "members", &a);
		start = finish(m, "members", &s);
	}
	return start;
}

#define MEMBERS_MAX (GRAMMAR_RULES_MAX / 4)

static bool is_required(const json_t *schema, const char *name)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(schema, "required"), i, v)
	{
		if (json_is_string(v) && !strcmp(json_string_value(v), name))
			return true;
	}
	return false;
}

static uint32_t make_other(struct maker *m, const json_t *schema, const struct members *all)
{
	const json_t *additional = json_object_get(schema, "additionalProperties");
	const json_t *properties = json_object_get(schema, "properties");
	const char **names;
	struct body b = {0};
	size_t at;
	uint32_t value;

	/* Where the schema says nothing about members it says: any. */
	if (json_is_false(additional) || (!additional && properties))
		return 0;
	at = place_into(m, ".additionalProperties");
	value = !additional || json_is_true(additional) ? common(m, C_VALUE) : make(m, additional);
	place_back(m, at);
	names = calloc(all->n + 1, sizeof(*names));
	if (!names) {
		build_fail(m->g, -ENOMEM, "out of memory");
		return 0;
	}
	for (size_t i = 0; i < all->n; i++)
		names[i] = all->of[i].name;
	qsort(names, all->n, sizeof(*names), compare_names);
	add_text(m, &b, "\"");
	body_rule(m->g, &b, make_other_key(m, names, all->n, 0));
	free(names);
	return make_pair(m, finish(m, "key", &b), value);
}

/* The schema's properties, and what it requires without describing it. */
static void collect_members(struct maker *m, const json_t *schema, struct members *ret)
{
	json_t *properties = json_object_get(schema, "properties");
	const json_t *required = json_object_get(schema, "required"), *v;
	const char *name;
	json_t *of;
	size_t i;

	if (properties && !json_is_object(properties))
		fail(m, -EINVAL, "properties", "must be an object");
	if (required && !json_is_array(required))
		fail(m, -EINVAL, "required", "must be an array");
	/* Each takes four rules, so more never fit, and they are compared with each other. */
	if (json_object_size(properties) > MEMBERS_MAX || json_array_size(required) > MEMBERS_MAX)
		fail(m, -EMSGSIZE, "properties", "or 'required' has over 4096 members");
	if (!ok(m))
		return;
	ret->of = calloc(
		json_object_size(properties) + json_array_size(required) + 1, sizeof(*ret->of));
	if (!ret->of) {
		build_fail(m->g, -ENOMEM, "out of memory");
		return;
	}
	json_object_foreach(properties, name, of) ret->of[ret->n++] =
		(struct member){name, of, is_required(schema, name), 0};
	json_array_foreach(required, i, v)
	{
		const json_t *additional = json_object_get(schema, "additionalProperties");
		size_t seen = 0;

		if (!json_is_string(v))
			continue;
		while (seen < ret->n && strcmp(ret->of[seen].name, json_string_value(v)) != 0)
			seen++;
		if (seen < ret->n)
			continue;
		if (json_is_false(additional))
			fail(m, -EINVAL, "required", "names what no property is");
		ret->of[ret->n++] = (struct member){json_string_value(v), additional, true, 0};
	}
}

static uint32_t make_object(struct maker *m, const json_t *schema)
{
	struct members all = {0};
	struct body b = {0};

	collect_members(m, schema, &all);
	for (size_t i = 0; i < all.n && ok(m); i++) {
		struct member *one = &all.of[i];
		size_t at = place_into(m, ".properties.%.40s", one->name);
		uint32_t value = one->schema && !json_is_true(one->schema) ? make(m, one->schema)
									   : common(m, C_VALUE);

		one->pair = make_pair(m, make_literal_key(m, one->name), value);
		place_back(m, at);
	}
	if (ok(m))
		all.other = make_other(m, schema, &all);
	add_text(m, &b, "{");
	body_rule(m->g, &b, common(m, C_SPACE));
	if (ok(m))
		body_rule(m->g, &b, make_members(m, &all));
	add_text(m, &b, "}");
	free(all.of);
	return finish(m, "object", &b);
}

/* --- schemas --- */

static uint32_t bound(struct maker *m, const json_t *schema, const char *key, uint32_t fallback)
{
	const json_t *v = json_object_get(schema, key);

	if (!v)
		return fallback;
	if (!json_is_integer(v) || json_integer_value(v) < 0) {
		fail(m, -EINVAL, key, "must be a whole number from 0 on");
		return 0;
	}
	if (json_integer_value(v) > GRAMMAR_REPEAT_MAX) {
		fail(m, -EMSGSIZE, key, "is over the limit of 4000");
		return 0;
	}
	return (uint32_t)json_integer_value(v);
}

static uint32_t make_array(struct maker *m, const json_t *schema)
{
	uint32_t least = bound(m, schema, "minItems", 0);
	uint32_t most = bound(m, schema, "maxItems", UINT32_MAX), item;
	const json_t *items = json_object_get(schema, "items");
	size_t at = place_into(m, ".items");

	item = items && !json_is_true(items) ? make(m, items) : common(m, C_VALUE);
	place_back(m, at);
	if (least > most)
		fail(m, -EINVAL, "minItems", "is above maxItems");
	return ok(m) ? make_items(m, item, least, most) : 0;
}

static uint32_t make_typed(struct maker *m, const json_t *schema, const char *type)
{
	struct body b = {0};

	if (!strcmp(type, "object"))
		return make_object(m, schema);
	if (!strcmp(type, "array"))
		return make_array(m, schema);
	if (!strcmp(type, "string"))
		return make_string(m, bound(m, schema, "minLength", 0),
			bound(m, schema, "maxLength", UINT32_MAX));
	if (!strcmp(type, "integer"))
		return common(m, C_INTEGER);
	if (!strcmp(type, "number"))
		return common(m, C_NUMBER);
	if (!strcmp(type, "boolean")) {
		add_text(m, &b, "true");
		body_or(m->g, &b);
		add_text(m, &b, "false");
		return finish(m, "boolean", &b);
	}
	if (!strcmp(type, "null")) {
		add_text(m, &b, "null");
		return finish(m, "null", &b);
	}
	fail(m, -EINVAL, "type", "is none of JSON schema's");
	return 0;
}

/* One of many, each by make. */
static uint32_t make_any_of(struct maker *m, const json_t *list, const char *keyword,
	uint32_t (*one)(struct maker *m, const json_t *v))
{
	struct body b = {0};
	const json_t *v;
	size_t i;

	if (json_array_size(list) == 0)
		fail(m, -EINVAL, keyword, "must be an array that is not empty");
	json_array_foreach(list, i, v)
	{
		size_t at = place_into(m, ".%s[%zu]", keyword, i);

		if (i > 0)
			body_or(m->g, &b);
		if (ok(m))
			body_rule(m->g, &b, one(m, v));
		place_back(m, at);
	}
	return finish(m, "any", &b);
}

static uint32_t make_of_type(struct maker *m, const json_t *schema, const json_t *type)
{
	struct body b = {0};
	const json_t *v;
	size_t i;

	if (json_is_string(type))
		return make_typed(m, schema, json_string_value(type));
	if (json_array_size(type) == 0)
		fail(m, -EINVAL, "type", "must be a name or an array of names");
	json_array_foreach(type, i, v)
	{
		if (!json_is_string(v))
			fail(m, -EINVAL, "type", "must be a name or an array of names");
		if (i > 0)
			body_or(m->g, &b);
		if (ok(m))
			body_rule(m->g, &b, make_typed(m, schema, json_string_value(v)));
	}
	return finish(m, "types", &b);
}

/* What "#/a/b" points to. NULL: nothing. */
static const json_t *find_reference(const struct maker *m, const char *ref)
{
	const json_t *v = m->root;

	if (*ref++ != '#')
		return NULL;
	while (v && *ref == '/') {
		char key[128];
		size_t n = 0;

		for (ref++; *ref && *ref != '/' && n + 1 < sizeof(key); ref++) {
			bool escaped = ref[0] == '~' && (ref[1] == '0' || ref[1] == '1');

			key[n++] = !escaped ? *ref : ref[1] == '0' ? '~' : '/';
			ref += escaped;
		}
		key[n] = '\0';
		v = json_is_array(v) && n > 0 && strspn(key, DIGITS) == n && n < 6
			    ? json_array_get(v, strtoul(key, NULL, 10))
			    : json_object_get(v, key);
	}
	return *ref ? NULL : v;
}

static uint32_t make_reference(struct maker *m, const json_t *ref)
{
	const json_t *to = json_is_string(ref) ? find_reference(m, json_string_value(ref)) : NULL;
	struct body b = {0};
	uint32_t rule;

	if (!to) {
		fail(m, -EINVAL, "$ref", "points to nothing in the schema");
		return 0;
	}
	for (size_t i = 0; i < m->n_refs; i++)
		if (m->refs[i].schema == to)
			return m->refs[i].rule;
	if (m->n_refs == REFS_MAX) {
		fail(m, -EMSGSIZE, "$ref", "points to more than 512 places");
		return 0;
	}
	rule = build_rule(m->g, json_string_value(ref));
	m->refs[m->n_refs++] = (struct reference){to, rule};
	body_rule(m->g, &b, make(m, to));
	build_body(m->g, rule, &b);
	return rule;
}

static void check_keywords(struct maker *m, const json_t *schema)
{
	static const char *const known[] = {"type", "properties", "required",
		"additionalProperties", "items", "minItems", "maxItems", "minLength", "maxLength",
		"enum", "const", "anyOf", "allOf", "$ref", "$defs", "definitions", "title",
		"description", "default", "examples", "$schema", "$id", "$comment", "format",
		"deprecated", "readOnly", "writeOnly", NULL};
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)schema, key, v)
	{
		size_t i = 0;
		char name[48];

		while (known[i] && strcmp(known[i], key) != 0)
			i++;
		if (known[i])
			continue;
		(void)snprintf(name, sizeof(name), "%.40s", key);
		fail(m, -ENOTSUP, name, "is not supported");
	}
}

static const char *implied_type(const json_t *schema)
{
	static const struct {
		const char *key, *type;
	} signs[] = {{"properties", "object"}, {"required", "object"},
		{"additionalProperties", "object"}, {"items", "array"}, {"minItems", "array"},
		{"maxItems", "array"}, {"minLength", "string"}, {"maxLength", "string"}};

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (json_object_get(schema, signs[i].key))
			return signs[i].type;
	return NULL;
}

static uint32_t make_schema(struct maker *m, const json_t *schema)
{
	const json_t *v;

	if ((v = json_object_get(schema, "$ref")))
		return make_reference(m, v);
	if ((v = json_object_get(schema, "const")))
		return make_literal(m, v);
	if ((v = json_object_get(schema, "enum")))
		return make_any_of(m, v, "enum", make_literal);
	if ((v = json_object_get(schema, "anyOf"))) {
		if (implied_type(schema))
			fail(m, -ENOTSUP, "anyOf", "beside other constraints is not supported");
		return make_any_of(m, v, "anyOf", make);
	}
	if ((v = json_object_get(schema, "allOf"))) {
		if (json_array_size(v) != 1 || implied_type(schema))
			fail(m, -ENOTSUP, "allOf", "of more than one is not supported");
		return make_any_of(m, v, "allOf", make);
	}
	if ((v = json_object_get(schema, "type")))
		return make_of_type(m, schema, v);
	if (implied_type(schema))
		return make_typed(m, schema, implied_type(schema));
	return common(m, C_VALUE);
}

static uint32_t make(struct maker *m, const json_t *schema)
{
	uint32_t rule = 0;

	if (!ok(m))
		return 0;
	if (json_is_true(schema))
		return common(m, C_VALUE);
	if (!json_is_object(schema)) {
		build_fail(m->g, -EINVAL, "schema%s: must be an object", m->place);
		return 0;
	}
	if (m->depth++ == GRAMMAR_DEPTH_MAX)
		build_fail(m->g, -EMSGSIZE, "schema: more than %d stand in each other",
			GRAMMAR_DEPTH_MAX);
	check_keywords(m, schema);
	if (ok(m))
		rule = make_schema(m, schema);
	m->depth--;
	return rule;
}

/* --- what every schema may need --- */

/* Any value: its rule is there before its parts, which hold values. */
static void make_value(struct maker *m)
{
	struct body b = {0};
	uint32_t rule = m->common[C_VALUE] = build_rule(m->g, "value");

	body_rule(m->g, &b, common(m, C_OBJECT));
	body_or(m->g, &b);
	body_rule(m->g, &b, common(m, C_ARRAY));
	body_or(m->g, &b);
	body_rule(m->g, &b, common(m, C_STRING));
	body_or(m->g, &b);
	body_rule(m->g, &b, common(m, C_NUMBER));
	for (int i = 0; i < 3; i++) {
		body_or(m->g, &b);
		add_text(m, &b, i == 0 ? "true" : i == 1 ? "false" : "null");
	}
	build_body(m->g, rule, &b);
}

static uint32_t make_common(struct maker *m, enum common what)
{
	switch (what) {
	case C_SPACE:
		return make_space(m);
	case C_CHARACTER:
		return make_character(m, false);
	case C_KEY_CHARACTER:
		return make_character(m, true);
	case C_STRING:
		return make_string(m, 0, UINT32_MAX);
	case C_INTEGER:
		return make_integer(m);
	case C_NUMBER:
		return make_number(m);
	case C_VALUE:
		make_value(m);
		return m->common[C_VALUE];
	case C_OBJECT: {
		struct members all = {
			.other = make_pair(m, common(m, C_STRING), common(m, C_VALUE))};
		struct body b = {0};

		add_text(m, &b, "{");
		body_rule(m->g, &b, common(m, C_SPACE));
		body_rule(m->g, &b, make_members(m, &all));
		add_text(m, &b, "}");
		return finish(m, "object", &b);
	}
	case C_ARRAY:
		return make_items(m, common(m, C_VALUE), 0, UINT32_MAX);
	case N_COMMON:
		break;
	}
	return 0;
}

static uint32_t common(struct maker *m, enum common what)
{
	if (ok(m) && !m->common[what])
		m->common[what] = make_common(m, what);
	return m->common[what];
}

/* The whole is the first rule; what it is comes later. */
static int make_whole(json_t *schema, struct grammar **ret, struct err *e)
{
	struct maker *m = calloc(1, sizeof(*m));
	struct body b = {0};
	uint32_t root;
	int r;

	if (!m || !(m->g = build_new())) {
		free(m);
		return err_set(e, -ENOMEM, "out of memory");
	}
	m->root = schema;
	root = build_rule(m->g, "root");
	body_rule(m->g, &b, schema ? make(m, schema) : common(m, C_OBJECT));
	build_body(m->g, root, &b);
	r = build_end(m->g, ret, e);
	free(m);
	return r;
}

int grammar_from_schema(json_t *schema, struct grammar **ret, struct err *e)
{
	return make_whole(schema, ret, e);
}

int grammar_from_json(struct grammar **ret, struct err *e)
{
	return make_whole(NULL, ret, e);
}

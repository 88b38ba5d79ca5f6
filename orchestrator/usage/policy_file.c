#include "orchestrator/usage/policy_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <yaml.h>

#include "base/net_block.h"
#include "orchestrator/usage/policy_inside.h"

#define IPV6_BITS_MAX 64 /* one subscriber's */
#define CALL_SEC_MAX 600 /* as long as a grant is good for */

struct policy_place policy_place_of(const yaml_node_t *node)
{
	return (struct policy_place){
		(int)node->start_mark.line + 1, (int)node->start_mark.column + 1};
}

int policy_refuse(struct reader *rd, const yaml_node_t *at, const char *fmt, ...)
{
	struct policy_place place = policy_place_of(at);
	char words[ERR_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	return err_set(
		rd->e, -EINVAL, POLICY_FILE_NAME ":%d:%d: %s", place.line, place.column, words);
}

/* --- texts and mappings --- */

bool policy_is_plain(const yaml_node_t *node, size_t max)
{
	const unsigned char *text = node->data.scalar.value;
	size_t n = node->data.scalar.length;

	if (node->type != YAML_SCALAR_NODE || n == 0 || n > max)
		return false;
	for (size_t i = 0; i < n; i++)
		if (text[i] <= 0x20 || text[i] >= 0x7f)
			return false;
	return true;
}

const char *policy_text(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

static int check_once(struct reader *rd, const yaml_node_t *map, const yaml_node_pair_t *until)
{
	const yaml_node_t *key = yaml_document_get_node(rd->doc, until->key);

	for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < until; p++)
		if (!strcmp(policy_text(yaml_document_get_node(rd->doc, p->key)), policy_text(key)))
			return policy_refuse(
				rd, key, "%s: stands here a second time", policy_text(key));
	return 0;
}

int policy_each_pair(struct reader *rd, const struct pair *in, size_t max, pair_fn fn, void *data)
{
	const yaml_node_t *map = in->value;
	size_t n = 0;
	int r = 0;

	if (map->type != YAML_MAPPING_NODE)
		return policy_refuse(rd, map, "%s: must be a mapping, 'key: value'", in->key);
	for (const yaml_node_pair_t *p = map->data.mapping.pairs.start;
		r == 0 && p < map->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = yaml_document_get_node(rd->doc, p->key);
		struct pair pair = {.at = key, .value = yaml_document_get_node(rd->doc, p->value)};

		if (++n > max)
			return policy_refuse(rd, key, "%s: more than %zu entries", in->key, max);
		if (!policy_is_plain(key, BIND_NAME_LEN))
			return policy_refuse(rd, key,
				"%s: a key must be 1 to %d letters, digits or signs", in->key,
				BIND_NAME_LEN);
		pair.key = policy_text(key);
		r = check_once(rd, map, p);
		if (r == 0)
			r = fn(rd, &pair, data);
	}
	return r;
}

/* The value of a key of the mapping; NULL: it is not there. */
static const yaml_node_t *value_of(struct reader *rd, const yaml_node_t *map, const char *key)
{
	for (const yaml_node_pair_t *p = map->data.mapping.pairs.start;
		map->type == YAML_MAPPING_NODE && p < map->data.mapping.pairs.top; p++) {
		const yaml_node_t *at = yaml_document_get_node(rd->doc, p->key);

		if (policy_is_plain(at, BIND_NAME_LEN) && !strcmp(policy_text(at), key))
			return yaml_document_get_node(rd->doc, p->value);
	}
	return NULL;
}

/* --- tiers --- */

static const struct {
	const char *name;
	size_t offset;
	int64_t min, max, usual; /* usual -1: it must stand there */
} fields[] = {
	{"seconds", offsetof(struct tier, day_sec), 0, POLICY_DAY_SEC_MAX, -1},
	{"weight", offsetof(struct tier, weight), 1, 1000, 1},
	{"concurrent", offsetof(struct tier, concurrent), 1, 1024, 32},
	{"seconds_per_call", offsetof(struct tier, call_sec), 1, CALL_SEC_MAX, 60},
	{"memory_mib", offsetof(struct tier, memory_mib), 1, 1 << 20, 256},
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

static int64_t *field_of(struct tier *t, size_t i)
{
	return (int64_t *)(void *)((char *)t + fields[i].offset);
}

int policy_read_number(
	struct reader *rd, const struct pair *pair, int64_t min, int64_t max, int64_t *ret)
{
	const yaml_node_t *node = pair->value;
	int64_t n;

	if (!policy_is_plain(node, 12) ||
		strspn(policy_text(node), "0123456789") != node->data.scalar.length)
		return policy_refuse(rd, node, "%s: must be a whole number", pair->key);
	n = strtoll(policy_text(node), NULL, 10);
	if (n < min || n > max)
		return policy_refuse(rd, node, "%s: %lld is not from %lld to %lld", pair->key,
			(long long)n, (long long)min, (long long)max);
	*ret = n;
	return 0;
}

static int read_field(struct reader *rd, const struct pair *pair, void *data)
{
	char known[160] = "";
	size_t used = 0;

	if (!strcmp(pair->key, "pool"))
		return policy_read_pool_name(rd, pair, &((struct tier *)data)->pool);
	for (size_t i = 0; i < N_FIELDS; i++)
		if (!strcmp(fields[i].name, pair->key))
			return policy_read_number(
				rd, pair, fields[i].min, fields[i].max, field_of(data, i));
	for (size_t i = 0; i < N_FIELDS; i++)
		used += (size_t)snprintf(
			known + used, sizeof(known) - used, "%s%s", i ? ", " : "", fields[i].name);
	return policy_refuse(
		rd, pair->at, "%.40s: unknown key; a tier takes %s, pool", pair->key, known);
}

bool policy_is_name(const char *text)
{
	for (const char *c = text; *c; c++)
		if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '-')
			return false;
	return strlen(text) <= TIER_NAME_LEN;
}

static int read_tier(struct reader *rd, const struct pair *pair, void *data)
{
	struct tier *t = &rd->p->tiers[rd->p->n_tiers];
	int r;

	(void)data;
	if (!policy_is_name(pair->key))
		return policy_refuse(rd, pair->at,
			"tiers: '%.40s' must be 1 to %d small letters, digits and '-'", pair->key,
			TIER_NAME_LEN);
	*t = (struct tier){.pool = POLICY_NONE, .place = policy_place_of(pair->at)};
	(void)snprintf(t->name, sizeof(t->name), "%s", pair->key);
	for (size_t i = 0; i < N_FIELDS; i++)
		*field_of(t, i) = fields[i].usual;
	r = policy_each_pair(rd, pair, N_FIELDS + 1, read_field, t);
	for (size_t i = 0; r == 0 && i < N_FIELDS; i++)
		if (*field_of(t, i) < 0)
			r = policy_refuse(
				rd, pair->at, "%s: '%s' is missing", pair->key, fields[i].name);
	if (r == 0)
		rd->p->n_tiers++;
	return r;
}

/* --- who has which --- */

static int read_reference(struct reader *rd, const struct pair *pair, size_t *ret)
{
	const struct tier *t = policy_is_plain(pair->value, BIND_NAME_LEN)
				       ? usage_policy_tier(rd->p, policy_text(pair->value))
				       : NULL;

	if (pair->value->type != YAML_SCALAR_NODE)
		return policy_refuse(rd, pair->value, "%s: must be the name of a tier", pair->key);
	if (!t)
		return policy_refuse(rd, pair->value, "%s: there is no tier '%.40s'", pair->key,
			policy_text(pair->value));
	*ret = (size_t)(t - rd->p->tiers);
	return 0;
}

static int read_default(struct reader *rd, const struct pair *pair, void *data)
{
	bool *seen = data;

	if (!strcmp(pair->key, "flavour"))
		return policy_read_flavour_name(rd, pair, &rd->p->flavour);
	for (int i = 0; i < BUDGETS_DEFAULT; i++)
		if (!strcmp(usage_policy_budget_names[i], pair->key)) {
			seen[i] = true;
			return read_reference(rd, pair, &rd->p->defaults[i]);
		}
	return policy_refuse(rd, pair->at,
		"%.40s: unknown key; default takes user, owner, network, flavour", pair->key);
}

static int read_bind(struct reader *rd, const struct pair *pair, void *data)
{
	struct bind b = {.kind = *(const enum bind_kind *)data, .place = policy_place_of(pair->at)};
	struct bind *more;
	int r = read_reference(rd, pair, &b.tier);

	if (r < 0)
		return r;
	if ((b.kind == BIND_SPACE) != (strchr(pair->key, '/') != NULL))
		return policy_refuse(rd, pair->at, "%s: '%.100s' must be %s",
			usage_policy_bind_names[b.kind], pair->key,
			b.kind == BIND_SPACE ? "owner/name" : "a name without '/'");
	(void)snprintf(b.name, sizeof(b.name), "%s", pair->key);
	if (rd->p->n_binds == BINDS_MAX)
		return policy_refuse(rd, pair->at, "bind: more than %d names", BINDS_MAX);
	more = reallocarray(rd->p->binds, rd->p->n_binds + 1, sizeof(*more));
	if (!more)
		return err_set(rd->e, -ENOMEM, "out of memory");
	rd->p->binds = more;
	rd->p->binds[rd->p->n_binds++] = b;
	return 0;
}

static int read_network(struct reader *rd, const struct pair *pair, void *data)
{
	struct network_class *c = &rd->p->networks[rd->p->n_networks];
	struct net_block block;
	struct err why = {0};
	int r;

	(void)data;
	if (strlen(pair->key) >= sizeof(c->cidr) || net_block_read(pair->key, &block, &why) < 0)
		return policy_refuse(rd, pair->at, "networks: %s",
			why.code ? why.text : "an address is shorter than that");
	if (block.family == AF_INET6 && block.bits > IPV6_BITS_MAX)
		return policy_refuse(rd, pair->at,
			"networks: %.60s: IPv6 addresses are told apart to /%d", pair->key,
			IPV6_BITS_MAX);
	r = read_reference(rd, pair, &c->tier);
	if (r < 0)
		return r;
	(void)snprintf(c->cidr, sizeof(c->cidr), "%s", pair->key);
	rd->p->n_networks++;
	return 0;
}

static int read_bind_section(struct reader *rd, const struct pair *pair, void *data)
{
	if (!strcmp(pair->key, "default"))
		return policy_each_pair(rd, pair, BUDGETS_DEFAULT + 1, read_default, data);
	if (!strcmp(pair->key, "networks"))
		return policy_each_pair(rd, pair, NETWORKS_MAX, read_network, NULL);
	for (int i = 0; i < BIND_KINDS; i++) {
		enum bind_kind kind = (enum bind_kind)i;

		if (!strcmp(pair->key, usage_policy_bind_names[i]))
			return policy_each_pair(rd, pair, BINDS_MAX, read_bind, &kind);
	}
	return policy_refuse(rd, pair->at,
		"%.40s: unknown key; bind takes default, users, organizations, owners, spaces, "
		"networks",
		pair->key);
}

/* --- the file --- */

/* In the order they are read, since each names what stands in those before it. */
static const char *const sections[] = {"pools", "tiers", "flavours", "bind"};
#define N_SECTIONS (sizeof(sections) / sizeof(sections[0]))

static int check_root(struct reader *rd, const struct pair *pair, void *data)
{
	(void)data;
	for (size_t i = 0; i < N_SECTIONS; i++)
		if (!strcmp(sections[i], pair->key))
			return 0;
	return policy_refuse(rd, pair->at,
		"%.40s: unknown key; the file takes tiers, bind, pools, flavours", pair->key);
}

static int read_bindings(struct reader *rd, const struct pair *bind)
{
	bool seen[BUDGETS_DEFAULT] = {0};
	int r = policy_each_pair(rd, bind, BIND_KINDS + 2, read_bind_section, seen);

	for (int i = 0; r == 0 && i < BUDGETS_DEFAULT; i++)
		if (!seen[i])
			r = policy_refuse(rd, bind->value, "bind: default says no tier of '%s'",
				usage_policy_budget_names[i]);
	return r;
}

static int read_tiers(struct reader *rd, const struct pair *tiers)
{
	int r = policy_each_pair(rd, tiers, TIERS_MAX, read_tier, NULL);

	return r < 0 ? r : policy_check_rest(rd);
}

static int read_document(struct reader *rd)
{
	static int (*const readers[])(struct reader *, const struct pair *) = {
		policy_read_pools, read_tiers, policy_read_flavours, read_bindings};
	static const bool needed[] = {false, true, false, true};
	const yaml_node_t *root = yaml_document_get_root_node(rd->doc);
	const struct pair all = {.key = "the file", .at = root, .value = root};
	int r;

	if (!root)
		return err_set(rd->e, -EINVAL, POLICY_FILE_NAME ":1:1: the file is empty");
	r = policy_each_pair(rd, &all, 8, check_root, NULL);
	for (size_t i = 0; r == 0 && i < N_SECTIONS; i++) {
		const struct pair part = {
			.key = sections[i], .at = root, .value = value_of(rd, root, sections[i])};

		if (part.value)
			r = readers[i](rd, &part);
		else if (needed[i])
			r = policy_refuse(rd, root, "'%s' is missing", sections[i]);
	}
	return r;
}

static int refuse_yaml(const yaml_parser_t *parser, struct err *e)
{
	if (parser->error == YAML_MEMORY_ERROR)
		return err_set(e, -ENOMEM, "out of memory");
	return err_set(e, -EINVAL, POLICY_FILE_NAME ":%d:%d: %s",
		(int)parser->problem_mark.line + 1, (int)parser->problem_mark.column + 1,
		parser->problem ? parser->problem : "is no YAML");
}

/* Nothing may follow: it would be forgotten. */
static int check_end(yaml_parser_t *parser, struct err *e)
{
	yaml_document_t doc;
	const yaml_node_t *root;
	int line;

	if (!yaml_parser_load(parser, &doc))
		return refuse_yaml(parser, e);
	root = yaml_document_get_root_node(&doc);
	line = root ? (int)root->start_mark.line + 1 : 0;
	yaml_document_delete(&doc);
	return root ? err_set(e, -EINVAL, POLICY_FILE_NAME ":%d:1: a second document begins", line)
		    : 0;
}

static int read_yaml(yaml_parser_t *parser, struct usage_policy *p, struct err *e)
{
	yaml_document_t doc;
	struct reader rd = {.doc = &doc, .p = p, .e = e};
	int r;

	if (!yaml_parser_load(parser, &doc))
		return refuse_yaml(parser, e);
	r = read_document(&rd);
	yaml_document_delete(&doc);
	return r < 0 ? r : check_end(parser, e);
}

int usage_policy_read(const char *text, size_t n, struct usage_policy **ret, struct err *e)
{
	CLEANUP(usage_policy_freep) struct usage_policy *p = calloc(1, sizeof(*p));
	yaml_parser_t parser;
	int r;

	if (n > POLICY_FILE_MAX)
		return err_set(e, -EINVAL, POLICY_FILE_NAME ":1:1: over its limit of %u bytes",
			POLICY_FILE_MAX);
	if (!p || !yaml_parser_initialize(&parser))
		return err_set(e, -ENOMEM, "out of memory");
	p->flavour = POLICY_NONE;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, n);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	r = read_yaml(&parser, p, e);
	yaml_parser_delete(&parser);
	if (r == 0)
		*ret = TAKE_PTR(p);
	return r;
}

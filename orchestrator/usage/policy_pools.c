#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/usage/policy_file.h"
#include "orchestrator/usage/policy_inside.h"
#include "proto/box_class.h"

/* --- pools --- */

static int read_flag(struct reader *rd, const struct pair *pair, bool *ret)
{
	bool plain = policy_is_plain(pair->value, 5);
	bool yes = plain && !strcmp(policy_text(pair->value), "true");

	if (!yes && (!plain || strcmp(policy_text(pair->value), "false") != 0))
		return policy_refuse(rd, pair->value, "%s: must be true or false", pair->key);
	*ret = yes;
	return 0;
}

static int read_pool_field(struct reader *rd, const struct pair *pair, void *data)
{
	struct usage_pool *p = data;

	if (!strcmp(pair->key, "share"))
		return policy_read_number(rd, pair, 1, 100, &p->percent);
	if (!strcmp(pair->key, "lend"))
		return read_flag(rd, pair, &p->lend);
	if (!strcmp(pair->key, "borrow"))
		return read_flag(rd, pair, &p->borrow);
	return policy_refuse(
		rd, pair->at, "%.40s: unknown key; a pool takes share, lend, borrow", pair->key);
}

static int read_pool(struct reader *rd, const struct pair *pair, void *data)
{
	struct usage_pool *p = &rd->p->pools[rd->p->n_pools];
	int64_t left = usage_policy_percent(rd->p, POLICY_NONE);
	int r;

	(void)data;
	if (!policy_is_name(pair->key))
		return policy_refuse(rd, pair->at,
			"pools: '%.40s' must be 1 to %d small letters, digits and '-'", pair->key,
			TIER_NAME_LEN);
	*p = (struct usage_pool){.lend = true, .borrow = true};
	(void)snprintf(p->name, sizeof(p->name), "%s", pair->key);
	r = policy_each_pair(rd, pair, 3, read_pool_field, p);
	if (r == 0 && p->percent == 0)
		r = policy_refuse(rd, pair->at, "%s: 'share' is missing", pair->key);
	if (r == 0 && p->percent > left)
		r = policy_refuse(rd, pair->at,
			"%s: %lld percent are more than the %lld that the "
			"pools before it leave",
			pair->key, (long long)p->percent, (long long)left);
	if (r == 0)
		rd->p->n_pools++;
	return r;
}

int policy_read_pools(struct reader *rd, const struct pair *pools)
{
	return policy_each_pair(rd, pools, USAGE_POOLS_MAX, read_pool, NULL);
}

int policy_read_pool_name(struct reader *rd, const struct pair *pair, size_t *ret)
{
	bool plain = policy_is_plain(pair->value, BIND_NAME_LEN);

	for (size_t i = 0; plain && i < rd->p->n_pools; i++)
		if (!strcmp(rd->p->pools[i].name, policy_text(pair->value))) {
			*ret = i;
			return 0;
		}
	return policy_refuse(rd, pair->value, "%s: there is no pool '%.40s'", pair->key,
		plain ? policy_text(pair->value) : "");
}

int policy_check_rest(struct reader *rd)
{
	if (usage_policy_percent(rd->p, POLICY_NONE) > 0)
		return 0;
	for (size_t i = 0; i < rd->p->n_tiers; i++) {
		const struct tier *t = &rd->p->tiers[i];

		if (t->pool == POLICY_NONE)
			return err_set(rd->e, -EINVAL,
				POLICY_FILE_NAME
				":%d:%d: %s: is in no pool, and the pools have all of the device",
				t->place.line, t->place.column, t->name);
	}
	return 0;
}

/* --- flavours --- */

static int read_tier_names(struct reader *rd, const struct pair *pair, struct flavour *f)
{
	const yaml_node_t *list = pair->value;

	if (list->type != YAML_SEQUENCE_NODE)
		return policy_refuse(rd, list, "%s: must be a list of tiers", pair->key);
	f->for_some = true;
	for (const yaml_node_item_t *i = list->data.sequence.items.start;
		i < list->data.sequence.items.top; i++) {
		const yaml_node_t *node = yaml_document_get_node(rd->doc, *i);
		const struct tier *t = policy_is_plain(node, BIND_NAME_LEN)
					       ? usage_policy_tier(rd->p, policy_text(node))
					       : NULL;

		if (!t)
			return policy_refuse(rd, node, "%s: there is no tier '%.40s'", pair->key,
				policy_is_plain(node, BIND_NAME_LEN) ? policy_text(node) : "");
		f->tiers |= 1ull << (t - rd->p->tiers);
	}
	return 0;
}

static int read_device(struct reader *rd, const struct pair *pair, struct flavour *f)
{
	if (!policy_is_plain(pair->value, DEVICE_NAME_LEN))
		return policy_refuse(rd, pair->value,
			"%s: must be a device's name, as 'vitrine top' shows it", pair->key);
	(void)snprintf(f->device, sizeof(f->device), "%s", policy_text(pair->value));
	f->place = policy_place_of(pair->value);
	return 0;
}

static int read_class(struct reader *rd, const struct pair *pair, struct flavour *f)
{
	const yaml_node_t *node = pair->value;

	if (!policy_is_plain(node, sizeof(f->class) - 1) ||
		box_class_number(policy_text(node), strlen(policy_text(node))) < 0)
		return policy_refuse(rd, node, "%s: must be small, medium or large", pair->key);
	(void)snprintf(f->class, sizeof(f->class), "%s", policy_text(node));
	return 0;
}

static int read_flavour_field(struct reader *rd, const struct pair *pair, void *data)
{
	struct flavour *f = data;

	if (!strcmp(pair->key, "class"))
		return read_class(rd, pair, f);
	if (!strcmp(pair->key, "device"))
		return read_device(rd, pair, f);
	if (!strcmp(pair->key, "pool"))
		return policy_read_pool_name(rd, pair, &f->pool);
	if (!strcmp(pair->key, "tiers"))
		return read_tier_names(rd, pair, f);
	return policy_refuse(rd, pair->at,
		"%.40s: unknown key; a flavour takes class, device, pool, tiers", pair->key);
}

static int read_flavour(struct reader *rd, const struct pair *pair, void *data)
{
	struct flavour *f = &rd->p->flavours[rd->p->n_flavours];
	int r;

	(void)data;
	if (strlen(pair->key) > FLAVOUR_NAME_LEN ||
		strspn(pair->key, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(pair->key))
		return policy_refuse(rd, pair->at,
			"flavours: '%.40s' must be 1 to %d small letters, digits and '-'",
			pair->key, FLAVOUR_NAME_LEN);
	*f = (struct flavour){.pool = POLICY_NONE};
	(void)snprintf(f->name, sizeof(f->name), "%s", pair->key);
	r = policy_each_pair(rd, pair, 4, read_flavour_field, f);
	if (r == 0)
		rd->p->n_flavours++;
	return r;
}

int policy_read_flavours(struct reader *rd, const struct pair *flavours)
{
	return policy_each_pair(rd, flavours, FLAVOURS_MAX, read_flavour, NULL);
}

int policy_read_flavour_name(struct reader *rd, const struct pair *pair, size_t *ret)
{
	const struct flavour *f = policy_is_plain(pair->value, BIND_NAME_LEN)
					  ? usage_policy_flavour(rd->p, policy_text(pair->value))
					  : NULL;

	if (!f)
		return policy_refuse(rd, pair->value, "%s: there is no such flavour", pair->key);
	*ret = (size_t)(f - rd->p->flavours);
	return 0;
}

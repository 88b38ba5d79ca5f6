#include "orchestrator/usage/flavours.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/space/hardware.h"
#include "orchestrator/usage/tiers.h"

static bool has_tier(const struct usage_policy *p, const struct flavour *f, const struct tier *t)
{
	return t && f->tiers & 1ull << (t - p->tiers);
}

/* What the Space does by itself, what its owner does as a person, or as an organisation. */
static int may_have(struct store *s, const struct usage_policy *p, const struct flavour *f,
	const struct space_wish *w, struct err *e)
{
	char name[BIND_NAME_LEN + 1], account[ACCOUNT_MAX + 1];
	const struct tier *t;
	int r;

	if (!f->for_some)
		return true;
	(void)snprintf(name, sizeof(name), "%s/%s", w->owner, w->name);
	if (has_tier(p, f, usage_policy_bound(p, BIND_SPACE, name)) ||
		has_tier(p, f, usage_policy_bound(p, BIND_ORGANISATION, w->owner)))
		return true;
	(void)snprintf(account, sizeof(account), "owner:%.57s", w->owner);
	r = tiers_of(s, p, account, account, &t, e);
	if (r < 0 || has_tier(p, f, t))
		return r < 0 ? r : true;
	(void)snprintf(account, sizeof(account), "user:%.58s", w->owner);
	r = tiers_of(s, p, account, account, &t, e);
	return r < 0 ? r : has_tier(p, f, t);
}

static void fill(const struct usage_policy *p, const struct flavour *f, struct space_flavour *ret)
{
	ret->name = f->name;
	if (f->class[0])
		ret->class = f->class;
	ret->pool = usage_policy_pool(p, f->pool);
	ret->device = f->device;
}

/* Static text, as all that is said of it. */
static const char *built_class(const struct space_wish *w)
{
	int number = box_class_number(w->class, strlen(w->class));

	return box_class_name(number < 0 ? BOX_SMALL : (unsigned int)number);
}

/* The flavour of one that asks for none, or for one that it may not have: the policy's, but where
 * it was built for a larger box, and may have that. */
static int find_usual(struct store *s, const struct usage_policy *p, const struct space_wish *w,
	struct space_flavour *ret, struct err *e)
{
	const char *small = box_class_name(BOX_SMALL);
	const char *built = built_class(w);
	const struct flavour *f = usage_policy_flavour(p, hardware_flavor(built));
	int may = f ? may_have(s, p, f, w, e) : true;

	if (may < 0)
		return may;
	ret->class = may ? built : small;
	ret->name = hardware_flavor(ret->class);
	if (!strcmp(ret->class, small))
		f = p->flavour != POLICY_NONE ? &p->flavours[p->flavour]
					      : usage_policy_flavour(p, ret->name);
	if (f)
		fill(p, f, ret);
	return 0;
}

int flavours_of(struct store *s, const struct usage_policy *p, const struct space_wish *w,
	struct space_flavour *ret, struct err *e)
{
	const char *class = hardware_class(w->flavour);
	const struct flavour *f = usage_policy_flavour(p, w->flavour);
	int may = f ? may_have(s, p, f, w, e) : class != NULL;

	*ret = (struct space_flavour){.pool = "", .device = ""};
	if (may <= 0)
		return may < 0 ? may : find_usual(s, p, w, ret, e);
	ret->class = class ? class : built_class(w);
	ret->name = hardware_flavor(ret->class);
	if (f)
		fill(p, f, ret);
	return 0;
}

static int refuse(const struct usage_policy *p, const char *name, struct err *e)
{
	char known[256] = "";
	size_t n = 0;

	for (size_t i = 0; i < p->n_flavours && n < sizeof(known); i++)
		n += (size_t)snprintf(known + n, sizeof(known) - n, ", %s", p->flavours[i].name);
	return err_set(e, -EINVAL,
		"flavor: there is no '%.40s' here; there are cpu-basic, cpu-medium, cpu-large%s",
		name, known);
}

int flavours_check(
	struct store *s, const struct usage_policy *p, const struct space_wish *w, struct err *e)
{
	const struct flavour *f = usage_policy_flavour(p, w->flavour);
	int r;

	if (!f)
		return p->n_flavours == 0 || hardware_class(w->flavour) ? 0
									: refuse(p, w->flavour, e);
	r = may_have(s, p, f, w, e);
	return r < 0 ? r
	       : r   ? 0
		   : err_set(e, -EPERM, "flavor: %s is not for Spaces of %.60s", f->name, w->owner);
}

/* --- two policies --- */

#define PAGE 200

struct comparing {
	struct store *store;
	const struct usage_policy *from, *to;
	flavour_move_fn fn;
	void *data;
	char cursor[33];
	struct err *e;
};

static bool is_same(const struct space_flavour *a, const struct space_flavour *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->class, b->class) &&
	       !strcmp(a->pool, b->pool) && !strcmp(a->device, b->device);
}

static int compare_space(const struct store_row *row, void *data)
{
	struct comparing *c = data;
	const struct space_wish w = {.owner = store_text(row, 1),
		.name = store_text(row, 2),
		.flavour = store_text(row, 3),
		.class = store_text(row, 4)};
	struct flavour_move m = {.id = store_text(row, 0), .space = &w};
	int r = flavours_of(c->store, c->from, &w, &m.from, c->e);

	(void)snprintf(c->cursor, sizeof(c->cursor), "%s", m.id);
	if (r == 0)
		r = flavours_of(c->store, c->to, &w, &m.to, c->e);
	return r < 0 || is_same(&m.from, &m.to) ? r : c->fn(&m, c->data);
}

int flavours_compare(struct store *s, const struct usage_policy *from,
	const struct usage_policy *to, flavour_move_fn fn, void *data, struct err *e)
{
	struct comparing c = {.store = s, .from = from, .to = to, .fn = fn, .data = data, .e = e};
	int n = PAGE;

	if (from->n_flavours == 0 && to->n_flavours == 0)
		return 0;
	while (n == PAGE)
		n = store_run(
			s, "space_flavours", compare_space, &c, e, "si", c.cursor, (int64_t)PAGE);
	return n < 0 ? n : 0;
}

#include "orchestrator/usage/credits.h"

#include "base/random.h"

#define AT_ONCE 16 /* credits that one charge may empty; more are found by the next */

int credit_give(struct store *s, const struct credit *c, uint64_t now_usec, struct err *e)
{
	char id[ID_LEN + 1];
	int r;

	random_id(id);
	r = store_run(s, "credit_put", NULL, NULL, e, "ssiiiss", id, c->account, (int64_t)c->nsec,
		(int64_t)now_usec, (int64_t)c->expires_usec, c->who, c->why);
	return r < 0 ? r : 0;
}

static int take_sum(const struct store_row *row, void *data)
{
	*(uint64_t *)data = (uint64_t)store_int(row, 0);
	return 1;
}

int credit_left(
	struct store *s, const char *account, uint64_t now_usec, uint64_t *ret, struct err *e)
{
	int r;

	*ret = 0;
	r = store_run(s, "credit_left", take_sum, ret, e, "si", account, (int64_t)now_usec);
	return r < 0 ? r : 0;
}

struct purse {
	char ids[AT_ONCE][ID_LEN + 1];
	uint64_t nsec[AT_ONCE];
	size_t n;
};

static int take_credit(const struct store_row *row, void *data)
{
	struct purse *p = data;

	(void)snprintf(p->ids[p->n], sizeof(p->ids[0]), "%s", store_text(row, 0));
	p->nsec[p->n++] = (uint64_t)store_int(row, 1);
	return p->n == AT_ONCE;
}

int credit_use(struct store *s, const char *account, uint64_t nsec, uint64_t now_usec,
	uint64_t *ret, struct err *e)
{
	struct purse p = {0};
	int r = store_run(s, "credit_open", take_credit, &p, e, "si", account, (int64_t)now_usec);

	*ret = 0;
	for (size_t i = 0; r >= 0 && i < p.n && *ret < nsec; i++) {
		uint64_t part = nsec - *ret < p.nsec[i] ? nsec - *ret : p.nsec[i];

		r = store_run(s, "credit_spend", NULL, NULL, e, "si", p.ids[i], (int64_t)part);
		*ret += part;
	}
	return r < 0 ? r : 0;
}

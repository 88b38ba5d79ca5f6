#include "orchestrator/usage/usage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "orchestrator/usage/credits.h"
#include "proto/grant.h"

#define ROWS_MAX 1000 /* of one message, by its size */
#define NUMBER_MAX (INT64_MAX / 2)

static int take_int(const struct store_row *row, void *data)
{
	*(int64_t *)data = store_int(row, 0);
	return 1;
}

/* --- one row --- */

struct usage_row {
	const char *payer, *account, *space, *model, *task, *device, *outcome; /* borrowed */
	int64_t n, call, time_usec, session, event, queue_usec, device_nsec, tokens_in,
		tokens_cached, tokens_out;
};

static int read_row(const json_t *o, struct usage_row *r, struct err *e)
{
	const struct {
		const char *name;
		size_t max;
		const char **to;
	} texts[] = {{"payer", ACCOUNT_MAX, &r->payer}, {"account", ACCOUNT_MAX, &r->account},
		{"space", 72, &r->space}, {"model", 160, &r->model}, {"task", 40, &r->task},
		{"device", 32, &r->device}, {"outcome", 16, &r->outcome}};
	const struct {
		const char *name;
		int64_t *to;
	} numbers[] = {{"n", &r->n}, {"call", &r->call}, {"time_usec", &r->time_usec},
		{"session", &r->session}, {"event", &r->event}, {"queue_usec", &r->queue_usec},
		{"device_nsec", &r->device_nsec}, {"tokens_in", &r->tokens_in},
		{"tokens_cached", &r->tokens_cached}, {"tokens_out", &r->tokens_out}};
	int n = 0;

	for (size_t i = 0; n == 0 && i < sizeof(texts) / sizeof(texts[0]); i++)
		n = json_get_str(o, texts[i].name, texts[i].max, texts[i].to, e);
	for (size_t i = 0; n == 0 && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		n = json_get_int(o, numbers[i].name, 0, NUMBER_MAX, numbers[i].to, e);
	return n < 0 ? err_wrap(e, "usage row") : 0;
}

struct space_words {
	char name[160], commit[72];
};

static int take_space(const struct store_row *row, void *data)
{
	struct space_words *w = data;

	(void)snprintf(w->name, sizeof(w->name), "%s/%s", store_text(row, 0), store_text(row, 1));
	(void)snprintf(w->commit, sizeof(w->commit), "%s", store_text(row, 2));
	return 1;
}

/* What the call had cost before this row: a long one has several. */
static int charged_before(struct store *s, const char *journal, const struct usage_row *r,
	int64_t *ret, struct err *e)
{
	*ret = 0;
	if (r->call == r->n)
		return 0;
	return store_run(s, "usage_of_call", take_int, ret, e, "si", journal, r->call);
}

/* What the window has no room for comes off credits, and what those have not stays in the window.
 */
static int charge(struct store *s, const struct usage_policy *p, const struct usage_row *row,
	uint64_t nsec, uint64_t now_usec, struct err *e)
{
	uint64_t window, credit = 0;
	struct budget b;
	int r = usage_budget(s, p, row->payer, row->account, now_usec, &b, NULL, e);

	if (r < 0)
		return r;
	window = budget_left_nsec(&b) - b.credit_nsec;
	if (nsec > window && b.credit_nsec > 0)
		r = credit_use(s, row->account, nsec - window, now_usec, &credit, e);
	if (r < 0 || nsec == credit)
		return r;
	return store_run(s, "account_slot_add", NULL, NULL, e, "sii", row->account,
		budget_slot_of(now_usec), (int64_t)(nsec - credit));
}

static int take_row(struct store *s, const struct usage_policy *p, const char *journal,
	const struct usage_row *r, uint64_t now_usec, struct err *e)
{
	struct space_words words = {0};
	int64_t before;
	int n = charged_before(s, journal, r, &before, e);

	if (n >= 0)
		n = store_run(s, "usage_space", take_space, &words, e, "s", r->space);
	if (n >= 0)
		n = store_run(s, "usage_put", NULL, NULL, e, "siiissssssssiiiiiiis", journal,
			r->call, r->n, r->time_usec, r->payer, r->account, r->space, words.name,
			words.commit, r->model, r->task, r->device, r->session, r->event,
			r->queue_usec, r->device_nsec, r->tokens_in, r->tokens_cached,
			r->tokens_out, r->outcome);
	/* What the platform has computed again is in the ledger, and nobody's use. */
	if (n >= 0 && r->device_nsec > before && strcmp(r->account, GRANT_PLATFORM) != 0)
		n = charge(s, p, r, (uint64_t)(r->device_nsec - before), now_usec, e);
	return n < 0 ? n : 0;
}

/* --- a message --- */

static int take_rows(struct store *s, const struct usage_policy *p, const struct models_usage *m,
	uint64_t now_usec, int64_t *last, struct err *e)
{
	const json_t *o;
	size_t i;

	json_array_foreach(m->rows, i, o)
	{
		struct usage_row row;
		int r = read_row(o, &row, e);

		if (r < 0)
			return r;
		if (row.n <= *last)
			continue; /* it is in the ledger */
		r = take_row(s, p, m->journal, &row, now_usec, e);
		if (r < 0)
			return r;
		*last = row.n;
	}
	return store_run(s, "usage_journal_set", NULL, NULL, e, "si", m->journal, *last);
}

void usage_each_account(const json_t *rows, usage_account_fn fn, void *data)
{
	const char *told = "";
	const json_t *o;
	size_t i;

	json_array_foreach(rows, i, o)
	{
		const char *account = json_string_value(json_object_get(o, "account"));

		if (strcmp(account, told) != 0)
			fn(account, data);
		told = account;
	}
}

int usage_taken_of(struct store *s, const char *journal, int64_t *ret, struct err *e)
{
	int r;

	*ret = 0;
	r = store_run(s, "usage_journal", take_int, ret, e, "s", journal);
	return r < 0 ? r : 0;
}

int usage_take(struct store *s, const struct usage_policy *p, const struct models_usage *m,
	uint64_t now_usec, int64_t *ret_n, struct err *e)
{
	int64_t last = 0;
	int r;

	if (!json_is_array(m->rows) || json_array_size(m->rows) > ROWS_MAX || !m->journal[0])
		return err_set(e, -EINVAL, "rows: must be an array of at most %d", ROWS_MAX);
	r = store_begin(s, e);
	if (r == 0)
		r = usage_taken_of(s, m->journal, &last, e);
	if (r == 0)
		r = take_rows(s, p, m, now_usec, &last, e);
	if (r >= 0)
		r = store_commit(s, e);
	store_rollback(s);
	if (r < 0)
		return r;
	*ret_n = last;
	return 0;
}

int usage_settle(struct store *s, struct err *e)
{
	int r = store_run(s, "usage_lost", NULL, NULL, e, "");

	return r < 0 ? r : 0;
}

int usage_prune(struct store *s, uint64_t now_usec, struct err *e)
{
	int r = store_run(
		s, "account_slots_prune", NULL, NULL, e, "i", budget_first_slot(now_usec));

	return r < 0 ? r : 0;
}

/* --- accounts --- */

static int take_slot(const struct store_row *row, void *data)
{
	budget_add(data, store_int(row, 0), (uint64_t)store_int(row, 1));
	return 0;
}

int usage_budget(struct store *s, const struct usage_policy *p, const char *payer,
	const char *account, uint64_t now_usec, struct budget *ret, const struct tier **ret_tier,
	struct err *e)
{
	const struct tier *t = NULL;
	int r = tiers_of(s, p, payer, account, &t, e);

	if (r < 0)
		return r;
	*ret = (struct budget){.day_nsec = (uint64_t)t->day_sec * 1000000000ull};
	if (ret_tier)
		*ret_tier = t;
	/* Of a clock that was ahead for less than a day what was used then counts; of one that was
	 * further ahead nothing does, or nobody could use anything until then. */
	r = store_run(s, "account_slots", take_slot, ret, e, "sii", account,
		budget_first_slot(now_usec), budget_slot_of(now_usec + WINDOW_USEC));
	return r < 0 ? r : credit_left(s, account, now_usec, &ret->credit_nsec, e);
}

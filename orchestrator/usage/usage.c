#include "orchestrator/usage/usage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"

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

static int charge(struct store *s, const struct usage_policy *p, const char *account, int64_t nsec,
	uint64_t now_usec, struct err *e)
{
	struct budget b;
	int r = usage_budget(s, p, account, now_usec, &b, e);

	if (r < 0)
		return r;
	return store_run(s, "account_set", NULL, NULL, e, "sii", account,
		(int64_t)b.level_nsec + nsec, (int64_t)b.at_usec);
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
	if (n >= 0 && r->device_nsec > before)
		n = charge(s, p, r->account, r->device_nsec - before, now_usec, e);
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
	int64_t oldest = (int64_t)(now_usec - USAGE_KEEP_DAYS * 86400 * USEC_PER_SEC);
	int r = store_run(s, "usage_prune", NULL, NULL, e, "i", oldest);

	return r < 0 ? r : 0;
}

/* --- accounts --- */

static int take_owner(const struct store_row *row, void *data)
{
	(void)snprintf(data, ACCOUNT_MAX + 1, "owner:%s", store_text(row, 0));
	return 1;
}

int usage_account_of(struct store *s, const char *payer, char ret[ACCOUNT_MAX + 1], struct err *e)
{
	enum budget_kind kind;
	int r;

	if (!strncmp(payer, "space:", 6)) {
		r = store_run(s, "usage_space", take_owner, ret, e, "s", payer + 6);
		if (r < 0)
			return r;
		return r ? 0 : err_set(e, -ENOENT, "there is no such Space");
	}
	if (!account_kind(payer, &kind) || kind == BUDGET_OWNER || strlen(payer) > ACCOUNT_MAX)
		return err_set(e, -ENOENT, "nobody pays as that");
	(void)snprintf(ret, ACCOUNT_MAX + 1, "%s", payer);
	return 0;
}

struct level {
	int64_t nsec, at_usec;
};

static int take_level(const struct store_row *row, void *data)
{
	*(struct level *)data = (struct level){store_int(row, 0), store_int(row, 1)};
	return 1;
}

int usage_budget(struct store *s, const struct usage_policy *p, const char *account,
	uint64_t now_usec, struct budget *ret, struct err *e)
{
	struct level level = {0, (int64_t)now_usec};
	enum budget_kind kind;
	int r;

	if (!account_kind(account, &kind))
		return err_set(e, -EINVAL, "account: '%.40s' is none", account);
	r = store_run(s, "account_level", take_level, &level, e, "s", account);
	if (r < 0)
		return r;
	*ret = (struct budget){.day_nsec = p->day_sec[kind] * 1000000000ull,
		.level_nsec = (uint64_t)level.nsec,
		.at_usec = (uint64_t)level.at_usec};
	budget_run_off(ret, now_usec);
	return 0;
}

static const char *amount(uint64_t nsec, char ret[32])
{
	uint64_t sec = nsec / 1000000000;

	if (sec >= 7200)
		(void)snprintf(ret, 32, "%llu hours", (unsigned long long)(sec / 3600));
	else if (sec >= 120)
		(void)snprintf(ret, 32, "%llu minutes", (unsigned long long)(sec / 60));
	else
		(void)snprintf(
			ret, 32, "%llu second%s", (unsigned long long)sec, sec == 1 ? "" : "s");
	return ret;
}

void usage_refusal(const struct budget *b, uint64_t now_usec, char *ret, size_t n)
{
	uint64_t wait = budget_wait_usec(b);
	time_t at = (time_t)((now_usec + wait) / USEC_PER_SEC) + 1;
	char words[32], when[32];
	struct tm tm;

	ret[0] = '\0';
	if (wait == 0)
		return;
	if (b->day_nsec == 0) {
		(void)snprintf(ret, n,
			"No compute is given to visitors like you here; ask whoever "
			"runs this platform.");
		return;
	}
	(void)gmtime_r(&at, &tm);
	(void)strftime(when, sizeof(when), "%H:%M:%S", &tm);
	(void)snprintf(ret, n,
		"The compute of today is used up: %s in 24 hours. It comes back bit by bit; "
		"there will be some again at %s UTC.",
		amount(b->day_nsec, words), when);
}

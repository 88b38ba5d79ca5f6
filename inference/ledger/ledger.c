#include "inference/ledger/ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "inference/ledger/journal.h"

#define SEND_USEC (20 * USEC_PER_MSEC)
#define SYNCS_USEC (200 * USEC_PER_MSEC) /* between two, which hold the loop up */
#define PART_NSEC 50000000ull            /* of a call on the device between two rows */

struct ledger {
	struct loop *loop;  /* borrowed */
	const char *device; /* its name in the rows */
	const struct ledger_ops *ops;
	void *data;
	struct journal *journal;   /* owned */
	struct accounts *accounts; /* owned */
	struct link *link;         /* borrowed; NULL: the orchestrator is away */
	struct journal_cursor sent;
	struct source *send;  /* owned; armed while rows are to be synced */
	uint64_t send_usec;   /* when that is due; 0: it is not armed */
	uint64_t synced_usec; /* when rows were last; 0: never */
};

/* --- rows to the orchestrator --- */

/* A message of as many rows as fit; false: there are none, or the link is full. */
static bool send_some(struct ledger *l)
{
	struct frame f = {.type = MODELS_USAGE};
	struct journal_cursor c = l->sent;
	CLEANUP(buf_done) struct buf value;
	size_t n = 0;
	int r;

	buf_init(&value, (size_t)proto_models_usage.value_max - 2);
	r = buf_addf(&value, "{\"journal\":\"%s\",\"rows\":[", journal_id(l->journal));
	while (r == 0) {
		const struct journal_cursor at = c;
		size_t before = value.len;

		if (n > 0 && buf_add(&value, ",", 1) < 0)
			break;
		r = journal_read(l->journal, &c, &value);
		if (r == 1 && c.next > journal_synced(l->journal) + 1) {
			c = at;
			r = 0;
		}
		if (r != 1) {
			value.len = before;
			break;
		}
		n++;
		r = 0;
	}
	if (r < 0 && r != -ENOSPC)
		log_error("the usage journal cannot be read: %s", strerror(-r));
	value.max += 2;
	if (n == 0 || buf_add(&value, "]}", 2) < 0)
		return false;
	f.value = value.data;
	f.length = value.len;
	if (link_send(l->link, &f) < 0)
		return false; /* TAKEN says that there is room again */
	l->sent = c;
	return true;
}

/* Only what is on the disk is sent: after a power failure a number that the orchestrator has seen
 * would be given to another row, which it would then never take. */
static void send_synced(struct ledger *l)
{
	while (l->link && send_some(l))
		;
}

static void on_send(void *data)
{
	struct ledger *l = data;
	int r = journal_sync(l->journal);

	l->send_usec = 0;
	l->synced_usec = clock_mono_usec();
	if (r < 0)
		log_error("the usage journal cannot be synced, nothing is sent: %s", strerror(-r));
	send_synced(l);
}

/* hurry: somebody waits for what the orchestrator says to it. */
static void send_soon(struct ledger *l, bool hurry)
{
	uint64_t at = clock_mono_usec() + SEND_USEC, next = l->synced_usec + SYNCS_USEC;

	if (!hurry && next > at)
		at = next;
	if (l->send_usec && l->send_usec <= at)
		return;
	l->send_usec = at;
	timer_arm(l->send, at);
}

static int add_row(struct ledger *l, json_t *row, uint64_t *ret)
{
	CLEANUP(freep) char *text = row ? json_dumps(row, JSON_COMPACT) : NULL;
	int r = text ? journal_add(l->journal, text, strlen(text), ret) : -ENOMEM;

	json_decref(row);
	if (r < 0)
		log_error("usage cannot be written: %s", strerror(-r));
	else
		send_soon(l, false);
	return r;
}

/* --- calls that a kill ended --- */

/* The last word on each of them: what the journal says was spent, and no more. */
static int settle_lost(struct ledger *l)
{
	CLEANUP(json_unrefp) json_t *open = json_object();
	struct journal_cursor c = {0};
	uint64_t last = journal_last(l->journal), n;
	const char *call;
	json_t *row;
	int r = open ? 0 : -ENOMEM;

	while (r == 0 && c.next <= last) {
		CLEANUP(buf_done) struct buf text;
		char name[24];

		buf_init(&text, JOURNAL_ROW_MAX + 64);
		if (journal_read(l->journal, &c, &text) != 1)
			break;
		row = json_loadb(buf_str(&text), text.len, 0, NULL);
		(void)snprintf(name, sizeof(name), "%lld",
			(long long)json_integer_value(json_object_get(row, "call")));
		if (!row || strcmp("running",
				    json_string_value(json_object_get(row, "outcome"))
					    ? json_string_value(json_object_get(row, "outcome"))
					    : "") != 0) {
			(void)json_object_del(open, name);
			json_decref(row);
			continue;
		}
		(void)json_object_del(row, "n");
		r = json_object_set_new(open, name, row);
	}
	json_object_foreach(open, call, row)
	{
		(void)json_object_set_new(row, "outcome", json_string("lost"));
		r = add_row(l, json_incref(row), &n);
		if (r < 0)
			return r;
	}
	return r;
}

int ledger_new(struct loop *loop, const char *dir, const char *device, const struct ledger_ops *ops,
	void *data, struct ledger **ret, struct err *e)
{
	CLEANUP(ledger_freep) struct ledger *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return err_set(e, -ENOMEM, "out of memory");
	l->loop = loop;
	l->device = device;
	l->ops = ops;
	l->data = data;
	r = loop_add_timer(loop, on_send, l, &l->send);
	if (r == 0)
		r = accounts_new(&l->accounts);
	if (r < 0)
		return err_set(e, r, "%s", strerror(-r));
	r = journal_open(dir, &l->journal, e);
	if (r < 0)
		return r;
	r = settle_lost(l);
	if (r < 0)
		return err_set(e, r, "the usage journal cannot be settled: %s", strerror(-r));
	*ret = TAKE_PTR(l);
	return 0;
}

struct ledger *ledger_free(struct ledger *l)
{
	if (!l)
		return NULL;
	if (l->journal)
		(void)journal_sync(l->journal);
	l->send = source_free(l->send);
	(void)accounts_free(l->accounts);
	(void)journal_close(l->journal);
	free(l);
	return NULL;
}

void ledger_serve(struct ledger *l, struct link *link)
{
	l->link = link;
	l->sent = (struct journal_cursor){0}; /* it may not have what another link was sent */
	if (!link)
		return;
	accounts_forgotten(l->accounts);
	on_send(l);
}

const struct link *ledger_link(const struct ledger *l)
{
	return l->link;
}

uint64_t ledger_waiting(const struct ledger *l)
{
	return journal_waiting(l->journal);
}

int ledger_on_lease(struct ledger *l, const struct frame *f, struct err *e)
{
	uint64_t now = clock_mono_usec();
	struct models_lease m;
	struct account *a;
	int r = models_lease_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	a = accounts_get(l->accounts, m.payer, now);
	if (a)
		account_lease(a, &m, journal_id(l->journal), now);
	models_lease_done(&m);
	l->ops->on_lease(l->data);
	return 0;
}

int ledger_on_taken(struct ledger *l, const struct models_taken *m, struct err *e)
{
	if (!m->journal[0])
		return 0;
	if (strcmp(m->journal, journal_id(l->journal)) != 0 ||
		(uint64_t)m->n > journal_last(l->journal))
		return err_set(e, -EPROTO, "TAKEN: there is no row %lld of journal %.32s",
			(long long)m->n, m->journal);
	journal_taken(l->journal, (uint64_t)m->n);
	send_synced(l);
	return 0;
}

/* --- calls --- */

static void ask(struct ledger *l, struct account *a)
{
	struct models_want m = {.payer = a->payer, .journal = journal_id(l->journal)};
	struct frame f = {.type = MODELS_WANT};
	CLEANUP(buf_done) struct buf value;

	buf_init(&value, (size_t)proto_models_want.value_max);
	if (l->link && models_want_write(&m, &value) == 0) {
		send_synced(l); /* what was spent is counted first, or here */
		f.value = value.data;
		f.length = value.len;
		if (link_send(l->link, &f) == 0)
			return;
	}
	a->asked_usec = 0; /* with the next call */
}

static void write_row(struct charge *c, const struct usage *u, const char *outcome)
{
	uint64_t n = 0, fresh = c->nsec - c->written_nsec;
	struct ledger *l = c->ledger;
	json_int_t call = (json_int_t)(c->call ? c->call : journal_last(l->journal) + 1);
	json_t *row = json_pack("{s:I, s:I, s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:I, s:I, s:I, "
				"s:I, s:I, s:s}",
		"call", call, "time_usec", (json_int_t)clock_wall_usec(), "payer",
		c->account->payer, "account", account_name(c->account), "space", c->space,
		"session", (json_int_t)c->session, "event", (json_int_t)c->event, "model", c->model,
		"task", c->task, "device", c->device ? c->device : l->device, "queue_usec",
		(json_int_t)u->queue_usec, "device_nsec", (json_int_t)c->nsec, "tokens_in",
		(json_int_t)u->tokens_in, "tokens_cached", (json_int_t)u->tokens_cached,
		"tokens_out", (json_int_t)u->tokens_out, "outcome", outcome);

	if (add_row(l, row, &n) < 0)
		return; /* its time stays counted as running, and is in the next row or owed */
	c->call = (uint64_t)call;
	c->written_nsec = c->nsec;
	account_book(c->account, n, fresh);
	if (account_left_nsec(c->account) ==
		0) /* the reason and the hour come with the next lease */
		send_soon(l, true);
}

/* What ended calls have used that no row says: in one of its own, before the next call. */
static void settle_owed(struct ledger *l, struct account *a)
{
	struct charge c = {.ledger = l,
		.account = a,
		.space = "",
		.model = "",
		.task = "",
		.nsec = a->owed_nsec};

	if (a->owed_nsec == 0)
		return;
	write_row(&c, &(struct usage){0}, "lost");
	a->owed_nsec -= c.written_nsec;
}

int ledger_admit(struct ledger *l, const char *payer, struct account **ret, struct err *e)
{
	struct account *a = accounts_get(l->accounts, payer, clock_mono_usec());
	bool wants;
	int r;

	if (!a)
		return err_set(e, -ENOMEM, "too many people are using models just now");
	if (!journal_has_room(l->journal))
		return err_set(e, -ENOSPC,
			"usage cannot be accounted for: %u MiB of it wait to be taken, the limit",
			JOURNAL_BYTES_MAX >> 20);
	settle_owed(l, a);
	r = account_admit(a, clock_mono_usec(), &wants, e);
	if (wants)
		ask(l, a);
	*ret = a;
	return r;
}

struct account *ledger_platform(struct ledger *l)
{
	static const struct models_lease all = {.payer = GRANT_PLATFORM,
		.account = GRANT_PLATFORM,
		.usec = 1ll << 50,
		.valid_ms = 1ll << 32};
	uint64_t now = clock_mono_usec();
	struct account *a = accounts_get(l->accounts, GRANT_PLATFORM, now);

	if (!a)
		return NULL;
	account_lease(a, &all, journal_id(l->journal), now);
	settle_owed(l, a);
	return a;
}

void charge_begin(struct charge *c, struct ledger *l, struct account *a)
{
	c->ledger = l;
	c->account = a;
	account_begin_call(a);
}

bool charge_add(struct charge *c, uint64_t nsec)
{
	bool left;

	if (!c->ledger)
		return true;
	c->nsec += nsec;
	left = account_spend(c->account, nsec);
	if (left && c->nsec - c->written_nsec >= PART_NSEC)
		write_row(c, &(struct usage){0}, "running");
	return left;
}

void charge_end(struct charge *c, const struct usage *u, const char *outcome)
{
	if (!c->ledger)
		return;
	write_row(c, u, outcome);
	c->account->owed_nsec += c->nsec - c->written_nsec;
	account_end_call(c->account);
	c->ledger = NULL;
}

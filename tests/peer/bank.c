#include "tests/peer/bank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "proto/messages.h"
#include "tests/support/test.h"

#define SEC 1000000000ull

struct bank bank;

size_t account_of(const char *payer)
{
	const char *name = !strncmp(payer, "space:", 6) ? "owner:ada" : payer;
	size_t i = 0;

	while (i < bank.n_accounts && strcmp(bank.accounts[i].name, name) != 0)
		i++;
	CHECK(i < N_ACCOUNTS);
	if (i == bank.n_accounts) {
		bank.n_accounts++;
		(void)snprintf(bank.accounts[i].name, sizeof(bank.accounts[i].name), "%s", name);
		bank.accounts[i].budget_nsec = 1000 * SEC;
	}
	return i;
}

static void send_lease(const char *payer)
{
	size_t i = account_of(payer);
	uint64_t budget = bank.accounts[i].budget_nsec, used = bank.accounts[i].used_nsec;
	struct models_lease m = {.payer = payer,
		.account = bank.accounts[i].name,
		.usec = budget > used ? (int64_t)((budget - used) / 1000) : 0,
		.journal = bank.journal[0] ? bank.journal : NULL,
		.n = bank.n,
		.valid_ms = 60000,
		.returns = AGAIN,
		.refusal = budget > used ? NULL : "The compute of today is used up; " AGAIN};
	const struct frame head = {.type = MODELS_LEASE};
	CLEANUP(buf_done) struct buf value;

	buf_init(&value, 2048);
	CHECK(models_lease_write(&m, &value) == 0);
	send_frame(&bank.link, &head, value.data, value.len, -1);
}

void set_left(const char *account, uint64_t nsec)
{
	size_t a = account_of(account);

	bank.accounts[a].budget_nsec = bank.accounts[a].used_nsec + nsec;
	for (size_t i = 0; i < bank.n_payers; i++)
		send_lease(bank.payers[i]);
}

static void on_want(const char *payer)
{
	size_t i = 0;

	while (i < bank.n_payers && strcmp(bank.payers[i], payer) != 0)
		i++;
	CHECK(i < N_ACCOUNTS * 2);
	if (i == bank.n_payers)
		(void)snprintf(bank.payers[bank.n_payers++], sizeof(bank.payers[0]), "%s", payer);
	send_lease(payer);
}

static const char *string_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	CHECK(s);
	return s;
}

/* A row is a call's last word so far, and none comes behind the end of one. */
static void take_row(const json_t *o)
{
	json_int_t call = json_integer_value(json_object_get(o, "call"));
	uint64_t nsec = (uint64_t)json_integer_value(json_object_get(o, "device_nsec"));
	const char *payer = string_of(o, "payer");
	struct row *r = NULL;
	size_t i = account_of(payer);

	CHECK(!strcmp(string_of(o, "account"), bank.accounts[i].name));
	for (size_t j = 0; j < bank.n_rows && !r; j++)
		if (bank.rows[j].call == call)
			r = &bank.rows[j];
	if (!r) {
		bank.rows = reallocarray(bank.rows, bank.n_rows + 1, sizeof(*bank.rows));
		CHECK(bank.rows);
		r = &bank.rows[bank.n_rows++];
		*r = (struct row){.call = call, .outcome = "running"};
		(void)snprintf(r->payer, sizeof(r->payer), "%s", payer);
	}
	CHECK(!strcmp(r->outcome, "running") && !strcmp(r->payer, payer) && nsec >= r->nsec);
	bank.accounts[i].used_nsec += nsec - r->nsec;
	r->nsec = nsec;
	r->session = (uint32_t)json_integer_value(json_object_get(o, "session"));
	r->event = (uint32_t)json_integer_value(json_object_get(o, "event"));
	(void)snprintf(r->outcome, sizeof(r->outcome), "%s", string_of(o, "outcome"));
}

static void on_usage(void)
{
	char taken[80];
	const json_t *o;
	size_t i;

	(void)snprintf(bank.journal, sizeof(bank.journal), "%s", text_of(&bank.link, "journal"));
	json_array_foreach(json_object_get(bank.link.value, "rows"), i, o)
	{
		json_int_t n = json_integer_value(json_object_get(o, "n"));

		CHECK(n <= bank.n + 1);
		bank.again += n <= bank.n;
		if (n <= bank.n)
			continue;
		take_row(o);
		bank.n = n;
	}
	if (bank.dies)
		return;
	for (i = 0; i < bank.n_payers; i++)
		send_lease(bank.payers[i]);
	(void)snprintf(taken, sizeof(taken), "{\"journal\":\"%s\",\"n\":%lld}", bank.journal,
		(long long)bank.n);
	send_message(&bank.link, MODELS_TAKEN, 0, taken, -1);
}

void bank_begin(void)
{
	bank.n_payers = 0;
	bank.dies = false;
	dial(&bank.link);
	send_message(&bank.link, MODELS_TAKEN, 0, "{\"journal\":\"\",\"n\":0}", -1);
}

void bank_take(int type)
{
	char payer[40];

	CHECK(type >= 0);
	if (type == MODELS_WANT) {
		(void)snprintf(
			bank.journal, sizeof(bank.journal), "%s", text_of(&bank.link, "journal"));
		(void)snprintf(payer, sizeof(payer), "%s", text_of(&bank.link, "payer"));
		on_want(payer);
	} else if (type == MODELS_USAGE) {
		on_usage();
	}
}

uint64_t charged_nsec(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < bank.n_rows; i++)
		sum += bank.rows[i].nsec;
	return sum;
}

/* --- what inference says of itself --- */

double metric(const char *name)
{
	const char *at = bank.link.metrics;

	while (at && strncmp(at, name, strlen(name)) != 0) {
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	return at ? strtod(at + strlen(name), NULL) : -1;
}

double longest_step_sec(void)
{
	static const char bucket[] = "vitrine_inference_step_seconds_bucket{le=\"";
	double all = metric("vitrine_inference_step_seconds_count "), le, n;
	const char *at = bank.link.metrics;

	while ((at = strstr(at, bucket))) {
		char *end;

		at += strlen(bucket);
		le = strtod(at, &end);
		n = strtod(end + 2, NULL);
		if (n == all && isfinite(le))
			return le;
	}
	return metric("vitrine_inference_step_seconds_sum ");
}

#include "gateway/grants.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/random.h"
#include "gateway/costs.h"
#include "gateway/session/sessions.h"
#include "proto/messages.h"

#define REVOKE_USEC (20 * USEC_PER_MSEC)
#define MINTED_MAX 4096        /* whose cost is not told is not known, and the next one is */
#define REVOKE_MAX (32u << 10) /* bytes of one message */

struct grants {
	struct grants_config config;
	struct grant_key keys[2]; /* the newest, and the one before; id 0: none */
	struct source *renew;     /* owned; timer */
	struct source *flush;     /* owned; timer, armed while something is to be told */
	struct buf ended;         /* of REVOKE */
	struct event_of *minted;  /* owned; MINTED_MAX, by session and n; the newest stays */
};

static void tell_key(struct grants *t, const struct grant_key *key)
{
	char digits[2 * GRANT_KEY_LEN + 1];
	struct models_key m = {
		.id = key->id, .key = digits, .until_usec = (int64_t)key->until_usec};
	struct frame f = {.type = MODELS_KEY};
	CLEANUP(buf_done) struct buf value;

	hex_write(key->bytes, GRANT_KEY_LEN, digits);
	buf_init(&value, 256);
	if (models_key_write(&m, &value) < 0)
		return;
	f.value = value.data;
	f.length = value.len;
	t->config.send(&f, t->config.data);
	explicit_bzero(digits, sizeof(digits));
	explicit_bzero(value.data, value.len);
}

static void renew(void *data)
{
	struct grants *t = data;
	struct grant_key *key = &t->keys[0];

	t->keys[1] = *key;
	*key = (struct grant_key){
		.until_usec = clock_mono_usec() + (GRANT_KEY_SEC + GRANT_LIFE_SEC) * USEC_PER_SEC};
	random_bytes(key->bytes, sizeof(key->bytes));
	do
		random_bytes(&key->id, sizeof(key->id));
	while (key->id == 0 || key->id == t->keys[1].id);
	tell_key(t, key);
	timer_arm_after(t->renew, GRANT_KEY_SEC * USEC_PER_SEC);
}

static void flush(void *data)
{
	struct grants *t = data;
	const struct frame f = {
		.type = MODELS_REVOKE, .value = t->ended.data, .length = t->ended.len};

	if (t->ended.len)
		t->config.send(&f, t->config.data);
	buf_clear(&t->ended);
}

int grants_new(const struct grants_config *config, struct grants **ret)
{
	CLEANUP(grants_freep) struct grants *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->config = *config;
	t->minted = calloc(MINTED_MAX, sizeof(*t->minted));
	if (!t->minted)
		return -ENOMEM;
	buf_init(&t->ended, REVOKE_MAX);
	r = loop_add_timer(config->loop, renew, t, &t->renew);
	if (r == 0)
		r = loop_add_timer(config->loop, flush, t, &t->flush);
	if (r < 0)
		return r;
	renew(t);
	*ret = TAKE_PTR(t);
	return 0;
}

struct grants *grants_free(struct grants *t)
{
	if (!t)
		return NULL;
	t->renew = source_free(t->renew);
	t->flush = source_free(t->flush);
	buf_done(&t->ended);
	free(t->minted);
	explicit_bzero(t->keys, sizeof(t->keys));
	free(t);
	return NULL;
}

void grants_greet(struct grants *t)
{
	for (size_t i = 2; i-- > 0;)
		if (t->keys[i].id && t->keys[i].until_usec > clock_mono_usec())
			tell_key(t, &t->keys[i]);
}

void grants_payer(const struct grants *t, const struct session *s, char *ret, size_t n)
{
	char network[NETWORK_KEY_LEN + 1];
	const char *class;

	if (s->user[0]) {
		(void)snprintf(ret, n, "user:%s", s->user);
	} else if (s->live->network[0]) {
		class = classes_find(t->config.classes, s->live->address, s->live->address_n);
		(void)snprintf(
			ret, n, "network:%s%s%s", s->live->network, *class ? "@" : "", class);
	} else { /* from the log, and nobody has come back to it */
		visitor_network(t->config.visitors, s->visitor, strlen(s->visitor), network);
		(void)snprintf(ret, n, "network:%s", network);
	}
}

static struct event_of *minted(struct grants *t, uint32_t session, uint32_t n)
{
	return &t->minted[(session * 31 + n) % MINTED_MAX];
}

static uint32_t get_u32(const uint8_t *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

int grants_spent(struct grants *t, const struct frame *f, struct err *e)
{
	if (f->length % 16)
		return err_set(e, -EBADMSG, "SPENT: must be rows of 16 bytes");
	for (const uint8_t *at = f->value; at < f->value + f->length; at += 16) {
		struct event_of *event = minted(t, get_u32(at), get_u32(at + 4));

		if (event->session != get_u32(at) || event->n != get_u32(at + 4))
			continue;
		t->config.spent(event, get_u32(at + 8) | (uint64_t)get_u32(at + 12) << 32,
			t->config.gateway);
		*event = (struct event_of){0};
	}
	return 0;
}

bool grants_mint(struct grants *t, const struct session *s, const char *replica,
	const struct frame *f, char ret[GRANT_MAX + 1])
{
	const struct grant_place place = {.replica = replica, .session = s->number, .n = f->seq};
	struct grant_terms terms = {.budget_msec = GRANT_BUDGET_MSEC,
		.deadline_usec = clock_mono_usec() + GRANT_LIFE_SEC * USEC_PER_SEC};
	struct event_of *event;

	if (!t)
		return false;
	event = minted(t, s->number, f->seq);
	*event = (struct event_of){
		.session = s->number, .n = f->seq, .node = f->node, .kind = f->op};
	(void)snprintf(event->space, sizeof(event->space), "%.26s", s->space);
	terms.expected_msec = costs_expect(t->config.costs, s->space, f->node, f->op);
	grants_payer(t, s, terms.payer, sizeof(terms.payer));
	return grant_seal(&t->keys[0], &place, &terms, ret);
}

void grants_revoke(struct grants *t, const char *replica, uint32_t session, uint32_t n)
{
	size_t length = strlen(replica) + 1;

	if (!t)
		return;
	if (t->ended.len + length + 2 * sizeof(uint32_t) > REVOKE_MAX)
		flush(t);
	if (t->ended.len == 0)
		timer_arm_after(t->flush, REVOKE_USEC);
	if (buf_reserve(&t->ended, length + 2 * sizeof(uint32_t)) < 0)
		return; /* its deadline ends it */
	(void)buf_add(&t->ended, replica, length);
	(void)buf_add_u32(&t->ended, session);
	(void)buf_add_u32(&t->ended, n);
}

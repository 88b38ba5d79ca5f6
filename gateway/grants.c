#include "gateway/grants.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/random.h"
#include "gateway/session/sessions.h"
#include "proto/messages.h"

#define REVOKE_USEC (20 * USEC_PER_MSEC)
#define REVOKE_MAX (32u << 10) /* bytes of one message */

struct grants {
	struct grants_config config;
	struct grant_key keys[2]; /* the newest, and the one before; id 0: none */
	struct source *renew;     /* owned; timer */
	struct source *flush;     /* owned; timer, armed while something is to be told */
	struct buf ended;         /* of REVOKE */
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
		.until_usec = clock_wall_usec() + (GRANT_KEY_SEC + GRANT_LIFE_SEC) * USEC_PER_SEC};
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
	explicit_bzero(t->keys, sizeof(t->keys));
	free(t);
	return NULL;
}

void grants_greet(struct grants *t)
{
	for (size_t i = 2; i-- > 0;)
		if (t->keys[i].id && t->keys[i].until_usec > clock_wall_usec())
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

bool grants_mint(struct grants *t, const struct session *s, const char *replica, uint32_t n,
	char ret[GRANT_MAX + 1])
{
	const struct grant_place place = {.replica = replica, .session = s->number, .n = n};
	struct grant_terms terms = {.budget_msec = GRANT_BUDGET_MSEC,
		.deadline_usec = clock_wall_usec() + GRANT_LIFE_SEC * USEC_PER_SEC};

	if (!t)
		return false;
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

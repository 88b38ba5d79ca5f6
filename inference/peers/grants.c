#include "inference/peers/grants.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

int grant_keys_add(struct grant_keys *k, const struct models_key *m, struct err *e)
{
	struct grant_key key = {.id = (uint32_t)m->id, .until_usec = (uint64_t)m->until_usec};
	size_t at = 0;

	if (strlen(m->key) != 2 * sizeof(key.bytes) ||
		!hex_read(m->key, sizeof(key.bytes), key.bytes))
		return err_set(e, -EINVAL, "key: must be %d hexadecimal digits", 2 * GRANT_KEY_LEN);
	while (at < k->n && k->of[at].id != key.id)
		at++;
	if (at == GRANT_KEYS_MAX) {
		at = 0;
		for (size_t i = 1; i < k->n; i++)
			if (k->of[i].until_usec < k->of[at].until_usec)
				at = i;
	}
	if (at == k->n)
		k->n++;
	k->of[at] = key;
	return 0;
}

int grant_read(const struct grant_keys *k, const struct grant_place *place, const char *text,
	uint64_t now_usec, struct grant_terms *ret, struct err *e)
{
	const struct grant_key *key = NULL;
	uint32_t id;

	if (!grant_key_id(text, &id))
		return err_set(e, -EACCES, "grant: it is none");
	for (size_t i = 0; i < k->n; i++)
		if (k->of[i].id == id)
			key = &k->of[i];
	if (!key)
		return err_set(e, -EAGAIN, "the model service is starting; run it again");
	if (!grant_open(key, place, text, ret))
		return err_set(e, -EACCES, "grant: it is not this event's on this link");
	if (ret->deadline_usec < now_usec || key->until_usec < now_usec)
		return err_set(e, -ETIME, "the time in which this event may use models is over");
	return 0;
}

void events_init(struct events *t)
{
	*t = (struct events){.newest = &t->oldest};
}

void events_done(struct events *t)
{
	while (t->oldest) {
		struct event *v = t->oldest;

		t->oldest = v->newer;
		free(v);
	}
	events_init(t);
}

static struct event **bucket_of(struct events *t, uint32_t session, uint32_t n)
{
	return &t->buckets[(session * 31 + n) % EVENT_BUCKETS];
}

static bool forget_oldest(struct events *t, uint64_t now_usec)
{
	for (struct event **at = &t->oldest; *at; at = &(*at)->newer) {
		struct event *v = *at, **in = bucket_of(t, v->session, v->n);

		if (v->calls > 0 || v->until_usec > now_usec)
			continue;
		*at = v->newer;
		if (!*at)
			t->newest = at;
		while (*in != v)
			in = &(*in)->next;
		*in = v->next;
		free(v);
		t->n--;
		return true;
	}
	return false;
}

struct event *events_get(struct events *t, uint32_t session, uint32_t n, uint64_t now_usec)
{
	struct event **bucket = bucket_of(t, session, n), *v = *bucket;

	while (v && (v->session != session || v->n != n))
		v = v->next;
	if (v) {
		v->until_usec = now_usec + EVENT_KEPT_USEC;
		return v;
	}
	if (t->n >= EVENTS_MAX && !forget_oldest(t, now_usec))
		return NULL;
	v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	*v = (struct event){.next = *bucket,
		.session = session,
		.n = n,
		.until_usec = now_usec + EVENT_KEPT_USEC};
	*bucket = v;
	*t->newest = v;
	t->newest = &v->newer;
	t->n++;
	return v;
}

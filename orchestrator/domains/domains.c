#include "orchestrator/domains/domains.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct list {
	struct domain *rows;
	size_t n, max;
};

/* host, space_id, token, words, asked_usec, proved_usec */
static int append(const struct store_row *row, void *data)
{
	struct list *l = data;
	struct domain *d;

	if (l->n == l->max)
		return 1;
	d = &l->rows[l->n++];
	*d = (struct domain){.asked_usec = store_int(row, 4), .proved_usec = store_int(row, 5)};
	(void)snprintf(d->host, sizeof(d->host), "%s", store_text(row, 0));
	(void)snprintf(d->space, sizeof(d->space), "%s", store_text(row, 1));
	(void)snprintf(d->token, sizeof(d->token), "%s", store_text(row, 2));
	(void)snprintf(d->words, sizeof(d->words), "%s", store_text(row, 3));
	return 0;
}

int domain_list(struct store *s, const char *space_id, int64_t now_usec,
	struct domain ret[SPACE_DOMAINS_MAX], struct err *e)
{
	struct list l = {.rows = ret, .max = SPACE_DOMAINS_MAX};
	int r = store_run(s, "domain_expire", NULL, NULL, e, "i", now_usec - DOMAIN_CLAIM_USEC);

	if (r >= 0)
		r = store_run(s, "domain_list", append, &l, e, "s", space_id);
	return r < 0 ? r : (int)l.n;
}

/* Whether another Space has the host. */
static int check_free(struct store *s, const char *space_id, const char *host, struct err *e)
{
	struct domain has;
	struct list l = {.rows = &has, .max = 1};
	int r = store_run(s, "domain_proved", append, &l, e, "s", host);

	if (r >= 0 && l.n && strcmp(has.space, space_id) != 0)
		return err_set(e, -EEXIST, "'%.100s' is another Space's host", host);
	return r < 0 ? r : 0;
}

static int take_count(const struct store_row *row, void *data)
{
	*(int64_t *)data = store_int(row, 0);
	return 1;
}

/* Whether the Space, which has n, may have one more. */
static int check_room(struct store *s, const char *space_id, int n, struct err *e)
{
	int64_t all = 0;
	int r;

	if (n == SPACE_DOMAINS_MAX)
		return err_set(e, -ENOSPC, "a Space has %d hosts at most", SPACE_DOMAINS_MAX);
	r = store_run(s, "domain_count_of_owner", take_count, &all, e, "s", space_id);
	if (r >= 0 && all >= OWNER_DOMAINS_MAX)
		return err_set(e, -ENOSPC, "an owner has %d hosts at most, of all Spaces together",
			OWNER_DOMAINS_MAX);
	return r < 0 ? r : 0;
}

int domain_claim(struct store *s, const char *space_id, const char *host, int64_t now_usec,
	struct domain *ret, struct err *e)
{
	struct domain all[SPACE_DOMAINS_MAX];
	char token[ID_LEN + 1];
	int n = domain_list(s, space_id, now_usec, all, e), r;

	for (int i = 0; i < n; i++)
		if (!strcmp(all[i].host, host)) {
			*ret = all[i];
			if (!ret->proved_usec)
				ret->asked_usec = now_usec;
			r = store_run(
				s, "domain_again", NULL, NULL, e, "ssi", space_id, host, now_usec);
			return r < 0 ? r : 0;
		}
	r = n < 0 ? n : check_room(s, space_id, n, e);
	if (r == 0)
		r = check_free(s, space_id, host, e);
	if (r < 0)
		return r;
	random_id(token);
	*ret = (struct domain){.asked_usec = now_usec};
	(void)snprintf(ret->host, sizeof(ret->host), "%s", host);
	(void)snprintf(ret->space, sizeof(ret->space), "%s", space_id);
	(void)snprintf(ret->token, sizeof(ret->token), "%s", token);
	r = store_run(s, "domain_add", NULL, NULL, e, "sssi", host, space_id, token, now_usec);
	return r < 0 ? r : 0;
}

int domain_prove(
	struct store *s, const char *space_id, const char *host, int64_t now_usec, struct err *e)
{
	int r = check_free(s, space_id, host, e);

	if (r == 0)
		r = store_run(s, "domain_prove", NULL, NULL, e, "ssi", space_id, host, now_usec);
	if (r == 0)
		return err_set(e, -ENOENT, "'%.100s' is not claimed for this Space", host);
	return r < 0 ? r : 0;
}

int domain_unbind_deleted(struct store *s, const char *host, struct err *e)
{
	int r = store_run(s, "domain_unbind_deleted", NULL, NULL, e, "s", host);

	return r < 0 ? r : 0;
}

int domain_refuse(
	struct store *s, const char *space_id, const char *host, const char *words, struct err *e)
{
	char cut[DOMAIN_WORDS_MAX + 1];
	int r;

	(void)snprintf(cut, sizeof(cut), "%s", words);
	r = store_run(s, "domain_refuse", NULL, NULL, e, "sss", space_id, host, cut);
	return r < 0 ? r : 0;
}

int domain_by_token(
	struct store *s, const char *host, const char *token, struct domain *ret, struct err *e)
{
	struct list l = {.rows = ret, .max = 1};
	int r = store_run(s, "domain_by_token", append, &l, e, "ss", host, token);

	if (r >= 0 && l.n == 0)
		return err_set(e, -ENOENT, "nobody claims '%.100s' so", host);
	return r < 0 ? r : 0;
}

int domain_remove(struct store *s, const char *space_id, const char *host, struct err *e)
{
	struct domain all[SPACE_DOMAINS_MAX];
	int n = domain_list(s, space_id, 0, all, e), r;

	for (int i = 0; i < n; i++)
		if (!strcmp(all[i].host, host)) {
			r = store_run(s, "domain_remove", NULL, NULL, e, "ss", space_id, host);
			return r < 0 ? r : 0;
		}
	return n < 0 ? n : err_set(e, -ENOENT, "'%.100s' is no host of this Space", host);
}

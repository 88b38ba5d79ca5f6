#include "orchestrator/people/links.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define LIFE_USEC ((uint64_t)LINK_LIFE_MIN * 60 * USEC_PER_SEC)

struct link_row {
	char key[LINK_KEY_LEN + 1]; /* "": free */
	char user[OWNER_MAX + 1];
	char next[LINK_NEXT_MAX + 1];
	uint64_t made_usec;
};

struct links {
	struct link_row rows[LINKS_MAX];
};

struct links *links_new(void)
{
	return calloc(1, sizeof(struct links));
}

struct links *links_free(struct links *l)
{
	if (l)
		explicit_bzero(l, sizeof(*l));
	free(l);
	return NULL;
}

/* It becomes a Location header: a browser would take "//" and "/\" for another host. */
static int check_next(const char *next, struct err *e)
{
	if (strlen(next) > LINK_NEXT_MAX)
		return err_set(e, -EINVAL, "next: over the limit of %d bytes", LINK_NEXT_MAX);
	if (next[0] != '/' || next[1] == '/' || next[1] == '\\')
		return err_set(e, -EINVAL, "next: is a path of this site, beginning with one '/'");
	for (const char *p = next; *p; p++)
		if (*p <= ' ' || *p > '~')
			return err_set(e, -EINVAL, "next: has a character that no path has");
	return 0;
}

int links_add(struct links *l, const char *user, const char *next, uint64_t now_usec,
	char ret_key[LINK_KEY_LEN + 1], struct err *e)
{
	struct link_row *row = &l->rows[0];
	int r = check_next(next, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < LINKS_MAX && row->key[0]; i++)
		if (!l->rows[i].key[0] || l->rows[i].made_usec < row->made_usec)
			row = &l->rows[i];
	random_id(row->key);
	random_id(row->key + ID_LEN);
	(void)snprintf(row->user, sizeof(row->user), "%s", user);
	(void)snprintf(row->next, sizeof(row->next), "%s", next);
	row->made_usec = now_usec;
	memcpy(ret_key, row->key, sizeof(row->key));
	return 0;
}

static bool same_key(const char *a, const char *b)
{
	unsigned char differ = 0;

	for (size_t i = 0; i < LINK_KEY_LEN; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	return differ == 0;
}

int links_take(struct links *l, const char *key, uint64_t now_usec, char ret_user[OWNER_MAX + 1],
	char ret_next[LINK_NEXT_MAX + 1])
{
	if (strlen(key) != LINK_KEY_LEN)
		return -ENOENT;
	for (size_t i = 0; i < LINKS_MAX; i++) {
		struct link_row *row = &l->rows[i];
		bool old = now_usec - row->made_usec > LIFE_USEC;

		if (!row->key[0] || !same_key(row->key, key))
			continue;
		memcpy(ret_user, row->user, sizeof(row->user));
		memcpy(ret_next, row->next, sizeof(row->next));
		explicit_bzero(row, sizeof(*row));
		return old ? -ENOENT : 0;
	}
	return -ENOENT;
}

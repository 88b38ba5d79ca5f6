#include "orchestrator/hub/likes.h"

#include <errno.h>
#include <math.h>

#include "base/clock.h"

#define WEEK_USEC (7 * 86400e6)
#define EPOCH_USEC 1577836800e6 /* 2020-01-01 */
#define SCALE 1e6

static double halvings(int64_t at_usec)
{
	return ((double)at_usec - EPOCH_USEC) / WEEK_USEC;
}

int64_t heat_add(int64_t stored, double weight, int64_t at_usec)
{
	double added = log2(weight) + halvings(at_usec), before = (double)stored / SCALE;
	double high = fmax(added, before), low = fmin(added, before);

	if (stored == 0)
		return llround(added * SCALE);
	return llround((high + log2(1 + exp2(low - high))) * SCALE);
}

double heat_at(int64_t stored, int64_t at_usec)
{
	return stored ? exp2((double)stored / SCALE - halvings(at_usec)) : 0;
}

static int read_number(const struct store_row *row, void *data)
{
	*(int64_t *)data = store_int(row, 0);
	return 1;
}

/* Inside the caller's transaction. */
static int warm(struct store *s, const char *repo_id, double weight, struct err *e)
{
	int64_t stored = 0;
	int r = store_run(s, "repo_heat", read_number, &stored, e, "s", repo_id);

	return r < 0 ? r
		     : store_run(s, "repo_set_heat", NULL, NULL, e, "si", repo_id,
			       heat_add(stored, weight, (int64_t)clock_wall_usec()));
}

int hub_ran(struct store *s, const char *repo_id, int64_t n, struct err *e)
{
	return warm(s, repo_id, HEAT_RUNS * log2(1 + (double)n), e);
}

int hub_like(struct store *s, struct hub_repo *repo, const char *user_id, bool like, struct err *e)
{
	int64_t likes = repo->likes;
	int changed, r = store_begin(s, e);

	if (r == 0)
		r = like ? store_run(s, "like_add", NULL, NULL, e, "ssi", repo->id, user_id,
				   (int64_t)clock_wall_usec())
			 : store_run(s, "like_delete", NULL, NULL, e, "ss", repo->id, user_id);
	changed = r;
	if (r > 0)
		r = store_run(s, "repo_count_likes", NULL, NULL, e, "s", repo->id);
	if (r > 0 && like)
		r = warm(s, repo->id, HEAT_LIKE, e);
	if (r >= 0)
		r = store_commit(s, e);
	store_rollback(s);
	if (r < 0)
		return r;
	repo->likes = likes + (changed > 0 ? (like ? 1 : -1) : 0);
	return 0;
}

struct likers {
	int (*fn)(const char *user, void *data);
	void *data;
};

static int read_liker(const struct store_row *row, void *data)
{
	const struct likers *l = data;

	return l->fn(store_text(row, 0), l->data);
}

int hub_likers(struct store *s, const char *repo_id, int64_t max,
	int (*fn)(const char *user, void *data), void *data, struct err *e)
{
	struct likers l = {.fn = fn, .data = data};

	return store_run(s, "like_list", read_liker, &l, e, "si", repo_id, max);
}

#include "orchestrator/hub/takedown.h"

#include <errno.h>
#include <string.h>

int takedown_check(const char *reason, struct err *e)
{
	size_t n = strlen(reason);

	if (n == 0)
		return err_set(e, -EINVAL, "reason: its owner has to be told why");
	if (n > TAKEDOWN_REASON_MAX)
		return err_set(e, -EINVAL, "reason: at most %d bytes", TAKEDOWN_REASON_MAX);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)reason[i] < ' ' || reason[i] == 0x7f)
			return err_set(e, -EINVAL, "reason: one line, without control characters");
	return 0;
}

static int read_takedown(const struct store_row *row, void *data)
{
	struct takedown *t = data;

	if (!t)
		return 1;
	(void)snprintf(t->reason, sizeof(t->reason), "%s", store_text(row, 0));
	(void)snprintf(t->by, sizeof(t->by), "%s", store_text(row, 1));
	t->at_usec = store_int(row, 2);
	t->was_private = store_int(row, 3);
	t->was_paused = store_int(row, 4);
	return 1;
}

int takedown_get(struct store *s, const char *repo_id, struct takedown *ret, struct err *e)
{
	return store_run(s, "takedown_get", read_takedown, ret, e, "s", repo_id);
}

int takedown_add(struct store *s, const char *repo_id, const struct takedown *t, struct err *e)
{
	int r = store_run(s, "takedown_add", NULL, NULL, e, "sssiii", repo_id, t->reason, t->by,
		t->at_usec, (int64_t)t->was_private, (int64_t)t->was_paused);

	return r < 0 ? r : 0;
}

int takedown_remove(struct store *s, const char *repo_id, struct err *e)
{
	int r = store_run(s, "takedown_remove", NULL, NULL, e, "s", repo_id);

	return r < 0 ? r : 0;
}

#include "orchestrator/repo/tidy.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/repo/git.h"
#include "orchestrator/repo/repo.h"

#define QUIET_USEC (30 * USEC_PER_SEC)
#define WAITING_MAX 64

struct tidier {
	struct loop *loop;    /* borrowed */
	struct source *timer; /* owned */
	bool busy;
	size_t n;
	char waiting[WAITING_MAX][REPO_PATH_MAX];
};

static void on_tidied(void *data)
{
	struct tidier *t = data;

	t->busy = false;
	if (t->n)
		timer_arm_after(t->timer, QUIET_USEC / 10);
}

static void tidy_next(void *data)
{
	struct tidier *t = data;
	struct err e = {0};

	if (t->busy || !t->n)
		return;
	t->n--;
	if (!repo_exists(t->waiting[t->n]))
		return;
	if (git_tidy(t->loop, t->waiting[t->n], on_tidied, t, &e) < 0)
		log_warn("%s is not tidied: %s", t->waiting[t->n], e.text);
	else
		t->busy = true;
}

int tidier_new(struct loop *loop, struct tidier **ret)
{
	struct tidier *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->loop = loop;
	if (loop_add_timer(loop, tidy_next, t, &t->timer) < 0) {
		free(t);
		return -ENOMEM;
	}
	*ret = t;
	return 0;
}

struct tidier *tidier_free(struct tidier *t)
{
	if (!t)
		return NULL;
	(void)source_free(t->timer);
	free(t);
	return NULL;
}

void tidier_note(struct tidier *t, const char *repo_path)
{
	timer_arm_after(t->timer, QUIET_USEC);
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->waiting[i], repo_path))
			return;
	if (t->n < WAITING_MAX)
		(void)snprintf(t->waiting[t->n++], REPO_PATH_MAX, "%s", repo_path);
}

#include "orchestrator/repo/tidy.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "orchestrator/repo/git.h"
#include "orchestrator/repo/repo.h"

#define WAITING_MAX 64

struct tidier {
	struct loop *loop;    /* borrowed */
	struct source *timer; /* owned */
	uint64_t quiet_usec;
	bool busy;
	char path[REPO_PATH_MAX]; /* that is being tidied */
	size_t n;
	char waiting[WAITING_MAX][REPO_PATH_MAX];
};

static void on_tidied(const char *words, void *data)
{
	struct tidier *t = data;

	if (words)
		log_warn("%s is not tidied: %s", t->path, words);
	t->busy = false;
	if (t->n)
		timer_arm_after(t->timer, t->quiet_usec / 10);
}

static void tidy_next(void *data)
{
	struct tidier *t = data;

	while (!t->busy && t->n) {
		struct err e = {0};
		int r = 0;

		(void)snprintf(t->path, sizeof(t->path), "%s", t->waiting[t->n - 1]);
		if (repo_exists(t->path)) { /* or it was deleted meanwhile */
			r = git_tidy(t->loop, t->path, false, on_tidied, t, &e);
			t->busy = r == 0;
		}
		if (r == -EBUSY) { /* one of the rounds */
			timer_arm_after(t->timer, t->quiet_usec);
			return;
		}
		t->n--;
		if (r < 0)
			log_warn("%s is not tidied: %s", t->path, e.text);
	}
}

int tidier_new(struct loop *loop, uint64_t quiet_usec, struct tidier **ret)
{
	struct tidier *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->loop = loop;
	t->quiet_usec = quiet_usec;
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
	timer_arm_after(t->timer, t->quiet_usec);
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->waiting[i], repo_path))
			return;
	if (t->n < WAITING_MAX)
		(void)snprintf(t->waiting[t->n++], REPO_PATH_MAX, "%s", repo_path);
}

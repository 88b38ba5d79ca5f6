#include "orchestrator/notes.h"

#include <stdio.h>
#include <string.h>

#include "base/crc32c.h"

#define COMMITS_KNOWN 256
#define COMMIT_SHOWN 12 /* digits of a commit in a line */

/* Log lines come much oftener than deploys. */
struct known_commit {
	char space[ID_LEN + 1], bundle[SHA256_HEX + 1], commit[COMMIT_SHOWN + 1];
};

static struct known_commit known[COMMITS_KNOWN]; /* the place is a hash of both names */

static int read_commit(const struct store_row *row, void *data)
{
	(void)snprintf(data, COMMIT_SHOWN + 1, "%s", store_text(row, 0));
	return 1;
}

static const char *commit_of(struct world *w, const char *space, const char *bundle)
{
	uint32_t hash = crc32c(crc32c(0, space, strlen(space)), bundle, strlen(bundle));
	struct known_commit *k = &known[hash % COMMITS_KNOWN];
	struct err e = {0};

	if (strcmp(k->space, space) != 0 || strcmp(k->bundle, bundle) != 0) {
		*k = (struct known_commit){0};
		if (store_run(w->store, "build_commit_of", read_commit, k->commit, &e, "ss", space,
			    bundle) < 0)
			return NULL;
		(void)snprintf(k->space, sizeof(k->space), "%s", space);
		(void)snprintf(k->bundle, sizeof(k->bundle), "%s", bundle);
	}
	return *k->commit ? k->commit : NULL;
}

void notes_forget_commits(void)
{
	memset(known, 0, sizeof(known));
}

void notes_take_line(struct world *w, const struct agent_log *m)
{
	const struct run_line line = {.time_usec = (uint64_t)m->time_usec,
		.replica = m->replica,
		.commit = commit_of(w, m->space, m->bundle),
		.stream = m->stream,
		.level = m->level,
		.session = m->session,
		.event = (uint32_t)m->event,
		.reference = m->reference,
		.line = m->line};

	run_log_append(w->run_logs, m->space, &line);
}

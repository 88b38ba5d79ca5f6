#include "orchestrator/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/utf8.h"
#include "orchestrator/api/request.h"

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

void notes_say(struct world *w, const struct space *space, const char *level, const char *fmt, ...)
{
	struct build_row live = {0};
	char commit[COMMIT_SHOWN + 1] = "", words[400], text[404];
	const struct run_line line = {.time_usec = clock_wall_usec(),
		.commit = commit,
		.stream = "platform",
		.level = level,
		.line = text};
	struct err e = {0};
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	utf8_scrub(words, strlen(words));
	(void)snprintf(text, sizeof(text), "[%s]", words);
	if (*space->live_build && build_by_id(w->store, space->live_build, &live, &e) == 0)
		(void)snprintf(commit, sizeof(commit), "%.*s", COMMIT_SHOWN, live.commit);
	run_log_append(w->run_logs, space->id, &line);
}

/* --- events --- */

#define SPACE_NAME_BYTES (OWNER_MAX + SPACE_NAME_MAX + 2)

static void tell(struct world *w, enum event type, const struct space *space, json_t *fields)
{
	char name[SPACE_NAME_BYTES];

	(void)snprintf(name, sizeof(name), "%s/%s", space->owner, space->name);
	(void)events_tell(w->events, type, space->id, name, fields);
}

void notes_tell_build(struct world *w, enum event type, const struct space *space,
	const char *commit, const char *build)
{
	tell(w, type, space, json_pack("{s:s, s:s*}", "commit", commit, "build", build));
}

void notes_tell_phase(
	struct world *w, const struct space *space, const char *commit, const char *name, double ms)
{
	tell(w, EVENT_BUILD_PHASE, space,
		json_pack("{s:s, s:s, s:f}", "commit", commit, "name", name, "ms", ms));
}

/* Bytes of FILE in "FILE:LINE: words" or "FILE: words"; 0: it begins with words. */
static size_t file_in(const char *message, long *ret_line)
{
	size_t n = strcspn(message, ": ");
	char *end;

	*ret_line = 0;
	if (n == 0 || message[n] != ':' || !memchr(message, '.', n))
		return 0;
	if (message[n + 1] >= '1' && message[n + 1] <= '9') {
		*ret_line = strtol(message + n + 1, &end, 10);
		if (*end != ':')
			*ret_line = 0;
	}
	return n;
}

void notes_tell_failure(struct world *w, const struct space *space, const char *commit,
	const char *build, const char *message)
{
	char file[256];
	long line;
	size_t n = file_in(message, &line);
	json_t *fields = json_pack("{s:s, s:o}", "commit", commit, "message", json_words(message));

	(void)snprintf(file, sizeof(file), "%.*s", (int)n, message);
	if (n > 0)
		(void)json_object_set_new(fields, "file", json_words(file));
	if (line > 0)
		(void)json_object_set_new(fields, "line", json_integer(line));
	if (*build)
		(void)json_object_set_new(fields, "build", json_string(build));
	tell(w, EVENT_BUILD_FAILED, space, fields);
}

void notes_tell_live(
	struct world *w, enum event type, const struct space *space, const struct build_row *build)
{
	tell(w, type, space,
		json_pack("{s:s, s:s, s:I}", "commit", build->commit, "build", build->id, "epoch",
			(json_int_t)space->epoch));
	notes_say(w, space, "info", "version %.*s is live%s", COMMIT_SHOWN, build->commit,
		type == EVENT_ROLLBACK ? " again: rolled back" : "");
}

void notes_tell_deleted(struct world *w, const struct hub_repo *repo)
{
	char name[SPACE_NAME_BYTES];

	(void)snprintf(name, sizeof(name), "%s/%s", repo->owner, repo->name);
	(void)events_tell(w->events, EVENT_SPACE_DELETED, NULL, name, json_object());
}

void notes_forget_space(struct world *w, const char *id)
{
	journal_delete(events_of_spaces(w->events), id);
}

/* --- workers --- */

/* Whatever ended by its own fault is in the log already: the agent saw it. */
static void say_end(struct world *w, const struct space *space, const char *cause,
	const char *reason, json_int_t replicas)
{
	if (!strcmp(cause, "lost"))
		notes_say(w, space, "warn", "the worker is lost: %s", reason);
	else if (!strcmp(cause, "asleep") && replicas == 0 && !space->paused)
		notes_say(w, space, "info", "nobody uses it: it goes to sleep");
}

static void tell_end(struct world *w, const struct space *space, const struct agent_worker *m,
	json_int_t replicas)
{
	const char *cause = m->cause ? m->cause : "", *reason = m->reason ? m->reason : "";

	if (!strcmp(cause, "asleep"))
		tell(w, EVENT_WORKER_SLEEPING, space,
			json_pack("{s:s, s:I}", "replica", m->replica, "replicas", replicas));
	else if (!strcmp(cause, "killed"))
		tell(w, EVENT_WORKER_KILLED, space,
			json_pack("{s:s, s:s, s:I}", "replica", m->replica, "why", reason,
				"replicas", replicas));
	else
		tell(w, EVENT_WORKER_EXITED, space,
			json_pack("{s:s, s:s, s:I, s:I}", "replica", m->replica, "reason", reason,
				"code", (json_int_t)m->code, "replicas", replicas));
	if (m->retry_ms)
		tell(w, EVENT_WORKER_CRASHING, space,
			json_pack("{s:I}", "retry_ms", (json_int_t)m->retry_ms));
	say_end(w, space, cause, reason, replicas);
}

static void tell_running(
	struct world *w, const struct space *space, const char *replica, uint64_t wake_usec)
{
	json_t *fields = json_pack("{s:s}", "replica", replica);

	if (wake_usec)
		(void)json_object_set_new(fields, "ms", json_real((double)wake_usec / 1000));
	tell(w, EVENT_WORKER_RUNNING, space, fields);
	if (wake_usec)
		notes_say(w, space, "info", "the app has started in %llu ms",
			(unsigned long long)(wake_usec / USEC_PER_MSEC));
	else
		notes_say(w, space, "info", "the app has started");
}

/* The gateway's word may overtake the agent's, which comes over another link: it waits here. */
static struct early {
	char replica[ID_LEN + 1];
	uint64_t wake_usec;
} early[16];

static void tell_loading(struct world *w, const struct space *space, const struct agent_worker *m,
	const char *commit, json_int_t replicas)
{
	tell(w, EVENT_WORKER_LOADING, space,
		json_pack("{s:s, s:s*, s:f, s:I}", "replica", m->replica, "commit", commit, "ms",
			(double)m->box_usec / 1000, "replicas", replicas));
	for (size_t i = 0; i < sizeof(early) / sizeof(early[0]); i++)
		if (!strcmp(early[i].replica, m->replica)) {
			early[i].replica[0] = '\0';
			tell_running(w, space, m->replica, early[i].wake_usec);
		}
}

void notes_take_worker(struct world *w, const struct agent_worker *m, size_t replicas)
{
	const char *commit = commit_of(w, m->space, m->bundle);
	struct space space;
	struct err e = {0};

	if (space_by_id(w->store, m->space, &space, &e) < 0)
		return; /* deleted meanwhile */
	if (!strcmp(m->phase, "waking"))
		tell(w, EVENT_WORKER_WAKING, &space, json_pack("{s:s*}", "commit", commit));
	else if (!strcmp(m->phase, "running"))
		tell_loading(w, &space, m, commit, (json_int_t)replicas);
	else if (!strcmp(m->phase, "exited"))
		tell_end(w, &space, m, (json_int_t)replicas);
}

void notes_take_worker_up(struct world *w, const struct edge_worker_up *m)
{
	static size_t next;
	struct early *held = &early[next % (sizeof(early) / sizeof(early[0]))];
	struct space space;
	struct err e = {0};

	if (!agent_peer_has_worker(w->agent, m->replica)) {
		next++;
		(void)snprintf(held->replica, sizeof(held->replica), "%s", m->replica);
		held->wake_usec = m->wake_usec;
		return;
	}
	if (space_by_id(w->store, m->space, &space, &e) == 0)
		tell_running(w, &space, m->replica, m->wake_usec);
}

/* POST …/commit/BRANCH: the body becomes a draft while it comes, and the draft a change. */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/hub_rest.h"
#include "orchestrator/change.h"
#include "orchestrator/disk.h"
#include "orchestrator/fault.h"
#include "orchestrator/hub/lfs.h"
#include "orchestrator/metrics.h"
#include "orchestrator/repo/commit_body.h"
#include "orchestrator/repo/refs.h"
#include "orchestrator/repo/tidy.h"

#define BODY_BYTES_MAX (4ull << 30) /* of all lines together, as of a push */
#define OUTPUT_MAX 32768
#define SLICE_USEC 4000

/*
 *	       body ends          is on disk          on_judged         branch moves
 *	READING --------> SYNCING ----------> JUDGING ---------> KEEPING -----------> answered
 *
 * Whatever goes wrong before is kept and answered at the end of the body: a client that still sends
 * does not listen.
 */
struct committing {
	struct request *request; /* borrowed */
	struct hub_repo repo;
	char path[REPO_PATH_MAX];
	struct ref_update update;
	uint64_t started_usec, bytes;
	struct draft *draft;      /* owned */
	struct commit_body *body; /* owned */
	struct change *change;    /* owned */
	struct source *slice;     /* owned; of SYNCING */
	struct buf output;        /* lines for the client */
	const char *error_code;   /* of X-Error-Code, with failed */
	int failed;               /* negative errno */
	struct err words;
};

static void end_committing(struct request *r)
{
	struct committing *c = r->state;

	(void)source_free(c->slice);
	(void)change_free(c->change);
	(void)commit_body_free(c->body);
	(void)draft_free(c->draft);
	buf_done(&c->output);
	free(c);
	r->state = NULL;
}

/* --- answers --- */

static unsigned int status_of(int code)
{
	switch (code) {
	case -ESTALE:
		return MHD_HTTP_PRECONDITION_FAILED;
	case -EINVAL:
	case -E2BIG:
		return MHD_HTTP_UNPROCESSABLE_CONTENT;
	case -EFBIG:
		return MHD_HTTP_CONTENT_TOO_LARGE;
	default:
		return 0;
	}
}

static void answer_failure(struct committing *c)
{
	struct request *r = c->request;
	unsigned int status = status_of(c->failed);

	if (c->failed == -ENOENT)
		request_hub_error(r, MHD_HTTP_NOT_FOUND, c->error_code, "%s", c->words.text);
	else if (status)
		request_hub_error(r, status, NULL, "%s", c->words.text);
	else
		request_fail(r, c->failed, &c->words);
}

static void fail(struct committing *c, int code)
{
	if (!c->failed)
		c->failed = code;
}

/* Why not; all that was said, a traceback among it, lies beside it. */
static void answer_refusal(struct committing *c, const char *why)
{
	char header[256];
	size_t n = 0;

	for (; why[n] && n + 1 < sizeof(header); n++)
		header[n] = (char)((unsigned char)why[n] < 0x20 || (unsigned char)why[n] > 0x7e
					   ? '?'
					   : why[n]);
	header[n] = '\0';
	request_json(c->request, MHD_HTTP_UNPROCESSABLE_CONTENT,
		json_pack("{s:o, s:o}", "error", json_words(why), "hookOutput",
			json_words(buf_str(&c->output))));
	request_add_header(c->request, "X-Error-Message", header);
}

static void answer_success(struct committing *c)
{
	struct request *r = c->request;
	char url[1024];

	(void)snprintf(url, sizeof(url), "%s/%s%s/%s/commit/%s", request_base_url(r),
		hub_prefix(c->repo.kind), c->repo.owner, c->repo.name, draft_commit(c->draft));
	request_json(r, MHD_HTTP_OK,
		json_pack("{s:b, s:s, s:s, s:o}", "success", 1, "commitOid", draft_commit(c->draft),
			"commitUrl", url, "hookOutput", json_words(buf_str(&c->output))));
}

/* --- the change --- */

static void on_line(const char *line, void *data)
{
	struct committing *c = data;

	(void)buf_addf(&c->output, "%s\n", line); /* over its ceiling, enough has been said */
}

static void on_judged(const char *refusal, void *data)
{
	struct committing *c = data;
	int r;

	if (refusal) {
		answer_refusal(c, refusal);
		return;
	}
	fault_point("before-keep");
	r = draft_keep(c->draft, &c->words);
	if (r < 0) {
		fail(c, r);
		answer_failure(c);
		return;
	}
	fault_point("after-keep");
	change_moved(c->change, &c->update, 1);
	tidier_note(c->request->world->tidier, c->path);
	answer_success(c);
	fault_point("after-answer");
}

static const struct change_ops change_ops = {.on_line = on_line, .on_judged = on_judged};

static int start_change(struct committing *c, struct err *e)
{
	const struct change_plan plan = {.repo = &c->repo,
		.path = c->path,
		.quarantine = draft_quarantine(c->draft),
		.updates = &c->update,
		.n = 1,
		.started_usec = c->started_usec};

	(void)snprintf(c->update.old_id, sizeof(c->update.old_id), "%s",
		*draft_parent(c->draft) ? draft_parent(c->draft)
					: "0000000000000000000000000000000000000000");
	(void)snprintf(c->update.new_id, sizeof(c->update.new_id), "%s", draft_commit(c->draft));
	return change_start(c->request->world, &plan, &change_ops, c, &c->change, e);
}

/* A commit may have 10^5 objects, and a disk takes its time for each: a few at once. */
static void on_sync_slice(void *data)
{
	struct committing *c = data;
	uint64_t until = clock_mono_usec() + SLICE_USEC;
	int r;

	c->slice = NULL;
	do
		r = draft_sync_step(c->draft, &c->words);
	while (r > 0 && clock_mono_usec() < until);
	if (r > 0 && loop_defer(c->request->world->loop, on_sync_slice, c, &c->slice) == 0)
		return;
	if (r > 0)
		r = err_set(&c->words, -ENOMEM, "out of memory");
	fail(c, r < 0 ? r : start_change(c, &c->words));
	if (c->failed)
		answer_failure(c);
}

/* --- the body --- */

static int find_lfs(const char *oid, uint64_t *ret_size, void *data)
{
	const struct committing *c = data;

	return lfs_size(c->request->world->store, c->repo.id, oid, ret_size, &(struct err){0});
}

static const struct commit_body_ops body_ops = {.find_lfs = find_lfs};

static int check_room(struct request *r, struct err *e)
{
	const struct disk_view *disk = disk_look(r->world->disk);

	if (disk->state != DISK_FULL)
		return 0;
	orchestrator_count(ORCHESTRATOR_DISK_REFUSED, 1);
	return err_set(e, -ENOSPC, "%s", disk->words);
}

static int begin(struct committing *c, struct err *e)
{
	struct request *r = c->request;
	char rest[REF_NAME_MAX + 16];
	const char *name = rest;
	int code = hub_rest(r, rest, sizeof(rest), e);

	if (code == 0 && request_query(r, "create_pr") &&
		strcmp(request_query(r, "create_pr"), "0") != 0)
		code = err_set(e, -EBADMSG, "create_pr: there are no pull requests here");
	if (code == 0)
		code = check_room(r, e);
	if (code < 0)
		return code;
	if (!strncmp(name, "refs/heads/", 11))
		name += 11;
	c->error_code = "RevisionNotFound";
	if (ref_name(false, name, c->update.ref, e) < 0)
		return err_set(e, -ENOENT, "there is no branch '%.80s'", name);
	repo_path(&r->world->repos, c->repo.id, c->path);
	code = repo_create(c->path, e); /* one that nothing was ever put into has no folder */
	if (code == 0)
		code = draft_open(c->path, c->update.ref, &c->draft, e);
	if (code == 0)
		code = commit_body_new(c->draft, &body_ops, c, &c->body, e);
	c->error_code = code < 0 ? c->error_code : "EntryNotFound";
	return code;
}

void handle_commit(struct request *r)
{
	struct committing *c;
	struct hub_repo repo;

	if (request_repo(r, ACTION_PUSH, &repo) < 0)
		return;
	c = calloc(1, sizeof(*c));
	if (!c) {
		request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, "out of memory");
		return;
	}
	*c = (struct committing){.request = r, .repo = repo, .started_usec = clock_mono_usec()};
	buf_init(&c->output, OUTPUT_MAX);
	r->state = c;
	r->on_end = end_committing;
	fail(c, begin(c, &c->words));
}

ssize_t take_commit(struct request *r, const char *bytes, size_t n)
{
	struct committing *c = r->state;

	c->bytes += n;
	if (!c->failed && c->bytes > BODY_BYTES_MAX)
		fail(c, err_set(&c->words, -EFBIG, "a commit is over the limit of %llu GiB",
				BODY_BYTES_MAX >> 30));
	if (!c->failed)
		fail(c, commit_body_feed(c->body, bytes, n, &c->words));
	return (ssize_t)n;
}

void finish_commit(struct request *r)
{
	struct committing *c = r->state;

	if (!c->failed)
		fail(c, commit_body_end(c->body, &c->words));
	if (!c->failed)
		fail(c, draft_seal(c->draft, r->who.user, commit_body_message(c->body), &c->words));
	fault_point("after-seal");
	if (!c->failed && loop_defer(r->world->loop, on_sync_slice, c, &c->slice) < 0)
		fail(c, err_set(&c->words, -ENOMEM, "out of memory"));
	if (c->failed)
		answer_failure(c);
}

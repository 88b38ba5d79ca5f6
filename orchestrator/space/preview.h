/*
 * Previews as rows: a branch of a Space, served at an address of its own beside what is live. A
 * preview is a Space in all that runs (builds, epoch, workers, logs), with rows of its own, so that
 * nothing it does is the parent's; files, settings and visibility are the parent's.
 *
 * Its name is the parent's, "--" and a label of the branch. No Space has such a name, so no two
 * addresses meet. Knows no git, no link and no clock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "orchestrator/hub/hub.h"
#include "orchestrator/space/space.h"

#define PREVIEWS_MAX 5                                /* of one Space */
#define PREVIEW_KEPT_USEC (7 * 86400ull * 1000000ull) /* since the last push */
#define PREVIEW_MARK "--"                             /* between the Space's name and the label */
#define PREVIEW_LABEL_MAX 40
#define PREVIEW_LABEL_MIN 8

struct preview {
	char id[ID_LEN + 1];     /* of its Space */
	char parent[ID_LEN + 1]; /* of the Space it shows a branch of */
	char branch[BRANCH_MAX + 1];
	int64_t pushed_usec;         /* wall clock */
	char live_build[ID_LEN + 1]; /* "": nothing yet */
	int64_t pending;             /* builds that are not settled */
	char owner[OWNER_MAX + 1];   /* its address, as it was read */
	char name[SPACE_NAME_MAX + 1];
};

/*
 * The branch in letters, digits and '-', at most max of them (PREVIEW_LABEL_MIN to
 * PREVIEW_LABEL_MAX): itself where it is that already, or else with a sum of it at the end, so that
 * "a/b" and "a-b" differ.
 */
void preview_label(const char *branch, size_t max, char ret[PREVIEW_LABEL_MAX + 1]);

/* "NAME--LABEL". -EINVAL: the Space's name leaves no room for a label. */
int preview_name(const char *name, const char *branch, char ret[SPACE_NAME_MAX + 1], struct err *e);

/* Makes its rows, with the parent's visibility and maker. STORE_CONFLICT: it is there. */
int preview_add(struct store *s, const struct hub_repo *parent, const char *branch,
	int64_t now_usec, struct preview *ret, struct err *e);

/* -ENOENT: there is none. */
int preview_by_branch(struct store *s, const char *parent_id, const char *branch,
	struct preview *ret, struct err *e);

/* Each returns how many of at most max: of one Space, the newest push first; those whose last push
 * was then or before, oldest first; all, in the order of ids, behind that one. */
int preview_list(
	struct store *s, const char *parent_id, struct preview *ret, size_t max, struct err *e);
int preview_list_due(
	struct store *s, int64_t before_usec, struct preview *ret, size_t max, struct err *e);
int preview_list_after(
	struct store *s, const char *id, struct preview *ret, size_t max, struct err *e);

/* It is kept from now on anew. One that is gone is fine. */
int preview_pushed(struct store *s, const char *id, int64_t now_usec, struct err *e);

/* Takes the parent's owner, name and visibility over, as they are now. As preview_name. */
int preview_follow(
	struct store *s, const struct preview *p, const struct hub_repo *parent, struct err *e);

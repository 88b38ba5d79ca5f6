/*
 * Repos as rows: Spaces, models and datasets, who owns them, what they are called, who may know of
 * them. The one home of these facts for all three kinds; what only a Space has lies in space/.
 * Knows no git, no folder and no HTTP.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "orchestrator/store/store.h"
#include "proto/names.h"

/*
 * The numbers are stored. A preview (space/preview.h) has rows like a Space's and no folder; no
 * list shows it, and clients cannot name its kind.
 */
enum repo_kind { REPO_SPACE, REPO_MODEL, REPO_DATASET, REPO_KINDS, REPO_PREVIEW = REPO_KINDS };

struct hub_repo {
	char id[ID_LEN + 1]; /* for ever; the folder is named after it */
	enum repo_kind kind;
	char maker[ID_LEN + 1]; /* id of the user who made it; "": the platform */
	char owner[OWNER_MAX + 1];
	char name[REPO_NAME_MAX + 1];
	bool private;
	int64_t likes;
	int64_t created_usec, updated_usec; /* wall clock */
	int64_t deleted_usec;               /* 0: it is there */
};

/* "space", "model", "dataset"; hub_kind_find also takes the plural. -EINVAL. */
const char *hub_kind_name(enum repo_kind kind);
int hub_kind_find(const char *name, size_t n, enum repo_kind *ret);

/* What stands before OWNER/NAME in addresses: "spaces/", "", "datasets/". */
const char *hub_prefix(enum repo_kind kind);

/* A Space is found in URLs of its own app, so its name is as strict as an owner's. -EINVAL. */
int hub_name_check(enum repo_kind kind, const char *name, struct err *e);

/* Of those that are there; case does not count in a name. -ENOENT: there is none. */
int hub_by_name(struct store *s, enum repo_kind kind, const char *owner, const char *name,
	struct hub_repo *ret, struct err *e);
/* Whatever had this name before, if it still is there. -ENOENT. */
int hub_by_former_name(struct store *s, enum repo_kind kind, const char *owner, const char *name,
	struct hub_repo *ret, struct err *e);
/* Also of those that are deleted. -ENOENT: there is none. */
int hub_by_id(struct store *s, const char *id, struct hub_repo *ret, struct err *e);

/*
 * Of a repo that was deleted and is kept still, the one deleted last. -ENOENT: there is none.
 */
int hub_by_deleted_name(struct store *s, enum repo_kind kind, const char *owner, const char *name,
	struct hub_repo *ret, struct err *e);

/*
 * Makes the row, and a Space's own. A repo that had this name before is not found by it any more.
 * STORE_CONFLICT: the name is taken.
 */
int hub_add(struct store *s, const struct hub_repo *repo, struct err *e);

/* As hub_add, and what fn adds in the same transaction: all of it or none. */
int hub_add_with(struct store *s, const struct hub_repo *repo, int (*fn)(void *data, struct err *e),
	void *data, struct err *e);

/* What hub_add takes: a new id, now. */
void hub_prepare(struct hub_repo *ret, enum repo_kind kind, const char *owner, const char *name,
	bool private);

/* Both in one. */
int hub_create(struct store *s, enum repo_kind kind, const char *owner, const char *name,
	bool private, struct hub_repo *ret, struct err *e);

/* Finds or makes it. */
int hub_ensure(struct store *s, enum repo_kind kind, const char *owner, const char *name,
	struct hub_repo *ret, struct err *e);

/* Grows a Space's epoch, as whatever gateways must hear of does. */
int hub_set_private(struct store *s, struct hub_repo *repo, bool private, struct err *e);

/* From now on the old name leads here. STORE_CONFLICT: the new one is taken. */
int hub_rename(
	struct store *s, struct hub_repo *repo, const char *owner, const char *name, struct err *e);

/* It is not there any more, for as long as it is kept. Grows a Space's epoch. */
int hub_delete(struct store *s, struct hub_repo *repo, struct err *e);
/* And is there again. STORE_CONFLICT: its name is taken. */
int hub_restore(struct store *s, struct hub_repo *repo, struct err *e);

/* Up to max repos that were deleted before then, oldest first. Returns how many. */
int hub_list_deleted(
	struct store *s, int64_t before_usec, struct hub_repo *ret, size_t max, struct err *e);

/*
 * Forgets it with all its rows, leaving a note that its folder is to be removed; hub_trash_done
 * takes the note away. The folder itself is the caller's to remove.
 */
int hub_purge(struct store *s, const struct hub_repo *repo, struct err *e);
int hub_trash_done(struct store *s, const char *id, struct err *e);
int hub_trash_each(
	struct store *s, int (*fn)(const char *id, void *data), void *data, struct err *e);

/* True: a Space of that name was deleted under a version before 6, and its folder OWNER/NAME.git
 * may still be there. */
bool hub_trash_holds(struct store *s, const char *owner, const char *name);

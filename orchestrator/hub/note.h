/*
 * What lists and searches know of a repo: its title, tags, card and text, read from main after it
 * has moved and kept in rows.
 */
#pragma once

#include "orchestrator/hub/hub.h"
#include "orchestrator/repo/repo.h"

#define NOTE_TEXT_MAX (128u << 10) /* bytes of card, and of source, that a search looks through */
#define NOTE_TAGS_MAX 200
#define NOTE_TAG_MAX 200

/*
 * Reads the repo at path and stores what it says about itself; it is the newest of its kind then.
 * A card that cannot be read is as good as none. Other errors are the store's or libgit2's.
 */
int hub_note_push(struct store *s, const char *path, const struct hub_repo *repo, struct err *e);

/* repo: id, kind, owner and name. */
typedef void (*hub_missed_fn)(const struct hub_repo *repo, void *data);

/*
 * After a crash between a push and its note, or a backup that was taken meanwhile: looks at the
 * next few repos after the number in *number, which starts at 0, and notes those whose main is not
 * what the rows say, and tells of them. 1: there are more, 0: that was all. A repo that cannot be
 * read is left as it is, with a line in the log.
 */
int hub_note_missed(struct store *s, const struct repos *repos, int64_t *number, hub_missed_fn fn,
	void *data, struct err *e);

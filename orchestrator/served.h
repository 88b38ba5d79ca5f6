/*
 * Model repos that are public, as folders that inference reads: DIR/OWNER/NAME holds what makes the
 * model at main, large files as links to their blobs, so they take no room and stay while they are
 * used, whatever the collector removes. A folder appears, is replaced and goes in one step each.
 *
 *	 queued ──▶ the tree is listed ──▶ files are written one by one ──▶ in place
 *
 * What git holds is read by vitrine-reader, what weights hold by inference; here nothing is parsed.
 * The folders are made anew from the repos wherever they are not what the rows say.
 */
#pragma once

#include "orchestrator/hub/hub.h"
#include "orchestrator/world.h"

#define SERVED_MAX 128      /* models of repos; inference has room for 256 in all */
#define SERVED_OWNER_MAX 32 /* of them of one owner */

/* dir: of this process; created when missing. Looks at all repos soon. */
int served_new(struct world *w, const char *dir, struct served **ret, struct err *e);
struct served *served_free(struct served *s);
DEFINE_CLEANUP(struct served *, served_free)

/* Something about that repo has changed: it is looked at soon. NULL is fine. */
void served_poke(struct served *s, const char *repo_id);

/*
 * Why that model repo cannot be called, in words for people; "": it can, as far as is known here
 * (inference may have found it broken). Borrowed until the next call. NULL s is fine.
 */
const char *served_refusal(const struct served *s, const struct hub_repo *repo);

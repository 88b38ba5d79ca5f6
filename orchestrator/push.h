/*
 * One push, from git's start to its end: the git program and its hooks.
 *
 *	            pre-receive                          git moves the refs      post-receive
 *	 RECEIVING ------------> its change is judged ----------------> moved -------------> told
 *	                            | refused: exit 1, git forgets the quarantine
 *
 * What is judged, and what happens then, is change.h's.
 */
#pragma once

#include "orchestrator/hub/hub.h"
#include "orchestrator/repo/git.h"
#include "orchestrator/world.h"

#define PUSH_INPUT_MAX (4ull << 30) /* bytes of one pack */

struct push;

/*
 * Starts receive-pack on an existing repo, of which a copy is kept. ops tells about its streams;
 * on_exit is not called.
 */
int push_start(struct world *w, const struct hub_repo *repo, const char *protocol,
	const struct git_ops *ops, void *data, struct push **ret, struct err *e);

struct git *push_git(struct push *p);

/* The client's streams are over. The push itself goes on to its end and frees itself. */
void push_release(struct push *p);

/* When the process ends: frees what still runs. The next start settles it. */
void push_end_all(void);

/*
 * The orchestrator's end of a push's hook socket: which hook asks, about which refs, and the
 * answer. Knows nothing of builds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/loop.h"

struct hooks;

struct ref_update {
	char old_id[41], new_id[41]; /* hexadecimal; all zeros: there is none */
	char ref[256];
};

#define HOOKS_UPDATES_MAX 1000

struct hook_call {
	bool post;              /* post-receive; otherwise pre-receive */
	const char *quarantine; /* NULL: none */
	const struct ref_update *updates;
	size_t n;
};

/* Called from the loop; the call is borrowed until it returns. hooks_answer ends it, now or later.
 */
typedef void (*hooks_fn)(const struct hook_call *call, void *data);

/* Makes the folder with its two links to program. */
int hooks_install(const char *dir, const char *program, struct err *e);

/* *ret_fd: git's end, the caller's. */
int hooks_new(struct loop *loop, hooks_fn fn, void *data, struct hooks **ret, int *ret_fd);
struct hooks *hooks_free(struct hooks *h);

/* Prints a line at the pusher's; control characters become '?'. */
void hooks_say(struct hooks *h, const char *line);
void hooks_answer(struct hooks *h, int code);

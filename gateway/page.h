/*
 * A Space's page as one bundle shows it: the tree, ready to be sent, and what the gateway has to
 * know of it. Counted: a route, a worker and a session's move may hold the same one.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "gateway/call/function.h"

struct page;

/*
 * Takes the tree apart. Its heading is its own title, or the Space's where it has none. -EINVAL:
 * more than TREE_NODES_MAX nodes, deeper than TREE_DEPTH_MAX, a title over its limit, or not an
 * object. -ENOMEM. The tree stays the caller's.
 */
int page_new(const char *bundle, const char *space_title, const json_t *tree, struct page **ret,
	struct err *e);
struct page *page_ref(struct page *p); /* NULL is fine */
struct page *page_unref(struct page *p);
DEFINE_CLEANUP(struct page *, page_unref)

const char *page_bundle(const struct page *p);
const char *page_tree(const struct page *p);              /* JSON text */
const struct buf *page_tree_frames(const struct page *p); /* TREE, as frames */

/* Its first paint as HTML, made once; empty where it would be over PAINT_MAX. Borrowed. */
const struct buf *page_paint(struct page *p);

/*
 * What programs may call of it, HELLO.api; an array, or NULL where nobody has said. Functions
 * without a place in the tree are gestures too from then on. -ENOMEM.
 */
int page_set_functions(struct page *p, json_t *api);
const struct function_table *page_functions(const struct page *p); /* NULL: nobody has said */

/* The component's text is a password: its VALUE is not stored. */
bool page_is_secret(const struct page *p, uint32_t node);

/* Something on it needs to know whether the visitor is there: app.PRESENCE. */
bool page_wants_presence(const struct page *p);

/* What the page declares of the handler of a gesture. */
struct gesture {
	uint32_t node;
	uint8_t kind;
	bool retry;           /* may be run again */
	bool parallel;        /* runs beside other events of its session */
	bool cancels;         /* stops others */
	uint32_t concurrency; /* runs of it at a time in one worker; 0: no limit of its own */
	uint32_t group;       /* of those that share the limit; 0: it is its own */
};

/* NULL: the page has no handler for this event. Borrowed. */
const struct gesture *page_gesture(const struct page *p, uint32_t node, uint8_t kind);

/* The handler of this event is declared retry = true. */
bool page_may_retry(const struct page *p, uint32_t node, uint8_t kind);
